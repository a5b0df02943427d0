/* SPDX-License-Identifier: Apache-2.0 */
/* The chain itself: which plugins run, when, what they may ask, and how refusals read. */
#include "config.h"

#include "base/mem.h"
#include "tests/admission_cluster.h"
#include "tests/tap.h"

static enum admission_result (*fake_admit)(struct admission_request *r,
					   enum admission_operation op);
static size_t fake_runs;

static bool handles_all(const struct admission_request *r, enum admission_operation op)
{
	(void)r;
	(void)op;
	return true;
}

static enum admission_result run_fake(struct admission_request *r, enum admission_operation op)
{
	fake_runs++;
	return fake_admit(r, op);
}

static const struct admission_plugin fake = { "Fake", handles_all, run_fake };

static void begin(struct admission_case *c, const char *method, const char *target,
		  const char *body,
		  enum admission_result (*admit)(struct admission_request *,
						 enum admission_operation))
{
	admission_case_init(c, method, target, NULL, str_from(body));
	c->chain.v[0] = &fake;
	c->chain.n = 1;
	fake_admit = admit;
	fake_runs = 0;
}

static enum admission_result allow(struct admission_request *r, enum admission_operation op)
{
	(void)r;
	(void)op;
	return ADMISSION_ALLOW;
}

