/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn: wait, the turn's events (posted functions are one of them), due timers, tasks, and
 * last the graveyard.  Timers live in a heap of our own, so that a clock moved by hand moves
 * them; one libevent timeout wakes the loop for the earliest.
 */
#include "config.h"

#include "net/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

#define LOOP_MAGIC 0x6c6f6f70u
#define TASK_ROUNDS 4	/* of tasks that schedule tasks, within one turn */
#define IO_BATCH 256	/* sockets taken per turn: the rest waits for the next one */
#define NEVER INT64_MAX

struct post {
	struct post *next;
	void (*fn)(void *arg);
	void *arg;
};

struct dead {
	void *what;
	void (*free_fn)(void *);
};

struct loop {
	unsigned magic;
	struct event_base *base;	/* owned */
	const struct clock *clock;	/* borrowed */
	_Atomic pthread_t thread;
	int64_t now_us;
	bool in_turn;
	bool now_is_read;
	bool stopping;

	struct list tasks;
	struct dead *dead;		/* owned */
	size_t dead_count;
	size_t dead_cap;

	struct loop_timer **heap;	/* owned; the timers are borrowed */
	uint32_t heap_count;
	uint32_t heap_cap;
	uint64_t timer_order;
	struct event wake;
	int64_t wake_us;		/* when the libevent timeout comes, or NEVER */

	int post_fd;			/* an eventfd */
	struct event post_event;
	pthread_mutex_t post_lock;
	struct post *posts;		/* under post_lock; oldest first */
	struct post **posts_tail;

	int io_fd;			/* an epoll set */
	struct event io_event;
	struct list at_end;

	struct list warm;		/* struct loop_warm, longest unused first */
	size_t warm_count;
	struct loop_timer cooling;

	void *scratch;			/* owned */
};

/* OpenSSL writes to sockets without MSG_NOSIGNAL in places that we do not control. */
static void ignore_sigpipe(void)
{
	struct sigaction sa = { .sa_handler = SIG_IGN };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGPIPE, &sa, NULL);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	CHECK_MAGIC(l, LOOP_MAGIC);
	l->wake_us = NEVER;
}

static struct post *take_posts(struct loop *l)
{
	struct post *first;

	pthread_mutex_lock(&l->post_lock);
	first = l->posts;
	l->posts = NULL;
	l->posts_tail = &l->posts;
	pthread_mutex_unlock(&l->post_lock);
	return first;
}

static void on_posted(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct post *p, *next;
	eventfd_t count;

	(void)what;
	CHECK_MAGIC(l, LOOP_MAGIC);
	eventfd_read(fd, &count);
	for (p = take_posts(l); p; p = next) {
		next = p->next;
		p->fn(p->arg);
		free(p);
	}
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
	struct epoll_event ready[IO_BATCH];
	struct loop *l = arg;
	int n;

	(void)what;
	CHECK_MAGIC(l, LOOP_MAGIC);
	n = epoll_wait(fd, ready, IO_BATCH, 0);
	for (int i = 0; i < n; i++) {
		struct loop_io *io = ready[i].data.ptr;

		io->ready(io, ready[i].events);
	}
}

int loop_io_add(struct loop *l, struct loop_io *io, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				  .data.ptr = io };

	return epoll_ctl(l->io_fd, EPOLL_CTL_ADD, fd, &ev) ? ERR_IO : 0;
}

static struct event_base *new_base(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	CHECK(cfg);
	/* Only the loop's thread touches the base: loop_post has its own lock. */
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	CHECK(base);
	return base;
}

/* ---- what is warm ---- */

static void cool_first(struct loop *l)
{
	struct loop_warm *w = container_of(l->warm.next, struct loop_warm, node);

	loop_warm_forget(l, w);
	w->cool(w);
}

static void cool_down(struct loop_timer *t)
{
	struct loop *l = t->loop;
	int64_t limit_us = LOOP_WARM_MS * INT64_C(1000), age_us;

	while (!list_is_empty(&l->warm)) {
		age_us = loop_now_us(l) - container_of(l->warm.next, struct loop_warm,
						       node)->used_us;
		if (age_us < limit_us) {
			loop_timer_arm(t, (limit_us - age_us + 999) / 1000);
			return;
		}
		cool_first(l);
	}
}

void loop_warm_init(struct loop_warm *w, void (*cool)(struct loop_warm *w))
{
	list_init(&w->node);
	w->cool = cool;
}

void loop_warm_use(struct loop *l, struct loop_warm *w)
{
	loop_warm_forget(l, w);
	w->used_us = loop_now_us(l);
	list_add_tail(&l->warm, &w->node);
	if (++l->warm_count > LOOP_WARM_MAX)
		cool_first(l);
	if (!l->cooling.armed)
		loop_timer_arm(&l->cooling, LOOP_WARM_MS);
}

