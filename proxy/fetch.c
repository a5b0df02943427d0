/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/fetch.h"

#include <stdlib.h>

#include "authn/front_proxy.h"
#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

#define FETCH_MAGIC 0x46455443u		/* "FETC" */

struct fetch {
	unsigned magic;
	struct loop *loop;			/* borrowed */
	struct http_client *client;		/* borrowed: the worker's pool */
	enum http_client_class class;
	void (*done)(void *arg, const struct fetch_answer *a);
	void *arg;
	struct arena arena;
	struct http_message request;
	struct str body;			/* borrowed from the caller */
	size_t given;				/* of body, to the transport */
	struct http_client_ticket *ticket;
	struct http_stream *stream;		/* ours until released */
	struct loop_timer deadline;
	struct loop_task failed;		/* what was found out before fetch_start returned */
	bool retried;
	bool sent_whole, ended;			/* the request, the answer */
	int code;				/* of the final head, 0 before */
	struct strbuf answer;
	const char *error;			/* in the arena, or static */
};

static void fetch_free(void *arg)
{
	struct fetch *f = arg;

	strbuf_fini(&f->answer);
	arena_fini(&f->arena);
	free(f);
}

static void let_go(struct fetch *f)
{
	struct http_stream *s = f->stream;

	if (f->ticket)
		f->client->cancel(f->client, f->ticket);
	f->ticket = NULL;
	if (!s)
		return;
	f->stream = NULL;
	if (!f->ended || !f->sent_whole)
		s->ops->reset(s, ERR_CANCELED);
	s->ops->release(s);
}

/* The struct dies with the turn: a callback of its own may be on the stack. */
static void bury(struct fetch *f)
{
	let_go(f);
	loop_timer_fini(&f->deadline);
	loop_task_cancel(&f->failed);
	f->magic = 0;
	loop_bury(f->loop, f, fetch_free);
}

static void finish(struct fetch *f)
{
	struct fetch_answer a = { .code = f->code, .body = strbuf_str(&f->answer) };
	void (*done)(void *arg, const struct fetch_answer *a) = f->done;
	void *arg = f->arg;

	if (f->error)
		a = (struct fetch_answer){ .error = str_from(f->error) };
	bury(f);
	done(arg, &a);
}

static void fail(struct fetch *f, const char *error)
{
	f->error = error;
	finish(f);
}

static void on_deadline(struct loop_timer *t)
{
	struct fetch *f = container_of(t, struct fetch, deadline);

	CHECK_MAGIC(f, FETCH_MAGIC);
	fail(f, "the API server did not answer in time");
}

static void on_failed_task(struct loop_task *t)
{
	struct fetch *f = container_of(t, struct fetch, failed);

	CHECK_MAGIC(f, FETCH_MAGIC);
	finish(f);
}

/* --- Out --- */

/* A piece, at most the window, so that the transport holds no more than that of it. */
static void send_piece(struct fetch *f, size_t credit)
{
	const struct http_stream_ops *ops = f->stream->ops;
	size_t left = f->body.n - f->given, n = left < credit ? left : credit;

	if (f->sent_whole)
		return;
	ops->send_body(f->stream, f->body.p + f->given, n);
	f->given += n;
	if (f->given < f->body.n)
		return;
	f->sent_whole = true;
	ops->send_end(f->stream, NULL);
}

static void on_sent(void *user, size_t n)
{
	struct fetch *f = user;

	CHECK_MAGIC(f, FETCH_MAGIC);
	if (f->stream)
		send_piece(f, n);
}

/* --- In --- */

static void on_head(void *user, struct http_message *m, bool end)
{
	struct fetch *f = user;

	CHECK_MAGIC(f, FETCH_MAGIC);
	if (m->status < 200)
		return;
	f->code = m->status;
	f->ended = end;
	if (m->content_length > FETCH_BODY_MAX)
		fail(f, "the API server's answer is too large");
	else if (end)
		finish(f);
}