static void test_operations(void)
{
	static const struct {
		const char *method, *target, *name;
	} rows[] = {
		{ "GET", "/api/v1/nodes/a", "" },
		{ "HEAD", "/api/v1/nodes/a", "" },
		{ "OPTIONS", "/api/v1/nodes/a", "" },
		{ "post", "/api/v1/nodes", "" },
		{ "POST", "/healthz", "" },
		{ "POST", "/api/v1/nodes", "CREATE" },
		{ "POST", "/api/v1/namespaces/d/pods/p/eviction", "CREATE" },
		{ "PUT", "/api/v1/nodes/a/status", "UPDATE" },
		{ "PATCH", "/apis/apps/v1/namespaces/d/deployments/x", "UPDATE" },
		{ "DELETE", "/api/v1/nodes/a", "DELETE" },
		{ "DELETE", "/api/v1/nodes", "DELETE" },
		{ "POST", "/api/v1/namespaces/d/pods/p/exec", "CONNECT" },
		{ "GET", "/api/v1/namespaces/d/pods/p/portforward", "CONNECT" },
		{ "GET", "/api/v1/namespaces/d/pods/p/attach", "CONNECT" },
		{ "PUT", "/api/v1/nodes/a/proxy/x", "CONNECT" },
		{ "GET", "/api/v1/namespaces/d/services/s/proxy", "CONNECT" },
		{ "PUT", "/apis/example.com/v1/nodes/a/proxy", "UPDATE" },
		{ "POST", "/api/v1/namespaces/d/services/s/exec", "CREATE" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct request_info info;
		struct arena a;

		arena_init(&a);
		tap_row(rows[i].target);
		ok(request_info_resolve(str_from(rows[i].method), str_from(rows[i].target), &a,
					&info) == 0);
		cstr_is(admission_operation_name(admission_operation(&info.attributes,
								     str_from(rows[i].method))),
			rows[i].name);
		arena_fini(&a);
	}
	tap_row(NULL);
}

static void test_names(void)
{
	ok(admission_plugin_is_known(STR("NodeRestriction")));
	ok(admission_plugin_is_known(STR("AlwaysAdmit")));
	ok(admission_plugin_is_known(STR("ResourceQuota")));
	ok(!admission_plugin_is_known(STR("noderestriction")));
	ok(!admission_plugin_is_known(STR("")));
	ok(admission_plugin_is_ours(STR("NodeRestriction")));
	ok(!admission_plugin_is_ours(STR("ResourceQuota")));
	ok(!admission_plugin_is_ours(STR("Nobody")));
}

static void init_with(struct admission_chain *chain, const char *on, const char *off,
		      const char *exact)
{
	struct options o = { .bind_address = NULL };

	if (on)
		option_list_add(&o.enable_admission_plugins, str_from(on));
	if (off)
		option_list_add(&o.disable_admission_plugins, str_from(off));
	if (exact)
		option_list_add(&o.admission_control, str_from(exact));
	admission_chain_init(chain, &o);
	option_list_fini(&o.enable_admission_plugins);
	option_list_fini(&o.disable_admission_plugins);
	option_list_fini(&o.admission_control);
}

static void test_enabled(void)
{
	struct admission_chain chain;

	init_with(&chain, NULL, NULL, NULL);
	int_is(chain.n, 0);
	init_with(&chain, "ResourceQuota", NULL, NULL);
	int_is(chain.n, 0);
	init_with(&chain, "NodeRestriction", "AlwaysDeny", NULL);
	int_is(chain.n, 1);
	ok(chain.n == 1 && chain.v[0] == &node_restriction_plugin);
	init_with(&chain, "NodeRestriction", "NodeRestriction", NULL);
	int_is(chain.n, 0);
	init_with(&chain, NULL, NULL, "NodeRestriction");
	int_is(chain.n, 1);
}

static bool handles_creates(const struct admission_request *r, enum admission_operation op)
{
	return op == ADMISSION_CREATE && str_eq(r->attributes->resource, STR("nodes"));
}

static void test_concerned(void)
{
	static const struct admission_plugin creates = { "Creates", handles_creates, run_fake };
	static const struct {
		const char *method, *target;
		bool want;
	} rows[] = {
		{ "GET", "/api/v1/nodes/a", false },
		{ "POST", "/api/v1/nodes", true },
		{ "POST", "/api/v1/namespaces", false },
		{ "PATCH", "/api/v1/nodes/a", true },	/* an apply may create */
		{ "PUT", "/api/v1/nodes/a", false },
		{ "POST", "/api", false },
	};
	struct admission_chain chain = { .v = { &creates }, .n = 1 }, none = { .n = 0 };

	for (size_t i = 0; i < array_size(rows); i++) {
		struct request_info info;
		struct arena a;

		arena_init(&a);
		tap_row(rows[i].target);
		ok(request_info_resolve(str_from(rows[i].method), str_from(rows[i].target), &a,
					&info) == 0);
		ok(admission_is_concerned(&chain, &info.attributes, str_from(rows[i].method)) ==
		   rows[i].want);
		ok(!admission_is_concerned(&none, &info.attributes, str_from(rows[i].method)));
		arena_fini(&a);
	}
	tap_row(NULL);
}

static void test_reads_are_not_run(void)
{
	struct admission_case c;

	begin(&c, "GET", "/api/v1/nodes/a", "", allow);
	int_is(admission_case_run(&c), ADMISSION_ALLOW);
	int_is(fake_runs, 0);
	admission_case_fini(&c);
}

/* What a plugin does not ask for is not brought: the body goes on streaming. */
static void test_nothing_asked(void)
{
	struct admission_case c;

	begin(&c, "POST", "/api/v1/nodes", "not JSON at all", allow);
	int_is(admission_case_run(&c), ADMISSION_ALLOW);
	int_is(fake_runs, 1);
	ok(!c.body_asked && !c.r.body_replaced && !c.r.query_replaced);
	admission_case_fini(&c);
}

static enum admission_result ask_nodes(struct admission_request *r, enum admission_operation op)
{
	enum admission_result rc = ADMISSION_ALLOW;

	(void)op;
	for (unsigned i = 0; i < 300; i++) {
		unsigned many = (unsigned)r->attributes->name.n;
		struct admission_key key = { .api_version = STR("v1"), .resource = STR("nodes"),
					     .name = arena_printf(r->arena, "n%u", i % many) };
		struct str error;
		json_t *node;

		rc = admission_lookup(r, &key, &node, &error);
		if (rc != ADMISSION_ALLOW)
			return rc;
		if (error.n)
			return admission_internal(r, error);
		if (!node)
			return admission_not_found(r, STR("node"), key.name);
	}
	return rc;
}

static void test_lookups(void)
{
	struct admission_case c;

	begin(&c, "DELETE", "/api/v1/nodes/ab", "", ask_nodes);
	admission_case_add(&c, "[{\"kind\":\"Node\",\"metadata\":{\"name\":\"n0\"}},"
			       "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}]");
	int_is(admission_case_run(&c), ADMISSION_ALLOW);
	int_is(c.objects_asked, 2);
	int_is(fake_runs, 3);
	admission_again(&c.r);
	int_is(admission_case_run(&c), ADMISSION_ALLOW);
	int_is(c.objects_asked, 4);
	admission_case_fini(&c);

	begin(&c, "DELETE", "/api/v1/nodes/ab", "", ask_nodes);
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, 404);
	str_is(c.r.status.message, STR("node \"n0\" not found"));
	str_is(c.r.status.reason, STR("NotFound"));
	str_is(c.r.status.details.kind, STR("node"));
	str_is(c.r.status.details.name, STR("n0"));
	admission_case_fini(&c);

	begin(&c, "DELETE", "/api/v1/nodes/ab", "", ask_nodes);
	c.unreadable = true;
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, 500);
	str_is(c.r.status.message, STR("connection refused"));
	str_is(c.r.status.reason, STR(""));
	ok(!c.r.status.has_details);
	admission_case_fini(&c);
}

