/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: get and list, with selectors, pages and resource versions. */
#include "config.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/upstream/rest.h"

json_t *rest_find(struct rest *r)
{
	json_t *object = store_get(&r->call->server->store, r->kind, r->ns, r->name);

	if (!object)
		reply_not_found(r->call, r->kind, r->name);
	return object;
}

void rest_get(struct rest *r)
{
	json_t *object = rest_find(r);

	if (object)
		reply_object(r->call, 200, r->kind, object);
}

/* Selectors. */

static bool in_list(const char *list, struct str item)
{
	struct str rest = str_from(list), piece;

	while (str_next(&rest, ',', &piece))
		if (str_eq(piece, item))
			return true;
	return false;
}

static bool field_is_known(const struct kind *k, struct str key)
{
	return str_eq(key, STR("metadata.name")) ||
	       (str_eq(key, STR("metadata.namespace")) && kind_is_namespaced(k)) ||
	       in_list(k->fields, key);
}

bool rest_selectors_read(struct rest *r, struct rest_selectors *out)
{
	struct call *c = r->call;
	struct str labels, fields;

	*out = (struct rest_selectors){ 0 };
	call_query(c, "labelSelector", &labels);
	call_query(c, "fieldSelector", &fields);
	if (selector_parse_labels(labels, c->arena, &out->labels)) {
		reply_error(c, 400, NULL, "unable to parse requirement: %.*s", STR_ARG(labels));
		return false;
	}
	if (selector_parse_fields(fields, c->arena, &out->fields)) {
		reply_error(c, 400, NULL, "invalid field selector: %.*s", STR_ARG(fields));
		return false;
	}
	for (size_t i = 0; i < out->fields.n; i++) {
		if (field_is_known(r->kind, out->fields.v[i].key))
			continue;
		reply_error(c, 400, NULL, "field label not supported: %.*s",
			    STR_ARG(out->fields.v[i].key));
		return false;
	}
	out->any = out->labels.n || out->fields.n;
	return true;
}

static bool is_one_of(const struct selector_requirement *q, struct str value)
{
	for (size_t i = 0; i < q->value_count; i++)
		if (str_eq(q->values[i], value))
			return true;
	return false;
}

/* value.p == NULL: the label is not there. */
static bool requirement_matches(const struct selector_requirement *q, struct str value)
{
	switch (q->op) {
	case SELECTOR_EQUALS:
	case SELECTOR_IN:
		return value.p && is_one_of(q, value);
	case SELECTOR_NOT_EQUALS:
	case SELECTOR_NOT_IN:
		return !value.p || !is_one_of(q, value);
	case SELECTOR_EXISTS:
		return value.p;
	case SELECTOR_DOES_NOT_EXIST:
		return !value.p;
	case SELECTOR_GREATER:
		return value.p && q->value_count &&
		       strtoll(value.p, NULL, 10) > strtoll(q->values[0].p, NULL, 10);
	case SELECTOR_LESS:
		return value.p && q->value_count &&
		       strtoll(value.p, NULL, 10) < strtoll(q->values[0].p, NULL, 10);
	}
	return false;
}

static struct str label_value(const json_t *object, struct str key)
{
	json_t *v = json_object_getn(object_at(object, "metadata.labels"), key.p, key.n);

	return json_is_string(v) ? str_from(json_string_value(v)) : STR_NULL;
}

/* Fields that are absent are empty, booleans are words. */
static struct str field_value(const json_t *object, struct str key)
{
	char path[128];
	json_t *v;

	snprintf(path, sizeof(path), "%.*s", STR_ARG(key));
	v = object_at(object, path);
	if (json_is_boolean(v))
		return json_is_true(v) ? STR("true") : STR("false");
	if (json_is_string(v))
		return str_from(json_string_value(v));
	return str_has_suffix(key, STR("unschedulable")) ? STR("false") : STR("");
}

bool rest_selectors_match(const struct rest_selectors *s, const json_t *object)
{
	for (size_t i = 0; i < s->labels.n; i++)
		if (!requirement_matches(&s->labels.v[i], label_value(object, s->labels.v[i].key)))
			return false;
	for (size_t i = 0; i < s->fields.n; i++)
		if (!requirement_matches(&s->fields.v[i], field_value(object, s->fields.v[i].key)))
			return false;
	return true;
}

bool rest_covers(const struct rest *r, const json_t *object)
{
	if (r->ns.n && kind_is_namespaced(r->kind) &&
	    !str_eq(r->ns, object_text(object, "metadata.namespace")))
		return false;
	return !r->name.n || str_eq(r->name, object_text(object, "metadata.name"));
}

/* Pages. A continue token is the base64 of "<version>:<key of the next entry>". */

static void token_write(struct strbuf *out, uint64_t version, const char *key)
{
	struct strbuf plain = STRBUF_INIT;
	char *text;

	strbuf_addf(&plain, "%" PRIu64 ":%s", version, key);
	text = xmalloc((plain.n + 2) / 3 * 4 + 1);
	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)plain.p, (int)plain.n);
	strbuf_add_cstr(out, text);
	free(text);
	strbuf_fini(&plain);
}

