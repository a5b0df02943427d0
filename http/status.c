/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http/status.h"

#include "base/mem.h"
#include "http/status_yaml.h"

/*
 * A JSON writer for the few shapes of a Status: compact as Go's encoder, or indented by two blanks.
 */
struct json_writer {
	struct strbuf *out;
	bool pretty;
	bool is_first;		/* nothing was written in the open object or array */
	int depth;
};

static void json_newline(struct json_writer *w)
{
	if (!w->pretty)
		return;
	strbuf_add_char(w->out, '\n');
	for (int i = 0; i < w->depth; i++)
		strbuf_add_cstr(w->out, "  ");
}

static void json_open(struct json_writer *w, char bracket)
{
	strbuf_add_char(w->out, bracket);
	w->depth++;
	w->is_first = true;
}

/* An empty object or array stays on its line. */
static void json_close(struct json_writer *w, char bracket)
{
	w->depth--;
	if (!w->is_first)
		json_newline(w);
	strbuf_add_char(w->out, bracket);
	w->is_first = false;
}

static void json_next(struct json_writer *w)
{
	if (!w->is_first)
		strbuf_add_char(w->out, ',');
	w->is_first = false;
	json_newline(w);
}

static void json_key(struct json_writer *w, const char *key)
{
	json_next(w);
	strbuf_addf(w->out, w->pretty ? "\"%s\": " : "\"%s\":", key);
}

static void json_text(struct json_writer *w, const char *key, struct str value)
{
	if (!value.n)
		return;
	json_key(w, key);
	strbuf_add_json_string(w->out, value);
}

static void json_number(struct json_writer *w, const char *key, int value)
{
	if (!value)
		return;
	json_key(w, key);
	strbuf_addf(w->out, "%d", value);
}

