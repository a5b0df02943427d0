/* SPDX-License-Identifier: Apache-2.0 */
/* The object reader over protobuf; codec/object_json.c is the same over JSON. */
#include "config.h"

#include "codec/object.h"

#include "base/check.h"
#include "base/err.h"
#include "codec/fields.h"
#include "codec/object_json.h"
#include "codec/wire.h"

void object_cursor_protobuf(struct object_cursor *c, const struct schema_message *m,
			    const void *p, size_t n)
{
	c->message = m;
	c->depth = c->err = 0;
	c->is_json = false;
	c->p = p;
	c->end = n ? c->p + n : c->p;
	c->packed = c->packed_end = NULL;
	c->want = UINT64_MAX;
}

/* How a field of that type is written; a repeated number may also come packed. */
static enum wire_type wire_type_of(enum schema_type t)
{
	switch (t) {
	case SCHEMA_BOOL:
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		return WIRE_VARINT;
	case SCHEMA_DOUBLE:
		return WIRE_FIXED64;
	case SCHEMA_STRING:
	case SCHEMA_BYTES:
	case SCHEMA_MESSAGE:
	case SCHEMA_MAP:
		break;
	}
	return WIRE_BYTES;
}

static int read_double(const uint8_t **p, const uint8_t *end, double *out)
{
	uint64_t bits = 0;

	if (end - *p < 8)
		return ERR_SYNTAX;
	for (int i = 7; i >= 0; i--)
		bits = bits << 8 | (*p)[i];
	memcpy(out, &bits, sizeof(bits));
	*p += 8;
	return 0;
}

/* A bool, integer or double. */
static int read_number(const uint8_t **p, const uint8_t *end, struct object_field *f)
{
	enum schema_type t = f->schema->type;
	uint64_t v;
	int rc;

	if (t == SCHEMA_DOUBLE) {
		f->type = OBJECT_DOUBLE;
		return read_double(p, end, &f->real);
	}
	rc = wire_varint(p, end, &v);
	if (rc < 0)
		return rc;
	f->type = t == SCHEMA_BOOL ? OBJECT_BOOL : OBJECT_INT;
	f->integer = t == SCHEMA_BOOL ? v != 0 : t == SCHEMA_INT32 ? (int32_t)(uint32_t)v
		: (int64_t)v;
	return 0;
}

/*
 * The inside of a map entry.  As in the upstream's decoder a text may reach beyond the entry into
 * the enclosing message, and wire types of key and value are not looked at.
 */
static int read_entry(struct str entry, const uint8_t *limit, struct object_field *f)
{
	const uint8_t *p = (const uint8_t *)entry.p, *end = p + entry.n;
	uint64_t tag;
	int rc = 0;

	while (!rc && p < end) {
		const uint8_t *start = p;
		int32_t number;

		if (wire_varint(&p, limit, &tag) < 0)
			return ERR_SYNTAX;
		number = (int32_t)(uint32_t)(tag >> 3);
		if (number == 1 || number == 2) {
			rc = wire_bytes(&p, limit, number == 1 ? &f->key : &f->text);
		} else {
			p = start;
			rc = wire_skip(&p, end);
		}
	}
	return rc;
}

static int read_bytes(struct object_cursor *c, struct object_field *f)
{
	int rc = wire_bytes(&c->p, c->end, &f->text);

	if (rc < 0)
		return rc;
	f->type = OBJECT_STRING;
	if (f->schema->type == SCHEMA_MAP) {
		struct str entry = f->text;

		f->type = OBJECT_MAP_ENTRY;
		f->text = STR_NULL;
		rc = read_entry(entry, c->end, f);
	} else if (f->schema->type == SCHEMA_MESSAGE) {
		f->type = OBJECT_MESSAGE;
	}
	return rc < 0 ? rc : 1;
}

static int read_packed(struct object_cursor *c, struct object_field *f)
{
	int rc;

	f->schema = c->many;
	f->number = c->many->number;
	rc = read_number(&c->packed, c->packed_end, f);
	return rc < 0 ? rc : 1;
}

/* A field whose tag was read: 1, an error, or 0 for a packed list whose elements come next. */
static int read_field(struct object_cursor *c, unsigned wire, struct object_field *f)
{
	enum wire_type want = wire_type_of(f->schema->type);
	struct str packed;
	int rc;

	if (want == WIRE_BYTES)
		return wire == WIRE_BYTES ? read_bytes(c, f) : ERR_SYNTAX;
	if (wire == want) {
		rc = read_number(&c->p, c->end, f);
		return rc < 0 ? rc : 1;
	}
	if (wire != WIRE_BYTES || !f->schema->repeated)
		return ERR_SYNTAX;
	rc = wire_bytes(&c->p, c->end, &packed);
	if (rc < 0)
		return rc;
	c->many = f->schema;
	c->packed = (const uint8_t *)packed.p;
	c->packed_end = c->packed + packed.n;
	return 0;
}

