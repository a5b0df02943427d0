/* SPDX-License-Identifier: Apache-2.0 */
/* persistentvolumeclaims/status: a node reports what a resize did, and nothing else. */
#include "config.h"

#include "admission/node_restriction.h"

#include "base/mem.h"

/* A copy as it is compared (defaulted it is already): without what a node may write. Owned. */
static json_t *guarded_part(json_t *claim)
{
	static const char *const free_metadata[] = { "resourceVersion", "managedFields" };
	static const char *const free_status[] = {
		"capacity", "conditions", "allocatedResources", "allocatedResourceStatuses",
	};
	json_t *copy = json_deep_copy(claim);

	for (size_t i = 0; i < array_size(free_metadata); i++)
		json_object_del(json_object_get(copy, "metadata"), free_metadata[i]);
	for (size_t i = 0; i < array_size(free_status); i++)
		json_object_del(json_object_get(copy, "status"), free_status[i]);
	return copy;
}

static void add_key(struct strbuf *list, const char *part, const char *key)
{
	if (list->n)
		strbuf_add_cstr(list, ", ");
	strbuf_addf(list, "%s.%s", part, key);
}

/* Names the members that differ, two levels deep. */
static void add_differences(struct strbuf *list, const char *part, json_t *old, json_t *new)
{
	const char *key;
	json_t *value;

	json_object_foreach(old, key, value)
		if (!node_restriction_same(value, json_object_get(new, key)))
			add_key(list, part, key);
	json_object_foreach(new, key, value)
		if (!json_object_get(old, key))
			add_key(list, part, key);
}

static struct str differences(struct arena *a, json_t *old, json_t *new)
{
	static const char *const parts[] = { "metadata", "spec", "status" };
	json_t *before = guarded_part(old), *after = guarded_part(new);
	struct strbuf list = STRBUF_INIT;
	struct str text;

	for (size_t i = 0; i < array_size(parts); i++)
		add_differences(&list, parts[i], json_object_get(before, parts[i]),
				json_object_get(after, parts[i]));
	json_decref(before);
	json_decref(after);
	text = arena_str(a, strbuf_str(&list));
	strbuf_fini(&list);
	return text;
}

static enum admission_result admit_status(struct admission_request *r, struct str node)
{
	enum admission_result result;
	json_t *old, *new;
	struct str what;

	result = admission_old_object(r, &old);
	if (result != ADMISSION_ALLOW)
		return result;
	result = admission_new_object(r, &new);
	if (result != ADMISSION_ALLOW)
		return result;
	what = differences(r->arena, old, new);
	if (what.n)
		return node_forbid(r, "node %.*s is not allowed to update fields other than "
				   "status.quantity and status.conditions: %.*s",
				   STR_ARG(admission_quote(r->arena, node)), STR_ARG(what));
	return node_restriction_bind(r, old, new);
}

enum admission_result node_restriction_claim(struct admission_request *r,
					     enum admission_operation op, struct str node)
{
	if (!str_eq(r->attributes->subresource, STR("status")))
		return node_forbid(r, "may only update PVC status");
	if (op != ADMISSION_UPDATE)
		return node_forbid(r, "unexpected operation \"%s\"", admission_operation_name(op));
	return admit_status(r, node);
}
