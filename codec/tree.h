/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object as a JSON tree.  object_tree() gives the form in which two readings of an object can be
 * compared, whatever it came as: known fields only, under their JSON names; absent, null and (but
 * for pointers, of which presence counts) zero values, empty lists, maps and messages left out;
 * times as RFC 3339 in UTC, bytes as base64, quantities in one form for one value.  In lists and
 * maps every element stays.  Malformed UTF-8 is U+FFFD, as in kube-apiserver's JSON: two texts that
 * differ there only are equal here, so what is guarded goes through a strict reader first.
 */
#ifndef CODEC_TREE_H
#define CODEC_TREE_H

#include "codec/object.h"

#define TREE_VALUES_MAX 500000	/* of one object: a small body can hold many empty ones */

/*
 * Of a text or message that a strict reader takes.  What nodes send has some hundreds, the largest
 * resource slice some ten thousand; a tree of millions takes a second to build.
 */
#define STRICT_VALUES_MAX 50000

/*
 * Reads the whole message at c, later values over earlier ones as kube-apiserver's decoder merges
 * them.  *out is owned (json_decref).  ERR_SYNTAX (a value that does not fit its field, U+0000 in a
 * map key), ERR_LIMIT.
 */
int object_tree(struct object_cursor *c, json_t **out);
/*
 * A JSON text on which no two readers can disagree (spec 22 section 9, method A): besides what
 * json_read() refuses, duplicate members at any depth, members of the outermost object that differ
 * from apiVersion or kind by case only, integers beyond 64 bits, U+0000 or invalid UTF-8 anywhere,
 * and more than STRICT_VALUES_MAX values.  *why is static text for the answer.
 * ERR_SYNTAX, ERR_LIMIT.
 */
int json_read_strict(struct str text, json_t **out, const char **why);
/*
 * Protobuf on which no two readers can disagree (spec 23 section 4): of message m, over p.  ERR_OK
 * or ERR_SYNTAX with *why (static), also for more than STRICT_VALUES_MAX fields.  A body's envelope
 * is checked as the message runtime.Unknown over what follows the magic, and then its raw as the
 * message of the endpoint's kind.
 */
int protobuf_check_strict(const struct schema_message *m, const void *p, size_t n,
			  const char **why);

#endif
