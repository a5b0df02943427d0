/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/cluster_sources.h"

#include "base/err.h"
#include "codec/fields.h"

/* --- RBAC --- */

static void rbac_begin(struct cluster_stores *s, int kind)
{
	rbac_store_relist_begin(s->rbac, (enum rbac_kind)kind);
}

static int rbac_apply(struct cluster_stores *s, int kind, struct object_cursor *object)
{
	return rbac_store_apply(s->rbac, (enum rbac_kind)kind, object);
}

static int read_metadata(struct object_cursor *c, struct str *namespace, struct str *name)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		if (f.number == OBJECTMETA_NAME)
			*name = f.text;
		else if (f.number == OBJECTMETA_NAMESPACE)
			*namespace = f.text;
	}
	return rc;
}

/* Nothing but the name is read: the rest may be what could not be. */
static int rbac_remove(struct cluster_stores *s, int kind, struct object_cursor *object)
{
	struct str namespace = STR_NULL, name = STR_NULL;
	struct object_cursor metadata;
	struct object_field f;
	int rc = 0;

	while (!name.n && (rc = object_next(object, &f)) > 0) {
		if (f.number != ROLE_METADATA)
			continue;
		object_enter(&f, &metadata);
		rc = read_metadata(&metadata, &namespace, &name);
		if (rc)
			return rc;
	}
	if (!name.n)
		return rc < 0 ? rc : ERR_SYNTAX;
	rbac_store_delete(s->rbac, (enum rbac_kind)kind, namespace, name);
	return 0;
}

static void rbac_commit(struct cluster_stores *s, int kind)
{
	rbac_store_relist_commit(s->rbac, (enum rbac_kind)kind);
}

static void rbac_abandon(struct cluster_stores *s, int kind)
{
	rbac_store_relist_abandon(s->rbac, (enum rbac_kind)kind);
}

static size_t rbac_count(const struct cluster_stores *s, int kind)
{
	return rbac_store_count(s->rbac, (enum rbac_kind)kind);
}

static const struct cluster_sink rbac_sink = {
	rbac_begin, rbac_apply, rbac_remove, rbac_commit, rbac_abandon, rbac_count,
};

/* --- The Node graph --- */

static void graph_begin(struct cluster_stores *s, int kind)
{
	node_graph_relist_begin(s->graph, (enum node_source)kind);
}

static int graph_apply(struct cluster_stores *s, int kind, struct object_cursor *object)
{
	return node_graph_apply(s->graph, (enum node_source)kind, object);
}

static int graph_remove(struct cluster_stores *s, int kind, struct object_cursor *object)
{
	return node_graph_delete(s->graph, (enum node_source)kind, object);
}

static void graph_commit(struct cluster_stores *s, int kind)
{
	node_graph_relist_commit(s->graph, (enum node_source)kind);
}

static void graph_abandon(struct cluster_stores *s, int kind)
{
	node_graph_relist_abandon(s->graph, (enum node_source)kind);
}

static size_t graph_count(const struct cluster_stores *s, int kind)
{
	return node_graph_count(s->graph, (enum node_source)kind);
}

static const struct cluster_sink graph_sink = {
	graph_begin, graph_apply, graph_remove, graph_commit, graph_abandon, graph_count,
};

/* --- The table --- */

#define RBAC(k, plural, message_name) { \
	.resource = { .path = "/apis/rbac.authorization.k8s.io/v1/" plural, \
		      .item_message = "rbac.v1." message_name, .name = plural }, \
	.sink = &rbac_sink, .kind = RBAC_##k, .mode = MODE_RBAC, .essential = true }

/*
 * Of pods, those that are bound to a node are enough: spec.nodeName!= (not empty).
 * Servers before 1.34 do not have resource.k8s.io/v1.
 */
const struct cluster_source cluster_sources[CLUSTER_SOURCES] = {
	RBAC(CLUSTER_ROLE, "clusterroles", "ClusterRole"),
	RBAC(ROLE, "roles", "Role"),
	RBAC(CLUSTER_ROLE_BINDING, "clusterrolebindings", "ClusterRoleBinding"),
	RBAC(ROLE_BINDING, "rolebindings", "RoleBinding"),
	{ .resource = { .path = "/api/v1/pods", .item_message = "core.v1.Pod", .name = "pods",
			.query = "fieldSelector=spec.nodeName%21%3D" },
	  .sink = &graph_sink, .kind = NODE_SOURCE_PODS, .mode = MODE_NODE, .essential = true },
	{ .resource = { .path = "/api/v1/persistentvolumes",
			.item_message = "core.v1.PersistentVolume", .name = "persistentvolumes" },
	  .sink = &graph_sink, .kind = NODE_SOURCE_VOLUMES, .mode = MODE_NODE, .essential = true },
	{ .resource = { .path = "/apis/storage.k8s.io/v1/volumeattachments",
			.item_message = "storage.v1.VolumeAttachment",
			.name = "volumeattachments", .optional = true },
	  .sink = &graph_sink, .kind = NODE_SOURCE_VOLUME_ATTACHMENTS, .mode = MODE_NODE },
	{ .resource = { .path = "/apis/resource.k8s.io/v1/resourceslices",
			.item_message = "resource.v1.ResourceSlice", .name = "resourceslices",
			.optional = true },
	  .sink = &graph_sink, .kind = NODE_SOURCE_RESOURCE_SLICES, .mode = MODE_NODE },
	{ .resource = { .path = "/apis/certificates.k8s.io/v1beta1/podcertificaterequests",
			.item_message = "certificates.v1beta1.PodCertificateRequest",
			.name = "podcertificaterequests", .optional = true },
	  .sink = &graph_sink, .kind = NODE_SOURCE_POD_CERTIFICATE_REQUESTS, .mode = MODE_NODE,
	  .of_pod_certificates = true },
};

const struct cluster_source *cluster_source_find(const struct schema_message *message)
{
	for (size_t i = 0; message && i < CLUSTER_SOURCES; i++)
		if (message == schema_message_find(cluster_sources[i].resource.item_message))
			return &cluster_sources[i];
	return NULL;
}

bool cluster_source_is_on(const struct cluster_source *source, const struct options *o)
{
	return !source->of_pod_certificates || o->gates.pod_certificate_request;
}
