/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>

#include "base/mem.h"
#include "http/status.h"
#include "tests/status_yaml.h"
#include "tests/tap.h"

static const struct media_choice compact = { MEDIA_JSON, false };
static const struct media_choice indented = { MEDIA_JSON, true };
static const struct media_choice yaml = { MEDIA_YAML, false };
static const struct media_choice protobuf = { MEDIA_PROTOBUF, false };

static void encodes(const struct status *s, struct media_choice how, struct str want)
{
	struct strbuf b = STRBUF_INIT;

	status_encode(&b, s, how);
	str_is(strbuf_str(&b), want);
	strbuf_fini(&b);
}

static void encodes_hex(const struct status *s, const char *want)
{
	struct strbuf b = STRBUF_INIT, hex = STRBUF_INIT;

	status_encode(&b, s, protobuf);
	for (size_t i = 0; i < b.n; i++)
		strbuf_addf(&hex, "%02x", (unsigned char)b.p[i]);
	str_is(strbuf_str(&hex), str_from(want));
	strbuf_fini(&b);
	strbuf_fini(&hex);
}

static const struct status unauthorized = {
	.code = 401,
	.message = { "Unauthorized", 12 },
	.reason = { "Unauthorized", 12 },
};

static void test_401_in_every_format(void)
{
	encodes(&unauthorized, compact,
		STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Fail"
			    "ure\","
		    "\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}\n"));
	encodes(&unauthorized, indented,
		STR("{\n  \"kind\": \"Status\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {},\n"
		    "  \"status\": \"Failure\",\n  \"message\": \"Unauthorized\",\n"
		    "  \"reason\": \"Unauthorized\",\n  \"code\": 401\n}"));
	encodes(&unauthorized, yaml,
		STR("apiVersion: v1\ncode: 401\nkind: Status\nmessage: Unauthorized\nmetadata: {}\n"
		    "reason: Unauthorized\nstatus: Failure\n"));
	encodes_hex(&unauthorized,
		    "6b3873000a0c0a027631120653746174757312300a060a0012001a0012074661696c7572651a0c"
		    "556e617574686f72697a6564220c556e617574686f72697a65643091031a002200");
}

static void test_403_for_a_kubelet(void)
{
	const struct status s = {
		.code = 403,
		.message = STR("nodes \"b\" is forbidden: node \"a\" is not allowed to modify "
			    "node \"b\""),
		.reason = STR("Forbidden"),
		.has_details = true,
		.details = { .name = STR("b"), .kind = STR("nodes") },
	};

	encodes_hex(&s, "6b3873000a0c0a027631120653746174757312750a060a0012001a0012074661696c757265"
		    "1a426e6f6465732022622220697320666f7262696464656e3a206e6f646520226122206973206e"
		    "6f7420616c6c6f77656420746f206d6f64696679206e6f6465202262222209466f7262696464"
		    "656e"
		    "2a100a016212001a056e6f646573280032003093031a002200");
}

static const struct status_cause causes[] = {
	{ .reason = { "FieldValueInvalid", 17 }, .message = { "bad: value", 10 },
	  .field = { "spec.x", 6 } },
	{ .message = { "only", 4 } },
	{ .reason = { "", 0 } },
};

