/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/discovery.h"

#include <stdio.h>

#include "base/mem.h"
#include "tests/upstream/openapi.h"
#include "tests/upstream/reply.h"

static json_t *group_version(const struct kind *k)
{
	return json_pack("{s:s, s:s}", "groupVersion", kind_api_version(k), "version", k->version);
}

/* True for the first kind of its group in the table. */
static bool begins_group(size_t at)
{
	return *kinds[at].group && (!at || strcmp(kinds[at - 1].group, kinds[at].group));
}

static bool begins_version(size_t at)
{
	return begins_group(at) ||
	       (*kinds[at].group && strcmp(kinds[at - 1].version, kinds[at].version));
}

/* Of the group whose first kind is there; the versions are in the table's order. */
static json_t *api_group(size_t at)
{
	json_t *versions = json_array();

	for (size_t i = at; i < kinds_count && (i == at || !begins_group(i)); i++)
		if (begins_version(i))
			json_array_append_new(versions, group_version(&kinds[i]));
	return json_pack("{s:s, s:o, s:o}", "name", kinds[at].group, "versions", versions,
			 "preferredVersion", group_version(&kinds[at]));
}

static void reply_versions(struct call *c)
{
	reply_json(c, 200, json_pack("{s:s, s:[s], s:[{s:s, s:s}]}", "kind", "APIVersions",
		"versions", "v1", "serverAddressByClientCIDRs", "clientCIDR", "0.0.0.0/0",
		"serverAddress", "127.0.0.1:443"));
}

static void reply_groups(struct call *c)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < kinds_count; i++)
		if (begins_group(i))
			json_array_append_new(groups, api_group(i));
	reply_json(c, 200, json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1",
				     "groups", groups));
}

static json_t *verbs_of(const struct kind *k)
{
	if (k->flags & KIND_CREATE_ONLY)
		return json_pack("[s]", "create");
	return json_pack("[s, s, s, s, s, s, s, s]", "create", "delete", "deletecollection", "get",
			 "list", "patch", "update", "watch");
}

static json_t *short_names(const struct kind *k)
{
	struct str rest = str_from(k->short_names), piece;
	json_t *out = json_array();

	while (rest.n && str_next(&rest, ',', &piece))
		json_array_append_new(out, json_str(piece));
	return out;
}

static json_t *api_resource(const struct kind *k)
{
	json_t *out = json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", k->resource, "singularName",
		k->singular, "namespaced", kind_is_namespaced(k), "kind", k->kind, "verbs",
		verbs_of(k));

	if (*k->short_names)
		json_object_set_new(out, "shortNames", short_names(k));
	if (!strcmp(k->resource, "pods") || !strcmp(k->resource, "services") ||
	    !strcmp(k->group, "apps"))
		json_object_set_new(out, "categories", json_pack("[s]", "all"));
	return out;
}

static void add_subresource(json_t *list, const struct kind *k, const char *name,
			    const char *kind, json_t *verbs)
{
	char full[96];

	snprintf(full, sizeof(full), "%s/%s", k->resource, name);
	json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", full,
		"singularName", "", "namespaced", kind_is_namespaced(k), "kind", kind, "verbs",
		verbs));
}

static void add_subresources(json_t *list, const struct kind *k)
{
	json_t *scale;

	if (k->flags & KIND_STATUS)
		add_subresource(list, k, "status", k->kind,
				json_pack("[s, s, s]", "get", "patch", "update"));
	if (k->flags & KIND_SCALE) {
		add_subresource(list, k, "scale", "Scale",
				json_pack("[s, s, s]", "get", "patch", "update"));
		scale = json_array_get(list, json_array_size(list) - 1);
		json_object_set_new(scale, "group", json_string("autoscaling"));
		json_object_set_new(scale, "version", json_string("v1"));
	}
	if (!strcmp(k->resource, "certificatesigningrequests"))
		add_subresource(list, k, "approval", k->kind, json_pack("[s]", "update"));
	if (strcmp(k->resource, "pods"))
		return;
	add_subresource(list, k, "log", "Pod", json_pack("[s]", "get"));
	add_subresource(list, k, "binding", "Binding", json_pack("[s]", "create"));
	add_subresource(list, k, "eviction", "Eviction", json_pack("[s]", "create"));
	scale = json_array_get(list, json_array_size(list) - 1);
	json_object_set_new(scale, "group", json_string("policy"));
	json_object_set_new(scale, "version", json_string("v1"));
}

