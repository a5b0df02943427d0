/* SPDX-License-Identifier: Apache-2.0 */
/* The Node graph: each kind of reference, how edges go, lists, and what a pod is known by. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>

#include "authz/node_graph.h"
#include "authz/node_graph_index.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "tests/tap.h"

static const char *const messages[] = {
	[NODE_SOURCE_PODS] = "core.v1.Pod",
	[NODE_SOURCE_VOLUMES] = "core.v1.PersistentVolume",
	[NODE_SOURCE_VOLUME_ATTACHMENTS] = "storage.v1.VolumeAttachment",
	[NODE_SOURCE_RESOURCE_SLICES] = "resource.v1.ResourceSlice",
	[NODE_SOURCE_POD_CERTIFICATE_REQUESTS] = "certificates.v1beta1.PodCertificateRequest",
};

/* --- Helpers --- */

/* JSON with single quotes. */
static json_t *json_of(const char *text)
{
	char *copy = xstrdup(text);
	json_error_t error;
	json_t *v;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	v = json_loads(copy, 0, &error);
	if (!v)
		tap_note("%s: %d: %s", text, error.column, error.text);
	free(copy);
	return v;
}

static int change(struct node_graph *g, enum node_source s, const char *text,
		  int (*fn)(struct node_graph *g, enum node_source s, struct object_cursor *c))
{
	json_t *v = json_of(text);
	struct object_cursor c;
	int rc;

	object_cursor_json(&c, schema_message_find(messages[s]), v);
	rc = fn(g, s, &c);
	json_decref(v);
	return rc;
}

static void apply(struct node_graph *g, enum node_source s, const char *text)
{
	int_is(change(g, s, text, node_graph_apply), 0);
}

static void delete(struct node_graph *g, enum node_source s, const char *text)
{
	int_is(change(g, s, text, node_graph_delete), 0);
}

static bool related(const struct node_graph *g, enum node_object kind, const char *namespace,
		    const char *name, const char *node)
{
	return node_graph_related(g, kind, str_from(namespace), str_from(name), str_from(node));
}

static bool secret(const struct node_graph *g, const char *name, const char *node)
{
	return related(g, NODE_SECRET, "ns", name, node);
}

/* A pod p of namespace ns on node n with that spec behind it and that tail behind the spec. */
static void apply_pod(struct node_graph *g, const char *spec, const char *tail)
{
	char *text;

	CHECK(asprintf(&text, "{'metadata': {'name': 'p', 'namespace': 'ns', 'uid': 'u'},"
		       " 'spec': {'nodeName': 'n'%s}%s}", spec, tail) > 0);
	apply(g, NODE_SOURCE_PODS, text);
	free(text);
}

/* A graph whose nodes n and m stay, whatever the test's own pods do. */
static struct node_graph *graph_with_nodes(void)
{
	struct node_graph *g = node_graph_new();

	apply(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'on-n', 'namespace': 'other'}, "
	      "'spec': {'nodeName': 'n'}}");
	apply(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'on-m', 'namespace': 'other'}, "
	      "'spec': {'nodeName': 'm'}}");
	return g;
}

/* --- References --- */

struct reference {
	const char *label, *spec, *tail;
	enum node_object kind;
	const char *name;
};

#define VOLUME(source) ", 'volumes': [{'name': 'v', " source "}]"
#define CONTAINER(text) "'name': 'c', 'image': 'i', " text

