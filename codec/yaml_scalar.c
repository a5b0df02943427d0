/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/yaml_scalar.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/base64.h"

#define NUMBER_MAX 400		/* characters; longer ones are text */

enum scalar_type { SCALAR_TEXT, SCALAR_NULL, SCALAR_BOOL, SCALAR_INT, SCALAR_FLOAT, SCALAR_MERGE };

struct scalar {
	enum scalar_type type;
	bool truth;
	int64_t integer;
	double real;		/* not finite: has no form in JSON */
};

static const struct {
	const char *text;
	struct scalar scalar;
} words[] = {
	{ "", { .type = SCALAR_NULL } },
	{ "~", { .type = SCALAR_NULL } },
	{ "null", { .type = SCALAR_NULL } },
	{ "Null", { .type = SCALAR_NULL } },
	{ "NULL", { .type = SCALAR_NULL } },
	{ "y", { .type = SCALAR_BOOL, .truth = true } },
	{ "Y", { .type = SCALAR_BOOL, .truth = true } },
	{ "yes", { .type = SCALAR_BOOL, .truth = true } },
	{ "Yes", { .type = SCALAR_BOOL, .truth = true } },
	{ "YES", { .type = SCALAR_BOOL, .truth = true } },
	{ "true", { .type = SCALAR_BOOL, .truth = true } },
	{ "True", { .type = SCALAR_BOOL, .truth = true } },
	{ "TRUE", { .type = SCALAR_BOOL, .truth = true } },
	{ "on", { .type = SCALAR_BOOL, .truth = true } },
	{ "On", { .type = SCALAR_BOOL, .truth = true } },
	{ "ON", { .type = SCALAR_BOOL, .truth = true } },
	{ "n", { .type = SCALAR_BOOL } },
	{ "N", { .type = SCALAR_BOOL } },
	{ "no", { .type = SCALAR_BOOL } },
	{ "No", { .type = SCALAR_BOOL } },
	{ "NO", { .type = SCALAR_BOOL } },
	{ "false", { .type = SCALAR_BOOL } },
	{ "False", { .type = SCALAR_BOOL } },
	{ "FALSE", { .type = SCALAR_BOOL } },
	{ "off", { .type = SCALAR_BOOL } },
	{ "Off", { .type = SCALAR_BOOL } },
	{ "OFF", { .type = SCALAR_BOOL } },
	{ ".nan", { .type = SCALAR_FLOAT, .real = NAN } },
	{ ".NaN", { .type = SCALAR_FLOAT, .real = NAN } },
	{ ".NAN", { .type = SCALAR_FLOAT, .real = NAN } },
	{ ".inf", { .type = SCALAR_FLOAT, .real = INFINITY } },
	{ ".Inf", { .type = SCALAR_FLOAT, .real = INFINITY } },
	{ ".INF", { .type = SCALAR_FLOAT, .real = INFINITY } },
	{ "+.inf", { .type = SCALAR_FLOAT, .real = INFINITY } },
	{ "+.Inf", { .type = SCALAR_FLOAT, .real = INFINITY } },
	{ "+.INF", { .type = SCALAR_FLOAT, .real = INFINITY } },
	{ "-.inf", { .type = SCALAR_FLOAT, .real = -INFINITY } },
	{ "-.Inf", { .type = SCALAR_FLOAT, .real = -INFINITY } },
	{ "-.INF", { .type = SCALAR_FLOAT, .real = -INFINITY } },
	{ "<<", { .type = SCALAR_MERGE } },
};

/* The base that a prefix asks for (0x, 0o, 0b, or a bare 0), and the digits behind it. */
static int base_of(const char **digits)
{
	const char *s = *digits;

	if (s[0] != '0' || !s[1])
		return 10;
	*digits = s + 2;
	switch (s[1] | 0x20) {
	case 'x': return 16;
	case 'o': return 8;
	case 'b': return 2;
	}
	*digits = s + 1;
	return 8;
}

/* An integer in plain text; one beyond 64 bits becomes a real. */
static bool is_integer(const char *plain, struct scalar *out)
{
	bool negative = *plain == '-';
	const char *digits = plain + (*plain == '-' || *plain == '+');
	int base = base_of(&digits);
	double real = 0;
	uint64_t v = 0;
	bool big = false;

	if (!*digits)
		return false;
	for (; *digits; digits++) {
		int c = *digits | 0x20, d = c >= 'a' && c <= 'f' ? c - 'a' + 10 : *digits - '0';

		if (d < 0 || d >= base || (d >= 10 && c < 'a'))
			return false;
		real = real * base + d;
		big |= __builtin_mul_overflow(v, (uint64_t)base, &v) ||
		       __builtin_add_overflow(v, (uint64_t)d, &v);
	}
	big |= v > (uint64_t)INT64_MAX + negative;
	out->type = big ? SCALAR_FLOAT : SCALAR_INT;
	out->real = base == 10 ? strtod(plain, NULL) : negative ? -real : real;
	out->integer = big ? 0 : negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

static const char *skip_digits(const char *s)
{
	while (*s >= '0' && *s <= '9')
		s++;
	return s;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *plain, struct scalar *out)
{
	const char *s = plain + (*plain == '-' || *plain == '+'), *from = s;

	s = skip_digits(s);
	if (*s == '.') {
		const char *point = s;

		s = skip_digits(s + 1);
		if (point == from && s == point + 1)
			return false;
	} else if (s == from) {
		return false;
	}
	if (*s == 'e' || *s == 'E') {
		s += s[1] == '-' || s[1] == '+' ? 2 : 1;
		from = s;
		s = skip_digits(s);
		if (s == from)
			return false;
	}
	if (*s)
		return false;
	out->type = SCALAR_FLOAT;
	out->real = strtod(plain, NULL);
	return isfinite(out->real);
}

/* Numbers may have underscores between digits; behind a leading point they may not. */
static bool is_number(struct str text, struct scalar *out)
{
	char plain[NUMBER_MAX + 1];
	size_t n = 0;

	if (!text.n || text.n > NUMBER_MAX || !strchr("+-.0123456789", text.p[0]))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (!text.p[i])
			return false;
		if (text.p[i] != '_' || text.p[0] == '.')
			plain[n++] = text.p[i];
	}
	plain[n] = '\0';
	if (plain[0] != '.' && is_integer(plain, out))
		return true;
	return is_float(plain, out);
}

