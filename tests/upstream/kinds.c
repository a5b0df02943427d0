/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/kinds.h"

#include <stdio.h>

#define NS KIND_NAMESPACED
#define ST KIND_STATUS
#define CO KIND_CREATE_ONLY
#define RBAC "rbac.authorization.k8s.io"
#define AUTHN "authentication.k8s.io"
#define AUTHZ "authorization.k8s.io"
#define STORAGE "storage.k8s.io"

#define POD_FIELDS "spec.nodeName,spec.restartPolicy,spec.schedulerName,spec.serviceAccountName," \
	"spec.hostNetwork,status.phase,status.podIP,status.nominatedNodeName"
#define EVENT_FIELDS "involvedObject.kind,involvedObject.namespace,involvedObject.name," \
	"involvedObject.uid,involvedObject.apiVersion,involvedObject.resourceVersion," \
	"involvedObject.fieldPath,reason,reportingComponent,source,type"

const struct kind kinds[] = {
	{ "", "v1", "configmaps", "configmap", "ConfigMap", "cm", "core.v1.ConfigMap", NS, "" },
	{ "", "v1", "endpoints", "endpoints", "Endpoints", "ep", NULL, NS, "" },
	{ "", "v1", "events", "event", "Event", "ev", "core.v1.Event", NS, EVENT_FIELDS },
	{ "", "v1", "namespaces", "namespace", "Namespace", "ns", "core.v1.Namespace", ST,
	  "status.phase" },
	{ "", "v1", "nodes", "node", "Node", "no", "core.v1.Node", ST, "spec.unschedulable" },
	{ "", "v1", "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim",
	  "pvc", "core.v1.PersistentVolumeClaim", NS | ST, "" },
	{ "", "v1", "persistentvolumes", "persistentvolume", "PersistentVolume", "pv",
	  "core.v1.PersistentVolume", ST, "" },
	{ "", "v1", "pods", "pod", "Pod", "po", "core.v1.Pod", NS | ST, POD_FIELDS },
	{ "", "v1", "secrets", "secret", "Secret", "", "core.v1.Secret", NS, "type" },
	{ "", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", "sa",
	  "core.v1.ServiceAccount", NS, "" },
	{ "", "v1", "services", "service", "Service", "svc", "core.v1.Service", NS | ST,
	  "spec.clusterIP,spec.type" },
	{ "apps", "v1", "daemonsets", "daemonset", "DaemonSet", "ds", NULL, NS | ST, "" },
	{ "apps", "v1", "deployments", "deployment", "Deployment", "deploy", NULL,
	  NS | ST | KIND_SCALE, "" },
	{ "apps", "v1", "replicasets", "replicaset", "ReplicaSet", "rs", NULL,
	  NS | ST | KIND_SCALE, "" },
	{ AUTHN, "v1", "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", "",
	  "authentication.v1.SelfSubjectReview", CO, "" },
	{ AUTHN, "v1", "tokenreviews", "tokenreview", "TokenReview", "",
	  "authentication.v1.TokenReview", CO, "" },
	{ AUTHZ, "v1", "localsubjectaccessreviews", "localsubjectaccessreview",
	  "LocalSubjectAccessReview", "", "authorization.v1.LocalSubjectAccessReview", NS | CO,
	  "" },
	{ AUTHZ, "v1", "selfsubjectaccessreviews", "selfsubjectaccessreview",
	  "SelfSubjectAccessReview", "", "authorization.v1.SelfSubjectAccessReview", CO, "" },
	{ AUTHZ, "v1", "selfsubjectrulesreviews", "selfsubjectrulesreview",
	  "SelfSubjectRulesReview", "", "authorization.v1.SelfSubjectRulesReview", CO, "" },
	{ AUTHZ, "v1", "subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview", "",
	  "authorization.v1.SubjectAccessReview", CO, "" },
	{ "certificates.k8s.io", "v1", "certificatesigningrequests", "certificatesigningrequest",
	  "CertificateSigningRequest", "csr", "certificates.v1.CertificateSigningRequest", ST,
	  "spec.signerName" },
	{ "certificates.k8s.io", "v1beta1", "podcertificaterequests", "podcertificaterequest",
	  "PodCertificateRequest", "", "certificates.v1beta1.PodCertificateRequest", NS | ST,
	  "spec.nodeName,spec.signerName" },
	{ "coordination.k8s.io", "v1", "leases", "lease", "Lease", "", "coordination.v1.Lease",
	  NS, "" },
	{ "node.k8s.io", "v1", "runtimeclasses", "runtimeclass", "RuntimeClass", "", NULL, 0, "" },
	{ RBAC, "v1", "clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", "",
	  "rbac.v1.ClusterRoleBinding", 0, "" },
	{ RBAC, "v1", "clusterroles", "clusterrole", "ClusterRole", "", "rbac.v1.ClusterRole", 0,
	  "" },
	{ RBAC, "v1", "rolebindings", "rolebinding", "RoleBinding", "", "rbac.v1.RoleBinding", NS,
	  "" },
	{ RBAC, "v1", "roles", "role", "Role", "", "rbac.v1.Role", NS, "" },
	{ "resource.k8s.io", "v1", "resourceclaims", "resourceclaim", "ResourceClaim", "",
	  "resource.v1.ResourceClaim", NS | ST, "" },
	{ "resource.k8s.io", "v1", "resourceslices", "resourceslice", "ResourceSlice", "",
	  "resource.v1.ResourceSlice", 0, "spec.nodeName,spec.driver" },
	{ STORAGE, "v1", "csidrivers", "csidriver", "CSIDriver", "", "storage.v1.CSIDriver", 0,
	  "" },
	{ STORAGE, "v1", "csinodes", "csinode", "CSINode", "", "storage.v1.CSINode", 0, "" },
	{ STORAGE, "v1", "storageclasses", "storageclass", "StorageClass", "sc", NULL, 0, "" },
	{ STORAGE, "v1", "volumeattachments", "volumeattachment", "VolumeAttachment", "",
	  "storage.v1.VolumeAttachment", ST, "" },
};

