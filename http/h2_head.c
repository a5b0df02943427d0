/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/h2_head.h"

#include "base/mem.h"
#include "http/h1.h"
#include "http/transport.h"

/* Fields that belong to a connection of HTTP/1.1 (RFC 9113 section 8.2.2). */
#define HTTP1_FIELDS (HTTP_BIT(HTTP_CONNECTION) | HTTP_BIT(HTTP_KEEP_ALIVE) | \
	HTTP_BIT(HTTP_PROXY_CONNECTION) | HTTP_BIT(HTTP_TRANSFER_ENCODING) | \
	HTTP_BIT(HTTP_UPGRADE) | HTTP_BIT(HTTP_CONTENT_LENGTH))

void h2_head_init(struct h2_head *h, struct arena *a)
{
	*h = (struct h2_head){ .arena = a, .message = { .content_length = -1 } };
	http_headers_init(&h->message.headers, a);
}

static void add_pseudo(struct h2_head *h, struct str name, struct str value)
{
	if (str_eq(name, STR(":method"))) {
		h->message.method = arena_str(h->arena, value);
	} else if (str_eq(name, STR(":path"))) {
		h->message.target = arena_str(h->arena, value);
	} else if (str_eq(name, STR(":authority"))) {
		h->authority = arena_str(h->arena, value);
		h->has_authority = true;
	}
}

void h2_head_add(struct h2_head *h, struct str name, struct str value)
{
	struct http_headers *fields = &h->message.headers;

	h->bytes += name.n + value.n + H2_FIELD_OVERHEAD;
	if (h->bytes > HTTP_HEAD_MAX)
		h->fault = H1_FAULT_HEAD_TOO_LARGE;
	else if (fields->n >= H1_HEADERS_MAX)
		h->fault = H1_FAULT_TOO_MANY_FIELDS;
	if (h->fault)
		return;
	if (!http_is_field_value(value)) {
		h->fault = H1_FAULT_VALUE;
	} else if (name.n && name.p[0] == ':') {
		add_pseudo(h, name, value);
	} else if (!http_is_token(name)) {
		h->fault = H1_FAULT_NAME;
	} else {
		http_headers_add(fields, arena_str(h->arena, name),
				 arena_str(h->arena, str_trim(value)));
		fields->v[fields->n - 1].checked = true;
	}
}

/* :authority is the host; a Host field beside it that says something else makes two of them. */
static void settle_host(struct h2_head *h)
{
	struct http_headers *fields = &h->message.headers;
	const struct str *host = http_field_get(fields, HTTP_HOST);

	if (!h->has_authority)
		return;
	if (host && str_eq(*host, h->authority) && http_field_count(fields, HTTP_HOST) == 1)
		return;
	http_field_add(fields, HTTP_HOST, h->authority);
}

/* HTTP/2 may cut a Cookie field into several; HTTP/1.1 has one (RFC 9113 section 8.2.3). */
static void join_cookies(struct h2_head *h)
{
	struct http_headers *fields = &h->message.headers;
	size_t n = 0;
	char *text, *p;

	if (http_field_count(fields, HTTP_COOKIE) < 2)
		return;
	for (size_t i = 0; i < fields->n; i++)
		if (fields->v[i].field == HTTP_COOKIE)
			n += fields->v[i].value.n + 2;
	p = text = arena_alloc(h->arena, n);
	for (size_t i = 0; i < fields->n; i++) {
		struct str value = fields->v[i].value;

		if (fields->v[i].field != HTTP_COOKIE)
			continue;
		if (p > text) {
			*p++ = ';';
			*p++ = ' ';
		}
		if (value.n)
			memcpy(p, value.p, value.n);
		p += value.n;
	}
	http_field_set(fields, HTTP_COOKIE, str_make(text, (size_t)(p - text)));
}

const struct h1_refusal *h2_head_finish(struct h2_head *h, bool end)
{
	struct http_message *m = &h->message;
	struct h1_head head = {
		.fault = h->fault, .method = m->method, .target = m->target,
		.version = STR("HTTP/2.0"), .headers = &m->headers,
	};
	const struct h1_refusal *refusal;

	settle_host(h);
	join_cookies(h);
	refusal = h1_refuse(&head, true);
	if (refusal)
		return refusal;
	m->content_length = h1_content_length(&m->headers);
	m->has_body = !end;
	m->expect_continue = m->has_body &&
		http_field_has_token(&m->headers, HTTP_EXPECT, STR("100-continue"));
	if (!m->has_body)
		m->content_length = 0;
	return NULL;
}

static nghttp2_nv pair(struct str name, struct str value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.p, .namelen = name.n,
		.value = (uint8_t *)(uintptr_t)value.p, .valuelen = value.n,
	};
}

/* Appends what HTTP/2 may carry of h; false when a field cannot be written. */
static bool add_fields(nghttp2_nv *v, size_t *n, const struct http_headers *h)
{
	for (size_t i = 0; i < h->n; i++) {
		const struct http_header *f = &h->v[i];

		if (HTTP_BIT(f->field) & HTTP1_FIELDS)
			continue;
		if (!f->checked && (!http_is_token(f->name) || !http_is_field_value(f->value)))
			return false;
		v[(*n)++] = pair(f->name, f->value);
	}
	return true;
}

static struct str number(struct arena *a, uint64_t n)
{
	char digits[U64_TEXT_MAX];

	return arena_str(a, str_make(digits, u64_text(n, digits)));
}

nghttp2_nv *h2_response_fields(struct arena *a, const struct http_message *m, size_t *n)
{
	nghttp2_nv *v = arena_alloc(a, (m->headers.n + 2) * sizeof(*v));

	v[0] = pair(STR(":status"), number(a, (uint64_t)m->status));
	*n = 1;
	if (m->status >= 200 && m->status != 204 && m->content_length >= 0)
		v[(*n)++] = pair(STR("content-length"), number(a, (uint64_t)m->content_length));
	return add_fields(v, n, &m->headers) ? v : NULL;
}

nghttp2_nv *h2_trailer_fields(struct arena *a, const struct http_headers *h, size_t *n)
{
	nghttp2_nv *v = arena_alloc(a, h->n * sizeof(*v));

	*n = 0;
	if (!add_fields(v, n, h)) {
		*n = 0;
		return NULL;
	}
	for (size_t i = 0; i < *n; i++) {
		v[i].name = arena_memdup(a, v[i].name, v[i].namelen);
		v[i].value = arena_memdup(a, v[i].value, v[i].valuelen);
	}
	return v;
}
