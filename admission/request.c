/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "admission/request.h"

#include "admission/body.h"
#include "admission/precondition.h"
#include "authz/node.h"
#include "base/err.h"
#include "base/mem.h"
#include "codec/tree.h"

/* Answers */

static const char *reason_of(int code)
{
	switch (code) {
	case 409: return "Conflict";
	case 503: return "ServiceUnavailable";
	default: return status_reason(code);
	}
}

enum admission_result admission_bad(struct admission_request *r, int code, struct str text)
{
	r->status = (struct status){ .code = code, .message = text,
				     .reason = str_from(reason_of(code)) };
	return ADMISSION_DENY;
}

enum admission_result admission_internal(struct admission_request *r, struct str text)
{
	r->status = (struct status){ .code = 500, .message = text };
	return ADMISSION_DENY;
}

struct str admission_quote(struct arena *a, struct str s)
{
	struct strbuf b = STRBUF_INIT;
	struct str out;

	strbuf_add_go_quoted(&b, s);
	out = arena_str(a, strbuf_str(&b));
	strbuf_fini(&b);
	return out;
}

static struct str join(struct arena *a, const struct str *v, size_t n)
{
	struct strbuf b = STRBUF_INIT;
	struct str out;

	for (size_t i = 0; i < n; i++)
		strbuf_add_str(&b, v[i]);
	out = arena_str(a, strbuf_str(&b));
	strbuf_fini(&b);
	return out;
}

/* `nodes`, `leases.coordination.k8s.io` */
static struct str qualified(const struct admission_request *r)
{
	const struct attributes *a = r->attributes;
	struct str v[] = { a->resource, STR("."), a->api_group };

	return a->api_group.n ? join(r->arena, v, 3) : a->resource;
}

static void set_details(struct admission_request *r, struct str name)
{
	r->status.has_details = true;
	r->status.details.name = name;
	r->status.details.group = r->attributes->api_group;
	r->status.details.kind = r->attributes->resource;
}

enum admission_result admission_not_found(struct admission_request *r, struct str kind,
					  struct str name)
{
	struct str v[] = { kind, STR(" "), admission_quote(r->arena, name), STR(" not found") };

	admission_bad(r, 404, join(r->arena, v, 4));
	r->status.has_details = true;
	r->status.details.name = arena_str(r->arena, name);
	r->status.details.kind = kind;
	return ADMISSION_DENY;
}

/* As the store says it of the addressed object. */
static enum admission_result missing(struct admission_request *r)
{
	admission_not_found(r, qualified(r), r->attributes->name);
	set_details(r, r->attributes->name);
	return ADMISSION_DENY;
}

static enum admission_result conflict(struct admission_request *r, struct str kind, struct str text)
{
	struct str name = r->attributes->name;
	struct str v[] = { STR("Operation cannot be fulfilled on "), kind, STR(" "),
			   admission_quote(r->arena, name), STR(": "), text };

	admission_bad(r, 409, join(r->arena, v, 6));
	set_details(r, name);
	r->status.details.kind = kind;
	return ADMISSION_DENY;
}

enum admission_result request_conflict(struct admission_request *r, struct str text)
{
	enum admission_result rc = conflict(r, qualified(r), text);

	r->status.details.kind = r->attributes->resource;
	return rc;
}

/*
 * The name in a refusal: the operation's, else the body's, else what it is to be generated from
 * (spec 20 section 3).
 */
static enum admission_result find_name(struct admission_request *r, struct str *out)
{
	enum admission_result rc = ADMISSION_ALLOW;
	json_t *tree = NULL;

	*out = r->attributes->name;
	if (out->n || r->operation != ADMISSION_CREATE) {
		*out = out->n ? *out : STR("Unknown");
		return rc;
	}
	rc = body_read(r);
	if (rc == ADMISSION_ALLOW && r->read->endpoint.message)
		rc = body_tree(r, &tree);
	else if (rc == ADMISSION_ALLOW)
		tree = r->read->raw;
	if (rc != ADMISSION_ALLOW)
		return rc;
	*out = tree_text(tree, "metadata.name");
	if (!out->n)
		*out = tree_text(tree, "metadata.generateName");
	if (!out->n)
		*out = STR("Unknown");
	*out = arena_str(r->arena, *out);
	return rc;
}

