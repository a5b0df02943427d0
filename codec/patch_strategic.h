/* SPDX-License-Identifier: Apache-2.0 */
/* What objects and lists of strategic patches share, for codec/patch_strategic.c and _list.c. */
#ifndef CODEC_PATCH_STRATEGIC_H
#define CODEC_PATCH_STRATEGIC_H

#include "codec/patch_run.h"

/* The Go type at a place. */
struct patch_shape {
	const struct schema_message *message;	/* NULL: not a structure */
	const char *kind;			/* what it is then: "map" */
};

struct patch_field {
	const struct schema_field *field;
	struct patch_shape shape;		/* of its value or elements */
	bool merges;				/* a list that merges, by key unless that is NULL */
	const char *key;
};

/*
 * The field of a member.  False: an error was noted.  in_object: the object has the member, so the
 * server knows it although the tables may not.
 */
bool patch_field_find(struct patch_run *run, struct patch_shape shape, const char *name,
		      bool in_object, struct patch_field *out);
/* Objects, lists, text, integers, other numbers, booleans and null are seven types. */
bool patch_same_type(const json_t *a, const json_t *b);
/*
 * A value for a place where there was none: objects with a directive are left out at every depth,
 * and null members unless nulls is set.  Owned; NULL when it is such an object itself.
 */
json_t *patch_without_directives(json_t *v, bool nulls);
/* Notes that a $patch directive is not known, in that object. */
void patch_fail_directive(struct patch_run *run, json_t *directive, json_t *map);
/* Owned; NULL when an error was noted. */
json_t *patch_object_merge(struct patch_run *run, struct patch_shape shape, json_t *object,
			   json_t *patch);
json_t *patch_list_merge(struct patch_run *run, const struct patch_field *f, json_t *list,
			 json_t *patch, bool deleting);
/* With $setElementOrder; list and patch may be NULL.  NULL also when there is neither. */
json_t *patch_list_in_order(struct patch_run *run, const struct patch_field *f, json_t *list,
			    json_t *patch, json_t *order);

#endif
