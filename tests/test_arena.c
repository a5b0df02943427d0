/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/mem.h"
#include "tests/tap.h"

static void test_allocations_are_aligned_and_apart(void)
{
	struct arena a;
	unsigned char *p[200];

	arena_init(&a);
	int_is(arena_size(&a), 0);
	for (size_t i = 0; i < array_size(p); i++) {
		p[i] = arena_alloc(&a, i);
		ok((uintptr_t)p[i] % alignof(max_align_t) == 0);
		memset(p[i], (int)i, i);
	}
	for (size_t i = 0; i < array_size(p); i++)
		for (size_t k = 0; k < i; k++)
			if (p[i][k] != (unsigned char)i)
				ok(false);
	ok(arena_size(&a) >= 200 * 199 / 2);
	arena_fini(&a);
	int_is(arena_size(&a), 0);
}

static void test_zero_bytes_have_places_of_their_own(void)
{
	struct arena a;

	arena_init(&a);
	ok(arena_alloc(&a, 0) != arena_alloc(&a, 0));
	arena_fini(&a);
}

/* A big block does not end the use of the block that was current. */
static void test_big_allocations_keep_the_current_block(void)
{
	struct arena a;
	char *small, *big, *next;

	arena_init(&a);
	small = arena_alloc(&a, 16);
	big = arena_alloc(&a, 1000000);
	memset(big, 'x', 1000000);
	next = arena_alloc(&a, 16);
	ok(next == small + 16);
	ok(arena_size(&a) >= 1004096 && arena_size(&a) < 1010000);
	arena_fini(&a);
	arena_alloc(&a, 16);
	int_is(arena_size(&a), 4096);
	arena_fini(&a);

	big = arena_alloc(&a, 5000);
	memset(big, 'x', 5000);
	small = arena_zalloc(&a, 40);
	ok(small[0] == 0 && small[39] == 0);
	arena_fini(&a);
}

static void test_copies(void)
{
	struct arena a;
	struct str s;

	arena_init(&a);
	s = arena_str(&a, STR("a\0b"));
	str_is(s, STR("a\0b"));
	ok(s.p[3] == '\0');
	s = arena_str(&a, STR_NULL);
	ok(s.p && !s.n && !*s.p);
	cstr_is(arena_cstr(&a, STR("abc")), "abc");
	ok(!memcmp(arena_memdup(&a, "xyz", 3), "xyz", 3));
	ok(arena_memdup(&a, NULL, 0));
	str_is(arena_printf(&a, "%s-%d", "n", 5), STR("n-5"));
	s = arena_printf(&a, "%05000d", 7);
	int_is(s.n, 5000);
	ok(s.p[4999] == '7' && s.p[5000] == '\0');
	arena_fini(&a);
}

static char order[8];

static void note(void *arg)
{
	strcat(order, arg);
}

static void test_cleanups_run_last_first(void)
{
	struct arena a;
	char one[] = "1", two[] = "2", three[] = "3";

	arena_init(&a);
	arena_on_fini(&a, note, one);
	arena_on_fini(&a, note, two);
	arena_on_fini(&a, note, three);
	cstr_is(order, "");
	arena_fini(&a);
	cstr_is(order, "321");
	arena_fini(&a);
	cstr_is(order, "321");
}

static void one_request(void)
{
	struct arena a;

	arena_init(&a);
	for (int i = 0; i < 100; i++)
		memset(arena_alloc(&a, 200), i, 200);
	memset(arena_alloc(&a, 2000), 1, 2000);
	memset(arena_alloc(&a, 4000), 1, 4000);
	arena_fini(&a);
}

/* The linker sends malloc here. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
static size_t mallocs;

void *__wrap_malloc(size_t size)
{
	mallocs++;
	return __real_malloc(size);
}

static void test_nothing_is_allocated_after_warm_up(void)
{
	arena_thread_fini();
	mallocs = 0;
	one_request();
	ok(mallocs > 0);
	mallocs = 0;
	for (int i = 0; i < 1000; i++)
		one_request();
	int_is(mallocs, 0);
}

static void test_thread_cache_is_bounded_and_freed(void)
{
	struct arena a;

	arena_init(&a);
	for (int i = 0; i < 4000; i++)
		arena_alloc(&a, 1024);
	ok(arena_size(&a) >= 4000 * 1024);
	arena_fini(&a);
	arena_thread_fini();
	arena_thread_fini();
	mallocs = 0;
	one_request();
	ok(mallocs > 0);
	arena_thread_fini();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_allocations_are_aligned_and_apart),
		TAP(test_zero_bytes_have_places_of_their_own),
		TAP(test_big_allocations_keep_the_current_block),
		TAP(test_copies),
		TAP(test_cleanups_run_last_first),
		TAP(test_nothing_is_allocated_after_warm_up),
		TAP(test_thread_cache_is_bounded_and_freed),
		TAP_END
	};

	return tap_main(tests);
}
