/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event loop per thread (libevent).  Everything that belongs to a loop is touched by its
 * thread alone; loop_post is the only function that other threads may call.
 *
 * Nothing is freed inside its own callback: what closes goes on the loop's graveyard
 * (loop_bury) and is freed when the turn ends.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"

struct event_base;
struct loop;

/* clock is borrowed and outlives the loop; NULL means the system's. Dies if it cannot be made. */
struct loop *loop_new(const struct clock *clock);
void loop_free(struct loop *l);
void loop_run(struct loop *l);			/* until loop_stop */
void loop_turn(struct loop *l, int timeout_ms);	/* one turn, for tests; -1 waits for an event */
void loop_stop(struct loop *l);			/* from the loop's own thread */
struct event_base *loop_base(struct loop *l);
const struct clock *loop_clock(const struct loop *l);
/* Monotonic time in microseconds, read once per turn. */
int64_t loop_now_us(const struct loop *l);
/* True on the thread that runs (or last ran) this loop. */
bool loop_is_current(const struct loop *l);

/* Runs fn(arg) on the loop's thread in a later turn, in order. Any thread. */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/* End-of-turn work: each task runs once after the events of this turn, in order of scheduling. */
struct loop_task {
	struct list node;
	void (*run)(struct loop_task *t);
};
void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *t));
void loop_task_schedule(struct loop *l, struct loop_task *t);	/* harmless when scheduled */
void loop_task_cancel(struct loop_task *t);

/* Frees `what` with free_fn when this turn ends. */
void loop_bury(struct loop *l, void *what, void (*free_fn)(void *));

/* Timers: one shot, re-armable. Milliseconds. */
struct loop_timer {
	struct loop *loop;
	void *event;		/* owned libevent timer, made on first use */
	void (*fire)(struct loop_timer *t);
	bool armed;
};
void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fire)(struct loop_timer *t));
void loop_timer_arm(struct loop_timer *t, int64_t ms);
void loop_timer_cancel(struct loop_timer *t);
void loop_timer_fini(struct loop_timer *t);

/*
 * The loop's scratch buffer (LOOP_SCRATCH_SIZE bytes): whoever reads from a socket uses it within
 * one callback and leaves nothing in it.
 */
#define LOOP_SCRATCH_SIZE (64 * 1024)
void *loop_scratch(struct loop *l);

#endif
