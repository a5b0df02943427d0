/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP/2 server role with a client that keeps the rules; test_h2_abuse.c has the others. */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/h2_conn.h"
#include "tests/h2_peer.h"
#include "tests/tap.h"

#define MiB (1024 * 1024)

static void answer_is(int32_t id, int status, const char *body)
{
	struct h2_answer *a = h2_answer(id);

	int_is(a->status, status);
	str_is(strbuf_str(&a->body), str_from(body));
	ok(a->ended);
	ok(a->closed);
	int_is(a->code, NGHTTP2_NO_ERROR);
}

static void request_is(size_t i, const char *text)
{
	str_is(strbuf_str(&rig.served[i].request), str_from(text));
}

static bool has_field(int32_t id, const char *line)
{
	return str_find_str(strbuf_str(&h2_answer(id)->fields), str_from(line)) >= 0;
}

static struct str filler(size_t n)
{
	static char bytes[4 * MiB];

	if (!bytes[0])
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)('a' + i % 23);
	return str_make(bytes, n);
}

/* ---- requests and responses ---- */

static void test_request_and_response(void)
{
	int32_t a, b;

	h2_begin(0);
	a = h2_ask("GET", "/echo?q=1", "x-a: b\ncookie: c=1\ncookie: d=2\naccept: x\n", false);
	rig.upload = STR("hello");
	b = h2_ask("POST", "/echo", "content-length: 5\n", true);
	h2_settle();
	answer_is(a, 200, "");
	answer_is(b, 200, "hello");
	ok(has_field(b, "content-length: 5\n"));
	request_is(0, "GET /echo?q=1\nx-a: b\naccept: x\nCookie: c=1; d=2\n");
	int_is(rig.served[0].closed, 0);
	int_is(rig.served[1].closed, 0);
	int_is(rig.served[1].sent, 5);
	ok(!rig.gone);
	h2_end();
}

static void test_responses_without_a_body(void)
{
	static const struct { const char *method; int status; int64_t length; } rows[] = {
		{ "HEAD", 200, 1000 }, { "GET", 204, -1 }, { "GET", 304, 17 },
	};

	h2_begin(0);
	for (size_t i = 0; i < array_size(rows); i++) {
		int32_t id = h2_ask(rows[i].method, "/x", "", false);

		h2_settle();
		h2_head(i, rows[i].status, rows[i].length, true);
		h2_settle();
		tap_row(rows[i].method);
		answer_is(id, rows[i].status, "");
		int_is(rig.served[i].closed, 0);
	}
	tap_row(NULL);
	ok(has_field(1, "content-length: 1000\n"));
	ok(!has_field(3, "content-length"));
	ok(has_field(5, "content-length: 17\n"));
	h2_end();
}

/* A user that gives a body to a HEAD hears that it was sent, and the peer sees none. */
static void test_body_of_a_head_is_not_sent(void)
{
	int32_t id;

	h2_begin(0);
	id = h2_ask("HEAD", "/x", "", false);
	h2_settle();
	h2_head(0, 200, 5, false);
	h2_body(0, STR("hello"));
	h2_finish(0);
	h2_settle();
	answer_is(id, 200, "");
	int_is(rig.served[0].closed, 0);
	int_is(rig.served[0].sent, 5);
	h2_end();
}

static void test_informational_and_trailers(void)
{
	struct http_message m = { .status = 103, .content_length = -1 };
	struct http_headers trailers;
	struct arena a;
	int32_t with, without;

	arena_init(&a);
	http_headers_init(&m.headers, &a);
	http_headers_add(&m.headers, STR("Link"), STR("</x>"));
	http_headers_init(&trailers, &a);
	http_headers_add(&trailers, STR("X-Sum"), STR("42"));
	h2_begin(0);
	with = h2_ask("GET", "/1", "te: trailers\n", false);
	without = h2_ask("GET", "/2", "", false);
	h2_settle();
	for (size_t i = 0; i < 2; i++) {
		struct http_stream *s = rig.served[i].s;

		s->ops->send_head(s, &m, false);
		h2_settle();
		h2_head(i, 200, -1, false);
		h2_body(i, STR("abc"));
		s->ops->send_end(s, &trailers);
		h2_settle();
	}
	answer_is(with, 200, "abc");
	answer_is(without, 200, "abc");
	int_is(h2_answer(with)->informational, 103);
	ok(has_field(with, "link: </x>\n"));
	ok(has_field(with, "x-sum: 42\n"));
	ok(!has_field(without, "x-sum"));
	h2_end();
	arena_fini(&a);
}

