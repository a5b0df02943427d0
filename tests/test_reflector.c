/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reflector against a scripted upstream: no sockets, a clock that is moved by hand.  The sink
 * writes down what it is told; requests are answered piece by piece.
 */
#include "config.h"

#include "cache/reflector.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/fields.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "tests/tap.h"

/* ---- messages ---- */

static void add_varint(struct strbuf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		strbuf_add_char(b, (char)(v | 0x80));
	strbuf_add_char(b, (char)v);
}

static void add_bytes(struct strbuf *b, unsigned number, struct str s)
{
	add_varint(b, number << 3 | 2);
	add_varint(b, s.n);
	strbuf_add_str(b, s);
}

/* Adds `inner` as a field and ends it. */
static void add_inner(struct strbuf *b, unsigned number, struct strbuf *inner)
{
	add_bytes(b, number, strbuf_str(inner));
	strbuf_fini(inner);
}

static void add_envelope(struct strbuf *b, struct strbuf *raw)
{
	strbuf_add(b, "k8s\0\x0a\x02\x0a\x00", 8);
	add_inner(b, 2, raw);
	strbuf_add(b, "\x1a\0\x22\0", 4);
}

/* An object: its metadata's name and resource version. */
static struct strbuf object(const char *name, const char *version)
{
	struct strbuf metadata = STRBUF_INIT, b = STRBUF_INIT;

	add_bytes(&metadata, OBJECTMETA_NAME, str_from(name));
	add_bytes(&metadata, OBJECTMETA_RESOURCE_VERSION, str_from(version));
	add_inner(&b, 1, &metadata);
	return b;
}

/* A list of the names, each one letter, in `names`; a ! is an object that cannot be read. */
static struct strbuf list_protobuf(const char *names, const char *version, const char *more)
{
	struct strbuf metadata = STRBUF_INIT, raw = STRBUF_INIT, b = STRBUF_INIT;

	add_bytes(&metadata, LISTMETA_RESOURCE_VERSION, str_from(version));
	add_bytes(&metadata, LISTMETA_CONTINUE, str_from(more));
	add_inner(&raw, LIST_METADATA, &metadata);
	for (; *names; names++) {
		char name[2] = { *names, 0 };
		struct strbuf item = object(name, "1");

		if (*names == '!') {
			strbuf_fini(&item);
			strbuf_add_cstr(&item, "\x0a\x7f");
		}
		add_inner(&raw, LIST_ITEMS, &item);
	}
	add_envelope(&b, &raw);
	return b;
}

static struct strbuf list_json(const char *names, const char *version, const char *more)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "{\"kind\":\"RoleList\",\"metadata\":{\"resourceVersion\":\"%s\","
		    "\"continue\":\"%s\"},\"items\":[", version, more);
	for (size_t i = 0; names[i]; i++)
		strbuf_addf(&b, names[i] == '!' ? "%s{\"x\":1e999}"
			    : "%s{\"metadata\":{\"name\":\"%c\",\"resourceVersion\":\"1\"}}",
			    i ? "," : "", names[i]);
	strbuf_add_cstr(&b, "]}");
	return b;
}

static void add_frame(struct strbuf *b, const char *type, struct strbuf *obj)
{
	struct strbuf raw = STRBUF_INIT, env = STRBUF_INIT, event = STRBUF_INIT;

	add_envelope(&env, obj);
	add_inner(&raw, RAWEXTENSION_RAW, &env);
	add_bytes(&event, WATCHEVENT_TYPE, str_from(type));
	add_inner(&event, WATCHEVENT_OBJECT, &raw);
	for (int shift = 24; shift >= 0; shift -= 8)
		strbuf_add_char(b, (char)(event.n >> shift));
	strbuf_add_str(b, strbuf_str(&event));
	strbuf_fini(&event);
}

static struct strbuf event_protobuf(const char *type, const char *name, const char *version)
{
	struct strbuf b = STRBUF_INIT, o = object(name, version);

	add_frame(&b, type, &o);
	return b;
}

static struct strbuf error_protobuf(int code, const char *reason)
{
	struct strbuf b = STRBUF_INIT, status = STRBUF_INIT;

	add_bytes(&status, STATUS_MESSAGE, STR("too old"));
	add_bytes(&status, STATUS_REASON, str_from(reason));
	add_varint(&status, STATUS_CODE << 3);
	add_varint(&status, (uint64_t)code);
	add_frame(&b, "ERROR", &status);
	return b;
}

