/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/impersonate.h"

#include <stdlib.h>

#include "base/mem.h"

#define NODE_NAME_KEY STR("authentication.kubernetes.io/node-name")
#define ASSOCIATED_KEYS STR("authentication.kubernetes.io/associated-node-keys")
#define AUTHENTICATION_GROUP STR("authentication.k8s.io")

/* ---- modes ---- */

static bool has_only_a_name(const struct user *wanted)
{
	return !wanted->uid.n && !wanted->group_count && !wanted->extra_count;
}

/* A service account whose token is bound to that very node. */
static bool runs_on(const struct user *requester, struct str node)
{
	if (impersonation_name(requester->name).kind != IMPERSONATED_SERVICE_ACCOUNT)
		return false;
	for (size_t i = 0; i < requester->extra_count; i++) {
		const struct user_extra *e = &requester->extra[i];

		if (str_eq(e->key, NODE_NAME_KEY))
			return e->value_count == 1 && str_eq(e->values[0], node);
	}
	return false;
}

static bool is_for_associated_node(const struct impersonation *im)
{
	return has_only_a_name(&im->wanted) && im->name.kind == IMPERSONATED_NODE &&
	       runs_on(&im->requester, im->name.name);
}

static bool is_for_arbitrary_node(const struct impersonation *im)
{
	return has_only_a_name(&im->wanted) && im->name.kind == IMPERSONATED_NODE;
}

static bool is_for_service_account(const struct impersonation *im)
{
	return has_only_a_name(&im->wanted) && im->name.kind == IMPERSONATED_SERVICE_ACCOUNT;
}

static bool is_for_user_info(const struct impersonation *im)
{
	return im->name.kind == IMPERSONATED_OTHER;
}

static bool is_for_legacy(const struct impersonation *im)
{
	(void)im;
	return true;
}

static const struct mode {
	const char *name, *verb;
	bool (*applies)(const struct impersonation *im);
} modes[IMPERSONATION_MODES] = {
	[IMPERSONATION_ASSOCIATED_NODE] = { "associated-node", "impersonate:associated-node",
					    is_for_associated_node },
	[IMPERSONATION_ARBITRARY_NODE] = { "arbitrary-node", "impersonate:arbitrary-node",
					   is_for_arbitrary_node },
	[IMPERSONATION_SERVICE_ACCOUNT] = { "serviceaccount", "impersonate:serviceaccount",
					    is_for_service_account },
	[IMPERSONATION_USER_INFO] = { "user-info", "impersonate:user-info", is_for_user_info },
	[IMPERSONATION_LEGACY] = { "legacy", "impersonate", is_for_legacy },
};

static bool is_constrained(const struct impersonation *im)
{
	return im->mode != IMPERSONATION_LEGACY;
}

/* ---- questions ---- */

enum composed {
	COMPOSED_NOTHING,	/* this part has no further question */
	COMPOSED_QUESTION,
	COMPOSED_REFUSAL,	/* im->authz.reason says why; nobody is asked */
};

/* Names and groups are of the core group in the legacy mode, everything else is not. */
static enum composed ask(struct impersonation *im, bool in_core, struct str resource,
			 struct str name)
{
	im->question = (struct attributes){
		.user = im->question.user,
		.verb = str_from(modes[im->mode].verb),
		.is_resource = true,
		.api_group = in_core && !is_constrained(im) ? STR_NULL : AUTHENTICATION_GROUP,
		.api_version = STR("v1"),
		.resource = resource,
		.name = name,
	};
	return COMPOSED_QUESTION;
}

static enum composed refuse(struct impersonation *im, struct str reason)
{
	im->authz.reason = reason;
	im->authz.error = STR_NULL;
	return COMPOSED_REFUSAL;
}

/* The real request, while impersonating. */
static enum composed compose_request(struct impersonation *im)
{
	if (im->asked || !is_constrained(im))
		return COMPOSED_NOTHING;
	im->question = im->request;
	im->question.verb = arena_printf(im->arena, "impersonate-on:%s:%.*s",
					 modes[im->mode].name, STR_ARG(im->request.verb));
	im->question.user = im->mode == IMPERSONATION_ASSOCIATED_NODE ? &im->associate
		: &im->requester;
	return COMPOSED_QUESTION;
}

