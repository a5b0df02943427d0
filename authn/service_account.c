/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/service_account.h"

#include <stdlib.h>

#include "authn/authn_config.h"
#include "authn/jwt.h"
#include "authn/service_account_claims.h"
#include "authn/token_cache.h"
#include "base/err.h"
#include "base/mem.h"

#define LEGACY_WARNING \
	"299 - \"Use tokens from the TokenRequest API or manually created secret-based tokens " \
	"instead of auto-generated secret-based tokens.\""
#define INVALIDATED "service account token has been invalidated"

struct service_accounts {
	struct jwt_keys keys;
	const struct option_list *issuers, *audiences;	/* borrowed */
	bool lookup;
};

/* --- Configuration --- */

struct service_accounts *service_accounts_new(const struct option_list *issuers,
					      const struct option_list *audiences, bool lookup)
{
	struct service_accounts *s = xcalloc(1, sizeof(*s));

	s->issuers = issuers;
	s->audiences = audiences && audiences->n ? audiences : issuers;
	s->lookup = lookup;
	return s;
}

void service_accounts_add_keys(struct service_accounts *s, const char *path, struct str text,
			       struct problems *p)
{
	if (!jwt_keys_add_pem(&s->keys, text))
		problems_add(p, path, 0, "service-account-key-file",
			     "data does not contain any valid RSA or ECDSA public keys");
}

void service_accounts_free(struct service_accounts *s)
{
	if (!s)
		return;
	jwt_keys_fini(&s->keys);
	free(s);
}

static bool list_has(const struct option_list *l, struct str s)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(s, str_from(l->v[i])))
			return true;
	return false;
}

/* --- What is waited for --- */

#define LOOKUPS_MAX 3	/* the service account, and a secret, a pod or a node */

/* A token whose claims are good, if what it is bound to is still there. */
struct check {
	struct authn_request *r;
	struct authn_source *source;
	struct token_claims claims;
	/* NULL: not asked for. */
	struct authn_lookup *account, *secret, *pod, *node;
	struct authn_lookup lookups[LOOKUPS_MAX];
	size_t n, waiting;
};

static void on_answer(struct authn_lookup *l)
{
	struct check *c = l->arg;

	if (!--c->waiting)
		c->r->resume(c->r->resume_arg);
}

static struct authn_lookup *want(struct check *c, enum authn_object_kind kind,
				 const struct claimed_object *o)
{
	struct authn_lookup *l = &c->lookups[c->n++];

	*l = (struct authn_lookup){
		.kind = kind,
		.namespace = kind == AUTHN_NODE ? STR_NULL : c->claims.namespace,
		.name = o->name,
		.uid = o->uid,
		.done = on_answer,
		.arg = c,
	};
	return l;
}

/* With a pod the node is only copied into the user: the pod goes when its node does. */
static void want_objects(struct check *c, bool lookup)
{
	const struct token_claims *t = &c->claims;

	if (t->form == TOKEN_LEGACY && !lookup)
		return;
	c->account = want(c, AUTHN_SERVICE_ACCOUNT, &t->account);
	if (t->secret.there)
		c->secret = want(c, AUTHN_SECRET, &t->secret);
	if (t->pod.there)
		c->pod = want(c, AUTHN_POD, &t->pod);
	else if (t->node.there)
		c->node = want(c, AUTHN_NODE, &t->node);
}

static void start_lookup(struct check *c, struct authn_lookup *l)
{
	if (!c->source) {
		l->state = AUTHN_LOOKUP_FAILED;
		return;
	}
	c->source->start(c->source, l);
	c->waiting += l->state == AUTHN_LOOKUP_WANTED;
}

static void check_fini(struct check *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->lookups[i].state == AUTHN_LOOKUP_WANTED)
			c->source->cancel(c->source, &c->lookups[i]);
		authn_lookup_fini(&c->lookups[i]);
	}
	c->n = 0;
}

static void cancel_check(void *pending)
{
	check_fini(pending);
}

/* --- Judging what came --- */

static enum authn_result refuse(struct authn_request *r, const char *text)
{
	authn_add_error(r, "%s", text);
	return AUTHN_ERROR;
}

static bool is_found(const struct authn_lookup *l)
{
	return l->state == AUTHN_LOOKUP_FOUND;
}

/* Deleted so long ago that it is no longer the clocks' difference. */
static bool is_deleted(const struct check *c, const struct authn_object *o)
{
	int64_t now_s = clock_wall_us(c->r->clock) / 1000000;

	return o->is_deleted && o->deleted_s < now_s - SERVICE_ACCOUNT_LEEWAY_S;
}

static enum authn_result refuse_account(const struct check *c)
{
	const struct authn_lookup *l = c->account;

	if (l->state == AUTHN_LOOKUP_MISSING)
		authn_add_error(c->r, "serviceaccounts \"%.*s\" not found", STR_ARG(l->name));
	else
		authn_add_error(c->r, "service account %.*s/%.*s cannot be looked up: %s",
				STR_ARG(l->namespace), STR_ARG(l->name),
				l->error ? l->error : "there is nothing to look it up in");
	return AUTHN_ERROR;
}

