/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RBAC authorizer against the decisions and rule listings of kube-apiserver's own
 * (tests/data/rbac.json), and the store and index around it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/policy.h"
#include "tests/tap.h"

#define CASES 159
#define LISTINGS 7

/* --- Helpers --- */

/* A request of the vectors: members are attributes. */
static struct attributes attributes_of(json_t *v, const struct user *u)
{
	return (struct attributes){
		.user = u,
		.verb = policy_text(v, "verb"),
		.is_resource = !json_is_true(json_object_get(v, "nonResource")),
		.namespace = policy_text(v, "namespace"),
		.api_group = policy_text(v, "apiGroup"),
		.api_version = policy_text(v, "apiVersion"),
		.resource = policy_text(v, "resource"),
		.subresource = policy_text(v, "subresource"),
		.name = policy_text(v, "name"),
		.path = policy_text(v, "path"),
	};
}

/* Decides on an index; the reason is in the arena. */
static enum authz_decision decide(struct rbac_index *ix, const struct attributes *at,
				  bool want_reason, struct arena *a, struct str *reason)
{
	struct authz_policy policy = { .rbac = ix };
	struct authz_request r = {
		.policy = &policy, .attributes = at, .arena = a, .want_reason = want_reason,
	};
	struct str error;
	enum authz_decision d = rbac_authorize(&r, reason, &error);

	int_is(error.n, 0);
	return d;
}

/* A store from JSON text: a list of objects without apiVersion. */
static struct rbac_store *store_of(const char *text)
{
	struct rbac_store *s = rbac_store_new();
	json_error_t error;
	json_t *list = json_loads(text, 0, &error);

	if (!list)
		tap_note("%d: %s", error.line, error.text);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i);

		json_object_set_new(o, "apiVersion", json_string("rbac.authorization.k8s.io/v1"));
		int_is(policy_apply(s, o), 0);
	}
	json_decref(list);
	return s;
}

static int apply_text(struct rbac_store *s, const char *text)
{
	json_t *o = json_loads(text, 0, NULL);
	int rc;

	json_object_set_new(o, "apiVersion", json_string("rbac.authorization.k8s.io/v1"));
	rc = policy_apply(s, o);
	json_decref(o);
	return rc;
}

/* Asks `verb resource [name] [namespace]` of a user with up to three groups. */
struct question {
	const char *user;
	const char *groups[3];
	const char *verb, *resource, *namespace, *name;
};

/* The reason, behind "+" for allow and "-" for no opinion; static storage. */
static struct str ask(struct rbac_index *ix, struct question q)
{
	static struct arena a;
	struct str groups[3], reason;
	struct user u = { .name = str_from(q.user), .groups = groups };
	struct attributes at = {
		.user = &u, .verb = str_from(q.verb), .is_resource = true,
		.resource = str_from(q.resource), .namespace = str_from(q.namespace),
		.name = str_from(q.name),
	};
	bool allowed;

	arena_fini(&a);
	for (; u.group_count < 3 && q.groups[u.group_count]; u.group_count++)
		groups[u.group_count] = str_from(q.groups[u.group_count]);
	allowed = decide(ix, &at, true, &a, &reason) == AUTHZ_ALLOW;
	return arena_printf(&a, "%c%.*s", allowed ? '+' : '-', STR_ARG(reason));
}

/* Builds, asks, frees. */
static struct str ask_store(const struct rbac_store *s, struct question q)
{
	struct rbac_index *ix = rbac_index_build(s);
	struct str answer = ask(ix, q);

	rbac_index_free(ix);
	return answer;
}

/* --- Vectors --- */

static bool is_one_of(struct str s, json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (str_eq(s, str_from(json_string_value(json_array_get(list, i)))))
			return true;
	return false;
}

static void check_case(json_t *c, struct rbac_index *ix)
{
	json_t *any = json_object_get(c, "reasonAnyOf");
	bool allow = str_eq(policy_text(c, "decision"), STR("allow"));
	struct attributes at;
	struct user u;
	struct str reason;
	struct arena a;

	arena_init(&a);
	u = policy_user(json_object_get(c, "user"), &a);
	at = attributes_of(json_object_get(c, "request"), &u);
	int_is(decide(ix, &at, true, &a, &reason), allow ? AUTHZ_ALLOW : AUTHZ_NO_OPINION);
	if (!any)
		str_is(reason, policy_text(c, "reason"));
	else if (!ok(is_one_of(reason, any)))
		tap_note("got [%.*s]", STR_ARG(reason));
	int_is(decide(ix, &at, false, &a, &reason), allow ? AUTHZ_ALLOW : AUTHZ_NO_OPINION);
	if (allow)
		int_is(reason.n, 0);
	arena_fini(&a);
}

