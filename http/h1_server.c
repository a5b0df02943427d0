/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server role.  A connection goes through requests one by one:
 *
 *	head -> accept() -> body and response, in any order -> both done -> release() -> next head
 *
 * The stream that the user holds is part of the connection, which lives until the user let go of
 * it.  Bytes that come behind a request wait in `ahead`; reading pauses meanwhile, and the net
 * stream still reports that the client went away.
 */
#include "config.h"

#include "http/h1.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/date.h"
#include "http/h1_out.h"
#include "http/h1_reader.h"

#define H1_SERVER_MAGIC 0x68317376u

/* read_room() bounds what is read into the loop's scratch buffer. */
_Static_assert(HTTP_WINDOW <= LOOP_SCRATCH_SIZE && H1_PIPELINE_MAX <= LOOP_SCRATCH_SIZE,
	       "one read fits into the scratch buffer");

struct h1_server {
	unsigned magic;
	struct loop *loop;		/* borrowed */
	struct stream *stream;		/* owned; NULL once the connection is gone */
	const struct h1_server_settings *settings;	/* borrowed */
	void *user;
	struct http_connection connection;
	struct h1_reader reader;
	struct h1_out out;
	struct strbuf ahead;		/* owned: pipelined bytes, at most H1_PIPELINE_MAX */
	struct loop_task flush_task;
	struct loop_task next_task;
	struct loop_timer timer;	/* head, idle, discarding; at the end of an exchange */
	bool is_open;			/* the handshake is done */
	bool is_draining;
	bool is_paused;			/* reading */
	bool close_when_sent;
	bool is_buried;
	bool timer_is_idle;		/* the timer runs for a request that has not begun */

	/* The exchange. */
	struct http_stream s;
	struct arena arena;
	bool is_held;			/* by the user, from accept() to release() */
	bool is_over;			/* no callback comes any more */
	bool head_sent, send_ended;
	bool is_head, is_http10, wants_trailers, continue_pending;
	bool is_chunked, has_no_body, close_after;
	bool asked_upgrade;
	bool is_tunnel;			/* 101 was sent: no framing any more */
	bool input_ended;		/* the client's half of the tunnel */
	size_t head_share;		/* of head_bytes */
	int64_t left;			/* body bytes owed by Content-Length, -1: not counted */
	size_t unconsumed;		/* request body bytes in the user's hands */
	uint64_t received;		/* request body bytes so far */
	size_t discarded;		/* bytes read off for nobody */
	int failure;			/* to be reported by the next flush */
};

static struct h1_server *server_of(struct http_stream *s)
{
	struct h1_server *c = container_of(s, struct h1_server, s);

	CHECK_MAGIC(c, H1_SERVER_MAGIC);
	return c;
}

/* ---- the end of a connection ---- */

/* Bytes of large incomplete heads in the whole process: nobody needs to be known to send one. */
static atomic_size_t head_bytes;

static void server_free(void *what)
{
	struct h1_server *c = what;

	CHECK_MAGIC(c, H1_SERVER_MAGIC);
	atomic_fetch_sub_explicit(&head_bytes, c->head_share, memory_order_relaxed);
	if (c->connection.auth_cache_free)
		c->connection.auth_cache_free(c->connection.auth_cache);
	h1_reader_fini(&c->reader);
	h1_out_fini(&c->out);
	strbuf_fini(&c->ahead);
	arena_fini(&c->arena);
	loop_timer_fini(&c->timer);
	c->magic = 0;
	free(c);
}

/* Frees the connection once neither stream nor user holds it. */
static void bury_if_done(struct h1_server *c)
{
	if (c->stream || c->is_held || c->is_buried)
		return;
	c->is_buried = true;
	loop_task_cancel(&c->flush_task);
	loop_task_cancel(&c->next_task);
	loop_timer_cancel(&c->timer);
	if (c->settings->on_gone)
		c->settings->on_gone(c->settings->arg, c);
	loop_bury(c->loop, c, server_free);
}

