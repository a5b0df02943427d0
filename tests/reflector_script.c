/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/reflector_script.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/fields.h"
#include "obs/log.h"
#include "tests/tap.h"

/* ---- messages ---- */

void script_add_varint(struct strbuf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		strbuf_add_char(b, (char)(v | 0x80));
	strbuf_add_char(b, (char)v);
}

static void add_bytes(struct strbuf *b, unsigned number, struct str s)
{
	script_add_varint(b, number << 3 | 2);
	script_add_varint(b, s.n);
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

struct strbuf script_list(const char *names, const char *version, const char *more)
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

struct strbuf script_list_json(const char *names, const char *version, const char *more)
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

struct strbuf script_event(const char *type, const char *name, const char *version)
{
	struct strbuf b = STRBUF_INIT, o = object(name, version);

	add_frame(&b, type, &o);
	return b;
}

struct strbuf script_error(int code, const char *reason)
{
	struct strbuf b = STRBUF_INIT, status = STRBUF_INIT;

	add_bytes(&status, STATUS_MESSAGE, STR("too old"));
	add_bytes(&status, STATUS_REASON, str_from(reason));
	script_add_varint(&status, STATUS_CODE << 3);
	script_add_varint(&status, (uint64_t)code);
	add_frame(&b, "ERROR", &status);
	return b;
}

struct strbuf script_text(const char *s)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add_cstr(&b, s);
	return b;
}

/* ---- the scripted upstream ---- */

struct script script;

static struct script_stream *fake_of(struct http_stream *s)
{
	return container_of(s, struct script_stream, stream);
}

static void fake_send_head(struct http_stream *s, const struct http_message *m, bool end)
{
	struct script_stream *f = fake_of(s);

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
	if (!script.stream)
		return;
	ok(script.stream->released);
	strbuf_fini(&script.stream->target);
	strbuf_fini(&script.stream->headers);
	arena_fini(&script.stream->arena);
	free(script.stream);
	script.stream = NULL;
}

void script_give_stream(void)
{
	const struct http_client_waiter *w = script.waiter;

	script.waiter = NULL;
	stream_free();
	script.stream = xcalloc(1, sizeof(*script.stream));
	script.stream->stream.ops = &fake_ops;
	arena_init(&script.stream->arena);
	script.stream->stream.arena = &script.stream->arena;
	w->on_open(script.user, &script.stream->stream);
}

static void fake_open(struct http_client *c, enum http_client_class class, bool fresh,
		      const struct http_client_waiter *w, void *user,
		      struct http_client_ticket **ticket)
{
	ok(c == &script.client && class == HTTP_CLIENT_IDENTIFIED && !fresh && !script.waiter);
	script.opened++;
	script.waiter = w;
	script.user = user;
	*ticket = NULL;
	if (script.answer_at_once)
		script_give_stream();
	else
		*ticket = (struct http_client_ticket *)(void *)&script;
}

static void fake_cancel(struct http_client *c, struct http_client_ticket *ticket)
{
	ok(c == &script.client && ticket && script.waiter);
	script.waiter = NULL;
	script.cancelled++;
}

void script_pass(int64_t ms)
{
	clock_fake_advance(&script.clock, ms * 1000);
	loop_turn(script.loop, 0);
	loop_turn(script.loop, 0);
}

void script_answer(int status, const char *type)
{
	struct http_message m = { .status = status, .content_length = -1, .has_body = true };

	if (!ok(script.stream && !script.stream->released))
		return;
	http_headers_init(&m.headers, &script.arena);
	if (type)
		http_headers_add(&m.headers, STR("Content-Type"), str_from(type));
	script.stream->stream.handler->on_head(script.stream->stream.user, &m, false);
}

