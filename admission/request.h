/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plugin may ask about the request it judges.  Each function that returns an
 * enum admission_result gives ALLOW when its result is there; anything else the plugin returns at
 * once: NEED (it is run again later) or DENY (r->status is set).
 *
 * Objects are canonical trees (codec/tree.h), borrowed from r.
 */
#ifndef ADMISSION_REQUEST_H
#define ADMISSION_REQUEST_H

#include "admission/admission.h"
#include "codec/patch.h"

/*
 * The object of the body of a CREATE or of a PUT, or what a patch makes of the stored object: as
 * kube-apiserver hands it to admission (decoded by spec 22 sections 1 to 6, of the endpoint's kind,
 * names checked by section 7, owner references merged).  An unreadable body is DENY with the
 * upstream's status and, where there is one, its text.
 */
enum admission_result admission_new_object(struct admission_request *r, json_t **out);
/*
 * The stored object that the request addresses; a missing one is DENY with 404, but *out NULL for
 * a PUT that may create it.  An apply is run as CREATE when the object is missing, else as UPDATE;
 * for a CREATE, and for a DELETE of a collection, *out is NULL.  A client's own precondition on the
 * uid that does not hold is DENY with 409, as it comes before admission (DELETE, PUT).
 */
enum admission_result admission_old_object(struct admission_request *r, json_t **out);
/*
 * The body's options of a DELETE (*out NULL without a body), or of an eviction's or token request's
 * object: its own tree.
 */
enum admission_result admission_body_object(struct admission_request *r, json_t **out);
/* Any other object; *out NULL and *error empty: there is none; *error: it could not be read. */
enum admission_result admission_lookup(struct admission_request *r,
				       const struct admission_key *key, json_t **out,
				       struct str *error);
/*
 * A pod's node and uid, from the cache or a look-up; *found false: there is no such pod.  That it
 * runs elsewhere than on the node that asks is believed of the upstream only.  For the pod that a
 * DELETE addresses, *found false is DENY with 404, and preconditions are judged as for old objects.
 */
enum admission_result admission_pod(struct admission_request *r, struct str namespace,
				    struct str name, bool *found, struct str *node,
				    struct str *uid);
/*
 * Could the update write one of these dotted fields?  False only for a patch that cannot, whatever
 * the object is (spec 21 section 14); true for PUT and apply.
 */
enum admission_result admission_touches(struct admission_request *r, const char *const *paths,
					size_t n, bool *out);
/* Asks the configured authorizers on behalf of the request's user. */
enum admission_result admission_authorize(struct admission_request *r,
					  const struct attributes *a, bool *allowed,
					  struct str *error);

/* The decision holds only for this uid or version: the request is changed to say so. */
void admission_require_uid(struct admission_request *r, struct str uid);
void admission_require_version(struct admission_request *r, struct str version);

/* DENY with 403 `<resource> "<name>" is forbidden: <text>` (spec 20 section 3). */
enum admission_result admission_forbid(struct admission_request *r, struct str text);
/* DENY with 404 `<kind> "<name>" not found` as a plugin says it (details kind as given). */
enum admission_result admission_not_found(struct admission_request *r, struct str kind,
					  struct str name);
/* DENY with 500, a bare text without reason and details. */
enum admission_result admission_internal(struct admission_request *r, struct str text);
/* DENY with a code and a text of the request's own reading (400, 413, 415, 422). */
enum admission_result admission_bad(struct admission_request *r, int code, struct str text);

/* Go's %q (spec 20 section 3), into the arena. */
struct str admission_quote(struct arena *a, struct str s);

/* Trees: NULL where a member is missing or not of that type; the text is borrowed. */
json_t *tree_at(json_t *object, const char *dotted);
struct str tree_text(json_t *object, const char *dotted);

#endif
