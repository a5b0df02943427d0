/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authz/rbac_objects.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/fields.h"

/* An object while its fields are read. */
struct draft {
	enum rbac_kind kind;
	struct str name, namespace;	/* borrowed from the cursor's input */
	struct strbuf rules, labels, selectors, subjects;
	uint32_t rule_count, label_count, selector_count, subject_count;
	struct str ref_kind, ref_name;
};

static void draft_fini(struct draft *d)
{
	strbuf_fini(&d->rules);
	strbuf_fini(&d->labels);
	strbuf_fini(&d->selectors);
	strbuf_fini(&d->subjects);
}

static bool kind_is_namespaced(enum rbac_kind kind)
{
	return kind == RBAC_ROLE || kind == RBAC_ROLE_BINDING;
}

static bool kind_is_role(enum rbac_kind kind)
{
	return kind == RBAC_ROLE || kind == RBAC_CLUSTER_ROLE;
}

/* --- Reading fields --- */

static int read_metadata(struct draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		switch (f.number) {
		case OBJECTMETA_NAME:
			d->name = f.text;
			break;
		case OBJECTMETA_NAMESPACE:
			d->namespace = f.text;
			break;
		case OBJECTMETA_LABELS:
			if (d->kind != RBAC_CLUSTER_ROLE)
				break;
			rbac_pack_str(&d->labels, f.key);
			rbac_pack_str(&d->labels, f.text);
			d->label_count++;
			break;
		}
	}
	return rc;
}

static int read_rule(struct draft *d, const struct object_field *field)
{
	struct strbuf lists[RBAC_LISTS] = { 0 };
	uint32_t counts[RBAC_LISTS] = { 0 };
	struct object_cursor c;
	struct object_field f;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		uint32_t list = f.number - POLICYRULE_VERBS;

		if (list >= RBAC_LISTS || f.type != OBJECT_STRING)
			continue;
		rbac_pack_str(&lists[list], f.text);
		counts[list]++;
	}
	for (size_t i = 0; i < RBAC_LISTS; i++) {
		rbac_pack_number(&d->rules, counts[i]);
		strbuf_add_str(&d->rules, strbuf_str(&lists[i]));
		strbuf_fini(&lists[i]);
	}
	d->rule_count++;
	return rc;
}

static int read_expression(struct strbuf *out, const struct object_field *field)
{
	struct strbuf values = STRBUF_INIT;
	struct str key = STR_NULL, op = STR_NULL;
	struct object_cursor c;
	struct object_field f;
	uint32_t n = 0;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		switch (f.number) {
		case LABELSELECTORREQUIREMENT_KEY:
			key = f.text;
			break;
		case LABELSELECTORREQUIREMENT_OPERATOR:
			op = f.text;
			break;
		case LABELSELECTORREQUIREMENT_VALUES:
			rbac_pack_str(&values, f.text);
			n++;
			break;
		}
	}
	rbac_pack_str(out, key);
	rbac_pack_str(out, op);
	rbac_pack_number(out, n);
	strbuf_add_str(out, strbuf_str(&values));
	strbuf_fini(&values);
	return rc;
}

static int read_selector(struct draft *d, const struct object_field *field)
{
	struct strbuf labels = STRBUF_INIT, expressions = STRBUF_INIT;
	uint32_t label_count = 0, expression_count = 0;
	struct object_cursor c;
	struct object_field f;
	int rc, bad = 0;

	object_enter(field, &c);
	while (!bad && (rc = object_next(&c, &f)) > 0) {
		switch (f.number) {
		case LABELSELECTOR_MATCH_LABELS:
			rbac_pack_str(&labels, f.key);
			rbac_pack_str(&labels, f.text);
			label_count++;
			break;
		case LABELSELECTOR_MATCH_EXPRESSIONS:
			if (f.type != OBJECT_MESSAGE)
				break;
			bad = read_expression(&expressions, &f);
			expression_count++;
			break;
		}
	}
	rbac_pack_number(&d->selectors, label_count);
	strbuf_add_str(&d->selectors, strbuf_str(&labels));
	rbac_pack_number(&d->selectors, expression_count);
	strbuf_add_str(&d->selectors, strbuf_str(&expressions));
	d->selector_count++;
	strbuf_fini(&labels);
	strbuf_fini(&expressions);
	return bad ? bad : rc;
}

