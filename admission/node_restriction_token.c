/* SPDX-License-Identifier: Apache-2.0 */
/* serviceaccounts/token: tokens bound to a pod of the node, for audiences that the pod asks for. */
#include "config.h"

#include "admission/node_restriction.h"

static struct str quoted(struct admission_request *r, struct str text)
{
	return admission_quote(r->arena, text);
}

static enum admission_result find_pod(struct admission_request *r, json_t *ref, json_t **pod)
{
	struct admission_key key = {
		.api_version = STR("v1"), .resource = STR("pods"),
		.namespace = r->attributes->namespace, .name = tree_text(ref, "name"),
	};
	struct str error = STR_NULL;
	enum admission_result result;

	*pod = NULL;
	if (!node_restriction_is_name(key.name))
		return admission_not_found(r, STR("pod"), key.name);
	result = admission_lookup(r, &key, pod, &error);
	if (result != ADMISSION_ALLOW)
		return result;
	if (error.n)
		return node_forbid(r, "%.*s", STR_ARG(error));
	return *pod ? ADMISSION_ALLOW : admission_not_found(r, STR("pod"), key.name);
}

static enum admission_result check_pod(struct admission_request *r, json_t *ref, json_t *pod,
				       struct str node)
{
	struct str uid = tree_text(ref, "uid");

	if (!str_eq(uid, tree_text(pod, "metadata.uid")))
		return node_forbid(r, "the UID in the bound object reference (%.*s) does not match "
				   "the UID in record. The object might have been deleted and then "
				   "recreated", STR_ARG(uid));
	if (!str_eq(tree_text(pod, "spec.nodeName"), node))
		return node_forbid(r, "node requested token bound to a pod scheduled on a "
				   "different node");
	return ADMISSION_ALLOW;
}

/* What the pod does not ask for the authorizer may allow. */
static enum admission_result ask(struct admission_request *r, struct str audience)
{
	struct attributes a = {
		.user = r->attributes->user,
		.verb = STR("request-serviceaccounts-token-audience"),
		.is_resource = true,
		.namespace = r->attributes->namespace,
		.api_version = STR("v1"),
		.resource = audience,
		.name = r->attributes->name,
	};
	struct str error = STR_NULL, user = r->attributes->user->name;
	enum admission_result result;
	bool allowed;

	result = admission_authorize(r, &a, &allowed, &error);
	if (result != ADMISSION_ALLOW || allowed)
		return result;
	if (error.n)
		return node_forbid(r, "audience %.*s not found in pod spec volume, error "
				   "authorizing %.*s to request tokens for this audience: %.*s",
				   STR_ARG(quoted(r, audience)), STR_ARG(user), STR_ARG(error));
	return node_forbid(r, "audience %.*s not found in pod spec volume, %.*s is not authorized "
			   "to request tokens for this audience", STR_ARG(quoted(r, audience)),
			   STR_ARG(user));
}

/* No audience and the empty one are the same: the API's own. */
static enum admission_result check_audience(struct admission_request *r, json_t *request,
					    json_t *pod)
{
	json_t *audiences = tree_at(request, "spec.audiences");
	json_t *first = json_array_get(audiences, 0);
	struct str audience = STR_NULL, errors = STR_NULL;
	enum admission_result result;
	bool found = false;

	if (json_array_size(audiences) > 1)
		return node_forbid(r, "node may only request 0 or 1 audiences");
	if (first)
		audience = str_make(json_string_value(first), json_string_length(first));
	result = node_restriction_audience(r, pod, audience, &found, &errors);
	if (result != ADMISSION_ALLOW || found)
		return result;
	if (errors.n)
		return node_forbid(r, "error validating audience %.*s: %.*s",
				   STR_ARG(quoted(r, audience)), STR_ARG(errors));
	return ask(r, audience);
}

static enum admission_result check_request(struct admission_request *r, json_t *request,
					   struct str node)
{
	json_t *ref = tree_at(request, "spec.boundObjectRef"), *pod;
	enum admission_result result;

	if (!ref || !str_eq(tree_text(ref, "apiVersion"), STR("v1")) ||
	    !str_eq(tree_text(ref, "kind"), STR("Pod")) || !tree_text(ref, "name").n)
		return node_forbid(r, "node requested token not bound to a pod");
	if (!tree_text(ref, "uid").n)
		return node_forbid(r, "node requested token with a pod binding without a uid");
	result = find_pod(r, ref, &pod);
	if (result == ADMISSION_ALLOW)
		result = check_pod(r, ref, pod, node);
	return result == ADMISSION_ALLOW ? check_audience(r, request, pod) : result;
}

enum admission_result node_restriction_token(struct admission_request *r,
					     enum admission_operation op, struct str node)
{
	enum admission_result result;
	json_t *request;

	if (op != ADMISSION_CREATE || !str_eq(r->attributes->subresource, STR("token")))
		return ADMISSION_ALLOW;
	result = admission_body_object(r, &request);
	return result == ADMISSION_ALLOW ? check_request(r, request, node) : result;
}
