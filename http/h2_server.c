/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server role.  nghttp2 may not be called back into while it reads or writes (but submitting is
 * allowed), and it may not be freed there: operations only note and submit, one task per turn
 * writes, and what ends is freed by the loop's graveyard.
 */
#include "config.h"

#include "http/h2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "http/h1.h"
#include "http/h1_check.h"
#include "http/h2_head.h"

#define H2_SERVER_MAGIC 0x68327376u
#define H2_STREAM_MAGIC 0x68327374u

#define H2_RESETS_KEPT 128
#define H2_FRAME_HEAD 9
#define H2_PREFACE 24

/* Where the input is: the length that is left of the preface or frame, or a part of a head. */
struct h2_input {
	uint8_t head[H2_FRAME_HEAD];
	uint8_t have;
	size_t left;
};

struct h2_server {
	unsigned magic;
	struct loop *loop;		/* borrowed */
	struct stream *stream;		/* owned; NULL once the connection is gone */
	const struct h2_server_settings *settings;	/* borrowed */
	void *user;
	struct http_connection connection;
	nghttp2_session *session;	/* owned */
	struct list streams;		/* all that are not freed */
	struct list sent;		/* those whose users are to hear of sent bytes */
	size_t open;			/* streams that nghttp2 knows */
	struct strbuf out;		/* owned: frames on their way to the socket */
	size_t out_at;
	struct loop_task flush_task;
	struct loop_timer timer;
	int64_t heard_us;		/* when bytes came last */
	int64_t empty_us;		/* of the last frame that carried nothing */
	int32_t empty_tokens;
	struct h2_input input;
	int32_t *reset_ids;		/* owned: streams that we reset, the last H2_RESETS_KEPT */
	unsigned reset_count;
	bool in_session;		/* nghttp2 is on the stack */
	bool pinged;
	bool had_request;
	bool is_draining;
	bool is_buried;
};

struct h2_stream {
	unsigned magic;
	struct h2_server *c;		/* lives until the stream is freed */
	struct list node, sent_node;
	int32_t id;
	struct http_stream s;
	struct arena arena;
	struct h2_head head;
	bool is_held;			/* by the user, from accept() to release() */
	bool is_over;			/* no callback comes any more */
	bool is_closed;			/* nghttp2 has forgotten it */
	bool is_buried;
	bool request_ended;
	bool head_sent, send_ended, is_head, has_no_body, is_deferred, wants_trailers;
	int64_t left;			/* body bytes owed by Content-Length, -1: not counted */
	size_t unconsumed;		/* request body bytes in the user's hands */
	size_t sent_now;		/* body bytes framed since the user was told */
	struct strbuf out;		/* owned: body that the peer's windows did not take yet */
	size_t out_at;
	nghttp2_nv *trailers;		/* in the arena */
	size_t trailer_count;
};

static struct h2_stream *stream_of(struct http_stream *s)
{
	struct h2_stream *st = container_of(s, struct h2_stream, s);

	CHECK_MAGIC(st, H2_STREAM_MAGIC);
	return st;
}

static struct h2_stream *stream_by_id(struct h2_server *c, int32_t id)
{
	return nghttp2_session_get_stream_user_data(c->session, id);
}

static void schedule_flush(struct h2_server *c)
{
	if (c->stream)
		loop_task_schedule(c->loop, &c->flush_task);
}

/* ---- the end of streams and connections ---- */

static void stream_free(void *what)
{
	struct h2_stream *st = what;

	CHECK_MAGIC(st, H2_STREAM_MAGIC);
	strbuf_fini(&st->out);
	arena_fini(&st->arena);
	st->magic = 0;
	free(st);
}

static void server_free(void *what)
{
	struct h2_server *c = what;

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	if (c->connection.auth_cache_free)
		c->connection.auth_cache_free(c->connection.auth_cache);
	nghttp2_session_del(c->session);
	free(c->reset_ids);
	strbuf_fini(&c->out);
	loop_timer_fini(&c->timer);
	c->magic = 0;
	free(c);
}

