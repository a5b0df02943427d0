/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strategic merge patches as kube-apiserver computes them, objects here and lists in
 * codec/patch_list.c.  Nothing is changed in place: each object on the way is copied and its other
 * members are shared.  The depth of both trees is bounded by their reader (JSON_DEPTH_MAX).
 */
#include "config.h"

#include "codec/patch_strategic.h"

/* Copying a member takes as long as this many comparisons. */
#define COPY_STEPS 16

/* The field of that JSON name, also of the messages that stand inline; *owner is where it is. */
static const struct schema_field *find_field(const struct schema_message *m, const char *name,
					     const struct schema_message **owner)
{
	const struct schema_field *f = schema_field_by_name(m, str_from(name));

	if (f && !f->is_inline) {
		*owner = m;
		return f;
	}
	for (uint16_t i = 0; i < m->field_count; i++) {
		if (!m->fields[i].is_inline)
			continue;
		f = find_field(m->fields[i].message, name, owner);
		if (f)
			return f;
	}
	return NULL;
}

/* "core.v1.NodeStatus" is NodeStatus. */
static const char *go_name(const struct schema_message *m)
{
	const char *dot = strrchr(m->name, '.');

	return dot ? dot + 1 : m->name;
}

bool patch_field_find(struct patch_run *run, struct patch_shape shape, const char *name,
		      bool in_object, struct patch_field *out)
{
	const struct schema_message *owner;
	const struct schema_field *f;

	if (!shape.message) {
		patch_fail(run, PATCH_INTERNAL, "merging an object in json but data type is not "
			   "struct, instead is: %s", shape.kind);
		return false;
	}
	f = shape.message->special == SCHEMA_PLAIN ? find_field(shape.message, name, &owner) : NULL;
	if (!f && in_object && shape.message->special == SCHEMA_PLAIN) {
		patch_fail(run, PATCH_REFUSED, "how the field %s of %s is patched is not known",
			   name, go_name(shape.message));
		return false;
	}
	if (!f) {
		patch_fail(run, PATCH_INTERNAL, "unable to find api field in struct %s for the "
			   "json field \"%s\"", go_name(shape.message), name);
		return false;
	}
	*out = (struct patch_field){ .field = f };
	out->merges = patch_list_merges(owner, f->name, &out->key);
	if (f->type == SCHEMA_MESSAGE)
		out->shape.message = f->message;
	else
		out->shape.kind = f->type == SCHEMA_MAP ? "map" : "scalar";
	return true;
}

bool patch_same_type(const json_t *a, const json_t *b)
{
	return json_typeof(a) == json_typeof(b) || (json_is_boolean(a) && json_is_boolean(b));
}

json_t *patch_without_directives(json_t *v, bool nulls)
{
	json_t *out, *one, *kept;
	const char *key;
	size_t i;

	if (json_is_object(v)) {
		one = json_object_get(v, "$patch");
		if (one && (nulls || !json_is_null(one)))
			return NULL;
		out = json_object();
		json_object_foreach(v, key, one) {
			kept = nulls || !json_is_null(one) ?
				patch_without_directives(one, nulls) : NULL;
			if (kept)
				json_object_set_new_nocheck(out, key, kept);
		}
		return out;
	}
	if (!json_is_array(v))
		return json_incref(v);
	out = json_array();
	json_array_foreach(v, i, one) {
		kept = patch_without_directives(one, nulls);
		if (kept)
			json_array_append_new(out, kept);
	}
	return out;
}

/* As Go's %s prints a decoded value. */
static void print_as_text(struct strbuf *out, json_t *v)
{
	bool odd = json_is_number(v) || json_is_boolean(v);

	if (json_is_null(v)) {
		strbuf_add_cstr(out, patch_go_type(v));
		return;
	}
	if (odd)
		strbuf_addf(out, "%%!s(%s=", patch_go_type(v));
	patch_print(out, v);
	if (odd)
		strbuf_add_char(out, ')');
}

