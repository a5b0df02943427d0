/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --authorization=rbac and node,rbac: the project's own authorizers over the objects of the store.
 */
#ifndef TESTS_UPSTREAM_POLICY_H
#define TESTS_UPSTREAM_POLICY_H

#include "authz/attributes.h"
#include "tests/upstream/server.h"

struct policy;

struct policy *policy_new(struct server *s);
void policy_free(struct policy *p);		/* NULL is allowed */
/* Without a policy (NULL) everything is allowed. The reason is in the arena. */
bool policy_allows(struct policy *p, const struct attributes *a, struct arena *arena,
		   struct str *reason);
/* The rules of a user in a namespace as a SubjectRulesReviewStatus; a new value. */
json_t *policy_rules(struct policy *p, const struct user *u, struct str ns, struct arena *arena);
/* Answers 403 and returns false when the caller may not do this. */
bool policy_check_call(struct call *c);

#endif
