/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/cluster_state.h"

#include <stdlib.h>

#include "authn/front_proxy.h"
#include "authz/rbac_index.h"
#include "base/mem.h"
#include "cache/manifests.h"
#include "cache/reflector.h"
#include "codec/fields.h"
#include "obs/log.h"
#include "obs/metrics.h"

/* Roles before bindings: a binding seen before its role would give a "not found" reason. */
static const struct {
	enum rbac_kind kind;
	struct reflector_resource resource;
	const char *manifest_kind;
} kinds[RBAC_KINDS] = {
	{ RBAC_CLUSTER_ROLE, { .path = "/apis/rbac.authorization.k8s.io/v1/clusterroles",
	  .item_message = "rbac.v1.ClusterRole", .name = "clusterroles" }, "ClusterRole" },
	{ RBAC_ROLE, { .path = "/apis/rbac.authorization.k8s.io/v1/roles",
	  .item_message = "rbac.v1.Role", .name = "roles" }, "Role" },
	{ RBAC_CLUSTER_ROLE_BINDING,
	  { .path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
	  .item_message = "rbac.v1.ClusterRoleBinding", .name = "clusterrolebindings" },
	  "ClusterRoleBinding" },
	{ RBAC_ROLE_BINDING, { .path = "/apis/rbac.authorization.k8s.io/v1/rolebindings",
	  .item_message = "rbac.v1.RoleBinding", .name = "rolebindings" }, "RoleBinding" },
};

struct kind_state {
	struct cluster_state *state;	/* borrowed */
	enum rbac_kind kind;
	struct reflector *reflector;	/* owned */
};

struct cluster_state {
	struct server *server;		/* borrowed */
	struct loop *loop;
	struct rbac_store *store;	/* owned; NULL without RBAC, or with manifests */
	struct kind_state kinds[RBAC_KINDS];
	struct http_headers headers;	/* identity of the reflectors, in the arena */
	struct arena arena;
	struct loop_timer publish;
	bool dirty;
	int64_t first_change_us, last_build_us;
};

static bool has_rbac(const struct options *o)
{
	for (size_t i = 0; i < o->mode_count; i++)
		if (o->modes[i] == MODE_RBAC)
			return true;
	return false;
}

static bool from_upstream(const struct options *o)
{
	return !strcmp(o->cluster_state, "upstream");
}

static struct authz_policy *compile(const struct options *o, const struct rbac_store *store)
{
	metric_add(METRIC_POLICY_BUILDS, 1);
	return authz_policy_new(o->modes, o->mode_count, store ? rbac_index_build(store) : NULL);
}

struct authz_policy *cluster_state_empty_policy(const struct options *o)
{
	struct rbac_store *store = has_rbac(o) ? rbac_store_new() : NULL;
	struct authz_policy *policy = compile(o, store);

	rbac_store_free(store);
	return policy;
}

static bool is_synced(const struct cluster_state *c)
{
	for (int i = 0; i < RBAC_KINDS; i++)
		if (!reflector_is_synced(c->kinds[i].reflector))
			return false;
	return true;
}

static void on_publish(struct loop_timer *t)
{
	struct cluster_state *c = container_of(t, struct cluster_state, publish);
	int64_t start = clock_monotonic_us(c->server->clock), end;

	c->dirty = false;
	snapshot_slot_publish(&c->server->policy_slot,
			      &compile(c->server->options, c->store)->snapshot);
	end = clock_monotonic_us(c->server->clock);
	c->last_build_us = end - start;
	metric_observe_us(METRIC_POLICY_LATENCY, end - c->first_change_us);
	if (!atomic_load(&c->server->health.good[HEALTH_CLUSTER_STATE])) {
		log_info("Caches are synced: %zu cluster roles, %zu roles, "
			 "%zu cluster role bindings, %zu role bindings",
			 rbac_store_count(c->store, RBAC_CLUSTER_ROLE),
			 rbac_store_count(c->store, RBAC_ROLE),
			 rbac_store_count(c->store, RBAC_CLUSTER_ROLE_BINDING),
			 rbac_store_count(c->store, RBAC_ROLE_BINDING));
		health_set(&c->server->health, HEALTH_CLUSTER_STATE, true);
	}
}

/* Something changed: publish after a pause that grows with what a build costs. */
static void changed(struct cluster_state *c)
{
	int64_t pause = c->last_build_us * POLICY_PAUSE_FACTOR / 1000;

	if (c->dirty || !is_synced(c))
		return;
	c->dirty = true;
	c->first_change_us = clock_monotonic_us(c->server->clock);
	if (pause < POLICY_PAUSE_MIN_MS)
		pause = POLICY_PAUSE_MIN_MS;
	if (pause > POLICY_PAUSE_MAX_MS)
		pause = POLICY_PAUSE_MAX_MS;
	loop_timer_arm(&c->publish, pause);
}

static void on_begin(void *arg)
{
	struct kind_state *k = arg;

	rbac_store_relist_begin(k->state->store, k->kind);
}

static int on_item(void *arg, struct object_cursor *object)
{
	struct kind_state *k = arg;

	return rbac_store_apply(k->state->store, k->kind, object);
}