static struct strbuf text(const char *s)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add_cstr(&b, s);
	return b;
}

/* ---- the scripted upstream ---- */

struct fake_stream {
	struct http_stream stream;
	struct arena arena;
	struct strbuf target;
	struct strbuf headers;
	size_t consumed, sent;
	bool was_reset, released;
};

static struct {
	struct clock_fake clock;
	struct loop *loop;
	struct http_client client;
	const struct http_client_waiter *waiter;	/* of the pending open */
	void *user;
	bool answer_at_once;				/* open() answers before it returns */
	int opened, cancelled;
	struct fake_stream *stream;			/* the newest */
	struct strbuf told;				/* what the sink was told */
	struct reflector *rf;
	struct http_headers headers;
	struct arena arena;
	int item_rc;
	FILE *log;
} t;

static struct fake_stream *fake_of(struct http_stream *s)
{
	return container_of(s, struct fake_stream, stream);
}

static void fake_send_head(struct http_stream *s, const struct http_message *m, bool end)
{
	struct fake_stream *f = fake_of(s);

	ok(end && !f->target.n);
	str_is(m->method, STR("GET"));
	strbuf_add_str(&f->target, m->target);
	for (size_t i = 0; i < m->headers.n; i++)
		strbuf_addf(&f->headers, "%.*s=%.*s\n", STR_ARG(m->headers.v[i].name),
			    STR_ARG(m->headers.v[i].value));
}

static void fake_consume(struct http_stream *s, size_t n)
{
	ok(!fake_of(s)->was_reset && !fake_of(s)->released);
	fake_of(s)->consumed += n;
}

static void fake_reset(struct http_stream *s, int err)
{
	ok(err < 0 && !fake_of(s)->was_reset && !fake_of(s)->released);
	fake_of(s)->was_reset = true;
}

static void fake_release(struct http_stream *s)
{
	ok(!fake_of(s)->released);
	fake_of(s)->released = true;
}

static const struct http_stream_ops fake_ops = {
	.protocol = "HTTP/1.1", .send_head = fake_send_head, .consume = fake_consume,
	.reset = fake_reset, .release = fake_release,
};

static void stream_free(void)
{
	if (!t.stream)
		return;
	ok(t.stream->released);
	strbuf_fini(&t.stream->target);
	strbuf_fini(&t.stream->headers);
	arena_fini(&t.stream->arena);
	free(t.stream);
	t.stream = NULL;
}

static void give_stream(void)
{
	const struct http_client_waiter *w = t.waiter;

	t.waiter = NULL;
	stream_free();
	t.stream = xcalloc(1, sizeof(*t.stream));
	t.stream->stream.ops = &fake_ops;
	arena_init(&t.stream->arena);
	t.stream->stream.arena = &t.stream->arena;
	w->on_open(t.user, &t.stream->stream);
}

static void fake_open(struct http_client *c, enum http_client_class class, bool fresh,
		      const struct http_client_waiter *w, void *user,
		      struct http_client_ticket **ticket)
{
	ok(c == &t.client && class == HTTP_CLIENT_IDENTIFIED && !fresh && !t.waiter);
	t.opened++;
	t.waiter = w;
	t.user = user;
	*ticket = NULL;
	if (t.answer_at_once)
		give_stream();
	else
		*ticket = (struct http_client_ticket *)(void *)&t;
}

static void fake_cancel(struct http_client *c, struct http_client_ticket *ticket)
{
	ok(c == &t.client && ticket && t.waiter);
	t.waiter = NULL;
	t.cancelled++;
}

/* Time passes, and what is due happens. */
static void pass(int64_t ms)
{
	clock_fake_advance(&t.clock, ms * 1000);
	loop_turn(t.loop, 0);
	loop_turn(t.loop, 0);
}

static void answer(int status, const char *type)
{
	struct http_message m = { .status = status, .content_length = -1, .has_body = true };

	if (!ok(t.stream && !t.stream->released))
		return;
	http_headers_init(&m.headers, &t.arena);
	if (type)
		http_headers_add(&m.headers, STR("Content-Type"), str_from(type));
	t.stream->stream.handler->on_head(t.stream->stream.user, &m, false);
}