static void bury_server_if_done(struct h2_server *c)
{
	if (c->stream || c->is_buried || !list_is_empty(&c->streams))
		return;
	c->is_buried = true;
	loop_task_cancel(&c->flush_task);
	loop_timer_cancel(&c->timer);
	if (c->settings->on_gone)
		c->settings->on_gone(c->settings->arg, c);
	loop_bury(c->loop, c, server_free);
}

/* Frees the stream once neither nghttp2 nor its user knows it. */
static void bury_if_done(struct h2_stream *st)
{
	struct h2_server *c = st->c;

	if (st->is_held || !st->is_closed || st->is_buried)
		return;
	st->is_buried = true;
	list_del(&st->node);
	list_del(&st->sent_node);
	loop_bury(c->loop, st, stream_free);
	bury_server_if_done(c);
}

/* Tells the user that it is over; the user may release it inside. */
static void end_stream(struct h2_stream *st, int err)
{
	if (!st->is_held || st->is_over)
		return;
	st->is_over = true;
	st->s.handler->on_closed(st->s.user, err);
}

static void end_connection(struct h2_server *c, int err)
{
	struct list *node, *safe;

	c->connection.tls = NULL;	/* it lived as long as the stream */
	strbuf_fini(&c->out);
	loop_timer_cancel(&c->timer);
	list_for_each(node, safe, &c->streams) {
		struct h2_stream *st = container_of(node, struct h2_stream, node);

		if (!st->is_closed) {
			st->is_closed = true;
			nghttp2_session_set_stream_user_data(c->session, st->id, NULL);
		}
		end_stream(st, err);
	}
	/* A user that released its stream above has buried it; the others do so later. */
	list_for_each(node, safe, &c->streams)
		bury_if_done(container_of(node, struct h2_stream, node));
	bury_server_if_done(c);
}

static void close_connection(struct h2_server *c, int err, bool abruptly)
{
	struct stream *stream = c->stream;

	if (!stream)
		return;
	c->stream = NULL;
	if (abruptly)
		stream_abort(stream);
	else
		stream_close(stream);
	end_connection(c, err);
}

static void arm_timer(struct h2_server *c)
{
	loop_timer_arm(&c->timer, c->open ? H2_PING_IDLE_MS :
		       c->had_request ? H2_IDLE_TIMEOUT_MS : H2_HEAD_TIMEOUT_MS);
}

/* ---- output ---- */

/* Takes frames from nghttp2 up to H2_OUT_MAX; false when there was none. */
static bool fill_out(struct h2_server *c)
{
	const uint8_t *p;
	ssize_t n = 0;
	size_t before = c->out.n;

	c->in_session = true;
	while (c->out.n - c->out_at < H2_OUT_MAX) {
		n = nghttp2_session_mem_send(c->session, &p);
		if (n <= 0)
			break;
		if (!c->out.p)
			strbuf_reserve(&c->out, 1023);
		strbuf_add(&c->out, p, (size_t)n);
	}
	c->in_session = false;
	CHECK(n >= 0 || n == NGHTTP2_ERR_NOMEM);
	return c->out.n > before;
}

/* ERR_OK, ERR_AGAIN when the socket is full, or a stream error. */
static int write_out(struct h2_server *c)
{
	while (c->out_at < c->out.n) {
		ptrdiff_t n = stream_write(c->stream, c->out.p + c->out_at, c->out.n - c->out_at);

		if (n < 0)
			return (int)n;
		c->out_at += (size_t)n;
	}
	strbuf_fini(&c->out);
	c->out_at = 0;
	return ERR_OK;
}

