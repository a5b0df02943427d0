/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects a node may reach because of its pods (spec 12 sections 5 to 7).  The relation of
 * section 5 is kept exactly: reference counts are per (pod, object) pair, not per mention.
 *
 * One writer, the control thread; any number of readers, which take no lock and are never held up.
 * What a reader may still see is given back after a grace period (base/rcu.h), so every thread
 * that calls a reader's function must be a registered reader.  Only references are kept of a pod,
 * names once, so that 100,000 pods fit into 60 MB.
 */
#ifndef AUTHZ_NODE_GRAPH_H
#define AUTHZ_NODE_GRAPH_H

#include "codec/object.h"

enum node_object {
	NODE_POD, NODE_SECRET, NODE_CONFIG_MAP, NODE_CLAIM, NODE_VOLUME, NODE_RESOURCE_CLAIM,
	NODE_SERVICE_ACCOUNT, NODE_VOLUME_ATTACHMENT, NODE_RESOURCE_SLICE,
	NODE_POD_CERTIFICATE_REQUEST,
	NODE_OBJECTS
};

/* What the graph is made of: one reflector each (spec 12 section 6). */
enum node_source {
	NODE_SOURCE_PODS,			/* core.v1.Pod */
	NODE_SOURCE_VOLUMES,			/* core.v1.PersistentVolume */
	NODE_SOURCE_VOLUME_ATTACHMENTS,		/* storage.v1.VolumeAttachment */
	NODE_SOURCE_RESOURCE_SLICES,		/* resource.v1.ResourceSlice */
	NODE_SOURCE_POD_CERTIFICATE_REQUESTS,	/* certificates.v1beta1.PodCertificateRequest */
	NODE_SOURCES
};

struct node_graph;

struct node_graph *node_graph_new(void);
/* No reader may be inside any more. NULL is allowed. */
void node_graph_free(struct node_graph *g);

/* --- The writer --- */

/* An object was added or has changed. ERR_SYNTAX, ERR_LIMIT: unreadable; what was known stays. */
int node_graph_apply(struct node_graph *g, enum node_source s, struct object_cursor *object);
/* The name is read from the object; one that is not known is no error. */
int node_graph_delete(struct node_graph *g, enum node_source s, struct object_cursor *object);
/* A whole list: what it does not bring is removed at commit; nothing is removed before it. */
void node_graph_relist_begin(struct node_graph *g, enum node_source s);
void node_graph_relist_commit(struct node_graph *g, enum node_source s);
void node_graph_relist_abandon(struct node_graph *g, enum node_source s);
/* Gives back what no reader can see any more; to be called once per turn of the writer's loop. */
void node_graph_reclaim(struct node_graph *g);
/* Objects that are kept: what has no node (a volume: no claim) is related to nobody and is not. */
size_t node_graph_count(const struct node_graph *g, enum node_source s);
/* Bytes allocated now, for the metric and the benchmark. */
size_t node_graph_bytes(const struct node_graph *g);

/* --- Readers --- */

/* Is the object related to the node?  Namespace is empty for cluster-scoped objects. */
bool node_graph_related(const struct node_graph *g, enum node_object kind, struct str namespace,
			struct str name, struct str node);
/* Counts up when an edge was added: a miss that saw the same number need not be asked again. */
uint64_t node_graph_generation(const struct node_graph *g);

#define NODE_UID_MAX 64		/* bytes of a uid that is kept; longer ones are as if unknown */
/*
 * The node a pod is bound to and the pod's uid, NUL-terminated; false: unknown here, which says
 * nothing about the cluster.  What is known never changes for one uid.
 */
bool node_graph_pod(const struct node_graph *g, struct str namespace, struct str name,
		    char node[static 254], char uid[static NODE_UID_MAX + 1]);

#endif