/* Tells the user that the exchange is over; the user may release it inside. */
static void end_exchange(struct h1_server *c, int err)
{
	if (!c->is_held || c->is_over)
		return;
	c->is_over = true;
	c->s.handler->on_closed(c->s.user, err);
}

/* The net stream was given up. */
static void end_connection(struct h1_server *c, int err)
{
	c->connection.tls = NULL;	/* it lived as long as the stream */
	h1_out_fini(&c->out);
	loop_timer_cancel(&c->timer);
	end_exchange(c, err);		/* the user may release it inside: buried once, then */
	bury_if_done(c);
}

static void close_connection(struct h1_server *c, int err, bool abruptly)
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

static void set_reading(struct h1_server *c, bool on)
{
	if (c->is_paused != on)
		return;
	c->is_paused = !on;
	stream_set_reading(c->stream, on);
}

static void arm_timer(struct h1_server *c, int64_t ms)
{
	c->timer_is_idle = ms == H1_IDLE_TIMEOUT_MS;
	loop_timer_arm(&c->timer, ms);
}

/* Whether the client may still send; a RST over that could take what was sent to it last. */
static bool has_unread(const struct h1_server *c)
{
	if (c->is_tunnel)
		return true;
	return (c->reader.phase != H1_COMPLETE || c->ahead.n) && !h1_reader_is_fresh(&c->reader);
}

/* Closes after the last answer, so that a client that still sends can read it. */
static void close_softly(struct h1_server *c)
{
	struct stream *stream = c->stream;

	if (has_unread(c)) {
		c->stream = NULL;
		stream_close_lingering(stream);
		end_connection(c, ERR_CLOSED);
		return;
	}
	close_connection(c, ERR_CLOSED, false);
}

/* ---- output ---- */

static void server_flush(struct h1_server *c)
{
	bool wrote = false;
	size_t sent;
	int rc;

	if (c->failure) {
		close_connection(c, c->failure, true);
		return;
	}
	rc = h1_out_flush(&c->out, c->stream, &sent, &wrote);
	if (sent && c->is_held && !c->is_over)
		c->s.handler->on_sent(c->s.user, sent);
	if (!c->stream)
		return;
	if (rc && rc != ERR_AGAIN) {
		close_connection(c, rc, true);
		return;
	}
	if (!h1_out_is_empty(&c->out)) {
		if (c->send_ended && (wrote || !c->timer.armed))
			arm_timer(c, H1_SEND_TIMEOUT_MS);
		return;
	}
	if (c->close_when_sent) {
		c->close_when_sent = false;
		close_softly(c);
	} else if (c->send_ended) {
		loop_timer_cancel(&c->timer);
		end_exchange(c, ERR_OK);
	}
}

static void on_flush_task(struct loop_task *t)
{
	struct h1_server *c = container_of(t, struct h1_server, flush_task);

	CHECK_MAGIC(c, H1_SERVER_MAGIC);
	if (c->stream)
		server_flush(c);
}

static void schedule_flush(struct h1_server *c)
{
	loop_task_schedule(c->loop, &c->flush_task);
}

/* Our own mistake or an unwritable field: the client sees a broken connection. */
static void fail(struct h1_server *c, int err)
{
	c->failure = err;
	schedule_flush(c);
}

/* ---- refusals ---- */

/* The shapes of spec 00 section 1; none of them reached the user. */
static void write_refusal(struct h1_server *c, const struct h1_refusal *r)
{
	struct str date = http_date(loop_clock(c->loop));
	const char *text = http_status_text(r->status), *glue = r->detail ? ": " : "";
	const char *detail = r->detail ? r->detail : "";
	char line[256];
	int n;

	if (r->body && !*r->body)
		n = snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\nConnection: close\r\n"
			     "Date: %.*s\r\nContent-Length: 0\r\n\r\n", r->status, text,
			     STR_ARG(date));
	else
		n = snprintf(line, sizeof(line), "HTTP/1.1 %d %s%s%s\r\n"
			     "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n",
			     r->status, text, glue, detail);
	h1_out_add_framing(&c->out, line, (size_t)n);
	if (r->body)
		n = snprintf(line, sizeof(line), "%s", r->body);
	else
		n = snprintf(line, sizeof(line), "%d %s%s%s", r->status, text, glue, detail);
	h1_out_add_framing(&c->out, line, (size_t)n);
}