static const struct reference references[] = {
	{ "service account", ", 'serviceAccountName': 'x'", "", NODE_SERVICE_ACCOUNT, "x" },
	{ "pull secret", ", 'imagePullSecrets': [{'name': ''}, {'name': 'x'}]", "",
		NODE_SECRET, "x" },
	{ "env secret", ", 'containers': [{" CONTAINER("'env': [{'name': 'A', 'value': 'b'}, "
	  "{'name': 'B', 'valueFrom': {'secretKeyRef': {'name': 'x', 'key': 'k'}}}]") "}]", "",
	  NODE_SECRET, "x" },
	{ "env config map", ", 'containers': [{" CONTAINER("'env': [{'name': 'B', 'valueFrom': "
	  "{'configMapKeyRef': {'key': 'k', 'name': 'x', 'optional': true}}}]") "}]", "",
	  NODE_CONFIG_MAP, "x" },
	{ "envFrom secret", ", 'containers': [{" CONTAINER("'envFrom': [{'prefix': 'P', "
	  "'secretRef': {'name': 'x'}}]") "}]", "", NODE_SECRET, "x" },
	{ "envFrom config map", ", 'containers': [{" CONTAINER("'envFrom': ["
	  "{'configMapRef': {'name': 'x'}}]") "}]", "", NODE_CONFIG_MAP, "x" },
	{ "init container", ", 'initContainers': [{" CONTAINER("'envFrom': ["
	  "{'secretRef': {'name': 'x'}}]") "}]", "", NODE_SECRET, "x" },
	{ "ephemeral container", ", 'ephemeralContainers': [{" CONTAINER("'targetContainerName': "
	  "'c', 'envFrom': [{'configMapRef': {'name': 'x'}}]") "}]", "", NODE_CONFIG_MAP, "x" },
	{ "azureFile", VOLUME("'azureFile': {'secretName': 'x', 'shareName': 's'}"), "",
	  NODE_SECRET, "x" },
	{ "cephfs", VOLUME("'cephfs': {'monitors': ['m'], 'secretRef': {'name': 'x'}}"), "",
	  NODE_SECRET, "x" },
	{ "cinder", VOLUME("'cinder': {'volumeID': 'v', 'secretRef': {'name': 'x'}}"), "",
	  NODE_SECRET, "x" },
	{ "flexVolume", VOLUME("'flexVolume': {'driver': 'd', 'secretRef': {'name': 'x'}}"), "",
	  NODE_SECRET, "x" },
	{ "rbd", VOLUME("'rbd': {'image': 'i', 'secretRef': {'name': 'x'}}"), "", NODE_SECRET,
		"x" },
	{ "secret", VOLUME("'secret': {'secretName': 'x', 'optional': true}"), "", NODE_SECRET,
		"x" },
	{ "scaleIO", VOLUME("'scaleIO': {'gateway': 'g', 'secretRef': {'name': 'x'}}"), "",
	  NODE_SECRET, "x" },
	{ "iscsi", VOLUME("'iscsi': {'iqn': 'i', 'secretRef': {'name': 'x'}}"), "",
	  NODE_SECRET, "x" },
	{ "storageos", VOLUME("'storageos': {'secretRef': {'name': 'x'}}"), "", NODE_SECRET, "x" },
	{ "csi", VOLUME("'csi': {'driver': 'd', 'nodePublishSecretRef': {'name': 'x'}}"), "",
	  NODE_SECRET, "x" },
	{ "projected secret", VOLUME("'projected': {'sources': [{'downwardAPI': {}}, "
	  "{'secret': {'name': 'y'}}, {'secret': {'name': 'x'}}]}"), "", NODE_SECRET, "x" },
	{ "projected config map", VOLUME("'projected': {'sources': [{'serviceAccountToken': "
	  "{'path': 'p'}}, {'configMap': {'name': 'x'}}]}"), "", NODE_CONFIG_MAP, "x" },
	{ "config map", VOLUME("'configMap': {'name': 'x'}"), "", NODE_CONFIG_MAP, "x" },
	{ "claim", VOLUME("'persistentVolumeClaim': {'claimName': 'x'}"), "", NODE_CLAIM, "x" },
	{ "ephemeral claim", VOLUME("'ephemeral': {'volumeClaimTemplate': {}}"), "", NODE_CLAIM,
	  "p-v" },
	{ "resource claim", ", 'resourceClaims': [{'name': 'r', 'resourceClaimName': 'x'}]", "",
	  NODE_RESOURCE_CLAIM, "x" },
	{ "resource claim of a template", ", 'resourceClaims': [{'name': 'r', "
	  "'resourceClaimTemplateName': 't'}]", ", 'status': {'resourceClaimStatuses': ["
	  "{'name': 'q', 'resourceClaimName': 'y'}, {'name': 'r', 'resourceClaimName': 'x'}]}",
	  NODE_RESOURCE_CLAIM, "x" },
	{ "extended resource claim", "", ", 'status': {'extendedResourceClaimStatus': "
	  "{'resourceClaimName': 'x'}}", NODE_RESOURCE_CLAIM, "x" },
};

static void test_references(void)
{
	for (size_t i = 0; i < array_size(references); i++) {
		const struct reference *r = &references[i];
		struct node_graph *g = graph_with_nodes();

		tap_row(r->label);
		apply_pod(g, "", "");
		ok(!related(g, r->kind, "ns", r->name, "n"));
		apply_pod(g, r->spec, r->tail);
		ok(related(g, r->kind, "ns", r->name, "n"));
		ok(!related(g, r->kind, "ns", r->name, "m"));
		ok(!related(g, r->kind, "ns2", r->name, "n"));
		ok(!related(g, r->kind, "", r->name, "n"));
		ok(!related(g, r->kind, "ns", "", "n"));
		for (int k = 0; k < NODE_OBJECTS; k++)
			if (k != (int)r->kind)
				ok(!related(g, k, "ns", r->name, "n"));
		apply_pod(g, "", "");
		ok(!related(g, r->kind, "ns", r->name, "n"));
		apply_pod(g, r->spec, r->tail);
		delete(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'p', 'namespace': 'ns'}}");
		ok(!related(g, r->kind, "ns", r->name, "n"));
		node_graph_free(g);
	}
	tap_row(NULL);
}

/* A mirror pod with every reference of the table is related to its node and to nothing else. */
static void test_mirror_pods(void)
{
	static const char *const annotations[] = { "'x'", "''" };

	for (size_t i = 0; i < array_size(references) * 2; i++) {
		const struct reference *r = &references[i / 2];
		struct node_graph *g = graph_with_nodes();
		char *text;

		tap_row(r->label);
		CHECK(asprintf(&text, "{'metadata': {'name': 'p', 'namespace': 'ns', "
			"'annotations': "
			       "{'a': 'b', 'kubernetes.io/config.mirror': %s}}, "
			       "'spec': {'nodeName': 'n'%s}%s}", annotations[i % 2], r->spec,
			       r->tail) > 0);
		apply(g, NODE_SOURCE_PODS, text);
		free(text);
		ok(related(g, NODE_POD, "ns", "p", "n"));
		ok(!related(g, r->kind, "ns", r->name, "n"));
		node_graph_free(g);
	}
	tap_row(NULL);
}

