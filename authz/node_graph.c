/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph is kept as what readers ask for: per object how often each node refers to it.  A pod's
 * record lists its objects, so that its edges can be taken back; a volume's edges to secrets are
 * counted for every node that its claim is related to, as pods come and go.
 *
 * A vertex lives while it is an object of a source, or referred to, or held by a volume.  What
 * changes is published new before the old is taken back, so that what was related and still is
 * can be found at any moment.
 */
#include "config.h"

#include "authz/node_graph.h"

#include <stdlib.h>

#include "authz/node_graph_index.h"
#include "authz/node_graph_read.h"
#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rcu.h"

#define GRAPH_MAGIC 0x6e677068u

/* Kinds of vertices that nobody asks for. */
enum { KIND_NODE = NODE_OBJECTS, KIND_NAMESPACE, KINDS };

/* A secret or claim: what volumes make of it. */
struct held_vertex {
	union {
		struct node_volume *volumes;	/* of a claim: bound to it */
		uint64_t holders;		/* of a secret: volumes that name it */
	};
	struct node_vertex v;
};

/* A pod's record never changes: another takes its place. */
struct node_pod {
	struct node_vertex *node;	/* borrowed, counted */
	uint32_t ref_count;
	uint8_t uid_n;			/* UID_PACKED: 16 bytes; UID_UNKNOWN: none */
	struct node_vertex *refs[];	/* sorted, each once; behind them the uid */
};

#define UID_PACKED 0xfe
#define UID_PACKED_SIZE 16
#define UID_UNKNOWN 0xff

struct node_volume {
	struct node_vertex *claim;
	struct node_volume *next, **link;	/* the writer's: of the same claim */
	size_t secret_count;
	struct node_vertex *secrets[];		/* sorted, each once */
};

/* A number is a node's until no reader can know it from before. */
struct node_number {
	struct node_graph *graph;	/* borrowed */
	struct node_vertex *vertex;
	uint32_t number;
};

struct node_graph {
	unsigned magic;
	struct node_index index[KINDS];
	atomic_uint_fast64_t generation;
	/* the writer's */
	struct node_slab slab;
	bool added;				/* an edge, since the generation went up */
	bool relisting[NODE_SOURCES];
	uint8_t seen[NODE_SOURCES];		/* flips with each list */
	struct node_number **numbers;		/* owned; by number */
	uint32_t *free_numbers;			/* owned */
	size_t number_count, number_cap, free_count, free_cap;
	struct node_draft draft;
	struct node_vertex **refs;		/* owned; of the draft */
	struct node_key *keys;			/* owned; theirs */
	size_t ref_count, ref_cap;
};

/* A namespace that is being worked in. */
struct scope {
	struct node_vertex *vertex;	/* NULL: none */
	struct str name;
	uint64_t hash;
};

static enum node_object object_of(enum node_source s)
{
	switch (s) {
	case NODE_SOURCE_PODS:
		return NODE_POD;
	case NODE_SOURCE_VOLUMES:
		return NODE_VOLUME;
	case NODE_SOURCE_VOLUME_ATTACHMENTS:
		return NODE_VOLUME_ATTACHMENT;
	case NODE_SOURCE_RESOURCE_SLICES:
		return NODE_RESOURCE_SLICE;
	case NODE_SOURCE_POD_CERTIFICATE_REQUESTS:
		return NODE_POD_CERTIFICATE_REQUEST;
	case NODE_SOURCES:
		break;
	}
	CHECK(s < NODE_SOURCES);
	return NODE_OBJECTS;
}

/* --- Vertices --- */

static struct held_vertex *held(struct node_vertex *v)
{
	return container_of(v, struct held_vertex, v);
}

static bool kind_is_held(int kind)
{
	return kind == NODE_SECRET || kind == NODE_CLAIM;
}

static void *vertex_memory(struct node_vertex *v, size_t *n)
{
	*n = offsetof(struct node_vertex, name) + v->name_n;
	if (!kind_is_held(v->kind))
		return v;
	*n += offsetof(struct held_vertex, v);
	return held(v);
}

