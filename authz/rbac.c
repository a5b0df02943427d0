/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions on the compiled index (spec 11 sections 2 to 5). */
#include "config.h"

#include "authz/rbac_compiled.h"

#include <stdlib.h>

#include "base/arena.h"

/* `resource/subresource` of a request is put together here; longer ones go into the arena. */
#define RESOURCE_TEXT_MAX 256

struct query_key {
	uint64_t key, hash, bloom;
};

/* A request in the index's numbers. */
struct query {
	const struct rbac_index *ix;
	uint64_t verb_mask;
	uint32_t verb;			/* sid to find in a rule's list; 0: the mask decides */
	uint32_t group;			/* sid; 0: no rule names it */
	bool is_resource;
	uint32_t namespace;		/* sid; 0: no RoleBinding can apply */
	struct str name, path;
	struct query_key keys[3];	/* what a rule may list to cover the request */
	size_t key_n;
};

/* --- Lookups --- */

static const struct rbac_subject *find_hashed(const struct rbac_index *ix, bool is_group,
					      struct str name, uint64_t hash)
{
	const struct rbac_subject_slot *slot;

	for (uint32_t at = (uint32_t)hash & ix->subject_mask;; at = (at + 1) & ix->subject_mask) {
		const struct rbac_subject *subject;

		slot = &ix->subjects[at];
		if (!slot->at)
			return NULL;
		if (slot->tag != rbac_tag(hash))
			continue;
		subject = (const void *)(ix->words + slot->at);
		if (subject->is_group == is_group &&
		    str_eq(str_make((const char *)(subject + 1), subject->name_n), name))
			return subject;
	}
}

const struct rbac_subject *rbac_subject_find(const struct rbac_index *ix, bool is_group,
					     struct str name)
{
	return find_hashed(ix, is_group, name, rbac_subject_hash(ix->seed, is_group, name));
}

static uint32_t find_namespace_hashed(const struct rbac_index *ix, struct str namespace,
				      uint64_t hash)
{
	for (uint32_t at = (uint32_t)hash & ix->namespace_mask; ix->namespaces[at].sid;
	     at = (at + 1) & ix->namespace_mask)
		if (ix->namespaces[at].tag == rbac_tag(hash) &&
		    str_eq(rbac_string(ix, ix->namespaces[at].sid), namespace))
			return ix->namespaces[at].sid;
	return 0;
}

uint32_t rbac_namespace_find(const struct rbac_index *ix, struct str namespace)
{
	return find_namespace_hashed(ix, namespace, rbac_hash(ix->seed, namespace));
}

const struct rbac_run *rbac_scope_find(const struct rbac_index *ix,
				       const struct rbac_subject *subject, uint32_t namespace)
{
	const struct rbac_scope_slot *table = (const void *)(ix->words + subject->scope_at);

	if (!subject->scope_at || !namespace)
		return NULL;
	for (uint32_t at = (uint32_t)(rbac_key_hash(namespace) >> 32) & subject->scope_mask;
	     table[at].namespace; at = (at + 1) & subject->scope_mask)
		if (table[at].namespace == namespace)
			return &table[at].run;
	return NULL;
}

const struct rbac_term_slot *rbac_term_find(const struct rbac_index *ix, struct str word)
{
	uint64_t hash;

	if (word.n > ix->term_longest)
		return NULL;
	hash = rbac_hash(ix->seed, word);
	for (uint32_t at = (uint32_t)hash & ix->term_mask; ix->terms[at].sid;
	     at = (at + 1) & ix->term_mask)
		if (ix->terms[at].tag == rbac_tag(hash) &&
		    str_eq(rbac_string(ix, ix->terms[at].sid), word))
			return &ix->terms[at];
	return NULL;
}

/* --- The request --- */

static void query_add_key(struct query *q, uint64_t key)
{
	struct query_key *k = &q->keys[q->key_n++];

	k->key = key;
	k->hash = rbac_key_hash(key);
	k->bloom = rbac_bloom_bit(k->hash);
}

static void query_add_term(struct query *q, struct str word, uint64_t flag)
{
	const struct rbac_term_slot *term = rbac_term_find(q->ix, word);

	if (term)
		query_add_key(q, term->sid | flag);
}

