/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/openapi.h"

#include <stdio.h>

#include "tests/upstream/reply.h"

/* Version 2, as protobuf (gnostic's OpenAPIv2.proto): one PATCH per kind. */

static void put_length(struct strbuf *out, size_t n)
{
	for (; n >= 0x80; n >>= 7)
		strbuf_add_char(out, (char)(n | 0x80));
	strbuf_add_char(out, (char)n);
}

static void put_bytes(struct strbuf *out, unsigned number, struct str s)
{
	strbuf_add_char(out, (char)(number << 3 | 2));
	put_length(out, s.n);
	strbuf_add_str(out, s);
}

/* Adds the content of inner as a message and empties it. */
static void put_message(struct strbuf *out, unsigned number, struct strbuf *inner)
{
	put_bytes(out, number, strbuf_str(inner));
	strbuf_fini(inner);
}

/* ParametersItem {1 Parameter {2 NonBodyParameter {3 query parameter {4 name}}}}. */
static void put_parameter(struct strbuf *operation, const char *name)
{
	struct strbuf query = STRBUF_INIT, other = STRBUF_INIT, parameter = STRBUF_INIT;
	struct strbuf item = STRBUF_INIT;

	put_bytes(&query, 4, str_from(name));
	put_message(&other, 3, &query);
	put_message(&parameter, 2, &other);
	put_message(&item, 1, &parameter);
	put_message(operation, 8, &item);
}

/* NamedAny {1 name, 2 Any {2 yaml}}. */
static void put_kind(struct strbuf *operation, const struct kind *k)
{
	struct strbuf yaml = STRBUF_INIT, any = STRBUF_INIT, named = STRBUF_INIT;

	strbuf_addf(&yaml, "group: \"%s\"\nkind: %s\nversion: %s\n", k->group, k->kind,
		    k->version);
	put_message(&any, 2, &yaml);
	put_bytes(&named, 1, STR("x-kubernetes-group-version-kind"));
	put_message(&named, 2, &any);
	put_message(operation, 13, &named);
}

static void put_path(struct strbuf *paths, const struct kind *k)
{
	struct strbuf operation = STRBUF_INIT, item = STRBUF_INIT, named = STRBUF_INIT;
	struct strbuf name = STRBUF_INIT;

	put_parameter(&operation, "dryRun");
	put_parameter(&operation, "fieldValidation");
	put_kind(&operation, k);
	put_message(&item, 8, &operation);
	strbuf_addf(&name, "/%s/%s/{name}", kind_api_version(k), k->resource);
	put_message(&named, 1, &name);
	put_message(&named, 2, &item);
	put_message(paths, 2, &named);
}

static void put_document(struct strbuf *out)
{
	struct strbuf info = STRBUF_INIT, paths = STRBUF_INIT;

	put_bytes(out, 1, STR("2.0"));
	put_bytes(&info, 1, STR("test"));
	put_bytes(&info, 2, STR("1.36"));
	put_message(out, 2, &info);
	for (size_t i = 0; i < kinds_count; i++)
		put_path(&paths, &kinds[i]);
	put_message(out, 8, &paths);
}

static void reply_v2(struct call *c)
{
	struct strbuf out = STRBUF_INIT;

	if (str_find_str(call_header(c, "Accept"), STR("openapi")) < 0) {
		reply_json(c, 200, json_pack("{s:s, s:{s:s, s:s}, s:{}}", "swagger", "2.0", "info",
			"title", "test", "version", "1.36", "paths"));
		return;
	}
	put_document(&out);
	reply_bytes(c, 200, STR("application/com.github.proto-openapi.spec.v2.v1.0+protobuf"),
		    strbuf_str(&out));
	strbuf_fini(&out);
}

/* Version 3, as JSON: an index and one document per group version. */

static void openapi_key(char *out, size_t size, const struct kind *k)
{
	if (*k->group)
		snprintf(out, size, "apis/%s/%s", k->group, k->version);
	else
		snprintf(out, size, "api/%s", k->version);
}

static void reply_v3_index(struct call *c)
{
	json_t *paths = json_object();
	char key[96], url[128];

	for (size_t i = 0; i < kinds_count; i++) {
		if (i && !strcmp(kinds[i - 1].group, kinds[i].group))
			continue;
		openapi_key(key, sizeof(key), &kinds[i]);
		snprintf(url, sizeof(url), "/openapi/v3/%s?hash=1", key);
		json_object_set_new(paths, key, json_pack("{s:s}", "serverRelativeURL", url));
	}
	reply_json(c, 200, json_pack("{s:o}", "paths", paths));
}

static json_t *query_parameter(const char *name)
{
	return json_pack("{s:s, s:s, s:{s:s}}", "name", name, "in", "query", "schema", "type",
			 "string");
}

/*
 * One PATCH per kind with the parameters dryRun and fieldValidation: what kubectl looks up before
 * it leaves validation and dry runs to the server.
 */
static json_t *openapi_path(const struct kind *k)
{
	return json_pack("{s:{s:[o, o], s:{s:{s:s}}, s:{s:s, s:s, s:s}}}", "patch", "parameters",
		query_parameter("dryRun"), query_parameter("fieldValidation"), "responses", "200",
		"description", "OK", "x-kubernetes-group-version-kind", "group", k->group,
		"version", k->version, "kind", k->kind);
}

static void reply_v3(struct call *c, struct str wanted)
{
	json_t *paths = json_object();
	char key[96], path[256];

	for (size_t i = 0; i < kinds_count; i++) {
		const struct kind *k = &kinds[i];

		openapi_key(key, sizeof(key), k);
		if (!str_eq(wanted, str_from(key)))
			continue;
		snprintf(path, sizeof(path), "/%s/%s%s/{name}", key,
			 kind_is_namespaced(k) ? "namespaces/{namespace}/" : "", k->resource);
		json_object_set_new(paths, path, openapi_path(k));
	}
	if (json_object_size(paths)) {
		reply_json(c, 200, json_pack("{s:s, s:{s:s, s:s}, s:o}", "openapi", "3.0.0",
			"info", "title", "test", "version", "1.36", "paths", paths));
	} else {
		json_decref(paths);
		reply_text(c, 404, "404 page not found\n");
	}
}

void openapi_call(struct call *c, struct str path)
{
	if (str_eq(path, STR("/openapi/v2")))
		reply_v2(c);
	else if (str_eq(path, STR("/openapi/v3")))
		reply_v3_index(c);
	else if (str_has_prefix(path, STR("/openapi/v3/")))
		reply_v3(c, str_skip(path, 12));
	else
		reply_text(c, 404, "404 page not found\n");
}