/* The associated node's name is not asked for: it is known to be the requester's. */
static enum composed compose_name(struct impersonation *im)
{
	struct str name = im->name.name;

	if (im->asked)
		return COMPOSED_NOTHING;
	switch (im->name.kind) {
	case IMPERSONATED_NODE:
		if (!is_constrained(im))
			break;
		return ask(im, true, STR("nodes"),
			   im->mode == IMPERSONATION_ASSOCIATED_NODE ? STR("*") : name);
	case IMPERSONATED_SERVICE_ACCOUNT:
		ask(im, true, STR("serviceaccounts"), name);
		im->question.namespace = im->name.namespace;
		return COMPOSED_QUESTION;
	case IMPERSONATED_OTHER:
		break;
	}
	return ask(im, true, STR("users"), im->wanted.name);
}

static enum composed compose_uid(struct impersonation *im)
{
	if (im->asked || !im->wanted.uid.n)
		return COMPOSED_NOTHING;
	return ask(im, false, STR("uids"), im->wanted.uid);
}

static enum composed compose_all_groups(struct impersonation *im)
{
	struct str problem, name;

	if (im->asked || !is_constrained(im))
		return COMPOSED_NOTHING;
	problem = impersonation_groups_problem(&im->wanted, &name);
	if (problem.n) {
		ask(im, true, STR("groups"), name);
		return refuse(im, problem);
	}
	if (im->wanted.group_count < IMPERSONATION_MANY)
		return COMPOSED_NOTHING;
	return ask(im, true, STR("groups"), STR("*"));
}

static enum composed compose_group(struct impersonation *im)
{
	if (im->asked == im->wanted.group_count)
		return COMPOSED_NOTHING;
	return ask(im, true, STR("groups"), im->wanted.groups[im->asked]);
}

/* Keys with several values count as often; every key has one. */
static bool has_many_extra(const struct user *wanted)
{
	size_t n = 0;

	for (size_t i = 0; i < wanted->extra_count && n < IMPERSONATION_MANY; i++)
		n += wanted->extra[i].value_count;
	return n >= IMPERSONATION_MANY;
}

static enum composed compose_all_extra(struct impersonation *im)
{
	struct str problem;

	if (im->asked || !is_constrained(im))
		return COMPOSED_NOTHING;
	problem = impersonation_extra_problem(&im->wanted, im->arena);
	if (problem.n) {
		ask(im, false, STR("userextras"), STR_NULL);
		return refuse(im, problem);
	}
	if (!has_many_extra(&im->wanted))
		return COMPOSED_NOTHING;
	ask(im, false, STR("userextras"), STR("*"));
	im->question.subresource = STR("*");
	return COMPOSED_QUESTION;
}

static enum composed compose_extra(struct impersonation *im)
{
	const struct user_extra *e;

	if (im->key == im->wanted.extra_count)
		return COMPOSED_NOTHING;
	e = &im->wanted.extra[im->key];
	ask(im, false, STR("userextras"), e->values[im->value]);
	im->question.subresource = e->key;
	if (++im->value == e->value_count) {
		im->key++;
		im->value = 0;
	}
	return COMPOSED_QUESTION;
}

/* In the order in which they are asked; an earlier refusal ends the mode. */
static const struct part {
	enum composed (*compose)(struct impersonation *im);	/* NULL: the end */
	bool is_for_all;	/* allowed, the next part is not asked; refused, it decides */
} parts[] = {
	{ compose_request, false },
	{ compose_name, false },
	{ compose_uid, false },
	{ compose_all_groups, true },
	{ compose_group, false },
	{ compose_all_extra, true },
	{ compose_extra, false },
	{ NULL, false },
};

/* Without the gate. */
static const struct part old_parts[] = {
	{ compose_name, false },
	{ compose_group, false },
	{ compose_extra, false },
	{ compose_uid, false },
	{ NULL, false },
};

static void go_to_part(struct impersonation *im, size_t part)
{
	im->part = part;
	im->asked = im->key = im->value = 0;
}

static void begin_question(struct impersonation *im)
{
	im->authz = (struct authz_request){
		.policy = im->authz.policy,
		.attributes = &im->question,
		.arena = im->arena,
		.resume = im->authz.resume,
		.resume_arg = im->authz.resume_arg,
	};
	im->asking = true;
}

