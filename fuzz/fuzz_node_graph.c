/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Node graph fed with objects of any kind, in protobuf and JSON: a byte that says what happens
 * (source, format, applied or deleted or a list begun or ended), two of length, and so many bytes
 * of object.  Nothing is read beyond the input, what is known of a pod is of one piece, and when
 * all is deleted nothing is left.
 */
#include "config.h"

#include "authz/node_graph.h"
#include "base/check.h"
#include "base/err.h"
#include "base/rcu.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const messages[] = {
	"core.v1.Pod", "core.v1.PersistentVolume", "storage.v1.VolumeAttachment",
	"resource.v1.ResourceSlice", "certificates.v1beta1.PodCertificateRequest",
};

static void change(struct node_graph *g, enum node_source s, bool gone, struct object_cursor *c)
{
	uint64_t generation = node_graph_generation(g);
	int rc = gone ? node_graph_delete(g, s, c) : node_graph_apply(g, s, c);

	CHECK(rc == 0 || rc == ERR_SYNTAX || rc == ERR_LIMIT);
	CHECK(node_graph_generation(g) >= generation);
	CHECK(rc == 0 || node_graph_generation(g) == generation);
}

static void change_bytes(struct node_graph *g, enum node_source s, uint8_t what,
			 const uint8_t *p, size_t n)
{
	const struct schema_message *m = schema_message_find(messages[s]);
	struct object_cursor c;
	json_t *v = NULL;

	if (what & 8) {
		v = json_loadb((const char *)p, n, 0, NULL);
		if (!v)
			return;
		object_cursor_json(&c, m, v);
	} else {
		object_cursor_protobuf(&c, m, p, n);
	}
	change(g, s, what & 16, &c);
	json_decref(v);
}

static void list(struct node_graph *g, enum node_source s, uint8_t what, bool *listing)
{
	if (what & 16 || !*listing)
		node_graph_relist_begin(g, s);
	else if (what & 8)
		node_graph_relist_abandon(g, s);
	else
		node_graph_relist_commit(g, s);
	*listing = what & 16 || !*listing;
}

/* The corpus's names: a pod p of namespace ns on node n, and its objects x. */
static void ask(const struct node_graph *g)
{
	char node[254], uid[NODE_UID_MAX + 1];

	for (int kind = 0; kind < NODE_OBJECTS; kind++) {
		node_graph_related(g, kind, STR("ns"), STR("x"), STR("n"));
		CHECK(!node_graph_related(g, kind, STR("ns"), STR("x"), STR("")));
	}
	if (node_graph_pod(g, STR("ns"), STR("p"), node, uid))
		CHECK(node_graph_related(g, NODE_POD, STR("ns"), STR("p"), str_from(node)) &&
		      strlen(uid) <= NODE_UID_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool registered;
	bool listing[NODE_SOURCES] = { false };
	struct node_graph *g = node_graph_new();

	if (!registered)
		rcu_reader_register();
	registered = true;
	for (size_t at = 0; at + 3 <= size;) {
		uint8_t what = data[at];
		enum node_source s = (what & 7) % NODE_SOURCES;
		size_t n = (size_t)data[at + 1] | (size_t)data[at + 2] << 8;

		at += 3;
		n = n < size - at ? n : size - at;
		if (what & 32)
			list(g, s, what, &listing[s]);
		else
			change_bytes(g, s, what, data + at, n);
		at += what & 32 ? 0 : n;
		ask(g);
	}
	for (int s = 0; s < NODE_SOURCES; s++) {
		node_graph_relist_begin(g, s);
		node_graph_relist_commit(g, s);
		CHECK(node_graph_count(g, s) == 0);
	}
	rcu_drain();
	CHECK(node_graph_bytes(g) < 2000000);
	node_graph_free(g);
	return 0;
}
