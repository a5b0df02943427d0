/* SPDX-License-Identifier: Apache-2.0 */
/* Grace periods: nothing is given back that a reader inside may see. */
#include "config.h"

#include "base/rcu.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/tap.h"

static int freed;

static void count(void *p)
{
	freed++;
	free(p);
}

static void test_batches(void)
{
	freed = 0;
	for (int i = 0; i < RCU_BATCH - 1; i++)
		rcu_retire(xmalloc(1), count);
	rcu_reclaim();
	int_is(freed, 0);
	int_is(rcu_pending(), RCU_BATCH - 1);
	rcu_retire(xmalloc(1), count);
	rcu_reclaim();
	int_is(freed, RCU_BATCH);
	int_is(rcu_pending(), 0);
}

/* A few do not wait for ever. */
static void test_turns(void)
{
	freed = 0;
	rcu_retire(xmalloc(1), count);
	for (int i = 0; i < RCU_TURNS - 1; i++)
		rcu_reclaim();
	int_is(freed, 0);
	rcu_reclaim();
	int_is(freed, 1);
}

static void retire_another(void *p)
{
	freed++;
	rcu_retire(p, count);
}

static void test_retire_from_inside(void)
{
	freed = 0;
	rcu_retire(xmalloc(1), retire_another);
	rcu_drain();
	int_is(freed, 2);
	rcu_drain();
	int_is(rcu_pending(), 0);
}

/* --- A reader that stays --- */

static _Atomic(int *) shared;
static atomic_int stage;

static void await(int want)
{
	while (atomic_load(&stage) < want)
		sched_yield();
}

static void *stay(void *arg)
{
	int *p, *seen = arg;

	rcu_reader_register();
	rcu_reader_enter();
	rcu_reader_enter();
	p = atomic_load_explicit(&shared, memory_order_acquire);
	rcu_reader_leave();
	atomic_store(&stage, 1);
	await(2);
	*seen = *p;
	atomic_store(&stage, 3);
	rcu_reader_leave();
	rcu_reader_unregister();
	return NULL;
}

static void overwrite(void *p)
{
	*(int *)p = -1;
	/* The reader has left: what it was to see it saw. */
	freed = atomic_load(&stage);
	free(p);
}

static void test_reader_is_waited_for(void)
{
	int *one = xmalloc(sizeof(*one)), *two = xmalloc(sizeof(*two)), seen = 0;
	pthread_t reader;

	*one = 1;
	*two = 2;
	atomic_store_explicit(&shared, one, memory_order_release);
	pthread_create(&reader, NULL, stay, &seen);
	await(1);
	atomic_store_explicit(&shared, two, memory_order_release);
	rcu_retire(one, overwrite);
	atomic_store(&stage, 2);
	rcu_drain();
	int_is(freed, 3);
	pthread_join(reader, NULL);
	int_is(seen, 1);
	free(two);
}

/* --- Readers that come and go --- */

enum { READERS = 3, READS = 500 };

static atomic_int bad, reads[READERS], done;

static void *look(void *arg)
{
	atomic_int *n = arg;

	rcu_reader_register();
	while (!atomic_load(&done)) {
		int *p;

		rcu_reader_enter();
		p = atomic_load_explicit(&shared, memory_order_acquire);
		if (p[0] != p[1] || p[0] < 0)
			atomic_fetch_add(&bad, 1);
		rcu_reader_leave();
		atomic_fetch_add(n, 1);
	}
	rcu_reader_unregister();
	return NULL;
}

static void spoil(void *p)
{
	((int *)p)[0] = -1;
	free(p);
}

static bool all_have_read(void)
{
	for (int i = 0; i < READERS; i++)
		if (atomic_load(&reads[i]) < READS)
			return false;
	return true;
}

static int *pair(int n)
{
	int *p = xmalloc(2 * sizeof(*p));

	p[0] = p[1] = n;
	return p;
}

static void test_many_readers(void)
{
	pthread_t readers[READERS];

	atomic_store_explicit(&shared, pair(0), memory_order_release);
	for (int i = 0; i < READERS; i++)
		pthread_create(&readers[i], NULL, look, &reads[i]);
	for (int i = 1; !all_have_read(); i++) {
		int *old = atomic_load_explicit(&shared, memory_order_relaxed);

		atomic_store_explicit(&shared, pair(i), memory_order_release);
		rcu_retire(old, spoil);
		rcu_reclaim();
	}
	atomic_store(&done, 1);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	rcu_drain();
	int_is(atomic_load(&bad), 0);
	free(atomic_load(&shared));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_batches), TAP(test_turns), TAP(test_retire_from_inside),
		TAP(test_reader_is_waited_for), TAP(test_many_readers), TAP_END
	};

	return tap_main(tests);
}