enum admission_result admission_forbid(struct admission_request *r, struct str text)
{
	struct str name;
	enum admission_result rc = find_name(r, &name);
	struct str v[] = { qualified(r), STR(" "), STR_NULL, STR(" is forbidden: "), text };

	if (rc != ADMISSION_ALLOW)
		return rc;
	v[2] = admission_quote(r->arena, name);
	admission_bad(r, 403, join(r->arena, v, 5));
	set_details(r, name);
	return ADMISSION_DENY;
}

/* Trees */

json_t *tree_at(json_t *object, const char *dotted)
{
	struct str rest = str_from(dotted), piece;

	while (object && str_next(&rest, '.', &piece))
		object = json_object_getn(object, piece.p, piece.n);
	return object;
}

struct str tree_text(json_t *object, const char *dotted)
{
	json_t *v = tree_at(object, dotted);

	return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NULL;
}

/* Look-ups */

static struct admission_key own_key(const struct admission_request *r)
{
	const struct attributes *a = r->attributes;

	return (struct admission_key){
		.api_group = a->api_group, .api_version = a->api_version,
		.resource = a->resource, .name = a->name,
		.namespace = endpoint_is_namespaced(a) ? a->namespace : STR_NULL,
	};
}

static bool key_eq(const struct admission_key *a, const struct admission_key *b)
{
	return str_eq(a->name, b->name) && str_eq(a->namespace, b->namespace) &&
	       str_eq(a->resource, b->resource) && str_eq(a->api_group, b->api_group) &&
	       str_eq(a->api_version, b->api_version);
}

static struct admission_lookup *find_lookup(const struct admission_request *r,
					    const struct admission_key *key, bool dry_run)
{
	for (size_t i = 0; i < r->lookup_count; i++)
		if (r->lookups[i].dry_run == dry_run && key_eq(&r->lookups[i].key, key))
			return &r->lookups[i];
	return NULL;
}

/* An array in the arena with room for one more. */
static void *grow(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
	void *bigger;

	if (n < *cap)
		return v;
	*cap = *cap ? *cap * 2 : 4;
	bigger = arena_zalloc(a, *cap * size);
	if (n)
		memcpy(bigger, v, n * size);
	return bigger;
}

static struct admission_lookup *add_lookup(struct admission_request *r,
					   const struct admission_key *key, bool dry_run)
{
	struct admission_lookup *l;

	r->lookups = grow(r->arena, r->lookups, r->lookup_count, &r->lookup_cap, sizeof(*l));
	l = &r->lookups[r->lookup_count++];
	*l = (struct admission_lookup){ .dry_run = dry_run, .key = {
		.api_group = arena_str(r->arena, key->api_group),
		.api_version = arena_str(r->arena, key->api_version),
		.resource = arena_str(r->arena, key->resource),
		.namespace = arena_str(r->arena, key->namespace),
		.name = arena_str(r->arena, key->name) } };
	return l;
}

/* ALLOW with a lookup that is no longer WANTED. */
static enum admission_result want(struct admission_request *r, const struct admission_key *key,
				  bool dry_run, struct admission_lookup **out)
{
	struct admission_lookup *l = find_lookup(r, key, dry_run);

	if (l && l->state != ADMISSION_WANTED) {
		*out = l;
		return ADMISSION_ALLOW;
	}
	if (!l && r->lookup_count == ADMISSION_LOOKUPS_MAX)
		return admission_internal(r, STR("the request refers to too many objects"));
	if (!l)
		add_lookup(r, key, dry_run);
	r->need = dry_run ? ADMISSION_NEEDS_DRY_RUN : ADMISSION_NEEDS_OBJECT;
	return ADMISSION_NEED;
}

