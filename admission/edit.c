/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "admission/edit.h"

#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"

struct span {
	size_t from, to;
};

static size_t skip_blanks(struct str s, size_t i)
{
	while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r'))
		i++;
	return i;
}

/* i is at the quote; the place behind the closing one. */
static size_t skip_string(struct str s, size_t i)
{
	for (i++; i < s.n && s.p[i] != '"'; i++)
		i += s.p[i] == '\\';
	return i + 1;
}

static size_t skip_value(struct str s, size_t i)
{
	size_t depth = 0;

	do {
		char c = s.p[i];

		if (c == '"') {
			i = skip_string(s, i);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		i++;
		/* A number or a word ends where no further letter follows. */
		while (!depth && c != '}' && c != ']' && i < s.n &&
		       !strchr(",]} \t\r\n", s.p[i]))
			i++;
	} while (depth && i < s.n);
	return i;
}

/* Is the string in this span, quotes included, that name? Escapes are decoded by the reader. */
static bool span_is(struct str s, struct span at, struct str name)
{
	struct str inner = str_slice(s, at.from + 1, at.to - 1);
	json_t *v;
	bool same;

	if (str_find(inner, '\\', 0) < 0)
		return str_eq(inner, name);
	v = json_loadb(s.p + at.from, at.to - at.from, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	same = v && str_eq(name, str_make(json_string_value(v), json_string_length(v)));
	json_decref(v);
	return same;
}

/* i is at the brace of an object. */
static bool find_member(struct str s, size_t i, struct str name, struct span *value)
{
	for (i = skip_blanks(s, i + 1); i < s.n && s.p[i] == '"';) {
		struct span key = { i, skip_string(s, i) };

		i = skip_blanks(s, key.to);		/* the colon */
		value->from = skip_blanks(s, i + 1);
		value->to = skip_value(s, value->from);
		if (span_is(s, key, name))
			return true;
		i = skip_blanks(s, value->to);
		if (i >= s.n || s.p[i] != ',')
			return false;
		i = skip_blanks(s, i + 1);
	}
	return false;
}

/* `{"a":{"b":value}}` for the names that are left; value alone for none. */
static void add_nested(struct strbuf *out, const struct str *path, size_t n, struct str value)
{
	for (size_t i = 0; i < n; i++) {
		strbuf_add_char(out, '{');
		strbuf_add_json_string(out, path[i]);
		strbuf_add_char(out, ':');
	}
	strbuf_add_str(out, value);
	for (size_t i = 0; i < n; i++)
		strbuf_add_char(out, '}');
}

/* As a first element, with a comma when others follow; i is behind the opening bracket. */
static void add_first(struct strbuf *out, struct str text, size_t i, const struct str *path,
		      size_t n, struct str value)
{
	size_t next = skip_blanks(text, i);

	strbuf_add_str(out, str_slice(text, 0, i));
	strbuf_add_json_string(out, path[0]);
	strbuf_add_char(out, ':');
	add_nested(out, path + 1, n - 1, value);
	if (text.p[next] != '}')
		strbuf_add_char(out, ',');
	strbuf_add_str(out, str_skip(text, i));
}

void edit_set(struct strbuf *out, struct str text, const struct str *path, size_t n,
	      struct str value)
{
	struct span at = { skip_blanks(text, 0), text.n };

	for (size_t i = 0; i < n; i++) {
		struct span member;

		if (text.p[at.from] == '{' && !find_member(text, at.from, path[i], &member)) {
			add_first(out, text, at.from + 1, path + i, n - i, value);
			return;
		}
		if (text.p[at.from] != '{') {
			strbuf_add_str(out, str_slice(text, 0, at.from));
			add_nested(out, path + i, n - i, value);
			strbuf_add_str(out, str_skip(text, at.to));
			return;
		}
		at = member;
	}
	strbuf_add_str(out, str_slice(text, 0, at.from));
	strbuf_add_str(out, value);
	strbuf_add_str(out, str_skip(text, at.to));
}

bool edit_append(struct strbuf *out, struct str text, const struct str *path, size_t n,
		 struct str value)
{
	struct span at = { skip_blanks(text, 0), 0 };
	size_t end;

	at.to = skip_value(text, at.from);
	for (size_t i = 0; i < n; i++)
		if (text.p[at.from] != '{' || !find_member(text, at.from, path[i], &at))
			return false;
	if (text.p[at.from] != '[')
		return false;
	end = at.to - 1;
	strbuf_add_str(out, str_slice(text, 0, end));
	if (skip_blanks(text, at.from + 1) != end)
		strbuf_add_char(out, ',');
	strbuf_add_str(out, value);
	strbuf_add_str(out, str_skip(text, end));
	return true;
}

/* What YAML 1.1 takes for unprintable, or JSON must not have in a string. */
static bool needs_escape(uint32_t c)
{
	return c < 0x20 || c == '"' || c == '\\' || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
	       c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

static void dump_string(struct strbuf *out, struct str s)
{
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < s.n;) {
		uint32_t rune;
		size_t n = utf8_decode(s.p + i, s.n - i, &rune);

		if (!n || needs_escape(rune))
			strbuf_addf(out, "\\u%04x", n ? rune : UTF8_REPLACEMENT);
		else
			strbuf_add(out, s.p + i, n);
		i += n ? n : 1;
	}
	strbuf_add_char(out, '"');
}

static void dump_real(struct strbuf *out, double v)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (!isfinite(v) || !(strtod(text, NULL) < v || strtod(text, NULL) > v))
			break;
	}
	strbuf_add_cstr(out, text);
}

static void dump_object(struct strbuf *out, json_t *v)
{
	bool is_first = true;

	strbuf_add_char(out, '{');
	for (void *it = json_object_iter(v); it; it = json_object_iter_next(v, it)) {
		if (!is_first)
			strbuf_add_char(out, ',');
		is_first = false;
		dump_string(out, str_make(json_object_iter_key(it), json_object_iter_key_len(it)));
		strbuf_add_char(out, ':');
		edit_dump(out, json_object_iter_value(it));
	}
	strbuf_add_char(out, '}');
}

static void dump_list(struct strbuf *out, json_t *v)
{
	strbuf_add_char(out, '[');
	for (size_t i = 0; i < json_array_size(v); i++) {
		if (i)
			strbuf_add_char(out, ',');
		edit_dump(out, json_array_get(v, i));
	}
	strbuf_add_char(out, ']');
}

void edit_dump(struct strbuf *out, json_t *v)
{
	if (out->n > EDIT_DUMP_MAX)
		return;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		dump_object(out, v);
		return;
	case JSON_ARRAY:
		dump_list(out, v);
		return;
	case JSON_STRING:
		dump_string(out, str_make(json_string_value(v), json_string_length(v)));
		return;
	case JSON_INTEGER:
		strbuf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		return;
	case JSON_REAL:
		dump_real(out, json_real_value(v));
		return;
	case JSON_TRUE:
		strbuf_add_cstr(out, "true");
		return;
	case JSON_FALSE:
		strbuf_add_cstr(out, "false");
		return;
	case JSON_NULL:
		strbuf_add_cstr(out, "null");
		return;
	}
}
