/* SPDX-License-Identifier: Apache-2.0 */
/* nodes and nodes/status: a node may write its own object, but for what places pods on it. */
#include "config.h"

#include <stdlib.h>

#include "admission/node_restriction.h"

#include "base/mem.h"

static const char *const guarded_fields[] = {
	"metadata.labels", "metadata.ownerReferences", "spec.taints", "spec.configSource",
};

/* Labels of Kubernetes' own namespaces that a kubelet sets. */
static const char *const free_labels[] = {
	"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch",
	"beta.kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type",
	"node.kubernetes.io/instance-type", "topology.kubernetes.io/zone",
	"topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
	"failure-domain.beta.kubernetes.io/region",
};

/* The domain itself, or one below it. */
static bool is_within(struct str namespace, const char *domain)
{
	struct str d = str_from(domain);

	return str_eq(namespace, d) ||
	       (str_has_suffix(namespace, d) && namespace.p[namespace.n - d.n - 1] == '.');
}

static bool is_free(struct str key, struct str namespace)
{
	for (size_t i = 0; i < array_size(free_labels); i++)
		if (str_eq(key, str_from(free_labels[i])))
			return true;
	return is_within(namespace, "kubelet.kubernetes.io") ||
	       is_within(namespace, "node.kubernetes.io");
}

static bool is_forbidden(struct str key)
{
	ptrdiff_t slash = str_find(key, '/', 0);
	struct str namespace = slash < 0 ? STR_NULL : str_slice(key, 0, (size_t)slash);

	if (is_within(namespace, "node-restriction.kubernetes.io"))
		return true;
	return (is_within(namespace, "kubernetes.io") || is_within(namespace, "k8s.io")) &&
	       !is_free(key, namespace);
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(str_from(*(const char *const *)a), str_from(*(const char *const *)b));
}

/* Adds the forbidden keys of `labels` whose value is another one in `than`, or of both lists. */
static void add_forbidden(const char **keys, size_t *n, json_t *labels, json_t *than,
			  bool missing_only)
{
	const char *key;
	json_t *value;

	json_object_foreach(labels, key, value) {
		json_t *other = json_object_get(than, key);
		bool differs = missing_only ? !other : !other || !json_equal(value, other);

		if (differs && is_forbidden(str_from(key)))
			keys[(*n)++] = key;
	}
}

/* The forbidden keys that differ, sorted and joined; empty: none. */
static struct str forbidden_labels(struct arena *a, json_t *old, json_t *new)
{
	size_t n = 0;
	const char **keys = arena_alloc(a, (json_object_size(old) + json_object_size(new) + 1) *
					sizeof(*keys));
	struct strbuf list = STRBUF_INIT;
	struct str joined;

	add_forbidden(keys, &n, new, old, false);
	add_forbidden(keys, &n, old, new, true);
	qsort(keys, n, sizeof(*keys), by_bytes);
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_add_cstr(&list, ", ");
		strbuf_add_cstr(&list, keys[i]);
	}
	joined = arena_str(a, strbuf_str(&list));
	strbuf_fini(&list);
	return joined;
}

static enum admission_result refuse_name(struct admission_request *r, struct str node,
					 struct str name)
{
	return node_forbid(r, "node %.*s is not allowed to modify node %.*s",
			   STR_ARG(admission_quote(r->arena, node)),
			   STR_ARG(admission_quote(r->arena, name)));
}

static enum admission_result check_create(struct admission_request *r, json_t *new,
					  struct str node)
{
	struct str name = tree_text(new, "metadata.name"), labels;
	struct str quoted = admission_quote(r->arena, node);

	if (!str_eq(name, node))
		return refuse_name(r, node, name);
	if (tree_at(new, "spec.configSource"))
		return node_forbid(r, "node %.*s is not allowed to create pods with a non-nil "
				   "configSource", STR_ARG(quoted));
	labels = forbidden_labels(r->arena, NULL, tree_at(new, "metadata.labels"));
	if (labels.n)
		return node_forbid(r, "node %.*s is not allowed to set the following labels: %.*s",
				   STR_ARG(quoted), STR_ARG(labels));
	return ADMISSION_ALLOW;
}

static bool is_same(json_t *old, json_t *new, const char *path)
{
	return node_restriction_same(tree_at(old, path), tree_at(new, path));
}

static enum admission_result check_update(struct admission_request *r, json_t *old, json_t *new,
					  struct str node)
{
	struct str quoted = admission_quote(r->arena, node), labels;

	if (tree_at(new, "spec.configSource") && !is_same(old, new, "spec.configSource"))
		return node_forbid(r, "node %.*s is not allowed to update configSource to a new "
				   "non-nil configSource", STR_ARG(quoted));
	if (!is_same(old, new, "spec.taints"))
		return node_forbid(r, "node %.*s is not allowed to modify taints", STR_ARG(quoted));
	if (!is_same(old, new, "metadata.ownerReferences"))
		return node_forbid(r, "node %.*s is not allowed to modify ownerReferences",
				   STR_ARG(quoted));
	labels = forbidden_labels(r->arena, tree_at(old, "metadata.labels"),
				  tree_at(new, "metadata.labels"));
	if (labels.n)
		return node_forbid(r, "is not allowed to modify labels: %.*s", STR_ARG(labels));
	return ADMISSION_ALLOW;
}

/* A patch that touches nothing guarded needs neither the object nor a version. */
static enum admission_result admit_update(struct admission_request *r, struct str node)
{
	enum admission_result result;
	json_t *old, *new;
	bool touches;

	result = admission_touches(r, guarded_fields, array_size(guarded_fields), &touches);
	if (result != ADMISSION_ALLOW || !touches)
		return result;
	result = admission_old_object(r, &old);
	if (result != ADMISSION_ALLOW)
		return result;
	result = admission_new_object(r, &new);
	if (result != ADMISSION_ALLOW)
		return result;
	result = check_update(r, old, new, node);
	return result == ADMISSION_ALLOW ? node_restriction_bind(r, old, new) : result;
}

enum admission_result node_restriction_node(struct admission_request *r,
					    enum admission_operation op, struct str node)
{
	enum admission_result result;
	json_t *new;

	if (op == ADMISSION_CREATE) {
		result = admission_new_object(r, &new);
		return result == ADMISSION_ALLOW ? check_create(r, new, node) : result;
	}
	if (!str_eq(r->attributes->name, node))
		return refuse_name(r, node, r->attributes->name);
	return op == ADMISSION_DELETE ? ADMISSION_ALLOW : admit_update(r, node);
}
