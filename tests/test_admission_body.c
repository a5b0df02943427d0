/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies: what is read, how, and with which words the rest is refused (spec 22). */
#include "config.h"

#include <stdlib.h>

#include "admission/edit.h"
#include "admission/yaml_plain.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "tests/admission_cluster.h"
#include "tests/tap.h"

static bool handles_all(const struct admission_request *r, enum admission_operation op)
{
	(void)r;
	(void)op;
	return true;
}

static enum admission_result read_new(struct admission_request *r, enum admission_operation op)
{
	json_t *new = NULL;

	return op == ADMISSION_DELETE ? admission_body_object(r, &new) :
					admission_new_object(r, &new);
}

static const struct admission_plugin fake = { "Fake", handles_all, read_new };

static void begin(struct admission_case *c, const char *method, const char *target,
		  const char *type, struct str body)
{
	admission_case_init(c, method, target, type, body);
	c->chain.v[0] = &fake;
	c->chain.n = 1;
}

static void check_answer(const struct admission_case *c, enum admission_result rc, int code,
			 const char *message)
{
	int_is(rc, code ? ADMISSION_DENY : ADMISSION_ALLOW);
	int_is(c->r.status.code, code);
	if (message)
		str_is(c->r.status.message, str_from(message));
	if (code == 400)
		str_is(c->r.status.reason, STR("BadRequest"));
}

#define FORMATS "the body of the request was in an unknown format - accepted media types include: "
#define OBJECTS FORMATS "application/json, application/yaml, application/vnd.kubernetes.protobuf"
#define PATCHES FORMATS "application/json-patch+json, application/merge-patch+json, " \
		"application/strategic-merge-patch+json, application/apply-patch+yaml"
#define NODE "{\"metadata\":{\"name\":\"a\"}}"
#define OLD_NODE "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"," \
		 "\"labels\":{\"l\":\"1\"}}}"

static void test_object_types(void)
{
	static const struct {
		const char *type;
		bool is_fine;
	} rows[] = {
		{ NULL, true }, { "", true }, { "application/json", true },
		{ "Application/JSON; charset=utf-16", true },
		{ "application/json ; a=\"x\\\"y\" ;b=c", true },
		{ "application/json;", true }, { "application/json; a=b;", true },
		{ "application/json; a=b; a=b", false }, { "application/json; a=b; A=c", false },
		{ "application/json; a", false }, { "application/json; =b", false },
		{ "application/json; a=\"b", false }, { "application/json; a=b c", false },
		{ "application/json, application/json", false },
		{ "application/cbor", false }, { "text/plain", false }, { "json", false },
		{ "application/x-www-form-urlencoded", false },
		{ "application/merge-patch+json", false },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;

		tap_row(rows[i].type);
		begin(&c, "POST", "/api/v1/nodes", rows[i].type, STR(NODE));
		check_answer(&c, admission_case_run(&c), rows[i].is_fine ? 0 : 415,
			     rows[i].is_fine ? NULL : OBJECTS);
		/* The type is judged before the body is waited for. */
		ok(c.body_asked == rows[i].is_fine);
		ok(!c.r.status.has_details);
		admission_case_fini(&c);
	}
	tap_row(NULL);
}

static void test_patch_types(void)
{
	static const char routed[] = "415: Unsupported Media Type";
	static const struct {
		const char *type, *message;	/* NULL: accepted */
	} rows[] = {
		{ "application/merge-patch+json", NULL },
		{ "application/merge-patch+json; charset=utf-8", NULL },
		{ "application/merge-patch+json;whatever", NULL },
		{ "application/strategic-merge-patch+json", NULL },
		{ "application/merge-patch+json ; q=1", PATCHES },
		{ "application/merge-patch+json, application/json", PATCHES },
		{ "text/plain, application/merge-patch+json", PATCHES },
		{ "Application/Merge-Patch+JSON", routed },
		{ "application/json", routed }, { "application/apply-patch+cbor", routed },
		{ NULL, routed }, { "", routed }, { ";application/merge-patch+json", routed },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;

		tap_row(rows[i].type);
		begin(&c, "PATCH", "/api/v1/nodes/a", rows[i].type, STR("{}"));
		admission_case_add(&c, OLD_NODE);
		check_answer(&c, admission_case_run(&c), rows[i].message ? 415 : 0,
			     rows[i].message);
		ok(c.r.status.has_details == (rows[i].message == routed));
		admission_case_fini(&c);
	}
	tap_row(NULL);
}

