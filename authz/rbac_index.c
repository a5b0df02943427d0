/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles the RBAC store into an index.  Roles are compiled by rbac_roles.c. */
#include "config.h"

#include "authz/rbac_build.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/random.h"

#define SERVICE_ACCOUNT_PREFIX "system:serviceaccount:"
#define LINE_SIZE (RBAC_LINE_WORDS * sizeof(uint32_t))
#define HUGE_PAGE_SIZE ((size_t)2 * 1024 * 1024)

/* A subject while entries are gathered. */
struct subject_draft {
	struct str name;	/* borrowed from the store or the arena */
	uint64_t hash;
	uint32_t is_group;
	uint32_t count;		/* entries */
	uint32_t at;		/* where its entries begin, after sorting */
};

/* An entry before it is sorted to its subject. */
struct entry_draft {
	uint32_t subject;
	struct rbac_entry entry;
};

struct subjects_build {
	struct rbac_build *b;
	struct arena names;		/* composed names of service accounts */
	struct strbuf subjects;		/* struct subject_draft */
	struct strbuf entries;		/* struct entry_draft */
	struct build_table table;	/* to numbers of subjects + 1 */
};

/* --- Tables and strings --- */

/* Makes room for one more entry. */
static void build_table_reserve(struct build_table *t)
{
	struct build_table old = *t;

	if ((t->used + 1) * 4 <= t->cap * 3)
		return;
	t->cap = old.cap ? old.cap * 2 : 64;
	t->slots = xcalloc(t->cap, sizeof(*t->slots));
	for (size_t i = 0; i < old.cap; i++) {
		size_t at = old.slots[i].hash & (t->cap - 1);

		if (!old.slots[i].value)
			continue;
		while (t->slots[at].value)
			at = (at + 1) & (t->cap - 1);
		t->slots[at] = old.slots[i];
	}
	free(old.slots);
}

struct build_slot *build_table_slot(struct build_table *t, uint64_t hash)
{
	size_t at;

	build_table_reserve(t);
	at = hash & (t->cap - 1);
	while (t->slots[at].value && t->slots[at].hash != hash)
		at = (at + 1) & (t->cap - 1);
	return &t->slots[at];
}

void build_table_fini(struct build_table *t)
{
	free(t->slots);
	*t = (struct build_table){ 0 };
}

static struct str build_string(const struct rbac_build *b, uint32_t sid)
{
	uint32_t n;

	memcpy(&n, b->strings.p + sid, sizeof(n));
	return str_make(b->strings.p + sid + sizeof(n), n);
}

uint32_t rbac_build_intern(struct rbac_build *b, struct str s)
{
	uint64_t hash = rbac_hash(b->seed, s);
	struct build_table *t = &b->string_table;
	size_t at;

	build_table_reserve(t);
	at = hash & (t->cap - 1);
	while (t->slots[at].value &&
	       (t->slots[at].hash != hash || !str_eq(build_string(b, t->slots[at].value), s)))
		at = (at + 1) & (t->cap - 1);
	if (!t->slots[at].value) {
		CHECK(b->strings.n + s.n < RBAC_UNRESOLVED);
		t->slots[at] = (struct build_slot){ hash, (uint32_t)b->strings.n };
		t->used++;
		rbac_pack_str(&b->strings, s);
	}
	return t->slots[at].value;
}

/* --- Bindings and their roles --- */

/* The error's number.  Texts are interned, so that equal ones have one number. */
static uint32_t add_error(struct rbac_build *b, struct str text)
{
	uint32_t sid = rbac_build_intern(b, text);
	uint64_t hash = rbac_key_hash(sid);
	struct build_slot *slot = build_table_slot(&b->error_table, hash);

	if (!slot->value) {
		rbac_pack_number(&b->errors, sid);
		*slot = (struct build_slot){ hash, (uint32_t)(b->errors.n / sizeof(sid)) };
		b->error_table.used++;
	}
	return slot->value - 1;
}

