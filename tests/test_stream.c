/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "net/stream.h"
#include "tests/certs.h"
#include "tests/tap.h"

static struct loop *loop;
static struct certs_pair *ca, *server_cert, *intermediate, *client_cert;
static struct tls_server_context *server_tls;
static struct tls_client_context *client_tls;

/* One side of a connection, and what it was told. */
struct end {
	struct stream *stream;
	struct strbuf got;
	unsigned opened, readable, writable, closed;
	int close_err;		/* of on_close */
	int read_err;		/* of stream_read, other than ERR_AGAIN */
	bool start_paused;
	size_t read_limit;	/* bytes per on_readable; 0: until ERR_AGAIN */
	bool pause_after_read;
};

static struct end client, server;
static int listen_fd;

/* Turns the loop until the condition holds; gives up after some seconds. */
#define wait_for(condition) \
	do { \
		for (int turns = 0; turns < 200 && !(condition); turns++) \
			loop_turn(loop, 20); \
		ok(condition); \
	} while (0)

static void settle(void)
{
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 1);
}

static void end_on_open(void *user)
{
	struct end *e = user;

	e->opened++;
	if (!e->start_paused)
		stream_set_reading(e->stream, true);
}

static void end_on_readable(void *user)
{
	struct end *e = user;
	size_t size = e->read_limit ? e->read_limit : LOOP_SCRATCH_SIZE;
	ptrdiff_t n;

	e->readable++;
	do {
		n = stream_read(e->stream, loop_scratch(loop), size);
		if (n > 0)
			strbuf_add(&e->got, loop_scratch(loop), (size_t)n);
	} while (n > 0 && !e->read_limit);
	if (n < 0 && n != ERR_AGAIN)
		e->read_err = (int)n;
	if (e->pause_after_read)
		stream_set_reading(e->stream, false);
}

static void end_on_writable(void *user)
{
	struct end *e = user;

	e->writable++;
}

static void end_on_close(void *user, int err)
{
	struct end *e = user;

	e->closed++;
	e->close_err = err;
}

static const struct stream_handler handler = {
	.on_open = end_on_open,
	.on_readable = end_on_readable,
	.on_writable = end_on_writable,
	.on_close = end_on_close,
};

static struct address listen_on_loopback(int *fd)
{
	struct address a;

	address_from_text(STR("127.0.0.1"), 0, &a);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok(bind(*fd, &a.u.sa, a.len) == 0 && listen(*fd, 16) == 0);
	getsockname(*fd, &a.u.sa, &a.len);
	return a;
}