/* A malformed head, or a body whose framing broke: an answer if there is none yet, and the end. */
static void refuse(struct h1_server *c, bool in_head)
{
	const struct h1_refusal *r = h1_refuse(&c->reader.head, false);
	bool unanswered = in_head || (c->is_held && !c->is_over && !c->head_sent);

	CHECK(r);
	if (!unanswered) {
		close_connection(c, ERR_SYNTAX, true);
		return;
	}
	write_refusal(c, r);
	c->close_when_sent = true;
	arm_timer(c, H1_HEAD_TIMEOUT_MS);
	schedule_flush(c);
	end_exchange(c, ERR_SYNTAX);
}

/* ---- input ---- */

static void begin_exchange(struct h1_server *c, struct http_message *m)
{
	c->is_held = true;
	c->is_over = c->head_sent = c->send_ended = false;
	c->is_head = str_eq(m->method, STR("HEAD"));
	c->is_http10 = m->is_http10;
	c->wants_trailers = http_field_has_token(&m->headers, HTTP_TE, STR("trailers"));
	c->continue_pending = m->expect_continue;
	c->asked_upgrade = m->is_upgrade;
	c->is_chunked = c->has_no_body = c->is_tunnel = c->input_ended = false;
	c->close_after = m->is_http10 || c->is_draining ||
		http_field_has_token(&m->headers, HTTP_CONNECTION, STR("close"));
	c->left = -1;
	c->unconsumed = c->discarded = 0;
	c->received = 0;
	c->s.handler = NULL;
	c->s.user = NULL;
}

static void accept_asterisk(struct h1_server *c);

static void on_request(struct h1_server *c)
{
	struct http_message *m = &c->reader.message;

	loop_timer_cancel(&c->timer);
	begin_exchange(c, m);
	if (str_eq(m->target, STR("*")))	/* OPTIONS: all else was refused */
		accept_asterisk(c);
	else
		c->settings->accept(c->settings->arg, &c->s, m, !m->has_body);
	CHECK(c->is_over || c->s.handler);
}

static void on_request_body(struct h1_server *c, struct str body)
{
	c->received += body.n;
	c->continue_pending = false;
	if (c->is_held && !c->is_over) {
		c->unconsumed += body.n;
		c->s.handler->on_body(c->s.user, body.p, body.n);
		return;
	}
	c->discarded += body.n;
	if (c->discarded > H1_DISCARD_MAX)
		close_softly(c);
}

static void on_request_end(struct h1_server *c)
{
	if (c->is_held && !c->is_over)
		c->s.handler->on_end(c->s.user, NULL);
	else if (!c->is_held)
		loop_task_schedule(c->loop, &c->next_task);
}

/* Takes bytes through the reader; false when the connection is gone or the message complete. */
static bool input_step(struct h1_server *c, struct str *in)
{
	bool in_head = c->reader.phase == H1_HEAD;
	struct str body = STR_NULL;

	switch (h1_reader_next(&c->reader, in, &body)) {
	case H1_MORE:
		return false;
	case H1_GOT_HEAD:
		on_request(c);
		break;
	case H1_GOT_BODY:
		on_request_body(c, body);
		break;
	case H1_GOT_END:
		on_request_end(c);
		break;
	case H1_GOT_FAULT:
		refuse(c, in_head);
		return false;
	}
	return c->stream && c->reader.phase != H1_COMPLETE;
}