static void query_set_verb(struct query *q, struct str verb)
{
	const struct rbac_term_slot *term = rbac_term_find(q->ix, verb);

	q->verb_mask = RBAC_VERB_ANY;
	if (!term || !term->verb)
		return;
	if (term->verb <= RBAC_VERB_BITS) {
		q->verb_mask = UINT64_C(1) << (term->verb - 1);
		return;
	}
	q->verb_mask |= RBAC_VERB_OTHER;
	q->verb = term->sid;
}

/* `resource/subresource`, and the subresource of any resource. */
static void query_add_subresource(struct query *q, const struct attributes *a, struct arena *arena)
{
	char text[RESOURCE_TEXT_MAX], *p = text;
	size_t n = a->resource.n + 1 + a->subresource.n;

	/* "*" and "/" need two bytes even where the resource is empty. */
	if (a->subresource.n + 2 > q->ix->term_longest + (size_t)1)
		return;
	if (n + 1 > sizeof(text))
		p = arena_alloc(arena, n + 1);
	p[0] = '*';
	p[1] = '/';
	memcpy(p + 2, a->subresource.p, a->subresource.n);
	query_add_term(q, str_make(p, 2 + a->subresource.n), 0);
	if (n > q->ix->term_longest)
		return;
	if (a->resource.n)
		memcpy(p, a->resource.p, a->resource.n);
	p[a->resource.n] = '/';
	memcpy(p + a->resource.n + 1, a->subresource.p, a->subresource.n);
	query_add_term(q, str_make(p, n), 0);
}

static void query_init(struct query *q, const struct attributes *a, const struct rbac_index *ix)
{
	const struct rbac_term_slot *group;

	q->ix = ix;
	q->is_resource = a->is_resource;
	q->verb = q->group = q->namespace = 0;
	q->key_n = 0;
	q->name = a->name;
	q->path = a->path;
	query_set_verb(q, a->verb);
	if (!a->is_resource)
		return;
	group = rbac_term_find(q->ix, a->api_group);
	q->group = group ? group->sid : 0;
}

/* What a rule may list to cover the request. */
static void query_add_keys(struct query *q, const struct attributes *a, struct arena *arena)
{
	if (!a->is_resource) {
		query_add_term(q, a->path, RBAC_URL_KEY);
		return;
	}
	query_add_key(q, q->ix->star);
	if (a->subresource.n)
		query_add_subresource(q, a, arena);
	else
		query_add_term(q, a->resource, 0);
}

/* --- Rules --- */

static bool list_has(const struct rbac_index *ix, uint32_t at, uint32_t sid)
{
	for (uint32_t n = ix->words[at]; n; n--)
		if (ix->words[at + n] == sid)
			return true;
	return false;
}

