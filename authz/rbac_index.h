/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RBAC compiled into an index by subject: a decision costs what the subject's own bindings and
 * rules cost, however many bindings the cluster has.  Built by the control thread from the store
 * (struct rbac_builder), immutable afterwards, read by all workers without locks.
 */
#ifndef AUTHZ_RBAC_INDEX_H
#define AUTHZ_RBAC_INDEX_H

#include "authz/authz.h"
#include "codec/object.h"

enum rbac_kind { RBAC_ROLE, RBAC_CLUSTER_ROLE, RBAC_ROLE_BINDING, RBAC_CLUSTER_ROLE_BINDING };
#define RBAC_KINDS 4

/*
 * The builder's side: parsed objects, compact and deduplicated.  One thread.
 * rbac_store_apply reads one object through a cursor over its message (Role, ClusterRole,
 * RoleBinding, ClusterRoleBinding) and adds or replaces it; ERR_SYNTAX on what is not one, with
 * the store unchanged.
 */
struct rbac_store;
struct rbac_store *rbac_store_new(void);
void rbac_store_free(struct rbac_store *s);
int rbac_store_apply(struct rbac_store *s, enum rbac_kind kind, struct object_cursor *c);
/* Removes; harmless when absent. namespace is empty for cluster kinds. */
void rbac_store_delete(struct rbac_store *s, enum rbac_kind kind, struct str namespace,
		       struct str name);
/*
 * A relist: between begin and commit every applied object is marked as seen; commit removes those
 * of that kind that were not.  A list that fails is ended with abandon, which removes nothing.
 */
void rbac_store_relist_begin(struct rbac_store *s, enum rbac_kind kind);
void rbac_store_relist_commit(struct rbac_store *s, enum rbac_kind kind);
void rbac_store_relist_abandon(struct rbac_store *s, enum rbac_kind kind);
size_t rbac_store_count(const struct rbac_store *s, enum rbac_kind kind);
/* For manifests, which nobody aggregates: fills `rules` of ClusterRoles with an aggregationRule. */
void rbac_store_aggregate(struct rbac_store *s);

/* Compiles the store's content; the index shares nothing with the store afterwards. */
struct rbac_index *rbac_index_build(const struct rbac_store *s);
void rbac_index_free(struct rbac_index *ix);
/* Bytes held, for the bench. */
size_t rbac_index_size(const struct rbac_index *ix);

/* ALLOW or NO_OPINION; the reason as spec 11 section 4 (allow reasons only when r->want_reason). */
enum authz_decision rbac_authorize(struct authz_request *r, struct str *reason, struct str *error);

/* Rule listing for SelfSubjectRulesReview (spec 11 section 5), used by tests now. */
struct rbac_rule_visitor {
	void (*resource_rule)(void *arg, const struct str *verbs, size_t nv,
			      const struct str *groups, size_t ng, const struct str *resources,
			      size_t nr, const struct str *names, size_t nn);
	void (*non_resource_rule)(void *arg, const struct str *verbs, size_t nv,
				  const struct str *urls, size_t nu);
	void *arg;
};
/* The evaluation error (aggregate text, empty if none) goes into *error, in the arena. */
void rbac_rules_for(const struct rbac_index *ix, const struct user *u, struct str namespace,
		    const struct rbac_rule_visitor *v, struct arena *a, struct str *error);

#endif
