/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/proxy_fakes.h"

#include <stdlib.h>

#include "authn/token_file.h"
#include "base/err.h"
#include "base/mem.h"
#include "proxy/connection.h"

#define TOKENS "secret,tom,u1,\"dev\"\nmasters,root,,\"system:masters\"\n"

struct fake_client fake_client;
struct fake_authn fake_authn;
struct fake_authz fake_authz;
struct fake_proxy fake;
int fake_authenticated;

/* ---- a stream ---- */

static struct fake_stream *fake_of(struct http_stream *s)
{
	struct fake_stream *f = container_of(s, struct fake_stream, stream);

	ok(!f->released);
	return f;
}

static void copy_headers(struct http_headers *out, const struct http_headers *in, struct arena *a)
{
	http_headers_init(out, a);
	for (size_t i = 0; i < in->n; i++)
		http_headers_add(out, arena_str(a, in->v[i].name), arena_str(a, in->v[i].value));
}

static void copy_message(struct http_message *out, const struct http_message *in, struct arena *a)
{
	*out = *in;
	out->method = arena_str(a, in->method);
	out->target = arena_str(a, in->target);
	out->upgrade = arena_str(a, in->upgrade);
	copy_headers(&out->headers, &in->headers, a);
}

static void fake_send_head(struct http_stream *s, const struct http_message *m, bool end)
{
	struct fake_stream *f = fake_of(s);

	ok(!f->was_reset && !f->heads);
	if (m->status >= 100 && m->status < 200 && !m->upgrade.n) {
		f->informational++;
		copy_message(&f->last_informational, m, &f->kept);
		return;
	}
	f->heads++;
	f->head_end = f->ended = end;
	copy_message(&f->head, m, &f->kept);
}

static void fake_send_body(struct http_stream *s, const void *p, size_t n)
{
	struct fake_stream *f = fake_of(s);

	ok(f->heads && !f->ended && !f->was_reset);
	strbuf_add(&f->body, p, n);
}

static void fake_send_end(struct http_stream *s, const struct http_headers *trailers)
{
	struct fake_stream *f = fake_of(s);

	ok(f->heads && !f->ended && !f->was_reset);
	f->ended = true;
	if (trailers)
		copy_headers(&f->trailers, trailers, &f->kept);
}

static void fake_consume(struct http_stream *s, size_t n)
{
	struct fake_stream *f = fake_of(s);

	f->consumed += n;
	ok(f->consumed <= f->delivered);
}

static void fake_reset(struct http_stream *s, int err)
{
	struct fake_stream *f = fake_of(s);

	ok(!f->was_reset && err < 0);
	f->was_reset = true;
	f->reset_err = err;
}

static void fake_release(struct http_stream *s)
{
	struct fake_stream *f = fake_of(s);

	f->released = true;
	arena_fini(&f->arena);
}

static void fake_close_after(struct http_stream *s)
{
	fake_of(s)->closes_after = true;
}

static const struct http_stream_ops fake_ops = {
	.protocol = "HTTP/1.1", .send_head = fake_send_head, .send_body = fake_send_body,
	.send_end = fake_send_end, .consume = fake_consume, .reset = fake_reset,
	.release = fake_release, .close_after = fake_close_after,
};

struct fake_stream *fake_stream_new(struct http_connection *c)
{
	struct fake_stream *f = xcalloc(1, sizeof(*f));

	arena_init(&f->arena);
	arena_init(&f->kept);
	f->stream.ops = &fake_ops;
	f->stream.connection = c;
	f->stream.arena = &f->arena;
	return f;
}

void fake_stream_free(struct fake_stream *f)
{
	ok(f->released);
	if (!f->released)
		arena_fini(&f->arena);
	arena_fini(&f->kept);
	strbuf_fini(&f->body);
	if (fake_client.stream == f)
		fake_client.stream = NULL;
	free(f);
}

/* Whether the user of the stream may be called: it is neither reset nor let go of. */
static bool is_alive(const struct fake_stream *f)
{
	return ok(f->stream.handler && !f->was_reset && !f->released);
}

