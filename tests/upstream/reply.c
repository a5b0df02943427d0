/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/stream.h"
#include "tests/upstream/convert.h"
#include "tests/upstream/table.h"

/* Heads. */

static bool fault_is(const struct call *c, enum fault_mode mode)
{
	return c->fault && c->fault->mode == mode;
}

static void add_common_headers(struct call *c, struct http_headers *h, struct str content_type)
{
	char text[UUID_TEXT_LEN + 1], date[40];
	time_t now = (time_t)(clock_wall_us(loop_clock(c->server->loop)) / 1000000);
	struct str audit = call_header(c, "Audit-Id");
	struct tm tm;

	random_uuid(text);
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	http_headers_add(h, STR("Audit-Id"), arena_str(c->arena, audit.n ? audit : str_from(text)));
	http_headers_add(h, STR("Cache-Control"), STR("no-cache, private"));
	http_headers_add(h, STR("Content-Type"), arena_str(c->arena, content_type));
	http_headers_add(h, STR("Date"), arena_str(c->arena, str_from(date)));
	if (fault_is(c, FAULT_ERROR) && c->fault->retry_after >= 0)
		http_headers_add(h, STR("Retry-After"),
				 arena_printf(c->arena, "%d", c->fault->retry_after));
}

static void send_head(struct call *c, int code, struct str content_type, int64_t length)
{
	bool no_body = !length || str_eq(c->request.method, STR("HEAD"));
	struct http_message m = { .status = code, .content_length = length };

	c->answered = true;
	if (fault_is(c, FAULT_LAST))
		c->stream->ops->close_after(c->stream);
	http_headers_init(&m.headers, c->arena);
	add_common_headers(c, &m.headers, content_type);
	if (length >= 0)
		http_headers_add(&m.headers, STR("Content-Length"),
				 arena_printf(c->arena, "%lld", (long long)length));
	m.has_body = !no_body;
	c->stream->ops->send_head(c->stream, &m, no_body);
}

/* Bodies, as the call's fault wants them. */

/* Ends the connection: in an orderly way for a truncation, else with a RST. */
static void cut(struct call *c, bool orderly)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	SSL *ssl = c->connection ? stream_ssl(c->connection->stream) : NULL;

	if (ssl && orderly) {
		SSL_shutdown(ssl);
		shutdown(SSL_get_fd(ssl), SHUT_WR);
	} else if (ssl) {
		setsockopt(SSL_get_fd(ssl), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	}
	call_reset(c);
}

static void send_bytes(struct call *c, const void *p, size_t n)
{
	if (c->closed || !n)
		return;
	c->unsent += n;
	c->emitted += n;
	c->stream->ops->send_body(c->stream, p, n);
}

/* A body that breaks off after fault->bytes: the cut comes when these have been written. */
static void send_until_cut(struct call *c, const void *p, size_t n)
{
	size_t limit = c->fault->bytes, left = limit > c->emitted ? limit - c->emitted : 0;

	send_bytes(c, p, n < left ? n : left);
	if (n < left || c->cut)
		return;
	c->cut = true;
	reply_sent(c);
}

void reply_sent(struct call *c)
{
	if (c->cut && !c->unsent && !c->closed)
		cut(c, fault_is(c, FAULT_TRUNCATE));
}

static void send_slowly(struct call *c, const void *p, size_t n)
{
	strbuf_add(&c->slow, p, n);
	if (!c->timer.armed)
		loop_timer_arm(&c->timer, 0);
}

static void emit(struct call *c, const void *p, size_t n)
{
	if (c->closed || c->cut)
		return;
	if (fault_is(c, FAULT_TRUNCATE) || fault_is(c, FAULT_RESET_BODY))
		send_until_cut(c, p, n);
	else if (fault_is(c, FAULT_SLOW))
		send_slowly(c, p, n);
	else
		send_bytes(c, p, n);
}

static void emit_end(struct call *c)
{
	if (c->closed || c->cut)
		return;
	if (c->slow.n)
		c->slow_ended = true;
	else
		c->stream->ops->send_end(c->stream, NULL);
}

