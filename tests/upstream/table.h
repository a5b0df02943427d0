/* SPDX-License-Identifier: Apache-2.0 */
/* The shapes that clients ask for besides the object itself: Table and PartialObjectMetadata. */
#ifndef TESTS_UPSTREAM_TABLE_H
#define TESTS_UPSTREAM_TABLE_H

#include <jansson.h>

#include "tests/upstream/reply.h"

/* A new reference to value (an object or list of kind k) in that shape. */
json_t *table_shape(const struct kind *k, json_t *value, enum reply_as as, const struct call *c);
/* The object of one watch event; columns are only in the first table of a watch. */
json_t *table_event_shape(const struct kind *k, json_t *object, enum reply_as as, bool first,
			  const struct call *c);

#endif
