/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "admission/precondition.h"

#include "admission/body.h"
#include "base/mem.h"

/* etcd's first write has revision 2: no object ever has this version. */
#define VERSION_OF_NONE "1"
/* Go reads no parameter of a query that has more. */
#define QUERY_PAIRS_MAX 10000

static void init_claims(const struct admission_request *r, struct claim c[2])
{
	c[0] = (struct claim){ .name = STR("uid"), .want = r->require_uid };
	c[1] = (struct claim){ .name = STR("resourceVersion"), .want = r->require_version };
}

static struct str text_of(json_t *v)
{
	return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NULL;
}

bool precondition_is_version(struct str version)
{
	for (size_t i = 0; i < version.n; i++)
		if (version.p[i] != '0')
			return true;
	return false;
}

/* In metadata an empty text says nothing, nor does the version 0; preconditions are compared. */
static bool says_something(const struct claim *c)
{
	return str_eq(c->name, STR("resourceVersion")) ? precondition_is_version(c->have) :
							 c->have.n > 0;
}

static void state(struct claim c[2], json_t *object, bool is_compared)
{
	for (size_t i = 0; i < 2; i++) {
		json_t *v = json_object_getn(object, c[i].name.p, c[i].name.n);

		c[i].have = text_of(v);
		c[i].stated = json_is_string(v) && (is_compared || says_something(&c[i]));
	}
}

/* The client's claim is another one: the upstream refuses it, and is not kept from doing so. */
static bool disagrees(const struct claim c[2])
{
	for (size_t i = 0; i < 2; i++)
		if (c[i].want.n && c[i].stated && !str_eq(c[i].want, c[i].have))
			return true;
	return false;
}

static bool is_to_add(const struct claim *c)
{
	return c->want.n && !c->stated;
}

static bool has_to_add(const struct claim c[2])
{
	return is_to_add(&c[0]) || is_to_add(&c[1]);
}

/* Queries */

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ?
	       (c | 0x20) - 'a' + 10 : -1;
}

/* Go's QueryUnescape; false for a bad escape. */
static bool unescape(struct str s, struct arena *a, struct str *out)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			p[n++] = s.p[i] == '+' ? ' ' : s.p[i];
			continue;
		}
		if (i + 2 >= s.n || hex_value(s.p[i + 1]) < 0 || hex_value(s.p[i + 2]) < 0)
			return false;
		p[n++] = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
		i += 2;
	}
	*out = str_make(p, n);
	return true;
}

/* The first value, as Go's url.ParseQuery sees it: malformed pairs do not count. */
static bool query_first(const struct admission_request *r, struct str name, struct str *out)
{
	struct str rest = r->query, pair, key;

	while (str_next(&rest, '&', &pair)) {
		ptrdiff_t at = str_find(pair, '=', 0);

		if (str_find(pair, ';', 0) >= 0)
			continue;
		*out = at < 0 ? STR_NULL : str_skip(pair, (size_t)at + 1);
		if (unescape(at < 0 ? pair : str_slice(pair, 0, (size_t)at), r->arena, &key) &&
		    str_eq(key, name) && unescape(*out, r->arena, out))
			return true;
	}
	return false;
}

static void add_escaped(struct strbuf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		    c == '-' || c == '.' || c == '_' || c == '~')
			strbuf_add_char(out, (char)c);
		else
			strbuf_addf(out, "%%%02X", c);
	}
}

/* Will the upstream read it, also with two more? */
static bool query_counts(struct str query)
{
	size_t pairs = 1;

	for (size_t i = 0; i < query.n; i++)
		pairs += query.p[i] == '&';
	return pairs + 2 <= QUERY_PAIRS_MAX;
}

/* In front: of several the first counts, and the client's may be there and empty. */
static void add_to_query(struct admission_request *r, const struct claim c[2])
{
	struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < 2; i++) {
		if (!is_to_add(&c[i]))
			continue;
		if (b.n)
			strbuf_add_char(&b, '&');
		strbuf_add_str(&b, c[i].name);
		strbuf_add_char(&b, '=');
		add_escaped(&b, c[i].want);
	}
	if (r->query.n)
		strbuf_add_char(&b, '&');
	strbuf_add_str(&b, r->query);
	r->new_query = arena_str(r->arena, strbuf_str(&b));
	r->query_replaced = true;
	strbuf_fini(&b);
}

enum admission_result claims_of_delete(struct admission_request *r, struct claim c[2])
{
	json_t *options;
	enum admission_result rc = body_tree(r, &options);

	init_claims(r, c);
	if (rc != ADMISSION_ALLOW)
		return rc;
	if (!r->read->is_empty)
		state(c, tree_at(options, "preconditions"), true);
	for (size_t i = 0; i < 2 && r->read->is_empty; i++)
		c[i].stated = query_first(r, c[i].name, &c[i].have) && c[i].have.n;
	return rc;
}

