/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NodeRestriction against the answers of a real API server: every vector goes through the code that
 * serves requests, with the needs of the chain satisfied from the vector's objects.
 */
#include "config.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "admission/node_restriction.h"
#include "base/err.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "proxy/request_info.h"
#include "tests/node_world.h"
#include "tests/tap.h"
#include "tests/upstream/convert.h"

#define RUNS_MAX 400

/* One vector on its way. */
struct trial {
	json_t *vector, *existing;
	struct arena arena;
	struct user user;
	struct request_info info;
	struct attributes attributes;
	struct http_headers headers;
	struct str method, content_type, body;
	struct strbuf encoded;
	bool used_cache;
	struct admission_request r;
	enum admission_result result;
	unsigned runs;
};

static const struct admission_chain chain = { .v = { &node_restriction_plugin }, .n = 1 },
	gated_chain = { .v = { &node_restriction_plugin }, .n = 1,
			.gates = { .pod_certificate_request = true } };

static struct str text(const json_t *v, const char *name)
{
	json_t *member = json_object_get(v, name);

	return json_is_string(member)
		? str_make(json_string_value(member), json_string_length(member)) : STR_NULL;
}

static const char *name_of(const json_t *v)
{
	return json_string_value(json_object_get(v, "name"));
}

static bool is_gated(const json_t *vector)
{
	return json_is_true(json_object_get(json_object_get(vector, "featureGates"),
					    "PodCertificateRequest"));
}

static void read_user(struct trial *t)
{
	json_t *groups = json_object_get(t->vector, "groups"), *g;
	struct str *list = arena_alloc(&t->arena, (json_array_size(groups) + 1) * sizeof(*list));
	size_t i;

	json_array_foreach(groups, i, g)
		list[i] = str_from(json_string_value(g));
	t->user = (struct user){ .name = text(t->vector, "user"), .groups = list,
				 .group_count = json_array_size(groups) };
}

static void read_body(struct trial *t)
{
	json_t *object = json_object_get(t->vector, "bodyObject");
	char *json;

	t->body = text(t->vector, "body");
	if (json_object_get(t->vector, "bodyBase64")) {
		ok(!base64_decode(text(t->vector, "bodyBase64"), &t->arena, &t->body));
	} else if (object && text(t->vector, "encode").n) {
		convert_to_protobuf(&t->encoded, object);
		t->body = strbuf_str(&t->encoded);
	} else if (object) {
		json = json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY);
		t->body = arena_str(&t->arena, str_from(json));
		free(json);
	}
}

/* The cache of pods, which a node authorizer keeps. */
static bool pod_node(void *arg, struct str namespace, struct str name, struct str *node,
		     struct str *uid)
{
	struct trial *t = arg;
	struct admission_key key = { .api_version = STR("v1"), .resource = STR("pods"),
				     .namespace = namespace, .name = name };
	json_t *pod = world_find(t->existing, &key);

	t->used_cache = true;
	*node = arena_str(&t->arena, tree_text(pod, "spec.nodeName"));
	*uid = arena_str(&t->arena, tree_text(pod, "metadata.uid"));
	json_decref(pod);
	return pod;
}

static void trial_init(struct trial *t, json_t *vector, bool with_cache)
{
	*t = (struct trial){ .vector = vector, .existing = json_object_get(vector, "existing"),
			     .method = text(vector, "method"),
			     .content_type = text(vector, "contentType") };
	arena_init(&t->arena);
	read_user(t);
	read_body(t);
	int_is(request_info_resolve(t->method, text(vector, "path"), &t->arena, &t->info), 0);
	t->attributes = t->info.attributes;
	t->attributes.user = &t->user;
	http_headers_init(&t->headers, &t->arena);
	if (t->content_type.n)
		http_headers_add(&t->headers, STR("Content-Type"), t->content_type);
	t->r = (struct admission_request){
		.chain = is_gated(vector) ? &gated_chain : &chain,
		.attributes = &t->attributes, .method = t->method,
		.query = t->info.raw_query, .headers = &t->headers, .arena = &t->arena,
		.pod_node = with_cache ? pod_node : NULL, .pod_node_arg = t,
		.has_body = t->body.n > 0,
	};
}

static void trial_fini(struct trial *t)
{
	admission_request_fini(&t->r);
	strbuf_fini(&t->encoded);
	arena_fini(&t->arena);
}

/* What goes upstream as things stand. */
static struct world_request sent(const struct trial *t, bool is_dry_run)
{
	const struct admission_request *r = &t->r;
	bool replaced = is_dry_run ? r->new_body.n > 0 : r->body_replaced;

	return (struct world_request){
		.attributes = &t->attributes, .method = t->method,
		.query = r->query_replaced ? r->new_query : t->info.raw_query,
		.content_type = replaced && r->new_content_type.n ? r->new_content_type
			: t->content_type,
		.body = replaced ? strbuf_str(&r->new_body) : t->body,
		.has_body = t->r.has_body,
	};
}

static bool matches(const json_t *q, const char *name, struct str value)
{
	return str_eq(text(q, name), value);
}

