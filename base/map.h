/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map from byte strings to pointers (open addressing).  Keys are borrowed: they must live
 * as long as their entry.  Iteration order is unspecified.  Hashes are keyed per process, so that
 * a peer cannot choose colliding keys.  Not thread-safe for writers; readers of a map that nobody
 * changes any more need no lock.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_entry {
	struct str key;
	void *value;		/* NULL marks a free slot: values are never NULL */
	uint64_t hash;
};

struct map {
	struct map_entry *slots;	/* owned */
	size_t used;
	size_t cap;			/* 0 or a power of two */
};

#define MAP_INIT ((struct map){ NULL, 0, 0 })

void map_fini(struct map *m);				/* frees the table, not keys or values */
void *map_get(const struct map *m, struct str key);	/* NULL when absent */
/*
 * Sets, or replaces the value and keeps the old key; returns the value it replaced, or NULL (then
 * the new key is in use).  Where the key lives in the value, map_del first, then map_set.
 */
void *map_set(struct map *m, struct str key, void *value);
void *map_del(struct map *m, struct str key);		/* the removed value, or NULL */
/* Next entry after *pos (start at 0), or NULL. The map must not change meanwhile. */
const struct map_entry *map_next(const struct map *m, size_t *pos);
/* The process's keyed hash of s. */
uint64_t map_hash(struct str s);

#endif
