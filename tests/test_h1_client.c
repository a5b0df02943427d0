/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/h1.h"
#include "tests/h1_peer.h"
#include "tests/tap.h"

static struct {
	struct h1_client *client;
	struct stream *opening;
	struct peer peer;
	struct http_stream *s;
	struct strbuf log;	/* heads, ends, closes */
	struct strbuf body;
	struct arena arena;
	int idle, gone, gone_err;
	bool keeps;		/* does not consume */
	bool holds_release;
	bool resets_on_body;
	size_t sent;
} t;

static void release(void)
{
	struct http_stream *s = t.s;

	t.s = NULL;
	if (s)
		s->ops->release(s);
}

static void on_head(void *user, struct http_message *m, bool end)
{
	(void)user;
	strbuf_addf(&t.log, "%d %lld%s%s;", m->status, (long long)m->content_length,
		    end ? " end" : "", m->has_body ? " body" : "");
	for (size_t i = 0; i < m->headers.n; i++)
		strbuf_addf(&t.log, "%.*s=%.*s;", STR_ARG(m->headers.v[i].name),
			    STR_ARG(m->headers.v[i].value));
	if (end && !t.holds_release)
		release();
}

static void on_body(void *user, const void *p, size_t n)
{
	(void)user;
	strbuf_add(&t.body, p, n);
	if (t.resets_on_body)
		t.s->ops->reset(t.s, ERR_CANCELED);
	else if (!t.keeps)
		t.s->ops->consume(t.s, n);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	(void)user;
	strbuf_addf(&t.log, "end%s;", trailers ? " trailers" : "");
	if (!t.holds_release)
		release();
}

static void on_sent(void *user, size_t n)
{
	(void)user;
	t.sent += n;
}

static void on_closed(void *user, int err)
{
	(void)user;
	strbuf_addf(&t.log, "closed %d%s;", err, t.s->unprocessed ? " unprocessed" : "");
	if (!t.holds_release)
		release();
}

static const struct http_stream_handler handler = {
	.on_head = on_head, .on_body = on_body, .on_end = on_end, .on_sent = on_sent,
	.on_closed = on_closed,
};

static void on_idle(void *user, struct h1_client *c)
{
	(void)user;
	(void)c;
	t.idle++;
}

static void on_gone(void *user, struct h1_client *c, int err)
{
	(void)user;
	(void)c;
	t.gone++;
	t.gone_err = err;
	t.client = NULL;
}

static const struct h1_client_settings settings = { .on_idle = on_idle, .on_gone = on_gone };

static void on_open(void *user)
{
	(void)user;
	t.client = h1_client_new(peer_loop, t.opening, &settings, NULL);
}

static void begin(void)
{
	static const struct stream_handler opening = { .on_open = on_open };
	struct address any = { .len = 0 };
	int fd;

	memset(&t, 0, sizeof(t));
	arena_init(&t.arena);
	peer_loop_new();
	fd = peer_connect(&t.peer);
	t.opening = stream_accept(peer_loop, fd, &any, NULL, &opening, NULL);
	peer_settle(&t.peer);
}

static void end(void)
{
	release();
	if (t.client)
		h1_client_close(t.client);
	peer_fini(&t.peer);
	peer_loop_free();
	strbuf_fini(&t.log);
	strbuf_fini(&t.body);
	arena_fini(&t.arena);
}

/* Opens a stream and sends a head; length -2: no body. */
static void request(const char *method, const char *target, int64_t length)
{
	struct http_message m = { .method = str_from(method), .target = str_from(target),
				  .content_length = length == -2 ? 0 : length };

	http_headers_init(&m.headers, &t.arena);
	http_headers_add(&m.headers, STR("Host"), STR("x"));
	t.s = h1_client_open(t.client);
	if (!ok(t.s != NULL))
		return;
	t.s->handler = &handler;
	t.s->ops->send_head(t.s, &m, length == -2);
	peer_settle(&t.peer);
}