static int token_read(struct arena *a, struct str token, uint64_t *version, struct str *key)
{
	unsigned char *plain = arena_alloc(a, token.n + 1);
	int n = EVP_DecodeBlock(plain, (const unsigned char *)token.p, (int)token.n);
	ptrdiff_t colon;
	struct str text;

	if (n <= 0)
		return ERR_SYNTAX;
	for (size_t i = token.n; n > 0 && token.p[i - 1] == '='; i--)
		n--;
	text = str_make((char *)plain, (size_t)n);
	colon = str_find(text, ':', 0);
	if (colon < 0)
		return ERR_SYNTAX;
	*key = str_skip(text, (size_t)colon + 1);
	return str_to_u64(str_slice(text, 0, (size_t)colon), version);
}

struct page {
	uint64_t version;	/* the list's resource version */
	uint64_t limit;		/* 0: all */
	struct str from;	/* first key */
	struct str prefix;	/* of keys: "namespace/" or empty */
	const char *next;	/* key of the entry behind the page, or NULL */
	uint64_t left;
};

static bool read_version(struct rest *r, struct page *p)
{
	struct call *c = r->call;
	uint64_t asked;
	struct str v;

	if (!call_query(c, "resourceVersion", &v) || !v.n)
		return true;
	if (str_to_u64(v, &asked)) {
		reply_error(c, 400, NULL, "invalid resource version \"%.*s\"", STR_ARG(v));
		return false;
	}
	if (asked <= p->version)
		return true;
	reply_error(c, 504, "Timeout", "Timeout: Too large resource version: %" PRIu64
		    ", current: %" PRIu64, asked, p->version);
	return false;
}

static bool page_read(struct rest *r, struct page *p)
{
	struct call *c = r->call;
	const struct store *s = &c->server->store;
	struct str v;

	*p = (struct page){ .version = s->version };
	if (r->ns.n && kind_is_namespaced(r->kind))
		p->prefix = arena_printf(c->arena, "%.*s/", STR_ARG(r->ns));
	p->from = p->prefix;
	if (call_query(c, "limit", &v) && v.n && str_to_u64(v, &p->limit)) {
		reply_error(c, 400, NULL, "limit is not a number");
		return false;
	}
	if (!call_query(c, "continue", &v) || !v.n)
		return read_version(r, p);
	if (token_read(c->arena, v, &p->version, &p->from)) {
		reply_error(c, 400, NULL, "continue key is not valid");
		return false;
	}
	if (p->version >= s->oldest)
		return true;
	reply_error(c, 410, "Expired", "The provided continue parameter is too old to display a "
		    "consistent list result. You can start a new list without the continue "
		    "parameter, or use the continue token in this response to retrieve the "
		    "remainder of the results.");
	return false;
}

/* Items in lists of built-in kinds say neither kind nor apiVersion. */
static json_t *list_item(json_t *object)
{
	json_t *item = json_copy(object);

	json_object_del(item, "kind");
	json_object_del(item, "apiVersion");
	return item;
}

static json_t *collect(struct rest *r, const struct rest_selectors *sel, struct page *p)
{
	const struct store *s = &r->call->server->store;
	size_t at = store_seek(s, r->kind, p->from), n = 0;
	const struct store_entry *e;
	json_t *items = json_array();

	for (; (e = store_at(s, r->kind, at)); at++) {
		if (!str_has_prefix(str_from(e->key), p->prefix))
			break;
		if (!rest_covers(r, e->object) || !rest_selectors_match(sel, e->object))
			continue;
		if (p->limit && n == p->limit) {
			if (!p->next)
				p->next = e->key;
			p->left++;
			continue;
		}
		json_array_append_new(items, list_item(e->object));
		n++;
	}
	return items;
}

json_t *rest_list_new(const struct rest *r, uint64_t version, json_t *items)
{
	char kind[96], text[24];

	snprintf(kind, sizeof(kind), "%sList", r->kind->kind);
	snprintf(text, sizeof(text), "%" PRIu64, version);
	return json_pack("{s:s, s:s, s:{s:s}, s:o}", "kind", kind, "apiVersion",
			 kind_api_version(r->kind), "metadata", "resourceVersion", text, "items",
			 items);
}

void rest_list(struct rest *r)
{
	struct rest_selectors sel;
	struct strbuf token = STRBUF_INIT;
	struct page p;
	json_t *list, *meta;

	if (!rest_selectors_read(r, &sel) || !page_read(r, &p))
		return;
	list = rest_list_new(r, p.version, collect(r, &sel, &p));
	meta = json_object_get(list, "metadata");
	if (p.next) {
		token_write(&token, p.version, p.next);
		json_object_set_new(meta, "continue", json_str(strbuf_str(&token)));
		if (!sel.any)
			json_object_set_new(meta, "remainingItemCount",
					    json_integer((json_int_t)p.left));
		strbuf_fini(&token);
	}
	reply_object(r->call, 200, r->kind, list);
	json_decref(list);
}
