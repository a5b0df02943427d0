/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/control.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "tests/upstream/reply.h"
#include "tests/upstream/reviews.h"
#include "tests/upstream/start.h"
#include "tests/upstream/watch.h"

#define STREAM_AHEAD_MAX (256 * 1024)	/* bytes of a big body that wait for the socket */
#define CONTROL_MAGIC 0x43544c53u

/* A big body being sent, or a request body being read slowly. */
struct transfer {
	uint32_t magic;
	struct call *call;		/* borrowed */
	struct loop_timer timer;
	uint64_t left, chunk, delay_ms;
	size_t held;			/* received and not handed back yet */
};

bool control_owns(const struct call *c)
{
	return c->server->options.test_control && str_has_prefix(c->path, STR("/_test/"));
}

static uint64_t number(const struct call *c, const char *key, uint64_t otherwise)
{
	struct str v;
	uint64_t n;

	return call_query(c, key, &v) && !str_to_u64(v, &n) ? n : otherwise;
}

/* What arrived. */

static json_t *headers_json(const struct http_headers *h)
{
	json_t *out = json_array();

	for (size_t i = 0; i < h->n; i++) {
		json_t *pair = json_array();

		json_array_append_new(pair, json_str(h->v[i].name));
		json_array_append_new(pair, json_str(h->v[i].value));
		json_array_append_new(out, pair);
	}
	return out;
}

static json_t *head_json(const struct call *c)
{
	json_t *out = json_object();

	json_object_set_new(out, "method", json_str(c->request.method));
	json_object_set_new(out, "target", json_str(c->request.target));
	json_object_set_new(out, "protocol", json_string(c->stream->ops->protocol));
	json_object_set_new(out, "headers", headers_json(&c->request.headers));
	json_object_set_new(out, "connection", json_integer((json_int_t)c->connection->number));
	json_object_set_new(out, "requestOnConnection",
			    json_integer((json_int_t)c->connection->requests));
	return out;
}

/* Probes and the like of the proxy itself come at any time and are not what a test asks about. */
static bool is_the_proxys_own(const struct call *c)
{
	const struct str *agent = http_field_get(&c->request.headers, HTTP_USER_AGENT);

	return agent && str_eq(*agent, STR("kube-authproxy"));
}

void control_note_head(struct call *c)
{
	json_t *head;
	char *text;

	if (!c->server->options.test_control || is_the_proxys_own(c))
		return;
	head = head_json(c);
	text = json_dumps(head, JSON_COMPACT);
	json_decref(head);
	if (control_owns(c)) {
		c->head = arena_str(c->arena, str_from(text));
		free(text);
	} else {
		free(c->server->last_head);
		c->server->last_head = text;
	}
}

static void echo(struct call *c)
{
	json_t *out = json_loadb(c->head.p, c->head.n, 0, NULL);

	json_object_set_new(out, "bodyBytes", json_integer((json_int_t)c->body_bytes));
	json_object_set_new(out, "trailers", json_integer((json_int_t)c->trailers));
	json_object_set_new(out, "user", review_user_info(&c->user));
	reply_json(c, 200, out);
}

static void last(struct call *c)
{
	const char *text = c->server->last_head;

	reply_json(c, 200, text ? json_loads(text, 0, NULL) : json_object());
}

static void seen(struct call *c)
{
	struct server *s = c->server;
	const struct map_entry *e;
	json_t *paths = json_object();
	struct str prefix;
	uint64_t sum = 0;
	size_t at = 0;

	call_query(c, "prefix", &prefix);
	while ((e = map_next(&s->seen, &at))) {
		struct seen *one = e->value;
		ptrdiff_t blank = str_find(one->key, ' ', 0);

		if (!str_has_prefix(str_skip(one->key, (size_t)blank + 1), prefix))
			continue;
		sum += one->count;
		json_object_setn_new(paths, one->key.p, one->key.n,
				     json_integer((json_int_t)one->count));
	}
	reply_json(c, 200, json_pack("{s:I, s:o}", "count", (json_int_t)sum, "paths", paths));
}

static void forget_seen(struct call *c)
{
	server_forget_seen(c->server);
	reply_json(c, 200, json_object());
}

static void seen_call(struct call *c)
{
	if (str_eq(c->request.method, STR("DELETE")))
		forget_seen(c);
	else
		seen(c);
}

