/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/csv.h"
#include "base/err.h"
#include "tests/tap.h"

/* All records of a text: fields with | between them, / behind each record, then ! and an error. */
static void read_all(struct str text, struct strbuf *out, int *last_line)
{
	struct csv_reader r;
	struct csv_record rec;
	int err;

	csv_reader_init(&r, text);
	while (!(err = csv_read(&r, &rec))) {
		for (size_t i = 0; i < rec.field_count; i++) {
			if (i)
				strbuf_add_char(out, '|');
			strbuf_add_str(out, rec.fields[i]);
		}
		strbuf_add_char(out, '/');
		*last_line = rec.line;
	}
	if (err == ERR_SYNTAX)
		strbuf_addf(out, "!%s", r.error);
	csv_reader_fini(&r);
}

struct csv_case {
	const char *label;
	const char *text;
	const char *want;
};

static const struct csv_case cases[] = {
	{ "empty file", "", "" },
	{ "one record", "a,b,c\n", "a|b|c/" },
	{ "no newline at the end", "a,b,c", "a|b|c/" },
	{ "CRLF", "a,b\r\nc,d\r\n", "a|b/c|d/" },
	{ "CR before the end of the file", "a,b\r", "a|b/" },
	{ "a lone CR is a byte", "a\rb,c\n", "a\rb|c/" },
	{ "two CRs lose one", "a\r\r\n", "a\r/" },
	{ "empty lines are skipped", "\n\r\na\n\n\nb\n\n", "a/b/" },
	{ "a line of blanks is a record", "  \n", "  /" },
	{ "no comments", "#x,y,z\n", "#x|y|z/" },
	{ "no trimming", " a , b \n", " a | b /" },
	{ "empty fields", ",,\n", "||/" },
	{ "trailing comma", "a,b,c,\n", "a|b|c|/" },
	{ "byte-order mark", "\xef\xbb\xbft,u,1\n", "\xef\xbb\xbft|u|1/" },
	{ "different lengths", "a\nb,c\nd,e,f\n", "a/b|c/d|e|f/" },
	{ "quoted", "\"a\",\"b,c\"\n", "a|b,c/" },
	{ "quoted empty", "\"\",\"\"\n", "|/" },
	{ "quoted empty alone is a record", "\"\"\n", "/" },
	{ "doubled quote", "\"a\"\"b\"\n", "a\"b/" },
	{ "quoted over lines", "\"a\nb\",c\n", "a\nb|c/" },
	{ "quoted over lines, CRLF becomes LF", "\"a\r\nb\",c\r\n", "a\nb|c/" },
	{ "quoted empty lines stay", "\"a\n\n\nb\"\n", "a\n\n\nb/" },
	{ "quoted, end of file", "a,\"b\"", "a|b/" },
	{ "quote in an unquoted field", "a,b\"c\n",
	  "!parse error on line 1, column 4: bare \" in non-quoted-field" },
	{ "blank before a quote", "a, \"b\"\n",
	  "!parse error on line 1, column 4: bare \" in non-quoted-field" },
	{ "text behind a closing quote", "\"a\"b,c\n",
	  "!parse error on line 1, column 3: extraneous or missing \" in quoted-field" },
	{ "blank behind a closing quote", "\"a\" ,c\n",
	  "!parse error on line 1, column 3: extraneous or missing \" in quoted-field" },
	{ "quote never closed", "x\n\"a,b\n",
	  "x/!parse error on line 2, column 6: extraneous or missing \" in quoted-field" },
	{ "quote never closed, no newline", "\"a",
	  "!parse error on line 1, column 3: extraneous or missing \" in quoted-field" },
	{ "quote never closed, a CR at the end", "\"a\n\r",
	  "!parse error on line 1, column 4: extraneous or missing \" in quoted-field" },
	{ "bad quote on a later line", "\"a\nb\"c\n",
	  "!record on line 1; parse error on line 2, column 2: "
	  "extraneous or missing \" in quoted-field" },
	{ "bare quote behind a field over lines", "\"a\nb\",c\"\n",
	  "!record on line 1; parse error on line 2, column 5: bare \" in non-quoted-field" },
	{ "records before an error come", "a\nb\nc\"\n",
	  "a/b/!parse error on line 3, column 2: bare \" in non-quoted-field" },
};

static void test_dialect(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf got = STRBUF_INIT;
		int line;

		tap_row(cases[i].label);
		read_all(str_from(cases[i].text), &got, &line);
		str_is(strbuf_str(&got), str_from(cases[i].want));
		strbuf_fini(&got);
	}
}

static void test_nul_is_a_byte(void)
{
	struct strbuf got = STRBUF_INIT;
	int line;

	read_all(STR("a\0b,c\n"), &got, &line);
	str_is(strbuf_str(&got), STR("a\0b|c/"));
	strbuf_fini(&got);
}

static void test_line_numbers(void)
{
	struct strbuf got = STRBUF_INIT;
	int line = 0;

	read_all(STR("\n\na\n\"b\nc\"\n\nd\n"), &got, &line);
	int_is(line, 7);
	strbuf_fini(&got);
}

static void test_many_fields(void)
{
	struct strbuf text = STRBUF_INIT;
	struct csv_reader r;
	struct csv_record rec;

	for (int i = 0; i < 5000; i++)
		strbuf_addf(&text, "%s%d", i ? "," : "", i);
	csv_reader_init(&r, strbuf_str(&text));
	int_is(csv_read(&r, &rec), 0);
	int_is(rec.field_count, 5000);
	str_is(rec.fields[4999], STR("4999"));
	int_is(csv_read(&r, &rec), ERR_NOT_FOUND);
	csv_reader_fini(&r);
	strbuf_fini(&text);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_dialect),
		TAP(test_nul_is_a_byte),
		TAP(test_line_numbers),
		TAP(test_many_fields),
		TAP_END,
	};

	return tap_main(tests);
}