static enum admission_result ask_many(struct admission_request *r, enum admission_operation op)
{
	enum admission_result rc = ADMISSION_ALLOW;

	(void)op;
	for (unsigned i = 0; i <= ADMISSION_LOOKUPS_MAX && rc == ADMISSION_ALLOW; i++) {
		struct admission_key key = { .api_version = STR("v1"), .resource = STR("nodes"),
					     .name = arena_printf(r->arena, "n%u", i) };
		struct str error;
		json_t *node;

		rc = admission_lookup(r, &key, &node, &error);
	}
	return rc;
}

static void test_lookups_are_bounded(void)
{
	struct admission_case c;

	begin(&c, "DELETE", "/api/v1/nodes/a", "", ask_many);
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, 500);
	int_is(c.objects_asked, ADMISSION_LOOKUPS_MAX);
	admission_case_fini(&c);
}

static enum admission_result ask_twice(struct admission_request *r, enum admission_operation op)
{
	struct attributes a = *r->attributes;
	enum admission_result rc;
	struct str error;
	bool allowed;

	(void)op;
	a.verb = STR("one");
	rc = admission_authorize(r, &a, &allowed, &error);
	if (rc == ADMISSION_ALLOW) {
		a.verb = STR("two");
		rc = admission_authorize(r, &a, &allowed, &error);
	}
	if (rc != ADMISSION_ALLOW)
		return rc;
	return allowed ? ADMISSION_ALLOW : admission_forbid(r, STR("no"));
}

static void test_decisions(void)
{
	for (int allowed = 0; allowed < 2; allowed++) {
		struct admission_case c;

		begin(&c, "DELETE", "/api/v1/nodes/a", "", ask_twice);
		c.allow = allowed;
		int_is(admission_case_run(&c), allowed ? ADMISSION_ALLOW : ADMISSION_DENY);
		int_is(c.decisions_asked, 2);
		ok(c.r.questions[0].attributes.user == &c.user);
		str_is(c.r.questions[1].attributes.verb, STR("two"));
		admission_case_fini(&c);
	}
}

static struct str refusal;

static enum admission_result forbid(struct admission_request *r, enum admission_operation op)
{
	(void)op;
	return admission_forbid(r, refusal);
}