/* Not in the index yet: whatever the vertex is for is put in first. */
static struct node_vertex *vertex_new(struct node_graph *g, int kind, struct node_vertex *namespace,
				      struct str name)
{
	size_t n = offsetof(struct node_vertex, name) + name.n;
	struct node_vertex *v;

	if (kind_is_held(kind)) {
		struct held_vertex *h;

		h = node_slab_alloc(&g->slab, n + offsetof(struct held_vertex, v));
		h->holders = 0;
		v = &h->v;
	} else {
		v = node_slab_alloc(&g->slab, n);
	}
	atomic_init(&v->counts, 0);
	v->namespace = namespace;
	v->name_n = (uint16_t)name.n;
	v->kind = (uint8_t)kind;
	v->seen = 0;
	memcpy(v->name, name.p, name.n);
	if (namespace)
		node_counts_add(&g->slab, &namespace->counts, 0);
	return v;
}

static void vertex_drop(struct node_graph *g, struct node_vertex *v);

static void namespace_put(struct node_graph *g, struct node_vertex *namespace)
{
	if (namespace && node_counts_del(&g->slab, &namespace->counts, 0))
		vertex_drop(g, namespace);
}

/* Out of the index, and given back when no reader is at it. */
static void vertex_drop(struct node_graph *g, struct node_vertex *v)
{
	struct node_vertex *namespace = v->namespace;
	size_t n;
	void *p = vertex_memory(v, &n);

	node_index_del(&g->index[v->kind], &g->slab, v);
	node_slab_retire(p, n);
	namespace_put(g, namespace);
}

static void vertex_drop_unused(struct node_graph *g, struct node_vertex *v)
{
	if (node_counts_is_empty(&v->counts) && !(kind_is_held(v->kind) && held(v)->holders))
		vertex_drop(g, v);
}

/* --- Namespaces and nodes --- */

/* The namespace lives at least until the scope is closed. */
static struct scope scope_open(struct node_graph *g, struct str name)
{
	struct scope s = { .name = name, .hash = node_key_namespace_hash(name) };
	struct node_key key;

	if (!name.n)
		return s;
	key = node_key_make(STR_NULL, name);
	s.vertex = node_index_find(&g->index[KIND_NAMESPACE], &key);
	if (!s.vertex) {
		s.vertex = vertex_new(g, KIND_NAMESPACE, NULL, name);
		node_index_add(&g->index[KIND_NAMESPACE], &g->slab, s.vertex, &key);
	}
	node_counts_add(&g->slab, &s.vertex->counts, 0);
	return s;
}

static void scope_close(struct node_graph *g, const struct scope *s)
{
	namespace_put(g, s->vertex);
}

static struct node_vertex *vertex_find(const struct node_graph *g, int kind, const struct scope *s,
				       struct str name)
{
	struct node_key key = node_key_in(s->name, s->hash, name);

	return node_index_find(&g->index[kind], &key);
}

static struct node_vertex *vertex_get_key(struct node_graph *g, int kind, const struct scope *s,
					  const struct node_key *key)
{
	struct node_vertex *v = node_index_find(&g->index[kind], key);

	if (!v) {
		v = vertex_new(g, kind, s->vertex, key->name);
		node_index_add(&g->index[kind], &g->slab, v, key);
	}
	return v;
}

static struct node_vertex *vertex_get(struct node_graph *g, int kind, const struct scope *s,
				      struct str name)
{
	struct node_key key = node_key_in(s->name, s->hash, name);

	return vertex_get_key(g, kind, s, &key);
}

static uint32_t number_of(const struct node_vertex *node)
{
	return node_counts_node(atomic_load_explicit(&node->counts, memory_order_relaxed));
}

