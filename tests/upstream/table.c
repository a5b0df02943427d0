/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

/* Makes one cell: the text at `path`, or something computed from the object. */
typedef json_t *cell_fn(const json_t *object, const char *path, const struct clock *clock);

struct column {
	const char *name, *type, *format;
	int priority;			/* above 0: only with -o wide */
	cell_fn *cell;
	const char *path;
};

struct columns {
	const char *resource;
	struct column v[8];
};

static json_t *cell_text(const json_t *object, const char *path, const struct clock *clock)
{
	json_t *v = object_at(object, path);

	(void)clock;
	if (json_is_string(v) && !json_string_length(v))
		v = NULL;
	return v ? json_incref(v) : json_string("<none>");
}

static json_t *cell_or_blank(const json_t *object, const char *path, const struct clock *clock)
{
	json_t *v = object_at(object, path);

	(void)clock;
	return v ? json_incref(v) : json_string("");
}

/* Go prints ages like this: 5s, 3m10s, 12m, 4h, 3d, 400d. */
static void age_text(char *out, size_t size, long s)
{
	if (s < 0)
		s = 0;
	if (s < 120)
		snprintf(out, size, "%lds", s);
	else if (s < 600)
		snprintf(out, size, s % 60 ? "%ldm%lds" : "%ldm", s / 60, s % 60);
	else if (s < 3 * 3600)
		snprintf(out, size, "%ldm", s / 60);
	else if (s < 48 * 3600)
		snprintf(out, size, "%ldh", s / 3600);
	else
		snprintf(out, size, "%ldd", s / 86400);
}

static json_t *cell_age(const json_t *object, const char *path, const struct clock *clock)
{
	const char *text = json_string_value(object_at(object, path));
	struct tm tm = { 0 };
	char out[32];

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return json_string("<unknown>");
	age_text(out, sizeof(out), (long)(clock_wall_us(clock) / 1000000 - timegm(&tm)));
	return json_string(out);
}

static json_t *cell_count(const json_t *object, const char *path, const struct clock *clock)
{
	json_t *v = object_at(object, path);

	(void)clock;
	return json_integer((json_int_t)(json_is_array(v) ? json_array_size(v) :
					 json_object_size(v)));
}

static json_t *cell_data(const json_t *object, const char *path, const struct clock *clock)
{
	size_t n = json_object_size(json_object_get(object, "data")) +
		   json_object_size(json_object_get(object, "binaryData"));

	(void)path;
	(void)clock;
	return json_integer((json_int_t)n);
}

static json_t *cell_pod_ready(const json_t *object, const char *path, const struct clock *clock)
{
	json_t *statuses = object_at(object, "status.containerStatuses"), *one;
	size_t ready = 0, i;
	char text[48];

	(void)path;
	(void)clock;
	json_array_foreach(statuses, i, one)
		ready += json_is_true(json_object_get(one, "ready"));
	snprintf(text, sizeof(text), "%zu/%zu", ready,
		 json_array_size(object_at(object, "spec.containers")));
	return json_string(text);
}

static json_t *cell_restarts(const json_t *object, const char *path, const struct clock *clock)
{
	json_t *statuses = object_at(object, "status.containerStatuses"), *one;
	json_int_t n = 0;
	size_t i;

	(void)path;
	(void)clock;
	json_array_foreach(statuses, i, one)
		n += json_integer_value(json_object_get(one, "restartCount"));
	return json_integer(n);
}

static json_t *cell_node_status(const json_t *object, const char *path, const struct clock *clock)
{
	json_t *conditions = object_at(object, "status.conditions"), *one;
	const char *status = "Unknown";
	char text[64];
	size_t i;

	(void)path;
	(void)clock;
	json_array_foreach(conditions, i, one)
		if (str_eq(object_text(one, "type"), STR("Ready")))
			status = str_eq(object_text(one, "status"), STR("True")) ? "Ready" :
										   "NotReady";
	if (json_is_true(object_at(object, "spec.unschedulable")))
		snprintf(text, sizeof(text), "%s,SchedulingDisabled", status);
	else
		snprintf(text, sizeof(text), "%s", status);
	return json_string(text);
}

static json_t *cell_node_roles(const json_t *object, const char *path, const struct clock *clock)
{
	static const struct str prefix = { "node-role.kubernetes.io/", 24 };
	struct strbuf out = STRBUF_INIT;
	const char *key;
	json_t *value, *cell;

	(void)path;
	(void)clock;
	json_object_foreach(object_at(object, "metadata.labels"), key, value) {
		if (!str_has_prefix(str_from(key), prefix))
			continue;
		strbuf_addf(&out, "%s%s", out.n ? "," : "", key + prefix.n);
	}
	cell = out.n ? json_str(strbuf_str(&out)) : json_string("<none>");
	strbuf_fini(&out);
	return cell;
}

static json_t *cell_role_ref(const json_t *object, const char *path, const struct clock *clock)
{
	char text[320];

	(void)path;
	(void)clock;
	snprintf(text, sizeof(text), "%.*s/%.*s", STR_ARG(object_text(object, "roleRef.kind")),
		 STR_ARG(object_text(object, "roleRef.name")));
	return json_string(text);
}

