/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: create, update, patch, delete and deletecollection. */
#include "config.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/json.h"
#include "codec/patch.h"
#include "tests/upstream/convert.h"
#include "tests/upstream/rest.h"

/* Bodies. */

static int keep_first(void *arg, json_t *doc, int line)
{
	json_t **out = arg;

	(void)line;
	if (!*out)
		*out = json_deep_copy(doc);
	return 0;
}

static int read_yaml(struct str text, json_t **out)
{
	const char *reason = NULL;
	int line = 0, rc;

	*out = NULL;
	rc = yaml_read(text, keep_first, out, &line, &reason);
	if (rc || !json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
		return rc ? rc : ERR_SYNTAX;
	}
	return 0;
}

/* The Content-Type without its parameters. */
static struct str media_type(const struct call *c)
{
	struct str header = call_header(c, "Content-Type"), type = STR_NULL;

	str_next(&header, ';', &type);
	return str_trim(type);
}

static int read_body(const struct call *c, json_t **out)
{
	struct str type = media_type(c), body = strbuf_str(&c->body);
	int rc;

	*out = NULL;
	if (str_eq_nocase(type, STR("application/vnd.kubernetes.protobuf")))
		return convert_from_protobuf(body, out);
	if (str_eq_nocase(type, STR("application/yaml")))
		return read_yaml(body, out);
	if (type.n && !str_eq_nocase(type, STR("application/json")))
		return ERR_UNSUPPORTED;
	rc = json_read(body, out, NULL);
	if (!rc && !json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
		rc = ERR_SYNTAX;
	}
	return rc;
}

/* What the body says it is must be what the path is about; false when answered. */
static bool check_type(struct rest *r, const struct kind *k, json_t *object)
{
	struct str version = object_text(object, "apiVersion"), kind = object_text(object, "kind");
	const char *want = kind_api_version(k);

	if (version.n && !str_eq(version, str_from(want))) {
		reply_error(r->call, 400, NULL, "the API version in the data (%.*s) does not match "
			    "the expected API version (%s)", STR_ARG(version), want);
		return false;
	}
	if (kind.n && !str_eq(kind, str_from(k->kind))) {
		reply_error(r->call, 400, NULL, "%.*s in version \"%s\" cannot be handled as a %s",
			    STR_ARG(kind), k->version, k->kind);
		return false;
	}
	return true;
}

/* The object with kind and apiVersion in front, as Kubernetes writes them. Takes it over. */
static json_t *with_type(const struct kind *k, json_t *object)
{
	json_t *out = json_pack("{s:s, s:s}", "kind", k->kind, "apiVersion", kind_api_version(k));

	json_object_update_missing(out, object);
	json_decref(object);
	return out;
}

json_t *rest_body(struct rest *r, const struct kind *k)
{
	struct call *c = r->call;
	json_t *object;
	int rc = read_body(c, &object);

	if (rc == ERR_UNSUPPORTED) {
		reply_error(c, 415, "UnsupportedMediaType", "the body of the request was in an "
			    "unknown format - accepted media types include: application/json, "
			    "application/yaml, application/vnd.kubernetes.protobuf");
		return NULL;
	}
	if (rc) {
		reply_error(c, 400, NULL, "the object provided is unrecognized (must be of type "
			    "%s): %s", k ? k->kind : "DeleteOptions", err_text(rc));
		return NULL;
	}
	if (k && !check_type(r, k, object)) {
		json_decref(object);
		return NULL;
	}
	return k ? with_type(k, object) : object;
}

/* Defaults. */

static void set_default(json_t *object, const char *key, const char *value)
{
	if (!json_object_get(object, key))
		json_object_set_new(object, key, json_string(value));
}

static json_t *member_object(json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	if (!json_is_object(v)) {
		v = json_object();
		json_object_set_new(object, key, v);
	}
	return v;
}

/* stringData is written into data and never read back. */
static void prepare_secret(json_t *object)
{
	json_t *plain = json_object_get(object, "stringData"), *value;
	const char *key;

	set_default(object, "type", "Opaque");
	json_object_foreach(plain, key, value) {
		struct str s = str_from(json_string_value(value));
		char *text = xmalloc((s.n + 2) / 3 * 4 + 1);

		EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)s.p, (int)s.n);
		json_object_set_new(member_object(object, "data"), key, json_string(text));
		free(text);
	}
	json_object_del(object, "stringData");
}

