/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a raw query string, as kube-apiserver reads them (spec 01, "Query"). */
#ifndef PROXY_QUERY_H
#define PROXY_QUERY_H

#include "base/arena.h"

#define QUERY_PIECES_MAX 10000	/* a query with more has no parameters at all */

struct query {
	struct str rest;
	struct arena *arena;
};

/*
 * Decodes %XX and, but in a path, + to a blank; borrows what has nothing to decode.  False for an
 * escape that is none: *out is as it came.
 */
bool query_decode(struct arena *a, struct str in, bool is_path, struct str *out);
/* raw is borrowed; decoded keys and values are allocated in the arena. */
void query_init(struct query *q, struct str raw, struct arena *a);
/* The next parameter; pieces that are empty, hold `;` or do not decode are left out. */
bool query_next(struct query *q, struct str *key, struct str *value);

#endif