static void state(struct call *c)
{
	struct server *s = c->server;

	reply_json(c, 200, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"requests", (json_int_t)s->requests, "openCalls", (json_int_t)s->open_calls,
		"brokenCalls", (json_int_t)s->broken_calls,
		"watches", (json_int_t)watch_count(s),
		"connectionsAccepted", (json_int_t)s->connections_accepted,
		"connectionsOpen", (json_int_t)s->connections_open,
		"resourceVersion", (json_int_t)s->store.version,
		"faultHits", (json_int_t)s->faults.hits));
}

/* Faults. */

static void faults_call(struct call *c)
{
	const char *why = "";

	if (str_eq(c->request.method, STR("DELETE")))
		faults_clear(&c->server->faults);
	else if (faults_add(&c->server->faults, c->query, strbuf_str(&c->body), &why))
		reply_error(c, 400, NULL, "%s", why);
	reply_json(c, 200, json_pack("{s:I}", "hits", (json_int_t)c->server->faults.hits));
}

static void bookmarks_call(struct call *c)
{
	watch_bookmark_all(c->server);
	reply_json(c, 200, json_object());
}

static void end_watches_call(struct call *c)
{
	watch_end_all(c->server);
	reply_json(c, 200, json_object());
}

static void compact_call(struct call *c)
{
	store_compact(&c->server->store);
	reply_json(c, 200, json_object());
}

/* Closes every other connection, as a server that restarts: ?abort=1 breaks them. */
static void disconnect_call(struct call *c)
{
	struct list *node, *safe;
	bool abort = call_query_is_true(c, "abort");

	list_for_each(node, safe, &c->server->connections) {
		struct connection *conn = container_of(node, struct connection, node);

		if (conn == c->connection)
			continue;
		if (abort)
			h1_server_abort(conn->h1, -1);
		else
			h1_server_drain(conn->h1);
	}
	reply_json(c, 200, json_object());
}

/* An answer as the query says: code, header=Name:value (several), trailer=Name:value, body. */

static void add_fields(struct call *c, struct http_headers *h, struct str wanted)
{
	struct str rest = c->query, piece, text;

	while (str_next(&rest, '&', &piece)) {
		ptrdiff_t eq = str_find(piece, '=', 0), colon;

		if (eq < 0 || !str_eq(str_slice(piece, 0, (size_t)eq), wanted) ||
		    !percent_decode(c->arena, str_skip(piece, (size_t)eq + 1), true, &text))
			continue;
		colon = str_find(text, ':', 0);
		if (colon > 0)
			http_headers_add(h, str_slice(text, 0, (size_t)colon),
					 str_trim(str_skip(text, (size_t)colon + 1)));
	}
}

static void reply_call(struct call *c)
{
	struct http_message m = { .status = (int)number(c, "code", 200) };
	struct http_headers trailers;
	struct str body;
	bool no_body;

	call_query(c, "body", &body);
	http_headers_init(&m.headers, c->arena);
	http_headers_init(&trailers, c->arena);
	add_fields(c, &m.headers, STR("header"));
	add_fields(c, &trailers, STR("trailer"));
	m.content_length = trailers.n || call_query_is_true(c, "chunked") ? -1 : (int64_t)body.n;
	no_body = m.status == 204 || m.status == 304 ||
		  str_eq(c->request.method, STR("HEAD")) || !m.content_length;
	m.has_body = !no_body;
	if (m.content_length >= 0 && m.status != 204)
		http_headers_add(&m.headers, STR("Content-Length"),
				 arena_printf(c->arena, "%zu", body.n));
	c->answered = true;
	c->stream->ops->send_head(c->stream, &m, no_body);
	if (no_body)
		return;
	c->stream->ops->send_body(c->stream, body.p, body.n);
	c->stream->ops->send_end(c->stream, trailers.n ? &trailers : NULL);
}

/* Big bodies, both ways. */

static void transfer_free(void *p)
{
	struct transfer *t = p;

	loop_timer_fini(&t->timer);
	free(t);
}

static void transfer_closed(struct call *c)
{
	struct transfer *t = c->state;

	CHECK_MAGIC(t, CONTROL_MAGIC);
	loop_timer_cancel(&t->timer);
	loop_bury(c->server->loop, t, transfer_free);
}

static struct transfer *transfer_new(struct call *c, void (*fire)(struct loop_timer *timer))
{
	struct transfer *t = xcalloc(1, sizeof(*t));