void fake_add_fields(struct http_headers *h, struct arena *a, const char *fields)
{
	struct str rest = str_from(fields), line;

	while (rest.n && str_next(&rest, '\n', &line)) {
		ptrdiff_t colon = str_find(line, ':', 0);

		if (colon > 0)
			http_headers_add(h, arena_str(a, str_slice(line, 0, (size_t)colon)),
					 arena_str(a, str_trim(str_skip(line, (size_t)colon + 1))));
	}
}

void fake_stream_head(struct fake_stream *f, int status, const char *fields, bool end)
{
	struct http_message *m = arena_zalloc(&f->arena, sizeof(*m));

	if (!is_alive(f))
		return;
	m->status = status;
	m->content_length = end ? 0 : -1;
	m->has_body = !end;
	http_headers_init(&m->headers, &f->arena);
	fake_add_fields(&m->headers, &f->arena, fields);
	if (status == 101) {
		m->upgrade = *http_field_get(&m->headers, HTTP_UPGRADE);
		f->ended = false;	/* the stream goes both ways again */
	}
	f->stream.handler->on_head(f->stream.user, m, end);
}

static void deliver(struct fake_stream *f, const char *p, size_t n)
{
	char *copy;

	if (!is_alive(f))
		return;
	copy = xmemdup0(p, n);	/* gone after the call, as in a scratch buffer */
	f->delivered += n;
	f->stream.handler->on_body(f->stream.user, copy, n);
	free(copy);
}

void fake_stream_body(struct fake_stream *f, const char *text)
{
	deliver(f, text, strlen(text));
}

void fake_stream_bytes(struct fake_stream *f, size_t n)
{
	char *bytes = xmalloc(n);

	memset(bytes, 'x', n);
	deliver(f, bytes, n);
	free(bytes);
}

void fake_stream_end(struct fake_stream *f, const char *trailers)
{
	struct http_headers h;

	if (!is_alive(f))
		return;
	http_headers_init(&h, &f->arena);
	fake_add_fields(&h, &f->arena, trailers);
	f->stream.handler->on_end(f->stream.user, trailers ? &h : NULL);
}

void fake_stream_sent(struct fake_stream *f, size_t n)
{
	f->sent += n;
	ok(f->sent <= f->body.n);
	if (is_alive(f))
		f->stream.handler->on_sent(f->stream.user, n);
}

void fake_stream_closed(struct fake_stream *f, int err)
{
	if (is_alive(f))
		f->stream.handler->on_closed(f->stream.user, err);
}

struct str fake_field(const struct fake_stream *f, const char *name)
{
	const struct str *v = http_headers_get(&f->head.headers, str_from(name));

	return v ? *v : STR_NULL;
}

bool fake_has_field(const struct fake_stream *f, const char *name)
{
	return http_headers_get(&f->head.headers, str_from(name)) != NULL;
}

bool fake_body_has(const struct fake_stream *f, const char *text)
{
	bool has = str_find_str(strbuf_str(&f->body), str_from(text)) >= 0;

	if (!has)
		tap_note("the body is: %s", f->body.n ? f->body.p : "");
	return has;
}

/* ---- the client ---- */

/* Memory that stands for the one ticket. */
static char ticket_place;

struct fake_stream *fake_client_give(void)
{
	const struct http_client_waiter *w = fake_client.waiter;

	fake_client.waiter = NULL;
	fake_client.stream = fake_stream_new(NULL);
	w->on_open(fake_client.user, &fake_client.stream->stream);
	return fake_client.stream;
}

void fake_client_fail(int err, const char *text)
{
	const struct http_client_waiter *w = fake_client.waiter;

	fake_client.waiter = NULL;
	w->on_failed(fake_client.user, err, text);
}

