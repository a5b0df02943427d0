/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/strbuf.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tests/tap.h"

#define S(literal) STR(literal)

/* Spec of the quoting: what Go's strconv.Quote prints. */
static void test_go_quoted(void)
{
	static const struct {
		struct str in, want;
	} rows[] = {
		{ S(""), S("\"\"") },
		{ S("jane"), S("\"jane\"") },
		{ S("a\"b\\c"), S("\"a\\\"b\\\\c\"") },
		{ S("\a\b\f\n\r\t\v"), S("\"\\a\\b\\f\\n\\r\\t\\v\"") },
		{ S("\0\1\x1f\x7f"), S("\"\\x00\\x01\\x1f\\x7f\"") },
		{ S("\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80"),
		  S("\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"") },
		{ S("\xff\xc3"), S("\"\\xff\\xc3\"") },
		{ S("\xc3(\xe2\x82"), S("\"\\xc3(\\xe2\\x82\"") },
		{ S("\xed\xa0\x80"), S("\"\\xed\\xa0\\x80\"") },
		{ S("\xc0\x80\xf4\x90\x80\x80"), S("\"\\xc0\\x80\\xf4\\x90\\x80\\x80\"") },
		{ S("\xef\xbf\xbd"), S("\"\xef\xbf\xbd\"") },
		{ S("\xc2\x80\xc2\xa0\xc2\xad"), S("\"\\u0080\\u00a0\\u00ad\"") },
		{ S("\xe2\x80\xa8\xe2\x80\x8b\xef\xbb\xbf"), S("\"\\u2028\\u200b\\ufeff\"") },
		{ S("\xee\x80\x80\xef\xbf\xbf"), S("\"\\ue000\\uffff\"") },
		{ S("\xf3\xa0\x80\x81\xf4\x8f\xbf\xbf"), S("\"\\U000e0001\\U0010ffff\"") },
		{ S("'<>&"), S("\"'<>&\"") },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf b = STRBUF_INIT;

		strbuf_add_go_quoted(&b, rows[i].in);
		str_is(strbuf_str(&b), rows[i].want);
		strbuf_fini(&b);
	}
}

/* What Go's encoding/json writes for a string. */
static void test_json_string(void)
{
	static const struct {
		struct str in, want;
	} rows[] = {
		{ S(""), S("\"\"") },
		{ S("plain text"), S("\"plain text\"") },
		{ S("a\"b\\c/"), S("\"a\\\"b\\\\c/\"") },
		{ S("\b\f\n\r\t"), S("\"\\b\\f\\n\\r\\t\"") },
		{ S("\0\a\v\x1f\x7f"), S("\"\\u0000\\u0007\\u000b\\u001f\x7f\"") },
		{ S("<a>&"), S("\"\\u003ca\\u003e\\u0026\"") },
		{ S("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"), S("\"\\u2028\\u2029\xe2\x80\xaa\"") },
		{ S("\xc3\xa9\xf0\x9f\x98\x80\xc2\x80"),
		  S("\"\xc3\xa9\xf0\x9f\x98\x80\xc2\x80\"") },
		{ S("\xff\xfe" "a\xc3"), S("\"\\ufffd\\ufffda\\ufffd\"") },
		{ S("\xed\xa0\x80"), S("\"\\ufffd\\ufffd\\ufffd\"") },
		{ S("\xef\xbf\xbd"), S("\"\xef\xbf\xbd\"") },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf b = STRBUF_INIT;

		strbuf_add_json_string(&b, rows[i].in);
		str_is(strbuf_str(&b), rows[i].want);
		strbuf_fini(&b);
	}
}

/* A 403 message whose user, namespace and reason hold every kind of character. */
static void test_forbidden_message_escapes(void)
{
	struct strbuf sentence = STRBUF_INIT, message = STRBUF_INIT, json = STRBUF_INIT;

	strbuf_add_cstr(&sentence, "User ");
	strbuf_add_go_quoted(&sentence, S("jane\"<x>&\x01\xc3\xa9\xe2\x80\xa8"));
	strbuf_add_cstr(&sentence,
			" cannot list resource \"pods\" in API group \"\" in the namespace ");
	strbuf_add_go_quoted(&sentence, S("a<b"));
	strbuf_add_cstr(&message, "pods is forbidden: ");
	strbuf_add_html_escaped(&message, strbuf_str(&sentence));
	strbuf_add_cstr(&message, ": reason <raw> & \"q\"");
	strbuf_add_json_string(&json, strbuf_str(&message));
	str_is(strbuf_str(&json),
	       S("\"pods is forbidden: User \\\"jane\\\\\\\"\\u0026lt;x\\u0026gt;\\u0026amp;"
		 "\\\\x01\xc3\xa9\\\\u2028\\\" cannot list resource \\\"pods\\\" in API group "
		 "\\\"\\\" in the namespace \\\"a\\u0026lt;b\\\": reason \\u003craw\\u003e "
		 "\\u0026 \\\"q\\\"\""));
	strbuf_fini(&sentence);
	strbuf_fini(&message);
	strbuf_fini(&json);
}

static void test_grows_and_stays_terminated(void)
{
	struct strbuf b = STRBUF_INIT;
	struct str s = STR_NULL;

	strbuf_add_str(&b, s);
	cstr_is(b.p, "");
	for (int i = 0; i < 1000; i++)
		strbuf_add_char(&b, (char)('a' + i % 26));
	int_is(b.n, 1000);
	ok(b.p[1000] == '\0');
	ok(b.p[0] == 'a' && b.p[999] == 'a' + 999 % 26);
	strbuf_clear(&b);
	int_is(b.n, 0);
	cstr_is(b.p, "");
	strbuf_addf(&b, "%s-%d", "x", 7);
	cstr_is(b.p, "x-7");
	strbuf_clear(&b);
	strbuf_addf(&b, "%0*d", 3000, 5);
	int_is(b.n, 3000);
	ok(b.p[2999] == '5' && b.p[3000] == '\0');
	strbuf_fini(&b);
	ok(!b.p && !b.n);
}

/* Around the sizes where the buffer grows. */
static void test_addf_of_any_length(void)
{
	for (int n = 0; n < 300; n++) {
		struct strbuf b = STRBUF_INIT;

		strbuf_addf(&b, "%.*s", 3, "abc");
		strbuf_addf(&b, "%*s", n, "");
		strbuf_addf(&b, "%s", "z");
		if (!int_is(b.n, n + 4) || !int_is(strlen(b.p), n + 4))
			tap_note("n is %d", n);
		ok(b.p[n + 3] == 'z');
		strbuf_fini(&b);
	}
}

static void test_reserve_gives_room(void)
{
	struct strbuf b = STRBUF_INIT;
	const char *p;

	strbuf_reserve(&b, 500);
	p = b.p;
	for (int i = 0; i < 500; i++)
		strbuf_add_char(&b, 'x');
	ok(b.p == p);
	strbuf_fini_secret(&b);
	ok(!b.p && !b.cap);
	strbuf_fini_secret(&b);
}

static void test_detach_gives_the_string_away(void)
{
	struct strbuf b = STRBUF_INIT;
	char *s = strbuf_detach(&b);

	cstr_is(s, "");
	free(s);
	strbuf_add_cstr(&b, "abc");
	s = strbuf_detach(&b);
	cstr_is(s, "abc");
	ok(!b.p && !b.n && !b.cap);
	free(s);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_go_quoted),
		TAP(test_json_string),
		TAP(test_forbidden_message_escapes),
		TAP(test_grows_and_stays_terminated),
		TAP(test_addf_of_any_length),
		TAP(test_reserve_gives_room),
		TAP(test_detach_gives_the_string_away),
		TAP_END
	};

	return tap_main(tests);
}
