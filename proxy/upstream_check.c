/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/upstream_check.h"

#include <stdlib.h>

#include "authn/front_proxy.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/h1.h"
#include "net/stream.h"
#include "obs/log.h"
#include "proxy/self_review.h"

enum identity { IDENTITY_UNKNOWN, IDENTITY_PASSED, IDENTITY_FAILED };

struct probe {
	struct upstream_check *check;		/* borrowed */
	struct upstream_server *server;		/* borrowed */
	struct stream *stream;			/* owned while connecting */
	struct h1_client *h1;			/* owned afterwards */
	struct http_stream *request;		/* a question under way */
	struct loop_timer timer;		/* the next question, or this one's end */
	struct snapshot *tls;			/* the context the connection was made with */
	struct strbuf body;
	int status;
	bool asks_identity;
	enum identity identity;
	char *last_error;			/* owned: logged once, not every round */
};

struct upstream_check {
	struct loop *loop;
	struct upstream_set *set;
	struct health *health;
	const struct user *own;
	struct snapshot_reader tls;
	struct probe *probes;			/* owned, one per server */
};

static void ask(struct probe *p);

static void publish(struct upstream_check *c)
{
	bool passed = false, failed = false;

	for (size_t i = 0; i < c->set->count; i++) {
		passed = passed || c->probes[i].identity == IDENTITY_PASSED;
		failed = failed || c->probes[i].identity == IDENTITY_FAILED;
	}
	health_set(c->health, HEALTH_UPSTREAM_IDENTITY, passed && !failed);
	health_set(c->health, HEALTH_UPSTREAM,
		   upstream_set_has_up(c->set, loop_now_us(c->loop)) && passed);
}

static void close_connection(struct probe *p)
{
	if (p->request) {
		p->request->ops->reset(p->request, ERR_CANCELED);
		p->request->ops->release(p->request);
		p->request = NULL;
	}
	if (p->h1)
		h1_client_close(p->h1);
	if (p->stream)
		stream_close(p->stream);
	p->h1 = NULL;
	p->stream = NULL;
	snapshot_release(p->tls);
	p->tls = NULL;
}

static void next_round(struct probe *p)
{
	bool settled = p->identity == IDENTITY_PASSED || p->last_error;

	publish(p->check);
	loop_timer_arm(&p->timer, settled ? CHECK_MS : CHECK_FIRST_MS);
}

/* The question failed: the server counts as down, and the reason is logged when it is news. */
static void failed(struct probe *p, const char *why)
{
	if (!p->last_error || strcmp(p->last_error, why)) {
		log_error("upstream %s: %s", p->server->url, why);
		free(p->last_error);
		p->last_error = xstrdup(why);
	}
	close_connection(p);
	next_round(p);
}

static void unreachable(struct probe *p, const char *why)
{
	upstream_server_failed(p->server, loop_now_us(p->check->loop), why);
	failed(p, why);
}

static void succeeded(struct probe *p)
{
	free(p->last_error);
	p->last_error = NULL;
	upstream_server_worked(p->server);
	next_round(p);
}

static void judge_identity(struct probe *p, struct str own_name)
{
	struct strbuf why = STRBUF_INIT;

	if (!self_review_judge(p->status, strbuf_str(&p->body), own_name, &why)) {
		if (p->identity != IDENTITY_PASSED)
			log_info("upstream %s: identity passes whole", p->server->url);
		p->identity = IDENTITY_PASSED;
		atomic_store(&p->server->trust, UPSTREAM_TRUSTED);
		succeeded(p);
	} else if (p->status >= 500 || p->status == 429) {
		unreachable(p, why.p);
	} else {
		p->identity = IDENTITY_FAILED;
		atomic_store(&p->server->trust, UPSTREAM_REFUSED);
		failed(p, why.p);
	}
	strbuf_fini(&why);
}

static struct str certificate_name(struct probe *p, char *text, size_t size)
{
	X509 *own = SSL_CTX_get0_certificate(tls_client_context_ssl(
		(struct tls_client_context *)(void *)p->tls));
	int n = own ? X509_NAME_get_text_by_NID(X509_get_subject_name(own), NID_commonName,
						text, (int)size) : -1;

	return n > 0 ? str_make(text, (size_t)n) : STR_NULL;
}

static void on_end(void *user, const struct http_headers *trailers)
{
	struct probe *p = user;
	struct http_stream *s = p->request;
	char name[256];

	(void)trailers;
	p->request = NULL;
	s->ops->release(s);
	if (p->asks_identity) {
		judge_identity(p, certificate_name(p, name, sizeof(name)));
	} else if (p->status == 200) {
		atomic_store(&p->server->not_ready, false);
		succeeded(p);
	} else {
		atomic_store(&p->server->not_ready, true);
		snprintf(name, sizeof(name), "/readyz answered %d", p->status);
		unreachable(p, name);
	}
}

static void on_head(void *user, struct http_message *m, bool end)
{
	struct probe *p = user;

	p->status = m->status;
	if (end && m->status >= 200)
		on_end(user, NULL);
}

static void on_body(void *user, const void *bytes, size_t n)
{
	struct probe *p = user;

	p->request->ops->consume(p->request, n);
	if (p->body.n + n <= CHECK_BODY_MAX)
		strbuf_add(&p->body, bytes, n);
}

