/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/patch.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* RFC 7386. */

void patch_merge(json_t *target, const json_t *patch)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)patch, key, value) {
		json_t *old = json_object_get(target, key);

		if (json_is_null(value)) {
			json_object_del(target, key);
		} else if (json_is_object(value)) {
			if (!json_is_object(old)) {
				old = json_object();
				json_object_set_new(target, key, old);
			}
			patch_merge(old, value);
		} else {
			json_object_set_new(target, key, json_deep_copy(value));
		}
	}
}

/* RFC 6902. */

/* The next reference token of a JSON pointer, unescaped; NULL at its end. Owned by the caller. */
static char *next_token(const char **pointer)
{
	const char *p = *pointer;
	char *token, *to;

	if (*p != '/')
		return NULL;
	token = to = xmalloc(strlen(p));
	for (p++; *p && *p != '/'; p++) {
		if (*p == '~' && (p[1] == '0' || p[1] == '1'))
			*to++ = *++p == '0' ? '~' : '/';
		else
			*to++ = *p;
	}
	*to = 0;
	*pointer = p;
	return token;
}

static bool array_index(const char *token, size_t size, bool for_add, size_t *out)
{
	uint64_t at;

	if (for_add && !strcmp(token, "-")) {
		*out = size;
		return true;
	}
	if (str_to_u64(str_from(token), &at) || at > size || (at == size && !for_add))
		return false;
	*out = (size_t)at;
	return true;
}

static json_t *child(json_t *v, const char *token)
{
	size_t at;

	if (json_is_object(v))
		return json_object_get(v, token);
	if (json_is_array(v) && array_index(token, json_array_size(v), false, &at))
		return json_array_get(v, at);
	return NULL;
}

/* The parent of what the pointer names and the last token (owned by the caller). */
static json_t *locate(json_t *root, const char *pointer, char **last)
{
	char *token = next_token(&pointer);

	while (root && token && *pointer) {
		root = child(root, token);
		free(token);
		token = next_token(&pointer);
	}
	*last = token;
	return token ? root : NULL;
}

static json_t *look_up(json_t *root, const char *pointer)
{
	char *token;

	while (root && (token = next_token(&pointer))) {
		root = child(root, token);
		free(token);
	}
	return root;
}

/* Takes value over. */
static int json_add(json_t **root, const char *pointer, json_t *value, bool replace)
{
	json_t *parent;
	char *last = NULL;
	size_t at;
	int rc = ERR_NOT_FOUND;

	if (!*pointer) {
		json_decref(*root);
		*root = value;
		return 0;
	}
	parent = locate(*root, pointer, &last);
	if (json_is_object(parent) && (!replace || json_object_get(parent, last))) {
		rc = json_object_set(parent, last, value);
	} else if (json_is_array(parent) &&
		   array_index(last, json_array_size(parent), !replace, &at)) {
		rc = replace ? json_array_set(parent, at, value) :
			       json_array_insert(parent, at, value);
	}
	json_decref(value);
	free(last);
	return rc ? ERR_NOT_FOUND : 0;
}

static int json_remove(json_t *root, const char *pointer)
{
	char *last = NULL;
	json_t *parent = locate(root, pointer, &last);
	size_t at;
	int rc = -1;

	if (json_is_object(parent))
		rc = json_object_del(parent, last);
	else if (json_is_array(parent) && array_index(last, json_array_size(parent), false, &at))
		rc = json_array_remove(parent, at);
	free(last);
	return rc ? ERR_NOT_FOUND : 0;
}

static int copy_or_move(json_t **root, const char *from, const char *path, bool move)
{
	json_t *value = look_up(*root, from);
	int rc = 0;

	if (!value)
		return ERR_NOT_FOUND;
	value = json_deep_copy(value);
	if (move)
		rc = json_remove(*root, from);
	if (rc) {
		json_decref(value);
		return rc;
	}
	return json_add(root, path, value, false);
}

