/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/reviews.h"

#include "base/mem.h"
#include "tests/upstream/policy.h"

static json_t *texts(const struct str *v, size_t n)
{
	json_t *out = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(out, json_str(v[i]));
	return out;
}

json_t *review_user_info(const struct user *u)
{
	json_t *out = json_object(), *extra = json_object();

	json_object_set_new(out, "username", json_str(u->name));
	if (u->uid.n)
		json_object_set_new(out, "uid", json_str(u->uid));
	if (u->group_count)
		json_object_set_new(out, "groups", texts(u->groups, u->group_count));
	for (size_t i = 0; i < u->extra_count; i++) {
		struct str key = u->extra[i].key;

		json_object_setn_new(extra, key.p, key.n,
				     texts(u->extra[i].values, u->extra[i].value_count));
	}
	if (u->extra_count)
		json_object_set(out, "extra", extra);
	json_decref(extra);
	return out;
}

static struct str in_arena(struct arena *a, const json_t *spec, const char *key)
{
	return arena_str(a, object_text(spec, key));
}

static void read_attributes(struct arena *a, const json_t *spec, struct attributes *out)
{
	json_t *resource = json_object_get(spec, "resourceAttributes");
	json_t *other = json_object_get(spec, "nonResourceAttributes");

	*out = (struct attributes){ .is_resource = resource != NULL };
	if (resource) {
		out->verb = in_arena(a, resource, "verb");
		out->namespace = in_arena(a, resource, "namespace");
		out->api_group = in_arena(a, resource, "group");
		out->api_version = in_arena(a, resource, "version");
		out->resource = in_arena(a, resource, "resource");
		out->subresource = in_arena(a, resource, "subresource");
		out->name = in_arena(a, resource, "name");
	} else if (other) {
		out->verb = in_arena(a, other, "verb");
		out->path = in_arena(a, other, "path");
	}
}

/* The user a SubjectAccessReview names. */
static void read_subject(struct arena *a, const json_t *spec, struct user *out)
{
	json_t *groups = json_object_get(spec, "groups"), *one;
	struct str *v = arena_alloc(a, (json_array_size(groups) + 1) * sizeof(*v));
	size_t i, n = 0;

	*out = (struct user){ .name = in_arena(a, spec, "user") };
	json_array_foreach(groups, i, one)
		v[n++] = str_from(json_string_value(one));
	out->groups = v;
	out->group_count = n;
}

static json_t *access_status(struct rest *r, const json_t *spec, bool self)
{
	struct arena *a = r->call->arena;
	struct attributes attributes;
	struct user subject;
	struct str reason;
	json_t *out;

	read_attributes(a, spec, &attributes);
	if (!self)
		read_subject(a, spec, &subject);
	attributes.user = self ? &r->call->user : &subject;
	out = json_object();
	json_object_set_new(out, "allowed", json_boolean(policy_allows(r->call->server->policy,
								       &attributes, a, &reason)));
	if (reason.n)
		json_object_set_new(out, "reason", json_str(reason));
	return out;
}

void review_create(struct rest *r)
{
	json_t *review = rest_body(r, r->kind), *status, *spec;
	const char *name = r->kind->resource;

	if (!review)
		return;
	spec = json_object_get(review, "spec");
	if (!strcmp(name, "selfsubjectreviews"))
		status = json_pack("{s:o}", "userInfo", review_user_info(&r->call->user));
	else if (!strcmp(name, "selfsubjectrulesreviews"))
		status = policy_rules(r->call->server->policy, &r->call->user,
				      object_text(spec, "namespace"), r->call->arena);
	else if (!strcmp(name, "tokenreviews"))
		status = json_pack("{s:b, s:{}}", "authenticated", 0, "user");
	else
		status = access_status(r, spec, !strncmp(name, "self", 4));
	json_object_set_new(review, "status", status);
	object_metadata(review);
	json_object_set_new(object_metadata(review), "creationTimestamp",
			    object_time(r->call->server->store.clock));
	reply_object(r->call, 201, NULL, review);
	json_decref(review);
}
