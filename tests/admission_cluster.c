/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/admission_cluster.h"

#include "base/check.h"

void admission_case_init(struct admission_case *c, const char *method, const char *target,
			 const char *content_type, struct str body)
{
	memset(c, 0, sizeof(*c));
	arena_init(&c->arena);
	c->group = STR("system:nodes");
	c->user = (struct user){ .name = STR("system:node:node01"), .groups = &c->group,
				 .group_count = 1 };
	c->objects = json_array();
	CHECK(request_info_resolve(str_from(method), str_from(target), &c->arena, &c->info) == 0);
	c->info.attributes.user = &c->user;
	http_headers_init(&c->headers, &c->arena);
	if (content_type)
		http_headers_add(&c->headers, STR("Content-Type"), str_from(content_type));
	c->r = (struct admission_request){
		.chain = &c->chain, .attributes = &c->info.attributes, .method = str_from(method),
		.query = c->info.raw_query, .headers = &c->headers, .arena = &c->arena,
		.has_body = body.n > 0, .body = body,
	};
}

void admission_case_add(struct admission_case *c, const char *json)
{
	json_t *v = json_loads(json, 0, NULL);

	CHECK(v);
	if (json_is_array(v)) {
		json_array_extend(c->objects, v);
		json_decref(v);
	} else {
		json_array_append_new(c->objects, v);
	}
}

/* The plural of a kind, as far as the objects of tests go: an s behind small letters. */
static bool is_plural_of(struct str resource, struct str kind)
{
	return resource.n == kind.n + 1 && resource.p[kind.n] == 's' &&
	       str_eq_nocase(str_slice(resource, 0, kind.n), kind);
}

static json_t *find_object(const struct admission_case *c, const struct admission_key *k)
{
	for (size_t i = 0; i < json_array_size(c->objects); i++) {
		json_t *o = json_array_get(c->objects, i);

		if (is_plural_of(k->resource, tree_text(o, "kind")) &&
		    str_eq(k->name, tree_text(o, "metadata.name")) &&
		    str_eq(k->namespace, tree_text(o, "metadata.namespace")))
			return o;
	}
	return NULL;
}

static void bring_object(struct admission_case *c, struct admission_lookup *l)
{
	json_t *found = find_object(c, &l->key);

	c->objects_asked++;
	l->code = found ? 200 : 404;
	l->state = found ? ADMISSION_FOUND : ADMISSION_MISSING;
	if (c->unreadable) {
		l->code = 0;
		l->state = ADMISSION_FAILED;
		l->error = STR("connection refused");
	} else if (found) {
		l->object = json_deep_copy(found);
	}
}

static void bring_dry_run(struct admission_case *c, struct admission_lookup *l)
{
	c->dry_runs++;
	strbuf_clear(&c->dry_sent);
	strbuf_add_str(&c->dry_sent, strbuf_str(&c->r.new_body));
	l->code = c->dry_code;
	l->state = ADMISSION_FAILED;
	if (c->dry_code / 100 == 2)
		l->object = json_loadb(c->dry_body.p, c->dry_body.n, 0, NULL);
	if (l->object)
		l->state = ADMISSION_FOUND;
	else
		l->error = c->dry_body;
}

static void bring(struct admission_case *c)
{
	struct admission_request *r = &c->r;

	switch (r->need) {
	case ADMISSION_NEEDS_BODY:
		CHECK(!r->body_there);
		c->body_asked = true;
		r->body_there = r->body.n <= ADMISSION_BODY_MAX;
		r->body_too_large = !r->body_there;
		return;
	case ADMISSION_NEEDS_OBJECT:
		bring_object(c, &r->lookups[r->lookup_count - 1]);
		return;
	case ADMISSION_NEEDS_DRY_RUN:
		bring_dry_run(c, &r->lookups[r->lookup_count - 1]);
		return;
	case ADMISSION_NEEDS_DECISION:
		c->decisions_asked++;
		r->questions[r->question_count - 1].answered = true;
		r->questions[r->question_count - 1].allowed = c->allow;
		return;
	}
}

enum admission_result admission_case_run(struct admission_case *c)
{
	enum admission_result rc;
	size_t turns = 0;

	while ((rc = admission_run(&c->r)) == ADMISSION_NEED) {
		CHECK(++turns < 1000);
		bring(c);
	}
	return rc;
}

void admission_case_fini(struct admission_case *c)
{
	admission_request_fini(&c->r);
	strbuf_fini(&c->dry_sent);
	json_decref(c->objects);
	arena_fini(&c->arena);
}