static void fake_open(struct http_client *c, enum http_client_class class, bool fresh,
		      const struct http_client_waiter *w, void *user,
		      struct http_client_ticket **ticket)
{
	(void)c;
	ok(!fake_client.waiter);
	fake_client.opened++;
	fake_client.class = class;
	fake_client.fresh = fresh;
	fake_client.waiter = w;
	fake_client.user = user;
	*ticket = NULL;
	switch (fake_client.answer) {
	case FAKE_LATER:
		*ticket = (struct http_client_ticket *)(void *)&ticket_place;
		break;
	case FAKE_AT_ONCE:
		fake_client_give();
		break;
	case FAKE_FAIL_AT_ONCE:
		fake_client_fail(ERR_UNAVAILABLE, "no server");
		break;
	}
}

static void fake_cancel(struct http_client *c, struct http_client_ticket *ticket)
{
	(void)c;
	ok((void *)ticket == &ticket_place && fake_client.waiter);
	fake_client.waiter = NULL;
	fake_client.cancelled++;
}

void fake_client_take_over(struct http_client *c)
{
	fake_client = (struct fake_client){ .answer = FAKE_LATER };
	c->open = fake_open;
	c->cancel = fake_cancel;
}

/* ---- the chains ---- */

enum authn_result __real_authn_chain_run(struct authn_request *r);
enum authn_result __wrap_authn_chain_run(struct authn_request *r);
enum authz_decision __real_authz_chain_run(struct authz_request *r);
enum authz_decision __wrap_authz_chain_run(struct authz_request *r);
void __wrap_connection_authenticated(struct http_connection *c);

void __wrap_connection_authenticated(struct http_connection *c)
{
	ok(c != NULL);
	fake_authenticated++;
}

enum authn_result __wrap_authn_chain_run(struct authn_request *r)
{
	fake_authn.asked++;
	fake_authn.waiting = r;
	if (fake_authn.pending) {
		fake_authn.pending--;
		return AUTHN_PENDING;
	}
	if (fake_authn.warning)
		r->warning = str_from(fake_authn.warning);
	if (!fake_authn.user)
		return __real_authn_chain_run(r);
	r->user = *fake_authn.user;
	return AUTHN_ACCEPT;
}

void fake_authz_describe(struct strbuf *out, const struct attributes *a)
{
	strbuf_addf(out, "%.*s ", STR_ARG(a->verb));
	if (!a->is_resource) {
		strbuf_add_str(out, a->path);
		return;
	}
	strbuf_addf(out, "%.*s/%.*s", STR_ARG(a->api_group), STR_ARG(a->resource));
	if (a->subresource.n)
		strbuf_addf(out, "/%.*s", STR_ARG(a->subresource));
	if (a->namespace.n)
		strbuf_addf(out, " %.*s", STR_ARG(a->namespace));
}

static enum authz_decision decide(struct authz_request *r, struct str what)
{
	for (const char *const *rule = fake_authz.rules; *rule; rule++)
		if (str_eq(str_from(*rule), what))
			return AUTHZ_ALLOW;
	r->reason = str_from(fake_authz.reason);
	r->error = str_from(fake_authz.error);
	return AUTHZ_NO_OPINION;
}

enum authz_decision __wrap_authz_chain_run(struct authz_request *r)
{
	struct strbuf what = STRBUF_INIT;
	enum authz_decision d;

	fake_authz.waiting = r;
	if (fake_authz.pending) {
		fake_authz.pending--;
		return AUTHZ_PENDING;
	}
	if (!fake_authz.rules)
		return __real_authz_chain_run(r);
	fake_authz_describe(&what, r->attributes);
	d = decide(r, strbuf_str(&what));
	strbuf_add_str(&fake_authz.asked, strbuf_str(&what));
	strbuf_add_cstr(&fake_authz.asked, "; ");
	strbuf_fini(&what);
	return d;
}

/* ---- the worker ---- */

static void config_free(struct snapshot *s)
{
	struct authn_config *c = container_of(s, struct authn_config, snapshot);

	token_file_free(c->tokens);
	free(c);
}

static void publish_authn(void)
{
	struct authn_config *c = xcalloc(1, sizeof(*c));
	struct problems p = PROBLEMS_INIT;

	snapshot_init(&c->snapshot, config_free);
	c->tokens = token_file_parse("tokens", STR(TOKENS), &p);
	c->anonymous = true;
	int_is(p.count, 0);
	problems_fini(&p);
	snapshot_slot_publish(&fake.server.authn_slot, &c->snapshot);
}

