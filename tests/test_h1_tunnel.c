/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that have switched to another protocol, in both roles. */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/h1.h"
#include "tests/h1_peer.h"
#include "tests/tap.h"

#define ASK "GET /t HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" \
	"Upgrade: SPDY/3.1\r\n\r\n"
#define DAY_MS (24 * 3600 * 1000)

static struct {
	struct h1_server *server;
	struct h1_client *client;
	struct stream *opening;
	struct peer peer;
	struct http_stream *s;
	struct strbuf log;
	struct strbuf body;
	struct arena arena;
	int idle, gone;
	bool keeps;		/* does not consume */
	size_t held, sent;
} t;

static void on_head(void *user, struct http_message *m, bool end)
{
	(void)user;
	strbuf_addf(&t.log, "%d %.*s%s;", m->status, STR_ARG(m->upgrade), end ? " end" : "");
}

static void on_body(void *user, const void *p, size_t n)
{
	(void)user;
	strbuf_add(&t.body, p, n);
	if (t.keeps)
		t.held += n;
	else
		t.s->ops->consume(t.s, n);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	(void)user;
	(void)trailers;
	strbuf_add_cstr(&t.log, "end;");
}

static void on_sent(void *user, size_t n)
{
	(void)user;
	t.sent += n;
}

static void on_closed(void *user, int err)
{
	struct http_stream *s = t.s;

	(void)user;
	strbuf_addf(&t.log, "closed %d;", err);
	t.s = NULL;
	s->ops->release(s);
}

static const struct http_stream_handler handler = {
	.on_head = on_head, .on_body = on_body, .on_end = on_end, .on_sent = on_sent,
	.on_closed = on_closed,
};

static void on_accept(void *arg, struct http_stream *s, struct http_message *m, bool end)
{
	(void)arg;
	(void)end;
	strbuf_addf(&t.log, "%.*s;", STR_ARG(m->target));
	t.s = s;
	s->handler = &handler;
}

static void server_gone(void *arg, struct h1_server *c)
{
	(void)arg;
	(void)c;
	t.gone++;
	t.server = NULL;
}

static void on_idle(void *user, struct h1_client *c)
{
	(void)user;
	(void)c;
	t.idle++;
}

static void client_gone(void *user, struct h1_client *c, int err)
{
	(void)user;
	(void)c;
	(void)err;
	t.gone++;
	t.client = NULL;
}

static const struct h1_server_settings server_settings = {
	.accept = on_accept, .on_gone = server_gone,
};
static const struct h1_client_settings client_settings = {
	.on_idle = on_idle, .on_gone = client_gone,
};

static void on_open(void *user)
{
	(void)user;
	t.client = h1_client_new(peer_loop, t.opening, &client_settings, NULL);
}

static void begin_server(void)
{
	struct address any = { .len = 0 };
	int fd;

	memset(&t, 0, sizeof(t));
	arena_init(&t.arena);
	peer_loop_new();
	fd = peer_connect(&t.peer);
	t.server = h1_server_new(peer_loop, stream_accept(peer_loop, fd, &any, NULL, NULL, NULL),
				 &server_settings);
}