static void test_all_of_details(void)
{
	const struct status s = {
		.code = 422, .message = STR("m: x"), .reason = STR("Invalid"), .has_details = true,
		.details = { .name = STR("n1"), .group = STR("apps"), .kind = STR("deployments"),
			     .uid = STR("u-1"), .causes = causes, .cause_count = 3,
			     .retry_after_seconds = 7 },
	};

	encodes(&s, compact,
		STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Fail"
			    "ure\","
		    "\"message\":\"m: "
		    "x\",\"reason\":\"Invalid\",\"details\":{\"name\":\"n1\",\"group\":"
		    "\"apps\",\"kind\":\"deployments\",\"uid\":\"u-1\",\"causes\":[{\"reason\":"
		    "\"FieldValueInvalid\",\"message\":\"bad: "
		    "value\",\"field\":\"spec.x\"},{\"message\":"
		    "\"only\"},{}],\"retryAfterSeconds\":7},\"code\":422}\n"));
	encodes(&s, yaml,
		STR("apiVersion: v1\ncode: 422\ndetails:\n  causes:\n  - field: spec.x\n"
		    "    message: 'bad: value'\n    reason: FieldValueInvalid\n  - message: only\n"
		    "  - {}\n  group: apps\n  kind: deployments\n  name: n1\n  "
		    "retryAfterSeconds: 7\n"
		    "  uid: u-1\nkind: Status\nmessage: 'm: x'\nmetadata: {}\nreason: Invalid\n"
		    "status: Failure\n"));
	encodes_hex(&s, "6b3873000a0c0a02763112065374617475731280010a060a0012001a0012074661696c75"
		    "7265"
		    "1a046d3a20782207496e76616c69642a5b0a026e311204617070731a0b6465706c6f796d656e"
		    "7473"
		    "22270a114669656c6456616c7565496e76616c6964120a6261643a2076616c75651a06737065"
		    "632e"
		    "78220a0a0012046f6e6c791a0022060a0012001a0028073203752d3130a6031a002200");
	encodes(&s, indented,
		STR("{\n  \"kind\": \"Status\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {},\n"
		    "  \"status\": \"Failure\",\n  \"message\": \"m: x\",\n  \"reason\": "
		    "\"Invalid\",\n"
		    "  \"details\": {\n    \"name\": \"n1\",\n    \"group\": \"apps\",\n"
		    "    \"kind\": \"deployments\",\n    \"uid\": \"u-1\",\n    \"causes\": [\n"
		    "      {\n        \"reason\": \"FieldValueInvalid\",\n"
		    "        \"message\": \"bad: value\",\n        \"field\": \"spec.x\"\n      "
		    "},\n"
		    "      {\n        \"message\": \"only\"\n      },\n      {}\n    ],\n"
		    "    \"retryAfterSeconds\": 7\n  },\n  \"code\": 422\n}"));
}

static void test_success_and_empty_details(void)
{
	const struct status done = {
		.success = true, .has_details = true,
		.details = { .name = STR("web"), .kind = STR("pods"), .uid = STR("123") },
	};
	const struct status bare = { .code = 500, .has_details = true };

	encodes(&done, compact,
		STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Succ"
			    "ess\","
		    "\"details\":{\"name\":\"web\",\"kind\":\"pods\",\"uid\":\"123\"}}\n"));
	encodes(&done, yaml,
		STR("apiVersion: v1\ndetails:\n  kind: pods\n  name: web\n  uid: \"123\"\nkind: "
			    "Status\n"
		    "metadata: {}\nstatus: Success\n"));
	encodes(&bare, yaml, STR("apiVersion: v1\ncode: 500\ndetails: {}\nkind: Status\n"
				 "metadata: {}\nstatus: Failure\n"));
	encodes(&bare, indented,
		STR("{\n  \"kind\": \"Status\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {},\n"
		    "  \"status\": \"Failure\",\n  \"details\": {},\n  \"code\": 500\n}"));
	encodes_hex(&bare, "6b3873000a0c0a027631120653746174757312240a060a0012001a0012074661696c7"
		    "57265"
		    "1a0022002a0a0a0012001a002800320030f4031a002200");
}

static void test_yaml_messages(void)
{
	for (size_t i = 0; i < array_size(yaml_messages); i++) {
		const struct status s = {
			.code = 403, .message = str_from(yaml_messages[i].message),
			.reason = STR("Forbidden"), .has_details = true,
		};
		struct strbuf want = STRBUF_INIT;

		tap_row(yaml_messages[i].message);
		strbuf_addf(&want, "apiVersion: v1\ncode: 403\ndetails: {}\nkind: Status\n%s"
			    "metadata: {}\nreason: Forbidden\nstatus: "
			    "Failure\n", yaml_messages[i].yaml);
		encodes(&s, yaml, strbuf_str(&want));
		strbuf_fini(&want);
	}
	tap_row(NULL);
}

struct forbidden_row {
	const char *label;
	struct forbidden f;
	const char *message, *name, *group, *kind;
};

#define S(literal) { literal, sizeof(literal) - 1 }