/* What resolving the reference would say (spec 11 section 4). */
static uint32_t unresolved(struct rbac_build *b, struct str kind, struct str name)
{
	struct strbuf text = STRBUF_INIT;
	uint32_t number;

	if (str_eq(kind, STR("ClusterRole")) || str_eq(kind, STR("Role"))) {
		strbuf_add_cstr(&text, kind.n == 4 ? "role" : "clusterrole");
		strbuf_add_cstr(&text, ".rbac.authorization.k8s.io ");
		strbuf_add_go_quoted(&text, name);
		strbuf_add_cstr(&text, " not found");
	} else {
		strbuf_add_cstr(&text, "unsupported role reference kind: ");
		strbuf_add_go_quoted(&text, kind);
	}
	number = add_error(b, strbuf_str(&text));
	strbuf_fini(&text);
	return RBAC_UNRESOLVED | number;
}

static uint32_t resolve_role(struct rbac_build *b, struct str namespace, struct str kind,
			     struct str name)
{
	const struct rbac_object *role = NULL;

	if (str_eq(kind, STR("ClusterRole")))
		role = rbac_store_get(b->store, RBAC_CLUSTER_ROLE, STR_NULL, name);
	else if (str_eq(kind, STR("Role")) && namespace.n)
		role = rbac_store_get(b->store, RBAC_ROLE, namespace, name);
	return role ? rbac_build_role(b, role->rules) : unresolved(b, kind, name);
}

/* The subject's number. */
static uint32_t subject_intern(struct subjects_build *sb, bool is_group, struct str name)
{
	uint64_t hash = rbac_subject_hash(sb->b->seed, is_group, name);
	struct subject_draft *v = (struct subject_draft *)(void *)sb->subjects.p;
	struct build_table *t = &sb->table;
	size_t at;

	build_table_reserve(t);
	for (at = hash & (t->cap - 1); t->slots[at].value; at = (at + 1) & (t->cap - 1)) {
		uint32_t number = t->slots[at].value - 1;

		if (t->slots[at].hash == hash && v[number].is_group == is_group &&
		    str_eq(v[number].name, name))
			return number;
	}
	t->slots[at] = (struct build_slot){ hash, (uint32_t)++t->used };
	strbuf_add(&sb->subjects, &(struct subject_draft){
		.name = name, .hash = hash, .is_group = is_group,
	}, sizeof(struct subject_draft));
	return (uint32_t)t->used - 1;
}

/* The user name of a service account (spec 11 section 3). */
static struct str service_account_user(struct arena *a, struct str namespace, struct str name)
{
	static const struct str prefix = STR(SERVICE_ACCOUNT_PREFIX);
	size_t n = prefix.n + namespace.n + 1 + name.n;
	char *p = arena_alloc(a, n);

	memcpy(p, prefix.p, prefix.n);
	memcpy(p + prefix.n, namespace.p, namespace.n);
	p[prefix.n + namespace.n] = ':';
	if (name.n)
		memcpy(p + prefix.n + namespace.n + 1, name.p, name.n);
	return str_make(p, n);
}

static void add_subject(struct subjects_build *sb, struct rbac_entry entry, struct str scope,
			struct rbac_unpack *u)
{
	uint32_t kind = rbac_unpack_number(u), number;
	struct str name = rbac_unpack_str(u), namespace = rbac_unpack_str(u);

	if (!namespace.n)
		namespace = scope;
	entry.how = kind;
	if (kind == RBAC_SERVICE_ACCOUNT) {
		if (!namespace.n)
			return;
		name = service_account_user(&sb->names, namespace, name);
		entry.how |= (uint32_t)namespace.n << 2;
	}
	number = subject_intern(sb, kind == RBAC_GROUP, name);
	((struct subject_draft *)(void *)sb->subjects.p + number)->count++;
	strbuf_add(&sb->entries, &(struct entry_draft){ number, entry },
		   sizeof(struct entry_draft));
}

static void add_binding(struct subjects_build *sb, const struct rbac_object *o)
{
	struct rbac_build *b = sb->b;
	struct rbac_unpack u = rbac_object_unpack(o);
	struct str namespace = rbac_object_namespace(o);
	struct str kind = rbac_unpack_str(&u), name = rbac_unpack_str(&u);
	struct rbac_entry entry;

	if (!o->subject_count)
		return;
	entry.binding = (uint32_t)(b->bindings.n / sizeof(struct rbac_binding));
	entry.role = resolve_role(b, namespace, kind, name);
	strbuf_add(&b->bindings, &(struct rbac_binding){
		.name = rbac_build_intern(b, rbac_object_name(o)),
		.namespace = namespace.n ? rbac_build_intern(b, namespace) : 0,
		.ref_kind = rbac_build_intern(b, kind),
		.ref_name = rbac_build_intern(b, name),
	}, sizeof(struct rbac_binding));
	for (entry.subject = 0; entry.subject < o->subject_count; entry.subject++)
		add_subject(sb, entry, namespace, &u);
}

