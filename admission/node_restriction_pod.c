/* SPDX-License-Identifier: Apache-2.0 */
/* pods and their subresources: a node creates mirror pods and writes the status of its pods. */
#include "config.h"

#include "admission/node_restriction.h"

#include "admission/body.h"
#include "admission/precondition.h"
#include "base/mem.h"

static const char *const guarded_fields[] = {
	"metadata.labels", "status.resourceClaimStatuses", "status.extendedResourceClaimStatus",
};

static struct str quoted(struct admission_request *r, struct str text)
{
	return admission_quote(r->arena, text);
}

static enum admission_result admit_create(struct admission_request *r, struct str node)
{
	enum admission_result result;
	json_t *pod;

	result = admission_new_object(r, &pod);
	return result == ADMISSION_ALLOW ? node_restriction_mirror_pod(r, pod, node) : result;
}

/* An apply of a pod that is not there is a creation to the chain. */
static enum admission_result refuse_update(struct admission_request *r, struct str node)
{
	return node_forbid(r, "unexpected operation \"UPDATE\", node %.*s can only create and "
			   "delete mirror pods", STR_ARG(quoted(r, node)));
}

/* Each pod of a collection would have to be judged by itself: none is deleted. */
static enum admission_result admit_delete(struct admission_request *r, struct str node)
{
	const struct attributes *a = r->attributes;
	struct str pod_node = STR_NULL, uid = STR_NULL;
	enum admission_result result;
	bool found;

	if (a->name.n) {
		result = admission_pod(r, a->namespace, a->name, &found, &pod_node, &uid);
		if (result != ADMISSION_ALLOW)
			return result;
		if (!found)
			return admission_not_found(r, STR("pod"), a->name);
	}
	if (!str_eq(pod_node, node))
		return node_forbid(r, "node %.*s can only delete pods with spec.nodeName set to "
				   "itself", STR_ARG(quoted(r, node)));
	admission_require_uid(r, uid);
	return ADMISSION_ALLOW;
}

static bool is_same(json_t *old, json_t *new, const char *path)
{
	return node_restriction_same(tree_at(old, path), tree_at(new, path));
}

static enum admission_result check_status(struct admission_request *r, json_t *old, json_t *new,
					  struct str node)
{
	struct str name = quoted(r, node);

	if (!is_same(old, new, "metadata.labels"))
		return node_forbid(r, "node %.*s cannot update labels through pod status",
				   STR_ARG(name));
	if (!is_same(old, new, "status.resourceClaimStatuses"))
		return node_forbid(r, "node %.*s cannot update resource claim statues",
				   STR_ARG(name));
	if (!is_same(old, new, "status.extendedResourceClaimStatus"))
		return node_forbid(r, "node %.*s cannot update extended resource claim status",
				   STR_ARG(name));
	return ADMISSION_ALLOW;
}

static enum admission_result refuse_status(struct admission_request *r, struct str node)
{
	return node_forbid(r, "node %.*s can only update pod status for pods with spec.nodeName "
			   "set to itself", STR_ARG(quoted(r, node)));
}

/* The update writes something guarded: it is judged on the pod as it is now. */
static enum admission_result admit_guarded_status(struct admission_request *r, struct str node)
{
	enum admission_result result;
	json_t *old, *new;

	result = admission_old_object(r, &old);
	if (result != ADMISSION_ALLOW)
		return result;
	if (!str_eq(tree_text(old, "spec.nodeName"), node))
		return refuse_status(r, node);
	result = admission_new_object(r, &new);
	if (result == ADMISSION_ALLOW)
		result = check_status(r, old, new, node);
	return result == ADMISSION_ALLOW ? node_restriction_bind(r, old, new) : result;
}

/* The pod's node and uid; one that is not known anywhere is missing as the store says it. */
static enum admission_result find_pod(struct admission_request *r, struct str *node,
				      struct str *uid)
{
	const struct attributes *a = r->attributes;
	enum admission_result result;
	json_t *pod;
	bool found;