/* The one that dials; the end of a connection is told otherwise there than where it is accepted. */
static void begin_client(void)
{
	static const struct stream_handler opening = { .on_open = on_open };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct address to = { .len = sizeof(a) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(&t, 0, sizeof(t));
	arena_init(&t.arena);
	peer_loop_new();
	t.peer = (struct peer){ .got = STRBUF_INIT };
	CHECK(!bind(listener, (struct sockaddr *)&a, sizeof(a)) && !listen(listener, 1) &&
	      !getsockname(listener, (struct sockaddr *)&a, &to.len));
	memcpy(&to.u, &a, sizeof(a));
	t.opening = stream_connect(peer_loop, &to, NULL, NULL, NULL, &opening, NULL);
	t.peer.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(t.peer.fd >= 0);
	close(listener);
	peer_settle(&t.peer);
	CHECK(t.client);
}

static void end(void)
{
	if (t.server)
		h1_server_abort(t.server, ERR_CANCELED);
	if (t.s)
		t.s->ops->release(t.s);
	if (t.client)
		h1_client_close(t.client);
	peer_fini(&t.peer);
	peer_loop_free();
	strbuf_fini(&t.log);
	strbuf_fini(&t.body);
	arena_fini(&t.arena);
}

static void send_text(const char *text)
{
	peer_send(&t.peer, str_from(text));
	peer_settle(&t.peer);
}

static void got_is(const char *want)
{
	str_is(strbuf_str(&t.peer.got), str_from(want));
	strbuf_clear(&t.peer.got);
}

static void log_is(const char *want)
{
	str_is(strbuf_str(&t.log), str_from(want));
	strbuf_clear(&t.log);
}

static void body_is(const char *want)
{
	str_is(strbuf_str(&t.body), str_from(want));
	strbuf_clear(&t.body);
}

static void say(const char *text)
{
	t.s->ops->send_body(t.s, text, strlen(text));
	peer_settle(&t.peer);
}

static void finish(void)
{
	t.s->ops->send_end(t.s, NULL);
	peer_settle(&t.peer);
}

/* Gives everything back that is held. */
static void consume(void)
{
	size_t n = t.held;

	t.held = 0;
	t.s->ops->consume(t.s, n);
	peer_settle(&t.peer);
}

/* A text that neither windows nor pipelining limits hold. */
static struct strbuf long_text(void)
{
	struct strbuf b = STRBUF_INIT;

	while (b.n < 3 * HTTP_WINDOW)
		strbuf_addf(&b, "%zu ", b.n);
	return b;
}

/* ---- the server role ---- */

static void answer(int status)
{
	struct http_message m = { .status = status, .content_length = 0 };

	if (status == 101)
		m.upgrade = STR("SPDY/3.1");
	t.s->ops->send_head(t.s, &m, status != 101);
	peer_settle(&t.peer);
}

static void begin_server_tunnel(void)
{
	begin_server();
	send_text(ASK);
	answer(101);
	got_is(SWITCHED);
	log_is("/t;");
}

static void test_server_switches(void)
{
	begin_server_tunnel();
	send_text("GET / HTTP/1.1\r\n\r\n");
	body_is("GET / HTTP/1.1\r\n\r\n");
	say("0\r\n\r\n");
	got_is("0\r\n\r\n");
	int_is(t.sent, 5);
	/* Silence is no end. */
	for (int i = 0; i < 10; i++)
		peer_advance_ms(&t.peer, DAY_MS);
	send_text("still");
	body_is("still");
	log_is("");
	finish();
	log_is("closed 0;");
	ok(t.peer.saw_eof);
	end();
}

static void test_server_keeps_what_comes_ahead(void)
{
	begin_server();
	send_text(ASK "first");
	send_text(" second");
	body_is("");
	answer(101);
	body_is("first second");
	send_text(" third");
	body_is(" third");
	end();
}

/* Bytes that were meant for a tunnel are no request, whatever they look like. */
static void test_server_refuses_what_came_ahead(void)
{
	static const int statuses[] = { 200, 204, 304, 403 };

	for (size_t i = 0; i < array_size(statuses); i++) {
		begin_server();
		send_text(ASK "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
		answer(statuses[i]);
		log_is("/t;closed 0;");
		ok(str_find(strbuf_str(&t.peer.got), 'C', 0) > 0);
		ok(t.peer.saw_eof);
		end();
	}
	begin_server();
	send_text(ASK);
	answer(200);
	send_text("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	log_is("/t;closed 0;/next;");
	end();
}

/* The rest of a body would be taken for the tunnel's first bytes. */
static void test_server_wants_the_whole_request(void)
{
	begin_server();
	send_text("POST /t HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
		  "Content-Length: 9\r\n\r\nabc");
	answer(101);
	got_is("");
	ok(t.peer.saw_reset || t.peer.saw_eof);
	int_is(t.gone, 1);
	end();
}

static void test_server_body_then_tunnel(void)
{
	begin_server();
	send_text("POST /t HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n3\r\n");
	body_is("abc");
	answer(101);
	body_is("3\r\n");
	log_is("/t;end;");
	end();
}

/* A slow user stops the reading; the end waits behind all that was sent before it. */
static void test_server_end_behind_data(void)
{
	struct strbuf text = long_text();
	size_t all = text.n;

	begin_server_tunnel();
	t.keeps = true;
	peer_send(&t.peer, strbuf_str(&text));
	peer_shutdown(&t.peer);
	peer_settle(&t.peer);
	int_is(t.held, HTTP_WINDOW);
	log_is("");
	for (int i = 0; i < 1000 && t.body.n < all; i++)
		consume();
	ok(str_eq(strbuf_str(&t.body), strbuf_str(&text)));
	log_is("end;");
	say("last words");
	got_is("last words");
	finish();
	log_is("closed 0;");
	strbuf_fini(&text);
	end();
}

/* The window is full to the last byte, and behind it is nothing but the end. */
static void test_server_end_behind_a_full_window(void)
{
	struct strbuf text = long_text();

	begin_server_tunnel();
	t.keeps = true;
	peer_send(&t.peer, str_slice(strbuf_str(&text), 0, HTTP_WINDOW));
	peer_settle(&t.peer);
	int_is(t.held, HTTP_WINDOW);
	peer_shutdown(&t.peer);
	peer_settle(&t.peer);
	log_is("");
	ok(t.s != NULL);
	consume();
	log_is("end;");
	strbuf_fini(&text);
	end();
}

/* After its end a client is waited for as long as what it sent makes way, and no longer. */
static void test_server_end_has_a_limit(void)
{
	for (int taken = 0; taken < 2; taken++) {
		begin_server_tunnel();
		t.keeps = true;
		send_text("abc");
		peer_shutdown(&t.peer);
		peer_settle(&t.peer);
		log_is("end;");
		for (int i = 0; i < taken; i++) {
			peer_advance_ms(&t.peer, H1_SEND_TIMEOUT_MS - 1);
			t.s->ops->consume(t.s, 1);
		}
		peer_advance_ms(&t.peer, H1_SEND_TIMEOUT_MS - 1);
		log_is("");
		peer_advance_ms(&t.peer, 1);
		ok(!t.s);
		int_is(t.gone, 1);
		end();
	}
}

/* What the client sends on must not cost it our last bytes. */
static void test_server_last_bytes_survive(void)
{
	struct strbuf text = long_text();

	begin_server_tunnel();
	t.keeps = true;
	peer_send(&t.peer, strbuf_str(&text));
	peer_settle(&t.peer);
	ok(t.held < text.n);
	t.s->ops->send_body(t.s, text.p, text.n);
	t.s->ops->send_end(t.s, NULL);
	/* All of it is written before the first byte is read. */
	for (int i = 0; i < 100 && t.s; i++)
		loop_turn(peer_loop, 0);
	peer_settle(&t.peer);
	ok(str_eq(strbuf_str(&t.peer.got), strbuf_str(&text)));
	ok(t.peer.saw_eof && !t.peer.saw_reset);
	strbuf_fini(&text);
	end();
}

static void test_server_reset(void)
{
	for (int keeps = 0; keeps < 2; keeps++) {
		struct strbuf text = long_text();

		begin_server_tunnel();
		t.keeps = keeps;
		peer_send(&t.peer, strbuf_str(&text));
		peer_settle(&t.peer);
		peer_reset(&t.peer);
		peer_settle(&t.peer);
		ok(!t.s);
		int_is(t.gone, 1);
		strbuf_fini(&text);
		end();
	}
}

static void test_server_drain(void)
{
	begin_server_tunnel();
	h1_server_drain(t.server);
	send_text("go on");
	body_is("go on");
	h1_server_abort(t.server, ERR_CANCELED);
	ok(!t.s);
	end();
}

/* ---- the client role ---- */

/* Asks for a tunnel; a length of -2: without body. */
static void ask(const char *protocol, int64_t length)
{
	struct http_message m = { .method = STR("GET"), .target = STR("/t"),
				  .content_length = length == -2 ? 0 : length,
				  .upgrade = str_from(protocol) };

	http_headers_init(&m.headers, &t.arena);
	http_headers_add(&m.headers, STR("Host"), STR("x"));
	t.s = h1_client_open(t.client);
	if (!ok(t.s != NULL))
		return;
	t.s->handler = &handler;
	t.s->ops->send_head(t.s, &m, length == -2);
	peer_settle(&t.peer);
}

static void begin_client_tunnel(void)
{
	begin_client();
	ask("SPDY/3.1", -2);
	got_is(ASK);
	send_text(SWITCHED);
	log_is("101 SPDY/3.1;");
}

static void test_client_switches(void)
{
	static const char text[] = "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: spdy/3.1\r\n"
				   "\r\nHTTP/1.1 200 OK\r\n\r\n";

	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		begin_client();
		ask("SPDY/3.1", -2);
		strbuf_clear(&t.peer.got);
		peer_send(&t.peer, str_make(text, cut));
		peer_settle(&t.peer);
		send_text(text + cut);
		log_is("101 spdy/3.1;");
		body_is("HTTP/1.1 200 OK\r\n\r\n");
		say("up");
		got_is("up");
		int_is(t.sent, 2);
		end();
	}
}

/* The end is told at once where nothing waits to be sent, and the connection is not used again. */
static void test_client_ends(void)
{
	begin_client_tunnel();
	finish();
	log_is("end;");
	ok(t.peer.saw_eof && !t.peer.saw_reset);
	t.s->ops->release(t.s);
	t.s = NULL;
	peer_settle(&t.peer);
	int_is(t.idle, 0);
	int_is(t.gone, 1);
	end();
}

static void test_client_last_bytes_survive(void)
{
	struct strbuf text = long_text();

	begin_client_tunnel();
	t.keeps = true;
	peer_send(&t.peer, strbuf_str(&text));
	peer_settle(&t.peer);
	ok(t.held < text.n);
	t.s->ops->send_body(t.s, text.p, text.n);
	t.s->ops->send_end(t.s, NULL);
	for (int i = 0; i < 100 && t.sent < text.n; i++)
		loop_turn(peer_loop, 0);
	loop_turn(peer_loop, 0);
	peer_settle(&t.peer);
	ok(str_eq(strbuf_str(&t.peer.got), strbuf_str(&text)));
	ok(t.peer.saw_eof && !t.peer.saw_reset);
	log_is("end;");
	strbuf_fini(&text);
	end();
}

static void test_client_end_behind_data(void)
{
	struct strbuf text = long_text();

	begin_client_tunnel();
	t.keeps = true;
	peer_send(&t.peer, strbuf_str(&text));
	peer_shutdown(&t.peer);
	peer_settle(&t.peer);
	int_is(t.held, HTTP_WINDOW);
	log_is("");
	for (int i = 0; i < 1000 && t.body.n < text.n; i++)
		consume();
	ok(str_eq(strbuf_str(&t.body), strbuf_str(&text)));
	log_is("end;");
	strbuf_fini(&text);
	end();
}

static void test_client_reset(void)
{
	begin_client_tunnel();
	send_text("abc");
	peer_reset(&t.peer);
	peer_settle(&t.peer);
	body_is("abc");
	log_is("end;");
	end();
}

static void test_client_takes_no_other_switch(void)
{
	static const struct {
		const char *asked, *answer;
		int64_t length;
	} rows[] = {
		{ "", SWITCHED, -2 },
		{ "", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: \r\n\r\n", -2 },
		{ "websocket", SWITCHED, -2 },
		{ "SPDY/3.1", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n", -2 },
		{ "SPDY/3.1", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: \r\n\r\n", -2 },
		{ "SPDY/3.1", "HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n", -2 },
		{ "SPDY/3.1", "HTTP/1.1 101 S\r\nUpgrade: SPDY/3.1, h2c\r\n\r\n", -2 },
		{ "SPDY/3.1", SWITCHED, 5 },
		{ "SPDY/3.1", SWITCHED, -1 },
	};
	char want[32];

	snprintf(want, sizeof(want), "closed %d;", ERR_UNSUPPORTED);
	for (size_t i = 0; i < array_size(rows); i++) {
		begin_client();
		ask(rows[i].asked, rows[i].length);
		send_text(rows[i].answer);
		log_is(want);
		int_is(t.gone, 1);
		end();
	}
}

/* What is no 101 is an ordinary answer, and the last of its connection. */
static void test_client_refused(void)
{
	begin_client();
	ask("websocket", -2);
	send_text("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n");
	log_is("403 ;");
	send_text("no");
	log_is("end;");
	body_is("no");
	t.s->ops->release(t.s);
	t.s = NULL;
	peer_settle(&t.peer);
	int_is(t.idle, 0);
	int_is(t.gone, 1);
	end();
}

/* As kube-apiserver refuses WebSockets (spec 08 section 3): the body ends with the connection. */
static void test_client_bare_refusal(void)
{
	begin_client();
	ask("websocket", -2);
	send_text("HTTP/1.1 400 Bad Request\r\n\r\nmismatch challenge/response");
	peer_shutdown(&t.peer);
	peer_settle(&t.peer);
	log_is("400 ;end;");
	body_is("mismatch challenge/response");
	end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_server_switches),
		TAP(test_server_keeps_what_comes_ahead),
		TAP(test_server_refuses_what_came_ahead),
		TAP(test_server_wants_the_whole_request),
		TAP(test_server_body_then_tunnel),
		TAP(test_server_end_behind_data),
		TAP(test_server_end_behind_a_full_window),
		TAP(test_server_end_has_a_limit),
		TAP(test_server_last_bytes_survive),
		TAP(test_server_reset),
		TAP(test_server_drain),
		TAP(test_client_switches),
		TAP(test_client_ends),
		TAP(test_client_last_bytes_survive),
		TAP(test_client_end_behind_data),
		TAP(test_client_reset),
		TAP(test_client_takes_no_other_switch),
		TAP(test_client_refused),
		TAP(test_client_bare_refusal),
		TAP_END
	};
	int rc = tap_main(tests);

	arena_thread_fini();
	return rc;
}
