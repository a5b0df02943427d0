/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the HTTP/2 server role: what their users are told, and what they may do. */
#include "config.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/date.h"
#include "http/h2_conn.h"

static const struct http_stream_ops server_ops;

/* Of all connections without authentication: nobody needs to be known to open a stream. */
static atomic_size_t strangers_hold;

/* ---- memory ---- */

/* Takes n bytes more from what strangers may hold; false when there is no room. */
static bool charge(struct h2_stream *st, size_t n)
{
	if (st->c->is_known)
		return true;
	if (atomic_fetch_add_explicit(&strangers_hold, n, memory_order_relaxed) + n >
	    H2_STRANGERS_MAX) {
		atomic_fetch_sub_explicit(&strangers_hold, n, memory_order_relaxed);
		return false;
	}
	st->charge += n;
	return true;
}

static void discharge(struct h2_stream *st, size_t n)
{
	atomic_fetch_sub_explicit(&strangers_hold, n, memory_order_relaxed);
	st->charge -= n;
}

struct h2_stream *h2_stream_new(struct h2_server *c, int32_t id)
{
	struct h2_stream *st = xcalloc(1, sizeof(*st));

	st->magic = H2_STREAM_MAGIC;
	st->c = c;
	st->id = id;
	st->left = -1;
	if (!charge(st, H2_STREAM_COST)) {
		free(st);
		return NULL;
	}
	arena_init(&st->arena);
	h2_head_init(&st->head, &st->arena);
	st->s.ops = &server_ops;
	st->s.connection = &c->connection;
	st->s.arena = &st->arena;
	list_init(&st->sent_node);
	list_init(&st->break_node);
	list_add_tail(&c->streams, &st->node);
	return st;
}

void h2_stream_free(void *what)
{
	struct h2_stream *st = what;

	CHECK_MAGIC(st, H2_STREAM_MAGIC);
	discharge(st, st->charge);
	strbuf_fini(&st->out);
	arena_fini(&st->arena);
	st->magic = 0;
	free(st);
}

static struct h2_stream *stream_of(struct http_stream *s)
{
	struct h2_stream *st = container_of(s, struct h2_stream, s);

	CHECK_MAGIC(st, H2_STREAM_MAGIC);
	return st;
}

/* ---- what the user is told ---- */

void h2_stream_tell_sent(struct h2_stream *st)
{
	size_t n = st->sent_now;

	st->sent_now = 0;
	if (n && st->is_held && !st->is_over)
		st->s.handler->on_sent(st->s.user, n);
}

void h2_stream_tell_closed(struct h2_stream *st, int err)
{
	if (!st->is_held || st->is_over)
		return;
	st->is_over = true;
	st->s.handler->on_closed(st->s.user, err);
}

void h2_stream_end_request(struct h2_stream *st)
{
	st->request_ended = true;
	if (st->is_held && !st->is_over)
		st->s.handler->on_end(st->s.user, NULL);
}

void h2_stream_take_body(struct h2_stream *st, const uint8_t *p, size_t n)
{
	if (!st->is_held || st->is_over) {	/* read off for nobody */
		nghttp2_session_consume_stream(st->c->session, st->id, n);
		return;
	}
	st->unconsumed += n;
	st->s.handler->on_body(st->s.user, p, n);
}

/* ---- output ---- */

/* Gives back the room of what was framed. */
static void compact(struct h2_stream *st)
{
	if (st->out_at == st->out.n) {
		strbuf_fini(&st->out);
		st->out_at = 0;
	} else if (st->out_at * 2 > st->out.n) {
		memmove(st->out.p, st->out.p + st->out_at, st->out.n - st->out_at);
		st->out.n -= st->out_at;
		st->out_at = 0;
	}
}

/* The user hears of the n bytes with the next flush. */
static void note_sent(struct h2_stream *st, size_t n)
{
	st->sent_now += n;
	list_del(&st->sent_node);
	list_add_tail(&st->c->sent, &st->sent_node);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *p, size_t max,
			 uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2_stream *st = source->ptr;
	size_t n = st->out.n - st->out_at;

	(void)user;
	CHECK_MAGIC(st, H2_STREAM_MAGIC);
	if (!n && !st->send_ended) {
		st->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	n = n < max ? n : max;
	st->moved_us = loop_now_us(st->c->loop);
	if (n) {
		memcpy(p, st->out.p + st->out_at, n);
		st->out_at += n;
		note_sent(st, n);
		compact(st);
	}
	if (st->send_ended && st->out_at == st->out.n) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (st->trailer_count) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(session, id, st->trailers, st->trailer_count);
		}
	}
	return (ssize_t)n;
}

