/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/service_account_claims.h"

#include "authn/service_account.h"
#include "base/err.h"

#define NAME_PREFIX "system:serviceaccount:"
#define GROUP_PREFIX "system:serviceaccounts:"
#define KEY(name) STR("authentication.kubernetes.io/" name)
#define MALFORMED "service account token has claims of the wrong type"

/* --- Reading --- */

static bool read_text(const json_t *o, const char *name, struct arena *a, struct str *out)
{
	struct str text;

	if (!jwt_claim_text(o, name, &text) || str_find(text, '\0', 0) >= 0)
		return false;
	*out = arena_str(a, text);
	return true;
}

/* "aud" is a string or a list of strings. */
static bool read_audiences(const json_t *claims, struct arena *a, struct token_claims *out)
{
	const json_t *v = json_object_get(claims, "aud");
	size_t n = json_array_size(v);
	struct str *list = arena_zalloc(a, (n + 1) * sizeof(*list));

	out->audiences = list;
	out->audience_count = 0;
	if (!v || json_is_null(v))
		return true;
	if (json_is_string(v)) {
		out->audience_count = 1;
		return read_text(claims, "aud", a, list);
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(v, i);

		if (!json_is_string(one))
			return false;
		list[i] = arena_str(a, str_make(json_string_value(one),
						json_string_length(one)));
	}
	out->audience_count = n;
	return json_is_array(v);
}

static bool read_common(const json_t *claims, struct arena *a, struct token_claims *out)
{
	return read_text(claims, "jti", a, &out->id) &&
	       read_text(claims, "sub", a, &out->subject) && read_audiences(claims, a, out) &&
	       jwt_claim_time(claims, "exp", &out->expiry, &out->has_expiry) &&
	       jwt_claim_time(claims, "nbf", &out->not_before, &out->has_not_before) &&
	       jwt_claim_time(claims, "iat", &out->issued_at, &out->has_issued_at);
}

static bool read_reference(const json_t *o, const char *name, struct arena *a,
			   struct claimed_object *out)
{
	const json_t *v = json_object_get(o, name);

	out->there = v && !json_is_null(v);
	if (!out->there)
		return true;
	return json_is_object(v) && read_text(v, "name", a, &out->name) &&
	       read_text(v, "uid", a, &out->uid);
}

/* A time to warn after is of no effect here: it annotates kube-apiserver's audit events. */
static bool read_bound(const json_t *claims, struct arena *a, struct token_claims *out)
{
	const json_t *v = json_object_get(claims, "kubernetes.io");
	int64_t warn_after;
	bool there;

	if (!v || json_is_null(v))
		return true;
	return json_is_object(v) && read_text(v, "namespace", a, &out->namespace) &&
	       read_reference(v, "serviceaccount", a, &out->account) &&
	       read_reference(v, "pod", a, &out->pod) &&
	       read_reference(v, "node", a, &out->node) &&
	       read_reference(v, "secret", a, &out->secret) &&
	       jwt_claim_time(v, "warnafter", &warn_after, &there);
}

#define LEGACY "kubernetes.io/serviceaccount/"

static bool read_legacy(const json_t *claims, struct arena *a, struct token_claims *out)
{
	out->account.there = out->secret.there = true;
	return read_text(claims, LEGACY "namespace", a, &out->namespace) &&
	       read_text(claims, LEGACY "secret.name", a, &out->secret.name) &&
	       read_text(claims, LEGACY "service-account.name", a, &out->account.name) &&
	       read_text(claims, LEGACY "service-account.uid", a, &out->account.uid);
}

const char *token_claims_read(const struct jwt *t, enum token_form form, struct arena *a,
			      struct token_claims *out)
{
	bool good;

	*out = (struct token_claims){ .form = form };
	good = read_common(t->claims, a, out) &&
	       (form == TOKEN_LEGACY ? read_legacy : read_bound)(t->claims, a, out);
	return good ? NULL : MALFORMED;
}

/* --- Judging --- */

#define SECOND_US INT64_C(1000000)
#define LEEWAY_US (SERVICE_ACCOUNT_LEEWAY_S * SECOND_US)

static const char *check_time(const struct token_claims *c, int64_t now_us)
{
	if (c->has_not_before && now_us + LEEWAY_US < c->not_before * SECOND_US)
		return "service account token is not valid yet";
	if (c->has_expiry && now_us - LEEWAY_US > c->expiry * SECOND_US)
		return "service account token has expired";
	if (c->has_issued_at && now_us + LEEWAY_US < c->issued_at * SECOND_US)
		return "service account token is issued in the future";
	return NULL;
}

/* The subject is the service account's name as a user, nothing else. */
static bool subject_fits(const struct token_claims *c)
{
	struct str rest = c->subject, namespace;

	if (!str_has_prefix(rest, STR(NAME_PREFIX)))
		return false;
	rest = str_skip(rest, sizeof(NAME_PREFIX) - 1);
	return str_next(&rest, ':', &namespace) && str_eq(namespace, c->namespace) &&
	       str_eq(rest, c->account.name) && str_find(rest, ':', 0) < 0;
}

static const char *check_legacy(const struct token_claims *c)
{
	if (!c->subject.n)
		return "sub claim is missing";
	if (!c->namespace.n)
		return "namespace claim is missing";
	if (!c->secret.name.n)
		return "secretName claim is missing";
	if (!c->account.name.n)
		return "serviceAccountName claim is missing";
	if (!c->account.uid.n)
		return "serviceAccountUID claim is missing";
	return subject_fits(c) ? NULL : "sub claim is invalid";
}

const char *token_claims_check(const struct token_claims *c, int64_t now_us)
{
	return c->form == TOKEN_LEGACY ? check_legacy(c) : check_time(c, now_us);
}

/* --- The user --- */

static void add_extra(struct user *u, struct user_extra *extra, struct arena *a, struct str key,
		      struct str value)
{
	struct str *values = arena_alloc(a, sizeof(*values));

	*values = value;
	extra[u->extra_count++] = (struct user_extra){ key, values, 1 };
}

#define EXTRA_MAX 5

static void add_extras(const struct token_claims *c, struct arena *a, struct user *u)
{
	struct user_extra *extra = arena_alloc(a, EXTRA_MAX * sizeof(*extra));

	u->extra = extra;
	if (c->id.n)
		add_extra(u, extra, a, KEY("credential-id"),
			  arena_printf(a, "JTI=%.*s", STR_ARG(c->id)));
	if (c->pod.name.n && c->pod.uid.n) {
		add_extra(u, extra, a, KEY("pod-name"), c->pod.name);
		add_extra(u, extra, a, KEY("pod-uid"), c->pod.uid);
	}
	if (!c->node.name.n)
		return;
	add_extra(u, extra, a, KEY("node-name"), c->node.name);
	if (c->node.uid.n)
		add_extra(u, extra, a, KEY("node-uid"), c->node.uid);
}

void token_claims_user(const struct token_claims *c, struct arena *a, struct user *out)
{
	struct str *groups = arena_alloc(a, 2 * sizeof(*groups));

	groups[0] = STR("system:serviceaccounts");
	groups[1] = arena_printf(a, GROUP_PREFIX "%.*s", STR_ARG(c->namespace));
	*out = (struct user){
		.name = arena_printf(a, NAME_PREFIX "%.*s:%.*s", STR_ARG(c->namespace),
				     STR_ARG(c->account.name)),
		.uid = c->account.uid,
		.groups = groups,
		.group_count = 2,
	};
	if (c->form == TOKEN_BOUND)
		add_extras(c, a, out);
}
