/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `test` operation of kube-apiserver compares the texts of scalars: those that its own encoder
 * wrote with those of the patch.  A tree has no texts; here is told whether they could differ where
 * the values are equal.
 */
#include "config.h"

#include "codec/patch_run.h"

static bool has_test(json_t *patch)
{
	json_t *operation;
	size_t i;

	json_array_foreach(patch, i, operation) {
		const char *op = json_string_value(json_object_get(operation, "op"));

		if (op && !strcmp(op, "test"))
			return true;
	}
	return false;
}

/* The character of \uXXXX, in lower case as Go's encoder writes it; -1: it is none.  At the u. */
static int code_unit(struct str s)
{
	static const char digits[] = "0123456789abcdef";
	int c = 0;

	if (s.n < 5 || s.p[0] != 'u')
		return -1;
	for (size_t i = 1; i < 5; i++) {
		const char *at = memchr(digits, s.p[i], 16);

		if (!at)
			return -1;
		c = c * 16 + (int)(at - digits);
	}
	return c;
}

/* Would Go's encoder write that escape?  s begins behind the backslash. */
static bool is_usual_escape(struct str s)
{
	int c = code_unit(s);

	if (c < 0)
		return s.n && memchr("\"\\bfnrt", s.p[0], 7);
	if (c < 0x20)
		return !memchr("\b\f\n\r\t", c, 5);
	return c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029;
}

/* Is there at s (in a string, not escaped) what Go's encoder would have escaped? */
static bool is_unusual_text(struct str s)
{
	return memchr("<>&", s.p[0], 3) || str_has_prefix(s, STR("\xe2\x80\xa8")) ||
	       str_has_prefix(s, STR("\xe2\x80\xa9"));
}

/* Outside strings: a number that need not be as Go's encoder would write it? */
static bool is_unusual_number(struct str s, char before)
{
	return s.p[0] == '.' || str_has_prefix(s, STR("-0")) ||
	       ((s.p[0] == 'e' || s.p[0] == 'E') && before >= '0' && before <= '9');
}

/* The text is well formed JSON. */
static bool is_usual(struct str text)
{
	bool in_string = false;

	for (size_t i = 0; i < text.n; i++) {
		struct str rest = str_skip(text, i);

		if (*rest.p == '"') {
			in_string = !in_string;
		} else if (!in_string) {
			if (is_unusual_number(rest, i ? text.p[i - 1] : ' '))
				return false;
		} else if (*rest.p == '\\') {
			if (!is_usual_escape(str_skip(rest, 1)))
				return false;
			i++;
		} else if (is_unusual_text(rest)) {
			return false;
		}
	}
	return true;
}

enum patch_result patch_check_text(enum patch_type type, json_t *patch, struct str text,
				   struct strbuf *why)
{
	if (type != PATCH_JSON || !has_test(patch) || is_usual(text))
		return PATCH_OK;
	strbuf_add_cstr(why, "a JSON Patch that tests must write its values as the server does");
	return PATCH_REFUSED;
}
