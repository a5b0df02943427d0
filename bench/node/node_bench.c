/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Node graph costs, with the populations of kube-apiserver's own benchmark: reading pods
 * and volumes from protobuf list pages as a reflector does, memory, decisions alone and while pods
 * churn, and how soon another thread sees a change.
 *
 *	node_bench [shape]	0, 1, 2: one of the populations only
 */
#include "config.h"

#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "authz/authz.h"
#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "bench/node/pod.h"
#include "codec/split.h"
#include "tests/node_graph_encode.h"

#define PAGE 500		/* objects of a list page */
#define PIECE 16384		/* bytes that come at a time, as TLS records do */
#define ITEM_MAX 1048576
#define ROUNDS 9
#define REQUESTS 100000
#define CHURN_PER_SECOND 1000
#define CHURN_SECONDS 3

struct shape {
	const char *name;
	int nodes, namespaces, pods_per_node, attachments_per_node;
};

static const struct shape shapes[] = {
	{ "500 nodes, 200 namespaces, 200 pods per node", 500, 200, 200, 20 },
	{ "5000 nodes, 10 namespaces, 10 pods per node", 5000, 10, 10, 20 },
	{ "5000 nodes, 200 namespaces, 20 pods per node", 5000, 200, 20, 20 },
};

/* Of a pod: what is the same for all, encoded once. */
static struct {
	struct strbuf metadata, spec, status;
} constant;

static struct {
	struct node_graph *g;
	const struct shape *shape;
} t;

/* --- Time and memory --- */

