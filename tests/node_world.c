/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/node_world.h"

#include <stdlib.h>

#include "admission/endpoint.h"
#include "admission/request.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/tree.h"
#include "proxy/request_info.h"
#include "tests/upstream/convert.h"

static const struct schema_message *message_of(const struct admission_key *key, struct arena *a,
					       struct endpoint *e)
{
	endpoint_find(e, key->api_group, key->api_version, key->resource, STR_NULL, a);
	return e->message;
}

/* All of a kind: this upstream honours no selector, so that what relies on one shows. */
static json_t *find_all(json_t *existing, struct str kind)
{
	json_t *list = json_array(), *v;
	size_t i;

	json_array_foreach(existing, i, v)
		if (str_eq(tree_text(v, "kind"), kind))
			json_array_append(list, v);
	return json_pack("{s:o}", "items", list);
}

json_t *world_find(json_t *existing, const struct admission_key *key)
{
	struct arena a;
	struct endpoint e;
	json_t *v, *copy = NULL;
	size_t i;

	arena_init(&a);
	message_of(key, &a, &e);
	if (!key->name.n)
		copy = find_all(existing, e.kind);
	json_array_foreach(existing, i, v) {
		if (!str_eq(tree_text(v, "kind"), e.kind) ||
		    !str_eq(tree_text(v, "metadata.name"), key->name) ||
		    !str_eq(tree_text(v, "metadata.namespace"), key->namespace))
			continue;
		copy = json_deep_copy(v);
		json_object_set_new(copy, "apiVersion",
				    json_stringn(e.api_version.p, e.api_version.n));
	}
	arena_fini(&a);
	return copy;
}

static struct admission_key own_key(const struct attributes *a)
{
	return (struct admission_key){ a->api_group, a->api_version, a->resource,
				       endpoint_is_namespaced(a) ? a->namespace : STR_NULL,
				       a->name };
}

static json_t *own_object(json_t *existing, const struct attributes *a)
{
	struct admission_key key = own_key(a);

	return world_find(existing, &key);
}

json_t *world_moved(json_t *existing)
{
	json_t *moved = json_deep_copy(existing), *v;
	size_t i;

	json_array_foreach(moved, i, v) {
		json_t *metadata = json_object_get(v, "metadata");

		json_object_set_new(metadata, "uid", json_string("another"));
		json_object_set_new(metadata, "resourceVersion", json_string("987654"));
	}
	return moved;
}

/* Bodies */

static bool has_prefix(struct str s, const char *prefix)
{
	return str_has_prefix(s, str_from(prefix));
}

static json_t *body_json(const struct world_request *q)
{
	json_t *v = NULL;

	if (has_prefix(q->body, "k8s"))
		convert_from_protobuf(q->body, &v);
	else
		json_read(q->body, &v, NULL);
	return v;
}

/* Members that the tables do not have, at any depth. */
static bool has_unknown(const struct schema_message *m, json_t *v)
{
	const char *name;
	json_t *member, *element;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, element)
			if (has_unknown(m, element))
				return true;
		return false;
	}
	if (!json_is_object(v) || m->special != SCHEMA_PLAIN)
		return false;
	json_object_foreach(v, name, member) {
		const struct schema_field *f = schema_field_by_name(m, str_from(name));

		for (i = 0; !f && i < m->field_count; i++)
			if (m->fields[i].is_inline)
				f = schema_field_by_name(m->fields[i].message, str_from(name));
		if (!f && strcmp(name, "kind") && strcmp(name, "apiVersion"))
			return true;
		if (f && f->type == SCHEMA_MESSAGE && has_unknown(f->message, member))
			return true;
	}
	return false;
}

/* The store */

/* Does the text at that path of v (if it is there) differ from the object's? */
static bool differs(json_t *v, const char *path, json_t *object, const char *of)
{
	struct str text = tree_text(v, path);

	return text.n && !str_eq(text, tree_text(object, of));
}

static int put_status(json_t *object, json_t *body)
{
	if (differs(body, "metadata.name", object, "metadata.name"))
		return 400;
	return differs(body, "metadata.uid", object, "metadata.uid") ||
	       differs(body, "metadata.resourceVersion", object, "metadata.resourceVersion")
		? 409 : 200;
}