	result = admission_pod(r, a->namespace, a->name, &found, node, uid);
	if (result != ADMISSION_ALLOW || found)
		return result;
	result = admission_old_object(r, &pod);
	*node = tree_text(pod, "spec.nodeName");
	*uid = tree_text(pod, "metadata.uid");
	return result;
}

/*
 * Does the patch name another uid, or in another way than kubelets do?  The cache may be behind a
 * pod of that uid on another node: then the pod is judged as it is now.
 */
static enum admission_result names_another(struct admission_request *r, struct str uid, bool *out)
{
	static const char *const field[] = { "metadata.uid" };
	enum admission_result result;

	result = admission_touches(r, field, 1, out);
	if (result == ADMISSION_ALLOW && *out)
		*out = !str_eq(tree_text(r->read->raw, "metadata.uid"), uid);
	return result;
}

static enum admission_result admit_status(struct admission_request *r,
					  enum admission_operation op, struct str node)
{
	enum admission_result result;
	struct str pod_node, uid;
	bool touches;

	if (op != ADMISSION_UPDATE)
		return node_forbid(r, "unexpected operation \"%s\"", admission_operation_name(op));
	result = find_pod(r, &pod_node, &uid);
	if (result != ADMISSION_ALLOW)
		return result;
	if (!str_eq(pod_node, node))
		return refuse_status(r, node);
	result = admission_touches(r, guarded_fields, array_size(guarded_fields), &touches);
	if (result != ADMISSION_ALLOW)
		return result;
	if (!touches)
		result = names_another(r, uid, &touches);
	if (result != ADMISSION_ALLOW)
		return result;
	if (touches)
		return admit_guarded_status(r, node);
	admission_require_uid(r, uid);
	return ADMISSION_ALLOW;
}

/* As above: another uid than the known one is a conflict, whatever the cache is behind. */
static enum admission_result check_eviction_uid(struct admission_request *r, struct str uid)
{
	enum admission_result result;
	struct str stated;
	json_t *eviction;

	result = admission_body_object(r, &eviction);
	if (result != ADMISSION_ALLOW)
		return result;
	stated = tree_text(eviction, "deleteOptions.preconditions.uid");
	if (stated.n && !str_eq(stated, uid))
		return request_conflict(r, arena_printf(r->arena, "the UID in the precondition "
			"(%.*s) does not match the UID in record (%.*s). The object might have "
			"been deleted and then recreated", STR_ARG(stated), STR_ARG(uid)));
	admission_require_uid(r, uid);
	return ADMISSION_ALLOW;
}

/* The name is the URL's: no route leads to an eviction without one. */
static enum admission_result admit_eviction(struct admission_request *r,
					    enum admission_operation op, struct str node)
{
	const struct attributes *a = r->attributes;
	enum admission_result result;
	struct str pod_node, uid;
	bool found;

	if (op != ADMISSION_CREATE)
		return node_forbid(r, "unexpected operation %s", admission_operation_name(op));
	if (!a->name.n)
		return node_forbid(r, "could not determine pod from request data");
	result = admission_pod(r, a->namespace, a->name, &found, &pod_node, &uid);
	if (result != ADMISSION_ALLOW)
		return result;
	if (!found)
		return admission_not_found(r, STR("pod"), a->name);
	if (!str_eq(pod_node, node))
		return node_forbid(r, "node %.*s can only evict pods with spec.nodeName set to "
				   "itself", STR_ARG(node));
	return check_eviction_uid(r, uid);
}

enum admission_result node_restriction_pod(struct admission_request *r,
					   enum admission_operation op, struct str node)
{
	struct str subresource = r->attributes->subresource;

	if (str_eq(subresource, STR("status")))
		return admit_status(r, op, node);
	if (str_eq(subresource, STR("eviction")))
		return admit_eviction(r, op, node);
	if (subresource.n)
		return node_forbid(r, "unexpected pod subresource %.*s, only 'status' and "
				   "'eviction' are allowed", STR_ARG(quoted(r, subresource)));
	if (op == ADMISSION_CREATE)
		return admit_create(r, node);
	return op == ADMISSION_UPDATE ? refuse_update(r, node) : admit_delete(r, node);
}