static void on_abandon(void *arg)
{
	struct kind_state *k = arg;

	rbac_store_relist_abandon(k->state->store, k->kind);
}

static void on_commit(void *arg)
{
	struct kind_state *k = arg;

	rbac_store_relist_commit(k->state->store, k->kind);
	changed(k->state);
}

static int read_metadata(struct object_cursor *c, struct str *namespace, struct str *name)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		if (f.number == OBJECTMETA_NAME)
			*name = f.text;
		else if (f.number == OBJECTMETA_NAMESPACE)
			*namespace = f.text;
	}
	return rc;
}

static int delete_object(struct kind_state *k, struct object_cursor *object)
{
	struct str namespace = STR_NULL, name = STR_NULL;
	struct object_cursor metadata;
	struct object_field f;
	int rc;

	while ((rc = object_next(object, &f)) > 0) {
		if (f.number != ROLE_METADATA)
			continue;
		object_enter(&f, &metadata);
		rc = read_metadata(&metadata, &namespace, &name);
		if (rc)
			return rc;
	}
	if (!rc)
		rbac_store_delete(k->state->store, k->kind, namespace, name);
	return rc;
}

static int on_event(void *arg, enum reflector_event e, struct object_cursor *object)
{
	struct kind_state *k = arg;
	int rc = e == REFLECTOR_DELETED ? delete_object(k, object) :
		rbac_store_apply(k->state->store, k->kind, object);

	changed(k->state);
	return rc;
}

static void start_reflectors(struct cluster_state *c, struct http_client *client,
			     const struct user *own)
{
	const char *why;

	http_headers_init(&c->headers, &c->arena);
	http_headers_add(&c->headers, STR("Host"), STR("kube-apiserver"));
	http_headers_add(&c->headers, STR("User-Agent"), STR("kube-authproxy"));
	front_proxy_stamp(&c->headers, own, &why);
	for (int i = 0; i < RBAC_KINDS; i++) {
		struct kind_state *k = &c->kinds[i];
		struct reflector_sink sink = {
			.begin = on_begin, .item = on_item, .commit = on_commit,
			.abandon = on_abandon, .event = on_event, .arg = k,
		};

		k->state = c;
		k->kind = kinds[i].kind;
		k->reflector = reflector_new(client, &kinds[i].resource, &c->headers, &sink);
		reflector_start(k->reflector);
	}
}

struct cluster_state *cluster_state_new(struct server *s, struct loop *l,
					struct http_client *client, const struct user *own)
{
	struct cluster_state *c = xcalloc(1, sizeof(*c));

	c->server = s;
	c->loop = l;
	arena_init(&c->arena);
	loop_timer_init(&c->publish, l, on_publish);
	if (!has_rbac(s->options) || !from_upstream(s->options)) {
		health_set(&s->health, HEALTH_CLUSTER_STATE, true);
		return c;
	}
	c->store = rbac_store_new();
	start_reflectors(c, client, own);
	return c;
}

void cluster_state_free(struct cluster_state *c)
{
	if (!c)
		return;
	for (int i = 0; i < RBAC_KINDS; i++)
		if (c->kinds[i].reflector)
			reflector_free(c->kinds[i].reflector);
	loop_timer_fini(&c->publish);
	rbac_store_free(c->store);
	arena_fini(&c->arena);
	free(c);
}

/* Manifests. */

static int apply_manifest(void *arg, const struct manifest_object *o, struct problems *p)
{
	struct rbac_store *store = arg;
	struct object_cursor cursor;

	for (int i = 0; i < RBAC_KINDS; i++) {
		if (!str_eq(o->kind, str_from(kinds[i].manifest_kind)) ||
		    !str_has_prefix(o->api_version, STR("rbac.authorization.k8s.io/")))
			continue;
		object_cursor_json(&cursor, o->message, o->json);
		if (!rbac_store_apply(store, kinds[i].kind, &cursor))
			return 0;
		problems_add(p, o->file, o->line, "cluster-state", "this %s cannot be read",
			     kinds[i].manifest_kind);
		return 0;
	}
	return 0;
}

struct authz_policy *cluster_state_from_manifests(const struct options *o, struct problems *p)
{
	struct rbac_store *store = rbac_store_new();
	struct authz_policy *policy = NULL;
	size_t before = p->count;

	manifests_read(o->cluster_state, "cluster-state", apply_manifest, store, p);
	if (p->count == before) {
		rbac_store_aggregate(store);
		policy = compile(o, has_rbac(o) ? store : NULL);
	}
	rbac_store_free(store);
	return policy;
}

void cluster_state_reload(struct cluster_state *c)
{
	struct problems p = PROBLEMS_INIT;
	struct authz_policy *policy;

	if (from_upstream(c->server->options))
		return;
	policy = cluster_state_from_manifests(c->server->options, &p);
	if (policy) {
		snapshot_slot_publish(&c->server->policy_slot, &policy->snapshot);
		metric_add(METRIC_RELOADS, 1);
		log_info("Read the manifests of --cluster-state again");
	} else {
		metric_add(METRIC_RELOAD_FAILURES, 1);
		problems_log(&p);
		log_error("The changed manifests are refused and the old ones stay");
	}
	problems_fini(&p);
}
