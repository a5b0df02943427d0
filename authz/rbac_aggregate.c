/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the clusterrole-aggregation-controller does, for manifests that nobody aggregates (spec 11
 * section 6).
 */
#include "config.h"

#include <stdlib.h>

#include "authz/rbac_objects.h"
#include "base/mem.h"

struct label {
	struct str key, value;
};

/* A ClusterRole with its labels unpacked. */
struct candidate {
	struct rbac_object *object;
	struct label *labels;		/* owned */
	uint32_t label_count;
	uint32_t selector_count;
	struct rbac_unpack selectors;	/* at the first one */
};

static void candidate_init(struct candidate *c, const struct rbac_object *o)
{
	struct rbac_unpack u = rbac_object_unpack(o);

	c->object = (struct rbac_object *)o;
	c->label_count = rbac_unpack_number(&u);
	c->labels = xcalloc(c->label_count, sizeof(*c->labels));
	for (uint32_t i = 0; i < c->label_count; i++) {
		c->labels[i].key = rbac_unpack_str(&u);
		c->labels[i].value = rbac_unpack_str(&u);
	}
	c->selector_count = rbac_unpack_number(&u);
	c->selectors = u;
}

static const struct str *label_find(const struct candidate *c, struct str key)
{
	for (uint32_t i = 0; i < c->label_count; i++)
		if (str_eq(c->labels[i].key, key))
			return &c->labels[i].value;
	return NULL;
}

/* One matchExpressions entry; an unknown operator selects nothing. */
static bool expression_matches(struct rbac_unpack *u, const struct candidate *c)
{
	const struct str *have = label_find(c, rbac_unpack_str(u));
	struct str op = rbac_unpack_str(u);
	bool is_listed = false;

	for (uint32_t n = rbac_unpack_number(u); n; n--) {
		struct str value = rbac_unpack_str(u);

		is_listed = is_listed || (have && str_eq(*have, value));
	}
	if (str_eq(op, STR("In")))
		return is_listed;
	if (str_eq(op, STR("NotIn")))
		return !is_listed;
	if (str_eq(op, STR("Exists")))
		return have;
	return str_eq(op, STR("DoesNotExist")) && !have;
}

/* Reads one selector off *u; all of it is read whatever the answer. */
static bool selector_matches(struct rbac_unpack *u, const struct candidate *c)
{
	bool matches = true;

	for (uint32_t n = rbac_unpack_number(u); n; n--) {
		const struct str *have = label_find(c, rbac_unpack_str(u));
		struct str want = rbac_unpack_str(u);

		matches = matches && have && str_eq(*have, want);
	}
	for (uint32_t n = rbac_unpack_number(u); n; n--) {
		bool holds = expression_matches(u, c);

		matches = matches && holds;
	}
	return matches;
}

struct collected {
	struct strbuf rules;
	uint32_t count;
	struct map seen;	/* packed rules, borrowed from their roles */
};

static void collect_rules(struct collected *out, const struct rbac_rules *rules)
{
	struct rbac_unpack u = { rules->packed.p };

	for (uint32_t i = 0; i < rules->count; i++) {
		const char *from = u.p;
		struct str rule;

		for (int list = 0; list < RBAC_LISTS; list++)
			for (uint32_t n = rbac_unpack_number(&u); n; n--)
				rbac_unpack_str(&u);
		rule = str_make(from, (size_t)(u.p - from));
		if (map_set(&out->seen, rule, out))
			continue;
		strbuf_add_str(&out->rules, rule);
		out->count++;
	}
}

/* Gives role the union of what its selectors select; true when that changed it. */
static bool aggregate_one(struct rbac_store *s, struct candidate *all, size_t n,
			  struct candidate *role)
{
	struct collected out = { .seen = MAP_INIT };
	struct rbac_unpack at = role->selectors;
	struct rbac_rules *old = role->object->rules;

	for (uint32_t i = 0; i < role->selector_count; i++) {
		struct rbac_unpack u = at;

		selector_matches(&at, role);
		for (size_t j = 0; j < n; j++) {
			struct rbac_unpack selector = u;

			if (&all[j] != role && selector_matches(&selector, &all[j]))
				collect_rules(&out, all[j].object->rules);
		}
	}
	role->object->rules = rbac_rules_acquire(s, strbuf_str(&out.rules), out.count);
	map_fini(&out.seen);
	strbuf_fini(&out.rules);
	rbac_rules_release(s, old);
	return role->object->rules != old;
}

void rbac_store_aggregate(struct rbac_store *s)
{
	const struct rbac_object **sorted = rbac_store_sorted(s, RBAC_CLUSTER_ROLE);
	size_t n = rbac_store_count(s, RBAC_CLUSTER_ROLE);
	struct candidate *all = xcalloc(n, sizeof(*all));
	bool changed = true;

	for (size_t i = 0; i < n; i++)
		candidate_init(&all[i], sorted[i]);
	/* Roles that aggregate each other may never settle; n passes reach every chain's end. */
	for (size_t pass = 0; changed && pass <= n; pass++) {
		changed = false;
		for (size_t i = 0; i < n; i++)
			if (all[i].selector_count && aggregate_one(s, all, n, &all[i]))
				changed = true;
	}
	for (size_t i = 0; i < n; i++)
		free(all[i].labels);
	free(all);
	free(sorted);
}