/* The index of a case's sets; the last one is kept, since cases come in groups. */
static struct rbac_index *index_of(json_t *vectors, json_t *objects)
{
	static json_t *kept_objects;
	static struct rbac_index *kept;
	struct rbac_store *s;

	if (kept && objects && json_equal(objects, kept_objects))
		return kept;
	if (kept)
		rbac_index_free(kept);
	json_decref(kept_objects);
	kept = NULL;
	kept_objects = json_incref(objects);
	if (!objects)
		return NULL;
	s = rbac_store_new();
	policy_apply_sets(s, json_object_get(vectors, "fixtures"), objects);
	kept = rbac_index_build(s);
	rbac_store_free(s);
	return kept;
}

static void test_decisions(void)
{
	json_t *vectors = policy_load_json("rbac.json"), *cases = json_object_get(vectors, "cases");

	int_is(json_array_size(cases), CASES);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		json_t *c = json_array_get(cases, i);

		tap_row(policy_text(c, "name").p);
		check_case(c, index_of(vectors, json_object_get(c, "objects")));
	}
	tap_row(NULL);
	index_of(vectors, NULL);
	json_decref(vectors);
}

static void add_list(json_t *to, const char *member, const struct str *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_stringn(v[i].p, v[i].n));
	if (n)
		json_object_set(to, member, list);
	json_decref(list);
}

static void on_resource_rule(void *arg, const struct str *verbs, size_t nv,
			     const struct str *groups, size_t ng, const struct str *resources,
			     size_t nr, const struct str *names, size_t nn)
{
	json_t *rule = json_object();

	add_list(rule, "verbs", verbs, nv);
	add_list(rule, "apiGroups", groups, ng);
	add_list(rule, "resources", resources, nr);
	add_list(rule, "resourceNames", names, nn);
	json_array_append_new(json_object_get(arg, "resource"), rule);
}

static void on_non_resource_rule(void *arg, const struct str *verbs, size_t nv,
				 const struct str *urls, size_t nu)
{
	json_t *rule = json_object();

	add_list(rule, "verbs", verbs, nv);
	add_list(rule, "nonResourceURLs", urls, nu);
	json_array_append_new(json_object_get(arg, "other"), rule);
}

/* Both lists hold the same, in any order. */
static bool same_rules(json_t *got, json_t *want)
{
	json_t *left = json_copy(want);
	bool same = json_array_size(got) == json_array_size(want);

	for (size_t i = 0; same && i < json_array_size(got); i++) {
		size_t j = 0;

		while (j < json_array_size(left) &&
		       !json_equal(json_array_get(got, i), json_array_get(left, j)))
			j++;
		same = json_array_remove(left, j) == 0;
	}
	json_decref(left);
	return same;
}

/* {resource, other} and the error of rbac_rules_for. */
static json_t *listing(const struct rbac_index *ix, const struct user *u, struct str namespace,
		       struct arena *a, struct str *error)
{
	json_t *got = json_pack("{s:[],s:[]}", "resource", "other");
	struct rbac_rule_visitor v = { on_resource_rule, on_non_resource_rule, got };

	rbac_rules_for(ix, u, namespace, &v, a, error);
	return got;
}

static void check_listing(json_t *c, const struct rbac_index *ix)
{
	struct arena a;
	struct user u;
	struct str error;
	json_t *got;

	arena_init(&a);
	u = policy_user(json_object_get(c, "user"), &a);
	got = listing(ix, &u, policy_text(c, "namespace"), &a, &error);
	ok(same_rules(json_object_get(got, "resource"), json_object_get(c, "resourceRules")));
	ok(same_rules(json_object_get(got, "other"), json_object_get(c, "nonResourceRules")));
	str_is(error, policy_text(c, "evaluationError"));
	json_decref(got);
	arena_fini(&a);
}

