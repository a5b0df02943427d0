/* SPDX-License-Identifier: Apache-2.0 */
/* How a request is bound to the object that was decided on (spec 22 sections 10 and 11). */
#include "config.h"

#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "tests/admission_cluster.h"
#include "tests/tap.h"

static struct str want_uid, want_version;
static bool ask_new;

static bool handles_all(const struct admission_request *r, enum admission_operation op)
{
	(void)r;
	(void)op;
	return true;
}

static enum admission_result require(struct admission_request *r, enum admission_operation op)
{
	json_t *old, *new;
	enum admission_result rc = ADMISSION_ALLOW;

	(void)op;
	if (ask_new)
		rc = admission_old_object(r, &old);
	if (ask_new && rc == ADMISSION_ALLOW)
		rc = admission_new_object(r, &new);
	if (rc != ADMISSION_ALLOW)
		return rc;
	if (want_uid.n)
		admission_require_uid(r, want_uid);
	if (want_version.n)
		admission_require_version(r, want_version);
	return ADMISSION_ALLOW;
}

static const struct admission_plugin fake = { "Fake", handles_all, require };

#define NODE "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"," \
	     "\"uid\":\"u1\",\"resourceVersion\":\"5\",\"annotations\":{\"v\":\"9\",\"w\":\"5\"}}}"

static void begin(struct admission_case *c, const char *method, const char *target,
		  const char *type, struct str body, const char *uid, const char *version)
{
	admission_case_init(c, method, target, type, body);
	admission_case_add(c, NODE);
	c->chain.v[0] = &fake;
	c->chain.n = 1;
	want_uid = str_from(uid);
	want_version = str_from(version);
}

struct row {
	const char *method, *target, *type, *body, *uid, *version;
	const char *want;	/* body; NULL: the client's own bytes */
	bool again;
};

/* What was sent to be written is read again, and needs nothing more. */
static void check_stable(const struct row *row, struct str body, struct str type)
{
	struct admission_case c;
	char *owned_type = xmemdup0(type.p, type.n);

	begin(&c, row->method, row->target, owned_type, body, row->uid, row->version);
	int_is(admission_case_run(&c), ADMISSION_ALLOW);
	ok(!c.r.body_replaced || str_eq(strbuf_str(&c.r.new_body), body));
	admission_case_fini(&c);
	free(owned_type);
}

static void check_row(const struct row *row)
{
	struct admission_case c;

	tap_row(row->body);
	begin(&c, row->method, row->target, row->type, str_from(row->body), row->uid, row->version);
	int_is(admission_case_run(&c), ADMISSION_ALLOW);
	ok(c.r.body_replaced == (row->want != NULL));
	if (row->want)
		str_is(strbuf_str(&c.r.new_body), str_from(row->want));
	ok(c.r.again_on_conflict == row->again);
	ok(!c.r.query_replaced);
	if (row->want && !ask_new)
		check_stable(row, strbuf_str(&c.r.new_body),
			     c.r.new_content_type.n ? c.r.new_content_type : str_from(row->type));
	admission_case_fini(&c);
	tap_row(NULL);
}

#define JSON "application/json; charset=utf-8"
#define NODES "/api/v1/nodes/a"

