/* SPDX-License-Identifier: Apache-2.0 */
/* The generated tables, for codec/schema.c alone; both ascend by the bytes of their names. */
#ifndef CODEC_SCHEMA_TABLES_H
#define CODEC_SCHEMA_TABLES_H

#include "codec/schema.h"

struct schema_kind {
	const char *name;			/* "v1 Pod" */
	const struct schema_message *message;
};

extern const struct schema_message schema_messages[];
extern const size_t schema_message_count;
extern const struct schema_kind schema_kinds[];
extern const size_t schema_kind_count;

#endif