/* Keeps the count up to date with this connection's share; false beyond the budget. */
static bool account_head(struct h1_server *c, size_t n)
{
	size_t share = n > H1_HEAD_SMALL ? n : 0, total;

	if (share == c->head_share)
		return true;
	total = atomic_fetch_add_explicit(&head_bytes, share - c->head_share,
					  memory_order_relaxed) + share - c->head_share;
	c->head_share = share;
	return total <= H1_HEADS_MAX;
}

static void tunnel_input(struct h1_server *c, struct str in)
{
	if (!c->is_held || c->is_over || !in.n)
		return;
	c->unconsumed += in.n;
	c->s.handler->on_body(c->s.user, in.p, in.n);
}

static void server_input(struct h1_server *c, struct str in)
{
	if (c->is_tunnel) {
		tunnel_input(c, in);
		return;
	}
	while (c->reader.phase != H1_COMPLETE && input_step(c, &in))
		;
	if (!c->stream)
		return;
	if (in.n && c->reader.phase == H1_COMPLETE)
		strbuf_add_str(&c->ahead, in);
	if (!account_head(c, c->reader.phase == H1_HEAD ? c->reader.pending.n : 0)) {
		close_connection(c, ERR_LIMIT, true);
		return;
	}
	if (c->reader.phase == H1_HEAD && c->reader.pending.n &&
	    (!c->timer.armed || c->timer_is_idle))
		arm_timer(c, H1_HEAD_TIMEOUT_MS);
}

/* How much may be read now; 0 pauses reading. */
static size_t read_room(const struct h1_server *c)
{
	if (c->is_tunnel && c->is_held)		/* what came ahead goes first */
		return c->is_over || c->ahead.n ? 0 : HTTP_WINDOW - c->unconsumed;
	switch (c->reader.phase) {
	case H1_HEAD:
		return LOOP_SCRATCH_SIZE;
	case H1_BODY:
	case H1_TRAILERS:
		return c->is_held && !c->is_over ? HTTP_WINDOW - c->unconsumed : LOOP_SCRATCH_SIZE;
	case H1_COMPLETE:
		return H1_PIPELINE_MAX - c->ahead.n;
	case H1_DEAD:
		break;
	}
	return 0;
}

/*
 * Nothing more comes.  In a tunnel the user hears of the end and passes on what came before; a
 * server that takes nothing of it is not waited for.
 */
static void end_input(struct h1_server *c, int err)
{
	if (!c->is_tunnel || !c->is_held || c->is_over || err != ERR_CLOSED) {
		close_connection(c, err, false);
		return;
	}
	c->input_ended = true;
	arm_timer(c, H1_SEND_TIMEOUT_MS);
	c->s.handler->on_end(c->s.user, NULL);
}

static void on_readable(void *user)
{
	struct h1_server *c = user;
	char *scratch = loop_scratch(c->loop);

	CHECK_MAGIC(c, H1_SERVER_MAGIC);
	while (c->stream) {
		size_t room = read_room(c);
		ptrdiff_t n;

		if (!room) {
			set_reading(c, false);
			return;
		}
		n = stream_read(c->stream, scratch, room);
		if (n == ERR_AGAIN)
			return;
		if (n < 0) {
			end_input(c, (int)n);
			return;
		}
		server_input(c, str_make(scratch, (size_t)n));
	}
}

/* ---- between two requests ---- */

static void next_request(struct h1_server *c)
{
	struct strbuf ahead = c->ahead;

	arena_fini(&c->arena);
	h1_reader_reset(&c->reader);
	c->send_ended = false;
	c->ahead = STRBUF_INIT;
	if (ahead.n)
		server_input(c, strbuf_str(&ahead));
	strbuf_fini(&ahead);
	if (!c->stream)
		return;
	if (h1_reader_is_fresh(&c->reader))
		arm_timer(c, H1_IDLE_TIMEOUT_MS);
	if (read_room(c))
		set_reading(c, true);
}

/* A tunnel begins with what the client sent before it knew. */
static void take_ahead(struct h1_server *c)
{
	struct strbuf ahead = c->ahead;

	c->ahead = STRBUF_INIT;
	tunnel_input(c, strbuf_str(&ahead));
	strbuf_fini(&ahead);
	if (c->stream && read_room(c))
		set_reading(c, true);
}