static void test_put(void)
{
	static const struct row rows[] = {
		{ "PUT", NODES, JSON, "{\"metadata\":{\"name\":\"a\"},\"x\":1.50}", "u1", "5",
		  "{\"metadata\":{\"resourceVersion\":\"5\",\"uid\":\"u1\",\"name\":\"a\"},"
		  "\"x\":1.50}", true },
		{ "PUT", NODES, JSON, " { \"metadata\" : { \"name\" : \"a\" , "
		  "\"resourceVersion\" : \"\" } } ", "", "5",
		  " { \"metadata\" : { \"name\" : \"a\" , \"resourceVersion\" : \"5\" } } ", true },
		/* Of this version, too, the upstream demands nothing. */
		{ "PUT", NODES, JSON, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"0\"}}",
		  "", "5", "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"}}", true },
		{ "PUT", NODES, JSON, "{\"metadata\":{\"name\":\"a\",\"uid\":null}}", "u1", "",
		  "{\"metadata\":{\"name\":\"a\",\"uid\":\"u1\"}}", false },
		/* A member inside, and one whose name is written with escapes. */
		{ "PUT", NODES, JSON,
		  "{\"a\":{\"metadata\":{}},\"meta\\u0064ata\":{\"name\":\"a\"}}", "", "5",
		  "{\"a\":{\"metadata\":{}},\"meta\\u0064ata\":{\"resourceVersion\":\"5\","
		  "\"name\":\"a\"}}", true },
		/* What the client states is left alone, equal or not. */
		{ "PUT", NODES, JSON, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"}}",
		  "", "5", NULL, false },
		{ "PUT", NODES, JSON, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"4\"}}",
		  "u1", "5", NULL, false },
		{ "PUT", NODES, JSON, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"}}",
		  "u1", "5", "{\"metadata\":{\"uid\":\"u1\",\"name\":\"a\","
		  "\"resourceVersion\":\"5\"}}", false },
		{ "PUT", NODES, JSON, "{\"metadata\":{\"name\":\"a\"}}", "", "", NULL, false },
		{ "PUT", NODES, "application/yaml",
		  "\xef\xbb\xbfkind: Node\nmetadata:\n  name: a\n", "", "5",
		  "{\"kind\":\"Node\",\"metadata\":{\"resourceVersion\":\"5\","
		  "\"name\":\"a\"}}", true },
		{ "PUT", NODES, "application/yaml", "metadata: {name: a}\nx: 1.50\n---\nb: c\n",
		  "", "5", "{\"metadata\":{\"resourceVersion\":\"5\",\"name\":\"a\"},\"x\":1.5}",
		  true },
	};

	ask_new = false;
	for (size_t i = 0; i < array_size(rows); i++)
		check_row(&rows[i]);
}

/* YAML that was read goes on as our JSON, bound or not. */
static void test_yaml_is_converted(void)
{
	struct admission_case c;

	ask_new = true;
	begin(&c, "PUT", NODES, "application/yaml", STR("metadata:\n  name: a\n"), "", "");
	int_is(admission_case_run(&c), ADMISSION_ALLOW);
	ok(c.r.body_replaced);
	str_is(strbuf_str(&c.r.new_body), STR("{\"metadata\":{\"name\":\"a\"}}"));
	str_is(c.r.new_content_type, STR("application/json"));
	admission_case_fini(&c);
}

#define MERGE "application/merge-patch+json"
#define STRATEGIC "application/strategic-merge-patch+json"

static void test_merge(void)
{
	static const struct row rows[] = {
		{ "PATCH", NODES, MERGE, "{}", "u1", "5",
		  "{\"metadata\":{\"resourceVersion\":\"5\",\"uid\":\"u1\"}}", true },
		{ "PATCH", NODES, MERGE, "{\"status\":{}}", "", "5",
		  "{\"metadata\":{\"resourceVersion\":\"5\"},\"status\":{}}", true },
		{ "PATCH", NODES, STRATEGIC, "{\"metadata\":{\"uid\":\"u1\"}}", "u1", "", NULL,
		  false },
		{ "PATCH", NODES, STRATEGIC, "{\"metadata\":{\"uid\":\"u2\"}}", "u1", "5", NULL,
		  false },
		{ "PATCH", NODES, MERGE, "{\"metadata\":{\"resourceVersion\":null}}", "", "5",
		  "{\"metadata\":{\"resourceVersion\":\"5\"}}", true },
		{ "PATCH", NODES, STRATEGIC, "{\"metadata\":{\"$retainKeys\":[\"labels\"],"
		  "\"labels\":{}}}", "u1", "5", "{\"metadata\":{\"resourceVersion\":\"5\","
		  "\"uid\":\"u1\",\"$retainKeys\":[\"labels\",\"uid\",\"resourceVersion\"],"
		  "\"labels\":{}}}", true },
		{ "PATCH", NODES, STRATEGIC, "{\"metadata\":{\"$retainKeys\":[]}}", "u1", "",
		  "{\"metadata\":{\"uid\":\"u1\",\"$retainKeys\":[\"uid\"]}}", false },
		{ "PATCH", NODES, STRATEGIC, "{\"$retainKeys\":[\"metadata\"]}", "", "5",
		  "{\"metadata\":{\"resourceVersion\":\"5\"},\"$retainKeys\":[\"metadata\"]}",
		  true },
		/* In a merge patch it is data. */
		{ "PATCH", NODES, MERGE, "{\"metadata\":{\"$retainKeys\":[]}}", "u1", "",
		  "{\"metadata\":{\"uid\":\"u1\",\"$retainKeys\":[]}}", false },
	};

	ask_new = false;
	for (size_t i = 0; i < array_size(rows); i++)
		check_row(&rows[i]);
}

