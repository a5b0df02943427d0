/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reader for Kubernetes objects, whatever they came as: protobuf bytes, or JSON or YAML as a
 * jansson value.  The reader walks one message and yields its fields by protobuf field number
 * (JSON names are mapped through the schema tables), so that a consumer is one switch, and what
 * it does not know costs nothing but a skip.  Nothing is built but what the consumer keeps.
 *
 *	while ((rc = object_next(&c, &f)) > 0)
 *		switch (f.number) {
 *		case 1: object_enter(&f, &sub); ... break;
 *
 * Bounds: nesting OBJECT_DEPTH_MAX; lengths are checked against the enclosing message.
 * Errors are sticky: after one, object_next returns it again.
 */
#ifndef CODEC_OBJECT_H
#define CODEC_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "codec/schema.h"

#define OBJECT_DEPTH_MAX 64

enum object_type {
	OBJECT_STRING,		/* also bytes: decoded from base64 in JSON only by object_bytes() */
	OBJECT_INT,		/* int32, int64 */
	OBJECT_BOOL,
	OBJECT_DOUBLE,
	OBJECT_MESSAGE,
	OBJECT_MAP_ENTRY,	/* map<string,string>: key and text; map<string,message>: key and enter */
	OBJECT_NULL,		/* JSON null: the field is absent */
};

struct object_field {
	uint32_t number;	/* of schema field; an unknown field is skipped, never yielded */
	enum object_type type;
	struct str key;		/* map entries */
	struct str text;	/* strings and bytes: borrowed from the input */
	int64_t integer;	/* integers and booleans */
	double real;
	/* private to the reader */
	const struct schema_field *schema;
	const uint8_t *p;
	size_t n;
	json_t *json;
	int depth;
};

struct object_cursor {
	const struct schema_message *message;
	const uint8_t *p, *end;		/* protobuf */
	json_t *json;			/* JSON: borrowed object (or the pending list of a repeated field) */
	void *iter;
	json_t *list;			/* repeated JSON field being yielded element by element */
	size_t list_at;
	const struct schema_field *list_field;
	void *map_iter;			/* map-typed JSON field being yielded entry by entry */
	int depth;
	int err;
};

void object_cursor_protobuf(struct object_cursor *c, const struct schema_message *m,
			    const void *p, size_t n);
/* v is borrowed and must be an object; else the cursor yields ERR_SYNTAX. */
void object_cursor_json(struct object_cursor *c, const struct schema_message *m, json_t *v);
/* 1 and a field, 0 at the end, or a negative error. */
int object_next(struct object_cursor *c, struct object_field *f);
/* Reads a message field's (or message-valued map entry's) inside. */
void object_enter(const struct object_field *f, struct object_cursor *sub);

/* The envelope of a protobuf body: k8s\0 and message Unknown (spec 23 section 1). */
struct object_envelope {
	struct str api_version, kind;
	struct str raw;
};
int object_envelope_read(struct str body, struct object_envelope *out);

#endif
