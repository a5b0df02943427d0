/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP/2 server role with clients that break the rules or want to tire it. */
#include "config.h"

#include <sys/socket.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/h2_peer.h"
#include "tests/tap.h"

#define END_HEAD NGHTTP2_FLAG_END_HEADERS
#define END_STREAM NGHTTP2_FLAG_END_STREAM

/* The connection is over, and GOAWAY says why. */
static void ended_with(uint32_t want)
{
	uint32_t code = UINT32_MAX;

	ok(raw_got(NGHTTP2_GOAWAY, 0, &code));
	int_is(code, want);
	int_is(rig.gone, 1);
	for (size_t i = 0; i < rig.accepted; i++)
		ok(rig.served[i].closed != 1);
}

static void reset_with(int32_t id, uint32_t want)
{
	uint32_t code = UINT32_MAX;

	ok(raw_got(NGHTTP2_RST_STREAM, id, &code));
	int_is(code, want);
	ok(!raw_got(NGHTTP2_GOAWAY, 0, NULL));
}

/* ---- floods ---- */

static void flood_frame(uint8_t type, int i)
{
	struct strbuf block = STRBUF_INIT;

	switch (type) {
	case NGHTTP2_PING:
		raw_frame(type, 0, 0, STR("12345678"));
		break;
	case NGHTTP2_SETTINGS:
		raw_frame(type, 0, 0, STR_NULL);
		break;
	case NGHTTP2_PRIORITY:
		raw_frame(type, 0, 1, STR("\0\0\0\3\1"));
		break;
	case NGHTTP2_DATA:
		raw_frame(type, 0, 1, STR_NULL);
		break;
	case NGHTTP2_RST_STREAM:
		raw_get(2 * i + 3, "/x", true);
		raw_frame(type, 0, 2 * i + 3, STR("\0\0\0\10"));
		break;
	case NGHTTP2_CONTINUATION:
		if (!i) {
			raw_request(&block, "GET", "/x");
			raw_frame(NGHTTP2_HEADERS, 0, 3, strbuf_str(&block));
		}
		raw_frame(type, 0, 3, STR_NULL);
		break;
	default:	/* WINDOW_UPDATE by too much: it is we who reset the stream */
		raw_get(2 * i + 3, "/x", true);
		raw_frame(NGHTTP2_WINDOW_UPDATE, 0, 2 * i + 3, STR("\x7f\xff\xff\xff"));
		break;
	}
	strbuf_fini(&block);
}

static void test_floods(void)
{
	static const struct { const char *name; uint8_t type; int some, many; } rows[] = {
		{ "PING", NGHTTP2_PING, 900, 300 },
		{ "SETTINGS", NGHTTP2_SETTINGS, 900, 300 },
		{ "PRIORITY", NGHTTP2_PRIORITY, 900, 300 },
		{ "empty DATA", NGHTTP2_DATA, 900, 300 },
		{ "rapid reset", NGHTTP2_RST_STREAM, 900, 300 },
		{ "resets that we are made to send", NGHTTP2_WINDOW_UPDATE, 900, 300 },
		{ "CONTINUATION", NGHTTP2_CONTINUATION, H2_CONTINUATIONS_MAX - 1, 3 },
	};

	for (size_t r = 0; r < array_size(rows); r++) {
		uint8_t type = rows[r].type == NGHTTP2_WINDOW_UPDATE ? 0xff : rows[r].type;
		int i = 0;

		tap_row(rows[r].name);
		h2_begin_raw();
		raw_get(1, "/keep", false);
		for (; i < rows[r].some; i++) {
			flood_frame(type, i);
			if (i % 10 == 9)
				raw_send();
		}
		raw_send();
		ok(!rig.gone && !raw_got(NGHTTP2_GOAWAY, 0, NULL));
		for (; i < rows[r].some + rows[r].many; i++) {
			flood_frame(type, i);
			if (i % 10 == 9)
				raw_send();
		}
		raw_send();
		ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
		ok(rig.peer.saw_eof);
		h2_end();
	}
	tap_row(NULL);
}

/* The bucket fills again: a client that pings now and then may do so for ever. */
static void test_many_pings_in_a_long_time(void)
{
	h2_begin_raw();
	raw_get(1, "/x", true);
	for (int i = 0; i < 40; i++) {
		for (int j = 0; j < 90; j++)
			raw_frame(NGHTTP2_PING, 0, 0, STR("12345678"));
		raw_send();
		h2_advance_ms(1000);
	}
	ok(!rig.gone);
	h2_end();
}

