/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/snapshot.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tests/tap.h"

#define READERS 4
#define PUBLICATIONS 2000

struct value {
	struct snapshot snapshot;
	int number;
	int twice;	/* number * 2 as long as the value lives */
};

static atomic_int living;

static void value_free(struct snapshot *s)
{
	struct value *v = container_of(s, struct value, snapshot);

	v->twice = -1;
	free(v);
	atomic_fetch_sub(&living, 1);
}

static struct snapshot *value_new(int number)
{
	struct value *v = xcalloc(1, sizeof(*v));

	snapshot_init(&v->snapshot, value_free);
	v->number = number;
	v->twice = number * 2;
	atomic_fetch_add(&living, 1);
	return &v->snapshot;
}

static int number_of(struct snapshot *s)
{
	return s ? container_of(s, struct value, snapshot)->number : -1;
}

static void test_last_reference_frees(void)
{
	struct snapshot *s = value_new(1);

	ok(snapshot_acquire(s) == s);
	snapshot_release(s);
	int_is(living, 1);
	snapshot_release(s);
	int_is(living, 0);
	snapshot_release(NULL);
}

static void test_reader_sees_what_was_published_last(void)
{
	struct snapshot_slot slot;
	struct snapshot_reader r;
	struct snapshot *first;

	snapshot_slot_init(&slot);
	snapshot_reader_init(&r, &slot);
	ok(!snapshot_reader_get(&r));
	snapshot_slot_publish(&slot, value_new(1));
	first = snapshot_reader_get(&r);
	int_is(number_of(first), 1);
	ok(snapshot_reader_get(&r) == first);
	snapshot_slot_publish(&slot, value_new(2));
	int_is(number_of(first), 1);
	int_is(living, 2);
	int_is(number_of(snapshot_reader_get(&r)), 2);
	int_is(living, 1);
	snapshot_slot_fini(&slot);
	int_is(living, 1);
	snapshot_reader_fini(&r);
	int_is(living, 0);
}

static void test_own_reference_outlives_publication(void)
{
	struct snapshot_slot slot;
	struct snapshot_reader r;
	struct snapshot *mine;

	snapshot_slot_init(&slot);
	snapshot_reader_init(&r, &slot);
	snapshot_slot_publish(&slot, value_new(1));
	mine = snapshot_acquire(snapshot_reader_get(&r));
	snapshot_slot_publish(&slot, value_new(2));
	snapshot_reader_get(&r);
	int_is(living, 2);
	int_is(number_of(mine), 1);
	snapshot_release(mine);
	int_is(living, 1);
	snapshot_reader_fini(&r);
	snapshot_slot_fini(&slot);
	int_is(living, 0);
}

static struct snapshot_slot shared;
static atomic_int wrong;

static void *read_until_last(void *arg)
{
	struct snapshot_reader r;
	int last = 0;

	(void)arg;
	snapshot_reader_init(&r, &shared);
	while (last < PUBLICATIONS) {
		struct snapshot *s = snapshot_reader_get(&r);
		struct value *v = container_of(s, struct value, snapshot);

		if (v->twice != v->number * 2 || v->number < last)
			atomic_fetch_add(&wrong, 1);
		last = v->number;
	}
	snapshot_reader_fini(&r);
	return NULL;
}

static void test_many_readers_one_writer(void)
{
	pthread_t threads[READERS];

	snapshot_slot_init(&shared);
	snapshot_slot_publish(&shared, value_new(0));
	for (size_t i = 0; i < READERS; i++)
		pthread_create(&threads[i], NULL, read_until_last, NULL);
	for (int i = 1; i <= PUBLICATIONS; i++)
		snapshot_slot_publish(&shared, value_new(i));
	for (size_t i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	int_is(wrong, 0);
	int_is(living, 1);
	snapshot_slot_fini(&shared);
	int_is(living, 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_last_reference_frees),
		TAP(test_reader_sees_what_was_published_last),
		TAP(test_own_reference_outlives_publication),
		TAP(test_many_readers_one_writer),
		TAP_END
	};

	return tap_main(tests);
}
