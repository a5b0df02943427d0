/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/authn_config.h"
#include "authn/members.h"

static bool is_configured(const struct authn_config *c)
{
	return c->anonymous;
}

/* Conditions name whole decoded paths: no prefixes, no cleaning (spec 02 section 7). */
static bool path_is_allowed(const struct authn_config *c, struct str path)
{
	for (size_t i = 0; i < c->anonymous_path_count; i++)
		if (str_eq(c->anonymous_paths[i], path))
			return true;
	return !c->anonymous_paths;
}

static enum authn_result authenticate(struct authn_request *r)
{
	static const struct str groups[] = {
		{ GROUP_UNAUTHENTICATED, sizeof(GROUP_UNAUTHENTICATED) - 1 },
	};

	if (!path_is_allowed(r->config, r->path))
		return AUTHN_NONE;
	r->user = (struct user){
		.name = STR(USER_ANONYMOUS), .groups = groups, .group_count = 1,
	};
	return AUTHN_ACCEPT;
}

const struct authn_ops authn_anonymous = { "anonymous", is_configured, authenticate };
