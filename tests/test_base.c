/* SPDX-License-Identifier: Apache-2.0 */
/* The small modules of base/: slices, lists, clocks, randomness, errors, memory. */
#include "config.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "tests/tap.h"

static void test_str_compare(void)
{
	ok(str_eq(STR_NULL, STR("")) && !str_eq(STR("a"), STR("b")));
	ok(!str_eq(STR("a"), STR("ab")));
	ok(str_eq_nocase(STR("aZ-9"), STR("Az-9")) && !str_eq_nocase(STR("@"), STR("`")));
	ok(!str_eq_nocase(STR("a"), STR("ab")));
	ok(str_has_prefix(STR("abc"), STR("ab")) && str_has_prefix(STR("a"), STR_NULL));
	ok(str_has_prefix(STR("ab"), STR("ab")) && str_has_suffix(STR("ab"), STR("ab")));
	ok(!str_has_prefix(STR("a"), STR("ab")) && !str_has_prefix(STR("Ab"), STR("ab")));
	ok(str_has_prefix_nocase(STR("Bearer x"), STR("bearer ")));
	ok(str_has_suffix(STR("abc"), STR("bc")) && !str_has_suffix(STR("c"), STR("bc")));
	ok(str_cmp(STR("a"), STR("b")) < 0 && str_cmp(STR("ab"), STR("a")) > 0);
	ok(str_cmp(STR("a"), STR("\xff")) < 0 && !str_cmp(STR("x"), STR("x")));
	ok(str_hash(STR("abcdefgh1")) != str_hash(STR("abcdefgh2")));
	ok(str_hash(STR("")) != str_hash(STR("\0")));
}

static void test_str_find_and_cut(void)
{
	int_is(str_find(STR("abca"), 'a', 1), 3);
	int_is(str_find(STR("abc"), 'x', 0), -1);
	int_is(str_find(STR("abc"), 'a', 5), -1);
	int_is(str_find_str(STR("hello"), STR("ll")), 2);
	int_is(str_find_str(STR("hello"), STR("x")), -1);
	int_is(str_find_str(STR_NULL, STR_NULL), 0);
	str_is(str_skip(STR("abc"), 1), STR("bc"));
	str_is(str_skip(STR("abc"), 9), STR(""));
	str_is(str_slice(STR("abcdef"), 2, 4), STR("cd"));
	str_is(str_slice(STR("abc"), 2, 99), STR("c"));
	str_is(str_slice(STR("abc"), 2, 1), STR(""));
	str_is(str_trim(STR(" \ta b\t ")), STR("a b"));
	str_is(str_trim(STR(" \t ")), STR(""));
}

static void test_str_next(void)
{
	struct str rest = STR("a,,b,"), piece;

	ok(str_next(&rest, ',', &piece) && str_eq(piece, STR("a")));
	ok(str_next(&rest, ',', &piece) && str_eq(piece, STR("")));
	ok(str_next(&rest, ',', &piece) && str_eq(piece, STR("b")));
	ok(str_next(&rest, ',', &piece) && str_eq(piece, STR("")));
	ok(!str_next(&rest, ',', &piece));
	rest = STR_NULL;
	ok(str_next(&rest, ',', &piece) && !piece.n);
	ok(!str_next(&rest, ',', &piece));
}