static const struct schema_message *message_of(struct admission_request *r,
					       const struct admission_key *key)
{
	struct endpoint e;

	endpoint_find(&e, key->api_group, key->api_version, key->resource, STR_NULL, r->arena);
	return e.message;
}

/* A found object in its canonical form; NULL when it cannot be read. */
static json_t *lookup_tree(struct admission_request *r, struct admission_lookup *l)
{
	const struct schema_message *m = message_of(r, &l->key);
	struct object_cursor c;

	if (l->tree || !m)
		return l->tree;
	object_cursor_json(&c, m, l->object);
	if (object_tree(&c, &l->tree) < 0)
		l->tree = NULL;
	return l->tree;
}

enum admission_result admission_lookup(struct admission_request *r,
				       const struct admission_key *key, json_t **out,
				       struct str *error)
{
	struct admission_lookup *l;
	enum admission_result rc = want(r, key, false, &l);

	*out = NULL;
	*error = STR_NULL;
	if (rc != ADMISSION_ALLOW)
		return rc;
	if (l->state == ADMISSION_FAILED)
		*error = l->error.n ? l->error : STR("the upstream did not answer");
	if (l->state != ADMISSION_FOUND)
		return ADMISSION_ALLOW;
	*out = lookup_tree(r, l);
	if (!*out)
		*error = STR("the upstream's object cannot be read");
	return ADMISSION_ALLOW;
}

/* The addressed object as the upstream has it; ALLOW with FOUND or MISSING. */
static enum admission_result stored(struct admission_request *r, struct admission_lookup **out)
{
	struct admission_key key = own_key(r);
	enum admission_result rc = want(r, &key, false, out);
	struct str v[] = { STR("cannot read "), qualified(r), STR(" "), STR_NULL, STR(": "),
			   STR_NULL };

	if (rc != ADMISSION_ALLOW)
		return rc;
	if ((*out)->state == ADMISSION_FOUND && lookup_tree(r, *out))
		body_default(r, (*out)->tree);
	else if ((*out)->state != ADMISSION_MISSING) {
		v[3] = admission_quote(r->arena, key.name);
		v[5] = (*out)->error.n ? (*out)->error : STR("the answer cannot be read");
		rc = admission_bad(r, 503, join(r->arena, v, 6));
	}
	return rc;
}

/* The old object: *out NULL when there is none and the request may create it. */
static enum admission_result stored_or_missing(struct admission_request *r,
					       struct admission_lookup **out)
{
	enum admission_result rc = stored(r, out);

	if (rc != ADMISSION_ALLOW || (*out)->state == ADMISSION_FOUND)
		return rc;
	*out = NULL;
	if (str_eq(r->method, STR("PUT")) && endpoint_creates_by_put(r->attributes))
		return ADMISSION_ALLOW;
	return missing(r);
}

/* A client's own precondition on what it deletes is judged before admission (spec 20 section 2). */
static enum admission_result check_claim(struct admission_request *r, const char *name, bool stated,
					 struct str have, struct str is)
{
	struct str v[] = { STR("the "), str_from(name), STR(" in the precondition ("), have,
			   STR(") does not match the "), str_from(name), STR(" in record ("), is,
			   STR("). The object might have been "),
			   str_eq(str_from(name), STR("UID")) ? STR("deleted and then recreated") :
								STR("modified") };
	struct str group = r->attributes->api_group, kind;
	struct endpoint e;

	if (!stated || !is.n || str_eq(have, is))
		return ADMISSION_ALLOW;
	endpoint_find(&e, group, r->attributes->api_version, r->attributes->resource, STR_NULL,
		      r->arena);
	kind = e.kind.n ? e.kind : r->attributes->resource;
	conflict(r, group.n ? join(r->arena, (struct str[]){ kind, STR("."), group }, 3) : kind,
		 join(r->arena, v, 10));
	r->status.details.kind = kind;
	return ADMISSION_DENY;
}