/* Which of two counts, and whether anybody decompresses, is not left to chance. */
static void test_ambiguous_headers(void)
{
	struct admission_case c;

	begin(&c, "POST", "/api/v1/nodes", "application/json", STR(NODE));
	http_headers_add(&c.headers, STR("content-type"), STR("application/json"));
	check_answer(&c, admission_case_run(&c), 415, OBJECTS);
	admission_case_fini(&c);
	begin(&c, "POST", "/api/v1/nodes", "application/json", STR(NODE));
	http_headers_add(&c.headers, STR("Content-Encoding"), STR("gzip"));
	check_answer(&c, admission_case_run(&c), 415, OBJECTS);
	admission_case_fini(&c);
	begin(&c, "POST", "/api/v1/nodes", "application/json", STR(NODE));
	http_headers_add(&c.headers, STR("Content-Encoding"), STR("Identity"));
	check_answer(&c, admission_case_run(&c), 0, NULL);
	admission_case_fini(&c);
}

static void test_size(void)
{
	char *text = xmalloc(ADMISSION_BODY_MAX + 1);
	struct admission_case c;

	memset(text, ' ', ADMISSION_BODY_MAX + 1);
	memcpy(text, NODE, sizeof(NODE) - 1);
	begin(&c, "POST", "/api/v1/nodes", NULL, str_make(text, ADMISSION_BODY_MAX));
	check_answer(&c, admission_case_run(&c), 0, NULL);
	admission_case_fini(&c);
	begin(&c, "POST", "/api/v1/nodes", NULL, str_make(text, ADMISSION_BODY_MAX + 1));
	check_answer(&c, admission_case_run(&c), 413,
		     "Request entity too large: limit is 3145728");
	str_is(c.r.status.reason, STR("RequestEntityTooLarge"));
	ok(!c.r.status.has_details);
	admission_case_fini(&c);
	free(text);
}

#define UNKNOWN(kind) "the object provided is unrecognized (must be of type " kind "): "
#define JSON_ERROR UNKNOWN("Node") "couldn't get version/kind; json parse error: "
#define AS(kind, version, as) kind " in version \"" version "\" cannot be handled as a " as ": "
#define SCHEME " in scheme \"pkg/runtime/scheme.go:111\""

struct text_row {
	const char *target, *body;
	int code;
	const char *message;	/* NULL: of no interest */
};

static void check_rows(const char *method, const char *type, const struct text_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct admission_case c;

		tap_row(rows[i].body);
		begin(&c, method, rows[i].target, type, str_from(rows[i].body));
		admission_case_add(&c, OLD_NODE);
		check_answer(&c, admission_case_run(&c), rows[i].code, rows[i].message);
		admission_case_fini(&c);
	}
	tap_row(NULL);
}

#define NODES "/api/v1/nodes"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/d/leases"
#define EVICTIONS "/api/v1/namespaces/d/pods/p/eviction"
#define TOKENS "/api/v1/namespaces/d/serviceaccounts/s/token"

