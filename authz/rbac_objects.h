/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the RBAC store holds, for the files that compile and aggregate it.  One allocation per
 * object; equal rule lists are held once.
 */
#ifndef AUTHZ_RBAC_OBJECTS_H
#define AUTHZ_RBAC_OBJECTS_H

#include "authz/rbac_index.h"
#include "authz/rbac_pack.h"
#include "base/map.h"

/* The lists of a rule, in the order they are packed. */
enum rbac_list {
	RBAC_VERBS, RBAC_API_GROUPS, RBAC_RESOURCES, RBAC_RESOURCE_NAMES, RBAC_NON_RESOURCE_URLS,
};
#define RBAC_LISTS 5

enum rbac_subject_kind { RBAC_USER, RBAC_GROUP, RBAC_SERVICE_ACCOUNT };

/* `count` rules, each RBAC_LISTS times a number of strings and these. */
struct rbac_rules {
	uint32_t refs;
	uint32_t number;	/* dense, for tables beside the store; < rules_number_end */
	uint32_t count;
	struct str packed;	/* behind the struct; the key in rbac_store.rules */
};

/*
 * data holds the key (namespace, NUL, name), then packed:
 *   bindings: kind and name of the role; per subject its enum rbac_subject_kind, name, namespace
 *   cluster roles: labels (number, then key and value each); selectors (number, then each)
 *   a selector: labels as above; expressions (number, then key, operator, number, values each)
 */
struct rbac_object {
	struct rbac_rules *rules;	/* a reference; roles only */
	uint32_t key_n, namespace_n;
	uint32_t subject_count;		/* those that can apply at all */
	uint32_t seen;			/* relist that saw it last */
	char data[];
};

struct rbac_store {
	struct map objects[RBAC_KINDS];	/* key to struct rbac_object, owned */
	struct map rules;		/* packed to struct rbac_rules */
	uint32_t relist[RBAC_KINDS];
	uint32_t rules_number_end;
	struct strbuf free_numbers;	/* uint32_t each */
};

static inline struct str rbac_object_key(const struct rbac_object *o)
{
	return str_make(o->data, o->key_n);
}

static inline struct str rbac_object_namespace(const struct rbac_object *o)
{
	return str_make(o->data, o->namespace_n);
}

static inline struct str rbac_object_name(const struct rbac_object *o)
{
	return str_skip(rbac_object_key(o), o->namespace_n + 1);
}

static inline struct rbac_unpack rbac_object_unpack(const struct rbac_object *o)
{
	return (struct rbac_unpack){ o->data + o->key_n };
}

/* All objects of a kind, ordered by key: cluster kinds by name, others by namespace and name. */
const struct rbac_object **rbac_store_sorted(const struct rbac_store *s, enum rbac_kind kind);
/* The object, or NULL. */
struct rbac_object *rbac_store_get(const struct rbac_store *s, enum rbac_kind kind,
				   struct str namespace, struct str name);
/* A reference to rules with that content. */
struct rbac_rules *rbac_rules_acquire(struct rbac_store *s, struct str packed, uint32_t count);
void rbac_rules_release(struct rbac_store *s, struct rbac_rules *r);

#endif