/* Frames on their way to the socket count as sent: there are never more than H2_OUT_MAX bytes. */
static void tell_sent(struct h2_server *c)
{
	struct list *node;

	while ((node = list_pop(&c->sent))) {
		struct h2_stream *st = container_of(node, struct h2_stream, sent_node);
		size_t n = st->sent_now;

		st->sent_now = 0;
		if (st->is_held && !st->is_over)
			st->s.handler->on_sent(st->s.user, n);
	}
}

static void server_flush(struct h2_server *c)
{
	int rc;

	do {
		fill_out(c);
		rc = write_out(c);
		if (rc && rc != ERR_AGAIN) {
			close_connection(c, rc, true);
			return;
		}
		tell_sent(c);
	} while (c->stream && !rc && nghttp2_session_want_write(c->session));
	if (!c->stream)
		return;
	if (!rc && !nghttp2_session_want_read(c->session))
		close_connection(c, ERR_CLOSED, false);
}

static void on_flush_task(struct loop_task *t)
{
	struct h2_server *c = container_of(t, struct h2_server, flush_task);

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	if (c->stream)
		server_flush(c);
}

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
	if (n) {
		memcpy(p, st->out.p + st->out_at, n);
		st->out_at += n;
		st->sent_now += n;
		list_del(&st->sent_node);
		list_add_tail(&st->c->sent, &st->sent_node);
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
	schedule_flush(st->c);
}

/* The stream breaks: our own mistake, or the user's wish. */
static void break_stream(struct h2_stream *st, uint32_t code)
{
	if (st->is_closed)
		return;
	nghttp2_submit_rst_stream(st->c->session, NGHTTP2_FLAG_NONE, st->id, code);
	schedule_flush(st->c);
}

/* ---- the user's operations ---- */

static bool can_send(const struct h2_stream *st)
{
	return st->c->stream && st->is_held && !st->is_over && !st->is_closed && !st->send_ended;
}

