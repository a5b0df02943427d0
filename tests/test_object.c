/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object reader.  A walk turns what the reader yields into a tree keyed by field numbers, as
 * the upstream's decoder would build it; the same object as protobuf and as JSON gives one tree.
 */
#include "config.h"

#include "codec/object.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "codec/fields.h"
#include "codec/json.h"
#include "tests/tap.h"

static int walk(struct object_cursor *c, json_t *into);

/* Text as JSON shows it: malformed bytes are U+FFFD. */
static json_t *text_json(struct str s)
{
	struct strbuf b = STRBUF_INIT;
	json_t *v;

	strbuf_add(&b, "", 0);
	for (size_t i = 0; i < s.n;) {
		uint32_t rune;
		size_t n = utf8_decode(s.p + i, s.n - i, &rune);

		strbuf_add(&b, n ? s.p + i : "\xef\xbf\xbd", n ? n : 3);
		i += n ? n : 1;
	}
	v = json_stringn(b.p ? b.p : "", b.n);
	strbuf_fini(&b);
	return v;
}

static int walk_message(const struct object_field *f, json_t *into)
{
	struct object_cursor sub;

	object_enter(f, &sub);
	return walk(&sub, into);
}

static json_t *bytes_json(const struct object_field *f)
{
	struct arena a;
	struct str bytes;
	json_t *v = NULL;

	arena_init(&a);
	if (ok(object_bytes(f, &a, &bytes) == 0))
		v = text_json(bytes);
	arena_fini(&a);
	return v;
}

/* A new value of the field; a message is read over `old` (owned here), if there is one. */
static int value_json(const struct object_field *f, enum schema_type type, json_t *old, json_t **v)
{
	int rc = 0;

	*v = NULL;
	if (type == SCHEMA_MESSAGE) {
		*v = old ? json_incref(old) : json_object();
		rc = walk_message(f, *v);
	} else if (type == SCHEMA_BYTES) {
		*v = bytes_json(f);
	} else if (f->type == OBJECT_INT) {
		*v = json_integer(f->integer);
	} else if (f->type == OBJECT_BOOL) {
		*v = json_boolean(f->integer);
	} else if (f->type == OBJECT_DOUBLE) {
		*v = json_real(f->real);
	} else {
		*v = text_json(f->text);
	}
	return rc;
}

static int add_to_list(json_t *into, const char *key, const struct object_field *f,
		       enum schema_type type)
{
	json_t *list = json_object_get(into, key), *v;
	int rc = value_json(f, type, NULL, &v);

	if (!list) {
		list = json_array();
		json_object_set_new(into, key, list);
	}
	json_array_append_new(list, v);
	return rc;
}

static int add_to_map(json_t *into, const char *key, const struct object_field *f,
		      enum schema_type type)
{
	json_t *map = json_object_get(into, key), *v;
	char *name = xmemdup0(f->key.p, f->key.n);
	int rc = value_json(f, type, NULL, &v);

	if (!map) {
		map = json_object();
		json_object_set_new(into, key, map);
	}
	json_object_set_new(map, name, v);
	free(name);
	return rc;
}

static bool is_empty(const json_t *v)
{
	return json_is_false(v) || (json_is_string(v) && !json_string_length(v)) ||
	       (json_is_integer(v) && !json_integer_value(v)) ||
	       (json_is_object(v) && !json_object_size(v));
}

/* What is empty and no pointer may be written or left out: it is left out here. */
static int walk(struct object_cursor *c, json_t *into)
{
	struct object_field f;
	char key[12];
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		const struct schema_field *s = schema_field_by_number(c->message, f.number);
		json_t *v;

		snprintf(key, sizeof(key), "%u", (unsigned)f.number);
		if (c->message->special == SCHEMA_TIME && f.number == 2)
			continue;	/* Time has no fractions */
		if (s->repeated) {
			rc = add_to_list(into, key, &f, s->type);
		} else if (s->type == SCHEMA_MAP) {
			rc = add_to_map(into, key, &f, s->map_value);
		} else {
			rc = value_json(&f, s->type, json_object_get(into, key), &v);
			json_object_set_new(into, key, v);
			if (is_empty(v) && !s->pointer)
				json_object_del(into, key);
		}
		if (rc < 0)
			return rc;
	}
	return rc;
}

static struct str from_hex(const char *hex)
{
	size_t n = strlen(hex) / 2;
	char *p = xmalloc(n);

	for (size_t i = 0; i < n; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], 0 };

		p[i] = (char)strtol(pair, NULL, 16);
	}
	return str_make(p, n);
}

