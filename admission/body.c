/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading is strict: what two readers could understand in two ways is refused with 400 (spec 22
 * section 9, method A), but for YAML, of which the upstream gets our JSON (method B).
 */
#include "config.h"

#include "admission/body.h"

#include "admission/yaml_plain.h"
#include "base/err.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/tree.h"
#include "codec/wire.h"

#define SUMMARY_MAX 30	/* bytes of a body that an answer shows */

/* kube-apiserver's summary of an unreadable body: text of an object, else hexadecimal. */
static struct str summary(struct admission_request *r)
{
	struct str s = str_slice(r->body, 0, r->body.n < SUMMARY_MAX ? r->body.n : SUMMARY_MAX);
	const char *more = r->body.n > SUMMARY_MAX ? " ..." : "";
	struct strbuf hex = STRBUF_INIT;
	struct str out;

	if (!s.n)
		return STR("<empty>");
	if (s.p[0] == '{')
		return arena_printf(r->arena, "%.*s%s", STR_ARG(s), more);
	for (size_t i = 0; i < s.n; i++)
		strbuf_addf(&hex, "%02x", (unsigned char)s.p[i]);
	out = arena_printf(r->arena, "%s%s", hex.p, more);
	strbuf_fini(&hex);
	return out;
}

/* The body does not even say what it is. */
static enum admission_result unrecognized(struct admission_request *r,
					  const struct admission_body *b, const char *before,
					  const char *why)
{
	/* An apply and the options of a delete are told the reason alone. */
	if (b->media == BODY_APPLY)
		return admission_bad(r, 400, arena_printf(r->arena, "error decoding YAML: %s",
							  why));
	if (r->operation == ADMISSION_DELETE)
		return admission_bad(r, 400, arena_printf(r->arena, "%s%s", before, why));
	return admission_bad(r, 400, arena_printf(r->arena,
		"the object provided is unrecognized (must be of type %.*s): %s%s (%.*s)",
		STR_ARG(b->endpoint.kind), before, why, STR_ARG(summary(r))));
}

static struct str version_of(struct str api_version)
{
	ptrdiff_t at = str_find(api_version, '/', 0);

	return at < 0 ? api_version : str_skip(api_version, (size_t)at + 1);
}

static enum admission_result unfit(struct admission_request *r, const struct admission_body *b,
				   struct str why)
{
	struct str version = admission_quote(r->arena, version_of(b->api_version));

	if (r->operation == ADMISSION_DELETE)
		return admission_bad(r, 400, why);
	return admission_bad(r, 400, arena_printf(r->arena,
		"%.*s in version %.*s cannot be handled as a %.*s: %.*s", STR_ARG(b->kind),
		STR_ARG(version), STR_ARG(b->endpoint.kind), STR_ARG(why)));
}

/* The Go package of a group's internal types. */
static struct str internal_package(struct str api_version)
{
	ptrdiff_t end = str_find(api_version, '/', 0), dot = str_find(api_version, '.', 0);

	if (end < 0)
		return STR("core");
	return str_slice(api_version, 0, (size_t)(dot >= 0 && dot < end ? dot : end));
}

static enum admission_result wrong_kind(struct admission_request *r, const struct admission_body *b)
{
	const struct endpoint *e = &b->endpoint;
	struct str version = version_of(b->api_version);

	/* Where options are decoded no other kind is known. */
	if (r->operation == ADMISSION_DELETE || !schema_kind_find(b->api_version, b->kind))
		return unfit(r, b, arena_printf(r->arena, "no kind %.*s is registered for version "
			"%.*s in scheme \"pkg/runtime/scheme.go:111\"",
			STR_ARG(admission_quote(r->arena, b->kind)),
			STR_ARG(admission_quote(r->arena, b->api_version))));
	if (str_eq(b->kind, e->kind) && str_eq(internal_package(b->api_version),
					       internal_package(e->api_version)))
		return admission_bad(r, 400, arena_printf(r->arena, "the API version in the data "
			"(%.*s) does not match the expected API version (%.*s)",
			STR_ARG(b->api_version), STR_ARG(e->api_version)));
	return unfit(r, b, arena_printf(r->arena, "converting (%.*s.%.*s) to (%.*s.%.*s): unknown "
		"conversion", STR_ARG(version), STR_ARG(b->kind),
		STR_ARG(internal_package(e->api_version)), STR_ARG(e->kind)));
}

