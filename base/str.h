/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String slices: a pointer and a length, not NUL-terminated, any bytes, borrowed.  A slice with
 * n == 0 may have any p, NULL included.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_NULL ((struct str){ NULL, 0 })
/* For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_make(const char *p, size_t n)
{
	return (struct str){ p, n };
}

static inline struct str str_from(const char *cstr)
{
	return (struct str){ cstr, cstr ? strlen(cstr) : 0 };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

bool str_has_prefix(struct str s, struct str prefix);
bool str_has_prefix_nocase(struct str s, struct str prefix);	/* ASCII case folding */

/* Most names that are compared differ in length or first letter: no call is made for those. */
static inline bool str_eq_nocase(struct str a, struct str b)
{
	return a.n == b.n &&
	       (!a.n || (!((a.p[0] ^ b.p[0]) & 0xdf) && str_has_prefix_nocase(a, b)));
}

bool str_has_suffix(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b);		/* order of bytes, shorter first */
/* Position of the first c at or after `from`, or -1. */
ptrdiff_t str_find(struct str s, char c, size_t from);
/* Position of the first occurrence of needle, or -1. */
ptrdiff_t str_find_str(struct str s, struct str needle);
/* The rest of s from byte `from` on (empty when from >= n). */
struct str str_skip(struct str s, size_t from);
struct str str_slice(struct str s, size_t from, size_t to);
/* Without leading and trailing blanks and tabs. */
struct str str_trim(struct str s);
/*
 * Cuts the next piece up to sep off *rest; false when *rest was used up.  An empty input has one
 * empty piece; start with *rest = input and do not touch it in between.
 */
bool str_next(struct str *rest, char sep, struct str *piece);
bool str_is_utf8(struct str s);
/* The byte of the escape %XX that begins at that place (RFC 3986 section 2.1); -1: it is none. */
int str_percent_byte(struct str s, size_t at);
/* Decimal digits only, no sign; ERR_SYNTAX, or ERR_LIMIT beyond uint64_t. */
int str_to_u64(struct str s, uint64_t *out);
#define U64_TEXT_MAX 20
/* The decimal digits of v, without a NUL; returns how many. */
size_t u64_text(uint64_t v, char out[static U64_TEXT_MAX]);
/* 64-bit hash (not keyed; do not use on a table that a peer fills). */
uint64_t str_hash(struct str s);

#endif
