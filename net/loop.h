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
/* Not inside a turn. Frees what was buried; drops what was posted or scheduled and has not run. */
void loop_free(struct loop *l);
void loop_run(struct loop *l);			/* until loop_stop */
void loop_turn(struct loop *l, int timeout_ms);	/* one turn, for tests; -1 waits for an event */
void loop_stop(struct loop *l);			/* from the loop's own thread */
struct event_base *loop_base(struct loop *l);
const struct clock *loop_clock(const struct loop *l);
/* Monotonic time in microseconds, read once per turn (and each time outside of turns). */
int64_t loop_now_us(const struct loop *l);
/* True on the thread that runs (or last ran) this loop. */
bool loop_is_current(const struct loop *l);

/* Runs fn(arg) on the loop's thread in a later turn, in order. Any thread. */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/*
 * End-of-turn work: each task runs once after the events and timers of this turn, in order of
 * scheduling.  What tasks schedule runs in the same turn or, beyond a few rounds, in the next one,
 * which then does not wait.
 */
struct loop_task {
	struct list node;
	void (*run)(struct loop_task *t);
};
void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *t));
void loop_task_schedule(struct loop *l, struct loop_task *t);	/* harmless when scheduled */
void loop_task_cancel(struct loop_task *t);

/* Lets a task, not scheduled now, run once in loop_free: for what has outlived its owner. */
void loop_at_end(struct loop *l, struct loop_task *t);

/* Frees `what` with free_fn when this turn ends, after its tasks. */
void loop_bury(struct loop *l, void *what, void (*free_fn)(void *));

/*
 * Timers: one shot, re-armable, in milliseconds of the loop's clock; due timers fire after the
 * turn's events, earliest first.  A timer that is not armed costs nothing but its memory.
 */
struct loop_timer {
	struct loop *loop;	/* borrowed */
	void (*fire)(struct loop_timer *t);
	int64_t due_us;
	uint64_t order;		/* equal due times fire in the order of arming */
	uint32_t slot;		/* place in the loop's heap while armed */
	bool armed;
};
void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fire)(struct loop_timer *t));
void loop_timer_arm(struct loop_timer *t, int64_t ms);	/* moves it when it is armed already */
void loop_timer_cancel(struct loop_timer *t);		/* harmless when it is not armed */
void loop_timer_fini(struct loop_timer *t);

/*
 * What was used a moment ago and keeps memory for its next use: it is asked to give that back
 * (cool) when it was not used for LOOP_WARM_MS, or when LOOP_WARM_MAX others were used since.
 */
#define LOOP_WARM_MS 1000
#define LOOP_WARM_MAX 512
struct loop_warm {
	struct list node;
	void (*cool)(struct loop_warm *w);
	int64_t used_us;
};
void loop_warm_init(struct loop_warm *w, void (*cool)(struct loop_warm *w));
void loop_warm_use(struct loop *l, struct loop_warm *w);
/* It is not asked any more; harmless when it is not warm. */
void loop_warm_forget(struct loop *l, struct loop_warm *w);

/*
 * Sockets that stay for long are watched edge-triggered in an epoll set of the loop's own, which
 * libevent watches: it costs no struct event per connection, no system call per request, and
 * unlike libevent's events it tells a reset from data.
 */
struct loop_io {
	/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP. */
	void (*ready)(struct loop_io *io, uint32_t events);
};
/*
 * Calls io->ready at each edge, and once for what holds already.  Ends when fd is closed; until
 * the end of that turn *io must stay in place (close and free in loop_bury).  ERR_IO.
 */
int loop_io_add(struct loop *l, struct loop_io *io, int fd);

/*
 * The loop's scratch buffer (LOOP_SCRATCH_SIZE bytes): whoever reads from a socket uses it within
 * one callback and leaves nothing in it.
 */
#define LOOP_SCRATCH_SIZE (64 * 1024)
void *loop_scratch(struct loop *l);

#endif