static uint32_t number_take(struct node_graph *g)
{
	if (g->free_count)
		return g->free_numbers[--g->free_count];
	if (g->number_count == g->number_cap) {
		g->number_cap = g->number_cap ? g->number_cap * 2 : 64;
		g->numbers = xreallocarray(g->numbers, g->number_cap, sizeof(*g->numbers));
	}
	CHECK(g->number_count < NODE_NUMBER_MAX - 1);
	return (uint32_t)++g->number_count;
}

/* After the grace period. */
static void number_give_back(void *p)
{
	struct node_number *n = p;
	struct node_graph *g = n->graph;

	CHECK_MAGIC(g, GRAPH_MAGIC);
	if (g->free_count == g->free_cap) {
		g->free_cap = g->free_cap ? g->free_cap * 2 : 64;
		g->free_numbers = xreallocarray(g->free_numbers, g->free_cap,
						sizeof(*g->free_numbers));
	}
	g->free_numbers[g->free_count++] = n->number;
	node_slab_free(n, sizeof(*n));
}

/* The node's vertex, held; a node's own count is that of its holders. */
static struct node_vertex *node_get(struct node_graph *g, struct str name)
{
	struct node_key key = node_key_make(STR_NULL, name);
	struct node_vertex *v = node_index_find(&g->index[KIND_NODE], &key);
	struct node_number *n;

	if (v) {
		node_counts_add(&g->slab, &v->counts, number_of(v));
		return v;
	}
	v = vertex_new(g, KIND_NODE, NULL, name);
	n = node_slab_alloc(&g->slab, sizeof(*n));
	*n = (struct node_number){ g, v, number_take(g) };
	g->numbers[n->number - 1] = n;
	node_counts_add(&g->slab, &v->counts, n->number);
	node_index_add(&g->index[KIND_NODE], &g->slab, v, &key);
	return v;
}

static void node_put(struct node_graph *g, struct node_vertex *v)
{
	uint32_t number = number_of(v);

	if (!node_counts_del(&g->slab, &v->counts, number))
		return;
	rcu_retire(g->numbers[number - 1], number_give_back);
	g->numbers[number - 1] = NULL;
	vertex_drop(g, v);
}

/* --- Edges --- */

static void volume_edges_add(struct node_graph *g, const struct node_volume *vol, uint32_t node)
{
	for (size_t i = 0; i < vol->secret_count; i++)
		node_counts_add(&g->slab, &vol->secrets[i]->counts, node);
}

/* Secrets stay: the volume holds them. */
static void volume_edges_del(struct node_graph *g, const struct node_volume *vol, uint32_t node)
{
	for (size_t i = 0; i < vol->secret_count; i++)
		node_counts_del(&g->slab, &vol->secrets[i]->counts, node);
}

static void edge_add(struct node_graph *g, struct node_vertex *v, uint32_t node)
{
	if (!node_counts_add(&g->slab, &v->counts, node))
		return;
	g->added = true;
	if (v->kind != NODE_CLAIM)
		return;
	for (struct node_volume *vol = held(v)->volumes; vol; vol = vol->next)
		volume_edges_add(g, vol, node);
}

static void edge_del(struct node_graph *g, struct node_vertex *v, uint32_t node)
{
	if (!node_counts_del(&g->slab, &v->counts, node))
		return;
	if (v->kind == NODE_CLAIM)
		for (struct node_volume *vol = held(v)->volumes; vol; vol = vol->next)
			volume_edges_del(g, vol, node);
	vertex_drop_unused(g, v);
}

/* --- What a draft refers to --- */

static int compare_vertices(const void *a, const void *b)
{
	const struct node_vertex *const *x = a, *const *y = b;

	return ((uintptr_t)*x > (uintptr_t)*y) - ((uintptr_t)*x < (uintptr_t)*y);
}

#define SORT_BY_HAND 24		/* so few are sorted by insertion */

