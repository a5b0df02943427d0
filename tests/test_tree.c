/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical trees, and the readers that refuse what two readers could read in two ways. */
#include "config.h"

#include "codec/tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/json.h"
#include "codec/quantity.h"
#include "tests/tap.h"

static json_t *vectors(void)
{
	return json_load_file(tap_data("protobuf.json"), JSON_ALLOW_NUL, NULL);
}

static struct str from_hex(const char *hex)
{
	size_t n = strlen(hex) / 2;
	char *p = xmalloc(n + 1);

	for (size_t i = 0; i < n; i++)
		sscanf(hex + 2 * i, "%2hhx", (unsigned char *)&p[i]);
	return str_make(p, n);
}

static struct str member(const json_t *v, const char *name)
{
	return str_from(json_string_value(json_object_get(v, name)));
}

/* The message that a body is read as at the endpoint "version Kind"; NULL: unknown. */
static const struct schema_message *message_of(const struct object_envelope *e,
					       const char *endpoint)
{
	struct str version, kind, rest = str_from(endpoint);
	ptrdiff_t slash = str_find(e->api_version, '/', 0);

	str_next(&rest, ' ', &version);
	str_next(&rest, ' ', &kind);
	if (e->api_version.n &&
	    (slash < 0 || str_find(e->api_version, '/', (size_t)slash + 1) < 0))
		version = e->api_version;
	return schema_kind_find(version, e->kind.n ? e->kind : kind);
}

static int protobuf_tree(struct str body, const char *endpoint, json_t **out)
{
	const struct schema_message *m;
	struct object_envelope e;
	struct object_cursor c;
	int rc = object_envelope_read(body, &e);

	*out = NULL;
	if (rc < 0)
		return rc;
	m = message_of(&e, endpoint);
	if (!m)
		return ERR_NOT_FOUND;
	object_cursor_protobuf(&c, m, e.raw.p, e.raw.n);
	return object_tree(&c, out);
}

static int json_tree(const struct schema_message *m, json_t *v, json_t **out)
{
	struct object_cursor c;

	object_cursor_json(&c, m, v);
	return object_tree(&c, out);
}

static void check_same(json_t *got, json_t *want)
{
	if (ok(got && json_equal(got, want)))
		return;
	char *g = json_dumps(got, JSON_SORT_KEYS), *w = json_dumps(want, JSON_SORT_KEYS);

	tap_note("got  %s", g ? g : "nothing");
	tap_note("want %s", w);
	free(g);
	free(w);
}

/* One tree from protobuf and from JSON, and from the tree itself. */
static void check_vector(const json_t *v)
{
	const char *endpoint = json_string_value(json_object_get(v, "endpoint"));
	struct str body = from_hex(json_string_value(json_object_get(v, "hex")));
	json_t *object = json_object_get(v, "object"), *got, *want, *again;
	const struct schema_message *m;
	int rc = protobuf_tree(body, endpoint ? endpoint : " ", &got);

	if (!object) {
		ok(rc < 0);
	} else if (int_is(rc, 0)) {
		m = schema_kind_find(member(object, "apiVersion"), member(object, "kind"));
		int_is(json_tree(m, object, &want), 0);
		check_same(got, want);
		int_is(json_tree(m, got, &again), 0);
		check_same(again, got);
		json_decref(want);
		json_decref(again);
	}
	json_decref(got);
	free((char *)body.p);
}

static void test_vectors(void)
{
	json_t *all = vectors(), *v;
	size_t i;

	int_is(json_array_size(json_object_get(all, "decode")), 88);
	int_is(json_array_size(json_object_get(all, "encode")), 6);
	json_array_foreach(json_object_get(all, "decode"), i, v) {
		tap_row(json_string_value(json_object_get(v, "name")));
		check_vector(v);
	}
	json_array_foreach(json_object_get(all, "encode"), i, v) {
		tap_row(json_string_value(json_object_get(v, "name")));
		check_vector(v);
	}
	json_decref(all);
}

static int check_strict(struct str body, const char *endpoint, const char **why)
{
	struct object_envelope e;
	const struct schema_message *m;
	struct str envelope = str_skip(body, OBJECT_MAGIC.n);
	int rc;

	*why = "envelope";
	if (object_envelope_read(body, &e) < 0)
		return ERR_SYNTAX;
	rc = protobuf_check_strict(schema_message_find("runtime.Unknown"), envelope.p, envelope.n,
				   why);
	if (rc < 0)
		return rc;
	m = message_of(&e, endpoint);
	*why = "another kind";
	if (!m || (e.kind.n && !str_has_suffix(str_from(endpoint), e.kind)))
		return ERR_SYNTAX;
	return protobuf_check_strict(m, e.raw.p, e.raw.n, why);
}

