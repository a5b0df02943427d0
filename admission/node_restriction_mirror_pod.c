/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that a node creates: copies of its static pods, which refer to no API object. */
#include "config.h"

#include "admission/node_restriction.h"

#include "base/mem.h"

static struct str member_text(json_t *v, const char *dotted)
{
	return json_is_object(v) ? tree_text(v, dotted) : STR_NULL;
}

static bool names(json_t *v, const char *dotted)
{
	return member_text(v, dotted).n;
}

/* Does fn hold for an element of the list? */
static bool any_of(json_t *list, bool (*fn)(json_t *element))
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (fn(v))
			return true;
	return false;
}

static bool any_container(json_t *pod, bool (*fn)(json_t *container))
{
	static const char *const lists[] = {
		"spec.initContainers", "spec.containers", "spec.ephemeralContainers",
	};

	for (size_t i = 0; i < array_size(lists); i++)
		if (any_of(tree_at(pod, lists[i]), fn))
			return true;
	return false;
}

static bool env_from_secret(json_t *v) { return names(v, "secretRef.name"); }
static bool env_secret(json_t *v) { return names(v, "valueFrom.secretKeyRef.name"); }
static bool env_from_config_map(json_t *v) { return names(v, "configMapRef.name"); }
static bool env_config_map(json_t *v) { return names(v, "valueFrom.configMapKeyRef.name"); }
static bool projected_secret(json_t *v) { return names(v, "secret.name"); }
static bool projected_config_map(json_t *v) { return names(v, "configMap.name"); }
static bool pull_secret(json_t *v) { return names(v, "name"); }

static bool container_secret(json_t *container)
{
	return any_of(tree_at(container, "envFrom"), env_from_secret) ||
	       any_of(tree_at(container, "env"), env_secret);
}

static bool container_config_map(json_t *container)
{
	return any_of(tree_at(container, "envFrom"), env_from_config_map) ||
	       any_of(tree_at(container, "env"), env_config_map);
}

static bool volume_secret(json_t *volume)
{
	static const char *const places[] = {
		"azureFile.secretName", "cephfs.secretRef.name", "cinder.secretRef.name",
		"flexVolume.secretRef.name", "rbd.secretRef.name", "secret.secretName",
		"scaleIO.secretRef.name", "iscsi.secretRef.name", "storageos.secretRef.name",
		"csi.nodePublishSecretRef.name",
	};

	for (size_t i = 0; i < array_size(places); i++)
		if (names(volume, places[i]))
			return true;
	return any_of(tree_at(volume, "projected.sources"), projected_secret);
}

static bool volume_config_map(json_t *volume)
{
	return names(volume, "configMap.name") ||
	       any_of(tree_at(volume, "projected.sources"), projected_config_map);
}

static bool pod_secret(json_t *pod)
{
	return any_of(tree_at(pod, "spec.imagePullSecrets"), pull_secret) ||
	       any_container(pod, container_secret) ||
	       any_of(tree_at(pod, "spec.volumes"), volume_secret);
}

static bool pod_config_map(json_t *pod)
{
	return any_container(pod, container_config_map) ||
	       any_of(tree_at(pod, "spec.volumes"), volume_config_map);
}

/* A member that is there, also an empty one, and what it refers to. */
struct reference {
	const char *member, *what;
};

static const char *first_reference(json_t *v, const struct reference *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (json_object_get(v, list[i].member))
			return list[i].what;
	return NULL;
}

static const char no_reference[] = "", unknown_source[] = "?";

static const char *source_reference(json_t *source)
{
	static const struct reference sources[] = {
		{ "configMap", "configmaps (via projected volumes)" },
		{ "secret", "secrets (via projected volumes)" },
		{ "serviceAccountToken", "serviceaccounts (via projected volumes)" },
		{ "clusterTrustBundle", "clustertrustbundles" },
		{ "podCertificate", "podcertificates" },
		{ "downwardAPI", no_reference },
	};
	const char *what = first_reference(source, sources, array_size(sources));

	return what ? what : unknown_source;
}

/*
 * A volume without a known member is an emptyDir after defaulting, which comes before admission;
 * a harmless member hides others of the same volume, which validation refuses.
 */
static const char *volume_reference(json_t *volume)
{
	static const char *const harmless[] = {
		"awsElasticBlockStore", "azureDisk", "cephfs", "cinder", "downwardAPI", "emptyDir",
		"fc", "flexVolume", "flocker", "gcePersistentDisk", "gitRepo", "hostPath", "image",
		"iscsi", "nfs", "photonPersistentDisk", "portworxVolume", "quobyte", "rbd",
		"scaleIO", "storageos", "vsphereVolume",
	};
	static const struct reference volumes[] = {
		{ "configMap", "configmaps (via configmap volumes)" },
		{ "secret", "secrets (via secret volumes)" },
		{ "csi", "csidrivers (via CSI volumes)" },
		{ "glusterfs", "endpoints (via glusterFS volumes)" },
		{ "persistentVolumeClaim", "persistentvolumeclaims" },
		{ "ephemeral", "persistentvolumeclaims (via ephemeral volumes)" },
		{ "azureFile", "secrets (via azureFile volumes)" },
	};
	const char *what;
	json_t *source;
	size_t i;

	for (i = 0; i < array_size(harmless); i++)
		if (json_object_get(volume, harmless[i]))
			return no_reference;
	what = first_reference(volume, volumes, array_size(volumes));
	if (what)
		return what;
	json_array_foreach(tree_at(volume, "projected.sources"), i, source) {
		what = source_reference(source);
		if (what != no_reference)
			return what;
	}
	return no_reference;
}

