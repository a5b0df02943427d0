/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes objects from JSON to protobuf by the schema tables, for tests and benches. */
#ifndef TESTS_NODE_GRAPH_ENCODE_H
#define TESTS_NODE_GRAPH_ENCODE_H

#include <jansson.h>

#include "base/strbuf.h"
#include "codec/schema.h"

/* Appends the message's bytes.  Times are all the same moment; unknown members are left out. */
void encode_message(struct strbuf *b, const struct schema_message *m, json_t *v);
void encode_varint(struct strbuf *b, uint64_t n);
/* A field of bytes: its tag, length and text. */
void encode_bytes(struct strbuf *b, uint32_t number, struct str text);

#endif
