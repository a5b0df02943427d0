/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "authn/token_file.h"
#include "base/mem.h"
#include "obs/log.h"
#include "tests/tap.h"

#define PATH "tokens.csv"

/* name, uid, then each group, with | behind each; - for no user. */
static void describe(const struct user *u, struct strbuf *out)
{
	if (!u) {
		strbuf_add_char(out, '-');
		return;
	}
	strbuf_add_str(out, u->name);
	strbuf_add_char(out, '|');
	strbuf_add_str(out, u->uid);
	strbuf_add_char(out, '|');
	for (size_t i = 0; i < u->group_count; i++) {
		strbuf_add_str(out, u->groups[i]);
		strbuf_add_char(out, '|');
	}
	int_is(u->extra_count, 0);
}

struct lookup_case {
	const char *label;
	const char *text;
	const char *token;
	const char *want;
};

static const struct lookup_case lookups[] = {
	{ "three columns", "t,u,1\n", "t", "u|1|" },
	{ "quoted groups", "t,u,1,\"g1,g2\"\n", "t", "u|1|g1|g2|" },
	{ "groups that are not quoted: only the first", "t,u,1,g1,g2\n", "t", "u|1|g1|" },
	{ "groups are not trimmed inside", "t,u,1,\"g1,g 2,g3\"\n", "t", "u|1|g1|g 2|g3|" },
	{ "empty fourth field is one empty group", "t,u,1,\n", "t", "u|1||" },
	{ "empty uid", "t,u,\n", "t", "u||" },
	{ "any user and group may be named", "t,system:admin,,system:masters\n", "t",
	  "system:admin||system:masters|" },
	{ "unknown", "t,u,1\n", "T", "-" },
	{ "prefix", "token,u,1\n", "toke", "-" },
	{ "longer", "token,u,1\n", "token1", "-" },
	{ "empty file", "", "t", "-" },
	{ "an empty token is no record", ",u,1\n", "", "-" },
	{ "the later record wins", "t,u,1\nx,y,2\nt,v,3,g\n", "t", "v|3|g|" },
	{ "others stay when one wins", "t,u,1\nx,y,2\nt,v,3,g\n", "x", "y|2|" },
	{ "byte-order mark is part of the token", "\xef\xbb\xbft,u,1\n", "t", "-" },
	{ "byte-order mark", "\xef\xbb\xbft,u,1\n", "\xef\xbb\xbft", "u|1|" },
	{ "no comments", "#t,u,1\n", "#t", "u|1|" },
	{ "comma in a quoted name", "t,\"a,b\",1\n", "t", "a,b|1|" },
	{ "bytes above 0x7f", "t,j\xc3\xb6rg,1\n", "t", "j\xc3\xb6rg|1|" },
};

static void test_lookup(void)
{
	for (size_t i = 0; i < array_size(lookups); i++) {
		struct problems p = PROBLEMS_INIT;
		struct strbuf got = STRBUF_INIT;
		struct token_file *f = token_file_parse(PATH, str_from(lookups[i].text), &p);

		tap_row(lookups[i].label);
		int_is(p.count, 0);
		describe(token_file_find(f, str_from(lookups[i].token)), &got);
		str_is(strbuf_str(&got), str_from(lookups[i].want));
		strbuf_fini(&got);
		token_file_free(f);
		problems_fini(&p);
	}
}

struct problem_case {
	const char *label;
	const char *text;
	const char *want;
};

#define AT(line) PATH ":" #line ": --token-auth-file: "
#define COLUMNS \
	"token file 'tokens.csv' must have at least 3 columns (token, user name, user uid), found "
#define NOT_CARRIED ": the upstream cannot be told of this user\n"

static const struct problem_case problem_cases[] = {
	{ "too few columns", "a,b,c\n\nt,u\n", AT(3) COLUMNS "2\n" },
	{ "a line of blanks", "  \n", AT(1) COLUMNS "1\n" },
	{ "all problems at once", "a\nb,u,1\nc,d\n", AT(1) COLUMNS "1\n" AT(3) COLUMNS "2\n" },
	{ "quote in an unquoted field", "a,u,1, \"b\"\n",
	  AT(1) "parse error on line 1, column 8: bare \" in non-quoted-field\n" },
	{ "open quote", "a,u,1\n\"b,u,1\n", AT(2)
	  "parse error on line 2, column 8: extraneous or missing \" in quoted-field\n" },
	{ "empty user name", "t,,1\n", AT(1) "the user name is empty" NOT_CARRIED },
	{ "trailing blank in the name", "t,u ,1\n",
	  AT(1) "the user name begins or ends with a blank" NOT_CARRIED },
	{ "leading blank in the uid", "t,u, 1\n",
	  AT(1) "the uid begins or ends with a blank" NOT_CARRIED },
	{ "leading blank in a group", "t,u,1,\"a, system:masters\"\n",
	  AT(1) "a group begins or ends with a blank" NOT_CARRIED },
	{ "line break in a group", "t,u,1,\"a\nb\"\n",
	  AT(1) "a group has control bytes" NOT_CARRIED },
	{ "tab in a name", "t,a\tb,1\n", AT(1) "the user name has control bytes" NOT_CARRIED },
	{ "DEL in a name", "t,a\x7f,1\n", AT(1) "the user name has control bytes" NOT_CARRIED },
};

static void test_problems(void)
{
	for (size_t i = 0; i < array_size(problem_cases); i++) {
		struct problems p = PROBLEMS_INIT;

		tap_row(problem_cases[i].label);
		token_file_free(token_file_parse(PATH, str_from(problem_cases[i].text), &p));
		str_is(strbuf_str(&p.text), str_from(problem_cases[i].want));
		problems_fini(&p);
	}
}

static void test_warnings(void)
{
	struct problems p = PROBLEMS_INIT;
	char *log = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&log, &n);

	log_set_file(f);
	token_file_free(token_file_parse(PATH, STR("s3cret,u,1\n,u,1\n\ns3cret,v,2\n"), &p));
	log_set_file(NULL);
	fclose(f);
	ok(strstr(log, "empty token has been found in token file 'tokens.csv', record number '2'"));
	ok(strstr(log, "duplicate token has been found in token file 'tokens.csv', "
		       "record number '3'"));
	ok(!strstr(log, "s3cret"));
	int_is(p.count, 0);
	free(log);
	problems_fini(&p);
}

static void test_many(void)
{
	struct problems p = PROBLEMS_INIT;
	struct strbuf text = STRBUF_INIT;
	struct token_file *f;
	char token[32];
	int wrong = 0;

	for (int i = 0; i < 3000; i++)
		strbuf_addf(&text, "token-%d,user-%d,%d\n", i, i, i);
	f = token_file_parse(PATH, strbuf_str(&text), &p);
	for (int i = 0; i < 3000; i++) {
		const struct user *u;
		char name[32];

		snprintf(token, sizeof(token), "token-%d", i);
		snprintf(name, sizeof(name), "user-%d", i);
		u = token_file_find(f, str_from(token));
		wrong += !u || !str_eq(u->name, str_from(name));
	}
	int_is(wrong, 0);
	ok(!token_file_find(f, STR("token-3000")));
	token_file_free(f);
	token_file_free(NULL);
	strbuf_fini(&text);
	problems_fini(&p);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_lookup),
		TAP(test_problems),
		TAP(test_warnings),
		TAP(test_many),
		TAP_END,
	};

	return tap_main(tests);
}