/* The user let go of an exchange: close, read the rest of the request off, or go on. */
static void on_next_task(struct loop_task *t)
{
	struct h1_server *c = container_of(t, struct h1_server, next_task);

	CHECK_MAGIC(c, H1_SERVER_MAGIC);
	if (c->stream && c->is_tunnel && c->is_held) {
		take_ahead(c);
		return;
	}
	if (!c->stream || c->is_held || c->close_when_sent)
		return;
	if (c->close_after || c->is_draining) {
		close_softly(c);
	} else if (c->reader.phase != H1_COMPLETE) {
		arm_timer(c, H1_HEAD_TIMEOUT_MS);
		set_reading(c, true);
	} else {
		next_request(c);
	}
}

/* ---- the user's operations ---- */

/* Whether so much of the request is still to come that reading it off is not worth while. */
static bool request_is_too_long(const struct h1_server *c)
{
	const struct http_message *m = &c->reader.message;

	if (c->reader.phase == H1_COMPLETE)
		return false;
	if (c->continue_pending)	/* the client may or may not send the body now */
		return true;
	return m->content_length >= 0 &&
	       (uint64_t)m->content_length - c->received > H1_DISCARD_MAX;
}

/* Chooses how the end of the response's body is told; writes the fields that tell it. */
static void add_framing_fields(struct h1_server *c, const struct http_message *m, bool end)
{
	bool may_have_length = m->status != 204;
	int64_t length = m->content_length;

	c->has_no_body = c->is_head || m->status == 204 || m->status == 304;
	if (end && !c->has_no_body && length < 0)
		length = 0;
	c->left = c->has_no_body ? -1 : length;
	if (may_have_length && length >= 0) {
		h1_out_add_content_length(&c->out, (uint64_t)length);
	} else if (!c->has_no_body && !c->is_http10) {
		c->is_chunked = true;
		h1_out_add_framing(&c->out, "Transfer-Encoding: chunked\r\n", 28);
	} else if (!c->has_no_body) {
		c->close_after = true;
	}
	if (c->close_after && !c->is_http10)
		h1_out_add_framing(&c->out, "Connection: close\r\n", 19);
	h1_out_add_framing(&c->out, "\r\n", 2);
}

static bool add_status_line(struct h1_server *c, const struct http_message *m)
{
	h1_out_add_status_line(&c->out, c->is_http10 ? 0 : 1, m->status);
	return h1_out_add_fields(&c->out, &m->headers);
}

/* The request is complete, or its body would be taken for the tunnel's first bytes. */
static void begin_tunnel(struct h1_server *c, const struct http_message *m)
{
	if (c->is_http10 || c->reader.phase != H1_COMPLETE || !add_status_line(c, m)) {
		fail(c, ERR_SYNTAX);
		return;
	}
	h1_out_add_upgrade(&c->out, m->upgrade);
	h1_out_add_framing(&c->out, "\r\n", 2);
	c->head_sent = c->is_tunnel = c->close_after = true;
	c->left = -1;
	stream_keep_unread(c->stream);
	schedule_flush(c);
	loop_task_schedule(c->loop, &c->next_task);
}

static void send_informational(struct h1_server *c, const struct http_message *m)
{
	if (m->status == 101) {
		begin_tunnel(c, m);
		return;
	}
	if (c->is_http10)
		return;
	if (m->status == 100)
		c->continue_pending = false;
	if (!add_status_line(c, m)) {
		fail(c, ERR_SYNTAX);
		return;
	}
	h1_out_add_framing(&c->out, "\r\n", 2);
	schedule_flush(c);
}

static void finish_sending(struct h1_server *c)
{
	if (c->left > 0) {		/* shorter than announced: must not look complete */
		fail(c, ERR_RESET);
		return;
	}
	c->send_ended = true;
	schedule_flush(c);
}

