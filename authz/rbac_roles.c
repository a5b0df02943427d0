/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles rules: verbs to bits, resources and URLs to a table per role. */
#include "config.h"

#include <stdlib.h>

#include "authz/rbac_build.h"
#include "base/mem.h"

/* A role's table before it is hashed: this rule names that key. */
struct key_draft {
	uint64_t key;
	uint32_t rule;
};

struct role_build {
	struct rbac_build *b;
	struct rbac_role role;
	struct strbuf keys;		/* struct key_draft */
	struct strbuf prefixes;		/* uint32_t: sid, rule */
};

/* Everybody's verbs get bits first, so that a flood of invented ones cannot take them. */
static const char *const common_verbs[] = {
	"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy",
	"head", "post", "put", "options", "connect", "trace", "impersonate", "bind", "escalate",
	"approve", "sign", "attest", "use",
};

/* The term of a string, made when it is new. */
static struct rbac_term_slot *term_of(struct rbac_build *b, uint32_t sid, size_t length)
{
	uint64_t hash = rbac_key_hash(sid);
	struct build_slot *slot = build_table_slot(&b->term_table, hash);

	if (!slot->value) {
		strbuf_add(&b->term_drafts, &(struct rbac_term_slot){ .sid = sid },
			   sizeof(struct rbac_term_slot));
		*slot = (struct build_slot){ hash, (uint32_t)++b->term_table.used };
		if (length > b->term_longest)
			b->term_longest = (uint32_t)length;
	}
	return (struct rbac_term_slot *)(void *)b->term_drafts.p + slot->value - 1;
}

static uint32_t intern_term(struct rbac_build *b, struct str s)
{
	uint32_t sid = rbac_build_intern(b, s);

	term_of(b, sid, s.n);
	return sid;
}

/* The bits of a verb in a rule. */
static uint64_t verb_bits(struct rbac_build *b, uint32_t sid, size_t length)
{
	struct rbac_term_slot *term;

	if (sid == b->star)
		return UINT64_MAX;
	term = term_of(b, sid, length);
	if (!term->verb)
		term->verb = b->verb_count < RBAC_VERB_BITS ? ++b->verb_count : RBAC_VERB_BITS + 1;
	return term->verb > RBAC_VERB_BITS ? RBAC_VERB_OTHER : UINT64_C(1) << (term->verb - 1);
}

void rbac_build_roles_init(struct rbac_build *b)
{
	b->role_of_rules = xcalloc(b->store->rules_number_end, sizeof(*b->role_of_rules));
	b->star = intern_term(b, STR("*"));
	for (size_t i = 0; i < array_size(common_verbs); i++) {
		struct str verb = str_from(common_verbs[i]);

		verb_bits(b, rbac_build_intern(b, verb), verb.n);
	}
}

void rbac_build_roles_fini(struct rbac_build *b)
{
	free(b->role_of_rules);
	build_table_fini(&b->term_table);
	strbuf_fini(&b->term_drafts);
}