static enum admission_result check_preconditions(struct admission_request *r, struct str uid,
						 struct str version)
{
	struct claim claims[2];
	enum admission_result rc = claims_of_delete(r, claims);

	if (rc == ADMISSION_ALLOW)
		rc = check_claim(r, "UID", claims[0].stated, claims[0].have, uid);
	if (rc == ADMISSION_ALLOW)
		rc = check_claim(r, "ResourceVersion", claims[1].stated, claims[1].have, version);
	return rc;
}

/* PUT: the body's uid is a precondition of the store, which comes before admission. */
static enum admission_result check_put_uid(struct admission_request *r, struct str uid)
{
	struct str v[] = { STR("Precondition failed: UID in precondition: "), STR_NULL,
			   STR(", UID in object meta: "), uid };
	json_t *body;
	enum admission_result rc = body_tree(r, &body);

	if (rc != ADMISSION_ALLOW)
		return rc;
	v[1] = tree_text(body, "metadata.uid");
	if (!v[1].n || str_eq(v[1], uid))
		return ADMISSION_ALLOW;
	return request_conflict(r, join(r->arena, v, 4));
}

enum admission_result admission_old_object(struct admission_request *r, json_t **out)
{
	bool is_put = str_eq(r->method, STR("PUT"));
	struct admission_lookup *l;
	enum admission_result rc = ADMISSION_ALLOW;
	json_t *body;

	*out = NULL;
	if (!r->attributes->name.n || r->operation == ADMISSION_CREATE)
		return ADMISSION_ALLOW;
	/* An unreadable body is 400 before the store is asked. */
	if (is_put)
		rc = body_tree(r, &body);
	if (rc == ADMISSION_ALLOW)
		rc = stored_or_missing(r, &l);
	if (rc != ADMISSION_ALLOW || !l)
		return rc;
	*out = l->tree;
	if (is_put)
		return check_put_uid(r, tree_text(*out, "metadata.uid"));
	if (r->operation == ADMISSION_DELETE)
		return check_preconditions(r, tree_text(*out, "metadata.uid"),
					   tree_text(*out, "metadata.resourceVersion"));
	return ADMISSION_ALLOW;
}

/* Patches */

static enum patch_type patch_of(enum body_media m)
{
	return m == BODY_JSON_PATCH ? PATCH_JSON : m == BODY_MERGE_PATCH ? PATCH_MERGE :
									   PATCH_STRATEGIC;
}

static enum admission_result patch_failed(struct admission_request *r, enum patch_result result,
					  struct str why)
{
	why = arena_str(r->arena, why);
	switch (result) {
	case PATCH_OK:
		return ADMISSION_ALLOW;
	case PATCH_BAD_REQUEST:
	case PATCH_REFUSED:
		return admission_bad(r, 400, why);
	case PATCH_TOO_LARGE:
		return admission_bad(r, 413, why);
	case PATCH_INVALID:
		admission_bad(r, 422, why.n ? why : STR("the server rejected our request due to an "
							"error in our request"));
		r->status.has_details = true;
		return ADMISSION_DENY;
	case PATCH_INTERNAL:
		break;
	}
	return admission_internal(r, why);
}

/* The patched document must be what it was; a strategic patch cannot say otherwise. */
static bool is_same_kind(json_t *old, json_t *patched)
{
	return json_equal(json_object_get(old, "kind"), json_object_get(patched, "kind")) &&
	       json_equal(json_object_get(old, "apiVersion"),
			  json_object_get(patched, "apiVersion"));
}

static enum admission_result unfit_patch(struct admission_request *r)
{
	static const struct status_cause cause = {
		.reason = { "FieldValueInvalid", 17 }, .field = { "patch", 5 },
		.message = { "Invalid value: the patched object does not fit its kind", 55 },
	};

	patch_failed(r, PATCH_INVALID, STR(" \"\" is invalid: patch: Invalid value: the patched "
					   "object does not fit its kind"));
	r->status.details.causes = &cause;
	r->status.details.cause_count = 1;
	return ADMISSION_DENY;
}

