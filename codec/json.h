/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded JSON and YAML: jansson values with limits on size and depth, and a splitter that hands
 * out the items of a list or the lines of a watch one at a time, so that no list is ever a tree.
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include <jansson.h>

#include "base/str.h"

#define JSON_DEPTH_MAX 100		/* of one object */
#define YAML_NODES_MAX 100000		/* of one document, aliases expanded */

/* One JSON value, nothing behind it. *line (may be NULL) is where an error is. ERR_SYNTAX, ERR_LIMIT. */
int json_read(struct str text, json_t **out, int *line);
/*
 * YAML or JSON documents of one file, in order; `fn` gets each document that is not empty and the
 * line it starts at, and borrows the value; a negative return ends the walk with it.  Anchors and
 * aliases are expanded (bounded), scalars typed by YAML 1.1 as Kubernetes does.  ERR_SYNTAX with
 * *line and *reason (static text).
 */
int yaml_read(struct str text, int (*fn)(void *arg, json_t *doc, int line), void *arg,
	      int *line, const char **reason);

#endif