static void test_listings(void)
{
	json_t *vectors = policy_load_json("rbac.json"), *rules = json_object_get(vectors, "rules");

	int_is(json_array_size(rules), LISTINGS);
	for (size_t i = 0; i < json_array_size(rules); i++) {
		json_t *c = json_array_get(rules, i);

		tap_row(policy_text(c, "name").p);
		check_listing(c, index_of(vectors, json_object_get(c, "objects")));
	}
	tap_row(NULL);
	index_of(vectors, NULL);
	json_decref(vectors);
}

/* --- Beyond the vectors --- */

#define ALL_PODS "{\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"pods\"},\"rules\":" \
	"[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}"
#define BIND(name, role, subjects) "{\"kind\":\"ClusterRoleBinding\",\"metadata\":{\"name\":\"" \
	name "\"},\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"" role "\"},\"subjects\":[" \
	subjects "]}"
#define BIND_IN(namespace, name, kind, role, subjects) "{\"kind\":\"RoleBinding\"," \
	"\"metadata\":{\"name\":\"" name "\",\"namespace\":\"" namespace "\"},\"roleRef\":" \
	"{\"kind\":\"" kind "\",\"name\":\"" role "\"},\"subjects\":[" subjects "]}"
#define USER(name) "{\"kind\":\"User\",\"name\":\"" name "\"}"
#define GROUP(name) "{\"kind\":\"Group\",\"name\":\"" name "\"}"

static void test_empty(void)
{
	struct rbac_store *s = rbac_store_new();

	str_is(ask_store(s, (struct question){ "jane", { "g" }, "get", "pods", "", "" }),
	       STR("-"));
	rbac_store_free(s);
}

/* Of several bindings the first by name is told, of its subjects the first that applies. */
static void test_reason_order(void)
{
	struct rbac_store *s = store_of("[" ALL_PODS ","
		BIND("c", "pods", USER("jane")) ","
		BIND("b", "pods", GROUP("g2") "," USER("jane") "," GROUP("g1")) ","
		BIND("a", "none", USER("jane")) ","
		BIND_IN("n", "a", "ClusterRole", "pods", USER("bob") "," USER("jane")) "]");
	struct rbac_index *ix = rbac_index_build(s);

	str_is(ask(ix, (struct question){ "jane", { "g1", "g2" }, "get", "pods", "n", "" }),
	       STR("+RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"pods\" "
		   "to Group \"g2\""));
	str_is(ask(ix, (struct question){ "jane", { "g1" }, "get", "pods", "n", "" }),
	       STR("+RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"pods\" "
		   "to User \"jane\""));
	str_is(ask(ix, (struct question){ "x", { "g1" }, "get", "pods", "n", "" }),
	       STR("+RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"pods\" "
		   "to Group \"g1\""));
	str_is(ask(ix, (struct question){ "bob", { NULL }, "get", "pods", "n", "" }),
	       STR("+RBAC: allowed by RoleBinding \"a/n\" of ClusterRole \"pods\" "
		   "to User \"bob\""));
	str_is(ask(ix, (struct question){ "bob", { NULL }, "get", "pods", "m", "" }), STR("-"));
	rbac_index_free(ix);
	rbac_store_free(s);
}

/* Names are Go-quoted wherever they stand in a reason. */
static void test_quoting(void)
{
	struct rbac_store *s = store_of("[" ALL_PODS ","
		BIND("q\\\"<&>\\u0001", "pods", USER("j\\u00e9\\\\\\u2028")) ","
		BIND("z", "no\\nne", USER("k")) "]");

	str_is(ask_store(s, (struct question){ "j\xc3\xa9\\\xe2\x80\xa8", { NULL }, "get", "pods",
					       "", "" }),
	       STR("+RBAC: allowed by ClusterRoleBinding \"q\\\"<&>\\x01\" of ClusterRole "
		   "\"pods\" to User \"j\xc3\xa9\\\\\\u2028\""));
	str_is(ask_store(s, (struct question){ "k", { NULL }, "get", "pods", "", "" }),
	       STR("-RBAC: clusterrole.rbac.authorization.k8s.io \"no\\nne\" not found"));
	rbac_store_free(s);
}