static void test_forbidden(void)
{
	static const struct {
		const char *method, *target, *body, *message, *name;
	} rows[] = {
		{ "DELETE", "/api/v1/nodes/a", "", "nodes \"a\" is forbidden: x \"y\"", "a" },
		{ "DELETE", "/api/v1/nodes", "", "nodes \"Unknown\" is forbidden: x \"y\"",
		  "Unknown" },
		{ "PUT", "/apis/coordination.k8s.io/v1/namespaces/d/leases/l", "garbage",
		  "leases.coordination.k8s.io \"l\" is forbidden: x \"y\"", "l" },
		{ "POST", "/api/v1/nodes", "{\"metadata\":{\"name\":\"b\",\"generateName\":\"c\"}}",
		  "nodes \"b\" is forbidden: x \"y\"", "b" },
		{ "POST", "/api/v1/nodes", "{\"metadata\":{\"generateName\":\"c-\"}}",
		  "nodes \"c-\" is forbidden: x \"y\"", "c-" },
		{ "POST", "/api/v1/nodes", "{}", "nodes \"Unknown\" is forbidden: x \"y\"",
		  "Unknown" },
		{ "POST", "/apis/example.com/v1/widgets", "{\"metadata\":{\"name\":\"w\"}}",
		  "widgets.example.com \"w\" is forbidden: x \"y\"", "w" },
		{ "POST", "/api/v1/namespaces/d/serviceaccounts/s/token",
		  "{\"metadata\":{\"name\":\"b\"}}",
		  "serviceaccounts \"s\" is forbidden: x \"y\"", "s" },
		{ "DELETE", "/api/v1/nodes/a%22%5C%01%C2%85%E2%80%A8%C3%A9%FF", "",
		  "nodes \"a\\\"\\\\\\x01\\u0085\\u2028\xc3\xa9\\xff\" is forbidden: x \"y\"",
		  "a\"\\\x01\xc2\x85\xe2\x80\xa8\xc3\xa9\xff" },
	};

	refusal = STR("x \"y\"");
	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;

		tap_row(rows[i].target);
		begin(&c, rows[i].method, rows[i].target, rows[i].body, forbid);
		int_is(admission_case_run(&c), ADMISSION_DENY);
		int_is(c.r.status.code, 403);
		str_is(c.r.status.message, str_from(rows[i].message));
		str_is(c.r.status.reason, STR("Forbidden"));
		ok(c.r.status.has_details);
		str_is(c.r.status.details.name, str_from(rows[i].name));
		str_is(c.r.status.details.kind, c.info.attributes.resource);
		str_is(c.r.status.details.group, c.info.attributes.api_group);
		admission_case_fini(&c);
	}
	tap_row(NULL);
}

/* The name comes from the body, so one that cannot be read is 400 before the 403. */
static void test_forbidden_unreadable(void)
{
	struct admission_case c;

	begin(&c, "POST", "/api/v1/nodes", "{", forbid);
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, 400);
	admission_case_fini(&c);
}

static enum admission_result ask_old(struct admission_request *r, enum admission_operation op)
{
	json_t *old;
	enum admission_result rc = admission_old_object(r, &old);

	if (rc != ADMISSION_ALLOW)
		return rc;
	return admission_forbid(r, !old ? str_from(admission_operation_name(op)) :
				   tree_text(old, "spec.providerID"));
}