/* A qualified name, as labels have: one slash at most and plain characters. */
static bool has_bad_label(json_t *object)
{
	json_t *labels = tree_at(object, "metadata.labels"), *value;
	const char *key;

	json_object_foreach(labels, key, value) {
		size_t plain = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_./");

		if (key[plain])
			return true;
	}
	return false;
}

static int patched_status(const struct schema_message *m, json_t *object, json_t *patched)
{
	struct object_cursor c;
	json_t *tree = NULL;
	int rc;

	object_cursor_json(&c, m, patched);
	rc = object_tree(&c, &tree);
	json_decref(tree);
	if (rc < 0 || !json_equal(json_object_get(object, "kind"),
				  json_object_get(patched, "kind")))
		return 422;
	if (differs(patched, "metadata.name", object, "metadata.name"))
		return 400;
	if (differs(patched, "metadata.resourceVersion", object, "metadata.resourceVersion"))
		return 409;
	return differs(patched, "metadata.uid", object, "metadata.uid") || has_bad_label(patched)
		? 422 : 200;
}

static int patch_status(const struct world_request *q, json_t *object, json_t *body)
{
	enum patch_type type = has_prefix(q->content_type, "application/json-patch") ? PATCH_JSON
		: has_prefix(q->content_type, "application/merge-patch") ? PATCH_MERGE
		: PATCH_STRATEGIC;
	const struct schema_message *m = schema_kind_find(tree_text(object, "apiVersion"),
							  tree_text(object, "kind"));
	struct strbuf why = STRBUF_INIT;
	json_t *patched = NULL;
	int code = 200;

	switch (patch_apply(type, m, object, body, &patched, &why)) {
	case PATCH_OK: code = patched_status(m, object, patched); break;
	case PATCH_BAD_REQUEST:
	case PATCH_REFUSED: code = 400; break;
	case PATCH_TOO_LARGE: code = 413; break;
	case PATCH_INVALID: code = 422; break;
	case PATCH_INTERNAL: code = 500; break;
	}
	json_decref(patched);
	strbuf_fini(&why);
	return code;
}

static int delete_status(const struct world_request *q, json_t *object, json_t *body)
{
	struct arena a;
	struct str uid;
	int code = 200;

	arena_init(&a);
	if (q->has_body)
		uid = tree_text(body, "preconditions.uid");
	else if (!request_query_get(q->query, STR("uid"), &a, &uid))
		uid = STR_NULL;
	if (uid.n && !str_eq(uid, tree_text(object, "metadata.uid")))
		code = 409;
	arena_fini(&a);
	return code;
}

/* A POST to a subresource of an object. */
static int sub_status(const struct world_request *q, json_t *object, json_t *body)
{
	if (!str_eq(q->attributes->subresource, STR("eviction")))
		return object ? 201 : 404;
	if (!str_eq(tree_text(body, "metadata.name"), q->attributes->name))
		return 400;
	if (!object)
		return 404;
	return differs(body, "deleteOptions.preconditions.uid", object, "metadata.uid") ? 409 : 201;
}

/* Server-side apply */

static bool owns(json_t *fields, const char *name)
{
	char key[300];

	snprintf(key, sizeof(key), "f:%s", name);
	return json_object_get(fields, key);
}

/* Removes what the manager owned and the new body leaves out. */
static void prune(json_t *object, json_t *fields, json_t *body)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, name, value) {
		char key[300];

		if (!owns(fields, name))
			continue;
		snprintf(key, sizeof(key), "f:%s", name);
		if (json_object_size(json_object_get(fields, key)) && json_is_object(value))
			prune(value, json_object_get(fields, key), json_object_get(body, name));
		else if (!json_object_get(body, name))
			json_object_del(object, name);
	}
}

static void prune_managed(json_t *object, json_t *body, const struct world_request *q,
			  struct str manager)
{
	json_t *entry;
	size_t i;

	json_array_foreach(tree_at(object, "metadata.managedFields"), i, entry)
		if (str_eq(tree_text(entry, "manager"), manager) &&
		    str_eq(tree_text(entry, "operation"), STR("Apply")) &&
		    str_eq(tree_text(entry, "subresource"), q->attributes->subresource))
			prune(object, json_object_get(entry, "fieldsV1"), body);
}

