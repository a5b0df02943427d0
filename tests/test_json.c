/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded JSON, and the splitter over its four formats: every piece size gives the same items. */
#include "config.h"

#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/split.h"
#include "tests/tap.h"

static int read_text(const char *text, int *line)
{
	json_t *v;
	int rc = json_read(str_from(text), &v, line);

	ok((rc == 0) == (v != NULL));
	json_decref(v);
	return rc;
}

static void test_read(void)
{
	static const struct { const char *text; int rc, line; } rows[] = {
		{ "{}", 0, 1 },
		{ " [1, 2.5, true, null, \"x\"] \n", 0, 1 },
		{ "\"a\\u0000b\"", 0, 1 },
		{ "{\"a\":1,\"a\":2}", 0, 1 },
		{ "99999999999999999999999", 0, 1 },
		{ "{\"a\":-99999999999999999999999,\"b\":5}", 0, 1 },
		{ "", ERR_SYNTAX, 1 },
		{ "{}{}", ERR_SYNTAX, 1 },
		{ "{\n\"a\":\n}", ERR_SYNTAX, 3 },
		{ "{\"a\\u0000b\":1}", ERR_SYNTAX, 1 },
		{ "\"\xff\"", ERR_SYNTAX, 1 },
		{ "1e999", ERR_SYNTAX, 1 },
		{ "{'a':1}", ERR_SYNTAX, 1 },
		{ "\"", ERR_SYNTAX, 1 },
		{ "\"\\", ERR_SYNTAX, 1 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		int line;

		tap_row(rows[i].text);
		int_is(read_text(rows[i].text, &line), rows[i].rc);
		int_is(line, rows[i].line);
	}
}

/* depth brackets around nothing. */
static char *nested(size_t depth)
{
	char *text = xcalloc(1, 2 * depth + 1);

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	return text;
}

static void test_limits(void)
{
	char *text = nested(JSON_DEPTH_MAX), *many;

	int_is(read_text(text, NULL), 0);
	free(text);
	text = nested(JSON_DEPTH_MAX + 1);
	int_is(read_text(text, NULL), ERR_LIMIT);
	free(text);
	/* Brackets within a string do not count. */
	text = nested(JSON_DEPTH_MAX + 10);
	text[0] = text[2 * JSON_DEPTH_MAX + 19] = '"';
	memcpy(text + 5, "\\\"", 2);
	int_is(read_text(text, NULL), 0);
	free(text);
	many = xcalloc(1, 2 * JSON_VALUES_MAX + 4);
	many[0] = '[';
	for (size_t i = 0; i < JSON_VALUES_MAX; i++)
		memcpy(many + 1 + 2 * i, "1,", 2);
	memcpy(many + 2 * (size_t)JSON_VALUES_MAX, "]", 2);
	int_is(read_text(many, NULL), ERR_LIMIT);
	free(many);
}

/* Collects what a splitter hands out: M<...> and I<...>. */
static int on_metadata(void *arg, struct str text)
{
	struct strbuf *out = arg;

	strbuf_addf(out, "M<%.*s>", STR_ARG(text));
	return 0;
}

static int on_item(void *arg, struct str text)
{
	struct strbuf *out = arg;

	strbuf_addf(out, "I<%.*s>", STR_ARG(text));
	return str_eq(text, STR("{\"stop\":1}")) ? ERR_REFUSED : 0;
}

static const struct split_handler collector = { on_metadata, on_item };

#define ITEM_MAX 40

/* Feeds text in pieces of that size, each in memory of its own. */
static int split_text(enum split_format format, struct str text, size_t piece, struct strbuf *out)
{
	struct split s;
	int rc = 0;

	split_init(&s, format, ITEM_MAX, &collector, out);
	for (size_t at = 0; !rc && at < text.n; at += piece) {
		struct str part = str_slice(text, at, at + piece);
		char *copy = xmalloc(part.n);

		memcpy(copy, part.p, part.n);
		rc = split_feed(&s, copy, part.n);
		free(copy);
		ok(split_held(&s) <= ITEM_MAX);
	}
	if (!rc)
		rc = split_end(&s);
	else
		int_is(split_feed(&s, " ", 1), rc);
	split_fini(&s);
	return rc;
}

static void check_split(enum split_format format, struct str text, int rc, const char *items)
{
	for (size_t piece = 1; piece <= text.n + 1; piece++) {
		struct strbuf out = STRBUF_INIT;

		strbuf_add_cstr(&out, "");
		int_is(split_text(format, text, piece, &out), rc);
		str_is(strbuf_str(&out), str_from(items));
		strbuf_fini(&out);
	}
}

static void test_split_json_list(void)
{
	static const struct { const char *text; int rc; const char *items; } rows[] = {
		{ "{\"kind\":\"RoleList\",\"metadata\":{\"resourceVersion\":\"5\"},\"items\":["
		  "{\"a\":1},{\"b\":[{}]}]}\n", 0,
		  "M<{\"resourceVersion\":\"5\"}>I<{\"a\":1}>I<{\"b\":[{}]}>" },
		{ "{\"items\":[ {} , {} ],\"metadata\":{}}", 0, "I<{}>I<{}>M<{}>" },
		{ "{\"items\":null,\"metadata\":{}}", 0, "M<{}>" },
		{ "{\"items\":[],\"x\":{\"items\":[{}],\"metadata\":{}},\"y\":[{}]}", 0, "" },
		{ "{\"x\":\"items\",\"y\":[{}],\"z\":{}}", 0, "" },
		{ "{\"items\":[{\"t\":\"]}\\\"\\\\\"}]}", 0, "I<{\"t\":\"]}\\\"\\\\\"}>" },
		{ "{\"items\":[{\"items\":[{}],\"metadata\":{}}]}", 0,
		  "I<{\"items\":[{}],\"metadata\":{}}>" },
		{ "{\"a very long member name\":{},\"metadata\":{}}", 0, "M<{}>" },
		{ "{\"items\":[{\"stop\":1},{}]}", ERR_REFUSED, "I<{\"stop\":1}>" },
		{ "{\"items\":[{\"a\":\"0123456789012345678901234567890123456789\"}]}", ERR_LIMIT,
		  "" },
		{ "{\"items\":[1]}", ERR_SYNTAX, "" },
		{ "{\"items\":[\"a\"]}", ERR_SYNTAX, "" },
		{ "{\"items\":[[]]}", ERR_SYNTAX, "" },
		{ "{\"items\":[{}", ERR_SYNTAX, "I<{}>" },
		{ "{\"items\":[{}]", ERR_SYNTAX, "I<{}>" },
		{ "{\"items\":[{\"a\":", ERR_SYNTAX, "" },
		{ "{}{}", ERR_SYNTAX, "" },
		{ "[]", ERR_SYNTAX, "" },
		{ "}", ERR_SYNTAX, "" },
		{ "x", ERR_SYNTAX, "" },
		{ " ", ERR_SYNTAX, "" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].text);
		check_split(SPLIT_JSON_LIST, str_from(rows[i].text), rows[i].rc, rows[i].items);
	}
}