/* Bodies */

static void replace_body(struct admission_request *r, struct str text)
{
	strbuf_clear(&r->new_body);
	strbuf_add_str(&r->new_body, text);
	r->body_replaced = true;
}

/* The upstream gets what was read: of YAML that is our JSON. */
static void forward(struct admission_request *r)
{
	if (r->read && r->read->media == BODY_YAML && !r->body_replaced)
		replace_body(r, r->read->text);
	if (r->read && r->read->media == BODY_YAML)
		r->new_content_type = STR("application/json");
}

static struct str quoted(struct admission_request *r, struct str s)
{
	struct strbuf b = STRBUF_INIT;
	struct str out;

	strbuf_add_json_string(&b, s);
	out = arena_str(r->arena, strbuf_str(&b));
	strbuf_fini(&b);
	return out;
}

/* Edits what is to go upstream so far. */
static void set_member(struct admission_request *r, const struct str *path, size_t n,
		       struct str value)
{
	struct strbuf edited = STRBUF_INIT;

	edit_set(&edited, r->body_replaced ? strbuf_str(&r->new_body) : r->read->text, path, n,
		 quoted(r, value));
	replace_body(r, strbuf_str(&edited));
	strbuf_fini(&edited);
}

static bool append_value(struct admission_request *r, const struct str *path, size_t n,
			 struct str value)
{
	struct strbuf edited = STRBUF_INIT;
	bool done = edit_append(&edited, r->body_replaced ? strbuf_str(&r->new_body) :
				r->read->text, path, n, value);

	if (done)
		replace_body(r, strbuf_str(&edited));
	strbuf_fini(&edited);
	return done;
}

static void add_to_json(struct admission_request *r, const struct claim c[2],
			const struct str *parents, size_t n)
{
	struct str path[EDIT_PATH_MAX];

	memcpy(path, parents, n * sizeof(*path));
	for (size_t i = 0; i < 2; i++) {
		path[n] = c[i].name;
		if (is_to_add(&c[i]))
			set_member(r, path, n + 1, c[i].want);
	}
}

static void add_to_protobuf(struct admission_request *r, const struct claim c[2])
{
	strbuf_clear(&r->new_body);
	body_write_claims(&r->new_body, r->read, is_to_add(&c[0]) ? c[0].want : STR_NULL,
			  is_to_add(&c[1]) ? c[1].want : STR_NULL);
	r->body_replaced = true;
}

/* An object or options with the two claims under these names. */
static void add_to_object(struct admission_request *r, const struct claim c[2],
			  const struct str *parents, size_t n)
{
	if (r->read->media == BODY_PROTOBUF)
		add_to_protobuf(r, c);
	else
		add_to_json(r, c, parents, n);
}

static enum admission_result finish_delete(struct admission_request *r)
{
	static const struct str parents[] = { { "preconditions", 13 } };
	struct claim c[2];
	enum admission_result rc;

	/* A collection has no one uid. */
	if (!r->attributes->name.n)
		return ADMISSION_ALLOW;
	rc = claims_of_delete(r, c);
	if (rc == ADMISSION_ALLOW && r->read->is_empty && !query_counts(r->query))
		return admission_bad(r, 400, STR("the query has too many parameters"));
	if (rc != ADMISSION_ALLOW || disagrees(c) || !has_to_add(c))
		return rc;
	if (r->read->is_empty)
		add_to_query(r, c);
	else
		add_to_object(r, c, parents, 1);
	return ADMISSION_ALLOW;
}

static enum admission_result finish_eviction(struct admission_request *r)
{
	static const struct str parents[] = { { "deleteOptions", 13 }, { "preconditions", 13 } };
	struct claim c[2];
	json_t *tree;
	enum admission_result rc = body_tree(r, &tree);

	if (rc != ADMISSION_ALLOW)
		return rc;
	if (!str_eq(tree_text(tree, "metadata.name"), r->attributes->name))
		return admission_bad(r, 400, STR("name in URL does not match name in Eviction "
						 "object"));
	init_claims(r, c);
	state(c, tree_at(tree, "deleteOptions.preconditions"), true);
	if (!disagrees(c) && has_to_add(c))
		add_to_object(r, c, parents, 2);
	return ADMISSION_ALLOW;
}

static const struct str metadata[] = { { "metadata", 8 } };

static enum admission_result finish_put(struct admission_request *r)
{
	struct claim c[2];
	json_t *tree;
	enum admission_result rc = body_tree(r, &tree);