#define PATCH_TYPE "application/json-patch+json"

static void test_json_patch(void)
{
	static const struct row rows[] = {
		{ "PATCH", NODES, PATCH_TYPE, "[]", "u1", "5",
		  "[{\"op\":\"add\",\"path\":\"/metadata/uid\",\"value\":\"u1\"},"
		  "{\"op\":\"add\",\"path\":\"/metadata/resourceVersion\",\"value\":\"5\"}]",
		  true },
		{ "PATCH", NODES, PATCH_TYPE, "[{\"op\":\"test\",\"path\":"
		  "\"/metadata/resourceVersion\",\"value\":\"5\"} ]", "", "5",
		  "[{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"5\"} ,"
		  "{\"op\":\"add\",\"path\":\"/metadata/resourceVersion\",\"value\":\"5\"}]",
		  true },
		{ "PATCH", NODES, PATCH_TYPE, "[{\"op\":\"replace\",\"path\":"
		  "\"/metadata/resourceVersion\",\"value\":\"5\"}]", "", "5", NULL, false },
		{ "PATCH", NODES, PATCH_TYPE, "[{\"op\":\"add\",\"path\":"
		  "\"/metadata/resourceVersion\",\"value\":\"4\"}]", "", "5", NULL, false },
		{ "PATCH", NODES, PATCH_TYPE, "[{\"op\":\"add\",\"path\":"
		  "\"/metadata/resourceVersion\",\"value\":\"0\"}]", "", "5",
		  "[{\"op\":\"add\",\"path\":\"/metadata/resourceVersion\",\"value\":\"0\"},"
		  "{\"op\":\"add\",\"path\":\"/metadata/resourceVersion\",\"value\":\"5\"}]",
		  true },
		/* A copy may give another value when the upstream makes it. */
		{ "PATCH", NODES, PATCH_TYPE,
		  "[{\"op\":\"copy\",\"from\":\"/metadata/annotations/w\","
		  "\"path\":\"/metadata/resourceVersion\"}]", "", "5",
		  "[{\"op\":\"copy\",\"from\":\"/metadata/annotations/w\","
		  "\"path\":\"/metadata/resourceVersion\"},{\"op\":\"add\",\"path\":"
		  "\"/metadata/resourceVersion\",\"value\":\"5\"}]", true },
		{ "PATCH", NODES, PATCH_TYPE, "[{\"op\":\"add\",\"path\":"
		  "\"/metadata/resourceVersion\",\"value\":\"5\"},{\"op\":\"remove\",\"path\":"
		  "\"/metadata/resourceVersion\"}]", "", "5",
		  "[{\"op\":\"add\",\"path\":\"/metadata/resourceVersion\",\"value\":\"5\"},"
		  "{\"op\":\"remove\",\"path\":\"/metadata/resourceVersion\"},{\"op\":\"add\","
		  "\"path\":\"/metadata/resourceVersion\",\"value\":\"5\"}]", true },
	};

	ask_new = true;
	for (size_t i = 0; i < array_size(rows); i++)
		check_row(&rows[i]);
}

/* Another spelling of the pointer undoes what was stated. */
static void test_json_patch_spellings(void)
{
	static const struct row row = {
		"PATCH", NODES, PATCH_TYPE,
		"[{\"op\":\"add\",\"path\":\"/metadata/uid\",\"value\":\"u1\"},"
		"{\"op\":\"remove\",\"path\":\"zz/metadata/uid\"}]", "u1", "",
		"[{\"op\":\"add\",\"path\":\"/metadata/uid\",\"value\":\"u1\"},"
		"{\"op\":\"remove\",\"path\":\"zz/metadata/uid\"},"
		"{\"op\":\"add\",\"path\":\"/metadata/uid\",\"value\":\"u1\"}]", false,
	};

	ask_new = false;
	check_row(&row);
}

static void check_refused(const char *type, const char *body, int code, const char *message)
{
	struct admission_case c;

	tap_row(body);
	begin(&c, "PATCH", NODES, type, str_from(body), "u1", "5");
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, code);
	if (message)
		str_is(c.r.status.message, str_from(message));
	admission_case_fini(&c);
	tap_row(NULL);
}

