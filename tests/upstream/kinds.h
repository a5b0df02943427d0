/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that the test API server serves: constant data. */
#ifndef TESTS_UPSTREAM_KINDS_H
#define TESTS_UPSTREAM_KINDS_H

#include <stdbool.h>

#include "base/str.h"

enum kind_flag {
	KIND_NAMESPACED = 1,
	KIND_STATUS = 2,	/* has a status subresource */
	KIND_SCALE = 4,
	KIND_CREATE_ONLY = 8,	/* a review: nothing is stored */
};

struct kind {
	const char *group, *version;	/* group "" is core */
	const char *resource, *singular, *kind;
	const char *short_names;	/* comma list, may be empty */
	const char *message;		/* schema name; NULL: no protobuf form */
	unsigned flags;
	const char *fields;		/* field selectors besides metadata.name and .namespace */
};

#define KINDS_MAX 64

extern const struct kind kinds[];
extern const size_t kinds_count;

/* The kind behind a resource's plural name; NULL when it is not served. */
const struct kind *kind_by_resource(struct str group, struct str version, struct str resource);
/* The kind of an object's apiVersion and kind. */
const struct kind *kind_by_object(struct str api_version, struct str name);
bool kind_group_version_is_served(struct str group, struct str version);
static inline size_t kind_index(const struct kind *k)
{
	return (size_t)(k - kinds);
}
static inline bool kind_is_namespaced(const struct kind *k)
{
	return k->flags & KIND_NAMESPACED;
}
/* "v1" or "apps/v1"; static buffer of 8 turns. */
const char *kind_api_version(const struct kind *k);
/* "pods" or "deployments.apps"; static buffer of 8 turns. */
const char *kind_group_resource(const struct kind *k);

#endif