/* Delete options are of any group and version. */
static bool version_is_fine(const struct admission_request *r, const struct admission_body *b)
{
	const struct endpoint *e = &b->endpoint;

	return r->operation == ADMISSION_DELETE || str_eq(b->api_version, e->api_version) ||
	       (e->other_version.n && str_eq(b->api_version, e->other_version));
}

static enum admission_result check_kind(struct admission_request *r, struct admission_body *b,
					struct str api_version, struct str kind)
{
	b->api_version = api_version.n ? api_version : b->endpoint.api_version;
	b->kind = kind.n ? kind : b->endpoint.kind;
	/* A body of which only the name is asked: what it is, the upstream judges. */
	if (!b->endpoint.kind.n)
		return ADMISSION_ALLOW;
	if (!str_eq(b->kind, b->endpoint.kind) || !version_is_fine(r, b))
		return wrong_kind(r, b);
	return ADMISSION_ALLOW;
}

/* A member of the outermost object: absent, null, or text. */
static bool read_type(json_t *raw, const char *name, struct str *out)
{
	json_t *v = json_object_get(raw, name);

	*out = json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NULL;
	return !v || json_is_null(v) || json_is_string(v);
}

#define JSON_ERROR "couldn't get version/kind; json parse error: "

/* How Go's decoder names a value. */
static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return "object";
	case JSON_ARRAY: return "array";
	case JSON_STRING: return "string";
	case JSON_INTEGER:
	case JSON_REAL: return "number";
	case JSON_TRUE:
	case JSON_FALSE: return "bool";
	case JSON_NULL: return "null";
	}
	return "";
}

static enum admission_result wrong_type(struct admission_request *r,
					const struct admission_body *b, const char *member)
{
	static const char of_member[] = "json: cannot unmarshal %s into Go struct field .%s of "
					"type string";
	static const char of_apply[] = "error unmarshaling JSON: while decoding JSON: json: cannot "
				       "unmarshal %s into Go value of type map[string]interface {}";
	static const char of_object[] = "json: cannot unmarshal %s into Go value of type struct { "
					"APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; "
					"Kind string \"json:\\\"kind,omitempty\\\"\" }";
	json_t *v = member ? json_object_get(b->raw, member) : b->raw;
	const char *format = member ? of_member : b->media == BODY_APPLY ? of_apply : of_object;

	return unrecognized(r, b, JSON_ERROR,
			    arena_printf(r->arena, format, type_name(v), member).p);
}

/* An apply says what it is of; nothing is filled in (group and kind as Go prints them). */
static enum admission_result check_applied(struct admission_request *r, struct admission_body *b,
					   struct str api_version, struct str kind)
{
	const char *slash = str_find(api_version, '/', 0) < 0 ? "/" : "";

	b->api_version = api_version;
	b->kind = kind;
	if (str_eq(api_version, b->endpoint.api_version) &&
	    (str_eq(kind, b->endpoint.kind) || !b->endpoint.kind.n))
		return ADMISSION_ALLOW;
	return admission_bad(r, 400, arena_printf(r->arena, "invalid object type: %s%.*s, "
		"Kind=%.*s", slash, STR_ARG(api_version), STR_ARG(kind)));
}

static enum admission_result read_json(struct admission_request *r, struct admission_body *b)
{
	const char *why = "";
	struct str api_version, kind;

	if (json_read_strict(b->text, &b->raw, &why) < 0)
		return unrecognized(r, b, JSON_ERROR, why);
	if (!json_is_object(b->raw))
		return wrong_type(r, b, NULL);
	if (!read_type(b->raw, "apiVersion", &api_version))
		return wrong_type(r, b, "apiVersion");
	if (!read_type(b->raw, "kind", &kind))
		return wrong_type(r, b, "kind");
	if (b->media == BODY_APPLY)
		return check_applied(r, b, api_version, kind);
	if (str_find(version_of(api_version), '/', 0) >= 0)
		return unrecognized(r, b, "", arena_printf(r->arena,
			"unexpected GroupVersion string: %.*s", STR_ARG(api_version)).p);
	return check_kind(r, b, api_version, kind);
}

