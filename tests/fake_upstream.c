/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/fake_upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/listener.h"
#include "net/stream.h"
#include "tests/tap.h"

struct fake_certs fake_certs;
static struct tls_server_context *server_tls;

struct connection {
	struct list node;
	struct fake_upstream *upstream;
	struct stream *stream;		/* until the handshake is done */
	struct h1_server *h1;
	struct h1_server_settings settings;
};

/* ---- certificates ---- */

static struct certs_pair *make_client(const char *cn)
{
	return certs_make(&(struct certs_spec){ .cn = cn, .eku = "clientAuth" }, fake_certs.ca);
}

void fake_certs_make(void)
{
	struct tls_server_settings s = { .min_version = TLS1_2_VERSION };
	char *why = NULL;

	fake_certs.ca = certs_make(&(struct certs_spec){ .cn = "ca", .is_ca = true }, NULL);
	fake_certs.strange_ca = certs_make(&(struct certs_spec){ .cn = "strange", .is_ca = true },
					   NULL);
	fake_certs.server = certs_make(&(struct certs_spec){ .cn = "upstream", .eku = "serverAuth",
				       .san = "IP:127.0.0.1" }, fake_certs.ca);
	fake_certs.one = make_client("one");
	fake_certs.two = make_client("two");
	s.default_pair.cert_pem = str_from(fake_certs.server->cert_pem);
	s.default_pair.key_pem = str_from(fake_certs.server->key_pem);
	s.client_ca_pem = str_from(fake_certs.ca->cert_pem);
	CHECK(!tls_server_context_new(&s, &server_tls, &why));
}

void fake_certs_free(void)
{
	struct certs_pair *all[] = { fake_certs.ca, fake_certs.strange_ca, fake_certs.server,
				     fake_certs.one, fake_certs.two };

	for (size_t i = 0; i < array_size(all); i++)
		certs_free(all[i]);
	snapshot_release(tls_server_context_snapshot(server_tls));
}

struct snapshot *fake_client_context(const struct certs_pair *pair, const struct certs_pair *ca)
{
	struct tls_client_settings s = {
		.cert_pem = str_from(pair->cert_pem), .key_pem = str_from(pair->key_pem),
		.ca_pem = str_from(ca->cert_pem),
	};
	struct tls_client_context *c;
	char *why = NULL;

	CHECK(!tls_client_context_new(&s, &c, &why));
	return tls_client_context_snapshot(c);
}

struct snapshot *fake_server_context(void)
{
	return snapshot_acquire(tls_server_context_snapshot(server_tls));
}

/* ---- requests ---- */

static void ignore_end(void *user, const struct http_headers *trailers)
{
	(void)user;
	(void)trailers;
}

static void ignore_body(void *user, const void *p, size_t n)
{
	struct http_stream *s = user;

	(void)p;
	s->ops->consume(s, n);
}

static void ignore_sent(void *user, size_t n)
{
	(void)user;
	(void)n;
}

static void on_request_over(void *user, int err)
{
	struct http_stream *s = user;

	(void)err;
	s->ops->release(s);
}

static const struct http_stream_handler handler = {
	.on_body = ignore_body, .on_end = ignore_end, .on_sent = ignore_sent,
	.on_closed = on_request_over,
};

static void on_request(void *arg, struct http_stream *s, struct http_message *m, bool end)
{
	struct connection *c = arg;
	struct fake_upstream *u = c->upstream;
	const struct str *user = http_field_get(&m->headers, HTTP_X_REMOTE_USER);
	struct http_message answer = { .status = 200 };
	const char *body = "ok";

	(void)end;
	u->requests++;
	strbuf_addf(&u->asked, "%.*s %.*s %.*s\n", STR_ARG(m->method), STR_ARG(m->target),
		    STR_ARG(user ? *user : STR_NULL));
	s->handler = &handler;
	s->user = s;
	if (u->silent)
		return;
	if (u->answer)
		u->answer(m, &answer.status, &body);
	http_headers_init(&answer.headers, s->arena);
	answer.content_length = (int64_t)strlen(body);
	answer.has_body = true;
	s->ops->send_head(s, &answer, false);
	s->ops->send_body(s, body, strlen(body));
	s->ops->send_end(s, NULL);
}

