/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an RBAC decision costs, by number of bindings: the default objects of kube-apiserver and
 * 0 to 100,000 bindings on top of them, once as ClusterRoleBindings and once as RoleBindings.
 * Prints nanoseconds of processor time per decision (median and best of rounds, one thread) alone
 * and with the text of an allow's reason; time to build the index, and memory.  The time to make
 * up the requests is measured by itself and taken off.
 */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "proxy/request_info.h"
#include "tests/policy.h"

#define ROUNDS 9
#define REQUESTS 65536
#define SEED 88172645463325252u
#define GROUPS_MAX 22
#define ROLE_RULES 10
#define PER_NAMESPACE 10

/* kube-apiserver 1.36's authorizer on the same kind of machine, ns per decision. */
static const struct {
	int bindings;
	double ns;
} reference[] = { { 0, 2400 }, { 1000, 18000 }, { 10000, 235000 }, { 100000, 1972000 } };

/* Made anew for each decision in the same place: a server's request is in the cache by then. */
struct request {
	struct user user;
	struct attributes attributes;
	struct str groups[GROUPS_MAX];
	char name[64], namespace[32];
};

struct population {
	int bindings;
	bool in_namespaces;
	struct rbac_store *store;
	struct rbac_index *index;
	double apply_ms, build_ms;
	size_t store_bytes;
};

static uint64_t state = SEED;
static struct str teams[20];	/* the groups of the first bindings */

