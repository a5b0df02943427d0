/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/json.h"
#include "tests/tap.h"

/* Documents as "line:json " one after the other. */
static int on_document(void *arg, json_t *doc, int line)
{
	char *text = json_dumps(doc, JSON_COMPACT | JSON_ENCODE_ANY);

	strbuf_addf(arg, "%d:%s ", line, text);
	free(text);
	return json_object_get(doc, "stop") ? ERR_REFUSED : 0;
}

static int read_yaml(struct str text, struct strbuf *out, int *line, const char **reason)
{
	strbuf_add_cstr(out, "");
	return yaml_read(text, on_document, out, line, reason);
}

static void check(const char *text, int want_rc, int want_line, const char *want)
{
	struct strbuf out = STRBUF_INIT;
	const char *reason;
	int line;

	tap_row(text);
	int_is(read_yaml(str_from(text), &out, &line, &reason), want_rc);
	cstr_is(out.p, want);
	if (want_rc) {
		int_is(line, want_line);
		ok((reason == NULL) == (want_rc == ERR_REFUSED));
	}
	strbuf_fini(&out);
	tap_row(NULL);
}

/* One scalar as the value of a key. */
static void test_scalars(void)
{
	static const struct { const char *text, *json; } rows[] = {
		{ "yes", "true" }, { "Yes", "true" }, { "on", "true" }, { "y", "true" },
		{ "TRUE", "true" }, { "no", "false" }, { "Off", "false" }, { "n", "false" },
		{ "False", "false" }, { "yEs", "\"yEs\"" }, { "tRUE", "\"tRUE\"" },
		{ "~", "null" }, { "", "null" }, { "Null", "null" }, { "nUll", "\"nUll\"" },
		{ "\"yes\"", "\"yes\"" }, { "'5'", "\"5\"" }, { "''", "\"\"" },
		{ "!!str yes", "\"yes\"" }, { "! 5", "\"5\"" }, { "!!int '5'", "5" },
		{ "!!float 5", "5" }, { "!!binary aGk=", "\"hi\"" },
		{ "0", "0" }, { "-0", "0" }, { "12", "12" }, { "+12", "12" }, { "1_000", "1000" },
		{ "0777", "511" }, { "0o17", "15" }, { "0x1F", "31" }, { "-0x1f", "-31" },
		{ "0b101", "5" }, { "08", "8" }, { "0x", "\"0x\"" }, { "0xg", "\"0xg\"" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "9223372036854775808", "9.2233720368547758e18" },
		{ "1.5", "1.5" }, { ".5", "0.5" }, { "1.", "1" }, { "-1.5e3", "-1500" },
		{ "1e3", "1000" }, { "1e+400", "\"1e+400\"" }, { ".", "\".\"" }, { "-", NULL },
		{ "1.5.2", "\"1.5.2\"" }, { "1e", "\"1e\"" }, { "._5", "\"._5\"" },
		{ "1:30", "\"1:30\"" }, { "2001-12-14", "\"2001-12-14\"" },
		{ "2001-12-14T21:59:43Z", "\"2001-12-14T21:59:43Z\"" }, { "v1", "\"v1\"" },
		{ "<<", "\"<<\"" }, { "*", NULL }, { ".inf", NULL }, { "-.INF", NULL },
		{ ".nan", NULL },
		{ "!!int x", NULL }, { "!!bool 1", NULL }, { "!foo x", NULL },
		{ "!!binary '*'", NULL },
		{ "|\n  a\n  b\n", "\"a\\nb\\n\"" }, { ">\n  a\n  b\n", "\"a b\\n\"" },
		{ "\"a\\0b\"", "\"a\\u0000b\"" }, { "\"\\u00e9\"", "\"\xc3\xa9\"" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf text = STRBUF_INIT, want = STRBUF_INIT;

		strbuf_addf(&text, "k: %s\n", rows[i].text);
		strbuf_add_cstr(&want, "");
		if (rows[i].json)
			strbuf_addf(&want, "1:{\"k\":%s} ", rows[i].json);
		check(text.p, rows[i].json ? 0 : ERR_SYNTAX, 1, want.p);
		strbuf_fini(&text);
		strbuf_fini(&want);
	}
}

static void test_keys(void)
{
	check("yes: 1\n0x10: 2\n\"no\": 3\n\"\": 4\n", 0, 0,
	      "1:{\"true\":1,\"16\":2,\"no\":3,\"\":4} ");
	check("a: 1\nb: 2\na: 3\n", ERR_SYNTAX, 3, "");
	check("a:\n  x: 1\n  x: 1\n", ERR_SYNTAX, 3, "");
	check("on: 1\n'true': 2\n", ERR_SYNTAX, 2, "");
	check("~: 1\n", ERR_SYNTAX, 1, "");
	check("1.5: 1\n", ERR_SYNTAX, 1, "");
	check("[a]: 1\n", ERR_SYNTAX, 1, "");
	check("\"a\\0b\": 1\n", ERR_SYNTAX, 1, "");
	check("&a k: 1\n", ERR_UNSUPPORTED, 1, "");
}

static void test_documents(void)
{
	check("", 0, 0, "");
	check("# nothing\n", 0, 0, "");
	check("---\n---\n# x\n---\na: 1\n...\n---\n\n- b\n", 0, 0, "5:{\"a\":1} 9:[\"b\"] ");
	check("a: 1\n---\nstop: 1\n---\nb: 1\n", ERR_REFUSED, 3, "1:{\"a\":1} 3:{\"stop\":1} ");
	check("a: 1\n---\nb: [\n", ERR_SYNTAX, 4, "1:{\"a\":1} ");
	check("a: 1\n b: 2\n", ERR_SYNTAX, 2, "");
	check("a: \xff\n", ERR_SYNTAX, 1, "");
	check("\xef\xbb\xbf" "a: 1\n", 0, 0, "1:{\"a\":1} ");
}

static void test_json_documents(void)
{
	check("{\"a\": \"x\ty\"}", 0, 0, "1:{\"a\":\"x\\ty\"} ");
	check("\n{\"a\":\"\\ud83d\\ude00\"}\n{\n}\n\n[1]\n", 0, 0,
	      "2:{\"a\":\"\xf0\x9f\x98\x80\"} 3:{} 6:[1] ");
	check("{\"a\":\"\\u0000\"}", 0, 0, "1:{\"a\":\"\\u0000\"} ");
	check("{a: b}\n", 0, 0, "1:{\"a\":\"b\"} ");
	check("{\"a\":1,\n\"a\":2}", ERR_SYNTAX, 2, "");
	check("{\"a\":1}\n{\"b\":\n}", ERR_SYNTAX, 3, "1:{\"a\":1} ");
	check("{\"stop\":1}{}", ERR_REFUSED, 1, "1:{\"stop\":1} ");
}

static void test_anchors(void)
{
	check("a: &x {p: 1}\nb: *x\nc: [*x, *x]\n", 0, 0,
	      "1:{\"a\":{\"p\":1},\"b\":{\"p\":1},\"c\":[{\"p\":1},{\"p\":1}]} ");
	check("a: &x 1\nb: &x 2\nc: *x\n", 0, 0, "1:{\"a\":1,\"b\":2,\"c\":2} ");
	check("a: *x\n", ERR_SYNTAX, 1, "");
	check("a: &x\n  b: *x\n", ERR_SYNTAX, 2, "");
	check("a: &x 1\n---\nb: *x\n", ERR_SYNTAX, 3, "1:{\"a\":1} ");
	check("a: &x k\n*x : 1\n", ERR_UNSUPPORTED, 2, "");
}

static void test_merge_keys(void)
{
	check("a: &x {p: 1, q: 2}\nb:\n  q: 3\n  <<: *x\n  r: 4\n", 0, 0,
	      "1:{\"a\":{\"p\":1,\"q\":2},\"b\":{\"q\":3,\"r\":4,\"p\":1}} ");
	check("- &x {p: 1}\n- &y {p: 2, q: 2}\n- {<<: [*x, *y]}\n", 0, 0,
	      "1:[{\"p\":1},{\"p\":2,\"q\":2},{\"p\":1,\"q\":2}] ");
	check("\"<<\": 1\n", 0, 0, "1:{\"<<\":1} ");
	check("<<: 1\n", ERR_SYNTAX, 1, "");
	check("<<: [1]\n", ERR_SYNTAX, 1, "");
}

/* Ten aliases per level: 10^6 nodes when expanded, from a few hundred bytes. */
static void test_aliases_are_bounded(void)
{
	struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
	const char *reason;
	int line;

	strbuf_add_cstr(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 6; i++) {
		strbuf_addf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			strbuf_addf(&text, "%s*a%d", j ? ", " : "", i - 1);
		strbuf_add_cstr(&text, "]\n");
	}
	int_is(read_yaml(strbuf_str(&text), &out, &line, &reason), ERR_LIMIT);
	int_is(line, 5);
	cstr_is(reason, "too many nodes");
	strbuf_fini(&text);
	strbuf_fini(&out);
}

static int read_nested(int depth, const char *tail)
{
	struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
	const char *reason;
	int line, rc;

	strbuf_add_cstr(&text, tail);
	strbuf_add_cstr(&text, "- ");
	for (int i = 1; i < depth; i++)
		strbuf_add_cstr(&text, "- ");
	strbuf_add_cstr(&text, *tail ? "*x\n" : "x\n");
	rc = read_yaml(strbuf_str(&text), &out, &line, &reason);
	strbuf_fini(&text);
	strbuf_fini(&out);
	return rc;
}

static void test_depth(void)
{
	int_is(read_nested(JSON_DEPTH_MAX, ""), 0);
	int_is(read_nested(JSON_DEPTH_MAX + 1, ""), ERR_LIMIT);
	/* What an alias brings in counts, too. */
	int_is(read_nested(JSON_DEPTH_MAX - 2, "- &x [[a]]\n"), 0);
	int_is(read_nested(JSON_DEPTH_MAX - 1, "- &x [[a]]\n"), ERR_LIMIT);
}

static void test_many_anchors(void)
{
	struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
	const char *reason;
	int line;

	for (int i = 0; i < 201; i++)
		strbuf_addf(&text, "- &a%d x\n", i);
	int_is(read_yaml(strbuf_str(&text), &out, &line, &reason), ERR_LIMIT);
	int_is(line, 201);
	strbuf_fini(&text);
	strbuf_fini(&out);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_scalars), TAP(test_keys), TAP(test_documents), TAP(test_json_documents),
		TAP(test_anchors), TAP(test_merge_keys), TAP(test_aliases_are_bounded),
		TAP(test_depth), TAP(test_many_anchors), TAP_END
	};

	return tap_main(tests);
}
