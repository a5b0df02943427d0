/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cache/watch_event.h"

#include "base/err.h"
#include "base/mem.h"
#include "codec/fields.h"
#include "codec/json.h"

/* A cursor over a message, or over the same as JSON text, whose value goes to *json. */
static int open_text(struct str text, bool is_json, const char *message, json_t **json,
		     struct object_cursor *c)
{
	const struct schema_message *m = schema_message_find(message);
	int rc;

	if (!is_json) {
		object_cursor_protobuf(c, m, text.p, text.n);
		return 0;
	}
	rc = json_read(text, json, NULL);
	if (!rc)
		object_cursor_json(c, m, *json);
	return rc;
}

int list_metadata_read(struct str text, bool is_json, struct list_metadata *out)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	*out = (struct list_metadata){ 0 };
	rc = open_text(text, is_json, "meta.v1.ListMeta", &out->json, &c);
	if (rc < 0)
		return rc;
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == LISTMETA_RESOURCE_VERSION)
			out->resource_version = f.text;
		else if (f.number == LISTMETA_CONTINUE)
			out->continue_token = f.text;
	}
	return rc;
}

void list_metadata_fini(struct list_metadata *m)
{
	json_decref(m->json);
}

static int read_status(struct object_cursor *c, struct api_status *out)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0)
		switch (f.number) {
		case STATUS_MESSAGE: out->message = f.text; break;
		case STATUS_REASON: out->reason = f.text; break;
		case STATUS_CODE: out->code = f.integer; break;
		}
	return rc;
}

int api_status_read(struct str body, bool is_json, struct api_status *out)
{
	struct object_envelope env;
	struct object_cursor c;
	int rc = 0;

	*out = (struct api_status){ 0 };
	if (!is_json) {
		rc = object_envelope_read(body, &env);
		body = env.raw;
	}
	if (!rc)
		rc = open_text(body, is_json, "meta.v1.Status", &out->json, &c);
	return rc < 0 ? rc : read_status(&c, out);
}

void api_status_fini(struct api_status *s)
{
	json_decref(s->json);
}

static int type_of(struct str text, enum watch_event_type *type)
{
	static const char *const names[] = {
		[WATCH_ADDED] = "ADDED", [WATCH_MODIFIED] = "MODIFIED",
		[WATCH_DELETED] = "DELETED", [WATCH_BOOKMARK] = "BOOKMARK", [WATCH_ERROR] = "ERROR",
	};

	for (size_t i = 0; i < array_size(names); i++)
		if (str_eq(text, str_from(names[i]))) {
			*type = (enum watch_event_type)i;
			return 0;
		}
	return ERR_UNSUPPORTED;
}

/* The raw bytes of a RawExtension. */
static int read_raw(struct object_cursor *c, struct str *raw)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0)
		if (f.number == RAWEXTENSION_RAW)
			*raw = f.text;
	return rc;
}

/* The event's type and its object's bytes (an envelope). */
static int read_frame(struct str text, struct str *type, struct str *raw)
{
	struct object_cursor c, object;
	struct object_field f;
	int rc;

	object_cursor_protobuf(&c, schema_message_find("meta.v1.WatchEvent"), text.p, text.n);
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == WATCHEVENT_TYPE)
			*type = f.text;
		if (f.number != WATCHEVENT_OBJECT)
			continue;
		object_enter(&f, &object);
		rc = read_raw(&object, raw);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_metadata_version(struct object_cursor *c, struct str *version)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0)
		if (f.number == OBJECTMETA_RESOURCE_VERSION)
			*version = f.text;
	return rc;
}

/* Every object's metadata is field 1. */
static int read_version(struct object_cursor c, struct str *version)
{
	struct object_cursor metadata;
	struct object_field f;
	int rc;

	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number != 1 || f.type != OBJECT_MESSAGE)
			continue;
		object_enter(&f, &metadata);
		rc = read_metadata_version(&metadata, version);
		if (rc < 0 || version->n)
			return rc;
	}
	return rc;
}

static int read_protobuf(struct str text, const struct schema_message *m, struct watch_event *out)
{
	struct str type = STR_NULL, raw = STR_NULL;
	struct object_envelope env;
	int rc = read_frame(text, &type, &raw);

	if (!rc)
		rc = type_of(type, &out->type);
	if (rc < 0)
		return rc;
	if (out->type == WATCH_ERROR)
		return api_status_read(raw, false, &out->status);
	rc = object_envelope_read(raw, &env);
	if (!rc)
		object_cursor_protobuf(&out->object, m, env.raw.p, env.raw.n);
	return rc;
}

static int read_json(struct str text, const struct schema_message *m, struct watch_event *out)
{
	struct object_cursor c;
	json_t *type, *object;
	int rc = json_read(text, &out->json, NULL);

	if (rc < 0)
		return rc;
	type = json_object_get(out->json, "type");
	object = json_object_get(out->json, "object");
	rc = type_of(str_make(json_string_value(type), json_string_length(type)), &out->type);
	if (rc < 0)
		return rc;
	if (out->type != WATCH_ERROR) {
		object_cursor_json(&out->object, m, object);
		return 0;
	}
	object_cursor_json(&c, schema_message_find("meta.v1.Status"), object);
	return read_status(&c, &out->status);
}

int watch_event_read(struct str text, bool is_json, const struct schema_message *m,
		     struct watch_event *out)
{
	int rc;

	*out = (struct watch_event){ 0 };
	rc = is_json ? read_json(text, m, out) : read_protobuf(text, m, out);
	if (rc < 0 || out->type == WATCH_ERROR)
		return rc;
	return read_version(out->object, &out->resource_version);
}

void watch_event_fini(struct watch_event *e)
{
	api_status_fini(&e->status);
	json_decref(e->json);
}
