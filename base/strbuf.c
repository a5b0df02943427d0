/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/utf8.h"

#define STRBUF_FIRST_CAP 64

void strbuf_fini(struct strbuf *b)
{
	free(b->p);
	*b = STRBUF_INIT;
}

void strbuf_fini_secret(struct strbuf *b)
{
	secret_wipe(b->p, b->cap);
	strbuf_fini(b);
}

void strbuf_clear(struct strbuf *b)
{
	b->n = 0;
	if (b->p)
		b->p[0] = '\0';
}

/* Growing wipes the memory that is left behind, for the strbufs that hold secrets. */
static void grow(struct strbuf *b, size_t cap)
{
	char *p = xmalloc(cap);

	if (b->p) {
		memcpy(p, b->p, b->n + 1);
		secret_wipe(b->p, b->n);
		free(b->p);
	} else {
		p[0] = '\0';
	}
	b->p = p;
	b->cap = cap;
}

void strbuf_reserve(struct strbuf *b, size_t more)
{
	size_t need, cap = b->cap ? b->cap : STRBUF_FIRST_CAP;

	CHECK(more < SIZE_MAX / 4 - b->n);
	need = b->n + more + 1;
	if (need <= b->cap)
		return;
	while (cap < need)
		cap *= 2;
	grow(b, cap);
}

void strbuf_add(struct strbuf *b, const void *p, size_t n)
{
	strbuf_reserve(b, n);
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void strbuf_add_str(struct strbuf *b, struct str s)
{
	strbuf_add(b, s.p, s.n);
}

void strbuf_add_cstr(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_add_char(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	strbuf_reserve(b, STRBUF_FIRST_CAP);
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	if ((size_t)n >= b->cap - b->n) {
		strbuf_reserve(b, (size_t)n);
		va_start(ap, fmt);
		n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
		va_end(ap);
	}
	b->n += (size_t)n;
}

char *strbuf_detach(struct strbuf *b)
{
	char *p;

	strbuf_reserve(b, 0);
	p = b->p;
	*b = STRBUF_INIT;
	return p;
}

/* The letter of a two-character escape for c among `letters` (pairs of byte and letter), or 0. */
static char short_escape(const char *pairs, char c)
{
	for (; *pairs; pairs += 2)
		if (pairs[0] == c)
			return pairs[1];
	return 0;
}

static void add_go_rune(struct strbuf *b, const char *p, size_t len, uint32_t rune)
{
	char letter = rune < 0x80 ? short_escape("\"\"\\\\\aa\bb\ff\nn\rr\tt\vv", (char)rune) : 0;

	if (letter)
		strbuf_addf(b, "\\%c", letter);
	else if (utf8_is_print(rune))
		strbuf_add(b, p, len);
	else if (rune < 0x80)
		strbuf_addf(b, "\\x%02x", rune);
	else
		strbuf_addf(b, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
}

void strbuf_add_go_quoted(struct strbuf *b, struct str s)
{
	strbuf_reserve(b, s.n + 2);
	strbuf_add_char(b, '"');
	for (size_t i = 0; i < s.n;) {
		uint32_t rune;
		size_t len = utf8_decode(s.p + i, s.n - i, &rune);

		if (len)
			add_go_rune(b, s.p + i, len, rune);
		else
			strbuf_addf(b, "\\x%02x", (unsigned char)s.p[i]);
		i += len ? len : 1;
	}
	strbuf_add_char(b, '"');
}

void strbuf_add_html_escaped(struct strbuf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '&')
			strbuf_add_str(b, STR("&amp;"));
		else if (s.p[i] == '<')
			strbuf_add_str(b, STR("&lt;"));
		else if (s.p[i] == '>')
			strbuf_add_str(b, STR("&gt;"));
		else
			strbuf_add_char(b, s.p[i]);
	}
}

static bool json_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

/* Adds the character at p, which is not plain; returns how many bytes it has. */
static size_t add_json_rune(struct strbuf *b, const char *p, size_t n)
{
	uint32_t rune;
	size_t len = utf8_decode(p, n, &rune);
	char letter;

	if (!len) {
		strbuf_add_str(b, STR("\\ufffd"));
		return 1;
	}
	letter = len == 1 ? short_escape("\"\"\\\\\bb\ff\nn\rr\tt", p[0]) : 0;
	if (letter)
		strbuf_addf(b, "\\%c", letter);
	else if (len == 1 || rune == 0x2028 || rune == 0x2029)
		strbuf_addf(b, "\\u%04x", rune);
	else
		strbuf_add(b, p, len);
	return len;
}

void strbuf_add_json_string(struct strbuf *b, struct str s)
{
	strbuf_reserve(b, s.n + 2);
	strbuf_add_char(b, '"');
	for (size_t i = 0; i < s.n;) {
		size_t plain = i;

		while (plain < s.n && json_is_plain((unsigned char)s.p[plain]))
			plain++;
		strbuf_add(b, s.p + i, plain - i);
		i = plain;
		if (i < s.n)
			i += add_json_rune(b, s.p + i, s.n - i);
	}
	strbuf_add_char(b, '"');
}