static int read_aggregation(struct draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number != AGGREGATIONRULE_SELECTORS || f.type != OBJECT_MESSAGE)
			continue;
		rc = read_selector(d, &f);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_role_ref(struct draft *d, const struct object_field *field)
{
	struct object_cursor c;
	struct object_field f;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == ROLEREF_KIND)
			d->ref_kind = f.text;
		else if (f.number == ROLEREF_NAME)
			d->ref_name = f.text;
	}
	return rc;
}

/* Spec 11 section 3: other kinds never apply; kinds are case-sensitive. */
static bool subject_kind(struct str text, enum rbac_subject_kind *kind)
{
	if (str_eq(text, STR("User")))
		*kind = RBAC_USER;
	else if (str_eq(text, STR("Group")))
		*kind = RBAC_GROUP;
	else if (str_eq(text, STR("ServiceAccount")))
		*kind = RBAC_SERVICE_ACCOUNT;
	else
		return false;
	return true;
}

static int read_subject(struct draft *d, const struct object_field *field)
{
	struct str kind_text = STR_NULL, name = STR_NULL, namespace = STR_NULL;
	enum rbac_subject_kind kind;
	struct object_cursor c;
	struct object_field f;
	int rc;

	object_enter(field, &c);
	while ((rc = object_next(&c, &f)) > 0) {
		if (f.number == SUBJECT_KIND)
			kind_text = f.text;
		else if (f.number == SUBJECT_NAME)
			name = f.text;
		else if (f.number == SUBJECT_NAMESPACE)
			namespace = f.text;
	}
	if (rc < 0 || !subject_kind(kind_text, &kind))
		return rc;
	rbac_pack_number(&d->subjects, kind);
	rbac_pack_str(&d->subjects, name);
	rbac_pack_str(&d->subjects, kind == RBAC_SERVICE_ACCOUNT ? namespace : STR_NULL);
	d->subject_count++;
	return rc;
}

/* The four kinds share their field numbers: 1 metadata, 2 rules or subjects, 3 the rest. */
static int read_field(struct draft *d, const struct object_field *f)
{
	if (f->type != OBJECT_MESSAGE)
		return 0;
	switch (f->number) {
	case ROLE_METADATA:
		return read_metadata(d, f);
	case ROLE_RULES:
		return kind_is_role(d->kind) ? read_rule(d, f) : read_subject(d, f);
	case CLUSTERROLE_AGGREGATION_RULE:
		return kind_is_role(d->kind) ? read_aggregation(d, f) : read_role_ref(d, f);
	}
	return 0;
}

static int draft_read(struct draft *d, struct object_cursor *c)
{
	struct object_field f;
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		rc = read_field(d, &f);
		if (rc < 0)
			break;
	}
	if (rc < 0)
		return rc;
	if (!kind_is_namespaced(d->kind))
		d->namespace = STR_NULL;
	else if (!d->namespace.n)
		return ERR_SYNTAX;
	return d->name.n ? 0 : ERR_SYNTAX;
}

/* --- Rules, held once --- */

struct rbac_rules *rbac_rules_acquire(struct rbac_store *s, struct str packed, uint32_t count)
{
	struct rbac_rules *r = map_get(&s->rules, packed);

	if (r) {
		r->refs++;
		return r;
	}
	r = xmalloc(sizeof(*r) + packed.n);
	*r = (struct rbac_rules){ .refs = 1, .count = count };
	r->packed = str_make((char *)(r + 1), packed.n);
	if (packed.n)
		memcpy(r + 1, packed.p, packed.n);
	if (s->free_numbers.n) {
		s->free_numbers.n -= sizeof(r->number);
		memcpy(&r->number, s->free_numbers.p + s->free_numbers.n, sizeof(r->number));
	} else {
		r->number = s->rules_number_end++;
	}
	map_set(&s->rules, r->packed, r);
	return r;
}

void rbac_rules_release(struct rbac_store *s, struct rbac_rules *r)
{
	if (!r || --r->refs)
		return;
	map_del(&s->rules, r->packed);
	rbac_pack_number(&s->free_numbers, r->number);
	free(r);
}

/* --- The store --- */

struct rbac_store *rbac_store_new(void)
{
	return xcalloc(1, sizeof(struct rbac_store));
}

static void object_free(struct rbac_store *s, struct rbac_object *o)
{
	if (o)
		rbac_rules_release(s, o->rules);
	free(o);
}

void rbac_store_free(struct rbac_store *s)
{
	if (!s)
		return;
	for (int kind = 0; kind < RBAC_KINDS; kind++) {
		const struct map_entry *e;
		size_t pos = 0;

		while ((e = map_next(&s->objects[kind], &pos)))
			object_free(s, e->value);
		map_fini(&s->objects[kind]);
	}
	map_fini(&s->rules);
	strbuf_fini(&s->free_numbers);
	free(s);
}

