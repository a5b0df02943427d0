/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "admission/endpoint.h"

#include "base/mem.h"

/* The resources of which a rule reads objects, bodies or old ones. */
static const struct {
	const char *group, *resource, *kind;
} kinds[] = {
	{ "", "nodes", "Node" },
	{ "", "pods", "Pod" },
	{ "", "persistentvolumeclaims", "PersistentVolumeClaim" },
	{ "", "persistentvolumes", "PersistentVolume" },
	{ "", "serviceaccounts", "ServiceAccount" },
	{ "coordination.k8s.io", "leases", "Lease" },
	{ "storage.k8s.io", "csinodes", "CSINode" },
	{ "storage.k8s.io", "csidrivers", "CSIDriver" },
	{ "resource.k8s.io", "resourceslices", "ResourceSlice" },
	{ "certificates.k8s.io", "certificatesigningrequests", "CertificateSigningRequest" },
	{ "certificates.k8s.io", "podcertificaterequests", "PodCertificateRequest" },
};

static const char *find_kind(struct str group, struct str resource)
{
	for (size_t i = 0; i < array_size(kinds); i++)
		if (str_eq(group, str_from(kinds[i].group)) &&
		    str_eq(resource, str_from(kinds[i].resource)))
			return kinds[i].kind;
	return "";
}

/* Subresources whose body is an object of another kind; true when it is one of them. */
static bool find_other(struct endpoint *e, struct str group, struct str resource,
		       struct str subresource)
{
	if (group.n)
		return false;
	if (str_eq(resource, STR("pods")) && str_eq(subresource, STR("eviction"))) {
		e->kind = STR("Eviction");
		e->api_version = STR("policy/v1");
		e->other_version = STR("policy/v1beta1");
		return true;
	}
	if (str_eq(resource, STR("serviceaccounts")) && str_eq(subresource, STR("token"))) {
		e->kind = STR("TokenRequest");
		e->api_version = STR("authentication.k8s.io/v1");
		return true;
	}
	return false;
}

static bool is_same_kind(struct str subresource)
{
	return !subresource.n || str_eq(subresource, STR("status")) ||
	       str_eq(subresource, STR("approval"));
}

void endpoint_find(struct endpoint *out, struct str group, struct str version, struct str resource,
		   struct str subresource, struct arena *a)
{
	*out = (struct endpoint){ .kind = STR_NULL };
	if (!find_other(out, group, resource, subresource)) {
		out->api_version = !group.n ? version : arena_printf(a, "%.*s/%.*s", STR_ARG(group),
								     STR_ARG(version));
		if (is_same_kind(subresource))
			out->kind = str_from(find_kind(group, resource));
	}
	if (out->kind.n)
		out->message = schema_kind_find(out->api_version, out->kind);
}

bool endpoint_creates_by_put(const struct attributes *a)
{
	static const char *const by_put[][2] = {
		{ "coordination.k8s.io", "leases" }, { "coordination.k8s.io", "leasecandidates" },
		{ "", "events" }, { "events.k8s.io", "events" }, { "", "services" },
		{ "", "endpoints" }, { "", "limitranges" }, { "node.k8s.io", "runtimeclasses" },
		{ "rbac.authorization.k8s.io", "roles" },
		{ "rbac.authorization.k8s.io", "rolebindings" },
		{ "rbac.authorization.k8s.io", "clusterroles" },
		{ "rbac.authorization.k8s.io", "clusterrolebindings" },
	};

	if (a->subresource.n)
		return false;
	for (size_t i = 0; i < array_size(by_put); i++)
		if (str_eq(a->api_group, str_from(by_put[i][0])) &&
		    str_eq(a->resource, str_from(by_put[i][1])))
			return true;
	return false;
}

bool endpoint_is_namespaced(const struct attributes *a)
{
	return a->namespace.n &&
	       (a->api_group.n || !str_eq(a->resource, STR("namespaces")));
}