static void sort_refs(struct node_vertex **v, size_t n)
{
	if (n > SORT_BY_HAND) {
		qsort(v, n, sizeof(*v), compare_vertices);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct node_vertex *one = v[i];
		size_t at = i;

		for (; at > 0 && (uintptr_t)v[at - 1] > (uintptr_t)one; at--)
			v[at] = v[at - 1];
		v[at] = one;
	}
}

/* Sorted, each once: an object that is named twice counts once. */
static void refs_finish(struct node_graph *g)
{
	size_t n = 0;

	sort_refs(g->refs, g->ref_count);
	for (size_t i = 0; i < g->ref_count; i++)
		if (!n || g->refs[i] != g->refs[n - 1])
			g->refs[n++] = g->refs[i];
	g->ref_count = n;
}

static void refs_reserve(struct node_graph *g)
{
	g->ref_count = 0;
	if (g->draft.ref_count <= g->ref_cap)
		return;
	g->ref_cap = g->draft.ref_count * 2;
	free(g->refs);
	free(g->keys);
	g->refs = xreallocarray(NULL, g->ref_cap, sizeof(*g->refs));
	g->keys = xreallocarray(NULL, g->ref_cap, sizeof(*g->keys));
}

/*
 * Vertices that are new are in use before the object's function ends: none is left over.  In a
 * large graph each look-up would wait for memory twice; all wait at the same time instead.
 */
static void resolve_pod_refs(struct node_graph *g, const struct scope *scope)
{
	const struct node_draft *d = &g->draft;

	refs_reserve(g);
	for (size_t i = 0; i < d->ref_count; i++) {
		g->keys[i] = node_key_in(scope->name, scope->hash, d->refs[i].name);
		node_index_prefetch(&g->index[d->refs[i].kind], &g->keys[i]);
	}
	for (size_t i = 0; i < d->ref_count; i++)
		node_index_prefetch_vertex(&g->index[d->refs[i].kind], &g->keys[i]);
	for (size_t i = 0; i < d->ref_count; i++)
		g->refs[g->ref_count++] = vertex_get_key(g, d->refs[i].kind, scope, &g->keys[i]);
	refs_finish(g);
}

static void resolve_volume_refs(struct node_graph *g)
{
	const struct node_draft *d = &g->draft;

	refs_reserve(g);
	for (size_t i = 0; i < d->ref_count; i++) {
		struct scope scope = scope_open(g, d->refs[i].namespace);

		g->refs[g->ref_count++] = vertex_get(g, d->refs[i].kind, &scope, d->refs[i].name);
		scope_close(g, &scope);
	}
	refs_finish(g);
}

static bool refs_are(const struct node_graph *g, struct node_vertex *const *refs, size_t n)
{
	return n == g->ref_count && (!n || !memcmp(refs, g->refs, n * sizeof(*refs)));
}

/* --- Pods --- */

