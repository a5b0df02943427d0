/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole way from a request line to the 403, against kube-apiserver's answers
 * (tests/data/chain.json), and the union of authorizers.
 */
#include "config.h"

#include "authz/authz.h"

#include "base/mem.h"
#include "base/rcu.h"
#include "http/status.h"
#include "proxy/request_info.h"
#include "tests/node_data.h"
#include "tests/tap.h"

#define CASES 43
/* Those with ABAC. */
#define CASES_LEFT_OUT 2

static struct str expected(json_t *attributes, const char *member)
{
	return policy_text(attributes, member);
}

static void check_attributes(const struct attributes *at, json_t *want)
{
	bool is_resource = !json_is_true(json_object_get(want, "nonResource"));

	ok(at->is_resource == is_resource);
	str_is(at->verb, expected(want, "verb"));
	str_is(at->api_group, expected(want, "apiGroup"));
	str_is(at->api_version, expected(want, "apiVersion"));
	str_is(at->namespace, expected(want, "namespace"));
	str_is(at->resource, expected(want, "resource"));
	str_is(at->subresource, expected(want, "subresource"));
	str_is(at->name, expected(want, "name"));
	if (!is_resource)
		str_is(at->path, expected(want, "path"));
	str_is(at->field_selector.raw, expected(want, "fieldSelector"));
}

/* The modes of a case; false when it is left out. */
static bool read_modes(json_t *c, enum authorization_mode *modes, size_t *n)
{
	json_t *list = json_object_get(c, "modes");

	*n = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct str name = str_from(json_string_value(json_array_get(list, i)));
		enum authorization_mode m = MODE_ALWAYS_ALLOW;

		while (!str_eq(str_from(authz_mode_name(m)), name))
			m++;
		if (!authz_mode_is_supported(m))
			return false;
		modes[(*n)++] = m;
	}
	return true;
}

static void check_forbidden(json_t *c, const struct attributes *at, struct str reason)
{
	struct strbuf message = STRBUF_INIT;
	json_t *details = json_object_get(c, "details");
	struct status status;

	status_forbidden(&status, &message, &(struct forbidden){
		.user = at->user->name, .verb = at->verb, .path = at->path,
		.is_resource = at->is_resource, .namespace = at->namespace,
		.group = at->api_group, .resource = at->resource,
		.subresource = at->subresource, .name = at->name, .reason = reason,
	});
	int_is(status.code, 403);
	str_is(status.reason, STR("Forbidden"));
	str_is(status.message, policy_text(c, "message"));
	str_is(status.details.name, policy_text(details, "name"));
	str_is(status.details.group, policy_text(details, "group"));
	str_is(status.details.kind, policy_text(details, "kind"));
	strbuf_fini(&message);
}

static struct rbac_index *build_index(json_t *vectors, json_t *c)
{
	struct rbac_store *s = rbac_store_new();
	struct rbac_index *ix;

	policy_apply_sets(s, json_object_get(vectors, "fixtures"), json_object_get(c, "objects"));
	ix = rbac_index_build(s);
	rbac_store_free(s);
	return ix;
}

static void check_decision(json_t *vectors, json_t *c, const struct attributes *at,
			   const enum authorization_mode *modes, size_t n, struct arena *a)
{
	struct authz_policy *policy = authz_policy_new(modes, n, build_index(vectors, c));
	struct node_graph *graph = node_graph_new();
	struct authz_request r = {
		.policy = policy, .attributes = at, .arena = a, .want_reason = true,
	};
	bool allow = str_eq(policy_text(c, "decision"), STR("allow"));

	node_data_apply_sets(graph, json_object_get(vectors, "fixtures"),
			     json_object_get(c, "objects"));
	policy->graph = graph;
	int_is(authz_chain_run(&r), allow ? AUTHZ_ALLOW : AUTHZ_NO_OPINION);
	str_is(r.reason, policy_text(c, "reason"));
	int_is(r.error.n, 0);
	int_is(json_integer_value(json_object_get(c, "code")), allow ? 200 : 403);
	if (!allow)
		check_forbidden(c, at, r.reason);
	snapshot_release(&policy->snapshot);
	node_graph_free(graph);
}

