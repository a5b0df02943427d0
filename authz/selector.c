/* SPDX-License-Identifier: Apache-2.0 */
/* Field and label selectors by the grammars of apimachinery (spec 01 section 7). */
#include "config.h"

#include "authz/attributes.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/utf8.h"

#define LABEL_NAME_MAX 63
#define LABEL_PREFIX_MAX 253

static int unparsable(struct selector *out)
{
	out->v = NULL;
	out->n = 0;
	out->unparsable = true;
	return ERR_SYNTAX;
}

static struct str *one_value(struct arena *a, struct str s)
{
	return arena_memdup(a, &s, sizeof(s));
}

static size_t count_char(struct str s, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

static int compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* --- Field selectors --- */

/* Cuts the next term off *rest, up to a comma that no backslash escapes. */
static bool field_term_next(struct str *rest, struct str *term)
{
	size_t i = 0;

	if (rest->n == SIZE_MAX)
		return false;
	while (i < rest->n && rest->p[i] != ',')
		i += rest->p[i] == '\\' ? 2 : 1;
	*term = str_slice(*rest, 0, i);
	*rest = i < rest->n ? str_skip(*rest, i + 1) : str_make(NULL, SIZE_MAX);
	return true;
}

/*
 * Undoes `\\`, `\,` and `\=`; all else behind a backslash and a bare `=` or `,` are errors.  Where
 * there is an escape, bytes that are no UTF-8 become U+FFFD, as Go's rune builder makes them.
 */
static int field_value_unescape(struct str s, struct arena *a, struct str *out)
{
	uint32_t rune;
	char *to;
	size_t n = 0;

	*out = s;
	if (!s.n || (!memchr(s.p, '\\', s.n) && !memchr(s.p, '=', s.n) && !memchr(s.p, ',', s.n)))
		return 0;
	to = arena_alloc(a, 3 * s.n);
	while (s.n) {
		size_t len;

		if (s.p[0] == '\\') {
			if (s.n < 2 || !memchr("\\,=", s.p[1], 3))
				return ERR_SYNTAX;
			s = str_skip(s, 1);
		} else if (s.p[0] == ',' || s.p[0] == '=') {
			return ERR_SYNTAX;
		}
		len = utf8_decode(s.p, s.n, &rune);
		memcpy(to + n, len ? s.p : "\xef\xbf\xbd", len ? len : 3);
		n += len ? len : 3;
		s = str_skip(s, len ? len : 1);
	}
	*out = str_make(to, n);
	return 0;
}

/* The leftmost of `!=`, `==`, `=` splits a term. */
static int field_term_parse(struct str term, struct arena *a, struct selector_requirement *r)
{
	struct str value;
	size_t at = 0, len = 1;

	while (at < term.n && term.p[at] != '=' &&
	       !(term.p[at] == '!' && at + 1 < term.n && term.p[at + 1] == '='))
		at++;
	if (at == term.n)
		return ERR_SYNTAX;
	r->op = term.p[at] == '!' ? SELECTOR_NOT_EQUALS : SELECTOR_EQUALS;
	if (at + 1 < term.n && term.p[at + 1] == '=')
		len = 2;
	r->key = str_slice(term, 0, at);
	if (field_value_unescape(str_skip(term, at + len), a, &value) < 0)
		return ERR_SYNTAX;
	r->values = one_value(a, value);
	r->value_count = 1;
	return 0;
}

int selector_parse_fields(struct str text, struct arena *a, struct selector *out)
{
	struct selector_requirement *v;
	struct str rest = text, *terms, term;
	size_t count = 0, n = 0;

	*out = (struct selector){ .raw = text };
	if (!text.n)
		return 0;
	terms = arena_alloc(a, (count_char(text, ',') + 1) * sizeof(*terms));
	while (field_term_next(&rest, &term))
		if (term.n)
			terms[count++] = term;
	qsort(terms, count, sizeof(*terms), compare_str);
	v = arena_alloc(a, (count + 1) * sizeof(*v));
	for (size_t i = 0; i < count; i++) {
		if (field_term_parse(terms[i], a, &v[n]) < 0)
			return unparsable(out);
		/* Kubernetes drops a term without key and value. */
		n += v[n].key.n || v[n].values[0].n;
	}
	out->v = v;
	out->n = n;
	return 0;
}

/* --- Label selectors --- */

enum label_token {
	TOKEN_END, TOKEN_WORD, TOKEN_IN, TOKEN_NOT_IN, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COMMA,
	TOKEN_NOT, TOKEN_EQUALS, TOKEN_NOT_EQUALS, TOKEN_GREATER, TOKEN_LESS,
};

struct label_parser {
	struct str text;
	size_t at;
	struct arena *arena;
	enum label_token token;		/* lookahead */
	struct str literal;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_symbol(char c)
{
	return c && memchr("=!(),><", c, 7);
}

/* Kubernetes' lexer reads one byte past a symbol and gives it back unless it is a NUL. */
static enum label_token label_symbol(struct label_parser *p, char c)
{
	bool doubled = p->at < p->text.n && p->text.p[p->at] == '=' && (c == '=' || c == '!');

	p->at += doubled;
	p->at += p->at < p->text.n && !p->text.p[p->at];
	switch (c) {
	case '(': return TOKEN_OPEN;
	case ')': return TOKEN_CLOSE;
	case ',': return TOKEN_COMMA;
	case '>': return TOKEN_GREATER;
	case '<': return TOKEN_LESS;
	case '!': return doubled ? TOKEN_NOT_EQUALS : TOKEN_NOT;
	}
	return TOKEN_EQUALS;
}

/* Moves to the next token.  A NUL ends a word, and everything where a token would begin. */
static void label_advance(struct label_parser *p)
{
	size_t from;

	while (p->at < p->text.n && is_blank(p->text.p[p->at]))
		p->at++;
	from = p->at;
	p->literal = STR_NULL;
	if (p->at >= p->text.n || !p->text.p[p->at]) {
		p->at = p->text.n;
		p->token = TOKEN_END;
		return;
	}
	if (is_symbol(p->text.p[p->at])) {
		p->token = label_symbol(p, p->text.p[p->at++]);
		return;
	}
	while (p->at < p->text.n && p->text.p[p->at] && !is_blank(p->text.p[p->at]) &&
	       !is_symbol(p->text.p[p->at]))
		p->at++;
	p->literal = str_slice(p->text, from, p->at);
	p->at += p->at < p->text.n && !p->text.p[p->at];
	p->token = str_eq(p->literal, STR("in")) ? TOKEN_IN
		: str_eq(p->literal, STR("notin")) ? TOKEN_NOT_IN : TOKEN_WORD;
}

/* `in` and `notin` are words where a key or a value stands. */
static bool label_is_word(const struct label_parser *p)
{
	return p->token == TOKEN_WORD || p->token == TOKEN_IN || p->token == TOKEN_NOT_IN;
}

static bool is_alnum(char c)
{
	char l = (char)(c | 0x20);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

/* [A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?, at most 63 bytes. */
static bool is_label_name(struct str s)
{
	if (!s.n || s.n > LABEL_NAME_MAX || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
			return false;
	return true;
}

/* A DNS-1123 subdomain. */
static bool is_label_prefix(struct str s)
{
	struct str rest = s, label;

	if (!s.n || s.n > LABEL_PREFIX_MAX)
		return false;
	while (str_next(&rest, '.', &label)) {
		if (!label.n || label.p[0] == '-' || label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!(label.p[i] >= 'a' && label.p[i] <= 'z') &&
			    !(label.p[i] >= '0' && label.p[i] <= '9') && label.p[i] != '-')
				return false;
	}
	return true;
}

static bool is_label_key(struct str s)
{
	ptrdiff_t slash = str_find(s, '/', 0);

	if (slash < 0)
		return is_label_name(s);
	return is_label_prefix(str_slice(s, 0, (size_t)slash)) &&
		is_label_name(str_skip(s, (size_t)slash + 1));
}

static bool label_values_are_valid(const struct selector_requirement *r)
{
	uint64_t number;

	for (size_t i = 0; i < r->value_count; i++) {
		if (r->values[i].n && !is_label_name(r->values[i]))
			return false;
		if ((r->op == SELECTOR_GREATER || r->op == SELECTOR_LESS) &&
		    (str_to_u64(r->values[i], &number) < 0 || number > INT64_MAX))
			return false;
	}
	return true;
}

/*
 * The inside of (...), from behind the parenthesis to behind the closing one.  As in Kubernetes'
 * parser nothing at all and what lacks before, between or behind commas is an empty value.
 */
static int label_values_read(struct label_parser *p, struct str *v, size_t *n)
{
	if (p->token == TOKEN_CLOSE) {
		v[(*n)++] = STR_NULL;
		label_advance(p);
		return 0;
	}
	while (true) {
		if (label_is_word(p)) {
			v[(*n)++] = p->literal;
			label_advance(p);
			if (p->token != TOKEN_COMMA && p->token != TOKEN_CLOSE)
				return ERR_SYNTAX;
		} else if (p->token == TOKEN_COMMA) {
			label_advance(p);
			if (!*n || p->token == TOKEN_CLOSE || p->token == TOKEN_COMMA)
				v[(*n)++] = STR_NULL;
		} else {
			return ERR_SYNTAX;
		}
		if (p->token == TOKEN_CLOSE) {
			label_advance(p);
			return 0;
		}
	}
}

/* A set: sorted, each value once. */
static int label_set_read(struct label_parser *p, struct selector_requirement *r)
{
	ptrdiff_t close = str_find(p->text, ')', p->at);
	struct str *v;
	size_t n = 0, kept = 0;

	if (p->token != TOKEN_OPEN || close < 0)
		return ERR_SYNTAX;
	v = arena_alloc(p->arena, sizeof(*v) *
		(count_char(str_slice(p->text, p->at, (size_t)close), ',') + 2));
	label_advance(p);
	if (label_values_read(p, v, &n) < 0)
		return ERR_SYNTAX;
	qsort(v, n, sizeof(*v), compare_str);
	for (size_t i = 0; i < n; i++)
		if (!i || !str_eq(v[i], v[kept - 1]))
			v[kept++] = v[i];
	r->values = v;
	r->value_count = kept;
	return 0;
}

static int label_value_read(struct label_parser *p, struct selector_requirement *r)
{
	struct str value = STR_NULL;

	if (p->token != TOKEN_END && p->token != TOKEN_COMMA) {
		if (!label_is_word(p))
			return ERR_SYNTAX;
		value = p->literal;
		label_advance(p);
	}
	r->values = one_value(p->arena, value);
	r->value_count = 1;
	return 0;
}

static int label_operator(enum label_token token, enum selector_operator *op)
{
	switch (token) {
	case TOKEN_IN: *op = SELECTOR_IN; return 0;
	case TOKEN_NOT_IN: *op = SELECTOR_NOT_IN; return 0;
	case TOKEN_EQUALS: *op = SELECTOR_EQUALS; return 0;
	case TOKEN_NOT_EQUALS: *op = SELECTOR_NOT_EQUALS; return 0;
	case TOKEN_GREATER: *op = SELECTOR_GREATER; return 0;
	case TOKEN_LESS: *op = SELECTOR_LESS; return 0;
	case TOKEN_END:
	case TOKEN_WORD:
	case TOKEN_OPEN:
	case TOKEN_CLOSE:
	case TOKEN_COMMA:
	case TOKEN_NOT:
		break;
	}
	return ERR_SYNTAX;
}

static int label_requirement_read(struct label_parser *p, struct selector_requirement *r)
{
	bool negated = p->token == TOKEN_NOT;
	int rc;

	*r = (struct selector_requirement){ .op = SELECTOR_DOES_NOT_EXIST };
	if (negated)
		label_advance(p);
	if (!label_is_word(p) || !is_label_key(p->literal))
		return ERR_SYNTAX;
	r->key = p->literal;
	label_advance(p);
	if (negated)
		return 0;
	if (p->token == TOKEN_END || p->token == TOKEN_COMMA) {
		r->op = SELECTOR_EXISTS;
		return 0;
	}
	if (label_operator(p->token, &r->op) < 0)
		return ERR_SYNTAX;
	label_advance(p);
	rc = r->op == SELECTOR_IN || r->op == SELECTOR_NOT_IN ? label_set_read(p, r)
		: label_value_read(p, r);
	return rc < 0 || !label_values_are_valid(r) ? ERR_SYNTAX : 0;
}

/* By key; equal keys stay in the order of the text, which their addresses tell. */
static int compare_requirements(const void *a, const void *b)
{
	const struct selector_requirement *x = a, *y = b;
	int c = str_cmp(x->key, y->key);

	return c ? c : (x->key.p > y->key.p) - (x->key.p < y->key.p);
}

int selector_parse_labels(struct str text, struct arena *a, struct selector *out)
{
	struct label_parser p = { .text = text, .arena = a };
	struct selector_requirement *v;
	size_t n = 0;

	*out = (struct selector){ .raw = text };
	if (!text.n)
		return 0;
	label_advance(&p);
	v = arena_alloc(a, (count_char(text, ',') + 1) * sizeof(*v));
	while (p.token != TOKEN_END) {
		if (label_requirement_read(&p, &v[n++]) < 0)
			return unparsable(out);
		if (p.token == TOKEN_END)
			break;
		if (p.token != TOKEN_COMMA)
			return unparsable(out);
		label_advance(&p);
		if (p.token == TOKEN_END)
			return unparsable(out);
	}
	qsort(v, n, sizeof(*v), compare_requirements);
	out->v = v;
	out->n = n;
	return 0;
}
