/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authz/node_graph_index.h"

#include "base/check.h"
#include "base/map.h"

#define FREE 0ull
#define GONE 1ull			/* readers go on behind it */
#define POINTER 0x0000fffffffffff8ull
#define TAG_BITS 19
#define TAG_MASK ((1u << TAG_BITS) - 1)

struct node_index_table {
	uint32_t cap;
	uint32_t used;		/* the writer's: vertices */
	uint32_t filled;	/* the writer's: vertices and what is GONE; never all of cap */
	_Atomic(uint64_t) slots[];
};

/* --- Keys --- */

uint64_t node_key_namespace_hash(struct str namespace)
{
	return namespace.n ? map_hash(namespace) * 0x9e3779b97f4a7c15ull : 0;
}

struct node_key node_key_in(struct str namespace, uint64_t namespace_hash, struct str name)
{
	return (struct node_key){ namespace, name, map_hash(name) ^ namespace_hash };
}

struct node_key node_key_make(struct str namespace, struct str name)
{
	return node_key_in(namespace, node_key_namespace_hash(namespace), name);
}

static size_t key_shard(const struct node_key *key)
{
	return key->hash % NODE_INDEX_SHARDS;
}

static uint32_t key_tag(const struct node_key *key)
{
	return (uint32_t)(key->hash >> 32) & TAG_MASK;
}

/* --- Slots --- */

static uint64_t slot_make(const struct node_vertex *v, uint32_t tag)
{
	uint64_t p = (uintptr_t)v;

	CHECK(p && !(p & ~POINTER));
	return p | (uint64_t)(tag >> 3) << 48 | (tag & 7);
}

static uint32_t slot_tag(uint64_t slot)
{
	return (uint32_t)(slot >> 48) << 3 | (uint32_t)(slot & 7);
}

/* NULL: FREE or GONE. */
static struct node_vertex *slot_vertex(uint64_t slot)
{
	return (struct node_vertex *)(uintptr_t)(slot & POINTER);
}

static uint32_t home(const struct node_index_table *t, uint32_t tag)
{
	return (uint32_t)((uint64_t)tag * t->cap >> TAG_BITS);
}

static uint32_t behind(const struct node_index_table *t, uint32_t at)
{
	return at + 1 == t->cap ? 0 : at + 1;
}

static uint64_t slot_at(const struct node_index_table *t, uint32_t at)
{
	return atomic_load_explicit(&t->slots[at], memory_order_acquire);
}

static bool vertex_is(const struct node_vertex *v, const struct node_key *key)
{
	return str_eq(node_vertex_name(v), key->name) &&
	       str_eq(node_vertex_namespace(v), key->namespace);
}

/* --- Readers --- */

static struct node_index_table *shard_of(const struct node_index *x, const struct node_key *key)
{
	return atomic_load_explicit(&x->shards[key_shard(key)], memory_order_acquire);
}

struct node_vertex *node_index_find(const struct node_index *x, const struct node_key *key)
{
	const struct node_index_table *t = shard_of(x, key);
	uint32_t tag = key_tag(key);
	uint64_t slot;

	if (!t)
		return NULL;
	for (uint32_t at = home(t, tag); (slot = slot_at(t, at)) != FREE; at = behind(t, at))
		if (slot != GONE && slot_tag(slot) == tag && vertex_is(slot_vertex(slot), key))
			return slot_vertex(slot);
	return NULL;
}

void node_index_prefetch(const struct node_index *x, const struct node_key *key)
{
	const struct node_index_table *t = shard_of(x, key);

	if (t)
		__builtin_prefetch(&t->slots[home(t, key_tag(key))]);
}

/* Most are where they belong; what is further on is found when it is looked for. */
void node_index_prefetch_vertex(const struct node_index *x, const struct node_key *key)
{
	const struct node_index_table *t = shard_of(x, key);
	uint32_t tag = key_tag(key);

	for (uint32_t i = 0, at = t ? home(t, tag) : 0; t && i < 4; i++, at = behind(t, at)) {
		uint64_t slot = slot_at(t, at);

		if (slot_tag(slot) == tag)
			__builtin_prefetch(slot_vertex(slot));
	}
}