static json_t *cell_event_object(const json_t *object, const char *path,
				 const struct clock *clock)
{
	struct str kind = object_text(object, "involvedObject.kind");
	char text[320];

	(void)path;
	(void)clock;
	snprintf(text, sizeof(text), "%.*s/%.*s", STR_ARG(kind),
		 STR_ARG(object_text(object, "involvedObject.name")));
	for (size_t i = 0; i < kind.n && i < sizeof(text); i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] |= 0x20;
	return json_string(text);
}

static json_t *cell_ports(const json_t *object, const char *path, const struct clock *clock)
{
	struct strbuf out = STRBUF_INIT;
	json_t *ports = object_at(object, path), *one, *cell;
	size_t i;

	(void)clock;
	json_array_foreach(ports, i, one) {
		struct str protocol = object_text(one, "protocol");

		strbuf_addf(&out, "%s%lld/%.*s", i ? "," : "",
			    (long long)json_integer_value(json_object_get(one, "port")),
			    STR_ARG(protocol.n ? protocol : STR("TCP")));
	}
	cell = out.n ? json_str(strbuf_str(&out)) : json_string("<none>");
	strbuf_fini(&out);
	return cell;
}

static json_t *cell_csr_condition(const json_t *object, const char *path,
				  const struct clock *clock)
{
	json_t *conditions = object_at(object, path), *one, *cell;
	struct strbuf out = STRBUF_INIT;
	size_t i;

	(void)clock;
	json_array_foreach(conditions, i, one)
		strbuf_addf(&out, "%s%.*s", i ? "," : "", STR_ARG(object_text(one, "type")));
	if (object_at(object, "status.certificate"))
		strbuf_addf(&out, "%sIssued", out.n ? "," : "");
	cell = out.n ? json_str(strbuf_str(&out)) : json_string("Pending");
	strbuf_fini(&out);
	return cell;
}

static json_t *cell_replicas(const json_t *object, const char *path, const struct clock *clock)
{
	json_t *want = object_at(object, "spec.replicas"), *have = object_at(object, path);
	char text[64];

	(void)clock;
	snprintf(text, sizeof(text), "%lld/%lld", (long long)json_integer_value(have),
		 want ? (long long)json_integer_value(want) : 1LL);
	return json_string(text);
}

#define NAME { "Name", "string", "name", 0, cell_text, "metadata.name" }
#define AGE { "Age", "string", "", 0, cell_age, "metadata.creationTimestamp" }
#define TEXT(name, path) { name, "string", "", 0, cell_text, path }
#define WIDE(name, path) { name, "string", "", 1, cell_text, path }

static const struct columns columns[] = {
	{ "configmaps", { NAME, { "Data", "string", "", 0, cell_data, "" }, AGE } },
	{ "secrets", { NAME, TEXT("Type", "type"), { "Data", "integer", "", 0, cell_data, "" },
		       AGE } },
	{ "namespaces", { NAME, TEXT("Status", "status.phase"), AGE } },
	{ "nodes", { NAME, { "Status", "string", "", 0, cell_node_status, "" },
		     { "Roles", "string", "", 0, cell_node_roles, "" }, AGE,
		     { "Version", "string", "", 0, cell_or_blank,
		       "status.nodeInfo.kubeletVersion" },
		     WIDE("OS-Image", "status.nodeInfo.osImage") } },
	{ "pods", { NAME, { "Ready", "string", "", 0, cell_pod_ready, "" },
		    TEXT("Status", "status.phase"),
		    { "Restarts", "string", "", 0, cell_restarts, "" }, AGE,
		    WIDE("IP", "status.podIP"), WIDE("Node", "spec.nodeName") } },
	{ "services", { NAME, TEXT("Type", "spec.type"), TEXT("Cluster-IP", "spec.clusterIP"),
			TEXT("External-IP", "spec.externalName"),
			{ "Port(s)", "string", "", 0, cell_ports, "spec.ports" }, AGE } },
	{ "serviceaccounts", { NAME, { "Secrets", "string", "", 0, cell_count, "secrets" }, AGE } },
	{ "events", { { "Last Seen", "string", "", 0, cell_age, "lastTimestamp" },
		      TEXT("Type", "type"), TEXT("Reason", "reason"),
		      { "Object", "string", "", 0, cell_event_object, "" },
		      TEXT("Message", "message") } },
	{ "leases", { NAME, { "Holder", "string", "", 0, cell_or_blank, "spec.holderIdentity" },
		      AGE } },
	{ "roles", { NAME, TEXT("Created At", "metadata.creationTimestamp") } },
	{ "clusterroles", { NAME, TEXT("Created At", "metadata.creationTimestamp") } },
	{ "rolebindings", { NAME, { "Role", "string", "", 0, cell_role_ref, "" }, AGE } },
	{ "clusterrolebindings", { NAME, { "Role", "string", "", 0, cell_role_ref, "" }, AGE } },
	{ "csinodes", { NAME, { "Drivers", "integer", "", 0, cell_count, "spec.drivers" }, AGE } },
	{ "deployments", { NAME, { "Ready", "string", "", 0, cell_replicas,
				   "status.readyReplicas" }, AGE } },
	{ "persistentvolumeclaims", { NAME, TEXT("Status", "status.phase"),
				      TEXT("Volume", "spec.volumeName"), AGE } },
	{ "persistentvolumes", { NAME, TEXT("Capacity", "spec.capacity.storage"),
				 TEXT("Status", "status.phase"), AGE } },
	{ "certificatesigningrequests", { NAME, AGE, TEXT("SignerName", "spec.signerName"),
		TEXT("Requestor", "spec.username"),
		{ "Condition", "string", "", 0, cell_csr_condition, "status.conditions" } } },
	{ NULL, { NAME, AGE } },
};