static void test_old_object(void)
{
	static const struct {
		const char *method, *target, *type, *body;
		int code;
		const char *message;
	} rows[] = {
		{ "DELETE", "/api/v1/nodes/a", NULL, "", 403, "nodes \"a\" is forbidden: old" },
		{ "DELETE", "/api/v1/nodes", NULL, "", 403,
		  "nodes \"Unknown\" is forbidden: DELETE" },
		{ "DELETE", "/api/v1/nodes/b", NULL, "", 404, "nodes \"b\" not found" },
		{ "PUT", "/api/v1/nodes/b", NULL, "{\"metadata\":{\"name\":\"b\"}}", 404,
		  "nodes \"b\" not found" },
		{ "PUT", "/apis/coordination.k8s.io/v1/namespaces/d/leases/l", NULL,
		  "{\"metadata\":{\"name\":\"l\"}}", 403,
		  "leases.coordination.k8s.io \"l\" is forbidden: UPDATE" },
		{ "DELETE", "/apis/coordination.k8s.io/v1/namespaces/d/leases/l", NULL, "", 404,
		  "leases.coordination.k8s.io \"l\" not found" },
		{ "PATCH", "/api/v1/nodes/b", "application/merge-patch+json", "{}", 404,
		  "nodes \"b\" not found" },
		{ "PATCH", "/api/v1/nodes/b", "application/apply-patch+yaml", "{}", 403,
		  "nodes \"b\" is forbidden: CREATE" },
		{ "PATCH", "/api/v1/nodes/a", "application/apply-patch+yaml", "{}", 403,
		  "nodes \"a\" is forbidden: old" },
		{ "PATCH", "/api/v1/nodes/b/status", "application/apply-patch+yaml", "{}", 404,
		  "nodes \"b\" not found" },
		{ "POST", "/api/v1/nodes", NULL, "{\"metadata\":{\"name\":\"a\"}}", 403,
		  "nodes \"a\" is forbidden: CREATE" },
		/* A client's precondition on what is there comes first. */
		{ "DELETE", "/api/v1/nodes/a?uid=u2", NULL, "", 409,
		  "Operation cannot be fulfilled on Node \"a\": the UID in the precondition (u2) "
		  "does not match the UID in record (u1). The object might have been deleted and "
		  "then recreated" },
		{ "DELETE", "/api/v1/nodes/a?resourceVersion=4", NULL, "", 409,
		  "Operation cannot be fulfilled on Node \"a\": the ResourceVersion in the "
		  "precondition (4) does not match the ResourceVersion in record (5). The object "
		  "might have been modified" },
		{ "DELETE", "/api/v1/nodes/a?uid=u2", NULL, "{}", 403,
		  "nodes \"a\" is forbidden: old" },
		{ "DELETE", "/api/v1/nodes/a?uid=u1&resourceVersion=5", NULL, "", 403,
		  "nodes \"a\" is forbidden: old" },
		{ "PUT", "/api/v1/nodes/a", NULL, "{\"metadata\":{\"name\":\"a\",\"uid\":\"u2\"}}",
		  409, "Operation cannot be fulfilled on nodes \"a\": Precondition failed: UID in "
		  "precondition: u2, UID in object meta: u1" },
		{ "PUT", "/api/v1/nodes/a", NULL, "{\"metadata\":{\"name\":\"a\",\"uid\":\"u1\"}}",
		  403, "nodes \"a\" is forbidden: old" },
		{ "PUT", "/api/v1/nodes/b", NULL, "{\"metadata\":{\"name\":\"a\"}}", 400,
		  "the name of the object (a) does not match the name on the URL (b)" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;

		tap_row(rows[i].message);
		begin(&c, rows[i].method, rows[i].target, rows[i].body, ask_old);
		if (rows[i].type)
			http_headers_add(&c.headers, STR("Content-Type"), str_from(rows[i].type));
		admission_case_add(&c, "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":"
				   "{\"name\":\"a\",\"uid\":\"u1\",\"resourceVersion\":\"5\"},"
				   "\"spec\":{\"providerID\":\"old\"}}");
		int_is(admission_case_run(&c), ADMISSION_DENY);
		int_is(c.r.status.code, rows[i].code);
		str_is(c.r.status.message, str_from(rows[i].message));
		admission_case_fini(&c);
	}
	tap_row(NULL);
}

/* An object that cannot be read is never guessed. */
static void test_old_object_unreadable(void)
{
	struct admission_case c;

	begin(&c, "DELETE", "/api/v1/nodes/a", "", ask_old);
	c.unreadable = true;
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, 503);
	str_is(c.r.status.reason, STR("ServiceUnavailable"));
	admission_case_fini(&c);
	begin(&c, "DELETE", "/api/v1/nodes/a", "", ask_old);
	admission_case_add(&c, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"a\"},\"spec\":[]}");
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, 503);
	admission_case_fini(&c);
}

static enum admission_result ask_pod(struct admission_request *r, enum admission_operation op)
{
	struct str node, uid;
	bool found;
	enum admission_result rc = admission_pod(r, STR("d"), STR("p"), &found, &node, &uid);

	(void)op;
	if (rc != ADMISSION_ALLOW)
		return rc;
	return admission_internal(r, arena_printf(r->arena, "%d %.*s %.*s", found, STR_ARG(node),
						  STR_ARG(uid)));
}