static void test_str_numbers_and_utf8(void)
{
	uint64_t v = 7;

	ok(!str_to_u64(STR("0"), &v) && !v);
	ok(!str_to_u64(STR("18446744073709551615"), &v) && v == UINT64_MAX);
	int_is(str_to_u64(STR("18446744073709551616"), &v), ERR_LIMIT);
	int_is(str_to_u64(STR("99999999999999999999999"), &v), ERR_LIMIT);
	int_is(str_to_u64(STR(""), &v), ERR_SYNTAX);
	int_is(str_to_u64(STR("-1"), &v), ERR_SYNTAX);
	int_is(str_to_u64(STR("1a"), &v), ERR_SYNTAX);
	ok(str_is_utf8(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")) && str_is_utf8(STR_NULL));
	ok(!str_is_utf8(STR("\xc3")) && !str_is_utf8(STR("\xed\xa0\x80")));
	ok(!str_is_utf8(STR("\xc0\x80")) && !str_is_utf8(STR("\xf4\x90\x80\x80")));
	ok(!str_is_utf8(STR("\xe0\x80\x80")) && !str_is_utf8(STR("\xf0\x80\x80\x80")));
	ok(!str_is_utf8(STR("\xe2(\xa1")));
	ok(str_is_utf8(STR("\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
}

static void test_str_percent_byte(void)
{
	int_is(str_percent_byte(STR("a%2F"), 1), '/');
	int_is(str_percent_byte(STR("%fF"), 0), 0xff);
	int_is(str_percent_byte(STR("%00"), 0), 0);
	int_is(str_percent_byte(STR("%9a%Af"), 3), 0xaf);
	int_is(str_percent_byte(STR("%2F"), 1), -1);
	int_is(str_percent_byte(str_slice(STR("%2F"), 0, 2), 0), -1);
	int_is(str_percent_byte(STR("%2"), 5), -1);
	int_is(str_percent_byte(STR("%g0"), 0), -1);
	int_is(str_percent_byte(STR("%0@"), 0), -1);
	int_is(str_percent_byte(STR("%-1"), 0), -1);
	int_is(str_percent_byte(STR_NULL, 0), -1);
}

static void test_list(void)
{
	struct list head, a, b, c, *node, *safe;
	struct list *want[] = { &c, &a, &b };
	size_t n = 0;

	list_init(&head);
	list_init(&a);
	list_del(&a);
	ok(list_is_empty(&head) && !list_pop(&head));
	list_add_tail(&head, &a);
	list_add_tail(&head, &b);
	list_add_head(&head, &c);
	list_for_each(node, safe, &head) {
		ok(node == want[n++]);
		if (node == &a)
			list_del(node);
	}
	int_is(n, 3);
	ok(list_is_empty(&a));
	ok(list_pop(&head) == &c && list_pop(&head) == &b && list_is_empty(&head));
}

static void test_clocks(void)
{
	struct clock_fake fake;
	int64_t before = clock_monotonic_us(&clock_system);

	ok(clock_monotonic_us(&clock_system) >= before);
	ok(clock_wall_us(&clock_system) > INT64_C(1600000000000000));
	clock_fake_init(&fake, 5, 100);
	int_is(clock_monotonic_us(&fake.clock), 5);
	clock_fake_advance(&fake, 10);
	int_is(clock_monotonic_us(&fake.clock), 15);
	int_is(clock_wall_us(&fake.clock), 110);
}

static void test_random(void)
{
	static unsigned char big[5000], zero[sizeof(big)];
	char one[UUID_TEXT_LEN + 1], two[UUID_TEXT_LEN + 1];
	size_t other = 0;

	random_bytes(big, sizeof(big));
	ok(memcmp(big, zero, sizeof(big)) != 0);
	ok(memcmp(big + 4000, zero, 1000) != 0);
	for (int i = 0; i < 100; i++)
		other += random_u64() != random_u64();
	int_is(other, 100);
	for (int i = 0; i < 100; i++) {
		random_uuid(one);
		random_uuid(two);
		ok(strcmp(one, two) != 0);
		int_is(strlen(one), UUID_TEXT_LEN);
		int_is(strspn(one, "0123456789abcdef-"), UUID_TEXT_LEN);
		ok(one[8] == '-' && one[13] == '-' && one[18] == '-' && one[23] == '-');
		ok(one[14] == '4' && strchr("89ab", one[19]));
	}
}

static void test_errors_have_texts(void)
{
	for (int err = ERR_EXPIRED; err <= ERR_OK; err++)
		ok(strcmp(err_text(err), "unknown error") != 0);
	cstr_is(err_text(-1000), "unknown error");
	cstr_is(err_text(ERR_TIMEOUT), "timed out");
}

static void test_memory(void)
{
	char secret[] = "hunter2";
	char *copy = xmemdup0("ab\0c", 4);

	ok(!memcmp(copy, "ab\0c", 5));
	secret_free(copy);
	secret_free(NULL);
	secret_wipe(secret, sizeof(secret));
	ok(!memcmp(secret, "\0\0\0\0\0\0\0", sizeof(secret)));
	secret_wipe(NULL, 0);
	free(xmalloc(0));
	copy = xcalloc(3, 5);
	ok(!copy[0] && !copy[14]);
	copy = xreallocarray(copy, 10, 10);
	free(xrealloc(copy, 1));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_str_compare),
		TAP(test_str_find_and_cut),
		TAP(test_str_next),
		TAP(test_str_numbers_and_utf8),
		TAP(test_str_percent_byte),
		TAP(test_list),
		TAP(test_clocks),
		TAP(test_random),
		TAP(test_errors_have_texts),
		TAP(test_memory),
		TAP_END
	};

	return tap_main(tests);
}
