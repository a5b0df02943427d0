/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers that ask while the writer changes the graph around them: what is always related is
 * always found, what never is never, and what a pod is known by is of one piece.
 */
#include "config.h"

#include <jansson.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "authz/node_graph.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "tests/tap.h"

enum { READERS = 3, ROUNDS = 3000, ASKED = 200, CROWD = 60, NODES = 40 };

#define GIVE_UP_SECONDS 300

static struct {
	struct node_graph *g;
	atomic_bool done;
	atomic_int step;		/* the writer has made edge `step`, and not taken it back */
	atomic_long asked[READERS];
	atomic_long wrong[5];
} t;

/* --- The writer --- */

static void tell(enum node_source s, const char *message, bool gone, const char *text)
{
	json_t *v = json_loads(text, 0, NULL);
	struct object_cursor c;

	CHECK(v);
	object_cursor_json(&c, schema_message_find(message), v);
	CHECK((gone ? node_graph_delete : node_graph_apply)(t.g, s, &c) == 0);
	json_decref(v);
}

__attribute__((format(printf, 2, 3)))
static void pod(bool gone, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	CHECK(vsnprintf(text, sizeof(text), fmt, ap) < (int)sizeof(text));
	va_end(ap);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	tell(NODE_SOURCE_PODS, "core.v1.Pod", gone, text);
}

/* One pod keeps a secret, a claim and a shared config map, and all else about it changes. */
static void anchor_changes(int i)
{
	pod(false, "{'metadata': {'name': 'anchor', 'namespace': 'ns', 'uid': 'u%d'}, 'spec': {"
	    "'nodeName': 'home', 'serviceAccountName': 'sa%d', 'imagePullSecrets': [{'name': "
		"'kept'},"
	    " {'name': 's%d'}], 'volumes': [{'name': 'a', 'configMap': {'name': 'shared'}}, "
	    "{'name': 'b', 'persistentVolumeClaim': {'claimName': 'c'}}]}}", i, i % 3, i % 5);
}

/* Its volume keeps one secret. */
static void volume_changes(int i)
{
	char text[400];

	snprintf(text, sizeof(text), "{\"metadata\": {\"name\": \"pv\"}, \"spec\": {\"claimRef\": "
		 "{\"namespace\": \"ns\", \"name\": \"c\"}, \"csi\": {\"nodeStageSecretRef\": "
		 "{\"namespace\": \"o\", \"name\": \"stage\"}, \"nodePublishSecretRef\": "
		 "{\"namespace\": \"o\", \"name\": \"v%d\"}}}}", i % 4);
	tell(NODE_SOURCE_VOLUMES, "core.v1.PersistentVolume", false, text);
}

/* Pods that come and go on many nodes, all with the shared config map. */
static void crowd_changes(int i)
{
	int one = i % CROWD;
	bool gone = i / CROWD % 2;

	pod(gone, "{'metadata': {'name': 'crowd%d', 'namespace': 'ns', 'uid': 'c%d'}, 'spec': {"
	    "'nodeName': 'node%d', 'imagePullSecrets': [{'name': 'own%d'}], 'volumes': "
		"[{'name': 'a',"
	    " 'configMap': {'name': 'shared'}}]}}", one, i, i % NODES, one);
}

/* A pod that is created anew on another node: node and uid say the same number. */
static void wanderer_changes(int i)
{
	pod(i % 7 == 6, "{'metadata': {'name': 'wanderer', 'namespace': 'ns', 'uid': '%d'}, "
	    "'spec': {'nodeName': 'w%d'}}", i % 10, i % 10);
}

/* An edge per step, taken back a while later; the step is said after it was made. */
static void step_made(int i)
{
	pod(false, "{'metadata': {'name': 'step%d', 'namespace': 'ns'}, 'spec': {'nodeName': "
		"'home', "
	    "'imagePullSecrets': [{'name': 'secret%d'}]}}", i, i);
	atomic_store_explicit(&t.step, i, memory_order_release);
	if (i > 500)
		pod(true, "{'metadata': {'name': 'step%d', 'namespace': 'ns'}}", i - 500);
}

static void relist(void)
{
	node_graph_relist_begin(t.g, NODE_SOURCE_VOLUMES);
	volume_changes(0);
	node_graph_relist_commit(t.g, NODE_SOURCE_VOLUMES);
}