static void test_first_source_counts(void)
{
	struct node_graph *g = graph_with_nodes();

	apply_pod(g, VOLUME("'csi': {'nodePublishSecretRef': {'name': 'late'}}, "
			    "'azureFile': {'secretName': 'early'}, 'configMap': {'name': 'cm'}, "
			    "'projected': {'sources': [{'secret': {'name': 'between'}}, "
			    "{'configMap': {'name': 'projected'}}]}, "
			    "'ephemeral': {}, 'persistentVolumeClaim': {'claimName': 'c'}"), "");
	ok(secret(g, "early", "n"));
	ok(!secret(g, "late", "n"));
	ok(!secret(g, "between", "n"));
	ok(related(g, NODE_CONFIG_MAP, "ns", "projected", "n"));
	ok(!related(g, NODE_CONFIG_MAP, "ns", "cm", "n"));
	ok(related(g, NODE_CLAIM, "ns", "c", "n"));
	ok(!related(g, NODE_CLAIM, "ns", "p-v", "n"));
	/* A source that is first hides the others even when it names no secret. */
	apply_pod(g, VOLUME("'cephfs': {'monitors': ['m']}, 'secret': {'secretName': 'late'}"), "");
	ok(!secret(g, "late", "n"));
	node_graph_free(g);
}

static void test_resource_claims_that_are_none(void)
{
	struct node_graph *g = node_graph_new();

	apply_pod(g, ", 'resourceClaims': [{'name': 'a', 'resourceClaimTemplateName': 't'}, "
		  "{'name': 'b', 'resourceClaimTemplateName': 't'}, {'name': 'c'}, "
		  "{'name': 'd', 'resourceClaimName': 'direct'}]",
		  ", 'status': {'resourceClaimStatuses': [{'name': 'b'}, "
		  "{'name': 'c', 'resourceClaimName': 'no-template'}, "
		  "{'name': 'd', 'resourceClaimName': 'not-from-status'}, "
		  "{'name': 'e', 'resourceClaimName': 'no-claim'}]}");
	ok(related(g, NODE_RESOURCE_CLAIM, "ns", "direct", "n"));
	ok(!related(g, NODE_RESOURCE_CLAIM, "ns", "no-template", "n"));
	ok(!related(g, NODE_RESOURCE_CLAIM, "ns", "not-from-status", "n"));
	ok(!related(g, NODE_RESOURCE_CLAIM, "ns", "no-claim", "n"));
	node_graph_free(g);
}

/* The status may stand before the spec, and the name behind both. */
static void test_order_of_members(void)
{
	struct node_graph *g = node_graph_new();

	apply(g, NODE_SOURCE_PODS, "{'status': {'resourceClaimStatuses': "
		"[{'resourceClaimName': 'x', "
	      "'name': 'r'}]}, 'spec': {'volumes': [{'ephemeral': {}, 'name': 'v'}], "
	      "'resourceClaims': [{'resourceClaimTemplateName': 't', 'name': 'r'}], "
	      "'nodeName': 'n'}, 'metadata': {'namespace': 'ns', 'name': 'p'}}");
	ok(related(g, NODE_RESOURCE_CLAIM, "ns", "x", "n"));
	ok(related(g, NODE_CLAIM, "ns", "p-v", "n"));
	node_graph_free(g);
}

/* --- Pods as they change --- */

static void test_phases_do_not_matter(void)
{
	struct node_graph *g = node_graph_new();

	apply(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'p', 'namespace': 'ns', "
	      "'deletionTimestamp': '2026-01-01T00:00:00Z'}, 'spec': {'nodeName': 'n', "
	      "'imagePullSecrets': [{'name': 'x'}]}, 'status': {'phase': 'Succeeded'}}");
	ok(secret(g, "x", "n"));
	ok(related(g, NODE_POD, "ns", "p", "n"));
	ok(!related(g, NODE_POD, "ns", "p", "m"));
	ok(!related(g, NODE_POD, "ns2", "p", "n"));
	int_is(node_graph_count(g, NODE_SOURCE_PODS), 1);
	node_graph_free(g);
}

static void test_unscheduled_pods(void)
{
	struct node_graph *g = node_graph_new();

	apply(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'p', 'namespace': 'ns'}, "
	      "'spec': {'nodeName': '', 'imagePullSecrets': [{'name': 'x'}]}}");
	ok(!secret(g, "x", ""));
	ok(!related(g, NODE_POD, "ns", "p", ""));
	int_is(node_graph_count(g, NODE_SOURCE_PODS), 0);
	int_is(node_graph_generation(g), 0);
	apply_pod(g, ", 'imagePullSecrets': [{'name': 'x'}]", "");
	ok(secret(g, "x", "n"));
	ok(node_graph_generation(g) > 0);
	node_graph_free(g);
}

