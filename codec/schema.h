/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema tables: protobuf messages of the Kubernetes API 1.36 that the proxy reads, generated
 * at build time from codec/schema.json (field numbers, JSON names).  Constant data.
 */
#ifndef CODEC_SCHEMA_H
#define CODEC_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum schema_type {
	SCHEMA_STRING, SCHEMA_BYTES, SCHEMA_BOOL, SCHEMA_INT32, SCHEMA_INT64, SCHEMA_DOUBLE,
	SCHEMA_MESSAGE, SCHEMA_MAP,
};

/* How a special message looks in JSON (time as text, quantity as text, ...). */
enum schema_special {
	SCHEMA_PLAIN, SCHEMA_TIME, SCHEMA_MICROTIME, SCHEMA_JSON, SCHEMA_QUANTITY,
	SCHEMA_INT_OR_STRING, SCHEMA_STRING_LIST,
};

struct schema_message;

struct schema_field {
	uint32_t number;
	const char *name;			/* JSON member */
	enum schema_type type;			/* of a map's values: map_value */
	enum schema_type map_value;
	const struct schema_message *message;	/* SCHEMA_MESSAGE, or maps of messages */
	bool repeated, is_inline, pointer;
};

struct schema_message {
	const char *name;			/* "core.v1.Pod" */
	enum schema_special special;
	const struct schema_field *fields;	/* ascending by number */
	uint16_t field_count;
	const uint16_t *by_name;		/* indexes into fields, ascending by JSON name */
};

/* NULL when the tables do not have it. */
const struct schema_message *schema_message_find(const char *name);
/* The message of a kind: ("v1", "Pod"), ("rbac.authorization.k8s.io/v1", "Role"). NULL: unknown. */
const struct schema_message *schema_kind_find(struct str api_version, struct str kind);
/* NULL when the message has no such field. */
const struct schema_field *schema_field_by_name(const struct schema_message *m, struct str name);

/* Numbers ascend from at least 1, so that field n is never behind index n - 1. */
static inline const struct schema_field *
schema_field_by_number(const struct schema_message *m, uint32_t number)
{
	size_t i = number < m->field_count ? number : m->field_count;

	for (; i > 0 && m->fields[i - 1].number >= number; i--)
		if (m->fields[i - 1].number == number)
			return &m->fields[i - 1];
	return NULL;
}

#endif
