/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUnit behind one small file that reports TAP, so that each case shows in automake's harness.
 *
 *	static void test_x(void) { ok(1 + 1 == 2); str_is("a", "a"); }
 *	int main(void)
 *	{
 *		static const struct tap_test t[] = { TAP(test_x), TAP_END };
 *
 *		return tap_main(t);
 *	}
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct tap_test {
	const char *name;
	void (*fn)(void);
};
#define TAP(fn) { #fn, fn }
#define TAP_END { 0, 0 }

/* Runs the tests as one CUnit suite, prints TAP; returns main's exit status. */
int tap_main(const struct tap_test *tests);

/* Each reports where it failed and lets the test go on. They return whether it held. */
bool tap_ok(bool held, const char *expr, const char *file, int line);
bool tap_int(int64_t got, int64_t want, const char *expr, const char *file, int line);
bool tap_str(struct str got, struct str want, const char *expr, const char *file, int line);
/* A line of diagnostics, and the label of a table's row shown with failures (NULL: none). */
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void tap_row(const char *label);

#define ok(expr) tap_ok((expr), #expr, __FILE__, __LINE__)
#define int_is(got, want) tap_int((int64_t)(got), (int64_t)(want), #got, __FILE__, __LINE__)
#define str_is(got, want) tap_str((got), (want), #got, __FILE__, __LINE__)
#define cstr_is(got, want) tap_str(str_from(got), str_from(want), #got, __FILE__, __LINE__)

/* The folder of test data ($TEST_DATA, else tests/data) joined with name; static buffer. */
const char *tap_data(const char *name);

#endif
