/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "proxy/query.h"
#include "tests/tap.h"

/* All parameters as "key=value;" in order. */
static void read_all(const char *raw, struct strbuf *out)
{
	struct str key, value;
	struct arena a;
	struct query q;

	arena_init(&a);
	query_init(&q, str_from(raw), &a);
	while (query_next(&q, &key, &value)) {
		strbuf_add_str(out, key);
		strbuf_add_char(out, '=');
		strbuf_add_str(out, value);
		strbuf_add_char(out, ';');
	}
	arena_fini(&a);
}

static void test_pieces(void)
{
	static const struct { const char *raw, *want; } rows[] = {
		{ "", "" }, { "a", "a=;" }, { "a=", "a=;" }, { "a=1&b=2", "a=1;b=2;" },
		{ "&&a=1&", "a=1;" }, { "=x", "=x;" }, { "a=b=c", "a=b=c;" },
		{ "a=1;b=2&c=3", "c=3;" }, { "a=%zz&b=%4&c=%", "" }, { "%zz=1&b=2", "b=2;" },
		{ "a+b=c+d", "a b=c d;" }, { "%77atch=%31", "watch=1;" }, { "a=%2526", "a=%26;" },
		{ "A=1&a=2&a=3", "A=1;a=2;a=3;" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf got = STRBUF_INIT;

		tap_row(rows[i].raw);
		read_all(rows[i].raw, &got);
		str_is(strbuf_str(&got), str_from(rows[i].want));
		strbuf_fini(&got);
	}
}

/* One more piece than the limit, and there are no parameters at all. */
static void test_too_many_pieces(void)
{
	struct strbuf raw = STRBUF_INIT, got = STRBUF_INIT;

	for (int i = 0; i < QUERY_PIECES_MAX; i++)
		strbuf_add_cstr(&raw, i ? "&a" : "a");
	read_all(raw.p, &got);
	int_is(got.n, 3 * QUERY_PIECES_MAX);
	strbuf_add_cstr(&raw, "&a");
	strbuf_clear(&got);
	read_all(raw.p, &got);
	int_is(got.n, 0);
	strbuf_fini(&raw);
	strbuf_fini(&got);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_pieces), TAP(test_too_many_pieces), TAP_END
	};

	return tap_main(tests);
}