static void add_bindings(struct subjects_build *sb, enum rbac_kind kind)
{
	const struct rbac_object **all = rbac_store_sorted(sb->b->store, kind);
	size_t n = rbac_store_count(sb->b->store, kind);

	for (size_t i = 0; i < n; i++)
		add_binding(sb, all[i]);
	free(all);
}

/* --- Subjects and their entries --- */

/* All entries, subject by subject; those of a subject stay in the order of bindings. */
static struct rbac_entry *sort_entries(struct subjects_build *sb)
{
	struct subject_draft *subjects = (struct subject_draft *)(void *)sb->subjects.p;
	const struct entry_draft *drafts = (const struct entry_draft *)(const void *)sb->entries.p;
	size_t n = sb->entries.n / sizeof(*drafts);
	struct rbac_entry *v = xcalloc(n, sizeof(*v));
	uint32_t at = 0;

	for (size_t i = 0; i < sb->table.used; i++) {
		subjects[i].at = at;
		at += subjects[i].count;
	}
	for (size_t i = 0; i < n; i++)
		v[subjects[drafts[i].subject].at++] = drafts[i].entry;
	for (size_t i = 0; i < sb->table.used; i++)
		subjects[i].at -= subjects[i].count;
	return v;
}

/* Which run met a role or an error last. */
struct run_marks {
	uint32_t *roles, *errors;	/* owned */
	uint32_t run;
};

static bool mark_is_new(struct run_marks *m, uint32_t role)
{
	uint32_t *mark = role & RBAC_UNRESOLVED ? &m->errors[role & ~RBAC_UNRESOLVED]
		: &m->roles[role];
	bool is_new = *mark != m->run;

	*mark = m->run;
	return is_new;
}

/* Writes one scope's entries, those with a role not met yet in front. */
static struct rbac_run put_run(struct rbac_build *b, struct run_marks *m,
			       const struct rbac_entry *v, uint32_t n)
{
	struct rbac_run run = { .at = rbac_build_words(b), .total = n };
	struct rbac_entry *rest = NULL;
	uint32_t rest_n = 0;

	m->run++;
	for (uint32_t i = 0; i < n; i++) {
		if (mark_is_new(m, v[i].role)) {
			strbuf_add(&b->words, &v[i], sizeof(v[i]));
			run.distinct++;
			continue;
		}
		if (!rest)
			rest = xcalloc(n, sizeof(*rest));
		rest[rest_n++] = v[i];
	}
	strbuf_add(&b->words, rest, rest_n * sizeof(*rest));
	free(rest);
	return run;
}

static uint32_t namespace_of(const struct rbac_build *b, const struct rbac_entry *e)
{
	return ((const struct rbac_binding *)(const void *)b->bindings.p)[e->binding].namespace;
}

/* Entries from v on that have the same namespace. */
static uint32_t same_namespace(const struct rbac_build *b, const struct rbac_entry *v, uint32_t n)
{
	uint32_t end = 0;

	while (end < n && namespace_of(b, &v[end]) == namespace_of(b, &v[0]))
		end++;
	return end;
}

/* A power of two, so that a third stays free. */
uint32_t build_table_capacity(uint32_t used)
{
	uint32_t cap = 2;

	while (cap < (uint64_t)used + used / 2 + 1)
		cap *= 2;
	return cap;
}

/* The namespaces of a subject's RoleBindings: entries v, grouped by namespace. */
static void put_scopes(struct rbac_build *b, struct run_marks *m, const struct rbac_entry *v,
		       uint32_t n, struct rbac_subject *subject)
{
	struct rbac_scope_slot *table;
	uint32_t used = 0, cap;

	for (uint32_t i = 0; i < n; i += same_namespace(b, v + i, n - i))
		used++;
	cap = build_table_capacity(used);
	table = xcalloc(cap, sizeof(*table));
	subject->scope_at = rbac_build_words(b);
	subject->scope_mask = cap - 1;
	rbac_build_reserve(b, cap * RBAC_SCOPE_SLOT_WORDS);
	for (uint32_t i = 0, count; i < n; i += count) {
		uint32_t namespace = namespace_of(b, &v[i]);
		uint32_t at = (uint32_t)(rbac_key_hash(namespace) >> 32) & (cap - 1);

		count = same_namespace(b, v + i, n - i);
		while (table[at].namespace)
			at = (at + 1) & (cap - 1);
		table[at] = (struct rbac_scope_slot){ namespace, put_run(b, m, v + i, count) };
	}
	memcpy(b->words.p + subject->scope_at * sizeof(uint32_t), table, cap * sizeof(*table));
	free(table);
}

