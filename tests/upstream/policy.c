/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/policy.h"

#include <stdlib.h>

#include "authz/rbac_index.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "codec/schema.h"
#include "proxy/request_info.h"
#include "tests/upstream/reply.h"

struct policy {
	struct store_watcher watcher;
	struct server *server;		/* borrowed */
	struct rbac_store *objects;	/* owned */
	struct rbac_index *index;	/* owned; NULL: to be built */
	struct node_graph *graph;	/* owned; NULL without Node */
};

static const struct {
	const char *resource;
	enum rbac_kind kind;
} rbac_kinds[] = {
	{ "roles", RBAC_ROLE }, { "clusterroles", RBAC_CLUSTER_ROLE },
	{ "rolebindings", RBAC_ROLE_BINDING }, { "clusterrolebindings", RBAC_CLUSTER_ROLE_BINDING },
};

static const struct {
	const char *resource;
	enum node_source source;
} node_sources[] = {
	{ "pods", NODE_SOURCE_PODS }, { "persistentvolumes", NODE_SOURCE_VOLUMES },
	{ "volumeattachments", NODE_SOURCE_VOLUME_ATTACHMENTS },
	{ "resourceslices", NODE_SOURCE_RESOURCE_SLICES },
};

static int rbac_kind_of(const struct kind *k)
{
	for (size_t i = 0; i < array_size(rbac_kinds); i++)
		if (!strcmp(k->resource, rbac_kinds[i].resource))
			return (int)rbac_kinds[i].kind;
	return -1;
}

static void apply(struct policy *p, const struct kind *k, enum rbac_kind kind, json_t *object)
{
	struct object_cursor c;

	object_cursor_json(&c, schema_message_find(k->message), object);
	rbac_store_apply(p->objects, kind, &c);
}

/* A change of what the graph is made of. */
static void apply_to_graph(struct node_graph *g, const struct kind *k, json_t *object, bool gone)
{
	struct object_cursor c;

	for (size_t i = 0; i < array_size(node_sources); i++) {
		if (strcmp(k->resource, node_sources[i].resource))
			continue;
		object_cursor_json(&c, schema_message_find(k->message), object);
		if (gone)
			node_graph_delete(g, node_sources[i].source, &c);
		else
			node_graph_apply(g, node_sources[i].source, &c);
	}
	node_graph_reclaim(g);
}

static void on_change(struct store_watcher *w, const struct store_event *e)
{
	struct policy *p = container_of(w, struct policy, watcher);
	int kind = rbac_kind_of(e->kind);

	if (p->graph)
		apply_to_graph(p->graph, e->kind, e->object, e->change == STORE_DELETED);
	if (kind < 0)
		return;
	if (e->change == STORE_DELETED)
		rbac_store_delete(p->objects, (enum rbac_kind)kind,
				  object_text(e->object, "metadata.namespace"),
				  object_text(e->object, "metadata.name"));
	else
		apply(p, e->kind, (enum rbac_kind)kind, e->object);
	rbac_index_free(p->index);
	p->index = NULL;
}

/* The graph begins empty: manifests bring no pods. */
struct policy *policy_new(struct server *s)
{
	struct policy *p = xcalloc(1, sizeof(*p));
	const struct store_entry *e;

	p->server = s;
	p->objects = rbac_store_new();
	if (s->options.node) {
		rcu_reader_register();
		p->graph = node_graph_new();
	}
	for (size_t i = 0; i < kinds_count; i++) {
		int kind = rbac_kind_of(&kinds[i]);

		for (size_t at = 0; kind >= 0 && (e = store_at(&s->store, &kinds[i], at)); at++)
			apply(p, &kinds[i], (enum rbac_kind)kind, e->object);
	}
	p->watcher.notify = on_change;
	list_init(&p->watcher.node);
	store_watch(&s->store, &p->watcher);
	return p;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	store_unwatch(&p->watcher);
	if (p->graph) {
		node_graph_free(p->graph);
		rcu_reader_unregister();
	}
	rbac_index_free(p->index);
	rbac_store_free(p->objects);
	free(p);
}

