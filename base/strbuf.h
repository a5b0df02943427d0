/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte string.  Always NUL-terminated once something was added.  The caller bounds what
 * goes in; secrets are kept in strbufs that are ended with strbuf_fini_secret.
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include "base/str.h"

struct strbuf {
	char *p;	/* owned; NULL while empty */
	size_t n;	/* bytes used */
	size_t cap;
};

#define STRBUF_INIT ((struct strbuf){ NULL, 0, 0 })

void strbuf_fini(struct strbuf *b);
void strbuf_fini_secret(struct strbuf *b);
void strbuf_clear(struct strbuf *b);			/* n = 0, keeps the memory */
void strbuf_reserve(struct strbuf *b, size_t more);	/* room for `more` bytes and a NUL */
void strbuf_add(struct strbuf *b, const void *p, size_t n);
void strbuf_add_str(struct strbuf *b, struct str s);
void strbuf_add_cstr(struct strbuf *b, const char *s);
void strbuf_add_char(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline struct str strbuf_str(const struct strbuf *b)
{
	return str_make(b->p, b->n);
}
/* Gives the string away (never NULL); the strbuf is empty afterwards. */
char *strbuf_detach(struct strbuf *b);

/* Adds s as Go's %q prints it, quotes included (spec 03 section 4). */
void strbuf_add_go_quoted(struct strbuf *b, struct str s);
/* Adds s with & < > as HTML entities, as kube-apiserver does in 403 and 500 sentences. */
void strbuf_add_html_escaped(struct strbuf *b, struct str s);
/* Adds s as a JSON string, quotes included, escaped as Go's encoder does (spec 03 section 1). */
void strbuf_add_json_string(struct strbuf *b, struct str s);

#endif
