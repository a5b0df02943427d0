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
 * Repeated fields and maps are yielded element by element.  Protobuf is read by the rules of
 * kube-apiserver's decoder (spec 23 section 2): what is there twice is yielded twice, in order, and
 * the consumer lets the last scalar win and merges messages.  In JSON a null is an absent field, an
 * unknown member is skipped, an inlined message is yielded once with the members of its parent, and
 * a message whose JSON form is a scalar (times, quantities, int-or-string) yields the fields of its
 * protobuf form, but that a quantity written as a number is OBJECT_INT or OBJECT_DOUBLE; free JSON
 * (RawExtension, FieldsV1) yields nothing.
 *
 * Bounds: nesting OBJECT_DEPTH_MAX (ERR_LIMIT); lengths are checked against the enclosing message
 * (ERR_SYNTAX, as for a value of the wrong type).
 * Errors are sticky: after one, object_next returns it again.  Nothing is allocated.
 */
#ifndef CODEC_OBJECT_H
#define CODEC_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "codec/schema.h"

#define OBJECT_DEPTH_MAX 64

enum object_type {
	OBJECT_STRING,		/* also bytes: in JSON base64 until object_bytes() decodes them */
	OBJECT_INT,		/* int32, int64 */
	OBJECT_BOOL,
	OBJECT_DOUBLE,
	OBJECT_MESSAGE,
	OBJECT_MAP_ENTRY,	/* key, and text (strings, bytes) or enter (messages) */
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
	json_t *json;			/* NULL with is_json: null in a list or map */
	int depth;
	bool is_json;
};

struct object_cursor {
	const struct schema_message *message;
	int depth;
	int err;
	/* private to the reader */
	bool is_json;
	uint16_t step;				/* over inlined fields, or a scalar form's fields */
	const struct schema_field *many;	/* the field of packed, list or map */
	uint64_t want;				/* see object_want */
	union {
		struct {
			const uint8_t *p, *end;
			/* a list of numbers being yielded */
			const uint8_t *packed, *packed_end;
		};
		struct {
			json_t *json;		/* borrowed; NULL: an empty message */
			void *iter;		/* member to come */
			json_t *list;		/* repeated field being yielded */
			size_t list_at;
			json_t *map;		/* map being yielded */
			void *map_iter;
		};
	};
};

void object_cursor_protobuf(struct object_cursor *c, const struct schema_message *m,
			    const void *p, size_t n);
/* v is borrowed and must be an object; else the cursor yields ERR_SYNTAX. */
void object_cursor_json(struct object_cursor *c, const struct schema_message *m, json_t *v);
/*
 * A hint, before the first object_next: bit n is set when field n matters, and other fields (all
 * from 64 on) may be left out, read no further than to where they end.  It makes what has many
 * fields cheap to read for the sake of a few.
 */
static inline void object_want(struct object_cursor *c, uint64_t fields)
{
	c->want = fields;
}
/* 1 and a field, 0 at the end, or a negative error. */
int object_next(struct object_cursor *c, struct object_field *f);
/* Reads a message field's (or message-valued map entry's) inside. */
void object_enter(const struct object_field *f, struct object_cursor *sub);
/* The bytes of a bytes field: base64 in JSON is decoded into the arena. ERR_SYNTAX. */
int object_bytes(const struct object_field *f, struct arena *a, struct str *out);

#define OBJECT_MAGIC STR("k8s\0")

/* The envelope of a protobuf body: k8s\0 and message Unknown (spec 23 section 1). */
struct object_envelope {
	struct str api_version, kind;	/* borrowed from the body, as raw; empty when absent */
	struct str raw;
};
/* ERR_SYNTAX. */
int object_envelope_read(struct str body, struct object_envelope *out);

#endif
