/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/header.h"

#include "base/mem.h"

#define HEADERS_FIRST 32	/* room of a list's first array; API clients send 10 to 20 */

void http_headers_init(struct http_headers *h, struct arena *a)
{
	*h = (struct http_headers){ .arena = a };
}

/* --- Numbers --- */

static const struct str field_names[HTTP_FIELD_NUMBERS] = {
#define HTTP_FIELD_NAME(id, name) [HTTP_##id] = { name, sizeof(name) - 1 },
	HTTP_FIELDS(HTTP_FIELD_NAME)
#undef HTTP_FIELD_NAME
};

#define LENGTH_MAX 22
#define SAME_LENGTH 4

/* Names of a length; tests/test_header.c looks every one of HTTP_FIELDS up. */
static const uint8_t by_length[LENGTH_MAX + 1][SAME_LENGTH] = {
	[2] = { HTTP_TE },
	[4] = { HTTP_HOST, HTTP_DATE },
	[6] = { HTTP_ACCEPT, HTTP_EXPECT, HTTP_COOKIE },
	[7] = { HTTP_UPGRADE, HTTP_TRAILER, HTTP_WARNING },
	[8] = { HTTP_AUDIT_ID },
	[10] = { HTTP_USER_AGENT, HTTP_CONNECTION, HTTP_KEEP_ALIVE },
	[11] = { HTTP_RETRY_AFTER },
	[12] = { HTTP_CONTENT_TYPE, HTTP_X_REMOTE_UID },
	[13] = { HTTP_AUTHORIZATION, HTTP_X_REMOTE_USER },
	[14] = { HTTP_CONTENT_LENGTH, HTTP_X_REMOTE_GROUP },
	[15] = { HTTP_X_FORWARDED_FOR },
	[16] = { HTTP_CONTENT_ENCODING, HTTP_PROXY_CONNECTION },
	[17] = { HTTP_TRANSFER_ENCODING },
	[22] = { HTTP_SEC_WEBSOCKET_PROTOCOL },
};

enum http_field http_field_of(struct str name)
{
	if (name.n <= LENGTH_MAX)
		for (size_t i = 0; i < SAME_LENGTH && by_length[name.n][i]; i++)
			if (str_eq_nocase(name, field_names[by_length[name.n][i]]))
				return by_length[name.n][i];
	if (str_has_prefix_nocase(name, STR("X-Remote-Extra-")))
		return HTTP_X_REMOTE_EXTRA;
	if (str_has_prefix_nocase(name, STR("Impersonate-")))
		return HTTP_IMPERSONATE;
	return HTTP_OTHER;
}

/* --- Lists --- */

static bool list_has_token(struct str list, struct str token)
{
	struct str piece;

	while (str_next(&list, ',', &piece))
		if (str_eq_nocase(str_trim(piece), token))
			return true;
	return false;
}

static void append(struct http_headers *h, const struct http_header *field)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : HEADERS_FIRST;
		struct http_header *v = arena_alloc(h->arena, cap * sizeof(*v));

		if (h->n)
			memcpy(v, h->v, h->n * sizeof(*v));
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n++] = *field;
	h->present |= HTTP_BIT(field->field);
}

void http_headers_add(struct http_headers *h, struct str name, struct str value)
{
	append(h, &(struct http_header){ name, value, http_field_of(name), false });
}

void http_field_add(struct http_headers *h, enum http_field f, struct str value)
{
	append(h, &(struct http_header){ field_names[f], value, f, false });
}

const struct str *http_field_get(const struct http_headers *h, enum http_field f)
{
	if (h->present & HTTP_BIT(f))
		for (size_t i = 0; i < h->n; i++)
			if (h->v[i].field == f)
				return &h->v[i].value;
	return NULL;
}

size_t http_field_count(const struct http_headers *h, enum http_field f)
{
	size_t n = 0;

	if (h->present & HTTP_BIT(f))
		for (size_t i = 0; i < h->n; i++)
			n += h->v[i].field == f;
	return n;
}

void http_field_remove(struct http_headers *h, uint64_t set)
{
	size_t kept = 0;

	if (!(h->present & set))
		return;
	for (size_t i = 0; i < h->n; i++)
		if (!(HTTP_BIT(h->v[i].field) & set))
			h->v[kept++] = h->v[i];
	h->n = kept;
	h->present &= ~set;
}

void http_field_set(struct http_headers *h, enum http_field f, struct str value)
{
	http_field_remove(h, HTTP_BIT(f));
	http_field_add(h, f, value);
}

bool http_field_has_token(const struct http_headers *h, enum http_field f, struct str token)
{
	if (h->present & HTTP_BIT(f))
		for (size_t i = 0; i < h->n; i++)
			if (h->v[i].field == f && list_has_token(h->v[i].value, token))
				return true;
	return false;
}

const struct str *http_headers_get(const struct http_headers *h, struct str name)
{
	for (size_t i = 0; i < h->n; i++)
		if (str_eq_nocase(h->v[i].name, name))
			return &h->v[i].value;
	return NULL;
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
		if (h->v[i].field == HTTP_CONNECTION)
			mark_nominated(h, h->v[i].value);
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].name.n)
			h->v[kept++] = h->v[i];
	h->n = kept;
}

void http_headers_remove_hop_by_hop(struct http_headers *h)
{
	if (http_field_has(h, HTTP_CONNECTION))
		remove_nominated(h);
	http_field_remove(h, HTTP_BIT(HTTP_CONNECTION) | HTTP_BIT(HTTP_KEEP_ALIVE) |
			  HTTP_BIT(HTTP_PROXY_CONNECTION) | HTTP_BIT(HTTP_TE) |
			  HTTP_BIT(HTTP_TRAILER) | HTTP_BIT(HTTP_TRANSFER_ENCODING) |
			  HTTP_BIT(HTTP_UPGRADE));
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

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Eight bytes at a time: may any of them be below 0x20 or 0x7f?  A tab is then looked at again. */
static bool may_have_control(const char *p)
{
	uint64_t v, del;

	memcpy(&v, p, sizeof(v));
	del = v ^ EACH_BYTE(0x7f);
	return (((v - EACH_BYTE(0x20)) & ~v) | ((del - EACH_BYTE(0x01)) & ~del)) & EACH_BYTE(0x80);
}

bool http_is_field_value(struct str s)
{
	size_t i = 0;

	while (s.n - i >= sizeof(uint64_t) && !may_have_control(s.p + i))
		i += sizeof(uint64_t);
	for (; i < s.n; i++)
		if (is_control[(unsigned char)s.p[i]])
			return false;
	return true;
}
