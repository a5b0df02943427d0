/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for the many small things of a Node graph: chunks of one size class each, in steps of
 * eight bytes and without a header per piece; a chunk that is empty goes back to the system.
 * One thread, the writer.  Under AddressSanitizer each piece is an allocation of its own.
 */
#ifndef AUTHZ_NODE_GRAPH_SLAB_H
#define AUTHZ_NODE_GRAPH_SLAB_H

#include "base/list.h"

#define NODE_SLAB_STEP 8
#define NODE_SLAB_MAX 1024	/* bytes; larger pieces are allocated one by one */

struct node_slab_chunk;

struct node_slab {
	struct list chunks;			/* all of them */
	struct list room[NODE_SLAB_MAX / NODE_SLAB_STEP];	/* those that are not full */
	struct list large;
	struct node_slab_chunk *spare;		/* one empty chunk is kept; or NULL */
	size_t bytes;				/* taken from the system */
};

void node_slab_init(struct node_slab *s);
/* Frees whatever was not freed. */
void node_slab_fini(struct node_slab *s);
/* Aligned to eight bytes, not zeroed. */
void *node_slab_alloc(struct node_slab *s, size_t n);
/* n as it was allocated. */
void node_slab_free(void *p, size_t n);
/* As node_slab_free, after a grace period. */
void node_slab_retire(void *p, size_t n);

#endif