static bool is_named(const json_t *list, const char *name)
{
	json_t *v;
	size_t i;

	json_array_foreach((json_t *)list, i, v)
		if (!strcmp(json_string_value(v), name))
			return true;
	return false;
}

/* Of the pod volumes the strict profile also refuses what a newer upstream may know. */
static const char *const refused_besides[] = {
	"pod-volume-source-unknown", "pod-projected-unknown",
};

static bool is_refused_besides(const char *name)
{
	for (size_t i = 0; i < array_size(refused_besides); i++)
		if (!strcmp(name, refused_besides[i]))
			return true;
	return false;
}

static void test_strict_vectors(void)
{
	json_t *all = vectors(), *refuses = json_object_get(all, "strictRefuses"), *v;
	size_t i, refused = 0;

	json_array_foreach(json_object_get(all, "decode"), i, v) {
		const char *name = json_string_value(json_object_get(v, "name")), *why = NULL;
		struct str body = from_hex(json_string_value(json_object_get(v, "hex")));
		int rc = check_strict(body, json_string_value(json_object_get(v, "endpoint")),
				      &why);
		bool listed = is_named(refuses, name);

		tap_row(name);
		if (listed || !json_object_get(v, "object") || is_refused_besides(name))
			ok(rc == ERR_SYNTAX && why);
		else if (!int_is(rc, 0))
			tap_note("%s", why);
		refused += listed;
		free((char *)body.p);
	}
	int_is(refused, 35);
	json_decref(all);
}

/* What clients write is not refused. */
static void test_strict_accepts_encodings(void)
{
	json_t *all = vectors(), *v;
	size_t i;

	json_array_foreach(json_object_get(all, "encode"), i, v) {
		json_t *object = json_object_get(v, "object");
		struct str body = from_hex(json_string_value(json_object_get(v, "hex")));
		struct strbuf endpoint = STRBUF_INIT;
		const char *why;

		tap_row(json_string_value(json_object_get(v, "name")));
		strbuf_addf(&endpoint, "%s %s", member(object, "apiVersion").p,
			    member(object, "kind").p);
		int_is(check_strict(body, endpoint.p, &why), 0);
		strbuf_fini(&endpoint);
		free((char *)body.p);
	}
	json_decref(all);
}

/* Bytes of a message that no vector has. */
static void test_strict_bytes(void)
{
	static const struct { const char *message, *hex; bool fine; } rows[] = {
		{ "core.v1.NodeSpec", "2001", true },
		{ "core.v1.NodeSpec", "2081808000", false },		/* padded */
		{ "core.v1.PodSpec", "c80180808080f8ffffffff01", true },	/* -2^31 */
		{ "core.v1.PodSpec", "c8018080808008", false },	/* 2^31: not an int32 */
		{ "core.v1.PodSpec", "20ffffffffffffffffff01", true },
		{ "core.v1.PodSpec", "20ffffffffffffffffff03", false },	/* bit 64 */
		{ "core.v1.PodSecurityContext", "20012002", true },
		{ "core.v1.PodSecurityContext", "22020102", false },	/* packed */
		{ "core.v1.Volume", "0a01761202ea0100", false },	/* cut off */
		{ "core.v1.Volume", "0a0176120312001200", false },
		{ "meta.v1.ObjectMeta", "5a060a016112016162060a016112016a", true },
		{ "meta.v1.ObjectMeta", "5a060a01611201615a060a016112016a", false },
		{ "meta.v1.ObjectMeta", "5a060a0161120100", false },	/* U+0000 */
		{ "meta.v1.ObjectMeta", "f8ffffff0f00", true },		/* the last number */
		{ "meta.v1.ObjectMeta", "808080801000", false },	/* one beyond */
		{ "meta.v1.ObjectMeta", "a10601020304050607", false },
		{ "meta.v1.ObjectMeta", "a506010203", false },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct str s = from_hex(rows[i].hex);
		const char *why = NULL;
		int rc;

		tap_row(rows[i].hex);
		rc = protobuf_check_strict(schema_message_find(rows[i].message), s.p, s.n, &why);
		ok((rc == 0) == rows[i].fine && (rc == 0) == !why);
		free((char *)s.p);
	}
}

