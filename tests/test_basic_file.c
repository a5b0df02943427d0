/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "authn/basic_file.h"
#include "authn/secret_base64.h"
#include "base/err.h"
#include "base/mem.h"
#include "obs/log.h"
#include "tests/tap.h"

#define PATH "passwords.csv"

struct lookup_case {
	const char *label;
	const char *text;
	const char *name;
	const char *password;
	const char *uid;	/* NULL: refused */
};

static const struct lookup_case lookups[] = {
	{ "right", "p,u,1\n", "u", "p", "1" },
	{ "wrong password", "p,u,1\n", "u", "q", NULL },
	{ "shorter password", "pp,u,1\n", "u", "p", NULL },
	{ "longer password", "p,u,1\n", "u", "pp", NULL },
	{ "empty for one that is not", "p,u,1\n", "u", "", NULL },
	{ "unknown user", "p,u,1\n", "v", "p", NULL },
	{ "an empty password is not special", ",u,1\n", "u", "", "1" },
	{ "the later record wins", "p,u,1\nq,u,2\n", "u", "q", "2" },
	{ "the earlier one is gone", "p,u,1\nq,u,2\n", "u", "p", NULL },
	{ "one password, two users", "p,u,1\np,v,2\n", "v", "p", "2" },
	{ "quoted password", "\"a,b\"\"c\",u,1\n", "u", "a,b\"c", "1" },
	{ "no trimming", " p ,u,1\n", "u", " p ", "1" },
};

static void test_lookup(void)
{
	for (size_t i = 0; i < array_size(lookups); i++) {
		const struct lookup_case *c = &lookups[i];
		struct problems p = PROBLEMS_INIT;
		struct basic_file *f = basic_file_parse(PATH, str_from(c->text), &p);
		const struct user *u;

		tap_row(c->label);
		int_is(p.count, 0);
		u = basic_file_find(f, str_from(c->name), str_from(c->password));
		ok(!u == !c->uid);
		if (u && c->uid)
			str_is(u->uid, str_from(c->uid));
		basic_file_free(f);
		problems_fini(&p);
	}
	basic_file_free(NULL);
}

static void test_groups(void)
{
	struct problems p = PROBLEMS_INIT;
	struct basic_file *f = basic_file_parse(PATH, STR("p,u,1,\"a,b\"\n"), &p);
	const struct user *u = basic_file_find(f, STR("u"), STR("p"));

	ok(u && u->group_count == 2 && str_eq(u->groups[1], STR("b")));
	basic_file_free(f);
	problems_fini(&p);
}

static void test_problems(void)
{
	struct problems p = PROBLEMS_INIT;
	static const char want[] =
		"passwords.csv:1: --basic-auth-file: password file 'passwords.csv' must have at "
		"least 3 columns (password, user name, user uid), found 2\n"
		"passwords.csv:3: --basic-auth-file: the user name is empty: "
		"the upstream cannot be told of this user\n"
		"passwords.csv:4: --basic-auth-file: parse error on line 4, column 2: "
		"bare \" in non-quoted-field\n";

	basic_file_free(basic_file_parse(PATH, STR("p,u\np,u,1\np,,1\np\",u,1\n"), &p));
	str_is(strbuf_str(&p.text), str_from(want));
	problems_fini(&p);
}

static void test_warning(void)
{
	struct problems p = PROBLEMS_INIT;
	char *log = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&log, &n);

	log_set_file(f);
	basic_file_free(basic_file_parse(PATH, STR("hidden,u,1\nhidden2,u,2\n"), &p));
	log_set_file(NULL);
	fclose(f);
	ok(strstr(log, "duplicate username has been found in password file 'passwords.csv', "
		       "record number '2'"));
	ok(!strstr(log, "hidden"));
	free(log);
	problems_fini(&p);
}

struct header_case {
	const char *label;
	const char *value;
	const char *want;	/* name|password, or NULL: not that shape */
};

static const struct header_case headers[] = {
	{ "plain", "Basic dTpw", "u|p" },
	{ "any case", "bASIC dTpw", "u|p" },
	{ "padding", "Basic dTpwcA==", "u|pp" },
	{ "one pad", "Basic dTpwcHA=", "u|ppp" },
	{ "colons in the password", "Basic dTpwOnE6", "u|p:q:" },
	{ "empty name", "Basic OnA=", "|p" },
	{ "empty password", "Basic dTo=", "u|" },
	{ "plus and slash", "Basic Ojw+Pz8/", "|<>???" },
	{ "no colon", "Basic dXA=", NULL },
	{ "padding missing", "Basic dTpwcA", NULL },
	{ "padding too long", "Basic dTpw====", NULL },
	{ "padding in the middle", "Basic dT==dTpw", NULL },
	{ "URL alphabet", "Basic Ojw-Pz8_", NULL },
	{ "two blanks", "Basic  dTpw", NULL },
	{ "blank inside", "Basic dT pw", NULL },
	{ "no blank", "BasicdTpw", NULL },
	{ "tab", "Basic\tdTpw", NULL },
	{ "scheme alone", "Basic", NULL },
	{ "nothing behind the scheme", "Basic ", NULL },
	{ "another scheme", "Bearer dTpw", NULL },
	{ "empty", "", NULL },
};

static void test_header(void)
{
	for (size_t i = 0; i < array_size(headers); i++) {
		const struct header_case *c = &headers[i];
		struct strbuf decoded = STRBUF_INIT, got = STRBUF_INIT;
		struct str name, password;
		bool found;

		tap_row(c->label);
		found = basic_parse_header(str_from(c->value), &decoded, &name, &password);
		int_is(found, c->want != NULL);
		if (found && c->want) {
			strbuf_add_str(&got, name);
			strbuf_add_char(&got, '|');
			strbuf_add_str(&got, password);
			str_is(strbuf_str(&got), str_from(c->want));
		}
		strbuf_fini(&got);
		strbuf_fini_secret(&decoded);
	}
}

static void test_base64_forms(void)
{
	struct strbuf b = STRBUF_INIT;

	int_is(secret_base64_decode(STR("-_8"), BASE64_URL_RAW, &b), 0);
	str_is(strbuf_str(&b), STR("\xfb\xff"));
	strbuf_clear(&b);
	/* Go ignores the unused bits of the last digit. */
	int_is(secret_base64_decode(STR("YR"), BASE64_URL_RAW, &b), 0);
	str_is(strbuf_str(&b), STR("a"));
	int_is(secret_base64_decode(STR("YQ=="), BASE64_URL_RAW, &b), ERR_SYNTAX);
	int_is(secret_base64_decode(STR("YWFhY"), BASE64_URL_RAW, &b), ERR_SYNTAX);
	int_is(secret_base64_decode(STR("+/8"), BASE64_URL_RAW, &b), ERR_SYNTAX);
	int_is(secret_base64_decode(STR("===="), BASE64_STANDARD, &b), ERR_SYNTAX);
	int_is(secret_base64_decode(STR("A==="), BASE64_STANDARD, &b), ERR_SYNTAX);
	strbuf_fini(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_lookup),
		TAP(test_groups),
		TAP(test_problems),
		TAP(test_warning),
		TAP(test_header),
		TAP(test_base64_forms),
		TAP_END,
	};

	return tap_main(tests);
}