static void write_round(int i)
{
	anchor_changes(i);
	volume_changes(i);
	crowd_changes(i);
	wanderer_changes(i);
	step_made(i);
	if (i % 50 == 0)
		relist();
	node_graph_reclaim(t.g);
}

/* --- Readers --- */

static bool ask(enum node_object kind, const char *namespace, const char *name, const char *node)
{
	return node_graph_related(t.g, kind, str_from(namespace), str_from(name), str_from(node));
}

static void expect(bool held, int which)
{
	if (!held)
		atomic_fetch_add(&t.wrong[which], 1);
}

static void ask_for_pod(void)
{
	char node[254], uid[NODE_UID_MAX + 1];

	if (node_graph_pod(t.g, STR("ns"), STR("wanderer"), node, uid))
		expect(node[0] == 'w' && !strcmp(node + 1, uid), 3);
	expect(node_graph_pod(t.g, STR("ns"), STR("anchor"), node, uid) && !strcmp(node, "home"),
	       3);
}

/* A step that was said is seen, unless so many came since that it may be gone again. */
static void ask_for_step(void)
{
	int step = atomic_load_explicit(&t.step, memory_order_acquire);
	uint64_t generation = node_graph_generation(t.g);
	char name[30];
	bool found;

	snprintf(name, sizeof(name), "secret%d", step);
	found = ask(NODE_SECRET, "ns", name, "home");
	if (atomic_load_explicit(&t.step, memory_order_acquire) < step + 400)
		expect(found || !step, 4);
	expect(node_graph_generation(t.g) >= generation, 4);
}

static void *read_all(void *arg)
{
	atomic_long *asked = arg;

	rcu_reader_register();
	while (!atomic_load(&t.done)) {
		expect(ask(NODE_SECRET, "ns", "kept", "home"), 0);
		expect(ask(NODE_CONFIG_MAP, "ns", "shared", "home"), 0);
		expect(ask(NODE_CLAIM, "ns", "c", "home"), 0);
		expect(ask(NODE_POD, "ns", "anchor", "home"), 0);
		expect(ask(NODE_VOLUME, "", "pv", "home"), 1);
		expect(ask(NODE_SECRET, "o", "stage", "home"), 1);
		expect(!ask(NODE_SECRET, "ns", "kept", "bystander"), 2);
		expect(!ask(NODE_CONFIG_MAP, "ns", "shared", "bystander"), 2);
		expect(!ask(NODE_SECRET, "ns", "own1", "bystander"), 2);
		expect(!ask(NODE_SECRET, "ns", "kept", "node1"), 2);
		ask_for_pod();
		ask_for_step();
		atomic_fetch_add(asked, 1);
	}
	rcu_reader_unregister();
	return NULL;
}

static bool all_have_asked(void)
{
	for (int i = 0; i < READERS; i++)
		if (atomic_load(&t.asked[i]) < ASKED)
			return false;
	return true;
}

static void test_readers_and_writer(void)
{
	time_t give_up = time(NULL) + GIVE_UP_SECONDS;
	pthread_t readers[READERS];
	int i = 0;

	t.g = node_graph_new();
	pod(false, "{'metadata': {'name': 'b', 'namespace': 'ns'}, 'spec': {'nodeName': "
		"'bystander'}}");
	anchor_changes(0);
	volume_changes(0);
	for (int r = 0; r < READERS; r++)
		pthread_create(&readers[r], NULL, read_all, &t.asked[r]);
	while ((i < ROUNDS || !all_have_asked()) && time(NULL) < give_up) {
		write_round(++i);
		if (i > ROUNDS)
			sched_yield();
	}
	atomic_store(&t.done, true);
	for (int r = 0; r < READERS; r++)
		pthread_join(readers[r], NULL);
	ok(all_have_asked());
	for (size_t w = 0; w < array_size(t.wrong); w++)
		int_is(atomic_load(&t.wrong[w]), 0);
	tap_note("%d rounds of changes, %ld of questions by the first reader", i,
		 atomic_load(&t.asked[0]));
	node_graph_free(t.g);
}

int main(void)
{
	static const struct tap_test tests[] = { TAP(test_readers_and_writer), TAP_END };

	return tap_main(tests);
}