static enum admission_result refuse_reference(struct admission_request *r, struct str node,
					      const char *what)
{
	return node_forbid(r, "node %.*s can not create pods that reference %s",
			   STR_ARG(admission_quote(r->arena, node)), what);
}

static enum admission_result check_volumes(struct admission_request *r, json_t *pod,
					   struct str node)
{
	json_t *volume;
	size_t i;

	json_array_foreach(tree_at(pod, "spec.volumes"), i, volume) {
		const char *what = volume_reference(volume);

		if (what == unknown_source)
			return node_forbid(r, "error checking mirror pod for API references: "
					   "unknown source for projected volume %.*s",
					   STR_ARG(admission_quote(r->arena,
								   tree_text(volume, "name"))));
		if (what != no_reference)
			return refuse_reference(r, node, what);
	}
	return ADMISSION_ALLOW;
}

static enum admission_result check_references(struct admission_request *r, json_t *pod,
					      struct str node)
{
	/* Defaulting has put the name from its deprecated alias there. */
	if (names(pod, "spec.serviceAccountName"))
		return refuse_reference(r, node, "serviceaccounts");
	if (pod_secret(pod))
		return refuse_reference(r, node, "secrets");
	if (pod_config_map(pod))
		return refuse_reference(r, node, "configmaps");
	if (json_array_size(tree_at(pod, "spec.resourceClaims")))
		return refuse_reference(r, node, "resourceclaims");
	return check_volumes(r, pod, node);
}

/* A stale uid of the node only makes a pod that the garbage collector takes away. */
static enum admission_result check_owner_uid(struct admission_request *r, json_t *owner,
					     struct str node)
{
	struct admission_key key = { .api_version = STR("v1"), .resource = STR("nodes"),
				     .name = node };
	struct str uid = tree_text(owner, "uid"), actual, error = STR_NULL;
	enum admission_result result;
	json_t *object = NULL;

	if (!node_restriction_is_name(node))
		return admission_not_found(r, STR("node"), node);
	result = admission_lookup(r, &key, &object, &error);
	if (result != ADMISSION_ALLOW)
		return result;
	if (error.n)
		return node_forbid(r, "error looking up node %.*s to verify uid: %.*s",
				   STR_ARG(node), STR_ARG(error));
	if (!object)
		return admission_not_found(r, STR("node"), node);
	actual = tree_text(object, "metadata.uid");
	if (!str_eq(uid, actual))
		return node_forbid(r, "node %.*s UID mismatch: expected %.*s got %.*s",
				   STR_ARG(node), STR_ARG(uid), STR_ARG(actual));
	return ADMISSION_ALLOW;
}

static enum admission_result check_owner(struct admission_request *r, json_t *pod,
					 struct str node)
{
	struct str name = admission_quote(r->arena, node);
	json_t *owners = tree_at(pod, "metadata.ownerReferences");
	json_t *owner = json_array_get(owners, 0);

	if (json_array_size(owners) > 1)
		return node_forbid(r, "node %.*s can only create pods with a single owner "
				   "reference set to itself", STR_ARG(name));
	if (!owner || !str_eq(tree_text(owner, "apiVersion"), STR("v1")) ||
	    !str_eq(tree_text(owner, "kind"), STR("Node")) ||
	    !str_eq(tree_text(owner, "name"), node))
		return node_forbid(r, "node %.*s can only create pods with an owner reference set "
				   "to itself", STR_ARG(name));
	if (!json_is_true(json_object_get(owner, "controller")))
		return node_forbid(r, "node %.*s can only create pods with a controller owner "
				   "reference set to itself", STR_ARG(name));
	if (json_is_true(json_object_get(owner, "blockOwnerDeletion")))
		return node_forbid(r, "node %.*s must not set blockOwnerDeletion on an owner "
				   "reference", STR_ARG(name));
	return check_owner_uid(r, owner, node);
}

enum admission_result node_restriction_mirror_pod(struct admission_request *r, json_t *pod,
						  struct str node)
{
	struct str name = admission_quote(r->arena, node);
	enum admission_result result;

	/* An empty value counts as present. */
	if (!json_object_get(tree_at(pod, "metadata.annotations"), MIRROR_ANNOTATION))
		return node_forbid(r, "pod does not have \"" MIRROR_ANNOTATION "\" annotation, "
				   "node %.*s can only create mirror pods", STR_ARG(name));
	if (!str_eq(tree_text(pod, "spec.nodeName"), node))
		return node_forbid(r, "node %.*s can only create pods with spec.nodeName set to "
				   "itself", STR_ARG(name));
	result = check_owner(r, pod, node);
	return result == ADMISSION_ALLOW ? check_references(r, pod, node) : result;
}
