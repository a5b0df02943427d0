/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Node graph under random events against a model that keeps the objects as they are and works
 * the relation out anew for each question.  NODE_GRAPH_EVENTS in the environment: how many.
 */
#include "config.h"

#include <stdlib.h>

#include "authz/node_graph.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "tests/node_graph_encode.h"
#include "tests/tap.h"

#define EVENTS 200000
#define SEED 0x2545f4914f6cdd1dull

enum { NODES = 5, SPACES = 3, PODS = 12, NAMES = 5, VOLUMES = 8, ATTACHED = 6 };

struct model_pod {
	bool exists, is_mirror;
	int node;		/* -1: none */
	int service_account;	/* -1: none */
	unsigned secrets, config_maps, claims, resource_claims;	/* sets of names */
	unsigned incarnation;	/* its uid */
};

struct model_volume {
	bool exists;
	int claim_space, claim;	/* -1: none */
	int secret_count;
	int secret_space[3], secret[3];
};

struct model_attached {
	bool exists;
	int node;
};

struct model {
	struct model_pod pods[SPACES][PODS];
	struct model_volume volumes[VOLUMES];
	struct model_attached attached[3][SPACES][ATTACHED];	/* but the last: space 0 only */
};

static struct {
	struct node_graph *g;
	struct model m;
	uint64_t random;
	unsigned incarnations;
} t;

/* --- Random --- */

static unsigned pick(unsigned n)
{
	t.random ^= t.random << 13;
	t.random ^= t.random >> 7;
	t.random ^= t.random << 17;
	return (unsigned)((t.random >> 20) % n);
}

static bool chance(unsigned percent)
{
	return pick(100) < percent;
}

static unsigned pick_set(void)
{
	return chance(40) ? 0 : pick(1 << NAMES) & pick(1 << NAMES);
}

static void random_pod(struct model_pod *p)
{
	bool was = p->exists && p->node >= 0;

	if (!was || chance(10)) {
		p->node = chance(10) ? -1 : (int)pick(NODES);
		p->incarnation = ++t.incarnations;
	}
	p->exists = true;
	p->is_mirror = chance(5);
	p->service_account = chance(30) ? -1 : (int)pick(NAMES);
	p->secrets = pick_set();
	p->config_maps = pick_set();
	p->claims = pick_set();
	p->resource_claims = pick_set();
}

static void random_volume(struct model_volume *v)
{
	v->exists = true;
	v->claim_space = (int)pick(SPACES);
	v->claim = chance(10) ? -1 : (int)pick(NAMES);
	v->secret_count = (int)pick(4);
	for (int i = 0; i < v->secret_count; i++) {
		v->secret_space[i] = (int)pick(SPACES);
		v->secret[i] = (int)pick(NAMES);
	}
}

/* --- The model's answers --- */

static bool pod_is_on(const struct model_pod *p, int node)
{
	return p->exists && p->node == node;
}

static bool pods_refer(enum node_object kind, int space, int name, int node)
{
	for (int i = 0; i < PODS; i++) {
		const struct model_pod *p = &t.m.pods[space][i];
		unsigned set = kind == NODE_SECRET ? p->secrets
			: kind == NODE_CONFIG_MAP ? p->config_maps
			: kind == NODE_CLAIM ? p->claims : p->resource_claims;

		if (!pod_is_on(p, node) || p->is_mirror)
			continue;
		if (kind == NODE_SERVICE_ACCOUNT ? p->service_account == name : set >> name & 1)
			return true;
	}
	return false;
}

static bool volume_is_related(const struct model_volume *v, int node)
{
	return v->exists && v->claim >= 0 &&
	       pods_refer(NODE_CLAIM, v->claim_space, v->claim, node);
}

static bool volumes_refer(int space, int name, int node)
{
	for (int i = 0; i < VOLUMES; i++) {
		const struct model_volume *v = &t.m.volumes[i];

		if (!volume_is_related(v, node))
			continue;
		for (int j = 0; j < v->secret_count; j++)
			if (v->secret_space[j] == space && v->secret[j] == name)
				return true;
	}
	return false;
}