#define PROTOBUF "application/vnd.kubernetes.protobuf"
#define WATCH "application/vnd.kubernetes.protobuf;stream=watch"

/* Sends the bytes in pieces of that size (0: in one) and ends them. */
static void send_pieces(struct strbuf b, size_t piece)
{
	struct fake_stream *f = t.stream;

	piece = piece ? piece : b.n;
	for (size_t at = 0; at < b.n && !f->released; at += piece) {
		struct str part = str_slice(strbuf_str(&b), at, at + piece);
		char *copy = xmalloc(part.n);

		memcpy(copy, part.p, part.n);
		f->sent += part.n;
		f->stream.handler->on_body(f->stream.user, copy, part.n);
		free(copy);
	}
	strbuf_fini(&b);
}

static void send_body(struct strbuf b)
{
	send_pieces(b, 0);
}

static void send_end(void)
{
	if (ok(!t.stream->released))
		t.stream->stream.handler->on_end(t.stream->stream.user, NULL);
}

static void break_off(int err)
{
	if (ok(!t.stream->released))
		t.stream->stream.handler->on_closed(t.stream->stream.user, err);
}

/* ---- the sink ---- */

static void on_begin(void *arg)
{
	(void)arg;
	strbuf_add_cstr(&t.told, "begin ");
}

static void on_commit(void *arg)
{
	(void)arg;
	ok(!t.rf || reflector_is_synced(t.rf));
	strbuf_add_cstr(&t.told, "commit ");
}

static void on_abandon(void *arg)
{
	(void)arg;
	strbuf_add_cstr(&t.told, "abandon ");
}

static int add_name(struct object_cursor *c)
{
	struct object_cursor metadata;
	struct object_field f, g;
	int rc;

	while ((rc = object_next(c, &f)) > 0) {
		if (f.number != 1)
			continue;
		object_enter(&f, &metadata);
		while (object_next(&metadata, &g) > 0)
			if (g.number == OBJECTMETA_NAME)
				strbuf_addf(&t.told, "%.*s ", STR_ARG(g.text));
	}
	return rc < 0 ? rc : t.item_rc;
}

static int on_item(void *arg, struct object_cursor *c)
{
	(void)arg;
	return add_name(c);
}

static int on_event(void *arg, enum reflector_event e, struct object_cursor *c)
{
	static const char marks[] = { '+', '*', '-' };

	(void)arg;
	strbuf_add_char(&t.told, marks[e]);
	return add_name(c);
}

static void told_is(const char *want)
{
	strbuf_add_cstr(&t.told, "");
	cstr_is(t.told.p, want);
	strbuf_clear(&t.told);
	strbuf_add_cstr(&t.told, "");
}

static void target_is(const char *want)
{
	if (ok(t.stream && !t.stream->released))
		str_is(strbuf_str(&t.stream->target), str_from(want));
}

/* The watch's target: timeoutSeconds is random within its bounds. */
static void watches_from(const char *version)
{
	struct str got, seconds;
	char head[200];
	uint64_t n = 0;

	if (!ok(t.stream && !t.stream->released))
		return;
	snprintf(head, sizeof(head), "/roles?allowWatchBookmarks=true&resourceVersion=%s"
		 "&timeoutSeconds=", version);
	got = strbuf_str(&t.stream->target);
	if (!ok(str_has_prefix(got, str_from(head)))) {
		tap_note("got %.*s, want %s", STR_ARG(got), head);
		return;
	}
	got = str_skip(got, strlen(head));
	str_next(&got, '&', &seconds);
	ok(str_to_u64(seconds, &n) == 0 && n >= REFLECTOR_WATCH_SECONDS &&
	   n <= REFLECTOR_WATCH_SECONDS + REFLECTOR_WATCH_JITTER);
	str_is(got, STR("watch=true"));
}

static void start_with(bool optional)
{
	static struct reflector_resource r;
	struct reflector_sink sink = { on_begin, on_item, on_commit, on_abandon, on_event, NULL };

	r = (struct reflector_resource){ "/roles", "rbac.v1.Role", "roles", optional };
	memset(&t, 0, sizeof(t));
	t.log = tmpfile();
	log_set_file(t.log);
	clock_fake_init(&t.clock, 1000000, 0);
	t.loop = loop_new(&t.clock.clock);
	t.client = (struct http_client){ fake_open, fake_cancel, t.loop };
	t.answer_at_once = true;
	arena_init(&t.arena);
	http_headers_init(&t.headers, &t.arena);
	http_headers_add(&t.headers, STR("X-Remote-User"), STR("proxy"));
	t.rf = reflector_new(&t.client, &r, &t.headers, &sink);
	reflector_start(t.rf);
	pass(0);
}

