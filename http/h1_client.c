/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client role: one request at a time, then idle, then the next.
 *
 *	open() -> request and response, in any order -> response complete -> release() -> on_idle
 *
 * The stream that the user holds is part of the connection, which lives until the user let go of
 * it.  A response that breaks is on_closed(ERR_RESET), never on_end: a list cut short must not look
 * complete.
 */
#include "config.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/h1.h"
#include "http/h1_out.h"
#include "http/h1_reader.h"

#define H1_CLIENT_MAGIC 0x6831636cu
#define H1_INFORMATIONAL_MAX 32		/* 1xx responses to one request */

_Static_assert(HTTP_WINDOW <= LOOP_SCRATCH_SIZE, "one read fits into the scratch buffer");

struct h1_client {
	unsigned magic;
	struct loop *loop;		/* borrowed */
	struct stream *stream;		/* owned; NULL once the connection is gone */
	const struct h1_client_settings *settings;	/* borrowed; NULL after h1_client_close */
	void *user;
	struct http_connection connection;
	struct h1_reader reader;
	struct h1_out out;
	struct loop_task flush_task;
	struct loop_task after_task;	/* tells the owner: idle or gone */
	int64_t idle_since_us;
	unsigned served;		/* requests */
	bool is_reading;
	bool is_idle;			/* the owner knows that it may be used */
	bool is_buried;
	int gone_err;

	/* The exchange. */
	struct http_stream s;
	struct arena arena;
	bool is_held;			/* by the user, from open to release() */
	bool is_over;			/* no callback comes any more */
	bool head_sent, send_ended, is_chunked, is_head;
	struct str wanted;		/* the tunnel's protocol that was asked for; empty: none */
	bool is_tunnel;			/* 101 has come: no framing any more */
	bool got_bytes;			/* of an answer */
	bool may_reuse;
	bool write_failed;		/* the answer may still be there to be read */
	unsigned informational;
	int64_t left;			/* body bytes owed by Content-Length, -1: not counted */
	size_t unconsumed;
	int failure;			/* to be reported by the next flush */
};

static struct h1_client *client_of(struct http_stream *s)
{
	struct h1_client *c = container_of(s, struct h1_client, s);

	CHECK_MAGIC(c, H1_CLIENT_MAGIC);
	return c;
}

/* ---- the end of a connection ---- */

static void client_free(void *what)
{
	struct h1_client *c = what;

	CHECK_MAGIC(c, H1_CLIENT_MAGIC);
	h1_reader_fini(&c->reader);
	h1_out_fini(&c->out);
	arena_fini(&c->arena);
	c->magic = 0;
	free(c);
}

/* Frees the connection once neither stream nor user holds it. */
static void bury_if_done(struct h1_client *c)
{
	const struct h1_client_settings *settings = c->settings;

	if (c->stream || c->is_held || c->is_buried)
		return;
	c->is_buried = true;
	c->settings = NULL;
	loop_task_cancel(&c->flush_task);
	loop_task_cancel(&c->after_task);
	loop_bury(c->loop, c, client_free);
	if (settings)
		settings->on_gone(c->user, c, c->gone_err);
}

static void schedule_after(struct h1_client *c)
{
	loop_task_schedule(c->loop, &c->after_task);
}

static void set_reading(struct h1_client *c, bool on)
{
	if (c->is_reading == on)
		return;
	c->is_reading = on;
	stream_set_reading(c->stream, on);
}

static void drop_stream(struct h1_client *c, int err, bool abruptly)
{
	struct stream *stream = c->stream;

	if (!stream)
		return;
	c->stream = NULL;
	c->gone_err = err;
	c->may_reuse = false;
	h1_out_fini(&c->out);
	if (abruptly)
		stream_abort(stream);
	else
		stream_close(stream);
	schedule_after(c);
}

/* Ends the connection under the user, who is told unless the exchange is over. */
static void break_off(struct h1_client *c, int err, bool abruptly)
{
	drop_stream(c, err, abruptly);
	if (!c->is_held || c->is_over)
		return;
	c->is_over = true;
	if (c->s.reused && !c->got_bytes && (err == ERR_CLOSED || err == ERR_RESET))
		c->s.unprocessed = true;
	c->s.handler->on_closed(c->s.user, err);
}

/*
 * One direction of a tunnel is over, and so are both (spec 08 section 4).  What we sent must not be
 * lost to a RST over what the peer sends still, hence the lingering.
 */
static void end_tunnel(struct h1_client *c)
{
	struct stream *stream = c->stream;

	c->stream = NULL;
	c->gone_err = ERR_CLOSED;
	h1_out_fini(&c->out);
	stream_close_lingering(stream);
	schedule_after(c);
	if (!c->is_held || c->is_over)
		return;
	c->is_over = true;
	c->s.handler->on_end(c->s.user, NULL);
}