/* A deletion and a creation that came as one change, to another node with other references. */
static void test_recreated_pod(void)
{
	struct node_graph *g = node_graph_new();
	char node[254], uid[NODE_UID_MAX + 1];

	apply_pod(g, ", 'imagePullSecrets': [{'name': 'x'}, {'name': 'both'}]", "");
	apply(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'p', 'namespace': 'ns', 'uid': 'w'}, "
	      "'spec': {'nodeName': 'm', 'imagePullSecrets': [{'name': 'y'}, {'name': 'both'}]}}");
	ok(!secret(g, "x", "n") && !secret(g, "x", "m") && !secret(g, "both", "n"));
	ok(secret(g, "y", "m") && secret(g, "both", "m") && !secret(g, "y", "n"));
	ok(!related(g, NODE_POD, "ns", "p", "n") && related(g, NODE_POD, "ns", "p", "m"));
	ok(node_graph_pod(g, STR("ns"), STR("p"), node, uid));
	cstr_is(node, "m");
	cstr_is(uid, "w");
	/* And not bound yet: nothing is left of the old one. */
	apply(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'p', 'namespace': 'ns', 'uid': 'z'}, "
	      "'spec': {'imagePullSecrets': [{'name': 'y'}]}}");
	ok(!secret(g, "y", "m") && !related(g, NODE_POD, "ns", "p", "m"));
	ok(!node_graph_pod(g, STR("ns"), STR("p"), node, uid));
	int_is(node_graph_count(g, NODE_SOURCE_PODS), 0);
	node_graph_free(g);
}

static void test_pod_is_known_by(void)
{
	static const char *const uids[] = {
		"0c1d3b5e-8a2f-4c6d-9e01-23456789abcd", "0C1D3B5E-8a2f-4c6d-9e01-23456789abcd",
		"0c1d3b5e-8a2f-4c6d-9e01-23456789abc", "0c1d3b5e08a2f-4c6d-9e01-23456789abcd", "u",
		"", "0123456789012345678901234567890123456789012345678901234567890123",
	};
	struct node_graph *g = node_graph_new();
	char node[254], uid[NODE_UID_MAX + 1], text[300];

	for (size_t i = 0; i < array_size(uids); i++) {
		snprintf(text, sizeof(text), "{'metadata': {'name': 'p', 'namespace': 'ns', "
			 "'uid': '%s'}, 'spec': {'nodeName': 'n', 'serviceAccountName': 's'}}",
			 uids[i]);
		apply(g, NODE_SOURCE_PODS, text);
		ok(node_graph_pod(g, STR("ns"), STR("p"), node, uid));
		cstr_is(node, "n");
		cstr_is(uid, uids[i]);
	}
	snprintf(text, sizeof(text), "{'metadata': {'name': 'p', 'namespace': 'ns', 'uid': '%sx'}, "
		 "'spec': {'nodeName': 'n'}}", uids[array_size(uids) - 1]);
	apply(g, NODE_SOURCE_PODS, text);
	ok(!node_graph_pod(g, STR("ns"), STR("p"), node, uid));
	ok(related(g, NODE_POD, "ns", "p", "n"));
	ok(!node_graph_pod(g, STR("ns"), STR("q"), node, uid));
	ok(!node_graph_pod(g, STR(""), STR("p"), node, uid));
	node_graph_free(g);
}

/* An object that one pod names many times counts once, and one that two pods name counts twice. */
static void test_counts_are_per_pod(void)
{
	struct node_graph *g = graph_with_nodes();

	apply_pod(g, ", 'imagePullSecrets': [{'name': 'x'}, {'name': 'x'}], 'volumes': "
		"[{'name': 'v',"
		  " 'secret': {'secretName': 'x'}}]", "");
	apply(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'q', 'namespace': 'ns'}, "
	      "'spec': {'nodeName': 'n', 'imagePullSecrets': [{'name': 'x'}]}}");
	delete(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'q', 'namespace': 'ns'}}");
	ok(secret(g, "x", "n"));
	apply_pod(g, ", 'imagePullSecrets': [{'name': 'x'}]", "");
	ok(secret(g, "x", "n"));
	apply_pod(g, "", "");
	ok(!secret(g, "x", "n"));
	node_graph_free(g);
}

/* 3,000 nodes share a config map; then they leave again, in another order. */
static void test_shared_by_many_nodes(void)
{
	const int n = 3000, step = 7;
	struct node_graph *g = graph_with_nodes();
	char text[300], node[20];

	for (int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "{'metadata': {'name': 'p%d', 'namespace': 'ns'}, "
			"'spec': "
			 "{'nodeName': 'n%d', 'volumes': [{'name': 'v', 'configMap': "
			 "{'name': 'shared'}}]}}", i, i);
		apply(g, NODE_SOURCE_PODS, text);
	}
	for (int i = 0; i < n; i++) {
		int one = (int)((int64_t)i * step % n);

		snprintf(node, sizeof(node), "n%d", one);
		ok(related(g, NODE_CONFIG_MAP, "ns", "shared", node));
		snprintf(text, sizeof(text), "{'metadata': {'name': 'p%d', 'namespace': "
			"'ns'}}", one);
		delete(g, NODE_SOURCE_PODS, text);
		ok(!related(g, NODE_CONFIG_MAP, "ns", "shared", node));
		snprintf(node, sizeof(node), "n%d", (int)((int64_t)(n - 1) * step % n));
		ok(related(g, NODE_CONFIG_MAP, "ns", "shared", node) == (i < n - 1));
	}
	node_graph_free(g);
}

/* --- Volumes --- */

#define CLAIM_POD ", 'volumes': [{'name': 'v', 'persistentVolumeClaim': {'claimName': 'c'}}]"
#define PV(spec) "{'metadata': {'name': 'pv'}, 'spec': {" spec "}}"
#define REF "'claimRef': {'namespace': 'ns', 'name': 'c'}"