static void on_sent(void *user, size_t n)
{
	(void)user;
	(void)n;
}

static void on_closed(void *user, int err)
{
	struct probe *p = user;
	struct http_stream *s = p->request;

	p->request = NULL;
	s->ops->release(s);
	unreachable(p, err_text(err));
}

static const struct http_stream_handler answer_handler = {
	.on_head = on_head, .on_body = on_body, .on_end = on_end,
	.on_sent = on_sent, .on_closed = on_closed,
};

static void send_question(struct probe *p)
{
	struct http_stream *s = h1_client_open(p->h1);
	struct str body = p->asks_identity ? self_review_body() : STR_NULL;
	const char *why;
	struct http_message m = {
		.method = p->asks_identity ? STR("POST") : STR("GET"),
		.target = p->asks_identity ? STR(SELF_REVIEW_PATH) : STR("/readyz"),
		.content_length = (int64_t)body.n,
		.has_body = body.n > 0,
	};

	p->request = s;
	s->handler = &answer_handler;
	s->user = p;
	http_headers_init(&m.headers, s->arena);
	http_headers_add(&m.headers, STR("Host"), str_from(p->server->host));
	http_headers_add(&m.headers, STR("User-Agent"), STR("kube-authproxy"));
	http_headers_add(&m.headers, STR("Accept"), STR("application/json"));
	if (body.n)
		http_headers_add(&m.headers, STR("Content-Type"), STR("application/json"));
	front_proxy_stamp(&m.headers, p->asks_identity ? self_review_user() : p->check->own, &why);
	s->ops->send_head(s, &m, !body.n);
	if (!body.n)
		return;
	s->ops->send_body(s, body.p, body.n);
	s->ops->send_end(s, NULL);
}

static void on_idle(void *user, struct h1_client *h1)
{
	(void)user;
	(void)h1;
}

static void on_gone(void *user, struct h1_client *h1, int err)
{
	struct probe *p = user;

	(void)h1;
	(void)err;
	p->h1 = NULL;
	snapshot_release(p->tls);
	p->tls = NULL;
}

static const struct h1_client_settings h1_settings = { .on_idle = on_idle, .on_gone = on_gone };

static void on_connected(void *user)
{
	struct probe *p = user;

	p->h1 = h1_client_new(p->check->loop, p->stream, &h1_settings, p);
	p->stream = NULL;
	send_question(p);
}

static void on_connect_failed(void *user, int err)
{
	struct probe *p = user;
	struct strbuf why = STRBUF_INIT;

	strbuf_addf(&why, "cannot connect: %s", err == ERR_TIMEOUT ? err_text(err) :
		    stream_error_text(p->stream));
	unreachable(p, why.p);
	strbuf_fini(&why);
}

static const struct stream_handler connect_handler = {
	.on_open = on_connected, .on_close = on_connect_failed,
};

static void connect_first(struct probe *p)
{
	struct upstream_check *c = p->check;
	struct address a;

	if (upstream_server_address(c->set, p->server, &a)) {
		unreachable(p, "the name does not resolve");
		return;
	}
	p->tls = snapshot_acquire(snapshot_reader_get(&c->tls));
	p->stream = stream_connect(c->loop, &a, (struct tls_client_context *)(void *)p->tls,
				   p->server->tls_name, NULL, &connect_handler, p);
}

static void ask(struct probe *p)
{
	strbuf_clear(&p->body);
	p->status = 0;
	loop_timer_arm(&p->timer, CHECK_TIMEOUT_MS);
	if (p->h1 && (p->tls != snapshot_reader_get(&p->check->tls) ||
		      !h1_client_is_usable(p->h1)))
		close_connection(p);
	/* Behind a new connection may be a server that was started with other flags. */
	p->asks_identity = p->identity != IDENTITY_PASSED || !p->h1;
	if (p->h1)
		send_question(p);
	else
		connect_first(p);
}

static void on_timer(struct loop_timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	if (p->request || p->stream)
		unreachable(p, "no answer in time");
	else
		ask(p);
}

struct upstream_check *upstream_check_new(struct loop *l, struct upstream_set *set,
					  struct health *health, const struct user *own)
{
	struct upstream_check *c = xcalloc(1, sizeof(*c));

	c->loop = l;
	c->set = set;
	c->health = health;
	c->own = own;
	snapshot_reader_init(&c->tls, &set->tls_slot);
	c->probes = xcalloc(set->count, sizeof(*c->probes));
	for (size_t i = 0; i < set->count; i++) {
		struct probe *p = &c->probes[i];

		p->check = c;
		p->server = &set->servers[i];
		loop_timer_init(&p->timer, l, on_timer);
		loop_timer_arm(&p->timer, 0);
	}
	return c;
}

void upstream_check_again(struct upstream_check *c)
{
	for (size_t i = 0; i < c->set->count; i++) {
		struct probe *p = &c->probes[i];

		p->identity = IDENTITY_UNKNOWN;
		close_connection(p);
		loop_timer_arm(&p->timer, 0);
	}
}

void upstream_check_free(struct upstream_check *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->set->count; i++) {
		close_connection(&c->probes[i]);
		loop_timer_fini(&c->probes[i].timer);
		strbuf_fini(&c->probes[i].body);
		free(c->probes[i].last_error);
	}
	snapshot_reader_fini(&c->tls);
	free(c->probes);
	free(c);
}