void script_send_pieces(struct strbuf b, size_t piece)
{
	struct script_stream *f = script.stream;

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

void script_send_body(struct strbuf b)
{
	script_send_pieces(b, 0);
}

void script_send_end(void)
{
	if (ok(!script.stream->released))
		script.stream->stream.handler->on_end(script.stream->stream.user, NULL);
}

void script_break_off(int err)
{
	if (ok(!script.stream->released))
		script.stream->stream.handler->on_closed(script.stream->stream.user, err);
}

/* ---- the sink ---- */

static void on_begin(void *arg)
{
	(void)arg;
	strbuf_add_cstr(&script.told, "begin ");
}

static void on_commit(void *arg)
{
	(void)arg;
	ok(!script.rf || reflector_is_synced(script.rf));
	strbuf_add_cstr(&script.told, "commit ");
}

static void on_abandon(void *arg)
{
	(void)arg;
	strbuf_add_cstr(&script.told, "abandon ");
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
				strbuf_addf(&script.told, "%.*s ", STR_ARG(g.text));
	}
	return rc < 0 ? rc : script.item_rc;
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
	strbuf_add_char(&script.told, marks[e]);
	return add_name(c);
}

void script_told_is(const char *want)
{
	strbuf_add_cstr(&script.told, "");
	cstr_is(script.told.p, want);
	strbuf_clear(&script.told);
	strbuf_add_cstr(&script.told, "");
}

void script_target_is(const char *want)
{
	if (ok(script.stream && !script.stream->released))
		str_is(strbuf_str(&script.stream->target), str_from(want));
}

void script_target_starts(const char *want)
{
	if (ok(script.stream && !script.stream->released))
		str_is(str_slice(strbuf_str(&script.stream->target), 0, strlen(want)),
		       str_from(want));
}

void script_watches_from(const char *version)
{
	struct str got, seconds;
	char head[200];
	uint64_t n = 0;

	if (!ok(script.stream && !script.stream->released))
		return;
	snprintf(head, sizeof(head), "/roles?allowWatchBookmarks=true&resourceVersion=%s"
		 "&timeoutSeconds=", version);
	got = strbuf_str(&script.stream->target);
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

static void start(bool optional, const char *query)
{
	static struct reflector_resource r;
	struct reflector_sink sink = { on_begin, on_item, on_commit, on_abandon, on_event, NULL };

	r = (struct reflector_resource){ "/roles", "rbac.v1.Role", "roles", optional, query };
	memset(&script, 0, sizeof(script));
	script.log = tmpfile();
	log_set_file(script.log);
	clock_fake_init(&script.clock, 1000000, 0);
	script.loop = loop_new(&script.clock.clock);
	script.client = (struct http_client){ fake_open, fake_cancel, script.loop };
	script.answer_at_once = true;
	arena_init(&script.arena);
	http_headers_init(&script.headers, &script.arena);
	http_headers_add(&script.headers, STR("X-Remote-User"), STR("proxy"));
	script.rf = reflector_new(&script.client, &r, &script.headers, &sink);
	reflector_start(script.rf);
	script_pass(0);
}

void script_start_with(bool optional)
{
	start(optional, NULL);
}

void script_start_query(const char *query)
{
	start(false, query);
}

void script_start(void)
{
	start(false, NULL);
}

void script_stop(void)
{
	reflector_free(script.rf);
	ok(!script.waiter);
	stream_free();
	loop_free(script.loop);
	strbuf_fini(&script.told);
	arena_fini(&script.arena);
	log_set_file(NULL);
	fclose(script.log);
}

int script_logged(const char *what)
{
	char line[4096];
	int n = 0;

	fflush(script.log);
	rewind(script.log);
	while (fgets(line, sizeof(line), script.log))
		n += strstr(line, what) != NULL;
	fseek(script.log, 0, SEEK_END);
	return n;
}

void script_start_watching(void)
{
	script_start();
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("a", "10", ""));
	script_send_end();
	script_told_is("begin a commit ");
	script_watches_from("10");
	script_answer(200, SCRIPT_WATCH);
}