void fake_proxy_modes(const enum authorization_mode *modes, size_t n)
{
	snapshot_slot_publish(&fake.server.policy_slot,
			      &authz_policy_new(modes, n, NULL)->snapshot);
}

static void set_options(void)
{
	static char url[] = "https://127.0.0.1:1", state[] = "upstream";
	static char *urls[] = { url };

	fake.options = (struct options){
		.request_timeout_ms = 60000,
		.max_connections = 100,
		.max_handshakes = 100,
		.upstream_max_connections = 4,
		.upstream_servers = { urls, 1 },
		.cluster_state = state,
		.modes = { MODE_ALWAYS_ALLOW },
		.mode_count = 1,
	};
}

void fake_proxy_start(void)
{
	struct server *s = &fake.server;

	memset(&fake, 0, sizeof(fake));
	clock_fake_init(&fake.clock, 1000000, INT64_C(1700000000) * 1000000);
	set_options();
	s->options = &fake.options;
	s->clock = &fake.clock.clock;
	snapshot_slot_init(&s->tls_slot);
	snapshot_slot_init(&s->authn_slot);
	snapshot_slot_init(&s->policy_slot);
	health_init(&s->health);
	s->upstreams = upstream_set_new(&fake.options, s->clock);
	publish_authn();
	fake_proxy_modes(fake.options.modes, fake.options.mode_count);
	fake.worker = worker_new(s, -1, -1);
	address_from_text(STR("192.0.2.7"), 40000, &fake.connection.peer);
	fake.connection.loop = fake.worker->loop;
	fake_client_take_over(upstream_pool_client(fake.worker->pool));
	fake_authn = (struct fake_authn){ .pending = 0 };
	fake_authz = (struct fake_authz){ .pending = 0 };
	fake_authenticated = 0;
}

void fake_proxy_stop(void)
{
	struct server *s = &fake.server;

	ok(list_is_empty(&fake.worker->exchanges));
	int_is(atomic_load(&s->exchanges), 0);
	loop_turn(fake.worker->loop, 0);
	worker_free(fake.worker);
	upstream_set_free(s->upstreams);
	snapshot_slot_fini(&s->tls_slot);
	snapshot_slot_fini(&s->authn_slot);
	snapshot_slot_fini(&s->policy_slot);
	strbuf_fini(&fake_authz.asked);
}

void fake_proxy_pass(int64_t ms)
{
	clock_fake_advance(&fake.clock, ms * 1000);
	loop_turn(fake.worker->loop, 0);
	loop_turn(fake.worker->loop, 0);
}

static struct fake_stream *accept_request(const char *method, const char *target,
					  const char *fields, bool has_body)
{
	struct fake_stream *f = fake_stream_new(&fake.connection);
	struct http_message *m = arena_zalloc(&f->arena, sizeof(*m));

	m->method = arena_str(&f->arena, str_from(method));
	m->target = arena_str(&f->arena, str_from(target));
	m->content_length = has_body ? -1 : 0;
	m->has_body = has_body;
	http_headers_init(&m->headers, &f->arena);
	fake_add_fields(&m->headers, &f->arena, fields);
	m->is_upgrade = http_field_has_token(&m->headers, HTTP_CONNECTION, STR("upgrade"));
	exchange_accept(fake.worker, &f->stream, m, !has_body);
	ok(f->stream.handler && f->stream.user);
	return f;
}

struct fake_stream *fake_request(const char *method, const char *target, const char *fields)
{
	return accept_request(method, target, fields, false);
}

struct fake_stream *fake_request_body(const char *method, const char *target, const char *fields)
{
	return accept_request(method, target, fields, true);
}

void fake_request_done(struct fake_stream *f)
{
	ok(f->heads && f->ended);
	fake_stream_closed(f, ERR_OK);
	fake_stream_free(f);
}
