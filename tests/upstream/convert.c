/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/convert.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/object.h"
#include "codec/schema.h"
#include "tests/upstream/store.h"

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

/* Writing. */

static void put_varint(struct strbuf *out, uint64_t v)
{
	while (v >= 0x80) {
		strbuf_add_char(out, (char)(v | 0x80));
		v >>= 7;
	}
	strbuf_add_char(out, (char)v);
}

static void put_tag(struct strbuf *out, uint32_t number, enum wire wire)
{
	put_varint(out, (uint64_t)number << 3 | wire);
}

static void put_bytes(struct strbuf *out, uint32_t number, struct str s)
{
	put_tag(out, number, WIRE_BYTES);
	put_varint(out, s.n);
	strbuf_add_str(out, s);
}

static void put_int(struct strbuf *out, uint32_t number, int64_t v)
{
	put_tag(out, number, WIRE_VARINT);
	put_varint(out, (uint64_t)v);
}

static struct str text_of(const json_t *v)
{
	if (!json_is_string(v))
		return STR_NULL;
	return str_make(json_string_value(v), json_string_length(v));
}

static int64_t integer_of(const json_t *v)
{
	if (json_is_integer(v))
		return json_integer_value(v);
	if (json_is_real(v))
		return (int64_t)json_real_value(v);
	return json_is_true(v) ? 1 : 0;
}

static void put_base64(struct strbuf *out, uint32_t number, struct str text)
{
	unsigned char *raw = xmalloc(text.n / 4 * 3 + 4);
	int n = EVP_DecodeBlock(raw, (const unsigned char *)text.p, (int)text.n);

	for (size_t i = text.n; n > 0 && i > 0 && text.p[i - 1] == '='; i--)
		n--;
	put_bytes(out, number, str_make((char *)raw, n > 0 ? (size_t)n : 0));
	free(raw);
}

static void put_message(struct strbuf *out, const struct schema_message *m, const json_t *v);

static void put_sub(struct strbuf *out, uint32_t number, const struct schema_message *m,
		    const json_t *v)
{
	struct strbuf sub = STRBUF_INIT;

	put_message(&sub, m, v);
	put_bytes(out, number, strbuf_str(&sub));
	strbuf_fini(&sub);
}

/* "2026-01-02T03:04:05.000006Z" to seconds and nanoseconds. */
static bool read_time(const char *text, int64_t *seconds, int64_t *nanos)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t scale = 100000000, hours, minutes;

	if (!rest)
		return false;
	*seconds = timegm(&tm);
	*nanos = 0;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
			*nanos += (*rest - '0') * scale;
	if ((*rest == '+' || *rest == '-') && strlen(rest) == 6) {
		hours = strtol(rest + 1, NULL, 10);
		minutes = strtol(rest + 4, NULL, 10);
		*seconds -= (*rest == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
	}
	return true;
}

static void put_time(struct strbuf *out, const json_t *v, bool micro)
{
	int64_t seconds, nanos;

	if (!json_is_string(v) || !read_time(json_string_value(v), &seconds, &nanos))
		return;
	put_int(out, 1, seconds);
	put_int(out, 2, micro ? nanos / 1000 * 1000 : 0);
}

static void put_int_or_string(struct strbuf *out, const json_t *v)
{
	bool is_text = json_is_string(v);

	put_int(out, 1, is_text);
	put_int(out, 2, is_text ? 0 : integer_of(v));
	put_bytes(out, 3, text_of(v));
}

/* FieldsV1 and RawExtension: the JSON text itself. */
static void put_json(struct strbuf *out, const json_t *v)
{
	char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (text)
		put_bytes(out, 1, str_from(text));
	free(text);
}

static bool put_special(struct strbuf *out, const struct schema_message *m, const json_t *v)
{
	size_t i;
	json_t *item;

	switch (m->special) {
	case SCHEMA_PLAIN:
		return false;
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
		put_time(out, v, m->special == SCHEMA_MICROTIME);
		break;
	case SCHEMA_JSON:
		put_json(out, v);
		break;
	case SCHEMA_QUANTITY:
		if (json_is_number(v))
			put_bytes(out, 1, STR("0"));
		else
			put_bytes(out, 1, text_of(v));
		break;
	case SCHEMA_INT_OR_STRING:
		put_int_or_string(out, v);
		break;
	case SCHEMA_STRING_LIST:
		json_array_foreach((json_t *)v, i, item)
			put_bytes(out, 1, text_of(item));
		break;
	}
	return true;
}

