/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scanner that knows brackets and strings.  In a list it looks at the member names of the
 * outermost object, keeps the value of "metadata" and each element of "items", and skips the rest;
 * in a sequence of values it keeps each outermost object.  What it keeps is complete as soon as the
 * bracket that opened it is closed.
 */
#include "config.h"

#include "codec/split_json.h"

#include "base/err.h"
#include "codec/json.h"

static bool is_list(const struct split *s)
{
	return s->format == SPLIT_JSON_LIST;
}

/* A key of the outermost object is being read or was read, and its value has not begun. */
static bool key_is(const struct split *s, struct str name)
{
	return str_eq(str_make(s->key, s->key_len), name);
}

/* A bracket opens: is what it opens to be kept? */
static bool starts_kept(struct split *s, char c)
{
	if (!is_list(s))
		return s->depth == 0;
	if (s->depth == 1 && key_is(s, STR("metadata")) && c == '{') {
		s->is_item = false;
		return true;
	}
	s->is_item = s->in_items;
	return s->in_items && s->depth == 2 && c == '{';
}

static int open_bracket(struct split *s, char c)
{
	/* Of a list or a watch nothing but objects is wanted at the top and among the items. */
	if (c != '{' && (s->depth == 0 || (s->in_items && s->depth == 2)))
		return ERR_SYNTAX;
	if (s->depth == 0 && is_list(s) && s->has_value)
		return ERR_SYNTAX;
	s->has_value = true;
	if (!s->capturing && starts_kept(s, c)) {
		s->capturing = true;
		s->item_depth = s->depth;
	} else if (is_list(s) && s->depth == 1 && key_is(s, STR("items")) && c == '[') {
		s->in_items = true;
	}
	/* The list and its items array are two levels that an item's own depth does not count. */
	return ++s->depth > JSON_DEPTH_MAX + 2 ? ERR_LIMIT : 0;
}

/* 1: what was kept is complete. */
static int close_bracket(struct split *s)
{
	if (!s->depth)
		return ERR_SYNTAX;
	s->depth--;
	if (s->in_items && s->depth == 1)
		s->in_items = false;
	if (!s->capturing || s->depth != s->item_depth)
		return 0;
	s->capturing = false;
	return 1;
}

/* A byte within a string; names of the outermost object's members are remembered. */
static void string_byte(struct split *s, char c)
{
	if (s->escaped) {
		s->escaped = false;
	} else if (c == '\\') {
		s->escaped = true;
	} else if (c == '"') {
		s->in_string = s->key_is_open = false;
		return;
	}
	if (!s->key_is_open)
		return;
	if (s->key_len < sizeof(s->key))
		s->key[s->key_len++] = c;
}

static void open_string(struct split *s)
{
	s->in_string = true;
	s->key_is_open = is_list(s) && s->depth == 1 && s->state == 0;
	if (s->key_is_open)
		s->key_len = 0;
}

/* A byte that is neither bracket nor quote. */
static int other_byte(struct split *s, char c)
{
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
		return 0;
	if (s->depth == 0)
		return ERR_SYNTAX;
	/* An item that is no object: not something an API server sends. */
	if (s->in_items && s->depth == 2 && c != ',')
		return ERR_SYNTAX;
	if (is_list(s) && s->depth == 1 && (c == ':' || c == ','))
		s->state = c == ':';	/* 1: a member's value is expected */
	return 0;
}

/* 1: what was kept ends with this byte. */
static int take(struct split *s, char c)
{
	if (s->in_string) {
		string_byte(s, c);
		return 0;
	}
	switch (c) {
	case '"':
		if (s->depth == 0 || (s->in_items && s->depth == 2))
			return ERR_SYNTAX;
		open_string(s);
		return 0;
	case '{':
	case '[':
		return open_bracket(s, c);
	case '}':
	case ']':
		return close_bracket(s);
	}
	return other_byte(s, c);
}

/* What was kept ends before p + n; `from` is where this piece's part of it begins. */
static int complete(struct split *s, const char *p, size_t from, size_t to)
{
	struct str text = str_make(p + from, to - from);
	int rc;

	if (s->held.n + text.n > s->item_max)
		return ERR_LIMIT;
	if (s->held.n) {
		strbuf_add_str(&s->held, text);
		text = strbuf_str(&s->held);
	}
	rc = !is_list(s) || s->is_item ? s->handler->item(s->arg, text)
		: s->handler->metadata(s->arg, text);
	strbuf_clear(&s->held);
	return rc;
}

int split_json_feed(struct split *s, const char *p, size_t n)
{
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		bool was_capturing = s->capturing;
		int rc = take(s, p[i]);

		if (rc < 0)
			return rc;
		if (s->capturing && !was_capturing)
			from = i;
		if (rc > 0)
			rc = complete(s, p, from, i + 1);
		if (rc < 0)
			return rc;
	}
	if (!s->capturing)
		return 0;
	if (s->held.n + (n - from) > s->item_max)
		return ERR_LIMIT;
	strbuf_add(&s->held, p + from, n - from);
	return 0;
}

bool split_json_is_complete(const struct split *s)
{
	return !s->depth && !s->in_string && (s->has_value || !is_list(s));
}
