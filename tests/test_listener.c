/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/listener.h"
#include "tests/tap.h"

static struct loop *loop;
static struct clock_fake fake;
static struct listener *listener;
static int accepted[256];
static unsigned count;
static struct address last_peer;
static bool free_at_first;

static void on_accept(void *arg, int fd, const struct address *peer)
{
	(void)arg;
	accepted[count++] = fd;
	last_peer = *peer;
	if (free_at_first)
		listener_free(listener);
}

static struct address text_address(const char *ip, uint16_t port)
{
	struct address a;

	int_is(address_from_text(str_from(ip), port, &a), 0);
	return a;
}

static struct address start(const char *ip)
{
	struct address a = text_address(ip, 0), bound;
	int fd = -1;

	count = 0;
	free_at_first = false;
	clock_fake_init(&fake, 1000000, 0);
	loop = loop_new(&fake.clock);
	int_is(listener_open(&a, &fd, &bound), 0);
	ok(address_port(&bound) != 0);
	listener = listener_new(loop, fd, on_accept, NULL);
	return bound;
}

static void stop(void)
{
	if (!free_at_first)
		listener_free(listener);
	for (unsigned i = 0; i < count; i++)
		close(accepted[i]);
	loop_turn(loop, 0);
	loop_free(loop);
}

/* A client's descriptor connected to the port, or -1. */
static int dial(const char *ip, uint16_t port)
{
	struct address a = text_address(ip, port);
	int fd = socket(a.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &a.u.sa, a.len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int get_int(int fd, int level, int option)
{
	int value = 0;
	socklen_t n = sizeof(value);

	getsockopt(fd, level, option, &value, &n);
	return value;
}

static void test_connections_come_ready_to_use(void)
{
	struct address bound = start("127.0.0.1");
	int fd = dial("127.0.0.1", address_port(&bound));
	char text[ADDRESS_TEXT_MAX], byte;

	ok(fd >= 0);
	loop_turn(loop, 1000);
	int_is(count, 1);
	cstr_is(address_ip_text(&last_peer, text), "127.0.0.1");
	ok(recv(accepted[0], &byte, 1, 0) < 0 && errno == EAGAIN);
	ok(get_int(accepted[0], IPPROTO_TCP, TCP_NODELAY) != 0);
	ok(get_int(accepted[0], SOL_SOCKET, SO_KEEPALIVE) != 0);
	int_is(get_int(accepted[0], IPPROTO_TCP, TCP_KEEPIDLE), 180);
	close(fd);
	stop();
}

static void test_unspecified_means_both_families(void)
{
	static const char *const any[] = { "0.0.0.0", "::" };
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < array_size(any); i++) {
		struct address bound = start(any[i]);
		int v4, v6;

		tap_row(any[i]);
		v4 = dial("127.0.0.1", address_port(&bound));
		ok(v4 >= 0);
		loop_turn(loop, 1000);
		cstr_is(address_ip_text(&last_peer, text), "127.0.0.1");
		v6 = dial("::1", address_port(&bound));
		if (v6 < 0) {
			tap_note("no IPv6 here");
		} else {
			loop_turn(loop, 1000);
			int_is(count, 2);
			cstr_is(address_ip_text(&last_peer, text), "::1");
			close(v6);
		}
		close(v4);
		stop();
	}
	tap_row(NULL);
}

static void test_pause_leaves_connections_waiting(void)
{
	struct address bound = start("127.0.0.1");
	int fd;

	listener_pause(listener, true);
	fd = dial("127.0.0.1", address_port(&bound));
	ok(fd >= 0);
	loop_turn(loop, 0);
	int_is(count, 0);
	listener_pause(listener, false);
	loop_turn(loop, 1000);
	int_is(count, 1);
	close(fd);
	stop();
}

static void test_many_connections_in_batches(void)
{
	struct address bound = start("127.0.0.1");
	int fds[100];

	for (size_t i = 0; i < array_size(fds); i++)
		fds[i] = dial("127.0.0.1", address_port(&bound));
	loop_turn(loop, 1000);
	int_is(count, 64);
	loop_turn(loop, 1000);
	int_is(count, 100);
	for (size_t i = 0; i < array_size(fds); i++)
		close(fds[i]);
	stop();
}

/* Without a free descriptor the listener waits instead of spinning, and tries again. */
static void test_lack_of_descriptors_pauses(void)
{
	struct address bound = start("127.0.0.1");
	struct rlimit old, low;
	int fd = dial("127.0.0.1", address_port(&bound));

	ok(fd >= 0);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = (rlim_t)fd + 1;
	setrlimit(RLIMIT_NOFILE, &low);
	loop_turn(loop, 1000);
	int_is(count, 0);
	setrlimit(RLIMIT_NOFILE, &old);
	loop_turn(loop, 0);
	int_is(count, 0);
	clock_fake_advance(&fake, LISTENER_RETRY_MS * 1000 - 1);
	loop_turn(loop, 0);
	int_is(count, 0);
	clock_fake_advance(&fake, 1);
	loop_turn(loop, 0);
	loop_turn(loop, 1000);
	int_is(count, 1);
	close(fd);
	stop();
}

static void test_port_is_shared_by_listeners_and_probed(void)
{
	struct address bound = start("127.0.0.1"), again;
	int fd = -1;

	int_is(listener_open(&bound, &fd, &again), 0);
	int_is(address_port(&again), address_port(&bound));
	int_is(listener_probe(&bound), ERR_IO);
	int_is(errno, EADDRINUSE);
	close(fd);
	stop();
	int_is(listener_probe(&bound), 0);
}

static void test_unusable_address(void)
{
	struct address a = text_address("192.0.2.1", 0), bound;
	int fd = -1;

	int_is(listener_open(&a, &fd, &bound), ERR_IO);
	int_is(errno, EADDRNOTAVAIL);
	int_is(fd, -1);
}

static void test_freeing_inside_the_callback(void)
{
	struct address bound = start("127.0.0.1");
	int first = dial("127.0.0.1", address_port(&bound));
	int second = dial("127.0.0.1", address_port(&bound));

	free_at_first = true;
	loop_turn(loop, 1000);
	int_is(count, 1);
	int_is(dial("127.0.0.1", address_port(&bound)), -1);
	close(first);
	close(second);
	stop();
	listener_free(NULL);
}

int main(void)
{
	static const struct tap_test t[] = {
		TAP(test_connections_come_ready_to_use),
		TAP(test_unspecified_means_both_families),
		TAP(test_pause_leaves_connections_waiting),
		TAP(test_many_connections_in_batches),
		TAP(test_lack_of_descriptors_pauses),
		TAP(test_port_is_shared_by_listeners_and_probed),
		TAP(test_unusable_address),
		TAP(test_freeing_inside_the_callback),
		TAP_END
	};

	return tap_main(t);
}