static void test_volume_secrets(void)
{
	static const struct {
		const char *label, *pv, *namespace;	/* NULL: not granted */
	} rows[] = {
		{ "azureFile", PV("'azureFile': {'secretName': 'x'}, " REF), "ns" },
		{ "azureFile ns", PV("'azureFile': {'secretName': 'x', 'secretNamespace': "
			"'o'}, " REF),
		  "o" },
		{ "azureFile empty ns", PV(REF ", 'azureFile': {'secretName': 'x', "
					   "'secretNamespace': ''}"), "ns" },
		{ "cephfs", PV("'cephfs': {'secretRef': {'name': 'x'}}, " REF), "ns" },
		{ "cephfs ns", PV("'cephfs': {'secretRef': {'name': 'x', 'namespace': 'o'}}, "
			"" REF), "o" },
		{ "flexVolume", PV(REF ", 'flexVolume': {'secretRef': {'name': 'x'}}"), "ns" },
		{ "flexVolume ns", PV(REF ", 'flexVolume': {'secretRef': {'name': 'x', "
				      "'namespace': 'o'}}"), "o" },
		{ "rbd", PV(REF ", 'rbd': {'secretRef': {'name': 'x'}}"), "ns" },
		{ "scaleIO", PV(REF ", 'scaleIO': {'secretRef': {'name': 'x'}}"), "ns" },
		{ "iscsi", PV(REF ", 'iscsi': {'secretRef': {'name': 'x'}}"), "ns" },
		{ "cinder", PV(REF ", 'cinder': {'secretRef': {'name': 'x'}}"), NULL },
		{ "cinder ns", PV(REF ", 'cinder': {'secretRef': {'name': 'x', 'namespace': "
			"'o'}}"), "o" },
		{ "storageos", PV(REF ", 'storageos': {'secretRef': {'name': 'x'}}"), NULL },
		{ "storageos ns", PV(REF ", 'storageos': {'secretRef': {'name': 'x', 'kind': 'k', "
				     "'namespace': 'o'}}"), "o" },
		{ "csi", PV(REF ", 'csi': {'nodePublishSecretRef': {'name': 'x'}}"), NULL },
		{ "csi publish", PV(REF ", 'csi': {'nodePublishSecretRef': {'name': 'x', "
				    "'namespace': 'o'}}"), "o" },
		{ "csi stage", PV(REF ", 'csi': {'nodeStageSecretRef': {'name': 'x', "
				  "'namespace': 'o'}}"), "o" },
		{ "csi expand", PV(REF ", 'csi': {'nodeExpandSecretRef': {'name': 'x', "
				   "'namespace': 'o'}}"), "o" },
		{ "csi controller publish", PV(REF ", 'csi': {'controllerPublishSecretRef': "
			"{'name': 'x',"
					       " 'namespace': 'o'}}"), NULL },
		{ "csi controller expand", PV(REF ", 'csi': {'controllerExpandSecretRef': "
			"{'name': 'x', "
					      "'namespace': 'o'}}"), NULL },
		{ "first source", PV(REF ", 'csi': {'nodeStageSecretRef': {'name': 'x', "
			"'namespace': "
				     "'o'}}, 'rbd': {'image': 'i'}"), NULL },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		bool ns = rows[i].namespace && !strcmp(rows[i].namespace, "ns");
		bool other = rows[i].namespace && !ns;
		struct node_graph *g = graph_with_nodes();

		tap_row(rows[i].label);
		apply(g, NODE_SOURCE_VOLUMES, rows[i].pv);
		ok(!related(g, NODE_SECRET, "ns", "x", "n") && !related(g, NODE_SECRET, "o",
			"x", "n"));
		ok(!related(g, NODE_VOLUME, "", "pv", "n"));
		apply_pod(g, CLAIM_POD, "");
		ok(related(g, NODE_VOLUME, "", "pv", "n") && !related(g, NODE_VOLUME, "", "pv",
			"m"));
		ok(related(g, NODE_SECRET, "ns", "x", "n") == ns);
		ok(related(g, NODE_SECRET, "o", "x", "n") == other);
		ok(!related(g, NODE_SECRET, "", "x", "n") && !related(g, NODE_SECRET, "o", "x",
			"m"));
		apply(g, NODE_SOURCE_VOLUMES, PV(REF));
		ok(!related(g, NODE_SECRET, "ns", "x", "n") && !related(g, NODE_SECRET, "o",
			"x", "n"));
		ok(related(g, NODE_VOLUME, "", "pv", "n"));
		node_graph_free(g);
	}
	tap_row(NULL);
}

