/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of an upstream to the HTTP/1.1 client, as answers to two requests on one connection.  A
 * complete response has exactly the bytes it announced, and how the bytes are cut must not matter.
 */
#include "config.h"

#include "fuzz/h1_pair.h"

#include "base/err.h"
#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct strbuf *log_to;
static struct h1_client *client;
static struct stream *opening;
static int64_t owed;
static const char *methods[2];
static int requests;

static void log_fields(const struct http_headers *h)
{
	for (size_t i = 0; h && i < h->n; i++) {
		for (size_t j = 0; j < h->v[i].value.n; j++)
			CHECK(!strchr("\r\n", h->v[i].value.p[j]));
		CHECK(http_is_token(h->v[i].name));
		strbuf_add_str(log_to, h->v[i].name);
		strbuf_add_char(log_to, '=');
		strbuf_add_str(log_to, h->v[i].value);
		strbuf_add_char(log_to, '\n');
	}
}

static void on_head(void *user, struct http_message *m, bool end)
{
	struct http_stream *s = user;

	CHECK(m->status >= 100 && m->status <= 599 && m->status != 101);
	CHECK(m->status >= 200 || !end);
	CHECK(!http_field_has(&m->headers, HTTP_TRANSFER_ENCODING));
	owed = m->content_length;
	strbuf_addf(log_to, "%d %d\n", m->status, end);
	log_fields(&m->headers);
	if (end)
		s->ops->release(s);
}

static void on_body(void *user, const void *p, size_t n)
{
	struct http_stream *s = user;

	CHECK(owed < 0 || (uint64_t)owed >= n);
	owed -= owed < 0 ? 0 : (int64_t)n;
	strbuf_add(log_to, p, n);
	s->ops->consume(s, n);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	struct http_stream *s = user;

	CHECK(owed <= 0);
	strbuf_add_cstr(log_to, "|end|");
	log_fields(trailers);
	s->ops->release(s);
}

static void on_sent(void *user, size_t n)
{
	(void)user;
	(void)n;
}

static void on_closed(void *user, int err)
{
	struct http_stream *s = user;

	strbuf_addf(log_to, "|closed %d|", err == ERR_CANCELED);
	s->ops->release(s);
}

static void next_request(void)
{
	static const struct http_stream_handler handler = {
		.on_head = on_head, .on_body = on_body, .on_end = on_end, .on_sent = on_sent,
		.on_closed = on_closed,
	};
	struct http_message m = { .target = STR("/"), .content_length = 0 };
	struct http_stream *s = requests < 2 ? h1_client_open(client) : NULL;

	if (!s)
		return;
	m.method = str_from(methods[requests++]);
	s->handler = &handler;
	s->user = s;
	s->ops->send_head(s, &m, true);
}

static void on_idle(void *user, struct h1_client *c)
{
	(void)user;
	CHECK(c == client);
}

static void on_gone(void *user, struct h1_client *c, int err)
{
	(void)user;
	(void)err;
	CHECK(c == client);
	client = NULL;
}

static void on_open(void *user)
{
	static const struct h1_client_settings settings = {
		.on_idle = on_idle, .on_gone = on_gone,
	};

	(void)user;
	client = h1_client_new(pair_loop, opening, &settings, NULL);
}

/* Each part of the input answers one request. */
static void run(struct str first, struct str second, unsigned seed, struct strbuf *out)
{
	static const struct stream_handler events = { .on_open = on_open };
	struct address any = { .len = 0 };

	log_to = out;
	requests = 0;
	opening = stream_accept(pair_loop, pair_open(), &any, NULL, &events, NULL);
	pair_settle();
	CHECK(client);
	next_request();
	pair_settle();
	pair_send_cut(first, seed);
	if (client) {
		next_request();
		pair_settle();
		pair_send_cut(second, seed);
	}
	shutdown(pair_fd, SHUT_WR);
	pair_settle();
	CHECK(!client);
	pair_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const all[] = { "GET", "HEAD", "POST", "DELETE" };
	struct strbuf whole = STRBUF_INIT, cut = STRBUF_INIT;
	struct str in, first, second = STR_NULL;
	ptrdiff_t at;

	if (size < 2)
		return 0;
	in = str_make((const char *)data + 2, size - 2);
	/* A byte that no response of ours has between the two answers. */
	at = str_find(in, '\x1e', 0);
	first = at < 0 ? in : str_slice(in, 0, (size_t)at);
	if (at >= 0)
		second = str_skip(in, (size_t)at + 1);
	methods[0] = all[data[0] & 3];
	methods[1] = all[data[0] >> 2 & 3];
	if (!pair_loop)
		pair_loop = loop_new(NULL);
	run(first, second, 0, &whole);
	run(first, second, (unsigned)data[0] << 8 | data[1] | 1, &cut);
	CHECK(str_eq(strbuf_str(&whole), strbuf_str(&cut)));
	strbuf_fini(&whole);
	strbuf_fini(&cut);
	return 0;
}