static void resume_body(struct h2_stream *st)
{
	if (st->is_deferred) {
		st->is_deferred = false;
		nghttp2_session_resume_data(st->c->session, st->id);
	}
	h2_schedule_flush(st->c);
}

void h2_stream_break(struct h2_stream *st, uint32_t code)
{
	if (st->is_closed || !list_is_empty(&st->break_node))
		return;
	st->break_code = code;
	list_add_tail(&st->c->breaking, &st->break_node);
	h2_schedule_flush(st->c);
}

/* Nothing is written to a stream that was given up. */
static bool can_send(const struct h2_stream *st)
{
	return st->c->stream && st->is_held && !st->is_over && !st->is_closed && !st->send_ended &&
	       list_is_empty(&st->break_node);
}

/* ---- the user's operations ---- */

static void send_informational(struct h2_stream *st, const struct http_message *m)
{
	size_t n;
	nghttp2_nv *v = h2_response_fields(&st->arena, m, &n);

	if (!v || nghttp2_submit_headers(st->c->session, NGHTTP2_FLAG_NONE, st->id, NULL, v, n,
					 NULL))
		h2_stream_break(st, NGHTTP2_INTERNAL_ERROR);
	h2_schedule_flush(st->c);
}

static void finish_sending(struct h2_stream *st)
{
	st->send_ended = true;
	st->moved_us = loop_now_us(st->c->loop);
}

