/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/tap.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *row;
static unsigned number;

void tap_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("# ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

void tap_row(const char *label)
{
	row = label;
}

/* Prints where a check failed; CUnit counts it. */
static bool report(bool held, const char *expr, const char *file, int line)
{
	CU_assertImplementation(held, (unsigned)line, expr, file, "", CU_FALSE);
	if (!held)
		tap_note("%s:%d: %s%s%s: failed", file, line, expr, row ? " in row " : "",
			 row ? row : "");
	return held;
}

bool tap_ok(bool held, const char *expr, const char *file, int line)
{
	return report(held, expr, file, line);
}

bool tap_int(int64_t got, int64_t want, const char *expr, const char *file, int line)
{
	if (!report(got == want, expr, file, line))
		tap_note("   got %" PRId64 ", want %" PRId64, got, want);
	return got == want;
}

bool tap_str(struct str got, struct str want, const char *expr, const char *file, int line)
{
	bool held = str_eq(got, want);

	if (!report(held, expr, file, line))
		tap_note("   got  [%.*s]\n#   want [%.*s]", STR_ARG(got), STR_ARG(want));
	return held;
}

static void on_test_complete(const CU_pTest test, const CU_pSuite suite,
			     const CU_pFailureRecord failure)
{
	(void)suite;
	printf("%s %u - %s\n", failure ? "not ok" : "ok", ++number, test->pName);
	fflush(stdout);
	row = NULL;
}

int tap_main(const struct tap_test *tests)
{
	unsigned count = 0, failed;
	CU_pSuite suite;

	while (tests[count].name)
		count++;
	printf("1..%u\n", count);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	suite = CU_add_suite("tests", NULL, NULL);
	for (unsigned i = 0; i < count; i++)
		CU_add_test(suite, tests[i].name, tests[i].fn);
	CU_set_test_complete_handler(on_test_complete);
	CU_run_all_tests();
	failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failed ? 1 : 0;
}

const char *tap_data(const char *name)
{
	static char path[4096];
	const char *dir = getenv("TEST_DATA");

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "tests/data", name);
	return path;
}