static void test_json(void)
{
	static const struct text_row rows[] = {
		{ NODES, "", 400, JSON_ERROR "unexpected end of JSON input (<empty>)" },
		{ NODES, "{\"metadata\":{\"name\":\"a\"}} {}", 400, NULL },
		{ NODES, "\xef\xbb\xbf{}", 400, NULL },
		{ NODES, "[]", 400, JSON_ERROR "json: cannot unmarshal array into Go value of type "
		  "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
		  "\"json:\\\"kind,omitempty\\\"\" } (5b5d)" },
		{ NODES, "{\"apiVersion\":\"a/b/c\"}", 400, UNKNOWN("Node")
		  "unexpected GroupVersion string: a/b/c ({\"apiVersion\":\"a/b/c\"})" },
		{ NODES, "{\"kind\":\"Node\",\"apiVersion\":\"apps/v1\"}", 400,
		  AS("Node", "v1", "Node") "no kind \"Node\" is registered for version "
		  "\"apps/v1\"" SCHEME },
		{ NODES, "null", 400, NULL }, { NODES, "{'a':1}", 400, NULL },
		{ NODES, "{\"a\":1,}", 400, NULL }, { NODES, "{\"a\":01}", 400, NULL },
		{ NODES, "{\"a\":NaN}", 400, NULL }, { NODES, "{\"a\":\"\xff\"}", 400, NULL },
		{ NODES, "{\"a\":\"\\u0000\"}", 400, NULL },
		{ NODES, "{\"a\":\"\\ud800\"}", 400, NULL },
		{ NODES, "{\"x\":{\"a\":1,\"\\u0061\":1}}", 400, NULL },
		{ NODES, "{\"KIND\":\"Node\"}", 400, NULL },
		{ NODES, "{\"\xe2\x84\xaa" "ind\":\"Node\"}", 400, NULL },
		{ NODES, "{\"kind\":1}", 400, JSON_ERROR "json: cannot unmarshal number into Go "
		  "struct field .kind of type string ({\"kind\":1})" },
		{ NODES, "{\"kind\":null,\"apiVersion\":null}", 0, NULL },
		{ NODES, "{\"kind\":\"\",\"apiVersion\":\"\"}", 0, NULL },
		{ NODES, "{\"kind\":\"Node\",\"apiVersion\":\"v1\"}", 0, NULL },
		{ NODES, "{\"Metadata\":1,\"unknown\":[{}],\"metadata\":{\"Labels\":7}}", 0, NULL },
		{ NODES, "{\"metadata\":{\"name\":7}}", 400,
		  AS("Node", "v1", "Node") "a value does not fit its field" },
		{ NODES, "{\"metadata\":{\"generation\":1.5}}", 400, NULL },
		{ NODES, "{\"spec\":[]}", 400, NULL },
		{ NODES, "{\"metadata\":null,\"spec\":null}", 0, NULL },
		{ NODES, "{\"kind\":\"Pod\"}", 400, AS("Pod", "v1", "Node")
		  "converting (v1.Pod) to (core.Node): unknown conversion" },
		{ NODES, "{\"kind\":\"Nod\"}", 400, AS("Nod", "v1", "Node")
		  "no kind \"Nod\" is registered for version \"v1\"" SCHEME },
		{ NODES, "{\"apiVersion\":\"v2\"}", 400, AS("Node", "v2", "Node")
		  "no kind \"Node\" is registered for version \"v2\"" SCHEME },
		{ "/apis/resource.k8s.io/v1/resourceslices",
		  "{\"apiVersion\":\"resource.k8s.io/v1beta1\",\"kind\":\"ResourceSlice\"}", 400,
		  "the API version in the data (resource.k8s.io/v1beta1) does not match the "
		  "expected API version (resource.k8s.io/v1)" },
		{ "/apis/resource.k8s.io/v1beta2/resourceslices", "{\"spec\":{}}", 0, NULL },
		{ "/apis/resource.k8s.io/v9/resourceslices", "{\"spec\":{}}", 400,
		  "this proxy does not read objects of resource.k8s.io/v9 resourceslices" },
		{ EVICTIONS, "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\"}", 0, NULL },
		{ EVICTIONS, "{\"apiVersion\":\"policy/v1beta1\"}", 0, NULL },
		{ EVICTIONS, "{}", 0, NULL },
		{ EVICTIONS, "{\"apiVersion\":\"v1\",\"kind\":\"Eviction\"}", 400,
		  AS("Eviction", "v1", "Eviction")
		  "no kind \"Eviction\" is registered for version \"v1\"" SCHEME },
		{ TOKENS, "{\"apiVersion\":\"authentication.k8s.io/v1\"}", 0, NULL },
		{ TOKENS, "{\"apiVersion\":\"v1\",\"kind\":\"TokenRequest\"}", 400,
		  AS("TokenRequest", "v1", "TokenRequest")
		  "no kind \"TokenRequest\" is registered for version \"v1\"" SCHEME },
		{ LEASES, "{\"kind\":\"Node\",\"apiVersion\":\"v1\"}", 400,
		  AS("Node", "v1", "Lease")
		  "converting (v1.Node) to (coordination.Lease): unknown conversion" },
		{ LEASES, "{\"metadata\":{\"namespace\":\"e\"}}", 400, "the namespace of the "
		  "provided object does not match the namespace sent on the request" },
		{ LEASES, "{\"metadata\":{\"namespace\":\"d\"}}", 0, NULL },
		{ NODES, "{\"metadata\":{\"namespace\":\"d\"}}", 0, NULL },
		{ "/apis/example.com/v1/widgets", "{}", 400,
		  "this proxy does not read objects of example.com/v1 widgets" },
	};

	check_rows("POST", "application/json", rows, array_size(rows));
}

