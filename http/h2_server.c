/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the HTTP/2 server role: input, output, time limits and the end. */
#include "config.h"

#include "http/h2.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/h2_conn.h"

#define READS_PER_TURN 4	/* of LOOP_SCRATCH_SIZE: the others of the loop wait meanwhile */
/* Response heads: the upstream's may be HTTP_HEAD_MAX, and the library counts with a reserve. */
#define HEAD_SENT_MAX (2 * HTTP_HEAD_MAX)
/* Above our own limit, which is the one that answers with the right code. */
#define LIBRARY_RESETS (100 * H2_EMPTY_BURST)

void h2_schedule_flush(struct h2_server *c)
{
	if (c->stream)
		loop_task_schedule(c->loop, &c->flush_task);
}

/* Never NULL for a stream that has not ended, but for one that was refused at its begin. */
static struct h2_stream *stream_by_id(struct h2_server *c, int32_t id)
{
	return nghttp2_session_get_stream_user_data(c->session, id);
}

/* ---- the end of streams and connections ---- */

static void server_free(void *what)
{
	struct h2_server *c = what;

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	if (c->connection.auth_cache_free)
		c->connection.auth_cache_free(c->connection.auth_cache);
	nghttp2_session_del(c->session);
	h2_input_fini(&c->input);
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
void h2_bury_if_done(struct h2_stream *st)
{
	struct h2_server *c = st->c;

	if (st->is_held || !st->is_closed || st->is_buried)
		return;
	st->is_buried = true;
	c->head_bytes -= st->head_share;
	list_del(&st->node);
	list_del(&st->sent_node);
	list_del(&st->break_node);
	loop_bury(c->loop, st, h2_stream_free);
	bury_server_if_done(c);
}

static void end_connection(struct h2_server *c, int err)
{
	struct list *node, *safe;

	c->connection.tls = NULL;	/* it lived as long as the stream */
	loop_timer_cancel(&c->timer);
	list_for_each(node, safe, &c->streams) {
		struct h2_stream *st = container_of(node, struct h2_stream, node);

		if (!st->is_closed) {
			st->is_closed = true;
			nghttp2_session_set_stream_user_data(c->session, st->id, NULL);
		}
	}
	/* A user may let go of any stream while it is told of one: the walk begins again. */
	for (node = c->streams.next; node != &c->streams;) {
		struct h2_stream *st = container_of(node, struct h2_stream, node);
		bool told = st->is_over || !st->is_held;

		h2_stream_tell_closed(st, err);
		node = told ? node->next : c->streams.next;
		if (told)
			h2_bury_if_done(st);
	}
	bury_server_if_done(c);
}

enum how { GENTLY, LINGERING, ABRUPTLY };

static void close_connection(struct h2_server *c, int err, enum how how)
{
	struct stream *stream = c->stream;

	if (!stream)
		return;
	c->stream = NULL;
	if (how == ABRUPTLY)
		stream_abort(stream);
	else if (how == LINGERING)
		stream_close_lingering(stream);
	else
		stream_close(stream);
	end_connection(c, err);
}

/* The peer broke a rule that nghttp2 does not know: GOAWAY, and nothing more is read. */
static void refuse_peer(struct h2_server *c, uint32_t code)
{
	if (c->is_refused)
		return;
	c->is_refused = true;
	nghttp2_session_terminate_session(c->session, code);
	h2_schedule_flush(c);
}

static void spend(struct h2_server *c)
{
	if (!h2_input_spend(&c->input, loop_now_us(c->loop)))
		refuse_peer(c, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* ---- time ---- */

static int64_t after(int64_t us, int64_t ms)
{
	return us + ms * 1000;
}

/* When on_timer must look again, at the latest. */
static int64_t next_due(const struct h2_server *c)
{
	int64_t due, other;

	if (!c->open)
		due = after(c->idle_us, c->had_request ? H2_IDLE_TIMEOUT_MS : H2_HEAD_TIMEOUT_MS);
	else if (c->is_pinged)
		due = after(c->pinged_us, H2_PING_TIMEOUT_MS);
	else
		due = after(c->heard_us, H2_PING_IDLE_MS);
	if (c->is_in_head && (other = after(c->head_us, H2_HEAD_TIMEOUT_MS)) < due)
		due = other;
	if (c->is_blocked && (other = after(c->blocked_us, H2_SEND_TIMEOUT_MS)) < due)
		due = other;
	return due;
}

/* One that fires too early finds nothing to do, and costs less than arming for each frame. */
static void ensure_timer(struct h2_server *c)
{
	int64_t due = next_due(c);
	int64_t ms = (due - loop_now_us(c->loop) + 999) / 1000;

	if (c->stream && (!c->timer.armed || c->timer.due_us > due))
		loop_timer_arm(&c->timer, ms > 0 ? ms : 0);
}

/* Answers that are complete and that the peer does not take. */
static void break_stalled(struct h2_server *c, int64_t now)
{
	struct list *node, *safe;

	list_for_each(node, safe, &c->streams) {
		struct h2_stream *st = container_of(node, struct h2_stream, node);

		if (st->send_ended && now >= after(st->moved_us, H2_SEND_TIMEOUT_MS))
			h2_stream_break(st, NGHTTP2_CANCEL);
	}
}

static void server_flush(struct h2_server *c);

/* With GOAWAY, if the socket takes it. */
static void end_in_time(struct h2_server *c, uint32_t code)
{
	nghttp2_session_terminate_session(c->session, code);
	server_flush(c);
	close_connection(c, ERR_TIMEOUT, GENTLY);
}

/* Idle, or perhaps dead: a peer with open streams is asked before it is given up. */
static void on_timer(struct loop_timer *t)
{
	struct h2_server *c = container_of(t, struct h2_server, timer);
	int64_t now = loop_now_us(c->loop);

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	if (c->is_blocked && now >= after(c->blocked_us, H2_SEND_TIMEOUT_MS)) {
		close_connection(c, ERR_TIMEOUT, ABRUPTLY);
	} else if (c->is_in_head && now >= after(c->head_us, H2_HEAD_TIMEOUT_MS)) {
		end_in_time(c, NGHTTP2_ENHANCE_YOUR_CALM);
	} else if (!c->open && now >= next_due(c)) {
		end_in_time(c, NGHTTP2_NO_ERROR);
	} else if (c->open && c->is_pinged && now >= after(c->pinged_us, H2_PING_TIMEOUT_MS)) {
		close_connection(c, ERR_TIMEOUT, ABRUPTLY);
	} else {
		if (c->open && !c->is_pinged && now >= after(c->heard_us, H2_PING_IDLE_MS)) {
			c->is_pinged = true;
			c->pinged_us = now;
			nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
		}
		break_stalled(c, now);
		h2_schedule_flush(c);
		ensure_timer(c);
	}
}

/* ---- output ---- */

/* Those that ended meanwhile are done when all that was framed up to now is written. */
static void seal_done(struct h2_server *c)
{
	for (struct list *node = c->done.prev; node != &c->done; node = node->prev) {
		struct h2_stream *st = container_of(node, struct h2_stream, sent_node);

		if (st->done_at)
			return;
		st->done_at = c->framed;
	}
}

/* Takes frames from nghttp2 up to H2_OUT_MAX; an error of the library is the connection's end. */
static int fill_out(struct h2_server *c)
{
	const uint8_t *p;
	ssize_t n = 0;

	c->in_session = true;
	while (c->stream && c->out.n - c->out_at < H2_OUT_MAX) {
		n = nghttp2_session_mem_send(c->session, &p);
		if (n <= 0)
			break;
		if (!c->out.p)
			strbuf_reserve(&c->out, 1023);
		strbuf_add(&c->out, p, (size_t)n);
		c->framed += (uint64_t)n;
	}
	c->in_session = false;
	seal_done(c);
	return n < 0 ? ERR_IO : 0;
}

/* ERR_OK, ERR_AGAIN when the socket is full, or a stream error. */
static int write_out(struct h2_server *c)
{
	while (c->out_at < c->out.n) {
		ptrdiff_t n = stream_write(c->stream, c->out.p + c->out_at, c->out.n - c->out_at);

		if (n < 0 && n == ERR_AGAIN && !c->is_blocked) {
			c->is_blocked = true;
			c->blocked_us = loop_now_us(c->loop);
		}
		if (n < 0)
			return (int)n;
		c->is_blocked = false;
		c->out_at += (size_t)n;
		c->written += (uint64_t)n;
	}
	strbuf_fini(&c->out);
	c->out_at = 0;
	return ERR_OK;
}

/* What was framed so far is out of the streams: now they may break. */
static bool reset_breaking(struct h2_server *c)
{
	bool any = !list_is_empty(&c->breaking);
	struct list *node;

	while ((node = list_pop(&c->breaking))) {
		struct h2_stream *st = container_of(node, struct h2_stream, break_node);

		nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, st->id, st->break_code);
	}
	return any;
}

/* Frames on their way to the socket count as sent: there are never more than H2_OUT_MAX bytes. */
static void tell_users(struct h2_server *c)
{
	struct list *node;

	while ((node = list_pop(&c->sent)))
		h2_stream_tell_sent(container_of(node, struct h2_stream, sent_node));
	while (c->stream && (node = c->done.next) != &c->done) {
		struct h2_stream *st = container_of(node, struct h2_stream, sent_node);

		if (st->done_at > c->written)
			return;
		list_del(node);
		h2_stream_tell_closed(st, ERR_OK);
		h2_bury_if_done(st);
	}
}

static bool is_clogged(const struct h2_server *c)
{
	return nghttp2_session_get_outbound_queue_size(c->session) > H2_QUEUE_MAX;
}

/* A peer that takes nothing is not listened to either, and one that was refused never again. */
static void settle_reading(struct h2_server *c)
{
	bool pause = c->is_refused || (c->is_blocked && is_clogged(c));

	if (pause == c->is_paused)
		return;
	c->is_paused = pause;
	stream_set_reading(c->stream, !pause);
}

static void server_flush(struct h2_server *c)
{
	uint64_t before;
	bool more;
	int rc;

	do {
		before = c->framed + c->written;
		rc = fill_out(c);
		if (!rc && c->stream)
			rc = write_out(c);
		if (rc && rc != ERR_AGAIN)
			close_connection(c, rc, ABRUPTLY);
		if (!c->stream)
			return;
		more = reset_breaking(c) || c->framed + c->written != before;
		tell_users(c);
	} while (c->stream && !rc && more && nghttp2_session_want_write(c->session));
	if (!c->stream)
		return;
	if (!rc && !nghttp2_session_want_read(c->session)) {
		close_connection(c, ERR_CLOSED, LINGERING);
		return;
	}
	settle_reading(c);
	ensure_timer(c);
}

static void on_flush_task(struct loop_task *t)
{
	struct h2_server *c = container_of(t, struct h2_server, flush_task);

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	if (c->stream)
		server_flush(c);
}

/* ---- what nghttp2 tells ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_server *c = user;
	int32_t id = frame->hd.stream_id;
	struct h2_stream *st;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	st = h2_stream_new(c, id);
	if (!st) {
		h2_input_note_reset(&c->input, id);
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
		return 0;
	}
	c->open++;
	nghttp2_session_set_stream_user_data(session, id, st);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
		     void *user)
{
	struct h2_server *c = user;
	struct h2_stream *st = stream_by_id(c, frame->hd.stream_id);

	(void)session;
	(void)flags;
	c->decoded += name_n + value_n + H2_FIELD_OVERHEAD;
	if (c->decoded > H2_HEAD_DECODED_MAX)
		refuse_peer(c, NGHTTP2_ENHANCE_YOUR_CALM);
	/* Request trailers are dropped. */
	else if (st && frame->hd.type == NGHTTP2_HEADERS &&
		 frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2_stream_add_field(st, str_make((const char *)name, name_n),
				    str_make((const char *)value, value_n));
	return c->is_refused ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

/* Frames that cost us more than their sender; nghttp2 bounds what waits to be acknowledged. */
static void count_frame(struct h2_server *c, const nghttp2_frame *frame)
{
	bool ack = frame->hd.flags & NGHTTP2_FLAG_ACK;

	switch (frame->hd.type) {
	case NGHTTP2_DATA:
		if (frame->hd.length == frame->data.padlen &&
		    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			spend(c);
		break;
	case NGHTTP2_PING:
	case NGHTTP2_SETTINGS:
		if (!ack)
			spend(c);
		break;
	case NGHTTP2_RST_STREAM:
	case NGHTTP2_PRIORITY:
		spend(c);
		break;
	default:
		break;
	}
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_server *c = user;
	struct h2_stream *st = stream_by_id(c, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	(void)session;
	count_frame(c, frame);
	if (!st || c->is_refused)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		c->had_request = true;
		h2_stream_begin(st, end);
	} else if (end && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
		h2_stream_end_request(st);
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
		   size_t n, void *user)
{
	struct h2_stream *st = stream_by_id(user, id);

	(void)flags;
	nghttp2_session_consume_connection(session, n);
	if (st)
		h2_stream_take_body(st, p, n);
	else
		nghttp2_session_consume_stream(session, id, n);
	return 0;
}

/* An early answer is complete: the rest of the request is not wanted (RFC 9113 section 8.1). */
static void note_end_framed(struct h2_stream *st)
{
	st->end_framed = true;
	if (!st->request_ended)
		nghttp2_submit_rst_stream(st->c->session, NGHTTP2_FLAG_NONE, st->id,
					  NGHTTP2_NO_ERROR);
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_server *c = user;
	struct h2_stream *st = stream_by_id(c, frame->hd.stream_id);

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_RST_STREAM:
		h2_input_note_reset(&c->input, frame->hd.stream_id);
		/* The peer may have provoked it, to be rid of the bound of open streams. */
		if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
			spend(c);
		break;
	case NGHTTP2_GOAWAY:
		c->is_refused = c->is_refused || frame->goaway.error_code != NGHTTP2_NO_ERROR;
		break;
	case NGHTTP2_DATA:
	case NGHTTP2_HEADERS:
		if (st && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
			note_end_framed(st);
		break;
	default:
		break;
	}
	return 0;
}

/* A head that is too large to be sent, for one. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error,
			     void *user)
{
	struct h2_stream *st = stream_by_id(user, frame->hd.stream_id);

	(void)session;
	(void)error;
	if (st && frame->hd.type == NGHTTP2_HEADERS)
		h2_stream_break(st, NGHTTP2_INTERNAL_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct h2_server *c = user;
	struct h2_stream *st = stream_by_id(c, id);

	(void)session;
	(void)code;
	if (!st)
		return 0;
	st->is_closed = true;
	if (!--c->open)
		c->idle_us = loop_now_us(c->loop);
	list_del(&st->break_node);
	list_del(&st->sent_node);
	/* What was framed is told before the end is. */
	h2_stream_tell_sent(st);
	if (!c->stream)
		return 0;
	if (st->end_framed && !st->is_buried) {
		list_add_tail(&c->done, &st->sent_node);
		h2_schedule_flush(c);
		return 0;
	}
	h2_stream_tell_closed(st, ERR_RESET);
	h2_bury_if_done(st);
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
	nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	return cb;
}

static nghttp2_option *new_options(void)
{
	nghttp2_option *o;

	CHECK(!nghttp2_option_new(&o));
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_server_fallback_rfc7540_priorities(o, 0);
	nghttp2_option_set_max_send_header_block_length(o, HEAD_SENT_MAX);
#ifdef HAVE_NGHTTP2_OPTION_SET_MAX_CONTINUATIONS
	nghttp2_option_set_max_continuations(o, H2_CONTINUATIONS_MAX + 1);
#endif
#ifdef HAVE_NGHTTP2_OPTION_SET_STREAM_RESET_RATE_LIMIT
	nghttp2_option_set_stream_reset_rate_limit(o, LIBRARY_RESETS, LIBRARY_RESETS);
#endif
	return o;
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
	nghttp2_option *o = new_options();

	CHECK(!nghttp2_session_server_new2(&c->session, cb, c, o));
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(cb);
	CHECK(!nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
				       array_size(settings)));
	nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
					      H2_CONNECTION_WINDOW);
}

/* ---- input ---- */

/*
 * nghttp2 says nothing of frames on streams that are closed, which are errors (RFC 9113 section
 * 5.1) unless it is we who reset the stream and the peer may not know yet.
 */
static void judge_frame(struct h2_server *c, const struct h2_frame *f)
{
	if (c->input.continuations > H2_CONTINUATIONS_MAX) {
		refuse_peer(c, NGHTTP2_ENHANCE_YOUR_CALM);
		return;
	}
	if (f->id % 2 == 0 || f->id > nghttp2_session_get_last_proc_stream_id(c->session) ||
	    stream_by_id(c, f->id))
		return;
	if (f->type == NGHTTP2_RST_STREAM)
		h2_input_forget_reset(&c->input, f->id);
	if (f->type != NGHTTP2_DATA && f->type != NGHTTP2_HEADERS)
		return;
	if (h2_input_was_reset(&c->input, f->id))
		spend(c);
	else
		refuse_peer(c, NGHTTP2_STREAM_CLOSED);
}

static void note_head(struct h2_server *c)
{
	bool in_head = h2_input_is_in_head(&c->input);

	if (in_head && !c->is_in_head)
		c->head_us = c->had_request ? loop_now_us(c->loop) : c->idle_us;
	if (!in_head)
		c->decoded = 0;
	c->is_in_head = in_head;
}

static void take_input(struct h2_server *c, const uint8_t *p, size_t n)
{
	while (n && c->stream && !c->is_refused) {
		struct h2_frame frame;
		bool begins;
		size_t piece = h2_input_piece(&c->input, p, n, &frame, &begins);
		ssize_t rc;

		if (begins)
			judge_frame(c, &frame);
		if (c->is_refused)
			return;
		c->in_session = true;
		rc = nghttp2_session_mem_recv(c->session, p, piece);
		c->in_session = false;
		if (rc < 0)	/* no HTTP/2 at all, or more to acknowledge than it keeps */
			refuse_peer(c, rc == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM :
				    NGHTTP2_PROTOCOL_ERROR);
		note_head(c);
		p += piece;
		n -= piece;
	}
}

/* ---- the net stream ---- */

static void on_readable(void *user)
{
	struct h2_server *c = user;
	uint8_t *scratch = loop_scratch(c->loop);

	CHECK_MAGIC(c, H2_SERVER_MAGIC);
	for (int i = 0; i < READS_PER_TURN && c->stream && !c->is_paused; i++) {
		ptrdiff_t n = stream_read(c->stream, scratch, LOOP_SCRATCH_SIZE);

		if (n == ERR_AGAIN)
			break;
		if (n < 0) {
			close_connection(c, (int)n, GENTLY);
			return;
		}
		c->heard_us = loop_now_us(c->loop);
		c->is_pinged = false;
		take_input(c, scratch, (size_t)n);
		if (c->stream && (c->is_refused || is_clogged(c)))
			server_flush(c);
	}
	if (!c->stream)
		return;
	ensure_timer(c);
	h2_schedule_flush(c);
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
	close_connection(c, err, GENTLY);
}

static const struct stream_handler stream_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_close = on_close,
};

/* ---- the owner's operations ---- */

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
	c->heard_us = c->idle_us = loop_now_us(l);
	h2_input_init(&c->input, c->heard_us);
	list_init(&c->streams);
	list_init(&c->sent);
	list_init(&c->breaking);
	list_init(&c->done);
	loop_task_init(&c->flush_task, on_flush_task);
	loop_timer_init(&c->timer, l, on_timer);
	new_session(c);
	stream_set_handler(s, &stream_events, c);
	stream_set_reading(s, true);
	ensure_timer(c);
	h2_schedule_flush(c);
	return c;
}

void h2_server_trust(struct h2_server *c)
{
	c->is_known = true;
}

void h2_server_drain(struct h2_server *c)
{
	if (!c->stream || c->is_draining)
		return;
	c->is_draining = true;
	nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
			      nghttp2_session_get_last_proc_stream_id(c->session),
			      NGHTTP2_NO_ERROR, NULL, 0);
	h2_schedule_flush(c);
}

bool h2_server_is_idle(const struct h2_server *c)
{
	return list_is_empty(&c->streams) && c->out_at == c->out.n;
}

void h2_server_abort(struct h2_server *c, int err)
{
	bool is_idle = h2_server_is_idle(c) && !c->in_session;

	if (c->stream && is_idle) {
		nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
		server_flush(c);
	}
	close_connection(c, err, is_idle ? GENTLY : ABRUPTLY);
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