/* Errors come in the order of bindings, each text once, whichever subject they came by. */
static void test_error_order(void)
{
	struct rbac_store *s = store_of("["
		BIND("b1", "m2", GROUP("g1")) "," BIND("b2", "m1", USER("jane")) ","
		BIND("b3", "m2", USER("jane")) "," BIND("b0", "m3", GROUP("g2")) ","
		BIND_IN("n", "a", "Role", "m1", USER("jane")) ","
		BIND_IN("n", "b", "Rolle", "m1", GROUP("g2")) ","
		BIND_IN("o", "b", "Role", "m9", USER("jane")) "]");

	str_is(ask_store(s, (struct question){ "jane", { "g1", "g2", "g1" }, "get", "x", "n", "" }),
	       STR("-RBAC: [clusterrole.rbac.authorization.k8s.io \"m3\" not found, "
		   "clusterrole.rbac.authorization.k8s.io \"m2\" not found, "
		   "clusterrole.rbac.authorization.k8s.io \"m1\" not found, "
		   "role.rbac.authorization.k8s.io \"m1\" not found, "
		   "unsupported role reference kind: \"Rolle\"]"));
	rbac_store_free(s);
}

/* The store follows objects as they change; an index does not. */
static void test_store_changes(void)
{
	struct rbac_store *s = store_of("[" ALL_PODS "," BIND("a", "pods", USER("jane")) "]");
	struct question q = { "jane", { NULL }, "get", "pods", "", "" };
	struct rbac_index *before = rbac_index_build(s);
	struct str allowed = STR("+RBAC: allowed by ClusterRoleBinding \"a\" of ClusterRole "
				 "\"pods\" to User \"jane\"");

	rbac_store_delete(s, RBAC_CLUSTER_ROLE, STR("ignored"), STR("pods"));
	rbac_store_delete(s, RBAC_CLUSTER_ROLE, STR_NULL, STR("pods"));
	str_is(ask_store(s, q),
	       STR("-RBAC: clusterrole.rbac.authorization.k8s.io \"pods\" not found"));
	int_is(apply_text(s, ALL_PODS), 0);
	str_is(ask_store(s, q), allowed);
	int_is(apply_text(s, BIND("a", "pods", USER("bob"))), 0);
	str_is(ask_store(s, q), STR("-"));
	int_is(rbac_store_count(s, RBAC_CLUSTER_ROLE_BINDING), 1);
	rbac_store_free(s);
	str_is(ask(before, q), allowed);
	rbac_index_free(before);
}

static void test_store_refusals(void)
{
	struct rbac_store *s = store_of("[" ALL_PODS "," BIND("a", "pods", USER("jane")) "]");

	int_is(apply_text(s, "{\"kind\":\"ClusterRole\",\"metadata\":{}}"), ERR_SYNTAX);
	int_is(apply_text(s, "{\"kind\":\"ClusterRole\"}"), ERR_SYNTAX);
	int_is(apply_text(s, "{\"kind\":\"Role\",\"metadata\":{\"name\":\"x\"}}"), ERR_SYNTAX);
	int_is(apply_text(s, "{\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"pods\"},"
			     "\"rules\":[{\"verbs\":\"get\"}]}"), ERR_SYNTAX);
	int_is(apply_text(s, "{\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"pods\"},"
			     "\"rules\":7}"), ERR_SYNTAX);
	/* The refused ones left the good ones in place. */
	int_is(ask_store(s, (struct question){ "jane", { NULL }, "get", "pods", "", "" }).p[0],
	       '+');
	int_is(apply_text(s, "{\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"n\"},"
			     "\"rules\":null}"), 0);
	rbac_store_free(s);
}