const size_t kinds_count = sizeof(kinds) / sizeof(kinds[0]);
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) <= KINDS_MAX, "KINDS_MAX is too small");

const struct kind *kind_by_resource(struct str group, struct str version, struct str resource)
{
	for (size_t i = 0; i < kinds_count; i++) {
		const struct kind *k = &kinds[i];

		if (str_eq(resource, str_from(k->resource)) && str_eq(group, str_from(k->group)) &&
		    str_eq(version, str_from(k->version)))
			return k;
	}
	return NULL;
}

const struct kind *kind_by_object(struct str api_version, struct str name)
{
	for (size_t i = 0; i < kinds_count; i++)
		if (str_eq(name, str_from(kinds[i].kind)) &&
		    str_eq(api_version, str_from(kind_api_version(&kinds[i]))))
			return &kinds[i];
	return NULL;
}

bool kind_group_version_is_served(struct str group, struct str version)
{
	for (size_t i = 0; i < kinds_count; i++)
		if (str_eq(group, str_from(kinds[i].group)) &&
		    str_eq(version, str_from(kinds[i].version)))
			return true;
	return false;
}

/* One of a few static buffers in turn, so that a message may show several names. */
static char *turn_buffer(size_t *size)
{
	static char buffers[8][160];
	static unsigned turn;

	*size = sizeof(buffers[0]);
	return buffers[turn++ % 8];
}

const char *kind_api_version(const struct kind *k)
{
	size_t size;
	char *out;

	if (!*k->group)
		return k->version;
	out = turn_buffer(&size);
	snprintf(out, size, "%s/%s", k->group, k->version);
	return out;
}

const char *kind_group_resource(const struct kind *k)
{
	size_t size;
	char *out;

	if (!*k->group)
		return k->resource;
	out = turn_buffer(&size);
	snprintf(out, size, "%s.%s", k->resource, k->group);
	return out;
}