/* A patch to which a precondition cannot be added so that it surely counts. */
static void test_patches_that_cannot_be_bound(void)
{
	static const char cannot[] = "this patch cannot be bound to the object that it was judged "
				     "on";

	ask_new = false;
	check_refused(STRATEGIC, "{\"$deleteFromPrimitiveList/metadata\":{}}", 400, cannot);
	check_refused(STRATEGIC, "{\"$setElementOrder/metadata\":[]}", 400, cannot);
	check_refused(STRATEGIC, "{\"metadata\":{\"$deleteFromPrimitiveList/uid\":[]}}", 400,
		      cannot);
	check_refused(STRATEGIC, "{\"$retainKeys\":[\"spec\"]}", 400, cannot);
	/* What the patch states itself may be undone. */
	check_refused(STRATEGIC, "{\"metadata\":{\"uid\":\"u1\",\"resourceVersion\":\"5\"},"
		      "\"$deleteFromPrimitiveList/metadata\":{\"uid\":null}}", 400, cannot);
	check_refused(STRATEGIC, "{\"metadata\":{\"uid\":\"u2\","
		      "\"$deleteFromPrimitiveList/uid\":null}}", 400, cannot);
	ask_new = true;
	check_refused(PATCH_TYPE, "[{\"op\":\"copy\",\"from\":\"/metadata/annotations/v\",\"path\":"
		      "\"/metadata/resourceVersion\"}]", 409,
		      "Operation cannot be fulfilled on nodes \"a\": the object has been modified; "
		      "please apply your changes to the latest version and try again");
	check_refused(PATCH_TYPE, "[{\"op\":\"replace\",\"path\":\"/metadata\",\"value\":{\"name\":"
		      "\"a\",\"uid\":\"u1\",\"resourceVersion\":\"4\"}}]", 409, NULL);
}

#define EVICTION "/api/v1/namespaces/d/pods/p/eviction"

static void test_eviction(void)
{
	static const struct row rows[] = {
		{ "POST", EVICTION, JSON, "{\"metadata\":{\"name\":\"p\"}}", "u1", "",
		  "{\"deleteOptions\":{\"preconditions\":{\"uid\":\"u1\"}},"
		  "\"metadata\":{\"name\":\"p\"}}", false },
		{ "POST", EVICTION, JSON, "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":"
		  "{\"gracePeriodSeconds\":1,\"preconditions\":null}}", "u1", "",
		  "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":{\"gracePeriodSeconds\":1,"
		  "\"preconditions\":{\"uid\":\"u1\"}}}", false },
		{ "POST", EVICTION, JSON, "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":"
		  "{\"preconditions\":{\"resourceVersion\":\"7\"}}}", "u1", "",
		  "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":{\"preconditions\":"
		  "{\"uid\":\"u1\",\"resourceVersion\":\"7\"}}}", false },
		{ "POST", EVICTION, JSON, "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":"
		  "{\"preconditions\":{\"uid\":\"u2\"}}}", "u1", "", NULL, false },
		{ "POST", EVICTION, JSON, "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":"
		  "{\"preconditions\":{\"uid\":\"\"}}}", "u1", "", NULL, false },
		{ "POST", EVICTION, "application/yaml", "metadata: {name: p}\n", "u1", "",
		  "{\"deleteOptions\":{\"preconditions\":{\"uid\":\"u1\"}},"
		  "\"metadata\":{\"name\":\"p\"}}", false },
		{ "POST", "/api/v1/nodes", JSON, "{\"metadata\":{\"name\":\"p\"}}", "u1", "5", NULL,
		  false },
	};
	struct admission_case c;

	ask_new = false;
	for (size_t i = 0; i < array_size(rows); i++)
		check_row(&rows[i]);
	begin(&c, "POST", EVICTION, JSON, STR("{\"metadata\":{\"name\":\"q\"}}"), "u1", "");
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, 400);
	str_is(c.r.status.message, STR("name in URL does not match name in Eviction object"));
	admission_case_fini(&c);
}

static void test_delete_body(void)
{
	static const struct row rows[] = {
		{ "DELETE", NODES "?uid=u7", JSON, "{}", "u1", "",
		  "{\"preconditions\":{\"uid\":\"u1\"}}", false },
		{ "DELETE", NODES, JSON, "{\"preconditions\":{}}", "u1", "5",
		  "{\"preconditions\":{\"resourceVersion\":\"5\",\"uid\":\"u1\"}}", false },
		{ "DELETE", NODES, JSON, "{\"preconditions\":{\"uid\":\"u1\"}}", "u1", "", NULL,
		  false },
		{ "DELETE", NODES, JSON, "{\"preconditions\":{\"uid\":\"u2\"}}", "u1", "", NULL,
		  false },
		{ "DELETE", NODES, "application/yaml", "kind: DeleteOptions\napiVersion: apps/v1\n",
		  "u1", "", "{\"preconditions\":{\"uid\":\"u1\"},\"kind\":\"DeleteOptions\","
		  "\"apiVersion\":\"apps/v1\"}", false },
		/* A collection has no one uid. */
		{ "DELETE", "/api/v1/nodes", JSON, "{}", "u1", "", NULL, false },
	};

	ask_new = false;
	for (size_t i = 0; i < array_size(rows); i++)
		check_row(&rows[i]);
}

static void test_delete_query(void)
{
	static const struct {
		const char *target, *uid, *version, *want;	/* NULL: as it is */
	} rows[] = {
		{ NODES, "u1", "", "uid=u1" },
		{ NODES "?gracePeriodSeconds=0", "u1", "5",
		  "uid=u1&resourceVersion=5&gracePeriodSeconds=0" },
		{ NODES "?uid=u1", "u1", "", NULL },
		{ NODES "?uid=u2", "u1", "", NULL },
		{ NODES "?u%69d=u2&uid=u1", "u1", "", NULL },
		/* An empty one is none, but as the first it is the one that counts. */
		{ NODES "?uid=", "u1", "", "uid=u1&uid=" },
		{ NODES "?uid=&uid=u2", "u1", "", "uid=u1&uid=&uid=u2" },
		{ NODES "?xuid=1", "u1", "", "uid=u1&xuid=1" },
		/* Pairs that Go's parser leaves out. */
		{ NODES "?uid=%zz", "u1", "", "uid=u1&uid=%zz" },
		{ NODES "?uid=1;2", "u1", "", "uid=u1&uid=1;2" },
		{ NODES, "a&b=c d", "", "uid=a%26b%3Dc%20d" },
		{ "/api/v1/nodes", "u1", "", NULL },
	};

	ask_new = false;
	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;

		tap_row(rows[i].target);
		begin(&c, "DELETE", rows[i].target, NULL, STR_NULL, rows[i].uid, rows[i].version);
		int_is(admission_case_run(&c), ADMISSION_ALLOW);
		ok(c.r.query_replaced == (rows[i].want != NULL));
		str_is(c.r.new_query, str_from(rows[i].want));
		ok(!c.r.body_replaced && !c.r.again_on_conflict && !c.body_asked);
		admission_case_fini(&c);
	}
	tap_row(NULL);
}

