/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is added to a request so that the upstream acts only on the object that was decided on
 * (spec 22 sections 10 and 11).  What a client states itself is never overwritten.
 */
#ifndef ADMISSION_PRECONDITION_H
#define ADMISSION_PRECONDITION_H

#include "admission/request.h"

struct claim {
	struct str name;	/* "uid", "resourceVersion" */
	struct str want;	/* what was decided on; empty: nothing is claimed */
	struct str have;	/* what the client states */
	bool stated;
};

/* The upstream reads versions as numbers, and of 0, however it is written, it demands nothing. */
bool precondition_is_version(struct str version);
/* The client's own preconditions of a DELETE, uid and version, of the body or else of the query. */
enum admission_result claims_of_delete(struct admission_request *r, struct claim claims[2]);
/*
 * The body of an apply, for the dry run and afterwards: JSON that names the version that was read,
 * or, with an empty version, one that no object has, so that it creates or fails.  The uid of what
 * was read is named, too: an apply that has one does not create.
 */
enum admission_result precondition_of_apply(struct admission_request *r, struct str uid,
					    struct str version);
/* After every plugin allowed: what goes upstream. DENY when it cannot be said. */
enum admission_result precondition_finish(struct admission_request *r);

/* Of request.c, for the others of this folder: 409 on the addressed object. */
enum admission_result request_conflict(struct admission_request *r, struct str text);
/* Is it an UPDATE or, as an apply to a missing object is, a CREATE? Sets r->operation. */
enum admission_result request_resolve(struct admission_request *r);

#endif