static const struct columns *columns_of(const struct kind *k)
{
	const struct columns *c = columns;

	while (c->resource && strcmp(c->resource, k->resource))
		c++;
	return c;
}

static json_t *definitions(const struct columns *cs)
{
	json_t *out = json_array();

	for (const struct column *c = cs->v; c < cs->v + array_size(cs->v) && c->name; c++)
		json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", c->name,
			"type", c->type, "format", c->format, "description", c->name,
			"priority", c->priority));
	return out;
}

/* {kind, apiVersion, metadata}, with the object's metadata shared. */
static json_t *metadata_only(const json_t *object, const char *kind)
{
	json_t *meta = json_object_get(object, "metadata");

	return json_pack("{s:s, s:s, s:O}", "kind", kind, "apiVersion", "meta.k8s.io/v1",
			 "metadata", meta);
}

/* The whole object of a row says what it is, unlike the items of a list. */
static json_t *typed(const struct kind *k, json_t *object)
{
	json_t *out = json_copy(object);

	json_object_set_new(out, "kind", json_string(k->kind));
	json_object_set_new(out, "apiVersion", json_string(kind_api_version(k)));
	return out;
}

static json_t *row(const struct kind *k, json_t *object, const struct call *c)
{
	const struct columns *cs = columns_of(k);
	const struct clock *clock = loop_clock(c->server->loop);
	struct str include;
	json_t *cells = json_array(), *out;

	for (const struct column *col = cs->v; col < cs->v + array_size(cs->v) && col->name; col++)
		json_array_append_new(cells, col->cell(object, col->path, clock));
	out = json_pack("{s:o}", "cells", cells);
	call_query(c, "includeObject", &include);
	if (str_eq(include, STR("Object")))
		json_object_set_new(out, "object", typed(k, object));
	else if (!str_eq(include, STR("None")))
		json_object_set_new(out, "object", metadata_only(object, "PartialObjectMetadata"));
	return out;
}

static json_t *table_new(json_t *list_metadata, json_t *column_definitions, json_t *rows)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "kind", "Table", "apiVersion",
			 "meta.k8s.io/v1", "metadata", list_metadata, "columnDefinitions",
			 column_definitions, "rows", rows);
}

json_t *table_event_shape(const struct kind *k, json_t *object, enum reply_as as, bool first,
			  const struct call *c)
{
	json_t *rows, *meta;

	switch (as) {
	case REPLY_PLAIN:
		break;
	case REPLY_METADATA:
		return metadata_only(object, "PartialObjectMetadata");
	case REPLY_TABLE:
		rows = json_array();
		json_array_append_new(rows, row(k, object, c));
		meta = json_object();
		json_object_set(meta, "resourceVersion",
				object_at(object, "metadata.resourceVersion"));
		return table_new(meta, first ? definitions(columns_of(k)) : json_array(), rows);
	}
	return json_incref(object);
}

static json_t *list_table(const struct kind *k, json_t *list, const struct call *c)
{
	json_t *rows = json_array(), *object;
	size_t i;

	json_array_foreach(json_object_get(list, "items"), i, object)
		json_array_append_new(rows, row(k, object, c));
	return table_new(json_incref(json_object_get(list, "metadata")),
			 definitions(columns_of(k)), rows);
}

static json_t *list_metadata_only(json_t *list)
{
	json_t *items = json_array(), *object, *out;
	size_t i;

	json_array_foreach(json_object_get(list, "items"), i, object) {
		json_t *one = metadata_only(object, "PartialObjectMetadata");

		json_array_append_new(items, one);
	}
	out = metadata_only(list, "PartialObjectMetadataList");
	json_object_set_new(out, "items", items);
	return out;
}

json_t *table_shape(const struct kind *k, json_t *value, enum reply_as as, const struct call *c)
{
	bool is_list = json_is_array(json_object_get(value, "items"));

	if (as == REPLY_PLAIN || !k)
		return json_incref(value);
	if (!is_list)
		return table_event_shape(k, value, as, true, c);
	return as == REPLY_TABLE ? list_table(k, value, c) : list_metadata_only(value);
}