static size_t str_count(struct str s, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

/* Reads a body as the endpoint of "version Kind" does. */
static int read_body(struct str body, const char *endpoint, json_t *into, json_t *types)
{
	struct str version, kind, rest = str_from(endpoint);
	struct object_envelope env;
	struct object_cursor c;
	int rc = object_envelope_read(body, &env);

	if (rc < 0)
		return rc;
	str_next(&rest, ' ', &version);
	str_next(&rest, ' ', &kind);
	/* An apiVersion that does not parse, with two slashes, is the endpoint's, too. */
	if (env.api_version.n && str_count(env.api_version, '/') < 2)
		version = env.api_version;
	kind = env.kind.n ? env.kind : kind;
	json_object_set_new(types, "apiVersion", text_json(version));
	json_object_set_new(types, "kind", text_json(kind));
	if (!schema_kind_find(version, kind))
		return ERR_NOT_FOUND;
	object_cursor_protobuf(&c, schema_kind_find(version, kind), env.raw.p, env.raw.n);
	return walk(&c, into);
}

static void check_same(json_t *got, json_t *want)
{
	if (ok(json_equal(got, want)))
		return;
	char *g = json_dumps(got, JSON_SORT_KEYS), *w = json_dumps(want, JSON_SORT_KEYS);

	tap_note("got  %s", g);
	tap_note("want %s", w);
	free(g);
	free(w);
}

static json_t *walk_json(const struct schema_message *m, json_t *object)
{
	struct object_cursor c;
	json_t *tree = json_object();

	object_cursor_json(&c, m, object);
	int_is(walk(&c, tree), 0);
	return tree;
}

static struct str member(const json_t *object, const char *name)
{
	return str_from(json_string_value(json_object_get(object, name)));
}

static void check_vector(json_t *v)
{
	const char *endpoint = json_string_value(json_object_get(v, "endpoint"));
	struct str body = from_hex(json_string_value(json_object_get(v, "hex")));
	json_t *object = json_object_get(v, "object"), *got = json_object(), *types = json_object();
	json_t *want;
	int rc = read_body(body, endpoint, got, types);

	if (!object) {
		ok(rc < 0);
	} else if (int_is(rc, 0)) {
		struct str version = member(object, "apiVersion"), kind = member(object, "kind");

		want = walk_json(schema_kind_find(version, kind), object);
		str_is(member(types, "kind"), kind);
		check_same(got, want);
		json_decref(want);
	}
	json_decref(got);
	json_decref(types);
	free((char *)body.p);
}

static void test_vectors(void)
{
	json_t *all = json_load_file(tap_data("protobuf.json"), JSON_ALLOW_NUL, NULL), *v;
	size_t i;

	if (!ok(json_array_size(json_object_get(all, "decode")) == 88))
		return;
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

/* Walks the JSON text as that message: the result, and the tree as text. */
static int walk_text(const char *message, const char *text, char **tree)
{
	json_t *v = NULL, *into = json_object();
	struct object_cursor c;
	int rc = json_read(str_from(text), &v, NULL);

	if (!rc) {
		object_cursor_json(&c, schema_message_find(message), v);
		rc = walk(&c, into);
	}
	*tree = json_dumps(into, JSON_SORT_KEYS | JSON_COMPACT);
	json_decref(into);
	json_decref(v);
	return rc;
}

static void test_json_forms(void)
{
	static const struct { const char *message, *text, *tree; } rows[] = {
		{ "meta.v1.ObjectMeta", "{\"name\":null,\"namespace\":\"n\",\"Name\":\"x\"}",
		  "{\"3\":\"n\"}" },
		{ "meta.v1.ObjectMeta", "{\"labels\":{\"a\":null,\"b\":\"\"}}",
		  "{\"11\":{\"a\":\"\",\"b\":\"\"}}" },
		{ "meta.v1.ObjectMeta", "{\"finalizers\":[\"a\",null],\"labels\":{}}",
		  "{\"14\":[\"a\",\"\"]}" },
		{ "meta.v1.ObjectMeta", "{\"ownerReferences\":[null,{\"uid\":\"u\"}]}",
		  "{\"13\":[{},{\"4\":\"u\"}]}" },
		{ "meta.v1.ObjectMeta", "{\"creationTimestamp\":\"1970-01-02T00:00:01+01:00\"}",
		  "{\"8\":{\"1\":82801}}" },
		{ "meta.v1.ObjectMeta", "{\"managedFields\":[{\"fieldsV1\":{\"f:a\":{}}}]}",
		  "{\"17\":[{\"7\":{}}]}" },
		{ "coordination.v1.LeaseSpec", "{\"renewTime\":\"2000-02-29T12:00:00.0000015Z\"}",
		  "{\"4\":{\"1\":951825600,\"2\":1500}}" },
		{ "core.v1.Volume", "{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}",
		  "{\"1\":\"v\",\"2\":{\"6\":{\"1\":\"s\"}}}" },
		{ "core.v1.Volume", "{\"volumeSource\":{\"secret\":{}}}", "{}" },
		{ "core.v1.ResourceRequirements", "{\"limits\":{\"cpu\":2,\"memory\":\"1Gi\"}}",
		  "{\"1\":{\"cpu\":{\"1\":2},\"memory\":{\"1\":\"1Gi\"}}}" },
		{ "core.v1.ServicePort", "{\"targetPort\":80}", "{\"4\":{\"2\":80}}" },
		{ "core.v1.ServicePort", "{\"targetPort\":\"http\"}",
		  "{\"4\":{\"1\":1,\"3\":\"http\"}}" },
		{ "authentication.v1.UserInfo", "{\"extra\":{\"k\":[\"a\",\"b\"],\"l\":[]}}",
		  "{\"4\":{\"k\":{\"1\":[\"a\",\"b\"]},\"l\":{}}}" },
		{ "core.v1.Secret", "{\"data\":{\"a\":\"aGk=\",\"b\":\"aG\\nk=\",\"c\":\"\"}}",
		  "{\"2\":{\"a\":\"hi\",\"b\":\"hi\",\"c\":\"\"}}" },
		{ "core.v1.PodSecurityContext", "{\"supplementalGroups\":[1,2]}", "{\"4\":[1,2]}" },
		{ "core.v1.PodSpec", "{\"priority\":-2147483648,\"odd\":99999999999999999999}",
		  "{\"25\":-2147483648}" },
		{ "rbac.v1.PolicyRule", "{\"verbs\":null,\"apiGroups\":[\"a\\u0000b\"]}",
		  "{\"2\":[\"a\\u0000b\"]}" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		char *tree;

		tap_row(rows[i].text);
		int_is(walk_text(rows[i].message, rows[i].text, &tree), 0);
		cstr_is(tree, rows[i].tree);
		free(tree);
	}
}

static void test_json_wrong_types(void)
{
	static const struct { const char *message, *text; } rows[] = {
		{ "meta.v1.ObjectMeta", "{\"name\":1}" },
		{ "meta.v1.ObjectMeta", "{\"name\":{}}" },
		{ "meta.v1.ObjectMeta", "{\"labels\":[]}" },
		{ "meta.v1.ObjectMeta", "{\"labels\":{\"a\":1}}" },
		{ "meta.v1.ObjectMeta", "{\"finalizers\":\"a\"}" },
		{ "meta.v1.ObjectMeta", "{\"finalizers\":[1]}" },
		{ "meta.v1.ObjectMeta", "{\"finalizers\":{}}" },
		{ "meta.v1.ObjectMeta", "{\"generation\":\"1\"}" },
		{ "meta.v1.ObjectMeta", "{\"generation\":1.5}" },
		{ "meta.v1.ObjectMeta", "{\"generation\":99999999999999999999}" },
		{ "meta.v1.ObjectMeta", "{\"creationTimestamp\":1}" },
		{ "meta.v1.ObjectMeta", "{\"creationTimestamp\":\"2000-02-30T12:00:00Z\"}" },
		{ "meta.v1.ObjectMeta", "{\"creationTimestamp\":\"2000-02-28T12:00:00\"}" },
		{ "meta.v1.ObjectMeta", "{\"creationTimestamp\":\"2000-02-28T12:00:00.Z\"}" },
		{ "meta.v1.ObjectMeta", "{\"creationTimestamp\":\"\"}" },
		{ "core.v1.PodSpec", "{\"priority\":2147483648}" },
		{ "core.v1.PodSpec", "{\"hostPID\":\"true\"}" },
		{ "core.v1.Pod", "{\"spec\":[]}" },
		{ "core.v1.Pod", "{\"spec\":\"\"}" },
		{ "core.v1.Pod", "[]" },
		{ "core.v1.Pod", "null" },
		{ "core.v1.ServicePort", "{\"targetPort\":[]}" },
		{ "authentication.v1.UserInfo", "{\"extra\":{\"k\":\"a\"}}" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		char *tree;

		tap_row(rows[i].text);
		int_is(walk_text(rows[i].message, rows[i].text, &tree), ERR_SYNTAX);
		free(tree);
	}
}

static void test_base64_errors(void)
{
	static const char *const bad[] = { "a", "aG", "aGk", "aGk=x", "aGk==", "aGk=aGk=", "=",
					   "a===", "aG k", "-_==" };

	for (size_t i = 0; i < array_size(bad); i++) {
		struct object_field f = { .is_json = true, .text = str_from(bad[i]) };
		struct arena a;
		struct str out;

		tap_row(bad[i]);
		arena_init(&a);
		int_is(object_bytes(&f, &a, &out), ERR_SYNTAX);
		arena_fini(&a);
	}
}

static void test_packed_numbers(void)
{
	/* supplementalGroups 5, 1 unpacked, 2 and 300 packed, an empty pack, 7 unpacked */
	static const char bytes[] = "\x20\x01\x22\x03\x02\xac\x02\x22\x00\x20\x07";
	static const char cut[] = "\x22\x02\x01\xac";
	const struct schema_message *m = schema_message_find("core.v1.PodSecurityContext");
	struct object_cursor c;
	struct object_field f;
	json_t *tree = json_object();
	char *text;

	object_cursor_protobuf(&c, m, bytes, sizeof(bytes) - 1);
	int_is(walk(&c, tree), 0);
	text = json_dumps(tree, JSON_COMPACT);
	cstr_is(text, "{\"4\":[1,2,300,7]}");
	free(text);
	json_decref(tree);
	object_cursor_protobuf(&c, m, cut, sizeof(cut) - 1);
	int_is(object_next(&c, &f), 1);
	int_is(object_next(&c, &f), ERR_SYNTAX);
	/* A pack that is longer than the message, once used with a length that was never read. */
	object_cursor_protobuf(&c, m, cut, sizeof(cut) - 2);
	int_is(object_next(&c, &f), ERR_SYNTAX);
	int_is(object_next(&c, &f), ERR_SYNTAX);
}

static void test_wire_details(void)
{
	static const struct {
		const char *name;
		struct str bytes;
		int rc;
		int64_t integer;
	} rows[] = {
		{ "low 32 bits", STR("\xc8\x01\x85\x80\x80\x80\x10"), 1, 5 },
		{ "negative", STR("\xc8\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 1, -1 },
		{ "five bytes", STR("\xc8\x01\xff\xff\xff\xff\x0f"), 1, -1 },
		{ "64 bits", STR("\x20\x85\x80\x80\x80\x10"), 1, 5 + ((int64_t)1 << 32) },
		{ "a pack where no list is", STR("\xca\x01\x01\x05"), 0, 0 },
		{ "fixed where a varint is", STR("\xcd\x01\x05\x00\x00\x00"), 0, 0 },
		{ "end of group, then a group", STR("\x84\x7d\x83\x7d"), 0, 0 },
		{ "cut fixed 64", STR("\x81\x7d\x01\x02\x03\x04"), 0, 0 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct object_cursor c;
		struct object_field f;

		tap_row(rows[i].name);
		object_cursor_protobuf(&c, schema_message_find("core.v1.PodSpec"), rows[i].bytes.p,
				       rows[i].bytes.n);
		int_is(object_next(&c, &f), rows[i].rc ? 1 : ERR_SYNTAX);
		if (rows[i].rc)
			int_is(f.integer, rows[i].integer);
	}
}

static void test_errors_are_sticky(void)
{
	/* name as a varint, then a good one */
	static const char bytes[] = "\x08\x05\x0a\x01n";
	struct object_cursor c;
	struct object_field f;

	object_cursor_protobuf(&c, schema_message_find("meta.v1.ObjectMeta"), bytes, 5);
	int_is(object_next(&c, &f), ERR_SYNTAX);
	int_is(object_next(&c, &f), ERR_SYNTAX);
	object_cursor_protobuf(&c, schema_message_find("meta.v1.ObjectMeta"), bytes + 2, 3);
	int_is(object_next(&c, &f), 1);
	str_is(f.text, STR("n"));
	int_is(object_next(&c, &f), 0);
	int_is(object_next(&c, &f), 0);
}

static void test_depth(void)
{
	struct object_field f = { .schema = schema_field_by_number(
					  schema_message_find("core.v1.Pod"), 1) };
	struct object_cursor c;

	f.depth = OBJECT_DEPTH_MAX - 1;
	object_enter(&f, &c);
	int_is(object_next(&c, &f), 0);
	f.schema = schema_field_by_number(schema_message_find("core.v1.Pod"), 1);
	f.depth = OBJECT_DEPTH_MAX;
	object_enter(&f, &c);
	int_is(object_next(&c, &f), ERR_LIMIT);
}

/* Groups are counted, not recursed into. */
static void test_deep_groups(void)
{
	size_t n = 1000000;
	char *p = xmalloc(2 * n);
	struct object_cursor c;
	struct object_field f;

	memset(p, 0x7b, n);			/* field 15, start of a group */
	memset(p + n, 0x7c, n);
	object_cursor_protobuf(&c, schema_message_find("meta.v1.ObjectMeta"), p, 2 * n);
	int_is(object_next(&c, &f), 0);
	object_cursor_protobuf(&c, schema_message_find("meta.v1.ObjectMeta"), p, 2 * n - 1);
	int_is(object_next(&c, &f), ERR_SYNTAX);
	free(p);
}

/* Every prefix of every vector, and every byte changed: never a read outside. */
static void test_damaged_vectors(void)
{
	json_t *all = json_load_file(tap_data("protobuf.json"), JSON_ALLOW_NUL, NULL), *v;
	size_t i, outcomes[2] = { 0, 0 };

	json_array_foreach(json_object_get(all, "encode"), i, v) {
		struct str body = from_hex(json_string_value(json_object_get(v, "hex")));

		for (size_t n = 0; n < 2 * body.n; n++) {
			size_t len = n < body.n ? n : body.n;
			char *copy = xmalloc(len);
			json_t *got = json_object(), *types = json_object();

			memcpy(copy, body.p, len);
			if (n >= body.n)
				copy[n - body.n] ^= 0x55;
			outcomes[read_body(str_make(copy, len), "v1 Node", got, types) < 0]++;
			json_decref(got);
			json_decref(types);
			free(copy);
		}
		free((char *)body.p);
	}
	json_decref(all);
	ok(outcomes[0] > 0 && outcomes[1] > outcomes[0]);
}

/* With and without the hint: what is wanted comes alike, in order, and nothing else does. */
static void compare_wanted(struct str bytes, uint64_t want)
{
	const struct schema_message *m = schema_message_find("core.v1.PodSpec");
	struct object_cursor all, some;
	struct object_field a, b;
	int rc, got;

	object_cursor_protobuf(&all, m, bytes.p, bytes.n);
	object_cursor_protobuf(&some, m, bytes.p, bytes.n);
	object_want(&some, want);
	while ((rc = object_next(&all, &a)) > 0) {
		if (!(want >> a.number & 1))
			continue;
		int_is(object_next(&some, &b), 1);
		int_is(b.number, a.number);
		str_is(b.text, a.text);
		int_is(b.integer, a.integer);
	}
	got = object_next(&some, &b);
	int_is(got, rc);
}

static void test_wanted_fields(void)
{
	static const uint8_t parts[] =
		"\x0a\x03\x0a\x01v" "\x1a\x06" "Always" "\x20\x1e" "\x28\x80\x02"
		"\x52\x02n1" "\x82\x01\x01h" "\xd2\x80\x00\x02n2" "\xc2\x81\x00\x00"
		"\xa3\x06\x08\x01\xa4\x06" "\xa1\x06" "12345678" "\xa5\x06" "1234"
		"\x58\x01" "\xc8\x01\x05" "\xaa\x06\x02xx" "\x42\x02sa" "\x60\x00\x52\x01n";
	struct strbuf b = STRBUF_INIT;

	for (unsigned length = 0; length < 40000; length = length * 3 + 1) {
		/* A text of that length first, then all the rest. */
		strbuf_clear(&b);
		strbuf_add_char(&b, 0x32);
		for (unsigned n = length; ; n >>= 7) {
			strbuf_add_char(&b, (char)(n > 127 ? n | 128 : n));
			if (n <= 127)
				break;
		}
		for (unsigned i = 0; i < length; i++)
			strbuf_add_char(&b, 'x');
		strbuf_add(&b, parts, sizeof(parts) - 1);
		for (unsigned field = 0; field < 64; field++)
			compare_wanted(strbuf_str(&b), 1ull << field);
		compare_wanted(strbuf_str(&b), 0x0123456789abcdefull);
		compare_wanted(strbuf_str(&b), ~(1ull << 10));
	}
	strbuf_fini(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_vectors), TAP(test_json_forms), TAP(test_json_wrong_types),
		TAP(test_base64_errors), TAP(test_packed_numbers), TAP(test_wire_details),
		TAP(test_errors_are_sticky),
		TAP(test_depth), TAP(test_deep_groups), TAP(test_damaged_vectors),
		TAP(test_wanted_fields), TAP_END
	};

	return tap_main(tests);
}
