/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reflector against an upstream that says what the input says: each step is a byte that names
 * it and, for a piece of body, a length and that many bytes.  Lists are begun and ended in turn,
 * events come only after a list, and each stream is released once.
 */
#include "config.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "cache/reflector.h"
#include "obs/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct http_client client;
	const struct http_client_waiter *waiter;
	void *user;
	struct http_stream stream;
	bool open, headed, in_list, committed;
	struct arena arena;
} t;

static void send_head(struct http_stream *s, const struct http_message *m, bool end)
{
	(void)s;
	CHECK(end && m->target.n);
}

static void consume(struct http_stream *s, size_t n)
{
	(void)s;
	CHECK(t.open && n);
}

static void reset(struct http_stream *s, int err)
{
	(void)s;
	CHECK(t.open && err < 0);
}

static void release(struct http_stream *s)
{
	(void)s;
	CHECK(t.open);
	t.open = false;
}

static const struct http_stream_ops ops = {
	.protocol = "HTTP/1.1", .send_head = send_head, .consume = consume, .reset = reset,
	.release = release,
};

static void open_stream(struct http_client *c, enum http_client_class class, bool fresh,
			const struct http_client_waiter *w, void *user,
			struct http_client_ticket **ticket)
{
	(void)c;
	(void)class;
	(void)fresh;
	CHECK(!t.open && !t.waiter);
	t.waiter = w;
	t.user = user;
	*ticket = (struct http_client_ticket *)(void *)&t;
}

static void cancel(struct http_client *c, struct http_client_ticket *ticket)
{
	(void)c;
	CHECK(ticket && t.waiter);
	t.waiter = NULL;
}

static void answer_open(bool failed)
{
	const struct http_client_waiter *w = t.waiter;

	if (!w)
		return;
	t.waiter = NULL;
	if (failed) {
		w->on_failed(t.user, ERR_UNAVAILABLE, "no");
		return;
	}
	t.stream = (struct http_stream){ .ops = &ops };
	t.open = true;
	t.headed = false;
	w->on_open(t.user, &t.stream);
}

static void answer_head(int status, struct str type, bool end)
{
	struct http_message m = { .status = status };

	if (!t.open || t.headed)
		return;
	t.headed = true;
	http_headers_init(&m.headers, &t.arena);
	http_headers_add(&m.headers, STR("Content-Type"), type);
	t.stream.handler->on_head(t.stream.user, &m, end);
}

static void on_begin(void *arg)
{
	(void)arg;
	CHECK(!t.in_list);
	t.in_list = true;
}

static void on_commit(void *arg)
{
	(void)arg;
	CHECK(t.in_list);
	t.in_list = false;
	t.committed = true;
}

static void on_abandon(void *arg)
{
	(void)arg;
	CHECK(t.in_list);
	t.in_list = false;
}

static int walk(struct object_cursor *c)
{
	struct object_field f;
	struct object_cursor sub;
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		if (f.type != OBJECT_MESSAGE)
			continue;
		object_enter(&f, &sub);
		rc = walk(&sub);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int on_item(void *arg, struct object_cursor *c)
{
	(void)arg;
	CHECK(t.in_list);
	return walk(c);
}

static int on_event(void *arg, enum reflector_event e, struct object_cursor *c)
{
	(void)arg;
	(void)e;
	CHECK(!t.in_list && t.committed);
	return walk(c);
}

/* One step of the script; returns the bytes it took. */
static size_t step(struct loop *loop, struct clock_fake *clock, const uint8_t *p, size_t n)
{
	static const struct str protobuf = { "application/vnd.kubernetes.protobuf", 35 };
	static const struct str json = { "application/json", 16 };
	size_t length = n > 1 ? (p[1] < n - 2 ? p[1] : n - 2) : 0;

	switch (p[0] % 12) {
	case 0: answer_open(false); break;
	case 1: answer_open(true); break;
	case 2: answer_head(200, protobuf, false); break;
	case 3: answer_head(200, json, false); break;
	case 4: answer_head(410, json, p[0] & 128); break;
	case 5: answer_head(404, json, p[0] & 128); break;
	case 6: answer_head(503, json, p[0] & 128); break;
	case 7:
		if (t.open && t.headed)
			t.stream.handler->on_end(t.stream.user, NULL);
		break;
	case 8:
		if (t.open)
			t.stream.handler->on_closed(t.stream.user, ERR_RESET);
		break;
	case 9:
		clock_fake_advance(clock, 1000000 * (int64_t)(1 + p[0]));
		loop_turn(loop, 0);
		break;
	case 10:
	case 11:
		if (t.open && t.headed && length)
			t.stream.handler->on_body(t.stream.user, p + 2, length);
		return 2 + length;
	}
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct reflector_resource resource = { "/pods", "core.v1.Pod", "pods", true };
	static const struct http_headers none;
	static const struct reflector_sink sink = {
		on_begin, on_item, on_commit, on_abandon, on_event, NULL
	};
	static FILE *nowhere;
	struct clock_fake clock;
	struct reflector *rf;
	struct loop *loop;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	log_set_file(nowhere);
	memset(&t, 0, sizeof(t));
	arena_init(&t.arena);
	clock_fake_init(&clock, 1000000, 0);
	loop = loop_new(&clock.clock);
	t.client = (struct http_client){ open_stream, cancel, loop };
	rf = reflector_new(&t.client, &resource, &none, &sink);
	reflector_start(rf);
	loop_turn(loop, 0);
	for (size_t at = 0; at < size;)
		at += step(loop, &clock, data + at, size - at);
	reflector_free(rf);
	CHECK(!t.open && !t.waiter);
	loop_free(loop);
	arena_fini(&t.arena);
	return 0;
}
