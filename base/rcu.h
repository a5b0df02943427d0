/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grace periods: one writer changes a structure that readers walk without a lock, and gives back
 * what it took out of it when no reader can see it any more.  liburcu (flavour memb) behind it.
 *
 * Pointers that readers follow are C11 atomics, stored with release and loaded with acquire.  One
 * thread at a time is the writer; it may be a reader too, but must not be inside when it calls
 * rcu_reclaim or rcu_drain.
 */
#ifndef BASE_RCU_H
#define BASE_RCU_H

#include <stddef.h>
#include <urcu/urcu-memb.h>

#include "base/check.h"

#define RCU_BATCH 256		/* as many as gather before a grace period is waited for */
#define RCU_TURNS 64		/* or as many calls of rcu_reclaim with fewer than that */

/* Each thread that reads, before its first rcu_reader_enter and after its last leave. */
void rcu_reader_register(void);
void rcu_reader_unregister(void);

#if defined(__SANITIZE_THREAD__)
#define RCU_TELL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RCU_TELL_TSAN 1
#endif
#endif

#ifdef RCU_TELL_TSAN
/*
 * liburcu is not instrumented: what a grace period orders (all that a reader did before it left,
 * before all that the writer does afterwards) is said again in words that ThreadSanitizer knows.
 */
void rcu_tell_left(void);
#else
static inline void rcu_tell_left(void)
{
}
#endif

/* May nest. A few nanoseconds: no atomic operation, no shared cache line that is written. */
static inline void rcu_reader_enter(void)
{
	urcu_memb_read_lock();
}

static inline void rcu_reader_leave(void)
{
	rcu_tell_left();
	urcu_memb_read_unlock();
}

/* The writer: fn(p) is called after a grace period. */
void rcu_retire(void *p, void (*fn)(void *p));
/*
 * Once per turn of the writer's loop: when enough has gathered it waits for one grace period, some
 * tens of microseconds unless a reader is held up inside, and gives back all that had gathered.
 */
void rcu_reclaim(void);
/* Gives back all that has gathered now; at the end, and in tests. */
void rcu_drain(void);
/* How much waits to be given back. */
size_t rcu_pending(void);

#endif
