/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/negotiate.h"

#include <stdlib.h>

#include "base/mem.h"

#define CLAUSES_MAX 64		/* clauses of an Accept field that are looked at */
#define QUERY_PIECES_MAX 10000	/* a longer query has no parameters (spec 01) */

/* One clause of an Accept field, as kube-apiserver's parser reads it. */
struct clause {
	struct str type, subtype;
	float q;
	bool is_transform;	/* has as, g or v: another shape of object is asked for */
	struct str stream, sv, pretty;
};

/* Only blanks are cut, as there; a tab belongs to the word. */
static struct str trim_blanks(struct str s)
{
	while (s.n && s.p[0] == ' ')
		s = str_skip(s, 1);
	while (s.n && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

/* What strconv.ParseFloat makes of it: 0 for whatever is no number. */
static float parse_q(struct str s)
{
	char text[32], *end;
	float q;

	if (!s.n || s.n >= sizeof(text) || s.p[0] == ' ' || s.p[0] == '\t')
		return 0;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	q = strtof(text, &end);
	return end == text + s.n && q == q ? q : 0;
}

/* `name=value`; what has no value, or a second `=`, does not count. */
static void parse_parameter(struct clause *c, struct str piece)
{
	ptrdiff_t eq = str_find(piece, '=', 0);
	struct str name, value;

	if (eq < 0 || (size_t)eq + 1 == piece.n || str_find(piece, '=', (size_t)eq + 1) >= 0)
		return;
	name = trim_blanks(str_slice(piece, 0, (size_t)eq));
	value = str_skip(piece, (size_t)eq + 1);
	if (str_eq(name, STR("q")))
		c->q = parse_q(value);
	else if (str_eq(name, STR("as")) || str_eq(name, STR("g")) || str_eq(name, STR("v")))
		c->is_transform = true;
	else if (str_eq(name, STR("stream")))
		c->stream = trim_blanks(value);
	else if (str_eq(name, STR("sv")))
		c->sv = trim_blanks(value);
	else if (str_eq(name, STR("pretty")))
		c->pretty = trim_blanks(value);
}

static bool parse_clause(struct str text, struct clause *c)
{
	struct str rest = trim_blanks(text), range;
	ptrdiff_t slash;

	*c = (struct clause){ .q = 1 };
	str_next(&rest, ';', &range);
	slash = str_find(range, '/', 0);
	c->type = trim_blanks(slash < 0 ? range : str_slice(range, 0, (size_t)slash));
	c->subtype = slash < 0 ? STR_NULL : str_skip(range, (size_t)slash + 1);
	if (!c->subtype.n) {
		if (!str_eq(c->type, STR("*")))
			return false;
		c->subtype = STR("*");
	}
	slash = str_find(c->subtype, '/', 0);
	if (slash >= 0 && (size_t)slash + 1 < c->subtype.n)
		return false;
	c->subtype = trim_blanks(slash < 0 ? c->subtype : str_slice(c->subtype, 0, (size_t)slash));
	while (str_next(&rest, ';', &text))
		parse_parameter(c, text);
	return true;
}

/* kube-apiserver's order, which is no strict order: it is applied pair by pair, as there. */
static bool goes_before(const struct clause *a, const struct clause *b)
{
	const struct str any = STR("*");

	if (a->q > b->q)
		return true;
	if (!str_eq(a->type, any) && str_eq(b->type, any))
		return true;
	return !str_eq(a->subtype, any) && str_eq(b->subtype, any);
}

/* Insertion sort, which is what Go's sort does with so few elements. */
static size_t parse_accept(struct str field, struct clause v[CLAUSES_MAX])
{
	struct str piece;
	size_t n = 0;

	while (n < CLAUSES_MAX && str_next(&field, ',', &piece))
		n += parse_clause(piece, &v[n]);
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j > 0 && goes_before(&v[j], &v[j - 1]); j--) {
			struct clause swap = v[j];

			v[j] = v[j - 1];
			v[j - 1] = swap;
		}
	return n;
}

static bool clause_fits(const struct clause *c, enum media_format f)
{
	static const struct str subtypes[] = {
		[MEDIA_JSON] = { "json", 4 },
		[MEDIA_YAML] = { "yaml", 4 },
		[MEDIA_PROTOBUF] = { "vnd.kubernetes.protobuf", 23 },
	};
	const struct str any = STR("*");

	if (str_eq(c->type, any) ? !str_eq(c->subtype, any)
				 : !str_eq(c->type, STR("application")) ||
				   (!str_eq(c->subtype, any) && !str_eq(c->subtype, subtypes[f])))
		return false;
	if (c->is_transform || c->sv.n)
		return false;
	/* There is no streaming serializer for YAML. */
	return !c->stream.n || (f != MEDIA_YAML && str_eq(c->stream, STR("watch")));
}

/*
 * Decodes a key or value of a query into out (at most cap bytes are kept: longer ones equal none
 * of the words looked for); false for an invalid escape.
 */
static bool decode_query(struct str s, char *out, size_t cap, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < s.n; i++) {
		int c = s.p[i] == '+' ? ' ' : (unsigned char)s.p[i];

		if (c == '%') {
			c = str_percent_byte(s, i);
			i += 2;
		}
		if (c < 0)
			return false;
		if (*n < cap)
			out[(*n)++] = (char)c;
	}
	return true;
}

