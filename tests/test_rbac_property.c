/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policies, changed step by step in the store, and random requests: decision and reason are
 * those of an evaluator that is written straight from spec 11 and looks at every binding.
 */
#include "config.h"

#include <stdio.h>

#include "base/mem.h"
#include "tests/policy.h"
#include "tests/tap.h"

#define ROUNDS 300
#define REQUESTS 150
#define CHANGES 12

#define RULES_MAX 4
#define LIST_MAX 3
#define SUBJECTS_MAX 4
#define NAMESPACES 3		/* the first is that of cluster objects */
#define ROLES 5			/* per namespace */
#define BINDINGS 6

static const char *const namespaces[NAMESPACES] = { "", "n1", "n2" };
static const char *const role_names[] = { "r0", "r1", "r2", "r3", "r\"4", "never" };
static const char *const binding_names[] = { "b0", "b1", "b2", "b3", "b<4>", "b" };
static const char *const verbs[] = { "get", "get", "get", "list", "*", "odd", "" };
static const char *const groups[] = { "", "", "apps", "*" };
static const char *const resources[] = {
	"pods", "pods", "pods/log", "*/log", "*", "pods/*", "*/*", "nodes", "", "log", "/log", "*/",
};
static const char *const names[] = { "a", "b", "", "*" };
static const char *const urls[] = {
	"/", "/a", "/a/*", "*", "/a*", "/a**", "/*/b", "/ab", "", "**", "/a/b",
};
static const char *const subject_names[] = {
	"jane", "jane", "g1", "g1", "g2", "*", "system:serviceaccount:n1:jane", "n1:jane", "",
};
static const char *const kinds[] = { "User", "Group", "ServiceAccount", "user" };

static uint64_t state = 88172645463325252u;

/* xorshift64: the same numbers in every run. */
static size_t pick(size_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state >> 20) % n;
}

#define ONE_OF(list) ((list)[pick(array_size(list))])

/* --- The model --- */

struct model_list {
	const char *v[LIST_MAX];
	size_t n;
};

struct model_rule {
	struct model_list verbs, groups, resources, names, urls;
};

struct model_role {
	bool exists;
	struct model_rule rules[RULES_MAX];
	size_t rule_count;
};

struct model_subject {
	const char *kind, *name, *namespace;
};

struct model_binding {
	bool exists;
	const char *ref_kind, *ref_name;
	struct model_subject subjects[SUBJECTS_MAX];
	size_t subject_count;
};

static struct model_role roles[NAMESPACES][ROLES];
static struct model_binding bindings[NAMESPACES][BINDINGS];

/* --- The evaluator, from spec 11 sections 2 to 4 --- */

static bool list_has(const struct model_list *l, struct str s)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(str_from(l->v[i]), s))
			return true;
	return false;
}

static bool list_has_or_star(const struct model_list *l, struct str s)
{
	return list_has(l, STR("*")) || list_has(l, s);
}

static bool url_matches(struct str url, struct str path)
{
	if (str_eq(url, STR("*")) || str_eq(url, path))
		return true;
	if (!str_has_suffix(url, STR("*")))
		return false;
	while (str_has_suffix(url, STR("*")))
		url.n--;
	return str_has_prefix(path, url);
}

static bool resource_matches(const struct model_list *l, const struct attributes *at)
{
	char whole[64], any[64];

	snprintf(whole, sizeof(whole), "%.*s%s%.*s", STR_ARG(at->resource),
		 at->subresource.n ? "/" : "", STR_ARG(at->subresource));
	snprintf(any, sizeof(any), "*/%.*s", STR_ARG(at->subresource));
	return list_has_or_star(l, str_from(whole)) ||
		(at->subresource.n && list_has(l, str_from(any)));
}

static bool rule_allows(const struct model_rule *rule, const struct attributes *at)
{
	if (!list_has_or_star(&rule->verbs, at->verb))
		return false;
	if (at->is_resource)
		return list_has_or_star(&rule->groups, at->api_group) &&
			resource_matches(&rule->resources, at) &&
			(!rule->names.n || list_has(&rule->names, at->name));
	for (size_t i = 0; i < rule->urls.n; i++)
		if (url_matches(str_from(rule->urls.v[i]), at->path))
			return true;
	return false;
}

static bool user_has(const struct user *u, const char *group)
{
	for (size_t i = 0; i < u->group_count; i++)
		if (str_eq(u->groups[i], str_from(group)))
			return true;
	return false;
}