/* Thirty bytes of an unreadable body are shown: text of an object, else hexadecimal. */
static void test_summary(void)
{
	static const struct text_row rows[] = {
		{ NODES, "{\"a\":\"0123456789012345678901234567890\",", 400,
		  NULL },
		{ NODES, "[1", 400, NULL },
	};
	struct admission_case c;

	check_rows("POST", NULL, rows, array_size(rows));
	begin(&c, "POST", NODES, NULL, STR("{\"a\":\"0123456789012345678901234567890\","));
	admission_case_run(&c);
	ok(str_has_suffix(c.r.status.message, STR(" ({\"a\":\"012345678901234567890123 ...)")));
	admission_case_fini(&c);
	begin(&c, "POST", NODES, NULL, STR("k8s\xff 0123456789012345678901234567890"));
	admission_case_run(&c);
	ok(str_has_suffix(c.r.status.message, STR(" (6b3873ff20303132333435363738393031323334"
						  "35363738393031323334 ...)")));
	admission_case_fini(&c);
}

static void test_put_names(void)
{
	static const struct text_row rows[] = {
		{ NODES "/a", "{\"metadata\":{\"name\":\"a\"}}", 0, NULL },
		{ NODES "/a", "{}", 400, "the name of the object (a based on URL) was "
		  "undeterminable: name must be provided" },
		{ NODES "/a", "{\"metadata\":{\"name\":\"A\"}}", 400,
		  "the name of the object (A) does not match the name on the URL (a)" },
		{ LEASES "/a", "{\"metadata\":{\"name\":\"a\",\"namespace\":\"e\"}}", 400,
		  "the namespace of the provided object does not match the namespace sent on the "
		  "request" },
		{ LEASES "/a", "{\"metadata\":{\"name\":\"a\"}}", 0, NULL },
	};

	check_rows("PUT", "application/json", rows, array_size(rows));
}

static void test_yaml(void)
{
	static const struct text_row rows[] = {
		{ NODES, "metadata: {name: a}\n", 0, NULL },
		{ NODES, "\xef\xbb\xbfmetadata: {name: a}\n---\n]", 0, NULL },
		{ NODES, "{\"metadata\":{\"name\":\"a\"}}", 0, NULL },
		{ NODES, "", 400, NULL }, { NODES, "# nothing\n", 400, NULL },
		{ NODES, "- a\n", 400, NULL }, { NODES, "\ta: b\n", 400, NULL },
		{ NODES, "metadata: {name: a}\nmetadata: {name: b}\n", 400, NULL },
		{ NODES, "metadata: {name: yes}\n", 400,
		  AS("Node", "v1", "Node") "a value does not fit its field" },
		{ NODES, "a: .inf\n", 400, NULL },
		/* Readers of YAML differ in these. */
		{ NODES, "x: &x {name: b}\nmetadata: {name: a}\n", 400, NULL },
		{ NODES, "metadata: {<<: {name: b}, name: a}\n", 400, NULL },
		{ NODES, "metadata: {name: !!binary YQ==}\n", 400, NULL },
		{ NODES, "metadata: !x {name: a}\n", 400, NULL },
		{ NODES, "%YAML 1.1\n---\nmetadata: {name: a}\n", 400, NULL },
		{ NODES, "%TAG !x! y\n--- {metadata: {name: a}}\n", 400, NULL },
		{ NODES, "--- {metadata: {name: a}}\n--- &x b\n", 0, NULL },
		{ NODES, "metadata: {name: a}\n...\n%YAML 1.1\n", 0, NULL },
		{ NODES, "metadata: {name: a, labels: {\"<<\": b}}\n", 0, NULL },
	};

	const char *why = NULL;

	check_rows("POST", "application/yaml", rows, array_size(rows));
	/* A body that never came has no address either. */
	ok(yaml_is_plain((struct str){ NULL, 0 }, &why));
}

