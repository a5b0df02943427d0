/* SPDX-License-Identifier: Apache-2.0 */
/* NodeRestriction: what a kubelet's identity may write (spec 21). */
#include "config.h"

#include "admission/node_restriction.h"

#include "admission/media.h"
#include "admission/precondition.h"
#include "base/mem.h"

#define NODE_PREFIX STR("system:node:")
#define NODE_GROUP STR("system:nodes")

static const struct guarded {
	const char *group, *resource;
	enum admission_result (*admit)(struct admission_request *r, enum admission_operation op,
				       struct str node);
} guarded[] = {
	{ "", "pods", node_restriction_pod },
	{ "", "nodes", node_restriction_node },
	{ "", "persistentvolumeclaims", node_restriction_claim },
	{ "", "serviceaccounts", node_restriction_token },
	{ "certificates.k8s.io", "podcertificaterequests", node_restriction_pod_certificate },
	{ "certificates.k8s.io", "certificatesigningrequests", node_restriction_csr },
	{ "coordination.k8s.io", "leases", node_restriction_lease },
	{ "storage.k8s.io", "csinodes", node_restriction_csi_node },
	{ "resource.k8s.io", "resourceslices", node_restriction_slice },
};

bool node_restriction_same(json_t *a, json_t *b)
{
	return a == b || (a && b && json_equal(a, b));
}

bool node_restriction_is_name(struct str name)
{
	return name.n && name.n <= 253 && !str_eq(name, STR(".")) && !str_eq(name, STR("..")) &&
	       str_find(name, '/', 0) < 0 && str_find(name, '%', 0) < 0;
}

/* What a dry run of an apply gives back may have a version of its own. */
enum admission_result node_restriction_bind(struct admission_request *r, json_t *old,
					    json_t *new)
{
	struct str stated = tree_text(new, "metadata.resourceVersion");
	struct str version = tree_text(old, "metadata.resourceVersion");
	bool is_apply = str_eq(r->method, STR("PATCH")) &&
			body_media(r->headers, true) == BODY_APPLY;

	if (!is_apply && precondition_is_version(stated) && !str_eq(stated, version))
		return request_conflict(r, STR("the object has been modified; please apply your "
					       "changes to the latest version and try again"));
	admission_require_version(r, version);
	return ADMISSION_ALLOW;
}

static const struct guarded *find_guarded(const struct attributes *a)
{
	for (size_t i = 0; i < array_size(guarded); i++)
		if (str_eq(a->api_group, str_from(guarded[i].group)) &&
		    str_eq(a->resource, str_from(guarded[i].resource)))
			return &guarded[i];
	return NULL;
}

static bool is_node(const struct user *u)
{
	return str_has_prefix(u->name, NODE_PREFIX) && user_has_group(u, NODE_GROUP);
}

static struct str node_of(const struct admission_request *r)
{
	return str_skip(r->attributes->user->name, NODE_PREFIX.n);
}

static bool handles(const struct admission_request *r, enum admission_operation op)
{
	if (op == ADMISSION_NONE || op == ADMISSION_CONNECT || !is_node(r->attributes->user))
		return false;
	return !node_of(r).n || find_guarded(r->attributes);
}

static enum admission_result admit(struct admission_request *r, enum admission_operation op)
{
	struct str node = node_of(r);

	if (!node.n)
		return node_forbid(r, "could not determine node from user %.*s",
				   STR_ARG(admission_quote(r->arena, r->attributes->user->name)));
	return find_guarded(r->attributes)->admit(r, op, node);
}

const struct admission_plugin node_restriction_plugin = {
	.name = "NodeRestriction",
	.handles = handles,
	.admit = admit,
};
