/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/h2_peer.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/tap.h"

struct h2_rig rig;
struct strbuf raw;

/* ---- the server's user ---- */

static void maybe_abort(void)
{
	if (!rig.abort_in_callback || !rig.server)
		return;
	rig.abort_in_callback = false;
	h2_server_abort(rig.server, ERR_CANCELED);
}

static bool does(const struct h2_served *r, const char *path)
{
	return str_find_str(strbuf_str(&r->request), str_from(path)) >= 0;
}

void h2_release(size_t i)
{
	struct http_stream *s = rig.served[i].s;

	rig.served[i].s = NULL;
	s->ops->release(s);
}

void h2_head(size_t i, int status, int64_t length, bool end)
{
	struct http_stream *s = rig.served[i].s;
	struct http_message m = { .status = status, .content_length = length };

	s->ops->send_head(s, &m, end);
}

void h2_body(size_t i, struct str body)
{
	rig.served[i].s->ops->send_body(rig.served[i].s, body.p, body.n);
}

void h2_finish(size_t i)
{
	rig.served[i].s->ops->send_end(rig.served[i].s, NULL);
}

static void answer(size_t i, struct str body)
{
	h2_head(i, 200, (int64_t)body.n, !body.n);
	if (!body.n)
		return;
	h2_body(i, body);
	h2_finish(i);
}

static void on_body(void *user, const void *p, size_t n)
{
	struct h2_served *r = user;

	ok(!r->ended && r->closed == 1);
	strbuf_add(&r->body, p, n);
	if (!does(r, " /keep"))
		r->s->ops->consume(r->s, n);
	maybe_abort();
}

static void on_end(void *user, const struct http_headers *trailers)
{
	struct h2_served *r = user;

	ok(!trailers && !r->ended);
	r->ended = true;
	if (does(r, " /echo"))
		answer((size_t)(r - rig.served), strbuf_str(&r->body));
	maybe_abort();
}

static void on_sent(void *user, size_t n)
{
	struct h2_served *r = user;

	ok(r->closed == 1);
	r->sent += n;
	maybe_abort();
}

static void on_closed(void *user, int err)
{
	struct h2_served *r = user;

	ok(r->closed == 1);
	r->closed = err;
	if (r->s && !does(r, " /late"))
		h2_release((size_t)(r - rig.served));
	maybe_abort();
}

static const struct http_stream_handler handler = {
	.on_body = on_body, .on_end = on_end, .on_sent = on_sent, .on_closed = on_closed,
};

static void on_accept(void *arg, struct http_stream *s, struct http_message *m, bool end)
{
	struct h2_served *r = &rig.served[rig.accepted++];

	(void)arg;
	CHECK(rig.accepted <= H2_SERVED_MAX);
	*r = (struct h2_served){ .s = s, .closed = 1, .ended = end };
	s->handler = &handler;
	s->user = r;
	strbuf_addf(&r->request, "%.*s %.*s\n", STR_ARG(m->method), STR_ARG(m->target));
	for (size_t i = 0; i < m->headers.n; i++)
		if (m->headers.v[i].field != HTTP_HOST ||
		    !str_eq(m->headers.v[i].value, STR("localhost")))
			strbuf_addf(&r->request, "%.*s: %.*s\n", STR_ARG(m->headers.v[i].name),
				    STR_ARG(m->headers.v[i].value));
	if (does(r, " /reset")) {
		r->closed = 0;
		s->ops->reset(s, ERR_RESET);
		h2_release((size_t)(r - rig.served));
	} else if (does(r, " /early")) {
		answer((size_t)(r - rig.served), STR("early"));
	} else if (end && does(r, " /echo")) {
		answer((size_t)(r - rig.served), STR_NULL);
	}
	maybe_abort();
}

static void on_gone(void *arg, struct h2_server *c)
{
	(void)arg;
	ok(c == rig.server);
	rig.gone++;
	rig.server = NULL;
}

/* ---- nghttp2's client ---- */

struct h2_answer *h2_answer(int32_t id)
{
	CHECK(id > 0 && (size_t)(id - 1) / 2 < array_size(rig.answers));
	return &rig.answers[(id - 1) / 2];
}

static int got_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		      size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
		      void *user)
{
	struct h2_answer *a = h2_answer(frame->hd.stream_id);
	struct str v = str_make((const char *)value, value_n);
	uint64_t status = 0;

	(void)session;
	(void)flags;
	(void)user;
	if (str_eq(str_make((const char *)name, name_n), STR(":status"))) {
		CHECK(!str_to_u64(v, &status));
		if (status < 200)
			a->informational = (int)status;
		else
			a->status = (int)status;
	} else {
		strbuf_addf(&a->fields, "%.*s: %.*s\n", (int)name_n, (const char *)name,
			    STR_ARG(v));
	}
	return 0;
}

