/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Node authorizer against kube-apiserver's decisions (tests/data/node.json), over the real
 * graph: objects as JSON, and once more as protobuf.
 */
#include "config.h"

#include "authz/node.h"

#include "base/mem.h"
#include "base/rcu.h"
#include "tests/node_data.h"
#include "tests/tap.h"
#include "tests/upstream/convert.h"

#define CASES 289

/* --- Objects and events --- */

static int put(struct node_graph *g, json_t *object, bool deleted, bool as_protobuf)
{
	const struct schema_message *m = schema_kind_find(policy_text(object, "apiVersion"),
							  policy_text(object, "kind"));
	struct strbuf body = STRBUF_INIT;
	struct object_envelope envelope;
	struct object_cursor c;
	enum node_source source;
	int rc;

	if (!ok(node_data_source(m, &source)))
		return -1;
	object_cursor_json(&c, m, object);
	if (as_protobuf) {
		ok(convert_has_protobuf(object));
		convert_to_protobuf(&body, object);
		int_is(object_envelope_read(strbuf_str(&body), &envelope), 0);
		object_cursor_protobuf(&c, m, envelope.raw.p, envelope.raw.n);
	}
	rc = deleted ? node_graph_delete(g, source, &c) : node_graph_apply(g, source, &c);
	strbuf_fini(&body);
	return rc;
}

static void fill(struct node_graph *g, json_t *fixtures, json_t *c, bool as_protobuf)
{
	json_t *names = json_object_get(c, "objects"), *events = json_object_get(c, "events");

	for (size_t i = 0; i < json_array_size(names); i++) {
		json_t *set = json_object_get(fixtures,
					      json_string_value(json_array_get(names, i)));

		for (size_t k = 0; k < json_array_size(set); k++)
			int_is(put(g, json_array_get(set, k), false, as_protobuf), 0);
	}
	for (size_t i = 0; i < json_array_size(events); i++) {
		json_t *e = json_array_get(events, i);

		int_is(put(g, json_object_get(e, "object"),
			   str_eq(policy_text(e, "type"), STR("DELETED")), as_protobuf), 0);
	}
}

/* --- Requests --- */

static struct attributes read_request(json_t *q, struct arena *a)
{
	struct attributes at = {
		.verb = policy_text(q, "verb"), .path = policy_text(q, "path"),
		.is_resource = !json_is_true(json_object_get(q, "nonResource")),
		.namespace = policy_text(q, "namespace"), .api_group = policy_text(q, "apiGroup"),
		.api_version = policy_text(q, "apiVersion"),
		.resource = policy_text(q, "resource"),
		.subresource = policy_text(q, "subresource"), .name = policy_text(q, "name"),
	};

	selector_parse_fields(policy_text(q, "fieldSelector"), a, &at.field_selector);
	return at;
}

static void set_gate(json_t *features, const char *name, bool *gate)
{
	json_t *v = json_object_get(features, name);

	if (v)
		*gate = json_is_true(v);
}

static void check_case(json_t *c, const struct node_graph *g)
{
	const enum authorization_mode node = MODE_NODE;
	struct authz_policy *policy = authz_policy_new(&node, 1, NULL);
	json_t *features = json_object_get(c, "features");
	bool allow = str_eq(policy_text(c, "decision"), STR("allow"));
	struct authz_request r = { .policy = policy, .want_reason = true };
	struct attributes at;
	struct arena a;
	struct user u;

	arena_init(&a);
	u = policy_user(json_object_get(c, "user"), &a);
	at = read_request(json_object_get(c, "request"), &a);
	at.user = &u;
	policy->graph = g;
	set_gate(features, "PodCertificateRequest", &policy->node_gates.pod_certificates);
	set_gate(features, "KubeletServiceAccountTokenForCredentialProviders",
		 &policy->node_gates.service_account_tokens);
	r.attributes = &at;
	r.arena = &a;
	int_is(authz_chain_run(&r), allow ? AUTHZ_ALLOW : AUTHZ_NO_OPINION);
	str_is(r.reason, policy_text(c, "reason"));
	int_is(r.error.n, 0);
	if (allow)
		cstr_is(r.authorizer, "node");
	arena_fini(&a);
	snapshot_release(&policy->snapshot);
}