static void reply_resources(struct call *c, struct str group, struct str version)
{
	json_t *list = json_array();
	const char *name = "v1";

	for (size_t i = 0; i < kinds_count; i++) {
		const struct kind *k = &kinds[i];

		if (!str_eq(group, str_from(k->group)) || !str_eq(version, str_from(k->version)))
			continue;
		name = kind_api_version(k);
		json_array_append_new(list, api_resource(k));
		add_subresources(list, k);
	}
	reply_json(c, 200, json_pack("{s:s, s:s, s:s, s:o}", "kind", "APIResourceList",
				     "apiVersion", "v1", "groupVersion", name, "resources", list));
}

static void reply_group(struct call *c, struct str group)
{
	for (size_t i = 0; i < kinds_count; i++) {
		json_t *out;

		if (!begins_group(i) || !str_eq(group, str_from(kinds[i].group)))
			continue;
		out = api_group(i);
		json_object_set_new(out, "kind", json_string("APIGroup"));
		json_object_set_new(out, "apiVersion", json_string("v1"));
		reply_json(c, 200, out);
		return;
	}
	reply_text(c, 404, "404 page not found\n");
}

static void reply_version(struct call *c)
{
	reply_json(c, 200, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "major", "1",
		"minor", "36", "gitVersion", "v1.36.0-test", "gitCommit", "", "gitTreeState", "",
		"buildDate", "2026-01-01T00:00:00Z", "goVersion", "", "compiler", "", "platform",
		"linux/amd64"));
}

static void reply_paths(struct call *c)
{
	static const char *const others[] = { "/healthz", "/livez", "/openapi/v2", "/openapi/v3",
					      "/readyz", "/version" };
	json_t *paths = json_pack("[s, s, s]", "/api", "/api/v1", "/apis");
	char key[96];

	for (size_t i = 0; i < kinds_count; i++) {
		if (!begins_version(i))
			continue;
		snprintf(key, sizeof(key), "/apis/%s", kinds[i].group);
		if (begins_group(i))
			json_array_append_new(paths, json_string(key));
		snprintf(key, sizeof(key), "/apis/%s/%s", kinds[i].group, kinds[i].version);
		json_array_append_new(paths, json_string(key));
	}
	for (size_t i = 0; i < array_size(others); i++)
		json_array_append_new(paths, json_string(others[i]));
	reply_json(c, 200, json_pack("{s:o}", "paths", paths));
}

static bool is_health(struct str path)
{
	return str_eq(path, STR("/healthz")) || str_eq(path, STR("/livez")) ||
	       str_eq(path, STR("/readyz")) || str_has_prefix(path, STR("/livez/")) ||
	       str_has_prefix(path, STR("/readyz/")) || str_has_prefix(path, STR("/healthz/"));
}

/* /apis/<group> and /apis/<group>/<version>. */
static bool group_call(struct call *c, struct str path)
{
	struct str group = STR_NULL, version = STR_NULL;

	if (!str_has_prefix(path, STR("/apis/")))
		return false;
	path = str_skip(path, 6);
	str_next(&path, '/', &group);
	if (!str_next(&path, '/', &version)) {
		reply_group(c, group);
		return true;
	}
	if (path.p || !kind_group_version_is_served(group, version))
		return false;
	reply_resources(c, group, version);
	return true;
}

bool discovery_call(struct call *c)
{
	struct str path = c->path;

	if (path.n > 1 && str_has_suffix(path, STR("/")))
		path.n--;
	if (str_eq(path, STR("/")) || !path.n)
		reply_paths(c);
	else if (is_health(path))
		reply_text(c, 200, "ok");
	else if (str_eq(path, STR("/version")))
		reply_version(c);
	else if (str_eq(path, STR("/api")))
		reply_versions(c);
	else if (str_eq(path, STR("/apis")))
		reply_groups(c);
	else if (str_eq(path, STR("/api/v1")))
		reply_resources(c, STR_NULL, STR("v1"));
	else if (str_has_prefix(path, STR("/openapi/")))
		openapi_call(c, path);
	else
		return group_call(c, path);
	return true;
}