static int got_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	(void)session;
	(void)user;
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		rig.goaway = frame->goaway.error_code;
		rig.goaway_last = frame->goaway.last_stream_id;
	} else if (frame->hd.type == NGHTTP2_PING && !(frame->hd.flags & NGHTTP2_FLAG_ACK)) {
		rig.pings++;
	} else if (frame->hd.stream_id && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
		   frame->hd.type <= NGHTTP2_HEADERS) {
		h2_answer(frame->hd.stream_id)->ended = true;
	}
	return 0;
}

static int got_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
		    size_t n, void *user)
{
	(void)flags;
	(void)user;
	strbuf_add(&h2_answer(id)->body, p, n);
	if (rig.window)
		nghttp2_session_consume_connection(session, n);
	return 0;
}

static int got_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	(void)session;
	(void)user;
	h2_answer(id)->closed = true;
	h2_answer(id)->code = code;
	return 0;
}

static void client_new(void)
{
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)rig.window },
	};
	nghttp2_session_callbacks *cb;
	nghttp2_option *o;

	CHECK(!nghttp2_session_callbacks_new(&cb) && !nghttp2_option_new(&o));
	nghttp2_session_callbacks_set_on_header_callback(cb, got_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, got_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, got_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, got_close);
	nghttp2_option_set_no_auto_window_update(o, rig.window != 0);
	nghttp2_option_set_max_send_header_block_length(o, 4 * 1024 * 1024);
#ifdef HAVE_NGHTTP2_OPTION_SET_MAX_CONTINUATIONS
	nghttp2_option_set_max_continuations(o, 1000);
#endif
	nghttp2_option_set_no_http_messaging(o, 1);	/* malformed ones are wanted, too */
	CHECK(!nghttp2_session_client_new2(&rig.client, cb, NULL, o));
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(o);
	nghttp2_submit_settings(rig.client, 0, settings, rig.window ? 1 : 0);
}

static ssize_t read_upload(nghttp2_session *session, int32_t id, uint8_t *p, size_t max,
			   uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct str *left = source->ptr;
	size_t n = left->n < max ? left->n : max;

	(void)session;
	(void)id;
	(void)user;
	memcpy(p, left->p, n);
	*left = str_skip(*left, n);
	if (!left->n)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv field(struct str name, struct str value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.p, .namelen = name.n,
		.value = (uint8_t *)(uintptr_t)value.p, .valuelen = value.n,
	};
}

int32_t h2_ask(const char *method, const char *path, const char *fields, bool with_body)
{
	struct str *left = &rig.uploads[rig.asked++], rest = str_from(fields);
	nghttp2_data_provider body = { .source.ptr = left, .read_callback = read_upload };
	nghttp2_nv v[64];
	size_t n = 0;
	int32_t id;

	v[n++] = field(STR(":method"), str_from(method));
	v[n++] = field(STR(":scheme"), STR("https"));
	v[n++] = field(STR(":path"), str_from(path));
	v[n++] = field(STR(":authority"), STR("localhost"));
	while (rest.n && n < array_size(v)) {
		ptrdiff_t colon = str_find(rest, ':', 1), end = str_find(rest, '\n', 0);

		v[n++] = field(str_slice(rest, 0, (size_t)colon),
			       str_slice(rest, (size_t)colon + 2, (size_t)end));
		rest = str_skip(rest, (size_t)end + 1);
	}
	CHECK(rig.asked <= array_size(rig.uploads));
	*left = rig.upload;
	id = nghttp2_submit_request(rig.client, NULL, v, n, with_body ? &body : NULL, NULL);
	return id;
}

/* Whether bytes went either way. */
static bool exchange_bytes(void)
{
	const uint8_t *p;
	ssize_t n;
	bool any = false;

	while (rig.peer.fd >= 0 && (n = nghttp2_session_mem_send(rig.client, &p)) > 0) {
		peer_send(&rig.peer, str_make((const char *)p, (size_t)n));
		any = true;
	}
	peer_settle(&rig.peer);
	if (rig.peer.got.n) {
		n = nghttp2_session_mem_recv(rig.client, (const uint8_t *)rig.peer.got.p,
					     rig.peer.got.n);
		ok(n == (ssize_t)rig.peer.got.n);
		strbuf_clear(&rig.peer.got);
		any = true;
	}
	return any;
}

void h2_settle(void)
{
	if (!rig.client)
		peer_settle(&rig.peer);
	while (rig.client && exchange_bytes())
		;
}

void h2_advance_ms(int64_t ms)
{
	clock_fake_advance(&peer_clock, ms * 1000);
	h2_settle();
}

/* ---- begin and end ---- */

static void on_open(void *user)
{
	struct stream **s = user;

	rig.server = h2_server_new(peer_loop, *s, &rig.settings);
}