/* Of so many parameters the upstream reads none: also not the uid, whoever put it there. */
static void test_delete_query_of_many(void)
{
	static const char *const firsts[] = { "a=1", "uid=u1" };

	ask_new = false;
	for (size_t i = 0; i < array_size(firsts); i++) {
		struct strbuf target = STRBUF_INIT;
		struct admission_case c;

		tap_row(firsts[i]);
		strbuf_addf(&target, NODES "?%s", firsts[i]);
		for (size_t n = 1; n < 10000; n++)
			strbuf_add_char(&target, '&');
		begin(&c, "DELETE", target.p, NULL, STR_NULL, "u1", "");
		int_is(admission_case_run(&c), ADMISSION_DENY);
		int_is(c.r.status.code, 400);
		admission_case_fini(&c);
		/* In a body it counts, whatever the query says. */
		begin(&c, "DELETE", target.p, JSON, STR("{}"), "u1", "");
		int_is(admission_case_run(&c), ADMISSION_ALLOW);
		ok(c.r.body_replaced);
		admission_case_fini(&c);
		strbuf_fini(&target);
	}
	tap_row(NULL);
}

/* A message's bytes from pairs of hexadecimal digits, blanks between. */
static struct str from_hex(struct arena *a, const char *hex)
{
	char *p = arena_alloc(a, strlen(hex) / 2 + 1);
	size_t n = 0;

	for (; *hex; hex += 2) {
		unsigned v;

		while (*hex == ' ')
			hex++;
		if (sscanf(hex, "%2x", &v) == 1)
			p[n++] = (char)v;
	}
	return str_make(p, n);
}

#define NODE_TYPE "6b387300 0a0a 0a027631 12044e6f6465 "
#define EVICTION_TYPE "6b387300 0a15 0a09706f6c6963792f7631 12084576696374696f6e "
#define OPTIONS_TYPE "6b387300 0a13 0a027631 120d44656c6574654f7074696f6e73 "