static enum authn_result judge_bound_account(const struct check *c)
{
	const struct claimed_object *claim = &c->claims.account;
	const struct authn_object *o = c->account->object;

	if (!is_found(c->account))
		return refuse_account(c);
	if (!str_eq(o->uid, claim->uid))
		authn_add_error(c->r, "service account UID (%.*s) does not match claim (%.*s)",
				STR_ARG(o->uid), STR_ARG(claim->uid));
	else if (is_deleted(c, o))
		authn_add_error(c->r, "service account %.*s/%.*s has been deleted",
				STR_ARG(c->claims.namespace), STR_ARG(claim->name));
	else
		return AUTHN_ACCEPT;
	return AUTHN_ERROR;
}

static enum authn_result judge_reference(const struct check *c, const struct authn_lookup *l,
					 const struct claimed_object *claim, const char *noun)
{
	if (!l)
		return AUTHN_ACCEPT;
	if (!is_found(l))
		return refuse(c->r, INVALIDATED);
	if (!str_eq(l->object->uid, claim->uid)) {
		authn_add_error(c->r, "%s UID (%.*s) does not match service account %s ref claim "
				"(%.*s)", noun, STR_ARG(l->object->uid), noun, STR_ARG(claim->uid));
		return AUTHN_ERROR;
	}
	return is_deleted(c, l->object) ? refuse(c->r, INVALIDATED) : AUTHN_ACCEPT;
}

static enum authn_result judge_bound(const struct check *c)
{
	const struct token_claims *t = &c->claims;
	enum authn_result result = judge_bound_account(c);

	if (result == AUTHN_ACCEPT)
		result = judge_reference(c, c->secret, &t->secret, "secret");
	if (result == AUTHN_ACCEPT)
		result = judge_reference(c, c->pod, &t->pod, "pod");
	if (result == AUTHN_ACCEPT)
		result = judge_reference(c, c->node, &t->node, "node");
	return result;
}

static enum authn_result judge_legacy_secret(const struct check *c, struct str token)
{
	const struct authn_object *o = c->secret->object;

	if (!is_found(c->secret) || o->is_deleted)
		return refuse(c->r, "token has been invalidated");
	if (o->token.n != token.n || CRYPTO_memcmp(o->token.p, token.p, token.n))
		return refuse(c->r, "token does not match server's copy");
	return AUTHN_ACCEPT;
}

static enum authn_result judge_legacy_account(const struct check *c)
{
	const struct claimed_object *claim = &c->claims.account;
	const struct authn_object *o = c->account->object;

	if (!is_found(c->account))
		return refuse_account(c);
	if (o->is_deleted)
		authn_add_error(c->r, "service account %.*s/%.*s has been deleted",
				STR_ARG(c->claims.namespace), STR_ARG(claim->name));
	else if (!str_eq(o->uid, claim->uid))
		authn_add_error(c->r, "ServiceAccount UID (%.*s) does not match claim (%.*s)",
				STR_ARG(o->uid), STR_ARG(claim->uid));
	else
		return AUTHN_ACCEPT;
	return AUTHN_ERROR;
}

/* The label is kube-controller-manager's, on secrets whose token nobody has used for long. */
static enum authn_result judge_legacy(const struct check *c, struct str token)
{
	const struct token_claims *t = &c->claims;
	enum authn_result result;

	if (!c->n)
		return AUTHN_ACCEPT;
	result = judge_legacy_secret(c, token);
	if (result == AUTHN_ACCEPT)
		result = judge_legacy_account(c);
	if (result != AUTHN_ACCEPT)
		return result;
	if (!c->secret->object->invalidated) {
		if (authn_object_lists_secret(c->account->object, t->secret.name))
			c->r->warning = STR(LEGACY_WARNING);
		return AUTHN_ACCEPT;
	}
	authn_add_error(c->r, "the token in secret %.*s/%.*s for service account %.*s/%.*s has "
			"been marked invalid. Use tokens from the TokenRequest API or manually "
			"created secret-based tokens, or remove the "
			"'kubernetes.io/legacy-token-invalid-since' label from the secret to "
			"temporarily allow use of this token", STR_ARG(t->namespace),
			STR_ARG(t->secret.name), STR_ARG(t->namespace), STR_ARG(t->account.name));
	return AUTHN_ERROR;
}

/* All answers are there. */
static enum authn_result judge(struct check *c, struct str token)
{
	struct authn_request *r = c->r;
	enum authn_result result = c->claims.form == TOKEN_LEGACY ? judge_legacy(c, token) :
				   judge_bound(c);

	if (result == AUTHN_ACCEPT)
		token_claims_user(&c->claims, r->arena, &r->user);
	check_fini(c);
	return result;
}

/* --- One form of token --- */

static bool has_issuer(const struct service_accounts *s, enum token_form form, struct str issuer)
{
	return form == TOKEN_LEGACY ? str_eq(issuer, STR(SERVICE_ACCOUNT_LEGACY_ISSUER)) :
	       list_has(s->issuers, issuer);
}

