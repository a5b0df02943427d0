/* SPDX-License-Identifier: Apache-2.0 */
/* Texts on which no two readers can disagree: what is said twice or oddly is refused. */
#include "config.h"

#include "codec/tree.h"

#include "base/check.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "codec/json.h"
#include "codec/json_check.h"
#include "codec/wire.h"

#define NUMBER_MAX 536870911	/* protobuf field numbers */

/* Equal but for case, with the two characters beyond ASCII that Go folds to k and s. */
static bool folds_to(const char *name, const char *wanted)
{
	for (; *wanted; wanted++) {
		char want = (char)(*wanted | 0x20);

		if ((*name | 0x20) == want)
			name++;
		else if (want == 'k' && !strncmp(name, "\xe2\x84\xaa", 3))
			name += 3;
		else if (want == 's' && !strncmp(name, "\xc5\xbf", 2))
			name += 2;
		else
			return false;
	}
	return !*name;
}

static bool is_folded_type(const char *name)
{
	static const char *const names[] = { "apiVersion", "kind" };

	for (size_t i = 0; i < 2; i++)
		if (folds_to(name, names[i]) && strcmp(name, names[i]))
			return true;
	return false;
}

static const char *json_complaint(const json_error_t *e)
{
	switch (json_error_code((json_error_t *)e)) {
	case json_error_duplicate_key: return "a member of the JSON body is there twice";
	case json_error_numeric_overflow: return "a number in the JSON body is out of range";
	case json_error_null_character:
	case json_error_null_byte_in_key: return "the JSON body contains U+0000";
	case json_error_invalid_utf8: return "the JSON body is not valid UTF-8";
	default: return "the body is not well-formed JSON";	/* the library's own list */
	}
}

int json_read_strict(struct str text, json_t **out, const char **why)
{
	int rc = json_check_values(text, STRICT_VALUES_MAX);
	json_error_t error;
	const char *name;
	json_t *value;

	*out = NULL;
	*why = "the JSON body is too deeply nested or has too many values";
	if (rc < 0)
		return rc;
	*out = json_loadb(text.p ? text.p : "", text.n,
			  JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
	if (!*out) {
		*why = json_complaint(&error);
		return ERR_SYNTAX;
	}
	*why = "a member of the JSON body differs from apiVersion or kind by case only";
	json_object_foreach(*out, name, value)
		if (is_folded_type(name)) {
			json_decref(*out);
			*out = NULL;
			return ERR_SYNTAX;
		}
	*why = NULL;
	return 0;
}

/* One message that is being checked. */
struct checked {
	const struct schema_message *message;
	uint64_t seen;		/* bits of its fields that are there */
	json_t *keys;		/* owned: "<number> <key>" of its maps' entries; NULL: none yet */
	size_t *fields;		/* so far, of the whole text */
	const char **why;
};

static int refuse(const char **why, const char *text)
{
	*why = text;
	return ERR_SYNTAX;
}

/* A number in its shortest form. */
static int read_shortest(const uint8_t **p, const uint8_t *end, uint64_t *out, const char **why)
{
	const uint8_t *start = *p;
	size_t n = 1;

	if (wire_varint(p, end, out) < 0)
		return refuse(why, "the protobuf body is malformed");
	for (uint64_t v = *out; v >= 0x80; v >>= 7)
		n++;
	if ((size_t)(*p - start) != n)
		return refuse(why, "a number in the protobuf body is not in its shortest form");
	/* The tenth byte has one bit: others would be lost. */
	return n == 10 && (*p)[-1] > 1
		? refuse(why, "a number in the protobuf body is out of range") : 0;
}

static int read_piece(const uint8_t **p, const uint8_t *end, struct str *out, const char **why)
{
	uint64_t n;
	int rc = read_shortest(p, end, &n, why);

	if (rc < 0)
		return rc;
	if (n > (uint64_t)(end - *p))
		return refuse(why, "a length in the protobuf body is out of range");
	*out = str_make((const char *)*p, (size_t)n);
	*p += n;
	return 0;
}

static int read_tag(const uint8_t **p, const uint8_t *end, uint32_t *number, unsigned *wire,
		    const char **why)
{
	uint64_t tag;
	int rc = read_shortest(p, end, &tag, why);

	if (rc < 0)
		return rc;
	if (tag >> 3 < 1 || tag >> 3 > NUMBER_MAX)
		return refuse(why, "a field number in the protobuf body is out of range");
	*number = (uint32_t)(tag >> 3);
	*wire = tag & 7;
	return 0;
}

static int check_text(struct str s, const char **why)
{
	if (!str_is_utf8(s) || str_find(s, '\0', 0) >= 0)
		return refuse(why, "a string in the protobuf body is not valid text");
	return 0;
}

/* Messages are as deep as the tables say: none contains itself. */
static int check_message(const struct schema_message *m, struct str s, size_t *fields,
			 const char **why);

static int check_bytes(const struct schema_message *m, enum schema_type type, struct str s,
		       const struct checked *c)
{
	if (type == SCHEMA_MESSAGE)
		return check_message(m, s, c->fields, c->why);
	return type == SCHEMA_STRING ? check_text(s, c->why) : 0;
}

static int check_key(struct checked *c, uint32_t number, struct str key)
{
	struct strbuf b = STRBUF_INIT;
	bool twice;

	if (!c->keys)
		c->keys = json_object();
	strbuf_addf(&b, "%u ", (unsigned)number);
	strbuf_add_str(&b, key);
	twice = json_object_get(c->keys, b.p);
	json_object_set_new(c->keys, b.p, json_null());
	strbuf_fini(&b);
	return twice ? refuse(c->why, "a map key in the protobuf body is there twice") : 0;
}

/* Key and value, each once, in this order, nothing else. */
static int check_entry(struct checked *c, const struct schema_field *s, struct str entry)
{
	const uint8_t *p = (const uint8_t *)entry.p, *end = p + entry.n;
	struct str part[2];
	int rc;

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t number;
		unsigned wire;

		rc = read_tag(&p, end, &number, &wire, c->why);
		if (rc < 0)
			return rc;
		if (number != i + 1 || wire != WIRE_BYTES)
			return refuse(c->why, "a map entry in the protobuf body is not plain");
		rc = read_piece(&p, end, &part[i], c->why);
		if (rc < 0)
			return rc;
	}
	if (p != end)
		return refuse(c->why, "a map entry in the protobuf body is not plain");
	rc = check_text(part[0], c->why);
	if (!rc)
		rc = check_key(c, s->number, part[0]);
	return rc ? rc : check_bytes(s->message, s->map_value, part[1], c);
}