static bool model_related(enum node_object kind, int space, int name, int node)
{
	const struct model_attached *a;

	switch (kind) {
	case NODE_POD:
		return pod_is_on(&t.m.pods[space][name], node);
	case NODE_SECRET:
		return pods_refer(kind, space, name, node) || volumes_refer(space, name, node);
	case NODE_CONFIG_MAP:
	case NODE_CLAIM:
	case NODE_RESOURCE_CLAIM:
	case NODE_SERVICE_ACCOUNT:
		return pods_refer(kind, space, name, node);
	case NODE_VOLUME:
		return volume_is_related(&t.m.volumes[name], node);
	case NODE_VOLUME_ATTACHMENT:
	case NODE_RESOURCE_SLICE:
	case NODE_POD_CERTIFICATE_REQUEST:
		a = &t.m.attached[kind - NODE_VOLUME_ATTACHMENT][space][name];
		return a->exists && a->node == node;
	case NODE_OBJECTS:
		break;
	}
	return false;
}

/* --- Questions --- */

struct question {
	enum node_object kind;
	int space, name, node;
};

static int names_of(enum node_object kind)
{
	return kind == NODE_POD ? PODS : kind == NODE_VOLUME ? VOLUMES
		: kind >= NODE_VOLUME_ATTACHMENT ? ATTACHED : NAMES;
}

static bool is_namespaced(enum node_object kind)
{
	return kind != NODE_VOLUME && kind != NODE_VOLUME_ATTACHMENT && kind != NODE_RESOURCE_SLICE;
}

static bool graph_related(struct question q)
{
	char space[16] = "", name[16], node[16];

	if (is_namespaced(q.kind))
		snprintf(space, sizeof(space), "space-%d", q.space);
	snprintf(name, sizeof(name), "name-%d", q.name);
	snprintf(node, sizeof(node), "node-%d", q.node);
	return node_graph_related(t.g, q.kind, str_from(space), str_from(name), str_from(node));
}

static struct question random_question(void)
{
	struct question q = { .kind = pick(NODE_OBJECTS), .node = (int)pick(NODES) };

	q.space = is_namespaced(q.kind) ? (int)pick(SPACES) : 0;
	q.name = (int)pick((unsigned)names_of(q.kind));
	return q;
}

static bool check_question(struct question q, long event)
{
	bool want = model_related(q.kind, q.space, q.name, q.node);

	if (graph_related(q) == want)
		return true;
	tap_note("event %ld: kind %d space %d name %d node %d should be %d", event, (int)q.kind,
		 q.space, q.name, q.node, want);
	return false;
}

static bool check_all(long event)
{
	struct question q;
	bool good = true;

	for (q.kind = 0; q.kind < NODE_OBJECTS; q.kind++)
		for (q.space = 0; q.space < (is_namespaced(q.kind) ? SPACES : 1); q.space++)
			for (q.name = 0; q.name < names_of(q.kind); q.name++)
				for (q.node = 0; q.node < NODES; q.node++)
					good &= check_question(q, event);
	return good;
}

/* --- Objects as JSON --- */

/* Numbers below 12 as text. */
static const char *name_text(int i)
{
	static const char *const texts[] = {
		"name-0", "name-1", "name-2", "name-3", "name-4", "name-5", "name-6", "name-7",
		"name-8", "name-9", "name-10", "name-11",
	};

	return texts[i];
}

static const char *space_text(int i)
{
	static const char *const texts[] = { "space-0", "space-1", "space-2" };

	return texts[i];
}

static const char *node_text(int i)
{
	static const char *const texts[] = { "node-0", "node-1", "node-2", "node-3", "node-4" };

	return texts[i];
}

static json_t *metadata_of(int space, int name)
{
	return json_pack("{s:s, s:s}", "name", name_text(name), "namespace", space_text(space));
}

static void append(json_t *object, const char *list, json_t *v)
{
	CHECK(v);
	if (!json_object_get(object, list))
		json_object_set_new(object, list, json_array());
	json_array_append_new(json_object_get(object, list), v);
}