/* ---- output ---- */

static void write_out(struct h1_client *c)
{
	bool wrote = false;
	size_t sent;
	int rc;

	rc = h1_out_flush(&c->out, c->stream, &sent, &wrote);
	if (wrote)
		c->s.unprocessed = false;
	if (rc && rc != ERR_AGAIN) {
		/* It may have answered before it closed: reading tells. */
		c->write_failed = true;
		h1_out_fini(&c->out);
		set_reading(c, true);
	}
	if (sent && c->is_held && !c->is_over)
		c->s.handler->on_sent(c->s.user, sent);
}

static void flush(struct h1_client *c)
{
	if (c->failure) {
		break_off(c, c->failure, true);
		return;
	}
	if (!c->write_failed && !h1_out_is_empty(&c->out))
		write_out(c);
	if (c->stream && c->is_tunnel && c->send_ended &&
	    (c->write_failed || h1_out_is_empty(&c->out)))
		end_tunnel(c);
}

static void on_flush_task(struct loop_task *t)
{
	struct h1_client *c = container_of(t, struct h1_client, flush_task);

	CHECK_MAGIC(c, H1_CLIENT_MAGIC);
	if (c->stream)
		flush(c);
}

static void schedule_flush(struct h1_client *c)
{
	loop_task_schedule(c->loop, &c->flush_task);
}

static void fail(struct h1_client *c, int err)
{
	c->failure = err;
	schedule_flush(c);
}

/* ---- input ---- */

static bool keeps_alive(const struct http_message *m)
{
	return !m->is_http10 &&
	       !http_field_has_token(&m->headers, HTTP_CONNECTION, STR("close"));
}

/* The response is complete; the user lets go of it now or later. */
static void complete(struct h1_client *c)
{
	c->is_over = true;
	c->may_reuse = c->stream && c->may_reuse && c->send_ended && h1_out_is_empty(&c->out) &&
		       !c->write_failed;
}

/* 101, which must name what was asked for, by a request that is out (RFC 9110 section 7.8). */
static void begin_tunnel(struct h1_client *c, struct http_message *m)
{
	const struct str *protocol = http_field_get(&m->headers, HTTP_UPGRADE);

	if (!c->wanted.n || !c->send_ended || !h1_out_is_empty(&c->out) || !protocol ||
	    !str_eq_nocase(*protocol, c->wanted)) {
		break_off(c, ERR_UNSUPPORTED, true);
		return;
	}
	m->upgrade = *protocol;
	c->is_tunnel = true;
	c->is_chunked = c->send_ended = false;
	c->left = -1;
	c->s.handler->on_head(c->s.user, m, false);
}

static void on_response(struct h1_client *c)
{
	struct http_message *m = &c->reader.message;
	bool end = !m->has_body;

	if (m->status == 101) {
		begin_tunnel(c, m);
		return;
	}
	if (m->status < 200) {
		if (++c->informational > H1_INFORMATIONAL_MAX) {
			break_off(c, ERR_LIMIT, true);
			return;
		}
		c->s.handler->on_head(c->s.user, m, false);
		if (!c->stream)
			return;
		h1_reader_reset(&c->reader);
		c->reader.is_head_request = c->is_head;
		return;
	}
	/* Without a length the body ends with the connection, and so does this. */
	c->may_reuse = keeps_alive(m) && !c->wanted.n;
	if (end)
		complete(c);
	c->s.handler->on_head(c->s.user, m, end);
}

static void on_response_end(struct h1_client *c)
{
	complete(c);
	c->s.handler->on_end(c->s.user, c->reader.trailers.n ? &c->reader.trailers : NULL);
}

static bool input_step(struct h1_client *c, struct str *in)
{
	struct str body = STR_NULL;

	switch (h1_reader_next(&c->reader, in, &body)) {
	case H1_MORE:
		return false;
	case H1_GOT_HEAD:
		on_response(c);
		break;
	case H1_GOT_BODY:
		c->unconsumed += body.n;
		c->s.handler->on_body(c->s.user, body.p, body.n);
		break;
	case H1_GOT_END:
		on_response_end(c);
		break;
	case H1_GOT_FAULT:
		break_off(c, ERR_SYNTAX, true);
		return false;
	}
	return c->stream && !c->is_over;
}

static void client_input(struct h1_client *c, struct str in)
{
	/* Bytes that no request called for: whose they are cannot be known. */
	if (!c->is_held || c->s.unprocessed) {
		break_off(c, ERR_RESET, true);
		return;
	}
	c->got_bytes = true;
	while (!c->is_tunnel && input_step(c, &in))
		;
	if (c->is_tunnel && c->stream && !c->is_over && in.n) {
		c->unconsumed += in.n;
		c->s.handler->on_body(c->s.user, in.p, in.n);
		return;
	}
	if (!in.n)
		return;
	/* More than the response: no later answer of this connection can be trusted. */
	c->may_reuse = false;
	if (!c->is_held)
		drop_stream(c, ERR_RESET, true);
}