/* Pod and volume in either order, and either going first. */
static void test_volumes_come_and_go(void)
{
	static const char with_secret[] = PV(REF ", 'rbd': {'secretRef': {'name': 'x'}}");

	for (int order = 0; order < 4; order++) {
		struct node_graph *g = graph_with_nodes();
		uint64_t generation;

		if (order & 1)
			apply_pod(g, CLAIM_POD, "");
		else
			apply(g, NODE_SOURCE_VOLUMES, with_secret);
		generation = node_graph_generation(g);
		if (order & 1)
			apply(g, NODE_SOURCE_VOLUMES, with_secret);
		else
			apply_pod(g, CLAIM_POD, "");
		ok(node_graph_generation(g) > generation);
		ok(secret(g, "x", "n") && related(g, NODE_VOLUME, "", "pv", "n"));
		if (order & 2)
			delete(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'p', 'namespace': "
				"'ns'}}");
		else
			delete(g, NODE_SOURCE_VOLUMES, "{'metadata': {'name': 'pv'}}");
		ok(!secret(g, "x", "n") && !related(g, NODE_VOLUME, "", "pv", "n"));
		ok(related(g, NODE_CLAIM, "ns", "c", "n") == !(order & 2));
		node_graph_free(g);
	}
}

/* A secret that a pod and two volumes name is related until the last of them is gone. */
static void test_secret_of_many(void)
{
	struct node_graph *g = graph_with_nodes();

	apply_pod(g, CLAIM_POD ", 'imagePullSecrets': [{'name': 'x'}]", "");
	apply(g, NODE_SOURCE_VOLUMES, PV(REF ", 'rbd': {'secretRef': {'name': 'x'}}"));
	apply(g, NODE_SOURCE_VOLUMES, "{'metadata': {'name': 'pw'}, 'spec': {" REF ", 'csi': "
	      "{'nodeStageSecretRef': {'name': 'x', 'namespace': 'ns'}, "
	      "'nodePublishSecretRef': {'name': 'x', 'namespace': 'ns'}}}}");
	apply_pod(g, CLAIM_POD, "");
	ok(secret(g, "x", "n"));
	delete(g, NODE_SOURCE_VOLUMES, "{'metadata': {'name': 'pv'}}");
	ok(secret(g, "x", "n"));
	delete(g, NODE_SOURCE_VOLUMES, "{'metadata': {'name': 'pw'}}");
	ok(!secret(g, "x", "n"));
	node_graph_free(g);
}

/* Another claim, and none. */
static void test_volume_is_bound_anew(void)
{
	struct node_graph *g = graph_with_nodes();

	apply_pod(g, CLAIM_POD, "");
	apply(g, NODE_SOURCE_VOLUMES, PV(REF ", 'rbd': {'secretRef': {'name': 'x'}}"));
	ok(secret(g, "x", "n"));
	apply(g, NODE_SOURCE_VOLUMES, PV("'claimRef': {'namespace': 'ns', 'name': 'd'}, "
					 "'rbd': {'secretRef': {'name': 'x'}}"));
	ok(!secret(g, "x", "n") && !related(g, NODE_VOLUME, "", "pv", "n"));
	apply(g, NODE_SOURCE_VOLUMES, PV(REF ", 'rbd': {'secretRef': {'name': 'x'}}"));
	ok(secret(g, "x", "n"));
	apply(g, NODE_SOURCE_VOLUMES, PV("'rbd': {'secretRef': {'name': 'x'}}"));
	ok(!secret(g, "x", "n") && !related(g, NODE_VOLUME, "", "pv", "n"));
	int_is(node_graph_count(g, NODE_SOURCE_VOLUMES), 0);
	node_graph_free(g);
}

/* --- What has a node and nothing else --- */

static void test_attached(void)
{
	static const struct {
		enum node_source source;
		enum node_object kind;
		const char *namespace;
	} rows[] = {
		{ NODE_SOURCE_VOLUME_ATTACHMENTS, NODE_VOLUME_ATTACHMENT, "" },
		{ NODE_SOURCE_RESOURCE_SLICES, NODE_RESOURCE_SLICE, "" },
		{ NODE_SOURCE_POD_CERTIFICATE_REQUESTS, NODE_POD_CERTIFICATE_REQUEST, "ns" },
	};
	static const char one[] = "{'metadata': {'name': 'x', 'namespace': 'ns'}, "
		"'spec': {'nodeName': 'n'}}";
	static const char other[] = "{'metadata': {'name': 'x', 'namespace': 'ns'}, "
		"'spec': {'nodeName': 'm'}}";
	static const char none[] = "{'metadata': {'name': 'x', 'namespace': 'ns'}, 'spec': {}}";

	for (size_t i = 0; i < array_size(rows); i++) {
		const char *ns = rows[i].namespace;
		struct node_graph *g = graph_with_nodes();

		tap_row(messages[rows[i].source]);
		apply(g, rows[i].source, one);
		ok(related(g, rows[i].kind, ns, "x", "n") && !related(g, rows[i].kind, ns, "x",
			"m"));
		ok(!related(g, rows[i].kind, *ns ? "" : "ns", "x", "n"));
		ok(!related(g, rows[i].kind, ns, "y", "n"));
		apply(g, rows[i].source, other);
		ok(related(g, rows[i].kind, ns, "x", "m") && !related(g, rows[i].kind, ns, "x",
			"n"));
		int_is(node_graph_count(g, rows[i].source), 1);
		apply(g, rows[i].source, none);
		ok(!related(g, rows[i].kind, ns, "x", "m") && !related(g, rows[i].kind, ns,
			"x", ""));
		apply(g, rows[i].source, one);
		delete(g, rows[i].source, one);
		ok(!related(g, rows[i].kind, ns, "x", "n"));
		int_is(node_graph_count(g, rows[i].source), 0);
		node_graph_free(g);
	}
	tap_row(NULL);
}

