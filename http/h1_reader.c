/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/h1_reader.h"

#include "base/check.h"
#include "http/h1.h"
#include "http/transport.h"

/* ---- llhttp's callbacks: they only note; h1_reader_next acts on it ---- */

static struct h1_reader *reader_of(llhttp_t *p)
{
	struct h1_reader *r = p->data;

	CHECK(&r->parser == p);
	return r;
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
	struct h1_reader *r = reader_of(p);

	if (r->fields->n >= H1_HEADERS_MAX) {
		r->head.fault = H1_FAULT_TOO_MANY_FIELDS;
		return -1;
	}
	if (r->field_is_open || !n)	/* heads are parsed in one piece: names come whole */
		return -1;
	r->field_is_open = true;
	http_headers_add(r->fields, str_make(at, n), STR_NULL);
	r->fields->v[r->fields->n - 1].checked = true;	/* by h1_lines_scan */
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	struct h1_reader *r = reader_of(p);

	if (!r->field_is_open)
		return n ? -1 : 0;
	r->field_is_open = false;
	r->fields->v[r->fields->n - 1].value = str_trim(str_make(at, n));
	return 0;
}

/* A field without a value may have no value span at all. */
static int on_value_complete(llhttp_t *p)
{
	reader_of(p)->field_is_open = false;
	return 0;
}

static bool response_has_no_body(const struct h1_reader *r)
{
	int status = r->parser.status_code;

	return r->is_head_request || status / 100 == 1 || status == 204 || status == 304;
}

static int on_headers_complete(llhttp_t *p)
{
	struct h1_reader *r = reader_of(p);

	/* An Upgrade changes nothing before a 101 was sent: what follows is an ordinary body. */
	p->upgrade = 0;
	return r->is_response && response_has_no_body(r) ? 1 : 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
	struct h1_reader *r = reader_of(p);

	r->body = str_make(at, n);
	return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *p)
{
	struct h1_reader *r = reader_of(p);

	if (p->content_length > INT64_MAX)
		return -1;
	r->last_chunk = p->content_length == 0;
	return r->last_chunk ? HPE_PAUSED : 0;
}

static int on_message_complete(llhttp_t *p)
{
	reader_of(p)->message_complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_header_value_complete = on_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_chunk_header = on_chunk_header,
	.on_message_complete = on_message_complete,
};

/* ---- the reader ---- */

void h1_reader_init(struct h1_reader *r, struct arena *a, bool is_response)
{
	*r = (struct h1_reader){ .arena = a, .is_response = is_response };
	h1_reader_reset(r);
}

void h1_reader_fini(struct h1_reader *r)
{
	strbuf_fini(&r->pending);
}

void h1_reader_reset(struct h1_reader *r)
{
	llhttp_init(&r->parser, r->is_response ? HTTP_RESPONSE : HTTP_REQUEST, &callbacks);
	r->parser.data = r;
	r->phase = H1_HEAD;
	r->is_head_request = r->paused = r->message_complete = false;
	r->last_chunk = r->field_is_open = false;
	r->lines = (struct h1_lines){ .has_start_line = true };
	strbuf_fini(&r->pending);
	r->body = STR_NULL;
	r->framing = 0;
	r->message = (struct http_message){ .content_length = -1 };
	http_headers_init(&r->message.headers, r->arena);
	http_headers_init(&r->trailers, r->arena);
	r->fields = &r->message.headers;
	r->head = (struct h1_head){ .headers = &r->message.headers };
}

/* Runs llhttp on p; *used tells how far it came. */
static enum h1_fault run_parser(struct h1_reader *r, const char *p, size_t n, size_t *used)
{
	llhttp_errno_t rc;

	if (r->paused)
		llhttp_resume(&r->parser);
	rc = llhttp_execute(&r->parser, p, n);
	r->paused = rc == HPE_PAUSED;
	*used = n;
	if (rc == HPE_OK)
		return H1_FAULT_NONE;
	if (rc == HPE_PAUSED) {
		*used = (size_t)(llhttp_get_error_pos(&r->parser) - p);
		return H1_FAULT_NONE;
	}
	if (r->head.fault)
		return r->head.fault;
	if (rc == HPE_INVALID_TRANSFER_ENCODING)
		return H1_FAULT_TRANSFER_CODING;
	return rc == HPE_INVALID_VERSION ? H1_FAULT_VERSION : H1_FAULT_PARSER;
}

static enum h1_event dead(struct h1_reader *r, enum h1_fault fault)
{
	r->head.fault = fault;
	r->phase = H1_DEAD;
	strbuf_fini(&r->pending);
	return H1_GOT_FAULT;
}

/*
 * Collects a head or trailer section.  Returns true when it is complete: *section is in the arena,
 * *in behind it.  In the usual case the section lies whole in *in and is copied once.
 */
static bool collect(struct h1_reader *r, struct str *in, size_t max, enum h1_fault too_large,
		    struct str *section)
{
	size_t before = r->pending.n, end;
	struct str all = *in;

	if (before) {
		strbuf_add_str(&r->pending, *in);
		all = strbuf_str(&r->pending);
	}
	r->head.fault = h1_lines_scan(&r->lines, all.p, all.n, &end);
	if (!r->head.fault && (end ? end : all.n) > max)
		r->head.fault = too_large;
	if (r->head.fault)
		return false;
	if (!end) {
		if (!before)
			strbuf_add_str(&r->pending, *in);
		*in = str_skip(*in, in->n);
		return false;
	}
	*section = str_make(arena_memdup(r->arena, all.p, end), end);
	*in = str_skip(*in, end - before);
	strbuf_fini(&r->pending);
	return true;
}

