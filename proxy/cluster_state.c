/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/cluster_state.h"

#include <stdlib.h>

#include "authn/front_proxy.h"
#include "base/err.h"
#include "base/mem.h"
#include "cache/manifests.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "proxy/cluster_sources.h"
#include "proxy/node_wait.h"
#include "proxy/worker.h"

/* A source that is listed and watched. */
struct watched {
	struct cluster_state *state;		/* borrowed */
	const struct cluster_source *source;
	struct reflector *reflector;		/* owned; NULL: no authorizer reads it */
};

struct cluster_state {
	struct server *server;		/* borrowed */
	struct loop *loop;
	struct cluster_stores stores;	/* the RBAC store is owned, the graph is the server's */
	struct watched watched[CLUSTER_SOURCES];
	struct http_headers headers;	/* identity of the reflectors, in the arena */
	struct arena arena;
	struct loop_timer publish;
	bool dirty, published;
	int64_t first_change_us, last_build_us;
	struct loop_task graph_turn;	/* scheduled by changes of the graph */
	struct loop_timer graph_tick;
	uint64_t generation;		/* of the graph, that workers were told of last */
};

static bool from_upstream(const struct options *o)
{
	return !strcmp(o->cluster_state, "upstream");
}

static struct authz_policy *compile(const struct options *o, const struct rbac_store *store,
				    const struct node_graph *graph)
{
	struct authz_policy *policy;

	metric_add(METRIC_POLICY_BUILDS, 1);
	policy = authz_policy_new(o->modes, o->mode_count, store ? rbac_index_build(store) : NULL);
	policy->graph = graph;
	policy->node_gates = (struct node_gates){
		.service_account_tokens = !o->gates.no_credential_provider_tokens,
		.pod_certificates = o->gates.pod_certificate_request,
		.trust_bundles = o->gates.cluster_trust_bundle,
	};
	return policy;
}

struct authz_policy *cluster_state_empty_policy(const struct options *o,
						const struct node_graph *graph)
{
	struct rbac_store *store = options_has_mode(o, MODE_RBAC) ? rbac_store_new() : NULL;
	struct authz_policy *policy = compile(o, store, graph);

	rbac_store_free(store);
	return policy;
}

/* --- Readiness --- */

/* What the authorizer cannot do without is complete. */
static bool is_synced(const struct cluster_state *c, enum authorization_mode mode)
{
	for (size_t i = 0; i < CLUSTER_SOURCES; i++) {
		const struct watched *w = &c->watched[i];

		if (w->reflector && w->source->mode == mode && w->source->essential &&
		    !reflector_is_synced(w->reflector))
			return false;
	}
	return true;
}

static void log_counts(const struct cluster_state *c)
{
	struct strbuf counts = STRBUF_INIT;

	for (size_t i = 0; i < CLUSTER_SOURCES; i++) {
		const struct cluster_source *source = &cluster_sources[i];

		if (c->watched[i].reflector)
			strbuf_addf(&counts, "%s%zu %s", counts.n ? ", " : "",
				    source->sink->count(&c->stores, source->kind),
				    source->resource.name);
	}
	log_info("Caches are synced: %s", counts.p);
	strbuf_fini(&counts);
}

static void check_ready(struct cluster_state *c)
{
	if (atomic_load(&c->server->health.good[HEALTH_CLUSTER_STATE]) ||
	    (c->stores.rbac && !c->published) || !is_synced(c, MODE_NODE))
		return;
	log_counts(c);
	health_set(&c->server->health, HEALTH_CLUSTER_STATE, true);
}

/* --- RBAC: compiled and published --- */

static void on_publish(struct loop_timer *t)
{
	struct cluster_state *c = container_of(t, struct cluster_state, publish);
	int64_t start = clock_monotonic_us(c->server->clock), end;
	struct authz_policy *policy;

	c->dirty = false;
	policy = compile(c->server->options, c->stores.rbac, c->stores.graph);
	snapshot_slot_publish(&c->server->policy_slot, &policy->snapshot);
	end = clock_monotonic_us(c->server->clock);
	c->last_build_us = end - start;
	c->published = true;
	metric_observe_us(METRIC_POLICY_LATENCY, end - c->first_change_us);
	check_ready(c);
}

/* Something changed: publish after a pause that grows with what a build costs. */
static void rbac_changed(struct cluster_state *c)
{
	int64_t pause = c->last_build_us * POLICY_PAUSE_FACTOR / 1000;

	if (c->dirty || !is_synced(c, MODE_RBAC))
		return;
	c->dirty = true;
	c->first_change_us = clock_monotonic_us(c->server->clock);
	if (pause < POLICY_PAUSE_MIN_MS)
		pause = POLICY_PAUSE_MIN_MS;
	if (pause > POLICY_PAUSE_MAX_MS)
		pause = POLICY_PAUSE_MAX_MS;
	loop_timer_arm(&c->publish, pause);
}

/* --- The Node graph: changed in place --- */

