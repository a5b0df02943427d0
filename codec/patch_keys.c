/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists that strategic patches merge: the patchStrategy and patchMergeKey tags of the Go types
 * of Kubernetes 1.36 that the kinds of codec/schema.json reach.  `apiserver-tools patches -keys`
 * (tests/apiserver) prints the truth; the test tier with a real API server compares.
 *
 * The other strategy there is, retainKeys, is advice to those who make patches: whoever applies
 * one goes by its $retainKeys.
 */
#include "config.h"

#include "base/mem.h"
#include "codec/patch_run.h"

static const struct {
	const char *message, *field;
	const char *key;		/* NULL: a list of scalars */
} lists[] = {
	{ "certificates.v1beta1.PodCertificateRequestStatus", "conditions", "type" },
	{ "core.v1.Container", "env", "name" },
	{ "core.v1.Container", "ports", "containerPort" },
	{ "core.v1.Container", "volumeDevices", "devicePath" },
	{ "core.v1.Container", "volumeMounts", "mountPath" },
	{ "core.v1.ContainerStatus", "allocatedResourcesStatus", "name" },
	{ "core.v1.ContainerStatus", "volumeMounts", "mountPath" },
	{ "core.v1.EphemeralContainerCommon", "env", "name" },
	{ "core.v1.EphemeralContainerCommon", "ports", "containerPort" },
	{ "core.v1.EphemeralContainerCommon", "volumeDevices", "devicePath" },
	{ "core.v1.EphemeralContainerCommon", "volumeMounts", "mountPath" },
	{ "core.v1.NamespaceStatus", "conditions", "type" },
	{ "core.v1.NodeSpec", "podCIDRs", NULL },
	{ "core.v1.NodeStatus", "addresses", "type" },
	{ "core.v1.NodeStatus", "conditions", "type" },
	{ "core.v1.PersistentVolumeClaimStatus", "conditions", "type" },
	{ "core.v1.PodSpec", "containers", "name" },
	{ "core.v1.PodSpec", "ephemeralContainers", "name" },
	{ "core.v1.PodSpec", "hostAliases", "ip" },
	{ "core.v1.PodSpec", "imagePullSecrets", "name" },
	{ "core.v1.PodSpec", "initContainers", "name" },
	{ "core.v1.PodSpec", "resourceClaims", "name" },
	{ "core.v1.PodSpec", "schedulingGates", "name" },
	{ "core.v1.PodSpec", "topologySpreadConstraints", "topologyKey" },
	{ "core.v1.PodSpec", "volumes", "name" },
	{ "core.v1.PodStatus", "conditions", "type" },
	{ "core.v1.PodStatus", "hostIPs", "ip" },
	{ "core.v1.PodStatus", "podIPs", "ip" },
	{ "core.v1.PodStatus", "resourceClaimStatuses", "name" },
	{ "core.v1.ServiceAccount", "secrets", "name" },
	{ "core.v1.ServiceSpec", "ports", "port" },
	{ "core.v1.ServiceStatus", "conditions", "type" },
	{ "meta.v1.ObjectMeta", "finalizers", NULL },
	{ "meta.v1.ObjectMeta", "ownerReferences", "uid" },
	{ "resource.v1.ResourceClaimStatus", "reservedFor", "uid" },
	{ "resource.v1beta1.ResourceClaimStatus", "reservedFor", "uid" },
	{ "resource.v1beta2.ResourceClaimStatus", "reservedFor", "uid" },
	{ "storage.v1.CSINodeSpec", "drivers", "name" },
};

bool patch_list_merges(const struct schema_message *m, const char *field, const char **key)
{
	for (size_t i = 0; i < array_size(lists); i++) {
		if (strcmp(lists[i].field, field) || strcmp(lists[i].message, m->name))
			continue;
		*key = lists[i].key;
		return true;
	}
	*key = NULL;
	return false;
}

bool patch_merge_key_row(size_t i, const char **message, const char **field, const char **key)
{
	if (i >= array_size(lists))
		return false;
	*message = lists[i].message;
	*field = lists[i].field;
	*key = lists[i].key;
	return true;
}