void loop_warm_forget(struct loop *l, struct loop_warm *w)
{
	if (list_is_empty(&w->node))
		return;
	list_del(&w->node);
	l->warm_count--;
}

struct loop *loop_new(const struct clock *clock)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct loop *l = xcalloc(1, sizeof(*l));

	pthread_once(&once, ignore_sigpipe);
	l->magic = LOOP_MAGIC;
	l->clock = clock ? clock : &clock_system;
	atomic_init(&l->thread, pthread_self());
	l->base = new_base();
	list_init(&l->tasks);
	list_init(&l->at_end);
	list_init(&l->warm);
	loop_timer_init(&l->cooling, l, cool_down);
	evtimer_assign(&l->wake, l->base, on_wake, l);
	l->wake_us = NEVER;
	pthread_mutex_init(&l->post_lock, NULL);
	l->posts_tail = &l->posts;
	l->post_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(l->post_fd >= 0);
	event_assign(&l->post_event, l->base, l->post_fd, EV_READ | EV_PERSIST, on_posted, l);
	event_add(&l->post_event, NULL);
	l->io_fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(l->io_fd >= 0);
	event_assign(&l->io_event, l->base, l->io_fd, EV_READ | EV_PERSIST, on_io, l);
	event_add(&l->io_event, NULL);
	l->scratch = xmalloc(LOOP_SCRATCH_SIZE);
	return l;
}

static void free_dead(struct loop *l)
{
	/* What is freed may bury in turn: the array may grow meanwhile. */
	for (size_t i = 0; i < l->dead_count; i++)
		l->dead[i].free_fn(l->dead[i].what);
	l->dead_count = 0;
}

void loop_free(struct loop *l)
{
	struct post *p, *next;
	struct list *node;

	if (!l)
		return;
	CHECK(!l->in_turn);
	while ((node = list_pop(&l->at_end))) {
		struct loop_task *t = container_of(node, struct loop_task, node);

		t->run(t);
	}
	free_dead(l);
	for (p = take_posts(l); p; p = next) {
		next = p->next;
		free(p);
	}
	while (list_pop(&l->tasks))
		;
	while (list_pop(&l->warm))
		;
	loop_timer_fini(&l->cooling);
	event_del(&l->wake);
	event_del(&l->post_event);
	event_del(&l->io_event);
	close(l->post_fd);
	close(l->io_fd);
	pthread_mutex_destroy(&l->post_lock);
	event_base_free(l->base);
	free(l->dead);
	free(l->heap);
	free(l->scratch);
	l->magic = 0;
	free(l);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

const struct clock *loop_clock(const struct loop *l)
{
	return l->clock;
}

void *loop_scratch(struct loop *l)
{
	return l->scratch;
}

bool loop_is_current(const struct loop *l)
{
	return pthread_equal(atomic_load_explicit(&l->thread, memory_order_relaxed),
			     pthread_self());
}

int64_t loop_now_us(const struct loop *l)
{
	/* A cache, hence the cast: the value is read when somebody first asks in a turn. */
	struct loop *cache = (struct loop *)(uintptr_t)l;

	if (l->in_turn && l->now_is_read)
		return l->now_us;
	cache->now_us = clock_monotonic_us(l->clock);
	cache->now_is_read = true;
	return l->now_us;
}

/* ---- timers: a binary heap, earliest on top ---- */

static bool is_before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void heap_put(struct loop *l, uint32_t slot, struct loop_timer *t)
{
	l->heap[slot] = t;
	t->slot = slot;
}

static void heap_up(struct loop *l, struct loop_timer *t)
{
	uint32_t slot = t->slot;

	while (slot > 0 && is_before(t, l->heap[(slot - 1) / 2])) {
		heap_put(l, slot, l->heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	heap_put(l, slot, t);
}

static void heap_down(struct loop *l, struct loop_timer *t)
{
	uint32_t slot = t->slot, child;

	while ((child = 2 * slot + 1) < l->heap_count) {
		if (child + 1 < l->heap_count && is_before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!is_before(l->heap[child], t))
			break;
		heap_put(l, slot, l->heap[child]);
		slot = child;
	}
	heap_put(l, slot, t);
}

static void heap_add(struct loop *l, struct loop_timer *t)
{
	if (l->heap_count == l->heap_cap) {
		l->heap_cap = l->heap_cap ? 2 * l->heap_cap : 64;
		l->heap = xreallocarray(l->heap, l->heap_cap, sizeof(struct loop_timer *));
	}
	heap_put(l, l->heap_count++, t);
	heap_up(l, t);
}

static void heap_del(struct loop *l, struct loop_timer *t)
{
	struct loop_timer *last;

	CHECK(t->slot < l->heap_count && l->heap[t->slot] == t);
	last = l->heap[--l->heap_count];
	if (last == t)
		return;
	heap_put(l, t->slot, last);
	heap_up(l, last);
	heap_down(l, last);
}

void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fire)(struct loop_timer *t))
{
	*t = (struct loop_timer){ .loop = l, .fire = fire };
}

void loop_timer_arm(struct loop_timer *t, int64_t ms)
{
	struct loop *l = t->loop;

	t->due_us = loop_now_us(l) + (ms > 0 ? ms : 0) * 1000;
	t->order = l->timer_order++;
	if (t->armed) {
		heap_up(l, t);
		heap_down(l, t);
		return;
	}
	t->armed = true;
	heap_add(l, t);
}

void loop_timer_cancel(struct loop_timer *t)
{
	if (!t->armed)
		return;
	t->armed = false;
	heap_del(t->loop, t);
}

void loop_timer_fini(struct loop_timer *t)
{
	loop_timer_cancel(t);
}

static void fire_timers(struct loop *l)
{
	uint64_t order = l->timer_order;

	/* What a timer arms while it fires waits for the next turn, even with 0 ms. */
	while (l->heap_count > 0) {
		struct loop_timer *t = l->heap[0];

		if (t->due_us > loop_now_us(l) || t->order >= order)
			return;
		loop_timer_cancel(t);
		t->fire(t);
	}
}

/* ---- tasks, posted functions, graveyard ---- */

void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *t))
{
	list_init(&t->node);
	t->run = run;
}

