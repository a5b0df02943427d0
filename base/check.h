/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions.  CHECK stays on in release builds and guards our own invariants only; it is never
 * applied to input.  A struct that travels through a void pointer carries a magic number, and
 * CHECK_MAGIC turns the pointer back with a test.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stdint.h>

_Noreturn void check_failed(const char *expr, const char *file, int line);

#define CHECK(expr) \
	do { \
		if (__builtin_expect(!(expr), 0)) \
			check_failed(#expr, __FILE__, __LINE__); \
	} while (0)

/* The member `magic` of *p must be `want`; use on every void pointer that is cast back. */
#define CHECK_MAGIC(p, want) CHECK((p) && (p)->magic == (want))

#endif