static void test_relist(void)
{
	struct rbac_store *s = store_of("[" ALL_PODS "," BIND("a", "pods", USER("jane")) ","
					BIND("b", "pods", USER("jane")) "]");

	rbac_store_relist_begin(s, RBAC_CLUSTER_ROLE_BINDING);
	int_is(apply_text(s, BIND("c", "pods", USER("jane"))), 0);
	rbac_store_relist_abandon(s, RBAC_CLUSTER_ROLE_BINDING);
	int_is(rbac_store_count(s, RBAC_CLUSTER_ROLE_BINDING), 3);
	rbac_store_relist_begin(s, RBAC_CLUSTER_ROLE_BINDING);
	int_is(apply_text(s, BIND("b", "pods", USER("jane"))), 0);
	int_is(apply_text(s, BIND("d", "pods", USER("jane"))), 0);
	rbac_store_relist_commit(s, RBAC_CLUSTER_ROLE_BINDING);
	int_is(rbac_store_count(s, RBAC_CLUSTER_ROLE_BINDING), 2);
	int_is(rbac_store_count(s, RBAC_CLUSTER_ROLE), 1);
	str_is(ask_store(s, (struct question){ "jane", { NULL }, "get", "pods", "", "" }),
	       STR("+RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"pods\" "
		   "to User \"jane\""));
	rbac_store_relist_begin(s, RBAC_CLUSTER_ROLE_BINDING);
	rbac_store_relist_commit(s, RBAC_CLUSTER_ROLE_BINDING);
	int_is(rbac_store_count(s, RBAC_CLUSTER_ROLE_BINDING), 0);
	rbac_store_free(s);
}

/* The 63rd verb and on have no bit of their own. */
static void test_many_verbs(void)
{
	struct rbac_store *s = rbac_store_new();
	json_t *verbs = json_array(), *role, *binding;
	struct rbac_index *ix;
	char verb[16];

	for (int i = 0; i < 200; i += 2)
		json_array_append_new(verbs, json_sprintf("v%d", i));
	role = json_pack("{s:s,s:s,s:{s:s},s:[{s:O,s:[s],s:[s]},{s:[s],s:[s],s:[s]}]}",
			 "apiVersion", "rbac.authorization.k8s.io/v1", "kind", "ClusterRole",
			 "metadata", "name", "r", "rules", "verbs", verbs, "apiGroups", "",
			 "resources", "pods", "verbs", "v199", "apiGroups", "", "resources",
			 "nodes");
	int_is(policy_apply(s, role), 0);
	json_decref(verbs);
	json_decref(role);
	binding = json_loads(BIND("b", "r", USER("jane")), 0, NULL);
	json_object_set_new(binding, "apiVersion", json_string("rbac.authorization.k8s.io/v1"));
	int_is(policy_apply(s, binding), 0);
	json_decref(binding);
	ix = rbac_index_build(s);
	for (int i = 0; i < 202; i++) {
		bool want = i < 200 && i % 2 == 0;

		snprintf(verb, sizeof(verb), "v%d", i);
		tap_row(verb);
		ok(ask(ix, (struct question){ "jane", { NULL }, verb, "pods", "", "" }).p[0] ==
		   (want ? '+' : '-'));
		ok(ask(ix, (struct question){ "jane", { NULL }, verb, "nodes", "", "" }).p[0] ==
		   (i == 199 ? '+' : '-'));
	}
	tap_row(NULL);
	rbac_index_free(ix);
	rbac_store_free(s);
}

/* Longer than what is put together on the stack. */
static void test_long_resource(void)
{
	struct strbuf role = STRBUF_INIT, word = STRBUF_INIT;
	struct rbac_store *s = store_of("[" BIND("b", "r", USER("jane")) "]");
	struct str reason;
	struct user u = { .name = STR("jane") };
	struct attributes at = { .user = &u, .verb = STR("get"), .is_resource = true };
	struct rbac_index *ix;
	struct arena a;

	arena_init(&a);
	for (int i = 0; i < 400; i++)
		strbuf_add_char(&word, 'x');
	strbuf_addf(&role, "{\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"r\"},\"rules\":["
			   "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"%s/s\","
			   "\"*/%s\"]}]}", word.p, word.p);
	int_is(apply_text(s, role.p), 0);
	ix = rbac_index_build(s);
	at.resource = strbuf_str(&word);
	at.subresource = STR("s");
	int_is(decide(ix, &at, false, &a, &reason), AUTHZ_ALLOW);
	at.subresource = STR("t");
	int_is(decide(ix, &at, false, &a, &reason), AUTHZ_NO_OPINION);
	at.resource = STR("pods");
	at.subresource = strbuf_str(&word);
	int_is(decide(ix, &at, false, &a, &reason), AUTHZ_ALLOW);
	at.resource = STR_NULL;
	int_is(decide(ix, &at, false, &a, &reason), AUTHZ_ALLOW);
	at.subresource = str_slice(at.subresource, 0, 399);
	int_is(decide(ix, &at, false, &a, &reason), AUTHZ_NO_OPINION);
	rbac_index_free(ix);
	rbac_store_free(s);
	strbuf_fini(&role);
	strbuf_fini(&word);
	arena_fini(&a);
}

