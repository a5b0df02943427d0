/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a client to the HTTP/1.1 server.  Whatever reaches accept() must pass a check that does
 * not use the server's own, and how the bytes are cut must not matter.
 */
#include "config.h"

#include "fuzz/h1_pair.h"

#include "base/err.h"
#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct strbuf *log_to;
static struct h1_server *server;
static int64_t owed;		/* bytes of Content-Length still to come, -1: chunked */

static void recheck_target(struct str t)
{
	ptrdiff_t query = str_find(t, '?', 0);

	CHECK(t.n && (t.p[0] == '/' || str_find_str(t, STR("://")) > 0));
	for (size_t i = 0; i < t.n; i++) {
		CHECK(t.p[i] > 0x20 && t.p[i] < 0x7f);
		if (t.p[i] == '%' && (query < 0 || i < (size_t)query))
			CHECK(i + 2 < t.n && strchr("0123456789abcdefABCDEF", t.p[i + 1]) &&
			      strchr("0123456789abcdefABCDEF", t.p[i + 2]));
	}
}

static void recheck_field(const struct http_header *f)
{
	CHECK(f->name.n && !str_eq_nocase(f->name, STR("transfer-encoding")));
	for (size_t i = 0; i < f->name.n; i++)
		CHECK(f->name.p[i] > 0x20 && f->name.p[i] < 0x7f && f->name.p[i] != ':');
	for (size_t i = 0; i < f->value.n; i++) {
		unsigned char c = (unsigned char)f->value.p[i];

		CHECK((c >= 0x20 || c == '\t') && c != 0x7f);
	}
	CHECK(str_eq(str_trim(f->value), f->value));
}

static void recheck(const struct http_message *m, bool end)
{
	size_t hosts = 0, lengths = 0;

	CHECK(m->method.n && !str_eq(m->method, STR("CONNECT")));
	recheck_target(m->target);
	for (size_t i = 0; i < m->headers.n; i++) {
		const struct http_header *f = &m->headers.v[i];

		recheck_field(f);
		hosts += str_eq_nocase(f->name, STR("host"));
		if (!str_eq_nocase(f->name, STR("content-length")))
			continue;
		lengths++;
		for (size_t j = 0; j < f->value.n; j++)
			CHECK(f->value.p[j] >= '0' && f->value.p[j] <= '9');
		CHECK(strtoll(f->value.p, NULL, 10) == m->content_length);
	}
	CHECK(hosts <= 1 && lengths <= 1 && (hosts == 1 || m->is_http10));
	CHECK(end == !m->has_body && (!end || m->content_length == 0));
	CHECK(!m->is_http10 || end || lengths == 1);
}

static void answer(struct http_stream *s)
{
	struct http_message m = { .status = 200, .content_length = 2 };

	s->ops->send_head(s, &m, false);
	s->ops->send_body(s, "ok", 2);
	s->ops->send_end(s, NULL);
}

static void on_body(void *user, const void *p, size_t n)
{
	struct http_stream *s = user;

	strbuf_add(log_to, p, n);
	CHECK(owed < 0 || (uint64_t)owed >= n);
	owed -= owed < 0 ? 0 : (int64_t)n;
	s->ops->consume(s, n);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	CHECK(!trailers && owed <= 0);
	strbuf_add_cstr(log_to, "|end|");
	answer(user);
}

static void on_sent(void *user, size_t n)
{
	(void)user;
	(void)n;
}

static void on_closed(void *user, int err)
{
	struct http_stream *s = user;

	strbuf_addf(log_to, "|closed %d|", err == ERR_SYNTAX ? err : 0);
	s->ops->release(s);
}

static void on_accept(void *arg, struct http_stream *s, struct http_message *m, bool end)
{
	static const struct http_stream_handler handler = {
		.on_body = on_body, .on_end = on_end, .on_sent = on_sent, .on_closed = on_closed,
	};

	(void)arg;
	recheck(m, end);
	s->handler = &handler;
	s->user = s;
	owed = m->content_length;
	strbuf_add_str(log_to, m->method);
	strbuf_add_char(log_to, ' ');
	strbuf_add_str(log_to, m->target);
	for (size_t i = 0; i < m->headers.n; i++) {
		strbuf_add_char(log_to, '\n');
		strbuf_add_str(log_to, m->headers.v[i].name);
		strbuf_add_char(log_to, '=');
		strbuf_add_str(log_to, m->headers.v[i].value);
	}
	if (end)
		answer(s);
}

static void on_gone(void *arg, struct h1_server *c)
{
	(void)arg;
	CHECK(c == server);
	server = NULL;
}

static void run(struct str in, unsigned seed, struct strbuf *out)
{
	static const struct h1_server_settings settings = {
		.accept = on_accept, .on_gone = on_gone,
	};
	struct address any = { .len = 0 };
	struct stream *stream;

	log_to = out;
	stream = stream_accept(pair_loop, pair_open(), &any, NULL, NULL, NULL);
	server = h1_server_new(pair_loop, stream, &settings);
	pair_send_cut(in, seed);
	if (server)
		h1_server_abort(server, ERR_CANCELED);
	CHECK(!server);
	pair_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf whole = STRBUF_INIT, cut = STRBUF_INIT;
	struct str in;

	if (size < 2)
		return 0;
	in = str_make((const char *)data + 2, size - 2);
	if (!pair_loop)
		pair_loop = loop_new(NULL);
	run(in, 0, &whole);
	run(in, (unsigned)data[0] << 8 | data[1] | 1, &cut);
	CHECK(str_eq(strbuf_str(&whole), strbuf_str(&cut)));
	strbuf_fini(&whole);
	strbuf_fini(&cut);
	return 0;
}