static json_t *volume_with(const char *source, json_t *v)
{
	return json_pack("{s:s, s:o}", "name", "v", source, v);
}

static json_t *container_with(const char *list, json_t *v)
{
	return json_pack("{s:s, s:[o]}", "name", "c", list, v);
}

static void mention_secret(json_t *spec, const char *name)
{
	json_t *local = json_pack("{s:s}", "name", name);

	switch (pick(6)) {
	case 0:
		append(spec, "imagePullSecrets", local);
		break;
	case 1:
		append(spec, "containers", container_with("envFrom",
				json_pack("{s:o}", "secretRef", local)));
		break;
	case 2:
		append(spec, "ephemeralContainers", container_with("env",
				json_pack("{s:{s:o}}", "valueFrom", "secretKeyRef", local)));
		break;
	case 3:
		append(spec, "volumes", volume_with("projected",
				json_pack("{s:[{s:o}]}", "sources", "secret", local)));
		break;
	case 4:
		append(spec, "volumes", volume_with("csi",
				json_pack("{s:o}", "nodePublishSecretRef", local)));
		break;
	default:
		append(spec, "volumes", volume_with("secret",
				json_pack("{s:s}", "secretName", name)));
		json_decref(local);
	}
}

static void mention_config_map(json_t *spec, const char *name)
{
	json_t *local = json_pack("{s:s}", "name", name);

	switch (pick(4)) {
	case 0:
		append(spec, "initContainers", container_with("envFrom",
				json_pack("{s:o}", "configMapRef", local)));
		break;
	case 1:
		append(spec, "containers", container_with("env",
				json_pack("{s:{s:o}}", "valueFrom", "configMapKeyRef", local)));
		break;
	case 2:
		append(spec, "volumes", volume_with("projected",
				json_pack("{s:[{s:o}]}", "sources", "configMap", local)));
		break;
	default:
		append(spec, "volumes", volume_with("configMap", local));
	}
}

static void mention_claim(json_t *spec, const char *name)
{
	append(spec, "volumes", volume_with("persistentVolumeClaim",
					    json_pack("{s:s}", "claimName", name)));
}

static void mention_resource_claim(json_t *spec, json_t *status, const char *name)
{
	switch (pick(2)) {
	case 0:
		append(spec, "resourceClaims", json_pack("{s:s, s:s}", "name", name,
							 "resourceClaimName", name));
		break;
	default:
		append(spec, "resourceClaims", json_pack("{s:s, s:s}", "name", name,
							 "resourceClaimTemplateName", "t"));
		append(status, "resourceClaimStatuses", json_pack("{s:s, s:s}", "name", name,
							 "resourceClaimName", name));
	}
}

static json_t *pod_json(int space, int i)
{
	const struct model_pod *p = &t.m.pods[space][i];
	json_t *spec = json_object(), *status = json_object(), *meta = metadata_of(space, i);
	char uid[20];

	snprintf(uid, sizeof(uid), "uid-%u", p->incarnation);
	json_object_set_new(meta, "uid", json_string(uid));
	if (p->is_mirror)
		json_object_set_new(meta, "annotations",
				    json_pack("{s:s}", "kubernetes.io/config.mirror", "x"));
	if (p->node >= 0)
		json_object_set_new(spec, "nodeName", json_string(node_text(p->node)));
	if (p->service_account >= 0)
		json_object_set_new(spec, "serviceAccountName",
				    json_string(name_text(p->service_account)));
	for (int n = 0; n < NAMES; n++) {
		for (unsigned k = p->secrets >> n & 1 ? 1 + pick(2) : 0; k > 0; k--)
			mention_secret(spec, name_text(n));
		if (p->config_maps >> n & 1)
			mention_config_map(spec, name_text(n));
		if (p->claims >> n & 1)
			mention_claim(spec, name_text(n));
		if (p->resource_claims >> n & 1)
			mention_resource_claim(spec, status, name_text(n));
	}
	return json_pack("{s:o, s:o, s:o}", "metadata", meta, "spec", spec, "status", status);
}

