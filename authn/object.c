/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/object.h"

#include <stdlib.h>

#include "authn/secret_base64.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/rfc3339.h"

#define INVALID_SINCE "kubernetes.io/legacy-token-invalid-since"

const char *authn_object_resource(enum authn_object_kind kind)
{
	static const char *const names[] = {
		[AUTHN_SERVICE_ACCOUNT] = "serviceaccounts", [AUTHN_SECRET] = "secrets",
		[AUTHN_POD] = "pods", [AUTHN_NODE] = "nodes",
	};

	return names[kind];
}

struct authn_object *authn_object_acquire(struct authn_object *o)
{
	atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}

void authn_object_release(struct authn_object *o)
{
	if (!o || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) > 1)
		return;
	if (o->token.p)
		secret_wipe((char *)o->token.p, o->token.n);
	free((char *)o->token.p);
	free((char *)o->uid.p);
	free((char *)o->secrets.p);
	free(o);
}

void authn_lookup_fini(struct authn_lookup *l)
{
	authn_object_release(l->object);
	free(l->error);
	l->object = NULL;
	l->error = NULL;
}

static struct str text_of(const json_t *v)
{
	return str_make(json_string_value(v), json_string_length(v));
}

static struct str dup_text(const json_t *v)
{
	struct str s = text_of(v);

	return str_make(xmemdup0(s.n ? s.p : "", s.n), s.n);
}

static bool read_deletion(struct authn_object *o, const json_t *metadata)
{
	const json_t *v = json_object_get(metadata, "deletionTimestamp");
	int32_t nanos;

	if (!v || json_is_null(v))
		return true;
	o->is_deleted = true;
	return json_is_string(v) && !rfc3339_parse(text_of(v), &o->deleted_s, &nanos);
}

static bool read_secret(struct authn_object *o, const json_t *json)
{
	const json_t *labels = json_object_get(json_object_get(json, "metadata"), "labels");
	const json_t *since = json_object_get(labels, INVALID_SINCE);
	const json_t *token = json_object_get(json_object_get(json, "data"), "token");
	struct strbuf bytes = STRBUF_INIT;

	o->invalidated = json_string_length(since) > 0;
	if (!token || json_is_null(token))
		return true;
	if (!json_is_string(token) ||
	    secret_base64_decode(text_of(token), BASE64_STANDARD, &bytes)) {
		strbuf_fini_secret(&bytes);
		return false;
	}
	o->token.n = bytes.n;
	o->token.p = strbuf_detach(&bytes);
	return true;
}

static void read_secret_names(struct authn_object *o, const json_t *json)
{
	const json_t *list = json_object_get(json, "secrets");
	struct strbuf names = STRBUF_INIT;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *name = json_object_get(json_array_get(list, i), "name");

		if (!json_is_string(name))
			continue;
		strbuf_add_str(&names, text_of(name));
		strbuf_add_char(&names, '\n');
	}
	o->secrets.n = names.n;
	o->secrets.p = strbuf_detach(&names);
}

struct authn_object *authn_object_read(enum authn_object_kind kind, const json_t *json)
{
	const json_t *metadata = json_object_get(json, "metadata");
	const json_t *uid = json_object_get(metadata, "uid");
	struct authn_object *o;
	bool good;

	if (!json_is_object(metadata) || (uid && !json_is_string(uid)))
		return NULL;
	o = xcalloc(1, sizeof(*o));
	atomic_init(&o->refs, 1);
	o->uid = dup_text(uid);
	good = read_deletion(o, metadata);
	if (good && kind == AUTHN_SECRET)
		good = read_secret(o, json);
	if (kind == AUTHN_SERVICE_ACCOUNT)
		read_secret_names(o, json);
	if (good)
		return o;
	authn_object_release(o);
	return NULL;
}

bool authn_object_lists_secret(const struct authn_object *o, struct str name)
{
	struct str rest = o->secrets, one;

	while (name.n && str_next(&rest, '\n', &one))
		if (str_eq(one, name))
			return true;
	return false;
}