static void start(void)
{
	start_with(false);
}

static void stop(void)
{
	reflector_free(t.rf);
	ok(!t.waiter);
	stream_free();
	loop_free(t.loop);
	strbuf_fini(&t.told);
	arena_fini(&t.arena);
	log_set_file(NULL);
	fclose(t.log);
}

/* Lines in the log that contain the text. */
static int logged(const char *what)
{
	char line[4096];
	int n = 0;

	fflush(t.log);
	rewind(t.log);
	while (fgets(line, sizeof(line), t.log))
		n += strstr(line, what) != NULL;
	fseek(t.log, 0, SEEK_END);
	return n;
}

/* Synced with object a at version 10, the watch begun. */
static void start_watching(void)
{
	start();
	answer(200, PROTOBUF);
	send_body(list_protobuf("a", "10", ""));
	send_end();
	told_is("begin a commit ");
	watches_from("10");
	answer(200, WATCH);
}

/* ---- lists ---- */

static void test_list_then_watch(void)
{
	int64_t lists = metric_value(METRIC_REFLECTOR_RELISTS);

	start();
	target_is("/roles?limit=500");
	cstr_is(t.stream->headers.p, "X-Remote-User=proxy\n"
		"Accept=application/vnd.kubernetes.protobuf,application/json\n");
	told_is("begin ");
	ok(!reflector_is_synced(t.rf));
	answer(100, NULL);
	answer(200, PROTOBUF);
	send_body(list_protobuf("ab", "10", ""));
	told_is("a b ");
	int_is(t.stream->consumed, t.stream->sent);
	send_end();
	told_is("commit ");
	ok(reflector_is_synced(t.rf));
	int_is(reflector_age_us(t.rf), 0);
	watches_from("10");
	int_is(metric_value(METRIC_REFLECTOR_RELISTS), lists + 1);
	stop();
}

/* A list and two events whose bytes come in pieces of that size. */
static void check_pieces(size_t piece, bool json)
{
	start();
	answer(200, json ? "application/json" : PROTOBUF);
	send_pieces(json ? list_json("abc", "10", "") : list_protobuf("abc", "10", ""), piece);
	send_end();
	told_is("begin a b c commit ");
	watches_from("10");
	answer(200, json ? "application/json;stream=watch" : WATCH);
	if (json) {
		send_pieces(text("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"d\","
				 "\"resourceVersion\":\"11\"}}}\n{\"type\":\"BOOKMARK\",\"object\":"
				 "{\"metadata\":{\"resourceVersion\":\"15\"}}}\n"), piece);
	} else {
		send_pieces(event_protobuf("ADDED", "d", "11"), piece);
		send_pieces(event_protobuf("BOOKMARK", "", "15"), piece);
	}
	int_is(t.stream->consumed, t.stream->sent);
	pass(5000);
	send_end();
	pass(0);
	told_is("+d ");
	watches_from("15");
	stop();
}

static void test_pieces(void)
{
	for (size_t piece = 1; piece < 70; piece++) {
		check_pieces(piece, false);
		check_pieces(piece, true);
	}
}

static void test_pages(void)
{
	start();
	answer(200, PROTOBUF);
	send_body(list_protobuf("ab", "10", "tok/en="));
	send_end();
	target_is("/roles?limit=500&continue=tok%2Fen%3D");
	told_is("begin a b ");
	answer(200, PROTOBUF);
	/* Items may have changed meanwhile: the first page's version is the one to watch from. */
	send_body(list_protobuf("c", "12", ""));
	send_end();
	told_is("c commit ");
	watches_from("10");
	stop();
}

/* A page that says nothing of a next one is the last, not the same one again. */
static void test_page_without_metadata(void)
{
	start();
	answer(200, "application/json");
	send_body(list_json("a", "10", "t"));
	send_end();
	answer(200, "application/json");
	send_body(text("{\"items\":[{\"metadata\":{\"name\":\"b\"}}]}"));
	send_end();
	told_is("begin a b commit ");
	watches_from("10");
	stop();
}

