/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/object_json.h"

#include "base/check.h"
#include "base/err.h"
#include "codec/base64.h"
#include "codec/rfc3339.h"

static struct str text_of(const json_t *v)
{
	return str_make(json_string_value(v), json_string_length(v));
}

static void set_object(struct object_cursor *c, json_t *v)
{
	c->json = v;
	if (v && !json_is_object(v))
		c->err = ERR_SYNTAX;
	else
		c->iter = json_object_iter(v);
}

void object_cursor_json(struct object_cursor *c, const struct schema_message *m, json_t *v)
{
	*c = (struct object_cursor){ .message = m, .is_json = true };
	set_object(c, v);
	if (!v)
		c->err = ERR_SYNTAX;
}

void object_json_enter(const struct object_field *f, struct object_cursor *sub)
{
	*sub = (struct object_cursor){ .message = f->schema->message, .is_json = true };
	switch (sub->message->special) {
	case SCHEMA_PLAIN:
		set_object(sub, f->json);
		break;
	case SCHEMA_STRING_LIST:
		sub->list = f->json;
		sub->many = &sub->message->fields[0];
		break;
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
	case SCHEMA_QUANTITY:
	case SCHEMA_INT_OR_STRING:
		sub->json = f->json;
		break;
	case SCHEMA_JSON:
		break;
	}
}

/* Can v stand for a message of that form? */
static bool is_form(enum schema_special special, const json_t *v)
{
	switch (special) {
	case SCHEMA_PLAIN: return json_is_object(v);
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME: return json_is_string(v);
	case SCHEMA_QUANTITY: return json_is_string(v) || json_is_number(v);
	case SCHEMA_INT_OR_STRING: return json_is_string(v) || json_is_number(v);
	case SCHEMA_STRING_LIST: return json_is_array(v);
	case SCHEMA_JSON: return true;
	}
	return false;
}

/* Integers are reals in an object that has one beyond 64 bits somewhere (codec/json.h). */
static int read_integer(const json_t *v, enum schema_type type, struct object_field *f)
{
	double real = json_real_value(v);

	f->type = OBJECT_INT;
	if (json_is_integer(v))
		f->integer = json_integer_value(v);
	else if (json_is_real(v) && real >= -0x1p53 && real <= 0x1p53)
		f->integer = (int64_t)real;
	else
		return ERR_SYNTAX;
	if (json_is_real(v) && (double)f->integer != real)
		return ERR_SYNTAX;
	if (type == SCHEMA_INT32 && (f->integer < INT32_MIN || f->integer > INT32_MAX))
		return ERR_SYNTAX;
	return 1;
}

/* One value of a field of that type: 1 or ERR_SYNTAX. */
static int read_value(enum schema_type type, json_t *v, struct object_field *f)
{
	f->json = v;
	switch (type) {
	case SCHEMA_STRING:
	case SCHEMA_BYTES:
		f->type = OBJECT_STRING;
		f->text = text_of(v);
		return json_is_string(v) ? 1 : ERR_SYNTAX;
	case SCHEMA_BOOL:
		f->type = OBJECT_BOOL;
		f->integer = json_is_true(v);
		return json_is_boolean(v) ? 1 : ERR_SYNTAX;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		return read_integer(v, type, f);
	case SCHEMA_DOUBLE:
		f->type = OBJECT_DOUBLE;
		f->real = json_number_value(v);
		return json_is_number(v) ? 1 : ERR_SYNTAX;
	case SCHEMA_MESSAGE:
		f->type = OBJECT_MESSAGE;
		return is_form(f->schema->message->special, v) ? 1 : ERR_SYNTAX;
	case SCHEMA_MAP:
		break;
	}
	return ERR_SYNTAX;
}

/* Null in a list or map is the empty value of its type. */
static int read_null(enum schema_type type, struct object_field *f)
{
	f->json = NULL;
	switch (type) {
	case SCHEMA_STRING:
	case SCHEMA_BYTES: f->type = OBJECT_STRING; return 1;
	case SCHEMA_BOOL: f->type = OBJECT_BOOL; return 1;
	case SCHEMA_INT32:
	case SCHEMA_INT64: f->type = OBJECT_INT; return 1;
	case SCHEMA_DOUBLE: f->type = OBJECT_DOUBLE; return 1;
	case SCHEMA_MESSAGE: f->type = OBJECT_MESSAGE; return 1;
	case SCHEMA_MAP: break;
	}
	return ERR_SYNTAX;
}

static int read_element(enum schema_type type, json_t *v, struct object_field *f)
{
	return json_is_null(v) ? read_null(type, f) : read_value(type, v, f);
}

static void set_schema(struct object_field *f, const struct schema_field *schema)
{
	f->schema = schema;
	f->number = schema->number;
}