static const char *cached_node;

static bool cached_pod(void *arg, struct str namespace, struct str name, struct str *node,
		       struct str *uid)
{
	(void)arg;
	ok(str_eq(namespace, STR("d")) && str_eq(name, STR("p")));
	*node = str_from(cached_node);
	*uid = STR("cached");
	return cached_node != NULL;
}

static void test_pods(void)
{
	static const struct {
		const char *method, *target, *cache;
		bool is_there;
		int code;
		const char *message;
		size_t asked;
	} rows[] = {
		{ "POST", "/api/v1/namespaces/d/pods/p/eviction", "node01", true, 500,
		  "1 node01 cached", 0 },
		/* The cache may be behind a pod that moved to the node that asks. */
		{ "POST", "/api/v1/namespaces/d/pods/p/eviction", "node02", true, 500,
		  "1 node01 u", 1 },
		{ "POST", "/api/v1/namespaces/d/pods/p/eviction", "", true, 500, "1 node01 u", 1 },
		{ "POST", "/api/v1/namespaces/d/pods/p/eviction", NULL, true, 500, "1 node01 u",
		  1 },
		{ "POST", "/api/v1/namespaces/d/pods/p/eviction", NULL, false, 500, "0  ", 1 },
		{ "DELETE", "/api/v1/namespaces/d/pods/p", NULL, false, 404,
		  "pods \"p\" not found", 1 },
		{ "DELETE", "/api/v1/namespaces/d/pods/p?uid=z", "node01", true, 409,
		  "Operation cannot be fulfilled on Pod \"p\": the UID in the precondition (z) "
		  "does not match the UID in record (cached). The object might have been deleted "
		  "and then recreated", 0 },
		{ "DELETE", "/api/v1/namespaces/d/pods/p?uid=cached", "node01", true, 500,
		  "1 node01 cached", 0 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;

		tap_row(rows[i].message);
		begin(&c, rows[i].method, rows[i].target, "", ask_pod);
		cached_node = rows[i].cache;
		c.r.pod_node = cached_pod;
		if (rows[i].is_there)
			admission_case_add(&c, "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
					   "\"namespace\":\"d\",\"uid\":\"u\"},\"spec\":"
					   "{\"nodeName\":\"node01\"}}");
		int_is(admission_case_run(&c), ADMISSION_DENY);
		int_is(c.r.status.code, rows[i].code);
		str_is(c.r.status.message, str_from(rows[i].message));
		int_is(c.objects_asked, rows[i].asked);
		admission_case_fini(&c);
	}
	tap_row(NULL);
}

static void test_quote(void)
{
	struct arena a;

	arena_init(&a);
	str_is(admission_quote(&a, STR("a\"\\\n\x7f\xff\xf3\xa0\x80\x81")),
	       STR("\"a\\\"\\\\\\n\\x7f\\xff\\U000e0001\""));
	arena_fini(&a);
}

static void test_trees(void)
{
	json_t *t = json_loads("{\"a\":{\"b\":\"c\",\"n\":1}}", 0, NULL);

	str_is(tree_text(t, "a.b"), STR("c"));
	str_is(tree_text(t, "a.n"), STR(""));
	str_is(tree_text(t, "a.x.y"), STR(""));
	str_is(tree_text(NULL, "a"), STR(""));
	ok(json_is_integer(tree_at(t, "a.n")));
	ok(!tree_at(t, "a.b.c"));
	json_decref(t);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_operations), TAP(test_names), TAP(test_enabled), TAP(test_concerned),
		TAP(test_reads_are_not_run), TAP(test_nothing_asked), TAP(test_lookups),
		TAP(test_lookups_are_bounded), TAP(test_decisions), TAP(test_forbidden),
		TAP(test_forbidden_unreadable), TAP(test_old_object),
		TAP(test_old_object_unreadable), TAP(test_pods), TAP(test_quote), TAP(test_trees),
		TAP_END
	};

	return tap_main(tests);
}
