/* SPDX-License-Identifier: Apache-2.0 */
/* The list of held requests, over a graph of the test's own and a clock that is moved by hand. */
#include "config.h"

#include "proxy/node_wait.h"

#include <pthread.h>

#include "base/mem.h"
#include "obs/metrics.h"
#include "tests/tap.h"

/* A graph whose only object is related to every node, once it is there. */
static struct {
	atomic_uint_fast64_t generation;
	struct str there;
	size_t asked;
} graph;

uint64_t node_graph_generation(const struct node_graph *g)
{
	(void)g;
	return atomic_load(&graph.generation);
}

bool node_graph_related(const struct node_graph *g, enum node_object kind, struct str namespace,
			struct str name, struct str node)
{
	(void)g;
	(void)kind;
	(void)namespace;
	(void)node;
	graph.asked++;
	return graph.there.n && str_eq(graph.there, name);
}

static void add_edge(struct str name)
{
	graph.there = name;
	atomic_fetch_add(&graph.generation, 1);
}

struct request {
	struct node_wait wait;
	int resumed;
	struct node_wait *cancels;	/* when it is resumed */
};

static struct {
	struct clock_fake clock;
	struct loop *loop;
	struct node_waits *waits;
} t;

static void on_resume(struct node_wait *n)
{
	struct request *r = container_of(n, struct request, wait);

	ok(!n->waits);
	r->resumed++;
	if (r->cancels)
		node_wait_cancel(r->cancels);
}

static void start(void)
{
	graph.there = STR_NULL;
	graph.asked = 0;
	clock_fake_init(&t.clock, 1000000, 0);
	t.loop = loop_new(&t.clock.clock);
	t.waits = node_waits_new(t.loop, NULL);
}

static void stop(void)
{
	node_waits_free(t.waits);
	loop_free(t.loop);
	int_is(metric_value(METRIC_NODE_WAITING), 0);
}

/* The wake-up of a post needs one turn, what it leads to another. */
static void turns(void)
{
	for (int i = 0; i < 3; i++)
		loop_turn(t.loop, 0);
}

static void pass(int64_t ms)
{
	clock_fake_advance(&t.clock, ms * 1000);
	turns();
}

static bool hold(struct request *r, const char *name, const char *node, int64_t ms)
{
	struct node_question q = {
		.kind = NODE_SECRET, .namespace = STR("ns"), .name = str_from(name),
		.node = str_from(node), .generation = atomic_load(&graph.generation),
	};

	*r = (struct request){ .resumed = 0 };
	return node_waits_add(t.waits, &r->wait, &q, ms, on_resume);
}

static void test_edge_comes(void)
{
	struct request one, other;

	start();
	ok(hold(&one, "one", "n1", 250));
	ok(hold(&other, "other", "n1", 250));
	int_is(metric_value(METRIC_NODE_WAITING), 2);
	pass(10);
	int_is(graph.asked, 0);
	add_edge(STR("one"));
	node_waits_notify(t.waits);
	turns();
	int_is(one.resumed, 1);
	int_is(other.resumed, 0);
	int_is(node_waits_count(t.waits), 1);
	/* Nothing has changed since: nobody asks again. */
	graph.asked = 0;
	node_waits_notify(t.waits);
	pass(10);
	int_is(graph.asked, 0);
	pass(230);
	int_is(other.resumed, 1);
	pass(1000);
	int_is(one.resumed, 1);
	int_is(other.resumed, 1);
	stop();
}

static void test_time_over(void)
{
	struct request r;

	start();
	ok(hold(&r, "one", "n1", 250));
	pass(249);
	int_is(r.resumed, 0);
	pass(1);
	int_is(r.resumed, 1);
	int_is(node_waits_count(t.waits), 0);
	stop();
}

/* The edge came after the graph was asked and before the request was in the list. */
static void test_edge_came_in_between(void)
{
	struct node_question q = { .kind = NODE_POD, .name = STR("one"), .node = STR("n1") };
	struct request r = { .resumed = 0 };

	start();
	q.generation = atomic_load(&graph.generation);
	add_edge(STR("one"));
	ok(node_waits_add(t.waits, &r.wait, &q, 250, on_resume));
	int_is(r.resumed, 0);	/* never from within */
	turns();
	int_is(r.resumed, 1);
	stop();
}

