/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/connection.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/h1.h"
#include "http/h2.h"
#include "obs/log.h"
#include "obs/metrics.h"

#define CONNECTION_MAGIC 0x434f4e4eu	/* "CONN" */

struct connection {
	unsigned magic;
	struct list node;		/* worker's connections */
	struct worker *worker;		/* borrowed */
	struct stream *stream;		/* owned until the h1 or h2 server takes it over */
	/* One of them after the handshake; they own themselves. */
	struct h1_server *h1;
	struct h2_server *h2;
	union {
		struct h1_server_settings h1_settings;
		struct h2_server_settings h2_settings;
	};
	http_accept_fn *accept;
	bool authenticated;
};

static void count(atomic_size_t *counter, int n)
{
	atomic_fetch_add_explicit(counter, (size_t)n, memory_order_relaxed);
}

static void connection_free(void *arg)
{
	free(arg);
}

/* The end of every connection, whichever side ended it. */
static void connection_gone(struct connection *c)
{
	struct server *s = c->worker->server;

	if (!c->h1 && !c->h2)
		count(&s->handshakes, -1);
	if (!c->authenticated)
		count(&s->unauthenticated, -1);
	count(&s->connections, -1);
	metric_add(METRIC_CONNECTIONS, -1);
	list_del(&c->node);
	c->magic = 0;
	loop_bury(c->worker->loop, c, connection_free);
}

static void on_h1_gone(void *arg, struct h1_server *h1)
{
	struct connection *c = h1_server_user(h1);

	(void)arg;
	CHECK_MAGIC(c, CONNECTION_MAGIC);
	connection_gone(c);
}

static void on_h2_gone(void *arg, struct h2_server *h2)
{
	struct connection *c = h2_server_user(h2);

	(void)arg;
	CHECK_MAGIC(c, CONNECTION_MAGIC);
	connection_gone(c);
}

static void serve_h1(struct connection *c)
{
	c->h1_settings = (struct h1_server_settings){
		.accept = c->accept, .arg = c->worker, .on_gone = on_h1_gone,
	};
	c->h1 = h1_server_new(c->worker->loop, c->stream, &c->h1_settings);
	h1_server_set_user(c->h1, c);
	h1_server_connection(c->h1)->owner = c;
}

static void serve_h2(struct connection *c)
{
	int64_t streams = c->worker->server->options->http2_max_streams;

	c->h2_settings = (struct h2_server_settings){
		.accept = c->accept, .arg = c->worker, .on_gone = on_h2_gone,
		/* kube-apiserver takes zero and less for its default, and no more than 31 bits. */
		.max_streams = streams <= 0 ? 0 : streams > INT32_MAX ? INT32_MAX :
			       (uint32_t)streams,
	};
	c->h2 = h2_server_new(c->worker->loop, c->stream, &c->h2_settings);
	h2_server_set_user(c->h2, c);
	h2_server_connection(c->h2)->owner = c;
	if (atomic_load(&c->worker->server->draining))	/* the handshake took longer */
		h2_server_drain(c->h2);
}

static void on_open(void *user)
{
	struct connection *c = user;

	CHECK_MAGIC(c, CONNECTION_MAGIC);
	count(&c->worker->server->handshakes, -1);
	if (str_eq(stream_alpn(c->stream), STR("h2")))
		serve_h2(c);
	else
		serve_h1(c);
	c->stream = NULL;
}

static void on_handshake_failed(void *user, int err)
{
	struct connection *c = user;

	CHECK_MAGIC(c, CONNECTION_MAGIC);
	metric_add(METRIC_HANDSHAKES_FAILED, 1);
	if (log_is_verbose(2) && err != ERR_CLOSED) {
		char peer[ADDRESS_TEXT_MAX];

		log_info("TLS handshake error from %s: %s",
			 address_text(stream_peer(c->stream), peer),
			 err == ERR_TLS ? stream_error_text(c->stream) : err_text(err));
	}
	stream_close(c->stream);
	connection_gone(c);
}

static const struct stream_handler handshake_handler = {
	.on_open = on_open,
	.on_close = on_handshake_failed,
};

/* True while every cap has room. */
static bool has_room(const struct server *s)
{
	return atomic_load(&s->connections) < (size_t)s->options->max_connections &&
	       atomic_load(&s->handshakes) < (size_t)s->options->max_handshakes &&
	       atomic_load(&s->unauthenticated) < SERVER_UNAUTHENTICATED_MAX;
}

void connection_accept(struct worker *w, int fd, const struct address *peer, bool tls,
		       http_accept_fn *accept)
{
	struct server *s = w->server;
	struct tls_server_context *context = NULL;
	struct connection *c;

	/* Probes come over loopback, and clients that fill the caps must not make them fail. */
	if (tls && !has_room(s)) {
		metric_add(METRIC_CONNECTIONS_REFUSED, 1);
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->magic = CONNECTION_MAGIC;
	c->worker = w;
	c->accept = accept;
	list_add_tail(&w->connections, &c->node);
	count(&s->connections, 1);
	count(&s->handshakes, 1);
	count(&s->unauthenticated, 1);
	metric_add(METRIC_CONNECTIONS, 1);
	if (tls)
		context = (struct tls_server_context *)(void *)snapshot_reader_get(&w->tls);
	c->stream = stream_accept(w->loop, fd, peer, context, &handshake_handler, c);
}

void connection_authenticated(struct http_connection *hc)
{
	struct connection *c = hc->owner;

	CHECK_MAGIC(c, CONNECTION_MAGIC);
	if (c->authenticated)
		return;
	c->authenticated = true;
	if (c->h2)
		h2_server_trust(c->h2);
	count(&c->worker->server->unauthenticated, -1);
}

/* HTTP/1.1 is told with the answer to its next request, which is a refusal then. */
void connections_drain(struct worker *w)
{
	struct list *node, *safe;

	list_for_each(node, safe, &w->connections) {
		struct connection *c = container_of(node, struct connection, node);

		if (c->h2)
			h2_server_drain(c->h2);
	}
}

void connections_abort(struct worker *w)
{
	struct list *node, *safe;

	list_for_each(node, safe, &w->connections) {
		struct connection *c = container_of(node, struct connection, node);

		if (c->h1) {
			/* In good order if idle: its last answer may still be on its way. */
			h1_server_drain(c->h1);
			h1_server_abort(c->h1, ERR_CANCELED);
		} else if (c->h2) {
			h2_server_abort(c->h2, ERR_CANCELED);
		} else {
			stream_close(c->stream);
			connection_gone(c);
		}
	}
}
