/* SPDX-License-Identifier: Apache-2.0 */
/* Who a request is from: name, uid, ordered groups, extra (spec 02). */
#ifndef AUTHN_USER_H
#define AUTHN_USER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct user_extra {
	struct str key;
	const struct str *values;
	size_t value_count;
};

/* A value: everything it points to is borrowed from an arena or a snapshot. */
struct user {
	struct str name;
	struct str uid;
	const struct str *groups;
	size_t group_count;
	const struct user_extra *extra;
	size_t extra_count;
};

bool user_has_group(const struct user *u, struct str group);
/*
 * Adds system:authenticated at the end as the union does (spec 02 section 1), unless the user is
 * anonymous or already has it (or system:unauthenticated).  The new list is in the arena.
 */
void user_add_authenticated(struct user *u, struct arena *a);
/* A deep copy in the arena. */
void user_copy(struct user *out, const struct user *in, struct arena *a);
/* A deep copy in one allocation, for what outlives a request; ended with user_free. */
struct user *user_dup(const struct user *in);
void user_free(struct user *u);		/* NULL is allowed */

#define USER_ANONYMOUS "system:anonymous"
#define GROUP_UNAUTHENTICATED "system:unauthenticated"
#define GROUP_AUTHENTICATED "system:authenticated"
#define GROUP_MASTERS "system:masters"

#endif