/* The connection ended while it was read: perhaps that is the end of the body. */
static void on_read_error(struct h1_client *c, int err)
{
	if (c->is_tunnel && (err == ERR_CLOSED || err == ERR_RESET)) {
		end_tunnel(c);
		return;
	}
	if (c->is_held && !c->is_over && err == ERR_CLOSED) {
		if (h1_reader_eof(&c->reader)) {
			drop_stream(c, err, false);
			on_response_end(c);
			return;
		}
		if (c->got_bytes)
			err = ERR_RESET;
	}
	break_off(c, err, false);
}

static size_t read_room(const struct h1_client *c)
{
	if (!c->is_held)
		return LOOP_SCRATCH_SIZE;
	if (c->is_over)
		return 0;
	return HTTP_WINDOW - c->unconsumed;
}

static void on_readable(void *user)
{
	struct h1_client *c = user;
	char *scratch = loop_scratch(c->loop);

	CHECK_MAGIC(c, H1_CLIENT_MAGIC);
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
		if (n < 0)
			on_read_error(c, (int)n);
		else
			client_input(c, str_make(scratch, (size_t)n));
	}
}

/* ---- between two requests ---- */

static void on_after_task(struct loop_task *t)
{
	struct h1_client *c = container_of(t, struct h1_client, after_task);

	CHECK_MAGIC(c, H1_CLIENT_MAGIC);
	if (c->is_held)
		return;
	if (!c->stream) {
		bury_if_done(c);
		return;
	}
	set_reading(c, true);
	c->is_idle = true;
	c->idle_since_us = loop_now_us(c->loop);
	if (c->settings)
		c->settings->on_idle(c->user, c);
}

/* ---- the user's operations ---- */

static bool method_expects_body(struct str method)
{
	return str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) ||
	       str_eq(method, STR("PATCH"));
}

static void add_framing_fields(struct h1_client *c, const struct http_message *m, bool end)
{
	int64_t length = m->content_length;

	if (end)
		length = method_expects_body(m->method) ||
			 http_field_has(&m->headers, HTTP_CONTENT_LENGTH) ? 0 : -1;
	c->left = length;
	if (length >= 0) {
		h1_out_add_content_length(&c->out, (uint64_t)length);
	} else if (!end) {
		c->is_chunked = true;
		h1_out_add_framing(&c->out, "Transfer-Encoding: chunked\r\n", 28);
	}
	h1_out_add_framing(&c->out, "\r\n", 2);
}

/* Whether the request line can carry it: visible ASCII, and a method that is a token. */
static bool is_sendable(const struct http_message *m)
{
	for (size_t i = 0; i < m->target.n; i++)
		if ((unsigned char)m->target.p[i] <= 0x20 || (unsigned char)m->target.p[i] >= 0x7f)
			return false;
	return m->target.n && http_is_token(m->method);
}

static bool can_send(const struct h1_client *c)
{
	return c->stream && c->is_held && !c->is_over && !c->failure && !c->send_ended;
}

static void finish_sending(struct h1_client *c)
{
	if (c->left > 0) {
		fail(c, ERR_RESET);
		return;
	}
	c->send_ended = true;
	schedule_flush(c);
}

static void op_send_head(struct http_stream *s, const struct http_message *m, bool end)
{
	struct h1_client *c = client_of(s);

	if (!can_send(c) || c->head_sent)
		return;
	c->head_sent = true;
	c->is_head = str_eq(m->method, STR("HEAD"));
	c->reader.is_head_request = c->is_head;
	h1_out_add_framing(&c->out, m->method.p, m->method.n);
	h1_out_add_framing(&c->out, " ", 1);
	h1_out_add_framing(&c->out, m->target.p, m->target.n);
	h1_out_add_framing(&c->out, " HTTP/1.1\r\n", 11);
	if (!is_sendable(m) || !h1_out_add_fields(&c->out, &m->headers)) {
		fail(c, ERR_SYNTAX);
		return;
	}
	if (m->upgrade.n) {
		c->wanted = arena_str(&c->arena, m->upgrade);
		h1_out_add_upgrade(&c->out, m->upgrade);
	}
	add_framing_fields(c, m, end);
	schedule_flush(c);
	if (end)
		c->send_ended = true;
}