/* The next element of the list or entry of the map that is being yielded; 0 when it is used up. */
static int next_of_many(struct object_cursor *c, struct object_field *f)
{
	int rc;

	set_schema(f, c->many);
	if (c->list_at < json_array_size(c->list))
		return read_element(c->many->type, json_array_get(c->list, c->list_at++), f);
	c->list = NULL;
	if (!c->map_iter)
		return 0;
	f->key = str_from(json_object_iter_key(c->map_iter));
	rc = read_element(c->many->map_value, json_object_iter_value(c->map_iter), f);
	f->type = OBJECT_MAP_ENTRY;
	c->map_iter = json_object_iter_next(c->map, c->map_iter);
	return rc;
}

/* A member of a known name: 1, an error, or 0 when its elements come next. */
static int read_member(struct object_cursor *c, json_t *v, struct object_field *f)
{
	c->many = f->schema;
	if (f->schema->repeated) {
		c->list = v;
		c->list_at = 0;
		return json_is_array(v) ? 0 : ERR_SYNTAX;
	}
	if (f->schema->type == SCHEMA_MAP) {
		c->map = v;
		c->map_iter = json_object_iter(v);
		return json_is_object(v) ? 0 : ERR_SYNTAX;
	}
	return read_value(f->schema->type, v, f);
}

static int next_member(struct object_cursor *c, struct object_field *f)
{
	const struct schema_field *schema;
	json_t *v = json_object_iter_value(c->iter);

	schema = schema_field_by_name(c->message, str_from(json_object_iter_key(c->iter)));
	c->iter = json_object_iter_next(c->json, c->iter);
	if (!schema || schema->is_inline || json_is_null(v))
		return 0;
	set_schema(f, schema);
	return read_member(c, v, f);
}

/* Messages inlined into this one have their members in the same object. */
static int next_inlined(struct object_cursor *c, struct object_field *f)
{
	while (c->json && c->step < c->message->field_count) {
		const struct schema_field *schema = &c->message->fields[c->step++];

		if (!schema->is_inline)
			continue;
		set_schema(f, schema);
		return read_value(schema->type, c->json, f);
	}
	return 0;
}

static int next_time(struct object_cursor *c, struct object_field *f)
{
	int64_t seconds = 0;
	int32_t nanos = 0;
	int rc = rfc3339_parse(text_of(c->json), &seconds, &nanos);

	f->type = OBJECT_INT;
	f->integer = c->step == 1 ? seconds : nanos;
	return rc < 0 ? rc : 1;
}

static int next_quantity(struct object_cursor *c, struct object_field *f)
{
	if (json_is_string(c->json))
		return read_value(SCHEMA_STRING, c->json, f);
	return read_value(json_is_integer(c->json) ? SCHEMA_INT64 : SCHEMA_DOUBLE, c->json, f);
}

static int next_int_or_string(struct object_cursor *c, struct object_field *f)
{
	bool is_text = json_is_string(c->json);

	if (c->step == 1) {
		f->type = OBJECT_INT;
		f->integer = is_text;
		return 1;
	}
	if (is_text)
		set_schema(f, &c->message->fields[2]);
	return read_value(is_text ? SCHEMA_STRING : SCHEMA_INT32, c->json, f);
}

/* A scalar that stands for a message: its fields 1 and 2 (or 3) in turn. */
static int next_of_scalar(struct object_cursor *c, struct object_field *f)
{
	enum schema_special special = c->message->special;

	if (!c->json || c->step >= (special == SCHEMA_QUANTITY ? 1 : 2))
		return 0;
	set_schema(f, &c->message->fields[c->step++]);
	if (special == SCHEMA_QUANTITY)
		return next_quantity(c, f);
	return special == SCHEMA_INT_OR_STRING ? next_int_or_string(c, f) : next_time(c, f);
}

int object_json_next(struct object_cursor *c, struct object_field *f)
{
	int rc = 0;

	while (!rc && (c->list || c->map_iter || c->iter))
		rc = c->list || c->map_iter ? next_of_many(c, f) : next_member(c, f);
	if (rc)
		return rc;
	switch (c->message->special) {
	case SCHEMA_PLAIN:
		return next_inlined(c, f);
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
	case SCHEMA_QUANTITY:
	case SCHEMA_INT_OR_STRING:
		return next_of_scalar(c, f);
	case SCHEMA_STRING_LIST:
	case SCHEMA_JSON:
		break;
	}
	return 0;
}

int object_bytes(const struct object_field *f, struct arena *a, struct str *out)
{
	if (!f->is_json) {
		*out = f->text;
		return 0;
	}
	return base64_decode(f->text, a, out);
}