static const struct forbidden_row forbidden_rows[] = {
	{ "list in a namespace",
	  { .user = S("jane"), .verb = S("list"), .is_resource = true, .namespace = S("default"),
	    .resource = S("pods") },
	  "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the "
	  "namespace \"default\"", "", "", "pods" },
	{ "get by name",
	  { .user = S("jane"), .verb = S("get"), .is_resource = true, .namespace = S("default"),
	    .resource = S("pods"), .name = S("web-0") },
	  "pods \"web-0\" is forbidden: User \"jane\" cannot get resource \"pods\" in API group "
	  "\"\" in "
	  "the namespace \"default\"", "web-0", "", "pods" },
	{ "subresource, group, reason",
	  { .user = S("jane"), .verb = S("update"), .is_resource = true, .namespace = S("default"),
	    .resource = S("deployments"), .group = S("apps"), .subresource = S("scale"),
	    .name = S("web"),
	    .reason = S("no relationship found between node 'n' and this object") },
	  "deployments.apps \"web\" is forbidden: User \"jane\" cannot update resource "
	  "\"deployments/scale\" in API group \"apps\" in the namespace \"default\": no "
	  "relationship "
	  "found between node 'n' and this object", "web", "apps", "deployments" },
	{ "cluster scope",
	  { .user = S("jane"), .verb = S("list"), .is_resource = true, .resource = S("nodes") },
	  "nodes is forbidden: User \"jane\" cannot list resource \"nodes\" in API group \"\" at "
	  "the "
	  "cluster scope", "", "", "nodes" },
	{ "path",
	  { .user = S("jane"), .verb = S("get"), .path = S("/metrics") },
	  "forbidden: User \"jane\" cannot get path \"/metrics\"", "", "", "" },
	{ "empty resource with a name",
	  { .user = S("jane"), .verb = S("get"), .is_resource = true, .name = S("pods") },
	  "forbidden: User \"jane\" cannot get resource \"\" in API group \"\" at the cluster "
	  "scope",
	  "pods", "", "" },
	{ "empty verb",
	  { .user = S("jane"), .verb = S(""), .is_resource = true, .resource = S("nodes") },
	  "nodes is forbidden: User \"jane\" cannot  resource \"nodes\" in API group \"\" at the "
	  "cluster scope", "", "", "nodes" },
	{ "escapes",
	  { .user = S("jane\"<x>&\001\303\251\342\200\250"), .verb = S("list"), .is_resource = true,
	    .namespace = S("a<b"), .resource = S("pods"), .reason = S("reason <raw> & \"q\"") },
	  "pods is forbidden: User \"jane\\\"&lt;x&gt;&amp;\\x01\303\251\\u2028\" cannot list "
	  "resource "
	  "\"pods\" in API group \"\" in the namespace \"a&lt;b\": reason <raw> & \"q\"",
	  "", "", "pods" },
};

static void test_forbidden(void)
{
	for (size_t i = 0; i < array_size(forbidden_rows); i++) {
		const struct forbidden_row *r = &forbidden_rows[i];
		struct strbuf message = STRBUF_INIT;
		struct status s;

		tap_row(r->label);
		status_forbidden(&s, &message, &r->f);
		str_is(s.message, str_from(r->message));
		str_is(s.reason, STR("Forbidden"));
		int_is(s.code, 403);
		ok(s.has_details);
		str_is(s.details.name, str_from(r->name));
		str_is(s.details.group, str_from(r->group));
		str_is(s.details.kind, str_from(r->kind));
		strbuf_fini(&message);
	}
	tap_row(NULL);
}

static void test_forbidden_in_json(void)
{
	struct strbuf message = STRBUF_INIT;
	struct status s;

	status_forbidden(&s, &message, &forbidden_rows[7].f);
	encodes(&s, compact,
		STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Fail"
			    "ure\","
		    "\"message\":\"pods is forbidden: User \\\"jane\\\\\\\"\\u0026lt;x\\u0026gt;"
		    "\\u0026amp;\\\\x01\303\251\\\\u2028\\\" cannot list resource \\\"pods\\\" "
		    "in API "
		    "group \\\"\\\" in the namespace \\\"a\\u0026lt;b\\\": reason "
		    "\\u003craw\\u003e "
		    "\\u0026 \\\"q\\\"\",\"reason\":\"Forbidden\",\"details\":{\"kind\":\"pods\"},"
		    "\"code\":403}\n"));
	strbuf_fini(&message);
}

static void test_texts(void)
{
	struct strbuf b = STRBUF_INIT;

	status_internal_error_text(&b, STR("/api/v1/watch?a=\"<&"), STR("no <b>"));
	str_is(strbuf_str(&b), STR("Internal Server Error: \"/api/v1/watch?a=\\\"&lt;&amp;\": no "
		    "&lt;b&gt;\n"));
	strbuf_fini(&b);
	int_is(status_timeout_body().n, 152);
	cstr_is(status_reason(403), "Forbidden");
	cstr_is(status_reason(504), "Timeout");
	cstr_is(status_reason(409), "Conflict");
	cstr_is(status_reason(299), "");
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_401_in_every_format),
		TAP(test_403_for_a_kubelet),
		TAP(test_all_of_details),
		TAP(test_success_and_empty_details),
		TAP(test_yaml_messages),
		TAP(test_forbidden),
		TAP(test_forbidden_in_json),
		TAP(test_texts),
		TAP_END
	};

	return tap_main(tests);
}