/* Would the body change a value that is there, which somebody else wrote? */
static bool takes_over(json_t *object, json_t *body)
{
	const char *name;
	json_t *value, *old;

	json_object_foreach(body, name, value) {
		old = json_object_get(object, name);
		if (!strcmp(name, "resourceVersion") || !strcmp(name, "uid"))
			continue;
		if (old && (json_is_object(old) && json_is_object(value) ? takes_over(old, value)
			    : !json_equal(old, value)))
			return true;
	}
	return false;
}

/* 200 or 201 with the object in *out (owned), or an error's code. */
static int apply(json_t *existing, const struct world_request *q, json_t **out)
{
	json_t *object = own_object(existing, q->attributes), *body = body_json(q);
	struct str manager, force;
	struct arena a;
	int code = object ? 200 : 201;

	*out = NULL;
	arena_init(&a);
	if (!request_query_get(q->query, STR("fieldManager"), &a, &manager))
		code = 422;
	else if ((object && differs(body, "metadata.resourceVersion", object,
				    "metadata.resourceVersion")) ||
		 differs(body, "metadata.uid", object, "metadata.uid"))
		code = 409;
	else if (object && !request_query_get(q->query, STR("force"), &a, &force) &&
		 !str_eq(manager, STR("admin")) && takes_over(object, body))
		code = 409;
	if (code < 300) {
		*out = object ? json_incref(object) : json_object();
		prune_managed(*out, body, q, manager);
		json_object_update_recursive(*out, body);
	}
	arena_fini(&a);
	json_decref(object);
	json_decref(body);
	return code;
}

static int apply_status(json_t *existing, const struct world_request *q)
{
	json_t *out;
	int code = apply(existing, q, &out);

	json_decref(out);
	return code;
}

/* Everything */

static int create_status(const struct world_request *q, json_t *object, json_t *body)
{
	struct arena a;
	struct endpoint e;
	struct str value;
	struct admission_key key = own_key(q->attributes);
	int code = 201;

	if (q->attributes->subresource.n)
		return sub_status(q, object, body);
	arena_init(&a);
	if (request_query_get(q->query, STR("fieldValidation"), &a, &value) &&
	    str_eq(value, STR("Strict")) && has_unknown(message_of(&key, &a, &e), body))
		code = 400;
	arena_fini(&a);
	return code;
}

static int object_status(const struct world_request *q, json_t *object, json_t *body)
{
	if (str_eq(q->method, STR("POST")))
		return create_status(q, object, body);
	if (str_eq(q->method, STR("DELETE")))
		return !q->attributes->name.n ? 200 : object ? delete_status(q, object, body) : 404;
	if (str_eq(q->method, STR("PUT"))) {
		if (object)
			return put_status(object, body);
		if (!endpoint_creates_by_put(q->attributes))
			return 404;
		return tree_text(body, "metadata.uid").n ? 409 : 201;
	}
	return object ? patch_status(q, object, body) : 404;
}

int world_status(json_t *existing, const struct world_request *q)
{
	json_t *object, *body;
	struct arena a;
	struct str value;
	bool is_bad;
	int code;

	arena_init(&a);
	is_bad = request_query_get(q->query, STR("dryRun"), &a, &value) &&
		 !str_eq(value, STR("All"));
	arena_fini(&a);
	if (is_bad)
		return 422;
	if (has_prefix(q->content_type, "application/apply-patch"))
		return apply_status(existing, q);
	object = own_object(existing, q->attributes);
	body = body_json(q);
	code = object_status(q, object, body);
	json_decref(object);
	json_decref(body);
	return code;
}

static void answer_dry_run(json_t *existing, struct admission_lookup *l,
			   const struct world_request *q)
{
	l->code = apply(existing, q, &l->object);
	l->state = l->object ? ADMISSION_FOUND : ADMISSION_FAILED;
	if (!l->object)
		l->error = STR("{\"kind\":\"Status\",\"details\":"
			       "{\"causes\":[{\"reason\":\"FieldManagerConflict\"}]}}");
}

void world_answer(json_t *existing, struct admission_request *r, const struct world_request *q)
{
	struct admission_lookup *l = &r->lookups[r->lookup_count - 1];

	if (l->dry_run) {
		answer_dry_run(existing, l, q);
		return;
	}
	l->object = world_find(existing, &l->key);
	l->state = l->object ? ADMISSION_FOUND : ADMISSION_MISSING;
	l->code = l->object ? 200 : 404;
}
