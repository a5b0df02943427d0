/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>

#include "authz/authz.h"
#include "authz/node.h"
#include "authz/rbac_index.h"
#include "base/check.h"
#include "base/mem.h"

/* --- The small authorizers --- */

/* Always first, whatever is configured (spec 10 section 3). */
static enum authz_decision privileged_group(struct authz_request *r, struct str *reason,
					    struct str *error)
{
	const struct user *u = r->attributes->user;

	if (!u) {
		*reason = STR("Error");
		*error = STR("no user on request.");
		return AUTHZ_NO_OPINION;
	}
	for (size_t i = 0; i < u->group_count; i++)
		if (str_eq(u->groups[i], STR(GROUP_MASTERS)))
			return AUTHZ_ALLOW;
	return AUTHZ_NO_OPINION;
}

static enum authz_decision always_allow(struct authz_request *r, struct str *reason,
					struct str *error)
{
	(void)r;
	(void)reason;
	(void)error;
	return AUTHZ_ALLOW;
}

/* It only says that it has no opinion; others behind it may allow. */
static enum authz_decision always_deny(struct authz_request *r, struct str *reason,
				       struct str *error)
{
	(void)r;
	(void)error;
	*reason = STR("Everything is forbidden.");
	return AUTHZ_NO_OPINION;
}

/* Before the caches are filled nobody is bound to anything. */
static enum authz_decision rbac(struct authz_request *r, struct str *reason, struct str *error)
{
	return r->policy->rbac ? rbac_authorize(r, reason, error) : AUTHZ_NO_OPINION;
}

static const struct authz_ops privileged_group_ops = { "privileged-group", privileged_group };
static const struct authz_ops always_allow_ops = { "alwaysallow", always_allow };
static const struct authz_ops always_deny_ops = { "alwaysdeny", always_deny };
static const struct authz_ops rbac_ops = { "rbac", rbac };
static const struct authz_ops node_ops = { "node", node_authorize };

/* NULL: this build does not have it. */
static const struct authz_ops *ops_of(enum authorization_mode m)
{
	switch (m) {
	case MODE_ALWAYS_ALLOW: return &always_allow_ops;
	case MODE_ALWAYS_DENY: return &always_deny_ops;
	case MODE_RBAC: return &rbac_ops;
	case MODE_NODE: return &node_ops;
	case MODE_ABAC:
	case MODE_WEBHOOK:
		break;
	}
	return NULL;
}

bool authz_mode_is_supported(enum authorization_mode m)
{
	return ops_of(m);
}

const char *authz_mode_name(enum authorization_mode m)
{
	switch (m) {
	case MODE_ALWAYS_ALLOW: return "AlwaysAllow";
	case MODE_ALWAYS_DENY: return "AlwaysDeny";
	case MODE_ABAC: return "ABAC";
	case MODE_WEBHOOK: return "Webhook";
	case MODE_RBAC: return "RBAC";
	case MODE_NODE: return "Node";
	}
	return "unknown";
}

/* --- Policy --- */

static void policy_free(struct snapshot *s)
{
	struct authz_policy *p = container_of(s, struct authz_policy, snapshot);

	if (p->rbac)
		rbac_index_free(p->rbac);
	free(p);
}

struct authz_policy *authz_policy_new(const enum authorization_mode *modes, size_t n,
				      struct rbac_index *index)
{
	struct authz_policy *p = xcalloc(1, sizeof(*p));

	CHECK(n <= AUTHORIZATION_MODES_MAX);
	for (size_t i = 0; i < n; i++) {
		CHECK(authz_mode_is_supported(modes[i]));
		p->modes[i] = modes[i];
	}
	p->mode_count = n;
	p->rbac = index;
	p->node_gates = (struct node_gates){ .service_account_tokens = true };
	snapshot_init(&p->snapshot, policy_free);
	return p;
}

/* --- The union (spec 10 section 3) --- */

static struct str join(struct arena *a, const struct str *v, size_t n, struct str separator)
{
	struct strbuf b = STRBUF_INIT;
	struct str s;

	if (n <= 1)
		return n ? v[0] : STR_NULL;
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_add_str(&b, separator);
		strbuf_add_str(&b, v[i]);
	}
	s = arena_str(a, strbuf_str(&b));
	strbuf_fini(&b);
	return s;
}

/* Equal texts once, at their first place; brackets around several. */
static struct str aggregate(struct arena *a, const struct str *v, size_t n)
{
	struct str distinct[AUTHORIZATION_MODES_MAX + 1] = { STR_NULL }, s;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		size_t j = 0;

		while (j < kept && !str_eq(distinct[j], v[i]))
			j++;
		if (j == kept)
			distinct[kept++] = v[i];
	}
	s = join(a, distinct, kept, STR(", "));
	return kept > 1 ? arena_printf(a, "[%.*s]", STR_ARG(s)) : s;
}

enum authz_decision authz_chain_run(struct authz_request *r)
{
	for (; r->step <= r->policy->mode_count; r->step++) {
		const struct authz_ops *ops = r->step ? ops_of(r->policy->modes[r->step - 1])
			: &privileged_group_ops;
		struct str reason = STR_NULL, error = STR_NULL;
		enum authz_decision d = ops->authorize(r, &reason, &error);

		if (d == AUTHZ_PENDING)
			return d;
		if (d != AUTHZ_NO_OPINION) {
			r->reason = reason;
			r->error = error;
			r->authorizer = ops->name;
			return d;
		}
		if (reason.n)
			r->reasons[r->reason_count++] = reason;
		if (error.n)
			r->errors[r->error_count++] = error;
		/* Nobody can judge a request without a user. */
		if (!r->attributes->user)
			break;
	}
	r->reason = join(r->arena, r->reasons, r->reason_count, STR("\n"));
	r->error = aggregate(r->arena, r->errors, r->error_count);
	return AUTHZ_NO_OPINION;
}