/* Only the first document counts (spec 22 section 5): the walk ends with it. */
static int on_document(void *arg, json_t *doc, int line)
{
	json_t **out = arg;

	(void)line;
	*out = json_incref(doc);
	return ERR_CLOSED;
}

/* It becomes our JSON, which is then read like any other: what was decided on is what is sent. */
static enum admission_result read_yaml(struct admission_request *r, struct admission_body *b)
{
	bool has_mark = str_has_prefix(r->body, STR("\xef\xbb\xbf"));
	struct str text = has_mark ? str_skip(r->body, 3) : r->body;
	json_t *doc = NULL;
	const char *why = NULL;
	int line = 0, rc;

	if (!yaml_is_plain(text, &why))
		return unrecognized(r, b, "yaml: ", why);
	rc = yaml_read(text, on_document, &doc, &line, &why);
	if (!doc)
		return unrecognized(r, b, "yaml: ", rc < 0 && why ? why : "there is no document");
	edit_dump(&b->converted, doc);
	json_decref(doc);
	if (b->converted.n > EDIT_DUMP_MAX)
		return unrecognized(r, b, "yaml: ", "document contains excessive aliasing");
	b->text = strbuf_str(&b->converted);
	return read_json(r, b);
}

static enum admission_result read_patch(struct admission_request *r, struct admission_body *b)
{
	const char *why = "";

	b->text = r->body;
	if (!r->body.n)
		why = "unexpected end of JSON input";
	else if (json_read_strict(r->body, &b->raw, &why) == 0)
		return ADMISSION_ALLOW;
	return admission_bad(r, 400, arena_printf(r->arena, "%s%s",
		b->media == BODY_STRATEGIC_PATCH ? "" : "error decoding patch: ", why));
}

static void add_varint(struct strbuf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		strbuf_add_char(out, (char)(v | 0x80));
	strbuf_add_char(out, (char)v);
}

static void add_bytes(struct strbuf *out, uint32_t number, struct str s)
{
	add_varint(out, number << 3 | WIRE_BYTES);
	add_varint(out, s.n);
	strbuf_add_str(out, s);
}

static void append_claims(struct strbuf *out, const struct admission_body *b, struct str uid,
			  struct str version)
{
	/* Numbers of the messages on the way and of the two fields (spec 23 sections 5 and 7). */
	bool is_eviction = str_eq(b->endpoint.kind, STR("Eviction"));
	bool is_options = str_eq(b->endpoint.kind, STR("DeleteOptions"));
	struct strbuf inner = STRBUF_INIT, outer = STRBUF_INIT;

	if (uid.n)
		add_bytes(&inner, is_eviction || is_options ? 1 : 5, uid);
	if (version.n)
		add_bytes(&inner, is_eviction || is_options ? 2 : 6, version);
	if (is_eviction)
		add_bytes(&outer, 2, strbuf_str(&inner));
	add_bytes(out, is_eviction || is_options ? 2 : 1,
		       is_eviction ? strbuf_str(&outer) : strbuf_str(&inner));
	strbuf_fini(&inner);
	strbuf_fini(&outer);
}

void body_write_claims(struct strbuf *out, const struct admission_body *b, struct str uid,
		       struct str version)
{
	struct strbuf type = STRBUF_INIT, raw = STRBUF_INIT;

	add_bytes(&type, 1, b->api_version);
	add_bytes(&type, 2, b->kind);
	strbuf_add_str(&raw, b->envelope.raw);
	append_claims(&raw, b, uid, version);
	strbuf_add_str(out, OBJECT_MAGIC);
	add_bytes(out, 1, strbuf_str(&type));
	add_bytes(out, 2, strbuf_str(&raw));
	add_bytes(out, 3, STR_NULL);
	add_bytes(out, 4, STR_NULL);
	strbuf_fini(&type);
	strbuf_fini(&raw);
}

/*
 * The start of the last field of an object when it is nothing but claims as they are appended: a
 * proxy like this one may stand before us, and how they merge is no question.  n when it is not.
 */
