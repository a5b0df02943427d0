/* SPDX-License-Identifier: Apache-2.0 */
/* Leases, CSI nodes and resource slices: only what is the node's own. */
#include "config.h"

#include "admission/node_restriction.h"

#define LEASE_NAMESPACE "kube-node-lease"

/* The name that is written: of the body on CREATE, else of the URL; empty for a collection. */
static enum admission_result written_name(struct admission_request *r,
					  enum admission_operation op, struct str *name)
{
	enum admission_result result;
	json_t *object;

	*name = r->attributes->name;
	if (op != ADMISSION_CREATE)
		return ADMISSION_ALLOW;
	result = admission_new_object(r, &object);
	if (result == ADMISSION_ALLOW)
		*name = tree_text(object, "metadata.name");
	return result;
}

/* A PUT or an apply that creates has the name of the URL: 400 before admission otherwise. */
enum admission_result node_restriction_lease(struct admission_request *r,
					     enum admission_operation op, struct str node)
{
	enum admission_result result;
	struct str name;

	if (!str_eq(r->attributes->namespace, STR(LEASE_NAMESPACE)))
		return node_forbid(r, "can only access leases in the \"" LEASE_NAMESPACE
				   "\" system namespace");
	result = written_name(r, op, &name);
	if (result != ADMISSION_ALLOW || str_eq(name, node))
		return result;
	return node_forbid(r, "can only access node lease with the same name as the requesting "
			   "node");
}

enum admission_result node_restriction_csi_node(struct admission_request *r,
						enum admission_operation op, struct str node)
{
	enum admission_result result;
	struct str name;

	result = written_name(r, op, &name);
	if (result != ADMISSION_ALLOW || str_eq(name, node))
		return result;
	return node_forbid(r, "can only access CSINode with the same name as the requesting node");
}

static enum admission_result create_slice(struct admission_request *r, struct str node)
{
	enum admission_result result;
	json_t *slice;

	result = admission_new_object(r, &slice);
	if (result != ADMISSION_ALLOW || str_eq(tree_text(slice, "spec.nodeName"), node))
		return result;
	return node_forbid(r, "can only create ResourceSlice with the same NodeName as the "
			   "requesting node");
}

static enum admission_result refuse_slice(struct admission_request *r)
{
	return node_forbid(r, "can only delete ResourceSlice with the same NodeName as the "
			   "requesting node");
}

static bool selects_node(const struct selector *s, struct str node)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->v[i].key, STR("spec.nodeName")) && s->v[i].op == SELECTOR_EQUALS &&
		    s->v[i].value_count == 1 && str_eq(s->v[i].values[0], node))
			return true;
	return false;
}

static json_t *looked_up(const struct admission_request *r)
{
	for (size_t i = 0; i < r->lookup_count; i++)
		if (!r->lookups[i].key.name.n)
			return r->lookups[i].object;
	return NULL;
}

/*
 * Of a collection each object is judged: the selector, which the Node authorizer demands, must
 * leave the node's own.  One that becomes another node's between this and the deletion has to be
 * deleted and made again under its name in that moment.
 */
static enum admission_result delete_slices(struct admission_request *r, struct str node)
{
	const struct attributes *a = r->attributes;
	struct admission_key key = { .api_group = a->api_group, .api_version = a->api_version,
				     .resource = a->resource };
	struct str error = STR_NULL;
	enum admission_result result;
	json_t *found, *items, *slice;
	size_t i;

	if (!selects_node(&a->field_selector, node))
		return refuse_slice(r);
	result = admission_lookup(r, &key, &found, &error);
	if (result != ADMISSION_ALLOW)
		return result;
	if (error.n)
		return node_forbid(r, "%.*s", STR_ARG(error));
	items = json_object_get(looked_up(r), "items");
	if (found && !json_is_array(items))
		return refuse_slice(r);
	json_array_foreach(items, i, slice)
		if (!str_eq(tree_text(slice, "spec.nodeName"), node))
			return refuse_slice(r);
	return ADMISSION_ALLOW;
}

static enum admission_result delete_slice(struct admission_request *r, struct str node)
{
	enum admission_result result;
	json_t *slice;

	if (!r->attributes->name.n)
		return delete_slices(r, node);
	result = admission_old_object(r, &slice);
	if (result != ADMISSION_ALLOW)
		return result;
	if (!str_eq(tree_text(slice, "spec.nodeName"), node))
		return refuse_slice(r);
	admission_require_uid(r, tree_text(slice, "metadata.uid"));
	return ADMISSION_ALLOW;
}

enum admission_result node_restriction_slice(struct admission_request *r,
					     enum admission_operation op, struct str node)
{
	/* What is updated the Node authorizer has related to the node, and it stays so. */
	if (op == ADMISSION_UPDATE)
		return ADMISSION_ALLOW;
	return op == ADMISSION_CREATE ? create_slice(r, node) : delete_slice(r, node);
}