static int canonical(const char *message, const char *text, char **out)
{
	json_t *v = NULL, *tree = NULL;
	int rc = json_read(str_from(text), &v, NULL);

	if (!rc)
		rc = json_tree(schema_message_find(message), v, &tree);
	*out = tree ? json_dumps(tree, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
	json_decref(tree);
	json_decref(v);
	return rc;
}

static void test_forms(void)
{
	static const struct { const char *message, *text, *tree; } rows[] = {
		/* Zero values go, but for pointers; unknown members go. */
		{ "core.v1.NodeSpec", "{\"podCIDR\":\"\",\"unschedulable\":false,\"taints\":[],"
		  "\"configSource\":{},\"Taints\":[1],\"other\":{}}", "{\"configSource\":{}}" },
		{ "core.v1.NodeSpec", "{\"configSource\":null,\"taints\":null}", "{}" },
		{ "meta.v1.OwnerReference", "{\"uid\":\"\",\"controller\":false}",
		  "{\"controller\":false}" },
		{ "core.v1.PodSpec", "{\"terminationGracePeriodSeconds\":0,\"containers\":"
		  "[{\"resources\":{}},null]}",
		  "{\"containers\":[{},{}],\"terminationGracePeriodSeconds\":0}" },
		{ "meta.v1.ObjectMeta", "{\"labels\":{\"a\":\"\",\"b\":null},\"annotations\":{},"
		  "\"finalizers\":[\"\",null]}",
		  "{\"finalizers\":[\"\",\"\"],\"labels\":{\"a\":\"\",\"b\":\"\"}}" },
		/* Inlined messages stand in their parent. */
		{ "core.v1.Volume", "{\"name\":\"v\",\"emptyDir\":{}}",
		  "{\"emptyDir\":{},\"name\":\"v\"}" },
		/* Times by instant. */
		{ "core.v1.Taint", "{\"timeAdded\":\"2026-01-02T04:04:05+01:00\"}",
		  "{\"timeAdded\":\"2026-01-02T03:04:05Z\"}" },
		{ "core.v1.Taint", "{\"timeAdded\":\"2026-01-02T03:04:05.500Z\"}",
		  "{\"timeAdded\":\"2026-01-02T03:04:05.5Z\"}" },
		{ "core.v1.Taint", "{\"timeAdded\":\"0001-01-01T00:00:00Z\"}",
		  "{\"timeAdded\":\"0001-01-01T00:00:00Z\"}" },
		{ "meta.v1.ObjectMeta", "{\"creationTimestamp\":\"0001-01-01T00:00:00Z\"}", "{}" },
		{ "coordination.v1.LeaseSpec", "{\"renewTime\":\"2026-01-02T03:04:05Z\"}",
		  "{\"renewTime\":\"2026-01-02T03:04:05.000000Z\"}" },
		/* Quantities by value. */
		{ "core.v1.ResourceRequirements", "{\"limits\":{\"a\":\"2Gi\",\"b\":\"2048Mi\","
		  "\"c\":2,\"d\":0.1,\"e\":\"0\"}}",
		  "{\"limits\":{\"a\":\"2147483648\",\"b\":\"2147483648\",\"c\":\"2\","
		  "\"d\":\"1e-1\",\"e\":\"0\"}}" },
		{ "core.v1.ServicePort", "{\"targetPort\":0}", "{}" },
		{ "core.v1.ServicePort", "{\"targetPort\":\"\"}", "{\"targetPort\":\"\"}" },
		{ "meta.v1.ManagedFieldsEntry", "{\"fieldsV1\":{\"f:a\":{},\"x\":[1]}}",
		  "{\"fieldsV1\":{\"f:a\":{},\"x\":[1]}}" },
		{ "authentication.v1.UserInfo", "{\"extra\":{\"k\":[\"a\"],\"l\":null}}",
		  "{\"extra\":{\"k\":[\"a\"],\"l\":[]}}" },
		{ "core.v1.Secret", "{\"data\":{\"a\":\"aG\\nk=\",\"b\":\"\"}}",
		  "{\"data\":{\"a\":\"aGk=\",\"b\":\"\"}}" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		char *tree;

		tap_row(rows[i].text);
		if (int_is(canonical(rows[i].message, rows[i].text, &tree), 0))
			cstr_is(tree, rows[i].tree);
		free(tree);
	}
}

static void test_errors(void)
{
	static const struct { const char *message, *text; } rows[] = {
		{ "core.v1.Taint", "{\"key\":1}" },
		{ "core.v1.Taint", "{\"timeAdded\":\"yesterday\"}" },
		{ "core.v1.Taint", "{\"timeAdded\":\"0000-01-01T00:00:00+01:00\"}" },
		{ "core.v1.NodeSpec", "{\"taints\":{}}" },
		{ "core.v1.ResourceRequirements", "{\"limits\":{\"a\":\"2Gx\"}}" },
		{ "core.v1.ResourceRequirements", "{\"limits\":{\"a\":true}}" },
		{ "core.v1.Secret", "{\"data\":{\"a\":\"?\"}}" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		char *tree;

		tap_row(rows[i].text);
		int_is(canonical(rows[i].message, rows[i].text, &tree), ERR_SYNTAX);
		free(tree);
	}
}

/* A small body can hold very many values. */
static void test_room(void)
{
	const size_t n = TREE_VALUES_MAX + 1;
	char *p = xcalloc(n, 2);
	struct object_cursor c;
	json_t *tree;

	for (size_t i = 0; i < n; i++)
		p[2 * i] = 0x72;	/* finalizers: "" */
	object_cursor_protobuf(&c, schema_message_find("meta.v1.ObjectMeta"), p, 2 * n);
	int_is(object_tree(&c, &tree), ERR_LIMIT);
	ok(!tree);
	object_cursor_protobuf(&c, schema_message_find("meta.v1.ObjectMeta"), p, 2 * (n - 1));
	int_is(object_tree(&c, &tree), 0);
	int_is(json_array_size(json_object_get(tree, "finalizers")), n - 1);
	json_decref(tree);
	free(p);
}

static void test_quantities(void)
{
	static const struct { const char *text, *want; } rows[] = {
		{ "0", "0" }, { "-0", "0" }, { "0Ki", "0" }, { "00.50", "5e-1" },
		{ "500m", "5e-1" }, { "1", "1" }, { "+1k", "1e3" }, { "1e3", "1e3" },
		{ "1E3", "1e3" }, { "1E", "1e18" }, { "-1.5Ki", "-1536" }, { ".5", "5e-1" },
		{ "5.", "5" }, { "0.5Gi", "536870912" }, { "1e-9", "1e-9" }, { "0.1n", "1e-9" },
		{ "1.0000000001", "1000000001e-9" }, { "-1e-12", "-1e-9" },
		{ "1Ei", "1152921504606846976" },
		{ "9Ei", "9223372036854775807" }, { "100Ei", "9223372036854775807" },
		{ "-100Ei", "-9223372036854775807" }, { "1e99", "1e99" }, { "1e-99", "1e-9" },
		{ "1000000000000000000000", "1e21" }, { " 1 ", "1" },
		/* Too long to compute with. */
		{ "1e1001", "1e1001" },
		{ "3402823669209384634633746074317682114560",
		  "3402823669209384634633746074317682114560" },
	};
	static const char *const wrong[] = {
		"", " ", ".", "-", "x", "1x", "1 k", "1ki", "1KI", "1e", "1e+", "1e1.5", "1.2.3",
		"1iK", "0x10", "1Kii", "--1",
	};
	struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].text);
		strbuf_clear(&b);
		int_is(quantity_canonical(str_from(rows[i].text), &b), 0);
		str_is(strbuf_str(&b), str_from(rows[i].want));
	}
	for (size_t i = 0; i < array_size(wrong); i++) {
		tap_row(wrong[i]);
		int_is(quantity_canonical(str_from(wrong[i]), &b), ERR_SYNTAX);
	}
	strbuf_fini(&b);
}

