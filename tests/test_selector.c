/* SPDX-License-Identifier: Apache-2.0 */
/* Field and label selectors by apimachinery's grammars. */
#include "config.h"

#include "authz/attributes.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/tap.h"

#define BAD "(error)"

struct row {
	struct str text;
	const char *want;	/* "key op value,value;...", or BAD */
};

static const char *const operators[] = {
	[SELECTOR_EQUALS] = "=", [SELECTOR_NOT_EQUALS] = "!=", [SELECTOR_IN] = "in",
	[SELECTOR_NOT_IN] = "notin", [SELECTOR_EXISTS] = "exists",
	[SELECTOR_DOES_NOT_EXIST] = "absent", [SELECTOR_GREATER] = ">", [SELECTOR_LESS] = "<",
};

static void print_selector(struct strbuf *b, const struct selector *s)
{
	for (size_t i = 0; i < s->n; i++) {
		strbuf_add_str(b, s->v[i].key);
		strbuf_addf(b, " %s ", operators[s->v[i].op]);
		for (size_t j = 0; j < s->v[i].value_count; j++) {
			strbuf_add_cstr(b, j ? "," : "");
			strbuf_add_str(b, s->v[i].values[j]);
		}
		strbuf_add_char(b, ';');
	}
}

static void check(const struct row *rows, size_t n,
		  int (*parse)(struct str text, struct arena *a, struct selector *out))
{
	for (size_t i = 0; i < n; i++) {
		struct strbuf b = STRBUF_INIT;
		struct selector s;
		struct arena a;
		int rc;

		tap_row(rows[i].text.p);
		arena_init(&a);
		rc = parse(rows[i].text, &a, &s);
		str_is(s.raw, rows[i].text);
		ok(s.unparsable == (rc == ERR_SYNTAX));
		if (rc < 0) {
			int_is(s.n, 0);
			strbuf_add_cstr(&b, BAD);
		}
		print_selector(&b, &s);
		str_is(strbuf_str(&b), str_from(rows[i].want));
		strbuf_fini(&b);
		arena_fini(&a);
	}
	tap_row(NULL);
}

static void test_fields(void)
{
	static const struct row rows[] = {
		{ STR(""), "" }, { STR(","), "" }, { STR("a=b"), "a = b;" },
		{ STR("a==b"), "a = b;" }, { STR("a!=b"), "a != b;" }, { STR("a=!b"), "a = !b;" },
		{ STR("b=1,,a=2,"), "a = 2;b = 1;" }, { STR("a"), BAD }, { STR("a=b,c"), BAD },
		{ STR("=b"), " = b;" }, { STR("="), "" }, { STR("!="), "" }, { STR("=="), "" },
		{ STR("a="), "a = ;" }, { STR(" a = b "), " a  =  b ;" },
		{ STR("a===b"), BAD }, { STR("a=b=c"), BAD }, { STR("a!b=c"), "a!b = c;" },
		{ STR("a=b\\=c"), "a = b=c;" }, { STR("a=b\\,c"), "a = b,c;" },
		{ STR("a=b\\\\c"), "a = b\\c;" }, { STR("a=b\\\\,c=d"), "a = b\\;c = d;" },
		{ STR("a=b\\c"), BAD }, { STR("a=b\\"), BAD }, { STR("a\\,b=c"), "a\\,b = c;" },
		{ STR("a=\xff"), "a = \xff;" },
		{ STR("a=\xff\\,\xc3\xa9"), "a = \xef\xbf\xbd,\xc3\xa9;" },
		{ STR("a=b\\\xc3\xa9"), BAD }, { STR("a=x==y"), BAD },
		{ STR("metadata.name=b,metadata.name==a"), "metadata.name = a;metadata.name = b;" },
	};

	check(rows, array_size(rows), selector_parse_fields);
}