static void op_send_body(struct http_stream *s, const void *p, size_t n)
{
	struct h1_client *c = client_of(s);

	if (!can_send(c) || !c->head_sent || !n)
		return;
	schedule_flush(c);
	if (c->write_failed) {
		return;			/* the end of the connection is about to be read */
	} else if (c->is_chunked) {
		h1_out_add_chunk(&c->out, p, n);
	} else if (c->left >= 0 && (uint64_t)c->left < n) {
		fail(c, ERR_RESET);
	} else {
		c->left -= c->left >= 0 ? (int64_t)n : 0;
		h1_out_add_body(&c->out, p, n);
	}
}

/* Trailers of requests are dropped everywhere (RFC 9110 section 6.5.1 lets us). */
static void op_send_end(struct http_stream *s, const struct http_headers *trailers)
{
	struct h1_client *c = client_of(s);

	(void)trailers;
	if (!can_send(c) || !c->head_sent)
		return;
	if (c->is_chunked && !c->write_failed)
		h1_out_add_last_chunk(&c->out, NULL);
	finish_sending(c);
}

static void op_consume(struct http_stream *s, size_t n)
{
	struct h1_client *c = client_of(s);

	CHECK(n <= c->unconsumed);
	c->unconsumed -= n;
	if (c->stream && read_room(c))
		set_reading(c, true);
}

static void op_reset(struct http_stream *s, int err)
{
	struct h1_client *c = client_of(s);

	if (c->is_over)
		return;
	c->is_over = true;
	drop_stream(c, err, true);
}

static void op_release(struct http_stream *s)
{
	struct h1_client *c = client_of(s);

	CHECK(c->is_held);
	op_reset(s, ERR_CANCELED);		/* unless it is over */
	c->is_held = false;
	c->unconsumed = 0;
	if (c->stream && !c->may_reuse)
		drop_stream(c, ERR_CLOSED, false);
	schedule_after(c);
}

static void op_close_after(struct http_stream *s)
{
	client_of(s)->may_reuse = false;
}

static const struct http_stream_ops client_ops = {
	.protocol = "HTTP/1.1",
	.send_head = op_send_head,
	.send_body = op_send_body,
	.send_end = op_send_end,
	.consume = op_consume,
	.reset = op_reset,
	.release = op_release,
	.close_after = op_close_after,
};

/* ---- the net stream ---- */

static void on_writable(void *user)
{
	struct h1_client *c = user;

	CHECK_MAGIC(c, H1_CLIENT_MAGIC);
	flush(c);
}

static void on_close(void *user, int err)
{
	struct h1_client *c = user;

	CHECK_MAGIC(c, H1_CLIENT_MAGIC);
	on_read_error(c, err);
}

static const struct stream_handler stream_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_close = on_close,
};

struct h1_client *h1_client_new(struct loop *l, struct stream *s,
				const struct h1_client_settings *settings, void *user)
{
	struct h1_client *c = xcalloc(1, sizeof(*c));

	c->magic = H1_CLIENT_MAGIC;
	c->loop = l;
	c->stream = s;
	c->settings = settings;
	c->user = user;
	c->connection = (struct http_connection){
		.loop = l, .peer = *stream_peer(s), .local = *stream_local(s),
		.is_tls = stream_is_tls(s),
	};
	c->idle_since_us = loop_now_us(l);
	c->is_idle = true;
	arena_init(&c->arena);
	h1_reader_init(&c->reader, &c->arena, true);
	loop_task_init(&c->flush_task, on_flush_task);
	loop_task_init(&c->after_task, on_after_task);
	c->s.ops = &client_ops;
	c->s.connection = &c->connection;
	c->s.arena = &c->arena;
	stream_set_handler(s, &stream_events, c);
	set_reading(c, true);
	return c;
}

bool h1_client_is_usable(const struct h1_client *c)
{
	return c->stream && c->is_idle && c->settings;
}

struct http_stream *h1_client_open(struct h1_client *c)
{
	if (!h1_client_is_usable(c))
		return NULL;
	c->is_idle = false;
	arena_fini(&c->arena);
	h1_reader_reset(&c->reader);
	h1_out_fini(&c->out);
	c->is_held = true;
	c->is_over = c->head_sent = c->send_ended = c->is_chunked = c->is_head = false;
	c->got_bytes = c->may_reuse = c->is_tunnel = false;
	c->wanted = STR_NULL;
	c->informational = 0;
	c->left = -1;
	c->unconsumed = 0;
	c->s.handler = NULL;
	c->s.user = NULL;
	c->s.unprocessed = true;
	c->s.reused = c->served++ > 0;
	set_reading(c, true);
	return &c->s;
}

void h1_client_close(struct h1_client *c)
{
	c->settings = NULL;
	break_off(c, ERR_CANCELED, false);
	bury_if_done(c);
}

SSL_SESSION *h1_client_session(const struct h1_client *c)
{
	return c->stream ? stream_session(c->stream) : NULL;
}

int64_t h1_client_idle_since(const struct h1_client *c)
{
	return c->idle_since_us;
}