static void test_split_json_values(void)
{
	static const struct { const char *text; int rc; const char *items; } rows[] = {
		{ "{\"type\":\"ADDED\"}\n{\"x\":{}}\n", 0, "I<{\"type\":\"ADDED\"}>I<{\"x\":{}}>" },
		{ "{}{} \r\n\t{}", 0, "I<{}>I<{}>I<{}>" },
		{ "", 0, "" },
		{ "\n\n", 0, "" },
		{ "{\"items\":[{}],\"metadata\":{}}", 0, "I<{\"items\":[{}],\"metadata\":{}}>" },
		{ "{\"stop\":1}{}", ERR_REFUSED, "I<{\"stop\":1}>" },
		{ "{}{\"a\":", ERR_SYNTAX, "I<{}>" },
		{ "{}[]", ERR_SYNTAX, "I<{}>" },
		{ "{}1", ERR_SYNTAX, "I<{}>" },
		{ "{},{}", ERR_SYNTAX, "I<{}>" },
		{ "\"x\"", ERR_SYNTAX, "" },
		{ "{\"a\":\"01234567890123456789012345678901234567\"}", ERR_LIMIT, "" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].text);
		check_split(SPLIT_JSON_VALUES, str_from(rows[i].text), rows[i].rc, rows[i].items);
	}
}

/* A splitter that skips what it does not keep still knows when nesting is without end. */
static void test_split_depth(void)
{
	struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;

	strbuf_add_cstr(&text, "{\"x\":");
	for (int i = 0; i < JSON_DEPTH_MAX + 2; i++)
		strbuf_add_char(&text, '[');
	int_is(split_text(SPLIT_JSON_LIST, strbuf_str(&text), 7, &out), ERR_LIMIT);
	strbuf_fini(&text);
	strbuf_fini(&out);
}

struct bytes_row {
	const char *name;
	struct str text;
	int rc;
	const char *items;
};