/* Whether the subject applies; then its text is printed. */
static bool subject_applies(const struct model_subject *s, const char *scope, const struct user *u,
			    struct strbuf *text)
{
	const char *namespace = *s->namespace ? s->namespace : scope;
	char account[64], shown[64];

	snprintf(account, sizeof(account), "system:serviceaccount:%s:%s", namespace, s->name);
	snprintf(shown, sizeof(shown), "%s/%s", s->name, namespace);
	if (!strcmp(s->kind, "ServiceAccount")) {
		if (!*namespace || !str_eq(u->name, str_from(account)))
			return false;
		strbuf_add_cstr(text, "ServiceAccount ");
		strbuf_add_go_quoted(text, str_from(shown));
		return true;
	}
	if (!(!strcmp(s->kind, "User") && str_eq(u->name, str_from(s->name))) &&
	    !(!strcmp(s->kind, "Group") && user_has(u, s->name)))
		return false;
	strbuf_addf(text, "%s ", s->kind);
	strbuf_add_go_quoted(text, str_from(s->name));
	return true;
}

struct errors {
	char *v[NAMESPACES * BINDINGS];
	size_t n;
};

static void add_error(struct errors *e, struct strbuf *text)
{
	char *s = strbuf_detach(text);

	for (size_t i = 0; i < e->n; i++) {
		if (!strcmp(e->v[i], s)) {
			secret_free(s);
			return;
		}
	}
	e->v[e->n++] = s;
}

static const struct model_role *resolve(const struct model_binding *b, size_t namespace,
					struct errors *errors)
{
	bool is_cluster = !strcmp(b->ref_kind, "ClusterRole");
	bool is_role = !strcmp(b->ref_kind, "Role");
	size_t from = is_cluster ? 0 : namespace;
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < ROLES && (is_cluster || (is_role && namespace)); i++)
		if (!strcmp(role_names[i], b->ref_name) && roles[from][i].exists)
			return &roles[from][i];
	strbuf_add_cstr(&text, is_cluster ? "clusterrole.rbac.authorization.k8s.io "
			: is_role ? "role.rbac.authorization.k8s.io "
			: "unsupported role reference kind: ");
	strbuf_add_go_quoted(&text, str_from(is_cluster || is_role ? b->ref_name : b->ref_kind));
	if (is_cluster || is_role)
		strbuf_add_cstr(&text, " not found");
	add_error(errors, &text);
	return NULL;
}

static bool binding_allows(const struct model_binding *b, size_t namespace, size_t number,
			   const struct attributes *at, struct errors *errors,
			   struct strbuf *reason)
{
	struct strbuf subject = STRBUF_INIT;
	const struct model_role *role;
	bool allowed = false;
	char name[64];
	size_t i = 0;

	while (i < b->subject_count &&
	       !subject_applies(&b->subjects[i], namespaces[namespace], at->user, &subject))
		i++;
	role = i < b->subject_count ? resolve(b, namespace, errors) : NULL;
	for (size_t j = 0; role && j < role->rule_count; j++)
		allowed = allowed || rule_allows(&role->rules[j], at);
	if (allowed) {
		snprintf(name, sizeof(name), "%s%s%s", binding_names[number],
			 namespace ? "/" : "", namespaces[namespace]);
		strbuf_addf(reason, "RBAC: allowed by %s ",
			    namespace ? "RoleBinding" : "ClusterRoleBinding");
		strbuf_add_go_quoted(reason, str_from(name));
		strbuf_addf(reason, " of %s ", b->ref_kind);
		strbuf_add_go_quoted(reason, str_from(b->ref_name));
		strbuf_add_cstr(reason, " to ");
		strbuf_add_str(reason, strbuf_str(&subject));
	}
	strbuf_fini(&subject);
	return allowed;
}

/* The numbers of the bindings in the order of their names. */
static const size_t by_name[BINDINGS] = { 5, 0, 1, 2, 3, 4 };

static bool scope_allows(size_t namespace, const struct attributes *at, struct errors *errors,
			 struct strbuf *reason)
{
	for (size_t i = 0; i < BINDINGS; i++) {
		const struct model_binding *b = &bindings[namespace][by_name[i]];

		if (b->exists && binding_allows(b, namespace, by_name[i], at, errors, reason))
			return true;
	}
	return false;
}