/* ---- connections ---- */

static void connection_gone(struct connection *c)
{
	c->upstream->open--;
	list_del(&c->node);
	loop_bury(c->upstream->loop, c, free);
}

static void on_gone(void *arg, struct h1_server *h1)
{
	(void)h1;
	connection_gone(arg);
}

static void on_open(void *user)
{
	struct connection *c = user;
	const struct tls_peer *peer = stream_tls_peer(c->stream);

	if (peer) {
		X509_NAME_get_text_by_NID(X509_get_subject_name(peer->leaf), NID_commonName,
					  c->upstream->cn, sizeof(c->upstream->cn));
		c->upstream->resumed += peer->resumed;
	}
	c->settings = (struct h1_server_settings){
		.accept = on_request, .arg = c, .on_gone = on_gone,
	};
	c->h1 = h1_server_new(c->upstream->loop, c->stream, &c->settings);
	c->stream = NULL;
}

static void on_close(void *user, int err)
{
	struct connection *c = user;

	(void)err;
	c->upstream->failed_handshakes++;
	stream_close(c->stream);
	connection_gone(c);
}

static const struct stream_handler handshake_handler = { .on_open = on_open, .on_close = on_close };

static void on_accept(void *arg, int fd, const struct address *peer)
{
	struct fake_upstream *u = arg;
	struct connection *c = xcalloc(1, sizeof(*c));

	c->upstream = u;
	list_add_tail(&u->connections, &c->node);
	u->accepted++;
	u->open++;
	c->stream = stream_accept(u->loop, fd, peer, server_tls, &handshake_handler, c);
}

/* ---- the server ---- */

void fake_upstream_init(struct fake_upstream *u, struct loop *l)
{
	struct address a;
	int one = 1;

	memset(u, 0, sizeof(*u));
	u->loop = l;
	list_init(&u->connections);
	address_from_text(STR("127.0.0.1"), 0, &a);
	u->reserved_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!setsockopt(u->reserved_fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
	CHECK(!bind(u->reserved_fd, &a.u.sa, a.len));
	CHECK(!getsockname(u->reserved_fd, &a.u.sa, &a.len));
	u->port = address_port(&a);
}

void fake_upstream_listen(struct fake_upstream *u)
{
	struct address a, bound;
	int fd;

	address_from_text(STR("127.0.0.1"), u->port, &a);
	CHECK(!listener_open(&a, &fd, &bound));
	u->listener = listener_new(u->loop, fd, on_accept, u);
}

void fake_upstream_deafen(struct fake_upstream *u)
{
	listener_free(u->listener);
	u->listener = NULL;
}

void fake_upstream_hang_up(struct fake_upstream *u)
{
	struct list *node, *safe;

	list_for_each(node, safe, &u->connections) {
		struct connection *c = container_of(node, struct connection, node);

		if (c->h1) {
			h1_server_abort(c->h1, ERR_CANCELED);
		} else {
			stream_close(c->stream);
			connection_gone(c);
		}
	}
}

void fake_upstream_fini(struct fake_upstream *u)
{
	fake_upstream_deafen(u);
	fake_upstream_hang_up(u);
	close(u->reserved_fd);
	strbuf_fini(&u->asked);
}

struct upstream_set *fake_upstream_set(struct fake_upstream *u, size_t n, const struct clock *c)
{
	char *urls[16];
	struct options o = { .upstream_servers = { urls, n } };
	struct upstream_set *s;

	CHECK(n <= array_size(urls));
	for (size_t i = 0; i < n; i++)
		CHECK(asprintf(&urls[i], "https://127.0.0.1:%u", (unsigned)u[i].port) > 0);
	s = upstream_set_new(&o, c);
	for (size_t i = 0; i < n; i++)
		free(urls[i]);
	upstream_set_start(s);
	return s;
}