/* --- Lists --- */

static void test_relist(void)
{
	struct node_graph *g = node_graph_new();
	static const char other[] = "{'metadata': {'name': 'q', 'namespace': 'ns'}, 'spec': "
		"{'nodeName': 'n', 'imagePullSecrets': [{'name': 'y'}]}}";

	for (int abandoned = 0; abandoned < 3; abandoned++) {
		apply_pod(g, ", 'imagePullSecrets': [{'name': 'x'}]", "");
		apply(g, NODE_SOURCE_PODS, other);
		apply(g, NODE_SOURCE_VOLUMES, PV(REF));
		for (int i = 0; i < abandoned; i++) {
			node_graph_relist_begin(g, NODE_SOURCE_PODS);
			apply(g, NODE_SOURCE_PODS, other);
			node_graph_relist_abandon(g, NODE_SOURCE_PODS);
			ok(secret(g, "x", "n") && secret(g, "y", "n"));
		}
		node_graph_relist_begin(g, NODE_SOURCE_PODS);
		apply_pod(g, ", 'imagePullSecrets': [{'name': 'x'}]", "");
		ok(secret(g, "x", "n") && secret(g, "y", "n"));
		node_graph_relist_commit(g, NODE_SOURCE_PODS);
		ok(secret(g, "x", "n") && !secret(g, "y", "n"));
		int_is(node_graph_count(g, NODE_SOURCE_PODS), 1);
		int_is(node_graph_count(g, NODE_SOURCE_VOLUMES), 1);
	}
	/* A list that is begun again was not complete. */
	apply(g, NODE_SOURCE_PODS, other);
	node_graph_relist_begin(g, NODE_SOURCE_PODS);
	node_graph_relist_begin(g, NODE_SOURCE_PODS);
	apply(g, NODE_SOURCE_PODS, other);
	node_graph_relist_commit(g, NODE_SOURCE_PODS);
	ok(!secret(g, "x", "n") && secret(g, "y", "n"));
	node_graph_free(g);
}

/* --- Bad input, and memory --- */

static void test_bad_objects(void)
{
	static const char *const bad[] = {
		"{}", "{'metadata': {'name': 'p'}}", "{'metadata': {'namespace': 'ns'}}",
		"{'metadata': {'name': 'p', 'namespace': 'ns'}, 'spec': {'nodeName': 1}}",
		"{'metadata': {'name': 'p', 'namespace': 'ns'}, 'spec': {'volumes': {}}}",
		"{'metadata': {'name': 'p', 'namespace': 'ns'}, 'spec': {'volumes': [1]}}",
	};
	struct node_graph *g = node_graph_new();

	apply_pod(g, ", 'imagePullSecrets': [{'name': 'x'}]", "");
	for (size_t i = 0; i < array_size(bad); i++) {
		tap_row(bad[i]);
		int_is(change(g, NODE_SOURCE_PODS, bad[i], node_graph_apply), ERR_SYNTAX);
		ok(secret(g, "x", "n"));
	}
	tap_row(NULL);
	int_is(change(g, NODE_SOURCE_PODS, bad[1], node_graph_delete), ERR_SYNTAX);
	delete(g, NODE_SOURCE_PODS, "{'metadata': {'name': 'unknown', 'namespace': 'ns'}}");
	ok(secret(g, "x", "n"));
	node_graph_free(g);
}

static void test_long_names(void)
{
	struct node_graph *g = node_graph_new();
	char name[2000], *text;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK(asprintf(&text, "{'metadata': {'name': '%s', 'namespace': 'ns'}, "
		       "'spec': {'nodeName': 'n'}}", name) > 0);
	int_is(change(g, NODE_SOURCE_PODS, text, node_graph_apply), ERR_LIMIT);
	free(text);
	CHECK(asprintf(&text, ", 'imagePullSecrets': [{'name': '%s'}, {'name': '%.253s'}]", name,
		       name) > 0);
	apply_pod(g, text, "");
	free(text);
	ok(!secret(g, name, "n"));
	name[253] = '\0';
	ok(secret(g, name, "n"));
	node_graph_free(g);
}

/* A name that would be cut at its NUL is not given out. */
static void test_names_with_nul(void)
{
	static const uint8_t pod[] = "\x0a\x09\x0a\x01p\x1a\x02ns\x2a\x00\x12\x05\x52\x03n\x00x";
	char node[254], uid[NODE_UID_MAX + 1];
	struct node_graph *g = node_graph_new();
	struct object_cursor c;

	object_cursor_protobuf(&c, schema_message_find("core.v1.Pod"), pod, sizeof(pod) - 1);
	int_is(node_graph_apply(g, NODE_SOURCE_PODS, &c), 0);
	ok(!related(g, NODE_POD, "ns", "p", "n"));
	ok(node_graph_related(g, NODE_POD, STR("ns"), STR("p"), STR("n\0x")));
	ok(!node_graph_pod(g, STR("ns"), STR("p"), node, uid));
	node_graph_free(g);
}