/* Of booleans 0 and 1; of 32-bit numbers what is one. */
static int check_number(enum schema_type type, uint64_t v, const char **why)
{
	bool fits = type == SCHEMA_BOOL ? v <= 1
		: type != SCHEMA_INT32 || (int64_t)v == (int32_t)(uint32_t)v;

	return fits ? 0 : refuse(why, "a number in the protobuf body is out of range");
}

static int check_fixed(const uint8_t **p, const uint8_t *end, size_t n, const char **why)
{
	if ((size_t)(end - *p) < n)
		return refuse(why, "the protobuf body is malformed");
	*p += n;
	return 0;
}

static int check_value(struct checked *c, const struct schema_field *s, unsigned wire,
		       const uint8_t **p, const uint8_t *end)
{
	struct str piece;
	uint64_t v;
	int rc;

	switch (wire) {
	case WIRE_VARINT:
		rc = read_shortest(p, end, &v, c->why);
		return rc || !s ? rc : check_number(s->type, v, c->why);
	case WIRE_FIXED64:
		return check_fixed(p, end, 8, c->why);
	case WIRE_FIXED32:
		return check_fixed(p, end, 4, c->why);
	case WIRE_BYTES:
		rc = read_piece(p, end, &piece, c->why);
		if (rc || !s)
			return rc;
		return s->type == SCHEMA_MAP ? check_entry(c, s, piece)
			: check_bytes(s->message, s->type, piece, c);
	}
	return refuse(c->why, "the protobuf body has a group or an unknown wire type");
}

static unsigned wire_of(enum schema_type type)
{
	switch (type) {
	case SCHEMA_BOOL:
	case SCHEMA_INT32:
	case SCHEMA_INT64: return WIRE_VARINT;
	case SCHEMA_DOUBLE: return WIRE_FIXED64;
	case SCHEMA_STRING:
	case SCHEMA_BYTES:
	case SCHEMA_MESSAGE:
	case SCHEMA_MAP: break;
	}
	return WIRE_BYTES;
}

/* A volume of an unknown kind is an emptyDir to one upstream and something else to a newer one. */
static bool is_closed(const struct schema_message *m)
{
	return !strcmp(m->name, "core.v1.VolumeSource") ||
	       !strcmp(m->name, "core.v1.VolumeProjection");
}

static int check_field(struct checked *c, const uint8_t **p, const uint8_t *end)
{
	const struct schema_field *s;
	uint32_t number;
	unsigned wire;
	uint64_t bit;
	int rc = read_tag(p, end, &number, &wire, c->why);

	if (rc < 0)
		return rc;
	if (++*c->fields > STRICT_VALUES_MAX)
		return refuse(c->why, "the protobuf body has too many fields");
	s = schema_field_by_number(c->message, number);
	if (!s && is_closed(c->message))
		return refuse(c->why, "the protobuf body has a volume of an unknown kind");
	if (s && wire != wire_of(s->type))
		return refuse(c->why, "a field of the protobuf body has another type");
	if (s && !s->repeated && s->type != SCHEMA_MAP) {
		bit = UINT64_C(1) << (s - c->message->fields);
		if (c->seen & bit)
			return refuse(c->why, "a field of the protobuf body is there twice");
		c->seen |= bit;
	}
	return check_value(c, s, wire, p, end);
}

static int check_message(const struct schema_message *m, struct str s, size_t *fields,
			 const char **why)
{
	struct checked c = { .message = m, .fields = fields, .why = why };
	const uint8_t *p = (const uint8_t *)s.p, *end = p + s.n;
	int rc = 0;

	CHECK(m->field_count <= 64);
	while (!rc && p < end)
		rc = check_field(&c, &p, end);
	json_decref(c.keys);
	return rc;
}

int protobuf_check_strict(const struct schema_message *m, const void *p, size_t n,
			  const char **why)
{
	size_t fields = 0;

	*why = NULL;
	return check_message(m, str_make(p, n), &fields, why);
}