static bool groups_have(const struct rbac_index *ix, const struct rbac_rule *rule, uint32_t group)
{
	const uint32_t *v = ix->words + rule->group_at;
	uint32_t from = 0, to = rule->group_n;

	if (to == RBAC_ANY)
		return true;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (v[middle] == group)
			return true;
		if (v[middle] < group)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

static bool names_have(const struct rbac_index *ix, const struct rbac_rule *rule, struct str name)
{
	const uint32_t *v = ix->words + rule->name_at;
	uint32_t from = 0, to = rule->name_n;

	if (to == RBAC_ANY)
		return true;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		int c = str_cmp(rbac_string(ix, v[middle]), name);

		if (!c)
			return true;
		if (c < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

/* Whether a rule that names the resource or URL allows the rest of the request. */
static bool rule_allows(const struct query *q, const struct rbac_rule *rule)
{
	if (!(rule->verbs & q->verb_mask))
		return false;
	if (q->verb && !(rule->verbs & RBAC_VERB_ANY) && !list_has(q->ix, rule->list_at, q->verb))
		return false;
	return !q->is_resource ||
		(groups_have(q->ix, rule, q->group) && names_have(q->ix, rule, q->name));
}

static bool key_allows(const struct query *q, const struct rbac_role *role,
		       const struct query_key *k)
{
	const struct rbac_role_slot *table = (const void *)(q->ix->words + role->table_at);
	const struct rbac_rule *rules = q->ix->rules + role->rule_at;

	for (uint32_t at = (uint32_t)(k->hash >> 32) & role->table_mask; table[at].n;
	     at = (at + 1) & role->table_mask) {
		const uint32_t *numbers = q->ix->words + table[at].at;

		if (table[at].sid != (uint32_t)k->key ||
		    table[at].is_url != (k->key >= RBAC_URL_KEY))
			continue;
		for (uint32_t i = 0; i < table[at].n; i++)
			if (rule_allows(q, &rules[numbers[i]]))
				return true;
		return false;
	}
	return false;
}

static bool prefix_allows(const struct query *q, const struct rbac_role *role)
{
	const uint32_t *v = q->ix->words + role->prefix_at;

	for (uint32_t i = 0; i < role->prefix_n; i++)
		if (str_has_prefix(q->path, rbac_string(q->ix, v[2 * i])) &&
		    rule_allows(q, &q->ix->rules[role->rule_at + v[2 * i + 1]]))
			return true;
	return false;
}

static bool role_allows(const struct query *q, const struct rbac_role *role)
{
	if (!(role->verbs & q->verb_mask))
		return false;
	for (size_t i = 0; i < q->key_n; i++)
		if ((role->bloom & q->keys[i].bloom) && key_allows(q, role, &q->keys[i]))
			return true;
	return !q->is_resource && prefix_allows(q, role);
}

/* --- Bindings --- */

struct decision {
	const struct rbac_entry *cluster, *scoped;	/* the first that allows, by name */
	size_t unresolved;
};

/* Looks for an entry that allows and comes before *best. */
static void consider_run(const struct query *q, const struct rbac_run *run,
			 const struct rbac_entry **best, size_t *unresolved)
{
	const struct rbac_entry *v = rbac_entries(q->ix, run);

	for (uint32_t i = 0; i < run->distinct; i++) {
		if (*best && v[i].binding >= (*best)->binding) {
			/* The same binding: its first subject that applies is the one told. */
			if (v[i].binding == (*best)->binding && v[i].subject < (*best)->subject)
				*best = &v[i];
			return;
		}
		if (v[i].role & RBAC_UNRESOLVED) {
			(*unresolved)++;
		} else if (role_allows(q, &q->ix->roles[v[i].role])) {
			*best = &v[i];
			return;
		}
	}
}

static void consider_subject(const struct query *q, const struct rbac_subject *subject,
			     struct decision *d)
{
	const struct rbac_run *scope;
	struct rbac_run cluster;

	if (!subject)
		return;
	cluster = rbac_cluster_run(q->ix, subject);
	consider_run(q, &cluster, &d->cluster, &d->unresolved);
	scope = rbac_scope_find(q->ix, subject, q->namespace);
	if (scope)
		consider_run(q, scope, &d->scoped, &d->unresolved);
}

/* Calls fn for each run of entries that apply to the user. */
static void each_run(const struct rbac_index *ix, const struct user *u, uint32_t namespace,
		     void (*fn)(void *arg, const struct rbac_run *run), void *arg)
{
	for (size_t i = 0; i <= u->group_count; i++) {
		const struct rbac_subject *subject = i
			? rbac_subject_find(ix, true, u->groups[i - 1])
			: rbac_subject_find(ix, false, u->name);
		const struct rbac_run *scope;
		struct rbac_run cluster;

		if (!subject)
			continue;
		cluster = rbac_cluster_run(ix, subject);
		fn(arg, &cluster);
		scope = rbac_scope_find(ix, subject, namespace);
		if (scope)
			fn(arg, scope);
	}
}

/* --- Reasons --- */

/* The pieces of a reason.  Nearly all names are plain, then it is copied together in one go. */
struct pieces {
	struct str v[16];
	bool is_quoted[16];	/* part of a Go-quoted text: neighbours are quoted as one */
	size_t n;
	bool is_plain;
};

/* Whether Go's %q only puts quotes around s. */
static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

static void add_piece(struct pieces *p, struct str s)
{
	p->is_quoted[p->n] = false;
	p->v[p->n++] = s;
}

static void add_quoted(struct pieces *p, struct str s)
{
	p->is_plain = p->is_plain && is_plain(s);
	p->is_quoted[p->n] = true;
	p->v[p->n++] = s;
}

/* The same with every quoted run of pieces written by the book. */
static struct str join_quoting(const struct pieces *p, struct arena *a)
{
	struct strbuf b = STRBUF_INIT, run = STRBUF_INIT;
	struct str s;

	for (size_t i = 0; i < p->n; i++) {
		if (!p->is_quoted[i]) {
			strbuf_add_str(&b, p->v[i]);
			continue;
		}
		strbuf_add_str(&run, p->v[i]);
		if (i + 1 < p->n && p->is_quoted[i + 1])
			continue;
		strbuf_add_go_quoted(&b, strbuf_str(&run));
		strbuf_clear(&run);
	}
	s = arena_str(a, strbuf_str(&b));
	strbuf_fini(&b);
	strbuf_fini(&run);
	return s;
}

static struct str join_pieces(const struct pieces *p, struct arena *a)
{
	size_t n = 0;
	char *text;

	if (!p->is_plain)
		return join_quoting(p, a);
	for (size_t i = 0; i < p->n; i++)
		n += p->v[i].n + 2;
	text = arena_alloc(a, n);
	n = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (p->is_quoted[i] && !p->is_quoted[i - 1])
			text[n++] = '"';
		if (p->v[i].n)
			memcpy(text + n, p->v[i].p, p->v[i].n);
		n += p->v[i].n;
		if (p->is_quoted[i] && (i + 1 == p->n || !p->is_quoted[i + 1]))
			text[n++] = '"';
	}
	return str_make(text, n);
}

/* The user's group whose entries hold e. */
static struct str group_of(const struct rbac_index *ix, const struct authz_request *r,
			   const struct rbac_entry *e)
{
	uint32_t namespace = ix->bindings[e->binding].namespace;
	const struct user *u = r->attributes->user;

	for (size_t i = 0; i < u->group_count; i++) {
		const struct rbac_subject *s = rbac_subject_find(ix, true, u->groups[i]);
		struct rbac_run run = { .total = 0 };
		const struct rbac_run *scope = NULL;

		if (s && namespace)
			scope = rbac_scope_find(ix, s, namespace);
		else if (s)
			run = rbac_cluster_run(ix, s);
		if (scope)
			run = *scope;
		if (e >= rbac_entries(ix, &run) && e < rbac_entries(ix, &run) + run.total)
			return u->groups[i];
	}
	return STR_NULL;
}

/* The user's name is system:serviceaccount:<namespace>:<name>; `how` has the namespace's length. */
static void add_subject(struct pieces *p, const struct rbac_index *ix,
			const struct authz_request *r, const struct rbac_entry *e)
{
	static const struct str prefix = STR("system:serviceaccount:");
	struct str name = r->attributes->user->name;
	size_t namespace_n = e->how >> 2;

	switch ((enum rbac_subject_kind)(e->how & 3)) {
	case RBAC_USER:
		add_piece(p, STR("User "));
		add_quoted(p, name);
		break;
	case RBAC_GROUP:
		add_piece(p, STR("Group "));
		add_quoted(p, group_of(ix, r, e));
		break;
	case RBAC_SERVICE_ACCOUNT:
		add_piece(p, STR("ServiceAccount "));
		add_quoted(p, str_skip(name, prefix.n + namespace_n + 1));
		add_quoted(p, STR("/"));
		add_quoted(p, str_slice(name, prefix.n, prefix.n + namespace_n));
		break;
	}
}

static struct str allow_reason(const struct rbac_index *ix, const struct authz_request *r,
			       const struct rbac_entry *e)
{
	const struct rbac_binding *binding = &ix->bindings[e->binding];
	struct pieces p = { .n = 0, .is_plain = true };

	add_piece(&p, binding->namespace ? STR("RBAC: allowed by RoleBinding ")
		  : STR("RBAC: allowed by ClusterRoleBinding "));
	add_quoted(&p, rbac_string(ix, binding->name));
	if (binding->namespace) {
		add_quoted(&p, STR("/"));
		add_quoted(&p, rbac_string(ix, binding->namespace));
	}
	add_piece(&p, STR(" of "));
	add_piece(&p, rbac_string(ix, binding->ref_kind));
	add_piece(&p, STR(" "));
	add_quoted(&p, rbac_string(ix, binding->ref_name));
	add_piece(&p, STR(" to "));
	add_subject(&p, ix, r, e);
	return join_pieces(&p, r->arena);
}

/* --- Entries of a user, collected --- */

struct collected {
	const struct rbac_index *ix;
	const struct rbac_entry **v;	/* in the arena; NULL while counting */
	size_t n;
	bool unresolved_only;
};

static void collect_run(void *arg, const struct rbac_run *run)
{
	struct collected *c = arg;
	const struct rbac_entry *v = rbac_entries(c->ix, run);
	uint32_t n = c->unresolved_only ? run->distinct : run->total;

	for (uint32_t i = 0; i < n; i++) {
		if (c->unresolved_only && !(v[i].role & RBAC_UNRESOLVED))
			continue;
		if (c->v)
			c->v[c->n] = &v[i];
		c->n++;
	}
}

static int compare_entries(const void *a, const void *b)
{
	const struct rbac_entry *const *x = a, *const *y = b;

	if ((*x)->binding != (*y)->binding)
		return (*x)->binding < (*y)->binding ? -1 : 1;
	return ((*x)->subject > (*y)->subject) - ((*x)->subject < (*y)->subject);
}

/* What applies to the user, in the order of bindings; each binding once. */
static void collect(struct collected *c, const struct user *u, struct str namespace,
		    struct arena *a)
{
	uint32_t scope = rbac_namespace_find(c->ix, namespace);
	size_t n, kept = 0;

	each_run(c->ix, u, scope, collect_run, c);
	n = c->n;
	c->n = 0;
	c->v = arena_alloc(a, n * sizeof(*c->v));
	each_run(c->ix, u, scope, collect_run, c);
	qsort(c->v, n, sizeof(*c->v), compare_entries);
	for (size_t i = 0; i < n; i++)
		if (!i || c->v[i]->binding != c->v[kept - 1]->binding)
			c->v[kept++] = c->v[i];
	c->n = kept;
}

struct error_mention {
	uint32_t number;
	size_t order;
};

static int compare_by_number(const void *a, const void *b)
{
	const struct error_mention *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static int compare_by_order(const void *a, const void *b)
{
	const struct error_mention *x = a, *y = b;

	return (x->order > y->order) - (x->order < y->order);
}

struct str rbac_errors_aggregate(const struct rbac_index *ix, const uint32_t *numbers, size_t n,
				 struct arena *a)
{
	struct error_mention *v = arena_alloc(a, n * sizeof(*v));
	struct strbuf b = STRBUF_INIT;
	struct str text;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		v[i] = (struct error_mention){ numbers[i], i };
	qsort(v, n, sizeof(*v), compare_by_number);
	for (size_t i = 0; i < n; i++)
		if (!i || v[i].number != v[kept - 1].number)
			v[kept++] = v[i];
	qsort(v, kept, sizeof(*v), compare_by_order);
	for (size_t i = 0; i < kept; i++) {
		strbuf_add_cstr(&b, i ? ", " : kept > 1 ? "[" : "");
		strbuf_add_str(&b, rbac_string(ix, ix->errors[v[i].number]));
	}
	if (kept > 1)
		strbuf_add_char(&b, ']');
	text = arena_str(a, strbuf_str(&b));
	strbuf_fini(&b);
	return text;
}

/* The aggregate of the unresolved among what was collected. */
static struct str collected_errors(const struct collected *c, struct arena *a)
{
	uint32_t *numbers = arena_alloc(a, c->n * sizeof(*numbers));
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->role & RBAC_UNRESOLVED)
			numbers[n++] = c->v[i]->role & ~RBAC_UNRESOLVED;
	return rbac_errors_aggregate(c->ix, numbers, n, a);
}

static struct str refusal_reason(const struct rbac_index *ix, const struct authz_request *r)
{
	struct collected c = { .ix = ix, .unresolved_only = true };
	struct strbuf b = STRBUF_INIT;
	struct str reason;

	collect(&c, r->attributes->user, r->attributes->namespace, r->arena);
	strbuf_add_cstr(&b, "RBAC: ");
	strbuf_add_str(&b, collected_errors(&c, r->arena));
	reason = arena_str(r->arena, strbuf_str(&b));
	strbuf_fini(&b);
	return reason;
}

/*
 * The user's own bindings and the namespace are what is seldom in the cache: they are asked for
 * first and looked at last, with the lookup of words and groups in between.
 */
enum authz_decision rbac_authorize(struct authz_request *r, struct str *reason, struct str *error)
{
	const struct rbac_index *ix = r->policy->rbac;
	const struct attributes *a = r->attributes;
	const struct user *u = a->user;
	/* RoleBindings never grant cluster-scoped requests or URLs. */
	struct str namespace = a->is_resource ? a->namespace : STR_NULL;
	uint64_t user_hash = rbac_subject_hash(ix->seed, false, u->name);
	uint64_t namespace_hash = rbac_hash(ix->seed, namespace);
	const struct rbac_subject_slot *user = &ix->subjects[user_hash & ix->subject_mask];
	const struct rbac_namespace_slot *scope =
		&ix->namespaces[namespace_hash & ix->namespace_mask];
	struct decision d = { NULL, NULL, 0 };
	struct query q;

	__builtin_prefetch(user);
	__builtin_prefetch(scope);
	*reason = *error = STR_NULL;
	query_init(&q, a, ix);
	__builtin_prefetch(ix->words + user->at);
	__builtin_prefetch(ix->words + user->at + RBAC_LINE_WORDS);
	__builtin_prefetch(ix->strings + scope->sid);
	query_add_keys(&q, a, r->arena);
	if (namespace.n)
		q.namespace = find_namespace_hashed(ix, namespace, namespace_hash);
	for (size_t i = 0; i < u->group_count; i++) {
		consider_subject(&q, rbac_subject_find(ix, true, u->groups[i]), &d);
		if (!r->want_reason && (d.cluster || d.scoped))
			return AUTHZ_ALLOW;
	}
	consider_subject(&q, find_hashed(ix, false, u->name, user_hash), &d);
	if (!d.cluster && !d.scoped) {
		if (d.unresolved)
			*reason = refusal_reason(ix, r);
		return AUTHZ_NO_OPINION;
	}
	if (r->want_reason)
		*reason = allow_reason(ix, r, d.cluster ? d.cluster : d.scoped);
	return AUTHZ_ALLOW;
}

/* --- Rule listing --- */

struct rule_lists {
	const struct str *v[RBAC_LISTS];
	size_t n[RBAC_LISTS];
};

static void read_rule_lists(const struct rbac_index *ix, const struct rbac_rule *rule,
			    struct arena *a, struct rule_lists *out)
{
	const uint32_t *at = ix->words + rule->list_at;

	for (int list = 0; list < RBAC_LISTS; list++) {
		struct str *v = arena_alloc(a, *at * sizeof(*v));

		out->n[list] = *at++;
		out->v[list] = v;
		for (size_t i = 0; i < out->n[list]; i++)
			v[i] = rbac_string(ix, *at++);
	}
}

static void visit_role(const struct rbac_index *ix, const struct rbac_role *role,
		       const struct rbac_rule_visitor *visitor, struct arena *a)
{
	for (uint32_t i = 0; i < role->rule_n; i++) {
		struct rule_lists l;

		read_rule_lists(ix, &ix->rules[role->rule_at + i], a, &l);
		if (l.n[RBAC_RESOURCES])
			visitor->resource_rule(visitor->arg, l.v[RBAC_VERBS], l.n[RBAC_VERBS],
					       l.v[RBAC_API_GROUPS], l.n[RBAC_API_GROUPS],
					       l.v[RBAC_RESOURCES], l.n[RBAC_RESOURCES],
					       l.v[RBAC_RESOURCE_NAMES],
					       l.n[RBAC_RESOURCE_NAMES]);
		if (l.n[RBAC_NON_RESOURCE_URLS])
			visitor->non_resource_rule(visitor->arg, l.v[RBAC_VERBS],
						   l.n[RBAC_VERBS],
						   l.v[RBAC_NON_RESOURCE_URLS],
						   l.n[RBAC_NON_RESOURCE_URLS]);
	}
}

void rbac_rules_for(const struct rbac_index *ix, const struct user *u, struct str namespace,
		    const struct rbac_rule_visitor *v, struct arena *a, struct str *error)
{
	struct collected c = { .ix = ix };

	collect(&c, u, namespace, a);
	for (size_t i = 0; i < c.n; i++)
		if (!(c.v[i]->role & RBAC_UNRESOLVED))
			visit_role(ix, &ix->roles[c.v[i]->role], v, a);
	*error = collected_errors(&c, a);
}