static void check_vectors(bool as_protobuf)
{
	json_t *vectors = policy_load_json("node.json");
	json_t *cases = json_object_get(vectors, "cases");

	int_is(json_array_size(cases), CASES);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		json_t *c = json_array_get(cases, i);
		struct node_graph *g = node_graph_new();

		tap_row(policy_text(c, "name").p);
		fill(g, json_object_get(vectors, "fixtures"), c, as_protobuf);
		check_case(c, g);
		node_graph_free(g);
	}
	tap_row(NULL);
	json_decref(vectors);
}

static void test_vectors_json(void)
{
	check_vectors(false);
}

static void test_vectors_protobuf(void)
{
	check_vectors(true);
}

/* --- What is no decision --- */

static struct str nodes_group = STR("system:nodes");

static enum authz_decision judge(const struct node_graph *g, const struct attributes *at,
				 struct arena *a, struct authz_request *r)
{
	const enum authorization_mode node = MODE_NODE;
	struct authz_policy *policy = authz_policy_new(&node, 1, NULL);
	enum authz_decision d;

	policy->graph = g;
	*r = (struct authz_request){ .policy = policy, .attributes = at, .arena = a };
	d = authz_chain_run(r);
	snapshot_release(&policy->snapshot);
	return d;
}

static void check_miss(const struct node_graph *g, const struct attributes *at, bool missed,
		       enum node_object kind)
{
	struct authz_request r;
	struct arena a;

	arena_init(&a);
	int_is(judge(g, at, &a, &r), AUTHZ_NO_OPINION);
	ok(r.node_refused);
	int_is(r.node_missed, missed);
	if (missed) {
		int_is(r.node_question.kind, kind);
		str_is(r.node_question.namespace, at->namespace);
		str_is(r.node_question.name, at->name);
		str_is(r.node_question.node, STR("n1"));
		int_is(r.node_question.generation, node_graph_generation(g));
	}
	arena_fini(&a);
}

/* Only of what a pod that was bound a moment ago may use, and only when it is named. */
static void test_misses(void)
{
	static const struct {
		const char *verb, *group, *resource, *subresource, *namespace, *name;
		bool missed;
		enum node_object kind;
	} rows[] = {
		{ "get", "", "secrets", "", "ns", "a", true, NODE_SECRET },
		{ "watch", "", "secrets", "", "ns", "a", true, NODE_SECRET },
		{ "list", "", "configmaps", "", "ns", "a", true, NODE_CONFIG_MAP },
		{ "get", "", "persistentvolumeclaims", "", "ns", "a", true, NODE_CLAIM },
		{ "patch", "", "persistentvolumeclaims", "status", "ns", "a", true, NODE_CLAIM },
		{ "get", "", "persistentvolumes", "", "", "a", true, NODE_VOLUME },
		{ "get", "resource.k8s.io", "resourceclaims", "", "ns", "a", true,
		  NODE_RESOURCE_CLAIM },
		{ "create", "", "serviceaccounts", "token", "ns", "a", true,
		  NODE_SERVICE_ACCOUNT },
		{ "get", "", "serviceaccounts", "", "ns", "a", true, NODE_SERVICE_ACCOUNT },
		{ "get", "storage.k8s.io", "volumeattachments", "", "", "a", true,
		  NODE_VOLUME_ATTACHMENT },
		{ "get", "", "pods", "", "ns", "a", true, NODE_POD },
		{ "get", "resource.k8s.io", "resourceslices", "", "", "a", false, NODE_OBJECTS },
		{ "list", "", "secrets", "", "ns", "", false, NODE_OBJECTS },
		{ "update", "", "secrets", "", "ns", "a", false, NODE_OBJECTS },
		{ "get", "", "nodes", "", "", "a", false, NODE_OBJECTS },
		{ "list", "", "pods", "", "", "", false, NODE_OBJECTS },
	};
	struct node_graph *g = node_graph_new();
	struct user u = { .name = STR("system:node:n1"), .groups = &nodes_group, .group_count = 1 };
	json_t *pod = json_pack("{ss ss s{ss ss} s{ss}}", "apiVersion", "v1", "kind", "Pod",
				"metadata", "namespace", "ns", "name", "other",
				"spec", "nodeName", "n1");

	int_is(put(g, pod, false, false), 0);
	ok(node_graph_generation(g) > 0);
	for (size_t i = 0; i < array_size(rows); i++) {
		struct attributes at = {
			.user = &u, .is_resource = true, .verb = str_from(rows[i].verb),
			.api_group = str_from(rows[i].group),
			.resource = str_from(rows[i].resource),
			.subresource = str_from(rows[i].subresource),
			.namespace = str_from(rows[i].namespace), .name = str_from(rows[i].name),
		};

		tap_row(rows[i].resource);
		check_miss(g, &at, rows[i].missed, rows[i].kind);
		/* Without a graph nothing will ever come. */
		check_miss(NULL, &at, false, NODE_OBJECTS);
	}
	tap_row(NULL);
	node_graph_free(g);
	json_decref(pod);
}