static void prepare_service(struct server *s, json_t *object)
{
	json_t *spec = member_object(object, "spec"), *ports = json_object_get(spec, "ports"), *one;
	size_t i;
	char ip[32];

	set_default(spec, "type", "ClusterIP");
	set_default(spec, "sessionAffinity", "None");
	snprintf(ip, sizeof(ip), "10.96.%u.%u", s->services / 250 % 256, s->services % 250 + 1);
	if (!json_object_get(spec, "clusterIP")) {
		s->services++;
		json_object_set_new(spec, "clusterIP", json_string(ip));
	}
	json_array_foreach(ports, i, one) {
		set_default(one, "protocol", "TCP");
		if (!json_object_get(one, "targetPort"))
			json_object_set(one, "targetPort", json_object_get(one, "port"));
	}
}

static void prepare_pod(json_t *object)
{
	json_t *spec = member_object(object, "spec");

	set_default(spec, "restartPolicy", "Always");
	set_default(spec, "dnsPolicy", "ClusterFirst");
	set_default(spec, "serviceAccountName", "default");
	set_default(spec, "schedulerName", "default-scheduler");
	set_default(member_object(object, "status"), "phase", "Pending");
}

static void prepare_csr(json_t *object, const struct user *u)
{
	json_t *spec = member_object(object, "spec"), *groups = json_array();
	json_t *extra = json_object();

	for (size_t i = 0; i < u->group_count; i++)
		json_array_append_new(groups, json_str(u->groups[i]));
	for (size_t i = 0; i < u->extra_count; i++) {
		json_t *values = json_array();

		for (size_t j = 0; j < u->extra[i].value_count; j++)
			json_array_append_new(values, json_str(u->extra[i].values[j]));
		json_object_setn_new(extra, u->extra[i].key.p, u->extra[i].key.n, values);
	}
	json_object_set_new(spec, "username", json_str(u->name));
	json_object_set_new(spec, "groups", groups);
	json_object_set_new(spec, "extra", extra);
	if (u->uid.n)
		json_object_set_new(spec, "uid", json_str(u->uid));
}

static void prepare_by_kind(struct server *s, const struct kind *k, json_t *object,
			    const struct user *u)
{
	if (!strcmp(k->resource, "secrets"))
		prepare_secret(object);
	else if (!strcmp(k->resource, "services"))
		prepare_service(s, object);
	else if (!strcmp(k->resource, "pods"))
		prepare_pod(object);
	else if (!strcmp(k->resource, "certificatesigningrequests") && u)
		prepare_csr(object, u);
	else if (!strcmp(k->resource, "namespaces"))
		json_object_set_new(object, "status", json_pack("{s:s}", "phase", "Active"));
}

static void generate_name(json_t *meta)
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	const char *stem = json_string_value(json_object_get(meta, "generateName"));
	uint64_t random = random_u64();
	struct strbuf name = STRBUF_INIT;

	if (!stem || !*stem || json_object_get(meta, "name"))
		return;
	strbuf_add_cstr(&name, stem);
	for (int i = 0; i < 5; i++, random /= 32)
		strbuf_add_char(&name, alphabet[random % (sizeof(alphabet) - 1)]);
	json_object_set_new(meta, "name", json_str(strbuf_str(&name)));
	strbuf_fini(&name);
}

void rest_prepare(struct server *s, const struct kind *k, json_t *object, const struct user *u)
{
	json_t *meta = object_metadata(object);
	char uid[UUID_TEXT_LEN + 1];

	random_uuid(uid);
	generate_name(meta);
	json_object_set_new(meta, "uid", json_string(uid));
	json_object_set_new(meta, "creationTimestamp", object_time(s->store.clock));
	json_object_del(meta, "resourceVersion");
	json_object_del(meta, "managedFields");
	if (json_is_object(json_object_get(object, "spec")) && (k->flags & KIND_STATUS))
		json_object_set_new(meta, "generation", json_integer(1));
	prepare_by_kind(s, k, object, u);
}

