/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/loop.h"
#include "tests/tap.h"

static char trace[256];
static struct loop *loop;
static struct clock_fake fake;

static void note(const char *what)
{
	strncat(trace, what, sizeof(trace) - strlen(trace) - 1);
}

/* A text of one letter that lives as long as the program. */
static void *name(char c)
{
	static char names[128][2];

	names[(unsigned char)c % 128][0] = c;
	return names[(unsigned char)c % 128];
}

static void setup(void)
{
	trace[0] = '\0';
	clock_fake_init(&fake, 1000000, 0);
	loop = loop_new(&fake.clock);
}

static void note_post(void *arg)
{
	note(arg);
}

static void post_again(void *arg)
{
	note(arg);
	loop_post(loop, note_post, name('z'));
}

static void test_posts_run_in_order_in_a_later_turn(void)
{
	setup();
	loop_post(loop, note_post, name('a'));
	loop_post(loop, post_again, name('b'));
	loop_post(loop, note_post, name('c'));
	cstr_is(trace, "");
	loop_turn(loop, 0);
	cstr_is(trace, "abc");
	loop_turn(loop, -1);
	cstr_is(trace, "abcz");
	loop_free(loop);
}

static void test_unrun_posts_are_dropped(void)
{
	setup();
	loop_post(loop, note_post, name('a'));
	loop_free(loop);
	cstr_is(trace, "");
}

static struct loop_timer timers[4];

static void fire_0(struct loop_timer *t) { (void)t; note("0"); }
static void fire_1(struct loop_timer *t) { (void)t; note("1"); }
static void fire_2(struct loop_timer *t) { (void)t; note("2"); }
static void fire_again(struct loop_timer *t) { note("r"); loop_timer_arm(t, 0); }
static void fire_cancel(struct loop_timer *t) { (void)t; note("x"); loop_timer_cancel(&timers[1]); }

static void test_timers_fire_when_the_clock_moves(void)
{
	setup();
	loop_timer_init(&timers[0], loop, fire_0);
	loop_timer_init(&timers[1], loop, fire_1);
	loop_timer_init(&timers[2], loop, fire_2);
	loop_timer_arm(&timers[2], 30);
	loop_timer_arm(&timers[0], 10);
	loop_timer_arm(&timers[1], 20);
	ok(timers[0].armed);
	loop_turn(loop, 0);
	cstr_is(trace, "");
	clock_fake_advance(&fake, 9999);
	loop_turn(loop, 0);
	cstr_is(trace, "");
	clock_fake_advance(&fake, 1);
	loop_turn(loop, 0);
	cstr_is(trace, "0");
	ok(!timers[0].armed);
	loop_timer_cancel(&timers[0]);
	loop_timer_cancel(&timers[1]);
	clock_fake_advance(&fake, 1000000);
	loop_turn(loop, -1);	/* does not wait: one is due */
	cstr_is(trace, "02");
	for (int i = 0; i < 3; i++)
		loop_timer_fini(&timers[i]);
	loop_free(loop);
}

static void test_equal_timers_fire_in_order_of_arming(void)
{
	setup();
	loop_timer_init(&timers[0], loop, fire_0);
	loop_timer_init(&timers[1], loop, fire_1);
	loop_timer_init(&timers[2], loop, fire_2);
	loop_timer_arm(&timers[0], 10);
	loop_timer_arm(&timers[1], 10);
	loop_timer_arm(&timers[2], 10);
	loop_timer_arm(&timers[0], 10);	/* moved behind the others */
	clock_fake_advance(&fake, 10000);
	loop_turn(loop, 0);
	cstr_is(trace, "120");
	loop_free(loop);
}

static void test_a_timer_may_rearm_and_cancel_others(void)
{
	setup();
	loop_timer_init(&timers[0], loop, fire_again);
	loop_timer_init(&timers[1], loop, fire_1);
	loop_timer_init(&timers[2], loop, fire_cancel);
	loop_timer_arm(&timers[2], 0);
	loop_timer_arm(&timers[0], 0);
	loop_timer_arm(&timers[1], 0);
	loop_turn(loop, 0);
	cstr_is(trace, "xr");
	loop_turn(loop, 0);
	cstr_is(trace, "xrr");
	loop_timer_fini(&timers[0]);
	loop_turn(loop, 0);
	cstr_is(trace, "xrr");
	loop_free(loop);
}

static int64_t last_due;
static unsigned fired;

