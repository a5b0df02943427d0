/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled form of RBAC policy: one allocation, read-only, positions instead of pointers.
 *
 * Strings lie in `strings`, each once, as a 32-bit length and the bytes; a string's position
 * ("sid") is its identity.  `words` holds everything of variable length; positions in it are
 * called `_at`; word 0 is never used.  Verbs, API groups, resources and URLs of rules are found
 * through `terms`; a request looks its own up once and compares numbers from then on.
 */
#ifndef AUTHZ_RBAC_COMPILED_H
#define AUTHZ_RBAC_COMPILED_H

#include "authz/rbac_objects.h"

/* Bits of a rule's verbs: one for each of the first RBAC_VERB_BITS verbs, and two more. */
#define RBAC_VERB_BITS 62
#define RBAC_VERB_ANY (UINT64_C(1) << 62)	/* the rule has `*` (it then has every bit) */
#define RBAC_VERB_OTHER (UINT64_C(1) << 63)	/* a verb without a bit: the list decides */

#define RBAC_ANY UINT32_MAX			/* of group_n and name_n */
#define RBAC_URL_KEY UINT64_C(0x100000000)	/* marks keys of URLs in a role's table */
#define RBAC_UNRESOLVED UINT32_C(0x80000000)	/* in an entry's role: the rest is in `errors` */

/* One rule.  The five lists as written stand at list_at: a number and sids, five times. */
struct rbac_rule {
	uint64_t verbs;
	uint32_t group_n, group_at;	/* sids ascending; RBAC_ANY: every group */
	uint32_t name_n, name_at;	/* sids ordered by text; RBAC_ANY: every name */
	uint32_t list_at;
};

/*
 * The rules of one or more roles with equal rules.  The table maps resources (as written in
 * rules) and exact URLs to the numbers of the rules that name them; `*` is a resource like others.
 */
struct rbac_role {
	uint64_t verbs;			/* of any rule */
	uint64_t bloom;			/* of the table's keys */
	uint32_t rule_at, rule_n;	/* in `rules`; table and prefixes count from rule_at */
	uint32_t table_at, table_mask;	/* struct rbac_role_slot */
	uint32_t prefix_at, prefix_n;	/* URL prefixes: sid, rule */
};

struct rbac_role_slot {
	uint32_t sid;
	uint32_t is_url;
	uint32_t at, n;			/* rule numbers; n is 0 in a free slot */
};
#define RBAC_ROLE_SLOT_WORDS 4

struct rbac_binding {
	uint32_t name, namespace;	/* sids; namespace is 0 for a ClusterRoleBinding */
	uint32_t ref_kind, ref_name;
};

/* A binding that applies to a subject. */
struct rbac_entry {
	uint32_t binding;	/* number; ClusterRoleBindings first, each kind in order of names */
	uint32_t subject;	/* which of the binding's subjects it is */
	uint32_t role;		/* in `roles`, or RBAC_UNRESOLVED | number of the error */
	/* enum rbac_subject_kind | length of the service account's namespace << 2 */
	uint32_t how;
};
#define RBAC_ENTRY_WORDS 4

/*
 * Entries of one subject in one scope.  The first `distinct` have different roles, each with the
 * first binding to that role; these decide.  The rest are only listed.  Both parts ascend.
 */
struct rbac_run {
	uint32_t at;
	uint32_t distinct, total;
};

/*
 * A user name or group: behind it stand its name, its entries of ClusterRoleBindings, and a hash
 * table (struct rbac_scope_slot) of the namespaces that have RoleBindings for it.  Small ones are
 * laid out within one cache line.
 */
struct rbac_subject {
	uint32_t name_n;
	uint32_t is_group;
	uint32_t distinct, total;	/* of the run of ClusterRoleBindings */
	uint32_t scope_at, scope_mask;	/* scope_at is 0 when there is none */
};
#define RBAC_SUBJECT_WORDS 6
#define RBAC_LINE_WORDS 16		/* of a cache line */

struct rbac_scope_slot {
	uint32_t namespace;		/* sid; 0 in a free slot */
	struct rbac_run run;
};
#define RBAC_SCOPE_SLOT_WORDS 4

struct rbac_subject_slot {
	uint32_t tag;
	uint32_t at;			/* struct rbac_subject; 0 in a free slot */
};

/* A namespace that has RoleBindings. */
struct rbac_namespace_slot {
	uint32_t tag;
	uint32_t sid;			/* 0 in a free slot */
};

