/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/header.h"

#include "base/mem.h"

#define HEADERS_FIRST 32	/* room of a list's first array; API clients send 10 to 20 */

void http_headers_init(struct http_headers *h, struct arena *a)
{
	*h = (struct http_headers){ .arena = a };
}

void http_headers_add(struct http_headers *h, struct str name, struct str value)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : HEADERS_FIRST;
		struct http_header *v = arena_alloc(h->arena, cap * sizeof(*v));

		if (h->n)
			memcpy(v, h->v, h->n * sizeof(*v));
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n++] = (struct http_header){ name, value };
}

const struct str *http_headers_get(const struct http_headers *h, struct str name)
{
	for (size_t i = 0; i < h->n; i++)
		if (str_eq_nocase(h->v[i].name, name))
			return &h->v[i].value;
	return NULL;
}

bool http_headers_has(const struct http_headers *h, struct str name)
{
	return http_headers_get(h, name) != NULL;
}

size_t http_headers_count(const struct http_headers *h, struct str name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += str_eq_nocase(h->v[i].name, name);
	return n;
}

/* Keeps the fields for which drop says false, in their order. */
static size_t remove_if(struct http_headers *h, struct str name,
			bool (*drop)(struct str field, struct str name))
{
	size_t kept = 0, removed;

	for (size_t i = 0; i < h->n; i++)
		if (!drop(h->v[i].name, name))
			h->v[kept++] = h->v[i];
	removed = h->n - kept;
	h->n = kept;
	return removed;
}

size_t http_headers_remove(struct http_headers *h, struct str name)
{
	return remove_if(h, name, str_eq_nocase);
}

size_t http_headers_remove_prefix(struct http_headers *h, struct str prefix)
{
	return remove_if(h, prefix, str_has_prefix_nocase);
}

void http_headers_set(struct http_headers *h, struct str name, struct str value)
{
	http_headers_remove(h, name);
	http_headers_add(h, name, value);
}

static bool list_has_token(struct str list, struct str token)
{
	struct str piece;

	while (str_next(&list, ',', &piece))
		if (str_eq_nocase(str_trim(piece), token))
			return true;
	return false;
}

bool http_headers_has_token(const struct http_headers *h, struct str name, struct str token)
{
	for (size_t i = 0; i < h->n; i++)
		if (str_eq_nocase(h->v[i].name, name) && list_has_token(h->v[i].value, token))
			return true;
	return false;
}

static void mark_nominated(struct http_headers *h, struct str list)
{
	struct str piece;

	while (str_next(&list, ',', &piece)) {
		piece = str_trim(piece);
		if (str_eq_nocase(piece, STR("connection")))
			continue;
		for (size_t i = 0; i < h->n; i++)
			if (str_eq_nocase(h->v[i].name, piece))
				h->v[i].name = STR_NULL;
	}
}

/*
 * Marks before it removes: a Connection field that nominates itself does not disappear before the
 * others were read.
 */
static void remove_nominated(struct http_headers *h)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++)
		if (str_eq_nocase(h->v[i].name, STR("connection")))
			mark_nominated(h, h->v[i].value);
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].name.n)
			h->v[kept++] = h->v[i];
	h->n = kept;
}

void http_headers_remove_hop_by_hop(struct http_headers *h)
{
	static const struct str hop_by_hop[] = {
		{ "connection", 10 }, { "keep-alive", 10 }, { "proxy-connection", 16 },
		{ "te", 2 }, { "trailer", 7 }, { "transfer-encoding", 17 }, { "upgrade", 7 },
	};

	if (http_headers_has(h, STR("connection")))
		remove_nominated(h);
	for (size_t i = 0; i < array_size(hop_by_hop); i++)
		http_headers_remove(h, hop_by_hop[i]);
}

/* Tables, since every byte of every head goes through them: tchar of RFC 9110 section 5.6.2... */
static const bool is_tchar[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true,
	['#' ... '\''] = true, ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true,
	['^' ... '`'] = true, ['|'] = true, ['~'] = true,
};

/* ... and the control bytes that no field value may have. */
static const bool is_control[256] = {
	[0x00 ... 0x08] = true, [0x0a ... 0x1f] = true, [0x7f] = true,
};

bool http_is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_tchar[(unsigned char)s.p[i]])
			return false;
	return s.n > 0;
}

bool http_is_field_value(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_control[(unsigned char)s.p[i]])
			return false;
	return true;
}
