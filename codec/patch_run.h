/* SPDX-License-Identifier: Apache-2.0 */
/* One application of a patch, for codec/patch*.c alone. */
#ifndef CODEC_PATCH_RUN_H
#define CODEC_PATCH_RUN_H

#include "codec/patch.h"

/*
 * Steps: elements compared, moved and copied.  kube-apiserver has no such limit and spends seconds
 * where lists are compared with each other; a patch that needs more is refused.
 */
#define PATCH_STEPS_MAX 4000000

struct patch_run {
	struct strbuf *why;		/* borrowed */
	enum patch_result result;	/* PATCH_OK until the first error */
	size_t steps;
};

/* All that is said of a patch that is well formed but cannot be applied. */
#define PATCH_NOT_PROCESSED "the server rejected our request due to an error in our request"

/* Each returns a value that the caller owns, or NULL with run->result set. */
json_t *patch_json_apply(struct patch_run *run, json_t *document, json_t *patch);
json_t *patch_merge_apply(struct patch_run *run, json_t *document, json_t *patch);
json_t *patch_strategic_apply(struct patch_run *run, const struct schema_message *m,
			      json_t *document, json_t *patch);

/* Notes the first error, with its text; NULL, for the caller to return. */
json_t *patch_fail(struct patch_run *run, enum patch_result result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* kube-apiserver ends such a request by a panic that it recovers from: its answer to that. */
json_t *patch_fail_panic(struct patch_run *run);
/* Counts n steps; false when they were too many (run->result is set) or an error came before. */
bool patch_step(struct patch_run *run, size_t n);

/* "$deleteFromPrimitiveList/f": what stands behind the first slash; NULL when none does. */
const char *patch_prefixed_field(const char *member, const char *prefix);
#define PATCH_DELETE_FROM_LIST "$deleteFromPrimitiveList"
#define PATCH_SET_ORDER "$setElementOrder"

/*
 * How the lists of a field merge.  False: they replace each other.  *key is the member that
 * identifies their elements, NULL for lists of scalars.
 */
bool patch_list_merges(const struct schema_message *m, const char *field, const char **key);
/* The table behind it, by index; false behind its end. */
bool patch_merge_key_row(size_t i, const char **message, const char **field, const char **key);

/* How Go's decoder calls the type of a value, "number", and what it makes of one, "float64". */
const char *patch_type_name(const json_t *v);
const char *patch_go_type(const json_t *v);
/* As Go's %v prints a decoded value, cut at PATCH_PRINT_MAX bytes. */
void patch_print(struct strbuf *out, json_t *v);
#define PATCH_PRINT_MAX 65536

#endif
