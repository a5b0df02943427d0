/* SPDX-License-Identifier: Apache-2.0 */
/* Which kind of object an endpoint takes and stores, and in which form that is read. */
#ifndef ADMISSION_ENDPOINT_H
#define ADMISSION_ENDPOINT_H

#include "authz/attributes.h"
#include "codec/schema.h"

struct endpoint {
	struct str kind;		/* static; empty: none that is read here */
	struct str api_version;		/* of a body that does not say; arena or static */
	/* NULL: the tables do not have it in this version, so it cannot be read. */
	const struct schema_message *message;
	/* Another version's name for the same body ("policy/v1beta1" for evictions); else empty. */
	struct str other_version;
};

/* By group, plural and, in bodies, subresource. */
void endpoint_find(struct endpoint *out, struct str group, struct str version, struct str resource,
		   struct str subresource, struct arena *a);
/* Can a PUT to it create the object (spec 22 section 8)? */
bool endpoint_creates_by_put(const struct attributes *a);
/* Namespaces are named by their own namespace in attributes, and have none. */
bool endpoint_is_namespaced(const struct attributes *a);

#endif