	*t = (struct transfer){ .magic = CONTROL_MAGIC, .call = c };
	loop_timer_init(&t->timer, c->server->loop, fire);
	t->left = number(c, "bytes", 1024 * 1024);
	t->chunk = number(c, "chunk", 16 * 1024);
	t->delay_ms = number(c, "delay_ms", 0);
	if (!t->chunk)
		t->chunk = 1;
	c->state = t;
	c->on_closed = transfer_closed;
	return t;
}

/* Sends pieces while few bytes wait for the socket; with a delay, one at a time. */
static void stream_more(struct transfer *t)
{
	struct call *c = t->call;
	size_t n;
	char *piece;

	while (t->left && !c->closed && !t->timer.armed && c->unsent < STREAM_AHEAD_MAX) {
		n = t->left < t->chunk ? (size_t)t->left : (size_t)t->chunk;
		piece = xmalloc(n);
		memset(piece, 'x', n);
		t->left -= n;
		reply_stream_add(c, piece, n);
		free(piece);
		if (t->delay_ms && t->left)
			loop_timer_arm(&t->timer, (int64_t)t->delay_ms);
		if (!t->left)
			reply_stream_end(c);
	}
}

static void stream_fire(struct loop_timer *timer)
{
	struct transfer *t = container_of(timer, struct transfer, timer);

	CHECK_MAGIC(t, CONTROL_MAGIC);
	stream_more(t);
}

static void stream_sent(struct call *c, size_t n)
{
	(void)n;
	stream_more(c->state);
}

static void stream_call(struct call *c)
{
	struct transfer *t = transfer_new(c, stream_fire);

	c->on_sent = stream_sent;
	reply_stream_begin(c, 200, STR("application/octet-stream"));
	stream_more(t);
}

static void sink_fire(struct loop_timer *timer)
{
	struct transfer *t = container_of(timer, struct transfer, timer);
	size_t n;

	CHECK_MAGIC(t, CONTROL_MAGIC);
	n = t->held < t->chunk ? t->held : (size_t)t->chunk;
	t->held -= n;
	if (t->held)
		loop_timer_arm(&t->timer, (int64_t)t->delay_ms);
	if (n)
		t->call->stream->ops->consume(t->call->stream, n);
}

bool control_take_body(struct call *c, size_t n)
{
	struct transfer *t = c->state;

	if (!t || !control_owns(c) || !str_has_prefix(c->path, STR("/_test/sink")))
		return false;
	CHECK_MAGIC(t, CONTROL_MAGIC);
	t->held += n;
	if (!t->timer.armed)
		loop_timer_arm(&t->timer, (int64_t)t->delay_ms);
	return true;
}

void control_head(struct call *c)
{
	if (str_eq(c->path, STR("/_test/echo")) || str_eq(c->path, STR("/_test/stream")))
		c->keep_body = false;
	if (!str_eq(c->path, STR("/_test/sink")))
		return;
	c->keep_body = false;
	transfer_new(c, sink_fire);
}

/* Switches to whatever protocol was asked for and echoes; refuses as kube-apiserver otherwise. */
static void tunnel_call(struct call *c)
{
	const struct str *protocol = http_field_get(&c->request.headers, HTTP_UPGRADE);
	struct http_message m = { .status = 101, .content_length = -1 };

	if (!c->request.is_upgrade || !protocol) {
		reply_error(c, 400, "BadRequest", "Upgrade request required");
		return;
	}
	c->is_tunnel = c->answered = true;
	m.upgrade = *protocol;
	http_headers_init(&m.headers, c->arena);
	http_headers_add(&m.headers, STR("X-Stream-Protocol-Version"), STR("v4.channel.k8s.io"));
	c->stream->ops->send_head(c->stream, &m, false);
}

static const struct {
	const char *path;
	void (*run)(struct call *c);
} paths[] = {
	{ "/_test/echo", echo }, { "/_test/sink", echo }, { "/_test/last", last },
	{ "/_test/seen", seen_call }, { "/_test/state", state }, { "/_test/faults", faults_call },
	{ "/_test/bookmarks", bookmarks_call }, { "/_test/end-watches", end_watches_call },
	{ "/_test/compact", compact_call }, { "/_test/disconnect", disconnect_call },
	{ "/_test/reply", reply_call }, { "/_test/stream", stream_call },
	{ "/_test/tunnel", tunnel_call },
};

void control_call(struct call *c)
{
	for (size_t i = 0; i < array_size(paths); i++) {
		if (!str_eq(c->path, str_from(paths[i].path)))
			continue;
		paths[i].run(c);
		return;
	}
	reply_text(c, 404, "404 page not found\n");
}
