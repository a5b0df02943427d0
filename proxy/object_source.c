/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/object_source.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "codec/json.h"
#include "proxy/fetch.h"
#include "proxy/object_manifests.h"

struct object_source {
	struct authn_source source;	/* first member */
	struct worker *worker;		/* borrowed */
	bool upstream;			/* else manifests */
	struct map entries;		/* by path */
	struct list found;		/* entries that were found, the oldest first */
	size_t n;
};

/* An object that is being read, or was found. */
struct entry {
	struct object_source *owner;
	struct list node;		/* of owner->found */
	struct list waiting;		/* lookups */
	enum authn_object_kind kind;
	struct str path;		/* owned */
	struct fetch *fetch;		/* NULL: it was found */
	struct authn_object *object;	/* a reference */
	int64_t until_us;		/* monotonic */
};

static struct object_source *from_authn(struct authn_source *s)
{
	return container_of(s, struct object_source, source);
}

static int64_t now_us(const struct object_source *s)
{
	return clock_monotonic_us(s->worker->server->clock);
}

static void drop(struct entry *e)
{
	struct object_source *s = e->owner;

	map_del(&s->entries, e->path);
	s->n--;
	list_del(&e->node);
	if (e->fetch)
		fetch_cancel(e->fetch);
	authn_object_release(e->object);
	free((char *)e->path.p);
	free(e);
}

/* --- An answer of the upstream --- */

static struct authn_object *read_object(enum authn_object_kind kind, struct str body)
{
	struct authn_object *o = NULL;
	json_t *json;

	if (json_read(body, &json, NULL))
		return NULL;
	if (json_is_object(json))
		o = authn_object_read(kind, json);
	json_decref(json);
	return o;
}

/* What each of those who wait is told. */
struct outcome {
	enum authn_lookup_state state;
	struct authn_object *object;	/* a reference */
	const char *error;
};

static struct outcome outcome_of(enum authn_object_kind kind, const struct fetch_answer *a,
				 struct strbuf *text)
{
	struct outcome o = { .state = AUTHN_LOOKUP_FAILED };

	if (a->code == 404) {
		o.state = AUTHN_LOOKUP_MISSING;
	} else if (a->code == 200) {
		o.object = read_object(kind, a->body);
		if (o.object)
			o.state = AUTHN_LOOKUP_FOUND;
		else
			o.error = "the API server's answer is not such an object";
	} else {
		if (a->code)
			strbuf_addf(text, "the API server answered %d", a->code);
		else
			strbuf_add_str(text, a->error);
		o.error = text->p;
	}
	return o;
}

static void tell(struct authn_lookup *l, const struct outcome *o)
{
	l->state = o->state;
	if (o->object)
		l->object = authn_object_acquire(o->object);
	if (o->error)
		l->error = xstrdup(o->error);
}

static void move_list(struct list *to, struct list *from)
{
	struct list *node;

	list_init(to);
	while ((node = list_pop(from)))
		list_add_tail(to, node);
}

/* Each who is told may do anything: cancel another, begin a new lookup, drive the entry out. */
static void on_fetched(void *arg, const struct fetch_answer *a)
{
	struct entry *e = arg;
	struct strbuf text = STRBUF_INIT;
	struct outcome o = outcome_of(e->kind, a, &text);
	struct list waiting, *node;

	e->fetch = NULL;
	move_list(&waiting, &e->waiting);
	if (o.state == AUTHN_LOOKUP_FOUND) {
		e->object = authn_object_acquire(o.object);
		e->until_us = now_us(e->owner) + OBJECT_TTL_MS * INT64_C(1000);
		list_add_tail(&e->owner->found, &e->node);
	} else {
		drop(e);
	}
	while ((node = list_pop(&waiting))) {
		struct authn_lookup *l = container_of(node, struct authn_lookup, node);

		tell(l, &o);
		l->done(l);
	}
	authn_object_release(o.object);
	strbuf_fini(&text);
}

/* --- A question --- */

static void fail(struct authn_lookup *l, const char *error)
{
	l->state = AUTHN_LOOKUP_FAILED;
	l->error = xstrdup(error);
}

static void find_in_manifests(struct object_source *s, struct authn_lookup *l, struct str path)
{
	struct object_manifests *m = worker_objects(s->worker);
	struct authn_object *o = m ? object_manifests_find(m, path) : NULL;

	l->state = o ? AUTHN_LOOKUP_FOUND : AUTHN_LOOKUP_MISSING;
	if (o)
		l->object = authn_object_acquire(o);
}

/* Makes room; false when all that there is is being read. */
static bool make_room(struct object_source *s)
{
	if (s->n < OBJECT_SOURCE_MAX)
		return true;
	if (list_is_empty(&s->found))
		return false;
	drop(container_of(s->found.next, struct entry, node));
	return true;
}

static struct entry *begin_read(struct object_source *s, enum authn_object_kind kind,
				struct str path)
{
	struct fetch_request q = { .method = STR("GET"), .user = &s->worker->server->own };
	struct entry *e = xcalloc(1, sizeof(*e));

	e->owner = s;
	e->kind = kind;
	e->path = str_make(xmemdup0(path.p, path.n), path.n);
	list_init(&e->node);
	list_init(&e->waiting);
	map_set(&s->entries, e->path, e);
	s->n++;
	q.target = e->path;
	e->fetch = fetch_start(s->worker, &q, on_fetched, e);
	return e;
}

static void find_upstream(struct object_source *s, struct authn_lookup *l, struct str path)
{
	struct entry *e = map_get(&s->entries, path);

	if (e && e->object && (e->until_us <= now_us(s) || !str_eq(e->object->uid, l->uid))) {
		drop(e);
		e = NULL;
	}
	if (e && e->object) {
		l->state = AUTHN_LOOKUP_FOUND;
		l->object = authn_object_acquire(e->object);
		return;
	}
	if (!e && !make_room(s)) {
		fail(l, "too many objects are being looked up");
		return;
	}
	if (!e)
		e = begin_read(s, l->kind, path);
	list_add_tail(&e->waiting, &l->node);
}

static void start(struct authn_source *source, struct authn_lookup *l)
{
	struct object_source *s = from_authn(source);
	struct strbuf path = STRBUF_INIT;

	l->state = AUTHN_LOOKUP_WANTED;
	list_init(&l->node);
	if (!object_path(&path, l->kind, l->namespace, l->name))
		l->state = AUTHN_LOOKUP_MISSING;
	else if (s->upstream)
		find_upstream(s, l, strbuf_str(&path));
	else
		find_in_manifests(s, l, strbuf_str(&path));
	strbuf_fini(&path);
}

/* The read goes on: its answer is as good for the next one. */
static void cancel(struct authn_source *source, struct authn_lookup *l)
{
	(void)source;
	list_del(&l->node);
}

struct object_source *object_source_new(struct worker *w)
{
	struct object_source *s = xcalloc(1, sizeof(*s));

	s->source = (struct authn_source){ start, cancel };
	s->worker = w;
	s->upstream = !strcmp(w->server->options->cluster_state, "upstream");
	list_init(&s->found);
	return s;
}

void object_source_free(struct object_source *s)
{
	const struct map_entry *e;
	size_t pos;

	if (!s)
		return;
	while (pos = 0, (e = map_next(&s->entries, &pos)))
		drop(e->value);
	map_fini(&s->entries);
	free(s);
}

struct authn_source *object_source_authn(struct object_source *s)
{
	return &s->source;
}