static void op_send_head(struct http_stream *s, const struct http_message *m, bool end)
{
	struct h2_stream *st = stream_of(s);
	nghttp2_data_provider body = { .source.ptr = st, .read_callback = read_body };
	nghttp2_nv *v;
	size_t n;

	if (!can_send(st) || st->head_sent)
		return;
	if (m->status < 200) {
		send_informational(st, m);
		return;
	}
	st->head_sent = true;
	st->has_no_body = st->is_head || m->status == 204 || m->status == 304;
	st->left = st->has_no_body ? -1 : m->content_length;
	v = end && st->left > 0 ? NULL : h2_response_fields(&st->arena, m, &n);
	if (!v || nghttp2_submit_response(st->c->session, st->id, v, n,
					  end || st->has_no_body ? NULL : &body)) {
		h2_stream_break(st, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	if (end)
		finish_sending(st);
	h2_schedule_flush(st->c);
}

static void op_send_body(struct http_stream *s, const void *p, size_t n)
{
	struct h2_stream *st = stream_of(s);

	if (!can_send(st) || !st->head_sent || !n)
		return;
	if (st->left >= 0 && (uint64_t)st->left < n) {
		h2_stream_break(st, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	st->left -= st->left >= 0 ? (int64_t)n : 0;
	if (st->has_no_body) {
		note_sent(st, n);
		h2_schedule_flush(st->c);
		return;
	}
	strbuf_add(&st->out, p, n);
	resume_body(st);
}

static void op_send_end(struct http_stream *s, const struct http_headers *trailers)
{
	struct h2_stream *st = stream_of(s);

	if (!can_send(st) || !st->head_sent)
		return;
	if (st->left > 0) {		/* shorter than announced: must not look complete */
		h2_stream_break(st, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	if (trailers && trailers->n && st->wants_trailers && !st->has_no_body)
		st->trailers = h2_trailer_fields(&st->arena, trailers, &st->trailer_count);
	finish_sending(st);
	resume_body(st);
}

static void op_consume(struct http_stream *s, size_t n)
{
	struct h2_stream *st = stream_of(s);

	CHECK(n <= st->unconsumed);
	st->unconsumed -= n;
	if (st->is_closed || st->request_ended)
		return;
	nghttp2_session_consume_stream(st->c->session, st->id, n);
	h2_schedule_flush(st->c);
}

static uint32_t code_of(int err)
{
	return err == ERR_CANCELED || err == ERR_CLOSED ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
}

static void op_reset(struct http_stream *s, int err)
{
	struct h2_stream *st = stream_of(s);

	if (st->is_over)
		return;
	st->is_over = true;
	h2_stream_break(st, code_of(err));
}

static void op_release(struct http_stream *s)
{
	struct h2_stream *st = stream_of(s);

	CHECK(st->is_held && st->is_over);
	st->is_held = false;
	if (!st->is_closed) {		/* what is still to come concerns nobody */
		nghttp2_session_consume_stream(st->c->session, st->id, st->unconsumed);
		st->unconsumed = 0;
	}
	h2_bury_if_done(st);
}

/* The others on its connection go on. */
static void op_close_after(struct http_stream *s)
{
	h2_server_drain(stream_of(s)->c);
}

static const struct http_stream_ops server_ops = {
	.protocol = "HTTP/2.0",
	.send_head = op_send_head,
	.send_body = op_send_body,
	.send_end = op_send_end,
	.consume = op_consume,
	.reset = op_reset,
	.release = op_release,
	.close_after = op_close_after,
};

/* ---- requests ---- */

/* A head that is refused for its size is not kept. */
static void drop_head(struct h2_stream *st)
{
	struct h2_head *h = &st->head;
	bool is_head = str_eq(h->message.method, STR("HEAD"));
	size_t bytes = h->bytes;

	st->c->head_bytes -= st->head_share;
	st->head_share = 0;
	if (st->charge > H2_STREAM_COST)
		discharge(st, st->charge - H2_STREAM_COST);
	arena_fini(&st->arena);
	h2_head_init(h, &st->arena);
	h->bytes = bytes;
	h->fault = H1_FAULT_HEAD_TOO_LARGE;
	st->is_head = is_head;
}

void h2_stream_add_field(struct h2_stream *st, struct str name, struct str value)
{
	struct h2_server *c = st->c;
	struct h2_head *h = &st->head;
	bool was_good = !h->fault;
	size_t before = h->bytes;

	h2_head_add(h, name, value);
	if (!was_good)
		return;
	if (h->fault != H1_FAULT_HEAD_TOO_LARGE && h->fault != H1_FAULT_TOO_MANY_FIELDS) {
		size_t n = h->bytes - before;

		if (charge(st, n) && c->head_bytes + n <= H2_HEADS_MAX) {
			c->head_bytes += n;
			st->head_share += n;
			return;
		}
	}
	drop_head(st);
}

/* An answer without a user: a refusal, or OPTIONS *. */
static void answer_alone(struct h2_stream *st, int status, const char *detail, const char *body)
{
	struct http_message m = { .status = status, .content_length = 0 };
	struct strbuf text = STRBUF_INIT;

	http_headers_init(&m.headers, &st->arena);
	if (body)
		strbuf_add_cstr(&text, body);
	else if (status != 200)
		strbuf_addf(&text, "%d %s%s%s", status, http_status_text(status),
			    detail ? ": " : "", detail ? detail : "");
	if (text.n)
		http_field_add(&m.headers, HTTP_CONTENT_TYPE, STR("text/plain; charset=utf-8"));
	http_field_add(&m.headers, HTTP_DATE, http_date(loop_clock(st->c->loop)));
	m.content_length = (int64_t)text.n;
	st->is_held = true;	/* for the operations below */
	op_send_head(&st->s, &m, !text.n);
	op_send_body(&st->s, text.p, text.n);
	op_send_end(&st->s, NULL);
	st->is_held = false;
	st->is_over = true;
	strbuf_fini(&text);
}

void h2_stream_begin(struct h2_stream *st, bool end)
{
	struct h2_server *c = st->c;
	const struct h1_refusal *refusal;

	st->request_ended = end;
	refusal = h2_head_finish(&st->head, end);
	st->is_head = st->is_head || str_eq(st->head.message.method, STR("HEAD"));
	st->wants_trailers = http_field_has_token(&st->head.message.headers, HTTP_TE,
						  STR("trailers"));
	if (refusal) {
		answer_alone(st, refusal->status, refusal->detail, refusal->body);
		return;
	}
	if (str_eq(st->head.message.target, STR("*"))) {
		answer_alone(st, 200, NULL, NULL);
		return;
	}
	st->is_held = true;
	c->settings->accept(c->settings->arg, &st->s, &st->head.message, end);
	CHECK(st->is_over || st->s.handler);
}