static void test_cancel(void)
{
	struct request r, never = { .resumed = 0 };

	start();
	node_wait_cancel(&never.wait);
	ok(hold(&r, "one", "n1", 250));
	node_wait_cancel(&r.wait);
	int_is(node_waits_count(t.waits), 0);
	add_edge(STR("one"));
	node_waits_notify(t.waits);
	pass(1000);
	int_is(r.resumed, 0);
	stop();
}

/* A request that goes on may end others, also those that were to go on in the same turn. */
static void test_resumed_cancels_another(void)
{
	struct request first, second, third;

	start();
	ok(hold(&first, "one", "n1", 250) && hold(&second, "one", "n2", 250) &&
	   hold(&third, "one", "n3", 250));
	first.cancels = &second.wait;
	add_edge(STR("one"));
	node_waits_notify(t.waits);
	turns();
	int_is(first.resumed, 1);
	int_is(second.resumed, 0);
	int_is(third.resumed, 1);
	stop();
}

static void test_limits(void)
{
	static struct request v[NODE_WAITS_MAX + 1];
	char nodes[NODE_WAITS_MAX / NODE_WAITS_PER_NODE_MAX + 2][8];
	size_t held = 0, refused;

	start();
	for (size_t i = 0; i < array_size(nodes); i++)
		snprintf(nodes[i], sizeof(nodes[i]), "n%zu", i);
	for (size_t i = 0; i <= NODE_WAITS_PER_NODE_MAX; i++)
		held += hold(&v[i], "one", nodes[0], 250);
	int_is(held, NODE_WAITS_PER_NODE_MAX);
	/* One that goes makes room for another of its node. */
	node_wait_cancel(&v[0].wait);
	ok(hold(&v[0], "one", nodes[0], 250));
	ok(!hold(&v[held], "one", nodes[0], 250));
	for (size_t i = held; held < NODE_WAITS_MAX && i < 10 * NODE_WAITS_MAX; i++)
		held += hold(&v[held], "one", nodes[i / NODE_WAITS_PER_NODE_MAX %
						    array_size(nodes)], 250);
	int_is(held, NODE_WAITS_MAX);
	refused = 0;
	for (size_t i = 0; i < array_size(nodes); i++)
		refused += !hold(&v[held], "one", nodes[i], 250);
	int_is(refused, array_size(nodes));
	pass(250);
	for (size_t i = 0; i < held; i++)
		if (v[i].resumed != 1)
			int_is(v[i].resumed, 1);
	ok(hold(&v[0], "one", nodes[0], 250));
	node_wait_cancel(&v[0].wait);
	stop();
}

/* However fast the graph changes, what is held is looked at once in NODE_WAIT_PAUSE_MS. */
static void test_pause(void)
{
	struct request r;

	start();
	ok(hold(&r, "one", "n1", 10000));
	for (int i = 0; i < 1000; i++) {
		add_edge(STR("other"));
		node_waits_notify(t.waits);
		clock_fake_advance(&t.clock, 100);
		turns();
	}
	ok(graph.asked >= 20 && graph.asked <= 1 + 100 / NODE_WAIT_PAUSE_MS);
	/* And what changed during a pause is seen at its end. */
	add_edge(STR("one"));
	node_waits_notify(t.waits);
	pass(NODE_WAIT_PAUSE_MS);
	int_is(r.resumed, 1);
	stop();
}

static void test_end(void)
{
	struct request one, other;

	start();
	ok(hold(&one, "one", "n1", 250) && hold(&other, "other", "n2", 250));
	node_waits_end(t.waits);
	int_is(one.resumed, 1);
	int_is(other.resumed, 1);
	ok(!hold(&one, "one", "n1", 250));
	pass(1000);
	int_is(one.resumed, 0);
	stop();
}

static void *notify_main(void *arg)
{
	add_edge(STR("one"));
	node_waits_notify(arg);
	return NULL;
}

/* The loop sleeps; the change of another thread wakes it. */
static void test_other_thread(void)
{
	struct request r;
	pthread_t thread;

	start();
	ok(hold(&r, "one", "n1", 250));
	pthread_create(&thread, NULL, notify_main, t.waits);
	while (!r.resumed)
		loop_turn(t.loop, -1);
	pthread_join(thread, NULL);
	int_is(r.resumed, 1);
	stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_edge_comes), TAP(test_time_over), TAP(test_edge_came_in_between),
		TAP(test_cancel), TAP(test_resumed_cancels_another), TAP(test_limits),
		TAP(test_pause), TAP(test_end), TAP(test_other_thread), TAP_END
	};

	return tap_main(tests);
}
