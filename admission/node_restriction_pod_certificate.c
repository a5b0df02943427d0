/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podcertificaterequests: for pods that run on the node, as their service account.  What may only
 * be a cache that lags, the node's, the pod's or the account's, is a bare 500 in kube-apiserver,
 * upon which the kubelet tries again.
 */
#include "config.h"

#include "admission/node_restriction.h"

#define FOR_POD "PodCertificateRequest for pod %.*s "
#define FAILED(r, ...) admission_internal((r), arena_printf((r)->arena, __VA_ARGS__))

/* A request while it is judged; texts marked "quoted" are as Go's %q shows them. */
struct judged {
	struct admission_request *r;
	json_t *request, *pod;
	struct str node;
	struct str pod_quoted;		/* "namespace/name" */
};

static struct str quoted(const struct judged *j, struct str text)
{
	return admission_quote(j->r->arena, text);
}

static struct str quoted_member(const struct judged *j, json_t *object, const char *dotted)
{
	return quoted(j, tree_text(object, dotted));
}

/* "namespace/name" */
static struct str quoted_key(const struct judged *j, struct str name)
{
	return quoted(j, arena_printf(j->r->arena, "%.*s/%.*s",
				      STR_ARG(j->r->attributes->namespace), STR_ARG(name)));
}

/* The object, or the 500 that says which one could not be had; kind and what name it there. */
static enum admission_result find(const struct judged *j, const struct admission_key *key,
				  const char *kind, const char *what, struct str shown,
				  json_t **out)
{
	struct str error = STR_NULL;
	enum admission_result result;

	*out = NULL;
	if (node_restriction_is_name(key->name)) {
		result = admission_lookup(j->r, key, out, &error);
		if (result != ADMISSION_ALLOW || *out)
			return result;
	}
	if (!error.n)
		error = arena_printf(j->r->arena, "%s %.*s not found", kind,
				     STR_ARG(quoted(j, key->name)));
	return FAILED(j->r, "while retrieving %s %.*s named in the PodCertificateRequest: %.*s",
		      what, STR_ARG(shown), STR_ARG(error));
}

static enum admission_result check_node(struct judged *j)
{
	struct admission_key key = { .api_version = STR("v1"), .resource = STR("nodes"),
				     .name = j->node };
	struct str uid = tree_text(j->request, "spec.nodeUID");
	enum admission_result result;
	json_t *node;

	result = find(j, &key, "node", "node", quoted(j, j->node), &node);
	if (result != ADMISSION_ALLOW || str_eq(uid, tree_text(node, "metadata.uid")))
		return result;
	return FAILED(j->r, FOR_POD "names node UID %.*s, inconsistent with the running node "
		      "(%.*s)", STR_ARG(j->pod_quoted), STR_ARG(quoted(j, uid)),
		      STR_ARG(quoted_member(j, node, "metadata.uid")));
}

static enum admission_result check_pod(struct judged *j)
{
	struct admission_key key = {
		.api_version = STR("v1"), .resource = STR("pods"),
		.namespace = j->r->attributes->namespace,
		.name = tree_text(j->request, "spec.podName"),
	};
	struct str uid = tree_text(j->request, "spec.podUID");
	enum admission_result result;

	result = find(j, &key, "pod", "pod", j->pod_quoted, &j->pod);
	if (result != ADMISSION_ALLOW)
		return result;
	if (!str_eq(uid, tree_text(j->pod, "metadata.uid")))
		return FAILED(j->r, FOR_POD "contains pod UID (%.*s) which differs from running "
			      "pod %.*s", STR_ARG(j->pod_quoted), STR_ARG(quoted(j, uid)),
			      STR_ARG(quoted_member(j, j->pod, "metadata.uid")));
	if (!str_eq(tree_text(j->pod, "spec.nodeName"), j->node))
		return node_forbid(j->r, "pod %.*s is not running on node %.*s named in the "
				   "PodCertificateRequest", STR_ARG(j->pod_quoted),
				   STR_ARG(quoted(j, j->node)));
	if (json_object_get(tree_at(j->pod, "metadata.annotations"), MIRROR_ANNOTATION))
		return node_forbid(j->r, "pod %.*s is a mirror pod", STR_ARG(j->pod_quoted));
	return ADMISSION_ALLOW;
}

static enum admission_result check_service_account(struct judged *j)
{
	struct admission_key key = {
		.api_version = STR("v1"), .resource = STR("serviceaccounts"),
		.namespace = j->r->attributes->namespace,
		.name = tree_text(j->request, "spec.serviceAccountName"),
	};
	struct str uid = tree_text(j->request, "spec.serviceAccountUID");
	enum admission_result result;
	json_t *account;

	if (!str_eq(key.name, tree_text(j->pod, "spec.serviceAccountName")))
		return node_forbid(j->r, FOR_POD "contains serviceAccountName (%.*s) that differs "
				   "from running pod (%.*s)", STR_ARG(j->pod_quoted),
				   STR_ARG(quoted(j, key.name)),
				   STR_ARG(quoted_member(j, j->pod, "spec.serviceAccountName")));
	result = find(j, &key, "serviceaccount", "service account", quoted_key(j, key.name),
		      &account);
	if (result != ADMISSION_ALLOW || str_eq(uid, tree_text(account, "metadata.uid")))
		return result;
	return FAILED(j->r, FOR_POD "names service account UID %.*s, which differs from the "
		      "running service account (%.*s)", STR_ARG(j->pod_quoted),
		      STR_ARG(quoted(j, uid)),
		      STR_ARG(quoted_member(j, account, "metadata.uid")));
}

enum admission_result node_restriction_pod_certificate(struct admission_request *r,
						       enum admission_operation op,
						       struct str node)
{
	struct judged j = { .r = r, .node = node };
	struct str subresource = r->attributes->subresource, named;
	enum admission_result result;

	if (!r->chain->gates.pod_certificate_request)
		return node_forbid(r, "PodCertificateRequest feature gate is disabled");
	if (op != ADMISSION_CREATE)
		return node_forbid(r, "unexpected operation %s", admission_operation_name(op));
	if (subresource.n)
		return node_forbid(r, "unexpected subresource %.*s", STR_ARG(subresource));
	result = admission_new_object(r, &j.request);
	if (result != ADMISSION_ALLOW)
		return result;
	named = tree_text(j.request, "spec.nodeName");
	if (!str_eq(named, node))
		return node_forbid(r, "PodCertificateRequest.Spec.NodeName=%.*s, which is not the "
				   "requesting node %.*s", STR_ARG(quoted(&j, named)),
				   STR_ARG(quoted(&j, node)));
	j.pod_quoted = quoted_key(&j, tree_text(j.request, "spec.podName"));
	result = check_node(&j);
	if (result == ADMISSION_ALLOW)
		result = check_pod(&j);
	return result == ADMISSION_ALLOW ? check_service_account(&j) : result;
}