/* The connection's own fields of HTTP/1.1 are not carried over; names become lower case. */
static void test_fields_of_a_response(void)
{
	struct http_message m = { .status = 200, .content_length = 0 };
	struct http_headers *h = &m.headers;
	struct arena a;
	int32_t id;

	arena_init(&a);
	http_headers_init(h, &a);
	http_headers_add(h, STR("Connection"), STR("close"));
	http_headers_add(h, STR("Transfer-Encoding"), STR("chunked"));
	http_headers_add(h, STR("Keep-Alive"), STR("1"));
	http_headers_add(h, STR("Content-Length"), STR("77"));
	http_headers_add(h, STR("X-Upper"), STR("Value"));
	h2_begin(0);
	id = h2_ask("GET", "/1", "", false);
	h2_settle();
	rig.served[0].s->ops->send_head(rig.served[0].s, &m, true);
	h2_settle();
	answer_is(id, 200, "");
	str_is(strbuf_str(&h2_answer(id)->fields), STR("content-length: 0\nx-upper: Value\n"));
	/* One that cannot be written breaks the stream. */
	http_headers_add(h, STR("X-Bad"), STR("a\nb"));
	id = h2_ask("GET", "/2", "", false);
	h2_settle();
	rig.served[1].s->ops->send_head(rig.served[1].s, &m, true);
	h2_settle();
	int_is(h2_answer(id)->code, NGHTTP2_INTERNAL_ERROR);
	int_is(rig.served[1].closed, ERR_RESET);
	h2_end();
	arena_fini(&a);
}

static void test_large_heads(void)
{
	struct http_message m = { .status = 200, .content_length = 0 };
	struct strbuf fields = STRBUF_INIT;
	struct arena a;
	int32_t id;

	arena_init(&a);
	http_headers_init(&m.headers, &a);
	for (int i = 0; i < 17; i++)	/* the library takes no field above 64 KiB */
		http_headers_add(&m.headers, STR("X-Big"), filler(60 * 1024));
	for (int i = 0; i < 40; i++)
		strbuf_addf(&fields, "x-%d: %.*s\n", i, 20000, filler(20000).p);
	h2_begin(0);
	id = h2_ask("GET", "/1", fields.p, false);
	h2_settle();
	int_is(rig.accepted, 1);
	rig.served[0].s->ops->send_head(rig.served[0].s, &m, true);
	h2_settle();
	answer_is(id, 200, "");
	ok(h2_answer(id)->fields.n > 17 * 60 * 1024);
	h2_end();
	strbuf_fini(&fields);
	arena_fini(&a);
}

/* ---- bodies and credit ---- */

static void test_large_bodies(void)
{
	int32_t id;

	h2_begin(0);
	rig.upload = filler(4 * MiB);
	id = h2_ask("POST", "/echo", "", true);
	h2_settle();
	ok(str_eq(strbuf_str(&h2_answer(id)->body), rig.upload));
	int_is(rig.served[0].sent, 4 * MiB);
	int_is(rig.served[0].closed, 0);
	h2_end();
}

/* A user that does not consume stops its own stream at a window, and no other. */
static void test_window_of_uploads(void)
{
	int32_t other;

	h2_begin(0);
	rig.upload = filler(2 * MiB);
	for (int i = 0; i < 30; i++)
		h2_ask("POST", "/keep", "", true);
	h2_settle();
	for (int i = 0; i < 30; i++)
		int_is(rig.served[i].body.n, HTTP_WINDOW);
	other = h2_ask("POST", "/echo", "", true);
	h2_settle();
	int_is(h2_answer(other)->body.n, 2 * MiB);
	rig.served[0].s->ops->consume(rig.served[0].s, HTTP_WINDOW);
	h2_settle();
	int_is(rig.served[0].body.n, 2 * HTTP_WINDOW);
	h2_end();
}