	if (rc != ADMISSION_ALLOW)
		return rc;
	init_claims(r, c);
	state(c, json_object_get(tree, "metadata"), false);
	if (disagrees(c) || !has_to_add(c))
		return ADMISSION_ALLOW;
	add_to_object(r, c, metadata, 1);
	r->again_on_conflict = is_to_add(&c[1]);
	return ADMISSION_ALLOW;
}

/* Is there a directive (spec 22 section 6) that addresses this member? */
static bool is_directed(json_t *object, struct str name)
{
	for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
		struct str key = str_make(json_object_iter_key(it), json_object_iter_key_len(it));
		ptrdiff_t slash = str_find(key, '/', 0);

		if (key.n && key.p[0] == '$' && slash >= 0 &&
		    str_eq(str_skip(key, (size_t)slash + 1), name))
			return true;
	}
	return false;
}

static bool list_has(json_t *list, struct str s)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (str_eq(text_of(json_array_get(list, i)), s))
			return true;
	return false;
}

/*
 * Does what a strategic patch states stand? Members are visited in any order, so a directive may
 * undo it; and with metadata added it must not mean something else, or nothing.
 */
static bool can_be_bound(json_t *patch, const struct claim c[2])
{
	json_t *retained = json_object_get(patch, "$retainKeys");
	json_t *inner = json_object_get(patch, "metadata");

	if (is_directed(patch, metadata[0]) ||
	    (has_to_add(c) && retained && !list_has(retained, metadata[0])))
		return false;
	for (size_t i = 0; i < 2; i++)
		if (c[i].want.n && is_directed(inner, c[i].name))
			return false;
	return true;
}

static void retain(struct admission_request *r, const struct claim c[2])
{
	static const struct str path[] = { { "metadata", 8 }, { "$retainKeys", 11 } };

	for (size_t i = 0; i < 2; i++)
		if (is_to_add(&c[i]))
			append_value(r, path, 2, quoted(r, c[i].name));
}

static enum admission_result finish_merge(struct admission_request *r, bool is_strategic)
{
	json_t *patch = r->read->raw;
	struct claim c[2];

	init_claims(r, c);
	state(c, json_object_get(patch, "metadata"), false);
	if (!json_is_object(patch) || (is_strategic && !can_be_bound(patch, c)))
		return admission_bad(r, 400, STR("this patch cannot be bound to the object that it "
						 "was judged on"));
	if (disagrees(c) || !has_to_add(c))
		return ADMISSION_ALLOW;
	add_to_json(r, c, metadata, 1);
	if (is_strategic && tree_at(patch, "metadata.$retainKeys"))
		retain(r, c);
	r->again_on_conflict = is_to_add(&c[1]);
	return ADMISSION_ALLOW;
}

/* What stands before the first slash is dropped, whatever it is (spec 22 section 6). */
static struct str pointer_of(json_t *operation, const char *name)
{
	struct str s = tree_text(operation, name);
	ptrdiff_t at = str_find(s, '/', 0);

	return at < 0 ? STR_NULL : str_skip(s, (size_t)at);
}

/* Does an operation write this pointer or an ancestor of it, but "test"? */
static bool writes(json_t *operation, struct str pointer)
{
	struct str paths[] = { pointer_of(operation, "path"), pointer_of(operation, "from") };
	size_t n = str_eq(tree_text(operation, "op"), STR("move")) ? 2 : 1;

	if (str_eq(tree_text(operation, "op"), STR("test")))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!paths[i].n || (str_has_prefix(pointer, paths[i]) &&
				    (pointer.n == paths[i].n || pointer.p[paths[i].n] == '/')))
			return true;
	return false;
}

/* What the last operation that writes the member states, when it states it plainly. */
static void state_in_operations(struct admission_request *r, struct claim *c)
{
	struct str parts[] = { STR("/metadata/"), c->name };
	struct str pointer = arena_printf(r->arena, "%.*s%.*s", STR_ARG(parts[0]),
					  STR_ARG(parts[1]));

	for (size_t i = json_array_size(r->read->raw); i > 0; i--) {
		json_t *operation = json_array_get(r->read->raw, i - 1);
		struct str op = tree_text(operation, "op");

		if (!writes(operation, pointer))
			continue;
		c->have = tree_text(operation, "value");
		c->stated = says_something(c) && str_eq(tree_text(operation, "path"), pointer) &&
			    (str_eq(op, STR("add")) || str_eq(op, STR("replace")));
		return;
	}
}

static enum admission_result finish_json_patch(struct admission_request *r)
{
	struct claim c[2];