static bool can_send(const struct h1_server *c)
{
	return c->stream && c->is_held && !c->is_over && !c->failure && !c->send_ended;
}

static void op_send_head(struct http_stream *s, const struct http_message *m, bool end)
{
	struct h1_server *c = server_of(s);

	if (!can_send(c) || c->head_sent)
		return;
	if (m->status >= 100 && m->status < 200) {
		send_informational(c, m);
		return;
	}
	c->head_sent = true;
	/* What came ahead was meant for the tunnel that was not granted: it is no request. */
	c->close_after = c->close_after || c->is_draining || request_is_too_long(c) ||
			 (c->asked_upgrade && c->ahead.n);
	if (!add_status_line(c, m)) {
		fail(c, ERR_SYNTAX);
		return;
	}
	add_framing_fields(c, m, end);
	schedule_flush(c);
	if (end)
		finish_sending(c);
}

static void op_send_body(struct http_stream *s, const void *p, size_t n)
{
	struct h1_server *c = server_of(s);

	if (!can_send(c) || !c->head_sent || !n)
		return;
	schedule_flush(c);
	if (c->has_no_body) {
		h1_out_skip_body(&c->out, n);
	} else if (c->is_chunked) {
		h1_out_add_chunk(&c->out, p, n);
	} else if (c->left >= 0 && (uint64_t)c->left < n) {
		fail(c, ERR_RESET);
	} else {
		c->left -= c->left >= 0 ? (int64_t)n : 0;
		h1_out_add_body(&c->out, p, n);
	}
}

static void op_send_end(struct http_stream *s, const struct http_headers *trailers)
{
	struct h1_server *c = server_of(s);

	if (!can_send(c) || !c->head_sent)
		return;
	if (c->is_chunked && !h1_out_add_last_chunk(&c->out, c->wants_trailers ? trailers : NULL)) {
		fail(c, ERR_SYNTAX);
		return;
	}
	finish_sending(c);
}

static void op_consume(struct http_stream *s, size_t n)
{
	struct h1_server *c = server_of(s);

	CHECK(n <= c->unconsumed);
	c->unconsumed -= n;
	if (c->stream && c->input_ended && !c->is_over)
		arm_timer(c, H1_SEND_TIMEOUT_MS);
	if (c->stream && read_room(c))
		set_reading(c, true);
}

/* A response whose framing says that more was to come is seen to be broken without a RST. */
static bool breaks_visibly(const struct h1_server *c)
{
	return c->stream && c->head_sent && !c->send_ended && (c->is_chunked || c->left > 0);
}

static void op_reset(struct http_stream *s, int err)
{
	struct h1_server *c = server_of(s);
	bool wrote, visible = breaks_visibly(c);
	size_t sent;

	if (c->is_over)
		return;
	c->is_over = true;
	/* What came before the break still goes out, as far as the socket takes it. */
	if (visible)
		h1_out_flush(&c->out, c->stream, &sent, &wrote);
	close_connection(c, err, !visible);
}

static void op_release(struct http_stream *s)
{
	struct h1_server *c = server_of(s);

	CHECK(c->is_held && c->is_over);
	c->is_held = false;
	c->unconsumed = 0;
	if (c->stream)
		loop_task_schedule(c->loop, &c->next_task);
	else
		bury_if_done(c);
}

static void op_close_after(struct http_stream *s)
{
	server_of(s)->close_after = true;
}

static const struct http_stream_ops server_ops = {
	.protocol = "HTTP/1.1",
	.send_head = op_send_head,
	.send_body = op_send_body,
	.send_end = op_send_end,
	.consume = op_consume,
	.reset = op_reset,
	.release = op_release,
	.close_after = op_close_after,
};

/* ---- OPTIONS *, which concerns the server and not what stands behind it ---- */

static void asterisk_body(void *user, const void *p, size_t n)
{
	struct h1_server *c = user;

	(void)p;
	op_consume(&c->s, n);
}

static void asterisk_end(void *user, const struct http_headers *trailers)
{
	(void)user;
	(void)trailers;
}

