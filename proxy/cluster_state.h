/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the authorizers know of the cluster: from the upstream through reflectors, or from
 * manifests (proxy/cluster_sources.h).  RBAC is compiled into a policy and published, coalescing
 * changes; the Node graph is changed in place and workers that hold requests are told, once per
 * turn of the loop.  Belongs to the control thread.
 */
#ifndef PROXY_CLUSTER_STATE_H
#define PROXY_CLUSTER_STATE_H

#include "http/client.h"
#include "proxy/server.h"

/* A change is published after this pause at least; longer after builds that took long. */
#define POLICY_PAUSE_MIN_MS 2
#define POLICY_PAUSE_MAX_MS 2000
#define POLICY_PAUSE_FACTOR 4		/* pause = this many times the last build */
#define GRAPH_TICK_MS 1000		/* memory of the graph is given back at least so often */

struct cluster_state;

/* A policy without any RBAC object, for the time before the first sync; graph may be NULL. */
struct authz_policy *cluster_state_empty_policy(const struct options *o,
						const struct node_graph *graph);
/* client: the control thread's pool; own: the identity our lists and watches run as. */
struct cluster_state *cluster_state_new(struct server *s, struct loop *l,
					struct http_client *client, const struct user *own);
/* Manifests: reads them again; problems are logged and the old policy stays. */
void cluster_state_reload(struct cluster_state *c);
void cluster_state_free(struct cluster_state *c);

/*
 * Reads manifests for --check and the start: all problems into p.  Blocking.  Without a problem
 * graph (NULL: none is needed) then holds what they have, with one it is left alone.
 */
struct authz_policy *cluster_state_from_manifests(const struct options *o,
						  struct node_graph *graph, struct problems *p);

#endif