json_t *rest_add(struct server *s, const struct kind *k, json_t *object)
{
	const struct kind *sa = kind_by_resource(STR(""), STR("v1"), STR("serviceaccounts"));
	struct str ns = object_text(object, "metadata.name");
	json_t *account;

	object = store_put(&s->store, k, object);
	if (strcmp(k->resource, "namespaces") || store_get(&s->store, sa, ns, STR("default")))
		return object;
	account = json_pack("{s:s, s:s, s:{s:s, s:s%}}", "kind", "ServiceAccount", "apiVersion",
			    "v1", "metadata", "name", "default", "namespace", ns.p, ns.n);
	rest_prepare(s, sa, account, NULL);
	store_put(&s->store, sa, account);
	return object;
}

/* Create. */

/* Sets or checks metadata.namespace; false when answered. */
static bool place(struct rest *r, json_t *object)
{
	static const struct str key = { "namespaces", 10 };
	json_t *meta = object_metadata(object);
	struct str ns = object_text(object, "metadata.namespace");
	const struct kind *namespaces = kind_by_resource(STR(""), STR("v1"), key);

	if (!kind_is_namespaced(r->kind)) {
		json_object_del(meta, "namespace");
		return true;
	}
	if (ns.n && !str_eq(ns, r->ns)) {
		reply_error(r->call, 400, NULL, "the namespace of the provided object does not "
			    "match the namespace sent on the request");
		return false;
	}
	json_object_set_new(meta, "namespace", json_str(r->ns));
	if (store_get(&r->call->server->store, namespaces, STR_NULL, r->ns))
		return true;
	reply_not_found(r->call, namespaces, r->ns);
	return false;
}

static void create_named(struct rest *r, json_t *object)
{
	struct server *s = r->call->server;
	struct str name = object_text(object, "metadata.name");

	if (!name.n) {
		reply_invalid(r->call, r->kind, STR_NULL, "metadata.name",
			      "Required value: name or generateName is required");
	} else if (store_get(&s->store, r->kind, r->ns, name)) {
		reply_object_error(r->call, 409, "AlreadyExists", r->kind, name,
				   "%s \"%.*s\" already exists", kind_group_resource(r->kind),
				   STR_ARG(name));
	} else if (call_is_dry_run(r->call)) {
		reply_object(r->call, 201, r->kind, object);
	} else {
		reply_object(r->call, 201, r->kind,
			     rest_add(s, r->kind, json_incref(object)));
	}
}

void rest_create(struct rest *r)
{
	json_t *object = rest_body(r, r->kind);

	if (!object)
		return;
	if (place(r, object)) {
		rest_prepare(r->call->server, r->kind, object, &r->call->user);
		create_named(r, object);
	}
	json_decref(object);
}

/* Update. */

bool rest_check_version(struct rest *r, const json_t *old, const json_t *changed)
{
	struct str version = object_text(changed, "metadata.resourceVersion");
	struct str uid = object_text(changed, "metadata.uid");
	struct str old_uid = object_text(old, "metadata.uid");
	const char *what = kind_group_resource(r->kind);

	if (uid.n && !str_eq(uid, old_uid)) {
		reply_object_error(r->call, 409, "Conflict", r->kind, r->name, "Operation cannot "
				   "be fulfilled on %s \"%.*s\": Precondition failed: UID in "
				   "precondition: %.*s, UID in object meta: %.*s", what,
				   STR_ARG(r->name), STR_ARG(uid), STR_ARG(old_uid));
		return false;
	}
	if (!version.n || str_eq(version, object_text(old, "metadata.resourceVersion")))
		return true;
	reply_object_error(r->call, 409, "Conflict", r->kind, r->name, "Operation cannot be "
			   "fulfilled on %s \"%.*s\": the object has been modified; please apply "
			   "your changes to the latest version and try again", what,
			   STR_ARG(r->name));
	return false;
}

static void carry_over(json_t *to, const json_t *from, const char *key)
{
	json_t *v = json_object_get(from, key);

	if (v)
		json_object_set(to, key, v);
	else
		json_object_del(to, key);
}

/* What a client cannot change: system metadata, and the half it does not write to. */
static void keep_system_fields(const struct kind *k, const json_t *old, json_t *changed,
			       bool status_only)
{
	static const char *const fixed[] = { "name", "namespace", "uid", "creationTimestamp",
					     "deletionTimestamp", "generation", "resourceVersion" };
	json_t *meta = object_metadata(changed), *old_meta = json_object_get(old, "metadata");
	json_int_t generation = json_integer_value(json_object_get(old_meta, "generation"));

	for (size_t i = 0; i < array_size(fixed); i++)
		carry_over(meta, old_meta, fixed[i]);
	json_object_del(meta, "managedFields");
	if (status_only)
		carry_over(changed, old, "spec");
	else if (k->flags & KIND_STATUS)
		carry_over(changed, old, "status");
	if (generation && !json_equal(json_object_get(old, "spec"),
				      json_object_get(changed, "spec")))
		json_object_set_new(meta, "generation", json_integer(generation + 1));
}

