/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/health_port.h"

#include "http/date.h"
#include "obs/metrics.h"
#include "proxy/worker.h"

static void on_body(void *user, const void *p, size_t n)
{
	struct http_stream *s = user;

	(void)p;
	s->ops->consume(s, n);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	(void)user;
	(void)trailers;
}

static void on_sent(void *user, size_t n)
{
	(void)user;
	(void)n;
}

static void on_closed(void *user, int err)
{
	struct http_stream *s = user;

	(void)err;
	s->ops->release(s);
}

static const struct http_stream_handler handler = {
	.on_body = on_body,
	.on_end = on_end,
	.on_sent = on_sent,
	.on_closed = on_closed,
};

static int respond(struct worker *w, struct http_stream *s, const struct http_message *m,
		   struct strbuf *body)
{
	ptrdiff_t at = str_find(m->target, '?', 0);
	struct str path = at < 0 ? m->target : str_slice(m->target, 0, (size_t)at);
	struct str query = at < 0 ? STR_NULL : str_skip(m->target, (size_t)at + 1);

	if (health_owns_path(path))
		return health_answer(&w->server->health, path, query, s->arena, body);
	if (str_eq(path, STR("/metrics"))) {
		metrics_render(body);
		return 200;
	}
	strbuf_add_cstr(body, "404 page not found\n");
	return 404;
}

void health_port_accept(void *arg, struct http_stream *s, struct http_message *m, bool end)
{
	struct worker *w = arg;
	struct strbuf body = STRBUF_INIT;
	struct http_message answer = { .content_length = 0 };
	bool head = str_eq(m->method, STR("HEAD"));

	(void)end;
	s->handler = &handler;
	s->user = s;
	answer.status = respond(w, s, m, &body);
	answer.content_length = (int64_t)body.n;
	http_headers_init(&answer.headers, s->arena);
	http_headers_add(&answer.headers, STR("Content-Type"), STR("text/plain; charset=utf-8"));
	http_headers_add(&answer.headers, STR("Date"), http_date(w->server->clock));
	answer.has_body = body.n && !head;
	s->ops->send_head(s, &answer, !answer.has_body);
	if (answer.has_body) {
		s->ops->send_body(s, body.p, body.n);
		s->ops->send_end(s, NULL);
	}
	strbuf_fini(&body);
}
