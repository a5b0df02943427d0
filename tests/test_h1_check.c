/* SPDX-License-Identifier: Apache-2.0 */
/* The layers around llhttp, each by itself: llhttp or another layer may hide a hole in one. */
#include "config.h"

#include "base/err.h"
#include "base/mem.h"
#include "http/h1_check.h"
#include "http/h1_out.h"
#include "tests/h1_peer.h"
#include "tests/tap.h"

struct line_row {
	struct str head;
	enum h1_fault fault;
	size_t end;
};

#define S(literal) { literal, sizeof(literal) - 1 }

static const struct line_row line_rows[] = {
	{ S("A: b\r\n\r\n"), H1_FAULT_NONE, 8 },
	{ S("A: b\r\n\r\nrest"), H1_FAULT_NONE, 8 },
	{ S("\r\nrest"), H1_FAULT_NONE, 2 },
	{ S("A: b\r\n"), H1_FAULT_NONE, 0 },
	{ S("A:\r\n\r\n"), H1_FAULT_NONE, 6 },
	{ S("A: b\n"), H1_FAULT_BARE_LF, 0 },
	{ S("A: b\r\n\n"), H1_FAULT_BARE_LF, 0 },
	{ S("\n"), H1_FAULT_BARE_LF, 0 },
	{ S("A: b\rc\r\n"), H1_FAULT_BARE_CR, 0 },
	{ S("A: b\r\r\n"), H1_FAULT_BARE_CR, 0 },
	{ S("A\r: b\r\n"), H1_FAULT_BARE_CR, 0 },
	{ S("\r\r\n"), H1_FAULT_BARE_CR, 0 },
	{ S("A: b\r\n c\r\n"), H1_FAULT_OBS_FOLD, 0 },
	{ S("\tA: b\r\n"), H1_FAULT_OBS_FOLD, 0 },
	{ S("A\r\n"), H1_FAULT_NO_COLON, 0 },
	{ S(": b\r\n"), H1_FAULT_EMPTY_NAME, 0 },
	{ S("A : b\r\n"), H1_FAULT_BLANK_BEFORE_COLON, 0 },
	{ S("A\t: b\r\n"), H1_FAULT_BLANK_BEFORE_COLON, 0 },
	{ S("A B: b\r\n"), H1_FAULT_NAME, 0 },
	{ S("A\0: b\r\n"), H1_FAULT_NAME, 0 },
	{ S("A: \0\r\n"), H1_FAULT_VALUE, 0 },
	{ S("A: \177\r\n"), H1_FAULT_VALUE, 0 },
};

static void test_lines(void)
{
	for (size_t i = 0; i < array_size(line_rows); i++) {
		const struct line_row *r = &line_rows[i];
		enum h1_fault fault = H1_FAULT_NONE;
		struct h1_lines s = { 0 };
		size_t end = 0;

		tap_row(r->head.p);
		int_is(h1_lines_scan(&s, r->head.p, r->head.n, &end), r->fault);
		int_is(end, r->end);
		/* As it grows. */
		s = (struct h1_lines){ 0 };
		end = 0;
		for (size_t n = 1; n <= r->head.n && !fault && !end; n++)
			fault = h1_lines_scan(&s, r->head.p, n, &end);
		int_is(fault, r->fault);
		int_is(end, r->end);
	}
	tap_row(NULL);
}

/* The name of the row that refuses a request line with fields "Name: value\n"..., "" for none. */
static const char *refused(const char *line, const char *fields, bool http2)
{
	struct str rest = str_from(fields), field;
	struct h1_head head = { .line = str_from(line) };
	const struct h1_refusal *r;
	struct http_headers h;
	struct arena a;

	arena_init(&a);
	http_headers_init(&h, &a);
	while (str_next(&rest, '\n', &field)) {
		ptrdiff_t colon = str_find(field, ':', 0);

		if (colon > 0)
			http_headers_add(&h, str_slice(field, 0, (size_t)colon),
					 str_trim(str_skip(field, (size_t)colon + 1)));
	}
	head.headers = &h;
	h1_head_split(&head);
	r = h1_refuse(&head, http2);
	arena_fini(&a);
	return r ? r->name : "";
}

#define G "GET / HTTP/1.1"
#define H "Host: x\n"

