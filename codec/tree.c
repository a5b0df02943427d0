/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/tree.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "codec/quantity.h"

#define ZERO_TIME INT64_C(-62135596800)		/* Go's time.Time{}: year 1 */
#define YEAR_0 INT64_C(-62167219200)
#define YEAR_10000 INT64_C(253402300800)

static int read_message(struct object_cursor *c, size_t *room, json_t *into);

/* Malformed bytes become U+FFFD, one each, as in kube-apiserver's JSON. */
static void add_text(struct strbuf *out, struct str s)
{
	for (size_t i = 0; i < s.n;) {
		uint32_t rune;
		size_t n = utf8_decode(s.p + i, s.n - i, &rune);

		strbuf_add(out, n ? s.p + i : "\xef\xbf\xbd", n ? n : 3);
		i += n ? n : 1;
	}
}

static json_t *text_value(struct str s)
{
	json_t *v = json_stringn(s.p ? s.p : "", s.n);
	struct strbuf b = STRBUF_INIT;

	if (v)
		return v;
	add_text(&b, s);
	v = json_stringn(b.p ? b.p : "", b.n);
	strbuf_fini(&b);
	return v;
}

/* In JSON base64 may have line breaks: it is written anew. */
static int bytes_value(const struct object_field *f, json_t **out)
{
	struct arena a;
	struct str bytes;
	char *text;
	int rc;

	arena_init(&a);
	rc = object_bytes(f, &a, &bytes);
	if (!rc) {
		text = xmalloc((bytes.n + 2) / 3 * 4 + 1);
		EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.p,
				(int)bytes.n);
		*out = json_string(text);
		free(text);
	}
	arena_fini(&a);
	return rc;
}

static int format_time(int64_t seconds, int64_t nanos, bool micro, json_t **out)
{
	char text[64], fraction[16] = "";
	struct tm tm;
	time_t t = (time_t)seconds;
	size_t n;

	if (seconds < YEAR_0 || seconds >= YEAR_10000 || nanos < 0 || nanos > 999999999)
		return ERR_SYNTAX;
	gmtime_r(&t, &tm);
	if (micro)
		snprintf(fraction, sizeof(fraction), ".%06d", (int)(nanos / 1000));
	else if (nanos)
		snprintf(fraction, sizeof(fraction), ".%09d", (int)nanos);
	for (n = strlen(fraction); !micro && n && fraction[n - 1] == '0';)
		fraction[--n] = '\0';
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
	*out = json_string(text);
	return 0;
}

/* An empty message is Go's zero time; a Time in protobuf has no fractions, whatever it says. */
static int time_value(struct object_cursor *c, json_t **out)
{
	bool micro = c->message->special == SCHEMA_MICROTIME;
	bool is_empty = c->is_json ? !c->json : c->p == c->end;
	int64_t seconds = is_empty ? ZERO_TIME : 0, nanos = 0;
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0)
		if (f.number == 1)
			seconds = f.integer;
		else if (f.number == 2)
			nanos = f.integer;
	if (!micro && !c->is_json)
		nanos = 0;
	return rc < 0 ? rc : format_time(seconds, nanos, micro, out);
}

/* A JSON number: the shortest text that is the same number. */
static void add_real(struct strbuf *out, double v)
{
	char text[40];
	int digits = 15;

	do
		snprintf(text, sizeof(text), "%.*g", digits, v);
	while (digits++ < 17 && strtod(text, NULL) != v);
	strbuf_add_cstr(out, text);
}

static int quantity_value(struct object_cursor *c, json_t *old, json_t **out)
{
	struct strbuf text = STRBUF_INIT, canonical = STRBUF_INIT;
	struct object_field f;
	int rc;

	strbuf_add_cstr(&text, old ? json_string_value(old) : "0");
	while ((rc = object_next(c, &f)) > 0) {
		strbuf_clear(&text);
		if (f.type == OBJECT_INT)
			strbuf_addf(&text, "%lld", (long long)f.integer);
		else if (f.type == OBJECT_DOUBLE)
			add_real(&text, f.real);
		else
			strbuf_add_str(&text, f.text);
	}
	if (!rc)
		rc = quantity_canonical(strbuf_str(&text), &canonical);
	if (!rc)
		*out = text_value(strbuf_str(&canonical));
	strbuf_fini(&text);
	strbuf_fini(&canonical);
	return rc;
}

static int int_or_string_value(struct object_cursor *c, json_t *old, json_t **out)
{
	bool is_text = json_is_string(old);
	struct str text = is_text ? str_make(json_string_value(old), json_string_length(old))
		: STR_NULL;
	int64_t number = json_integer_value(old);
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0)
		switch (f.number) {
		case 1: is_text = f.integer != 0; break;
		case 2: number = f.integer; break;
		case 3: text = f.text; break;
		}
	if (!rc)
		*out = is_text ? text_value(text) : json_integer(number);
	return rc;
}

/* JSON within protobuf is text in field 1; none of it stands for null. */
static int free_value(const struct object_field *field, struct object_cursor *c, json_t *old,
		      json_t **out)
{
	struct object_field f;
	struct str text = STR_NULL;
	int rc;

	if (field->is_json) {
		*out = field->json ? json_deep_copy(field->json) : json_null();
		return 0;
	}
	while ((rc = object_next(c, &f)) > 0)
		text = f.text;
	if (!rc && text.n)
		rc = json_read(text, out, NULL);
	else if (!rc)
		*out = old ? json_incref(old) : json_null();
	return rc;
}

static int take_room(size_t *room)
{
	if (!*room)
		return ERR_LIMIT;
	--*room;
	return 0;
}

