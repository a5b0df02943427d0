/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"

void store_init(struct store *s, const struct clock *clock, size_t ring_size)
{
	*s = (struct store){ .clock = clock, .version = 1, .oldest = 1, .ring_size = ring_size };
	s->ring = xcalloc(ring_size, sizeof(*s->ring));
	list_init(&s->watchers);
}

static void event_fini(struct store_event *e)
{
	json_decref(e->object);
	json_decref(e->before);
}

void store_compact(struct store *s)
{
	for (size_t i = 0; i < s->ring_size; i++) {
		event_fini(&s->ring[i]);
		s->ring[i] = (struct store_event){ 0 };
	}
	s->ring_used = s->ring_next = 0;
	s->oldest = s->version;
}

void store_fini(struct store *s)
{
	store_compact(s);
	free(s->ring);
	for (size_t i = 0; i < kinds_count; i++) {
		struct store_table *t = &s->tables[i];

		for (size_t j = 0; j < t->n; j++) {
			free(t->v[j].key);
			json_decref(t->v[j].object);
		}
		free(t->v);
	}
}

json_t *object_at(const json_t *object, const char *path)
{
	struct str rest = str_from(path), piece;
	json_t *at = (json_t *)object;

	while (at && str_next(&rest, '.', &piece))
		at = json_object_getn(at, piece.p, piece.n);
	return at;
}

struct str object_text(const json_t *object, const char *path)
{
	json_t *v = object_at(object, path);

	if (!json_is_string(v))
		return STR_NULL;
	return str_make(json_string_value(v), json_string_length(v));
}

json_t *object_metadata(json_t *object)
{
	json_t *meta = json_object_get(object, "metadata");

	if (!json_is_object(meta)) {
		meta = json_object();
		json_object_set_new(object, "metadata", meta);
	}
	return meta;
}

json_t *object_time(const struct clock *clock)
{
	time_t now = (time_t)(clock_wall_us(clock) / 1000000);
	char text[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

json_t *json_str(struct str s)
{
	json_t *v = json_stringn(s.p ? s.p : "", s.n);
	char *copy;

	if (v)
		return v;
	copy = xmemdup0(s.p, s.n);
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	v = json_stringn(copy, s.n);
	free(copy);
	return v;
}

static char *make_key(struct str ns, struct str name)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add_str(&b, ns);
	strbuf_add_char(&b, '/');
	strbuf_add_str(&b, name);
	return strbuf_detach(&b);
}

size_t store_seek(const struct store *s, const struct kind *k, struct str key)
{
	const struct store_table *t = &s->tables[kind_index(k)];
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (str_cmp(str_from(t->v[mid].key), key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct store_entry *store_at(const struct store *s, const struct kind *k, size_t at)
{
	const struct store_table *t = &s->tables[kind_index(k)];

	return at < t->n ? &t->v[at] : NULL;
}

/* The entry of that key, or NULL; *at is where it is or belongs. */
static struct store_entry *find(const struct store *s, const struct kind *k, const char *key,
				size_t *at)
{
	const struct store_table *t = &s->tables[kind_index(k)];

	*at = store_seek(s, k, str_from(key));
	if (*at < t->n && !strcmp(t->v[*at].key, key))
		return &t->v[*at];
	return NULL;
}

json_t *store_get(const struct store *s, const struct kind *k, struct str ns, struct str name)
{
	char *key = make_key(ns, name);
	size_t at;
	const struct store_entry *e = find(s, k, key, &at);

	free(key);
	return e ? e->object : NULL;
}

static void publish(struct store *s, struct store_event e)
{
	struct store_event *slot = &s->ring[s->ring_next];
	struct list *node, *safe;

	if (s->ring_used == s->ring_size) {
		s->oldest = slot->version;
		event_fini(slot);
	} else {
		s->ring_used++;
	}
	*slot = e;
	s->ring_next = (s->ring_next + 1) % s->ring_size;
	list_for_each(node, safe, &s->watchers) {
		struct store_watcher *w = container_of(node, struct store_watcher, node);

		w->notify(w, &e);
	}
}

static void stamp(struct store *s, json_t *object)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, ++s->version);
	json_object_set_new(object_metadata(object), "resourceVersion", json_string(text));
}

static void insert(struct store_table *t, size_t at, char *key, json_t *object)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 16;
		t->v = xreallocarray(t->v, t->cap, sizeof(*t->v));
	}
	memmove(&t->v[at + 1], &t->v[at], (t->n - at) * sizeof(*t->v));
	t->v[at] = (struct store_entry){ key, object };
	t->n++;
}

json_t *store_put(struct store *s, const struct kind *k, json_t *object)
{
	struct str ns = object_text(object, "metadata.namespace");
	char *key = make_key(kind_is_namespaced(k) ? ns : STR_NULL,
			     object_text(object, "metadata.name"));
	struct store_entry *e;
	size_t at;
	json_t *before = NULL;

	e = find(s, k, key, &at);
	stamp(s, object);
	if (e) {
		free(key);
		before = e->object;
		e->object = object;
	} else {
		insert(&s->tables[kind_index(k)], at, key, object);
	}
	publish(s, (struct store_event){ s->version, k, before ? STORE_MODIFIED : STORE_ADDED,
					 json_incref(object), before });
	return object;
}

bool store_delete(struct store *s, const struct kind *k, struct str ns, struct str name)
{
	struct store_table *t = &s->tables[kind_index(k)];
	char *key = make_key(ns, name);
	size_t at;
	struct store_entry *e = find(s, k, key, &at);
	json_t *before, *last;

	free(key);
	if (!e)
		return false;
	before = e->object;
	last = json_deep_copy(before);
	free(e->key);
	t->n--;
	memmove(&t->v[at], &t->v[at + 1], (t->n - at) * sizeof(*t->v));
	stamp(s, last);
	publish(s, (struct store_event){ s->version, k, STORE_DELETED, last, before });
	return true;
}

int store_replay(const struct store *s, uint64_t version,
		 void (*fn)(void *arg, const struct store_event *e), void *arg)
{
	size_t first = (s->ring_next + s->ring_size - s->ring_used) % s->ring_size;

	if (version < s->oldest)
		return ERR_EXPIRED;
	for (size_t i = 0; i < s->ring_used; i++) {
		const struct store_event *e = &s->ring[(first + i) % s->ring_size];

		if (e->version > version)
			fn(arg, e);
	}
	return 0;
}

void store_watch(struct store *s, struct store_watcher *w)
{
	list_add_tail(&s->watchers, &w->node);
}

void store_unwatch(struct store_watcher *w)
{
	list_del(&w->node);
}