static void refuse(struct errors *errors, struct strbuf *reason)
{
	for (size_t i = 0; i < errors->n; i++) {
		strbuf_add_cstr(reason, i ? ", " : errors->n > 1 ? "RBAC: [" : "RBAC: ");
		strbuf_add_cstr(reason, errors->v[i]);
	}
	if (errors->n > 1)
		strbuf_add_char(reason, ']');
}

static enum authz_decision evaluate(const struct attributes *at, struct strbuf *reason)
{
	struct errors errors = { .n = 0 };
	bool allowed = scope_allows(0, at, &errors, reason);

	for (size_t i = 1; !allowed && i < NAMESPACES; i++)
		if (str_eq(at->namespace, str_from(namespaces[i])))
			allowed = scope_allows(i, at, &errors, reason);
	if (!allowed)
		refuse(&errors, reason);
	for (size_t i = 0; i < errors.n; i++)
		secret_free(errors.v[i]);
	return allowed ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
}

/* --- Random objects, in the model and in the store --- */

static json_t *random_list(struct model_list *l, const char *const *from, size_t n, size_t least)
{
	json_t *v = json_array();

	l->n = least + pick(LIST_MAX + 1 - least);
	for (size_t i = 0; i < l->n; i++) {
		l->v[i] = from[pick(n)];
		json_array_append_new(v, json_string(l->v[i]));
	}
	return v;
}

#define RANDOM_LIST(list, from, least) random_list(list, from, array_size(from), least)

static json_t *random_rule(struct model_rule *r)
{
	json_t *v = json_object();

	*r = (struct model_rule){ .verbs.n = 0 };
	json_object_set_new(v, "verbs", RANDOM_LIST(&r->verbs, verbs, 1));
	json_object_set_new(v, "apiGroups", RANDOM_LIST(&r->groups, groups, 0));
	json_object_set_new(v, "resources", RANDOM_LIST(&r->resources, resources, 0));
	if (!pick(3))
		json_object_set_new(v, "resourceNames", RANDOM_LIST(&r->names, names, 0));
	if (!pick(3))
		json_object_set_new(v, "nonResourceURLs", RANDOM_LIST(&r->urls, urls, 0));
	return v;
}

static json_t *object_frame(const char *kind, const char *name, const char *namespace)
{
	return json_pack("{s:s,s:s,s:{s:s,s:s}}", "apiVersion", "rbac.authorization.k8s.io/v1",
			 "kind", kind, "metadata", "name", name, "namespace", namespace);
}

static void apply(struct rbac_store *s, json_t *object)
{
	int_is(policy_apply(s, object), 0);
	json_decref(object);
}

static void change_role(struct rbac_store *s)
{
	size_t namespace = pick(NAMESPACES), number = pick(ROLES);
	struct model_role *role = &roles[namespace][number];
	json_t *rules, *object;

	role->exists = pick(4);
	if (!role->exists) {
		rbac_store_delete(s, namespace ? RBAC_ROLE : RBAC_CLUSTER_ROLE,
				  str_from(namespaces[namespace]), str_from(role_names[number]));
		return;
	}
	rules = json_array();
	role->rule_count = pick(RULES_MAX + 1);
	for (size_t i = 0; i < role->rule_count; i++)
		json_array_append_new(rules, random_rule(&role->rules[i]));
	object = object_frame(namespace ? "Role" : "ClusterRole", role_names[number],
			      namespaces[namespace]);
	json_object_set_new(object, "rules", rules);
	apply(s, object);
}

static json_t *random_subject(struct model_subject *v)
{
	*v = (struct model_subject){
		.kind = pick(8) ? kinds[pick(3)] : kinds[3],
		.name = ONE_OF(subject_names),
		.namespace = ONE_OF(namespaces),
	};
	return json_pack("{s:s,s:s,s:s}", "kind", v->kind, "name", v->name, "namespace",
			 v->namespace);
}

