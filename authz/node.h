/* SPDX-License-Identifier: Apache-2.0 */
/* The Node authorizer (spec 12) and who is a node. */
#ifndef AUTHZ_NODE_H
#define AUTHZ_NODE_H

#include "authz/authz.h"

/*
 * A node: the name begins with `system:node:` and system:nodes is among the groups.  *name is what
 * follows the prefix, unchanged, and may be empty; it is borrowed from u.
 */
bool node_of_user(const struct user *u, struct str *name);

/*
 * struct authz_ops.authorize; ALLOW or NO_OPINION, never an error.  Sets r->node_missed and
 * r->node_question on a miss that a just-bound pod may mend, r->node_refused on every refusal of
 * the decision table.  The caller is a registered reader of the graph (base/rcu.h).
 */
enum authz_decision node_authorize(struct authz_request *r, struct str *reason, struct str *error);

/* The line of a refusal, as kube-apiserver has one at verbosity 2. */
void node_log_denial(const struct attributes *at);

#endif