/* The authorizer says yes to what the vector lists. */
static void answer_question(struct trial *t)
{
	struct admission_question *asked = &t->r.questions[t->r.question_count - 1];
	const struct attributes *a = &asked->attributes;
	json_t *q;
	size_t i;

	asked->answered = true;
	json_array_foreach(json_object_get(t->vector, "authorize"), i, q)
		if (matches(q, "verb", a->verb) && matches(q, "resource", a->resource) &&
		    matches(q, "namespace", a->namespace) && matches(q, "name", a->name))
			asked->allowed = true;
}

static void satisfy(struct trial *t)
{
	struct world_request q = sent(t, true);

	switch (t->r.need) {
	case ADMISSION_NEEDS_BODY:
		t->r.body = t->body;
		t->r.body_there = true;
		break;
	case ADMISSION_NEEDS_OBJECT:
	case ADMISSION_NEEDS_DRY_RUN:
		world_answer(t->existing, &t->r, &q);
		break;
	case ADMISSION_NEEDS_DECISION:
		answer_question(t);
		break;
	}
}

/* No object can be read after the first `lookups`. */
static void trial_run_with(struct trial *t, unsigned lookups)
{
	t->result = ADMISSION_ALLOW;
	if (!admission_is_concerned(t->r.chain, &t->attributes, t->method))
		return;
	for (t->runs = 0; t->runs < RUNS_MAX; t->runs++) {
		t->result = admission_run(&t->r);
		if (t->result != ADMISSION_NEED)
			return;
		if (t->r.need == ADMISSION_NEEDS_OBJECT && t->r.lookup_count > lookups) {
			t->r.lookups[lookups].state = ADMISSION_FAILED;
			t->r.lookups[lookups].error = STR("down");
		} else {
			satisfy(t);
		}
	}
}

static void trial_run(struct trial *t)
{
	trial_run_with(t, ADMISSION_LOOKUPS_MAX);
}

/* Expectations */

/* The upstream compares this test's value by its spelling and refuses; here it is let through. */
#define REFUSED_BEHIND "jp-test-escaped-string-not-equal"

static bool accepts(const json_t *vector, int code)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(vector, "acceptStatus"), i, v)
		if (json_integer_value(v) == code)
			return true;
	return false;
}

static int wanted_code(const struct trial *t)
{
	return (int)json_integer_value(json_object_get(t->vector, "status"));
}

static void check_denied_texts(const struct trial *t)
{
	struct str reason = text(t->vector, "reason"), message = text(t->vector, "message");
	struct str prefix = text(t->vector, "messagePrefix");

	if (t->r.raw_answer)
		return;
	if (json_object_get(t->vector, "reason"))
		str_is(t->r.status.reason, reason);
	if (message.n)
		str_is(t->r.status.message, message);
	if (prefix.n && !ok(str_has_prefix(t->r.status.message, prefix)))
		tap_note("   got [%.*s]", STR_ARG(t->r.status.message));
}

/* Did the decision depend on the object that the request is about? */
static bool used_stored(const struct trial *t)
{
	const struct attributes *a = &t->attributes;

	for (size_t i = 0; i < t->r.lookup_count; i++)
		if (t->r.lookups[i].state == ADMISSION_FOUND && !t->r.lookups[i].dry_run &&
		    a->name.n &&
		    str_eq(t->r.lookups[i].key.resource, a->resource) &&
		    str_eq(t->r.lookups[i].key.name, a->name))
			return true;
	return t->used_cache;
}

/* The upstream answers as the vector says, and refuses once the object is another one. */
static void check_allowed(const struct trial *t)
{
	struct world_request q = sent(t, false);
	json_t *moved = world_moved(t->existing);
	int code = world_status(t->existing, &q);

	if (strcmp(name_of(t->vector), REFUSED_BEHIND))
		int_is(code, wanted_code(t));
	code = world_status(moved, &q);
	if (used_stored(t) && !ok(code == 409 || code == 422))
		tap_note("   %d for another object", code);
	json_decref(moved);
}

/* True: the answer is one of acceptStatus. */
static bool check_vector(const struct trial *t)
{
	int code;

	if (!int_is(t->result == ADMISSION_NEED, false))
		return false;
	if (t->result == ADMISSION_ALLOW) {
		check_allowed(t);
		return false;
	}
	code = t->r.raw_answer ? t->r.raw_code : t->r.status.code;
	if (code != wanted_code(t) && accepts(t->vector, code))
		return true;
	if (!int_is(code, wanted_code(t)))
		tap_note("   %.*s", STR_ARG(t->r.status.message));
	else
		check_denied_texts(t);
	return false;
}

/*
 * Where one of acceptStatus is answered: a missing object or another name in the body is found
 * behind the refusal that the URL alone decides, and what two readers could read in two ways is
 * 400.  In the vectors' order; nothing joins this list unseen.
 */
static const char *const stricter[] = {
	"node-patch-other-missing", "node-put-name-mismatch-other-url",
	"smp-duplicate-key-last-wins", "smp-duplicate-key-last-bad", "smp-duplicate-key-strict",
	"mp-duplicate-key-last-wins", "jp-path-without-leading-slash", "jp-taint-index-negative",
	"jp-taint-index-plus", "jp-duplicate-op-last-wins", "jp-duplicate-path-last-wins",
	"apply-yaml-merge-key", "json-duplicate-metadata-merges",
	"json-duplicate-metadata-name-survives", "json-duplicate-labels-merge",
	"json-duplicate-labels-null-resets", "json-null-keeps-scalar",
	"json-null-keeps-structure", "json-nul-in-label-key", "json-nul-in-name",
	"yaml-duplicate-key-last-wins", "yaml-duplicate-key-last-bad", "yaml-merge-key",
	"yaml-merge-key-after-explicit-overrides", "yaml-merge-key-before-explicit",
	"yaml-bool-key", "pb-name-twice-last-wins", "json-duplicate-owner-refs-element-merge",
	"pb-bool-any-nonzero-is-true", "pb-pod-volume-source-unknown-field", "pod-patch-missing",
	"json-null-body", "json-invalid-utf8-key", "yaml-binary-tag",
};