/* The first value of `pretty` in the query, cut to cap bytes; false when there is none. */
static bool query_pretty(struct str query, char *out, size_t cap, size_t *n)
{
	struct str rest = query, piece;
	size_t pieces = 1;
	char key[8];

	for (size_t i = 0; i < query.n; i++)
		pieces += query.p[i] == '&';
	if (pieces > QUERY_PIECES_MAX)
		return false;
	while (str_next(&rest, '&', &piece)) {
		ptrdiff_t eq = str_find(piece, '=', 0);
		struct str name = eq < 0 ? piece : str_slice(piece, 0, (size_t)eq);
		struct str value = eq < 0 ? STR_NULL : str_skip(piece, (size_t)eq + 1);
		size_t key_n;

		if (str_find(piece, ';', 0) < 0 && decode_query(name, key, sizeof(key), &key_n) &&
		    decode_query(value, out, cap, n) && str_eq(str_make(key, key_n), STR("pretty")))
			return true;
	}
	return false;
}

static bool is_true_word(struct str s)
{
	static const char *const words[] = { "1", "t", "T", "TRUE", "true", "True" };

	for (size_t i = 0; i < array_size(words); i++)
		if (str_eq(s, str_from(words[i])))
			return true;
	return false;
}

/* Indentation by ?pretty, or for people: curl, Wget and browsers. */
static bool wants_pretty(const struct http_headers *request, struct str raw_query)
{
	const struct str *agent = http_field_get(request, HTTP_USER_AGENT);
	char value[8];
	size_t n = 0;

	if (query_pretty(raw_query, value, sizeof(value), &n) && n)
		return is_true_word(str_make(value, n));
	return agent && (str_has_prefix(*agent, STR("curl")) ||
			 str_has_prefix(*agent, STR("Wget")) ||
			 str_has_prefix(*agent, STR("Mozilla/5.0")));
}

struct media_choice negotiate_error(const struct http_headers *request, struct str raw_query)
{
	const struct str *accept = http_field_get(request, HTTP_ACCEPT);
	bool pretty = wants_pretty(request, raw_query);
	struct clause v[CLAUSES_MAX];
	size_t n;

	if (!accept || !accept->n)
		return (struct media_choice){ MEDIA_JSON, pretty };
	n = parse_accept(*accept, v);
	for (size_t i = 0; i < n; i++)
		for (enum media_format f = MEDIA_JSON; f <= MEDIA_PROTOBUF; f++)
			if (clause_fits(&v[i], f)) {
				pretty = pretty || str_eq(v[i].pretty, STR("1"));
				return (struct media_choice){ f, f == MEDIA_JSON && pretty };
			}
	return (struct media_choice){ MEDIA_JSON, true };
}

struct str media_content_type(enum media_format f)
{
	switch (f) {
	case MEDIA_JSON: return STR("application/json");
	case MEDIA_YAML: return STR("application/yaml");
	case MEDIA_PROTOBUF: return STR("application/vnd.kubernetes.protobuf");
	}
	return STR("application/json");
}