static double clock_ns(clockid_t which)
{
	struct timespec at;

	clock_gettime(which, &at);
	return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static double cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static double wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static double resident_mb(void)
{
	long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	malloc_trim(0);
	if (!f || fscanf(f, "%ld %ld", &pages, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* --- Objects in protobuf --- */

static json_t *template_json(void)
{
	char *text = xmemdup0(pod_template, sizeof(pod_template) - 1);
	struct strbuf b = STRBUF_INIT;
	json_t *v;

	for (const char *p = text; *p; p++) {
		if (*p == '^')
			strbuf_add_char(&b, '\\');
		strbuf_add_char(&b, *p == '\'' || *p == '^' ? '"' : *p);
	}
	v = json_loadb(b.p, b.n, 0, NULL);
	CHECK(v);
	strbuf_fini(&b);
	free(text);
	return v;
}

static void make_constant(void)
{
	json_t *v = template_json();

	encode_message(&constant.metadata, schema_message_find("meta.v1.ObjectMeta"),
		       json_object_get(v, "metadata"));
	encode_message(&constant.spec, schema_message_find("core.v1.PodSpec"),
		       json_object_get(v, "spec"));
	encode_message(&constant.status, schema_message_find("core.v1.PodStatus"),
		       json_object_get(v, "status"));
	json_decref(v);
}

__attribute__((format(printf, 3, 4)))
static void put_text(struct strbuf *b, uint32_t number, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	encode_bytes(b, number, str_from(text));
}

/* The inside becomes a field of b, and is empty again. */
static void put_inside(struct strbuf *b, uint32_t number, struct strbuf *inside)
{
	encode_bytes(b, number, strbuf_str(inside));
	strbuf_clear(inside);
}

/* A volume of a pod: field of VolumeSource, field of that source, name. */
static void put_volume(struct strbuf *spec, uint32_t source, bool local, const char *name)
{
	struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;

	encode_bytes(&a, 1, str_from(name));
	if (local) {
		put_inside(&b, 1, &a);
		strbuf_add_str(&a, strbuf_str(&b));
		strbuf_clear(&b);
	}
	put_inside(&b, source, &a);
	encode_bytes(&a, 1, STR("volume"));
	put_inside(&a, 2, &b);
	encode_bytes(spec, 1, strbuf_str(&a));
	strbuf_fini(&a);
	strbuf_fini(&b);
}

struct pod {
	char name[64], namespace[32], node[32];
};

static struct pod pod_at(int node, int i)
{
	struct pod p;

	snprintf(p.name, sizeof(p.name), "pod%d-node%d", i, node);
	snprintf(p.namespace, sizeof(p.namespace), "ns%d", i % t.shape->namespaces);
	snprintf(p.node, sizeof(p.node), "node%d", node);
	return p;
}

static void put_pod(struct strbuf *out, const struct pod *p, const char *service_account)
{
	struct strbuf metadata = STRBUF_INIT, spec = STRBUF_INIT;
	char name[100];

	put_text(&metadata, 1, "%s", p->name);
	put_text(&metadata, 3, "%s", p->namespace);
	put_text(&metadata, 5, "%08x-8a2f-4c6d-9e01-23456789abcd", (unsigned)str_hash(
			 str_from(p->name)));
	strbuf_add_str(&metadata, strbuf_str(&constant.metadata));
	put_inside(out, 1, &metadata);
	put_volume(&spec, 6, false, "secret0-shared");
	snprintf(name, sizeof(name), "secret0-%s", p->name);
	put_volume(&spec, 6, false, name);
	snprintf(name, sizeof(name), "configmap0-%s", p->name);
	put_volume(&spec, 19, true, name);
	snprintf(name, sizeof(name), "pvc0-%s", p->name);
	put_volume(&spec, 10, false, name);
	strbuf_add_str(&spec, strbuf_str(&constant.spec));
	put_text(&spec, 8, "%s", service_account);
	put_text(&spec, 10, "%s", p->node);
	put_inside(out, 2, &spec);
	encode_bytes(out, 3, strbuf_str(&constant.status));
	strbuf_fini(&metadata);
	strbuf_fini(&spec);
}

static void make_pod(struct strbuf *out, int number)
{
	int i = number % t.shape->pods_per_node, node = number / t.shape->pods_per_node;
	struct pod p = pod_at(node, i);
	char account[64];

	snprintf(account, sizeof(account), "svcacct%d-node%d", i, node);
	put_pod(out, &p, account);
}

/* FlexVolume, whose secret has no namespace of its own. */
static void make_volume(struct strbuf *out, int number)
{
	struct strbuf a = STRBUF_INIT, b = STRBUF_INIT, spec = STRBUF_INIT;
	struct pod p = pod_at(number / t.shape->pods_per_node, number % t.shape->pods_per_node);

	put_text(&a, 1, "pv0-%s-%s", p.name, p.namespace);
	put_inside(out, 1, &a);
	put_text(&a, 1, "secret-pv0-%s-%s", p.name, p.namespace);
	put_inside(&b, 3, &a);
	put_inside(&a, 12, &b);
	put_inside(&spec, 2, &a);
	put_text(&a, 1, "PersistentVolumeClaim");
	put_text(&a, 2, "%s", p.namespace);
	put_text(&a, 3, "pvc0-%s", p.name);
	put_inside(&spec, 4, &a);
	put_inside(out, 2, &spec);
	strbuf_fini(&a);
	strbuf_fini(&b);
	strbuf_fini(&spec);
}

static void make_attachment(struct strbuf *out, int number)
{
	struct strbuf a = STRBUF_INIT;
	int node = number / t.shape->attachments_per_node;

	put_text(&a, 1, "attachment%d-node%d", number % t.shape->attachments_per_node, node);
	put_inside(out, 1, &a);
	put_text(&a, 1, "attacher.example.com");
	put_text(&a, 3, "node%d", node);
	put_inside(out, 2, &a);
	strbuf_fini(&a);
}

/* --- Lists --- */

struct list_source {
	enum node_source source;
	const struct schema_message *message;
};

static int on_metadata(void *arg, struct str text)
{
	(void)arg;
	(void)text;
	return 0;
}

static int on_item(void *arg, struct str item)
{
	const struct list_source *l = arg;
	struct object_cursor c;

	object_cursor_protobuf(&c, l->message, item.p, item.n);
	return node_graph_apply(t.g, l->source, &c);
}

static void make_page(struct strbuf *page, int from, int to,
		      void (*make)(struct strbuf *out, int number))
{
	struct strbuf list = STRBUF_INIT, item = STRBUF_INIT;

	encode_bytes(&list, 1, STR(""));
	for (int i = from; i < to; i++) {
		make(&item, i);
		put_inside(&list, 2, &item);
	}
	strbuf_clear(page);
	strbuf_add_str(page, OBJECT_MAGIC);
	encode_bytes(page, 1, STR(""));
	encode_bytes(page, 2, strbuf_str(&list));
	strbuf_fini(&list);
	strbuf_fini(&item);
}

/* Processor time of the reading alone. */
static double feed_page(struct list_source *l, const struct strbuf *page)
{
	static const struct split_handler handler = { on_metadata, on_item };
	double start = cpu_ns();
	struct split s;

	split_init(&s, SPLIT_PROTOBUF_LIST, ITEM_MAX, &handler, l);
	for (size_t at = 0; at < page->n; at += PIECE)
		CHECK(split_feed(&s, page->p + at,
				 page->n - at < PIECE ? page->n - at : PIECE) == 0);
	CHECK(split_end(&s) == 0);
	split_fini(&s);
	node_graph_reclaim(t.g);
	return cpu_ns() - start;
}

static void feed_list(enum node_source source, const char *message, int n,
		      void (*make)(struct strbuf *out, int number))
{
	struct list_source l = { source, schema_message_find(message) };
	struct strbuf page = STRBUF_INIT;
	double ns = 0, bytes = 0;

	node_graph_relist_begin(t.g, source);
	for (int i = 0; i < n; i += PAGE) {
		make_page(&page, i, i + PAGE < n ? i + PAGE : n, make);
		ns += feed_page(&l, &page);
		bytes += (double)page.n;
	}
	ns -= cpu_ns();
	node_graph_relist_commit(t.g, source);
	ns += cpu_ns();
	strbuf_fini(&page);
	printf("  %-28s %7d of %5.0f bytes  %8.1f ms  %6.2f us each\n", message, n, bytes / n,
	       ns / 1e6, ns / 1e3 / n);
}

static void print_memory(const char *what, double before)
{
	rcu_drain();
	printf("  %-28s %7.1f MB resident (graph: %.1f MB)\n", what, resident_mb() - before,
	       (double)node_graph_bytes(t.g) / 1e6);
}

static void populate(void)
{
	int pods = t.shape->nodes * t.shape->pods_per_node;
	double before = resident_mb();

	t.g = node_graph_new();
	feed_list(NODE_SOURCE_PODS, "core.v1.Pod", pods, make_pod);
	print_memory("after pods", before);
	feed_list(NODE_SOURCE_VOLUMES, "core.v1.PersistentVolume", pods, make_volume);
	print_memory("and volumes", before);
	feed_list(NODE_SOURCE_VOLUME_ATTACHMENTS, "storage.v1.VolumeAttachment",
		  t.shape->nodes * t.shape->attachments_per_node, make_attachment);
	print_memory("and attachments", before);
	feed_list(NODE_SOURCE_PODS, "core.v1.Pod", pods, make_pod);
	print_memory("pods listed again", before);
}

/* --- Decisions --- */

struct request {
	const char *label;
	const char *resource, *group, *namespace, *name;
	enum node_object kind;
	bool allow;
};

static const struct request requests[] = {
	{ "allowed configmap", "configmaps", "", "ns0", "configmap0-pod0-node0",
	  NODE_CONFIG_MAP, true },
	{ "allowed secret via pod", "secrets", "", "ns0", "secret0-pod0-node0", NODE_SECRET, true },
	{ "allowed shared secret via pod", "secrets", "", "ns0", "secret0-shared",
	  NODE_SECRET, true },
	{ "disallowed configmap", "configmaps", "", "ns0", "configmap0-pod0-node1",
	  NODE_CONFIG_MAP, false },
	{ "disallowed secret via pod", "secrets", "", "ns0", "secret0-pod0-node1",
	  NODE_SECRET, false },
	{ "disallowed secret via pvc", "secrets", "", "ns0", "secret-pv0-pod0-node1-ns0",
	  NODE_SECRET, false },
	{ "disallowed pvc", "persistentvolumeclaims", "", "ns0", "pvc0-pod0-node1",
	  NODE_CLAIM, false },
	{ "disallowed pv", "persistentvolumes", "", "", "pv0-pod0-node1-ns0", NODE_VOLUME, false },
	{ "disallowed attachment", "volumeattachments", "storage.k8s.io", "", "attachment0-node1",
	  NODE_VOLUME_ATTACHMENT, false },
	{ "allowed attachment", "volumeattachments", "storage.k8s.io", "", "attachment0-node0",
	  NODE_VOLUME_ATTACHMENT, true },
};

static double round_lookup(const struct request *r)
{
	struct str namespace = str_from(r->namespace), name = str_from(r->name);
	double start = cpu_ns();
	size_t allowed = 0;

	for (int i = 0; i < REQUESTS; i++)
		allowed += node_graph_related(t.g, r->kind, namespace, name, STR("node0"));
	start = cpu_ns() - start;
	CHECK(allowed == (r->allow ? REQUESTS : 0));
	return start / REQUESTS;
}

/* The authorizer as a whole: who is a node, the table, the graph and the reason's text. */
static double round_chain(const struct request *r)
{
	static struct str groups[] = { { "system:nodes", 12 }, { "system:authenticated", 20 } };
	static const enum authorization_mode modes[] = { MODE_NODE };
	struct authz_policy *policy = authz_policy_new(modes, 1, NULL);
	struct user user = { .name = STR("system:node:node0"), .groups = groups, .group_count = 2 };
	struct attributes at = {
		.user = &user, .verb = STR("get"), .is_resource = true, .api_version = STR("v1"),
		.namespace = str_from(r->namespace), .api_group = str_from(r->group),
		.resource = str_from(r->resource), .name = str_from(r->name),
	};
	size_t allowed = 0;
	struct arena a;
	double start;

	policy->graph = t.g;
	arena_init(&a);
	start = cpu_ns();
	for (int i = 0; i < REQUESTS; i++) {
		struct authz_request q = { .policy = policy, .attributes = &at, .arena = &a };

		allowed += authz_chain_run(&q) == AUTHZ_ALLOW;
		if (a.blocks)
			arena_fini(&a);
	}
	start = cpu_ns() - start;
	CHECK(allowed == (r->allow ? REQUESTS : 0));
	arena_fini(&a);
	snapshot_release(&policy->snapshot);
	return start / REQUESTS;
}

static double median(const struct request *r, double (*round)(const struct request *r))
{
	double rounds[ROUNDS];

	round(r);
	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = round(r);
	qsort(rounds, ROUNDS, sizeof(*rounds), compare_doubles);
	return rounds[ROUNDS / 2];
}

/* Objects and nodes all over the graph: names are not in any cache. */
static double scattered_ns(void)
{
	enum { N = 20000 };
	static struct pod pods[N];
	static char names[N][96];
	int all = t.shape->nodes * t.shape->pods_per_node;
	uint64_t x = 88172645463325252u;
	double start;
	size_t allowed = 0;

	for (int i = 0; i < N; i++) {
		int one;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		one = (int)((x >> 20) % (uint64_t)all);
		pods[i] = pod_at(one / t.shape->pods_per_node, one % t.shape->pods_per_node);
		snprintf(names[i], sizeof(names[i]), "configmap0-%s", pods[i].name);
	}
	start = cpu_ns();
	for (int i = 0; i < N; i++)
		allowed += node_graph_related(t.g, NODE_CONFIG_MAP, str_from(pods[i].namespace),
					      str_from(names[i]), str_from(pods[i].node));
	start = (cpu_ns() - start) / N;
	CHECK(allowed == N);
	return start;
}

/* --- Churn --- */

static struct {
	atomic_bool stop;
	atomic_int made;		/* the pod testwrite-<made> is in the graph */
	_Atomic(double) made_at;	/* when its event began */
	double *event_ns, *seen_ns;
	int events;
	atomic_int seen;
} churn;

static void churn_pod(int number, bool gone)
{
	static struct strbuf b = STRBUF_INIT;
	struct object_cursor c;
	struct pod p = { .namespace = "ns0", .node = "node0" };

	snprintf(p.name, sizeof(p.name), "testwrite-%d", number);
	strbuf_clear(&b);
	put_pod(&b, &p, "default");
	object_cursor_protobuf(&c, schema_message_find("core.v1.Pod"), b.p, b.n);
	if (!gone)
		atomic_store(&churn.made_at, wall_ns());
	CHECK((gone ? node_graph_delete : node_graph_apply)(t.g, NODE_SOURCE_PODS, &c) == 0);
	if (!gone)
		atomic_store(&churn.made, number);
	node_graph_reclaim(t.g);
}

/* Half of the events bring a pod, half take an older one away. */
static void *churn_run(void *arg)
{
	struct timespec at;

	(void)arg;
	rcu_reader_register();
	clock_gettime(CLOCK_MONOTONIC, &at);
	for (int i = 0; !atomic_load(&churn.stop) && i < churn.events; i++) {
		double start = wall_ns();

		churn_pod(i % 2 ? i / 2 - 10 : i / 2 + 1, i % 2);
		churn.event_ns[i] = wall_ns() - start;
		at.tv_nsec += 1000000000 / CHURN_PER_SECOND;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	rcu_reader_unregister();
	return NULL;
}

/* Asks for the next pod's secret until it is there. */
static int watch_edges(void)
{
	int seen = 0, next = 1;
	char name[40];

	snprintf(name, sizeof(name), "secret0-testwrite-%d", next);
	while (seen < churn.events / 2 - 20) {
		double at;

		if (!node_graph_related(t.g, NODE_SECRET, STR("ns0"), str_from(name),
			STR("node0"))) {
			if (atomic_load(&churn.made) > next + 5)
				snprintf(name, sizeof(name), "secret0-testwrite-%d",
					 next = atomic_load(&churn.made) + 1);
			if (atomic_load(&churn.made) > churn.events / 2 - 20)
				break;
			continue;
		}
		at = wall_ns();
		churn.seen_ns[seen++] = at - atomic_load(&churn.made_at);
		snprintf(name, sizeof(name), "secret0-testwrite-%d", ++next);
	}
	return seen;
}

static void print_spread(const char *what, double *ns, int n)
{
	qsort(ns, (size_t)n, sizeof(*ns), compare_doubles);
	printf("  %-40s %6d: median %.1f us, 99%% %.1f us, most %.1f us\n", what, n,
	       ns[n / 2] / 1e3, ns[n * 99 / 100] / 1e3, ns[n - 1] / 1e3);
}

static void start_churn(pthread_t *writer, int seconds)
{
	churn.events = CHURN_PER_SECOND * seconds;
	churn.event_ns = xcalloc((size_t)churn.events, sizeof(double));
	churn.seen_ns = xcalloc((size_t)churn.events, sizeof(double));
	atomic_store(&churn.stop, false);
	atomic_store(&churn.made, 0);
	pthread_create(writer, NULL, churn_run, NULL);
}

static void end_churn(pthread_t writer)
{
	atomic_store(&churn.stop, true);
	pthread_join(writer, NULL);
}

static void free_churn(void)
{
	free(churn.event_ns);
	free(churn.seen_ns);
}

/* --- Reports --- */

static void decide(void)
{
	static double quiet[array_size(requests)], text[array_size(requests)];
	double all_quiet = scattered_ns(), all_churn;
	pthread_t writer;

	for (size_t i = 0; i < array_size(requests); i++) {
		quiet[i] = median(&requests[i], round_lookup);
		text[i] = median(&requests[i], round_chain);
	}
	printf("  ns per decision (kube-apiserver: 600 to 3900)   graph  churning  with reason\n");
	start_churn(&writer, 60);
	for (size_t i = 0; i < array_size(requests); i++)
		printf("    %-42s %7.0f %9.0f %12.0f\n", requests[i].label, quiet[i],
		       median(&requests[i], round_lookup), text[i]);
	all_churn = scattered_ns();
	end_churn(writer);
	free_churn();
	printf("    %-42s %7.0f %9.0f\n", "any pod's configmap, cold names", all_quiet, all_churn);
}

static void update(void)
{
	pthread_t writer;
	int seen;

	start_churn(&writer, CHURN_SECONDS);
	seen = watch_edges();
	pthread_join(writer, NULL);
	print_spread("an event, read and made (wall)", churn.event_ns, churn.events);
	if (seen)
		print_spread("until another thread sees it (wall)", churn.seen_ns, seen);
	free_churn();
}

int main(int argc, char **argv)
{
	make_constant();
	rcu_reader_register();
	printf("kube-apiserver 1.36 builds 100,000 pods with volumes in 17.6 s and 381 MB\n");
	for (size_t i = 0; i < array_size(shapes); i++) {
		if (argc > 1 && (size_t)atoi(argv[1]) != i)
			continue;
		t.shape = &shapes[i];
		printf("\n%s\n", t.shape->name);
		populate();
		decide();
		update();
		node_graph_free(t.g);
		malloc_trim(0);
		fflush(stdout);
	}
	rcu_reader_unregister();
	arena_thread_fini();
	strbuf_fini(&constant.metadata);
	strbuf_fini(&constant.spec);
	strbuf_fini(&constant.status);
	return 0;
}