/* The typed reading of what a patch made, names checked. */
static enum admission_result read_patched(struct admission_request *r, struct admission_lookup *l,
					  json_t *patched)
{
	struct object_cursor c;
	enum admission_result rc;

	object_cursor_json(&c, message_of(r, &l->key), patched);
	if ((r->read->media != BODY_STRATEGIC_PATCH && !is_same_kind(l->object, patched)) ||
	    object_tree(&c, &r->new_tree) < 0) {
		r->new_tree = NULL;
		return unfit_patch(r);
	}
	rc = body_check_names(r, r->new_tree);
	if (rc == ADMISSION_ALLOW)
		body_default(r, r->new_tree);
	return rc;
}

static enum admission_result patched_object(struct admission_request *r, json_t **out)
{
	struct strbuf why = STRBUF_INIT;
	struct admission_lookup *l;
	enum patch_result result;
	json_t *patched = NULL;
	enum admission_result rc = stored_or_missing(r, &l);

	if (rc == ADMISSION_ALLOW)
		rc = body_read(r);
	if (rc == ADMISSION_ALLOW && !r->new_tree) {
		result = patch_apply(patch_of(r->read->media), message_of(r, &l->key), l->object,
				     r->read->raw, &patched, &why);
		rc = result == PATCH_OK ? read_patched(r, l, patched) :
					  patch_failed(r, result, strbuf_str(&why));
	}
	if (rc == ADMISSION_ALLOW)
		*out = r->new_tree;
	json_decref(patched);
	strbuf_fini(&why);
	return rc;
}

/* Server-side apply: the upstream is asked what it would make of it (spec 22 section 9, C) */

/* Does the refusal only say that the object moved since it was read? */
static bool has_moved(const struct admission_request *r, const struct admission_lookup *l)
{
	return l->code == 409 && r->again_on_conflict &&
	       str_find_str(l->error, STR("FieldManagerConflict")) < 0;
}

static enum admission_result dry_run_failed(struct admission_request *r,
					    const struct admission_lookup *l)
{
	/* A success that cannot be read is none: nothing was written. */
	if (l->code < 400)
		return admission_bad(r, 503, !l->code && l->error.n ? l->error :
				     STR("the upstream did not answer the dry run"));
	if (has_moved(r, l) && ++r->dry_runs < ADMISSION_TRIES_MAX) {
		struct admission_lookup *again;

		admission_again(r);
		return stored(r, &again);
	}
	r->raw_answer = true;
	r->raw_code = l->code;
	r->raw_body = l->error;
	return ADMISSION_DENY;
}

/*
 * The storage of a status throws away what an apply says of the spec, but the upstream's admission
 * sees it before that: it stands in the result as if it were stored.
 */
static enum admission_result put_spec(struct admission_request *r, json_t *out)
{
	json_t *body, *said, *read, *spec, *value;
	const char *key;
	enum admission_result rc = body_tree(r, &body);

	if (rc != ADMISSION_ALLOW || !str_eq(r->attributes->subresource, STR("status")))
		return rc;
	said = json_object_get(r->read->raw, "spec");
	read = json_object_get(body, "spec");
	spec = json_object_get(out, "spec");
	if (json_object_size(said) && !spec) {
		spec = json_object();
		json_object_set_new(out, "spec", spec);
	}
	/* Null and empty members are not in what was read; a spec that is null says nothing. */
	json_object_foreach(said, key, value) {
		json_t *now = json_object_get(read, key);

		if (now)
			json_object_set(spec, key, now);
		else
			json_object_del(spec, key);
	}
	return ADMISSION_ALLOW;
}

/* With a version of its own it may have been tried on a newer object than the one that was read. */
static bool is_tried_on(const struct admission_request *r, const struct admission_lookup *old)
{
	return r->again_on_conflict ||
	       str_eq(tree_text(r->read->raw, "metadata.resourceVersion"),
		      tree_text(old->tree, "metadata.resourceVersion"));
}