/* The last finalizer of an object that is being deleted is gone: so is the object. */
static bool is_released(const json_t *object)
{
	return object_at(object, "metadata.deletionTimestamp") &&
	       !json_array_size(object_at(object, "metadata.finalizers"));
}

void rest_commit(struct rest *r, json_t *old, json_t *changed, bool status_only)
{
	struct store *s = &r->call->server->store;

	keep_system_fields(r->kind, old, changed, status_only);
	if (!strcmp(r->kind->resource, "secrets"))
		prepare_secret(changed);
	if (json_equal(old, changed) || call_is_dry_run(r->call)) {
		reply_object(r->call, 200, r->kind, changed);
		json_decref(changed);
	} else if (is_released(changed)) {
		reply_object(r->call, 200, r->kind, changed);
		store_delete(s, r->kind, r->ns, r->name);
		json_decref(changed);
	} else {
		reply_object(r->call, 200, r->kind, store_put(s, r->kind, changed));
	}
}

static bool check_place(struct rest *r, const json_t *object)
{
	struct str name = object_text(object, "metadata.name");
	struct str ns = object_text(object, "metadata.namespace");

	if (!str_eq(name, r->name)) {
		reply_error(r->call, 400, NULL, "the name of the object (%.*s) does not match the "
			    "name on the URL (%.*s)", STR_ARG(name), STR_ARG(r->name));
		return false;
	}
	if (!kind_is_namespaced(r->kind) || !ns.n || str_eq(ns, r->ns))
		return true;
	reply_error(r->call, 400, NULL, "the namespace of the provided object does not match the "
		    "namespace sent on the request");
	return false;
}

/* What a PUT creates when it is missing. */
static bool is_upserted(const struct rest *r)
{
	static const char *const resources[] = { "leases", "events", "services", "endpoints",
		"runtimeclasses", "roles", "rolebindings", "clusterroles", "clusterrolebindings" };

	for (size_t i = 0; !r->subresource.n && i < array_size(resources); i++)
		if (!strcmp(r->kind->resource, resources[i]))
			return true;
	return false;
}

static void update_object(struct rest *r, json_t *changed)
{
	json_t *old = store_get(&r->call->server->store, r->kind, r->ns, r->name);

	if (!old && is_upserted(r) && place(r, changed)) {
		rest_prepare(r->call->server, r->kind, changed, &r->call->user);
		create_named(r, changed);
	} else if (!old && !r->call->answered) {
		reply_not_found(r->call, r->kind, r->name);
	} else if (old && rest_check_version(r, old, changed)) {
		rest_commit(r, old, json_incref(changed), str_eq(r->subresource, STR("status")));
	}
}

void rest_update(struct rest *r)
{
	json_t *changed = rest_body(r, r->kind);

	if (!changed)
		return;
	if (check_place(r, changed))
		update_object(r, changed);
	json_decref(changed);
}

/* Patch. */

enum body_type { BODY_JSON_PATCH, BODY_MERGE, BODY_STRATEGIC, BODY_APPLY, BODY_UNKNOWN };

static enum body_type body_type(const struct call *c)
{
	struct str type = media_type(c);

	if (str_eq(type, STR("application/json-patch+json")))
		return BODY_JSON_PATCH;
	if (str_eq(type, STR("application/merge-patch+json")))
		return BODY_MERGE;
	if (str_eq(type, STR("application/strategic-merge-patch+json")))
		return BODY_STRATEGIC;
	if (str_eq(type, STR("application/apply-patch+yaml")))
		return BODY_APPLY;
	return BODY_UNKNOWN;
}