/* Skips to the next cache line if n words would not fit in this one, but do in the next. */
static void keep_in_line(struct rbac_build *b, uint32_t n)
{
	uint32_t used = rbac_build_words(b) % RBAC_LINE_WORDS;

	if (n <= RBAC_LINE_WORDS && used + n > RBAC_LINE_WORDS)
		rbac_build_reserve(b, RBAC_LINE_WORDS - used);
}

/* Writes a subject with its name and entries; returns where it is. */
static uint32_t put_subject(struct rbac_build *b, struct run_marks *m,
			    const struct subject_draft *draft, const struct rbac_entry *v)
{
	uint32_t name_words = ((uint32_t)draft->name.n + 3) / 4, cluster = 0, at;
	struct rbac_subject subject = { .name_n = (uint32_t)draft->name.n,
					.is_group = draft->is_group };
	struct rbac_run run;

	keep_in_line(b, RBAC_SUBJECT_WORDS + name_words + RBAC_ENTRY_WORDS);
	at = rbac_build_words(b);
	rbac_build_reserve(b, RBAC_SUBJECT_WORDS + name_words);
	memcpy(b->words.p + (at + RBAC_SUBJECT_WORDS) * sizeof(uint32_t), draft->name.p,
	       draft->name.n);
	while (cluster < draft->count && !namespace_of(b, &v[cluster]))
		cluster++;
	run = put_run(b, m, v, cluster);
	subject.distinct = run.distinct;
	subject.total = run.total;
	if (cluster < draft->count)
		put_scopes(b, m, v + cluster, draft->count - cluster, &subject);
	memcpy(b->words.p + at * sizeof(uint32_t), &subject, sizeof(subject));
	return at;
}

static void put_subjects(struct subjects_build *sb)
{
	const struct subject_draft *drafts =
		(const struct subject_draft *)(const void *)sb->subjects.p;
	struct rbac_build *b = sb->b;
	uint32_t used = (uint32_t)sb->table.used, cap = build_table_capacity(used);
	struct rbac_subject_slot *table = xcalloc(cap, sizeof(*table));
	struct rbac_entry *entries = sort_entries(sb);
	struct run_marks marks = {
		xcalloc(b->roles.n / sizeof(struct rbac_role), sizeof(uint32_t)),
		xcalloc(b->errors.n / sizeof(uint32_t), sizeof(uint32_t)), 0
	};

	for (uint32_t i = 0; i < used; i++) {
		uint32_t at = (uint32_t)drafts[i].hash & (cap - 1);

		while (table[at].at)
			at = (at + 1) & (cap - 1);
		table[at] = (struct rbac_subject_slot){
			rbac_tag(drafts[i].hash),
			put_subject(b, &marks, &drafts[i], entries + drafts[i].at)
		};
	}
	strbuf_add(&b->subjects, table, cap * sizeof(*table));
	free(marks.roles);
	free(marks.errors);
	free(entries);
	free(table);
}

static void build_subjects(struct rbac_build *b)
{
	struct subjects_build sb = { .b = b };

	arena_init(&sb.names);
	add_bindings(&sb, RBAC_CLUSTER_ROLE_BINDING);
	add_bindings(&sb, RBAC_ROLE_BINDING);
	put_subjects(&sb);
	build_table_fini(&sb.table);
	strbuf_fini(&sb.subjects);
	strbuf_fini(&sb.entries);
	arena_fini(&sb.names);
}