/* Of all modes the first that was refused is the one that is told about. */
static void note_refusal(struct impersonation *im)
{
	const struct attributes *q = &im->question;
	struct str error = im->authz.error, reason = im->authz.reason;

	if (im->is_refused)
		return;
	im->is_refused = true;
	if (!im->is_gated)
		error = STR_NULL;
	if (error.n && reason.n)
		reason = arena_printf(im->arena, "%.*s: %.*s", STR_ARG(error), STR_ARG(reason));
	else if (error.n)
		reason = error;
	im->refusal = (struct forbidden){
		.user = im->requester.name, .verb = q->verb, .path = q->path,
		.is_resource = q->is_resource, .namespace = q->namespace, .group = q->api_group,
		.resource = q->resource, .subresource = q->subresource, .name = q->name,
		.reason = reason,
	};
}

/* The next question, or the one that is pending; ALLOW when there is none left in this mode. */
static enum authz_decision run_mode(struct impersonation *im)
{
	const struct part *list = im->is_gated ? parts : old_parts;

	while (list[im->part].compose) {
		const struct part *p = &list[im->part];
		enum composed c = im->asking ? COMPOSED_QUESTION : p->compose(im);
		enum authz_decision d;

		if (c == COMPOSED_REFUSAL)
			return AUTHZ_DENY;
		if (c == COMPOSED_NOTHING) {
			go_to_part(im, im->part + 1);
			continue;
		}
		if (!im->asking)
			begin_question(im);
		d = authz_chain_run(&im->authz);
		if (d == AUTHZ_PENDING)
			return d;
		im->asking = false;
		im->asked++;
		if (p->is_for_all)
			go_to_part(im, im->part + (d == AUTHZ_ALLOW ? 2 : 1));
		else if (d != AUTHZ_ALLOW)
			return d;
	}
	return AUTHZ_ALLOW;
}

static void become(struct impersonation *im)
{
	im->user = im->wanted;
	if (is_constrained(im))
		im->constraint = modes[im->mode].verb;
	impersonation_complete(&im->user, is_constrained(im), im->arena);
}

enum authz_decision impersonation_run(struct impersonation *im)
{
	for (; im->mode < IMPERSONATION_MODES; im->mode++) {
		enum authz_decision d;

		if (!modes[im->mode].applies(im))
			continue;
		d = run_mode(im);
		if (d == AUTHZ_ALLOW)
			become(im);
		if (d == AUTHZ_ALLOW || d == AUTHZ_PENDING)
			return d;
		note_refusal(im);
		go_to_part(im, 0);
	}
	return AUTHZ_NO_OPINION;
}

/* ---- the beginning ---- */

static int compare_strs(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/*
 * For the associated-node mode all service accounts of that name are one, wherever they run: of
 * their extra only the names of the keys are shown to authorizers.
 */
static struct user associate_of(const struct user *requester, struct arena *a)
{
	struct user_extra *extra = arena_zalloc(a, sizeof(*extra));
	struct str *keys = arena_alloc(a, (requester->extra_count + 1) * sizeof(*keys));
	struct user u = *requester;

	for (size_t i = 0; i < u.extra_count; i++)
		keys[i] = u.extra[i].key;
	if (u.extra_count > 1)
		qsort(keys, u.extra_count, sizeof(*keys), compare_strs);
	*extra = (struct user_extra){ ASSOCIATED_KEYS, keys, u.extra_count };
	u.extra = extra;
	u.extra_count = 1;
	return u;
}

void impersonation_init(struct impersonation *im, const struct authz_policy *policy,
			const struct attributes *request, const struct user *wanted,
			bool is_gated, struct arena *a, void (*resume)(void *arg),
			void *resume_arg)
{
	*im = (struct impersonation){
		.arena = a,
		.requester = *request->user,
		.wanted = *wanted,
		.name = impersonation_name(wanted->name),
		.request = *request,
		.is_gated = is_gated,
		.mode = is_gated ? 0 : IMPERSONATION_LEGACY,
		.authz = { .policy = policy, .resume = resume, .resume_arg = resume_arg },
	};
	if (is_for_associated_node(im))
		im->associate = associate_of(&im->requester, a);
	im->request.user = im->question.user = &im->requester;
}