static void put_value(struct strbuf *out, uint32_t number, enum schema_type type,
		      const struct schema_message *m, const json_t *v)
{
	double d;

	switch (type) {
	case SCHEMA_STRING:
		put_bytes(out, number, text_of(v));
		break;
	case SCHEMA_BYTES:
		put_base64(out, number, text_of(v));
		break;
	case SCHEMA_BOOL:
	case SCHEMA_INT64:
		put_int(out, number, integer_of(v));
		break;
	case SCHEMA_INT32:
		put_int(out, number, (int32_t)integer_of(v));
		break;
	case SCHEMA_DOUBLE:
		d = json_number_value(v);
		put_tag(out, number, WIRE_FIXED64);
		strbuf_add(out, &d, sizeof(d));
		break;
	case SCHEMA_MESSAGE:
		put_sub(out, number, m, v);
		break;
	case SCHEMA_MAP:
		break;
	}
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_map(struct strbuf *out, const struct schema_field *f, const json_t *v)
{
	size_t n = json_object_size(v), i = 0;
	const char **keys = xcalloc(n + 1, sizeof(*keys));
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)v, key, value)
		keys[i++] = key;
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (i = 0; i < n; i++) {
		struct strbuf entry = STRBUF_INIT;

		put_bytes(&entry, 1, str_from(keys[i]));
		put_value(&entry, 2, f->map_value, f->message, json_object_get(v, keys[i]));
		put_bytes(out, f->number, strbuf_str(&entry));
		strbuf_fini(&entry);
	}
	free(keys);
}

static void put_field(struct strbuf *out, const struct schema_field *f, const json_t *object)
{
	const json_t *v = f->is_inline ? object : json_object_get(object, f->name);
	size_t i;
	json_t *item;

	if (json_is_null(v))
		v = NULL;
	if (f->type == SCHEMA_MAP) {
		put_map(out, f, v);
		return;
	}
	if (f->repeated) {
		json_array_foreach((json_t *)v, i, item)
			put_value(out, f->number, f->type, f->message, item);
		return;
	}
	if (v || (!f->pointer && f->type != SCHEMA_BYTES))
		put_value(out, f->number, f->type, f->message, v);
}

static void put_message(struct strbuf *out, const struct schema_message *m, const json_t *v)
{
	if (put_special(out, m, v))
		return;
	for (size_t i = 0; i < m->field_count; i++)
		put_field(out, &m->fields[i], v);
}

/* Names. */

static bool is_list(const json_t *value)
{
	return str_has_suffix(object_text(value, "kind"), STR("List")) &&
	       json_is_array(json_object_get(value, "items"));
}

static bool is_metadata_only(struct str kind)
{
	return str_has_prefix(kind, STR("PartialObjectMetadata"));
}

static const struct schema_message *message_of(struct str api_version, struct str kind)
{
	if (str_eq(kind, STR("Status")))
		return schema_message_find("meta.v1.Status");
	if (str_eq(kind, STR("DeleteOptions")))
		return schema_message_find("meta.v1.DeleteOptions");
	return schema_kind_find(api_version, kind);
}

static const struct schema_message *item_message(const json_t *value)
{
	struct str kind = object_text(value, "kind");

	if (is_list(value))
		kind = str_slice(kind, 0, kind.n - 4);
	return message_of(object_text(value, "apiVersion"), kind);
}

bool convert_has_protobuf(const json_t *value)
{
	return is_metadata_only(object_text(value, "kind")) || item_message(value);
}

/* PartialObjectMetadata {1 metadata} is in no table. */
static void put_item(struct strbuf *out, const struct schema_message *m, const json_t *v)
{
	if (m)
		put_message(out, m, v);
	else
		put_sub(out, 1, schema_message_find("meta.v1.ObjectMeta"),
			json_object_get(v, "metadata"));
}

