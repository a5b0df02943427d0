/* SPDX-License-Identifier: Apache-2.0 */
/* Building an index: shared by rbac_index.c (bindings, subjects) and rbac_roles.c (rules). */
#ifndef AUTHZ_RBAC_BUILD_H
#define AUTHZ_RBAC_BUILD_H

#include "authz/rbac_compiled.h"

/* An open hash table that grows; value 0 is a free slot. */
struct build_slot {
	uint64_t hash;
	uint32_t value;
};

struct build_table {
	struct build_slot *slots;	/* owned */
	size_t used, cap;
};

/* Makes room for one more entry; the slot of that hash (it alone is compared) or a free one. */
struct build_slot *build_table_slot(struct build_table *t, uint64_t hash);
void build_table_fini(struct build_table *t);
/* Slots for a table of `used` entries in an index. */
uint32_t build_table_capacity(uint32_t used);

struct rbac_build {
	const struct rbac_store *store;	/* borrowed */
	uint64_t seed;
	/* the parts of the index, each an array */
	struct strbuf rules, roles, bindings, subjects, namespaces, terms, errors, words, strings;
	struct build_table string_table;	/* to sids */
	struct build_table error_table;		/* sids to numbers + 1 */
	/* of rbac_roles.c */
	struct build_table term_table;		/* sids to numbers in term_drafts + 1 */
	struct strbuf term_drafts;		/* struct rbac_term_slot, tag unused */
	uint32_t *role_of_rules;		/* owned: by rbac_rules.number, to roles + 1 */
	uint32_t verb_count;
	uint32_t term_longest;
	uint32_t star;
};

/* The string's sid. */
uint32_t rbac_build_intern(struct rbac_build *b, struct str s);

/* The next word's position. */
static inline uint32_t rbac_build_words(const struct rbac_build *b)
{
	CHECK(b->words.n / sizeof(uint32_t) < UINT32_MAX);
	return (uint32_t)(b->words.n / sizeof(uint32_t));
}

/* Adds n words, zeroed. */
static inline void rbac_build_reserve(struct rbac_build *b, size_t n)
{
	size_t bytes = n * sizeof(uint32_t);

	strbuf_reserve(&b->words, bytes);
	memset(b->words.p + b->words.n, 0, bytes + 1);
	b->words.n += bytes;
}

void rbac_build_roles_init(struct rbac_build *b);
/* The number of the compiled role with these rules. */
uint32_t rbac_build_role(struct rbac_build *b, const struct rbac_rules *rules);
/* Writes the table of terms, when all roles are compiled. */
void rbac_build_terms(struct rbac_build *b);
void rbac_build_roles_fini(struct rbac_build *b);

#endif