static enum admission_result applied_object(struct admission_request *r, json_t **out)
{
	struct admission_key key = own_key(r);
	struct admission_lookup *old, *l;
	enum admission_result rc = stored(r, &old);

	if (rc == ADMISSION_ALLOW)
		rc = precondition_of_apply(r, tree_text(old->tree, "metadata.uid"),
					   tree_text(old->tree, "metadata.resourceVersion"));
	if (rc == ADMISSION_ALLOW)
		rc = want(r, &key, true, &l);
	if (rc != ADMISSION_ALLOW)
		return rc;
	if (l->state != ADMISSION_FOUND)
		return dry_run_failed(r, l);
	if (!is_tried_on(r, old))
		return request_conflict(r, STR("the object has been modified; please apply your "
					       "changes to the latest version and try again"));
	*out = lookup_tree(r, l);
	if (!*out)
		return admission_bad(r, 503, STR("the upstream's answer to the dry run cannot be "
						 "read"));
	rc = put_spec(r, *out);
	return rc == ADMISSION_ALLOW ? body_check_names(r, *out) : rc;
}

enum admission_result admission_new_object(struct admission_request *r, json_t **out)
{
	bool is_apply = false;
	enum admission_result rc = ADMISSION_ALLOW;

	*out = NULL;
	if (r->operation == ADMISSION_DELETE || r->operation == ADMISSION_CONNECT)
		return ADMISSION_ALLOW;
	if (!str_eq(r->method, STR("PATCH")))
		return body_tree(r, out);
	rc = body_is_apply(r, &is_apply);
	if (rc != ADMISSION_ALLOW)
		return rc;
	return is_apply ? applied_object(r, out) : patched_object(r, out);
}

enum admission_result admission_body_object(struct admission_request *r, json_t **out)
{
	return body_tree(r, out);
}

enum admission_result admission_touches(struct admission_request *r, const char *const *paths,
					size_t n, bool *out)
{
	bool is_apply = false;
	enum admission_result rc = ADMISSION_ALLOW;

	*out = true;
	if (!str_eq(r->method, STR("PATCH")))
		return ADMISSION_ALLOW;
	rc = body_is_apply(r, &is_apply);
	if (rc == ADMISSION_ALLOW)
		rc = body_read(r);
	if (rc == ADMISSION_ALLOW && !is_apply)
		*out = patch_touches(patch_of(r->read->media), r->read->raw, paths, n);
	return rc;
}

/* Pods and questions */

/* A node that asks about a pod of another node may know more than the cache. */
static bool is_credible(const struct admission_request *r, struct str node)
{
	struct str asking;

	return !node_of_user(r->attributes->user, &asking) || str_eq(asking, node);
}

static bool is_addressed(const struct admission_request *r, struct str namespace, struct str name)
{
	const struct attributes *a = r->attributes;

	return r->operation == ADMISSION_DELETE && !a->api_group.n && !a->subresource.n &&
	       str_eq(a->resource, STR("pods")) && str_eq(a->namespace, namespace) &&
	       str_eq(a->name, name);
}

enum admission_result admission_pod(struct admission_request *r, struct str namespace,
				    struct str name, bool *found, struct str *node,
				    struct str *uid)
{
	struct admission_key key = { .api_version = STR("v1"), .resource = STR("pods"),
				     .namespace = namespace, .name = name };
	enum admission_result rc = ADMISSION_ALLOW;
	struct str error = STR_NULL, version = STR_NULL;
	json_t *pod = NULL;

	*node = *uid = STR_NULL;
	*found = r->pod_node && r->pod_node(r->pod_node_arg, namespace, name, node, uid) &&
		 is_credible(r, *node);
	if (!*found) {
		rc = admission_lookup(r, &key, &pod, &error);
		if (rc == ADMISSION_ALLOW && error.n)
			rc = admission_bad(r, 503, error);
		if (rc != ADMISSION_ALLOW)
			return rc;
		*found = pod != NULL;
		*node = tree_text(pod, "spec.nodeName");
		*uid = tree_text(pod, "metadata.uid");
		version = tree_text(pod, "metadata.resourceVersion");
	}
	if (!is_addressed(r, namespace, name))
		return ADMISSION_ALLOW;
	return *found ? check_preconditions(r, *uid, version) : missing(r);
}

