/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML events become jansson values on an explicit stack.  A value that an alias repeats is shared,
 * not copied, but counts with all its nodes each time, so that whoever walks the document meets at
 * most YAML_NODES_MAX of them, nested at most JSON_DEPTH_MAX deep.
 */
#include "config.h"

#include <yaml.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/json_check.h"
#include "codec/yaml_scalar.h"

#define ANCHORS_MAX 200	/* of one document */

/* A mapping or sequence that is not complete yet. */
struct frame {
	json_t *value;		/* owned */
	json_t *merges;		/* owned list of the values of merge keys, or NULL */
	char *key;		/* owned; the key whose value comes next */
	bool is_merge;		/* that key is << */
	char *anchor;		/* owned, or NULL */
	size_t nodes_before;
	unsigned height;	/* of the highest child so far */
};

struct anchor {
	char *name;		/* owned */
	json_t *value;		/* owned */
	size_t nodes;
	unsigned height;
};

struct reader {
	yaml_parser_t parser;
	struct frame frames[JSON_DEPTH_MAX];
	unsigned depth;
	struct anchor *anchors;	/* owned; of the document */
	size_t anchor_count;
	size_t nodes;
	json_t *document;	/* owned; complete */
	int line;		/* of the document's first value */
	int error_line;
	const char *reason;
	int (*fn)(void *arg, json_t *doc, int line);
	void *arg;
};

static int fail(struct reader *r, const yaml_event_t *e, int err, const char *reason)
{
	r->reason = reason;
	r->error_line = (int)e->start_mark.line + 1;
	return err;
}

static void clear_document(struct reader *r)
{
	for (; r->depth; r->depth--) {
		struct frame *f = &r->frames[r->depth - 1];

		json_decref(f->value);
		json_decref(f->merges);
		free(f->key);
		free(f->anchor);
	}
	for (size_t i = 0; i < r->anchor_count; i++) {
		free(r->anchors[i].name);
		json_decref(r->anchors[i].value);
	}
	json_decref(r->document);
	r->document = NULL;
	r->anchor_count = r->nodes = 0;
	r->line = 0;
}

/* Keeps a reference to v under the anchor's name; the newest of a name counts. */
static int add_anchor(struct reader *r, const yaml_event_t *e, const char *name, json_t *v,
		      size_t nodes, unsigned height)
{
	if (!name)
		return 0;
	if (r->anchor_count == ANCHORS_MAX)
		return fail(r, e, ERR_LIMIT, "too many anchors");
	if (!r->anchors)
		r->anchors = xcalloc(ANCHORS_MAX, sizeof(*r->anchors));
	r->anchors[r->anchor_count++] = (struct anchor){ xstrdup(name), json_incref(v), nodes,
							       height };
	return 0;
}

static const struct anchor *find_anchor(const struct reader *r, const char *name)
{
	for (size_t i = r->anchor_count; i > 0; i--)
		if (!strcmp(r->anchors[i - 1].name, name))
			return &r->anchors[i - 1];
	return NULL;
}

static int count_nodes(struct reader *r, const yaml_event_t *e, size_t n)
{
	r->nodes += n;
	return r->nodes > YAML_NODES_MAX ? fail(r, e, ERR_LIMIT, "too many nodes") : 0;
}

/* The value of a merge key: a mapping, or a list of mappings. */
static bool can_merge(const json_t *v)
{
	size_t i;
	json_t *item;

	if (json_is_object(v))
		return true;
	json_array_foreach(v, i, item)
		if (!json_is_object(item))
			return false;
	return json_is_array(v);
}

/* Keys of the mapping itself win over merged ones, and earlier merges over later ones. */
static void apply_merges(struct frame *f)
{
	size_t i, j;
	json_t *v, *item;

	json_array_foreach(f->merges, i, v) {
		if (json_is_object(v))
			json_object_update_missing(f->value, v);
		json_array_foreach(v, j, item)
			json_object_update_missing(f->value, item);
	}
	json_decref(f->merges);
	f->merges = NULL;
}