/* The next piece of a slow answer. */
static void slow_step(struct call *c)
{
	size_t n = c->fault->bytes ? c->fault->bytes : 1;

	if (n > c->slow.n)
		n = c->slow.n;
	send_bytes(c, c->slow.p, n);
	if (c->closed)
		return;
	memmove(c->slow.p, c->slow.p + n, c->slow.n - n);
	c->slow.n -= n;
	if (c->slow.n)
		loop_timer_arm(&c->timer, c->fault->delay_ms);
	else if (c->slow_ended)
		c->stream->ops->send_end(c->stream, NULL);
}

void reply_timer(struct loop_timer *t)
{
	struct call *c = container_of(t, struct call, timer);

	CHECK_MAGIC(c, CALL_MAGIC);
	if (c->closed)
		return;
	if (c->answered && c->slow.n)
		slow_step(c);
	else if (!c->answered)
		route_call(c);
}

/* The scripted bytes straight into the connection, past the HTTP module. */
static void send_raw(struct call *c)
{
	const struct str raw = c->fault->raw;

	if (c->connection)
		stream_write(c->connection->stream, raw.p, raw.n);
	c->answered = true;
	if (!c->fault->raw_keep_open)
		cut(c, true);
}

bool reply_fault(struct call *c)
{
	struct http_message inform = { .content_length = -1 };

	if (!c->fault)
		return false;
	switch (c->fault->mode) {
	case FAULT_HANG:
		return true;
	case FAULT_CLOSE:
	case FAULT_RESET:
		cut(c, c->fault->mode == FAULT_CLOSE);
		return true;
	case FAULT_RAW:
		send_raw(c);
		return true;
	case FAULT_ERROR:
		reply_error(c, c->fault->code, NULL, "scripted fault");
		return true;
	case FAULT_DELAY:
		loop_timer_arm(&c->timer, c->fault->delay_ms);
		return true;
	case FAULT_INFORM:
		inform.status = c->fault->code;
		http_headers_init(&inform.headers, c->arena);
		http_headers_add(&inform.headers, STR("X-Inform"), STR("1"));
		c->stream->ops->send_head(c->stream, &inform, false);
		return false;
	case FAULT_EDIT:
		route_edit(c, c->fault->raw);
		return false;
	case FAULT_EXPIRED:
		if (call_query_is_true(c, "watch"))
			return false;
		reply_error(c, 410, "Expired", "The provided continue parameter is too old to "
			    "display a consistent list result.");
		return true;
	case FAULT_RESET_BODY:
	case FAULT_TRUNCATE:
	case FAULT_SLOW:
	case FAULT_WATCH_END:
	case FAULT_EARLY:
	case FAULT_LAST:
		return false;
	}
	return false;
}

void reply_bytes(struct call *c, int code, struct str content_type, struct str body)
{
	if (c->answered || c->closed)
		return;
	send_head(c, code, content_type, (int64_t)body.n);
	if (!body.n || str_eq(c->request.method, STR("HEAD")))
		return;
	emit(c, body.p, body.n);
	emit_end(c);
}

void reply_text(struct call *c, int code, const char *text)
{
	reply_bytes(c, code, STR("text/plain; charset=utf-8"), str_from(text));
}

void reply_stream_begin(struct call *c, int code, struct str content_type)
{
	if (!c->answered && !c->closed)
		send_head(c, code, content_type, -1);
}

void reply_stream_add(struct call *c, const void *p, size_t n)
{
	emit(c, p, n);
}

void reply_stream_end(struct call *c)
{
	emit_end(c);
}

/* Objects. */

static void encode(struct strbuf *out, const struct reply_format *f, const json_t *value)
{
	char *text;

	if (f->media == MEDIA_PROTOBUF) {
		convert_to_protobuf(out, value);
		return;
	}
	text = json_dumps(value, f->pretty ? JSON_INDENT(2) : JSON_COMPACT);
	strbuf_add_cstr(out, text);
	if (!f->pretty)
		strbuf_add_char(out, '\n');
	free(text);
}