/* As Go prints a list with %q: `["a" "b"]`. */
static void add_quoted(struct strbuf *b, size_t i, struct str s)
{
	if (i)
		strbuf_add_char(b, ' ');
	strbuf_add_go_quoted(b, s);
}

/* A token without audiences is for ourselves. */
static bool audiences_fit(struct authn_request *r, const struct service_accounts *s,
			  const struct token_claims *c)
{
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < c->audience_count; i++)
		if (list_has(s->audiences, c->audiences[i]))
			return true;
	if (!c->audience_count)
		return true;
	strbuf_add_cstr(&text, "token audiences [");
	for (size_t i = 0; i < c->audience_count; i++)
		add_quoted(&text, i, c->audiences[i]);
	strbuf_add_cstr(&text, "] is invalid for the target audiences [");
	for (size_t i = 0; i < s->audiences->n; i++)
		add_quoted(&text, i, str_from(s->audiences->v[i]));
	strbuf_add_char(&text, ']');
	authn_add_error(r, "%s", text.p);
	strbuf_fini(&text);
	return false;
}

/* The texts are kube-apiserver's, since a TokenReview shows them. */
static const char *verify(const struct service_accounts *s, const struct jwt *t)
{
	switch (jwt_verify(t, &s->keys)) {
	case 0:
		return NULL;
	case ERR_NOT_FOUND:
		return "invalid signature, no keys found";
	}
	return "go-jose/go-jose: error in cryptographic primitive";
}

/* Up to where only the objects are missing; *out is in the arena. */
static enum authn_result read_token(struct authn_request *r, const struct jwt *t,
				    enum token_form form, struct check **out)
{
	const struct service_accounts *s = r->config->service_accounts;
	struct check *c = arena_zalloc(r->arena, sizeof(*c));
	const char *why = verify(s, t);

	*out = c;
	if (!why)
		why = token_claims_read(t, form, r->arena, &c->claims);
	if (why)
		return refuse(r, why);
	if (!audiences_fit(r, s, &c->claims))
		return AUTHN_ERROR;
	why = token_claims_check(&c->claims, clock_wall_us(r->clock));
	if (why)
		return refuse(r, why);
	c->r = r;
	c->source = r->source;
	want_objects(c, s->lookup);
	return AUTHN_ACCEPT;
}

static enum authn_result try_form(struct authn_request *r, const struct jwt *t, struct str token,
				  enum token_form form)
{
	struct check *c;
	enum authn_result result = read_token(r, t, form, &c);

	if (result != AUTHN_ACCEPT)
		return result;
	for (size_t i = 0; i < c->n; i++)
		start_lookup(c, &c->lookups[i]);
	if (!c->waiting)
		return judge(c, token);
	r->pending = c;
	r->pending_cancel = cancel_check;
	return AUTHN_PENDING;
}

/* The forms from this one on: legacy first, and the same issuer may be configured for both. */
static enum authn_result try_forms(struct authn_request *r, struct str token, int form)
{
	enum authn_result result = AUTHN_NONE;
	struct str issuer;
	struct jwt t;

	if (jwt_parse(token, &t))
		return AUTHN_NONE;
	if (!jwt_claim_text(t.claims, "iss", &issuer))
		form = TOKEN_FORMS;
	for (; form < TOKEN_FORMS && (result == AUTHN_NONE || result == AUTHN_ERROR); form++) {
		if (!has_issuer(r->config->service_accounts, (enum token_form)form, issuer))
			continue;
		result = try_form(r, &t, token, (enum token_form)form);
	}
	jwt_fini(&t);
	return result;
}

/* The objects that were waited for are there. */
static enum authn_result go_on(struct authn_request *r, struct str token)
{
	struct check *c = r->pending;
	enum token_form form = c->claims.form;
	enum authn_result result = judge(c, token), other = AUTHN_NONE;

	r->pending = NULL;
	r->pending_cancel = NULL;
	if (result == AUTHN_ERROR && form == TOKEN_LEGACY)
		other = try_forms(r, token, TOKEN_BOUND);
	return other == AUTHN_NONE ? result : other;
}

static bool is_remembered(struct authn_request *r, struct str token)
{
	const struct user *u;

	if (!r->tokens)
		return false;
	u = token_cache_get(r->tokens, r->config->generation, token,
			    clock_monotonic_us(r->clock), &r->warning);
	if (u)
		user_copy(&r->user, u, r->arena);
	return u != NULL;
}

enum authn_result service_account_authenticate(struct authn_request *r, struct str token)
{
	enum authn_result result;

	if (!r->config->service_accounts || token.n > JWT_MAX)
		return AUTHN_NONE;
	if (!r->pending && is_remembered(r, token))
		return AUTHN_ACCEPT;
	result = r->pending ? go_on(r, token) : try_forms(r, token, TOKEN_LEGACY);
	if (result == AUTHN_ACCEPT && r->tokens)
		token_cache_put(r->tokens, r->config->generation, token, &r->user, r->warning,
				clock_monotonic_us(r->clock));
	return result;
}
