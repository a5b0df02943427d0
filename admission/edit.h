/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to a JSON text that leave every other byte as it came, so that numbers, unknown members
 * and the spelling of strings are what the client sent.  The text is one that json_read_strict()
 * accepted: no member is there twice, nothing is cut short.
 */
#ifndef ADMISSION_EDIT_H
#define ADMISSION_EDIT_H

#include <jansson.h>

#include "base/strbuf.h"

#define EDIT_PATH_MAX 4
#define EDIT_DUMP_MAX (3 * 1024 * 1024)	/* of edit_dump; aliases of YAML can be worth more */

/*
 * Adds the text to out with the member at path, n names (at most EDIT_PATH_MAX), set to the JSON
 * in value.  Objects on the way are made where they are missing or null; a value of another type on
 * the way is replaced.  The outermost value is an object.
 */
void edit_set(struct strbuf *out, struct str text, const struct str *path, size_t n,
	      struct str value);
/* The same with value added at the end of the list at path (n may be 0); false: it is no list. */
bool edit_append(struct strbuf *out, struct str text, const struct str *path, size_t n,
		 struct str value);

/*
 * Adds v as JSON that is YAML too and on which no two readers disagree: reals in the shortest form
 * that is the same double, what YAML does not print escaped.  Depth is bounded by JSON_DEPTH_MAX of
 * what was read; a value that JSON cannot express (infinity) makes an unreadable text, and so does
 * one that is longer than EDIT_DUMP_MAX.
 */
void edit_dump(struct strbuf *out, json_t *v);

#endif