	init_claims(r, c);
	for (size_t i = 0; i < 2; i++)
		state_in_operations(r, &c[i]);
	if (disagrees(c) || !has_to_add(c))
		return ADMISSION_ALLOW;
	for (size_t i = 0; i < 2; i++) {
		json_t *made = json_object_getn(json_object_get(r->new_tree, "metadata"),
						c[i].name.p, c[i].name.n);
		struct str text = text_of(made);

		if (!is_to_add(&c[i]))
			continue;
		/* Stated by a copy or within a whole: it does not hold now, and is not sent on. */
		c[i].have = text;
		if (says_something(&c[i]) && !str_eq(text, c[i].want))
			return request_conflict(r, STR("the object has been modified; please apply "
				"your changes to the latest version and try again"));
		if (!append_value(r, NULL, 0, arena_printf(r->arena, "{\"op\":\"add\",\"path\":"
				  "\"/metadata/%.*s\",\"value\":%.*s}", STR_ARG(c[i].name),
				  STR_ARG(quoted(r, c[i].want)))))
			return admission_bad(r, 400, STR("the patch is not a list"));
	}
	r->again_on_conflict = is_to_add(&c[1]);
	return ADMISSION_ALLOW;
}

enum admission_result precondition_of_apply(struct admission_request *r, struct str uid,
					    struct str version)
{
	static const struct str path[] = { { "metadata", 8 }, { "resourceVersion", 15 } };
	static const struct str uid_path[] = { { "metadata", 8 }, { "uid", 3 } };
	enum admission_result rc = body_read(r);
	json_t *inner, *own, *own_uid;
	bool keep;

	if (rc != ADMISSION_ALLOW)
		return rc;
	inner = json_object_get(r->read->raw, "metadata");
	own = json_object_get(inner, "resourceVersion");
	own_uid = json_object_get(inner, "uid");
	if ((inner && !json_is_object(inner)) || (own && !json_is_string(own)) ||
	    (own_uid && !json_is_string(own_uid)))
		return admission_bad(r, 400, STR("the metadata of the apply patch cannot be read"));
	/* Where there is no object a client's version says nothing, but one to come may have it. */
	keep = version.n && precondition_is_version(text_of(own));
	if (keep)
		replace_body(r, r->read->text);
	else
		set_member(r, path, 2, version.n ? version : STR(VERSION_OF_NONE));
	if (version.n && uid.n && !text_of(own_uid).n)
		set_member(r, uid_path, 2, uid);
	r->again_on_conflict = !keep;
	return ADMISSION_ALLOW;
}

/* A dry run has put its body there already; without one the version is all that can be claimed. */
static enum admission_result finish_apply(struct admission_request *r)
{
	if (r->body_replaced)
		return ADMISSION_ALLOW;
	if (r->require_uid.n && !r->require_version.n)
		return admission_bad(r, 400, STR("an apply cannot be bound to a uid alone"));
	return precondition_of_apply(r, r->require_uid, r->require_version);
}

static enum admission_result finish_patch(struct admission_request *r)
{
	bool is_apply;
	enum admission_result rc = body_is_apply(r, &is_apply);

	if (rc == ADMISSION_ALLOW)
		rc = body_read(r);
	if (rc != ADMISSION_ALLOW)
		return rc;
	switch (r->read->media) {
	case BODY_APPLY:
		return finish_apply(r);
	case BODY_JSON_PATCH:
		return finish_json_patch(r);
	case BODY_MERGE_PATCH:
	case BODY_STRATEGIC_PATCH:
		return finish_merge(r, r->read->media == BODY_STRATEGIC_PATCH);
	case BODY_JSON:
	case BODY_YAML:
	case BODY_PROTOBUF:
	case BODY_UNKNOWN:
	case BODY_UNROUTED:
		break;
	}
	return ADMISSION_ALLOW;
}

static enum admission_result add_claims(struct admission_request *r)
{
	const struct attributes *a = r->attributes;

	if (!r->require_uid.n && !r->require_version.n)
		return ADMISSION_ALLOW;
	if (r->operation == ADMISSION_DELETE)
		return finish_delete(r);
	if (str_eq(r->method, STR("PUT")))
		return finish_put(r);
	if (str_eq(r->method, STR("PATCH")))
		return finish_patch(r);
	if (!a->api_group.n && str_eq(a->resource, STR("pods")) &&
	    str_eq(a->subresource, STR("eviction")))
		return finish_eviction(r);
	/* What is created by POST has no uid and no version yet. */
	return ADMISSION_ALLOW;
}

enum admission_result precondition_finish(struct admission_request *r)
{
	enum admission_result rc = add_claims(r);

	if (rc != ADMISSION_ALLOW)
		return rc;
	if (r->read && r->read->loose)
		return admission_bad(r, 400, arena_printf(r->arena, "the body can be read in more "
			"than one way: %s", r->read->loose));
	forward(r);
	return ADMISSION_ALLOW;
}