/* Reads the patch; answers and returns NULL when it is none. */
static json_t *read_patch(struct rest *r, enum body_type type)
{
	struct call *c = r->call;
	struct str body = strbuf_str(&c->body);
	json_t *patch = NULL;
	int rc = 0;

	switch (type) {
	case BODY_JSON_PATCH:
	case BODY_MERGE:
	case BODY_STRATEGIC:
		rc = json_read(body, &patch, NULL);
		break;
	case BODY_APPLY:
		rc = read_yaml(body, &patch);
		break;
	case BODY_UNKNOWN:
		reply_error(c, 415, "UnsupportedMediaType", "415: Unsupported Media Type");
		return NULL;
	}
	if (!rc && (type != BODY_APPLY || json_is_object(patch)))
		return patch;
	json_decref(patch);
	reply_error(c, 400, NULL, "error decoding patch: %s", err_text(rc ? rc : ERR_SYNTAX));
	return NULL;
}

/*
 * How the body is applied.  Of a kind without a schema it is not known which lists merge, and what
 * is applied on the server's side is merged like the rest.
 */
static enum patch_type patch_type(const struct rest *r, enum body_type type)
{
	if (type == BODY_JSON_PATCH)
		return PATCH_JSON;
	return type == BODY_STRATEGIC && r->kind->message ? PATCH_STRATEGIC : PATCH_MERGE;
}

static void reply_patch_error(struct rest *r, enum patch_result result, const char *why)
{
	switch (result) {
	case PATCH_OK:
		break;
	case PATCH_BAD_REQUEST:
	case PATCH_REFUSED:
		reply_error(r->call, 400, "BadRequest", "%s", why);
		break;
	case PATCH_TOO_LARGE:
		reply_error(r->call, 413, "RequestEntityTooLarge", "%s", why);
		break;
	case PATCH_INVALID:
		reply_object_error(r->call, 422, "Invalid", r->kind, r->name, "%s", why);
		break;
	case PATCH_INTERNAL:
		reply_error(r->call, 500, NULL, "%s", why);
		break;
	}
}

/* The object after the patch, owned by the caller alone, or NULL with the answer given. */
static json_t *apply_patch(struct rest *r, enum body_type type, json_t *old, json_t *patch)
{
	const struct schema_message *m =
		r->kind->message ? schema_message_find(r->kind->message) : NULL;
	struct strbuf why = STRBUF_INIT;
	json_t *out, *changed;

	reply_patch_error(r, patch_apply(patch_type(r, type), m, old, patch, &out, &why),
			  why.p ? why.p : "");
	changed = json_deep_copy(out);
	json_decref(out);
	strbuf_fini(&why);
	return changed;
}

/* An apply patch makes an object that is not there. */
static void apply_create(struct rest *r, json_t *patch)
{
	if (!str_eq(object_text(patch, "metadata.name"), r->name)) {
		reply_error(r->call, 400, NULL, "name in the patch does not match the URL");
		return;
	}
	if (!check_type(r, r->kind, patch) || !place(r, patch))
		return;
	patch = with_type(r->kind, json_incref(patch));
	rest_prepare(r->call->server, r->kind, patch, &r->call->user);
	create_named(r, patch);
	json_decref(patch);
}

void rest_patch(struct rest *r)
{
	enum body_type type = body_type(r->call);
	json_t *patch = read_patch(r, type), *old, *changed;

	if (!patch)
		return;
	old = store_get(&r->call->server->store, r->kind, r->ns, r->name);
	if (!old && type == BODY_APPLY && !r->subresource.n) {
		apply_create(r, patch);
	} else if (!old) {
		reply_not_found(r->call, r->kind, r->name);
	} else {
		changed = apply_patch(r, type, old, patch);
		if (changed && check_place(r, changed) && rest_check_version(r, old, changed))
			rest_commit(r, old, json_incref(changed),
				    str_eq(r->subresource, STR("status")));
		json_decref(changed);
	}
	json_decref(patch);
}

/* Delete. */

static bool check_precondition(struct rest *r, const char *what, const char *where,
			       struct str want, struct str have)
{
	if (!want.n || str_eq(want, have))
		return true;
	reply_object_error(r->call, 409, "Conflict", r->kind, r->name, "Operation cannot be "
			   "fulfilled on %s \"%.*s\": Precondition failed: %s in precondition: "
			   "%.*s, %s in object meta: %.*s", kind_group_resource(r->kind),
			   STR_ARG(r->name), what, STR_ARG(want), where, STR_ARG(have));
	return false;
}

