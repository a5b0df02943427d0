/* SPDX-License-Identifier: Apache-2.0 */
/* Subresources: scale, approval, binding, eviction, log and the like. */
#include "config.h"

#include "base/mem.h"
#include "codec/json.h"
#include "tests/upstream/rest.h"

static void reply_success(struct rest *r)
{
	struct status s = { .code = 201, .success = true };

	reply_status(r->call, &s);
}

static bool method_is(const struct rest *r, const char *method)
{
	return str_eq(r->call->request.method, str_from(method));
}

/* A pod's binding: the scheduler's choice of a node. */
static void pod_binding(struct rest *r)
{
	json_t *binding = rest_body(r, NULL), *pod;

	if (!binding)
		return;
	pod = rest_find(r);
	if (pod && !call_is_dry_run(r->call)) {
		pod = json_deep_copy(pod);
		json_object_set_new(json_object_get(pod, "spec"), "nodeName",
				    json_str(object_text(binding, "target.name")));
		store_put(&r->call->server->store, r->kind, pod);
	}
	if (pod)
		reply_success(r);
	json_decref(binding);
}

static void pod_eviction(struct rest *r)
{
	json_t *eviction = rest_body(r, NULL), *pod;
	bool dry;

	if (!eviction)
		return;
	pod = rest_find(r);
	if (pod && !rest_check_preconditions(r, object_at(eviction, "deleteOptions"), pod))
		pod = NULL;
	dry = call_is_dry_run(r->call) ||
	      json_array_size(object_at(eviction, "deleteOptions.dryRun"));
	if (pod && !dry)
		store_delete(&r->call->server->store, r->kind, r->ns, r->name);
	if (pod)
		reply_success(r);
	json_decref(eviction);
}

/* A token for a pod, which must be the one that is named. */
static void account_token(struct rest *r)
{
	json_t *request = rest_body(r, NULL), *account;

	if (!request)
		return;
	account = rest_find(r);
	if (account)
		reply_json(r->call, 201, json_pack("{s:s, s:s, s:{s:O, s:O}, s:O*, s:{s:s, s:o}}",
			"kind", "TokenRequest", "apiVersion", "authentication.k8s.io/v1",
			"metadata", "name", object_at(account, "metadata.name"),
			"namespace", object_at(account, "metadata.namespace"),
			"spec", json_object_get(request, "spec"),
			"status", "token", "header.payload.signature", "expirationTimestamp",
			object_time(r->call->server->store.clock)));
	json_decref(request);
}

static void pod_log(struct rest *r)
{
	if (rest_find(r))
		reply_text(r->call, 200, "one line of log\n");
}

static json_t *scale_of(const json_t *object)
{
	json_t *replicas = object_at(object, "spec.replicas");
	json_t *have = object_at(object, "status.replicas");

	return json_pack("{s:s, s:s, s:{s:O*, s:O*, s:O*, s:O*}, s:{s:O}, s:{s:i}}", "kind",
		"Scale", "apiVersion", "autoscaling/v1", "metadata",
		"name", object_at(object, "metadata.name"),
		"namespace", object_at(object, "metadata.namespace"),
		"uid", object_at(object, "metadata.uid"),
		"resourceVersion", object_at(object, "metadata.resourceVersion"),
		"spec", "replicas", replicas ? replicas : json_null(),
		"status", "replicas", (int)json_integer_value(have));
}

static void scale_write(struct rest *r, json_t *object)
{
	json_t *change, *changed, *scale;

	/* A Scale or a merge patch of one: only spec.replicas counts in both. */
	if (json_read(strbuf_str(&r->call->body), &change, NULL)) {
		reply_error(r->call, 400, NULL, "the body is not JSON");
		return;
	}
	if (rest_check_version(r, object, change)) {
		changed = json_deep_copy(object);
		json_object_set(json_object_get(changed, "spec"), "replicas",
				object_at(change, "spec.replicas"));
		if (!call_is_dry_run(r->call))
			store_put(&r->call->server->store, r->kind, json_incref(changed));
		scale = scale_of(changed);
		reply_json(r->call, 200, scale);
		json_decref(changed);
	}
	json_decref(change);
}

static void object_scale(struct rest *r)
{
	json_t *object = rest_find(r);

	if (!object)
		return;
	if (method_is(r, "GET"))
		reply_json(r->call, 200, scale_of(object));
	else
		scale_write(r, object);
}

/* Approval of a certificate request: only its conditions change. */
static void csr_approval(struct rest *r)
{
	json_t *change = rest_body(r, r->kind), *old, *changed, *status;

	if (!change)
		return;
	old = rest_find(r);
	if (old && rest_check_version(r, old, change)) {
		changed = json_deep_copy(old);
		status = json_object_get(changed, "status");
		if (!status) {
			status = json_object();
			json_object_set_new(changed, "status", status);
		}
		json_object_set(status, "conditions", object_at(change, "status.conditions"));
		rest_commit(r, old, changed, true);
	}
	json_decref(change);
}

static void plain_update(struct rest *r)
{
	if (method_is(r, "GET"))
		rest_get(r);
	else if (method_is(r, "PATCH"))
		rest_patch(r);
	else
		rest_update(r);
}

static const struct {
	const char *resource, *name, *methods;
	void (*run)(struct rest *r);
} subresources[] = {
	{ "pods", "binding", "POST", pod_binding },
	{ "pods", "eviction", "POST", pod_eviction },
	{ "pods", "log", "GET", pod_log },
	{ "serviceaccounts", "token", "POST", account_token },
	{ "pods", "ephemeralcontainers", "GET PUT PATCH", plain_update },
	{ "namespaces", "finalize", "PUT", plain_update },
	{ "deployments", "scale", "GET PUT PATCH", object_scale },
	{ "replicasets", "scale", "GET PUT PATCH", object_scale },
	{ "certificatesigningrequests", "approval", "PUT", csr_approval },
};

bool rest_subresource(struct rest *r)
{
	for (size_t i = 0; i < array_size(subresources); i++) {
		struct str methods = str_from(subresources[i].methods);

		if (!str_eq(r->subresource, str_from(subresources[i].name)) ||
		    strcmp(r->kind->resource, subresources[i].resource))
			continue;
		if (str_find_str(methods, r->call->request.method) < 0)
			reply_no_method(r->call);
		else
			subresources[i].run(r);
		return true;
	}
	return false;
}
