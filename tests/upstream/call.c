/* SPDX-License-Identifier: Apache-2.0 */
/* One request on the test API server: from its head to the end of its stream. */
#include "config.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/upstream/control.h"
#include "tests/upstream/reply.h"
#include "tests/upstream/server.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool percent_decode(struct arena *a, struct str in, bool query, struct str *out)
{
	char *to = arena_alloc(a, in.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		int high, low;

		if (in.p[i] == '+' && query) {
			to[n++] = ' ';
		} else if (in.p[i] != '%') {
			to[n++] = in.p[i];
		} else {
			if (i + 2 >= in.n)
				return false;
			high = hex_digit(in.p[i + 1]);
			low = hex_digit(in.p[i + 2]);
			if (high < 0 || low < 0)
				return false;
			to[n++] = (char)(high << 4 | low);
			i += 2;
		}
	}
	to[n] = 0;
	*out = str_make(to, n);
	return true;
}

bool call_query(const struct call *c, const char *key, struct str *value)
{
	struct str rest = c->query, piece, name;

	*value = STR_NULL;
	while (str_next(&rest, '&', &piece)) {
		ptrdiff_t eq = str_find(piece, '=', 0);
		size_t n = eq < 0 ? piece.n : (size_t)eq;

		if (!percent_decode(c->arena, str_slice(piece, 0, n), true, &name) ||
		    !str_eq(name, str_from(key)))
			continue;
		return percent_decode(c->arena, str_skip(piece, n + 1), true, value);
	}
	return false;
}

bool call_query_is_true(const struct call *c, const char *key)
{
	struct str v;

	return call_query(c, key, &v) && !str_eq(v, STR("false")) && !str_eq(v, STR("0"));
}

struct str call_header(const struct call *c, const char *name)
{
	const struct str *v = http_headers_get(&c->request.headers, str_from(name));

	return v ? *v : STR_NULL;
}

bool call_is_dry_run(const struct call *c)
{
	struct str v;

	return call_query(c, "dryRun", &v) && v.n;
}

static void call_free(void *p)
{
	struct call *c = p;

	CHECK_MAGIC(c, CALL_MAGIC);
	loop_timer_fini(&c->timer);
	fault_release(c->fault);
	strbuf_fini(&c->body);
	strbuf_fini(&c->slow);
	c->magic = 0;
	free(c);
}

/* The end of a call: what answers it hears of it, then the stream and the memory go. */
static void call_end(struct call *c)
{
	if (c->closed)
		return;
	c->closed = true;
	loop_timer_cancel(&c->timer);
	if (c->on_closed)
		c->on_closed(c);
	list_del(&c->node);
	c->server->open_calls--;
	loop_task_schedule(c->server->loop, &c->gc);
}

static void call_collect(struct loop_task *t)
{
	struct call *c = container_of(t, struct call, gc);

	c->stream->ops->release(c->stream);
	c->stream = NULL;
	loop_bury(c->server->loop, c, call_free);
}

void call_reset(struct call *c)
{
	if (c->closed)
		return;
	c->stream->ops->reset(c->stream, ERR_RESET);
	call_end(c);
}

/* The end of the body was seen: the fault, or the answer. */
static void call_complete(struct call *c)
{
	if (c->ended || c->closed)
		return;
	c->ended = true;
	if (!c->answered && !reply_fault(c))
		route_call(c);
}

static void on_body(void *user, const void *p, size_t n)
{
	struct call *c = user;

	CHECK_MAGIC(c, CALL_MAGIC);
	c->body_bytes += n;
	if (c->is_tunnel) {
		c->stream->ops->send_body(c->stream, p, n);
		return;
	}
	if (control_take_body(c, n))
		return;
	if (c->keep_body && c->body.n + n <= UPSTREAM_BODY_MAX)
		strbuf_add(&c->body, p, n);
	else if (c->keep_body && !c->answered)
		reply_error(c, 413, NULL, "Request entity too large: limit is %d",
			    UPSTREAM_BODY_MAX);
	c->stream->ops->consume(c->stream, n);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	struct call *c = user;

	CHECK_MAGIC(c, CALL_MAGIC);
	if (trailers)
		c->trailers = trailers->n;
	if (c->is_tunnel)
		c->stream->ops->send_end(c->stream, NULL);
	call_complete(c);
}