/* Returns whether the case's decision could be made. */
static bool check_case(json_t *vectors, json_t *c)
{
	struct str http = policy_text(c, "http");
	ptrdiff_t blank = str_find(http, ' ', 0);
	enum authorization_mode modes[AUTHORIZATION_MODES_MAX];
	struct request_info info;
	struct arena a;
	struct user u;
	bool run;
	size_t n;

	arena_init(&a);
	u = policy_user(json_object_get(c, "user"), &a);
	int_is(request_info_resolve(str_slice(http, 0, (size_t)blank),
				    str_skip(http, (size_t)blank + 1), &a, &info), 0);
	check_attributes(&info.attributes, json_object_get(c, "attributes"));
	info.attributes.user = &u;
	run = read_modes(c, modes, &n);
	if (run)
		check_decision(vectors, c, &info.attributes, modes, n, &a);
	arena_fini(&a);
	return run;
}

static void test_vectors(void)
{
	json_t *vectors = policy_load_json("chain.json");
	json_t *cases = json_object_get(vectors, "cases");
	int left_out = 0;

	int_is(json_array_size(cases), CASES);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		json_t *c = json_array_get(cases, i);

		tap_row(policy_text(c, "name").p);
		left_out += !check_case(vectors, c);
	}
	tap_row(NULL);
	int_is(left_out, CASES_LEFT_OUT);
	json_decref(vectors);
}

static enum authz_decision run_chain(const struct user *u, const enum authorization_mode *modes,
				     size_t n, struct arena *a, struct authz_request *r)
{
	static struct attributes at;
	struct authz_policy *policy = authz_policy_new(modes, n, NULL);
	enum authz_decision d;

	at = (struct attributes){ .user = u, .verb = STR("get"), .path = STR("/") };
	*r = (struct authz_request){ .policy = policy, .attributes = &at, .arena = a };
	d = authz_chain_run(r);
	snapshot_release(&policy->snapshot);
	return d;
}

static void test_union(void)
{
	static const enum authorization_mode deny_allow[] = { MODE_ALWAYS_DENY, MODE_ALWAYS_ALLOW };
	static const enum authorization_mode deny_rbac[] = { MODE_ALWAYS_DENY, MODE_RBAC };
	struct str masters = STR("system:masters");
	struct user jane = { .name = STR("jane") };
	struct user admin = { .name = STR("a"), .groups = &masters, .group_count = 1 };
	struct authz_request r;
	struct arena a;

	arena_init(&a);
	int_is(run_chain(&jane, deny_allow, 2, &a, &r), AUTHZ_ALLOW);
	cstr_is(r.authorizer, "alwaysallow");
	str_is(r.reason, STR(""));
	int_is(run_chain(&jane, deny_rbac, 2, &a, &r), AUTHZ_NO_OPINION);
	str_is(r.reason, STR("Everything is forbidden."));
	ok(!r.authorizer);
	int_is(run_chain(&admin, deny_rbac, 2, &a, &r), AUTHZ_ALLOW);
	cstr_is(r.authorizer, "privileged-group");
	int_is(run_chain(&jane, NULL, 0, &a, &r), AUTHZ_NO_OPINION);
	str_is(r.reason, STR(""));
	arena_fini(&a);
}

/* A request without a user is an error, never a decision. */
static void test_no_user(void)
{
	static const enum authorization_mode allow[] = { MODE_ALWAYS_ALLOW };
	struct authz_request r;
	struct arena a;

	arena_init(&a);
	int_is(run_chain(NULL, allow, 1, &a, &r), AUTHZ_NO_OPINION);
	str_is(r.reason, STR("Error"));
	str_is(r.error, STR("no user on request."));
	arena_fini(&a);
}

static void test_modes(void)
{
	ok(authz_mode_is_supported(MODE_RBAC));
	ok(authz_mode_is_supported(MODE_ALWAYS_ALLOW));
	ok(authz_mode_is_supported(MODE_ALWAYS_DENY));
	ok(authz_mode_is_supported(MODE_NODE));
	ok(!authz_mode_is_supported(MODE_ABAC));
	ok(!authz_mode_is_supported(MODE_WEBHOOK));
	cstr_is(authz_mode_name(MODE_NODE), "Node");
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_vectors), TAP(test_union), TAP(test_no_user), TAP(test_modes), TAP_END
	};
	int status;

	rcu_reader_register();
	status = tap_main(tests);
	rcu_reader_unregister();
	return status;
}
