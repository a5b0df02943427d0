/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/h1_out.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

#define H1_OUT_FIRST 1023	/* bytes; a usual head fits, and malloc keeps such pieces at hand */

struct h1_out_run {
	size_t n;
	bool is_body;
};

void h1_out_fini(struct h1_out *o)
{
	strbuf_fini(&o->buf);
	free(o->runs);
	*o = (struct h1_out){ .buf = STRBUF_INIT };
}

bool h1_out_is_empty(const struct h1_out *o)
{
	return o->written == o->buf.n && !o->skipped;
}

/* Notes n more bytes of a kind; neighbours of the same kind are one run. */
static void note(struct h1_out *o, size_t n, bool is_body)
{
	if (o->run_count > o->run_at && o->runs[o->run_count - 1].is_body == is_body) {
		o->runs[o->run_count - 1].n += n;
		return;
	}
	if (o->run_count == o->run_cap) {
		o->run_cap = o->run_cap ? o->run_cap * 2 : 8;
		o->runs = xreallocarray(o->runs, o->run_cap, sizeof(*o->runs));
	}
	o->runs[o->run_count++] = (struct h1_out_run){ n, is_body };
}

void h1_out_add_framing(struct h1_out *o, const void *p, size_t n)
{
	if (!o->buf.p)
		strbuf_reserve(&o->buf, H1_OUT_FIRST);
	strbuf_add(&o->buf, p, n);
	note(o, n, false);
}

void h1_out_add_body(struct h1_out *o, const void *p, size_t n)
{
	if (!n)
		return;
	strbuf_reserve(&o->buf, n);
	strbuf_add(&o->buf, p, n);
	note(o, n, true);
}

void h1_out_add_status_line(struct h1_out *o, int minor, int status)
{
	const char *text = http_status_text(status);
	char line[] = "HTTP/1.x 000 ";

	line[7] = (char)('0' + minor);
	line[9] = (char)('0' + status / 100);
	line[10] = (char)('0' + status / 10 % 10);
	line[11] = (char)('0' + status % 10);
	h1_out_add_framing(o, line, sizeof(line) - 1);
	h1_out_add_framing(o, text, strlen(text));
	h1_out_add_framing(o, "\r\n", 2);
}

void h1_out_add_content_length(struct h1_out *o, uint64_t length)
{
	char digits[U64_TEXT_MAX];

	h1_out_add_framing(o, "Content-Length: ", 16);
	h1_out_add_framing(o, digits, u64_text(length, digits));
	h1_out_add_framing(o, "\r\n", 2);
}

void h1_out_add_upgrade(struct h1_out *o, struct str protocol)
{
	h1_out_add_framing(o, "Connection: Upgrade\r\nUpgrade: ", 30);
	h1_out_add_framing(o, protocol.p, protocol.n);
	h1_out_add_framing(o, "\r\n", 2);
}

void h1_out_add_chunk(struct h1_out *o, const void *p, size_t n)
{
	char line[24];

	if (!n)		/* an empty chunk would be the last one */
		return;
	h1_out_add_framing(o, line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", n));
	h1_out_add_body(o, p, n);
	h1_out_add_framing(o, "\r\n", 2);
}

void h1_out_skip_body(struct h1_out *o, size_t n)
{
	o->skipped += n;
}

/* Written by whoever frames the message. */
#define FRAMING_FIELDS (HTTP_BIT(HTTP_CONTENT_LENGTH) | HTTP_BIT(HTTP_TRANSFER_ENCODING) | \
	HTTP_BIT(HTTP_CONNECTION) | HTTP_BIT(HTTP_KEEP_ALIVE))

static bool may_be_written(const struct http_header *f)
{
	return f->checked || (http_is_token(f->name) && http_is_field_value(f->value));
}

static char *put(char *p, struct str s)
{
	memcpy(p, s.p, s.n);
	return p + s.n;
}

/* Field lines are most of a head: room is asked for once, not per piece. */
static void add_field(struct strbuf *b, const struct http_header *f)
{
	char *p;

	strbuf_reserve(b, f->name.n + f->value.n + 4);
	p = put(b->p + b->n, f->name);
	p = put(p, STR(": "));
	if (f->value.n)
		p = put(p, f->value);
	p = put(p, STR("\r\n"));
	*p = '\0';
	b->n = (size_t)(p - b->p);
}

bool h1_out_add_fields(struct h1_out *o, const struct http_headers *h)
{
	size_t before = o->buf.n;

	for (size_t i = 0; i < h->n; i++) {
		const struct http_header *f = &h->v[i];

		if (HTTP_BIT(f->field) & FRAMING_FIELDS)
			continue;
		if (!may_be_written(f))
			return false;
		add_field(&o->buf, f);
	}
	if (o->buf.n > before)
		note(o, o->buf.n - before, false);
	return true;
}

bool h1_out_add_last_chunk(struct h1_out *o, const struct http_headers *trailers)
{
	h1_out_add_framing(o, "0\r\n", 3);
	if (trailers && !h1_out_add_fields(o, trailers))
		return false;
	h1_out_add_framing(o, "\r\n", 2);
	return true;
}

/* Takes n written bytes off the runs; returns how many of them were body. */
static size_t account(struct h1_out *o, size_t n)
{
	size_t body = 0;

	while (n) {
		struct h1_out_run *run = &o->runs[o->run_at];
		size_t part = n < run->n ? n : run->n;

		body += run->is_body ? part : 0;
		run->n -= part;
		n -= part;
		if (!run->n)
			o->run_at++;
	}
	return body;
}

/* Gives back the room of what was written, for a peer that is always a little late. */
static void compact(struct h1_out *o)
{
	if (o->written * 2 < o->buf.n)
		return;
	memmove(o->buf.p, o->buf.p + o->written, o->buf.n - o->written);
	o->buf.n -= o->written;
	o->written = 0;
	memmove(o->runs, o->runs + o->run_at, (o->run_count - o->run_at) * sizeof(*o->runs));
	o->run_count -= o->run_at;
	o->run_at = 0;
}

int h1_out_flush(struct h1_out *o, struct stream *s, size_t *sent, bool *wrote)
{
	*sent = o->skipped;
	o->skipped = 0;
	while (o->written < o->buf.n) {
		ptrdiff_t n = stream_write(s, o->buf.p + o->written, o->buf.n - o->written);

		if (n < 0) {
			compact(o);
			return (int)n;
		}
		*wrote = true;
		o->written += (size_t)n;
		*sent += account(o, (size_t)n);
	}
	h1_out_fini(o);
	return 0;
}