static size_t find_claims(const struct admission_body *b, struct str raw)
{
	const uint8_t *p = (const uint8_t *)raw.p, *end = p + raw.n, *last = p;
	const char *dotted = str_eq(b->endpoint.kind, STR("Eviction")) ?
			     "deleteOptions.preconditions" :
			     str_eq(b->endpoint.kind, STR("DeleteOptions")) ? "preconditions" :
			     "metadata";
	struct strbuf again = STRBUF_INIT;
	struct object_cursor c;
	struct str claims;
	json_t *tree = NULL;
	bool is_same = false;

	while (p < end) {
		last = p;
		if (wire_skip(&p, end) < 0)
			return raw.n;
	}
	claims = str_make((const char *)last, (size_t)(end - last));
	object_cursor_protobuf(&c, b->endpoint.message, last, claims.n);
	if (claims.n && object_tree(&c, &tree) == 0) {
		json_t *at = tree_at(tree, dotted);

		append_claims(&again, b, tree_text(at, "uid"), tree_text(at, "resourceVersion"));
		is_same = str_eq(strbuf_str(&again), claims);
	}
	json_decref(tree);
	strbuf_fini(&again);
	return is_same ? raw.n - claims.n : raw.n;
}

static const char *check_strict(const struct admission_body *b, struct str body, struct str kind)
{
	static const char *const unused = "the envelope has a content type or encoding";
	struct str raw = b->envelope.raw;
	struct object_cursor c;
	struct object_field f;
	const char *why = NULL;

	if (protobuf_check_strict(schema_message_find("runtime.Unknown"), body.p, body.n, &why) < 0)
		return why;
	object_cursor_protobuf(&c, schema_message_find("runtime.Unknown"), body.p, body.n);
	while (object_next(&c, &f) > 0)
		if ((f.number == 3 || f.number == 4) && f.text.n)
			return unused;
	if (!b->envelope.api_version.n || !kind.n)
		return "the envelope does not say what the object is";
	if (protobuf_check_strict(b->endpoint.message, raw.p, raw.n, &why) == 0)
		return NULL;
	raw.n = find_claims(b, raw);
	if (raw.n < b->envelope.raw.n &&
	    protobuf_check_strict(b->endpoint.message, raw.p, raw.n, &why) == 0)
		return NULL;
	return why;
}

static enum admission_result read_protobuf(struct admission_request *r, struct admission_body *b)
{
	struct str api_version;
	enum admission_result rc;

	if (!r->body.n)
		return unrecognized(r, b, "", "empty data");
	if (!str_has_prefix(r->body, OBJECT_MAGIC))
		return unrecognized(r, b, "", "provided data does not appear to be a protobuf "
				    "message, expected prefix [107 56 115 0]");
	if (r->body.n == OBJECT_MAGIC.n)
		return unrecognized(r, b, "", "empty body");
	if (object_envelope_read(r->body, &b->envelope) < 0)
		return unrecognized(r, b, "", "unexpected EOF");
	if (!b->envelope.raw.p)		/* a missing one is an empty object */
		b->envelope.raw = STR("");
	/* One that does not parse counts as missing. */
	api_version = b->envelope.api_version;
	if (str_find(version_of(api_version), '/', 0) >= 0)
		api_version = b->envelope.api_version = STR_NULL;
	rc = check_kind(r, b, api_version, b->envelope.kind);
	if (rc == ADMISSION_ALLOW && b->endpoint.message)
		b->loose = check_strict(b, str_skip(r->body, OBJECT_MAGIC.n), b->envelope.kind);
	return rc;
}

static enum admission_result read_as(struct admission_request *r, struct admission_body *b)
{
	switch (b->media) {
	case BODY_JSON:
		if (!r->body.n)
			return unrecognized(r, b, JSON_ERROR, "unexpected end of JSON input");
		b->text = r->body;
		return read_json(r, b);
	case BODY_YAML:
	case BODY_APPLY:
		return read_yaml(r, b);
	case BODY_PROTOBUF:
		return read_protobuf(r, b);
	case BODY_JSON_PATCH:
	case BODY_MERGE_PATCH:
	case BODY_STRATEGIC_PATCH:
		return read_patch(r, b);
	case BODY_UNKNOWN:
	case BODY_UNROUTED:
		break;
	}
	return ADMISSION_ALLOW;
}

static enum admission_result check_media(struct admission_request *r, enum body_media *out)
{
	bool is_patch = str_eq(r->method, STR("PATCH"));
	enum admission_result rc = ADMISSION_ALLOW;