/* A peer that asks and asks and does not read is not read from either, and given up in time. */
static void test_peer_that_does_not_read(void)
{
	struct strbuf flood = STRBUF_INIT;
	int64_t sent = 0, n;
	int small = 4096;

	h2_begin_raw();
	strbuf_clear(&rig.peer.got);
	setsockopt(rig.peer.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	raw_frame(NGHTTP2_SETTINGS, 0, 0, STR("\0\4\x7f\xff\xff\xff"));
	raw_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, STR("\x7f\0\0\0"));
	raw_get(1, "/x", true);
	raw_send();
	h2_head(0, 200, -1, false);
	for (size_t before = SIZE_MAX; before != rig.served[0].sent;) {
		char block[HTTP_WINDOW];

		memset(block, 'x', sizeof(block));
		before = rig.served[0].sent;
		h2_body(0, str_make(block, sizeof(block)));
		for (int i = 0; i < 10; i++)
			loop_turn(peer_loop, 0);
	}
	/* WINDOW_UPDATE by too much on streams of their own: each makes a frame of ours. */
	for (int i = 0; i < 900; i++)
		flood_frame(0xff, i);
	strbuf_add_str(&flood, strbuf_str(&raw));
	strbuf_clear(&raw);
	peer_send(&rig.peer, strbuf_str(&flood));
	for (int i = 0; i < 50; i++)
		loop_turn(peer_loop, 0);
	for (int quiet = 0; quiet < 50 && sent < 64 * 1024 * 1024; quiet++) {
		n = send(rig.peer.fd, flood.p, flood.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		sent += n > 0 ? n : 0;
		quiet = n > 0 ? -1 : quiet;
		loop_turn(peer_loop, 0);
	}
	ok(sent < 64 * 1024 * 1024);
	ok(!rig.gone);
	clock_fake_advance(&peer_clock, (H2_SEND_TIMEOUT_MS + 1) * INT64_C(1000));
	for (int i = 0; i < 10; i++)
		loop_turn(peer_loop, 0);
	int_is(rig.gone, 1);
	int_is(rig.served[0].closed, ERR_TIMEOUT);
	strbuf_fini(&flood);
	h2_end();
}

/* ---- heads ---- */

static void send_head(int32_t id, struct str block)
{
	uint8_t type = NGHTTP2_HEADERS;

	do {
		size_t n = block.n < 16384 ? block.n : 16384;

		raw_frame(type, (type == NGHTTP2_HEADERS ? END_STREAM : 0) |
			  (n == block.n ? END_HEAD : 0), id, str_slice(block, 0, n));
		block = str_skip(block, n);
		type = NGHTTP2_CONTINUATION;
	} while (block.n);
	raw_send();
}

static void test_heads_beyond_the_limit(void)
{
	char value[50000];

	memset(value, 'v', sizeof(value));
	for (int row = 0; row < 2; row++) {
		struct strbuf block = STRBUF_INIT;

		tap_row(row ? "bytes" : "fields");
		h2_begin_raw();
		raw_request(&block, "GET", "/x");
		for (int i = 0; i < (row ? 22 : 2001); i++)
			raw_field(&block, STR("x-a"), row ? str_make(value, sizeof(value)) :
				  STR("b"));
		send_head(1, strbuf_str(&block));
		int_is(rig.accepted, 0);
		ok(raw_got(NGHTTP2_HEADERS, 1, NULL));
		ok(str_find_str(strbuf_str(&rig.peer.got), STR("431 Request Header Fields Too "
								 "Large")) >= 0);
		ok(!rig.gone);
		raw_get(3, "/echo", true);
		raw_send();
		int_is(rig.accepted, 1);
		h2_end();
		strbuf_fini(&block);
	}
	tap_row(NULL);
}

/* One small frame that is a great head when it is decoded: the library is stopped. */
static void test_head_bomb(void)
{
	struct strbuf block = STRBUF_INIT;
	char value[3900];

	memset(value, 'v', sizeof(value));
	h2_begin_raw();
	raw_request(&block, "GET", "/x");
	strbuf_add_char(&block, 0x40);	/* into the dynamic table, from where it is index 62 */
	strbuf_add_cstr(&block, "\3x-a\x7f\xbd\x1d");
	strbuf_add(&block, value, 3900);
	for (int i = 0; i < 12000; i++)
		strbuf_add_char(&block, (char)0xbe);
	send_head(1, strbuf_str(&block));
	ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
	int_is(rig.accepted, 0);
	strbuf_fini(&block);
	h2_end();
}

static void test_heads_of_one_connection(void)
{
	struct strbuf block = STRBUF_INIT;
	char value[50000];

	memset(value, 'v', sizeof(value));
	h2_begin_raw();
	h2_server_trust(rig.server);
	raw_request(&block, "GET", "/x");
	for (int i = 0; i < 19; i++)
		raw_field(&block, STR("x-a"), str_make(value, sizeof(value)));
	for (int i = 0; i < 4; i++)
		send_head(2 * i + 1, strbuf_str(&block));
	int_is(rig.accepted, 4);
	send_head(9, strbuf_str(&block));
	int_is(rig.accepted, 4);
	ok(str_find_str(strbuf_str(&rig.peer.got), STR("431 ")) >= 0);
	/* What is given back may be used again. */
	h2_head(0, 200, 0, true);
	raw_send();
	send_head(11, strbuf_str(&block));
	int_is(rig.accepted, 5);
	strbuf_fini(&block);
	h2_end();
}

static void test_slow_head(void)
{
	struct strbuf block = STRBUF_INIT;

	h2_begin_raw();
	raw_get(1, "/echo", true);
	raw_send();
	raw_request(&block, "GET", "/x");
	raw_frame(NGHTTP2_HEADERS, END_STREAM, 3, strbuf_str(&block));
	raw_send();
	for (int i = 0; i < 4 && !rig.gone; i++) {
		h2_advance_ms(H2_HEAD_TIMEOUT_MS / 4 + 1);
		raw_frame(NGHTTP2_CONTINUATION, 0, 3, STR_NULL);
		raw_send();
	}
	ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
	strbuf_fini(&block);
	h2_end();
}

/* ---- field checks: request smuggling ---- */

struct bad_row {
	const char *label;
	const char *method, *path;
	struct str name, value, name2, value2;
	int status;		/* 0: RST_STREAM with PROTOCOL_ERROR; 1: accepted */
};

#define F(n, v) .name = { n, sizeof(n) - 1 }, .value = { v, sizeof(v) - 1 }
#define F2(n, v) .name2 = { n, sizeof(n) - 1 }, .value2 = { v, sizeof(v) - 1 }

static const struct bad_row bad_rows[] = {
	{ "good", "GET", "/x", F("a", "b"), .status = 1 },
	{ "CR", "GET", "/x", F("a", "b\rc"), .status = 0 },
	{ "LF", "GET", "/x", F("a", "b\nc"), .status = 0 },
	{ "CRLF and a field", "GET", "/x", F("a", "b\r\nx-remote-user: root"), .status = 0 },
	{ "NUL", "GET", "/x", F("a", "b\0c"), .status = 0 },
	{ "control byte", "GET", "/x", F("a", "b\1"), .status = 0 },
	{ "DEL", "GET", "/x", F("a", "b\177"), .status = 0 },
	{ "upper case", "GET", "/x", F("X-Remote-User", "root"), .status = 0 },
	{ "blank in a name", "GET", "/x", F("a b", "c"), .status = 0 },
	{ "colon in a name", "GET", "/x", F("a:b", "c"), .status = 0 },
	{ "CRLF in a name", "GET", "/x", F("a\r\nb", "c"), .status = 0 },
	{ "empty name", "GET", "/x", F("", "c"), .status = 0 },
	{ "name in UTF-8", "GET", "/x", F("\303\251", "c"), .status = 0 },
	{ "connection", "GET", "/x", F("connection", "close"), .status = 0 },
	{ "keep-alive", "GET", "/x", F("keep-alive", "1"), .status = 0 },
	{ "proxy-connection", "GET", "/x", F("proxy-connection", "close"), .status = 0 },
	{ "transfer-encoding", "POST", "/x", F("transfer-encoding", "chunked"), .status = 0 },
	{ "upgrade", "GET", "/x", F("upgrade", "websocket"), .status = 0 },
	{ "te: trailers", "GET", "/x", F("te", "trailers"), .status = 1 },
	{ "te: gzip", "GET", "/x", F("te", "gzip"), .status = 0 },
	{ "the same host", "GET", "/x", F("host", "localhost"), .status = 1 },
	{ "another host", "GET", "/x", F("host", "other"), .status = 400 },
	{ "two hosts", "GET", "/x", F("host", "localhost"), F2("host", "localhost"), .status = 0 },
	{ "second :path", "GET", "/x", F(":path", "/y"), .status = 0 },
	{ "pseudo-field behind", "GET", "/x", F("a", "b"), F2(":method", "GET"), .status = 0 },
	{ "pseudo-field of a response", "GET", "/x", F(":status", "200"), .status = 0 },
	{ "unknown pseudo-field", "GET", "/x", F(":identity", "root"), .status = 0 },
	{ "extended CONNECT", "GET", "/x", F(":protocol", "websocket"), .status = 0 },
	{ "CONNECT", "CONNECT", "/x", F("a", "b"), .status = 0 },
	{ "lower case method", "get", "/x", F("a", "b"), .status = 1 },
	{ "bad method", "G T", "/x", F("a", "b"), .status = 0 },
	{ "no path", "GET", "", F("a", "b"), .status = 0 },
	{ "relative path", "GET", "x", F("a", "b"), .status = 0 },
	{ "absolute form", "GET", "https://localhost/x", F("a", "b"), .status = 0 },
	{ "asterisk", "GET", "*", F("a", "b"), .status = 0 },
	{ "OPTIONS *", "OPTIONS", "*", F("a", "b"), .status = 200 },
	{ "blank in a path", "GET", "/a b", F("a", "b"), .status = 0 },
	{ "CRLF in a path", "GET", "/x HTTP/1.1\r\nX-Remote-User: root", F("a", "b"), .status = 0 },
	{ "UTF-8 in a path", "GET", "/\303\251", F("a", "b"), .status = 400 },
	{ "bad escape", "GET", "/%zz", F("a", "b"), .status = 400 },
	{ "escape in a query", "GET", "/x?a=%zz", F("a", "b"), .status = 1 },
	{ "length without a body", "POST", "/x", F("content-length", "5"), .status = 0 },
	{ "two lengths", "POST", "/x", F("content-length", "0"), F2("content-length", "0"),
	  .status = 0 },
	{ "length with sign", "POST", "/x", F("content-length", "+0"), .status = 0 },
	{ "expectation", "GET", "/x", F("expect", "200-ok"), .status = 417 },
};

static void test_refused_heads(void)
{
	for (size_t i = 0; i < array_size(bad_rows); i++) {
		const struct bad_row *r = &bad_rows[i];
		struct strbuf block = STRBUF_INIT;
		struct strbuf text = STRBUF_INIT;

		tap_row(r->label);
		h2_begin_raw();
		raw_request(&block, r->method, r->path);
		raw_field(&block, r->name, r->value);
		if (r->name2.n)
			raw_field(&block, r->name2, r->value2);
		send_head(1, strbuf_str(&block));
		int_is(rig.accepted, r->status == 1);
		strbuf_addf(&text, "%d ", r->status);
		if (!r->status)
			reset_with(1, NGHTTP2_PROTOCOL_ERROR);
		else if (r->status == 400)
			ok(str_find_str(strbuf_str(&rig.peer.got), strbuf_str(&text)) >= 0);
		else if (r->status > 1)
			ok(raw_got(NGHTTP2_HEADERS, 1, NULL));
		ok(!rig.gone);
		strbuf_fini(&block);
		strbuf_fini(&text);
		h2_end();
	}
	tap_row(NULL);
}

static void test_lengths_that_do_not_match(void)
{
	for (int row = 0; row < 3; row++) {
		struct strbuf block = STRBUF_INIT;

		tap_row(row == 0 ? "shorter" : row == 1 ? "longer" : "trailers at once");
		h2_begin_raw();
		raw_request(&block, "POST", "/keep");
		raw_field(&block, STR("content-length"), STR("5"));
		raw_frame(NGHTTP2_HEADERS, END_HEAD, 1, strbuf_str(&block));
		strbuf_clear(&block);
		raw_field(&block, STR("x-t"), STR("u"));
		if (row < 2)
			raw_frame(NGHTTP2_DATA, END_STREAM, 1, row ? STR("123456") : STR("1234"));
		else
			raw_frame(NGHTTP2_HEADERS, END_HEAD | END_STREAM, 1, strbuf_str(&block));
		raw_send();
		reset_with(1, NGHTTP2_PROTOCOL_ERROR);
		int_is(rig.served[0].closed, ERR_RESET);
		ok(!rig.served[0].ended);
		strbuf_fini(&block);
		h2_end();
	}
	tap_row(NULL);
}

/* Cookies in many fields are joined in one walk. */
static void test_many_cookies(void)
{
	struct strbuf block = STRBUF_INIT;

	h2_begin_raw();
	raw_request(&block, "GET", "/x");
	for (int i = 0; i < 1900; i++)
		raw_field(&block, STR("cookie"), STR("a=1"));
	send_head(1, strbuf_str(&block));
	int_is(rig.accepted, 1);
	int_is(rig.served[0].request.n, strlen("GET /x\nCookie: \n") + 1900 * 5 - 2);
	strbuf_fini(&block);
	h2_end();
}

/* ---- frames out of place ---- */

static void test_frames_on_closed_streams(void)
{
	h2_begin_raw();
	raw_get(1, "/echo", true);
	raw_send();
	raw_frame(NGHTTP2_DATA, 0, 1, STR("late"));
	raw_send();
	ended_with(NGHTTP2_STREAM_CLOSED);
	h2_end();

	/* Where we have reset it, the peer may not know yet. */
	h2_begin_raw();
	raw_get(1, "/reset", false);
	raw_send();
	reset_with(1, NGHTTP2_INTERNAL_ERROR);
	raw_frame(NGHTTP2_DATA, 0, 1, STR("late"));
	raw_frame(NGHTTP2_DATA, END_STREAM, 1, STR("late"));
	raw_get(3, "/echo", true);
	raw_send();
	int_is(rig.accepted, 2);
	int_is(rig.served[1].closed, 0);
	/* After its own RST_STREAM it does. */
	raw_frame(NGHTTP2_RST_STREAM, 0, 1, STR("\0\0\0\10"));
	raw_frame(NGHTTP2_DATA, 0, 1, STR("late"));
	raw_send();
	ended_with(NGHTTP2_STREAM_CLOSED);
	h2_end();
}

static void test_no_http2(void)
{
	static const char *const rows[] = {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		h2_begin_silent();
		strbuf_add_cstr(&raw, rows[i]);
		raw_send();
		ended_with(NGHTTP2_PROTOCOL_ERROR);
		h2_end();
	}
}

static void test_too_many_streams(void)
{
	h2_begin_raw();
	for (int i = 0; i < H2_MAX_STREAMS + 5; i++)
		raw_get(2 * i + 1, "/x", true);
	raw_send();
	int_is(rig.accepted, H2_MAX_STREAMS);
	for (int i = 0; i < 5; i++)
		reset_with(2 * (H2_MAX_STREAMS + i) + 1, NGHTTP2_REFUSED_STREAM);
	ok(!rig.gone);
	h2_end();
}

/* Streams of those who are unknown are bounded over all connections; the known are served. */
static void test_strangers_are_bounded(void)
{
	const size_t bound = H2_STRANGERS_MAX / H2_STREAM_COST;

	for (int round = 0; round < 2; round++) {	/* what was held is given back */
		int32_t id = 1;
		size_t before;

		h2_begin_streams(2 * (uint32_t)bound);
		do {
			before = rig.accepted;
			for (int i = 0; i < 500; i++, id += 2)
				raw_get(id, "/x", true);
			raw_send();
		} while (rig.accepted == before + 500 && rig.accepted < bound);
		ok(rig.accepted > bound / 2 && rig.accepted < bound);
		reset_with(id - 2, NGHTTP2_REFUSED_STREAM);
		before = rig.accepted;
		h2_server_trust(rig.server);
		raw_get(id, "/x", true);
		raw_send();
		int_is(rig.accepted, before + 1);
		h2_end();
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_floods),
		TAP(test_many_pings_in_a_long_time),
		TAP(test_peer_that_does_not_read),
		TAP(test_heads_beyond_the_limit),
		TAP(test_head_bomb),
		TAP(test_heads_of_one_connection),
		TAP(test_slow_head),
		TAP(test_refused_heads),
		TAP(test_lengths_that_do_not_match),
		TAP(test_many_cookies),
		TAP(test_frames_on_closed_streams),
		TAP(test_no_http2),
		TAP(test_too_many_streams),
		TAP(test_strangers_are_bounded),
		TAP_END
	};
	int rc = tap_main(tests);

	arena_thread_fini();
	return rc;
}