static int apply_operation(json_t **root, const json_t *operation)
{
	const char *op = json_string_value(json_object_get(operation, "op"));
	const char *path = json_string_value(json_object_get(operation, "path"));
	const char *from = json_string_value(json_object_get(operation, "from"));
	json_t *value = json_object_get(operation, "value"), *have;

	if (!op || !path || (*path && *path != '/'))
		return ERR_SYNTAX;
	if (!strcmp(op, "remove"))
		return json_remove(*root, path);
	if ((!strcmp(op, "copy") || !strcmp(op, "move")) && from)
		return copy_or_move(root, from, path, op[0] == 'm');
	if (!value)
		return ERR_SYNTAX;
	if (!strcmp(op, "add") || !strcmp(op, "replace"))
		return json_add(root, path, json_deep_copy(value), op[0] == 'r');
	if (strcmp(op, "test"))
		return ERR_SYNTAX;
	have = look_up(*root, path);
	return have && json_equal(have, value) ? 0 : ERR_REFUSED;
}

int patch_json(json_t **target, const json_t *operations)
{
	json_t *operation;
	size_t i;
	int rc = 0;

	if (!json_is_array(operations))
		return ERR_SYNTAX;
	json_array_foreach((json_t *)operations, i, operation) {
		rc = apply_operation(target, operation);
		if (rc)
			break;
	}
	return rc;
}

/* Strategic merge. */

/* Lists that merge by the value of a member; all others are replaced as a whole. */
static const struct {
	const char *list;
	const char *keys[2];	/* the first that the elements have */
} merge_keys[] = {
	{ "containers", { "name", NULL } }, { "initContainers", { "name", NULL } },
	{ "ephemeralContainers", { "name", NULL } }, { "volumes", { "name", NULL } },
	{ "env", { "name", NULL } }, { "volumeMounts", { "mountPath", NULL } },
	{ "volumeDevices", { "devicePath", NULL } }, { "ports", { "containerPort", "port" } },
	{ "conditions", { "type", NULL } }, { "addresses", { "type", NULL } },
	{ "imagePullSecrets", { "name", NULL } }, { "secrets", { "name", NULL } },
	{ "ownerReferences", { "uid", NULL } }, { "hostAliases", { "ip", NULL } },
	{ "podIPs", { "ip", NULL } }, { "hostIPs", { "ip", NULL } },
	{ "resourceClaims", { "name", NULL } }, { "drivers", { "name", NULL } },
	{ "topologySpreadConstraints", { "topologyKey", NULL } },
	{ "resourceClaimStatuses", { "name", NULL } },
};

static const char *merge_key(const char *list, const json_t *elements)
{
	json_t *first = json_array_get(elements, 0);

	for (size_t i = 0; i < array_size(merge_keys); i++) {
		const char *const *keys = merge_keys[i].keys;

		if (strcmp(merge_keys[i].list, list))
			continue;
		return keys[1] && json_object_get(first, keys[1]) &&
		       !json_object_get(first, keys[0]) ? keys[1] : keys[0];
	}
	return NULL;
}

static bool is_primitive_set(const char *list)
{
	return !strcmp(list, "finalizers") || !strcmp(list, "podCIDRs");
}

static ptrdiff_t index_of(const json_t *list, const char *key, const json_t *element)
{
	json_t *want = key ? json_object_get(element, key) : (json_t *)element, *one;
	size_t i;

	if (!want)
		return -1;
	json_array_foreach((json_t *)list, i, one) {
		json_t *have = key ? json_object_get(one, key) : one;

		if (have && json_equal(have, want))
			return (ptrdiff_t)i;
	}
	return -1;
}

static const char *directive(const json_t *v)
{
	const char *text = json_string_value(json_object_get(v, "$patch"));

	return text ? text : "";
}

/* A value of the patch as it is stored where there was nothing: directives do not stay in it. */
static json_t *without_directives(json_t *v)
{
	json_t *out, *value, *one;
	const char *key;
	size_t i;

	if (json_is_object(v)) {
		out = json_object();
		json_object_foreach(v, key, value)
			if (*key != '$' && !json_is_null(value))
				json_object_set_new(out, key, without_directives(value));
		return out;
	}
	if (!json_is_array(v))
		return json_deep_copy(v);
	out = json_array();
	json_array_foreach(v, i, one)
		if (!*directive(one))
			json_array_append_new(out, without_directives(one));
	return out;
}