static struct rbac_index *current_index(struct policy *p)
{
	if (!p->index) {
		rbac_store_aggregate(p->objects);
		p->index = rbac_index_build(p->objects);
	}
	return p->index;
}

static void set_list(json_t *rule, const char *key, const struct str *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_str(v[i]));
	json_object_set_new(rule, key, list);
}

static void add_resource_rule(void *arg, const struct str *verbs, size_t nv,
			      const struct str *groups, size_t ng, const struct str *resources,
			      size_t nr, const struct str *names, size_t nn)
{
	json_t *rule = json_object();

	set_list(rule, "verbs", verbs, nv);
	set_list(rule, "apiGroups", groups, ng);
	set_list(rule, "resources", resources, nr);
	if (nn)
		set_list(rule, "resourceNames", names, nn);
	json_array_append_new(json_object_get(arg, "resourceRules"), rule);
}

static void add_other_rule(void *arg, const struct str *verbs, size_t nv, const struct str *urls,
			   size_t nu)
{
	json_t *rule = json_object();

	set_list(rule, "verbs", verbs, nv);
	set_list(rule, "nonResourceURLs", urls, nu);
	json_array_append_new(json_object_get(arg, "nonResourceRules"), rule);
}

json_t *policy_rules(struct policy *p, const struct user *u, struct str ns, struct arena *arena)
{
	static const struct str any = { "*", 1 };
	json_t *status = json_pack("{s:[], s:[], s:b}", "resourceRules", "nonResourceRules",
				   "incomplete", 0);
	const struct rbac_rule_visitor visitor = { add_resource_rule, add_other_rule, status };
	struct str error = STR_NULL;

	if (!p || user_has_group(u, STR(GROUP_MASTERS))) {
		add_resource_rule(status, &any, 1, &any, 1, &any, 1, NULL, 0);
		add_other_rule(status, &any, 1, &any, 1);
		return status;
	}
	rbac_rules_for(current_index(p), u, ns, &visitor, arena, &error);
	if (error.n)
		json_object_set_new(status, "evaluationError", json_str(error));
	return status;
}

bool policy_allows(struct policy *p, const struct attributes *a, struct arena *arena,
		   struct str *reason)
{
	struct authz_policy policy = { .modes = { MODE_NODE, MODE_RBAC },
				       .mode_count = 2,
				       .node_gates = { .service_account_tokens = true } };
	struct authz_request r = { .policy = &policy, .attributes = a, .arena = arena,
				   .want_reason = true };
	bool allowed;

	*reason = STR_NULL;
	if (!p || user_has_group(a->user, STR(GROUP_MASTERS)))
		return true;
	if (!p->graph) {
		policy.modes[0] = MODE_RBAC;
		policy.mode_count = 1;
	}
	policy.rbac = current_index(p);
	policy.graph = p->graph;
	allowed = authz_chain_run(&r) == AUTHZ_ALLOW;
	*reason = r.reason;
	return allowed;
}

static void reply_forbidden(struct call *c, const struct attributes *a, struct str reason)
{
	struct forbidden f = { .user = c->user.name, .verb = a->verb, .path = a->path,
			       .is_resource = a->is_resource, .namespace = a->namespace,
			       .group = a->api_group, .resource = a->resource,
			       .subresource = a->subresource, .name = a->name, .reason = reason };
	struct strbuf message = STRBUF_INIT;
	struct status s;

	status_forbidden(&s, &message, &f);
	reply_status(c, &s);
	strbuf_fini(&message);
}

bool policy_check_call(struct call *c)
{
	struct request_info info;
	struct str reason;

	if (!c->server->policy)
		return true;
	if (request_info_resolve(c->request.method, c->request.target, c->arena, &info)) {
		reply_error(c, 400, NULL, "the request target cannot be resolved");
		return false;
	}
	info.attributes.user = &c->user;
	if (policy_allows(c->server->policy, &info.attributes, c->arena, &reason))
		return true;
	reply_forbidden(c, &info.attributes, reason);
	return false;
}