static void asterisk_sent(void *user, size_t n)
{
	(void)user;
	(void)n;
}

static void asterisk_closed(void *user, int err)
{
	struct h1_server *c = user;

	(void)err;
	op_release(&c->s);
}

static void accept_asterisk(struct h1_server *c)
{
	static const struct http_stream_handler handler = {
		.on_body = asterisk_body,
		.on_end = asterisk_end,
		.on_sent = asterisk_sent,
		.on_closed = asterisk_closed,
	};
	struct http_message m = { .status = 200, .content_length = 0 };

	http_headers_init(&m.headers, &c->arena);
	http_headers_add(&m.headers, STR("Date"), http_date(loop_clock(c->loop)));
	c->s.handler = &handler;
	c->s.user = c;
	op_send_head(&c->s, &m, true);
}

/* ---- the net stream ---- */

static void become_open(struct h1_server *c)
{
	c->is_open = true;
	c->connection.peer = *stream_peer(c->stream);
	c->connection.local = *stream_local(c->stream);
	c->connection.is_tls = stream_is_tls(c->stream);
	c->connection.tls = stream_tls_peer(c->stream);
	arm_timer(c, H1_HEAD_TIMEOUT_MS);
	set_reading(c, true);
}

static void on_open(void *user)
{
	struct h1_server *c = user;

	CHECK_MAGIC(c, H1_SERVER_MAGIC);
	/* A plain stream does not tell whether it is open: what was asked too early is repeated. */
	if (c->is_open)
		set_reading(c, false);
	become_open(c);
}

static void on_writable(void *user)
{
	struct h1_server *c = user;

	CHECK_MAGIC(c, H1_SERVER_MAGIC);
	server_flush(c);
}

static void on_close(void *user, int err)
{
	struct h1_server *c = user;

	CHECK_MAGIC(c, H1_SERVER_MAGIC);
	close_connection(c, err, false);
}

static const struct stream_handler stream_events = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_close = on_close,
};

static void on_timer(struct loop_timer *t)
{
	struct h1_server *c = container_of(t, struct h1_server, timer);

	CHECK_MAGIC(c, H1_SERVER_MAGIC);
	/* An answer that was not taken whole must not look as if it were. */
	close_connection(c, ERR_TIMEOUT, !h1_out_is_empty(&c->out));
}

struct h1_server *h1_server_new(struct loop *l, struct stream *s,
				const struct h1_server_settings *settings)
{
	struct h1_server *c = xcalloc(1, sizeof(*c));

	c->magic = H1_SERVER_MAGIC;
	c->loop = l;
	c->stream = s;
	c->settings = settings;
	c->connection.loop = l;
	c->is_paused = true;
	c->left = -1;
	arena_init(&c->arena);
	h1_reader_init(&c->reader, &c->arena, false);
	loop_task_init(&c->flush_task, on_flush_task);
	loop_task_init(&c->next_task, on_next_task);
	loop_timer_init(&c->timer, l, on_timer);
	c->s.ops = &server_ops;
	c->s.connection = &c->connection;
	c->s.arena = &c->arena;
	stream_set_handler(s, &stream_events, c);
	if (!stream_is_tls(s) || SSL_is_init_finished(stream_ssl(s)))
		become_open(c);
	return c;
}

void h1_server_drain(struct h1_server *c)
{
	c->is_draining = true;
	if (!c->stream || c->is_held || c->close_when_sent)
		return;
	if (h1_reader_is_fresh(&c->reader) || c->reader.phase == H1_COMPLETE)
		close_connection(c, ERR_CANCELED, false);
}

void h1_server_abort(struct h1_server *c, int err)
{
	close_connection(c, err, true);
}

struct http_connection *h1_server_connection(struct h1_server *c)
{
	return &c->connection;
}

void *h1_server_user(const struct h1_server *c)
{
	return c->user;
}

void h1_server_set_user(struct h1_server *c, void *user)
{
	c->user = user;
}
