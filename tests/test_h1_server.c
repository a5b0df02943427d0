/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/h1.h"
#include "http/h1_check.h"
#include "tests/h1_peer.h"
#include "tests/h1_refusals.h"
#include "tests/tap.h"

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* How the requests of a test are answered. */
enum script {
	ANSWER_AT_END,		/* 200 with the body that came */
	ANSWER_AT_ONCE,		/* 200 "early", without waiting for the body */
	HOLD,			/* the test answers by hand */
	RESET,
};

/* What a connection saw; one at a time is enough for the tests. */
static struct {
	struct h1_server *server;
	struct peer peer;
	enum script script;
	struct strbuf log;	/* what the user was told */
	struct strbuf body;	/* of the request */
	struct http_stream *s;	/* the open exchange */
	int accepted, gone;
	bool keeps;		/* does not consume */
	bool holds_release;
	size_t sent;
} t;

/* Sends a head without fields in the open exchange; length -1: unknown. */
static void head(int status, int64_t length, bool end)
{
	struct http_message m = { .status = status, .content_length = length };

	t.s->ops->send_head(t.s, &m, end);
}

static void answer(struct http_stream *s, int status, struct str body)
{
	struct http_message m = { .status = status, .content_length = (int64_t)body.n };

	s->ops->send_head(s, &m, !body.n);
	if (body.n) {
		s->ops->send_body(s, body.p, body.n);
		s->ops->send_end(s, NULL);
	}
}

static void on_body(void *user, const void *p, size_t n)
{
	struct http_stream *s = user;

	strbuf_add(&t.body, p, n);
	if (!t.keeps)
		s->ops->consume(s, n);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	struct http_stream *s = user;

	strbuf_addf(&t.log, "end%s;", trailers ? " trailers" : "");
	if (t.script == ANSWER_AT_END)
		answer(s, 200, strbuf_str(&t.body));
}

static void on_sent(void *user, size_t n)
{
	(void)user;
	t.sent += n;
}

static void on_closed(void *user, int err)
{
	struct http_stream *s = user;

	strbuf_addf(&t.log, "closed %d;", err);
	strbuf_clear(&t.body);
	if (t.holds_release)
		return;
	t.s = NULL;
	s->ops->release(s);
}

static const struct http_stream_handler handler = {
	.on_body = on_body, .on_end = on_end, .on_sent = on_sent, .on_closed = on_closed,
};

static void on_accept(void *arg, struct http_stream *s, struct http_message *m, bool end)
{
	(void)arg;
	t.accepted++;
	strbuf_addf(&t.log, "%.*s %.*s%s%s;", STR_ARG(m->method), STR_ARG(m->target),
		    end ? " end" : "", m->expect_continue ? " expect" : "");
	t.s = s;
	s->handler = &handler;
	s->user = s;
	if (t.script == ANSWER_AT_ONCE)
		answer(s, 200, STR("early"));
	else if (t.script == ANSWER_AT_END && end)
		answer(s, 200, STR_NULL);
	else if (t.script == RESET) {
		s->ops->reset(s, ERR_CANCELED);
		s->ops->release(s);
	}
}

static void on_gone(void *arg, struct h1_server *c)
{
	(void)arg;
	(void)c;
	t.gone++;
	t.server = NULL;
}

static const struct h1_server_settings settings = { .accept = on_accept, .on_gone = on_gone };

static void begin(enum script script)
{
	struct address any = { .len = 0 };
	int fd;

	memset(&t, 0, sizeof(t));
	t.script = script;
	peer_loop_new();
	fd = peer_connect(&t.peer);
	t.server = h1_server_new(peer_loop, stream_accept(peer_loop, fd, &any, NULL, NULL, NULL),
				 &settings);
}