/* A peer that does not open a stream's window stops that stream alone. */
static void test_window_of_downloads(void)
{
	int32_t slow, other;

	h2_begin(1000);
	slow = h2_ask("GET", "/slow", "", false);
	h2_settle();
	h2_head(0, 200, -1, false);
	h2_body(0, filler(HTTP_WINDOW));
	h2_settle();
	int_is(h2_answer(slow)->body.n, 1000);
	int_is(rig.served[0].sent, 1000);
	other = h2_ask("GET", "/early", "", false);
	h2_settle();
	answer_is(other, 200, "early");
	nghttp2_session_consume_stream(rig.client, slow, 1000);
	h2_settle();
	int_is(h2_answer(slow)->body.n, 2000);
	int_is(rig.served[0].sent, 2000);
	h2_end();
}

/* Many streams that write at once share the connection. */
static void test_streams_take_turns(void)
{
	h2_begin(0);
	for (int i = 0; i < 8; i++)
		h2_ask("GET", "/x", "", false);
	h2_settle();
	for (size_t i = 0; i < 8; i++) {
		h2_head(i, 200, -1, false);
		h2_body(i, filler(HTTP_WINDOW));
	}
	/* One loop turn, and as much as H2_OUT_MAX: nobody had all of it. */
	loop_turn(peer_loop, 0);
	h2_settle();
	for (int i = 0; i < 8; i++)
		int_is(h2_answer(2 * i + 1)->body.n, HTTP_WINDOW);
	h2_end();
}

static void test_wrong_lengths_break(void)
{
	int32_t longer, shorter, headless;

	h2_begin(0);
	longer = h2_ask("GET", "/1", "", false);
	shorter = h2_ask("GET", "/2", "", false);
	headless = h2_ask("GET", "/3", "", false);
	h2_settle();
	h2_head(0, 200, 3, false);
	h2_body(0, STR("abcd"));
	h2_head(1, 200, 3, false);
	h2_body(1, STR("ab"));
	h2_finish(1);
	h2_head(2, 200, 3, true);
	h2_settle();
	int_is(h2_answer(longer)->code, NGHTTP2_INTERNAL_ERROR);
	int_is(h2_answer(shorter)->code, NGHTTP2_INTERNAL_ERROR);
	int_is(h2_answer(headless)->code, NGHTTP2_INTERNAL_ERROR);
	str_is(strbuf_str(&h2_answer(shorter)->body), STR("ab"));
	for (size_t i = 0; i < 3; i++)
		int_is(rig.served[i].closed, ERR_RESET);
	h2_end();
}

/* ---- resets ---- */

static void test_reset_by_the_user(void)
{
	int32_t at_once, later;

	h2_begin(0);
	at_once = h2_ask("GET", "/reset", "", false);
	later = h2_ask("GET", "/2", "", false);
	h2_settle();
	int_is(h2_answer(at_once)->code, NGHTTP2_INTERNAL_ERROR);
	h2_head(1, 200, -1, false);
	h2_body(1, filler(20000));
	/* What was given before is not lost. */
	rig.served[1].s->ops->reset(rig.served[1].s, ERR_CLOSED);
	h2_release(1);
	h2_settle();
	int_is(h2_answer(later)->status, 200);
	int_is(h2_answer(later)->body.n, 20000);
	ok(!h2_answer(later)->ended);
	int_is(h2_answer(later)->code, NGHTTP2_CANCEL);
	ok(!rig.gone);
	h2_end();
}

static void test_reset_by_the_peer(void)
{
	int32_t id, other;

	h2_begin(0);
	rig.upload = filler(2 * MiB);
	id = h2_ask("POST", "/keep", "", true);
	other = h2_ask("GET", "/x", "", false);
	h2_settle();
	nghttp2_submit_rst_stream(rig.client, 0, id, NGHTTP2_CANCEL);
	h2_settle();
	int_is(rig.served[0].closed, ERR_RESET);
	int_is(rig.served[1].closed, 1);
	h2_head(1, 200, 0, true);
	h2_settle();
	answer_is(other, 200, "");
	h2_end();
}