static void test_json_strict(void)
{
	static const struct { const char *text; int want; } rows[] = {
		{ "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"Kind\":1}}", 0 },
		{ "{\"a\":\"\xc3\xa4\",\"b\":[1,-2,1.5,null]}", 0 },
		{ " [] ", 0 }, { "null", 0 },
		{ "{\"a\":1,\"a\":1}", ERR_SYNTAX },
		{ "{\"x\":{\"a\":1,\"\\u0061\":2}}", ERR_SYNTAX },
		{ "{\"x\":[{\"a\":1,\"a\":2}]}", ERR_SYNTAX },
		{ "{\"Kind\":\"Node\"}", ERR_SYNTAX },
		{ "{\"KIND\":\"Node\"}", ERR_SYNTAX },
		{ "{\"\xe2\x84\xaaind\":\"Node\"}", ERR_SYNTAX },
		{ "{\"\\u212aind\":\"Node\"}", ERR_SYNTAX },
		{ "{\"apiversion\":\"v1\"}", ERR_SYNTAX },
		{ "{\"apiVer\xc5\xbfion\":\"v1\"}", ERR_SYNTAX },
		{ "{\"kinds\":1,\"kin\":1,\"apiVersions\":1,\"\":1}", 0 },
		{ "{\"a\":\"\\u0000\"}", ERR_SYNTAX }, { "{\"\\u0000\":1}", ERR_SYNTAX },
		{ "{\"a\":\"\xff\"}", ERR_SYNTAX }, { "{\"a\":\"\\ud800\"}", ERR_SYNTAX },
		{ "\xef\xbb\xbf{}", ERR_SYNTAX }, { "{} {}", ERR_SYNTAX }, { "{},", ERR_SYNTAX },
		{ "", ERR_SYNTAX }, { "{'a':1}", ERR_SYNTAX }, { "{\"a\":01}", ERR_SYNTAX },
		{ "{\"a\":NaN}", ERR_SYNTAX }, { "{\"a\":1,}", ERR_SYNTAX },
		{ "{\"a\":1e999}", ERR_SYNTAX }, { "{\"a\":18446744073709551616}", ERR_SYNTAX },
		{ "{\"a\":\"\t\"}", ERR_SYNTAX }, { "{} // end", ERR_SYNTAX },
	};
	const char *why;
	json_t *v;

	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].text);
		int_is(json_read_strict(str_from(rows[i].text), &v, &why), rows[i].want);
		ok(rows[i].want ? !v && why : v && !why);
		json_decref(v);
	}
}

