/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/utf8.h"

#include "base/mem.h"

static const struct {
	uint32_t first, last;
} printable[] = {
#include "base/utf8_print.h"
};

/* Length that the first byte announces, or 0. */
static size_t announced_length(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c < 0xc2)
		return 0;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

size_t utf8_decode(const char *text, size_t n, uint32_t *rune)
{
	static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text;
	size_t len = announced_length(p[0]);
	uint32_t r;

	if (!len || len > n)
		return 0;
	r = p[0] & mask[len];
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		r = r << 6 | (p[i] & 0x3fu);
	}
	if (r < smallest[len] || r > 0x10ffff || (r >= 0xd800 && r <= 0xdfff))
		return 0;
	*rune = r;
	return len;
}

size_t utf8_encode(uint32_t rune, char out[4])
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t len = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;

	for (size_t i = len; i-- > 1;) {
		out[i] = (char)(0x80 | (rune & 0x3f));
		rune >>= 6;
	}
	out[0] = (char)(lead[len] | rune);
	return len;
}

bool utf8_is_print(uint32_t rune)
{
	size_t low = 0, high = array_size(printable);

	if (rune < 0x7f)
		return rune >= 0x20;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (rune > printable[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < array_size(printable) && rune >= printable[low].first;
}
