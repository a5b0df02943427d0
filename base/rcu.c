/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/rcu.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

struct retired {
	void *p;
	void (*fn)(void *p);
};

/* The writer's alone. */
static struct {
	struct retired *items;		/* owned */
	size_t n, cap;
	unsigned turns;			/* calls of rcu_reclaim since the first of them came */
} gathered;

#ifdef RCU_TELL_TSAN
static atomic_ulong left;

void rcu_tell_left(void)
{
	atomic_fetch_add_explicit(&left, 1, memory_order_release);
}
#endif

static void tell_grace_period(void)
{
#ifdef RCU_TELL_TSAN
	(void)atomic_fetch_add_explicit(&left, 1, memory_order_acquire);
#endif
}

void rcu_reader_register(void)
{
	urcu_memb_register_thread();
}

void rcu_reader_unregister(void)
{
	urcu_memb_unregister_thread();
}

void rcu_retire(void *p, void (*fn)(void *p))
{
	if (gathered.n == gathered.cap) {
		gathered.cap = gathered.cap ? gathered.cap * 2 : RCU_BATCH;
		gathered.items = xreallocarray(gathered.items, gathered.cap,
					       sizeof(*gathered.items));
	}
	gathered.items[gathered.n++] = (struct retired){ p, fn };
}

/* One grace period for all; fn may retire more, which waits for the next. */
static void give_back(void)
{
	struct retired *items = gathered.items;
	size_t n = gathered.n;

	gathered.items = NULL;
	gathered.n = gathered.cap = 0;
	gathered.turns = 0;
	urcu_memb_synchronize_rcu();
	tell_grace_period();
	for (size_t i = 0; i < n; i++)
		items[i].fn(items[i].p);
	free(items);
}

void rcu_reclaim(void)
{
	if (gathered.n && (gathered.n >= RCU_BATCH || ++gathered.turns >= RCU_TURNS))
		give_back();
}

void rcu_drain(void)
{
	while (gathered.n)
		give_back();
}

size_t rcu_pending(void)
{
	return gathered.n;
}