static void on_sent(void *user, size_t n)
{
	struct call *c = user;

	CHECK_MAGIC(c, CALL_MAGIC);
	if (c->is_tunnel) {
		c->stream->ops->consume(c->stream, n);
		return;
	}
	c->unsent -= n < c->unsent ? n : c->unsent;
	reply_sent(c);
	if (!c->closed && c->on_sent)
		c->on_sent(c, n);
}

static void on_stream_closed(void *user, int err)
{
	struct call *c = user;

	CHECK_MAGIC(c, CALL_MAGIC);
	if (err)
		c->server->broken_calls++;
	call_end(c);
}

static const struct http_stream_handler handler = {
	.on_body = on_body,
	.on_end = on_end,
	.on_sent = on_sent,
	.on_closed = on_stream_closed,
};

/* Counts "METHOD path", for tests which prove that a request never came. */
static void count_seen(struct call *c)
{
	struct map *seen = &c->server->seen;
	struct strbuf key = STRBUF_INIT;
	struct seen *s;

	strbuf_add_str(&key, c->request.method);
	strbuf_add_char(&key, ' ');
	strbuf_add_str(&key, c->path);
	s = map_get(seen, strbuf_str(&key));
	if (!s && seen->used < UPSTREAM_SEEN_MAX) {
		s = xcalloc(1, sizeof(*s));
		s->key = str_make(xmemdup0(key.p, key.n), key.n);
		map_set(seen, s->key, s);
	}
	if (s)
		s->count++;
	strbuf_fini(&key);
}

/* Splits the target (origin or absolute form) into path and query. False: not decodable. */
static bool read_target(struct call *c)
{
	struct str t = c->request.target;
	ptrdiff_t at = str_find_str(t, STR("://"));

	if (at > 0 && t.p[0] != '/') {
		ptrdiff_t slash = str_find(t, '/', (size_t)at + 3);

		t = slash < 0 ? STR("/") : str_skip(t, (size_t)slash);
	}
	at = str_find(t, '?', 0);
	c->query = at < 0 ? STR_NULL : str_skip(t, (size_t)at + 1);
	return percent_decode(c->arena, at < 0 ? t : str_slice(t, 0, (size_t)at), false, &c->path);
}

static struct call *call_new(struct connection *conn, struct http_stream *s,
			     const struct http_message *request)
{
	struct call *c = xcalloc(1, sizeof(*c));

	*c = (struct call){ .magic = CALL_MAGIC, .server = conn->server, .connection = conn,
			    .stream = s, .arena = s->arena, .request = *request,
			    .keep_body = true };
	loop_timer_init(&c->timer, conn->server->loop, reply_timer);
	loop_task_init(&c->gc, call_collect);
	list_add_tail(&conn->server->calls, &c->node);
	conn->server->requests++;
	conn->server->open_calls++;
	conn->requests++;
	s->handler = &handler;
	s->user = c;
	return c;
}

/* The client waits with its body until it hears that it is wanted. */
static void ask_for_body(struct call *c)
{
	struct http_message m = { .status = 100, .content_length = -1 };

	http_headers_init(&m.headers, c->arena);
	if (c->request.expect_continue && !c->answered && !c->closed)
		c->stream->ops->send_head(c->stream, &m, false);
}

void call_accept(void *arg, struct http_stream *s, struct http_message *request, bool end)
{
	struct connection *conn = arg;
	struct call *c = call_new(conn, s, request);
	bool control;

	if (!read_target(c)) {
		reply_error(c, 400, NULL, "the request target cannot be decoded");
		return;
	}
	control = control_owns(c);
	if (!control) {
		if (c->server->options.test_control)
			count_seen(c);
		c->fault = faults_take(&c->server->faults, c->request.method, c->path);
	}
	control_note_head(c);
	if (identity_of(c->server->identity, s->connection, &c->request.headers, c->arena,
			&c->user) && !control)
		reply_error(c, 401, "Unauthorized", "Unauthorized");
	else if (c->fault && c->fault->mode == FAULT_EARLY)
		reply_error(c, c->fault->code, NULL, "answered before the body");
	if (control)
		control_head(c);
	if (end)
		call_complete(c);
	else
		ask_for_body(c);
}
