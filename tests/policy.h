/* SPDX-License-Identifier: Apache-2.0 */
/* RBAC objects and requests from the JSON vectors, for the tests and benches of authz/. */
#ifndef TESTS_POLICY_H
#define TESTS_POLICY_H

#include <jansson.h>

#include "authz/rbac_index.h"

/* A file of the test data; ends the process when it cannot be read. Owned. */
json_t *policy_load_json(const char *name);
/* Applies one object, or the items of a List; its result, ERR_UNSUPPORTED for other kinds. */
int policy_apply(struct rbac_store *s, json_t *object);
/* The default objects of kube-apiserver. */
void policy_apply_bootstrap(struct rbac_store *s);
/* The sets that a case names in `objects`, in order. */
void policy_apply_sets(struct rbac_store *s, json_t *fixtures, json_t *names);
/* The text of a member, borrowed; empty when it is not there. */
struct str policy_text(json_t *object, const char *member);
/* A list of texts, in the arena; *n is their number. */
struct str *policy_texts(json_t *list, struct arena *a, size_t *n);
/* {name, groups}; groups are in the arena. */
struct user policy_user(json_t *user, struct arena *a);

#endif