static void on_body(void *user, const void *p, size_t n)
{
	struct fetch *f = user;

	CHECK_MAGIC(f, FETCH_MAGIC);
	f->stream->ops->consume(f->stream, n);
	if (n > FETCH_BODY_MAX - f->answer.n) {
		fail(f, "the API server's answer is too large");
		return;
	}
	strbuf_add(&f->answer, p, n);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	struct fetch *f = user;

	(void)trailers;
	CHECK_MAGIC(f, FETCH_MAGIC);
	f->ended = true;
	finish(f);
}

static void open_stream(struct fetch *f, bool fresh);

/* A kept connection may have been closed while it was idle; what is fetched changes nothing. */
static void on_closed(void *user, int err)
{
	struct fetch *f = user;
	bool again;

	CHECK_MAGIC(f, FETCH_MAGIC);
	again = !f->retried && f->stream->reused && f->stream->unprocessed;
	let_go(f);
	if (again) {
		f->retried = true;
		f->given = 0;
		f->sent_whole = false;
		open_stream(f, true);
		return;
	}
	fail(f, arena_printf(&f->arena, "the API server ended the connection without an answer: "
			     "%s", err_text(err)).p);
}

static const struct http_stream_handler handler = {
	.on_head = on_head,
	.on_body = on_body,
	.on_end = on_end,
	.on_sent = on_sent,
	.on_closed = on_closed,
};

/* --- The beginning --- */

static void on_open(void *user, struct http_stream *s)
{
	struct fetch *f = user;

	CHECK_MAGIC(f, FETCH_MAGIC);
	f->ticket = NULL;
	f->stream = s;
	s->handler = &handler;
	s->user = f;
	f->sent_whole = !f->body.n;
	s->ops->send_head(s, &f->request, !f->body.n);
	send_piece(f, HTTP_WINDOW);
}

/* This may come while fetch_start runs, and done may not. */
static void on_open_failed(void *user, int err, const char *text)
{
	struct fetch *f = user;

	(void)err;
	CHECK_MAGIC(f, FETCH_MAGIC);
	f->ticket = NULL;
	f->error = arena_printf(&f->arena, "the API server cannot be reached: %s", text).p;
	loop_task_schedule(f->loop, &f->failed);
}

static const struct http_client_waiter waiter = {
	.on_open = on_open,
	.on_failed = on_open_failed,
};

static void open_stream(struct fetch *f, bool fresh)
{
	struct http_client_ticket *ticket = NULL;

	f->client->open(f->client, f->class, fresh, &waiter, f, &ticket);
	if (ticket)
		f->ticket = ticket;
}

static int make_request(struct fetch *f, const struct fetch_request *q, const char **why)
{
	struct http_headers *h = &f->request.headers;

	f->request.method = q->method;
	f->request.target = q->target;
	f->request.content_length = q->body.n ? (int64_t)q->body.n : -1;
	f->request.has_body = q->body.n > 0;
	http_headers_init(h, &f->arena);
	http_headers_add(h, STR("Host"), STR("kube-apiserver"));
	http_headers_add(h, STR("User-Agent"), STR("kube-authproxy"));
	http_headers_add(h, STR("Accept"), STR("application/json"));
	if (q->content_type.n)
		http_headers_add(h, STR("Content-Type"), q->content_type);
	return front_proxy_stamp(h, q->user, why);
}

struct fetch *fetch_start(struct worker *w, const struct fetch_request *q,
			  void (*done)(void *arg, const struct fetch_answer *a), void *arg)
{
	struct fetch *f = xcalloc(1, sizeof(*f));

	f->magic = FETCH_MAGIC;
	f->loop = w->loop;
	f->client = upstream_pool_client(w->pool);
	f->class = upstream_class_of(q->user);
	f->done = done;
	f->arg = arg;
	f->body = q->body;
	arena_init(&f->arena);
	loop_timer_init(&f->deadline, w->loop, on_deadline);
	loop_task_init(&f->failed, on_failed_task);
	if (make_request(f, q, &f->error)) {
		loop_task_schedule(f->loop, &f->failed);
		return f;
	}
	loop_timer_arm(&f->deadline, FETCH_TIMEOUT_MS);
	open_stream(f, false);
	return f;
}

void fetch_cancel(struct fetch *f)
{
	CHECK_MAGIC(f, FETCH_MAGIC);
	bury(f);
}