static void get(void)
{
	request("GET", "/", -2);
	strbuf_clear(&t.peer.got);
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

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void test_requests_on_one_connection(void)
{
	begin();
	request("GET", "/a?b=%20", -2);
	ok(!t.s->unprocessed && !t.s->reused);
	got_is("GET /a?b=%20 HTTP/1.1\r\nHost: x\r\n\r\n");
	ok(!h1_client_open(t.client));
	send_text(OK_2);
	log_is("200 2 body;Content-Length=2;end;");
	body_is("ok");
	int_is(t.idle, 1);
	request("POST", "/b", 3);
	ok(t.s->reused);
	t.s->ops->send_body(t.s, "abc", 3);
	t.s->ops->send_end(t.s, NULL);
	peer_settle(&t.peer);
	got_is("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
	int_is(t.sent, 3);
	send_text("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n2\r\n"
		    "hi\r\n");
	log_is("201 -1 body;X-A=1;");
	send_text("0\r\nX-T: 1\r\n\r\n");
	log_is("end trailers;");
	body_is("hi");
	int_is(t.idle, 2);
	request("PUT", "/c", -1);
	t.s->ops->send_body(t.s, "abc", 3);
	t.s->ops->send_end(t.s, NULL);
	peer_settle(&t.peer);
	got_is("PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
		    "\r\n");
	send_text("HTTP/1.1 204 No Content\r\n\r\n");
	log_is("204 -1 end;");
	request("DELETE", "/d", -2);
	got_is("DELETE /d HTTP/1.1\r\nHost: x\r\n\r\n");
	send_text("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
	log_is("304 9 end;Content-Length=9;");
	request("PATCH", "/e", -2);
	got_is("PATCH /e HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	send_text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	log_is("200 0 end;Content-Length=0;");
	request("HEAD", "/f", -2);
	got_is("HEAD /f HTTP/1.1\r\nHost: x\r\n\r\n");
	send_text("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
	log_is("200 99 end;Content-Length=99;");
	request("HEAD", "/g", -2);
	got_is("HEAD /g HTTP/1.1\r\nHost: x\r\n\r\n");
	send_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	log_is("200 -1 end;");
	int_is(t.idle, 7);
	int_is(t.gone, 0);
	end();
}

static void test_informational(void)
{
	begin();
	request("POST", "/", 2);
	send_text("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
	log_is("100 -1;103 -1;Link=a;");
	t.s->ops->send_body(t.s, "ab", 2);
	t.s->ops->send_end(t.s, NULL);
	peer_settle(&t.peer);
	send_text("HTTP/1.1 100 Continue\r\n\r\n" OK_2);
	log_is("100 -1;200 2 body;Content-Length=2;end;");
	int_is(t.idle, 1);
	end();
	begin();
	get();
	for (int i = 0; i < 40; i++)
		send_text("HTTP/1.1 102 Processing\r\n\r\n");
	strbuf_clear(&t.log);
	int_is(t.gone, 1);
	int_is(t.gone_err, ERR_LIMIT);
	end();
	begin();
	get();
	send_text("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
	log_is("closed -10;");
	int_is(t.gone, 1);
	end();
}

static void test_until_close(void)
{
	begin();
	get();
	send_text("HTTP/1.1 200 OK\r\n\r\nab");
	log_is("200 -1 body;");
	send_text("cd");
	peer_shutdown(&t.peer);
	peer_settle(&t.peer);
	log_is("end;");
	body_is("abcd");
	int_is(t.gone, 1);
	int_is(t.idle, 0);
	end();
	/* A reset is not an end. */
	begin();
	get();
	send_text("HTTP/1.1 200 OK\r\n\r\nab");
	peer_reset(&t.peer);
	peer_settle(&t.peer);
	log_is("200 -1 body;closed -3;");
	end();
}

struct row {
	const char *label, *response, *log;
};

/* Responses that end before they are complete: never on_end. */
static const struct row truncated_rows[] = {
	{ "nothing", "", "closed -2;" },
	{ "part of the status line", "HTTP/1.", "closed -3;" },
	{ "part of the head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "closed -3;" },
	{ "only a 1xx", "HTTP/1.1 100 Continue\r\n\r\n", "100 -1;closed -3;" },
	{ "short body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
	  "200 3 body;Content-Length=3;closed -3;" },
	{ "no chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 -1 body;close"
		    "d -3;" },
	{ "part of a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
	  "200 -1 body;closed -3;" },
	{ "no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
	  "200 -1 body;closed -3;" },
	{ "part of the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
	  "200 -1 body;closed -3;" },
};

static void test_truncation(void)
{
	for (size_t i = 0; i < array_size(truncated_rows); i++) {
		tap_row(truncated_rows[i].label);
		begin();
		get();
		send_text(truncated_rows[i].response);
		peer_shutdown(&t.peer);
		peer_settle(&t.peer);
		log_is(truncated_rows[i].log);
		int_is(t.gone, 1);
		int_is(t.idle, 0);
		end();
	}
	tap_row(NULL);
}

/* Responses that two readers could understand in two ways, and what is no HTTP/1.1. */
static const struct row malformed_rows[] = {
	{ "both lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"
		    "\r\n",
	  "closed -8;" },
	{ "both lengths, other order",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", "closed -"
		    "8;" },
	{ "two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
	  "closed -8;" },
	{ "list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", "closed -8;" },
	{ "signed length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", "closed -8;" },
	{ "other coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", "closed -8;" },
	{ "two codings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nok",
	  "closed -8;" },
	{ "chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  "closed -8;" },
	{ "both lengths to HEAD-like 204",
	  "HTTP/1.1 204 No\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "closed -"
		    "8;" },
	{ "bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok", "closed -8;" },
	{ "bare LF in fields", "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\r\nok", "closed -8"
		    ";" },
	{ "bare CR", "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\nok", "closed -8;" },
	{ "folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\nok", "closed -8;" },
	{ "blank before colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", "closed -8;" },
	{ "control byte", "HTTP/1.1 200 OK\r\nA: \001\r\n\r\nok", "closed -8;" },
	{ "HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", "closed -8;" },
	{ "no HTTP", "SSH-2.0-x\r\n\r\n", "closed -8;" },
	{ "status 99", "HTTP/1.1 099 No\r\n\r\n", "closed -8;" },
	{ "status 600", "HTTP/1.1 600 No\r\n\r\n", "closed -8;" },
	{ "chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	  "200 -1 body;closed -8;" },
	{ "chunk LF", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n",
	  "200 -1 body;closed -8;" },
};

static void test_malformed(void)
{
	for (size_t i = 0; i < array_size(malformed_rows); i++) {
		tap_row(malformed_rows[i].label);
		begin();
		get();
		send_text(malformed_rows[i].response);
		log_is(malformed_rows[i].log);
		int_is(t.gone, 1);
		ok(t.peer.saw_reset || t.peer.saw_eof);
		end();
	}
	tap_row(NULL);
}

/* Whether a connection is used again. */
static void test_reuse(void)
{
	static const struct row rows[] = {
		{ "close", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\n"
			    "ok", "" },
		{ "1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "" },
		{ "1.0 keep-alive",
		  "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "" },
		{ "bytes behind", OK_2 "x", "" },
		{ "a response behind", OK_2 OK_2, "" },
		{ "bytes behind no body", "HTTP/1.1 204 No Content\r\n\r\nx", "" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].label);
		begin();
		get();
		send_text(rows[i].response);
		ok(str_find_str(strbuf_str(&t.log), STR("end;")) >= 0);
		int_is(t.idle, 0);
		int_is(t.gone, 1);
		end();
	}
	tap_row(NULL);
}

static void test_bytes_while_idle(void)
{
	begin();
	get();
	send_text(OK_2);
	int_is(t.idle, 1);
	send_text("HTTP/1.1 200 OK\r\n");
	int_is(t.gone, 1);
	end();
	/* And before anything was asked. */
	begin();
	send_text(OK_2);
	int_is(t.gone, 1);
	end();
}

/* Bytes that came before the request left cannot be its answer. */
static void test_answer_before_the_request(void)
{
	begin();
	get();
	send_text(OK_2);
	strbuf_clear(&t.log);
	t.s = h1_client_open(t.client);
	t.s->handler = &handler;
	peer_send(&t.peer, STR(OK_2));
	peer_settle(&t.peer);
	log_is("closed -3 unprocessed;");
	int_is(t.gone, 1);
	end();
}

static void test_closed_while_idle(void)
{
	begin();
	get();
	send_text(OK_2);
	peer_shutdown(&t.peer);
	peer_settle(&t.peer);
	int_is(t.gone, 1);
	int_is(t.gone_err, ERR_CLOSED);
	end();
}

/* A reused connection that ends before any byte of answer: the request was not looked at. */
static void test_unprocessed(void)
{
	for (int reset = 0; reset < 2; reset++) {
		begin();
		get();
		send_text(OK_2);
		strbuf_clear(&t.log);
		get();
		if (reset)
			peer_reset(&t.peer);
		else
			peer_shutdown(&t.peer);
		peer_settle(&t.peer);
		log_is(reset ? "closed -3 unprocessed;" : "closed -2 unprocessed;");
		end();
	}
	/* Not so on a first request, and not after a first byte. */
	begin();
	get();
	peer_reset(&t.peer);
	peer_settle(&t.peer);
	log_is("closed -3;");
	end();
	begin();
	get();
	send_text(OK_2);
	strbuf_clear(&t.log);
	get();
	send_text("H");
	peer_shutdown(&t.peer);
	peer_settle(&t.peer);
	log_is("closed -3;");
	end();
}

static void test_early_response(void)
{
	begin();
	request("POST", "/", 10);
	t.s->ops->send_body(t.s, "abc", 3);
	peer_settle(&t.peer);
	send_text("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
	log_is("413 2 body;Content-Length=2;end;");
	int_is(t.idle, 0);
	int_is(t.gone, 1);
	end();
	/* The head alone does not stop the request. */
	begin();
	request("POST", "/", -1);
	send_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
	strbuf_clear(&t.peer.got);
	t.s->ops->send_body(t.s, "xyz", 3);
	peer_settle(&t.peer);
	got_is("3\r\nxyz\r\n");
	t.s->ops->send_end(t.s, NULL);
	peer_settle(&t.peer);
	send_text("0\r\n\r\n");
	log_is("200 -1 body;end;");
	int_is(t.idle, 1);
	end();
}

/* The upstream answers and closes while the request is still being sent. */
static void test_answer_then_reset_writes(void)
{
	static char block[HTTP_WINDOW];

	begin();
	request("POST", "/", 100 * (int64_t)sizeof(block));
	peer_send(&t.peer, STR("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: "
		    "2\r\n\r\n"
			       "no"));
	peer_shutdown(&t.peer);
	for (int i = 0; i < 20 && t.s; i++) {
		t.s->ops->send_body(t.s, block, sizeof(block));
		peer_settle(&t.peer);
	}
	log_is("413 2 body;Connection=close;Content-Length=2;end;");
	int_is(t.gone, 1);
	end();
}

/* The same, with a reset that makes our writing fail before the answer is read. */
static void test_answer_before_a_failed_write(void)
{
	static char block[HTTP_WINDOW];
	size_t blocks = 0;

	begin();
	request("POST", "/", 1000 * (int64_t)sizeof(block));
	while (t.sent == blocks * sizeof(block) && blocks < 1000) {
		t.s->ops->send_body(t.s, block, sizeof(block));
		blocks++;
		loop_turn(peer_loop, 0);
	}
	ok(t.sent < blocks * sizeof(block));	/* the socket is full */
	peer_send(&t.peer, STR("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: "
		    "2\r\n\r\n"
			       "no"));
	peer_reset(&t.peer);
	peer_settle(&t.peer);
	log_is("413 2 body;Connection=close;Content-Length=2;end;");
	int_is(t.gone, 1);
	end();
}

static void test_window_stops_reading(void)
{
	struct strbuf big = STRBUF_INIT;
	size_t consumed = 0;

	begin();
	t.keeps = true;
	get();
	strbuf_addf(&big, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n"
		    "Connection: close\r\n\r\n%0300000d", 0);
	send_text(big.p);
	/* The FIN is there, but what comes before it is not lost. */
	peer_shutdown(&t.peer);
	peer_settle(&t.peer);
	ok(t.body.n <= HTTP_WINDOW && t.body.n > HTTP_WINDOW / 2);
	while (t.s && t.body.n > consumed) {
		size_t n = t.body.n - consumed;

		consumed += n;
		t.s->ops->consume(t.s, n);
		peer_settle(&t.peer);
		ok(t.body.n - consumed <= HTTP_WINDOW);
	}
	int_is(t.body.n, 300000);
	log_is("200 300000 body;Content-Length=300000;Connection=close;end;");
	strbuf_fini(&big);
	end();
}

static void test_reset(void)
{
	begin();
	get();
	send_text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
	strbuf_clear(&t.log);
	t.s->ops->reset(t.s, ERR_CANCELED);
	release();
	peer_settle(&t.peer);
	ok(t.peer.saw_reset);
	log_is("");
	int_is(t.gone, 1);
	end();
	/* Inside a callback, with more behind it. */
	begin();
	t.resets_on_body = true;
	get();
	send_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n"
		    "\r\n");
	body_is("a");
	log_is("200 -1 body;");
	end();
	/* Letting go in the middle is the same. */
	begin();
	get();
	release();
	peer_settle(&t.peer);
	ok(t.peer.saw_reset);
	int_is(t.gone, 1);
	end();
}

static void test_owner_closes(void)
{
	begin();
	get();
	h1_client_close(t.client);
	t.client = NULL;
	log_is("closed -7;");
	peer_settle(&t.peer);
	ok(t.peer.saw_eof);
	int_is(t.gone, 0);
	end();
	begin();
	t.holds_release = true;
	get();
	h1_client_close(t.client);
	t.client = NULL;
	peer_settle(&t.peer);
	log_is("closed -7;");
	release();
	int_is(t.gone, 0);
	end();
}

static void test_unsendable(void)
{
	static const struct row rows[] = {
		{ "blank in target", "/a b", "" },
		{ "line end in target", "/a\r\nX: y", "" },
		{ "byte 80 in target", "/\200", "" },
		{ "empty target", "", "" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].label);
		begin();
		request("GET", rows[i].response, -2);
		log_is("closed -8 unprocessed;");
		got_is("");
		end();
	}
	tap_row(NULL);
	begin();
	request("GET /", "/", -2);
	log_is("closed -8 unprocessed;");
	end();
}

static void test_field_injection(void)
{
	struct http_message m = { .method = STR("GET"), .target = STR("/") };

	begin();
	http_headers_init(&m.headers, &t.arena);
	http_headers_add(&m.headers, STR("X-Remote-User"), STR("jane\r\nX-Remote-Group: "
		    "system:masters"));
	t.s = h1_client_open(t.client);
	t.s->handler = &handler;
	t.s->ops->send_head(t.s, &m, true);
	peer_settle(&t.peer);
	log_is("closed -8 unprocessed;");
	got_is("");
	end();
}

static void test_wrong_lengths_break(void)
{
	for (int longer = 0; longer < 2; longer++) {
		begin();
		request("POST", "/", 5);
		t.s->ops->send_body(t.s, "123456", longer ? 6 : 4);
		if (t.s)
			t.s->ops->send_end(t.s, NULL);
		peer_settle(&t.peer);
		ok(t.peer.saw_reset);
		log_is("closed -3;");
		end();
	}
}

static void test_every_split(void)
{
	const struct str text = STR("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n"
				    "Transfer-Encoding: chunked\r\n\r\n3;q=1\r\nabc\r\n2\r\nde\r\n"
				    "0\r\nT: u\r\n\r\n");

	for (size_t cut = 0; cut <= text.n; cut++) {
		begin();
		get();
		for (size_t i = 0; cut == 0 && i < text.n; i++) {
			peer_send(&t.peer, str_slice(text, i, i + 1));
			peer_settle(&t.peer);
		}
		if (cut > 0) {
			peer_send(&t.peer, str_slice(text, 0, cut));
			peer_settle(&t.peer);
			peer_send(&t.peer, str_skip(text, cut));
		}
		peer_settle(&t.peer);
		log_is("103 -1;A=b;200 -1 body;end trailers;");
		body_is("abcde");
		int_is(t.idle, 1);
		end();
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_requests_on_one_connection),
		TAP(test_informational),
		TAP(test_until_close),
		TAP(test_truncation),
		TAP(test_malformed),
		TAP(test_reuse),
		TAP(test_bytes_while_idle),
		TAP(test_answer_before_the_request),
		TAP(test_closed_while_idle),
		TAP(test_unprocessed),
		TAP(test_early_response),
		TAP(test_answer_then_reset_writes),
		TAP(test_answer_before_a_failed_write),
		TAP(test_window_stops_reading),
		TAP(test_reset),
		TAP(test_owner_closes),
		TAP(test_unsendable),
		TAP(test_field_injection),
		TAP(test_wrong_lengths_break),
		TAP(test_every_split),
		TAP_END
	};
	int rc = tap_main(tests);

	arena_thread_fini();
	return rc;
}