/* The next name of the list. */
static void check_stricter(const struct trial *t, size_t chosen)
{
	const char *name = chosen < array_size(stricter) ? stricter[chosen] : "";

	if (!ok(!strcmp(name, name_of(t->vector))))
		tap_note("   %d for %d: %.*s", t->r.status.code, wanted_code(t),
			 STR_ARG(t->r.status.message));
}

static json_t *vectors(void)
{
	return json_load_file(tap_data("noderestriction.json"), JSON_ALLOW_NUL, NULL);
}

static void run_all(bool with_cache)
{
	json_t *all = vectors(), *v;
	size_t i, chosen = 0, gated = 0;

	int_is(json_array_size(json_object_get(all, "vectors")), 389);
	json_array_foreach(json_object_get(all, "vectors"), i, v) {
		struct trial t;

		gated += is_gated(v);
		tap_row(name_of(v));
		trial_init(&t, v, with_cache);
		trial_run(&t);
		if (check_vector(&t))
			check_stricter(&t, chosen++);
		trial_fini(&t);
	}
	int_is(chosen, array_size(stricter));
	int_is(gated, 11);
	json_decref(all);
}

static void test_vectors(void)
{
	run_all(false);
}

static void test_vectors_with_a_cache_of_pods(void)
{
	run_all(true);
}

/* The same without the gate, as it is by default. */
static void test_gate_is_off(void)
{
	json_t *all = vectors(), *v;
	size_t i;

	json_array_foreach(json_object_get(all, "vectors"), i, v) {
		struct trial t;

		if (!is_gated(v))
			continue;
		tap_row(name_of(v));
		trial_init(&t, v, false);
		t.r.chain = &chain;
		trial_run(&t);
		int_is(t.result, ADMISSION_DENY);
		int_is(t.r.status.code, 403);
		ok(str_has_suffix(t.r.status.message,
				  STR(" is forbidden: PodCertificateRequest feature gate is "
				      "disabled")));
		trial_fini(&t);
	}
	json_decref(all);
}

/* Requests that no vector has. */

static json_t *make_vector(const char *method, const char *path, const char *type,
			   const char *body, json_t *existing)
{
	return json_pack("{s:s, s:s, s:[s], s:s, s:s, s:s, s:s, s:o}", "name", path,
			 "user", "system:node:node01", "groups", "system:nodes",
			 "method", method, "path", path, "contentType", type, "body", body,
			 "existing", existing ? existing : json_array());
}

/* The result, and in *runs how often the chain was asked. */
static struct trial *run_request(const char *method, const char *path, const char *type,
				 const char *body, json_t *existing)
{
	struct trial *t = xmalloc(sizeof(*t));

	trial_init(t, make_vector(method, path, type, body, existing), true);
	tap_row(path);
	trial_run(t);
	return t;
}

static void end_request(struct trial *t)
{
	json_t *vector = t->vector;

	trial_fini(t);
	json_decref(vector);
	free(t);
}

#define SMP "application/strategic-merge-patch+json"
#define JSON "application/json"