static void test_labels(void)
{
	static const struct row rows[] = {
		{ STR(""), "" }, { STR("  "), "" }, { STR("a"), "a exists ;" },
		{ STR("!a"), "a absent ;" }, { STR("! a , b"), "a absent ;b exists ;" },
		{ STR("a=b"), "a = b;" }, { STR("a == b"), "a = b;" }, { STR("a!=b"), "a != b;" },
		{ STR("a="), "a = ;" }, { STR("a=,b"), "a = ;b exists ;" },
		{ STR("a!="), "a != ;" }, { STR("b=1,a=2"), "a = 2;b = 1;" },
		{ STR("a=2,a=1"), "a = 2;a = 1;" },
		{ STR("a in (c,b,c)"), "a in b,c;" }, { STR("a\tnotin\r\n(b)"), "a notin b;" },
		{ STR("a in (,)"), "a in ;" }, { STR("a in (b,)"), "a in ,b;" },
		{ STR("a in (,b)"), "a in ,b;" }, { STR("a in (b,,c)"), "a in ,b,c;" },
		{ STR("a in (,,b)"), "a in ,b;" }, { STR("a in (b,,)"), "a in ,b;" },
		{ STR("a in (,,)"), "a in ;" }, { STR("a in ()"), "a in ;" }, { STR("a in"), BAD },
		{ STR("a in (b"), BAD }, { STR("a in b"), BAD }, { STR("a in (b c)"), BAD },
		{ STR("a in (b=)"), BAD }, { STR("a in (b) c"), BAD },
		{ STR("a in (in,notin)"), "a in in,notin;" }, { STR("in in (in)"), "in in in;" },
		{ STR("in"), "in exists ;" }, { STR("!notin"), "notin absent ;" },
		{ STR("a=in"), "a = in;" }, { STR("in=in,notin"), "in = in;notin exists ;" },
		{ STR("a>1"), "a > 1;" }, { STR("a < 007"), "a < 007;" }, { STR("a>-1"), BAD },
		{ STR("a>x"), BAD }, { STR("a>"), BAD }, { STR("a>9223372036854775807"),
		"a > 9223372036854775807;" }, { STR("a>9223372036854775808"), BAD },
		{ STR("a,"), BAD }, { STR(",a"), BAD }, { STR("a,,b"), BAD }, { STR("a b"), BAD },
		{ STR("!"), BAD }, { STR("!!a"), BAD }, { STR("!a=b"), BAD }, { STR("a=b=c"), BAD },
		{ STR("a===b"), BAD }, { STR("a=!b"), BAD }, { STR("a!"), BAD },
		{ STR("(a)"), BAD },
		{ STR("a=>b"), BAD }, { STR("=b"), BAD }, { STR("a !== b"), BAD },
		{ STR("x.y/a=b"), "x.y/a = b;" }, { STR("x..y/a"), BAD }, { STR("/a"), BAD },
		{ STR("x/"), BAD }, { STR("x/y/z"), BAD }, { STR("X/y"), BAD },
		{ STR("x-/y"), BAD },
		{ STR("A.b_c-D9"), "A.b_c-D9 exists ;" }, { STR("-a"), BAD }, { STR("a."), BAD },
		{ STR("a=-b"), BAD }, { STR("a=b_"), BAD }, { STR("a=b/c"), BAD },
		{ STR("a=\xc3\xa9"), BAD }, { STR("a$"), BAD },
		/* A NUL ends a word, and everything where a token would begin. */
		{ STR("a=b\0c"), BAD }, { STR("a=b \0c=d"), "a = b;" }, { STR("\0=="), "" },
		{ STR("a=\0b"), "a = b;" }, { STR("a\0=b"), "a = b;" },
	};

	check(rows, array_size(rows), selector_parse_labels);
}

static void test_label_lengths(void)
{
	struct strbuf b = STRBUF_INIT;
	struct selector s;
	struct arena a;

	arena_init(&a);
	for (int i = 0; i < 63; i++)
		strbuf_add_char(&b, 'k');
	int_is(selector_parse_labels(strbuf_str(&b), &a, &s), 0);
	strbuf_add_char(&b, 'k');
	int_is(selector_parse_labels(strbuf_str(&b), &a, &s), ERR_SYNTAX);
	while (b.n < 253)
		strbuf_add_char(&b, 'k');
	strbuf_add_cstr(&b, "/a");
	int_is(selector_parse_labels(strbuf_str(&b), &a, &s), 0);
	b.p[253] = 'k';
	b.p[254] = '/';
	strbuf_add_char(&b, 'a');
	int_is(selector_parse_labels(strbuf_str(&b), &a, &s), ERR_SYNTAX);
	strbuf_fini(&b);
	arena_fini(&a);
}

/* Megabytes of terms take time in proportion, give or take the sorting. */
static void test_many_terms(void)
{
	struct strbuf fields = STRBUF_INIT, labels = STRBUF_INIT;
	struct selector s;
	struct arena a;

	arena_init(&a);
	for (int i = 0; i < 50000; i++) {
		strbuf_addf(&fields, "k%d=v,", i);
		strbuf_addf(&labels, "%sk%d in (a,b)", i ? "," : "", i);
	}
	int_is(selector_parse_fields(strbuf_str(&fields), &a, &s), 0);
	int_is(s.n, 50000);
	int_is(selector_parse_labels(strbuf_str(&labels), &a, &s), 0);
	int_is(s.n, 50000);
	str_is(s.v[1].key, STR("k1"));
	strbuf_fini(&fields);
	strbuf_fini(&labels);
	arena_fini(&a);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_fields), TAP(test_labels), TAP(test_label_lengths), TAP(test_many_terms),
		TAP_END
	};

	return tap_main(tests);
}
