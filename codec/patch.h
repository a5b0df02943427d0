/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a patch makes of an object, as kube-apiserver computes it (spec 22 section 6).  Trees are
 * plain jansson values; the document is never changed in place, the result is owned by the caller
 * (it may share subtrees with its inputs, so none of them may be changed afterwards).
 *
 * Where kube-apiserver's result is not defined (a strategic patch that names one field plainly and
 * by a prefixed key) or two readers could differ (signed array indices, pointers without a leading
 * slash) the patch is refused with PATCH_REFUSED.
 */
#ifndef CODEC_PATCH_H
#define CODEC_PATCH_H

#include <jansson.h>

#include "base/strbuf.h"
#include "codec/schema.h"

#define PATCH_OPERATIONS_MAX 10000		/* of a JSON Patch */
#define PATCH_COPIED_MAX (3 * 1024 * 1024)	/* bytes that all its copies may add */

enum patch_result {
	PATCH_OK,
	PATCH_BAD_REQUEST,	/* 400 with the text */
	PATCH_TOO_LARGE,	/* 413 with the text */
	PATCH_INVALID,		/* 422 */
	PATCH_INTERNAL,		/* 500 with the bare text, as kube-apiserver */
	PATCH_REFUSED,		/* 400 of ours: could be read in two ways */
};

enum patch_type { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC };

/* m: the message of document, for strategic patches; why: text of the error, appended. */
enum patch_result patch_apply(enum patch_type type, const struct schema_message *m,
			      json_t *document, json_t *patch, json_t **out, struct strbuf *why);
/*
 * The `test` operations of a JSON Patch compare texts in kube-apiserver, values here.
 * PATCH_REFUSED with *why when that could differ: the patch tests, and its text (which patch was
 * read from) has strings or numbers that the server would have written otherwise.  Without this
 * check such a patch is at worst taken for one that changes something, which the server then does
 * not do (422).
 */
enum patch_result patch_check_text(enum patch_type type, json_t *patch, struct str text,
				   struct strbuf *why);

/*
 * Could this patch write one of these fields, whatever the object is (spec 21 section 14)?  Paths
 * are dotted, "metadata.labels"; every prefix of one counts as an ancestor.  True also for a patch
 * that cannot be understood.
 */
bool patch_touches(enum patch_type type, json_t *patch, const char *const *paths, size_t n);

#endif