static int string_list_value(struct object_cursor *c, size_t *room, json_t *old, json_t **out)
{
	json_t *list = old ? json_incref(old) : json_array();
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		rc = take_room(room);
		if (rc < 0)
			break;
		json_array_append_new(list, text_value(f.text));
	}
	if (rc < 0)
		json_decref(list);
	else
		*out = list;
	return rc;
}

static int plain_value(struct object_cursor *c, size_t *room, json_t *old, json_t **out)
{
	json_t *v = old ? json_incref(old) : json_object();
	int rc = read_message(c, room, v);

	if (rc < 0)
		json_decref(v);
	else
		*out = v;
	return rc;
}

/* A message, over `old` if there is one. */
static int message_value(const struct object_field *f, size_t *room, json_t *old, json_t **out)
{
	struct object_cursor c;

	object_enter(f, &c);
	if (c.err)
		return c.err;
	switch (c.message->special) {
	case SCHEMA_PLAIN: return plain_value(&c, room, old, out);
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME: return time_value(&c, out);
	case SCHEMA_JSON: return free_value(f, &c, old, out);
	case SCHEMA_QUANTITY: return quantity_value(&c, old, out);
	case SCHEMA_INT_OR_STRING: return int_or_string_value(&c, old, out);
	case SCHEMA_STRING_LIST: return string_list_value(&c, room, old, out);
	}
	return ERR_SYNTAX;
}

static int field_value(const struct object_field *f, enum schema_type type, size_t *room,
		       json_t *old, json_t **out)
{
	int rc = take_room(room);

	*out = NULL;
	if (rc < 0)
		return rc;
	switch (type) {
	case SCHEMA_STRING: *out = text_value(f->text); return 0;
	case SCHEMA_BYTES: return bytes_value(f, out);
	case SCHEMA_BOOL: *out = json_boolean(f->integer); return 0;
	case SCHEMA_INT32:
	case SCHEMA_INT64: *out = json_integer(f->integer); return 0;
	case SCHEMA_DOUBLE:
		*out = json_real(f->real);
		return *out ? 0 : ERR_SYNTAX;	/* not a number, or infinite */
	case SCHEMA_MESSAGE: return message_value(f, room, old, out);
	case SCHEMA_MAP: break;
	}
	return ERR_SYNTAX;
}

static bool is_zero_message(const struct schema_message *m, const json_t *v)
{
	switch (m->special) {
	case SCHEMA_PLAIN: return !json_object_size(v);
	case SCHEMA_TIME: return !strcmp(json_string_value(v), "0001-01-01T00:00:00Z");
	case SCHEMA_MICROTIME: return !strcmp(json_string_value(v), "0001-01-01T00:00:00.000000Z");
	case SCHEMA_JSON: return json_is_null(v);
	case SCHEMA_QUANTITY: return !strcmp(json_string_value(v), "0");
	case SCHEMA_INT_OR_STRING: return json_is_integer(v) && !json_integer_value(v);
	case SCHEMA_STRING_LIST: return !json_array_size(v);
	}
	return false;
}

/* Of a field that is neither list nor map. */
static bool is_zero(const struct schema_field *s, const json_t *v)
{
	if (s->type == SCHEMA_MESSAGE)
		return is_zero_message(s->message, v) &&
		       (!s->pointer || s->message->special == SCHEMA_JSON);
	if (s->pointer)
		return false;
	return json_is_false(v) || (json_is_string(v) && !json_string_length(v)) ||
	       (json_is_number(v) && json_number_value(v) == 0);
}

static json_t *member_of(json_t *into, const char *name, json_t *(*make)(void))
{
	json_t *v = json_object_get(into, name);

	if (!v) {
		v = make();
		json_object_set_new(into, name, v);
	}
	return v;
}

/* Keys are C strings to the readers of a tree: U+0000 is refused. */
static int add_entry(json_t *map, struct str key, json_t *v)
{
	struct strbuf b = STRBUF_INIT;

	if (str_find(key, '\0', 0) >= 0) {
		json_decref(v);
		return ERR_SYNTAX;
	}
	strbuf_add(&b, "", 0);
	add_text(&b, key);
	json_object_setn_new(map, b.p ? b.p : "", b.n, v);
	strbuf_fini(&b);
	return 0;
}

static int read_many(const struct object_field *f, size_t *room, json_t *into)
{
	const struct schema_field *s = f->schema;
	bool is_map = s->type == SCHEMA_MAP;
	json_t *v;
	int rc = field_value(f, is_map ? s->map_value : s->type, room, NULL, &v);

	if (rc < 0)
		return rc;
	if (is_map)
		return add_entry(member_of(into, s->name, json_object), f->key, v);
	json_array_append_new(member_of(into, s->name, json_array), v);
	return 0;
}

static int read_one(const struct object_field *f, size_t *room, json_t *into)
{
	const struct schema_field *s = f->schema;
	struct object_cursor sub;
	json_t *v;
	int rc;

	if (s->is_inline) {
		object_enter(f, &sub);
		return sub.err ? sub.err : read_message(&sub, room, into);
	}
	rc = field_value(f, s->type, room, json_object_get(into, s->name), &v);
	if (rc < 0)
		return rc;
	if (is_zero(s, v)) {
		json_object_del(into, s->name);
		json_decref(v);
	} else {
		json_object_set_new(into, s->name, v);
	}
	return 0;
}

static int read_message(struct object_cursor *c, size_t *room, json_t *into)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		bool many = f.schema->repeated || f.schema->type == SCHEMA_MAP;

		rc = many ? read_many(&f, room, into) : read_one(&f, room, into);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int object_tree(struct object_cursor *c, json_t **out)
{
	size_t room = TREE_VALUES_MAX;
	json_t *v = json_object();
	int rc = read_message(c, &room, v);

	*out = NULL;
	if (rc < 0)
		json_decref(v);
	else
		*out = v;
	return rc;
}
