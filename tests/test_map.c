/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/map.h"

#include <stdio.h>

#include "base/mem.h"
#include "tests/tap.h"

#define KEYS 2000

static char names[KEYS][16];
static bool present[KEYS];

static struct str key(size_t i)
{
	snprintf(names[i], sizeof(names[i]), "key-%zu", i);
	return str_from(names[i]);
}

static void test_empty_map(void)
{
	struct map m = MAP_INIT;
	size_t pos = 0;

	ok(!map_get(&m, STR("a")));
	ok(!map_del(&m, STR("a")));
	ok(!map_next(&m, &pos));
	map_fini(&m);
}

static void test_set_get_replace_delete(void)
{
	struct map m = MAP_INIT;
	int one = 1, two = 2, three = 3;
	struct str first = STR("a"), second = { (char[]){ 'a' }, 1 };
	size_t pos = 0;

	ok(!map_set(&m, first, &one));
	ok(!map_set(&m, STR(""), &three));
	ok(map_get(&m, STR("a")) == &one);
	ok(map_get(&m, STR_NULL) == &three);
	ok(!map_get(&m, STR("b")) && !map_get(&m, STR("a\0")));
	ok(map_set(&m, second, &two) == &one);
	int_is(m.used, 2);
	for (const struct map_entry *e; (e = map_next(&m, &pos));)
		ok(!e->key.n || e->key.p == first.p);
	ok(map_del(&m, STR("a")) == &two);
	ok(!map_del(&m, STR("a")) && !map_get(&m, STR("a")));
	int_is(m.used, 1);
	map_fini(&m);
	ok(!m.slots && !m.cap && !m.used);
}

/* A long walk of sets and deletions, compared with an array. */
static void test_agrees_with_a_model(void)
{
	struct map m = MAP_INIT;
	uint32_t seed = 12345;
	size_t wrong = 0, used = 0;

	for (int step = 0; step < 200000; step++) {
		size_t i;

		seed = seed * 1664525 + 1013904223;
		i = (seed >> 8) % KEYS;
		if (seed >> 31) {
			wrong += (map_set(&m, key(i), names[i]) != NULL) != present[i];
			used += !present[i];
			present[i] = true;
		} else {
			wrong += map_del(&m, key(i)) != (present[i] ? names[i] : NULL);
			used -= present[i];
			present[i] = false;
		}
		wrong += m.used != used;
	}
	for (size_t i = 0; i < KEYS; i++)
		wrong += map_get(&m, key(i)) != (present[i] ? names[i] : NULL);
	int_is(wrong, 0);
	map_fini(&m);
}

static void test_next_visits_each_entry_once(void)
{
	static unsigned visits[KEYS];
	struct map m = MAP_INIT;
	size_t pos = 0, seen = 0;

	for (size_t i = 0; i < KEYS; i++)
		map_set(&m, key(i), &visits[i]);
	for (const struct map_entry *e; (e = map_next(&m, &pos)); seen++)
		++*(unsigned *)e->value;
	int_is(seen, KEYS);
	for (size_t i = 0; i < KEYS; i++)
		if (visits[i] != 1)
			ok(false);
	ok(m.cap >= KEYS && m.cap <= KEYS * 3);
	map_fini(&m);
}

static void test_hash_depends_on_every_byte(void)
{
	char text[40];

	memset(text, 'x', sizeof(text));
	for (size_t n = 1; n < sizeof(text); n++) {
		uint64_t whole = map_hash(str_make(text, n));

		ok(whole != map_hash(str_make(text, n - 1)));
		for (size_t i = 0; i < n; i++) {
			text[i] = 'y';
			if (whole == map_hash(str_make(text, n)))
				ok(false);
			text[i] = 'x';
		}
		ok(whole == map_hash(str_make(text, n)));
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_empty_map),
		TAP(test_set_get_replace_delete),
		TAP(test_agrees_with_a_model),
		TAP(test_next_visits_each_entry_once),
		TAP(test_hash_depends_on_every_byte),
		TAP_END
	};

	return tap_main(tests);
}
