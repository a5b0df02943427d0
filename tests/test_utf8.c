/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/utf8.h"

#include "base/mem.h"
#include "tests/tap.h"

static void test_decode(void)
{
	static const struct {
		struct str in;
		size_t len;
		uint32_t rune;
	} rows[] = {
		{ STR("a"), 1, 'a' },
		{ STR("\0"), 1, 0 },
		{ STR("\x7f"), 1, 0x7f },
		{ STR("\xc2\x80"), 2, 0x80 },
		{ STR("\xdf\xbf"), 2, 0x7ff },
		{ STR("\xe0\xa0\x80"), 3, 0x800 },
		{ STR("\xed\x9f\xbf"), 3, 0xd7ff },
		{ STR("\xee\x80\x80"), 3, 0xe000 },
		{ STR("\xef\xbf\xbf"), 3, 0xffff },
		{ STR("\xf0\x90\x80\x80"), 4, 0x10000 },
		{ STR("\xf4\x8f\xbf\xbf"), 4, 0x10ffff },
		/* continuation alone, overlong, surrogate, above the last, cut off */
		{ STR("\x80"), 0, 0 },
		{ STR("\xc0\x80"), 0, 0 },
		{ STR("\xc1\xbf"), 0, 0 },
		{ STR("\xe0\x9f\xbf"), 0, 0 },
		{ STR("\xf0\x8f\xbf\xbf"), 0, 0 },
		{ STR("\xed\xa0\x80"), 0, 0 },
		{ STR("\xed\xbf\xbf"), 0, 0 },
		{ STR("\xf4\x90\x80\x80"), 0, 0 },
		{ STR("\xf5\x80\x80\x80"), 0, 0 },
		{ STR("\xff"), 0, 0 },
		{ STR("\xc3"), 0, 0 },
		{ STR("\xe2\x82"), 0, 0 },
		{ STR("\xf0\x9f\x98"), 0, 0 },
		{ STR("\xc3("), 0, 0 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		uint32_t rune = 0;

		int_is(utf8_decode(rows[i].in.p, rows[i].in.n, &rune), rows[i].len);
		int_is(rune, rows[i].rune);
	}
}

static void test_encode_is_the_reverse(void)
{
	size_t wrong = 0;

	for (uint32_t rune = 0; rune <= 0x10ffff; rune++) {
		uint32_t back = 0;
		char bytes[4];
		size_t len;

		if (rune >= 0xd800 && rune <= 0xdfff)
			continue;
		len = utf8_encode(rune, bytes);
		if (utf8_decode(bytes, len, &back) != len || back != rune)
			wrong++;
	}
	int_is(wrong, 0);
}

/* Number and FNV-1a hash (three bytes each, low first) of what Go's strconv.IsPrint lets pass. */
static void test_printable_is_what_go_prints(void)
{
	uint64_t hash = 0xcbf29ce484222325u;
	size_t count = 0;

	for (uint32_t rune = 0; rune <= 0x10ffff; rune++) {
		if (!utf8_is_print(rune))
			continue;
		count++;
		for (unsigned shift = 0; shift < 24; shift += 8)
			hash = (hash ^ (rune >> shift & 0xff)) * 0x100000001b3u;
	}
	int_is(count, 148998);
	ok(hash == 0x643fe0432600a25au);
	ok(!utf8_is_print(0xffffffff));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_decode),
		TAP(test_encode_is_the_reverse),
		TAP(test_printable_is_what_go_prints),
		TAP_END
	};

	return tap_main(tests);
}
