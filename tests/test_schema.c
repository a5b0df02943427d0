/* SPDX-License-Identifier: Apache-2.0 */
/* The generated tables against codec/schema.json, read as JSON here and by awk there. */
#include "config.h"

#include "codec/schema.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/fields.h"
#include "codec/schema_tables.h"
#include "tests/tap.h"

static json_t *schema;

static json_t *section(const char *name)
{
	return json_object_get(schema, name);
}

static enum schema_type type_of(const char *text)
{
	static const struct { const char *text; enum schema_type type; } types[] = {
		{ "string", SCHEMA_STRING }, { "bytes", SCHEMA_BYTES }, { "bool", SCHEMA_BOOL },
		{ "int32", SCHEMA_INT32 }, { "int64", SCHEMA_INT64 }, { "double", SCHEMA_DOUBLE },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(text, types[i].text))
			return types[i].type;
	return strncmp(text, "map<", 4) ? SCHEMA_MESSAGE : SCHEMA_MAP;
}

/* The type of a map's values, as text. */
static const char *value_type(const char *text)
{
	static char value[200];

	snprintf(value, sizeof(value), "%s", text + strlen("map<string,"));
	value[strlen(value) - 1] = '\0';
	return value;
}

static void check_type(const struct schema_field *f, const char *text)
{
	enum schema_type t = type_of(text);

	int_is(f->type, t);
	if (t == SCHEMA_MAP) {
		text = value_type(text);
		t = type_of(text);
		int_is(f->map_value, t);
	}
	if (t == SCHEMA_MESSAGE)
		ok(f->message && !strcmp(f->message->name, text));
	else
		ok(!f->message);
}

static void check_field(const struct schema_message *m, json_t *row)
{
	const char *name = json_string_value(json_array_get(row, 1));
	const char *flags = json_string_value(json_array_get(row, 3));
	uint32_t number = (uint32_t)json_integer_value(json_array_get(row, 0));
	const struct schema_field *f = schema_field_by_number(m, number);

	if (!ok(f != NULL))
		return;
	ok(f == schema_field_by_name(m, str_from(name)));
	int_is(f->number, number);
	cstr_is(f->name, name);
	check_type(f, json_string_value(json_array_get(row, 2)));
	ok(f->repeated == !!strchr(flags, 'r'));
	ok(f->is_inline == !!strchr(flags, 'i'));
	ok(f->pointer == !!strchr(flags, 'p'));
}

static void test_every_message(void)
{
	const char *name;
	json_t *rows, *row;
	size_t i;

	int_is(schema_message_count, json_object_size(section("messages")));
	json_object_foreach(section("messages"), name, rows) {
		const struct schema_message *m = schema_message_find(name);

		tap_row(name);
		if (!ok(m != NULL))
			continue;
		int_is(m->field_count, json_array_size(rows));
		json_array_foreach(rows, i, row)
			check_field(m, row);
	}
}

static void test_lookups_that_miss(void)
{
	const struct schema_message *m = schema_message_find("meta.v1.ObjectMeta");

	ok(!schema_message_find("core.v1.Podd") && !schema_message_find(""));
	ok(!schema_field_by_number(m, 0) && !schema_field_by_number(m, 15));
	ok(!schema_field_by_number(m, 16) && !schema_field_by_number(m, 18));
	ok(!schema_field_by_number(m, UINT32_MAX));
	ok(!schema_field_by_name(m, STR("Name")) && !schema_field_by_name(m, STR("nam")));
	ok(!schema_field_by_name(m, STR_NULL));
}

static void test_kinds(void)
{
	const char *name;
	json_t *message;

	int_is(schema_kind_count, json_object_size(section("kinds")));
	json_object_foreach(section("kinds"), name, message) {
		struct str kind, version, rest = str_from(name);

		tap_row(name);
		str_next(&rest, ' ', &version);
		str_next(&rest, ' ', &kind);
		ok(schema_kind_find(version, kind) ==
		   schema_message_find(json_string_value(message)));
	}
	tap_row(NULL);
	ok(!schema_kind_find(STR("v1"), STR("Role")) && !schema_kind_find(STR(""), STR("")));
	ok(!schema_kind_find(STR("v1 "), STR("Pod")) && !schema_kind_find(STR("v"), STR("1 Pod")));
}

static void test_special_forms(void)
{
	static const char *const names[] = {
		[SCHEMA_PLAIN] = "", [SCHEMA_TIME] = "time", [SCHEMA_MICROTIME] = "microtime",
		[SCHEMA_JSON] = "json", [SCHEMA_QUANTITY] = "quantity",
		[SCHEMA_INT_OR_STRING] = "intOrString", [SCHEMA_STRING_LIST] = "stringList",
	};

	for (size_t i = 0; i < schema_message_count; i++) {
		const struct schema_message *m = &schema_messages[i];
		json_t *special = json_object_get(section("special"), m->name);

		tap_row(m->name);
		cstr_is(names[m->special], special ? json_string_value(special) : "");
	}
}

static void test_field_names(void)
{
	static const struct { int number; const char *message, *member; } rows[] = {
#define FIELD(id, number, message, member) { id, message, member },
		CODEC_FIELDS(FIELD)
#undef FIELD
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct schema_message *m = schema_message_find(rows[i].message);
		const struct schema_field *f = m
			? schema_field_by_name(m, str_from(rows[i].member)) : NULL;

		tap_row(rows[i].message);
		if (ok(f != NULL))
			int_is(rows[i].number, f->number);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_every_message), TAP(test_lookups_that_miss), TAP(test_kinds),
		TAP(test_special_forms), TAP(test_field_names), TAP_END
	};
	const char *src = getenv("TEST_SRC");
	char path[4096];
	int rc;

	snprintf(path, sizeof(path), "%s/codec/schema.json", src ? src : ".");
	schema = json_load_file(path, 0, NULL);
	rc = tap_main(tests);
	json_decref(schema);
	return rc;
}