void patch_fail_directive(struct patch_run *run, json_t *directive, json_t *map)
{
	struct strbuf kind = STRBUF_INIT, text = STRBUF_INIT;

	print_as_text(&kind, directive);
	patch_print(&text, map);
	patch_fail(run, PATCH_INTERNAL, "unknown patch type: %s in map: %s",
		   kind.p ? kind.p : "", text.p);
	strbuf_fini(&kind);
	strbuf_fini(&text);
}

/* The whole object is replaced, or emptied. */
static json_t *apply_directive(struct patch_run *run, json_t *patch, json_t *directive)
{
	const char *text = json_string_value(directive);
	json_t *out;

	if (text && !strcmp(text, "replace")) {
		out = json_copy(patch);
		json_object_del(out, "$patch");
		return out;
	}
	if (text && !strcmp(text, "delete"))
		return json_object();
	patch_fail_directive(run, directive, patch);
	return NULL;
}

/* The names of a $retainKeys list as members of an object, owned; NULL: an error was noted. */
static json_t *retained_names(struct patch_run *run, json_t *list)
{
	json_t *names, *one;
	size_t i;

	if (!json_is_array(list))
		return patch_fail(run, PATCH_BAD_REQUEST, "invalid patch format of retainKeys");
	names = json_object();
	json_array_foreach(list, i, one) {
		if (json_is_object(one) || json_is_array(one))
			patch_fail_panic(run);
		else if (json_is_string(one))
			json_object_set_new_nocheck(names, json_string_value(one), json_true());
	}
	return names;
}

static bool may_be_unnamed(const char *key, const json_t *value)
{
	return json_is_null(value) ||
	       !strncmp(key, PATCH_DELETE_FROM_LIST, strlen(PATCH_DELETE_FROM_LIST)) ||
	       !strncmp(key, PATCH_SET_ORDER, strlen(PATCH_SET_ORDER));
}

/* Members of the object that $retainKeys does not name go; the patch must name its own. */
static void retain_keys(struct patch_run *run, json_t *out, json_t *todo)
{
	json_t *list = json_object_get(todo, "$retainKeys"), *names, *value;
	const char *key;
	void *next;

	if (!list)
		return;
	names = retained_names(run, list);
	json_object_del(todo, "$retainKeys");
	json_object_foreach(todo, key, value)
		if (names && !may_be_unnamed(key, value) && !json_object_get(names, key))
			patch_fail(run, PATCH_BAD_REQUEST, "invalid patch format of retainKeys");
	if (run->result == PATCH_OK)
		json_object_foreach_safe(out, next, key, value)
			if (!json_object_get(names, key))
				json_object_del(out, key);
	json_decref(names);
}

/* A list or nothing; false: something else, of which an error was noted. */
static bool want_list(struct patch_run *run, const json_t *v)
{
	if (!v || json_is_array(v))
		return true;
	patch_fail(run, PATCH_INTERNAL, "expected a []interface {}, but received a %s",
		   patch_go_type(v));
	return false;
}

static void set_order(struct patch_run *run, json_t *out, json_t *todo, struct patch_shape shape,
		      const char *key, json_t *order)
{
	const char *name = patch_prefixed_field(key, PATCH_SET_ORDER);
	json_t *old, *new, *list;
	struct patch_field f;

	if (!want_list(run, order))
		return;
	if (!name) {
		patch_fail(run, PATCH_BAD_REQUEST, "invalid patch format of setElementOrder list");
		return;
	}
	old = json_object_get(out, name);
	new = json_object_get(todo, name);
	if (!want_list(run, old) || !want_list(run, new) ||
	    !patch_field_find(run, shape, name, old != NULL, &f))
		return;
	if (!f.field->repeated && !f.field->pointer) {
		patch_fail(run, PATCH_INTERNAL, "expected slice or array type, but got: struct");
		return;
	}
	list = patch_list_in_order(run, &f, old, new, order);
	if (list)
		json_object_set_new_nocheck(out, name, list);
	json_object_del(todo, name);
}

