/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impersonation headers: whom a request wants to be, and who it is once that is allowed (spec 04
 * sections 1, 3 and 5).  Whether it is allowed is for proxy/impersonate.h.
 */
#ifndef AUTHN_IMPERSONATION_H
#define AUTHN_IMPERSONATION_H

#include "authn/user.h"
#include "http/header.h"

/* User names that stand for something: their groups are known, and some rules are their own. */
enum impersonated_kind {
	IMPERSONATED_OTHER,
	IMPERSONATED_NODE,		/* system:node:<DNS subdomain> */
	IMPERSONATED_SERVICE_ACCOUNT,	/* system:serviceaccount:<DNS label>:<DNS subdomain> */
};

struct impersonated_name {
	enum impersonated_kind kind;
	struct str namespace;		/* of a service account */
	struct str name;		/* of the node or the service account, else the user */
};

/* Borrows from user. */
struct impersonated_name impersonation_name(struct str user);

/*
 * What the headers ask for, as it is written, in the arena or borrowed from h; an empty name:
 * nobody.  ERR_SYNTAX: something but no name was asked for.
 */
int impersonation_read(const struct http_headers *h, struct arena *a, struct user *wanted);
/* What the 400 says then; without the gate ConstrainedImpersonation in older words. */
struct str impersonation_nameless_message(const struct user *wanted, bool is_gated,
					  struct arena *a);

/*
 * Why the constrained modes refuse these groups or this extra whatever the rules say, empty if they
 * do not; *name is the object of the refusal.
 */
struct str impersonation_groups_problem(const struct user *wanted, struct str *name);
struct str impersonation_extra_problem(const struct user *wanted, struct arena *a);

/*
 * Adds the groups that come with the name; the list is in the arena.  Only the constrained modes
 * know nodes.
 */
void impersonation_complete(struct user *u, bool is_constrained, struct arena *a);

#endif