/* The table of namespaces; RoleBindings are ordered by theirs. */
static void put_namespaces(struct rbac_build *b)
{
	const struct rbac_binding *v = (const struct rbac_binding *)(const void *)b->bindings.p;
	size_t n = b->bindings.n / sizeof(*v);
	struct rbac_namespace_slot *table;
	uint32_t used = 0, cap;

	for (size_t i = 0; i < n; i++)
		used += v[i].namespace && (!i || v[i].namespace != v[i - 1].namespace);
	cap = build_table_capacity(used);
	table = xcalloc(cap, sizeof(*table));
	for (size_t i = 0; i < n; i++) {
		uint64_t hash;
		uint32_t at;

		if (!v[i].namespace || (i && v[i].namespace == v[i - 1].namespace))
			continue;
		hash = rbac_hash(b->seed, build_string(b, v[i].namespace));
		at = (uint32_t)hash & (cap - 1);
		while (table[at].sid)
			at = (at + 1) & (cap - 1);
		table[at] = (struct rbac_namespace_slot){ rbac_tag(hash), v[i].namespace };
	}
	strbuf_add(&b->namespaces, table, cap * sizeof(*table));
	free(table);
}

/* --- The index --- */

static size_t whole_lines(size_t n)
{
	return (n + LINE_SIZE - 1) & ~(size_t)(LINE_SIZE - 1);
}

/*
 * Memory that begins on a cache line.  Large indexes are read all over: huge pages, where the
 * system grants them on request, save most of the address translation.
 */
static void *region_new(size_t size)
{
	bool is_huge = size >= HUGE_PAGE_SIZE;
	size_t align = is_huge ? HUGE_PAGE_SIZE : LINE_SIZE;
	void *p = aligned_alloc(align, (size + align - 1) & ~(align - 1));

	CHECK(p);
	if (is_huge)
		madvise(p, size, MADV_HUGEPAGE);
	return p;
}

/* Moves what was built behind the index, in one allocation. */
static struct rbac_index *assemble(struct rbac_build *b)
{
	struct {
		struct strbuf *from;
		const void *to;
	} part[] = {
		{ &b->rules, NULL }, { &b->roles, NULL }, { &b->bindings, NULL },
		{ &b->subjects, NULL }, { &b->namespaces, NULL }, { &b->terms, NULL },
		{ &b->errors, NULL }, { &b->words, NULL }, { &b->strings, NULL },
	};
	size_t size = whole_lines(sizeof(struct rbac_index));
	struct rbac_index *ix;
	char *at;

	for (size_t i = 0; i < array_size(part); i++)
		size += whole_lines(part[i].from->n);
	ix = region_new(size);
	at = (char *)ix + whole_lines(sizeof(*ix));
	for (size_t i = 0; i < array_size(part); i++) {
		part[i].to = at;
		if (part[i].from->n)
			memcpy(at, part[i].from->p, part[i].from->n);
		at += whole_lines(part[i].from->n);
		strbuf_fini(part[i].from);
	}
	*ix = (struct rbac_index){
		.seed = b->seed, .size = size,
		.rules = part[0].to, .roles = part[1].to, .bindings = part[2].to,
		.subjects = part[3].to, .namespaces = part[4].to, .terms = part[5].to,
		.errors = part[6].to, .words = part[7].to, .strings = part[8].to,
	};
	return ix;
}

struct rbac_index *rbac_index_build(const struct rbac_store *s)
{
	struct rbac_build b = { .store = s, .seed = random_u64() };
	uint32_t subject_n, namespace_n, term_n;
	struct rbac_index *ix;

	rbac_pack_number(&b.strings, 0);
	rbac_build_reserve(&b, 1);
	rbac_build_roles_init(&b);
	build_subjects(&b);
	put_namespaces(&b);
	rbac_build_terms(&b);
	subject_n = (uint32_t)(b.subjects.n / sizeof(struct rbac_subject_slot));
	namespace_n = (uint32_t)(b.namespaces.n / sizeof(struct rbac_namespace_slot));
	term_n = (uint32_t)(b.terms.n / sizeof(struct rbac_term_slot));
	ix = assemble(&b);
	ix->subject_mask = subject_n - 1;
	ix->namespace_mask = namespace_n - 1;
	ix->term_mask = term_n - 1;
	ix->term_longest = b.term_longest;
	ix->star = b.star;
	build_table_fini(&b.string_table);
	build_table_fini(&b.error_table);
	rbac_build_roles_fini(&b);
	return ix;
}

void rbac_index_free(struct rbac_index *ix)
{
	free(ix);
}

size_t rbac_index_size(const struct rbac_index *ix)
{
	return ix->size;
}
