/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "http/h1.h"
#include "http/h2_head.h"
#include "http/transport.h"
#include "tests/tap.h"

static struct arena arena;
static struct h2_head head;

static void begin(const char *method, const char *path)
{
	arena_init(&arena);
	h2_head_init(&head, &arena);
	h2_head_add(&head, STR(":method"), str_from(method));
	h2_head_add(&head, STR(":scheme"), STR("https"));
	h2_head_add(&head, STR(":path"), str_from(path));
}

static void end(void)
{
	arena_fini(&arena);
}

static const char *refusal(bool ends)
{
	const struct h1_refusal *r = h2_head_finish(&head, ends);

	return r ? r->name : "";
}

static void test_message(void)
{
	begin("POST", "/a?b");
	h2_head_add(&head, STR(":authority"), STR("h:1"));
	h2_head_add(&head, STR("content-length"), STR("12"));
	h2_head_add(&head, STR("expect"), STR("100-continue"));
	cstr_is(refusal(false), "");
	str_is(head.message.method, STR("POST"));
	str_is(head.message.target, STR("/a?b"));
	int_is(head.message.content_length, 12);
	ok(head.message.has_body && head.message.expect_continue && !head.message.is_http10);
	str_is(*http_field_get(&head.message.headers, HTTP_HOST), STR("h:1"));
	end();

	begin("GET", "/");
	cstr_is(refusal(true), "");
	ok(!head.message.has_body && !head.message.expect_continue);
	int_is(head.message.content_length, 0);
	ok(!http_field_has(&head.message.headers, HTTP_HOST));
	end();

	begin("POST", "/");
	cstr_is(refusal(false), "");
	int_is(head.message.content_length, -1);
	end();
}

static void test_authority_and_host(void)
{
	static const struct { const char *authority, *host, *second, *refused; } rows[] = {
		{ "a", NULL, NULL, "" }, { NULL, "a", NULL, "" }, { "a", "a", NULL, "" },
		{ "a", "b", NULL, "several hosts" }, { "a", "A", NULL, "several hosts" },
		{ "a", "a", "a", "several hosts" }, { NULL, "a", "a", "several hosts" },
		{ "a", "", NULL, "several hosts" }, { "u@a", NULL, NULL, "illegal host" },
		{ "a/b", NULL, NULL, "illegal host" }, { "a b", NULL, NULL, "illegal host" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].authority);
		begin("GET", "/");
		if (rows[i].authority)
			h2_head_add(&head, STR(":authority"), str_from(rows[i].authority));
		if (rows[i].host)
			h2_head_add(&head, STR("host"), str_from(rows[i].host));
		if (rows[i].second)
			h2_head_add(&head, STR("host"), str_from(rows[i].second));
		cstr_is(refusal(true), rows[i].refused);
		if (!*rows[i].refused)
			int_is(http_field_count(&head.message.headers, HTTP_HOST), 1);
		end();
	}
	tap_row(NULL);
}

/* Faults that nghttp2 would find, too: the head does not rely on it. */
static void test_faults(void)
{
	static const struct { const char *name; struct str value; const char *refused; } rows[] = {
		{ "a", { "b\rc", 3 }, "illegal field value" },
		{ "a", { "b\nc", 3 }, "illegal field value" },
		{ "a", { "b\0c", 3 }, "illegal field value" },
		{ "a b", { "c", 1 }, "illegal field name" },
		{ "a\r\n", { "c", 1 }, "illegal field name" },
		{ "", { "c", 1 }, "illegal field name" },
		{ "transfer-encoding", { "chunked", 7 }, "" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].name);
		begin("GET", "/");
		h2_head_add(&head, str_from(rows[i].name), rows[i].value);
		h2_head_add(&head, STR("x-later"), STR("y"));
		cstr_is(refusal(true), rows[i].refused);
		end();
	}
	tap_row(NULL);
}

static void test_limits(void)
{
	static char big[HTTP_HEAD_MAX];

	memset(big, 'x', sizeof(big));
	begin("GET", "/");
	h2_head_add(&head, STR("a"), str_make(big, sizeof(big) - 300));
	cstr_is(refusal(true), "");
	end();
	begin("GET", "/");
	h2_head_add(&head, STR("a"), str_make(big, sizeof(big)));
	cstr_is(refusal(true), "head too large");
	end();
	begin("GET", "/");
	for (int i = 0; i <= H1_HEADERS_MAX; i++)
		h2_head_add(&head, STR("a"), STR("b"));
	int_is(head.message.headers.n, H1_HEADERS_MAX);
	cstr_is(refusal(true), "too many fields");
	end();
}

static void test_cookies(void)
{
	begin("GET", "/");
	h2_head_add(&head, STR("cookie"), STR("a=1"));
	h2_head_add(&head, STR("x"), STR("y"));
	h2_head_add(&head, STR("cookie"), STR(""));
	h2_head_add(&head, STR("cookie"), STR("b=2; c=3"));
	cstr_is(refusal(true), "");
	int_is(http_field_count(&head.message.headers, HTTP_COOKIE), 1);
	str_is(*http_field_get(&head.message.headers, HTTP_COOKIE), STR("a=1; ; b=2; c=3"));
	end();
}

static void fields_are(const nghttp2_nv *v, const size_t *count, const char *want)
{
	size_t n = *count;
	struct strbuf got = STRBUF_INIT;

	for (size_t i = 0; v && i < n; i++)
		strbuf_addf(&got, "%.*s=%.*s;", (int)v[i].namelen, (const char *)v[i].name,
			    (int)v[i].valuelen, (const char *)v[i].value);
	str_is(strbuf_str(&got), str_from(want));
	strbuf_fini(&got);
}

static void test_response_fields(void)
{
	struct http_message m = { .status = 200, .content_length = 5 };
	struct http_headers *h = &m.headers;
	size_t n;

	arena_init(&arena);
	http_headers_init(h, &arena);
	http_headers_add(h, STR("X-A"), STR("b"));
	http_headers_add(h, STR("Upgrade"), STR("x"));
	http_headers_add(h, STR("Proxy-Connection"), STR("x"));
	fields_are(h2_response_fields(&arena, &m, &n), &n, ":status=200;content-length=5;X-A=b;");
	m.content_length = -1;
	m.status = 404;
	fields_are(h2_response_fields(&arena, &m, &n), &n, ":status=404;X-A=b;");
	m.content_length = 0;
	m.status = 204;
	fields_are(h2_response_fields(&arena, &m, &n), &n, ":status=204;X-A=b;");
	fields_are(h2_trailer_fields(&arena, h, &n), &n, "X-A=b;");
	http_headers_add(h, STR("X-B"), STR("b\r\nc"));
	ok(!h2_response_fields(&arena, &m, &n));
	ok(!h2_trailer_fields(&arena, h, &n));
	int_is(n, 0);
	end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_message),
		TAP(test_authority_and_host),
		TAP(test_faults),
		TAP(test_limits),
		TAP(test_cookies),
		TAP(test_response_fields),
		TAP_END
	};
	int rc = tap_main(tests);

	arena_thread_fini();
	return rc;
}