bool rest_check_preconditions(struct rest *r, const json_t *options, const json_t *object)
{
	return check_precondition(r, "UID", "UID", object_text(options, "preconditions.uid"),
				  object_text(object, "metadata.uid")) &&
	       check_precondition(r, "ResourceVersion", "ResourceVersion",
				  object_text(options, "preconditions.resourceVersion"),
				  object_text(object, "metadata.resourceVersion"));
}

/* Everything in a namespace goes with it. */
static void empty_namespace(struct store *s, struct str ns, struct arena *a)
{
	struct str prefix = arena_printf(a, "%.*s/", STR_ARG(ns));
	const struct store_entry *e;

	for (size_t i = 0; i < kinds_count; i++) {
		const struct kind *k = &kinds[i];

		if (!kind_is_namespaced(k))
			continue;
		while ((e = store_at(s, k, store_seek(s, k, prefix))) &&
		       str_has_prefix(str_from(e->key), prefix)) {
			struct str name = arena_str(a, object_text(e->object, "metadata.name"));

			store_delete(s, k, ns, name);
		}
	}
}

/* Deletes, or marks what has finalizers as being deleted. Returns what is left, owned. */
static json_t *remove_object(struct rest *r, const struct kind *k, json_t *object)
{
	struct store *s = &r->call->server->store;
	struct str ns = arena_str(r->call->arena, object_text(object, "metadata.namespace"));
	struct str name = arena_str(r->call->arena, object_text(object, "metadata.name"));
	json_t *marked;

	if (json_array_size(object_at(object, "metadata.finalizers"))) {
		marked = json_deep_copy(object);
		json_object_set_new(object_metadata(marked), "deletionTimestamp",
				    object_time(s->clock));
		return json_incref(store_put(s, k, marked));
	}
	json_incref(object);
	if (!strcmp(k->resource, "namespaces"))
		empty_namespace(s, name, r->call->arena);
	store_delete(s, k, ns, name);
	return object;
}

static void reply_deleted(struct rest *r, json_t *object)
{
	struct status s = { .code = 200, .success = true, .has_details = true };

	if (!strcmp(r->kind->resource, "pods") || !strcmp(r->kind->resource, "namespaces") ||
	    object_at(object, "metadata.deletionTimestamp")) {
		reply_object(r->call, 200, r->kind, object);
		return;
	}
	s.details.name = r->name;
	s.details.group = str_from(r->kind->group);
	s.details.kind = str_from(r->kind->resource);
	s.details.uid = object_text(object, "metadata.uid");
	s.code = 200;
	reply_status(r->call, &s);
}

/* A body hides the options of the query; without one those count, preconditions too. */
static json_t *delete_options(struct rest *r)
{
	struct str uid, version;
	json_t *options;

	if (r->call->body.n)
		return rest_body(r, NULL);
	call_query(r->call, "uid", &uid);
	call_query(r->call, "resourceVersion", &version);
	options = json_pack("{s:{s:o, s:o}}", "preconditions", "uid", json_str(uid),
			    "resourceVersion", json_str(version));
	if (call_is_dry_run(r->call))
		json_object_set_new(options, "dryRun", json_pack("[s]", "All"));
	return options;
}

static bool is_dry(const json_t *options)
{
	return json_array_size(json_object_get(options, "dryRun"));
}

void rest_delete(struct rest *r)
{
	json_t *object, *left, *options = delete_options(r);

	if (!options)
		return;
	object = rest_find(r);
	if (object && rest_check_preconditions(r, options, object)) {
		left = is_dry(options) ? json_incref(object) :
					    remove_object(r, r->kind, object);
		reply_deleted(r, left);
		json_decref(left);
	}
	json_decref(options);
}

void rest_delete_collection(struct rest *r)
{
	struct store *s = &r->call->server->store;
	struct rest_selectors sel;
	json_t *items, *list, *one, *options = delete_options(r);
	const struct store_entry *e;
	size_t i;
	bool dry;

	if (!options)
		return;
	dry = is_dry(options);
	json_decref(options);
	if (!rest_selectors_read(r, &sel))
		return;
	items = json_array();
	for (i = 0; (e = store_at(s, r->kind, i)); i++)
		if (rest_covers(r, e->object) && rest_selectors_match(&sel, e->object))
			json_array_append(items, e->object);
	list = rest_list_new(r, s->version, items);
	if (!dry)
		json_array_foreach(items, i, one)
			json_decref(remove_object(r, r->kind, one));
	reply_object(r->call, 200, r->kind, list);
	json_decref(list);
}
