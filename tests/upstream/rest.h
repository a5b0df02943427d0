/* SPDX-License-Identifier: Apache-2.0 */
/* The REST verbs on stored objects. */
#ifndef TESTS_UPSTREAM_REST_H
#define TESTS_UPSTREAM_REST_H

#include "authz/attributes.h"
#include "tests/upstream/reply.h"

/* What a resource request is about. */
struct rest {
	struct call *call;
	const struct kind *kind;
	struct str ns, name, subresource;
	bool watch;			/* ?watch=true, or the old /watch/ prefix */
};

/* Label and field selector of a list, watch or deletecollection. */
struct rest_selectors {
	struct selector labels, fields;
	bool any;
};

void rest_run(struct rest *r);
void rest_get(struct rest *r);
void rest_list(struct rest *r);
void rest_create(struct rest *r);
void rest_update(struct rest *r);
void rest_patch(struct rest *r);
void rest_delete(struct rest *r);
void rest_delete_collection(struct rest *r);
/* Subresources other than status; false when there is none of that name. */
bool rest_subresource(struct rest *r);

/* The list document {kind, apiVersion, metadata, items}; items is taken over. */
json_t *rest_list_new(const struct rest *r, uint64_t version, json_t *items);
/* Parses both selectors; answers 400 and returns false when they are wrong. */
bool rest_selectors_read(struct rest *r, struct rest_selectors *out);
bool rest_selectors_match(const struct rest_selectors *s, const json_t *object);
/* True for an object of this request: its namespace and name. */
bool rest_covers(const struct rest *r, const json_t *object);

/*
 * The request's body as an object of kind k (NULL: whatever it says); apiVersion and kind are
 * filled in.  Answers 400 or 415 and returns NULL when it is none.  The caller's reference.
 */
json_t *rest_body(struct rest *r, const struct kind *k);
/* The stored object, borrowed; answers 404 and returns NULL when it is not there. */
json_t *rest_find(struct rest *r);
/*
 * Stores `changed` (taken over) in the place of `old` and answers it with `code`, or only answers
 * it in a dry run.  Keeps what a client may not change; status_only says which half it may.
 */
void rest_commit(struct rest *r, json_t *old, json_t *changed, bool status_only);
/* 409 unless `changed` carries no resourceVersion and uid or those of `old`. */
bool rest_check_version(struct rest *r, const json_t *old, const json_t *changed);
/* 409 unless the preconditions of the options (may be NULL) hold for the object. */
bool rest_check_preconditions(struct rest *r, const json_t *options, const json_t *object);
/* Fills in what the server sets in a new object; kind-specific defaults included. */
void rest_prepare(struct server *s, const struct kind *k, json_t *object, const struct user *u);
/* Stores a prepared object and what belongs to it (a namespace's default service account). */
json_t *rest_add(struct server *s, const struct kind *k, json_t *object);

#endif
