/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of a Node graph: one hash table per kind of object, in shards so that none takes long
 * to be made anew.  Readers look up while the writer adds and takes out.
 *
 * A slot is a word: nothing, the mark of what is gone, or a vertex and 19 bits of its hash in what
 * a pointer leaves free, which say both where it belongs and, nearly always, that it is not meant.
 * Hashes are keyed (base/map.h): names are chosen by tenants.
 */
#ifndef AUTHZ_NODE_GRAPH_INDEX_H
#define AUTHZ_NODE_GRAPH_INDEX_H

#include "authz/node_graph_counts.h"
#include "base/str.h"

#define NODE_INDEX_SHARDS 64

struct node_vertex {
	union {
		node_counts counts;		/* of nodes that refer to it */
		_Atomic(void *) record;		/* pods and volumes */
	};
	struct node_vertex *namespace;	/* NULL: none; borrowed, outlives it */
	uint16_t name_n;
	uint8_t kind;
	uint8_t seen;			/* the writer's: the list that it was last in */
	char name[];
};

struct node_index_table;

struct node_index {
	_Atomic(struct node_index_table *) shards[NODE_INDEX_SHARDS];
	size_t count;
};

/* What a name is looked up by. */
struct node_key {
	struct str namespace, name;
	uint64_t hash;
};

struct node_key node_key_make(struct str namespace, struct str name);
/* The same with the namespace's hash known, for many names of one namespace. */
struct node_key node_key_in(struct str namespace, uint64_t namespace_hash, struct str name);
uint64_t node_key_namespace_hash(struct str namespace);

static inline struct str node_vertex_name(const struct node_vertex *v)
{
	return str_make(v->name, v->name_n);
}

static inline struct str node_vertex_namespace(const struct node_vertex *v)
{
	return v->namespace ? node_vertex_name(v->namespace) : STR_NULL;
}

/* A reader, inside, or the writer. NULL: not known. */
struct node_vertex *node_index_find(const struct node_index *x, const struct node_key *key);
/* Hints that key will be looked for soon: first its slot, later (inside) what is in the slot. */
void node_index_prefetch(const struct node_index *x, const struct node_key *key);
void node_index_prefetch_vertex(const struct node_index *x, const struct node_key *key);

/* The writer. v must not be in it yet; key is v's. */
void node_index_add(struct node_index *x, struct node_slab *s, struct node_vertex *v,
		    const struct node_key *key);
/* The writer. v must be in it; the caller retires it. */
void node_index_del(struct node_index *x, struct node_slab *s, const struct node_vertex *v);
/* The writer: calls fn with each vertex; fn may take that one out, and add none. */
void node_index_each(const struct node_index *x, void (*fn)(void *arg, struct node_vertex *v),
		     void *arg);

#endif