static void test_protobuf(void)
{
	static const struct {
		const char *method, *target, *body, *uid, *version, *want;
		bool again;
	} rows[] = {
		{ "PUT", NODES, NODE_TYPE "120a 0a06 0a0161 320135 1200", "", "5", NULL, false },
		{ "PUT", NODES, NODE_TYPE "1207 0a03 0a0161 1200", "u1", "5",
		  NODE_TYPE "1210 0a03 0a0161 1200 0a07 2a027531 320135 1a00 2200", true },
		/* What encoders write for no version is none. */
		{ "PUT", NODES, NODE_TYPE "1209 0a05 0a0161 3200 1200 1a00 2200", "", "5",
		  NODE_TYPE "120e 0a05 0a0161 3200 1200 0a03 320135 1a00 2200", true },
		{ "PUT", NODES, NODE_TYPE "120a 0a06 0a0161 320134 1200", "u1", "5", NULL, false },
		/* Bound by a proxy like this one before us. */
		{ "PUT", NODES, NODE_TYPE "120c 0a03 0a0161 1200 0a03 320135 1a00 2200", "", "5",
		  NULL, false },
		{ "PUT", NODES, NODE_TYPE "120c 0a03 0a0161 1200 0a03 320134 1a00 2200", "", "5",
		  NULL, false },
		{ "POST", EVICTION, EVICTION_TYPE "1205 0a03 0a0170", "u1", "",
		  EVICTION_TYPE "120d 0a03 0a0170 1206 1204 0a027531 1a00 2200", false },
		{ "POST", EVICTION, EVICTION_TYPE "120d 0a03 0a0170 1206 1204 0a027532", "u1", "",
		  NULL, false },
		{ "DELETE", NODES, OPTIONS_TYPE "1202 0800", "u1", "",
		  OPTIONS_TYPE "1208 0800 1204 0a027531 1a00 2200", false },
		{ "DELETE", NODES, OPTIONS_TYPE "1208 0800 1204 0a027531 1a00 2200", "u1", "", NULL,
		  false },
		{ "DELETE", NODES, OPTIONS_TYPE "1208 0800 1204 0a027532 1a00 2200", "u1", "", NULL,
		  false },
		{ "DELETE", NODES, OPTIONS_TYPE "120a 0800 1200 1204 0a027532 1a00 2200", "u1", "",
		  NULL, false },
	};

	ask_new = false;
	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;
		struct arena a;
		struct str want;

		arena_init(&a);
		tap_row(rows[i].body);
		want = from_hex(&a, rows[i].want ? rows[i].want : "");
		begin(&c, rows[i].method, rows[i].target, "application/vnd.kubernetes.protobuf",
		      from_hex(&a, rows[i].body), rows[i].uid, rows[i].version);
		int_is(admission_case_run(&c), ADMISSION_ALLOW);
		ok(c.r.body_replaced == (want.n > 0));
		ok(c.r.again_on_conflict == rows[i].again);
		str_is(strbuf_str(&c.r.new_body), want);
		ok(!c.r.new_content_type.n);
		admission_case_fini(&c);
		arena_fini(&a);
	}
	tap_row(NULL);
}

/* Appended to what is no claim alone, or twice: two readers could differ. */
static void test_protobuf_tails(void)
{
	static const char *const bodies[] = {
		NODE_TYPE "120f 0a03 0a0161 1200 0a06 0a0162 320135",
		NODE_TYPE "1211 0a03 0a0161 1200 0a03 320134 0a03 320135",
		NODE_TYPE "120f 0a03 0a0161 1200 0a06 320135 320135",
		NODE_TYPE "120c 0a03 0a0161 0a03 320135 1200",
		NODE_TYPE "120f 0a03 0a0161 1200 0a06 320135 2a0175",
	};

	ask_new = false;
	for (size_t i = 0; i < array_size(bodies); i++) {
		struct admission_case c;
		struct arena a;

		arena_init(&a);
		tap_row(bodies[i]);
		begin(&c, "PUT", NODES, "application/vnd.kubernetes.protobuf",
		      from_hex(&a, bodies[i]), "", "5");
		int_is(admission_case_run(&c), ADMISSION_DENY);
		int_is(c.r.status.code, 400);
		admission_case_fini(&c);
		arena_fini(&a);
	}
	tap_row(NULL);
}