static void put_list(struct strbuf *out, const struct schema_message *m, const json_t *value)
{
	size_t i;
	json_t *item;

	put_sub(out, 1, schema_message_find("meta.v1.ListMeta"),
		json_object_get(value, "metadata"));
	json_array_foreach(json_object_get(value, "items"), i, item) {
		struct strbuf one = STRBUF_INIT;

		put_item(&one, m, item);
		put_bytes(out, 2, strbuf_str(&one));
		strbuf_fini(&one);
	}
}

void convert_to_protobuf(struct strbuf *out, const json_t *value)
{
	bool metadata_only = is_metadata_only(object_text(value, "kind"));
	const struct schema_message *m = metadata_only ? NULL : item_message(value);
	struct strbuf raw = STRBUF_INIT, type = STRBUF_INIT;

	if (is_list(value))
		put_list(&raw, m, value);
	else
		put_item(&raw, m, value);
	put_bytes(&type, 1, object_text(value, "apiVersion"));
	put_bytes(&type, 2, object_text(value, "kind"));
	strbuf_add(out, "k8s\0", 4);
	put_bytes(out, 1, strbuf_str(&type));
	put_bytes(out, 2, strbuf_str(&raw));
	put_bytes(out, 3, STR_NULL);
	put_bytes(out, 4, STR_NULL);
	strbuf_fini(&type);
	strbuf_fini(&raw);
}

void convert_watch_frame(struct strbuf *out, const char *type, const json_t *object)
{
	struct strbuf body = STRBUF_INIT, extension = STRBUF_INIT, frame = STRBUF_INIT;
	uint8_t length[4];

	convert_to_protobuf(&body, object);
	put_bytes(&extension, 1, strbuf_str(&body));
	put_bytes(&frame, 1, str_from(type));
	put_bytes(&frame, 2, strbuf_str(&extension));
	for (int i = 0; i < 4; i++)
		length[i] = (uint8_t)(frame.n >> (24 - 8 * i));
	strbuf_add(out, length, sizeof(length));
	strbuf_add_str(out, strbuf_str(&frame));
	strbuf_fini(&body);
	strbuf_fini(&extension);
	strbuf_fini(&frame);
}

/* Reading. */

static int get_message(struct object_cursor *c, json_t *into);

static json_t *get_time(struct object_cursor *c, bool micro)
{
	struct object_field f;
	int64_t seconds = 0, nanos = 0;
	bool any = false;
	char text[64];
	struct tm tm;
	time_t t;
	size_t n;

	while (object_next(c, &f) > 0) {
		any = true;
		if (f.number == 1)
			seconds = f.integer;
		else if (f.number == 2)
			nanos = f.integer;
	}
	if (!any)
		return NULL;
	t = (time_t)seconds;
	gmtime_r(&t, &tm);
	n = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	if (micro)
		snprintf(text + n, sizeof(text) - n, ".%06dZ", (int)(nanos / 1000 % 1000000));
	else
		snprintf(text + n, sizeof(text) - n, "Z");
	return json_string(text);
}

static json_t *get_int_or_string(struct object_cursor *c)
{
	struct object_field f;
	bool is_text = false;
	int64_t number = 0;
	struct str text = STR_NULL;

	while (object_next(c, &f) > 0) {
		if (f.number == 1)
			is_text = f.integer != 0;
		else if (f.number == 2)
			number = f.integer;
		else if (f.number == 3)
			text = f.text;
	}
	return is_text ? json_str(text) : json_integer(number);
}

static json_t *get_first_text(struct object_cursor *c, bool as_json)
{
	struct object_field f;
	struct str text = STR_NULL;
	json_t *v = NULL;

	while (object_next(c, &f) > 0)
		if (f.number == 1)
			text = f.text;
	if (!as_json)
		return json_str(text);
	if (text.n && json_read(text, &v, NULL))
		v = NULL;
	return v;
}

static json_t *get_string_list(struct object_cursor *c)
{
	struct object_field f;
	json_t *list = json_array();

	while (object_next(c, &f) > 0)
		if (f.number == 1)
			json_array_append_new(list, json_str(f.text));
	return list;
}

static json_t *get_plain(struct object_cursor *c)
{
	json_t *v = json_object();

	if (get_message(c, v)) {
		json_decref(v);
		return NULL;
	}
	return v;
}