/* Refused before a byte of the body is there, and without a look-up. */
static void test_decided_from_the_url(void)
{
	static const char *const rows[][3] = {
		{ "PUT", "/api/v1/nodes/node02", JSON },
		{ "PATCH", "/api/v1/nodes/node02/status", SMP },
		{ "DELETE", "/api/v1/nodes/node02", "" },
		{ "DELETE", "/api/v1/nodes", "" },
		{ "PUT", "/api/v1/namespaces/a/pods/p", JSON },
		{ "PATCH", "/api/v1/namespaces/a/pods/p", SMP },
		{ "POST", "/api/v1/namespaces/a/pods/p/binding", JSON },
		{ "PATCH", "/api/v1/namespaces/a/pods/p/resize", SMP },
		{ "DELETE", "/api/v1/namespaces/a/pods", "" },
		{ "PUT", "/api/v1/namespaces/a/persistentvolumeclaims/c", JSON },
		{ "DELETE", "/api/v1/namespaces/a/persistentvolumeclaims/c/status", "" },
		{ "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node02",
		  JSON },
		{ "DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", "" },
		{ "PATCH", "/apis/storage.k8s.io/v1/csinodes/node02", SMP },
		{ "DELETE", "/apis/resource.k8s.io/v1/resourceslices", "" },
		{ "DELETE", "/apis/resource.k8s.io/v1/resourceslices?fieldSelector="
		  "spec.nodeName!%3Dnode01", "" },
		{ "DELETE", "/apis/resource.k8s.io/v1/resourceslices?fieldSelector="
		  "spec.nodeName%3Dnode02", "" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct trial *t = run_request(rows[i][0], rows[i][1], rows[i][2],
					      *rows[i][2] ? "{}" : "", NULL);

		int_is(t->result, ADMISSION_DENY);
		int_is(t->r.status.code, 403);
		int_is(t->runs, 0);
		end_request(t);
	}
}

static void test_not_concerned(void)
{
	static const char *const rows[][2] = {
		{ "GET", "/api/v1/nodes/node02" }, { "GET", "/api/v1/pods?watch=1" },
		{ "POST", "/api/v1/namespaces/a/events" }, { "POST", "/healthz" },
		{ "POST", "/api/v1/namespaces/a/pods/p/exec" },
		{ "POST", "/apis/apps/v1/namespaces/a/deployments" },
		{ "POST", "/apis/metrics.k8s.io/v1/nodes" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct trial *t = run_request(rows[i][0], rows[i][1], JSON, "{}", NULL);

		tap_row(rows[i][1]);
		ok(!admission_is_concerned(&chain, &t->attributes, t->method));
		end_request(t);
	}
}

static json_t *objects(const char *text)
{
	json_t *v = json_loads(text, 0, NULL);

	ok(v);
	return v;
}

#define POD_OF(uid, node, more) "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":" \
	"{\"name\":\"p\",\"namespace\":\"a\",\"uid\":\"" uid "\",\"resourceVersion\":\"7\"}," \
	"\"spec\":{\"nodeName\":\"" node "\"" more "}}"
#define POD POD_OF("u", "node01", "")
#define TOKEN_PATH "/api/v1/namespaces/a/serviceaccounts/sa/token"
#define TOKEN_REQUEST "{\"spec\":{\"audiences\":[\"x\"],\"boundObjectRef\":{\"apiVersion\":" \
	"\"v1\",\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"u\"}}}"
#define NODE "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"node01\"," \
	"\"uid\":\"n\",\"resourceVersion\":\"100\",\"labels\":{\"k8s.io/x\":\"1\"}}}"

/* What kubelets send all day costs no read of the upstream. */
static void test_harmless_patches_need_no_object(void)
{
	struct trial *t = run_request("PATCH", "/api/v1/nodes/node01/status", SMP,
				      "{\"status\":{\"conditions\":[{\"type\":\"Ready\"}]}}",
				      objects("[" NODE "]"));

	int_is(t->result, ADMISSION_ALLOW);
	int_is(t->r.lookup_count, 0);
	ok(!t->r.body_replaced);
	end_request(t);
	t = run_request("PATCH", "/api/v1/namespaces/a/pods/p/status", SMP,
			"{\"status\":{\"phase\":\"Running\"}}", objects("[" POD "]"));
	int_is(t->result, ADMISSION_ALLOW);
	int_is(t->r.lookup_count, 0);
	str_is(t->r.require_uid, STR("u"));
	end_request(t);
}

/*
 * A version that the object does not have yet: were it let through, the upstream would write over
 * whatever a later writer makes of the guarded fields under that version.
 */
static void test_a_version_of_the_future_is_a_conflict(void)
{
	struct trial *t = run_request("PUT", "/api/v1/nodes/node01", JSON,
		"{\"metadata\":{\"name\":\"node01\",\"resourceVersion\":\"101\",\"labels\":"
		"{\"k8s.io/x\":\"1\"}}}", objects("[" NODE "]"));

	int_is(t->result, ADMISSION_DENY);
	int_is(t->r.status.code, 409);
	end_request(t);
}

/* The upstream takes it for none; bound to the version that was judged it is all the same. */
static void test_version_zero_is_none(void)
{
	struct trial *t = run_request("PUT", "/api/v1/nodes/node01", JSON,
		"{\"metadata\":{\"name\":\"node01\",\"resourceVersion\":\"0\",\"labels\":"
		"{\"k8s.io/x\":\"1\"}}}", objects("[" NODE "]"));

	int_is(t->result, ADMISSION_ALLOW);
	str_is(t->r.require_version, STR("100"));
	ok(t->r.body_replaced && t->r.again_on_conflict);
	end_request(t);
}

static void test_only_the_slice_that_was_judged_goes(void)
{
	struct trial *t = run_request("DELETE", "/apis/resource.k8s.io/v1/resourceslices/s", "", "",
		objects("[{\"kind\":\"ResourceSlice\",\"apiVersion\":\"resource.k8s.io/v1\","
			"\"metadata\":{\"name\":\"s\",\"uid\":\"u\"},\"spec\":{\"nodeName\":"
			"\"node01\"}}]"));

	int_is(t->result, ADMISSION_ALLOW);
	ok(t->r.query_replaced);
	str_is(t->r.new_query, STR("uid=u"));
	end_request(t);
}

static bool stale_pod_node(void *arg, struct str namespace, struct str name, struct str *node,
			   struct str *uid)
{
	(void)arg, (void)namespace, (void)name;
	*node = STR("node01");
	*uid = STR("u");
	return true;
}

/* A pod that is another node's by now, with a uid that the cache does not know yet. */
static void test_the_cache_may_be_behind(void)
{
	static const struct { const char *method, *path, *type, *body; } rows[] = {
		{ "PATCH", "status", SMP, "{\"metadata\":{\"uid\":\"v\"}}" },
		{ "PATCH", "status", "application/json-patch+json",
		  "[{\"op\":\"add\",\"path\":\"/metadata/uid\",\"value\":\"v\"}]" },
		{ "PATCH", "status", SMP, "{\"status\":{}}" },
		{ "POST", "eviction", JSON, "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":"
		  "{\"preconditions\":{\"uid\":\"v\"}}}" },
		{ "POST", "eviction", JSON, "{\"metadata\":{\"name\":\"p\"}}" },
		{ "DELETE", "", JSON, "{\"preconditions\":{\"uid\":\"v\"}}" },
		{ "DELETE", "", JSON, "{}" },
		{ "DELETE", "?uid=v", "", "" },
		{ "DELETE", "", "", "" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf path = STRBUF_INIT;
		struct trial t;
		json_t *vector;

		strbuf_addf(&path, "/api/v1/namespaces/a/pods/p%s%s",
			    *rows[i].path && *rows[i].path != '?' ? "/" : "", rows[i].path);
		vector = make_vector(rows[i].method, path.p, rows[i].type, rows[i].body,
				     objects("[" POD_OF("v", "node02", "") "]"));
		trial_init(&t, vector, true);
		t.r.pod_node = stale_pod_node;
		tap_row(path.p);
		trial_run(&t);
		if (t.result == ADMISSION_ALLOW) {
			struct world_request q = sent(&t, false);

			ok(world_status(t.existing, &q) >= 400);
		} else {
			int_is(t.result, ADMISSION_DENY);
		}
		trial_fini(&t);
		json_decref(vector);
		strbuf_fini(&path);
	}
}

#define CERTIFICATES "/apis/certificates.k8s.io/v1beta1/namespaces/a/podcertificaterequests"
#define CERTIFICATE(pod, account, uid) "{\"spec\":{\"nodeName\":\"node01\",\"nodeUID\":\"n\"," \
	"\"podName\":\"" pod "\",\"podUID\":\"u\",\"serviceAccountName\":\"" account "\"," \
	"\"serviceAccountUID\":\"" uid "\"}}"
#define ACCOUNT "{\"kind\":\"ServiceAccount\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":" \
	"\"sa\",\"namespace\":\"a\",\"uid\":\"s\"}}"
#define RETRIEVING "while retrieving "
#define NAMED " named in the PodCertificateRequest: "

/* With the gate: what no vector has.  No lookup succeeds after the first `lookups`. */
static void test_pod_certificate_requests(void)
{
	static const struct { const char *method, *more, *body; unsigned lookups; int code;
			      const char *text; } rows[] = {
		{ "POST", "", CERTIFICATE("p", "sa", "s"), 3, 0, "" },
		{ "PUT", "/c", "{}", 9, 403, "unexpected operation UPDATE" },
		{ "PATCH", "/c/status", "{}", 9, 403, "unexpected operation UPDATE" },
		{ "DELETE", "/c", "", 9, 403, "unexpected operation DELETE" },
		{ "DELETE", "", "", 9, 403, "unexpected operation DELETE" },
		{ "POST", "/c/status", "{}", 9, 403, "unexpected subresource status" },
		{ "POST", "", "{}", 9, 403, "PodCertificateRequest.Spec.NodeName=\"\", which is "
		  "not the requesting node \"node01\"" },
		{ "POST", "", CERTIFICATE("../p", "sa", "s"), 1, 500, RETRIEVING "pod "
		  "\"a/../p\"" NAMED "pod \"../p\" not found" },
		{ "POST", "", CERTIFICATE("p", "", "s"), 9, 403, "PodCertificateRequest for pod "
		  "\"a/p\" contains serviceAccountName (\"\") that differs from running pod "
		  "(\"sa\")" },
		{ "POST", "", CERTIFICATE("p", "sa", "s"), 0, 500, RETRIEVING "node \"node01\""
		  NAMED "down" },
		{ "POST", "", CERTIFICATE("p", "sa", "s"), 1, 500, RETRIEVING "pod \"a/p\"" NAMED
		  "down" },
		{ "POST", "", CERTIFICATE("p", "sa", "s"), 2, 500, RETRIEVING "service account "
		  "\"a/sa\"" NAMED "down" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf path = STRBUF_INIT;
		struct trial t;
		json_t *v;

		strbuf_addf(&path, CERTIFICATES "%s", rows[i].more);
		v = make_vector(rows[i].method, path.p, strcmp(rows[i].method, "PATCH") ? JSON
				: SMP, rows[i].body, objects("[" NODE "," ACCOUNT "," POD_OF("u",
				"node01", ",\"serviceAccountName\":\"sa\"") "]"));
		tap_row(path.p);
		trial_init(&t, v, true);
		t.r.chain = &gated_chain;
		trial_run_with(&t, rows[i].lookups);
		int_is(t.result, rows[i].code ? ADMISSION_DENY : ADMISSION_ALLOW);
		int_is(t.r.status.code, rows[i].code);
		if (!ok(str_has_suffix(t.r.status.message, str_from(rows[i].text))))
			tap_note("%.*s", STR_ARG(t.r.status.message));
		if (rows[i].code == 500)
			str_is(t.r.status.message, str_from(rows[i].text));
		trial_fini(&t);
		json_decref(v);
		strbuf_fini(&path);
	}
}

#define MIRROR "{\"metadata\":{\"name\":\"m\",\"annotations\":{\"kubernetes.io/config.mirror\":" \
	"\"\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":" \
	"\"node01\",\"uid\":\"n\",\"controller\":true}]},\"spec\":{\"nodeName\":\"node01\",%s}}"
#define VOLUME(v) "\"volumes\":[{\"name\":\"v\"," v "}]"
#define CONTAINER(list, c) "\"" list "\":[{\"name\":\"c\"," c "}]"
#define NAME_X "{\"name\":\"x\"}"
#define REF_X "{\"secretRef\":" NAME_X "}"

/* Every place of a mirror pod that can refer to something; NULL: it does not. */
static void test_mirror_pod_references(void)
{
	static const struct { const char *spec, *what; } rows[] = {
		{ "\"serviceAccountName\":\"x\"", "serviceaccounts" },
		{ "\"imagePullSecrets\":[{}," NAME_X "]", "secrets" },
		{ CONTAINER("initContainers", "\"envFrom\":[{},{\"secretRef\":" NAME_X "}]"),
		  "secrets" },
		{ CONTAINER("containers", "\"env\":[{\"name\":\"e\",\"valueFrom\":"
			    "{\"secretKeyRef\":" NAME_X "}}]"), "secrets" },
		{ CONTAINER("ephemeralContainers", "\"env\":[{\"name\":\"e\",\"valueFrom\":"
			    "{\"configMapKeyRef\":" NAME_X "}}]"), "configmaps" },
		{ CONTAINER("containers", "\"envFrom\":[{\"configMapRef\":" NAME_X "}]"),
		  "configmaps" },
		{ CONTAINER("containers", "\"envFrom\":[{\"configMapRef\":{}}]"), NULL },
		{ VOLUME("\"azureFile\":{\"secretName\":\"x\"}"), "secrets" },
		{ VOLUME("\"cephfs\":" REF_X), "secrets" },
		{ VOLUME("\"cinder\":" REF_X), "secrets" },
		{ VOLUME("\"flexVolume\":" REF_X), "secrets" },
		{ VOLUME("\"rbd\":" REF_X), "secrets" },
		{ VOLUME("\"scaleIO\":" REF_X), "secrets" },
		{ VOLUME("\"iscsi\":" REF_X), "secrets" },
		{ VOLUME("\"storageos\":" REF_X), "secrets" },
		{ VOLUME("\"csi\":{\"nodePublishSecretRef\":" NAME_X "}"), "secrets" },
		{ VOLUME("\"secret\":{\"secretName\":\"x\"}"), "secrets" },
		{ VOLUME("\"projected\":{\"sources\":[{\"secret\":" NAME_X "}]}"), "secrets" },
		{ VOLUME("\"configMap\":" NAME_X), "configmaps" },
		{ VOLUME("\"projected\":{\"sources\":[{\"configMap\":" NAME_X "}]}"),
		  "configmaps" },
		{ "\"resourceClaims\":[" NAME_X "]", "resourceclaims" },
		{ VOLUME("\"configMap\":{}"), "configmaps (via configmap volumes)" },
		{ VOLUME("\"secret\":{}"), "secrets (via secret volumes)" },
		{ VOLUME("\"csi\":{\"driver\":\"d\"}"), "csidrivers (via CSI volumes)" },
		{ VOLUME("\"glusterfs\":{}"), "endpoints (via glusterFS volumes)" },
		{ VOLUME("\"persistentVolumeClaim\":{}"), "persistentvolumeclaims" },
		{ VOLUME("\"ephemeral\":{}"), "persistentvolumeclaims (via ephemeral volumes)" },
		{ VOLUME("\"azureFile\":{}"), "secrets (via azureFile volumes)" },
		{ VOLUME("\"projected\":{\"sources\":[{\"downwardAPI\":{}},{\"configMap\":{}}]}"),
		  "configmaps (via projected volumes)" },
		{ VOLUME("\"projected\":{\"sources\":[{\"secret\":{}}]}"),
		  "secrets (via projected volumes)" },
		{ VOLUME("\"projected\":{\"sources\":[{\"serviceAccountToken\":{}}]}"),
		  "serviceaccounts (via projected volumes)" },
		{ VOLUME("\"projected\":{\"sources\":[{\"clusterTrustBundle\":{}}]}"),
		  "clustertrustbundles" },
		{ VOLUME("\"projected\":{\"sources\":[{\"podCertificate\":{}}]}"),
		  "podcertificates" },
		{ VOLUME("\"projected\":{}"), NULL },
		{ VOLUME("\"hostPath\":{\"path\":\"/\"},\"secret\":{}"), NULL },
		{ VOLUME("\"rbd\":{}"), NULL }, { VOLUME("\"image\":{}"), NULL },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf b = STRBUF_INIT, want = STRBUF_INIT;
		struct trial *t;

		strbuf_addf(&b, MIRROR, rows[i].spec);
		strbuf_addf(&want, "pods \"m\" is forbidden: node \"node01\" can not create pods "
			    "that reference %s", rows[i].what ? rows[i].what : "");
		t = run_request("POST", "/api/v1/namespaces/a/pods", JSON, b.p,
				objects("[" NODE "]"));
		tap_row(rows[i].spec);
		int_is(t->result, rows[i].what ? ADMISSION_DENY : ADMISSION_ALLOW);
		if (rows[i].what)
			str_is(t->r.status.message, strbuf_str(&want));
		end_request(t);
		strbuf_fini(&b);
		strbuf_fini(&want);
	}
}

#define CLAIM(meta, spec, status) "{\"kind\":\"PersistentVolumeClaim\",\"apiVersion\":\"v1\"," \
	"\"metadata\":{\"name\":\"c\",\"namespace\":\"a\",\"uid\":\"u\"" meta "},\"spec\":{" spec \
	"},\"status\":{" status "}}"

/* A PUT of each over the first one. */
static void test_claim_status(void)
{
	static const char stored[] = "[" CLAIM(",\"resourceVersion\":\"5\",\"generation\":1",
		"\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}", "") "]";
	static const struct { const char *body; bool allowed; } rows[] = {
		{ CLAIM(",\"generation\":1", "\"volumeMode\":\"Filesystem\",\"resources\":"
			"{\"requests\":{\"storage\":\"2048Mi\"}}", "\"phase\":\"Pending\""), true },
		{ CLAIM(",\"generation\":1,\"managedFields\":[{\"manager\":\"m\"}]",
			"\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}",
			"\"capacity\":{\"storage\":\"1\"},\"conditions\":[{\"type\":\"t\"}],"
			"\"allocatedResources\":{\"storage\":\"1\"},\"allocatedResourceStatuses\":"
			"{\"storage\":\"s\"}"), true },
		{ CLAIM("", "\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}", ""), false },
		{ CLAIM(",\"generation\":1", "\"resources\":{\"requests\":{\"storage\":\"3Gi\"}}",
			""), false },
		{ CLAIM(",\"generation\":1", "\"volumeMode\":\"Block\",\"resources\":"
			"{\"requests\":{\"storage\":\"2Gi\"}}", ""), false },
		{ CLAIM(",\"generation\":1", "\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}",
			"\"modifyVolumeStatus\":{\"status\":\"x\"}"), false },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct trial *t = run_request("PUT",
			"/api/v1/namespaces/a/persistentvolumeclaims/c/status", JSON, rows[i].body,
			objects(stored));

		tap_row(rows[i].body);
		int_is(t->result, rows[i].allowed ? ADMISSION_ALLOW : ADMISSION_DENY);
		if (rows[i].allowed)
			str_is(t->r.require_version, STR("5"));
		else
			int_is(t->r.status.code, 403);
		end_request(t);
	}
}

static void test_lookups_are_bounded(void)
{
	struct strbuf b = STRBUF_INIT, pods = STRBUF_INIT;
	struct trial *t;

	for (int i = 0; i < 300; i++)
		strbuf_addf(&b, "%s{\"name\":\"v\",\"csi\":{\"driver\":\"d%d\"}}",
			    i ? "," : "", i);
	strbuf_addf(&pods, "[" POD_OF("u", "node01", ",\"volumes\":[%s]") "]", b.p);
	t = run_request("POST", TOKEN_PATH, JSON, TOKEN_REQUEST, objects(pods.p));
	int_is(t->result, ADMISSION_DENY);
	int_is(t->r.lookup_count, ADMISSION_LOOKUPS_MAX);
	int_is(t->r.status.code, 500);
	end_request(t);
	strbuf_fini(&b);
	strbuf_fini(&pods);
}

/* Volumes that name no driver of their own, errors told once, names that are no names. */
static void test_audience_errors(void)
{
	static const struct { const char *volumes, *errors; } rows[] = {
		{ "{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}},"
		  "{\"name\":\"w\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}",
		  "persistentvolumeclaim \"c\" not found" },
		{ "{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}},"
		  "{\"name\":\"w\",\"ephemeral\":{\"volumeClaimTemplate\":{\"spec\":{}}}}",
		  "[persistentvolumeclaim \"c\" not found, persistentvolumeclaim \"p-w\" not "
		  "found]" },
		{ "{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"unbound\"}}",
		  "persistentvolume \"\" not found" },
		{ "{\"name\":\"v\",\"vsphereVolume\":{\"volumePath\":\"x\"}}",
		  "csidriver.storage.k8s.io \"csi.vsphere.vmware.com\" not found" },
		{ "{\"name\":\"v\",\"csi\":{\"driver\":\"../x\"}}",
		  "csidriver.storage.k8s.io \"../x\" not found" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf b = STRBUF_INIT, want = STRBUF_INIT;
		struct trial *t;

		strbuf_addf(&b, "[{\"kind\":\"PersistentVolumeClaim\",\"apiVersion\":\"v1\","
			    "\"metadata\":{\"name\":\"unbound\",\"namespace\":\"a\"}},"
			    POD_OF("u", "node01", ",\"volumes\":[%s]") "]", rows[i].volumes);
		strbuf_addf(&want, "serviceaccounts \"sa\" is forbidden: error validating audience "
			    "\"x\": %s", rows[i].errors);
		t = run_request("POST", TOKEN_PATH, JSON, TOKEN_REQUEST, objects(b.p));
		tap_row(rows[i].volumes);
		int_is(t->result, ADMISSION_DENY);
		str_is(t->r.status.message, strbuf_str(&want));
		end_request(t);
		strbuf_fini(&b);
		strbuf_fini(&want);
	}
}

/* Certificate requests */

struct name_part {
	int type;
	const char *text;
	int length;		/* -1: of the text */
};

/* PEM of a request whose subject has these common names; owned. */
static char *make_csr(const struct name_part *parts, size_t n, bool with_trailer)
{
	X509_REQ *request = X509_REQ_new();
	X509_NAME *name = X509_NAME_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned char *der = NULL;
	char *data;
	int length;

	for (size_t i = 0; i < n; i++)
		ok(X509_NAME_add_entry_by_NID(name, NID_commonName, parts[i].type,
					      (const unsigned char *)parts[i].text,
					      parts[i].length, -1, 0));
	X509_REQ_set_subject_name(request, name);
	X509_REQ_set_pubkey(request, key);
	ok(X509_REQ_sign(request, key, EVP_sha256()) > 0);
	length = i2d_X509_REQ(request, &der);
	der = OPENSSL_realloc(der, (size_t)length + 1);
	der[length] = 0;
	PEM_write_bio(bio, "CERTIFICATE REQUEST", "", der, length + with_trailer);
	length = (int)BIO_get_mem_data(bio, &data);
	data = xmemdup0(data, (size_t)length);
	BIO_free(bio);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	X509_NAME_free(name);
	X509_REQ_free(request);
	return data;
}

static void check_common_name(const char *pem, const char *want)
{
	struct str got, why;
	struct arena a;
	int rc;

	arena_init(&a);
	rc = node_restriction_common_name(str_from(pem), &a, &got, &why);
	int_is(rc, want ? 0 : ERR_SYNTAX);
	if (want)
		str_is(got, str_from(want));
	arena_fini(&a);
}

/* The last name counts; where readers skip a name of an odd type, an earlier one would. */
static void test_common_names(void)
{
	static const struct {
		const char *label;
		struct name_part parts[3];
		size_t n;
		const char *want;
	} rows[] = {
		{ "none", { { 0, NULL, 0 } }, 0, "" },
		{ "one", { { V_ASN1_UTF8STRING, "a", -1 } }, 1, "a" },
		{ "two", { { V_ASN1_UTF8STRING, "a", -1 }, { V_ASN1_PRINTABLESTRING, "b", -1 } },
		  2, "b" },
		{ "teletex", { { V_ASN1_UTF8STRING, "a", -1 }, { V_ASN1_T61STRING, "b", -1 } }, 2,
		  NULL },
		{ "universal", { { V_ASN1_UTF8STRING, "a", -1 },
				 { V_ASN1_UNIVERSALSTRING, "\0\0\0b", 4 } }, 2, NULL },
		{ "hidden", { { V_ASN1_BMPSTRING, "\0a", 2 }, { V_ASN1_UTF8STRING, "b", -1 } }, 2,
		  NULL },
		{ "no text", { { V_ASN1_IA5STRING, "\xff", -1 } }, 1, NULL },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		char *pem = make_csr(rows[i].parts, rows[i].n, false);

		tap_row(rows[i].label);
		check_common_name(pem, rows[i].want);
		free(pem);
	}
}

static void test_common_name_is_compared_by_length(void)
{
	static const struct name_part part = { V_ASN1_UTF8STRING, "a\0b", 3 };
	char *pem = make_csr(&part, 1, false);
	struct str got, why;
	struct arena a;

	arena_init(&a);
	int_is(node_restriction_common_name(str_from(pem), &a, &got, &why), 0);
	str_is(got, STR("a\0b"));
	arena_fini(&a);
	free(pem);
}

static void test_pem(void)
{
	static const struct name_part part = { V_ASN1_UTF8STRING, "a", -1 };
	char *pem = make_csr(&part, 1, false), *longer = make_csr(&part, 1, true);
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "text before\n%s", pem);
	check_common_name(b.p, "a");
	strbuf_clear(&b);
	strbuf_addf(&b, "%s%s", pem, pem);
	tap_row("two blocks");
	check_common_name(b.p, NULL);
	strbuf_clear(&b);
	strbuf_addf(&b, "-----BEGIN X-----\n-----END X-----\n%s", pem);
	tap_row("another block first");
	check_common_name(b.p, NULL);
	strbuf_clear(&b);
	strbuf_addf(&b, "x%s", pem);
	tap_row("not at the begin of a line");
	check_common_name(b.p, NULL);
	strbuf_clear(&b);
	strbuf_addf(&b, "%.36sa: b\n\n%s", pem, pem + 36);
	tap_row("headers");
	check_common_name(b.p, NULL);
	tap_row("trailing DER");
	check_common_name(longer, NULL);
	check_common_name("", NULL);
	check_common_name("-----BEGIN CERTIFICATE REQUEST-----\n", NULL);
	strbuf_fini(&b);
	free(pem);
	free(longer);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_vectors), TAP(test_vectors_with_a_cache_of_pods), TAP(test_gate_is_off),
		TAP(test_pod_certificate_requests), TAP(test_decided_from_the_url),
		TAP(test_not_concerned), TAP(test_harmless_patches_need_no_object),
		TAP(test_a_version_of_the_future_is_a_conflict), TAP(test_version_zero_is_none),
		TAP(test_only_the_slice_that_was_judged_goes), TAP(test_the_cache_may_be_behind),
		TAP(test_mirror_pod_references), TAP(test_claim_status),
		TAP(test_lookups_are_bounded), TAP(test_audience_errors), TAP(test_common_names),
		TAP(test_common_name_is_compared_by_length), TAP(test_pem), TAP_END,
	};

	return tap_main(tests);
}
