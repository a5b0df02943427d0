/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/err.h"
#include "proxy/self_review.h"
#include "tests/tap.h"

#define USER(name, uid, groups, extra) \
	"{\"status\":{\"userInfo\":{\"username\":\"" name "\",\"uid\":\"" uid \
	"\",\"groups\":[" groups "],\"extra\":{" extra "}}}}"
#define NAME "kube-authproxy:self-test"
#define UID "kube-authproxy-self-test-uid"
#define GROUPS "\"kube-authproxy:self-test-1\",\"kube-authproxy:self-test-2\"," \
	"\"system:authenticated\""
#define EXTRA "\"kube-authproxy/self-test\":[\"one\",\"two words\"]"

static void test_judgement(void)
{
	static const struct { int status; const char *body, *flag; } rows[] = {
		{ 201, USER(NAME, UID, GROUPS, EXTRA), NULL },
		{ 200, USER(NAME, UID, GROUPS, EXTRA), NULL },
		{ 201, USER(NAME, "", GROUPS, EXTRA), "--requestheader-uid-headers" },
		{ 201, USER(NAME, UID, "\"system:authenticated\"", EXTRA),
		  "--requestheader-group-headers" },
		{ 201, USER(NAME, UID, GROUPS, ""), "--requestheader-extra-headers-prefix" },
		{ 201, USER(NAME, UID, GROUPS, "\"kube-authproxy/self-test\":[\"one\"]"),
		  "--requestheader-extra-headers-prefix" },
		{ 201, USER("kube-authproxy", "", "", ""), "proxy's own certificate" },
		{ 201, USER("system:anonymous", "", "", ""), "--requestheader-client-ca-file" },
		{ 401, "{}", "--requestheader-allowed-names" },
		{ 403, "{}", "--requestheader-username-headers" },
		{ 404, "{}", "1.28" },
		{ 500, "{}", "status 500" },
		{ 201, "{", "not JSON" },
		{ 201, "{}", "--requestheader-username-headers" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strbuf why = STRBUF_INIT;
		int rc = self_review_judge(rows[i].status, str_from(rows[i].body),
					   STR("kube-authproxy"), &why);

		tap_row(rows[i].flag ? rows[i].flag : "whole");
		int_is(rc, rows[i].flag ? ERR_REFUSED : 0);
		if (rows[i].flag)
			ok(str_find_str(strbuf_str(&why), str_from(rows[i].flag)) >= 0);
		strbuf_fini(&why);
	}
}

int main(void)
{
	static const struct tap_test tests[] = { TAP(test_judgement), TAP_END };

	return tap_main(tests);
}