/* Gives f's pending key its value; takes over v. */
static int put_member(struct reader *r, const yaml_event_t *e, struct frame *f, json_t *v)
{
	bool fits = !f->is_merge || can_merge(v);

	if (!f->is_merge) {
		json_object_set_new(f->value, f->key, v);
	} else if (fits) {
		if (!f->merges)
			f->merges = json_array();
		json_array_append_new(f->merges, v);
	} else {
		json_decref(v);
	}
	free(f->key);
	f->key = NULL;
	f->is_merge = false;
	return fits ? 0 : fail(r, e, ERR_SYNTAX, "a merge key needs one or more mappings");
}

/* A complete value goes where it belongs; takes over v. */
static int put_value(struct reader *r, const yaml_event_t *e, json_t *v, unsigned height)
{
	struct frame *f = r->depth ? &r->frames[r->depth - 1] : NULL;

	if (r->depth + height > JSON_DEPTH_MAX) {
		json_decref(v);
		return fail(r, e, ERR_LIMIT, "nested too deep");
	}
	if (!f) {
		r->document = v;
		return 0;
	}
	if (height > f->height)
		f->height = height;
	if (json_is_object(f->value))
		return put_member(r, e, f, v);
	json_array_append_new(f->value, v);
	return 0;
}

static bool is_key_next(const struct reader *r)
{
	return r->depth && json_is_object(r->frames[r->depth - 1].value) &&
	       !r->frames[r->depth - 1].key;
}

static int on_key(struct reader *r, const yaml_event_t *e)
{
	struct frame *f = &r->frames[r->depth - 1];
	const char *reason;

	f->key = yaml_scalar_key(e, &f->is_merge, &reason);
	if (!f->key)
		return fail(r, e, ERR_SYNTAX, reason);
	if (!f->is_merge && json_object_get(f->value, f->key))
		return fail(r, e, ERR_SYNTAX, "duplicate key");
	return 0;
}

static int on_scalar(struct reader *r, const yaml_event_t *e)
{
	const char *anchor = (const char *)e->data.scalar.anchor, *reason;
	json_t *v;
	int rc = count_nodes(r, e, 1);

	if (rc < 0)
		return rc;
	if (is_key_next(r)) {
		rc = anchor ? fail(r, e, ERR_UNSUPPORTED, "anchors on keys are not supported") : 0;
		return rc < 0 ? rc : on_key(r, e);
	}
	v = yaml_scalar_value(e, &reason);
	if (!v)
		return fail(r, e, ERR_SYNTAX, reason);
	rc = add_anchor(r, e, anchor, v, 1, 0);
	if (rc < 0) {
		json_decref(v);
		return rc;
	}
	return put_value(r, e, v, 0);
}

static int on_alias(struct reader *r, const yaml_event_t *e)
{
	const struct anchor *a = find_anchor(r, (const char *)e->data.alias.anchor);
	int rc;

	if (!a)
		return fail(r, e, ERR_SYNTAX, "alias of an unknown anchor");
	if (is_key_next(r))
		return fail(r, e, ERR_UNSUPPORTED, "aliases as keys are not supported");
	rc = count_nodes(r, e, a->nodes);
	return rc < 0 ? rc : put_value(r, e, json_incref(a->value), a->height);
}

static int on_start(struct reader *r, const yaml_event_t *e, const char *anchor, json_t *empty)
{
	int rc = count_nodes(r, e, 1);

	if (!rc && is_key_next(r))
		rc = fail(r, e, ERR_SYNTAX, "a key must be a scalar");
	if (!rc && r->depth == JSON_DEPTH_MAX)
		rc = fail(r, e, ERR_LIMIT, "nested too deep");
	if (rc < 0) {
		json_decref(empty);
		return rc;
	}
	r->frames[r->depth++] = (struct frame){
		.value = empty,
		.anchor = anchor ? xstrdup(anchor) : NULL,
		.nodes_before = r->nodes - 1,
	};
	return 0;
}

static int on_end(struct reader *r, const yaml_event_t *e)
{
	struct frame f = r->frames[--r->depth];
	int rc;

	apply_merges(&f);
	rc = add_anchor(r, e, f.anchor, f.value, r->nodes - f.nodes_before, f.height + 1);
	free(f.anchor);
	if (rc < 0) {
		json_decref(f.value);
		return rc;
	}
	return put_value(r, e, f.value, f.height + 1);
}