static void begin(uint32_t max_streams)
{
	static const struct stream_handler opening = { .on_open = on_open };
	static struct stream *stream;
	struct address any = { .len = 0 };
	int fd;

	memset(&rig, 0, sizeof(rig));
	raw = STRBUF_INIT;
	rig.goaway = UINT32_MAX;
	rig.settings = (struct h2_server_settings){
		.accept = on_accept, .on_gone = on_gone, .max_streams = max_streams,
	};
	peer_loop_new();
	fd = peer_connect(&rig.peer);
	stream = stream_accept(peer_loop, fd, &any, NULL, &opening, &stream);
	peer_settle(&rig.peer);
	CHECK(rig.server);
}

void h2_begin(size_t window)
{
	begin(0);
	rig.window = window;
	client_new();
	h2_settle();
}

void h2_begin_silent(void)
{
	begin(0);
}

void h2_begin_raw(void)
{
	h2_begin_streams(0);
}

void h2_begin_streams(uint32_t max_streams)
{
	begin(max_streams);
	strbuf_add_cstr(&raw, NGHTTP2_CLIENT_MAGIC);
	raw_frame(NGHTTP2_SETTINGS, 0, 0, STR_NULL);
	raw_send();
}

void h2_end(void)
{
	if (rig.server)
		h2_server_abort(rig.server, ERR_CANCELED);
	for (size_t i = 0; i < rig.accepted; i++) {
		if (rig.served[i].s && rig.served[i].closed != 1)
			h2_release(i);
		ok(!rig.served[i].s);
		strbuf_fini(&rig.served[i].request);
		strbuf_fini(&rig.served[i].body);
	}
	peer_fini(&rig.peer);
	peer_loop_free();
	int_is(rig.gone, 1);
	nghttp2_session_del(rig.client);
	for (size_t i = 0; i < array_size(rig.answers); i++) {
		strbuf_fini(&rig.answers[i].fields);
		strbuf_fini(&rig.answers[i].body);
	}
	strbuf_fini(&raw);
}

/* ---- frames by hand ---- */

static void add_u32(struct strbuf *b, uint32_t n)
{
	const char bytes[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };

	strbuf_add(b, bytes, 4);
}

void raw_frame(uint8_t type, uint8_t flags, int32_t id, struct str payload)
{
	add_u32(&raw, (uint32_t)payload.n << 8 | type);
	strbuf_add_char(&raw, (char)flags);
	add_u32(&raw, (uint32_t)id);
	strbuf_add_str(&raw, payload);
}

static void add_text(struct strbuf *b, struct str s)
{
	size_t n = s.n;

	if (n < 127) {
		strbuf_add_char(b, (char)n);
	} else {
		strbuf_add_char(b, 127);
		for (n -= 127; n >= 128; n >>= 7)
			strbuf_add_char(b, (char)(n | 128));
		strbuf_add_char(b, (char)n);
	}
	strbuf_add_str(b, s);
}

void raw_field(struct strbuf *block, struct str name, struct str value)
{
	strbuf_add_char(block, 0);
	add_text(block, name);
	add_text(block, value);
}

void raw_request(struct strbuf *block, const char *method, const char *path)
{
	raw_field(block, STR(":method"), str_from(method));
	raw_field(block, STR(":scheme"), STR("https"));
	raw_field(block, STR(":path"), str_from(path));
	raw_field(block, STR(":authority"), STR("localhost"));
}

void raw_get(int32_t id, const char *path, bool end)
{
	struct strbuf block = STRBUF_INIT;

	raw_request(&block, "GET", path);
	raw_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0),
		  id, strbuf_str(&block));
	strbuf_fini(&block);
}

void raw_send(void)
{
	peer_send(&rig.peer, strbuf_str(&raw));
	strbuf_clear(&raw);
	peer_settle(&rig.peer);
}

static uint32_t get_u32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

bool raw_got(uint8_t type, int32_t id, uint32_t *code)
{
	struct str in = strbuf_str(&rig.peer.got);

	while (in.n >= 9) {
		size_t n = get_u32(in.p) >> 8;

		if ((uint8_t)in.p[3] == type && (id < 0 || get_u32(in.p + 5) == (uint32_t)id)) {
			if (code)
				*code = get_u32(in.p + 9 + (type == NGHTTP2_GOAWAY ? 4 : 0));
			return true;
		}
		in = str_skip(in, 9 + n);
	}
	return false;
}

size_t raw_data(int32_t id)
{
	struct str in = strbuf_str(&rig.peer.got);
	size_t sum = 0;

	while (in.n >= 9) {
		size_t n = get_u32(in.p) >> 8;

		if (in.p[3] == NGHTTP2_DATA && get_u32(in.p + 5) == (uint32_t)id)
			sum += n;
		in = str_skip(in, 9 + n);
	}
	return sum;
}