void loop_task_schedule(struct loop *l, struct loop_task *t)
{
	if (list_is_empty(&t->node))
		list_add_tail(&l->tasks, &t->node);
}

void loop_at_end(struct loop *l, struct loop_task *t)
{
	CHECK(list_is_empty(&t->node));
	list_add_tail(&l->at_end, &t->node);
}

void loop_task_cancel(struct loop_task *t)
{
	list_del(&t->node);
}

static void run_tasks(struct loop *l)
{
	struct loop_task mark;
	struct list *node;

	for (int round = 0; round < TASK_ROUNDS && !list_is_empty(&l->tasks); round++) {
		list_add_tail(&l->tasks, &mark.node);
		while ((node = list_pop(&l->tasks)) != &mark.node) {
			struct loop_task *t = container_of(node, struct loop_task, node);

			t->run(t);
		}
	}
}

void loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct post *p = xmalloc(sizeof(*p));
	bool was_empty;

	*p = (struct post){ .fn = fn, .arg = arg };
	pthread_mutex_lock(&l->post_lock);
	was_empty = !l->posts;
	*l->posts_tail = p;
	l->posts_tail = &p->next;
	/* Inside the lock: once p can be run, the loop may end and close the descriptor. */
	if (was_empty)
		eventfd_write(l->post_fd, 1);
	pthread_mutex_unlock(&l->post_lock);
}

void loop_bury(struct loop *l, void *what, void (*free_fn)(void *))
{
	if (l->dead_count == l->dead_cap) {
		l->dead_cap = l->dead_cap ? 2 * l->dead_cap : 64;
		l->dead = xreallocarray(l->dead, l->dead_cap, sizeof(*l->dead));
	}
	l->dead[l->dead_count++] = (struct dead){ what, free_fn };
}

/* ---- turns ---- */

/* Arms the wake-up call for the earliest timer; true when the turn must not wait at all. */
static bool plan_wake(struct loop *l, int timeout_ms)
{
	int64_t now = loop_now_us(l), until = NEVER;
	struct timeval tv;

	if (timeout_ms == 0 || !list_is_empty(&l->tasks))
		return true;
	if (timeout_ms > 0)
		until = now + (int64_t)timeout_ms * 1000;
	if (l->heap_count > 0 && l->heap[0]->due_us < until)
		until = l->heap[0]->due_us;
	if (until <= now)
		return true;
	/* A wake-up that comes too early is left alone: it costs less than moving it each turn. */
	if (until == NEVER || (l->wake_us > now && l->wake_us <= until))
		return false;
	tv.tv_sec = (until - now) / 1000000;
	tv.tv_usec = (until - now) % 1000000;
	event_add(&l->wake, &tv);
	l->wake_us = until;
	return false;
}

static void turn(struct loop *l, int timeout_ms)
{
	bool at_once = plan_wake(l, timeout_ms);

	CHECK(!l->in_turn);
	l->in_turn = true;
	l->now_is_read = false;
	event_base_loop(l->base, EVLOOP_ONCE | (at_once ? EVLOOP_NONBLOCK : 0));
	fire_timers(l);
	run_tasks(l);
	free_dead(l);
	l->in_turn = false;
}

void loop_turn(struct loop *l, int timeout_ms)
{
	atomic_store_explicit(&l->thread, pthread_self(), memory_order_relaxed);
	turn(l, timeout_ms);
}

void loop_run(struct loop *l)
{
	atomic_store_explicit(&l->thread, pthread_self(), memory_order_relaxed);
	while (!l->stopping)
		turn(l, -1);
	l->stopping = false;
}

void loop_stop(struct loop *l)
{
	l->stopping = true;
}