static void fire_sorted(struct loop_timer *t)
{
	ok(t->due_us >= last_due);
	last_due = t->due_us;
	fired++;
}

/* Many timers, armed, moved and cancelled at random: each fires once, in the order of time. */
static void test_many_timers_fire_sorted(void)
{
	enum { COUNT = 2000 };
	struct loop_timer *many = xcalloc(COUNT, sizeof(*many));
	unsigned cancelled = 0;

	setup();
	srand(7);
	last_due = 0;
	fired = 0;
	for (int i = 0; i < COUNT; i++) {
		loop_timer_init(&many[i], loop, fire_sorted);
		loop_timer_arm(&many[i], rand() % 500);
	}
	for (int i = 0; i < COUNT; i += 3)
		loop_timer_arm(&many[i], rand() % 500);
	for (int i = 0; i < COUNT; i += 7) {
		loop_timer_cancel(&many[i]);
		cancelled++;
	}
	for (int i = 0; i < 50; i++) {
		clock_fake_advance(&fake, 10000);
		loop_turn(loop, 0);
	}
	int_is(fired, COUNT - cancelled);
	loop_free(loop);
	free(many);
}

static void test_real_clock_wakes_the_loop(void)
{
	int64_t start;

	trace[0] = '\0';
	loop = loop_new(NULL);
	loop_timer_init(&timers[0], loop, fire_0);
	start = loop_now_us(loop);
	loop_timer_arm(&timers[0], 5);
	for (int i = 0; i < 100 && !*trace; i++)
		loop_turn(loop, -1);
	cstr_is(trace, "0");
	ok(loop_now_us(loop) - start >= 5000);
	loop_turn(loop, 1);	/* a bounded wait ends without any event */
	loop_free(loop);
}

static struct loop_task tasks[3];
static unsigned runs;

static void run_0(struct loop_task *t) { (void)t; note("t0"); }
static void run_1(struct loop_task *t) { (void)t; note("t1"); loop_task_schedule(loop, &tasks[0]); }
static void run_forever(struct loop_task *t) { runs++; loop_task_schedule(loop, t); }
static void free_note(void *what) { note(what); }
static void free_count(void *what) { ++*(unsigned *)what; }

static void bury_and_schedule(void *arg)
{
	(void)arg;
	loop_bury(loop, name('F'), free_note);
	loop_task_schedule(loop, &tasks[0]);
	loop_task_schedule(loop, &tasks[1]);
	loop_task_schedule(loop, &tasks[0]);
	note("p");
}

static void test_turn_is_events_timers_tasks_graveyard(void)
{
	setup();
	loop_task_init(&tasks[0], run_0);
	loop_task_init(&tasks[1], run_1);
	loop_timer_init(&timers[0], loop, fire_0);
	loop_timer_arm(&timers[0], 0);
	loop_post(loop, bury_and_schedule, NULL);
	loop_turn(loop, 0);
	cstr_is(trace, "p0t0t1t0F");	/* t1 schedules t0 again: it runs in a second round */
	loop_free(loop);
}

static void test_endless_tasks_do_not_starve_events(void)
{
	setup();
	runs = 0;
	loop_task_init(&tasks[0], run_forever);
	loop_task_schedule(loop, &tasks[0]);
	loop_turn(loop, -1);	/* does not wait */
	ok(runs >= 1 && runs < 100);
	loop_post(loop, note_post, name('a'));
	loop_turn(loop, -1);
	cstr_is(trace, "a");
	loop_task_cancel(&tasks[0]);
	runs = 0;
	loop_turn(loop, 0);
	int_is(runs, 0);
	loop_free(loop);
}

static void bury_more(void *what)
{
	note(what);
	for (int i = 0; i < 100; i++)
		loop_bury(loop, &runs, free_count);
	loop_bury(loop, name('2'), free_note);
}

static void test_graveyard_grows_while_it_is_emptied(void)
{
	setup();
	runs = 0;
	loop_bury(loop, name('1'), bury_more);
	loop_turn(loop, 0);
	int_is(runs, 100);
	cstr_is(trace, "12");
	loop_bury(loop, name('3'), free_note);
	loop_free(loop);
	cstr_is(trace, "123");
}

static void check_now(void *arg)
{
	int64_t *seen = arg;

	seen[0] = loop_now_us(loop);
	clock_fake_advance(&fake, 5);
	seen[1] = loop_now_us(loop);
}

