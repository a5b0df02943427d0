/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/snapshot.h"

#include <stddef.h>

#include "base/check.h"

void snapshot_init(struct snapshot *s, void (*free_fn)(struct snapshot *))
{
	atomic_init(&s->refs, 1);
	s->free_fn = free_fn;
}

struct snapshot *snapshot_acquire(struct snapshot *s)
{
	CHECK(atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed) > 0);
	return s;
}

void snapshot_release(struct snapshot *s)
{
	unsigned before;

	if (!s)
		return;
	before = atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel);
	CHECK(before > 0);
	if (before == 1)
		s->free_fn(s);
}

void snapshot_slot_init(struct snapshot_slot *slot)
{
	pthread_mutex_init(&slot->lock, NULL);
	slot->current = NULL;
	atomic_init(&slot->generation, 0);
}

void snapshot_slot_fini(struct snapshot_slot *slot)
{
	snapshot_release(slot->current);
	slot->current = NULL;
	pthread_mutex_destroy(&slot->lock);
}

void snapshot_slot_publish(struct snapshot_slot *slot, struct snapshot *s)
{
	struct snapshot *old;

	pthread_mutex_lock(&slot->lock);
	old = slot->current;
	slot->current = s;
	atomic_fetch_add_explicit(&slot->generation, 1, memory_order_release);
	pthread_mutex_unlock(&slot->lock);
	snapshot_release(old);
}

void snapshot_reader_init(struct snapshot_reader *r, struct snapshot_slot *slot)
{
	r->slot = slot;
	r->held = NULL;
	r->generation = 0;
}

void snapshot_reader_fini(struct snapshot_reader *r)
{
	snapshot_release(r->held);
	r->held = NULL;
}

/* The lock is held for a few instructions only: publishing frees the old snapshot outside it. */
static void renew(struct snapshot_reader *r)
{
	struct snapshot *old = r->held;

	pthread_mutex_lock(&r->slot->lock);
	r->generation = atomic_load_explicit(&r->slot->generation, memory_order_relaxed);
	r->held = r->slot->current ? snapshot_acquire(r->slot->current) : NULL;
	pthread_mutex_unlock(&r->slot->lock);
	snapshot_release(old);
}

struct snapshot *snapshot_reader_get(struct snapshot_reader *r)
{
	if (atomic_load_explicit(&r->slot->generation, memory_order_acquire) != r->generation)
		renew(r);
	return r->held;
}
