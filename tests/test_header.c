/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <ctype.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "http/header.h"
#include "tests/tap.h"

static struct arena arena;
static struct http_headers h;

/* Fills the list from "Name: value" lines. */
static void fill(const char *lines)
{
	struct str rest = str_from(lines), line;

	arena_fini(&arena);
	arena_init(&arena);
	http_headers_init(&h, &arena);
	while (str_next(&rest, '\n', &line)) {
		ptrdiff_t colon = str_find(line, ':', 0);

		if (colon > 0)
			http_headers_add(&h, str_slice(line, 0, (size_t)colon),
					 str_trim(str_skip(line, (size_t)colon + 1)));
	}
}

static void is_now(const char *want)
{
	struct strbuf got = STRBUF_INIT;

	for (size_t i = 0; i < h.n; i++)
		strbuf_addf(&got, "%.*s: %.*s\n", STR_ARG(h.v[i].name), STR_ARG(h.v[i].value));
	str_is(strbuf_str(&got), str_from(want));
	strbuf_fini(&got);
}

static void test_numbers(void)
{
	static const struct {
		const char *name;
		enum http_field field;
	} rows[] = {
#define ROW(id, name) { name, HTTP_##id },
		HTTP_FIELDS(ROW)
#undef ROW
		{ "X-Remote-Extra-", HTTP_X_REMOTE_EXTRA },
		{ "X-Remote-Extra-Scopes", HTTP_X_REMOTE_EXTRA },
		{ "Impersonate-User", HTTP_IMPERSONATE },
		{ "Impersonate-", HTTP_IMPERSONATE },
		{ "", HTTP_OTHER }, { "T", HTTP_OTHER }, { "TEE", HTTP_OTHER },
		{ "X_Remote_User", HTTP_OTHER }, { "X-Remote-Users", HTTP_OTHER },
		{ "X-Remote-Extra", HTTP_OTHER }, { "Impersonate", HTTP_OTHER },
		{ "A-Name-That-Is-Longer-Than-Any", HTTP_OTHER },
	};
	char other[40];

	for (size_t i = 0; i < array_size(rows); i++) {
		struct str name = str_from(rows[i].name);

		int_is(http_field_of(name), rows[i].field);
		for (size_t j = 0; j < name.n; j++)	/* in the other case */
			other[j] = isalpha((unsigned char)name.p[j]) ? name.p[j] ^ 0x20 : name.p[j];
		int_is(http_field_of(str_make(other, name.n)), rows[i].field);
	}
}

static void test_by_number(void)
{
	fill("Host: a\nTE: trailers, x\nhost: b\nX-Remote-Extra-A: 1\nX-Other: 2\n");
	str_is(*http_field_get(&h, HTTP_HOST), STR("a"));
	int_is(http_field_count(&h, HTTP_HOST), 2);
	ok(!http_field_get(&h, HTTP_DATE) && !http_field_has(&h, HTTP_DATE));
	int_is(http_field_count(&h, HTTP_DATE), 0);
	ok(http_field_has_token(&h, HTTP_TE, STR("Trailers")));
	ok(!http_field_has_token(&h, HTTP_TE, STR("trailer")));
	http_field_remove(&h, HTTP_BIT(HTTP_X_REMOTE_EXTRA) | HTTP_BIT(HTTP_DATE));
	is_now("Host: a\nTE: trailers, x\nhost: b\nX-Other: 2\n");
	http_field_set(&h, HTTP_HOST, STR("c"));
	is_now("TE: trailers, x\nX-Other: 2\nHost: c\n");
	http_field_add(&h, HTTP_RETRY_AFTER, STR("1"));
	is_now("TE: trailers, x\nX-Other: 2\nHost: c\nRetry-After: 1\n");
}

static void test_look_up(void)
{
	fill("Host: a\nX-A: 1\nx-a: 2\n");
	str_is(*http_headers_get(&h, STR("x-A")), STR("1"));
	ok(!http_headers_get(&h, STR("x_a")));
	ok(http_headers_get(&h, STR("HOST")) && !http_headers_get(&h, STR("none")));
}

static void test_many(void)
{
	fill("");
	for (int i = 0; i < 1000; i++)
		http_headers_add(&h, arena_printf(&arena, "n%d", i), STR("v"));
	int_is(h.n, 1000);
	ok(http_headers_get(&h, STR("N0")) && http_headers_get(&h, STR("n999")));
}

static void test_tokens(void)
{
	fill("Connection: keep-alive , Upgrade\nconnection: close\n");
	ok(http_field_has_token(&h, HTTP_CONNECTION, STR("upgrade")));
	ok(http_field_has_token(&h, HTTP_CONNECTION, STR("Close")));
	ok(http_field_has_token(&h, HTTP_CONNECTION, STR("keep-alive")));
	ok(!http_field_has_token(&h, HTTP_CONNECTION, STR("keep")));
	ok(!http_field_has_token(&h, HTTP_TE, STR("close")));
}

static void test_hop_by_hop(void)
{
	fill("Host: a\nConnection: close, X-Secret\nKeep-Alive: 5\nProxy-Connection: x\nTE: "
		    "trailers\n"
	     "Trailer: A\nTransfer-Encoding: chunked\nUpgrade: h2c\nx-secret: s\nX-Kept: k\n");
	http_headers_remove_hop_by_hop(&h);
	is_now("Host: a\nX-Kept: k\n");
}

/* A Connection field that nominates itself must not hide what a later one nominates. */
static void test_nominated_connection(void)
{
	fill("Connection: connection\nA: 1\nConnection: a, B\nb: 2\nC: 3\n");
	http_headers_remove_hop_by_hop(&h);
	is_now("C: 3\n");
}

static void test_grammar(void)
{
	ok(http_is_token(STR("X-a_b.c!#$%&'*+^`|~09")));
	ok(!http_is_token(STR("")));
	ok(!http_is_token(STR("a b")) && !http_is_token(STR("a:")) && !http_is_token(STR("a\0")));
	ok(!http_is_token(STR("a(")) && !http_is_token(STR("\303\251")));
	ok(!http_is_token(STR("a\177")));
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9');

		int_is(http_is_token(str_make(&byte, 1)),
		       is_alnum || (c && strchr("!#$%&'*+-.^_`|~", c) != NULL));
		int_is(http_is_field_value(str_make(&byte, 1)),
		       c == '\t' || (c >= 0x20 && c != 0x7f));
	}
	ok(http_is_field_value(STR("")) && http_is_field_value(STR("a\tb \377")));
	ok(!http_is_field_value(STR("a\rb")) && !http_is_field_value(STR("a\nb")));
	ok(!http_is_field_value(STR("a\0b")) && !http_is_field_value(STR("\177")));
	/* Wherever it stands, whatever stands before it. */
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < 18; at++) {
			char text[] = "tab\tand \377\200 others.";

			text[at] = (char)c;
			int_is(http_is_field_value(str_make(text, 18)),
			       c == '\t' || (c >= 0x20 && c != 0x7f));
		}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_numbers),
		TAP(test_by_number),
		TAP(test_look_up),
		TAP(test_many),
		TAP(test_tokens),
		TAP(test_hop_by_hop),
		TAP(test_nominated_connection),
		TAP(test_grammar),
		TAP_END
	};
	int rc = tap_main(tests);

	arena_fini(&arena);
	arena_thread_fini();
	return rc;
}