static int pick(int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (int)((state >> 20) % (uint64_t)n);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- Objects --- */

static void apply(struct rbac_store *s, json_t *object)
{
	json_object_set_new(object, "apiVersion", json_string("rbac.authorization.k8s.io/v1"));
	if (policy_apply(s, object) < 0)
		exit(1);
	json_decref(object);
}

/* Ten rules; the last one is what the bound users ask for. */
static json_t *make_role(const char *kind, const char *namespace)
{
	json_t *rules = json_array();

	for (int i = 0; i < ROLE_RULES; i++)
		json_array_append_new(rules, json_pack(
			"{s:[s,s,s],s:[s],s:[o,o]}", "verbs", "get", "list", "watch",
			"apiGroups", i == ROLE_RULES - 1 ? "" : "apps", "resources",
			i == ROLE_RULES - 1 ? json_string("pods") : json_sprintf("things%d", i),
			json_sprintf("things%d/status", i)));
	return json_pack("{s:s,s:{s:s,s:s},s:o}", "kind", kind, "metadata", "name", "reader",
			 "namespace", namespace, "rules", rules);
}

static json_t *make_binding(const char *kind, const char *namespace, int number, json_t *subject)
{
	json_t *o = json_pack("{s:s,s:{s:o,s:s},s:{s:s,s:s},s:[o]}", "kind", kind, "metadata",
			      "name", json_sprintf("binding-%d", number), "namespace", namespace,
			      "roleRef", "kind", *namespace ? "Role" : "ClusterRole", "name",
			      "reader", "subjects", subject);

	return o;
}

static void add_cluster_binding(struct rbac_store *s, int i)
{
	json_t *subject = i < 20
		? json_pack("{s:s,s:o}", "kind", "Group", "name", json_sprintf("team-%d", i))
		: json_pack("{s:s,s:o}", "kind", "User", "name",
			    json_sprintf("user-%d@example.com", i));

	apply(s, make_binding("ClusterRoleBinding", "", i, subject));
}

static void add_namespaced_binding(struct rbac_store *s, int i)
{
	char namespace[32];

	snprintf(namespace, sizeof(namespace), "namespace-%d", i / PER_NAMESPACE);
	if (i % PER_NAMESPACE == 0)
		apply(s, make_role("Role", namespace));
	apply(s, make_binding("RoleBinding", namespace, i,
			      json_pack("{s:s,s:o}", "kind", "ServiceAccount", "name",
					json_sprintf("worker-%d", i))));
}

static void populate(struct population *p)
{
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	double start = now_ns();

	p->store = rbac_store_new();
	policy_apply_bootstrap(p->store);
	apply(p->store, make_role("ClusterRole", ""));
	for (int i = 0; i < p->bindings; i++) {
		if (p->in_namespaces)
			add_namespaced_binding(p->store, i);
		else
			add_cluster_binding(p->store, i);
	}
	p->apply_ms = (now_ns() - start) / 1e6;
	p->store_bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	start = now_ns();
	p->index = rbac_index_build(p->store);
	p->build_ms = (now_ns() - start) / 1e6;
}

/* --- Requests --- */

/* first, number, last; faster than printf, whose time would hide what is measured. */
static struct str put_text(char *to, struct str first, int number, struct str last)
{
	char digits[12], *at = digits + sizeof(digits);
	size_t n = first.n;

	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	memcpy(to, first.p, first.n);
	memcpy(to + n, at, (size_t)(digits + sizeof(digits) - at));
	n += (size_t)(digits + sizeof(digits) - at);
	memcpy(to + n, last.p, last.n);
	return str_make(to, n + last.n);
}

static void set_user(struct request *r, struct str name, struct str group)
{
	r->groups[0] = group;
	r->groups[1] = STR("system:authenticated");
	r->user = (struct user){ .name = name, .groups = r->groups, .group_count = 2 };
	r->attributes = (struct attributes){ .user = &r->user, .is_resource = true,
					     .api_version = STR("v1") };
}

static void node_lists_pods(struct request *r, const struct population *p)
{
	(void)p;
	set_user(r, put_text(r->name, STR("system:node:node"), pick(5000), STR("")),
		 STR("system:nodes"));
	r->attributes.verb = STR("list");
	r->attributes.resource = STR("pods");
}

static void node_updates_status(struct request *r, const struct population *p)
{
	node_lists_pods(r, p);
	r->attributes.verb = STR("update");
	r->attributes.subresource = STR("status");
	r->attributes.namespace = STR("myns");
	r->attributes.name = STR("mypods");
}

static void node_educates(struct request *r, const struct population *p)
{
	node_lists_pods(r, p);
	r->attributes.verb = STR("educate");
	r->attributes.resource = STR("dolphins");
}

static void reads_discovery(struct request *r, const struct population *p)
{
	node_lists_pods(r, p);
	r->attributes.is_resource = false;
	r->attributes.verb = STR("get");
	r->attributes.resource = r->attributes.api_version = STR_NULL;
	r->attributes.path = STR("/apis/apps/v1");
}

static void controller_allowed(struct request *r, const struct population *p)
{
	(void)p;
	set_user(r, STR("system:serviceaccount:kube-system:deployment-controller"),
		 STR("system:serviceaccounts"));
	r->attributes.verb = STR("update");
	r->attributes.api_group = STR("apps");
	r->attributes.resource = STR("replicasets");
	r->attributes.namespace = STR("default");
	r->attributes.name = STR("web");
}

/* A user or service account of one of the bindings. */
static void bound_user(struct request *r, const struct population *p)
{
	int i = p->bindings > 20 ? 20 + pick(p->bindings - 20) : 0;
	struct str account = STR("system:serviceaccount:"), name;
	struct str namespace = put_text(r->namespace, STR("namespace-"), i / PER_NAMESPACE,
					STR(""));

	if (p->in_namespaces) {
		memcpy(r->name, account.p, account.n);
		memcpy(r->name + account.n, namespace.p, namespace.n);
		name = put_text(r->name + account.n + namespace.n, STR(":worker-"), i, STR(""));
		set_user(r, str_make(r->name, account.n + namespace.n + name.n),
			 STR("system:serviceaccounts"));
	} else {
		set_user(r, put_text(r->name, STR("user-"), i, STR("@example.com")),
			 STR("people"));
	}
	r->attributes.verb = STR("list");
	r->attributes.resource = STR("pods");
	r->attributes.namespace = namespace;
}

static void bound_user_refused(struct request *r, const struct population *p)
{
	bound_user(r, p);
	r->attributes.verb = STR("delete");
	r->attributes.name = STR("web-0");
}

static void unknown_user(struct request *r, const struct population *p)
{
	bound_user(r, p);
	r->user.name = put_text(r->name, STR("nobody-"), pick(1000000), STR("@example.com"));
}

static void twenty_groups(struct request *r, const struct population *p)
{
	unknown_user(r, p);
	memcpy(r->groups, teams, sizeof(teams));
	r->groups[array_size(teams)] = STR("system:authenticated");
	r->user.group_count = array_size(teams) + 1;
	r->attributes.verb = STR("delete");
}

static const struct scenario {
	const char *name;
	void (*make)(struct request *r, const struct population *p);
	bool needs_bindings;
} scenarios[] = {
	{ "node: list pods", node_lists_pods, false },
	{ "node: update pods/status", node_updates_status, false },
	{ "node: educate dolphins", node_educates, false },
	{ "discovery path", reads_discovery, false },
	{ "controller: update replicasets", controller_allowed, false },
	{ "bound: list pods", bound_user, true },
	{ "bound: delete pods", bound_user_refused, true },
	{ "unknown user", unknown_user, true },
	{ "20 groups: delete pods", twenty_groups, true },
};

/* --- Measuring --- */

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* One pass; returns ns of this thread's own time per request, made and (with policy) judged. */
static double round_ns(const struct scenario *s, const struct population *p,
		       const struct authz_policy *policy, bool want_reason, size_t *allowed)
{
	struct request request;
	struct arena a;
	double start;

	arena_init(&a);
	state = SEED;
	*allowed = 0;
	start = now_ns();
	for (size_t i = 0; i < REQUESTS; i++) {
		struct authz_request r = {
			.policy = policy, .attributes = &request.attributes, .arena = &a,
			.want_reason = want_reason,
		};

		s->make(&request, p);
		__asm__ volatile("" : : "r"(&request) : "memory");
		if (!policy)
			continue;
		*allowed += authz_chain_run(&r) == AUTHZ_ALLOW;
		if (a.blocks)
			arena_fini(&a);
	}
	start = (now_ns() - start) / REQUESTS;
	arena_fini(&a);
	return start;
}

struct timing {
	double median, best;	/* ns */
};

static struct timing measure(const struct scenario *s, const struct population *p,
			     const struct authz_policy *policy, bool want_reason, size_t *allowed)
{
	double rounds[ROUNDS];

	round_ns(s, p, policy, want_reason, allowed);
	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = round_ns(s, p, policy, want_reason, allowed);
	qsort(rounds, ROUNDS, sizeof(*rounds), compare_doubles);
	return (struct timing){ rounds[ROUNDS / 2], rounds[0] };
}

static void run_scenario(const struct scenario *s, const struct population *p)
{
	struct authz_policy policy = { .modes = { MODE_RBAC }, .mode_count = 1, .rbac = p->index };
	struct timing empty, plain, reasoned;
	size_t allowed;

	if (s->needs_bindings && !p->bindings)
		return;
	empty = measure(s, p, NULL, false, &allowed);
	plain = measure(s, p, &policy, false, &allowed);
	reasoned = measure(s, p, &policy, true, &allowed);
	printf("  %-32s %-7s %8.0f %6.0f %10.0f\n", s->name,
	       allowed == REQUESTS ? "allow" : allowed ? "mixed" : "refuse",
	       plain.median - empty.median, plain.best - empty.best,
	       reasoned.median - empty.median);
}

static void run_population(int bindings, bool in_namespaces, double reference_ns)
{
	struct population p = { .bindings = bindings, .in_namespaces = in_namespaces };

	populate(&p);
	printf("\n%d %s on top of the default objects (kube-apiserver: %.0f ns per decision)\n",
	       bindings, in_namespaces ? "RoleBindings" : "ClusterRoleBindings", reference_ns);
	printf("  store: filled in %.1f ms (JSON values included), %.2f MB; "
	       "index: built in %.2f ms, %.2f MB\n", p.apply_ms, (double)p.store_bytes / 1e6,
	       p.build_ms, (double)rbac_index_size(p.index) / 1e6);
	printf("  %-32s %-7s %8s %6s %10s\n", "request", "answer", "ns", "best", "ns+reason");
	for (size_t i = 0; i < array_size(scenarios); i++)
		run_scenario(&scenarios[i], &p);
	rbac_index_free(p.index);
	rbac_store_free(p.store);
	malloc_trim(0);
	fflush(stdout);
}

/* --- Request info --- */

static void bench_request_info(void)
{
	static const struct {
		struct str method, target;
	} rows[] = {
		{ STR("GET"), STR("/api/v1/namespaces/default/pods/web-7d4b9c6f5-x2x9z") },
		{ STR("GET"), STR("/api/v1/namespaces/kube-system/pods?limit=500") },
		{ STR("GET"), STR("/api/v1/pods?allowWatchBookmarks=true&fieldSelector="
				  "spec.nodeName%3Dn001&resourceVersion=123456&timeoutSeconds=422"
				  "&watch=true") },
		{ STR("PATCH"), STR("/apis/apps/v1/namespaces/default/deployments/web/status") },
		{ STR("GET"), STR("/readyz?verbose") },
	};
	const int n = 1000000;

	printf("\nrequest info, ns per request\n");
	for (size_t i = 0; i < array_size(rows); i++) {
		struct request_info info;
		struct arena a;
		double start = now_ns();

		arena_init(&a);
		for (int j = 0; j < n; j++) {
			request_info_resolve(rows[i].method, rows[i].target, &a, &info);
			if (a.blocks)
				arena_fini(&a);
		}
		printf("  %6.0f  %s %s\n", (now_ns() - start) / n, rows[i].method.p,
		       rows[i].target.p);
		arena_fini(&a);
	}
}

int main(void)
{
	for (int i = 0; i < (int)array_size(teams); i++)
		teams[i] = put_text(xmalloc(16), STR("team-"), i, STR(""));
	for (size_t i = 0; i < array_size(reference); i++) {
		run_population(reference[i].bindings, false, reference[i].ns);
		if (reference[i].bindings)
			run_population(reference[i].bindings, true, reference[i].ns);
	}
	bench_request_info();
	arena_thread_fini();
	for (size_t i = 0; i < array_size(teams); i++)
		free((void *)(uintptr_t)teams[i].p);
	return 0;
}