static void change_binding(struct rbac_store *s)
{
	size_t namespace = pick(NAMESPACES), number = pick(BINDINGS);
	struct model_binding *b = &bindings[namespace][number];
	json_t *subjects, *object;

	b->exists = pick(5);
	if (!b->exists) {
		rbac_store_delete(s, namespace ? RBAC_ROLE_BINDING : RBAC_CLUSTER_ROLE_BINDING,
				  str_from(namespaces[namespace]),
				  str_from(binding_names[number]));
		return;
	}
	subjects = json_array();
	b->ref_kind = pick(8) ? pick(3) ? "ClusterRole" : "Role" : "Rolle";
	b->ref_name = ONE_OF(role_names);
	b->subject_count = pick(SUBJECTS_MAX + 1);
	for (size_t i = 0; i < b->subject_count; i++)
		json_array_append_new(subjects, random_subject(&b->subjects[i]));
	object = object_frame(namespace ? "RoleBinding" : "ClusterRoleBinding",
			      binding_names[number], namespaces[namespace]);
	json_object_set_new(object, "subjects", subjects);
	json_object_set_new(object, "roleRef", json_pack("{s:s,s:s}", "kind", b->ref_kind, "name",
							 b->ref_name));
	apply(s, object);
}

/* --- Requests --- */

static void random_attributes(struct attributes *at)
{
	static const char *const request_resources[] = { "pods", "pods", "nodes", "", "*", "log" };
	static const char *const subresources[] = { "", "", "log", "*", "status" };
	static const char *const paths[] = {
		"/", "/a", "/a/", "/a/b", "/ab", "/*/b", "", "*", "/a*", "/b",
	};

	*at = (struct attributes){ .verb = str_from(ONE_OF(verbs)), .is_resource = pick(4) };
	if (!at->is_resource) {
		at->path = str_from(ONE_OF(paths));
		return;
	}
	at->api_group = str_from(ONE_OF(groups));
	at->resource = str_from(ONE_OF(request_resources));
	at->subresource = str_from(ONE_OF(subresources));
	at->namespace = str_from(pick(4) ? ONE_OF(namespaces) : "n3");
	at->name = str_from(ONE_OF(names));
}

static struct {
	int allowed, refused, explained;
} seen;

static bool check_request(struct rbac_index *ix)
{
	struct str user_groups[3], reason, error;
	struct user u = { .name = str_from(ONE_OF(subject_names)), .groups = user_groups };
	struct authz_policy policy = { .rbac = ix };
	struct attributes at;
	struct arena a;
	struct authz_request r = { .policy = &policy, .attributes = &at, .arena = &a };
	struct strbuf want = STRBUF_INIT;
	enum authz_decision d;
	bool held;

	random_attributes(&at);
	at.user = &u;
	for (u.group_count = 0; u.group_count < 3 && pick(3); u.group_count++)
		user_groups[u.group_count] = str_from(ONE_OF(subject_names));
	arena_init(&a);
	d = evaluate(&at, &want);
	seen.allowed += d == AUTHZ_ALLOW;
	seen.refused += d == AUTHZ_NO_OPINION;
	seen.explained += d == AUTHZ_NO_OPINION && want.n;
	r.want_reason = true;
	held = int_is(rbac_authorize(&r, &reason, &error), d);
	held = str_is(reason, strbuf_str(&want)) && held;
	r.want_reason = false;
	held = int_is(rbac_authorize(&r, &reason, &error), d) && held;
	if (d == AUTHZ_NO_OPINION)
		held = str_is(reason, strbuf_str(&want)) && held;
	strbuf_fini(&want);
	arena_fini(&a);
	return held;
}

static void test_random_policies(void)
{
	struct rbac_store *s = rbac_store_new();
	char label[32];
	bool held = true;

	for (int round = 0; held && round < ROUNDS; round++) {
		struct rbac_index *ix;

		snprintf(label, sizeof(label), "round %d", round);
		tap_row(label);
		for (int i = 0; i < CHANGES; i++) {
			change_role(s);
			change_binding(s);
		}
		ix = rbac_index_build(s);
		for (int i = 0; held && i < REQUESTS; i++)
			held = check_request(ix);
		rbac_index_free(ix);
	}
	tap_row(NULL);
	rbac_store_free(s);
}

/* The evaluator must have seen allows and refusals, or the comparison above meant nothing. */
static void test_requests_were_mixed(void)
{
	tap_note("%d allowed, %d refused, %d of these with a reason", seen.allowed, seen.refused,
		 seen.explained);
	ok(seen.allowed > seen.refused / 50);
	ok(seen.refused > seen.allowed / 20);
	ok(seen.explained > seen.refused / 20);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_random_policies), TAP(test_requests_were_mixed), TAP_END
	};

	return tap_main(tests);
}