/* Texts that libyaml would be minutes with: all of them are refused at once. */
static void test_slow_yaml(void)
{
	static const struct {
		const char *piece, *why;
	} rows[] = {
		{ "[", "nested too deep" }, { "{a: [", "nested too deep" },
		{ "- ", "nested too deep" }, { "? ", "nested too deep" },
		{ "%TAG !a! b\n", "directives are not accepted" }, { "- \n", "too many nodes" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf text = STRBUF_INIT;
		const char *why = NULL;

		tap_row(rows[i].piece);
		while (text.n < ADMISSION_BODY_MAX)
			strbuf_add_cstr(&text, rows[i].piece);
		ok(!yaml_is_plain(strbuf_str(&text), &why));
		cstr_is(why, rows[i].why);
		strbuf_fini(&text);
	}
	tap_row(NULL);
}

static void test_delete_options(void)
{
	static const struct text_row rows[] = {
		{ NODES "/a", "", 0, NULL }, { NODES "/a", "{}", 0, NULL },
		{ NODES "/a", "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"apps/v1\"}", 0, NULL },
		{ NODES "/a", "{\"kind\":\"Node\"}", 400,
		  "no kind \"Node\" is registered for version \"v1\"" SCHEME },
		{ NODES "/a", "x", 400,
		  "couldn't get version/kind; json parse error: the body is not well-formed JSON" },
		{ NODES "/a", "{\"preconditions\":{\"uid\":1}}", 400, NULL },
		{ "/apis/example.com/v1/widgets/w", "{}", 0, NULL },
	};

	check_rows("DELETE", NULL, rows, array_size(rows));
}

static void test_patches(void)
{
	static const struct text_row merge[] = {
		{ NODES "/a", "{}", 0, NULL },
		{ NODES "/a", "", 400, "error decoding patch: unexpected end of JSON input" },
		{ NODES "/a", "{\"a\":1,\"a\":2}", 400, NULL }, { NODES "/a", "{} x", 400, NULL },
		{ NODES "/a", "null", 400, NULL }, { NODES "/a", "[]", 400, NULL },
		{ NODES "/a", "{\"metadata\":{\"name\":\"b\"}}", 400,
		  "the name of the object (b) does not match the name on the URL (a)" },
		{ NODES "/a", "{\"metadata\":{\"name\":null}}", 400, "the name of the object (a "
		  "based on URL) was undeterminable: name must be provided" },
		{ NODES "/a", "{\"metadata\":{\"labels\":{\"x\":1}}}", 422, NULL },
		{ NODES "/a", "{\"kind\":\"Pod\"}", 422, NULL },
		{ NODES "/b", "{}", 404, "nodes \"b\" not found" },
	}, json[] = {
		{ NODES "/a", "[]", 0, NULL }, { NODES "/a", "{}", 400, NULL },
		{ NODES "/a", "[{\"op\":\"remove\",\"path\":\"/nothing\"}]", 422,
		  "the server rejected our request due to an error in our request" },
		{ NODES "/a", "[{\"op\":\"replace\",\"path\":\"/kind\",\"value\":\"Pod\"}]", 422,
		  NULL },
		{ NODES "/a", "[{\"op\":\"add\",\"path\":\"/metadata/labels/-1\",\"value\":\"x\"}]",
		  0, NULL },
	}, strategic[] = {
		{ NODES "/a", "", 400, "unexpected end of JSON input" },
		{ NODES "/a", "{\"kind\":\"Pod\"}", 0, NULL },
		{ NODES "/a", "{\"metadata\":{\"$patch\":\"merge\"}}", 500, NULL },
		{ NODES "/a", "{\"$patch\":\"delete\"}", 400, NULL },
	};

	static const struct text_row apply[] = {
		{ NODES "/a", "x", 400, "error decoding YAML: error unmarshaling JSON: while "
		  "decoding JSON: json: cannot unmarshal string into Go value of type "
		  "map[string]interface {}" },
		{ NODES "/a", "{}", 400, "invalid object type: /, Kind=" },
		{ NODES "/a", "{apiVersion: v2, kind: Node}", 400,
		  "invalid object type: /v2, Kind=Node" },
		{ NODES "/a", "{apiVersion: v1, kind: Pod}", 400,
		  "invalid object type: /v1, Kind=Pod" },
		{ LEASES "/l", "{apiVersion: coordination.k8s.io/v2, kind: Lease}", 400,
		  "invalid object type: coordination.k8s.io/v2, Kind=Lease" },
	};

	check_rows("PATCH", "application/apply-patch+yaml", apply, array_size(apply));
	check_rows("PATCH", "application/merge-patch+json", merge, array_size(merge));
	check_rows("PATCH", "application/json-patch+json", json, array_size(json));
	check_rows("PATCH", "application/strategic-merge-patch+json", strategic,
		   array_size(strategic));
}

/* The object that the newest run of this plugin saw; borrowed from the request. */
static json_t *seen;

static enum admission_result keep_new(struct admission_request *r, enum admission_operation op)
{
	(void)op;
	return admission_new_object(r, &seen);
}

static const struct admission_plugin keeper = { "Keeper", handles_all, keep_new };

static void see(struct admission_case *c, const char *method, const char *target, const char *body)
{
	admission_case_init(c, method, target, NULL, str_from(body));
	c->chain.v[0] = &keeper;
	c->chain.n = 1;
	seen = NULL;
	int_is(admission_case_run(c), ADMISSION_ALLOW);
}

/* What happens to an object between decoding and admission (spec 20 section 2, 22 section 3). */
static void test_defaults(void)
{
	struct admission_case c;

	see(&c, "POST", "/api/v1/namespaces/d/pods", "{\"metadata\":{\"name\":\"p\",\"uid\":\"u\","
	    "\"selfLink\":\"s\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},"
	    "\"spec\":{\"serviceAccount\":\"x\"}}");
	str_is(tree_text(seen, "metadata.namespace"), STR("d"));
	str_is(tree_text(seen, "spec.serviceAccountName"), STR("x"));
	ok(!tree_at(seen, "metadata.uid") && !tree_at(seen, "metadata.selfLink") &&
	   !tree_at(seen, "metadata.creationTimestamp"));
	ok(!c.r.body_replaced);
	admission_case_fini(&c);
	see(&c, "POST", "/api/v1/namespaces/d/pods", "{\"spec\":{\"serviceAccount\":\"x\","
	    "\"serviceAccountName\":\"y\"}}");
	str_is(tree_text(seen, "spec.serviceAccountName"), STR("y"));
	admission_case_fini(&c);
	see(&c, "POST", NODES, "{\"metadata\":{\"name\":\"n\",\"namespace\":\"d\"}}");
	ok(!tree_at(seen, "metadata.namespace"));
	admission_case_fini(&c);
	see(&c, "PUT", "/api/v1/namespaces/d/persistentvolumeclaims/c/status",
	    "{\"metadata\":{\"name\":\"c\",\"uid\":\"u\"}}");
	str_is(tree_text(seen, "spec.volumeMode"), STR("Filesystem"));
	str_is(tree_text(seen, "status.phase"), STR("Pending"));
	str_is(tree_text(seen, "metadata.uid"), STR("u"));
	admission_case_fini(&c);
}

static void test_equal_owners_are_merged(void)
{
	struct admission_case c;

	see(&c, "POST", NODES, "{\"metadata\":{\"ownerReferences\":["
	    "{\"uid\":\"u\",\"name\":\"n\"},{\"name\":\"n\",\"uid\":\"u\",\"kind\":\"\"},"
	    "{\"uid\":\"u\",\"name\":\"n\",\"controller\":false},"
	    "{\"uid\":\"v\",\"name\":\"n\"}]}}");
	int_is(json_array_size(tree_at(seen, "metadata.ownerReferences")), 3);
	str_is(tree_text(json_array_get(tree_at(seen, "metadata.ownerReferences"), 2), "uid"),
	       STR("v"));
	admission_case_fini(&c);
}

/* Texts are as the client sent them, so that `again` finds the body still there. */
static void test_again_keeps_the_body(void)
{
	struct admission_case c;

	admission_case_init(&c, "PATCH", "/api/v1/nodes/a", "application/merge-patch+json",
			    STR("{\"metadata\":{\"labels\":{\"m\":\"2\"}}}"));
	c.chain.v[0] = &keeper;
	c.chain.n = 1;
	admission_case_add(&c, OLD_NODE);
	int_is(admission_case_run(&c), ADMISSION_ALLOW);
	str_is(tree_text(seen, "metadata.labels.l"), STR("1"));
	json_array_clear(c.objects);
	admission_case_add(&c, "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":"
			   "{\"name\":\"a\",\"labels\":{\"l\":\"9\"}}}");
	c.body_asked = false;
	admission_again(&c.r);
	int_is(admission_case_run(&c), ADMISSION_ALLOW);
	str_is(tree_text(seen, "metadata.labels.l"), STR("9"));
	str_is(tree_text(seen, "metadata.labels.m"), STR("2"));
	ok(!c.body_asked);
	int_is(c.objects_asked, 2);
	admission_case_fini(&c);
}

static const char *touched_path;

static enum admission_result ask_touches(struct admission_request *r, enum admission_operation op)
{
	bool touches;
	enum admission_result rc = admission_touches(r, &touched_path, 1, &touches);

	(void)op;
	if (rc == ADMISSION_ALLOW && touches)
		return admission_internal(r, STR("touched"));
	return rc;
}

static void test_touches(void)
{
	static const struct admission_plugin asker = { "Asker", handles_all, ask_touches };
	static const struct {
		const char *method, *type, *body;
		bool want;
	} rows[] = {
		{ "PATCH", "application/merge-patch+json", "{\"status\":{}}", false },
		{ "PATCH", "application/merge-patch+json", "{\"metadata\":{\"labels\":{}}}", true },
		{ "PATCH", "application/json-patch+json", "[]", false },
		{ "PATCH", "application/json-patch+json",
		  "[{\"op\":\"remove\",\"path\":\"/metadata\"}]", true },
		{ "PATCH", "application/apply-patch+yaml", "{apiVersion: v1, kind: Node}", true },
		{ "PUT", NULL, "{}", true },
		{ "DELETE", NULL, "", true },
	};

	touched_path = "metadata.labels";
	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;

		tap_row(rows[i].body);
		begin(&c, rows[i].method, "/api/v1/nodes/a", rows[i].type, str_from(rows[i].body));
		c.chain.v[0] = &asker;
		admission_case_add(&c, OLD_NODE);
		int_is(admission_case_run(&c), rows[i].want ? ADMISSION_DENY : ADMISSION_ALLOW);
		if (rows[i].want)
			str_is(c.r.status.message, STR("touched"));
		admission_case_fini(&c);
	}
	tap_row(NULL);
}