static void json_causes(struct json_writer *w, const struct status *s)
{
	if (!s->details.cause_count)
		return;
	json_key(w, "causes");
	json_open(w, '[');
	for (size_t i = 0; i < s->details.cause_count; i++) {
		const struct status_cause *c = &s->details.causes[i];

		json_next(w);
		json_open(w, '{');
		json_text(w, "reason", c->reason);
		json_text(w, "message", c->message);
		json_text(w, "field", c->field);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void json_details(struct json_writer *w, const struct status *s)
{
	json_key(w, "details");
	json_open(w, '{');
	json_text(w, "name", s->details.name);
	json_text(w, "group", s->details.group);
	json_text(w, "kind", s->details.kind);
	json_text(w, "uid", s->details.uid);
	json_causes(w, s);
	json_number(w, "retryAfterSeconds", s->details.retry_after_seconds);
	json_close(w, '}');
}

static void encode_json(struct strbuf *out, const struct status *s, bool pretty)
{
	struct json_writer w = { .out = out, .pretty = pretty };

	json_open(&w, '{');
	json_text(&w, "kind", STR("Status"));
	json_text(&w, "apiVersion", STR("v1"));
	json_key(&w, "metadata");
	json_open(&w, '{');
	json_close(&w, '}');
	json_text(&w, "status", s->success ? STR("Success") : STR("Failure"));
	json_text(&w, "message", s->message);
	json_text(&w, "reason", s->reason);
	if (s->has_details)
		json_details(&w, s);
	json_number(&w, "code", s->code);
	json_close(&w, '}');
	if (!pretty)
		strbuf_add_char(out, '\n');
}

/* Protobuf (spec 23 section 3): what is no pointer is written, empty or not. */
static void pb_varint(struct strbuf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		strbuf_add_char(out, (char)(v | 0x80));
	strbuf_add_char(out, (char)v);
}

static void pb_text(struct strbuf *out, unsigned field, struct str s)
{
	pb_varint(out, field << 3 | 2);
	pb_varint(out, s.n);
	strbuf_add_str(out, s);
}

/* int32 is sign-extended to 64 bits. */
static void pb_number(struct strbuf *out, unsigned field, int value)
{
	pb_varint(out, field << 3);
	pb_varint(out, (uint64_t)(int64_t)value);
}

/* Ends the message built in part, adds it as a field. */
static void pb_message(struct strbuf *out, unsigned field, struct strbuf *part)
{
	pb_text(out, field, strbuf_str(part));
	strbuf_fini(part);
}

static void pb_details(struct strbuf *out, const struct status *s)
{
	struct strbuf details = STRBUF_INIT;

	pb_text(&details, 1, s->details.name);
	pb_text(&details, 2, s->details.group);
	pb_text(&details, 3, s->details.kind);
	for (size_t i = 0; i < s->details.cause_count; i++) {
		struct strbuf cause = STRBUF_INIT;

		pb_text(&cause, 1, s->details.causes[i].reason);
		pb_text(&cause, 2, s->details.causes[i].message);
		pb_text(&cause, 3, s->details.causes[i].field);
		pb_message(&details, 4, &cause);
	}
	pb_number(&details, 5, s->details.retry_after_seconds);
	pb_text(&details, 6, s->details.uid);
	pb_message(out, 5, &details);
}

static void encode_protobuf(struct strbuf *out, const struct status *s)
{
	struct strbuf type = STRBUF_INIT, meta = STRBUF_INIT, raw = STRBUF_INIT;

	strbuf_add(out, "k8s\0", 4);
	pb_text(&type, 1, STR("v1"));
	pb_text(&type, 2, STR("Status"));
	pb_message(out, 1, &type);
	for (unsigned field = 1; field <= 3; field++)	/* selfLink, resourceVersion, continue */
		pb_text(&meta, field, STR_NULL);
	pb_message(&raw, 1, &meta);
	pb_text(&raw, 2, s->success ? STR("Success") : STR("Failure"));
	pb_text(&raw, 3, s->message);
	pb_text(&raw, 4, s->reason);
	if (s->has_details)
		pb_details(&raw, s);
	pb_number(&raw, 6, s->code);
	pb_message(out, 2, &raw);
	pb_text(out, 3, STR_NULL);			/* contentEncoding, contentType */
	pb_text(out, 4, STR_NULL);
}

void status_encode(struct strbuf *out, const struct status *s, struct media_choice how)
{
	switch (how.format) {
	case MEDIA_JSON: encode_json(out, s, how.pretty); break;
	case MEDIA_YAML: status_encode_yaml(out, s); break;
	case MEDIA_PROTOBUF: encode_protobuf(out, s); break;
	}
}

const char *status_reason(int code)
{
	static const struct { int code; const char *reason; } reasons[] = {
		{ 400, "BadRequest" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "NotFound" }, { 405, "MethodNotAllowed" }, { 406, "NotAcceptable" },
		{ 409, "Conflict" }, { 410, "Gone" }, { 413, "RequestEntityTooLarge" },
		{ 415, "UnsupportedMediaType" }, { 422, "Invalid" }, { 429, "TooManyRequests" },
		{ 500, "InternalError" }, { 503, "ServiceUnavailable" }, { 504, "Timeout" },
	};

	for (size_t i = 0; i < array_size(reasons); i++)
		if (reasons[i].code == code)
			return reasons[i].reason;
	return "";
}

/* `pods "web-0" is forbidden`, or `forbidden` where there is neither group nor resource. */
static void add_forbidden_prefix(struct strbuf *b, const struct forbidden *f)
{
	if (!f->is_resource || (!f->group.n && !f->resource.n)) {
		strbuf_add_cstr(b, "forbidden");
		return;
	}
	strbuf_add_str(b, f->resource);
	if (f->group.n) {
		strbuf_add_char(b, '.');
		strbuf_add_str(b, f->group);
	}
	if (f->name.n) {
		strbuf_add_char(b, ' ');
		strbuf_add_go_quoted(b, f->name);
	}
	strbuf_add_cstr(b, " is forbidden");
}

/* Who may not do what, not yet escaped. */
static void add_forbidden_sentence(struct strbuf *b, const struct forbidden *f)
{
	struct strbuf resource = STRBUF_INIT;

	strbuf_add_cstr(b, "User ");
	strbuf_add_go_quoted(b, f->user);
	strbuf_add_cstr(b, " cannot ");
	strbuf_add_str(b, f->verb);
	if (!f->is_resource) {
		strbuf_add_cstr(b, " path ");
		strbuf_add_go_quoted(b, f->path);
		return;
	}
	strbuf_add_str(&resource, f->resource);
	if (f->subresource.n) {
		strbuf_add_char(&resource, '/');
		strbuf_add_str(&resource, f->subresource);
	}
	strbuf_add_cstr(b, " resource ");
	strbuf_add_go_quoted(b, strbuf_str(&resource));
	strbuf_fini(&resource);
	strbuf_add_cstr(b, " in API group ");
	strbuf_add_go_quoted(b, f->group);
	if (f->namespace.n) {
		strbuf_add_cstr(b, " in the namespace ");
		strbuf_add_go_quoted(b, f->namespace);
	} else {
		strbuf_add_cstr(b, " at the cluster scope");
	}
}

void status_forbidden(struct status *out, struct strbuf *message, const struct forbidden *f)
{
	struct strbuf sentence = STRBUF_INIT;

	add_forbidden_prefix(message, f);
	strbuf_add_cstr(message, ": ");
	add_forbidden_sentence(&sentence, f);
	strbuf_add_html_escaped(message, strbuf_str(&sentence));
	strbuf_fini(&sentence);
	if (f->reason.n) {
		strbuf_add_cstr(message, ": ");
		strbuf_add_str(message, f->reason);
	}
	*out = (struct status){ .code = 403, .message = strbuf_str(message),
				.reason = STR("Forbidden"), .has_details = true };
	if (!f->is_resource)
		return;
	out->details.name = f->name;
	out->details.group = f->group;
	out->details.kind = f->resource;
}

void status_internal_error_text(struct strbuf *out, struct str target, struct str error)
{
	struct strbuf sentence = STRBUF_INIT;

	strbuf_add_cstr(&sentence, "Internal Server Error: ");
	strbuf_add_go_quoted(&sentence, target);
	strbuf_add_cstr(&sentence, ": ");
	strbuf_add_str(&sentence, error);
	strbuf_add_char(&sentence, '\n');
	strbuf_add_html_escaped(out, strbuf_str(&sentence));
	strbuf_fini(&sentence);
}

struct str status_timeout_body(void)
{
	return STR("{\"metadata\":{},\"status\":\"Failure\",\"message\":\"Timeout: request did not "
		   "complete within the allotted timeout\",\"reason\":\"Timeout\",\"details\":{},"
		   "\"code\":504}\n");
}
