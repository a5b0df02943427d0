/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often each node refers to an object, in one word: nothing; one node and its count, which is
 * what most objects have; or a small hash table.  The writer changes it while readers ask.
 */
#ifndef AUTHZ_NODE_GRAPH_COUNTS_H
#define AUTHZ_NODE_GRAPH_COUNTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "authz/node_graph_slab.h"

/* Bit 0 says that the word is one node: its number in the upper half, the count in between. */
typedef _Atomic(uint64_t) node_counts;

#define NODE_NUMBER_MAX 0xfffffff0u	/* numbers of nodes start at 1 */

static inline uint64_t node_counts_one(uint32_t node, uint32_t count)
{
	return (uint64_t)node << 32 | (uint64_t)count << 1 | 1;
}

/* The number of the node in a word of one. */
static inline uint32_t node_counts_node(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

/* A reader, inside. Nobody is node 0: a node that is just going away. */
bool node_counts_has(const node_counts *counts, uint32_t node);

/* The writer: true when it was the first, or the last, of that node. */
bool node_counts_add(struct node_slab *s, node_counts *counts, uint32_t node);
bool node_counts_del(struct node_slab *s, node_counts *counts, uint32_t node);
/* The writer: the nodes one after the other from *at = 0 on; 0 at the end. */
uint32_t node_counts_next(const node_counts *counts, size_t *at);

static inline bool node_counts_is_empty(const node_counts *counts)
{
	return !atomic_load_explicit(counts, memory_order_relaxed);
}

#endif