static void test_each_row(void)
{
	cstr_is(refused(G, H, false), "");
	cstr_is(refused("GET  / HTTP/1.1", H, false), "request line");
	cstr_is(refused("GET / HTTP/1.1 ", H, false), "request line");
	cstr_is(refused("GET / HTTP/1.x", H, false), "malformed version");
	cstr_is(refused("GET / HTTP/3.0", H, false), "other version");
	cstr_is(refused("G:T / HTTP/1.1", H, false), "malformed method");
	cstr_is(refused("CONNECT h:1 HTTP/1.1", H, false), "CONNECT");
	cstr_is(refused("GET /\177 HTTP/1.1", H, false), "target byte");
	cstr_is(refused("GET /\200 HTTP/1.1", H, false), "target byte");
	cstr_is(refused("GET /\t HTTP/1.1", H, false), "target byte");
	cstr_is(refused("GET a HTTP/1.1", H, false), "target form");
	cstr_is(refused("GET * HTTP/1.1", H, false), "target form");
	cstr_is(refused("OPTIONS * HTTP/1.1", H, false), "");
	cstr_is(refused("GET 1http://h/ HTTP/1.1", H, false), "target form");
	cstr_is(refused("GET http://h HTTP/1.1", H, false), "");
	cstr_is(refused("GET /%2 HTTP/1.1", H, false), "target escape");
	cstr_is(refused("GET /%2F?%zz HTTP/1.1", H, false), "");
	cstr_is(refused(G, H "host: y\n", false), "several hosts");
	cstr_is(refused(G, "A: b\n", false), "missing host");
	cstr_is(refused("GET / HTTP/1.0", "", false), "");
	cstr_is(refused(G, "Host: \n", false), "");
	cstr_is(refused(G, "Host: [::1]:80\n", false), "");
	cstr_is(refused(G, "Host: a\\b\n", false), "illegal host");
	cstr_is(refused(G, H "Content-Length: 1\ntransfer-encoding: chunked\n", false), "both len"
		    "gths");
	cstr_is(refused(G, H "Content-Length: 1 \ncontent-length: 1\n", false), "malformed length");
	cstr_is(refused(G, H "Content-Length: 0x1\n", false), "malformed length");
	cstr_is(refused(G, H "Content-Length: 9223372036854775807\n", false), "");
	cstr_is(refused(G, H "Content-Length: 9223372036854775808\n", false), "malformed length");
	cstr_is(refused("GET / HTTP/1.0", "Transfer-Encoding: chunked\n", false), "coding in "
		    "HTTP/1.0");
	cstr_is(refused(G, H "Transfer-Encoding: chunked\n", false), "");
	cstr_is(refused(G, H "Transfer-Encoding: chunked, chunked\n", false), "other coding");
	cstr_is(refused(G, H "Expect: 100-Continue\n", false), "");
	cstr_is(refused(G, H "Expect: 101\n", false), "other expectation");
}

/* HTTP/2 has no request line and frames its bodies itself. */
static void test_rows_of_http2(void)
{
	cstr_is(refused("GET / ", "", true), "");
	cstr_is(refused("GET /%zz HTTP/2.0", "", true), "target escape");
	cstr_is(refused("GET a HTTP/2.0", "", true), "target form");
	cstr_is(refused("GET / HTTP/2.0", "Content-Length: 1\ncontent-length: 2\n", true),
		"malformed length");
	cstr_is(refused("GET / HTTP/2.0", "Host: a/b\n", true), "illegal host");
	cstr_is(refused("GET / HTTP/2.0", "Expect: x\n", true), "other expectation");
}

static struct stream *out_stream;

static void ignore(void *user)
{
	(void)user;
}

/* Turns of a millisecond that the kernel may take to carry 320 KiB. */
#define OUTPUT_TURNS_MAX 60000

/* A reader that is always a little late must not make the buffer grow for ever. */
static void test_output_gives_room_back(void)
{
	static const struct stream_handler events = { .on_open = ignore, .on_writable = ignore };
	static char block[16 * 1024];
	struct address any = { .len = 0 };
	struct h1_out o = { .buf = STRBUF_INIT };
	size_t added = 0, sent_all = 0, sent, most = 0;
	struct peer peer;
	int fd, small = 8192;
	bool wrote;

	peer_loop_new();
	fd = peer_connect(&peer);
	/* So small that a write never takes all there is. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	out_stream = stream_accept(peer_loop, fd, &any, NULL, &events, NULL);
	peer_settle(&peer);
	for (int i = 0; sent_all <= 20 * sizeof(block) && i < OUTPUT_TURNS_MAX; i++) {
		while (added - sent_all < 4 * sizeof(block)) {
			h1_out_add_chunk(&o, block, sizeof(block));
			added += sizeof(block);
		}
		h1_out_flush(&o, out_stream, &sent, &wrote);
		sent_all += sent;
		most = o.buf.n > most ? o.buf.n : most;
		if (added - sent_all >= 4 * sizeof(block)) {
			loop_turn(peer_loop, 1);
			peer_collect(&peer, SIZE_MAX);
			strbuf_clear(&peer.got);
		}
	}
	if (!ok(sent_all > 20 * sizeof(block)))
		tap_note("%zu sent", sent_all);
	ok(most <= 10 * sizeof(block));
	h1_out_fini(&o);
	stream_abort(out_stream);
	peer_fini(&peer);
	peer_loop_free();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_lines),
		TAP(test_each_row),
		TAP(test_rows_of_http2),
		TAP(test_output_gives_room_back),
		TAP_END
	};
	int rc = tap_main(tests);

	arena_thread_fini();
	return rc;
}