static bool is_wanted(const struct object_cursor *c, int32_t number)
{
	return number < 64 ? c->want >> number & 1 : c->want == UINT64_MAX;
}

/* Past a field whose tag was read from `start` on. */
static int skip_field(struct object_cursor *c, const uint8_t *start, uint64_t tag)
{
	struct str ignored;

	if ((tag & 7) == WIRE_BYTES)
		return wire_bytes(&c->p, c->end, &ignored);
	c->p = start;
	return wire_skip(&c->p, c->end);
}

/*
 * Past fields that are not wanted, as long as they are short numbers, or bytes with a tag and a
 * length of two bytes at most: nearly all are.  What is not stays for the caller, errors too.
 */
static void skip_unwanted(struct object_cursor *c)
{
	const uint8_t *p = c->p;

	while (c->end - p > 4) {
		uint32_t tag = *p, n;
		const uint8_t *at = p + 1;

		if (tag & 0x80)
			tag = (tag & 0x7f) | (uint32_t)*at++ << 7;
		if (tag >= 64 << 3 || tag < 1 << 3 || c->want >> (tag >> 3) & 1)
			break;
		n = *at++;
		if ((tag & 7) == WIRE_VARINT) {
			if (n & 0x80)
				break;
			p = at;
			continue;
		}
		if (n & 0x80) {
			if (*at & 0x80)
				break;
			n = (n & 0x7f) | (uint32_t)*at++ << 7;
		}
		if ((tag & 7) != WIRE_BYTES || n > (size_t)(c->end - at))
			break;
		p = at + n;
	}
	c->p = p;
}

static int next_protobuf(struct object_cursor *c, struct object_field *f)
{
	uint64_t tag;
	int rc = 0;

	for (;;) {
		const uint8_t *start = c->p;
		int32_t number;

		if (c->packed < c->packed_end)
			return read_packed(c, f);
		if (c->p == c->end)
			return 0;
		if (wire_varint(&c->p, c->end, &tag) < 0)
			return ERR_SYNTAX;
		number = (int32_t)(uint32_t)(tag >> 3);
		if (number <= 0)
			return ERR_SYNTAX;
		f->schema = is_wanted(c, number)
			? schema_field_by_number(c->message, (uint32_t)number) : NULL;
		f->number = (uint32_t)number;
		rc = f->schema ? read_field(c, tag & 7, f) : skip_field(c, start, tag);
		if (rc)
			return rc;
	}
}

int object_next(struct object_cursor *c, struct object_field *f)
{
	int rc;

	if (c->err)
		return c->err;
	/* One by one: this is the hot path, and clearing all of it costs more than the reading. */
	f->key = f->text = STR_NULL;
	f->integer = 0;
	f->real = 0;
	f->json = NULL;
	f->depth = c->depth;
	f->is_json = c->is_json;
	if (c->want != UINT64_MAX && !c->is_json)
		skip_unwanted(c);
	rc = c->is_json ? object_json_next(c, f) : next_protobuf(c, f);
	if (rc < 0)
		c->err = rc;
	return rc;
}

void object_enter(const struct object_field *f, struct object_cursor *sub)
{
	CHECK(f->schema->message);
	if (f->is_json)
		object_json_enter(f, sub);
	else
		object_cursor_protobuf(sub, f->schema->message, f->text.p, f->text.n);
	sub->depth = f->depth + 1;
	if (sub->depth > OBJECT_DEPTH_MAX)
		sub->err = ERR_LIMIT;
}

static int read_type_meta(struct object_cursor *c, struct object_envelope *out)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0)
		switch (f.number) {
		case TYPEMETA_API_VERSION: out->api_version = f.text; break;
		case TYPEMETA_KIND: out->kind = f.text; break;
		}
	return rc;
}

int object_envelope_read(struct str body, struct object_envelope *out)
{
	const struct schema_message *unknown = schema_message_find("runtime.Unknown");
	struct object_cursor c, sub;
	struct object_field f;
	int rc;

	*out = (struct object_envelope){ 0 };
	if (!str_has_prefix(body, OBJECT_MAGIC) || body.n == OBJECT_MAGIC.n)
		return ERR_SYNTAX;
	object_cursor_protobuf(&c, unknown, body.p + OBJECT_MAGIC.n, body.n - OBJECT_MAGIC.n);
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == UNKNOWN_RAW)
			out->raw = f.text;
		if (f.number != UNKNOWN_TYPE_META)
			continue;
		object_enter(&f, &sub);
		rc = read_type_meta(&sub, out);
		if (rc < 0)
			return rc;
	}
	return rc;
}