/* --- The writer --- */

static size_t table_size(uint32_t cap)
{
	return sizeof(struct node_index_table) + cap * sizeof(uint64_t);
}

static void table_put(struct node_index_table *t, uint64_t slot)
{
	uint32_t at = home(t, slot_tag(slot));
	uint64_t seen;

	while ((seen = slot_at(t, at)) != FREE && seen != GONE)
		at = behind(t, at);
	atomic_store_explicit(&t->slots[at], slot, memory_order_release);
	t->used++;
	t->filled += seen == FREE;
}

/* A table with room for `used` vertices and more takes the place of the shard's. */
static struct node_index_table *rebuild(struct node_index *x, struct node_slab *s, size_t shard,
					uint32_t used)
{
	struct node_index_table *old, *t;
	uint32_t cap = used + used / 2 + 6;

	old = atomic_load_explicit(&x->shards[shard], memory_order_relaxed);
	t = node_slab_alloc(s, table_size(cap));
	memset(t, 0, table_size(cap));
	t->cap = cap;
	for (uint32_t at = 0; old && at < old->cap; at++)
		if (slot_vertex(slot_at(old, at)))
			table_put(t, slot_at(old, at));
	atomic_store_explicit(&x->shards[shard], t, memory_order_release);
	if (old)
		node_slab_retire(old, table_size(old->cap));
	return t;
}

void node_index_add(struct node_index *x, struct node_slab *s, struct node_vertex *v,
		    const struct node_key *key)
{
	struct node_index_table *t = shard_of(x, key);

	if (!t || (t->filled + 1) * 6ull > t->cap * 5ull)
		t = rebuild(x, s, key_shard(key), t ? t->used + 1 : 1);
	table_put(t, slot_make(v, key_tag(key)));
	x->count++;
}

/* What is GONE and has nothing behind it is free again: no reader looks for more behind that. */
static void table_take(struct node_index_table *t, uint32_t at)
{
	atomic_store_explicit(&t->slots[at], GONE, memory_order_release);
	t->used--;
	if (slot_at(t, behind(t, at)) != FREE)
		return;
	while (slot_at(t, at) == GONE) {
		atomic_store_explicit(&t->slots[at], FREE, memory_order_release);
		t->filled--;
		at = at ? at - 1 : t->cap - 1;
	}
}

void node_index_del(struct node_index *x, struct node_slab *s, const struct node_vertex *v)
{
	struct node_key key = node_key_make(node_vertex_namespace(v), node_vertex_name(v));
	struct node_index_table *t = shard_of(x, &key);
	uint64_t want = slot_make(v, key_tag(&key)), slot;
	uint32_t at = home(t, key_tag(&key));

	while ((slot = slot_at(t, at)) != want) {
		CHECK(slot != FREE);
		at = behind(t, at);
	}
	table_take(t, at);
	x->count--;
	if (!t->used) {
		atomic_store_explicit(&x->shards[key_shard(&key)], NULL, memory_order_release);
		node_slab_retire(t, table_size(t->cap));
	} else if (t->cap > 32 && t->used * 4 < t->cap) {
		rebuild(x, s, key_shard(&key), t->used);
	}
}

/* A table that fn makes the shard give up still holds what fn was not yet called with. */
void node_index_each(const struct node_index *x, void (*fn)(void *arg, struct node_vertex *v),
		     void *arg)
{
	for (size_t i = 0; i < NODE_INDEX_SHARDS; i++) {
		const struct node_index_table *t =
			atomic_load_explicit(&x->shards[i], memory_order_relaxed);

		for (uint32_t at = 0; t && at < t->cap; at++)
			if (slot_vertex(slot_at(t, at)))
				fn(arg, slot_vertex(slot_at(t, at)));
	}
}