static void test_json_strict_bounds(void)
{
	struct strbuf b = STRBUF_INIT;
	const char *why;
	json_t *v;

	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		strbuf_add_char(&b, '[');
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		strbuf_add_char(&b, ']');
	int_is(json_read_strict(strbuf_str(&b), &v, &why), 0);
	json_decref(v);
	strbuf_add_char(&b, ']');
	b.p[JSON_DEPTH_MAX] = '[';
	int_is(json_read_strict(strbuf_str(&b), &v, &why), ERR_LIMIT);
	ok(!v && why);
	int_is(json_read_strict(STR("[\0]"), &v, &why), ERR_SYNTAX);
	strbuf_fini(&b);
}

/* As many values as may be, and one more; what stands in strings is none. */
static void test_strict_counts(void)
{
	const size_t n = STRICT_VALUES_MAX;
	const struct schema_message *m = schema_message_find("meta.v1.ObjectMeta");
	char *fields = xcalloc(n + 1, 2);
	struct strbuf b = STRBUF_INIT;
	const char *why;
	json_t *v;

	strbuf_add_cstr(&b, "[\",,[{\\\",\"");
	for (size_t i = 0; i < n - 2; i++)
		strbuf_add_cstr(&b, ",1");
	strbuf_add_char(&b, ']');
	int_is(json_read_strict(strbuf_str(&b), &v, &why), 0);
	int_is(json_array_size(v), n - 1);
	json_decref(v);
	b.p[b.n - 1] = ',';
	strbuf_add_cstr(&b, "1]");
	int_is(json_read_strict(strbuf_str(&b), &v, &why), ERR_LIMIT);
	cstr_is(why, "the JSON body is too deeply nested or has too many values");
	strbuf_fini(&b);
	for (size_t i = 0; i <= n; i++)
		fields[2 * i] = 0x72;	/* finalizers: "" */
	int_is(protobuf_check_strict(m, fields, 2 * n, &why), 0);
	int_is(protobuf_check_strict(m, fields, 2 * (n + 1), &why), ERR_SYNTAX);
	cstr_is(why, "the protobuf body has too many fields");
	free(fields);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_vectors), TAP(test_strict_vectors), TAP(test_strict_accepts_encodings),
		TAP(test_strict_bytes), TAP(test_forms), TAP(test_errors),
		TAP(test_room), TAP(test_quantities), TAP(test_json_strict),
		TAP(test_json_strict_bounds), TAP(test_strict_counts), TAP_END,
	};

	return tap_main(tests);
}
