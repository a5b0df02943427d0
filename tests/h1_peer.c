/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/h1_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

#define SETTLE_TURNS 40	/* in which nothing comes: longer than any chain of turns in the tests */

struct loop *peer_loop;
struct clock_fake peer_clock;

void peer_loop_new(void)
{
	clock_fake_init(&peer_clock, 1000000, 0);
	peer_loop = loop_new(&peer_clock.clock);
}

void peer_loop_free(void)
{
	for (int i = 0; i < 4; i++)
		loop_turn(peer_loop, 0);
	loop_free(peer_loop);
	peer_loop = NULL;
}

int peer_connect(struct peer *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, fd;

	*p = (struct peer){ .got = STRBUF_INIT };
	CHECK(!bind(listener, (struct sockaddr *)&a, n) && !listen(listener, 1));
	CHECK(!getsockname(listener, (struct sockaddr *)&a, &n));
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!connect(p->fd, (struct sockaddr *)&a, n));
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(fd >= 0);
	/* As the listener does: what is written together is one segment, and goes at once. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(listener);
	CHECK(!fcntl(p->fd, F_SETFL, O_NONBLOCK));
	return fd;
}

void peer_send(struct peer *p, struct str bytes)
{
	while (bytes.n) {
		ssize_t n = send(p->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			loop_turn(peer_loop, 0);
		else if (n < 0)
			return;		/* the other side has gone, as some tests want */
		else
			bytes = str_skip(bytes, (size_t)n);
	}
}

void peer_collect(struct peer *p, size_t max)
{
	char buf[65536];

	while (max && p->fd >= 0 && !p->saw_eof && !p->saw_reset) {
		ssize_t n = recv(p->fd, buf, max < sizeof(buf) ? max : sizeof(buf), 0);

		if (n < 0 && errno == EAGAIN)
			return;
		p->saw_eof = n == 0;
		p->saw_reset = n < 0;
		if (n > 0) {
			strbuf_add(&p->got, buf, (size_t)n);
			max -= (size_t)n;
		}
	}
}

void peer_settle(struct peer *p)
{
	for (int quiet = 0; quiet < SETTLE_TURNS; quiet++) {
		size_t before = p->got.n;

		loop_turn(peer_loop, 0);
		peer_collect(p, SIZE_MAX);
		if (p->got.n != before)
			quiet = -1;
	}
}

void peer_shutdown(struct peer *p)
{
	shutdown(p->fd, SHUT_WR);
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

void peer_reset(struct peer *p)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	peer_close(p);
}

void peer_fini(struct peer *p)
{
	peer_close(p);
	for (int i = 0; i < 3; i++)
		loop_turn(peer_loop, 0);
	strbuf_fini(&p->got);
}

void peer_advance_ms(struct peer *p, int64_t ms)
{
	clock_fake_advance(&peer_clock, ms * 1000);
	peer_settle(p);
}