static bool asks_same(const struct attributes *a, const struct attributes *b)
{
	return str_eq(a->verb, b->verb) && str_eq(a->resource, b->resource) &&
	       str_eq(a->name, b->name) && str_eq(a->namespace, b->namespace) &&
	       str_eq(a->subresource, b->subresource) && str_eq(a->api_group, b->api_group) &&
	       str_eq(a->api_version, b->api_version);
}

/* The texts are copied: what the plugin has them from may be gone in the next run. */
static void add_question(struct admission_request *r, const struct attributes *a)
{
	struct admission_question *q;

	r->questions = grow(r->arena, r->questions, r->question_count, &r->question_cap,
			    sizeof(*q));
	q = &r->questions[r->question_count++];
	*q = (struct admission_question){ .attributes = *a };
	q->attributes.user = r->attributes->user;
	q->attributes.verb = arena_str(r->arena, a->verb);
	q->attributes.namespace = arena_str(r->arena, a->namespace);
	q->attributes.api_group = arena_str(r->arena, a->api_group);
	q->attributes.api_version = arena_str(r->arena, a->api_version);
	q->attributes.resource = arena_str(r->arena, a->resource);
	q->attributes.subresource = arena_str(r->arena, a->subresource);
	q->attributes.name = arena_str(r->arena, a->name);
	q->attributes.path = arena_str(r->arena, a->path);
}

enum admission_result admission_authorize(struct admission_request *r,
					  const struct attributes *a, bool *allowed,
					  struct str *error)
{
	size_t i = 0;

	while (i < r->question_count && !asks_same(&r->questions[i].attributes, a))
		i++;
	if (i == r->question_count && i == ADMISSION_QUESTIONS_MAX)
		return admission_internal(r, STR("the request asks too many questions"));
	if (i == r->question_count)
		add_question(r, a);
	*allowed = r->questions[i].allowed;
	*error = r->questions[i].error;
	r->need = ADMISSION_NEEDS_DECISION;
	return r->questions[i].answered ? ADMISSION_ALLOW : ADMISSION_NEED;
}

void admission_require_uid(struct admission_request *r, struct str uid)
{
	r->require_uid = arena_str(r->arena, uid);
}

void admission_require_version(struct admission_request *r, struct str version)
{
	r->require_version = arena_str(r->arena, version);
}

/* What the chain needs to know before it asks a plugin. */
enum admission_result request_resolve(struct admission_request *r)
{
	struct admission_lookup *old;
	bool is_apply = false;
	enum admission_result rc = ADMISSION_ALLOW;

	if (!str_eq(r->method, STR("PATCH")) || !r->attributes->name.n)
		return ADMISSION_ALLOW;
	rc = body_is_apply(r, &is_apply);
	if (rc != ADMISSION_ALLOW || !is_apply)
		return rc;
	rc = stored(r, &old);
	if (rc != ADMISSION_ALLOW || old->state == ADMISSION_FOUND)
		return rc;
	if (r->attributes->subresource.n)
		return missing(r);
	r->operation = ADMISSION_CREATE;
	return ADMISSION_ALLOW;
}

void admission_again(struct admission_request *r)
{
	for (size_t i = 0; i < r->lookup_count; i++) {
		json_decref(r->lookups[i].object);
		json_decref(r->lookups[i].tree);
	}
	r->lookup_count = 0;
	json_decref(r->new_tree);
	r->new_tree = NULL;
}

void admission_request_fini(struct admission_request *r)
{
	admission_again(r);
	if (r->read)
		body_fini(r->read);
	r->read = NULL;
	strbuf_fini(&r->new_body);
}