/* Each binding counts once in a listing, whichever of the user's names it has. */
static void test_listing_once(void)
{
	struct rbac_store *s = store_of("[" ALL_PODS ","
		BIND("a", "pods", USER("jane") "," GROUP("g") "," USER("jane")) ","
		BIND("b", "pods", GROUP("g")) ","
		BIND_IN("n", "a", "ClusterRole", "pods", USER("jane")) "]");
	struct rbac_index *ix = rbac_index_build(s);
	struct str groups[] = { STR("g"), STR("g") }, error;
	struct user u = { .name = STR("jane"), .groups = groups, .group_count = 2 };
	struct arena a;
	json_t *got;

	arena_init(&a);
	got = listing(ix, &u, STR("n"), &a, &error);
	int_is(json_array_size(json_object_get(got, "resource")), 3);
	json_decref(got);
	got = listing(ix, &u, STR("m"), &a, &error);
	int_is(json_array_size(json_object_get(got, "resource")), 2);
	json_decref(got);
	arena_fini(&a);
	rbac_index_free(ix);
	rbac_store_free(s);
}

/* --- Aggregation --- */

/* The rules of a ClusterRole, as a listing through a binding of its own. */
static json_t *rules_of(struct rbac_store *s, const char *role)
{
	struct strbuf b = STRBUF_INIT;
	struct user u = { .name = STR("aggregation-probe") };
	struct rbac_index *ix;
	struct str error;
	struct arena a;
	json_t *got;

	arena_init(&a);
	strbuf_addf(&b, "{\"kind\":\"ClusterRoleBinding\",\"metadata\":{\"name\":\"probe\"},"
			"\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"%s\"},\"subjects\":["
			USER("aggregation-probe") "]}", role);
	int_is(apply_text(s, b.p), 0);
	ix = rbac_index_build(s);
	got = listing(ix, &u, STR("x"), &a, &error);
	rbac_index_free(ix);
	strbuf_fini(&b);
	arena_fini(&a);
	return got;
}

/* What the file holds for admin, edit and view is what aggregation makes of the other roles. */
static void test_aggregate_bootstrap(void)
{
	static const struct {
		const char *name;
		size_t rules;
	} roles[] = { { "admin", 29 }, { "edit", 27 }, { "view", 12 } };
	struct rbac_store *given = rbac_store_new(), *made = rbac_store_new();

	policy_apply_bootstrap(given);
	policy_apply_bootstrap(made);
	int_is(rbac_store_count(given, RBAC_CLUSTER_ROLE), 69);
	int_is(rbac_store_count(given, RBAC_CLUSTER_ROLE_BINDING), 50);
	int_is(rbac_store_count(given, RBAC_ROLE), 7);
	int_is(rbac_store_count(given, RBAC_ROLE_BINDING), 7);
	for (size_t i = 0; i < array_size(roles); i++) {
		struct strbuf b = STRBUF_INIT;

		strbuf_addf(&b, "{\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"%s\","
				"\"labels\":{%s}},\"aggregationRule\":{\"clusterRoleSelectors\":"
				"[{\"matchLabels\":{\"rbac.authorization.k8s.io/aggregate-to-%s\":"
				"\"true\"}}]}}", roles[i].name,
			    i == 0 ? "" : i == 1
			    ? "\"rbac.authorization.k8s.io/aggregate-to-admin\":\"true\""
			    : "\"rbac.authorization.k8s.io/aggregate-to-edit\":\"true\"",
			    roles[i].name);
		int_is(apply_text(made, b.p), 0);
		strbuf_fini(&b);
	}
	rbac_store_aggregate(made);
	for (size_t i = 0; i < array_size(roles); i++) {
		json_t *want = rules_of(given, roles[i].name), *got = rules_of(made, roles[i].name);

		tap_row(roles[i].name);
		int_is(json_array_size(json_object_get(want, "resource")), roles[i].rules);
		ok(json_equal(got, want));
		json_decref(want);
		json_decref(got);
	}
	tap_row(NULL);
	rbac_store_free(given);
	rbac_store_free(made);
}

