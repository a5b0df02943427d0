/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small stand-in for the upstream of one vector: the objects of a cluster, what a server-side
 * apply would make of one, and which status the store gives to a request that was let through.
 */
#ifndef TESTS_NODE_WORLD_H
#define TESTS_NODE_WORLD_H

#include "admission/admission.h"

/* What goes upstream. */
struct world_request {
	const struct attributes *attributes;
	struct str method, query, content_type, body;
	bool has_body;
};

/* The object of that name in a list of objects, in the asked version; owned, NULL: none. */
json_t *world_find(json_t *existing, const struct admission_key *key);
/* Answers the last lookup of r; a dry run of an apply, too. */
void world_answer(json_t *existing, struct admission_request *r, const struct world_request *q);
/* Status of the request: 200, 201, or what is refused at or behind admission. */
int world_status(json_t *existing, const struct world_request *q);
/* A copy in which each object is another one: uid and resourceVersion differ. Owned. */
json_t *world_moved(json_t *existing);

#endif