static void make_key(struct strbuf *b, struct str namespace, struct str name)
{
	strbuf_add_str(b, namespace);
	strbuf_add_char(b, '\0');
	strbuf_add_str(b, name);
}

struct rbac_object *rbac_store_get(const struct rbac_store *s, enum rbac_kind kind,
				   struct str namespace, struct str name)
{
	struct strbuf key = STRBUF_INIT;
	struct rbac_object *o;

	make_key(&key, namespace, name);
	o = map_get(&s->objects[kind], strbuf_str(&key));
	strbuf_fini(&key);
	return o;
}

static void pack_draft(struct strbuf *b, const struct draft *d)
{
	if (!kind_is_role(d->kind)) {
		rbac_pack_str(b, d->ref_kind);
		rbac_pack_str(b, d->ref_name);
		strbuf_add_str(b, strbuf_str(&d->subjects));
	} else if (d->kind == RBAC_CLUSTER_ROLE) {
		rbac_pack_number(b, d->label_count);
		strbuf_add_str(b, strbuf_str(&d->labels));
		rbac_pack_number(b, d->selector_count);
		strbuf_add_str(b, strbuf_str(&d->selectors));
	}
}

static struct rbac_object *object_new(struct rbac_store *s, const struct draft *d)
{
	struct strbuf b = STRBUF_INIT;
	struct rbac_object *o;

	make_key(&b, d->namespace, d->name);
	pack_draft(&b, d);
	o = xmalloc(sizeof(*o) + b.n);
	*o = (struct rbac_object){
		.key_n = (uint32_t)(d->namespace.n + 1 + d->name.n),
		.namespace_n = (uint32_t)d->namespace.n,
		.subject_count = d->subject_count,
		.seen = s->relist[d->kind],
	};
	memcpy(o->data, b.p, b.n);
	if (kind_is_role(d->kind))
		o->rules = rbac_rules_acquire(s, strbuf_str(&d->rules), d->rule_count);
	strbuf_fini(&b);
	return o;
}

int rbac_store_apply(struct rbac_store *s, enum rbac_kind kind, struct object_cursor *c)
{
	struct draft d = { .kind = kind };
	struct rbac_object *o;
	int rc = draft_read(&d, c);

	if (rc == 0) {
		o = object_new(s, &d);
		/* The map would keep the old key, which dies with the old object. */
		object_free(s, map_del(&s->objects[kind], rbac_object_key(o)));
		map_set(&s->objects[kind], rbac_object_key(o), o);
	}
	draft_fini(&d);
	return rc;
}

void rbac_store_delete(struct rbac_store *s, enum rbac_kind kind, struct str namespace,
		       struct str name)
{
	struct strbuf key = STRBUF_INIT;

	make_key(&key, kind_is_namespaced(kind) ? namespace : STR_NULL, name);
	object_free(s, map_del(&s->objects[kind], strbuf_str(&key)));
	strbuf_fini(&key);
}

void rbac_store_relist_begin(struct rbac_store *s, enum rbac_kind kind)
{
	s->relist[kind]++;
}

void rbac_store_relist_commit(struct rbac_store *s, enum rbac_kind kind)
{
	const struct rbac_object **all = rbac_store_sorted(s, kind);
	size_t n = s->objects[kind].used;

	for (size_t i = 0; i < n; i++)
		if (all[i]->seen != s->relist[kind])
			object_free(s, map_del(&s->objects[kind], rbac_object_key(all[i])));
	free(all);
}

/* What the failed list saw is newer than what was there; both stay until the next relist. */
void rbac_store_relist_abandon(struct rbac_store *s, enum rbac_kind kind)
{
	s->relist[kind]++;
}

size_t rbac_store_count(const struct rbac_store *s, enum rbac_kind kind)
{
	return s->objects[kind].used;
}

static int compare_keys(const void *a, const void *b)
{
	const struct rbac_object *const *x = a, *const *y = b;

	return str_cmp(rbac_object_key(*x), rbac_object_key(*y));
}

const struct rbac_object **rbac_store_sorted(const struct rbac_store *s, enum rbac_kind kind)
{
	const struct rbac_object **v = xcalloc(s->objects[kind].used, sizeof(*v));
	const struct map_entry *e;
	size_t pos = 0, n = 0;

	while ((e = map_next(&s->objects[kind], &pos)))
		v[n++] = e->value;
	qsort(v, n, sizeof(*v), compare_keys);
	return v;
}
