/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of nodes that are held for a moment (--node-authorizer-wait): a kubelet hears of a pod
 * that was bound to it as soon as we do, and may ask for the pod's objects before our watch has
 * brought the edge.  One list per worker; a held request holds no thread and no snapshot.
 *
 * Of a change of the graph the control thread tells only workers that hold something; such a
 * worker asks for each held request's own edge again and resumes those that have it now.
 */
#ifndef PROXY_NODE_WAIT_H
#define PROXY_NODE_WAIT_H

#include "authz/authz.h"
#include "net/loop.h"

#define NODE_WAITS_MAX 4096		/* held requests per worker; above it: no wait */
#define NODE_WAITS_PER_NODE_MAX 256	/* of these of one node */
#define NODE_WAIT_PAUSE_MS 2		/* between two looks at what is held */

struct node_waits;

/* Embed it; zeroed it waits for nothing. */
struct node_wait {
	struct list node;
	struct node_waits *waits;	/* NULL: it does not wait */
	struct node_question question;	/* strings are borrowed as long as it waits */
	struct loop_timer timer;
	/* The edge is there, the time is over or the list ends; it waits no more. */
	void (*resume)(struct node_wait *n);
};

/* Belongs to the loop's thread, which is a registered reader of g (borrowed). */
struct node_waits *node_waits_new(struct loop *l, const struct node_graph *g);
/* On the loop's thread or after its end; nothing waits any more. NULL is allowed. */
void node_waits_free(struct node_waits *w);
/* Holds it for ms at most (> 0); false: too many are held already, or the list has ended. */
bool node_waits_add(struct node_waits *w, struct node_wait *n, const struct node_question *q,
		    int64_t ms, void (*resume)(struct node_wait *n));
/* It is not resumed any more; harmless when it does not wait. */
void node_wait_cancel(struct node_wait *n);
/* The graph has changed. Any thread; a worker that holds nothing is not woken. */
void node_waits_notify(struct node_waits *w);
/* Resumes all and holds nothing any more: the process is to end. */
void node_waits_end(struct node_waits *w);
size_t node_waits_count(const struct node_waits *w);

#endif
