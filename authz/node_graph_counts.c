/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authz/node_graph_counts.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

#define FREE 0u
#define GONE UINT32_MAX		/* was taken out; readers go on behind it */

struct count {
	atomic_uint node;
	uint32_t count;		/* the writer's */
};

struct count_set {
	uint32_t cap;
	uint32_t used;		/* the writer's: nodes */
	uint32_t filled;	/* the writer's: nodes and what is GONE; never all of cap */
	struct count slots[];
};

static size_t set_size(uint32_t cap)
{
	return sizeof(struct count_set) + cap * sizeof(struct count);
}

static struct count_set *set_of(uint64_t word)
{
	return (struct count_set *)(uintptr_t)word;
}

/* Nodes' numbers are ours, given out in order: nobody can choose them. */
static uint32_t home(const struct count_set *set, uint32_t node)
{
	return (uint32_t)((uint64_t)(node * 0x9e3779b1u) * set->cap >> 32);
}

static uint32_t behind(const struct count_set *set, uint32_t at)
{
	return at + 1 == set->cap ? 0 : at + 1;
}

static uint32_t node_at(const struct count_set *set, uint32_t at)
{
	return atomic_load_explicit(&set->slots[at].node, memory_order_acquire);
}

/* Its slot, or that of the first FREE one on its way. */
static uint32_t set_find(const struct count_set *set, uint32_t node)
{
	uint32_t at = home(set, node), seen;

	while ((seen = node_at(set, at)) != node && seen != FREE)
		at = behind(set, at);
	return at;
}

bool node_counts_has(const node_counts *counts, uint32_t node)
{
	uint64_t word = atomic_load_explicit(counts, memory_order_acquire);
	const struct count_set *set;

	if (!word || !node)
		return false;
	if (word & 1)
		return node_counts_node(word) == node;
	set = set_of(word);
	return node_at(set, set_find(set, node)) == node;
}

static void set_put(struct count_set *set, uint32_t node, uint32_t count)
{
	uint32_t at = set_find(set, node);

	set->slots[at].count = count;
	atomic_store_explicit(&set->slots[at].node, node, memory_order_release);
	set->used++;
	set->filled++;
}

/* An empty set with room for `used` nodes and half as many again. */
static struct count_set *set_new(struct node_slab *s, uint32_t used)
{
	uint32_t cap = used + used / 2 + 2;
	struct count_set *set = node_slab_alloc(s, set_size(cap));

	memset(set, 0, set_size(cap));
	set->cap = cap;
	return set;
}

static struct count_set *set_copy(struct node_slab *s, const struct count_set *old)
{
	struct count_set *set = set_new(s, old->used + 1);

	for (uint32_t at = 0; at < old->cap; at++) {
		uint32_t node = node_at(old, at);

		if (node != FREE && node != GONE)
			set_put(set, node, old->slots[at].count);
	}
	return set;
}

static void publish(node_counts *counts, uint64_t word)
{
	uint64_t old = atomic_load_explicit(counts, memory_order_relaxed);

	atomic_store_explicit(counts, word, memory_order_release);
	if (old && !(old & 1))
		node_slab_retire(set_of(old), set_size(set_of(old)->cap));
}

static bool one_add(struct node_slab *s, node_counts *counts, uint64_t word, uint32_t node)
{
	struct count_set *set;

	if (!word || node_counts_node(word) == node) {
		CHECK((uint32_t)word != UINT32_MAX);
		publish(counts, word ? word + 2 : node_counts_one(node, 1));
		return !word;
	}
	set = set_new(s, 2);
	set_put(set, node_counts_node(word), (uint32_t)word >> 1);
	set_put(set, node, 1);
	publish(counts, (uintptr_t)set);
	return true;
}

bool node_counts_add(struct node_slab *s, node_counts *counts, uint32_t node)
{
	uint64_t word = atomic_load_explicit(counts, memory_order_relaxed);
	struct count_set *set = set_of(word);
	uint32_t at;

	if (!word || word & 1)
		return one_add(s, counts, word, node);
	at = set_find(set, node);
	if (node_at(set, at) == node) {
		set->slots[at].count++;
		return false;
	}
	if ((set->filled + 1) * 6ull <= set->cap * 5ull) {
		set_put(set, node, 1);
		return true;
	}
	set = set_copy(s, set);
	set_put(set, node, 1);
	publish(counts, (uintptr_t)set);
	return true;
}

/* What is GONE and has nothing behind it is free again: no reader looks for more behind that. */
static void set_take(struct count_set *set, uint32_t at)
{
	atomic_store_explicit(&set->slots[at].node, GONE, memory_order_release);
	set->used--;
	if (node_at(set, behind(set, at)) != FREE)
		return;
	while (node_at(set, at) == GONE) {
		atomic_store_explicit(&set->slots[at].node, FREE, memory_order_release);
		set->filled--;
		at = at ? at - 1 : set->cap - 1;
	}
}

/* The set shrinks to a word, or to fewer slots when most are free. */
static void set_shrink(struct node_slab *s, node_counts *counts, struct count_set *set)
{
	uint32_t at = 0;

	if (set->used > 1) {
		if (set->cap > 16 && set->used * 4 < set->cap)
			publish(counts, (uintptr_t)set_copy(s, set));
		return;
	}
	while (node_at(set, at) == FREE || node_at(set, at) == GONE)
		at++;
	publish(counts, node_counts_one(node_at(set, at), set->slots[at].count));
}

bool node_counts_del(struct node_slab *s, node_counts *counts, uint32_t node)
{
	uint64_t word = atomic_load_explicit(counts, memory_order_relaxed);
	struct count_set *set = set_of(word);
	uint32_t at;

	CHECK(word);
	if (word & 1) {
		CHECK(node_counts_node(word) == node);
		word = word == node_counts_one(node, 1) ? 0 : word - 2;
		publish(counts, word);
		return !word;
	}
	at = set_find(set, node);
	CHECK(node_at(set, at) == node);
	if (--set->slots[at].count)
		return false;
	set_take(set, at);
	set_shrink(s, counts, set);
	return true;
}

uint32_t node_counts_next(const node_counts *counts, size_t *at)
{
	uint64_t word = atomic_load_explicit(counts, memory_order_relaxed);
	const struct count_set *set = set_of(word);

	if (!word || word & 1)
		return word && !(*at)++ ? node_counts_node(word) : 0;
	while (*at < set->cap) {
		uint32_t node = node_at(set, (uint32_t)(*at)++);

		if (node != FREE && node != GONE)
			return node;
	}
	return 0;
}