struct rbac_term_slot {
	uint32_t tag;
	uint32_t sid;			/* 0 in a free slot */
	uint32_t verb;			/* bit + 1, RBAC_VERB_BITS + 1 for others; 0: none */
};

struct rbac_index {
	uint64_t seed;			/* of the hashes: names cannot be chosen to collide */
	size_t size;			/* of this allocation */
	const struct rbac_rule *rules;
	const struct rbac_role *roles;
	const struct rbac_binding *bindings;
	const struct rbac_subject_slot *subjects;
	const struct rbac_namespace_slot *namespaces;
	const struct rbac_term_slot *terms;
	const uint32_t *errors;		/* sids */
	const uint32_t *words;
	const char *strings;
	uint32_t subject_mask, namespace_mask, term_mask;
	uint32_t term_longest;		/* no term has more bytes */
	uint32_t star;			/* sid of "*" */
};

/* --- Hashes --- */

static inline uint64_t rbac_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t rbac_load(const char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

/* Keyed by the index's random seed; multiply and fold, eight bytes a step. */
static inline uint64_t rbac_hash(uint64_t seed, struct str s)
{
	uint64_t h = seed ^ (s.n * UINT64_C(0x9e3779b97f4a7c15));
	size_t i = 0;

	for (; i + 8 < s.n; i += 8)
		h = rbac_mix(h ^ rbac_load(s.p + i, 8), UINT64_C(0xa0761d6478bd642f));
	if (s.n >= 8)
		h = rbac_mix(h ^ rbac_load(s.p + s.n - 8, 8), UINT64_C(0xe7037ed1a0b428db));
	else if (s.n >= 4)
		h = rbac_mix(h ^ rbac_load(s.p, 4) ^ rbac_load(s.p + s.n - 4, 4) << 32,
			     UINT64_C(0xe7037ed1a0b428db));
	else if (s.n)
		h = rbac_mix(h ^ ((uint64_t)(unsigned char)s.p[0] << 16 |
				  (uint64_t)(unsigned char)s.p[s.n / 2] << 8 |
				  (unsigned char)s.p[s.n - 1]), UINT64_C(0xe7037ed1a0b428db));
	return rbac_mix(h ^ seed, UINT64_C(0x8ebc6af09c88c6e3));
}

/* User names and groups are two worlds in one table. */
static inline uint64_t rbac_subject_hash(uint64_t seed, bool is_group, struct str name)
{
	return rbac_hash(is_group ? seed : ~seed, name);
}

static inline uint32_t rbac_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* Of sids; a role's table is keyed by sid, or sid | RBAC_URL_KEY. */
static inline uint64_t rbac_key_hash(uint64_t key)
{
	return key * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint64_t rbac_bloom_bit(uint64_t key_hash)
{
	return UINT64_C(1) << (key_hash >> 58);
}

/* --- Access --- */

static inline struct str rbac_string(const struct rbac_index *ix, uint32_t sid)
{
	uint32_t n;

	memcpy(&n, ix->strings + sid, sizeof(n));
	return str_make(ix->strings + sid + sizeof(n), n);
}

static inline const struct rbac_entry *rbac_entries(const struct rbac_index *ix,
						    const struct rbac_run *run)
{
	return (const struct rbac_entry *)(const void *)(ix->words + run->at);
}

/* The subject's entries of ClusterRoleBindings. */
static inline struct rbac_run rbac_cluster_run(const struct rbac_index *ix,
					       const struct rbac_subject *s)
{
	return (struct rbac_run){
		.at = (uint32_t)((const uint32_t *)(const void *)(s + 1) - ix->words) +
			(s->name_n + 3) / 4,
		.distinct = s->distinct, .total = s->total,
	};
}

/* The subject, or NULL when no binding names it. */
const struct rbac_subject *rbac_subject_find(const struct rbac_index *ix, bool is_group,
					     struct str name);
/* The namespace's sid; 0 when it has no RoleBindings. */
uint32_t rbac_namespace_find(const struct rbac_index *ix, struct str namespace);
/* The subject's entries of the namespace's RoleBindings, or NULL. */
const struct rbac_run *rbac_scope_find(const struct rbac_index *ix,
				       const struct rbac_subject *subject, uint32_t namespace);
/* NULL: no rule has this word. */
const struct rbac_term_slot *rbac_term_find(const struct rbac_index *ix, struct str word);
/* The aggregate of error texts (spec 10 section 3): numbers in `errors`, in the order met. */
struct str rbac_errors_aggregate(const struct rbac_index *ix, const uint32_t *numbers, size_t n,
				 struct arena *a);

#endif