static int on_document_end(struct reader *r)
{
	int rc = 0;

	if (r->document && !json_is_null(r->document)) {
		rc = r->fn(r->arg, r->document, r->line);
		r->error_line = r->line;
	}
	clear_document(r);
	return rc;
}

static int on_event(struct reader *r, const yaml_event_t *e)
{
	if (!r->line && e->type != YAML_DOCUMENT_START_EVENT)
		r->line = (int)e->start_mark.line + 1;
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(r, e);
	case YAML_ALIAS_EVENT:
		return on_alias(r, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(r, e, (const char *)e->data.sequence_start.anchor, json_array());
	case YAML_MAPPING_START_EVENT:
		return on_start(r, e, (const char *)e->data.mapping_start.anchor, json_object());
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(r, e);
	case YAML_DOCUMENT_END_EVENT:
		return on_document_end(r);
	case YAML_DOCUMENT_START_EVENT:
		r->line = 0;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
		break;
	}
	return 0;
}

static int parse_failure(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;

	r->reason = p->problem ? p->problem : "malformed YAML";
	r->error_line = (int)(p->problem_mark.line ? p->problem_mark.line : p->mark.line) + 1;
	return ERR_SYNTAX;
}

static int read_events(struct reader *r)
{
	bool at_end = false;
	yaml_event_t e;
	int rc = 0;

	while (!rc && !at_end) {
		if (!yaml_parser_parse(&r->parser, &e))
			return parse_failure(r);
		at_end = e.type == YAML_STREAM_END_EVENT;
		rc = on_event(r, &e);
		yaml_event_delete(&e);
	}
	return rc < 0 ? rc : 0;
}

/*
 * JSON values one after the other.  ERR_SYNTAX, with nothing handed out, when the first is not JSON
 * (it may be YAML's flow style), or as yaml_read for what comes behind it.
 */
static int read_json_values(struct reader *r, struct str text, bool *is_json)
{
	json_error_t error;
	int rc;

	*is_json = false;
	for (r->line = 1;;) {
		while (text.n && strchr(" \t\r\n", text.p[0])) {
			r->line += text.p[0] == '\n';
			text = str_skip(text, 1);
		}
		if (!text.n)
			return 0;
		r->document = json_loadb(text.p, text.n, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL |
					 JSON_REJECT_DUPLICATES, &error);
		if (!r->document) {
			r->error_line = r->line + (error.line > 0 ? error.line - 1 : 0);
			r->reason = "malformed JSON";
			return ERR_SYNTAX;
		}
		*is_json = true;
		rc = r->fn(r->arg, r->document, r->line);
		r->error_line = r->line;
		json_decref(r->document);
		r->document = NULL;
		if (rc < 0)
			return rc;
		for (int i = 0; i < error.position; i++)
			r->line += text.p[i] == '\n';
		text = str_skip(text, (size_t)error.position);
	}
}

static bool looks_like_json(struct str text)
{
	while (text.n && strchr(" \t\r\n", text.p[0]))
		text = str_skip(text, 1);
	return text.n && text.p[0] == '{';
}

static int read_any(struct reader *r, struct str text)
{
	bool is_json = false;
	int rc = ERR_SYNTAX;

	if (looks_like_json(text)) {
		rc = json_check_limits(text);
		if (rc < 0) {
			r->error_line = 1;
			r->reason = "too large or nested too deep";
			return rc;
		}
		rc = read_json_values(r, text, &is_json);
	}
	if (!rc || is_json)
		return rc;
	r->reason = NULL;
	yaml_parser_initialize(&r->parser);
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.p ? text.p : ""),
				     text.n);
	rc = read_events(r);
	clear_document(r);
	free(r->anchors);
	yaml_parser_delete(&r->parser);
	return rc;
}

int yaml_read(struct str text, int (*fn)(void *arg, json_t *doc, int line), void *arg,
	      int *line, const char **reason)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	int rc;

	r->fn = fn;
	r->arg = arg;
	rc = read_any(r, text);
	*line = r->error_line;
	*reason = r->reason;
	free(r);
	return rc;
}
