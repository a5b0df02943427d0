/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the authorizers read of the cluster: one row per resource, which says where it is listed,
 * which manifests have it, and the store that its objects go to.
 */
#ifndef PROXY_CLUSTER_SOURCES_H
#define PROXY_CLUSTER_SOURCES_H

#include "authz/node_graph.h"
#include "authz/rbac_index.h"
#include "cache/reflector.h"
#include "conf/options.h"

struct cluster_stores {
	struct rbac_store *rbac;	/* NULL: nobody reads it */
	struct node_graph *graph;	/* as rbac */
};

/* A store, seen from a source; kind is enum rbac_kind or enum node_source. */
struct cluster_sink {
	void (*begin)(struct cluster_stores *s, int kind);
	int (*apply)(struct cluster_stores *s, int kind, struct object_cursor *object);
	int (*remove)(struct cluster_stores *s, int kind, struct object_cursor *object);
	void (*commit)(struct cluster_stores *s, int kind);
	void (*abandon)(struct cluster_stores *s, int kind);
	size_t (*count)(const struct cluster_stores *s, int kind);
};

struct cluster_source {
	struct reflector_resource resource;
	const struct cluster_sink *sink;
	int kind;
	enum authorization_mode mode;	/* the authorizer that reads it */
	bool essential;			/* not ready without a complete list */
	bool of_pod_certificates;	/* read with the gate PodCertificateRequest alone */
};

#define CLUSTER_SOURCES 9
/* Roles before bindings: a binding seen before its role would give a "not found" reason. */
extern const struct cluster_source cluster_sources[CLUSTER_SOURCES];

/* The source of objects of that message, or NULL (message may be NULL). */
const struct cluster_source *cluster_source_find(const struct schema_message *message);
/* Do the feature gates have that source read? */
bool cluster_source_is_on(const struct cluster_source *source, const struct options *o);

#endif