/* They come first, and use up the lists that they order. */
static void set_orders(struct patch_run *run, json_t *out, json_t *patch, json_t *todo,
		       struct patch_shape shape)
{
	const char *key;
	json_t *value;

	json_object_foreach(patch, key, value) {
		if (strncmp(key, PATCH_SET_ORDER, strlen(PATCH_SET_ORDER)))
			continue;
		json_object_del(todo, key);
		if (run->result == PATCH_OK)
			set_order(run, out, todo, shape, key, value);
	}
}

/* Members are visited in random order there: two that write one field have no defined result. */
static void refuse_twice(struct patch_run *run, json_t *todo)
{
	const char *key, *name;
	json_t *value;

	json_object_foreach(todo, key, value) {
		name = patch_prefixed_field(key, PATCH_DELETE_FROM_LIST);
		if (name && *name && json_object_get(todo, name))
			patch_fail(run, PATCH_REFUSED, "the patch has both %s and %s", name, key);
	}
}

/* What a member of the patch makes of one of the object that has the same type; owned. */
static json_t *merge_values(struct patch_run *run, struct patch_shape shape, const char *name,
			    json_t *old, json_t *value, bool deleting)
{
	struct patch_field f;

	if (!json_is_object(value) && !json_is_array(value))
		return json_incref(value);
	if (!patch_field_find(run, shape, name, true, &f))
		return NULL;
	if (json_is_array(value))
		return patch_list_merge(run, &f, old, value, deleting);
	return patch_object_merge(run, f.shape, old, value);
}

static void merge_member(struct patch_run *run, json_t *out, struct patch_shape shape,
			 const char *key, json_t *value)
{
	bool deleting = !strncmp(key, PATCH_DELETE_FROM_LIST, strlen(PATCH_DELETE_FROM_LIST));
	const char *name = deleting ? patch_prefixed_field(key, PATCH_DELETE_FROM_LIST) : key;
	json_t *old, *new;

	if (!name) {
		patch_fail(run, PATCH_BAD_REQUEST, "invalid patch format of primitive list");
		return;
	}
	if (!*name)
		name = key;
	old = json_object_get(out, name);
	if (json_is_null(value))
		new = NULL;
	else if (old && patch_same_type(old, value))
		new = merge_values(run, shape, name, old, value, deleting);
	else if (deleting)
		return;
	else
		new = patch_without_directives(value, false);
	if (new)
		json_object_set_new_nocheck(out, name, new);
	else
		json_object_del(out, name);
}

json_t *patch_object_merge(struct patch_run *run, struct patch_shape shape, json_t *object,
			   json_t *patch)
{
	json_t *directive = json_object_get(patch, "$patch"), *out, *todo, *value;
	const char *key;

	if (directive)
		return apply_directive(run, patch, directive);
	if (!patch_step(run, COPY_STEPS *
			     (json_object_size(object) + json_object_size(patch) + 1)))
		return NULL;
	out = json_copy(object);
	todo = json_copy(patch);
	retain_keys(run, out, todo);
	set_orders(run, out, patch, todo, shape);
	refuse_twice(run, todo);
	json_object_foreach(todo, key, value)
		if (run->result == PATCH_OK)
			merge_member(run, out, shape, key, value);
	json_decref(todo);
	if (run->result == PATCH_OK)
		return out;
	json_decref(out);
	return NULL;
}

json_t *patch_strategic_apply(struct patch_run *run, const struct schema_message *m,
			      json_t *document, json_t *patch)
{
	if (!json_is_object(patch) && !json_is_null(patch))
		return patch_fail(run, PATCH_BAD_REQUEST, "json: cannot unmarshal %s into Go "
				  "value of type map[string]interface {}",
				  patch_type_name(patch));
	if (!m || !json_is_object(document))
		return patch_fail(run, PATCH_REFUSED, "strategic merge patches of this kind are "
				  "not understood");
	if (json_is_null(patch))
		return json_incref(document);
	return patch_object_merge(run, (struct patch_shape){ .message = m }, document, patch);
}