static void send_informational(struct h2_stream *st, const struct http_message *m)
{
	size_t n;
	nghttp2_nv *v = h2_response_fields(&st->arena, m, &n);

	if (!v || nghttp2_submit_headers(st->c->session, NGHTTP2_FLAG_NONE, st->id, NULL, v, n,
					 NULL))
		break_stream(st, NGHTTP2_INTERNAL_ERROR);
	schedule_flush(st->c);
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
	v = h2_response_fields(&st->arena, m, &n);
	if (!v || nghttp2_submit_response(st->c->session, st->id, v, n,
					  end || st->has_no_body ? NULL : &body)) {
		break_stream(st, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	st->send_ended = end;
	schedule_flush(st->c);
}

static void op_send_body(struct http_stream *s, const void *p, size_t n)
{
	struct h2_stream *st = stream_of(s);

	if (!can_send(st) || !st->head_sent || !n)
		return;
	if (st->left >= 0 && (uint64_t)st->left < n) {
		break_stream(st, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	st->left -= st->left >= 0 ? (int64_t)n : 0;
	if (st->has_no_body) {		/* counts as sent with the next flush */
		st->sent_now += n;
		list_del(&st->sent_node);
		list_add_tail(&st->c->sent, &st->sent_node);
		schedule_flush(st->c);
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
		break_stream(st, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	if (trailers && trailers->n && st->wants_trailers && !st->has_no_body)
		st->trailers = h2_trailer_fields(&st->arena, trailers, &st->trailer_count);
	st->send_ended = true;
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
	schedule_flush(st->c);
}

static uint32_t code_of(int err)
{
	return err == ERR_CANCELED || err == ERR_CLOSED ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
}

static void op_reset(struct http_stream *s, int err)
{
	struct h2_stream *st = stream_of(s);
	struct h2_server *c = st->c;

	if (st->is_over)
		return;
	st->is_over = true;
	/* What came before the break still goes out, as far as windows and socket take it. */
	if (c->stream && !c->in_session && st->out.n) {
		fill_out(c);
		write_out(c);	/* an error shows again with the next flush */
	}
	break_stream(st, code_of(err));
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
	bury_if_done(st);
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
	m.content_length = (int64_t)text.n;
	st->is_held = true;	/* for the operations below */
	op_send_head(&st->s, &m, !text.n);
	op_send_body(&st->s, text.p, text.n);
	op_send_end(&st->s, NULL);
	st->is_held = false;
	st->is_over = true;
	strbuf_fini(&text);
}

static void begin_request(struct h2_stream *st, bool end)
{
	struct h2_server *c = st->c;
	const struct h1_refusal *refusal;

	c->had_request = true;
	st->request_ended = end;
	refusal = h2_head_finish(&st->head, end);
	st->is_head = str_eq(st->head.message.method, STR("HEAD"));
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

static void end_request(struct h2_stream *st)
{
	st->request_ended = true;
	if (st->is_held && !st->is_over)
		st->s.handler->on_end(st->s.user, NULL);
}

/* ---- what nghttp2 tells ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_server *c = user;
	struct h2_stream *st;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	st = xcalloc(1, sizeof(*st));
	st->magic = H2_STREAM_MAGIC;
	st->c = c;
	st->id = frame->hd.stream_id;
	st->left = -1;
	arena_init(&st->arena);
	h2_head_init(&st->head, &st->arena);
	st->s.ops = &server_ops;
	st->s.connection = &c->connection;
	st->s.arena = &st->arena;
	list_init(&st->sent_node);
	list_add_tail(&c->streams, &st->node);
	c->open++;
	nghttp2_session_set_stream_user_data(session, st->id, st);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
		     void *user)
{
	struct h2_stream *st = stream_by_id(user, frame->hd.stream_id);

	(void)session;
	(void)flags;
	/* Request trailers are dropped. */
	if (st && frame->hd.type == NGHTTP2_HEADERS &&
	    frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2_head_add(&st->head, str_make((const char *)name, name_n),
			    str_make((const char *)value, value_n));
	return 0;
}

/* Frames that cost us more than their sender; nghttp2 counts resets and pending replies itself. */
static void count_empty(struct h2_server *c)
{
	int64_t now = loop_now_us(c->loop);
	int64_t earned = (now - c->empty_us) * H2_EMPTY_PER_SECOND / 1000000;

	if (earned > 0) {
		c->empty_us = now;
		c->empty_tokens = earned + c->empty_tokens > H2_EMPTY_BURST ? H2_EMPTY_BURST :
			(int32_t)earned + c->empty_tokens;
	}
	if (c->empty_tokens > 0)
		c->empty_tokens--;
	else
		nghttp2_session_terminate_session(c->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static int32_t *find_reset(struct h2_server *c, int32_t id)
{
	for (size_t i = 0; c->reset_ids && i < H2_RESETS_KEPT; i++)
		if (c->reset_ids[i] == id)
			return &c->reset_ids[i];
	return NULL;
}

/* The peer may not know for a while, and goes on sending. */
static void note_reset(struct h2_server *c, int32_t id)
{
	if (!c->reset_ids)
		c->reset_ids = xcalloc(H2_RESETS_KEPT, sizeof(*c->reset_ids));
	c->reset_ids[c->reset_count++ % H2_RESETS_KEPT] = id;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_server *c = user;
	struct h2_stream *st = stream_by_id(c, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		if (st && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
			begin_request(st, end);
		else if (st && end)
			end_request(st);
		break;
	case NGHTTP2_DATA:
		if (st && end)
			end_request(st);
		else if (!frame->hd.length)
			count_empty(c);
		break;
	case NGHTTP2_PING:
	case NGHTTP2_SETTINGS:
		if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
			count_empty(c);
		break;
	case NGHTTP2_PRIORITY:
		count_empty(c);
		break;
	default:
		break;
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
		   size_t n, void *user)
{
	struct h2_stream *st = stream_by_id(user, id);

	(void)flags;
	nghttp2_session_consume_connection(session, n);
	if (!st || !st->is_held || st->is_over) {	/* read off for nobody */
		nghttp2_session_consume_stream(session, id, n);
		return 0;
	}
	st->unconsumed += n;
	st->s.handler->on_body(st->s.user, p, n);
	return 0;
}

/* An early answer is complete: the rest of the request is not wanted (RFC 9113 section 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_stream *st = stream_by_id(user, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_RST_STREAM)
		note_reset(user, frame->hd.stream_id);
	if (st && !st->request_ended && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
	    (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct h2_server *c = user;
	struct h2_stream *st = stream_by_id(c, id);
	bool complete;

	(void)session;
	if (!st)
		return 0;
	st->is_closed = true;
	c->open--;
	/* What was framed is told before the end is. */
	if (st->sent_now && st->is_held && !st->is_over) {
		size_t n = st->sent_now;

		st->sent_now = 0;
		st->s.handler->on_sent(st->s.user, n);
	}
	complete = st->send_ended || (st->head_sent && st->has_no_body);
	end_stream(st, complete && code == NGHTTP2_NO_ERROR ? ERR_OK : ERR_RESET);
	bury_if_done(st);
	return 0;
}

static nghttp2_session_callbacks *new_callbacks(void)
{
	nghttp2_session_callbacks *cb;

	CHECK(!nghttp2_session_callbacks_new(&cb));
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	return cb;
}

static void new_session(struct h2_server *c)
{
	uint32_t streams = c->settings->max_streams ? c->settings->max_streams : H2_MAX_STREAMS;
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX },
	};
	nghttp2_session_callbacks *cb = new_callbacks();
	nghttp2_option *o;

	CHECK(!nghttp2_option_new(&o));
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_server_fallback_rfc7540_priorities(o, 0);
#ifdef HAVE_NGHTTP2_OPTION_SET_MAX_CONTINUATIONS
	nghttp2_option_set_max_continuations(o, H2_CONTINUATIONS_MAX);
#endif
	CHECK(!nghttp2_session_server_new2(&c->session, cb, c, o));
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(cb);
	CHECK(!nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
				       array_size(settings)));
	nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
					      H2_CONNECTION_WINDOW);
}

/* ---- frames as they come ---- */

/*
 * nghttp2 says nothing of frames on streams that are closed, which are errors (RFC 9113 section
 * 5.1) unless it is we who reset the stream and the peer may not know yet.
 */
static void judge_frame(struct h2_server *c, uint8_t type, int32_t id)
{
	int32_t *reset;

	if (id % 2 == 0 || id > nghttp2_session_get_last_proc_stream_id(c->session) ||
	    stream_by_id(c, id))
		return;
	reset = find_reset(c, id);
	if (type == NGHTTP2_RST_STREAM && reset)
		*reset = 0;	/* now it knows */
	if (type != NGHTTP2_DATA && type != NGHTTP2_HEADERS)
		return;
	if (reset)
		count_empty(c);
	else
		nghttp2_session_terminate_session(c->session, NGHTTP2_STREAM_CLOSED);
}

/* The piece of the input that ends with the frame at its beginning, or with the input. */
static size_t next_piece(struct h2_server *c, const uint8_t *p, size_t n)
{
	struct h2_input *in = &c->input;
	size_t taken = in->left < n ? in->left : n;

	in->left -= taken;
	if (taken)
		return taken;
	while (taken < n && in->have < H2_FRAME_HEAD)
		in->head[in->have++] = p[taken++];
	if (in->have < H2_FRAME_HEAD)
		return taken;
	in->have = 0;
	in->left = (size_t)in->head[0] << 16 | (size_t)in->head[1] << 8 | in->head[2];
	judge_frame(c, in->head[3], (int32_t)((in->head[5] & 0x7fu) << 24 |
		    (uint32_t)in->head[6] << 16 | (uint32_t)in->head[7] << 8 | in->head[8]));
	n = in->left < n - taken ? in->left : n - taken;
	in->left -= n;
	return taken + n;
}

/* False when it is not even HTTP/2, or a flood. */
static bool take_input(struct h2_server *c, const uint8_t *p, size_t n)
{
	while (n && c->stream) {
		size_t piece = next_piece(c, p, n);
		ssize_t rc;

		c->in_session = true;
		rc = nghttp2_session_mem_recv(c->session, p, piece);
		c->in_session = false;
		if (rc < 0)
			return false;
		p += piece;
		n -= piece;
	}
	return true;
}

/* ---- the net stream ---- */

static void on_readable(void *user)
{
	struct h2_server *c = user;
	uint8_t *scratch = loop_scratch(c->loop);

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	while (c->stream) {
		ptrdiff_t n = stream_read(c->stream, scratch, LOOP_SCRATCH_SIZE);

		if (n == ERR_AGAIN)
			break;
		if (n < 0) {
			close_connection(c, (int)n, false);
			return;
		}
		c->heard_us = loop_now_us(c->loop);
		c->pinged = false;
		if (!take_input(c, scratch, (size_t)n)) {
			if (c->stream)
				server_flush(c);
			close_connection(c, ERR_SYNTAX, false);
			return;
		}
	}
	if (!c->stream)
		return;
	arm_timer(c);
	schedule_flush(c);
}

static void on_writable(void *user)
{
	struct h2_server *c = user;

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	server_flush(c);
}

static void on_close(void *user, int err)
{
	struct h2_server *c = user;

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	close_connection(c, err, false);
}

static const struct stream_handler stream_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_close = on_close,
};

/* Idle, or perhaps dead: a peer with open streams is asked before it is given up. */
static void on_timer(struct loop_timer *t)
{
	struct h2_server *c = container_of(t, struct h2_server, timer);

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	if (!c->open) {
		nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
		server_flush(c);
		close_connection(c, ERR_TIMEOUT, false);
		return;
	}
	if (c->pinged) {
		close_connection(c, ERR_TIMEOUT, true);
		return;
	}
	c->pinged = true;
	nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
	loop_timer_arm(t, H2_PING_TIMEOUT_MS);
	schedule_flush(c);
}

struct h2_server *h2_server_new(struct loop *l, struct stream *s,
				const struct h2_server_settings *settings)
{
	struct h2_server *c = xcalloc(1, sizeof(*c));

	c->magic = H2_SERVER_MAGIC;
	c->loop = l;
	c->stream = s;
	c->settings = settings;
	c->connection.loop = l;
	c->connection.peer = *stream_peer(s);
	c->connection.local = *stream_local(s);
	c->connection.is_tls = stream_is_tls(s);
	c->connection.tls = stream_tls_peer(s);
	c->input.left = H2_PREFACE;
	c->empty_tokens = H2_EMPTY_BURST;
	c->empty_us = loop_now_us(l);
	list_init(&c->streams);
	list_init(&c->sent);
	loop_task_init(&c->flush_task, on_flush_task);
	loop_timer_init(&c->timer, l, on_timer);
	new_session(c);
	stream_set_handler(s, &stream_events, c);
	stream_set_reading(s, true);
	arm_timer(c);
	schedule_flush(c);
	return c;
}

void h2_server_drain(struct h2_server *c)
{
	if (!c->stream || c->is_draining)
		return;
	c->is_draining = true;
	nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
			      nghttp2_session_get_last_proc_stream_id(c->session),
			      NGHTTP2_NO_ERROR, NULL, 0);
	schedule_flush(c);
}

void h2_server_abort(struct h2_server *c, int err)
{
	close_connection(c, err, true);
}

struct http_connection *h2_server_connection(struct h2_server *c)
{
	return &c->connection;
}

void *h2_server_user(const struct h2_server *c)
{
	return c->user;
}

void h2_server_set_user(struct h2_server *c, void *user)
{
	c->user = user;
}
