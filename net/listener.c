/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "net/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

#define LISTENER_MAGIC 0x6c736e72u
#define ACCEPT_BATCH 64		/* connections per turn, so that open ones get their share */
#define KEEPALIVE_IDLE_S 180	/* as kube-apiserver's listener */
#define KEEPALIVE_INTERVAL_S 15

struct listener {
	unsigned magic;
	int fd;				/* owned */
	struct loop *loop;		/* borrowed */
	struct event event;
	struct loop_timer retry;	/* armed while descriptors are short */
	void (*fn)(void *arg, int fd, const struct address *peer);
	void *arg;
	bool paused;
	bool closed;
};

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static bool is_unspecified(const struct address *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

/* A bound, listening socket, or -1 with errno. */
static int open_socket(const struct address *a, bool share_port)
{
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -1;
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if ((!share_port || !set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
	    (a->u.sa.sa_family != AF_INET6 ||
	     !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_unspecified(a))) &&
	    !bind(fd, &a->u.sa, a->len) && !listen(fd, LISTENER_BACKLOG))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* An unspecified address is one dual-stack socket, where the kernel has IPv6. */
static int open_either(const struct address *a, bool share_port)
{
	struct address any;
	int fd;

	if (!is_unspecified(a))
		return open_socket(a, share_port);
	address_from_text(STR("::"), address_port(a), &any);
	fd = open_socket(&any, share_port);
	if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return fd;
	address_from_text(STR("0.0.0.0"), address_port(a), &any);
	return open_socket(&any, share_port);
}

int listener_open(const struct address *a, int *fd, struct address *bound)
{
	int opened = open_either(a, true);

	if (opened < 0)
		return ERR_IO;
	memset(bound, 0, sizeof(*bound));
	bound->len = sizeof(bound->u);
	CHECK(!getsockname(opened, &bound->u.sa, &bound->len));
	*fd = opened;
	return 0;
}

int listener_probe(const struct address *a)
{
	int fd = open_either(a, false);

	if (fd < 0)
		return ERR_IO;
	close(fd);
	return 0;
}

/* The event is in libevent only while we want connections. */
static void update(struct listener *ls)
{
	if (ls->paused || ls->retry.armed || ls->closed)
		event_del(&ls->event);
	else
		event_add(&ls->event, NULL);
}

static void on_retry(struct loop_timer *t)
{
	struct listener *ls = container_of(t, struct listener, retry);

	CHECK_MAGIC(ls, LISTENER_MAGIC);
	update(ls);
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct listener *ls = arg;
	struct address peer;
	int connection;

	(void)what;
	CHECK_MAGIC(ls, LISTENER_MAGIC);
	for (int i = 0; i < ACCEPT_BATCH && !ls->paused && !ls->closed; i++) {
		memset(&peer, 0, sizeof(peer));
		peer.len = sizeof(peer.u);
		connection = accept4(fd, &peer.u.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (connection >= 0) {
			ls->fn(ls->arg, connection, &peer);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			loop_timer_arm(&ls->retry, LISTENER_RETRY_MS);
			update(ls);
			return;
		}
		/* All else, accept(2) says, is an error of that one connection. */
	}
}

struct listener *listener_new(struct loop *l, int fd,
			      void (*fn)(void *arg, int fd, const struct address *peer), void *arg)
{
	struct listener *ls = xcalloc(1, sizeof(*ls));

	ls->magic = LISTENER_MAGIC;
	ls->fd = fd;
	ls->loop = l;
	ls->fn = fn;
	ls->arg = arg;
	loop_timer_init(&ls->retry, l, on_retry);
	/* Accepted sockets inherit these, which saves system calls per connection. */
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	event_assign(&ls->event, loop_base(l), fd, EV_READ | EV_PERSIST, on_connection, ls);
	update(ls);
	return ls;
}

void listener_pause(struct listener *ls, bool paused)
{
	ls->paused = paused;
	update(ls);
}

static void free_listener(void *what)
{
	struct listener *ls = what;

	CHECK_MAGIC(ls, LISTENER_MAGIC);
	ls->magic = 0;
	free(ls);
}

void listener_free(struct listener *ls)
{
	if (!ls)
		return;
	ls->closed = true;
	loop_timer_fini(&ls->retry);
	update(ls);
	close(ls->fd);
	loop_bury(ls->loop, ls, free_listener);
}