	*out = body_media(r->headers, is_patch);
	if (*out == BODY_UNKNOWN || *out == BODY_UNROUTED) {
		rc = admission_bad(r, 415, body_media_refusal(*out, is_patch));
		r->status.has_details = *out == BODY_UNROUTED;
	}
	return rc;
}

enum admission_result body_is_apply(struct admission_request *r, bool *out)
{
	enum body_media media;
	enum admission_result rc = check_media(r, &media);

	*out = media == BODY_APPLY;
	return rc;
}

/* The bytes; a request without a body has none, and that is known without waiting. */
static enum admission_result bring(struct admission_request *r)
{
	if (r->body_too_large || r->body.n > ADMISSION_BODY_MAX)
		return admission_bad(r, 413, STR("Request entity too large: limit is 3145728"));
	if (!r->has_body || r->body_there)
		return ADMISSION_ALLOW;
	r->need = ADMISSION_NEEDS_BODY;
	return ADMISSION_NEED;
}

static void find_endpoint(const struct admission_request *r, struct endpoint *e)
{
	const struct attributes *a = r->attributes;

	endpoint_find(e, a->api_group, a->api_version, a->resource, a->subresource, r->arena);
	if (r->operation != ADMISSION_DELETE)
		return;
	*e = (struct endpoint){ .kind = STR("DeleteOptions"), .api_version = STR("v1"),
				.message = schema_message_find("meta.v1.DeleteOptions") };
}

enum admission_result body_read(struct admission_request *r)
{
	struct admission_body *b;
	enum body_media media = BODY_JSON;
	enum admission_result rc = ADMISSION_ALLOW;
	bool is_delete = r->operation == ADMISSION_DELETE;

	if (r->read)
		return ADMISSION_ALLOW;
	if (r->has_body || !is_delete)
		rc = check_media(r, &media);
	if (rc == ADMISSION_ALLOW)
		rc = bring(r);
	if (rc != ADMISSION_ALLOW)
		return rc;
	b = arena_zalloc(r->arena, sizeof(*b));
	b->media = media;
	b->is_empty = is_delete && !r->body.n;
	find_endpoint(r, &b->endpoint);
	if (!b->is_empty)
		rc = read_as(r, b);
	if (rc == ADMISSION_ALLOW)
		r->read = b;
	else
		body_fini(b);
	return rc;
}

static int add_piece(const char *p, size_t n, void *arg)
{
	strbuf_add(arg, p, n);
	return 0;
}

/* Owner references that are equal to an earlier one are dropped (spec 21 section 4). */
static void merge_owners(json_t *tree)
{
	json_t *owners = tree_at(tree, "metadata.ownerReferences"), *seen, *kept;
	struct strbuf key = STRBUF_INIT;

	if (!json_is_array(owners) || json_array_size(owners) < 2)
		return;
	seen = json_object();
	kept = json_array();
	for (size_t i = 0; i < json_array_size(owners); i++) {
		json_t *owner = json_array_get(owners, i);

		strbuf_clear(&key);
		json_dump_callback(owner, add_piece, &key, JSON_SORT_KEYS | JSON_COMPACT);
		if (key.n && !json_object_get(seen, key.p)) {
			json_object_set_new(seen, key.p, json_true());
			json_array_append(kept, owner);
		}
	}
	strbuf_fini(&key);
	json_decref(seen);
	json_object_set_new(json_object_get(tree, "metadata"), "ownerReferences", kept);
}

static void set_text(json_t *object, const char *name, struct str s)
{
	json_object_set_new(object, name, json_stringn(s.p ? s.p : "", s.n));
}

/* The object's member as an object, made when it is not there. */
static json_t *make_at(json_t *tree, const char *name)
{
	json_t *v = json_object_get(tree, name);

	if (!v)
		json_object_set_new(tree, name, v = json_object());
	return v;
}

static void default_claim(json_t *tree)
{
	if (!tree_text(tree, "spec.volumeMode").n)
		set_text(make_at(tree, "spec"), "volumeMode", STR("Filesystem"));
	if (!tree_text(tree, "status.phase").n)
		set_text(make_at(tree, "status"), "phase", STR("Pending"));
}

