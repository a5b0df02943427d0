/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No bypass: the first byte names an update by a node and its content type, the rest is the body.
 * What NodeRestriction lets through is applied to the stored object, as it would be sent, and must
 * leave what is guarded as it was.
 */
#include "config.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/tree.h"
#include "tests/admission_cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OBJECT(kind, name, metadata, rest) \
	"{\"apiVersion\":\"v1\",\"kind\":\"" kind "\",\"metadata\":{\"name\":\"" name \
	"\",\"uid\":\"u\",\"resourceVersion\":\"7\"," metadata "}," rest "}"
#define IN_A "\"namespace\":\"a\",\"labels\":{\"app\":\"x\"}"
#define NODE OBJECT("Node", "node01", \
	"\"labels\":{\"node-role.kubernetes.io/x\":\"\",\"a\":\"b\"},\"ownerReferences\":" \
	"[{\"apiVersion\":\"v1\",\"kind\":\"M\",\"name\":\"m\",\"uid\":\"m\"}]", \
	"\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}],\"podCIDRs\":" \
	"[\"1\"]},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}")
#define POD OBJECT("Pod", "p", IN_A, \
	"\"spec\":{\"nodeName\":\"node01\"},\"status\":{\"phase\":\"Running\"," \
	"\"resourceClaimStatuses\":[{\"name\":\"r\",\"resourceClaimName\":\"c\"}]}")
#define CLAIM OBJECT("PersistentVolumeClaim", "c", IN_A, \
	"\"spec\":{\"volumeName\":\"v\",\"volumeMode\":\"Filesystem\",\"resources\":" \
	"{\"requests\":{\"storage\":\"1Gi\"}}},\"status\":{\"phase\":\"Bound\"," \
	"\"capacity\":{\"storage\":\"1Gi\"}}")

static const struct target {
	const char *path, *kind, *object;
	const char *guarded[5];		/* as they must stay */
} targets[] = {
	{ "/api/v1/nodes/node01", "core.v1.Node", NODE,
	  { "metadata.ownerReferences", "spec.taints", "spec.configSource" } },
	{ "/api/v1/nodes/node01/status", "core.v1.Node", NODE,
	  { "metadata.ownerReferences", "spec.taints", "spec.configSource" } },
	{ "/api/v1/namespaces/a/pods/p/status", "core.v1.Pod", POD,
	  { "metadata.labels", "status.resourceClaimStatuses",
	    "status.extendedResourceClaimStatus" } },
	{ "/api/v1/namespaces/a/persistentvolumeclaims/c/status", "core.v1.PersistentVolumeClaim",
	  CLAIM, { "metadata.labels", "spec.resources", "spec.volumeName", "status.phase",
		   "status.modifyVolumeStatus" } },
};

static const struct form {
	const char *method, *type;
	enum patch_type patch;
} forms[] = {
	{ "PATCH", "application/merge-patch+json", PATCH_MERGE },
	{ "PATCH", "application/strategic-merge-patch+json", PATCH_STRATEGIC },
	{ "PATCH", "application/json-patch+json", PATCH_JSON },
	{ "PUT", "application/json", PATCH_MERGE },
	{ "PUT", "application/vnd.kubernetes.protobuf", PATCH_MERGE },
};

static json_t *tree_of(const struct schema_message *m, json_t *v)
{
	struct object_cursor c;
	json_t *tree = NULL;

	object_cursor_json(&c, m, v);
	object_tree(&c, &tree);
	return tree;
}

/* As the upstream reads the body of a PUT: protobuf by its own loose rules. NULL: it does not. */
static json_t *put_tree(const struct schema_message *m, struct str body, bool is_protobuf)
{
	struct object_envelope e;
	struct object_cursor c;
	json_t *v, *tree = NULL;

	if (is_protobuf) {
		CHECK(!object_envelope_read(body, &e));
		object_cursor_protobuf(&c, m, e.raw.p, e.raw.n);
		object_tree(&c, &tree);
		return tree;
	}
	CHECK(!json_read(body, &v, NULL));
	tree = tree_of(m, v);
	json_decref(v);
	return tree;
}

static json_t *patched_tree(const struct schema_message *m, enum patch_type type, json_t *old,
			    struct str body)
{
	struct strbuf why = STRBUF_INIT;
	json_t *patch, *patched = NULL, *tree = NULL;

	CHECK(!json_read(body, &patch, NULL));
	if (patch_apply(type, m, old, patch, &patched, &why) == PATCH_OK)
		tree = tree_of(m, patched);
	json_decref(patched);
	json_decref(patch);
	strbuf_fini(&why);
	return tree;
}

/* The labels that only others may set. */
static bool has_role_alone(json_t *tree)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(tree_at(tree, "metadata.labels"), key, value) {
		bool is_role = str_has_prefix(str_from(key), STR("node-role.kubernetes.io/")) ||
			       str_has_prefix(str_from(key), STR("k8s.io/"));

		if (is_role && (strcmp(key, "node-role.kubernetes.io/x") ||
				json_string_length(value)))
			return false;
		n += is_role;
	}
	return n == 1;
}

static void check_effect(const struct target *t, const struct form *f, struct str body)
{
	const struct schema_message *m = schema_message_find(t->kind);
	json_t *stored = json_loads(t->object, 0, NULL), *old = tree_of(m, stored), *new;
	bool is_put = !strcmp(f->method, "PUT");

	new = is_put ? put_tree(m, body, f == &forms[4])
		: patched_tree(m, f->patch, stored, body);
	for (size_t i = 0; new && i < array_size(t->guarded) && t->guarded[i]; i++) {
		json_t *a = tree_at(old, t->guarded[i]), *b = tree_at(new, t->guarded[i]);

		/* Of a PUT's owner references those that are there twice go before admission. */
		CHECK(a == b || (a && b && json_equal(a, b)) ||
		      (is_put && !strcmp(t->guarded[i], "metadata.ownerReferences")));
	}
	CHECK(!new || strcmp(t->kind, "core.v1.Node") || has_role_alone(new));
	json_decref(stored);
	json_decref(old);
	json_decref(new);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct target *t;
	const struct form *f;
	struct admission_case c;
	struct str body;

	if (size < 2)
		return 0;
	t = &targets[data[0] % array_size(targets)];
	f = &forms[data[0] / array_size(targets) % array_size(forms)];
	body = str_make((const char *)data + 1, size - 1);
	admission_case_init(&c, f->method, t->path, f->type, body);
	c.chain.v[0] = &node_restriction_plugin;
	c.chain.n = 1;
	admission_case_add(&c, t->object);
	if (admission_case_run(&c) == ADMISSION_ALLOW)
		check_effect(t, f, c.r.body_replaced ? strbuf_str(&c.r.new_body) : body);
	admission_case_fini(&c);
	return 0;
}
