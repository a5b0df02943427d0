/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/node_wait.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "obs/metrics.h"

#define NODE_COUNTERS 1024	/* nodes share them by hash: whoever shares one shares its limit */

struct node_waits {
	struct loop *loop;		/* borrowed */
	const struct node_graph *graph;	/* borrowed */
	struct list held;		/* struct node_wait, oldest first */
	struct loop_timer pause;	/* the next look, when the last one was just now */
	int64_t looked_us;
	uint16_t of_node[NODE_COUNTERS];
	atomic_size_t count;
	atomic_bool posted;		/* a look is under way to the loop */
	bool ended;
};

static uint16_t *counter_of(struct node_waits *w, struct str node)
{
	return &w->of_node[str_hash(node) % NODE_COUNTERS];
}

static void leave(struct node_wait *n)
{
	struct node_waits *w = n->waits;

	list_del(&n->node);
	loop_timer_fini(&n->timer);
	--*counter_of(w, n->question.node);
	atomic_fetch_sub(&w->count, 1);
	metric_add(METRIC_NODE_WAITING, -1);
	n->waits = NULL;
}

/* Takes the first out of a list of those to be resumed. */
static bool resume_first(struct list *list)
{
	struct node_wait *n;

	if (list_is_empty(list))
		return false;
	n = container_of(list->next, struct node_wait, node);
	leave(n);
	n->resume(n);
	return true;
}

static void on_time_over(struct loop_timer *t)
{
	struct node_wait *n = container_of(t, struct node_wait, timer);

	leave(n);
	n->resume(n);
}

/* One that saw the graph as it is now need not ask again. */
static bool has_edge_now(struct node_waits *w, struct node_question *q)
{
	uint64_t generation = node_graph_generation(w->graph);

	if (q->generation == generation)
		return false;
	q->generation = generation;
	return node_question_ask(w->graph, q);
}

/* What is resumed may make others leave: those to be resumed get a list of their own. */
static void look(struct node_waits *w)
{
	struct list ready, *pos, *safe;

	loop_timer_cancel(&w->pause);
	list_init(&ready);
	list_for_each(pos, safe, &w->held) {
		struct node_wait *n = container_of(pos, struct node_wait, node);

		if (!has_edge_now(w, &n->question))
			continue;
		list_del(pos);
		list_add_tail(&ready, pos);
	}
	w->looked_us = loop_now_us(w->loop);
	while (resume_first(&ready))
		;
}

static void on_pause_over(struct loop_timer *t)
{
	look(container_of(t, struct node_waits, pause));
}

/* Pods may churn faster than it is worth looking at thousands of held requests. */
static void on_notice(void *arg)
{
	struct node_waits *w = arg;
	int64_t since_us = loop_now_us(w->loop) - w->looked_us;

	/* Before looking: what changes from here on is told again. */
	atomic_store(&w->posted, false);
	if (since_us >= NODE_WAIT_PAUSE_MS * INT64_C(1000))
		look(w);
	else if (!w->pause.armed)
		loop_timer_arm(&w->pause, NODE_WAIT_PAUSE_MS);
}

struct node_waits *node_waits_new(struct loop *l, const struct node_graph *g)
{
	struct node_waits *w = xcalloc(1, sizeof(*w));

	w->loop = l;
	w->graph = g;
	list_init(&w->held);
	loop_timer_init(&w->pause, l, on_pause_over);
	return w;
}

void node_waits_free(struct node_waits *w)
{
	if (!w)
		return;
	CHECK(list_is_empty(&w->held));
	loop_timer_fini(&w->pause);
	free(w);
}

size_t node_waits_count(const struct node_waits *w)
{
	return atomic_load_explicit(&w->count, memory_order_relaxed);
}

bool node_waits_add(struct node_waits *w, struct node_wait *n, const struct node_question *q,
		    int64_t ms, void (*resume)(struct node_wait *n))
{
	uint16_t *of_node = counter_of(w, q->node);

	CHECK(!n->waits);
	if (w->ended || node_waits_count(w) >= NODE_WAITS_MAX ||
	    *of_node >= NODE_WAITS_PER_NODE_MAX)
		return false;
	n->waits = w;
	n->question = *q;
	n->resume = resume;
	list_add_tail(&w->held, &n->node);
	loop_timer_init(&n->timer, w->loop, on_time_over);
	loop_timer_arm(&n->timer, ms);
	++*of_node;
	metric_add(METRIC_NODE_WAITING, 1);
	metric_add(METRIC_NODE_WAITS, 1);
	/*
	 * Both this and node_waits_notify modify the count: the later of the two sees what the
	 * other thread did before, either the new generation here or the held request there.
	 */
	atomic_fetch_add(&w->count, 1);
	if (node_graph_generation(w->graph) != q->generation)
		node_waits_notify(w);
	return true;
}

void node_wait_cancel(struct node_wait *n)
{
	if (n->waits)
		leave(n);
}

void node_waits_notify(struct node_waits *w)
{
	if (atomic_fetch_add(&w->count, 0) && !atomic_exchange(&w->posted, true))
		loop_post(w->loop, on_notice, w);
}

void node_waits_end(struct node_waits *w)
{
	w->ended = true;
	while (resume_first(&w->held))
		;
}
