/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/h1.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "proxy/connection.h"
#include "tests/fake_upstream.h"
#include "tests/h1_peer.h"
#include "tests/proxy_fakes.h"

#define GET_LIVEZ "GET /livez HTTP/1.1\r\nHost: h\r\n"
#define TOM "Authorization: Bearer secret\r\n"

/* Turns the loop until the condition holds; gives up after some seconds. */
#define wait_for(condition) \
	do { \
		for (int turns = 0; turns < 1000 && !(condition); turns++) { \
			loop_turn(peer_loop, 10); \
			collect(); \
		} \
		ok(condition); \
	} while (0)

#define PEERS 3
static struct peer peers[PEERS];

static void collect(void)
{
	for (int i = 0; i < PEERS; i++)
		peer_collect(&peers[i], SIZE_MAX);
}

static void start(void)
{
	fake_proxy_start();
	snapshot_slot_publish(&fake.server.tls_slot, fake_server_context());
	peer_loop = fake.worker->loop;
	for (int i = 0; i < PEERS; i++)
		peers[i] = (struct peer){ .fd = -1 };
}

/* Client i connects. */
static void come(int i, bool tls)
{
	struct address from;
	int fd = peer_connect(&peers[i]);

	address_from_text(STR("192.0.2.9"), 1234, &from);
	connection_accept(fake.worker, fd, &from, tls, exchange_accept);
}

static void counts_are(size_t connections, size_t handshakes, size_t unauthenticated)
{
	int_is(atomic_load(&fake.server.connections), connections);
	int_is(atomic_load(&fake.server.handshakes), handshakes);
	int_is(atomic_load(&fake.server.unauthenticated), unauthenticated);
}

static void stop(void)
{
	for (int i = 0; i < PEERS; i++)
		peer_close(&peers[i]);
	wait_for(list_is_empty(&fake.worker->connections));
	counts_are(0, 0, 0);
	for (int i = 0; i < PEERS; i++)
		strbuf_fini(&peers[i].got);
	fake_proxy_stop();
}

static bool has_got(int i, const char *text)
{
	return str_find_str(strbuf_str(&peers[i].got), str_from(text)) >= 0;
}

/* A connection counts from its start to its end, and as unknown until a request is somebody's. */
static void test_counts(void)
{
	int64_t open = metric_value(METRIC_CONNECTIONS);

	start();
	come(0, false);
	counts_are(1, 1, 1);
	int_is(metric_value(METRIC_CONNECTIONS) - open, 1);
	peer_send(&peers[0], STR(GET_LIVEZ "\r\n"));
	wait_for(has_got(0, "200 OK"));
	/* Anonymous is nobody. */
	counts_are(1, 0, 1);
	for (int i = 0; i < 2; i++) {
		strbuf_clear(&peers[0].got);
		peer_send(&peers[0], STR(GET_LIVEZ TOM "\r\n"));
		wait_for(has_got(0, "200 OK"));
		counts_are(1, 0, 0);
	}
	peer_close(&peers[0]);
	wait_for(atomic_load(&fake.server.connections) == 0);
	counts_are(0, 0, 0);
	int_is(metric_value(METRIC_CONNECTIONS), open);
	stop();
}

static void test_bad_credentials_stay_unknown(void)
{
	start();
	come(0, false);
	peer_send(&peers[0], STR(GET_LIVEZ "Authorization: Bearer wrong\r\n\r\n"));
	wait_for(has_got(0, "401 Unauthorized"));
	counts_are(1, 0, 1);
	stop();
}

/* Refused without a byte, and counted as that alone. */
static void is_refused(int i)
{
	int64_t before = metric_value(METRIC_CONNECTIONS_REFUSED);
	size_t connections = atomic_load(&fake.server.connections);

	come(i, true);
	int_is(metric_value(METRIC_CONNECTIONS_REFUSED) - before, 1);
	int_is(atomic_load(&fake.server.connections), connections);
	wait_for(peers[i].saw_eof);
	int_is(peers[i].got.n, 0);
}

static void test_cap_on_connections(void)
{
	start();
	fake.options.max_connections = 2;
	come(0, true);
	come(1, true);
	is_refused(2);
	peer_close(&peers[0]);
	wait_for(atomic_load(&fake.server.connections) == 1);
	come(0, true);
	counts_are(2, 2, 2);
	stop();
}

static void test_cap_on_handshakes(void)
{
	start();
	fake.options.max_handshakes = 1;
	come(0, true);
	is_refused(1);
	peer_close(&peers[0]);
	wait_for(atomic_load(&fake.server.handshakes) == 0);
	come(0, true);
	counts_are(1, 1, 1);
	stop();
}