/* Reset by the peer with NO_ERROR before the last byte: not a success. */
static void test_reset_before_the_end_of_an_answer(void)
{
	int32_t id;

	h2_begin(10);
	id = h2_ask("GET", "/x", "", false);
	h2_settle();
	h2_head(0, 200, 100, false);
	h2_body(0, filler(100));
	h2_finish(0);
	h2_settle();
	nghttp2_submit_rst_stream(rig.client, 0, id, NGHTTP2_NO_ERROR);
	h2_settle();
	int_is(rig.served[0].closed, ERR_RESET);
	h2_end();
}

/* The rest of the request is not wanted, and the answer is whole. */
static void test_early_answer(void)
{
	int32_t id, other;

	h2_begin(0);
	rig.upload = filler(4 * MiB);
	id = h2_ask("POST", "/early", "", true);
	h2_settle();
	answer_is(id, 200, "early");
	int_is(rig.served[0].closed, 0);
	ok(rig.served[0].body.n <= HTTP_WINDOW);
	other = h2_ask("GET", "/echo", "", false);
	h2_settle();
	answer_is(other, 200, "");
	h2_end();
}

/* ---- the end of connections ---- */

static void test_peer_gone(void)
{
	h2_begin(0);
	rig.upload = filler(1 * MiB);
	h2_ask("POST", "/keep", "", true);
	h2_ask("GET", "/late", "", false);
	h2_settle();
	peer_close(&rig.peer);
	h2_settle();
	ok(rig.served[0].closed < 0);
	ok(rig.served[1].closed < 0);
	/* A user keeps its stream, and may use it in vain. */
	ok(!rig.gone);
	h2_head(1, 200, -1, false);
	h2_body(1, STR("x"));
	h2_finish(1);
	rig.served[1].s->ops->reset(rig.served[1].s, ERR_CANCELED);
	h2_settle();
	ok(!rig.gone);
	h2_release(1);
	int_is(rig.gone, 1);
	h2_end();
}

/* Whatever callback the connection is ended from, each stream hears of it once. */
static void test_abort_in_each_callback(void)
{
	for (int round = 0; round < 5; round++) {
		h2_begin(0);
		h2_ask("GET", "/1", "", false);
		h2_ask("GET", "/late", "", false);
		h2_settle();
		rig.abort_in_callback = true;
		rig.upload = STR("hello");
		if (round == 0) {
			h2_ask("GET", "/accept", "", false);
		} else if (round == 1) {
			rig.abort_in_callback = false;
			h2_ask("POST", "/keep", "content-length: 10\n", true);
			h2_settle();
			rig.abort_in_callback = true;
			h2_head(0, 200, -1, false);
			h2_body(0, STR("x"));		/* on_sent */
		} else if (round == 2) {
			nghttp2_submit_rst_stream(rig.client, 0, 1, NGHTTP2_CANCEL);
		} else if (round == 3) {
			h2_head(0, 200, 0, true);	/* on_closed, while writing */
		} else {
			h2_head(0, 200, 5, true);	/* on_closed, of a stream that breaks */
		}
		h2_settle();
		ok(!rig.server || rig.served[1].s);
		ok(rig.peer.saw_eof || rig.peer.saw_reset);
		for (size_t i = 0; i < rig.accepted; i++)
			ok(rig.served[i].closed != 1);
		h2_end();
	}
}

static void test_abort_when_idle_says_goodbye(void)
{
	int32_t id;

	h2_begin(0);
	id = h2_ask("GET", "/echo", "", false);
	h2_settle();
	answer_is(id, 200, "");
	ok(h2_server_is_idle(rig.server));
	h2_server_abort(rig.server, ERR_CANCELED);
	h2_settle();
	int_is(rig.goaway, NGHTTP2_NO_ERROR);
	ok(rig.peer.saw_eof);
	ok(!rig.peer.saw_reset);
	h2_end();
}

