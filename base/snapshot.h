/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Immutable snapshots (configuration, TLS material, policy) published by one writer to many
 * threads.  A slot holds the current snapshot; each reader thread has a reader with its own
 * reference, renewed only when the slot's generation moved, so that a request touches no shared
 * cache line but one that is read.  A request that waits over a loop turn takes its own reference.
 */
#ifndef BASE_SNAPSHOT_H
#define BASE_SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* Embed as the first member; free_fn gets the snapshot when the last reference goes. */
struct snapshot {
	atomic_uint refs;
	void (*free_fn)(struct snapshot *s);
};

void snapshot_init(struct snapshot *s, void (*free_fn)(struct snapshot *));	/* refs = 1 */
struct snapshot *snapshot_acquire(struct snapshot *s);
void snapshot_release(struct snapshot *s);	/* NULL is allowed */

struct snapshot_slot {
	pthread_mutex_t lock;
	struct snapshot *current;	/* owned reference, NULL before the first publication */
	atomic_uint_fast64_t generation;
};

void snapshot_slot_init(struct snapshot_slot *slot);
void snapshot_slot_fini(struct snapshot_slot *slot);
/* Takes over the caller's reference to s. Any thread. */
void snapshot_slot_publish(struct snapshot_slot *slot, struct snapshot *s);

struct snapshot_reader {
	struct snapshot_slot *slot;	/* borrowed */
	struct snapshot *held;		/* owned reference */
	uint64_t generation;
};

void snapshot_reader_init(struct snapshot_reader *r, struct snapshot_slot *slot);
void snapshot_reader_fini(struct snapshot_reader *r);
/* The current snapshot, or NULL; valid until this reader's next call. */
struct snapshot *snapshot_reader_get(struct snapshot_reader *r);

#endif