static json_t *volume_json(int i)
{
	static const char *const fields[] = {
		"nodeStageSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"
	};
	const struct model_volume *v = &t.m.volumes[i];
	json_t *spec = json_object(), *csi = json_object();

	if (v->claim >= 0)
		json_object_set_new(spec, "claimRef", json_pack("{s:s, s:s}", "name",
				name_text(v->claim), "namespace", space_text(v->claim_space)));
	for (int j = 0; j < v->secret_count; j++)
		json_object_set_new(csi, fields[j], json_pack("{s:s, s:s}", "name",
				name_text(v->secret[j]), "namespace",
					space_text(v->secret_space[j])));
	json_object_set_new(spec, "csi", csi);
	return json_pack("{s:{s:s}, s:o}", "metadata", "name", name_text(i), "spec", spec);
}

static json_t *attached_json(int which, int space, int i)
{
	const struct model_attached *a = &t.m.attached[which][space][i];
	json_t *meta = metadata_of(space, i);

	return json_pack("{s:o, s:{s:s}}", "metadata", meta, "spec", "nodeName",
		node_text(a->node));
}

/* --- Events --- */

static void tell(enum node_source s, json_t *v, bool gone)
{
	static const char *const names[] = {
		"core.v1.Pod", "core.v1.PersistentVolume", "storage.v1.VolumeAttachment",
		"resource.v1.ResourceSlice", "certificates.v1beta1.PodCertificateRequest",
	};
	const struct schema_message *m = schema_message_find(names[s]);
	struct strbuf b = STRBUF_INIT;
	struct object_cursor c;

	CHECK(v);
	object_cursor_json(&c, m, v);
	if (chance(50)) {
		encode_message(&b, m, v);
		object_cursor_protobuf(&c, m, b.p, b.n);
	}
	CHECK((gone ? node_graph_delete : node_graph_apply)(t.g, s, &c) == 0);
	strbuf_fini(&b);
	json_decref(v);
}

static void pod_event(void)
{
	int space = (int)pick(SPACES), i = (int)pick(PODS);
	struct model_pod *p = &t.m.pods[space][i];

	if (chance(30)) {
		tell(NODE_SOURCE_PODS, pod_json(space, i), true);
		p->exists = false;
		return;
	}
	random_pod(p);
	tell(NODE_SOURCE_PODS, pod_json(space, i), false);
}

static void volume_event(void)
{
	int i = (int)pick(VOLUMES);

	if (chance(30)) {
		tell(NODE_SOURCE_VOLUMES, volume_json(i), true);
		t.m.volumes[i].exists = false;
		return;
	}
	random_volume(&t.m.volumes[i]);
	tell(NODE_SOURCE_VOLUMES, volume_json(i), false);
}

static void attached_event(void)
{
	int which = (int)pick(3), space = which == 2 ? (int)pick(SPACES) : 0;
	int i = (int)pick(ATTACHED);
	struct model_attached *a = &t.m.attached[which][space][i];
	enum node_source s = NODE_SOURCE_VOLUME_ATTACHMENTS + (unsigned)which;

	a->node = (int)pick(NODES);
	a->exists = chance(60);
	tell(s, attached_json(which, space, i), !a->exists);
}

/* A list of pods: what it does not bring is gone, unless it fails half-way. */
static void pods_list(void)
{
	bool complete = chance(60);

	node_graph_relist_begin(t.g, NODE_SOURCE_PODS);
	for (int space = 0; space < SPACES; space++) {
		for (int i = 0; i < PODS; i++) {
			struct model_pod *p = &t.m.pods[space][i];

			if (chance(20)) {
				p->exists &= !complete;
				continue;
			}
			if (!p->exists || chance(20))
				random_pod(p);
			tell(NODE_SOURCE_PODS, pod_json(space, i), false);
		}
	}
	(complete ? node_graph_relist_commit : node_graph_relist_abandon)(t.g, NODE_SOURCE_PODS);
}