static void end(void)
{
	if (t.server)
		h1_server_abort(t.server, ERR_CANCELED);
	if (t.s)
		t.s->ops->release(t.s);
	peer_fini(&t.peer);
	peer_loop_free();
	int_is(t.gone, 1);
	strbuf_fini(&t.log);
	strbuf_fini(&t.body);
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

/* ---- requests as they should be ---- */

static void test_keep_alive(void)
{
	begin(ANSWER_AT_END);
	send_text("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n");
	got_is(OK_EMPTY);
	log_is("GET /a?b end;closed 0;");
	send_text("POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
	got_is("");
	send_text("lo");
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	log_is("POST /c;end;closed 0;");
	int_is(t.sent, 5);
	ok(!t.peer.saw_eof);
	end();
}

static void test_chunked_request(void)
{
	begin(ANSWER_AT_END);
	send_text("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
		  "5\r\nhello\r\n1;a=b\r\n \r\n5\r\nworld\r\n0\r\nX-T: 1\r\n\r\n"
		  "GET /d HTTP/1.1\r\nHost: x\r\n\r\n");
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world" OK_EMPTY);
	log_is("POST /c;end;closed 0;GET /d end;closed 0;");
	end();
}

static void test_pipelining_in_order(void)
{
	begin(HOLD);
	send_text("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 1"
		  "\r\n\r\nxGET /3 HTTP/1.1\r\nHost: x\r\n");
	log_is("GET /1 end;");
	answer(t.s, 200, STR("one"));
	peer_settle(&t.peer);
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
	log_is("closed 0;POST /2;end;");
	answer(t.s, 200, STR("two"));
	peer_settle(&t.peer);
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
	log_is("closed 0;");
	send_text("\r\n");
	log_is("GET /3 end;");
	answer(t.s, 200, STR_NULL);
	peer_settle(&t.peer);
	got_is(OK_EMPTY);
	end();
}

/* A client that sends on and on while its response is pending stops being read. */
static void test_pipelining_is_bounded(void)
{
	struct strbuf flood = STRBUF_INIT;
	int64_t unread;

	begin(HOLD);
	for (int i = 0; i < 20000; i++)
		strbuf_add_cstr(&flood, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	send_text("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
	/* What is not read stays in the sockets: far less than is sent. */
	unread = send(t.peer.fd, flood.p, flood.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	ok(unread > 0);
	peer_settle(&t.peer);
	unread = send(t.peer.fd, flood.p, flood.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (int i = 0; i < 50 && unread > 0; i++) {
		peer_settle(&t.peer);
		unread = send(t.peer.fd, flood.p, flood.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	ok(unread < 0);
	int_is(t.accepted, 1);
	strbuf_fini(&flood);
	end();
}

static void test_http_10(void)
{
	begin(HOLD);
	send_text("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	log_is("GET /1 end;");
	head(103, -1, false);
	head(200, -1, false);
	t.s->ops->send_body(t.s, "abc", 3);
	t.s->ops->send_end(t.s, NULL);
	peer_settle(&t.peer);
	got_is("HTTP/1.0 200 OK\r\n\r\nabc");
	ok(t.peer.saw_eof);
	log_is("closed 0;");
	end();
}

static void test_chunked_response(void)
{
	struct http_headers trailers;
	struct arena a;

	arena_init(&a);
	http_headers_init(&trailers, &a);
	http_headers_add(&trailers, STR("X-Sum"), STR("1"));
	begin(HOLD);
	for (int with_te = 0; with_te < 2; with_te++) {
		send_text(with_te ? "GET /1 HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n"
				  : "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
		head(200, -1, false);
		peer_settle(&t.peer);
		got_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
		t.s->ops->send_body(t.s, "0123456789abcdef", 16);
		t.s->ops->send_body(t.s, "", 0);
		peer_settle(&t.peer);
		got_is("10\r\n0123456789abcdef\r\n");
		t.s->ops->send_end(t.s, &trailers);
		peer_settle(&t.peer);
		got_is(with_te ? "0\r\nX-Sum: 1\r\n\r\n" : "0\r\n\r\n");
	}
	int_is(t.sent, 32);
	arena_fini(&a);
	end();
}

static void test_bodyless_responses(void)
{
	begin(HOLD);
	send_text("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
	head(200, 42, true);
	peer_settle(&t.peer);
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n");
	send_text("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
	head(200, -1, false);
	t.s->ops->send_body(t.s, "dropped", 7);
	t.s->ops->send_end(t.s, NULL);
	peer_settle(&t.peer);
	got_is("HTTP/1.1 200 OK\r\n\r\n");
	int_is(t.sent, 7);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	head(204, -1, true);
	peer_settle(&t.peer);
	got_is("HTTP/1.1 204 No Content\r\n\r\n");
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	head(304, -1, true);
	peer_settle(&t.peer);
	got_is("HTTP/1.1 304 Not Modified\r\n\r\n");
	ok(!t.peer.saw_eof);
	end();
}

static void test_fields_are_written_but_framing(void)
{
	struct http_message m = { .status = 201, .content_length = 0 };
	struct arena a;

	arena_init(&a);
	http_headers_init(&m.headers, &a);
	http_headers_add(&m.headers, STR("Content-Length"), STR("77"));
	http_headers_add(&m.headers, STR("X-A"), STR("1"));
	http_headers_add(&m.headers, STR("transfer-encoding"), STR("gzip"));
	http_headers_add(&m.headers, STR("Connection"), STR("x-a"));
	http_headers_add(&m.headers, STR("X-A"), STR(""));
	begin(HOLD);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	t.s->ops->send_head(t.s, &m, true);
	peer_settle(&t.peer);
	got_is("HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: \r\nContent-Length: 0\r\n\r\n");
	/* A field that would become two is never written. */
	http_headers_add(&m.headers, STR("X-B"), STR("a\r\nX-C: d"));
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	strbuf_clear(&t.log);
	t.s->ops->send_head(t.s, &m, true);
	peer_settle(&t.peer);
	got_is("");
	ok(t.peer.saw_reset);
	log_is("closed -8;");
	arena_fini(&a);
	end();
}

static void test_expect_continue(void)
{
	begin(HOLD);
	send_text("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n"
		    "\r\n");
	log_is("POST / expect;");
	head(100, -1, false);
	peer_settle(&t.peer);
	got_is("HTTP/1.1 100 Continue\r\n\r\n");
	send_text("ab");
	log_is("end;");
	answer(t.s, 200, STR_NULL);
	peer_settle(&t.peer);
	got_is(OK_EMPTY);
	/* Without a 100, nobody knows whether the body comes: the connection ends. */
	send_text("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
		    "\r\n");
	answer(t.s, 403, STR_NULL);
	peer_settle(&t.peer);
	got_is("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	ok(t.peer.saw_eof);
	end();
}

static void test_connection_close(void)
{
	begin(ANSWER_AT_END);
	send_text("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n");
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	ok(t.peer.saw_eof);
	int_is(t.gone, 1);
	end();
	begin(HOLD);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	t.s->ops->close_after(t.s);
	answer(t.s, 200, STR_NULL);
	peer_settle(&t.peer);
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	ok(t.peer.saw_eof);
	end();
}

static void test_options_asterisk(void)
{
	begin(ANSWER_AT_END);
	send_text("OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
		  "OPTIONS /a HTTP/1.1\r\nHost: x\r\n\r\n");
	got_is("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
	       "Content-Length: 0\r\n\r\n" OK_EMPTY);
	log_is("OPTIONS /a end;closed 0;");
	end();
}

static void test_absolute_form(void)
{
	begin(ANSWER_AT_END);
	send_text("GET https://h:1/a//b HTTP/1.1\r\nHost: x\r\n\r\n");
	log_is("GET https://h:1/a//b end;closed 0;");
	end();
}

/* Before a 101 was sent an upgrade changes nothing: the body and the next request are ordinary. */
static void test_upgrade_is_an_ordinary_request(void)
{
	begin(ANSWER_AT_END);
	send_text("POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		  "Content-Length: 2\r\n\r\nabGET /b HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
		  "Upgrade: h2c\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n");
	log_is("POST /a;end;closed 0;GET /b end;closed 0;GET /c end;closed 0;");
	end();
}

/* ---- bodies and windows ---- */

static void test_early_answer_reads_the_rest_off(void)
{
	begin(ANSWER_AT_ONCE);
	send_text("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01");
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
	log_is("POST /;closed 0;");
	send_text("23456789GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
	log_is("GET /2 end;closed 0;");
	end();
}

static void test_early_answer_to_much(void)
{
	struct strbuf flood = STRBUF_INIT;

	begin(ANSWER_AT_ONCE);
	send_text("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n01");
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly");
	ok(t.peer.saw_eof);
	int_is(t.gone, 1);
	end();
	/* Unknown length: H1_DISCARD_MAX bytes are read off, then it ends. */
	begin(ANSWER_AT_ONCE);
	send_text("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&flood, "100\r\n%0256d\r\n", 0);
	send_text(flood.p);
	send_text(flood.p);
	int_is(t.gone, 1);
	strbuf_fini(&flood);
	end();
}

static void test_window_stops_reading(void)
{
	struct strbuf big = STRBUF_INIT;

	begin(HOLD);
	t.keeps = true;
	strbuf_addf(&big, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"
		    "%0300000d", 0);
	send_text(big.p);
	ok(t.body.n <= HTTP_WINDOW && t.body.n > HTTP_WINDOW / 2);
	t.s->ops->consume(t.s, 1000);
	peer_settle(&t.peer);
	ok(t.body.n <= HTTP_WINDOW + 1000 && t.body.n > HTTP_WINDOW);
	for (size_t consumed = 1000, n; (n = t.body.n - consumed) > 0; consumed += n) {
		t.s->ops->consume(t.s, n);
		peer_settle(&t.peer);
		ok(t.body.n - consumed - n <= HTTP_WINDOW);
	}
	int_is(t.body.n, 300000);
	log_is("POST /;end;");
	strbuf_fini(&big);
	end();
}

/* A slow reader: on_sent tells what left, and nothing is lost. */
static void test_slow_reader(void)
{
	static char block[HTTP_WINDOW];
	size_t total = 0;

	begin(HOLD);
	memset(block, 'x', sizeof(block));
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	head(200, -1, false);
	while (total - t.sent < HTTP_WINDOW && total < 64 * sizeof(block)) {
		t.s->ops->send_body(t.s, block, sizeof(block));
		total += sizeof(block);
		loop_turn(peer_loop, 0);
	}
	ok(t.sent < total);
	peer_settle(&t.peer);
	int_is(t.sent, total);
	t.s->ops->send_end(t.s, NULL);
	peer_settle(&t.peer);
	log_is("GET / end;closed 0;");
	ok(t.peer.got.n > total);
	end();
}

/* The clock goes on, and the peer reads nothing. */
static void pass_ms(int64_t ms)
{
	clock_fake_advance(&peer_clock, ms * 1000);
	loop_turn(peer_loop, 0);
	loop_turn(peer_loop, 0);
}

/* Who does not take the end of an answer is not waited for without end. */
static void test_stalled_reader(void)
{
	static char block[HTTP_WINDOW];
	size_t total = 0;

	begin(HOLD);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	head(200, -1, false);
	while (total - t.sent < HTTP_WINDOW && total < 64 * sizeof(block)) {
		t.s->ops->send_body(t.s, block, sizeof(block));
		total += sizeof(block);
		loop_turn(peer_loop, 0);
	}
	strbuf_clear(&t.log);
	pass_ms(10 * H1_SEND_TIMEOUT_MS);
	log_is("");			/* more may be coming: the user's matter */
	t.s->ops->send_body(t.s, block, sizeof(block));
	t.s->ops->send_end(t.s, NULL);
	pass_ms(0);
	pass_ms(H1_SEND_TIMEOUT_MS - 1);
	log_is("");
	pass_ms(2);
	log_is("closed -6;");
	peer_settle(&t.peer);
	ok(t.peer.saw_reset);
	end();
}

static void test_wrong_lengths_break(void)
{
	for (int longer = 0; longer < 2; longer++) {
		begin(HOLD);
		send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
		head(200, 5, false);
		t.s->ops->send_body(t.s, "123456", longer ? 6 : 4);
		t.s->ops->send_end(t.s, NULL);
		peer_settle(&t.peer);
		ok(t.peer.saw_reset);
		log_is("GET / end;closed -3;");
		end();
	}
}

/* ---- ends ---- */

static void test_client_gone(void)
{
	for (int how = 0; how < 3; how++) {
		begin(HOLD);
		send_text("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\n");
		if (how == 0)
			peer_shutdown(&t.peer);
		else if (how == 1)
			peer_close(&t.peer);
		else
			peer_reset(&t.peer);
		peer_settle(&t.peer);
		log_is(how == 2 ? "GET /1 end;closed -3;" : "GET /1 end;closed -2;");
		int_is(t.gone, 1);
		end();
	}
}

static void test_client_gone_in_body(void)
{
	begin(HOLD);
	send_text("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01");
	peer_shutdown(&t.peer);
	peer_settle(&t.peer);
	log_is("POST /;closed -2;");
	end();
}

/* The stream outlives its connection until it is released. */
static void test_release_after_gone(void)
{
	begin(HOLD);
	t.holds_release = true;
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	peer_close(&t.peer);
	peer_settle(&t.peer);
	log_is("GET / end;closed -2;");
	int_is(t.gone, 0);
	head(200, 0, true);
	t.s->ops->send_body(t.s, "x", 1);
	t.s->ops->send_end(t.s, NULL);
	t.s->ops->reset(t.s, ERR_CANCELED);
	t.s->ops->release(t.s);
	t.s = NULL;
	int_is(t.gone, 1);
	end();
}

static void test_reset(void)
{
	begin(RESET);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	ok(t.peer.saw_reset);
	t.s = NULL;
	log_is("GET / end;");
	int_is(t.gone, 1);
	end();
	begin(HOLD);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	head(200, -1, false);
	t.s->ops->send_body(t.s, "abc", 3);
	/* Nothing was written yet: it goes out, and the missing last chunk shows the break. */
	t.s->ops->reset(t.s, ERR_RESET);
	peer_settle(&t.peer);
	ok(t.peer.saw_eof && !t.peer.saw_reset);
	got_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	end();
}

static void test_timeouts(void)
{
	begin(ANSWER_AT_END);
	send_text("GET / HT");
	peer_advance_ms(&t.peer, H1_HEAD_TIMEOUT_MS - 1);
	ok(!t.peer.saw_eof);
	peer_advance_ms(&t.peer, 2);
	ok(t.peer.saw_eof);
	end();
	begin(ANSWER_AT_END);
	peer_settle(&t.peer);
	peer_advance_ms(&t.peer, H1_HEAD_TIMEOUT_MS + 1);
	ok(t.peer.saw_eof);
	end();
	begin(ANSWER_AT_END);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	peer_advance_ms(&t.peer, H1_IDLE_TIMEOUT_MS - 1);
	ok(!t.peer.saw_eof);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	peer_advance_ms(&t.peer, H1_IDLE_TIMEOUT_MS - 1);
	ok(!t.peer.saw_eof);
	/* A head that has begun has H1_HEAD_TIMEOUT_MS again, however slowly it comes. */
	send_text("G");
	peer_advance_ms(&t.peer, H1_HEAD_TIMEOUT_MS / 2);
	send_text("E");
	peer_advance_ms(&t.peer, H1_HEAD_TIMEOUT_MS / 2 - 1);
	ok(!t.peer.saw_eof);
	peer_advance_ms(&t.peer, 2);
	ok(t.peer.saw_eof);
	end();
	/* The rest of a request that was answered early. */
	begin(ANSWER_AT_ONCE);
	send_text("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01");
	peer_advance_ms(&t.peer, H1_HEAD_TIMEOUT_MS - 1);
	ok(!t.peer.saw_eof);
	peer_advance_ms(&t.peer, 2);
	ok(t.peer.saw_eof);
	end();
	/* No limit on an exchange. */
	begin(HOLD);
	send_text("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01");
	peer_advance_ms(&t.peer, 1000 * H1_IDLE_TIMEOUT_MS);
	ok(!t.peer.saw_eof);
	end();
}

static void test_drain(void)
{
	begin(HOLD);
	peer_settle(&t.peer);
	h1_server_drain(t.server);
	peer_settle(&t.peer);
	ok(t.peer.saw_eof);
	end();
	begin(HOLD);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	h1_server_drain(t.server);
	peer_settle(&t.peer);
	ok(!t.peer.saw_eof);
	answer(t.s, 200, STR_NULL);
	peer_settle(&t.peer);
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	ok(t.peer.saw_eof);
	end();
	begin(HOLD);
	send_text("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
	head(200, -1, false);
	h1_server_drain(t.server);
	t.s->ops->send_end(t.s, NULL);
	peer_settle(&t.peer);
	log_is("GET / end;closed 0;");
	ok(t.peer.saw_eof);
	end();
}

/* ---- refusals ---- */

/* None of them reaches accept(); each is answered and the connection closed. */
static void test_refusals(void)
{
	for (size_t i = 0; i < array_size(refusal_rows); i++) {
		tap_row(refusal_rows[i].label);
		begin(ANSWER_AT_END);
		peer_send(&t.peer, refusal_rows[i].request);
		peer_settle(&t.peer);
		got_is(refusal_rows[i].answer);
		int_is(t.accepted, 0);
		ok(t.peer.saw_eof && !t.peer.saw_reset);
		end();
	}
	tap_row(NULL);
}

static void test_chunk_framing(void)
{
	for (size_t i = 0; i < array_size(chunk_rows); i++) {
		tap_row(chunk_rows[i].label);
		begin(ANSWER_AT_END);
		peer_send(&t.peer, chunk_rows[i].request);
		/* What may follow: a request that must never be seen. */
		peer_send(&t.peer, STR("\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"));
		peer_settle(&t.peer);
		got_is(BAD);
		int_is(t.accepted, 1);
		log_is("POST /;closed -8;");
		ok(t.peer.saw_eof);
		end();
	}
	tap_row(NULL);
}

/* Behind an answer that is under way, a broken body can only break the connection. */
static void test_broken_body_behind_an_answer(void)
{
	begin(HOLD);
	send_text(C "3\r\nabc\r\n");
	head(200, -1, false);
	peer_settle(&t.peer);
	strbuf_clear(&t.peer.got);
	send_text("zz\r\n");
	got_is("");
	log_is("POST /;closed -8;");
	ok(t.peer.saw_reset);
	end();
	begin(ANSWER_AT_ONCE);
	send_text(C "3\r\nabc\r\n");
	got_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
	send_text("zz\r\n");
	got_is("");
	int_is(t.gone, 1);
	end();
}

/* The answer reaches a client that still sends: closing with unread bytes would reset. */
static void test_refusal_of_a_long_request(void)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "POST / HTTP/1.1\r\nContent-Length: 300000\r\n\r\n%0300000d", 0);
	begin(ANSWER_AT_END);
	send_text(b.p);
	got_is(BAD_BECAUSE("missing required Host header"));
	ok(t.peer.saw_eof && !t.peer.saw_reset);
	strbuf_fini(&b);
	end();
}

/* A pipelined request that is refused waits for the answer before it. */
static void test_refusal_in_order(void)
{
	begin(HOLD);
	send_text(G "\r\nGET / HTTP/1.1\r\n\r\n");
	got_is("");
	answer(t.s, 200, STR_NULL);
	peer_settle(&t.peer);
	got_is(OK_EMPTY BAD_BECAUSE("missing required Host header"));
	ok(t.peer.saw_eof);
	int_is(t.accepted, 1);
	end();
}

static void test_limits(void)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, G "A: %01000000d\r\n\r\n", 0);
	begin(ANSWER_AT_END);
	send_text(b.p);
	got_is(OK_EMPTY);
	end();
	/* One line without end: refused when the limit is reached, not later. */
	strbuf_clear(&b);
	strbuf_addf(&b, G "A: %0*d", HTTP_HEAD_MAX, 0);
	begin(ANSWER_AT_END);
	send_text(b.p);
	got_is(TOO_LARGE);
	ok(t.peer.saw_eof);
	int_is(t.accepted, 0);
	end();
	strbuf_clear(&b);
	strbuf_add_cstr(&b, G);
	for (int i = 0; i < H1_HEADERS_MAX; i++)
		strbuf_add_cstr(&b, "A: b\r\n");
	strbuf_add_cstr(&b, "\r\n");
	begin(ANSWER_AT_END);
	send_text(b.p);
	got_is(TOO_LARGE);
	end();
	strbuf_clear(&b);
	strbuf_addf(&b, G "Connection: %0*d\r\n\r\n", H1_CONNECTION_MAX + 1, 0);
	begin(ANSWER_AT_END);
	send_text(b.p);
	got_is(TOO_LARGE);
	end();
	strbuf_clear(&b);
	strbuf_addf(&b, C "5;%0*d", H1_FRAMING_MAX, 0);
	begin(ANSWER_AT_END);
	send_text(b.p);
	got_is(BAD);
	end();
	strbuf_clear(&b);
	strbuf_addf(&b, C "0\r\nA: %0*d", H1_TRAILERS_MAX, 0);
	begin(ANSWER_AT_END);
	send_text(b.p);
	got_is(TOO_LARGE);
	end();
	strbuf_fini(&b);
}

/* ---- pieces ---- */

/* Sends text in two pieces cut at every place, and byte by byte; the answers are the same. */
static void in_pieces(struct str text, const char *want, const char *want_log)
{
	for (size_t cut = 0; cut <= text.n; cut++) {
		begin(ANSWER_AT_END);
		peer_settle(&t.peer);
		if (cut == 0) {
			for (size_t i = 0; i < text.n; i++) {
				peer_send(&t.peer, str_slice(text, i, i + 1));
				peer_settle(&t.peer);
			}
		} else {
			peer_send(&t.peer, str_slice(text, 0, cut));
			peer_settle(&t.peer);
			peer_send(&t.peer, str_skip(text, cut));
		}
		peer_settle(&t.peer);
		got_is(want);
		log_is(want_log);
		end();
	}
}

static void test_every_split(void)
{
	in_pieces(STR("POST /a?b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "3;q=\"z\"\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n"
		      "PUT /c HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nfg"
		      "GET /h HTTP/1.1\r\nHost: x\r\n\r\n"),
		  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"
		  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nfg" OK_EMPTY,
		  "POST /a?b;end;closed 0;PUT /c;end;closed 0;GET /h end;closed 0;");
	in_pieces(STR(G "A: b\rC: d\r\n\r\n"), BAD, "");
	in_pieces(STR(G "A: b\r\n folded\r\n\r\n"), BAD, "");
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_keep_alive),
		TAP(test_chunked_request),
		TAP(test_pipelining_in_order),
		TAP(test_pipelining_is_bounded),
		TAP(test_http_10),
		TAP(test_chunked_response),
		TAP(test_bodyless_responses),
		TAP(test_fields_are_written_but_framing),
		TAP(test_expect_continue),
		TAP(test_connection_close),
		TAP(test_options_asterisk),
		TAP(test_absolute_form),
		TAP(test_upgrade_is_an_ordinary_request),
		TAP(test_early_answer_reads_the_rest_off),
		TAP(test_early_answer_to_much),
		TAP(test_window_stops_reading),
		TAP(test_slow_reader),
		TAP(test_stalled_reader),
		TAP(test_wrong_lengths_break),
		TAP(test_client_gone),
		TAP(test_client_gone_in_body),
		TAP(test_release_after_gone),
		TAP(test_reset),
		TAP(test_timeouts),
		TAP(test_drain),
		TAP(test_refusals),
		TAP(test_chunk_framing),
		TAP(test_broken_body_behind_an_answer),
		TAP(test_refusal_of_a_long_request),
		TAP(test_refusal_in_order),
		TAP(test_limits),
		TAP(test_every_split),
		TAP_END
	};
	int rc = tap_main(tests);

	arena_thread_fini();
	return rc;
}