#define ENVELOPE "6b3873000a0a0a02763112044e6f6465"

static struct str from_hex(struct arena *a, const char *hex)
{
	char *p = arena_alloc(a, strlen(hex) / 2 + 1);
	size_t n = 0;

	for (unsigned v; sscanf(hex, "%2x", &v) == 1; hex += 2)
		p[n++] = (char)v;
	return str_make(p, n);
}

static void test_protobuf(void)
{
	static const char loose[] = "the body can be read in more than one way: ";
	static const struct {
		const char *hex;
		int code;
		const char *message;	/* how it begins */
	} rows[] = {
		{ ENVELOPE "12050a030a016e", 0, "" },
		{ ENVELOPE "12050a030a016e1a002200", 0, "" },
		{ "", 400, UNKNOWN("Node") "empty data (<empty>)" },
		{ "6b387300", 400, UNKNOWN("Node") "empty body (6b387300)" },
		{ "6b387301", 400, UNKNOWN("Node") "provided data does not appear to be a protobuf "
		  "message, expected prefix [107 56 115 0] (6b387301)" },
		{ ENVELOPE "1205", 400, UNKNOWN("Node") "unexpected EOF (" },
		{ ENVELOPE "12020a05", 400, AS("Node", "v1", "Node") },
		{ "6b3873000a090a0276311203506f6412050a030a016e", 400, AS("Pod", "v1", "Node") },
		/* Read as kube-apiserver does, but never allowed. */
		{ "6b38730012050a030a016e", 400, loose },
		{ "6b3873000a0612044e6f646512050a030a016e", 400, loose },
		{ ENVELOPE "12050a030a016e1a0178", 400, loose },
		{ ENVELOPE "12050a030a016e12050a030a016e", 400, loose },
		{ ENVELOPE "12050a030a016d12050a030a016e", 400, loose },
		{ ENVELOPE "12080a060a016e0a016e", 400, loose },
		{ ENVELOPE "12060a030a016e00", 400, AS("Node", "v1", "Node") },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;
		struct arena a;

		arena_init(&a);
		tap_row(rows[i].hex);
		begin(&c, "POST", NODES, "application/vnd.kubernetes.protobuf",
		      from_hex(&a, rows[i].hex));
		check_answer(&c, admission_case_run(&c), rows[i].code, NULL);
		ok(str_has_prefix(c.r.status.message, str_from(rows[i].message)));
		admission_case_fini(&c);
		arena_fini(&a);
	}
	tap_row(NULL);
}

