/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/node_graph_encode.h"

#define MOMENT 1767225600	/* seconds since the epoch */

void encode_varint(struct strbuf *b, uint64_t n)
{
	for (; n >= 128; n >>= 7)
		strbuf_add_char(b, (char)(n | 128));
	strbuf_add_char(b, (char)n);
}

void encode_bytes(struct strbuf *b, uint32_t number, struct str text)
{
	encode_varint(b, number << 3 | 2);
	encode_varint(b, text.n);
	strbuf_add_str(b, text);
}

static void encode_number(struct strbuf *b, uint32_t number, uint64_t value)
{
	encode_varint(b, number << 3);
	encode_varint(b, value);
}

static struct str text_of(json_t *v)
{
	return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NULL;
}

/* What is a scalar in JSON and a message in protobuf. */
static void encode_special(struct strbuf *b, enum schema_special special, json_t *v)
{
	char *text;

	switch (special) {
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
		encode_number(b, 1, MOMENT);
		encode_number(b, 2, 0);
		break;
	case SCHEMA_QUANTITY:
		encode_bytes(b, 1, text_of(v));
		break;
	case SCHEMA_INT_OR_STRING:
		encode_number(b, 1, json_is_string(v));
		encode_number(b, 2, (uint64_t)json_integer_value(v));
		encode_bytes(b, 3, text_of(v));
		break;
	case SCHEMA_JSON:
		text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		encode_bytes(b, 1, str_from(text));
		free(text);
		break;
	case SCHEMA_STRING_LIST:
		for (size_t i = 0; i < json_array_size(v); i++)
			encode_bytes(b, 1, text_of(json_array_get(v, i)));
		break;
	case SCHEMA_PLAIN:
		break;
	}
}

static void encode_inside(struct strbuf *b, uint32_t number, const struct schema_message *m,
			  json_t *v)
{
	struct strbuf inside = STRBUF_INIT;

	encode_message(&inside, m, v);
	encode_bytes(b, number, strbuf_str(&inside));
	strbuf_fini(&inside);
}

static void encode_map(struct strbuf *b, const struct schema_field *f, json_t *map)
{
	const char *key;
	json_t *v;

	json_object_foreach(map, key, v) {
		struct strbuf entry = STRBUF_INIT;

		encode_bytes(&entry, 1, str_from(key));
		if (f->map_value == SCHEMA_MESSAGE)
			encode_inside(&entry, 2, f->message, v);
		else
			encode_bytes(&entry, 2, text_of(v));
		encode_bytes(b, f->number, strbuf_str(&entry));
		strbuf_fini(&entry);
	}
}

static void encode_value(struct strbuf *b, const struct schema_field *f, json_t *v)
{
	switch (f->type) {
	case SCHEMA_STRING:
	case SCHEMA_BYTES:
		encode_bytes(b, f->number, text_of(v));
		break;
	case SCHEMA_BOOL:
		encode_number(b, f->number, json_is_true(v));
		break;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		encode_number(b, f->number, (uint64_t)json_integer_value(v));
		break;
	case SCHEMA_MESSAGE:
		encode_inside(b, f->number, f->message, v);
		break;
	case SCHEMA_MAP:
		encode_map(b, f, v);
		break;
	case SCHEMA_DOUBLE:
		break;
	}
}

void encode_message(struct strbuf *b, const struct schema_message *m, json_t *v)
{
	encode_special(b, m->special, v);
	if (m->special != SCHEMA_PLAIN)
		return;
	for (size_t i = 0; i < m->field_count; i++) {
		const struct schema_field *f = &m->fields[i];
		json_t *member = f->is_inline ? v : json_object_get(v, f->name);

		if (!member || json_is_null(member))
			continue;
		if (!f->repeated) {
			encode_value(b, f, member);
			continue;
		}
		for (size_t j = 0; j < json_array_size(member); j++)
			encode_value(b, f, json_array_get(member, j));
	}
}