#define APPLY "application/apply-patch+yaml"
#define TYPE "apiVersion: v1\nkind: Node\n"
#define TYPED "{\"apiVersion\":\"v1\",\"kind\":\"Node\","
#define RESULT STR("{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"}}")

static void test_apply(void)
{
	static const char versioned[] = TYPED "\"metadata\":{\"uid\":\"u1\","
					"\"resourceVersion\":\"5\",\"name\":\"a\"}}";
	static const char own[] = TYPED "\"metadata\":{\"uid\":\"u1\",\"name\":\"a\","
				  "\"resourceVersion\":\"5\"}}";
	static const char creating[] = TYPED "\"metadata\":{\"resourceVersion\":\"1\","
				       "\"name\":\"b\"}}";
	static const struct {
		const char *target, *body, *want;
		bool again;
	} rows[] = {
		{ NODES, TYPE "metadata:\n  name: a\n", versioned, true },
		{ NODES, TYPE "metadata:\n  name: a\n  resourceVersion: ''\n",
		  own, true },
		{ NODES, TYPE "metadata:\n  name: a\n  resourceVersion: '5'\n", own, false },
		/* To the upstream 0 is none: whatever is there would be written over. */
		{ NODES, TYPE "metadata:\n  name: a\n  resourceVersion: '00'\n",
		  own, true },
		{ NODES, TYPE "metadata:\n  name: a\n  uid: u9\n",
		  TYPED "\"metadata\":{\"resourceVersion\":\"5\",\"name\":\"a\","
		  "\"uid\":\"u9\"}}", true },
		/* No object has this version: it creates, or fails when one came meanwhile. */
		{ "/api/v1/nodes/b", TYPE "metadata:\n  name: b\n", creating, true },
		{ "/api/v1/nodes/b", TYPE "metadata:\n  resourceVersion: '9'\n  name: b\n",
		  creating, true },
	};

	ask_new = true;
	for (size_t i = 0; i < array_size(rows); i++) {
		struct admission_case c;

		tap_row(rows[i].body);
		begin(&c, "PATCH", rows[i].target, APPLY, str_from(rows[i].body), "", "5");
		c.dry_code = 200;
		c.dry_body = i < 5 ? RESULT : STR("{\"metadata\":{\"name\":\"b\"}}");
		int_is(admission_case_run(&c), ADMISSION_ALLOW);
		ok(c.r.body_replaced && !c.r.new_content_type.n);
		str_is(strbuf_str(&c.r.new_body), str_from(rows[i].want));
		/* The very bytes that were tried are sent. */
		str_is(strbuf_str(&c.dry_sent), str_from(rows[i].want));
		ok(c.r.again_on_conflict == rows[i].again);
		int_is(c.dry_runs, 1);
		admission_case_fini(&c);
	}
	tap_row(NULL);
}

/* A version that was not read, and yet is there when it is tried: the object is another by now. */
static void test_apply_to_another_version(void)
{
	struct admission_case c;

	ask_new = true;
	begin(&c, "PATCH", NODES, APPLY, STR(TYPE "metadata: {name: a, resourceVersion: '6'}"), "",
	      "5");
	c.dry_code = 200;
	c.dry_body = RESULT;
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, 409);
	str_is(c.r.status.message, STR("Operation cannot be fulfilled on nodes \"a\": the object "
				       "has been modified; please apply your changes to the latest "
				       "version and try again"));
	admission_case_fini(&c);
}

