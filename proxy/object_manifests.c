/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/object_manifests.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "cache/manifests.h"

#define NAME_LEN_MAX 253	/* of a DNS subdomain */

struct object_manifests {
	struct snapshot snapshot;	/* first member */
	struct map objects;		/* struct found, by path */
};

struct found {
	struct str path;		/* owned */
	struct authn_object *object;	/* a reference */
};

/* The letters of a DNS subdomain, which names of these kinds are; no dot alone, no "..". */
static bool is_name(struct str s)
{
	if (!s.n || s.n > NAME_LEN_MAX || s.p[0] == '.')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
			return false;
	}
	return true;
}

bool object_path(struct strbuf *out, enum authn_object_kind kind, struct str namespace,
		 struct str name)
{
	if (!is_name(name) || (kind != AUTHN_NODE && !is_name(namespace)))
		return false;
	strbuf_add_cstr(out, "/api/v1/");
	if (kind != AUTHN_NODE)
		strbuf_addf(out, "namespaces/%.*s/", STR_ARG(namespace));
	strbuf_addf(out, "%s/%.*s", authn_object_resource(kind), STR_ARG(name));
	return true;
}

static void found_free(struct found *f)
{
	authn_object_release(f->object);
	free((char *)f->path.p);
	free(f);
}

static void manifests_free(struct snapshot *s)
{
	struct object_manifests *m = container_of(s, struct object_manifests, snapshot);
	const struct map_entry *e;
	size_t pos = 0;

	while ((e = map_next(&m->objects, &pos)))
		found_free(e->value);
	map_fini(&m->objects);
	free(m);
}

static int kind_of(const struct manifest_object *o)
{
	static const char *const kinds[] = {
		[AUTHN_SERVICE_ACCOUNT] = "ServiceAccount", [AUTHN_SECRET] = "Secret",
		[AUTHN_POD] = "Pod", [AUTHN_NODE] = "Node",
	};

	for (int i = 0; i < AUTHN_OBJECT_KINDS; i++)
		if (str_eq(o->api_version, STR("v1")) && str_eq(o->kind, str_from(kinds[i])))
			return i;
	return -1;
}

static struct str member(const json_t *metadata, const char *name)
{
	const json_t *v = json_object_get(metadata, name);

	return str_make(json_string_value(v), json_string_length(v));
}

/* Of an object that is there twice the later one counts. */
static void add(struct object_manifests *m, struct str path, struct authn_object *object)
{
	struct found *f = xmalloc(sizeof(*f)), *old = map_del(&m->objects, path);

	if (old)
		found_free(old);
	f->path = str_make(xmemdup0(path.p, path.n), path.n);
	f->object = object;
	map_set(&m->objects, f->path, f);
}

/* kubectl takes an object without a namespace to be in "default". */
static int on_object(void *arg, const struct manifest_object *o, struct problems *p)
{
	const json_t *metadata = json_object_get(o->json, "metadata");
	struct str namespace = member(metadata, "namespace");
	struct strbuf path = STRBUF_INIT;
	struct authn_object *object;
	int kind = kind_of(o);

	if (kind < 0)
		return 0;
	object = authn_object_read((enum authn_object_kind)kind, o->json);
	if (object && object_path(&path, (enum authn_object_kind)kind,
				  namespace.n ? namespace : STR("default"),
				  member(metadata, "name"))) {
		add(arg, strbuf_str(&path), object);
	} else {
		problems_add(p, o->file, o->line, "cluster-state", "this %.*s cannot be read",
			     STR_ARG(o->kind));
		authn_object_release(object);
	}
	strbuf_fini(&path);
	return 0;
}

struct object_manifests *object_manifests_read(const char *path, struct problems *p)
{
	struct object_manifests *m = xcalloc(1, sizeof(*m));
	size_t before = p->count;

	snapshot_init(&m->snapshot, manifests_free);
	manifests_read(path, "cluster-state", on_object, m, p);
	if (p->count == before)
		return m;
	snapshot_release(&m->snapshot);
	return NULL;
}

struct snapshot *object_manifests_snapshot(struct object_manifests *m)
{
	return &m->snapshot;
}

struct authn_object *object_manifests_find(const struct object_manifests *m, struct str path)
{
	struct found *f = map_get(&m->objects, path);

	return f ? f->object : NULL;
}