static void test_cap_on_unauthenticated(void)
{
	start();
	atomic_store(&fake.server.unauthenticated, SERVER_UNAUTHENTICATED_MAX - 1);
	come(0, true);
	is_refused(1);
	peer_close(&peers[0]);
	wait_for(atomic_load(&fake.server.connections) == 0);
	int_is(atomic_load(&fake.server.unauthenticated), SERVER_UNAUTHENTICATED_MAX - 1);
	atomic_store(&fake.server.unauthenticated, 0);
	stop();
}

/* Probes must not fail because clients fill the caps. */
static void test_probes_are_not_capped(void)
{
	start();
	fake.options.max_connections = 0;
	fake.options.max_handshakes = 0;
	come(0, false);
	peer_send(&peers[0], STR(GET_LIVEZ "\r\n"));
	wait_for(has_got(0, "200 OK"));
	stop();
}

static void test_handshake_that_fails(void)
{
	int64_t before = metric_value(METRIC_HANDSHAKES_FAILED);
	char *text;
	size_t n;
	FILE *file = open_memstream(&text, &n);

	start();
	log_configure(2, false);
	log_set_file(file);
	come(0, true);
	peer_send(&peers[0], STR("GET / HTTP/1.1\r\n\r\n"));
	wait_for(atomic_load(&fake.server.connections) == 0);
	counts_are(0, 0, 0);
	int_is(metric_value(METRIC_HANDSHAKES_FAILED) - before, 1);
	log_set_file(NULL);
	log_configure(0, false);
	fclose(file);
	ok(strstr(text, "TLS handshake error from 192.0.2.9:1234: "));
	free(text);
	stop();
}

static void test_slow_handshake(void)
{
	start();
	come(0, true);
	fake_proxy_pass(STREAM_ACCEPT_TIMEOUT_MS - 1);
	counts_are(1, 1, 1);
	fake_proxy_pass(1);
	wait_for(atomic_load(&fake.server.connections) == 0);
	counts_are(0, 0, 0);
	wait_for(peers[0].saw_eof || peers[0].saw_reset);
	stop();
}

/* ---- TLS, with the client in the same loop ---- */

struct tls_client {
	struct stream *stream;
	bool is_open;
};

static void client_on_open(void *user)
{
	struct tls_client *c = user;

	c->is_open = true;
}

static void client_on_close(void *user, int err)
{
	(void)user;
	(void)err;
}

static const struct stream_handler client_handler = {
	.on_open = client_on_open, .on_close = client_on_close,
};

static void test_handshake(void)
{
	struct snapshot *context = fake_client_context(fake_certs.one, fake_certs.ca);
	struct tls_client client = { .is_open = false };
	struct address a, from;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	start();
	address_from_text(STR("127.0.0.1"), 0, &a);
	ok(!bind(listener, &a.u.sa, a.len) && !listen(listener, 1));
	ok(!getsockname(listener, &a.u.sa, &a.len));
	client.stream = stream_connect(peer_loop, &a, (void *)context, "127.0.0.1", NULL,
				       &client_handler, &client);
	from.len = sizeof(from.u);
	fd = accept4(listener, &from.u.sa, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	connection_accept(fake.worker, fd, &from, true, exchange_accept);
	counts_are(1, 1, 1);
	wait_for(client.is_open && atomic_load(&fake.server.handshakes) == 0);
	counts_are(1, 0, 1);
	stream_close(client.stream);
	wait_for(atomic_load(&fake.server.connections) == 0);
	close(listener);
	snapshot_release(context);
	stop();
}

/* The end of the process: in a handshake, idle, and in the middle of a request. */
static void test_abort(void)
{
	start();
	come(0, true);
	come(1, false);
	peer_send(&peers[1], STR(GET_LIVEZ "\r\n"));
	wait_for(has_got(1, "200 OK"));
	come(2, false);
	peer_send(&peers[2], STR("GET /api HTTP/1.1\r\nHost: h\r\n\r\n"));
	wait_for(fake_client.opened == 1);
	counts_are(3, 1, 3);
	connections_abort(fake.worker);
	int_is(fake_client.cancelled, 1);
	ok(list_is_empty(&fake.worker->connections));
	counts_are(0, 0, 0);
	for (int i = 0; i < PEERS; i++)
		wait_for(peers[i].saw_eof || peers[i].saw_reset);
	stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_counts),
		TAP(test_bad_credentials_stay_unknown),
		TAP(test_cap_on_connections),
		TAP(test_cap_on_handshakes),
		TAP(test_cap_on_unauthenticated),
		TAP(test_probes_are_not_capped),
		TAP(test_handshake_that_fails),
		TAP(test_slow_handshake),
		TAP(test_handshake),
		TAP(test_abort),
		TAP_END
	};
	int rc;

	fake_certs_make();
	rc = tap_main(tests);
	fake_certs_free();
	return rc;
}