static struct node_pod *pod_of(const struct node_vertex *v)
{
	return atomic_load_explicit(&v->record, memory_order_acquire);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_dash_at(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

/* A UUID as the upstream writes it is kept as 16 bytes; other texts are kept as they are. */
static bool uid_pack(struct str uid, uint8_t out[static UID_PACKED_SIZE])
{
	size_t digits = 0;

	if (uid.n != 36)
		return false;
	memset(out, 0, UID_PACKED_SIZE);
	for (size_t i = 0; i < uid.n; i++) {
		int digit = hex_digit(uid.p[i]);

		if (is_dash_at(i) ? uid.p[i] != '-' : digit < 0)
			return false;
		if (is_dash_at(i))
			continue;
		out[digits / 2] |= (uint8_t)(digits % 2 ? digit : digit << 4);
		digits++;
	}
	return true;
}

static void uid_unpack(const uint8_t *packed, char *out)
{
	size_t digits = 0;

	for (size_t i = 0; i < 36; i++) {
		if (is_dash_at(i)) {
			out[i] = '-';
			continue;
		}
		out[i] = "0123456789abcdef"[packed[digits / 2] >> (digits % 2 ? 0 : 4) & 15];
		digits++;
	}
	out[36] = '\0';
}

/* The uid as a record has it.  One that is no text of the upstream's is as if unknown. */
struct packed_uid {
	uint8_t n;			/* as uid_n */
	uint8_t size;
	uint8_t bytes[NODE_UID_MAX];
};

static void uid_read(struct str uid, struct packed_uid *out)
{
	bool is_unknown = uid.n > NODE_UID_MAX || (uid.n && memchr(uid.p, '\0', uid.n));

	if (uid_pack(uid, out->bytes)) {
		out->n = UID_PACKED;
		out->size = UID_PACKED_SIZE;
		return;
	}
	out->n = is_unknown ? UID_UNKNOWN : (uint8_t)uid.n;
	out->size = is_unknown ? 0 : (uint8_t)uid.n;
	if (out->size)
		memcpy(out->bytes, uid.p, out->size);
}

static size_t uid_size(const struct node_pod *pod)
{
	return pod->uid_n == UID_PACKED ? UID_PACKED_SIZE
		: pod->uid_n == UID_UNKNOWN ? 0 : pod->uid_n;
}

static uint8_t *uid_bytes(const struct node_pod *pod)
{
	return (uint8_t *)(uintptr_t)&pod->refs[pod->ref_count];
}

static size_t pod_size(size_t ref_count, size_t uid_n)
{
	return sizeof(struct node_pod) + ref_count * sizeof(struct node_vertex *) + uid_n;
}

static struct node_pod *pod_new(struct node_graph *g, struct node_vertex *node,
				const struct packed_uid *uid)
{
	struct node_pod *pod = node_slab_alloc(&g->slab, pod_size(g->ref_count, uid->size));

	pod->node = node;
	pod->ref_count = (uint32_t)g->ref_count;
	pod->uid_n = uid->n;
	if (g->ref_count)
		memcpy(pod->refs, g->refs, g->ref_count * sizeof(*g->refs));
	memcpy(uid_bytes(pod), uid->bytes, uid->size);
	return pod;
}

/* Calls fn with the edges of pod that the other record (or NULL) does not have. */
static void pod_edges_differ(struct node_graph *g, const struct node_pod *pod,
			     const struct node_pod *other,
			     void (*fn)(struct node_graph *g, struct node_vertex *v, uint32_t node))
{
	size_t others = other && other->node == pod->node ? other->ref_count : 0, at = 0;
	uint32_t node = number_of(pod->node);

	for (size_t i = 0; i < pod->ref_count; i++) {
		while (at < others && (uintptr_t)other->refs[at] < (uintptr_t)pod->refs[i])
			at++;
		if (at == others || other->refs[at] != pod->refs[i])
			fn(g, pod->refs[i], node);
	}
}

/* What the old record had and the new one has not; new may be NULL. */
static void pod_release(struct node_graph *g, struct node_pod *old, const struct node_pod *new)
{
	pod_edges_differ(g, old, new, edge_del);
	node_put(g, old->node);
	node_slab_retire(old, pod_size(old->ref_count, uid_size(old)));
}

static bool pod_is(const struct node_graph *g, const struct node_pod *pod,
		   const struct packed_uid *uid)
{
	return str_eq(node_vertex_name(pod->node), g->draft.node) && pod->uid_n == uid->n &&
	       !memcmp(uid_bytes(pod), uid->bytes, uid->size) &&
	       refs_are(g, pod->refs, pod->ref_count);
}

/* A pod that the index does not have yet comes into it when its record is complete. */
static struct node_vertex *object_publish(struct node_graph *g, enum node_object kind,
					  const struct scope *scope, struct node_vertex *v,
					  void *record)
{
	struct node_key key;

	if (v) {
		atomic_store_explicit(&v->record, record, memory_order_release);
		return v;
	}
	v = vertex_new(g, kind, scope->vertex, g->draft.name);
	key = node_key_in(scope->name, scope->hash, g->draft.name);
	atomic_init(&v->record, record);
	node_index_add(&g->index[kind], &g->slab, v, &key);
	return v;
}

static struct node_vertex *pod_apply(struct node_graph *g, const struct scope *scope,
				     struct node_vertex *v)
{
	struct node_pod *old = v ? pod_of(v) : NULL, *pod;
	struct packed_uid uid;

	uid_read(g->draft.uid, &uid);
	resolve_pod_refs(g, scope);
	if (old && pod_is(g, old, &uid))
		return v;
	pod = pod_new(g, node_get(g, g->draft.node), &uid);
	pod_edges_differ(g, pod, old, edge_add);
	g->added |= !old || old->node != pod->node;
	v = object_publish(g, NODE_POD, scope, v, pod);
	if (old)
		pod_release(g, old, pod);
	return v;
}

/* --- Volumes --- */

static struct node_volume *volume_of(const struct node_vertex *v)
{
	return atomic_load_explicit(&v->record, memory_order_acquire);
}

static size_t volume_size(size_t secret_count)
{
	return sizeof(struct node_volume) + secret_count * sizeof(struct node_vertex *);
}

static void volume_link(struct node_volume *vol)
{
	struct node_volume **first = &held(vol->claim)->volumes;

	vol->next = *first;
	vol->link = first;
	if (vol->next)
		vol->next->link = &vol->next;
	*first = vol;
}

static void volume_unlink(struct node_volume *vol)
{
	*vol->link = vol->next;
	if (vol->next)
		vol->next->link = vol->link;
}

static struct node_volume *volume_new(struct node_graph *g, struct node_vertex *claim)
{
	struct node_volume *vol = node_slab_alloc(&g->slab, volume_size(g->ref_count));
	size_t at = 0;
	uint32_t node;

	vol->claim = claim;
	vol->secret_count = g->ref_count;
	if (g->ref_count)
		memcpy(vol->secrets, g->refs, g->ref_count * sizeof(*g->refs));
	for (size_t i = 0; i < vol->secret_count; i++)
		held(vol->secrets[i])->holders++;
	volume_link(vol);
	while ((node = node_counts_next(&claim->counts, &at))) {
		volume_edges_add(g, vol, node);
		g->added = true;
	}
	return vol;
}

static void volume_release(struct node_graph *g, struct node_volume *vol)
{
	size_t at = 0;
	uint32_t node;

	while ((node = node_counts_next(&vol->claim->counts, &at)))
		volume_edges_del(g, vol, node);
	volume_unlink(vol);
	for (size_t i = 0; i < vol->secret_count; i++) {
		held(vol->secrets[i])->holders--;
		vertex_drop_unused(g, vol->secrets[i]);
	}
	vertex_drop_unused(g, vol->claim);
	node_slab_retire(vol, volume_size(vol->secret_count));
}

static struct node_vertex *volume_apply(struct node_graph *g, const struct scope *scope,
					struct node_vertex *v)
{
	struct node_volume *old = v ? volume_of(v) : NULL;
	struct scope claims = scope_open(g, g->draft.claim_namespace);
	struct node_vertex *claim = vertex_get(g, NODE_CLAIM, &claims, g->draft.claim);

	scope_close(g, &claims);
	resolve_volume_refs(g);
	if (old && old->claim == claim && refs_are(g, old->secrets, old->secret_count))
		return v;
	v = object_publish(g, NODE_VOLUME, scope, v, volume_new(g, claim));
	if (old)
		volume_release(g, old);
	return v;
}

/* --- What has a node and nothing else --- */

static struct node_vertex *attached_node(const struct node_graph *g, const struct node_vertex *v)
{
	return g->numbers[number_of(v) - 1]->vertex;
}

static struct node_vertex *attached_apply(struct node_graph *g, enum node_object kind,
					  const struct scope *scope, struct node_vertex *v)
{
	struct node_vertex *old = v ? attached_node(g, v) : NULL, *node;

	if (old && str_eq(node_vertex_name(old), g->draft.node))
		return v;
	node = node_get(g, g->draft.node);
	g->added = true;
	if (!v) {
		struct node_key key = node_key_in(scope->name, scope->hash, g->draft.name);

		v = vertex_new(g, kind, scope->vertex, g->draft.name);
		atomic_init(&v->counts, node_counts_one(number_of(node), 1));
		node_index_add(&g->index[kind], &g->slab, v, &key);
		return v;
	}
	atomic_store_explicit(&v->counts, node_counts_one(number_of(node), 1),
			      memory_order_release);
	node_put(g, old);
	return v;
}

/* --- The writer's side --- */

struct node_graph *node_graph_new(void)
{
	struct node_graph *g = xcalloc(1, sizeof(*g));

	g->magic = GRAPH_MAGIC;
	node_slab_init(&g->slab);
	return g;
}

void node_graph_free(struct node_graph *g)
{
	if (!g)
		return;
	rcu_drain();
	node_slab_fini(&g->slab);
	node_draft_fini(&g->draft);
	free(g->refs);
	free(g->keys);
	free(g->numbers);
	free(g->free_numbers);
	g->magic = 0;
	free(g);
}

/* The object is gone; its vertex comes out first, then what it referred to. */
static void object_remove(struct node_graph *g, struct node_vertex *v)
{
	struct node_vertex *node = NULL;
	void *record = NULL;
	uint8_t kind = v->kind;

	if (kind == NODE_POD || kind == NODE_VOLUME)
		record = atomic_load_explicit(&v->record, memory_order_relaxed);
	else
		node = attached_node(g, v);
	vertex_drop(g, v);
	if (kind == NODE_POD)
		pod_release(g, record, NULL);
	else if (kind == NODE_VOLUME)
		volume_release(g, record);
	else
		node_put(g, node);
}

/* What has no node, or no claim, is related to nobody and not kept. */
static bool draft_is_related(const struct node_draft *d, enum node_source s)
{
	return s == NODE_SOURCE_VOLUMES ? d->claim.n && d->claim_namespace.n : d->node.n;
}

static void apply_draft(struct node_graph *g, enum node_source s)
{
	struct scope scope = scope_open(g, g->draft.namespace);
	enum node_object kind = object_of(s);
	struct node_vertex *v = vertex_find(g, kind, &scope, g->draft.name);

	if (!draft_is_related(&g->draft, s)) {
		if (v)
			object_remove(g, v);
		scope_close(g, &scope);
		return;
	}
	if (s == NODE_SOURCE_PODS)
		v = pod_apply(g, &scope, v);
	else if (s == NODE_SOURCE_VOLUMES)
		v = volume_apply(g, &scope, v);
	else
		v = attached_apply(g, kind, &scope, v);
	v->seen = g->seen[s];
	scope_close(g, &scope);
	if (!g->added)
		return;
	g->added = false;
	atomic_fetch_add_explicit(&g->generation, 1, memory_order_release);
}

int node_graph_apply(struct node_graph *g, enum node_source s, struct object_cursor *object)
{
	int rc = node_draft_read(&g->draft, s, object);

	if (rc == 0)
		apply_draft(g, s);
	return rc;
}

int node_graph_delete(struct node_graph *g, enum node_source s, struct object_cursor *object)
{
	int rc = node_draft_read_name(&g->draft, s, object);
	struct node_vertex *v;
	struct node_key key;

	if (rc < 0)
		return rc;
	key = node_key_make(g->draft.namespace, g->draft.name);
	v = node_index_find(&g->index[object_of(s)], &key);
	if (v)
		object_remove(g, v);
	return 0;
}

/* --- Lists --- */

struct walk {
	struct node_graph *graph;
	uint8_t seen;
};

static void walk_mark(void *arg, struct node_vertex *v)
{
	struct walk *w = arg;

	v->seen = w->seen;
}

static void walk_sweep(void *arg, struct node_vertex *v)
{
	struct walk *w = arg;

	if (v->seen != w->seen)
		object_remove(w->graph, v);
}

static void walk_objects(struct node_graph *g, enum node_source s,
			 void (*fn)(void *arg, struct node_vertex *v))
{
	struct walk w = { g, g->seen[s] };

	node_index_each(&g->index[object_of(s)], fn, &w);
}

/* All objects have the mark of the last list; the new list's is the other one. */
void node_graph_relist_begin(struct node_graph *g, enum node_source s)
{
	if (g->relisting[s])
		node_graph_relist_abandon(g, s);
	g->relisting[s] = true;
	g->seen[s] ^= 1;
}

void node_graph_relist_commit(struct node_graph *g, enum node_source s)
{
	CHECK(g->relisting[s]);
	g->relisting[s] = false;
	walk_objects(g, s, walk_sweep);
}

/* What the failed list brought is newer than what was there; both stay until the next list. */
void node_graph_relist_abandon(struct node_graph *g, enum node_source s)
{
	g->relisting[s] = false;
	walk_objects(g, s, walk_mark);
}

void node_graph_reclaim(struct node_graph *g)
{
	CHECK_MAGIC(g, GRAPH_MAGIC);
	rcu_reclaim();
}

size_t node_graph_count(const struct node_graph *g, enum node_source s)
{
	return g->index[object_of(s)].count;
}

size_t node_graph_bytes(const struct node_graph *g)
{
	return sizeof(*g) + g->slab.bytes + g->number_cap * sizeof(*g->numbers) +
	       g->free_cap * sizeof(*g->free_numbers) +
	       g->ref_cap * (sizeof(*g->refs) + sizeof(*g->keys));
}

/* --- Readers --- */

static bool is_related(const struct node_vertex *v, const struct node_vertex *node)
{
	if (v->kind == NODE_POD)
		return pod_of(v)->node == node;
	if (v->kind == NODE_VOLUME)
		v = volume_of(v)->claim;
	return node_counts_has(&v->counts, number_of(node));
}

bool node_graph_related(const struct node_graph *g, enum node_object kind, struct str namespace,
			struct str name, struct str node)
{
	struct node_key node_key = node_key_make(STR_NULL, node);
	struct node_key key = node_key_make(namespace, name);
	const struct node_vertex *n, *v;
	bool related = false;

	CHECK(kind < NODE_OBJECTS);
	rcu_reader_enter();
	node_index_prefetch(&g->index[kind], &key);
	n = node_index_find(&g->index[KIND_NODE], &node_key);
	v = n ? node_index_find(&g->index[kind], &key) : NULL;
	if (v)
		related = is_related(v, n);
	rcu_reader_leave();
	return related;
}

uint64_t node_graph_generation(const struct node_graph *g)
{
	return atomic_load_explicit(&g->generation, memory_order_acquire);
}

static bool copy_pod(const struct node_pod *pod, char node[static 254],
		     char uid[static NODE_UID_MAX + 1])
{
	struct str name = node_vertex_name(pod->node);

	if (name.n >= 254 || pod->uid_n == UID_UNKNOWN || memchr(name.p, '\0', name.n))
		return false;
	memcpy(node, name.p, name.n);
	node[name.n] = '\0';
	if (pod->uid_n == UID_PACKED) {
		uid_unpack(uid_bytes(pod), uid);
		return true;
	}
	memcpy(uid, uid_bytes(pod), pod->uid_n);
	uid[pod->uid_n] = '\0';
	return true;
}

bool node_graph_pod(const struct node_graph *g, struct str namespace, struct str name,
		    char node[static 254], char uid[static NODE_UID_MAX + 1])
{
	struct node_key key = node_key_make(namespace, name);
	const struct node_vertex *v;
	bool known = false;

	rcu_reader_enter();
	v = node_index_find(&g->index[NODE_POD], &key);
	if (v)
		known = copy_pod(pod_of(v), node, uid);
	rcu_reader_leave();
	return known;
}