static void test_counts(void)
{
	enum { NODES = 500 };
	static int model[NODES + 1];
	node_counts counts = 0;
	struct node_slab s;
	uint64_t x = 88172645463325252u;

	node_slab_init(&s);
	for (int i = 0; i < 60000; i++) {
		/* Few nodes, many, and few again. */
		uint32_t most = i < 20000 || i > 40000 ? 3 : NODES, node;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		node = 1 + (uint32_t)(x >> 33) % most;
		if (x >> 20 & 1) {
			if (node_counts_add(&s, &counts, node) != (model[node]++ == 0))
				ok(!"the first of a node");
		} else if (model[node]) {
			if (node_counts_del(&s, &counts, node) != (--model[node] == 0))
				ok(!"the last of a node");
		}
		node = 1 + (uint32_t)(x >> 43) % NODES;
		if (node_counts_has(&counts, node) != (model[node] > 0) ||
		    node_counts_has(&counts, 0))
			ok(!"who refers to it");
	}
	for (uint32_t node = 1; node <= NODES; node++)
		while (model[node])
			ok(node_counts_del(&s, &counts, node) == (--model[node] == 0));
	ok(node_counts_is_empty(&counts));
	rcu_drain();
	ok(s.bytes <= 65536);
	node_slab_fini(&s);
}

enum { VERTICES = 6000 };

static struct node_vertex *make_vertex(int i)
{
	char name[20];
	struct node_vertex *v;

	snprintf(name, sizeof(name), "vertex-%d", i);
	v = xcalloc(1, offsetof(struct node_vertex, name) + strlen(name) + 8);
	v->name_n = (uint16_t)strlen(name);
	memcpy(v->name, name, v->name_n);
	return v;
}

static void count_vertex(void *arg, struct node_vertex *v)
{
	*(size_t *)arg += v->name_n > 0;
}

/* Many names, so that they collide, grow their tables and leave them empty. */
static void test_index(void)
{
	static struct node_vertex *vertices[VERTICES];
	static bool in[VERTICES];
	static struct node_index index;
	struct node_slab s;
	uint64_t x = 88172645463325252u;
	size_t n = 0, walked = 0;

	node_slab_init(&s);
	for (int i = 0; i < VERTICES; i++)
		vertices[i] = make_vertex(i);
	for (int i = 0; i < 300000; i++) {
		size_t one;
		struct node_key key;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		one = (x >> 33) % VERTICES;
		key = node_key_make(STR_NULL, node_vertex_name(vertices[one]));
		if (!in[one] && x >> 60 < (i / 50000 % 2 ? 2 : 14)) {
			node_index_add(&index, &s, vertices[one], &key);
			in[one] = true;
			n++;
		} else if (in[one] && x >> 60 < (i / 50000 % 2 ? 14 : 2)) {
			node_index_del(&index, &s, vertices[one]);
			in[one] = false;
			n--;
		}
		one = (x >> 13) % VERTICES;
		key = node_key_make(STR_NULL, node_vertex_name(vertices[one]));
		if (node_index_find(&index, &key) != (in[one] ? vertices[one] : NULL))
			ok(!"what is in it is found, and nothing else");
		rcu_reclaim();
	}
	node_index_each(&index, count_vertex, &walked);
	int_is(walked, n);
	int_is(index.count, n);
	for (int i = 0; i < VERTICES; i++) {
		if (in[i])
			node_index_del(&index, &s, vertices[i]);
		free(vertices[i]);
	}
	rcu_drain();
	ok(s.bytes <= 65536);
	node_slab_fini(&s);
}

static void test_slab(void)
{
	enum { PIECES = 5000 };
	static char *pieces[PIECES];
	static size_t sizes[PIECES];
	struct node_slab s;

	node_slab_init(&s);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < PIECES; i++) {
			sizes[i] = 1 + i * 37 % 1200;
			pieces[i] = node_slab_alloc(&s, sizes[i]);
			memset(pieces[i], (int)(i % 251), sizes[i]);
		}
		ok(s.bytes >= PIECES * 500);
		for (size_t i = 0; i < PIECES; i++) {
			size_t one = i * 1009 % PIECES;
			bool whole = true;

			for (size_t j = 0; j < sizes[one]; j++)
				whole &= pieces[one][j] == (char)(one % 251);
			if (!whole)
				ok(whole);
			if (i % 2)
				node_slab_free(pieces[one], sizes[one]);
			else
				node_slab_retire(pieces[one], sizes[one]);
		}
		rcu_drain();
		ok(s.bytes <= 65536);
	}
	node_slab_alloc(&s, 8);
	node_slab_alloc(&s, 80000);
	node_slab_fini(&s);
	int_is(s.bytes, 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_references), TAP(test_mirror_pods), TAP(test_first_source_counts),
		TAP(test_resource_claims_that_are_none), TAP(test_order_of_members),
		TAP(test_phases_do_not_matter), TAP(test_unscheduled_pods), TAP(test_recreated_pod),
		TAP(test_pod_is_known_by), TAP(test_counts_are_per_pod),
		TAP(test_shared_by_many_nodes), TAP(test_volume_secrets),
		TAP(test_volumes_come_and_go), TAP(test_secret_of_many),
		TAP(test_volume_is_bound_anew), TAP(test_attached), TAP(test_relist),
		TAP(test_bad_objects), TAP(test_long_names), TAP(test_names_with_nul),
		TAP(test_counts), TAP(test_index), TAP(test_slab), TAP_END
	};
	int status;

	rcu_reader_register();
	status = tap_main(tests);
	rcu_reader_unregister();
	return status;
}