static void reply_encoded(struct call *c, int code, const struct reply_format *f,
			  const json_t *value)
{
	struct strbuf out = STRBUF_INIT;

	encode(&out, f, value);
	reply_bytes(c, code, media_content_type(f->media), strbuf_str(&out));
	strbuf_fini(&out);
}

void reply_json(struct call *c, int code, json_t *value)
{
	struct reply_format f = { .media = MEDIA_JSON };

	f.pretty = reply_is_pretty(c);
	reply_encoded(c, code, &f, value);
	json_decref(value);
}

void reply_object(struct call *c, int code, const struct kind *k, json_t *value)
{
	struct reply_format f;
	json_t *shown;

	if (reply_negotiate(c, convert_has_protobuf(value), k && code == 200, &f)) {
		reply_error(c, 406, "NotAcceptable", "only the following media types are accepted: "
			    "application/json, application/yaml, "
			    "application/vnd.kubernetes.protobuf");
		return;
	}
	shown = table_shape(k, value, f.as, c);
	reply_encoded(c, code, &f, shown);
	json_decref(shown);
}

/* Errors. */

void reply_status(struct call *c, const struct status *s)
{
	struct media_choice how = negotiate_error(&c->request.headers, c->query);
	struct strbuf out = STRBUF_INIT;

	status_encode(&out, s, how);
	reply_bytes(c, s->code, media_content_type(how.format), strbuf_str(&out));
	strbuf_fini(&out);
}

static struct str vtext(struct call *c, const char *fmt, va_list args)
{
	char *text = NULL;
	struct str out = STR_NULL;

	if (vasprintf(&text, fmt, args) >= 0)
		out = arena_str(c->arena, str_from(text));
	free(text);
	return out;
}

static struct str reason_of(int code, const char *reason)
{
	return str_from(reason ? reason : status_reason(code));
}

void reply_error(struct call *c, int code, const char *reason, const char *fmt, ...)
{
	struct status s = { .code = code, .reason = reason_of(code, reason) };
	va_list args;

	va_start(args, fmt);
	s.message = vtext(c, fmt, args);
	va_end(args);
	reply_status(c, &s);
}

void reply_object_error(struct call *c, int code, const char *reason, const struct kind *k,
			struct str name, const char *fmt, ...)
{
	struct status s = { .code = code, .reason = reason_of(code, reason), .has_details = true };
	va_list args;

	s.details.name = name;
	s.details.group = str_from(k->group);
	s.details.kind = str_from(k->resource);
	va_start(args, fmt);
	s.message = vtext(c, fmt, args);
	va_end(args);
	reply_status(c, &s);
}

void reply_invalid(struct call *c, const struct kind *k, struct str name, const char *field,
		   const char *text)
{
	struct status_cause cause = { STR("FieldValueInvalid"), str_from(text), str_from(field) };
	struct status s = { .code = 422, .reason = STR("Invalid"), .has_details = true };
	const char *dot = *k->group ? "." : "";

	s.details.name = name;
	s.details.group = str_from(k->group);
	s.details.kind = str_from(k->kind);
	s.details.causes = &cause;
	s.details.cause_count = 1;
	s.message = arena_printf(c->arena, "%s%s%s \"%.*s\" is invalid: %s: %s", k->kind, dot,
				 k->group, STR_ARG(name), field, text);
	reply_status(c, &s);
}

void reply_not_found(struct call *c, const struct kind *k, struct str name)
{
	reply_object_error(c, 404, NULL, k, name, "%s \"%.*s\" not found", kind_group_resource(k),
			   STR_ARG(name));
}

void reply_no_resource(struct call *c)
{
	struct status s = { .code = 404, .reason = STR("NotFound"), .has_details = true };

	s.message = STR("the server could not find the requested resource");
	reply_status(c, &s);
}

void reply_no_method(struct call *c)
{
	struct status s = { .code = 405, .reason = STR("MethodNotAllowed"), .has_details = true };

	s.message = STR("the server does not allow this method on the requested resource");
	reply_status(c, &s);
}