/* What no row is for, and who is no node, is nothing for the log either. */
static void test_no_refusal(void)
{
	struct user node = { .name = STR("system:node:n1"), .groups = &nodes_group,
			     .group_count = 1 };
	struct user jane = { .name = STR("jane"), .groups = &nodes_group, .group_count = 1 };
	struct attributes at = { .is_resource = true, .verb = STR("get"),
				 .resource = STR("namespaces"), .name = STR("a") };
	struct authz_request r;
	struct arena a;

	arena_init(&a);
	at.user = &node;
	int_is(judge(NULL, &at, &a, &r), AUTHZ_NO_OPINION);
	ok(!r.node_refused && !r.node_missed && !r.reason.n);
	at.user = &jane;
	at.resource = STR("secrets");
	int_is(judge(NULL, &at, &a, &r), AUTHZ_NO_OPINION);
	ok(!r.node_refused && !r.node_missed && !r.reason.n);
	arena_fini(&a);
}

/* No row and no static rule without the gate; reading alone with it. */
static void test_trust_bundles(void)
{
	struct user u = { .name = STR("system:node:n1"), .groups = &nodes_group,
			  .group_count = 1 };
	const enum authorization_mode node = MODE_NODE;
	static const struct {
		struct str verb;
		bool allowed;
	} rows[] = {
		{ STR("get"), true }, { STR("list"), true }, { STR("watch"), true },
		{ STR("create"), false }, { STR("update"), false }, { STR("delete"), false },
	};

	for (size_t i = 0; i < 2 * array_size(rows); i++) {
		struct authz_policy *policy = authz_policy_new(&node, 1, NULL);
		struct attributes at = {
			.user = &u, .verb = rows[i / 2].verb, .is_resource = true,
			.api_group = STR("certificates.k8s.io"), .api_version = STR("v1beta1"),
			.resource = STR("clustertrustbundles"),
		};
		struct authz_request r = { .policy = policy, .attributes = &at };
		bool gate = i % 2;
		struct arena a;

		arena_init(&a);
		r.arena = &a;
		policy->node_gates.trust_bundles = gate;
		int_is(authz_chain_run(&r), gate && rows[i / 2].allowed ? AUTHZ_ALLOW
		       : AUTHZ_NO_OPINION);
		int_is(r.reason.n, 0);
		arena_fini(&a);
		snapshot_release(&policy->snapshot);
	}
}

static void test_who_is_a_node(void)
{
	struct str other = STR("system:node");
	struct user u = { .name = STR("system:node:a:b"), .groups = &nodes_group,
			  .group_count = 1 };
	struct str name = STR_NULL;

	ok(node_of_user(&u, &name));
	str_is(name, STR("a:b"));
	u.name = STR("system:node:");
	ok(node_of_user(&u, &name));
	int_is(name.n, 0);
	u.name = STR("system:node");
	ok(!node_of_user(&u, &name));
	u.name = STR("system:node:a");
	u.groups = &other;
	ok(!node_of_user(&u, &name));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_vectors_json), TAP(test_vectors_protobuf), TAP(test_misses),
		TAP(test_no_refusal), TAP(test_trust_bundles), TAP(test_who_is_a_node), TAP_END
	};
	int status;

	rcu_reader_register();
	status = tap_main(tests);
	rcu_reader_unregister();
	return status;
}
