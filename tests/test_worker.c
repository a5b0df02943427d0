/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "net/listener.h"
#include "tests/fake_server.h"

static struct worker *worker;
static uint16_t port, health_port;

static int open_port(uint16_t *out)
{
	struct address a, bound;
	int fd = -1;

	address_from_text(STR("127.0.0.1"), 0, &a);
	int_is(listener_open(&a, &fd, &bound), 0);
	*out = address_port(&bound);
	return fd;
}

static void prepare(void)
{
	int fd = open_port(&port);

	fake_server_prepare();
	ok(fake_server_new() != NULL);
	worker = worker_new(fake_server.server, fd, open_port(&health_port));
}

static void start(void)
{
	prepare();
	int_is(worker_start(worker), 0);
}

static void stop(void)
{
	worker_free(worker);
	fake_server_stop();
}

/* A ping is answered with the time of the answer. */
static void test_heartbeat(void)
{
	start();
	int_is(atomic_load(&worker->heartbeat_us), 1000000);
	fake_server_pass(5000);
	int_is(atomic_load(&worker->heartbeat_us), 1000000);
	worker_ping(worker);
	wait_for_thread(atomic_load(&worker->heartbeat_us) == 6000000);
	stop();
}

static void test_ports(void)
{
	struct strbuf got;
	int fd;

	start();
	fake_server_ask(health_port, "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
			&got);
	ok(str_has_prefix(strbuf_str(&got), STR("HTTP/1.1 200 OK\r\n")));
	strbuf_fini(&got);
	/* Without TLS the secure port says that alone. */
	fake_server_ask(port, "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", &got);
	ok(str_has_prefix(strbuf_str(&got), STR("HTTP/1.0 400 Bad Request\r\n")));
	strbuf_fini(&got);
	fd = fake_server_connect(port);
	ok(fd >= 0);
	close(fd);
	stop();
}

/* At the end of the process new connections are refused, and probes are answered on. */
static void test_close_listeners(void)
{
	struct strbuf got;
	int fd = -1;

	start();
	worker_close_listeners(worker);
	for (int tries = 0; tries < 5000; tries++) {
		fd = fake_server_connect(port);
		if (fd < 0)
			break;
		close(fd);
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	int_is(fd, -1);
	fake_server_ask(health_port, "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
			&got);
	ok(str_has_prefix(strbuf_str(&got), STR("HTTP/1.1 200 OK\r\n")));
	strbuf_fini(&got);
	stop();
}

/* An idle worker lets go of what was replaced: keys and tokens do not stay in memory. */
static void test_snapshots_are_let_go_of(void)
{
	static const enum authorization_mode allow = MODE_ALWAYS_ALLOW;
	struct snapshot *old;

	start();
	worker_ping(worker);
	fake_server_pass(1);
	worker_ping(worker);
	wait_for_thread(atomic_load(&worker->heartbeat_us) > 1000000);
	old = snapshot_acquire(fake_server_current(&fake_server.server->policy_slot));
	ok(atomic_load(&old->refs) == 3);	/* the slot, the worker and we */
	snapshot_slot_publish(&fake_server.server->policy_slot,
			      &authz_policy_new(&allow, 1, NULL)->snapshot);
	ok(atomic_load(&old->refs) == 2);
	worker_ping(worker);
	wait_for_thread(atomic_load(&old->refs) == 1);
	snapshot_release(old);
	stop();
}

/* The end of a worker is the end of its connections. */
static void test_end(void)
{
	char byte;
	int fd;

	start();
	fd = fake_server_connect(port);
	ok(fd >= 0);
	wait_for_thread(atomic_load(&fake_server.server->connections) == 1);
	worker_free(worker);
	worker = NULL;
	ok(recv(fd, &byte, 1, 0) <= 0);
	int_is(atomic_load(&fake_server.server->connections), 0);
	int_is(atomic_load(&fake_server.server->handshakes), 0);
	close(fd);
	int_is(fake_server_connect(port), -1);
	int_is(fake_server_connect(health_port), -1);
	stop();
}

/* One that was never started closes its sockets all the same. */
static void test_never_started(void)
{
	prepare();
	worker_free(worker);
	worker = NULL;
	int_is(fake_server_connect(port), -1);
	int_is(fake_server_connect(health_port), -1);
	stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_heartbeat),
		TAP(test_ports),
		TAP(test_close_listeners),
		TAP(test_snapshots_are_let_go_of),
		TAP(test_end),
		TAP(test_never_started),
		TAP_END
	};
	int rc;

	fake_certs_make();
	rc = tap_main(tests);
	fake_certs_free();
	return rc;
}