static int accept_one(struct address *peer)
{
	peer->len = sizeof(peer->u);
	return accept4(listen_fd, &peer->u.sa, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void make_contexts(bool h2, int min_version)
{
	struct tls_server_settings ss = {
		.default_pair = { .cert_pem = str_from(server_cert->cert_pem),
				  .key_pem = str_from(server_cert->key_pem) },
		.client_ca_pem = str_from(ca->cert_pem),
		.offer_h2 = h2,
		.min_version = min_version,
	};
	char *chain = certs_chain_pem(client_cert, intermediate, NULL);
	struct tls_client_settings cs = {
		.cert_pem = str_from(chain),
		.key_pem = str_from(client_cert->key_pem),
		.ca_pem = str_from(ca->cert_pem),
		.offer_h2 = h2,
	};
	char *why = NULL;

	int_is(tls_server_context_new(&ss, &server_tls, &why), 0);
	int_is(tls_client_context_new(&cs, &client_tls, &why), 0);
	free(chain);
}

static void make_certificates(void)
{
	ca = certs_make(&(struct certs_spec){ .cn = "ca", .is_ca = true }, NULL);
	intermediate = certs_make(&(struct certs_spec){ .cn = "middle", .is_ca = true }, ca);
	server_cert = certs_make(&(struct certs_spec){ .cn = "server", .eku = "serverAuth",
				 .san = "DNS:proxy.example,IP:127.0.0.1" }, ca);
	client_cert = certs_make(&(struct certs_spec){ .cn = "jane", .eku = "clientAuth" },
				 intermediate);
}

static void free_certificates(void)
{
	certs_free(ca);
	certs_free(intermediate);
	certs_free(server_cert);
	certs_free(client_cert);
}

static void setup(void)
{
	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	loop = loop_new(NULL);
	make_contexts(false, 0);
}

static void teardown(void)
{
	struct end *ends[] = { &client, &server };

	for (size_t i = 0; i < array_size(ends); i++) {
		if (ends[i]->stream)
			stream_close(ends[i]->stream);
		strbuf_fini(&ends[i]->got);
	}
	loop_turn(loop, 0);
	loop_free(loop);
	snapshot_release(tls_server_context_snapshot(server_tls));
	snapshot_release(tls_client_context_snapshot(client_tls));
}

static void connect_ends(bool tls, SSL_SESSION *session)
{
	struct address a = listen_on_loopback(&listen_fd), peer;

	client.stream = stream_connect(loop, &a, tls ? client_tls : NULL, "proxy.example", session,
				       &handler, &client);
	server.stream = stream_accept(loop, accept_one(&peer), &peer, tls ? server_tls : NULL,
				      &handler, &server);
	int_is(client.opened + server.opened, 0);
	close(listen_fd);
}

static void connect_and_open(bool tls)
{
	connect_ends(tls, NULL);
	wait_for(client.opened && server.opened);
	/* Closing with a session ticket unread would send RST. */
	settle();
	int_is(client.closed + server.closed, 0);
}

static void send_text(struct end *e, const char *text)
{
	int_is(stream_write(e->stream, text, strlen(text)), strlen(text));
}

static void close_end(struct end *e)
{
	stream_close(e->stream);
	e->stream = NULL;
}

/* Runs a case over plain TCP and over TLS. */
static void both_ways(void (*fn)(bool tls))
{
	for (int tls = 0; tls < 2; tls++) {
		tap_row(tls ? "TLS" : "plain");
		setup();
		fn(tls);
		teardown();
	}
	tap_row(NULL);
}

static void echo(bool tls)
{
	connect_and_open(tls);
	send_text(&client, "hello");
	wait_for(server.got.n == 5);
	str_is(strbuf_str(&server.got), STR("hello"));
	send_text(&server, "answer");
	wait_for(client.got.n == 6);
	str_is(strbuf_str(&client.got), STR("answer"));
	ok(stream_is_tls(client.stream) == tls);
	ok((stream_ssl(server.stream) != NULL) == tls);
	int_is(address_port(stream_peer(client.stream)), address_port(stream_local(server.stream)));
	int_is(address_port(stream_local(client.stream)), address_port(stream_peer(server.stream)));
	str_is(stream_alpn(server.stream), tls ? STR("http/1.1") : STR(""));
	str_is(stream_alpn(client.stream), tls ? STR("http/1.1") : STR(""));
}

static void test_bytes_go_both_ways(void) { both_ways(echo); }

static void fin_while_reading(bool tls)
{
	connect_and_open(tls);
	send_text(&client, "last");
	close_end(&client);
	wait_for(server.read_err);
	str_is(strbuf_str(&server.got), STR("last"));
	int_is(server.read_err, ERR_CLOSED);
	/* The owner knows: neither on_readable nor on_close says it again. */
	server.readable = 0;
	stream_set_reading(server.stream, false);
	settle();
	stream_set_reading(server.stream, true);
	settle();
	int_is(server.closed, 0);
	int_is(server.readable, 0);
}

static void test_fin_is_read_as_closed(void) { both_ways(fin_while_reading); }

static void fin_while_paused(bool tls)
{
	server.start_paused = true;
	connect_and_open(tls);
	settle();
	int_is(server.closed, 0);
	close_end(&client);
	wait_for(server.closed);
	int_is(server.close_err, ERR_CLOSED);
	int_is(server.readable, 0);
	settle();
	int_is(server.closed, 1);
}

static void test_fin_is_seen_while_paused(void) { both_ways(fin_while_paused); }

static void fin_behind_data(bool tls)
{
	client.start_paused = true;
	connect_and_open(tls);
	send_text(&server, "data first");
	close_end(&server);
	settle();
	int_is(client.closed, 0);
	stream_set_reading(client.stream, true);
	wait_for(client.read_err);
	str_is(strbuf_str(&client.got), STR("data first"));
	int_is(client.read_err, ERR_CLOSED);
	int_is(client.closed, 0);
}

static void test_paused_data_before_fin_is_not_lost(void) { both_ways(fin_behind_data); }

/* A client that closed is gone, though what it sent was not read. */
static void client_fin_behind_data(bool tls)
{
	server.start_paused = true;
	connect_and_open(tls);
	send_text(&client, "data first");
	close_end(&client);
	wait_for(server.closed);
	int_is(server.close_err, ERR_CLOSED);
	int_is(server.read_err, 0);
}

static void test_client_fin_ends_unread_data(void) { both_ways(client_fin_behind_data); }

/* The FIN came together with data, and the owner pauses before it has read that far. */
static void pause_after_fin(bool tls)
{
	client.start_paused = true;
	client.read_limit = 4;
	client.pause_after_read = true;
	connect_and_open(tls);
	send_text(&server, "data");
	close_end(&server);
	settle();
	int_is(client.closed, 0);
	stream_set_reading(client.stream, true);
	wait_for(client.closed);
	str_is(strbuf_str(&client.got), STR("data"));
	int_is(client.close_err, ERR_CLOSED);
	int_is(client.read_err, 0);
}

static void test_fin_is_seen_when_pausing_after_it(void) { both_ways(pause_after_fin); }

/* In a tunnel the end waits until it is read, with and without close_notify. */
static void kept_unread(bool tls)
{
	for (int cut = 0; cut < (tls ? 2 : 1); cut++) {
		server.start_paused = true;
		connect_and_open(tls);
		stream_keep_unread(server.stream);
		send_text(&client, "data first");
		if (cut)
			SSL_set_quiet_shutdown(stream_ssl(client.stream), 1);
		close_end(&client);
		settle();
		int_is(server.closed, 0);
		stream_set_reading(server.stream, true);
		wait_for(server.read_err);
		str_is(strbuf_str(&server.got), STR("data first"));
		int_is(server.read_err, ERR_CLOSED);
		/* Writing goes on, as far as the peer takes it. */
		send_text(&server, "last words");
		int_is(server.closed, 0);
		teardown();
		setup();
	}
}

static void test_kept_unread(void) { both_ways(kept_unread); }

static void rst_while_kept_unread(bool tls)
{
	server.start_paused = true;
	connect_and_open(tls);
	stream_keep_unread(server.stream);
	send_text(&client, "data first");
	settle();
	stream_abort(client.stream);
	client.stream = NULL;
	wait_for(server.closed);
	int_is(server.close_err, ERR_RESET);
}

static void test_reset_is_seen_while_kept_unread(void) { both_ways(rst_while_kept_unread); }

static void rst_while_paused(bool tls)
{
	server.start_paused = true;
	connect_and_open(tls);
	stream_abort(client.stream);
	client.stream = NULL;
	wait_for(server.closed);
	int_is(server.close_err, ERR_RESET);
	cstr_is(stream_error_text(server.stream), "Connection reset by peer");
}

static void test_reset_is_seen_while_paused(void) { both_ways(rst_while_paused); }

static void rst_while_reading(bool tls)
{
	connect_and_open(tls);
	stream_abort(client.stream);
	client.stream = NULL;
	wait_for(server.read_err);
	int_is(server.read_err, ERR_RESET);
	int_is(stream_read(server.stream, loop_scratch(loop), 1), ERR_RESET);
	int_is(stream_write(server.stream, "x", 1), ERR_RESET);
	settle();
	int_is(server.closed, 0);
}

static void test_reset_is_read(void) { both_ways(rst_while_reading); }

/* Bytes that OpenSSL holds already make no edge on the socket. */
static void pending_bytes(bool tls)
{
	server.read_limit = 3;
	server.pause_after_read = true;
	connect_and_open(tls);
	send_text(&client, "abcdefgh");
	wait_for(server.got.n == 3);
	settle();
	int_is(server.got.n, 3);
	server.pause_after_read = false;
	stream_set_reading(server.stream, true);
	wait_for(server.got.n == 8);
	str_is(strbuf_str(&server.got), STR("abcdefgh"));
}

static void test_pausing_keeps_pending_bytes(void) { both_ways(pending_bytes); }

static void fill(bool tls)
{
	static char block[100000];
	size_t sent = 0, total;
	ptrdiff_t n;

	server.start_paused = true;
	connect_and_open(tls);
	memset(block, 'x', sizeof(block));
	while ((n = stream_write(client.stream, block, sizeof(block))) > 0)
		sent += (size_t)n;
	int_is(n, ERR_AGAIN);
	settle();
	int_is(client.writable, 0);
	stream_set_reading(server.stream, true);
	wait_for(client.writable == 1);
	n = stream_write(client.stream, block, sizeof(block));
	ok(n > 0);
	total = sent + (size_t)n;
	wait_for(server.got.n == total);
	ok(!memchr(server.got.p, 'x' + 1, server.got.n));
}

static void test_full_socket_says_again_then_writable(void) { both_ways(fill); }

static void half_close(bool tls)
{
	connect_and_open(tls);
	send_text(&client, "question");
	if (tls)
		SSL_shutdown(stream_ssl(client.stream));
	else
		shutdown(SSL_get_fd(stream_ssl(client.stream)), SHUT_WR);
	wait_for(server.read_err);
	int_is(server.read_err, ERR_CLOSED);
	int_is(stream_read(server.stream, loop_scratch(loop), 1), ERR_CLOSED);
	int_is(stream_write(server.stream, "late", 4), 4);
}

static void test_writing_goes_on_after_the_peers_end(void)
{
	setup();
	half_close(true);
	teardown();
}

static void linger(bool tls)
{
	static char block[65536];
	ptrdiff_t n;

	client.start_paused = server.start_paused = true;
	connect_and_open(tls);
	while ((n = stream_write(client.stream, block, sizeof(block))) > 0)
		;
	send_text(&server, "no thanks");
	stream_close_lingering(server.stream);
	server.stream = NULL;
	settle();
	stream_set_reading(client.stream, true);
	wait_for(client.read_err);
	str_is(strbuf_str(&client.got), STR("no thanks"));
	int_is(client.read_err, ERR_CLOSED);
}

static void test_lingering_close_delivers_the_answer(void) { both_ways(linger); }

static void linger_to_the_end(bool tls)
{
	connect_and_open(tls);
	stream_close_lingering(server.stream);
	server.stream = NULL;
	loop_turn(loop, 0);
	close_end(&client);
}

/* loop_free ends what still lingers: the leak checker is the judge. */
static void test_lingering_ends_with_the_loop(void) { both_ways(linger_to_the_end); }

static void close_in_on_open(void *user)
{
	struct end *e = user;

	e->opened++;
	close_end(e);
}

static void close_in_on_close(void *user, int err)
{
	struct end *e = user;

	e->closed++;
	e->close_err = err;
	close_end(e);
}

static void close_in_on_readable(void *user)
{
	struct end *e = user;

	e->readable++;
	close_end(e);
}

static const struct stream_handler closer = {
	.on_open = close_in_on_open,
	.on_readable = close_in_on_readable,
	.on_close = close_in_on_close,
};

static void close_inside(bool tls)
{
	struct stream_handler reading = closer;

	connect_ends(tls, NULL);
	stream_set_handler(server.stream, &closer, &server);
	wait_for(server.opened && (client.read_err || client.closed));
	teardown();

	setup();
	reading.on_open = end_on_open;
	connect_ends(tls, NULL);
	stream_set_handler(server.stream, &reading, &server);
	wait_for(client.opened && server.opened);
	send_text(&client, "x");
	wait_for(server.readable);
	wait_for(client.read_err);
}

static void test_closing_inside_callbacks(void) { both_ways(close_inside); }

static void test_refused_connection(void)
{
	struct address a;
	int fd;

	setup();
	a = listen_on_loopback(&fd);
	close(fd);
	client.stream = stream_connect(loop, &a, client_tls, "proxy.example", NULL, &closer,
				       &client);
	int_is(client.closed, 0);
	wait_for(client.closed);
	int_is(client.close_err, ERR_IO);
	teardown();

	setup();
	/* fails at once: told in a later turn all the same */
	a.u.sa.sa_family = AF_UNSPEC + 200;
	client.stream = stream_connect(loop, &a, NULL, "proxy.example", NULL, &handler, &client);
	int_is(client.closed, 0);
	loop_turn(loop, 0);
	int_is(client.closed, 1);
	int_is(client.close_err, ERR_IO);
	cstr_is(stream_error_text(client.stream), "Address family not supported by protocol");
	teardown();
}

static void test_timeouts(void)
{
	struct clock_fake fake;
	struct address a, peer;
	int fd;

	setup();
	loop_free(loop);
	clock_fake_init(&fake, 1000000, 0);
	loop = loop_new(&fake.clock);
	a = listen_on_loopback(&listen_fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok(connect(fd, &a.u.sa, a.len) == 0);
	server.stream = stream_accept(loop, accept_one(&peer), &peer, server_tls, &handler,
				      &server);
	client.stream = stream_connect(loop, &a, client_tls, "proxy.example", NULL, &handler,
				       &client);
	settle();
	clock_fake_advance(&fake, (int64_t)STREAM_CONNECT_TIMEOUT_MS * 1000 - 1);
	settle();
	int_is(client.closed, 0);
	clock_fake_advance(&fake, 1);
	settle();
	int_is(client.close_err, ERR_TIMEOUT);
	clock_fake_advance(&fake, (int64_t)(STREAM_ACCEPT_TIMEOUT_MS - STREAM_CONNECT_TIMEOUT_MS) *
			   1000 - 1);
	settle();
	int_is(server.closed, 0);
	clock_fake_advance(&fake, 1);
	settle();
	int_is(server.close_err, ERR_TIMEOUT);
	close(fd);
	close(listen_fd);
	teardown();
}

/* A connected raw socket against a TLS server stream. */
static int raw_client(void)
{
	struct address a = listen_on_loopback(&listen_fd), peer;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ok(connect(fd, &a.u.sa, a.len) == 0);
	server.stream = stream_accept(loop, accept_one(&peer), &peer, server_tls, &handler,
				      &server);
	close(listen_fd);
	return fd;
}

static void test_plain_http_on_the_tls_port(void)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\n\r\n", "POST /x HTTP/1.1\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\n\r\n", "PUT / HTTP/1.1\r\n"
	};
	char text[256];
	ssize_t n;

	for (size_t i = 0; i < array_size(requests); i++) {
		int fd;

		tap_row(requests[i]);
		setup();
		fd = raw_client();
		ok(write(fd, requests[i], strlen(requests[i])) > 0);
		wait_for(server.closed);
		int_is(server.close_err, ERR_TLS);
		cstr_is(stream_error_text(server.stream), "the client sent an HTTP request");
		close_end(&server);
		n = recv(fd, text, sizeof(text), MSG_WAITALL);
		str_is(str_make(text, n > 0 ? (size_t)n : 0),
		       STR("HTTP/1.0 400 Bad Request\r\n\r\n"
			   "Client sent an HTTP request to an HTTPS server.\n"));
		close(fd);
		teardown();
	}
	tap_row(NULL);
}

static void test_garbage_on_the_tls_port(void)
{
	int fd;

	setup();
	fd = raw_client();
	ok(write(fd, "DELETE / HTTP/1.1\r\n\r\n", 21) == 21);
	wait_for(server.closed);
	int_is(server.close_err, ERR_TLS);
	close(fd);
	teardown();

	setup();
	fd = raw_client();
	close(fd);
	wait_for(server.closed);
	int_is(server.close_err, ERR_CLOSED);
	teardown();
}

static void test_cut_tls_stream_is_no_orderly_end(void)
{
	for (int paused = 0; paused < 2; paused++) {
		setup();
		server.start_paused = paused;
		connect_and_open(true);
		send_text(&client, "part");
		if (!paused)
			wait_for(server.got.n == 4);
		else
			(void)stream_read(server.stream, loop_scratch(loop), 4);
		/* FIN without close_notify. */
		SSL_set_quiet_shutdown(stream_ssl(client.stream), 1);
		close_end(&client);
		if (paused)
			stream_set_reading(server.stream, true);
		wait_for(server.read_err || server.closed);
		int_is(server.read_err, ERR_RESET);
		teardown();
	}
}

static void test_server_name_must_match(void)
{
	struct address a, peer;

	setup();
	a = listen_on_loopback(&listen_fd);
	client.stream = stream_connect(loop, &a, client_tls, "other.example", NULL, &handler,
				       &client);
	server.stream = stream_accept(loop, accept_one(&peer), &peer, server_tls, &handler,
				      &server);
	wait_for(client.closed);
	int_is(client.close_err, ERR_TLS);
	cstr_is(stream_error_text(client.stream), "certificate verify failed: hostname mismatch");
	wait_for(server.closed);
	int_is(server.close_err, ERR_TLS);
	close(listen_fd);
	teardown();

	setup();
	a = listen_on_loopback(&listen_fd);
	client.stream = stream_connect(loop, &a, client_tls, "127.0.0.1", NULL, &handler, &client);
	server.stream = stream_accept(loop, accept_one(&peer), &peer, server_tls, &handler,
				      &server);
	wait_for(client.opened);
	close(listen_fd);
	teardown();
}

static void check_peer(const struct tls_peer *p, bool resumed)
{
	if (!ok(p != NULL && p->leaf && p->chain))
		return;
	ok(X509_cmp(p->leaf, client_cert->cert) == 0);
	int_is(sk_X509_num(p->chain), 2);
	ok(X509_cmp(sk_X509_value(p->chain, 0), client_cert->cert) == 0);
	ok(X509_cmp(sk_X509_value(p->chain, 1), intermediate->cert) == 0);
	ok(p->resumed == resumed);
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* Connects, gets a session, and connects anew with it. */
static void connect_twice(int version)
{
	SSL_SESSION *session;

	SSL_CTX_set_max_proto_version(tls_server_context_ssl(server_tls), version);
	connect_and_open(true);
	int_is(SSL_version(stream_ssl(server.stream)), version);
	ok(stream_tls_peer(server.stream) && !stream_tls_peer(server.stream)->resumed);
	ok(!stream_tls_peer(client.stream));
	send_text(&server, "ticket");
	wait_for(client.got.n == 6);
	session = stream_session(client.stream);
	ok(session != NULL);
	ok(stream_session(server.stream) == NULL);
	close_end(&client);
	wait_for(server.read_err);
	close_end(&server);
	client.opened = server.opened = 0;
	connect_ends(true, session);
	wait_for(client.opened && server.opened);
	SSL_SESSION_free(session);
}

/* A resumed connection yields the same leaf and the same intermediates, with both versions. */
static void test_resumption_keeps_the_chain(void)
{
	for (size_t i = 0; i < array_size(versions); i++) {
		tap_row(i ? "TLS 1.3" : "TLS 1.2");
		setup();
		connect_twice(versions[i]);
		check_peer(stream_tls_peer(server.stream), true);
		teardown();
	}
	tap_row(NULL);
}

static void use_client_certificate(const struct certs_pair *p)
{
	struct tls_client_settings cs = { .cert_pem = str_from(p->cert_pem),
					  .key_pem = str_from(p->key_pem),
					  .ca_pem = str_from(ca->cert_pem) };

	snapshot_release(tls_client_context_snapshot(client_tls));
	int_is(tls_client_context_new(&cs, &client_tls, NULL), 0);
}

/* Anybody may send any certificates: big ones must not fill the session cache. */
static void test_sessions_with_big_certificates_are_not_kept(void)
{
	static char san[TLS_SESSION_CHAIN_MAX + 100] = "DNS:";
	struct certs_pair *big;

	for (size_t i = 4; i < sizeof(san) - 1; i++)
		san[i] = i % 60 ? 'x' : '.';
	big = certs_make(&(struct certs_spec){ .cn = "big", .san = san }, NULL);
	for (size_t i = 0; i < array_size(versions); i++) {
		tap_row(i ? "TLS 1.3" : "TLS 1.2");
		setup();
		use_client_certificate(big);
		connect_twice(versions[i]);
		ok(!stream_tls_peer(server.stream)->resumed);
		ok(X509_cmp(stream_tls_peer(server.stream)->leaf, big->cert) == 0);
		int_is(SSL_CTX_sess_number(tls_server_context_ssl(server_tls)), 0);
		teardown();
	}
	tap_row(NULL);
	certs_free(big);
}

static void test_no_client_certificate_is_fine(void)
{
	struct tls_client_settings cs = { .ca_pem = str_from(ca->cert_pem) };

	setup();
	snapshot_release(tls_client_context_snapshot(client_tls));
	int_is(tls_client_context_new(&cs, &client_tls, NULL), 0);
	connect_and_open(true);
	ok(stream_tls_peer(server.stream) == NULL);
	teardown();
}

/* Any client certificate passes the handshake: expired, of a strange CA, for servers. */
static void test_bad_client_certificates_pass(void)
{
	const struct certs_spec specs[] = {
		{ .cn = "old", .eku = "clientAuth", .not_before = 1000000000,
		  .not_after = 1100000000 },
		{ .cn = "wrong purpose", .eku = "serverAuth" },
		{ .cn = "is a CA", .is_ca = true },
		{ .cn = "rsa", .key = CERTS_RSA },
		{ .cn = "ed25519", .key = CERTS_ED25519 },
	};

	for (size_t i = 0; i < array_size(specs); i++) {
		struct certs_pair *bad = certs_make(&specs[i], NULL);

		tap_row(specs[i].cn);
		setup();
		use_client_certificate(bad);
		connect_and_open(true);
		ok(stream_tls_peer(server.stream) && !stream_tls_peer(server.stream)->chain &&
		   X509_cmp(stream_tls_peer(server.stream)->leaf, bad->cert) == 0);
		teardown();
		certs_free(bad);
	}
	tap_row(NULL);
}

static void test_key_update_and_large_records(void)
{
	static char block[300000];
	size_t sent = 0;

	setup();
	connect_and_open(true);
	memset(block, 'y', sizeof(block));
	SSL_key_update(stream_ssl(client.stream), SSL_KEY_UPDATE_REQUESTED);
	for (int i = 0; i < 1000 && sent < sizeof(block); i++) {
		ptrdiff_t n = stream_write(client.stream, block + sent, sizeof(block) - sent);

		if (n > 0)
			sent += (size_t)n;
		loop_turn(loop, 1);
	}
	wait_for(server.got.n == sizeof(block));
	send_text(&server, "after the update");
	wait_for(client.got.n == 16);
	ok(!memcmp(server.got.p, block, sizeof(block)));
	teardown();
}

/* A stale entry in OpenSSL's queue, left by somebody else, must not break a connection. */
static void test_stale_openssl_errors_are_ignored(void)
{
	setup();
	connect_and_open(true);
	ERR_raise(ERR_LIB_USER, 1);
	int_is(stream_read(server.stream, loop_scratch(loop), 10), ERR_AGAIN);
	ERR_raise(ERR_LIB_USER, 1);
	send_text(&client, "fine");
	wait_for(server.got.n == 4);
	teardown();
}

static void test_closing_null_is_harmless(void)
{
	stream_close(NULL);
	stream_abort(NULL);
	ok(true);
}

int main(void)
{
	static const struct tap_test t[] = {
		TAP(test_bytes_go_both_ways),
		TAP(test_fin_is_read_as_closed),
		TAP(test_fin_is_seen_while_paused),
		TAP(test_paused_data_before_fin_is_not_lost),
		TAP(test_client_fin_ends_unread_data),
		TAP(test_fin_is_seen_when_pausing_after_it),
		TAP(test_kept_unread),
		TAP(test_reset_is_seen_while_kept_unread),
		TAP(test_reset_is_seen_while_paused),
		TAP(test_reset_is_read),
		TAP(test_pausing_keeps_pending_bytes),
		TAP(test_full_socket_says_again_then_writable),
		TAP(test_writing_goes_on_after_the_peers_end),
		TAP(test_lingering_close_delivers_the_answer),
		TAP(test_lingering_ends_with_the_loop),
		TAP(test_closing_inside_callbacks),
		TAP(test_refused_connection),
		TAP(test_timeouts),
		TAP(test_plain_http_on_the_tls_port),
		TAP(test_garbage_on_the_tls_port),
		TAP(test_cut_tls_stream_is_no_orderly_end),
		TAP(test_server_name_must_match),
		TAP(test_resumption_keeps_the_chain),
		TAP(test_sessions_with_big_certificates_are_not_kept),
		TAP(test_no_client_certificate_is_fine),
		TAP(test_bad_client_certificates_pass),
		TAP(test_key_update_and_large_records),
		TAP(test_stale_openssl_errors_are_ignored),
		TAP(test_closing_null_is_harmless),
		TAP_END
	};
	int status;

	make_certificates();
	status = tap_main(t);
	free_certificates();
	return status;
}