static void test_apply_refused(void)
{
	static const struct {
		int code;
		const char *answer;
		size_t runs;
	} rows[] = {
		{ 422, "fieldManager is required", 1 },
		{ 409, "{\"causes\":[{\"reason\":\"FieldManagerConflict\"}]}", 1 },
		/* The object moved between the read and the try: both again, a few times. */
		{ 409, "{\"message\":\"the object has been modified\"}", ADMISSION_TRIES_MAX },
	};
	struct admission_case c;

	ask_new = true;
	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].answer);
		begin(&c, "PATCH", NODES, APPLY, STR(TYPE "metadata: {name: a}"), "", "5");
		c.dry_code = rows[i].code;
		c.dry_body = str_from(rows[i].answer);
		int_is(admission_case_run(&c), ADMISSION_DENY);
		ok(c.r.raw_answer);
		int_is(c.r.raw_code, rows[i].code);
		str_is(c.r.raw_body, str_from(rows[i].answer));
		int_is(c.dry_runs, rows[i].runs);
		int_is(c.objects_asked, rows[i].runs);
		admission_case_fini(&c);
	}
	tap_row(NULL);
	begin(&c, "PATCH", NODES, APPLY, STR(TYPE "metadata: {name: a}"), "", "5");
	int_is(admission_case_run(&c), ADMISSION_DENY);
	ok(!c.r.raw_answer);
	int_is(c.r.status.code, 503);
	admission_case_fini(&c);
	/* A success that cannot be read must not look like one to the client. */
	begin(&c, "PATCH", NODES, APPLY, STR(TYPE "metadata: {name: a}"), "", "5");
	c.dry_code = 202;
	c.dry_body = STR("accepted");
	int_is(admission_case_run(&c), ADMISSION_DENY);
	ok(!c.r.raw_answer);
	int_is(c.r.status.code, 503);
	admission_case_fini(&c);
	/* What comes back must be the addressed object. */
	begin(&c, "PATCH", NODES, APPLY, STR(TYPE "metadata: {name: a}"), "", "5");
	c.dry_code = 200;
	c.dry_body = STR("{\"metadata\":{\"name\":\"b\"}}");
	int_is(admission_case_run(&c), ADMISSION_DENY);
	int_is(c.r.status.code, 400);
	admission_case_fini(&c);
}

static struct str body_of(json_t *v, struct arena *a)
{
	json_t *text = json_object_get(v, "body"), *coded = json_object_get(v, "bodyBase64");
	json_t *object = json_object_get(v, "bodyObject");
	struct str out = STR_NULL;

	if (json_is_string(text))
		return str_make(json_string_value(text), json_string_length(text));
	if (json_is_string(coded)) {
		ok(base64_decode(str_from(json_string_value(coded)), a, &out) == 0);
		return out;
	}
	if (json_is_object(object) || json_is_array(object)) {
		char *dumped = json_dumps(object, JSON_COMPACT);

		out = arena_str(a, str_from(dumped));
		free(dumped);
	}
	return out;
}

/*
 * The vectors in which a client brings a precondition: it reaches the upstream as it came, whatever
 * was decided on, and so does its 409 or success; or the proxy says the 409 itself.
 */
static void check_vector(json_t *v)
{
	const char *type = json_string_value(json_object_get(v, "contentType"));
	json_int_t status = json_integer_value(json_object_get(v, "status"));
	bool is_apply = type && !strcmp(type, APPLY);
	enum admission_result rc;
	struct admission_case c;
	struct arena a;

	arena_init(&a);
	tap_row(json_string_value(json_object_get(v, "name")));
	begin(&c, json_string_value(json_object_get(v, "method")),
	      json_string_value(json_object_get(v, "path")), type && *type ? type : NULL,
	      body_of(v, &a), "", "");
	json_array_clear(c.objects);
	json_array_extend(c.objects, json_object_get(v, "existing"));
	c.chain.v[0] = &node_restriction_plugin;
	c.dry_code = (int)status;
	c.dry_body = STR("{\"message\":\"as the upstream says\"}");
	rc = admission_case_run(&c);
	if (rc == ADMISSION_DENY)
		int_is(is_apply ? c.r.raw_code : c.r.status.code, status);
	else
		ok(!c.r.again_on_conflict);
	if (rc == ADMISSION_ALLOW && status == 409)
		ok(!c.r.body_replaced && !c.r.query_replaced);
	admission_case_fini(&c);
	arena_fini(&a);
	tap_row(NULL);
}

static void test_vectors(void)
{
	json_t *root = json_load_file(tap_data("noderestriction.json"), JSON_ALLOW_NUL, NULL);
	json_t *list = json_object_get(root, "vectors");
	size_t seen = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *v = json_array_get(list, i);

		if (strncmp(json_string_value(json_object_get(v, "name")), "precondition-", 13))
			continue;
		check_vector(v);
		seen++;
	}
	int_is(seen, 9);
	json_decref(root);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_put), TAP(test_yaml_is_converted), TAP(test_merge), TAP(test_json_patch),
		TAP(test_json_patch_spellings), TAP(test_patches_that_cannot_be_bound),
		TAP(test_eviction), TAP(test_delete_body), TAP(test_delete_query),
		TAP(test_delete_query_of_many), TAP(test_apply_to_another_version),
		TAP(test_protobuf), TAP(test_protobuf_tails), TAP(test_apply),
		TAP(test_apply_refused), TAP(test_vectors), TAP_END
	};

	return tap_main(tests);
}
