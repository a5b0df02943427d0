/* SPDX-License-Identifier: Apache-2.0 */
/* Objects between their JSON form and protobuf, over the schema tables. */
#ifndef TESTS_UPSTREAM_CONVERT_H
#define TESTS_UPSTREAM_CONVERT_H

#include <jansson.h>

#include "base/strbuf.h"

/* True when objects (and lists, and Status) of that apiVersion and kind have a protobuf form. */
bool convert_has_protobuf(const json_t *value);
/* Appends magic, envelope and message; byte for byte as Kubernetes encoders write. */
void convert_to_protobuf(struct strbuf *out, const json_t *value);
/* Appends one frame of a watch: length, WatchEvent, the object in its envelope. */
void convert_watch_frame(struct strbuf *out, const char *type, const json_t *object);
/*
 * The object in a protobuf body, with apiVersion and kind as the envelope says.
 * ERR_SYNTAX, ERR_UNSUPPORTED (a kind without a schema).
 */
int convert_from_protobuf(struct str body, json_t **out);

#endif