static void volumes_list(void)
{
	bool complete = chance(60);

	node_graph_relist_begin(t.g, NODE_SOURCE_VOLUMES);
	for (int i = 0; i < VOLUMES; i++) {
		if (chance(30)) {
			t.m.volumes[i].exists &= !complete;
			continue;
		}
		random_volume(&t.m.volumes[i]);
		tell(NODE_SOURCE_VOLUMES, volume_json(i), false);
	}
	(complete ? node_graph_relist_commit : node_graph_relist_abandon)(t.g, NODE_SOURCE_VOLUMES);
}

static void random_event(void)
{
	unsigned which = pick(1000);

	if (which < 2)
		pods_list();
	else if (which < 5)
		volumes_list();
	else if (which < 700)
		pod_event();
	else if (which < 900)
		volume_event();
	else
		attached_event();
}

/* One event; what was refused before and is not now has moved the generation. */
static bool step(long event)
{
	enum { QUESTIONS = 6 };
	struct question q[QUESTIONS];
	bool before[QUESTIONS], good = true;
	uint64_t generation = node_graph_generation(t.g);

	for (int i = 0; i < QUESTIONS; i++) {
		q[i] = random_question();
		before[i] = graph_related(q[i]);
	}
	random_event();
	node_graph_reclaim(t.g);
	for (int i = 0; i < QUESTIONS; i++) {
		good &= check_question(q[i], event);
		if (!before[i] && graph_related(q[i]) && node_graph_generation(t.g) == generation) {
			tap_note("event %ld: the generation stood still", event);
			good = false;
		}
	}
	return good && (event % 500 || check_all(event));
}

static size_t model_count(enum node_source s)
{
	size_t n = 0;

	if (s == NODE_SOURCE_PODS)
		for (int i = 0; i < SPACES * PODS; i++)
			n += t.m.pods[i / PODS][i % PODS].exists &&
				t.m.pods[i / PODS][i % PODS].node >= 0;
	else if (s == NODE_SOURCE_VOLUMES)
		for (int i = 0; i < VOLUMES; i++)
			n += t.m.volumes[i].exists && t.m.volumes[i].claim >= 0;
	else
		for (int i = 0; i < SPACES * ATTACHED; i++)
			n += t.m.attached[s - NODE_SOURCE_VOLUME_ATTACHMENTS]
				[i / ATTACHED][i % ATTACHED].exists;
	return n;
}

static void check_counts(void)
{
	for (int s = 0; s < NODE_SOURCES; s++)
		int_is(node_graph_count(t.g, s), model_count(s));
}

static void delete_all(void)
{
	for (int s = 0; s < NODE_SOURCES; s++) {
		node_graph_relist_begin(t.g, s);
		node_graph_relist_commit(t.g, s);
	}
	memset(&t.m, 0, sizeof(t.m));
}

static void test_random_events(void)
{
	const char *text = getenv("NODE_GRAPH_EVENTS");
	long events = text ? atol(text) : EVENTS;
	size_t at_start, peak = 0;

	t.random = SEED;
	t.g = node_graph_new();
	at_start = node_graph_bytes(t.g);
	for (long i = 1; i <= events; i++) {
		if (!step(i)) {
			ok(!"the graph is the model's");
			break;
		}
		if (node_graph_bytes(t.g) > peak)
			peak = node_graph_bytes(t.g);
		if (i % 50000 == 0)
			check_counts();
	}
	check_counts();
	/* A hundred objects, however often they came and went. */
	ok(peak < 4 * 1024 * 1024);
	delete_all();
	ok(check_all(events));
	check_counts();
	rcu_drain();
	/* One empty chunk and the arrays of a few nodes are kept. */
	ok(node_graph_bytes(t.g) < at_start + 65536 + 8192);
	tap_note("%ld events, at most %zu bytes, %zu at the end", events, peak,
		 node_graph_bytes(t.g));
	node_graph_free(t.g);
}

int main(void)
{
	static const struct tap_test tests[] = { TAP(test_random_events), TAP_END };
	int status;

	rcu_reader_register();
	status = tap_main(tests);
	rcu_reader_unregister();
	return status;
}