static enum admission_result forbid_b(struct admission_request *r, enum admission_operation op)
{
	json_t *new;
	enum admission_result rc = admission_new_object(r, &new);

	(void)op;
	if (rc == ADMISSION_ALLOW && str_eq(tree_text(new, "metadata.name"), STR("b")))
		rc = admission_forbid(r, STR("b"));
	return rc;
}

/* What is forbidden however it is read is 403; only what would be allowed must read one way. */
static void test_loose_protobuf_can_be_forbidden(void)
{
	static const struct admission_plugin plugin = { "B", handles_all, forbid_b };
	static const struct {
		const char *hex;
		int code;
	} rows[] = {
		{ ENVELOPE "12080a060a01620a0161", 400 },
		{ ENVELOPE "12080a060a01610a0162", 403 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;
		struct arena a;

		arena_init(&a);
		begin(&c, "POST", NODES, "application/vnd.kubernetes.protobuf",
		      from_hex(&a, rows[i].hex));
		c.chain.v[0] = &plugin;
		check_answer(&c, admission_case_run(&c), rows[i].code, NULL);
		admission_case_fini(&c);
		arena_fini(&a);
	}
}

static void check_dump(const char *in, const char *want)
{
	json_t *v = json_loads(in, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	struct strbuf out = STRBUF_INIT;

	edit_dump(&out, v);
	str_is(strbuf_str(&out), str_from(want));
	strbuf_fini(&out);
	json_decref(v);
}

static void test_dump(void)
{
	check_dump("{\"a\":[1,2.50,0.1,1e300,true,false,null,{}],\"b\":-9223372036854775808}",
		   "{\"a\":[1,2.5,0.1,1e+300,true,false,null,{}],\"b\":-9223372036854775808}");
	check_dump("\"\\\"\\\\\\u0000\\u001f\\u007f\\u0085\\u2028\\ufeff\\uffff<\xc3\xa9\"",
		   "\"\\u0022\\u005c\\u0000\\u001f\\u007f\\u0085\\u2028\\ufeff\\uffff<\xc3\xa9\"");
	check_dump("\"\xf0\x9f\x98\x80\"", "\"\xf0\x9f\x98\x80\"");
}

/* A hostile body costs time in its own length: many equal and many different owners. */
static void test_many_owners(void)
{
	struct strbuf b = STRBUF_INIT;
	struct admission_case c;

	strbuf_add_cstr(&b, "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"u\"}");
	for (int i = 0; i < 15000; i++)
		strbuf_addf(&b, ",{\"uid\":\"u\",\"name\":\"%d\"}", i % 12500);
	strbuf_add_cstr(&b, "]}}");
	see(&c, "POST", NODES, b.p);
	int_is(json_array_size(tree_at(seen, "metadata.ownerReferences")), 12501);
	admission_case_fini(&c);
	strbuf_fini(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_object_types), TAP(test_patch_types), TAP(test_ambiguous_headers),
		TAP(test_size), TAP(test_json), TAP(test_summary), TAP(test_put_names),
		TAP(test_yaml), TAP(test_slow_yaml),
		TAP(test_delete_options), TAP(test_patches), TAP(test_defaults),
		TAP(test_equal_owners_are_merged), TAP(test_again_keeps_the_body),
		TAP(test_touches), TAP(test_protobuf), TAP(test_loose_protobuf_can_be_forbidden),
		TAP(test_dump), TAP(test_many_owners), TAP_END
	};

	return tap_main(tests);
}