#define LABELLED(name, labels) "{\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"" name \
	"\",\"labels\":{" labels "}},\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"]," \
	"\"resources\":[\"" name "\"]}]}"
#define AGGREGATED(name, labels, selectors) "{\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"" \
	name "\",\"labels\":{" labels "}},\"aggregationRule\":{\"clusterRoleSelectors\":[" \
	selectors "]}}"
#define EXPRESSION(key, op, values) "{\"matchExpressions\":[{\"key\":\"" key \
	"\",\"operator\":\"" op "\",\"values\":[" values "]}]}"

static void test_aggregate_selectors(void)
{
	static const struct {
		const char *role, *want;	/* resources in order */
	} rows[] = {
		{ "in", "ab" }, { "notin", "c" }, { "exists", "abc" }, { "absent", "d" },
		{ "both", "b" }, { "two", "cab" }, { "nested", "ab" }, { "odd", "" },
		{ "empty-and", "" },
	};
	struct rbac_store *s = store_of("["
		LABELLED("a", "\"x\":\"1\"") "," LABELLED("b", "\"x\":\"2\",\"y\":\"1\"") ","
		LABELLED("c", "\"x\":\"3\"") "," LABELLED("d", "\"z\":\"1\"") ","
		AGGREGATED("in", "\"n\":\"1\"", EXPRESSION("x", "In", "\"1\",\"2\"")) ","
		AGGREGATED("notin", "\"z\":\"2\"",
			   "{\"matchLabels\":{},\"matchExpressions\":[{\"key\":\"x\",\"operator\":"
			   "\"NotIn\",\"values\":[\"1\",\"2\"]},{\"key\":\"x\",\"operator\":"
			   "\"Exists\"}]}") ","
		AGGREGATED("exists", "", EXPRESSION("x", "Exists", "")) ","
		AGGREGATED("absent", "", "{\"matchLabels\":{\"z\":\"1\"},\"matchExpressions\":["
			   "{\"key\":\"x\",\"operator\":\"DoesNotExist\"}]}") ","
		AGGREGATED("both", "", "{\"matchLabels\":{\"x\":\"2\",\"y\":\"1\"}}") ","
		AGGREGATED("two", "", EXPRESSION("x", "In", "\"3\"") ","
			   EXPRESSION("x", "In", "\"1\",\"2\",\"3\"")) ","
		AGGREGATED("nested", "", "{\"matchLabels\":{\"n\":\"1\"}}") ","
		AGGREGATED("odd", "", EXPRESSION("x", "Like", "\"1\"")) ","
		AGGREGATED("empty-and", "", "{\"matchLabels\":{\"none\":\"1\"}}") "]");

	rbac_store_aggregate(s);
	for (size_t i = 0; i < array_size(rows); i++) {
		json_t *got = rules_of(s, rows[i].role), *rules = json_object_get(got, "resource");
		struct strbuf b = STRBUF_INIT;

		for (size_t j = 0; j < json_array_size(rules); j++)
			strbuf_add_str(&b, str_from(json_string_value(json_array_get(
				json_object_get(json_array_get(rules, j), "resources"), 0))));
		tap_row(rows[i].role);
		str_is(strbuf_str(&b), str_from(rows[i].want));
		strbuf_fini(&b);
		json_decref(got);
	}
	tap_row(NULL);
	rbac_store_free(s);
}

/* An empty selector selects every role but its own; two that select each other come to an end. */
static void test_aggregate_everything(void)
{
	struct rbac_store *s = store_of("[" LABELLED("a", "") "," LABELLED("b", "") ","
					AGGREGATED("all", "", "{}") ","
					AGGREGATED("more", "", "{}") "]");
	json_t *got;

	rbac_store_aggregate(s);
	got = rules_of(s, "all");
	int_is(json_array_size(json_object_get(got, "resource")), 2);
	json_decref(got);
	rbac_store_free(s);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_decisions), TAP(test_listings), TAP(test_empty), TAP(test_reason_order),
		TAP(test_quoting), TAP(test_error_order), TAP(test_store_changes),
		TAP(test_store_refusals), TAP(test_relist), TAP(test_many_verbs),
		TAP(test_long_resource), TAP(test_listing_once), TAP(test_aggregate_bootstrap),
		TAP(test_aggregate_selectors), TAP(test_aggregate_everything), TAP_END
	};

	return tap_main(tests);
}