static bool list_is_replaced(json_t *patch)
{
	json_t *one;
	size_t i;

	json_array_foreach(patch, i, one)
		if (!strcmp(directive(one), "replace"))
			return true;
	return false;
}

static void merge_list(json_t *target, json_t *patch, const char *key)
{
	json_t *one;
	size_t i;

	json_array_foreach(patch, i, one) {
		ptrdiff_t at = index_of(target, key, one);

		if (!strcmp(directive(one), "delete")) {
			if (at >= 0)
				json_array_remove(target, (size_t)at);
		} else if (at < 0) {
			json_array_append_new(target, without_directives(one));
		} else if (key) {
			patch_strategic(json_array_get(target, (size_t)at), one);
		}
	}
}

static void strategic_list(json_t *target, const char *name, json_t *patch)
{
	json_t *old = json_object_get(target, name);
	json_t *sample = json_array_size(patch) ? patch : old;
	const char *key = merge_key(name, sample);

	if (json_is_array(old) && (key || is_primitive_set(name)) && !list_is_replaced(patch))
		merge_list(old, patch, key);
	else
		json_object_set_new(target, name, without_directives(patch));
}

/* $deleteFromPrimitiveList/<list>: [values]. */
static void delete_from_list(json_t *target, const char *name, json_t *values)
{
	json_t *list = json_object_get(target, name), *one;
	ptrdiff_t at;
	size_t i;

	json_array_foreach(values, i, one)
		while ((at = index_of(list, NULL, one)) >= 0)
			json_array_remove(list, (size_t)at);
}

/* $setElementOrder/<list>: the elements named come first, in that order. */
static void order_list(json_t *target, const char *name, json_t *order)
{
	json_t *list = json_object_get(target, name), *sorted, *one;
	const char *key = merge_key(name, order);
	size_t i;

	if (!json_is_array(list))
		return;
	sorted = json_array();
	json_array_foreach(order, i, one) {
		ptrdiff_t at = index_of(list, key, one);

		if (at < 0)
			continue;
		json_array_append(sorted, json_array_get(list, (size_t)at));
		json_array_remove(list, (size_t)at);
	}
	json_array_extend(sorted, list);
	json_object_set_new(target, name, sorted);
}

/* $retainKeys: [names]; every other member goes. */
static void retain_keys(json_t *target, json_t *names)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(target, next, key, value) {
		json_t *name = json_string(key);

		if (index_of(names, NULL, name) < 0)
			json_object_del(target, key);
		json_decref(name);
	}
}

static void strategic_member(json_t *target, const char *key, json_t *value)
{
	json_t *old = json_object_get(target, key);

	if (json_is_null(value)) {
		json_object_del(target, key);
	} else if (json_is_array(value)) {
		strategic_list(target, key, value);
	} else if (json_is_object(value) && !strcmp(directive(value), "delete")) {
		json_object_del(target, key);
	} else if (json_is_object(value) && json_is_object(old)) {
		patch_strategic(old, value);
	} else {
		json_object_set_new(target, key, without_directives(value));
	}
}

void patch_strategic(json_t *target, json_t *patch)
{
	static const char order[] = "$setElementOrder/", drop[] = "$deleteFromPrimitiveList/";
	json_t *retain = json_object_get(patch, "$retainKeys"), *value;
	const char *key;

	if (!strcmp(directive(patch), "replace"))
		json_object_clear(target);
	if (retain)
		retain_keys(target, retain);
	json_object_foreach(patch, key, value)
		if (*key != '$')
			strategic_member(target, key, value);
	json_object_foreach(patch, key, value) {
		if (!strncmp(key, drop, sizeof(drop) - 1))
			delete_from_list(target, key + sizeof(drop) - 1, value);
		else if (!strncmp(key, order, sizeof(order) - 1))
			order_list(target, key + sizeof(order) - 1, value);
	}
}