void body_default(struct admission_request *r, json_t *tree)
{
	const struct attributes *a = r->attributes;
	json_t *spec = json_object_get(tree, "spec");
	struct str alias = tree_text(spec, "serviceAccount");

	if (!endpoint_is_namespaced(a))
		json_object_del(json_object_get(tree, "metadata"), "namespace");
	else if (!tree_text(tree, "metadata.namespace").n)
		set_text(make_at(tree, "metadata"), "namespace", a->namespace);
	if (a->api_group.n)
		return;
	if (str_eq(a->resource, STR("persistentvolumeclaims")))
		default_claim(tree);
	if (str_eq(a->resource, STR("pods")) && alias.n &&
	    !tree_text(spec, "serviceAccountName").n)
		set_text(spec, "serviceAccountName", alias);
}

enum admission_result body_check_names(struct admission_request *r, json_t *tree)
{
	const struct attributes *a = r->attributes;
	struct str namespace = tree_text(tree, "metadata.namespace");
	struct str name = tree_text(tree, "metadata.name");

	if (endpoint_is_namespaced(a) && namespace.n && !str_eq(namespace, a->namespace))
		return admission_bad(r, 400, STR("the namespace of the provided object does not "
						 "match the namespace sent on the request"));
	if (str_eq(r->method, STR("POST")))
		return ADMISSION_ALLOW;
	if (!name.n)
		return admission_bad(r, 400, arena_printf(r->arena, "the name of the object (%.*s "
			"based on URL) was undeterminable: name must be provided",
			STR_ARG(a->name)));
	if (!str_eq(name, a->name))
		return admission_bad(r, 400, arena_printf(r->arena, "the name of the object (%.*s) "
			"does not match the name on the URL (%.*s)", STR_ARG(name),
			STR_ARG(a->name)));
	return ADMISSION_ALLOW;
}

/* What the server sets itself (spec 20 section 2). */
static void clear_system_fields(json_t *metadata)
{
	static const char *const names[] = { "uid", "creationTimestamp", "deletionTimestamp",
					     "deletionGracePeriodSeconds", "selfLink" };

	for (size_t i = 0; i < array_size(names); i++)
		json_object_del(metadata, names[i]);
}

static enum admission_result read_tree(struct admission_request *r, struct admission_body *b)
{
	const struct schema_message *m = b->endpoint.message;
	struct object_cursor c;
	int rc;

	if (!b->endpoint.kind.n || !m)
		return admission_bad(r, 400, arena_printf(r->arena, "this proxy does not read "
			"objects of %.*s %.*s", STR_ARG(b->endpoint.api_version),
			STR_ARG(r->attributes->resource)));
	if (b->raw)
		object_cursor_json(&c, m, b->raw);
	else
		object_cursor_protobuf(&c, m, b->envelope.raw.p, b->envelope.raw.n);
	rc = object_tree(&c, &b->tree);
	if (rc < 0) {
		b->tree = NULL;
		return unfit(r, b, rc == ERR_LIMIT ? STR("the object is too large") :
						     STR("a value does not fit its field"));
	}
	return ADMISSION_ALLOW;
}

/* Spec 20 section 2: what is done to an object between decoding and admission. */
static enum admission_result finish_tree(struct admission_request *r, struct admission_body *b)
{
	enum admission_result rc = body_check_names(r, b->tree);

	if (rc != ADMISSION_ALLOW)
		return rc;
	if (r->operation == ADMISSION_CREATE && !str_eq(b->endpoint.kind, STR("TokenRequest")))
		clear_system_fields(json_object_get(b->tree, "metadata"));
	body_default(r, b->tree);
	merge_owners(b->tree);
	return ADMISSION_ALLOW;
}

enum admission_result body_tree(struct admission_request *r, json_t **out)
{
	struct admission_body *b;
	enum admission_result rc = body_read(r);

	*out = NULL;
	if (rc != ADMISSION_ALLOW)
		return rc;
	b = r->read;
	if (b->is_empty)
		return ADMISSION_ALLOW;
	if (!b->tree)
		rc = read_tree(r, b);
	if (rc == ADMISSION_ALLOW && r->operation != ADMISSION_DELETE && !b->names_checked) {
		rc = finish_tree(r, b);
		b->names_checked = rc == ADMISSION_ALLOW;
	}
	if (rc == ADMISSION_ALLOW)
		*out = b->tree;
	return rc;
}

void body_fini(struct admission_body *b)
{
	json_decref(b->raw);
	json_decref(b->tree);
	strbuf_fini(&b->converted);
}
