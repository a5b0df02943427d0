/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of a client to the HTTP/2 server, behind a preface that is right.  Whatever reaches
 * accept() must pass a check that does not use the server's own; each stream is told what the
 * transport table promises and no more; whatever ends the connection leaves nothing.  The first
 * byte chooses what the user does, the second how the input is cut.
 */
#include "config.h"

#include "fuzz/h1_pair.h"

#include <nghttp2/nghttp2.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SERVED_MAX 4096

struct served {
	struct http_stream *s;
	int64_t owed;		/* bytes of Content-Length still to come, -1: not told */
	size_t held;		/* not consumed */
	size_t given, sent;
	bool ended, closed;
};

static struct h2_server *server;
static struct served served[SERVED_MAX];
static size_t served_n;
static unsigned deeds;		/* what the user does, by bits */

static void recheck(const struct http_message *m, bool end)
{
	size_t hosts = 0;

	CHECK(m->method.n && !str_eq(m->method, STR("CONNECT")));
	CHECK(m->target.n && m->target.p[0] == '/');
	for (size_t i = 0; i < m->target.n; i++)
		CHECK(m->target.p[i] > 0x20 && m->target.p[i] < 0x7f);
	for (size_t i = 0; i < m->headers.n; i++) {
		const struct http_header *f = &m->headers.v[i];

		CHECK(f->name.n && f->name.p[0] != ':');
		CHECK(!str_eq_nocase(f->name, STR("transfer-encoding")) &&
		      !str_eq_nocase(f->name, STR("connection")) &&
		      !str_eq_nocase(f->name, STR("upgrade")));
		for (size_t j = 0; j < f->name.n; j++)
			CHECK(f->name.p[j] > 0x20 && f->name.p[j] < 0x7f);
		for (size_t j = 0; j < f->value.n; j++)
			CHECK(((unsigned char)f->value.p[j] >= 0x20 || f->value.p[j] == '\t') &&
			      f->value.p[j] != 0x7f);
		hosts += str_eq_nocase(f->name, STR("host"));
	}
	CHECK(hosts <= 1 && end == !m->has_body && (!end || m->content_length == 0));
}

static void answer(struct served *r)
{
	static char text[20000];
	struct http_message m = { .status = 200, .content_length = -1 };

	if (!r->s || r->given)
		return;
	r->given = deeds & 1 ? sizeof(text) : 2;
	if (deeds & 2)
		m.content_length = (int64_t)r->given;
	r->s->ops->send_head(r->s, &m, false);
	r->s->ops->send_body(r->s, text, r->given);
	r->s->ops->send_end(r->s, NULL);
}

static void give_back(struct served *r)
{
	size_t n = r->held;

	r->held = 0;
	r->s->ops->consume(r->s, n);
}

static void drop(struct served *r)
{
	struct http_stream *s = r->s;

	r->s = NULL;
	if (!r->closed)
		s->ops->reset(s, ERR_CANCELED);
	r->closed = true;
	s->ops->release(s);
}

static void on_body(void *user, const void *p, size_t n)
{
	struct served *r = user;

	CHECK(!r->ended && !r->closed && n && p);
	r->held += n;
	CHECK(r->held <= HTTP_WINDOW && (r->owed < 0 || (uint64_t)r->owed >= n));
	r->owed -= r->owed < 0 ? 0 : (int64_t)n;
	if (!(deeds & 4))
		give_back(r);
	else if (deeds & 8)
		drop(r);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	struct served *r = user;

	CHECK(!r->ended && !r->closed && !trailers && r->owed <= 0);
	r->ended = true;
	answer(r);
}

static void on_sent(void *user, size_t n)
{
	struct served *r = user;

	CHECK(!r->closed && n);
	r->sent += n;
	CHECK(r->sent <= r->given);
	if (deeds & 16 && server)
		h2_server_abort(server, ERR_CANCELED);
}

static void on_closed(void *user, int err)
{
	struct served *r = user;

	CHECK(!r->closed && (err || r->sent == r->given));
	r->closed = true;
	if (!(deeds & 32))
		drop(r);
	/* Another one goes with it. */
	if (deeds & 64 && served[0].s && &served[0] != r)
		drop(&served[0]);
}

static const struct http_stream_handler handler = {
	.on_body = on_body, .on_end = on_end, .on_sent = on_sent, .on_closed = on_closed,
};

static void on_accept(void *arg, struct http_stream *s, struct http_message *m, bool end)
{
	struct served *r = &served[served_n++];

	(void)arg;
	CHECK(served_n <= SERVED_MAX);
	recheck(m, end);
	*r = (struct served){ .s = s, .owed = end ? 0 : m->content_length, .ended = end };
	s->handler = &handler;
	s->user = r;
	if (end || deeds & 128)
		answer(r);
}

static void on_gone(void *arg, struct h2_server *c)
{
	(void)arg;
	CHECK(c == server);
	server = NULL;
}

static void on_open(void *user)
{
	static const struct h2_server_settings settings = {
		.accept = on_accept, .on_gone = on_gone,
	};
	struct stream **stream = user;

	server = h2_server_new(pair_loop, *stream, &settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stream_handler opening = { .on_open = on_open };
	static struct stream *stream;
	struct address any = { .len = 0 };

	if (size < 2 || size > 200000)
		return 0;
	if (!pair_loop)
		pair_loop = loop_new(NULL);
	deeds = data[0];
	served_n = 0;
	stream = stream_accept(pair_loop, pair_open(), &any, NULL, &opening, &stream);
	for (int i = 0; i < 4 && !server; i++)
		loop_turn(pair_loop, 0);
	CHECK(server);
	pair_send(STR(NGHTTP2_CLIENT_MAGIC "\0\0\0\4\0\0\0\0\0"));
	pair_send_cut(str_make((const char *)data + 2, size - 2), data[1]);
	if (server)
		h2_server_abort(server, ERR_CANCELED);
	for (size_t i = 0; i < served_n; i++) {
		CHECK(served[i].closed);
		if (served[i].s)
			drop(&served[i]);
	}
	CHECK(!server);
	pair_close();
	return 0;
}