static void test_split_protobuf_list(void)
{
#define ENV "k8s\0\x0a\x05\x0a\x03kkk"		/* the magic and a typeMeta that is skipped */
	static const struct bytes_row rows[] = {
		{ "two items", STR(ENV "\x12\x0c\x0a\x02rv\x12\x01" "a" "\x12\x03" "bcd"
				   "\x1a\x00\x22\x00"), 0, "M<rv>I<a>I<bcd>" },
		{ "empty items", STR(ENV "\x12\x06\x12\x00\x0a\x00\x12\x00"), 0, "I<>M<>I<>" },
		{ "no raw", STR(ENV), 0, "" },
		{ "empty raw", STR(ENV "\x12\x00"), 0, "" },
		{ "unknown fields", STR(ENV "\x12\x14\x18\x96\x01\x22\x02zz\x29" "12345678"
					"\x35" "1234" "\x2d" "1234"), ERR_SYNTAX, "" },
		{ "unknown fields", STR(ENV "\x12\x13\x18\x96\x01\x22\x02zz\x29" "12345678"
					"\x12\x01x"), 0, "I<x>" },
		{ "padded", STR(ENV "\x12\x87\x80\x00\x92\x80\x00\x82\x80\x00x"), ERR_SYNTAX, "" },
		{ "padded", STR(ENV "\x12\x87\x80\x00\x92\x80\x00\x81\x80\x00x"), 0, "I<x>" },
		{ "raw twice", STR(ENV "\x12\x00\x12\x00"), ERR_SYNTAX, "" },
		{ "item beyond raw", STR(ENV "\x12\x03\x12\x02x" "zz"), ERR_SYNTAX, "" },
		{ "tag beyond raw", STR(ENV "\x12\x01\x92\x00\x00"), ERR_SYNTAX, "" },
		{ "skipped beyond raw", STR(ENV "\x12\x02\x1a\x05zzzzz"), ERR_SYNTAX, "" },
		{ "fixed beyond raw", STR(ENV "\x12\x03\x29zzzzzzzz\x12\x01z"), ERR_SYNTAX, "" },
		{ "a group", STR(ENV "\x12\x02\x1b\x1c"), ERR_SYNTAX, "" },
		{ "cut in the magic", STR("k8s"), ERR_SYNTAX, "" },
		{ "another magic", STR("k8s\x01\x12\x00"), ERR_SYNTAX, "" },
		{ "cut in a tag", STR(ENV "\x92"), ERR_SYNTAX, "" },
		{ "cut behind an item", STR(ENV "\x12\x0c\x12\x01" "a"), ERR_SYNTAX, "I<a>" },
		{ "cut in an item", STR(ENV "\x12\x0c\x12\x02" "a"), ERR_SYNTAX, "" },
		{ "cut in the trailer", STR(ENV "\x12\x00\x1a\x01"), ERR_SYNTAX, "" },
		{ "too large", STR(ENV "\x12\x7f\x12\x29"), ERR_LIMIT, "" },
		{ "length of 2^63", STR(ENV
		  "\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x12\x01z"),
		  ERR_SYNTAX, "I<z>" },
		{ "varint without end", STR(ENV "\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
		  ERR_SYNTAX, "" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].name);
		check_split(SPLIT_PROTOBUF_LIST, rows[i].text, rows[i].rc, rows[i].items);
	}
}

static void test_split_frames(void)
{
	static const struct bytes_row rows[] = {
		{ "none", STR(""), 0, "" },
		{ "three", STR("\0\0\0\1a\0\0\0\0\0\0\0\3bcd"), 0, "I<a>I<>I<bcd>" },
		{ "cut in the length", STR("\0\0\0\1a\0\0"), ERR_SYNTAX, "I<a>" },
		{ "cut in the frame", STR("\0\0\0\2a"), ERR_SYNTAX, "" },
		{ "too large", STR("\0\0\0\x29"), ERR_LIMIT, "" },
		{ "much too large", STR("\xff\xff\xff\xff"), ERR_LIMIT, "" },
		{ "stops", STR("\0\0\0\x0a{\"stop\":1}\0\0\0\1a"), ERR_REFUSED, "I<{\"stop\":1}>" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].name);
		check_split(SPLIT_PROTOBUF_FRAMES, rows[i].text, rows[i].rc, rows[i].items);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_read), TAP(test_limits), TAP(test_split_json_list),
		TAP(test_split_json_values), TAP(test_split_depth), TAP(test_split_protobuf_list),
		TAP(test_split_frames), TAP_END
	};

	return tap_main(tests);
}