/* What requests are held for may be there. */
static void tell_workers(struct cluster_state *c)
{
	uint64_t generation = node_graph_generation(c->stores.graph);

	if (generation == c->generation)
		return;
	c->generation = generation;
	for (size_t i = 0; i < c->server->worker_count; i++)
		if (c->server->workers[i]->node_waits)
			node_waits_notify(c->server->workers[i]->node_waits);
}

static void on_graph_turn(struct loop_task *t)
{
	struct cluster_state *c = container_of(t, struct cluster_state, graph_turn);
	const struct node_graph *g = c->stores.graph;

	tell_workers(c);
	node_graph_reclaim(c->stores.graph);
	metric_set(METRIC_NODE_GRAPH_PODS, (int64_t)node_graph_count(g, NODE_SOURCE_PODS));
	metric_set(METRIC_NODE_GRAPH_VOLUMES, (int64_t)node_graph_count(g, NODE_SOURCE_VOLUMES));
	metric_set(METRIC_NODE_GRAPH_BYTES, (int64_t)node_graph_bytes(g));
}

/* The last that was taken out is given back in silence, too. */
static void on_graph_tick(struct loop_timer *t)
{
	struct cluster_state *c = container_of(t, struct cluster_state, graph_tick);

	node_graph_reclaim(c->stores.graph);
	loop_timer_arm(t, GRAPH_TICK_MS);
}

/* --- What reflectors bring --- */

static void changed(struct watched *w)
{
	if (w->source->mode == MODE_RBAC)
		rbac_changed(w->state);
	else
		loop_task_schedule(w->state->loop, &w->state->graph_turn);
}

static void on_begin(void *arg)
{
	struct watched *w = arg;

	w->source->sink->begin(&w->state->stores, w->source->kind);
}

static int on_item(void *arg, struct object_cursor *object)
{
	struct watched *w = arg;
	int rc = w->source->sink->apply(&w->state->stores, w->source->kind, object);

	/* An index waits for the whole list, the graph grows as it comes. */
	if (w->source->mode == MODE_NODE)
		changed(w);
	return rc;
}

static void on_abandon(void *arg)
{
	struct watched *w = arg;

	w->source->sink->abandon(&w->state->stores, w->source->kind);
}

static void on_commit(void *arg)
{
	struct watched *w = arg;

	w->source->sink->commit(&w->state->stores, w->source->kind);
	changed(w);
	check_ready(w->state);
}

/*
 * What an object is now cannot be told: what it was must not go on giving rights, so it is taken
 * out.  When not even its name can be read, a new list has to tell what is still there.
 */
static int on_event(void *arg, enum reflector_event e, struct object_cursor *object)
{
	struct watched *w = arg;
	const struct cluster_sink *sink = w->source->sink;
	struct cluster_stores *stores = &w->state->stores;
	struct object_cursor again = *object;
	int rc = e == REFLECTOR_DELETED ? 0 : sink->apply(stores, w->source->kind, object);

	if ((e == REFLECTOR_DELETED || rc < 0) &&
	    sink->remove(stores, w->source->kind, &again) < 0)
		rc = ERR_EXPIRED;
	changed(w);
	return rc;
}

static void start_reflector(struct cluster_state *c, struct watched *w, struct http_client *client)
{
	struct reflector_sink sink = {
		.begin = on_begin, .item = on_item, .commit = on_commit, .abandon = on_abandon,
		.event = on_event, .arg = w,
	};

	w->reflector = reflector_new(client, &w->source->resource, &c->headers, &sink);
	reflector_start(w->reflector);
}

static void start_reflectors(struct cluster_state *c, struct http_client *client,
			     const struct user *own)
{
	const char *why;

	http_headers_init(&c->headers, &c->arena);
	http_headers_add(&c->headers, STR("Host"), STR("kube-apiserver"));
	http_headers_add(&c->headers, STR("User-Agent"), STR("kube-authproxy"));
	front_proxy_stamp(&c->headers, own, &why);
	for (size_t i = 0; i < CLUSTER_SOURCES; i++) {
		struct watched *w = &c->watched[i];

		w->state = c;
		w->source = &cluster_sources[i];
		if (options_has_mode(c->server->options, w->source->mode) &&
		    cluster_source_is_on(w->source, c->server->options))
			start_reflector(c, w, client);
	}
}

struct cluster_state *cluster_state_new(struct server *s, struct loop *l,
					struct http_client *client, const struct user *own)
{
	struct cluster_state *c = xcalloc(1, sizeof(*c));

