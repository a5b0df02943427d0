/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629) and the two questions Go's text functions ask about characters. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xfffdu

/*
 * Reads the character at p (n bytes follow, n > 0) and returns its length, 1 to 4.  A malformed
 * sequence gives length 0: callers that go on skip one byte, as Go does.
 */
size_t utf8_decode(const char *p, size_t n, uint32_t *rune);
/* Writes rune (at most 0x10ffff, no surrogate) and returns its length. */
size_t utf8_encode(uint32_t rune, char out[4]);
/* Go's strconv.IsPrint. */
bool utf8_is_print(uint32_t rune);

#endif
