/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "conf/problems.h"

#include <stdlib.h>

#include "tests/tap.h"

static void test_parts_that_apply(void)
{
	struct problems p = PROBLEMS_INIT;

	problems_add(&p, "/etc/x.csv", 7, "token-auth-file", "too %s", "short");
	problems_add(&p, "/etc/x.csv", 0, "token-auth-file", "gone");
	problems_add(&p, NULL, 9, "secure-port", "bad");
	problems_add(&p, "rbac.yaml", 3, NULL, "bad");
	problems_add(&p, NULL, 0, NULL, "all is bad");
	int_is(p.count, 5);
	cstr_is(p.text.p, "/etc/x.csv:7: --token-auth-file: too short\n"
		"/etc/x.csv: --token-auth-file: gone\n"
		"--secure-port: bad\n"
		"rbac.yaml:3: bad\n"
		"all is bad\n");
	problems_fini(&p);
	int_is(p.count, 0);
}

static void test_a_problem_is_one_line(void)
{
	struct problems p = PROBLEMS_INIT;

	problems_add(&p, "a\nb", 1, NULL, "%s", "x\n--y: z\x7f\x1b\xc3\xa9");
	cstr_is(p.text.p, "a\\x0ab:1: x\\x0a--y: z\\x7f\\x1b\xc3\xa9\n");
	problems_fini(&p);
}

static void test_print(void)
{
	struct problems p = PROBLEMS_INIT;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	problems_print(&p, out);
	fflush(out);
	int_is(size, 0);
	problems_add(&p, NULL, 0, "a", "b");
	problems_add(&p, NULL, 0, "c", "d");
	problems_print(&p, out);
	fclose(out);
	cstr_is(text, "--a: b\n--c: d\n");
	free(text);
	problems_fini(&p);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_parts_that_apply),
		TAP(test_a_problem_is_one_line),
		TAP(test_print),
		TAP_END
	};

	return tap_main(tests);
}
