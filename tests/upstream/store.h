/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of the test API server, in memory: a sorted table per kind, one counter of resource
 * versions, and a ring of the latest changes from which watches resume.  One thread.
 * Stored objects are immutable: a change stores a new value.
 */
#ifndef TESTS_UPSTREAM_STORE_H
#define TESTS_UPSTREAM_STORE_H

#include <jansson.h>

#include "base/clock.h"
#include "base/list.h"
#include "tests/upstream/kinds.h"

#define STORE_RING_DEFAULT 10000

enum store_change { STORE_ADDED, STORE_MODIFIED, STORE_DELETED };

struct store_event {
	uint64_t version;
	const struct kind *kind;
	enum store_change change;
	json_t *object;		/* owned; a deleted object's last state, with the new version */
	json_t *before;		/* owned; NULL for ADDED */
};

struct store_watcher {
	struct list node;
	void (*notify)(struct store_watcher *w, const struct store_event *e);
};

struct store_entry {
	char *key;		/* owned: "namespace/name", or "/name" */
	json_t *object;		/* owned */
};

struct store_table {
	struct store_entry *v;	/* owned, ascending by key */
	size_t n, cap;
};

struct store {
	const struct clock *clock;	/* borrowed */
	uint64_t version;
	struct store_table tables[KINDS_MAX];
	struct store_event *ring;	/* owned */
	size_t ring_size, ring_used, ring_next;
	uint64_t oldest;		/* changes after this version are all in the ring */
	struct list watchers;
};

void store_init(struct store *s, const struct clock *clock, size_t ring_size);
void store_fini(struct store *s);

/* Borrowed, NULL when absent. */
json_t *store_get(const struct store *s, const struct kind *k, struct str ns, struct str name);
/*
 * Adds or replaces: sets metadata.resourceVersion in `object` (taken over), tells the watchers.
 * Returns the stored value, borrowed.
 */
json_t *store_put(struct store *s, const struct kind *k, json_t *object);
/* Removes; false when absent. */
bool store_delete(struct store *s, const struct kind *k, struct str ns, struct str name);
/* Position of the first entry of k whose key is >= key. */
size_t store_seek(const struct store *s, const struct kind *k, struct str key);
const struct store_entry *store_at(const struct store *s, const struct kind *k, size_t at);
/* Calls fn with each change after `version` in order. ERR_EXPIRED when some are forgotten. */
int store_replay(const struct store *s, uint64_t version,
		 void (*fn)(void *arg, const struct store_event *e), void *arg);
/* Forgets every change, so that older resource versions are expired. */
void store_compact(struct store *s);

void store_watch(struct store *s, struct store_watcher *w);
void store_unwatch(struct store_watcher *w);

/* Reads of objects: text at a dotted path ("metadata.name"), empty when absent. Borrowed. */
struct str object_text(const json_t *object, const char *path);
/* The value at a dotted path, or NULL. Borrowed. */
json_t *object_at(const json_t *object, const char *path);
json_t *object_metadata(json_t *object);	/* made when absent */
/* "2026-01-02T03:04:05Z" as a JSON string. */
json_t *object_time(const struct clock *clock);
json_t *json_str(struct str s);			/* a new string; what is not UTF-8 becomes '?' */

#endif