static void test_drain(void)
{
	int32_t running, late;

	h2_begin(0);
	running = h2_ask("GET", "/1", "", false);
	h2_settle();
	h2_server_drain(rig.server);
	h2_settle();
	int_is(rig.goaway, NGHTTP2_NO_ERROR);
	int_is(rig.goaway_last, running);
	late = h2_ask("GET", "/2", "", false);
	h2_settle();
	int_is(rig.accepted, 1);
	ok(late < 0 || !h2_answer(late)->status);
	h2_head(0, 200, -1, false);
	h2_body(0, filler(HTTP_WINDOW));
	h2_settle();
	ok(!rig.gone);
	h2_body(0, filler(HTTP_WINDOW));
	h2_finish(0);
	h2_settle();
	int_is(h2_answer(running)->body.n, 2 * HTTP_WINDOW);
	ok(h2_answer(running)->ended);
	ok(rig.peer.saw_eof);
	int_is(rig.gone, 1);
	int_is(rig.served[0].closed, 0);
	h2_end();

	h2_begin(0);
	h2_server_drain(rig.server);
	h2_settle();
	ok(rig.peer.saw_eof);
	h2_end();
}

/* close_after concerns the connection: the others on it go on. */
static void test_close_after(void)
{
	int32_t a, b;

	h2_begin(0);
	a = h2_ask("GET", "/1", "", false);
	b = h2_ask("GET", "/2", "", false);
	h2_settle();
	rig.served[0].s->ops->close_after(rig.served[0].s);
	h2_head(0, 200, 0, true);
	h2_settle();
	answer_is(a, 200, "");
	int_is(rig.goaway, NGHTTP2_NO_ERROR);
	ok(!rig.gone);
	h2_head(1, 200, 0, true);
	h2_settle();
	answer_is(b, 200, "");
	int_is(rig.gone, 1);
	h2_end();
}

/* ERR_OK comes when the socket has all of the answer, not when the library had. */
static void test_done_when_the_socket_took_it(void)
{
	size_t at = 0;

	h2_begin_raw();
	/* Windows wide open, so that the socket alone holds it up. */
	raw_frame(NGHTTP2_SETTINGS, 0, 0, STR("\0\4\x7f\xff\xff\xff"));
	raw_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, STR("\x7f\0\0\0"));
	raw_get(1, "/x", true);
	raw_get(3, "/y", true);
	raw_send();
	h2_head(0, 200, -1, false);
	while (!rig.server->is_blocked && at < (size_t)64 * MiB) {	/* nobody reads */
		h2_body(0, filler(8192));
		at += 8192;
		for (int i = 0; i < 4; i++)
			loop_turn(peer_loop, 0);
	}
	ok(at < (size_t)64 * MiB);
	int_is(rig.served[0].sent, at);		/* there is room for more frames */
	h2_finish(0);
	h2_head(1, 200, 0, true);
	for (int i = 0; i < 10; i++)
		loop_turn(peer_loop, 0);
	int_is(rig.served[1].closed, 1);
	int_is(rig.served[0].closed, 1);
	ok(!h2_server_is_idle(rig.server));
	peer_settle(&rig.peer);
	int_is(rig.served[0].closed, 0);
	int_is(rig.served[1].closed, 0);
	int_is(rig.served[0].sent, at);
	int_is(raw_data(1), at);
	h2_end();
}

/* ---- time ---- */

static void test_idle_timeout(void)
{
	h2_begin(0);
	h2_ask("GET", "/x", "", false);
	h2_settle();
	h2_advance_ms(10000);
	h2_head(0, 200, 0, true);
	h2_settle();
	h2_advance_ms(H2_IDLE_TIMEOUT_MS - 1000);
	ok(!rig.gone);
	/* What is no request does not count. */
	nghttp2_submit_ping(rig.client, 0, NULL);
	h2_settle();
	h2_advance_ms(1001);
	int_is(rig.goaway, NGHTTP2_NO_ERROR);
	ok(rig.peer.saw_eof);
	int_is(rig.gone, 1);
	h2_end();
}