static void test_expired_continue_token(void)
{
	start();
	answer(200, PROTOBUF);
	send_body(list_protobuf("a", "10", "t"));
	send_end();
	answer(410, "application/json");
	send_end();
	told_is("begin a abandon ");
	pass(0);
	target_is("/roles");
	told_is("begin ");
	answer(200, PROTOBUF);
	send_body(list_protobuf("b", "20", ""));
	send_end();
	told_is("b commit ");
	watches_from("20");
	/* The next list is in pages again. */
	answer(200, WATCH);
	send_body(error_protobuf(410, "Expired"));
	pass(0);
	target_is("/roles?limit=500");
	stop();
}

/* Whatever ends a list before its end: nothing is committed, and it begins anew after a pause. */
static void test_list_that_fails(void)
{
	for (int how = 0; how < 7; how++) {
		struct strbuf list = list_protobuf("ab", "10", "");

		tap_row((const char *[]){ "reset", "cut", "clean end", "bad bytes", "silence",
					  "other type", "no version" }[how]);
		start();
		answer(200, how == 5 ? "text/html" : PROTOBUF);
		if (how == 6) {
			strbuf_fini(&list);
			list = list_protobuf("ab", "", "");
		}
		if (how < 5)
			list.n -= how == 3 ? 4 : 10;
		if (how == 3)
			strbuf_add_cstr(&list, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
		if (how == 5)
			strbuf_fini(&list);
		else
			send_body(list);
		if (how == 0)
			break_off(ERR_RESET);
		if (how == 1)
			break_off(0);
		if (how == 2 || how == 6)
			send_end();
		if (how == 4) {
			pass(REFLECTOR_LIST_TIMEOUT_MS - 1);
			ok(!t.stream->released);
			pass(1);
			ok(t.stream->was_reset);
		}
		ok(t.stream->released);
		told_is(how == 5 ? "begin abandon " : how == 6 || how == 3 ? "begin a b abandon "
			: "begin a abandon ");
		ok(!reflector_is_synced(t.rf));
		pass(REFLECTOR_BACKOFF_MIN_MS - 1);
		int_is(t.opened, 1);
		pass(REFLECTOR_BACKOFF_MIN_MS / 2 + 1);
		int_is(t.opened, 2);
		target_is("/roles?limit=500");
		told_is("begin ");
		int_is(logged("Cannot list roles"), 1);
		stop();
		tap_row(NULL);
	}
}

/* Progress, however slow, is not silence. */
static void test_slow_list(void)
{
	start();
	answer(200, PROTOBUF);
	for (int i = 0; i < 3; i++) {
		struct strbuf list = list_protobuf("abc", "10", "");
		struct strbuf part = STRBUF_INIT;

		strbuf_add_str(&part, str_slice(strbuf_str(&list), (size_t)i * list.n / 3,
						(size_t)(i + 1) * list.n / 3));
		strbuf_fini(&list);
		send_body(part);
		pass(REFLECTOR_LIST_TIMEOUT_MS - 1);
	}
	send_end();
	told_is("begin a b c commit ");
	stop();
}

static void test_backoff_grows_and_is_bounded(void)
{
	int64_t waited = 0;

	start();
	for (int i = 0; i < 12; i++) {
		int opened = t.opened;
		int64_t ms = 0;

		break_off(ERR_RESET);
		for (; t.opened == opened && ms <= REFLECTOR_BACKOFF_MAX_MS; ms += 10)
			pass(10);
		ok(ms <= REFLECTOR_BACKOFF_MAX_MS);
		ok(i < 2 || i > 5 || ms >= waited);
		waited = ms;
	}
	ok(waited >= REFLECTOR_BACKOFF_MAX_MS / 2);
	int_is(logged("Cannot list roles"), 1);
	stop();
}

static void test_refusals_are_logged_once_per_change(void)
{
	start();
	for (int i = 0; i < 3; i++) {
		answer(403, "application/json");
		send_body(text("{\"kind\":\"Status\",\"message\":\"roles is forbidden\"}"));
		send_end();
		told_is("begin abandon ");
		pass(REFLECTOR_BACKOFF_MAX_MS);
	}
	int_is(logged("Cannot list roles of the upstream, trying again: status 403: "
		      "roles is forbidden"), 1);
	answer(401, NULL);
	break_off(ERR_RESET);
	int_is(logged("status 401"), 1);
	pass(REFLECTOR_BACKOFF_MAX_MS);
	answer(200, PROTOBUF);
	send_body(list_protobuf("", "10", ""));
	send_end();
	answer(200, WATCH);
	int_is(logged("can be read again"), 1);
	stop();
}

static void test_retry_after(void)
{
	struct http_message m = { .status = 429 };

	start();
	http_headers_init(&m.headers, &t.arena);
	http_headers_add(&m.headers, STR("Retry-After"), STR("17"));
	t.stream->stream.handler->on_head(t.stream->stream.user, &m, true);
	told_is("begin abandon ");
	pass(16999);
	int_is(t.opened, 1);
	pass(1);
	int_is(t.opened, 2);
	stop();
}

static void test_optional_resource(void)
{
	start_with(true);
	answer(404, "text/plain");
	send_body(text("404 page not found\n"));
	send_end();
	told_is("begin commit ");
	ok(reflector_is_synced(t.rf));
	pass(REFLECTOR_OPTIONAL_MS - 1);
	int_is(t.opened, 1);
	pass(1);
	int_is(t.opened, 2);
	int_is(logged("Cannot"), 0);
	stop();
	start();
	answer(404, NULL);
	send_end();
	told_is("begin abandon ");
	ok(!reflector_is_synced(t.rf));
	stop();
}

static void test_objects_that_cannot_be_read(void)
{
	for (int json = 0; json < 2; json++) {
		start();
		answer(200, json ? "application/json" : PROTOBUF);
		send_body(json ? list_json("a!b", "10", "") : list_protobuf("a!b", "10", ""));
		send_end();
		told_is("begin a b commit ");
		int_is(logged("Skipped an object"), 1);
		stop();
	}
}

static void test_item_too_large(void)
{
	struct strbuf b = STRBUF_INIT;

	start();
	answer(200, PROTOBUF);
	strbuf_add(&b, "k8s\0\x12", 5);
	add_varint(&b, 0x7fffffff);
	add_varint(&b, LIST_ITEMS << 3 | 2);
	add_varint(&b, REFLECTOR_ITEM_MAX + 1);
	send_body(b);
	ok(t.stream->was_reset);
	told_is("begin abandon ");
	stop();
}

/* ---- the client ---- */

static void test_no_stream(void)
{
	const struct http_client_waiter *w;

	start();
	break_off(ERR_RESET);
	t.answer_at_once = false;
	pass(REFLECTOR_BACKOFF_MAX_MS);
	told_is("begin abandon begin ");
	w = t.waiter;
	t.waiter = NULL;
	w->on_failed(t.user, ERR_UNAVAILABLE, "no server is reachable");
	told_is("abandon ");
	int_is(logged("no server is reachable"), 1);
	pass(REFLECTOR_BACKOFF_MAX_MS);
	ok(t.waiter != NULL);
	/* A stream that never comes is given up. */
	pass(REFLECTOR_LIST_TIMEOUT_MS);
	int_is(t.cancelled, 1);
	told_is("begin abandon ");
	pass(REFLECTOR_BACKOFF_MAX_MS);
	ok(t.waiter != NULL);
	give_stream();
	target_is("/roles?limit=500");
	told_is("begin ");
	stop();
}

static void test_free_at_any_time(void)
{
	for (int when = 0; when < 5; when++) {
		start();
		if (when == 1)
			answer(200, PROTOBUF);
		if (when == 2) {
			struct strbuf list = list_protobuf("ab", "10", "");

			answer(200, PROTOBUF);
			list.n -= 10;
			send_body(list);
		}
		if (when >= 3) {
			break_off(ERR_RESET);
			t.answer_at_once = false;
		}
		if (when == 4)
			pass(REFLECTOR_BACKOFF_MAX_MS);
		strbuf_clear(&t.told);
		reflector_free(t.rf);
		t.rf = NULL;
		ok(when == 3 || when == 4 || t.stream->was_reset);
		int_is(t.cancelled, when == 4);
		pass(10 * REFLECTOR_BACKOFF_MAX_MS);
		told_is("");
		stop();
	}
}

/* ---- watches ---- */

static void test_events(void)
{
	int64_t events = metric_value(METRIC_REFLECTOR_EVENTS);

	start_watching();
	send_body(event_protobuf("ADDED", "b", "11"));
	send_body(event_protobuf("MODIFIED", "a", "12"));
	pass(1000);
	send_body(event_protobuf("DELETED", "b", "13"));
	int_is(reflector_age_us(t.rf), 0);
	told_is("+b *a -b ");
	send_body(event_protobuf("BOOKMARK", "", "99"));
	told_is("");
	int_is(metric_value(METRIC_REFLECTOR_EVENTS), events + 3);
	int_is(t.stream->consumed, t.stream->sent);
	pass(7000);
	int_is(reflector_age_us(t.rf), 7000000);
	send_end();
	pass(0);
	watches_from("99");
	told_is("");
	stop();
}

/* An event that the sink refuses is passed over; the watch goes on behind it. */
static void test_event_the_sink_refuses(void)
{
	start_watching();
	t.item_rc = ERR_SYNTAX;
	send_body(event_protobuf("ADDED", "b", "11"));
	t.item_rc = 0;
	send_body(event_protobuf("ADDED", "c", "12"));
	told_is("+b +c ");
	int_is(logged("Skipped"), 1);
	break_off(ERR_RESET);
	pass(REFLECTOR_BACKOFF_MAX_MS);
	watches_from("12");
	stop();
}

static void test_broken_watch_resumes(void)
{
	static const int errors[] = { ERR_RESET, ERR_CLOSED, 0, ERR_TLS };

	for (size_t i = 0; i < array_size(errors); i++) {
		struct strbuf cut = event_protobuf("ADDED", "c", "12");

		start_watching();
		send_body(event_protobuf("ADDED", "b", "11"));
		cut.n -= 3;
		send_body(cut);
		told_is("+b ");
		if (errors[i])
			break_off(errors[i]);
		else
			send_end();	/* in the middle of a frame */
		pass(0);
		int_is(t.opened, 2);
		pass(REFLECTOR_BACKOFF_MIN_MS * 3 / 2);
		watches_from("11");
		told_is("");
		stop();
	}
}

static void test_expired_watch(void)
{
	for (int how = 0; how < 4; how++) {
		start_watching();
		pass(REFLECTOR_STABLE_MS);
		if (how == 0)
			send_body(error_protobuf(410, "Expired"));
		if (how == 1)
			send_body(error_protobuf(500, "Gone"));
		if (how == 2) {
			send_end();
			pass(0);
			answer(410, "application/json");
			send_end();
		}
		if (how == 3) {
			send_end();
			pass(0);
			answer(200, "application/json");
			send_body(text("{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n"));
		}
		ok(t.stream->released);
		told_is("");
		pass(0);
		target_is("/roles?limit=500");
		told_is("begin ");
		answer(200, PROTOBUF);
		send_body(list_protobuf("b", "50", ""));
		send_end();
		told_is("b commit ");
		watches_from("50");
		/* A second one at once is slowed down. */
		answer(200, WATCH);
		send_body(error_protobuf(410, "Expired"));
		pass(REFLECTOR_BACKOFF_MIN_MS - 1);
		told_is("");
		pass(REFLECTOR_BACKOFF_MIN_MS * 2);
		told_is("begin ");
		stop();
	}
}

/* Errors that resuming cannot mend: a new list after a pause. */
static void test_watch_that_needs_a_list(void)
{
	for (int how = 0; how < 4; how++) {
		start_watching();
		if (how == 0)
			send_body(error_protobuf(500, "InternalError"));
		if (how == 1)
			send_body(event_protobuf("STRANGE", "a", "11"));
		if (how == 2)
			send_body(text("\x01\x01\x01\x01"));
		if (how == 3) {
			struct strbuf frame = STRBUF_INIT;

			strbuf_add(&frame, "\0\0\0\2\x0a\x7f", 6);
			send_body(frame);
		}
		ok(t.stream->was_reset);
		told_is("");
		pass(REFLECTOR_BACKOFF_MIN_MS - 1);
		int_is(t.opened, 2);
		pass(REFLECTOR_BACKOFF_MIN_MS);
		target_is("/roles?limit=500");
		told_is("begin ");
		stop();
	}
}

static void test_refused_watch(void)
{
	start_watching();
	break_off(ERR_RESET);
	for (int i = 0; i < 3; i++) {
		pass(REFLECTOR_BACKOFF_MAX_MS);
		watches_from("10");
		answer(i ? 403 : 500, NULL);
		send_end();
	}
	pass(REFLECTOR_BACKOFF_MAX_MS);
	target_is("/roles?limit=500");
	told_is("begin ");
	int_is(logged("Cannot watch roles of the upstream, trying again: status 403"), 1);
	/* The count starts anew behind the list. */
	answer(200, PROTOBUF);
	send_body(list_protobuf("", "20", ""));
	send_end();
	answer(500, NULL);
	send_end();
	pass(REFLECTOR_BACKOFF_MAX_MS);
	watches_from("20");
	stop();
}

/*
 * Only a list can tell: the resource is gone, as far as this server knows (404), or the version is
 * ahead of the server's, which was restored or restarted (504, "Too large resource version").
 */
static void test_answers_that_need_a_list(void)
{
	static const int statuses[] = { 404, 504, 400 };

	for (size_t i = 0; i < array_size(statuses); i++) {
		start_watching();
		pass(REFLECTOR_STABLE_MS);
		send_end();
		pass(0);
		answer(statuses[i], NULL);
		send_end();
		pass(REFLECTOR_BACKOFF_MIN_MS * 3 / 2);
		target_is("/roles?limit=500");
		stop();
	}
}

/* An interim answer is no answer. */
static void test_interim_answer(void)
{
	start();
	answer(200, PROTOBUF);
	send_body(list_protobuf("", "10", ""));
	send_end();
	answer(103, NULL);
	break_off(ERR_RESET);
	pass(REFLECTOR_BACKOFF_MAX_MS);
	watches_from("10");
	stop();
}

/* A watch that ends at once and empty is no progress. */
static void test_short_watch(void)
{
	start_watching();
	send_end();
	pass(REFLECTOR_BACKOFF_MIN_MS - 1);
	int_is(t.opened, 2);
	pass(REFLECTOR_BACKOFF_MIN_MS);
	watches_from("10");
	answer(200, WATCH);
	send_body(event_protobuf("ADDED", "b", "11"));
	send_end();
	pass(0);
	watches_from("11");
	stop();
}

static void test_watch_that_outlives_its_time(void)
{
	start_watching();
	pass((REFLECTOR_WATCH_SECONDS + REFLECTOR_WATCH_JITTER) * 1000);
	ok(!t.stream->released);
	pass(REFLECTOR_WATCH_GRACE_MS);
	ok(t.stream->was_reset && t.stream->released);
	pass(REFLECTOR_BACKOFF_MAX_MS);
	watches_from("10");
	told_is("");
	stop();
}

static void test_watch_without_an_answer(void)
{
	start();
	answer(200, PROTOBUF);
	send_body(list_protobuf("", "10", ""));
	send_end();
	pass(REFLECTOR_LIST_TIMEOUT_MS);
	ok(t.stream->was_reset);
	pass(REFLECTOR_BACKOFF_MAX_MS);
	watches_from("10");
	stop();
}

/* Broken ten times, but each time after a good while: the pause stays small. */
static void test_stable_watches_keep_the_pause_small(void)
{
	start_watching();
	for (int i = 0; i < 10; i++) {
		pass(REFLECTOR_STABLE_MS);
		break_off(ERR_RESET);
		pass(REFLECTOR_BACKOFF_MIN_MS * 3 / 2);
		watches_from("10");
		answer(200, WATCH);
	}
	stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_list_then_watch), TAP(test_pieces), TAP(test_pages),
		TAP(test_page_without_metadata),
		TAP(test_expired_continue_token), TAP(test_list_that_fails), TAP(test_slow_list),
		TAP(test_backoff_grows_and_is_bounded),
		TAP(test_refusals_are_logged_once_per_change), TAP(test_retry_after),
		TAP(test_optional_resource), TAP(test_objects_that_cannot_be_read),
		TAP(test_item_too_large), TAP(test_no_stream), TAP(test_free_at_any_time),
		TAP(test_events), TAP(test_event_the_sink_refuses), TAP(test_broken_watch_resumes),
		TAP(test_expired_watch), TAP(test_watch_that_needs_a_list), TAP(test_refused_watch),
		TAP(test_answers_that_need_a_list), TAP(test_interim_answer),
		TAP(test_short_watch), TAP(test_watch_that_outlives_its_time),
		TAP(test_watch_without_an_answer), TAP(test_stable_watches_keep_the_pause_small),
		TAP_END
	};

	return tap_main(tests);
}