	c->server = s;
	c->loop = l;
	c->stores.graph = s->graph;
	arena_init(&c->arena);
	loop_timer_init(&c->publish, l, on_publish);
	loop_timer_init(&c->graph_tick, l, on_graph_tick);
	loop_task_init(&c->graph_turn, on_graph_turn);
	if (s->graph)
		loop_timer_arm(&c->graph_tick, GRAPH_TICK_MS);
	if (from_upstream(s->options)) {
		if (options_has_mode(s->options, MODE_RBAC))
			c->stores.rbac = rbac_store_new();
		start_reflectors(c, client, own);
	}
	/* With manifests, or with modes that read nothing, that is so at once. */
	if (!from_upstream(s->options) || (!c->stores.rbac && !s->graph))
		health_set(&s->health, HEALTH_CLUSTER_STATE, true);
	return c;
}

void cluster_state_free(struct cluster_state *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CLUSTER_SOURCES; i++)
		reflector_free(c->watched[i].reflector);
	loop_task_cancel(&c->graph_turn);
	loop_timer_fini(&c->graph_tick);
	loop_timer_fini(&c->publish);
	rbac_store_free(c->stores.rbac);
	arena_fini(&c->arena);
	free(c);
}

/* --- Manifests --- */

/*
 * What was read goes to stores of its own first: RBAC's is compiled, the graph shows whether its
 * objects can be read, and is filled again from what was kept when all is well.
 */
struct reading {
	const struct options *options;	/* borrowed */
	struct cluster_stores stores;
	struct {
		const struct cluster_source *source;
		const struct schema_message *message;
		json_t *json;		/* a reference */
	} *kept;
	size_t kept_count, kept_cap;
};

static void keep(struct reading *r, const struct cluster_source *source,
		 const struct manifest_object *o)
{
	if (r->kept_count == r->kept_cap) {
		r->kept_cap = r->kept_cap ? 2 * r->kept_cap : 64;
		r->kept = xreallocarray(r->kept, r->kept_cap, sizeof(*r->kept));
	}
	r->kept[r->kept_count].source = source;
	r->kept[r->kept_count].message = o->message;
	r->kept[r->kept_count++].json = json_incref(o->json);
}

/* Kinds that no authorizer reads are passed over. */
static int on_manifest(void *arg, const struct manifest_object *o, struct problems *p)
{
	const struct cluster_source *source = cluster_source_find(o->message);
	struct reading *r = arg;
	struct object_cursor cursor;

	if (!source || !cluster_source_is_on(source, r->options))
		return 0;
	object_cursor_json(&cursor, o->message, o->json);
	if (source->sink->apply(&r->stores, source->kind, &cursor))
		problems_add(p, o->file, o->line, "cluster-state", "this %.*s cannot be read",
			     STR_ARG(o->kind));
	else if (source->mode == MODE_NODE)
		keep(r, source, o);
	return 0;
}

/* Nothing is taken away from readers before all is there. */
static void fill_graph(struct node_graph *g, const struct reading *r)
{
	struct cluster_stores stores = { .graph = g };
	struct object_cursor cursor;

	for (int s = 0; s < NODE_SOURCES; s++)
		node_graph_relist_begin(g, (enum node_source)s);
	for (size_t i = 0; i < r->kept_count; i++) {
		const struct cluster_source *source = r->kept[i].source;

		object_cursor_json(&cursor, r->kept[i].message, r->kept[i].json);
		source->sink->apply(&stores, source->kind, &cursor);
	}
	for (int s = 0; s < NODE_SOURCES; s++)
		node_graph_relist_commit(g, (enum node_source)s);
}

static void reading_fini(struct reading *r)
{
	for (size_t i = 0; i < r->kept_count; i++)
		json_decref(r->kept[i].json);
	free(r->kept);
	rbac_store_free(r->stores.rbac);
	node_graph_free(r->stores.graph);
}

struct authz_policy *cluster_state_from_manifests(const struct options *o,
						  struct node_graph *graph, struct problems *p)
{
	struct reading r = {
		.options = o, .stores = { rbac_store_new(), node_graph_new() },
	};
	struct authz_policy *policy = NULL;
	size_t before = p->count;

	manifests_read(o->cluster_state, "cluster-state", on_manifest, &r, p);
	if (p->count == before) {
		rbac_store_aggregate(r.stores.rbac);
		if (graph)
			fill_graph(graph, &r);
		policy = compile(o, options_has_mode(o, MODE_RBAC) ? r.stores.rbac : NULL, graph);
	}
	reading_fini(&r);
	return policy;
}

void cluster_state_reload(struct cluster_state *c)
{
	struct problems p = PROBLEMS_INIT;
	struct authz_policy *policy;

	if (from_upstream(c->server->options))
		return;
	policy = cluster_state_from_manifests(c->server->options, c->stores.graph, &p);
	if (policy) {
		snapshot_slot_publish(&c->server->policy_slot, &policy->snapshot);
		if (c->stores.graph)
			loop_task_schedule(c->loop, &c->graph_turn);
		metric_add(METRIC_RELOADS, 1);
		log_info("Read the manifests of --cluster-state again");
	} else {
		metric_add(METRIC_RELOAD_FAILURES, 1);
		problems_log(&p);
		log_error("The changed manifests are refused and the old ones stay");
	}
	problems_fini(&p);
}