/* The request line, or the status line, without its end. */
static struct str start_line(struct str head)
{
	return str_slice(head, 0, (size_t)str_find(head, '\r', 0));
}

static bool mentions_upgrade(const struct http_headers *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct str v = h->v[i].value;

		if (h->v[i].field != HTTP_CONNECTION)
			continue;
		for (; v.n >= 7; v = str_skip(v, 1))
			if (str_has_prefix_nocase(v, STR("upgrade")))
				return true;
	}
	return false;
}

static void fill_message(struct h1_reader *r)
{
	struct http_message *m = &r->message;

	m->content_length = h1_content_length(&m->headers);
	m->has_body = !r->message_complete;
	m->is_http10 = r->parser.http_minor == 0;
	if (r->is_response) {
		m->status = r->parser.status_code;
	} else {
		m->method = r->head.method;
		m->target = r->head.target;
		m->expect_continue = !m->is_http10 && m->has_body &&
			http_field_has_token(&m->headers, HTTP_EXPECT, STR("100-continue"));
		if (!m->has_body)
			m->content_length = 0;
	}
	m->is_upgrade = !m->is_http10 && mentions_upgrade(&m->headers);
	http_field_remove(&m->headers, HTTP_BIT(HTTP_TRANSFER_ENCODING));
}

/* Framing that two readers could understand in two ways; llhttp has refused most of it. */
static bool response_is_ambiguous(const struct h1_reader *r)
{
	const struct http_headers *h = &r->message.headers;
	const struct str *te = http_field_get(h, HTTP_TRANSFER_ENCODING);

	if (r->parser.http_major != 1 || r->parser.http_minor > 1 || r->parser.status_code < 100 ||
	    r->parser.status_code > 599 || h1_content_length(h) == -2)
		return true;
	return te && (http_field_count(h, HTTP_TRANSFER_ENCODING) > 1 ||
		      !str_eq_nocase(*te, STR("chunked")) || r->parser.http_minor == 0 ||
		      http_field_has(h, HTTP_CONTENT_LENGTH));
}

static enum h1_event read_head(struct h1_reader *r, struct str *in)
{
	struct str head;
	size_t used;

	if (!collect(r, in, HTTP_HEAD_MAX, H1_FAULT_HEAD_TOO_LARGE, &head))
		return r->head.fault ? dead(r, r->head.fault) : H1_MORE;
	r->head.line = start_line(head);
	if (!r->is_response)
		h1_head_split(&r->head);
	r->head.fault = run_parser(r, head.p, head.n, &used);
	if (!r->head.fault && used != head.n)
		r->head.fault = H1_FAULT_PARSER;
	if (r->is_response ? r->head.fault || response_is_ambiguous(r)
			   : h1_refuse(&r->head, false) != NULL)
		return dead(r, r->head.fault);
	fill_message(r);
	r->phase = r->message_complete ? H1_COMPLETE : H1_BODY;
	r->fields = &r->trailers;
	return H1_GOT_HEAD;
}

static enum h1_event read_trailers(struct h1_reader *r, struct str *in)
{
	struct str section;
	size_t used;

	if (!collect(r, in, H1_TRAILERS_MAX, H1_FAULT_TRAILERS_TOO_LARGE, &section))
		return r->head.fault ? dead(r, r->head.fault) : H1_MORE;
	r->head.fault = run_parser(r, section.p, section.n, &used);
	if (r->head.fault || !r->message_complete || used != section.n)
		return dead(r, H1_FAULT_CHUNK);
	r->phase = H1_COMPLETE;
	return H1_GOT_END;
}

static enum h1_event read_body(struct h1_reader *r, struct str *in, struct str *body)
{
	size_t used;

	if (!in->n && !r->paused)
		return H1_MORE;
	r->body = STR_NULL;
	if (run_parser(r, in->p, in->n, &used))
		return dead(r, H1_FAULT_CHUNK);
	*in = str_skip(*in, used);
	r->framing += used - r->body.n;
	if (r->framing > H1_FRAMING_MAX)
		return dead(r, H1_FAULT_CHUNK);
	if (r->body.n) {
		r->framing = 0;
		*body = r->body;
		return H1_GOT_BODY;
	}
	if (r->message_complete) {
		r->phase = H1_COMPLETE;
		return H1_GOT_END;
	}
	if (r->last_chunk) {
		r->phase = H1_TRAILERS;
		r->lines = (struct h1_lines){ .has_start_line = false };
		return read_trailers(r, in);
	}
	return H1_MORE;
}

enum h1_event h1_reader_next(struct h1_reader *r, struct str *in, struct str *body)
{
	switch (r->phase) {
	case H1_HEAD:
		return in->n ? read_head(r, in) : H1_MORE;
	case H1_BODY:
		return read_body(r, in, body);
	case H1_TRAILERS:
		return in->n ? read_trailers(r, in) : H1_MORE;
	case H1_COMPLETE:
	case H1_DEAD:
		break;
	}
	return H1_MORE;
}

bool h1_reader_eof(struct h1_reader *r)
{
	if (r->phase != H1_BODY)
		return false;
	if (r->paused)
		llhttp_resume(&r->parser);
	llhttp_finish(&r->parser);
	if (r->message_complete)
		r->phase = H1_COMPLETE;
	return r->message_complete;
}