static void test_no_request_at_all(void)
{
	h2_begin(0);
	for (int i = 0; i < 4; i++) {
		nghttp2_submit_ping(rig.client, 0, NULL);
		h2_settle();
		ok(!rig.gone);
		h2_advance_ms(H2_HEAD_TIMEOUT_MS / 4 + 1);
	}
	int_is(rig.gone, 1);
	ok(rig.peer.saw_eof);
	h2_end();
}

/* A quiet watch is kept while the peer answers, for hours. */
static void test_ping_keeps_a_quiet_stream(void)
{
	int32_t id;

	h2_begin(0);
	id = h2_ask("GET", "/watch", "", false);
	h2_settle();
	h2_head(0, 200, -1, false);
	for (int i = 0; i < 240; i++)
		h2_advance_ms(15000);
	ok(rig.pings >= 100);
	ok(!rig.gone);
	h2_body(0, STR("event"));
	h2_settle();
	str_is(strbuf_str(&h2_answer(id)->body), STR("event"));
	h2_end();
}

static void test_dead_peer_is_noticed(void)
{
	h2_begin_raw();
	raw_get(1, "/watch", true);
	raw_send();
	h2_advance_ms(H2_PING_IDLE_MS + 1);
	ok(raw_got(NGHTTP2_PING, 0, NULL));
	int_is(rig.served[0].closed, 1);
	h2_advance_ms(H2_PING_TIMEOUT_MS + 1);
	int_is(rig.served[0].closed, ERR_TIMEOUT);
	int_is(rig.gone, 1);
	h2_end();
}

/* Complete, but the peer does not open its window: given up, though the peer is alive. */
static void test_answer_that_is_not_taken(void)
{
	int32_t id, watch;

	h2_begin(10);
	id = h2_ask("GET", "/x", "", false);
	watch = h2_ask("GET", "/watch", "", false);
	h2_settle();
	for (size_t i = 0; i < 2; i++) {
		h2_head(i, 200, -1, false);
		h2_body(i, filler(5000));
	}
	h2_finish(0);
	h2_settle();
	h2_advance_ms(H2_SEND_TIMEOUT_MS - 5000);
	nghttp2_session_consume_stream(rig.client, id, 10);
	h2_settle();
	int_is(h2_answer(id)->body.n, 20);
	for (int64_t ms = 0; ms < H2_SEND_TIMEOUT_MS - 5000; ms += 5000)
		h2_advance_ms(5000);
	int_is(rig.served[0].closed, 1);	/* it has moved */
	for (int i = 0; i < 5; i++)
		h2_advance_ms(5000);
	int_is(rig.served[0].closed, ERR_RESET);
	int_is(h2_answer(id)->code, NGHTTP2_CANCEL);
	/* An answer that goes on may be read as slowly as its reader likes. */
	int_is(rig.served[1].closed, 1);
	ok(!h2_answer(watch)->closed);
	h2_end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_request_and_response),
		TAP(test_responses_without_a_body),
		TAP(test_body_of_a_head_is_not_sent),
		TAP(test_informational_and_trailers),
		TAP(test_fields_of_a_response),
		TAP(test_large_heads),
		TAP(test_large_bodies),
		TAP(test_window_of_uploads),
		TAP(test_window_of_downloads),
		TAP(test_streams_take_turns),
		TAP(test_wrong_lengths_break),
		TAP(test_reset_by_the_user),
		TAP(test_reset_by_the_peer),
		TAP(test_reset_before_the_end_of_an_answer),
		TAP(test_early_answer),
		TAP(test_peer_gone),
		TAP(test_abort_in_each_callback),
		TAP(test_abort_when_idle_says_goodbye),
		TAP(test_drain),
		TAP(test_close_after),
		TAP(test_done_when_the_socket_took_it),
		TAP(test_idle_timeout),
		TAP(test_no_request_at_all),
		TAP(test_ping_keeps_a_quiet_stream),
		TAP(test_dead_peer_is_noticed),
		TAP(test_answer_that_is_not_taken),
		TAP_END
	};
	int rc = tap_main(tests);

	arena_thread_fini();
	return rc;
}