/* A sub-message as its JSON form; NULL when it stands for nothing. Errors stay in the cursor. */
static json_t *get_sub(struct object_cursor *c)
{
	switch (c->message->special) {
	case SCHEMA_PLAIN:
		return get_plain(c);
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
		return get_time(c, c->message->special == SCHEMA_MICROTIME);
	case SCHEMA_JSON:
		return get_first_text(c, true);
	case SCHEMA_QUANTITY:
		return get_first_text(c, false);
	case SCHEMA_INT_OR_STRING:
		return get_int_or_string(c);
	case SCHEMA_STRING_LIST:
		return get_string_list(c);
	}
	return NULL;
}

static json_t *get_base64(struct str raw)
{
	char *text = xmalloc((raw.n + 2) / 3 * 4 + 1);
	json_t *v;

	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)raw.p, (int)raw.n);
	v = json_string(text);
	free(text);
	return v;
}

/* The value of a field; NULL for one that is left out of JSON (or with *err, an error). */
static json_t *get_value(const struct object_field *f, enum schema_type type, bool keep_empty,
			 int *err)
{
	struct object_cursor sub;
	json_t *v;

	switch (type) {
	case SCHEMA_STRING:
		return f->text.n || keep_empty ? json_str(f->text) : NULL;
	case SCHEMA_BYTES:
		return get_base64(f->text);
	case SCHEMA_BOOL:
		return f->integer || keep_empty ? json_boolean(f->integer) : NULL;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		return f->integer || keep_empty ? json_integer(f->integer) : NULL;
	case SCHEMA_DOUBLE:
		return json_real(f->real);
	case SCHEMA_MESSAGE:
		object_enter(f, &sub);
		v = get_sub(&sub);
		if (sub.err)
			*err = sub.err;
		if (v && !keep_empty && json_is_object(v) && !json_object_size(v)) {
			json_decref(v);
			v = NULL;
		}
		return v;
	case SCHEMA_MAP:
		break;
	}
	return NULL;
}

static void set_map_entry(json_t *into, const struct schema_field *s,
			  const struct object_field *f, json_t *v)
{
	json_t *map = json_object_get(into, s->name);

	if (!map) {
		map = json_object();
		json_object_set_new(into, s->name, map);
	}
	json_object_setn_new(map, f->key.p ? f->key.p : "", f->key.n, v);
}

static int get_field(const struct object_cursor *c, const struct object_field *f, json_t *into)
{
	const struct schema_field *s = schema_field_by_number(c->message, f->number);
	bool is_map = s->type == SCHEMA_MAP;
	struct object_cursor sub;
	json_t *v, *list;
	int err = 0;

	if (s->is_inline) {
		object_enter(f, &sub);
		return get_message(&sub, into);
	}
	v = get_value(f, is_map ? s->map_value : s->type, is_map || s->repeated || s->pointer,
		      &err);
	if (err || !v) {
		json_decref(v);
		return err;
	}
	if (is_map) {
		set_map_entry(into, s, f, v);
	} else if (s->repeated) {
		list = json_object_get(into, s->name);
		if (!list) {
			list = json_array();
			json_object_set_new(into, s->name, list);
		}
		json_array_append_new(list, v);
	} else {
		json_object_set_new(into, s->name, v);
	}
	return 0;
}

static int get_message(struct object_cursor *c, json_t *into)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		rc = get_field(c, &f, into);
		if (rc) {
			c->err = rc;
			return rc;
		}
	}
	return rc;
}

int convert_from_protobuf(struct str body, json_t **out)
{
	struct object_envelope e;
	const struct schema_message *m;
	struct object_cursor c;
	json_t *v;
	int rc = object_envelope_read(body, &e);

	if (rc)
		return rc;
	m = message_of(e.api_version, e.kind);
	if (!m)
		return ERR_UNSUPPORTED;
	v = json_object();
	json_object_set_new(v, "kind", json_str(e.kind));
	json_object_set_new(v, "apiVersion", json_str(e.api_version));
	object_cursor_protobuf(&c, m, e.raw.p, e.raw.n);
	rc = get_message(&c, v);
	if (rc) {
		json_decref(v);
		return rc;
	}
	*out = v;
	return 0;
}
