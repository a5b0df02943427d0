/* SPDX-License-Identifier: Apache-2.0 */
/* What an authorizer gets (spec 10 section 1). A value; everything is borrowed. */
#ifndef AUTHZ_ATTRIBUTES_H
#define AUTHZ_ATTRIBUTES_H

#include "authn/user.h"

enum selector_operator {
	SELECTOR_EQUALS, SELECTOR_NOT_EQUALS, SELECTOR_IN, SELECTOR_NOT_IN, SELECTOR_EXISTS,
	SELECTOR_DOES_NOT_EXIST, SELECTOR_GREATER, SELECTOR_LESS,
};

struct selector_requirement {
	struct str key;
	enum selector_operator op;
	const struct str *values;
	size_t value_count;
};

struct selector {
	struct str raw;			/* text as received; empty: none */
	const struct selector_requirement *v;
	size_t n;
	bool unparsable;		/* then n is 0 */
};

struct attributes {
	const struct user *user;
	struct str verb;
	bool is_resource;
	struct str namespace, api_group, api_version, resource, subresource, name;
	struct str path;		/* decoded */
	struct selector field_selector, label_selector;
};

/* Spec 01 section 7; requirements are allocated in the arena. ERR_SYNTAX sets unparsable. */
int selector_parse_fields(struct str text, struct arena *a, struct selector *out);
int selector_parse_labels(struct str text, struct arena *a, struct selector *out);

#endif