static void test_time_is_read_once_per_turn(void)
{
	int64_t seen[2];

	setup();
	loop_post(loop, check_now, seen);
	clock_fake_advance(&fake, 77);
	loop_turn(loop, 0);
	int_is(seen[0], 1000077);
	int_is(seen[1], 1000077);
	int_is(loop_now_us(loop), 1000082);
	loop_free(loop);
}

enum { POSTERS = 4, POSTS = 5000 };
static unsigned counts[POSTERS];
static unsigned done;

static void count_post(void *arg)
{
	unsigned *count = arg;

	ok(loop_is_current(loop));
	if (++*count == POSTS && ++done == POSTERS)
		loop_stop(loop);
}

static atomic_uint strangers;

static void *poster(void *arg)
{
	if (!loop_is_current(loop))
		strangers++;
	for (int i = 0; i < POSTS; i++)
		loop_post(loop, count_post, arg);
	return NULL;
}

static void test_other_threads_post(void)
{
	pthread_t threads[POSTERS];

	loop = loop_new(NULL);
	done = 0;
	for (int i = 0; i < POSTERS; i++) {
		counts[i] = 0;
		pthread_create(&threads[i], NULL, poster, &counts[i]);
	}
	loop_run(loop);
	ok(loop_is_current(loop));
	for (int i = 0; i < POSTERS; i++) {
		pthread_join(threads[i], NULL);
		int_is(counts[i], POSTS);
	}
	int_is(strangers, POSTERS);
	loop_free(loop);
}

struct warm_thing {
	struct loop_warm warm;
	int cooled;
};

static void count_cooling(struct loop_warm *w)
{
	container_of(w, struct warm_thing, warm)->cooled++;
}

static void test_what_is_not_used_cools(void)
{
	struct warm_thing a = { .cooled = 0 }, b = { .cooled = 0 };

	setup();
	loop_warm_init(&a.warm, count_cooling);
	loop_warm_init(&b.warm, count_cooling);
	loop_warm_use(loop, &a.warm);
	clock_fake_advance(&fake, LOOP_WARM_MS * 600);
	loop_turn(loop, 0);
	loop_warm_use(loop, &b.warm);
	clock_fake_advance(&fake, LOOP_WARM_MS * 600);
	loop_turn(loop, 0);
	int_is(a.cooled, 1);
	int_is(b.cooled, 0);
	loop_warm_use(loop, &b.warm);	/* stays warm for another while */
	clock_fake_advance(&fake, LOOP_WARM_MS * 600);
	loop_turn(loop, 0);
	int_is(b.cooled, 0);
	loop_warm_use(loop, &a.warm);
	loop_warm_forget(loop, &a.warm);
	loop_warm_forget(loop, &a.warm);
	clock_fake_advance(&fake, LOOP_WARM_MS * 2000);
	loop_turn(loop, 0);
	int_is(a.cooled, 1);
	int_is(b.cooled, 1);
	loop_free(loop);
}

static void test_only_so_many_are_warm(void)
{
	struct warm_thing *things = xcalloc(LOOP_WARM_MAX + 2, sizeof(*things));

	setup();
	for (int i = 0; i < LOOP_WARM_MAX + 2; i++) {
		loop_warm_init(&things[i].warm, count_cooling);
		loop_warm_use(loop, &things[i].warm);
		loop_warm_use(loop, &things[0].warm);
	}
	int_is(things[0].cooled, 0);
	int_is(things[1].cooled + things[2].cooled, 2);
	int_is(things[3].cooled, 0);
	loop_free(loop);	/* with warm things that are not asked any more */
	int_is(things[3].cooled, 0);
	free(things);
}

int main(void)
{
	static const struct tap_test t[] = {
		TAP(test_posts_run_in_order_in_a_later_turn),
		TAP(test_unrun_posts_are_dropped),
		TAP(test_timers_fire_when_the_clock_moves),
		TAP(test_equal_timers_fire_in_order_of_arming),
		TAP(test_a_timer_may_rearm_and_cancel_others),
		TAP(test_many_timers_fire_sorted),
		TAP(test_real_clock_wakes_the_loop),
		TAP(test_turn_is_events_timers_tasks_graveyard),
		TAP(test_endless_tasks_do_not_starve_events),
		TAP(test_graveyard_grows_while_it_is_emptied),
		TAP(test_time_is_read_once_per_turn),
		TAP(test_other_threads_post),
		TAP(test_what_is_not_used_cools),
		TAP(test_only_so_many_are_warm),
		TAP_END
	};

	return tap_main(t);
}