static int compare_numbers(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void add_key(struct role_build *rb, uint64_t key, uint32_t rule)
{
	rb->role.bloom |= rbac_bloom_bit(rbac_key_hash(key));
	strbuf_add(&rb->keys, &(struct key_draft){ key, rule }, sizeof(struct key_draft));
}

/* A URL that ends in `*` is a prefix, without all trailing `*` (spec 11 section 2). */
static void add_url(struct role_build *rb, struct str url, uint32_t rule)
{
	if (!str_has_suffix(url, STR("*"))) {
		add_key(rb, intern_term(rb->b, url) | RBAC_URL_KEY, rule);
		return;
	}
	while (str_has_suffix(url, STR("*")))
		url.n--;
	rbac_pack_number(&rb->prefixes, rbac_build_intern(rb->b, url));
	rbac_pack_number(&rb->prefixes, rule);
	rb->role.prefix_n++;
}

static void compile_word(struct role_build *rb, struct rbac_rule *rule, uint32_t number,
			 enum rbac_list list, struct str word, uint32_t sid)
{
	switch (list) {
	case RBAC_VERBS:
		rule->verbs |= verb_bits(rb->b, sid, word.n);
		break;
	case RBAC_API_GROUPS:
		term_of(rb->b, sid, word.n);
		if (sid == rb->b->star)
			rule->group_n = RBAC_ANY;
		break;
	case RBAC_RESOURCES:
		add_key(rb, intern_term(rb->b, word), number);
		break;
	case RBAC_RESOURCE_NAMES:
		break;
	case RBAC_NON_RESOURCE_URLS:
		add_url(rb, word, number);
		break;
	}
}

/* Copies sids of a list behind the words; returns where. */
static uint32_t copy_list(struct rbac_build *b, uint32_t at, uint32_t n)
{
	uint32_t to = rbac_build_words(b);

	rbac_build_reserve(b, n);
	memcpy(b->words.p + to * sizeof(uint32_t), b->words.p + at * sizeof(uint32_t),
	       n * sizeof(uint32_t));
	return to;
}

static void sort_groups(struct rbac_build *b, struct rbac_rule *rule, uint32_t at, uint32_t n)
{
	if (rule->group_n == RBAC_ANY)
		return;
	rule->group_n = n;
	rule->group_at = copy_list(b, at, n);
	qsort(b->words.p + rule->group_at * sizeof(uint32_t), n, sizeof(uint32_t),
	      compare_numbers);
}

static int compare_names(const void *a, const void *b, void *strings)
{
	struct rbac_unpack x = { (const char *)strings + *(const uint32_t *)a };
	struct rbac_unpack y = { (const char *)strings + *(const uint32_t *)b };

	return str_cmp(rbac_unpack_str(&x), rbac_unpack_str(&y));
}

static void sort_names(struct rbac_build *b, struct rbac_rule *rule, uint32_t at, uint32_t n)
{
	rule->name_n = n ? n : RBAC_ANY;
	if (!n)
		return;
	rule->name_at = copy_list(b, at, n);
	qsort_r(b->words.p + rule->name_at * sizeof(uint32_t), n, sizeof(uint32_t),
		compare_names, b->strings.p);
}

static void compile_rule(struct role_build *rb, uint32_t number, struct rbac_unpack *u)
{
	struct rbac_build *b = rb->b;
	struct rbac_rule rule = { .list_at = rbac_build_words(b) };
	uint32_t at[RBAC_LISTS], n[RBAC_LISTS];

	for (int list = 0; list < RBAC_LISTS; list++) {
		n[list] = rbac_unpack_number(u);
		rbac_pack_number(&b->words, n[list]);
		at[list] = rbac_build_words(b);
		for (uint32_t i = 0; i < n[list]; i++) {
			struct str word = rbac_unpack_str(u);
			uint32_t sid = rbac_build_intern(b, word);

			rbac_pack_number(&b->words, sid);
			compile_word(rb, &rule, number, (enum rbac_list)list, word, sid);
		}
	}
	sort_groups(b, &rule, at[RBAC_API_GROUPS], n[RBAC_API_GROUPS]);
	sort_names(b, &rule, at[RBAC_RESOURCE_NAMES], n[RBAC_RESOURCE_NAMES]);
	rb->role.verbs |= rule.verbs;
	strbuf_add(&b->rules, &rule, sizeof(rule));
}

static int compare_keys(const void *a, const void *b)
{
	const struct key_draft *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

/* Writes the rule numbers of one key, each once; returns how many drafts that took. */
static size_t put_key(struct rbac_build *b, const struct key_draft *v, size_t n,
		      struct rbac_role_slot *slot)
{
	size_t i;

	*slot = (struct rbac_role_slot){
		.sid = (uint32_t)v[0].key, .is_url = v[0].key >= RBAC_URL_KEY,
		.at = rbac_build_words(b),
	};
	for (i = 0; i < n && v[i].key == v[0].key; i++) {
		if (i && v[i].rule == v[i - 1].rule)
			continue;
		rbac_pack_number(&b->words, v[i].rule);
		slot->n++;
	}
	return i;
}

static void put_table(struct role_build *rb)
{
	struct key_draft *v = (struct key_draft *)(void *)rb->keys.p;
	size_t n = rb->keys.n / sizeof(*v);
	struct rbac_role_slot *table;
	uint32_t used = 0, cap;

	if (!n)
		return;
	qsort(v, n, sizeof(*v), compare_keys);
	for (size_t i = 0; i < n; i++)
		used += !i || v[i].key != v[i - 1].key;
	cap = build_table_capacity(used);
	table = xcalloc(cap, sizeof(*table));
	for (size_t i = 0; i < n;) {
		uint32_t at = (uint32_t)(rbac_key_hash(v[i].key) >> 32) & (cap - 1);

		while (table[at].n)
			at = (at + 1) & (cap - 1);
		i += put_key(rb->b, v + i, n - i, &table[at]);
	}
	rb->role.table_at = rbac_build_words(rb->b);
	rb->role.table_mask = cap - 1;
	strbuf_add(&rb->b->words, table, cap * sizeof(*table));
	free(table);
}

uint32_t rbac_build_role(struct rbac_build *b, const struct rbac_rules *rules)
{
	struct role_build rb = { .b = b };
	struct rbac_unpack u = { rules->packed.p };
	uint32_t number = b->role_of_rules[rules->number];

	if (number)
		return number - 1;
	rb.role.rule_at = (uint32_t)(b->rules.n / sizeof(struct rbac_rule));
	rb.role.rule_n = rules->count;
	for (uint32_t i = 0; i < rules->count; i++)
		compile_rule(&rb, i, &u);
	put_table(&rb);
	rb.role.prefix_at = rbac_build_words(b);
	strbuf_add_str(&b->words, strbuf_str(&rb.prefixes));
	number = (uint32_t)(b->roles.n / sizeof(rb.role));
	strbuf_add(&b->roles, &rb.role, sizeof(rb.role));
	b->role_of_rules[rules->number] = number + 1;
	strbuf_fini(&rb.keys);
	strbuf_fini(&rb.prefixes);
	return number;
}

void rbac_build_terms(struct rbac_build *b)
{
	const struct rbac_term_slot *drafts =
		(const struct rbac_term_slot *)(const void *)b->term_drafts.p;
	uint32_t used = (uint32_t)b->term_table.used, cap = build_table_capacity(used);
	struct rbac_term_slot *table = xcalloc(cap, sizeof(*table));

	for (uint32_t i = 0; i < used; i++) {
		struct rbac_unpack u = { b->strings.p + drafts[i].sid };
		uint64_t hash = rbac_hash(b->seed, rbac_unpack_str(&u));
		uint32_t at = (uint32_t)hash & (cap - 1);

		while (table[at].sid)
			at = (at + 1) & (cap - 1);
		table[at] = drafts[i];
		table[at].tag = rbac_tag(hash);
	}
	strbuf_add(&b->terms, table, cap * sizeof(*table));
	free(table);
}
