/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to what answers it. */
#include "config.h"

#include "base/mem.h"
#include "codec/json.h"
#include "codec/patch.h"
#include "tests/upstream/control.h"
#include "tests/upstream/discovery.h"
#include "tests/upstream/policy.h"
#include "tests/upstream/rest.h"
#include "tests/upstream/reviews.h"
#include "tests/upstream/watch.h"

#define SEGMENTS_MAX 12

struct segments {
	struct str v[SEGMENTS_MAX];
	size_t n, at;
};

static void split(struct str path, struct segments *out)
{
	struct str piece;

	*out = (struct segments){ .n = 0 };
	while (out->n < SEGMENTS_MAX && str_next(&path, '/', &piece))
		if (piece.n)
			out->v[out->n++] = piece;
}

static struct str take(struct segments *s)
{
	return s->at < s->n ? s->v[s->at++] : STR_NULL;
}

static bool next_is(const struct segments *s, struct str word)
{
	return s->at < s->n && str_eq(s->v[s->at], word);
}

/* /api/v1/... and /apis/<group>/<version>/...; false: no served group version. */
static bool read_group_version(struct segments *s, struct str *group, struct str *version)
{
	struct str root = take(s);

	if (str_eq(root, STR("apis")))
		*group = take(s);
	else if (str_eq(root, STR("api")))
		*group = STR_NULL;
	else
		return false;
	*version = take(s);
	return kind_group_version_is_served(*group, *version);
}

/* Reads [watch/] [namespaces/NS/] RESOURCE [/NAME [/SUBRESOURCE]]. False: no such resource. */
static bool read_resource(struct segments *s, struct str group, struct str version,
			  struct rest *r)
{
	if (next_is(s, STR("watch"))) {
		take(s);
		r->watch = true;
	}
	if (next_is(s, STR("namespaces")) && s->at + 2 < s->n &&
	    !(s->at + 3 == s->n && (str_eq(s->v[s->at + 2], STR("status")) ||
				    str_eq(s->v[s->at + 2], STR("finalize"))))) {
		take(s);
		r->ns = take(s);
	}
	r->kind = kind_by_resource(group, version, take(s));
	r->name = take(s);
	r->subresource = take(s);
	if (!r->kind || s->at < s->n)
		return false;
	return kind_is_namespaced(r->kind) || !r->ns.n;
}

static void run_collection(struct rest *r, struct str method)
{
	bool needs_ns = kind_is_namespaced(r->kind) && !r->ns.n;

	if (str_eq(method, STR("POST")) && !needs_ns)
		r->kind->flags & KIND_CREATE_ONLY ? review_create(r) : rest_create(r);
	else if (r->kind->flags & KIND_CREATE_ONLY)
		reply_no_method(r->call);
	else if (str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")))
		r->watch ? watch_start(r) : rest_list(r);
	else if (str_eq(method, STR("DELETE")) && !needs_ns)
		rest_delete_collection(r);
	else
		reply_no_method(r->call);
}

static void run_object(struct rest *r, struct str method)
{
	if (str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")))
		r->watch && !r->subresource.n ? watch_start(r) : rest_get(r);
	else if (str_eq(method, STR("PUT")))
		rest_update(r);
	else if (str_eq(method, STR("PATCH")))
		rest_patch(r);
	else if (str_eq(method, STR("DELETE")) && !r->subresource.n)
		rest_delete(r);
	else
		reply_no_method(r->call);
}

void rest_run(struct rest *r)
{
	struct str method = r->call->request.method;

	if (!r->name.n) {
		run_collection(r, method);
	} else if ((r->kind->flags & KIND_CREATE_ONLY) ||
		   (kind_is_namespaced(r->kind) && !r->ns.n)) {
		reply_no_resource(r->call);
	} else if (!r->subresource.n || (str_eq(r->subresource, STR("status")) &&
					 (r->kind->flags & KIND_STATUS))) {
		run_object(r, method);
	} else if (!rest_subresource(r)) {
		reply_no_resource(r->call);
	}
}

void route_edit(struct call *c, struct str patch)
{
	struct store *s = &c->server->store;
	struct rest r = { .call = c };
	struct str group, version;
	struct strbuf why = STRBUF_INIT;
	json_t *change, *object;
	struct segments seg;

	split(c->path, &seg);
	if (!read_group_version(&seg, &group, &version) ||
	    !read_resource(&seg, group, version, &r) || !store_get(s, r.kind, r.ns, r.name) ||
	    json_read(patch, &change, NULL))
		return;
	if (patch_apply(PATCH_MERGE, NULL, store_get(s, r.kind, r.ns, r.name), change, &object,
			&why) == PATCH_OK)
		store_put(s, r.kind, json_deep_copy(object));
	json_decref(object);
	json_decref(change);
	strbuf_fini(&why);
}

void route_call(struct call *c)
{
	struct rest r = { .call = c };
	struct str group, version;
	struct segments s;

	if (control_owns(c)) {
		control_call(c);
		return;
	}
	if (!policy_check_call(c) || discovery_call(c))
		return;
	split(c->path, &s);
	if (!read_group_version(&s, &group, &version)) {
		reply_text(c, 404, "404 page not found\n");
		return;
	}
	r.watch = call_query_is_true(c, "watch");
	if (read_resource(&s, group, version, &r))
		rest_run(&r);
	else
		reply_no_resource(c);
}
