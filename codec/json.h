/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded JSON and YAML as jansson values.  Lists and watches are never read as one value:
 * codec/split.h hands out their items one at a time.
 *
 * Numbers: an integer beyond 64 bits is read as a real, so that one odd annotation or custom field
 * does not make an object unreadable; a field of an integer type refuses it when it is read.
 * U+0000 is an ordinary character of a string (jansson allows it in no member name: ERR_SYNTAX).
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include <jansson.h>

#include "base/str.h"

#define JSON_SIZE_MAX (64 * 1024 * 1024)	/* bytes of one text */
#define JSON_DEPTH_MAX 100		/* of one object */
#define JSON_VALUES_MAX 2000000		/* of one text */
#define YAML_NODES_MAX 100000		/* of one document, aliases expanded */

/*
 * One JSON value, nothing behind it; of a member that is there twice the last counts.  *out is
 * owned (json_decref).  *line (may be NULL) is where an error is.  ERR_SYNTAX, ERR_LIMIT.
 */
int json_read(struct str text, json_t **out, int *line);
/*
 * YAML or JSON documents of one file, in order; `fn` gets each document that is not empty and the
 * line it starts at, and borrows the value; a negative return ends the walk with it (*reason is
 * then NULL).  Anchors, aliases and merge keys are expanded (bounded), scalars typed by YAML 1.1 as
 * Kubernetes does (yes, no, on, off are booleans, 0777 is octal, times stay text); a key that is
 * there twice is an error.  ERR_SYNTAX, ERR_LIMIT with *line and *reason (static text).
 */
int yaml_read(struct str text, int (*fn)(void *arg, json_t *doc, int line), void *arg,
	      int *line, const char **reason);

#endif