static struct scalar resolve(struct str text)
{
	struct scalar s = { .type = SCALAR_TEXT };

	for (size_t i = 0; i < array_size(words); i++)
		if (str_eq(text, str_from(words[i].text)))
			return words[i].scalar;
	if (!is_number(text, &s))
		s.type = SCALAR_TEXT;
	return s;
}

static struct str text_of(const yaml_event_t *e)
{
	return str_make((const char *)e->data.scalar.value, e->data.scalar.length);
}

/* The tag without the core schema's prefix: "str"; "" when there is none. */
static struct str tag_of(const yaml_event_t *e)
{
	struct str tag = str_from((const char *)e->data.scalar.tag);
	struct str core = STR("tag:yaml.org,2002:");

	return str_has_prefix(tag, core) ? str_skip(tag, core.n) : tag;
}

/* Does an explicit tag allow what the text resolved to?  !!float takes an integer, too. */
static bool tag_allows(struct str tag, enum scalar_type type)
{
	static const char *const names[] = {
		[SCALAR_TEXT] = "timestamp", [SCALAR_NULL] = "null", [SCALAR_BOOL] = "bool",
		[SCALAR_INT] = "int", [SCALAR_FLOAT] = "float", [SCALAR_MERGE] = "merge",
	};

	return str_eq(tag, str_from(names[type])) ||
	       (type == SCALAR_INT && str_eq(tag, STR("float")));
}

static int resolve_event(const yaml_event_t *e, struct scalar *out, const char **reason)
{
	struct str tag = tag_of(e);

	*out = (struct scalar){ .type = SCALAR_TEXT };
	if (str_eq(tag, STR("str")) || str_eq(tag, STR("!")) || str_eq(tag, STR("binary")))
		return 0;
	if (!tag.n && e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return 0;
	*out = resolve(text_of(e));
	if (!tag.n || tag_allows(tag, out->type))
		return 0;
	*reason = "the tag is not supported or does not fit the value";
	return -1;
}

static json_t *binary_value(struct str text, const char **reason)
{
	struct arena a;
	struct str bytes;
	json_t *v = NULL;

	arena_init(&a);
	if (!base64_decode(text, &a, &bytes))
		v = json_stringn(bytes.p, bytes.n);
	arena_fini(&a);
	*reason = "!!binary needs base64 of UTF-8 text";
	return v;
}

/* Whole numbers lose their point on the way to JSON, as with Go's encoder. */
static json_t *real_value(double real, const char **reason)
{
	if (!isfinite(real)) {
		*reason = "infinite and not-a-number values have no form in JSON";
		return NULL;
	}
	if (real == trunc(real) && fabs(real) < 0x1p63)
		return json_integer((int64_t)real);
	return json_real(real);
}

json_t *yaml_scalar_value(const yaml_event_t *e, const char **reason)
{
	struct scalar s;

	if (resolve_event(e, &s, reason) < 0)
		return NULL;
	switch (s.type) {
	case SCALAR_NULL: return json_null();
	case SCALAR_BOOL: return json_boolean(s.truth);
	case SCALAR_INT: return json_integer(s.integer);
	case SCALAR_FLOAT: return real_value(s.real, reason);
	case SCALAR_TEXT:
	case SCALAR_MERGE: break;
	}
	if (str_eq(tag_of(e), STR("binary")))
		return binary_value(text_of(e), reason);
	*reason = "not UTF-8";
	return json_stringn(text_of(e).p, text_of(e).n);
}

char *yaml_scalar_key(const yaml_event_t *e, bool *is_merge, const char **reason)
{
	struct scalar s;
	char number[24];

	*is_merge = false;
	if (resolve_event(e, &s, reason) < 0)
		return NULL;
	switch (s.type) {
	case SCALAR_BOOL:
		return xstrdup(s.truth ? "true" : "false");
	case SCALAR_INT:
		snprintf(number, sizeof(number), "%" PRId64, s.integer);
		return xstrdup(number);
	case SCALAR_NULL:
	case SCALAR_FLOAT:
		*reason = "a key must be text, an integer or a boolean";
		return NULL;
	case SCALAR_TEXT:
	case SCALAR_MERGE:
		break;
	}
	*is_merge = s.type == SCALAR_MERGE;
	*reason = "a key with a NUL character";
	return memchr(text_of(e).p, 0, text_of(e).n) ? NULL : xmemdup0(text_of(e).p, text_of(e).n);
}
