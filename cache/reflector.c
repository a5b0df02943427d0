/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States: WAITING (for the timer) -> LISTING (one request per page) -> WATCHING -> ...
 * enter() is the only place where the state changes; finish() is the only way out of a request.
 */
#include "config.h"

#include "cache/reflector.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "cache/watch_event.h"
#include "codec/json.h"
#include "codec/split.h"
#include "obs/log.h"
#include "obs/metrics.h"

#define REFLECTOR_MAGIC 0x7265666cu
#define FRAME_MAX (REFLECTOR_ITEM_MAX + 4096)	/* an item, its envelope and the event around it */
#define REFUSALS_MAX 3				/* of a watch in a row before a relist */
#define SHORT_WATCH_US 1000000			/* a clean end before that is no good end */
#define PROTOBUF_TYPE STR("application/vnd.kubernetes.protobuf")
#define JSON_TYPE STR("application/json")

enum state { STATE_WAITING, STATE_LISTING, STATE_WATCHING };

struct reflector {
	uint32_t magic;
	struct http_client *client;			/* borrowed */
	const struct reflector_resource *resource;	/* borrowed */
	const struct http_headers *headers;		/* borrowed */
	const struct schema_message *message;
	struct reflector_sink sink;
	struct loop *loop;
	enum state state;
	struct loop_timer timer;	/* the end of a pause, or of the patience with a request */

	/* The request. */
	struct http_client_ticket *ticket;	/* owned while waiting for a stream */
	struct http_stream *stream;		/* held until released */
	bool stream_ended;			/* no callback comes any more */
	int status;				/* of the response; 0: no head yet */
	bool is_json;
	struct split split;
	struct strbuf error_body;
	int64_t retry_after_ms;
	int64_t watch_start_us;			/* when the watch's head came */
	bool watch_moved;			/* it brought something */

	/* The list in progress. */
	bool in_list;				/* begin() was called */
	bool full;				/* without limit: continuing failed */
	struct strbuf list_version, continue_token;

	struct strbuf version;			/* resource version of the last event or bookmark */
	bool synced;
	int64_t last_sign_us;
	unsigned failures;			/* in a row; they make the pause longer */
	unsigned refusals;			/* watches in a row answered with an error */
	uint64_t skipped;			/* objects that could not be read */
	enum state next;			/* what the pause is before */
	int reported;				/* the failure that was logged last; 0: none */
};

static void enter(struct reflector *rf, enum state state);

/* ---- the log ---- */

static const char *verb_of(const struct reflector *rf)
{
	return rf->state == STATE_WATCHING ? "watch" : "list";
}

/* The Status in the body of a refusal, or nothing. */
static void add_refusal(const struct reflector *rf, struct strbuf *out)
{
	struct api_status s;

	if (api_status_read(strbuf_str(&rf->error_body), rf->is_json, &s) == 0 && s.message.n)
		strbuf_addf(out, ": %.*s", STR_ARG(s.message));
	api_status_fini(&s);
}

/* One line per change: a failure that lasts is logged once. */
static void report_failure(struct reflector *rf, int rc, const char *text)
{
	int what = rf->status && rf->status != 200 ? rf->status : rc;
	struct strbuf why = STRBUF_INIT;

	if (rf->reported == what)
		return;
	rf->reported = what;
	if (what == rf->status) {
		strbuf_addf(&why, "status %d", rf->status);
		add_refusal(rf, &why);
	} else {
		strbuf_add_cstr(&why, text ? text : err_text(rc));
	}
	log_warning("Cannot %s %s of the upstream, trying again: %s", verb_of(rf),
		    rf->resource->name, why.p);
	strbuf_fini(&why);
}

static void report_success(struct reflector *rf)
{
	if (rf->reported)
		log_info("%s of the upstream can be read again", rf->resource->name);
	rf->reported = 0;
}

/* The first, second, fourth, eighth, ... object that cannot be read is logged. */
static void report_skipped(struct reflector *rf, int rc)
{
	rf->skipped++;
	if (!(rf->skipped & (rf->skipped - 1)))
		log_warning("Skipped an object among %s of the upstream that cannot be read (%s); "
			    "%" PRIu64 " so far", rf->resource->name, err_text(rc), rf->skipped);
}

/* ---- requests ---- */

static void add_query_escaped(struct strbuf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		    (c && strchr("-._~", c)))
			strbuf_add_char(b, (char)c);
		else
			strbuf_addf(b, "%%%02X", c);
	}
}

static void add_list_query(struct reflector *rf, struct strbuf *b)
{
	if (!rf->full)
		strbuf_addf(b, "limit=%d&", REFLECTOR_PAGE_LIMIT);
	if (!rf->continue_token.n)
		return;
	strbuf_add_cstr(b, "continue=");
	add_query_escaped(b, strbuf_str(&rf->continue_token));
	strbuf_add_char(b, '&');
}

static void add_target(struct reflector *rf, struct strbuf *b, uint64_t seconds)
{
	strbuf_addf(b, "%s?", rf->resource->path);
	if (rf->resource->query)
		strbuf_addf(b, "%s&", rf->resource->query);
	if (rf->state == STATE_WATCHING) {
		strbuf_add_cstr(b, "allowWatchBookmarks=true&resourceVersion=");
		add_query_escaped(b, strbuf_str(&rf->version));
		strbuf_addf(b, "&timeoutSeconds=%" PRIu64 "&watch=true", seconds);
		return;
	}
	add_list_query(rf, b);
	/* The last separator, with nothing behind it. */
	b->p[--b->n] = '\0';
}

static void send_request(struct reflector *rf, uint64_t seconds)
{
	struct strbuf target = STRBUF_INIT;
	struct http_message m = { .method = STR("GET"), .content_length = -1 };
	struct arena a;

	arena_init(&a);
	add_target(rf, &target, seconds);
	m.target = strbuf_str(&target);
	http_headers_init(&m.headers, &a);
	for (size_t i = 0; i < rf->headers->n; i++)
		http_headers_add(&m.headers, rf->headers->v[i].name, rf->headers->v[i].value);
	http_field_set(&m.headers, HTTP_ACCEPT,
			 STR("application/vnd.kubernetes.protobuf,application/json"));
	rf->stream->ops->send_head(rf->stream, &m, true);
	strbuf_fini(&target);
	arena_fini(&a);
}

/* The request is given up or over: nothing of it is left. */
static void drop_request(struct reflector *rf)
{
	struct http_client_ticket *ticket = rf->ticket;
	struct http_stream *s = rf->stream;

	rf->ticket = NULL;
	rf->stream = NULL;
	if (ticket)
		rf->client->cancel(rf->client, ticket);
	if (s && !rf->stream_ended)
		s->ops->reset(s, ERR_CANCELED);
	if (s)
		s->ops->release(s);
	split_fini(&rf->split);
	rf->split = (struct split){ 0 };
	loop_timer_cancel(&rf->timer);
}

/* What an error status means to the state machine. */
static int err_of_status(int status)
{
	switch (status) {
	case 401:
	case 403:
		return ERR_REFUSED;
	case 404:
		return ERR_NOT_FOUND;
	case 410:
		return ERR_EXPIRED;
	case 504:
		/* To a watch: its version is ahead of a server that was restored. */
		return ERR_UNSUPPORTED;
	}
	return status == 429 || status >= 500 ? ERR_UNAVAILABLE : ERR_UNSUPPORTED;
}

/* ---- pauses ---- */

static int64_t pause_ms(const struct reflector *rf)
{
	int64_t base = REFLECTOR_BACKOFF_MIN_MS, max = REFLECTOR_BACKOFF_MAX_MS * 2 / 3;

	for (unsigned i = 1; i < rf->failures && base < max; i++)
		base *= 2;
	if (base > max)
		base = max;
	return base + (int64_t)(random_u64() % (uint64_t)(base / 2 + 1));
}

static void wait_for(struct reflector *rf, enum state next, int64_t ms)
{
	rf->next = next;
	enter(rf, STATE_WAITING);
	loop_timer_arm(&rf->timer, ms);
}

/* A failure: `next` after a pause. */
static void try_again(struct reflector *rf, enum state next)
{
	int64_t ms;

	rf->failures++;
	ms = pause_ms(rf);
	wait_for(rf, next, ms > rf->retry_after_ms ? ms : rf->retry_after_ms);
}

/* ---- lists ---- */

static void begin_list(struct reflector *rf)
{
	metric_add(METRIC_REFLECTOR_RELISTS, 1);
	strbuf_clear(&rf->list_version);
	strbuf_clear(&rf->continue_token);
	rf->in_list = true;
	rf->sink.begin(rf->sink.arg);
}

static void commit_list(struct reflector *rf)
{
	rf->in_list = rf->full = false;
	rf->synced = true;
	rf->refusals = 0;
	rf->last_sign_us = loop_now_us(rf->loop);
	rf->sink.commit(rf->sink.arg);
}

static void abandon_list(struct reflector *rf)
{
	rf->in_list = false;
	rf->sink.abandon(rf->sink.arg);
}

static void list_failed(struct reflector *rf, int rc, const char *text)
{
	bool was_continuing = rf->continue_token.n > 0, was_full = rf->full;

	if (rc == ERR_NOT_FOUND && rf->resource->optional && !was_continuing) {
		commit_list(rf);
		report_success(rf);
		wait_for(rf, STATE_LISTING, REFLECTOR_OPTIONAL_MS);
		return;
	}
	abandon_list(rf);
	rf->full = rc == ERR_EXPIRED && was_continuing;
	if (rf->full && !was_full) {
		wait_for(rf, STATE_LISTING, 0);
		return;
	}
	report_failure(rf, rc, text);
	try_again(rf, STATE_LISTING);
}

static void page_finished(struct reflector *rf, int rc, const char *text)
{
	if (!rc && !rf->list_version.n) {
		rc = ERR_SYNTAX;
		text = "a list without resource version";
	}
	if (rc < 0) {
		list_failed(rf, rc, text);
		return;
	}
	if (rf->continue_token.n) {
		enter(rf, STATE_LISTING);
		return;
	}
	strbuf_clear(&rf->version);
	strbuf_add_str(&rf->version, strbuf_str(&rf->list_version));
	commit_list(rf);
	enter(rf, STATE_WATCHING);
}

/* All pages are of the first one's version; the last token that comes is the next page's. */
static int on_list_metadata(void *arg, struct str text)
{
	struct reflector *rf = arg;
	struct list_metadata m;
	int rc;

	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	rc = list_metadata_read(text, rf->is_json, &m);
	if (!rc && !rf->list_version.n)
		strbuf_add_str(&rf->list_version, m.resource_version);
	if (!rc) {
		strbuf_clear(&rf->continue_token);
		strbuf_add_str(&rf->continue_token, m.continue_token);
	}
	list_metadata_fini(&m);
	return rc;
}

static int on_list_item(void *arg, struct str item)
{
	struct reflector *rf = arg;
	struct object_cursor c;
	json_t *json = NULL;
	int rc = 0;

	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	if (rf->is_json)
		rc = json_read(item, &json, NULL);
	if (!rc) {
		if (json)
			object_cursor_json(&c, rf->message, json);
		else
			object_cursor_protobuf(&c, rf->message, item.p, item.n);
		rc = rf->sink.item(rf->sink.arg, &c);
	}
	json_decref(json);
	if (rc < 0)
		report_skipped(rf, rc);
	return 0;
}

static const struct split_handler list_handler = { on_list_metadata, on_list_item };

/* ---- watches ---- */

static int64_t watch_age_us(const struct reflector *rf)
{
	return rf->status == 200 ? loop_now_us(rf->loop) - rf->watch_start_us : 0;
}

static void watch_failed(struct reflector *rf, int rc, const char *text)
{
	if (rc == ERR_EXPIRED) {
		/* Ordinary after a long silence; repeated ones are slowed down. */
		if (rf->failures)
			try_again(rf, STATE_LISTING);
		else
			wait_for(rf, STATE_LISTING, 0);
		rf->failures += !rf->failures;
		return;
	}
	report_failure(rf, rc, text);
	rf->refusals += rf->status && rf->status != 200;
	switch (rc) {
	case ERR_SYNTAX:
	case ERR_LIMIT:
	case ERR_UNSUPPORTED:
	case ERR_NOT_FOUND:
		try_again(rf, STATE_LISTING);
		return;
	}
	try_again(rf, rf->refusals >= REFUSALS_MAX ? STATE_LISTING : STATE_WATCHING);
}

static void watch_finished(struct reflector *rf, int rc, const char *text)
{
	int64_t age_us = watch_age_us(rf);

	if (age_us >= (int64_t)REFLECTOR_STABLE_MS * 1000)
		rf->failures = 0;
	if (rc < 0) {
		watch_failed(rf, rc, text);
		return;
	}
	if (age_us < SHORT_WATCH_US && !rf->watch_moved)
		try_again(rf, STATE_WATCHING);
	else
		wait_for(rf, STATE_WATCHING, 0);
}

/* An ERROR event: 410 in one of its two forms, or something that only a new list can mend. */
static int on_error_event(struct reflector *rf, const struct api_status *s)
{
	if (s->code == 410 || str_eq(s->reason, STR("Expired")) || str_eq(s->reason, STR("Gone")))
		return ERR_EXPIRED;
	log_warning("The watch of %s ended with an error: %.*s", rf->resource->name,
		    STR_ARG(s->message));
	return ERR_UNSUPPORTED;
}

static int on_object_event(struct reflector *rf, struct watch_event *e)
{
	static const enum reflector_event events[] = {
		[WATCH_ADDED] = REFLECTOR_ADDED, [WATCH_MODIFIED] = REFLECTOR_MODIFIED,
		[WATCH_DELETED] = REFLECTOR_DELETED,
	};
	int rc;

	metric_add(METRIC_REFLECTOR_EVENTS, 1);
	rc = rf->sink.event(rf->sink.arg, events[e->type], &e->object);
	if (rc < 0)
		report_skipped(rf, rc);
	return rc == ERR_EXPIRED ? rc : 0;
}

static int on_watch_item(void *arg, struct str item)
{
	struct reflector *rf = arg;
	struct watch_event e;
	int rc;

	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	rf->last_sign_us = loop_now_us(rf->loop);
	rf->watch_moved = true;
	rc = watch_event_read(item, rf->is_json, rf->message, &e);
	if (!rc && e.type == WATCH_ERROR)
		rc = on_error_event(rf, &e.status);
	if (!rc && e.type != WATCH_BOOKMARK)
		rc = on_object_event(rf, &e);
	if (!rc && e.resource_version.n) {
		strbuf_clear(&rf->version);
		strbuf_add_str(&rf->version, e.resource_version);
	}
	watch_event_fini(&e);
	return rc;
}

static int on_watch_metadata(void *arg, struct str text)
{
	(void)arg;
	(void)text;
	return ERR_SYNTAX;
}

static const struct split_handler watch_handler = { on_watch_metadata, on_watch_item };

/* ---- the stream ---- */

/* The request is over: 0, or why it failed. */
static void finish(struct reflector *rf, int rc, const char *text)
{
	enum state state = rf->state;

	drop_request(rf);
	if (state == STATE_LISTING)
		page_finished(rf, rc, text);
	else
		watch_finished(rf, rc, text);
}

/* Retry-After in seconds; a date is not read. */
static int64_t read_retry_after(const struct http_message *m)
{
	const struct str *v = http_field_get(&m->headers, HTTP_RETRY_AFTER);
	uint64_t seconds;

	if (!v || str_to_u64(*v, &seconds) < 0)
		return 0;
	return seconds < REFLECTOR_BACKOFF_MAX_MS / 1000 ? (int64_t)seconds * 1000
		: REFLECTOR_BACKOFF_MAX_MS;
}

static int begin_body(struct reflector *rf, const struct http_message *m)
{
	const struct str *type = http_field_get(&m->headers, HTTP_CONTENT_TYPE);
	bool is_watch = rf->state == STATE_WATCHING;
	enum split_format format;

	rf->is_json = type && str_has_prefix_nocase(*type, JSON_TYPE);
	if (rf->status != 200)
		return 0;
	strbuf_clear(&rf->continue_token);	/* used; this page brings the next one's */
	if (!rf->is_json && (!type || !str_has_prefix_nocase(*type, PROTOBUF_TYPE)))
		return ERR_UNSUPPORTED;
	if (rf->is_json)
		format = is_watch ? SPLIT_JSON_VALUES : SPLIT_JSON_LIST;
	else
		format = is_watch ? SPLIT_PROTOBUF_FRAMES : SPLIT_PROTOBUF_LIST;
	split_init(&rf->split, format, is_watch ? FRAME_MAX : REFLECTOR_ITEM_MAX,
		   is_watch ? &watch_handler : &list_handler, rf);
	return 0;
}

/* A watch may be silent until its time is over; everything else must get on. */
static void renew_patience(struct reflector *rf)
{
	if (rf->state == STATE_LISTING || rf->status != 200)
		loop_timer_arm(&rf->timer, REFLECTOR_LIST_TIMEOUT_MS);
}

static void end_response(struct reflector *rf)
{
	int rc;

	rf->stream_ended = true;
	if (rf->status != 200) {
		finish(rf, err_of_status(rf->status), NULL);
		return;
	}
	rc = split_end(&rf->split);
	/* A watch that ends within a frame was cut off; what came before it stands. */
	finish(rf, rc < 0 && rf->state == STATE_WATCHING ? ERR_RESET : rc, NULL);
}

static void watch_began(struct reflector *rf)
{
	report_success(rf);
	rf->refusals = 0;
	loop_timer_arm(&rf->timer, (REFLECTOR_WATCH_SECONDS + REFLECTOR_WATCH_JITTER) * 1000 +
		       REFLECTOR_WATCH_GRACE_MS);
}

static void on_head(void *user, struct http_message *m, bool end)
{
	struct reflector *rf = user;

	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	if (m->status < 200)
		return;
	rf->status = m->status;
	rf->retry_after_ms = read_retry_after(m);
	rf->watch_start_us = loop_now_us(rf->loop);
	if (begin_body(rf, m) < 0) {
		finish(rf, ERR_UNSUPPORTED,
		       "neither protobuf nor JSON was answered");
		return;
	}
	if (end) {
		end_response(rf);
		return;
	}
	if (rf->state == STATE_WATCHING && rf->status == 200)
		watch_began(rf);
	else
		renew_patience(rf);
}

static void keep_error_body(struct reflector *rf, const void *p, size_t n)
{
	size_t room = REFLECTOR_ERROR_BODY_MAX - rf->error_body.n;

	strbuf_add(&rf->error_body, p, n < room ? n : room);
}

static void on_body(void *user, const void *p, size_t n)
{
	struct reflector *rf = user;
	int rc = 0;

	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	if (rf->status == 200)
		rc = split_feed(&rf->split, p, n);
	else
		keep_error_body(rf, p, n);
	if (rc < 0) {
		finish(rf, rc, NULL);
		return;
	}
	renew_patience(rf);
	rf->stream->ops->consume(rf->stream, n);
}

static void on_end(void *user, const struct http_headers *trailers)
{
	struct reflector *rf = user;

	(void)trailers;
	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	end_response(rf);
}

static void on_sent(void *user, size_t n)
{
	(void)user;
	(void)n;
}

static void on_closed(void *user, int err)
{
	struct reflector *rf = user;

	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	rf->stream_ended = true;
	/* A refusal whose body breaks off is still that refusal. */
	if (rf->status && rf->status != 200)
		err = err_of_status(rf->status);
	finish(rf, err < 0 ? err : ERR_RESET, NULL);
}

static const struct http_stream_handler stream_handler = {
	.on_head = on_head,
	.on_body = on_body,
	.on_end = on_end,
	.on_sent = on_sent,
	.on_closed = on_closed,
};

static void on_open(void *user, struct http_stream *s)
{
	struct reflector *rf = user;

	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	rf->ticket = NULL;
	rf->stream = s;
	rf->stream_ended = false;
	s->handler = &stream_handler;
	s->user = rf;
	send_request(rf, REFLECTOR_WATCH_SECONDS + random_u64() % (REFLECTOR_WATCH_JITTER + 1));
}

static void on_failed(void *user, int err, const char *text)
{
	struct reflector *rf = user;

	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	rf->ticket = NULL;
	finish(rf, err, text);
}

static const struct http_client_waiter waiter = { on_open, on_failed };

/* ---- states ---- */

static void open_request(struct reflector *rf)
{
	rf->status = 0;
	rf->watch_moved = false;
	rf->retry_after_ms = 0;
	strbuf_clear(&rf->error_body);
	loop_timer_arm(&rf->timer, REFLECTOR_LIST_TIMEOUT_MS);
	rf->client->open(rf->client, HTTP_CLIENT_IDENTIFIED, false, &waiter, rf, &rf->ticket);
}

static void enter(struct reflector *rf, enum state state)
{
	rf->state = state;
	switch (state) {
	case STATE_WAITING:
		break;
	case STATE_LISTING:
		if (!rf->in_list)
			begin_list(rf);
		open_request(rf);
		break;
	case STATE_WATCHING:
		open_request(rf);
		break;
	}
}

/* A pause is over, or the patience with a request. */
static void on_timer(struct loop_timer *t)
{
	struct reflector *rf = container_of(t, struct reflector, timer);

	CHECK_MAGIC(rf, REFLECTOR_MAGIC);
	if (rf->state == STATE_WAITING)
		enter(rf, rf->next);
	else
		finish(rf, ERR_TIMEOUT, NULL);
}

struct reflector *reflector_new(struct http_client *client, const struct reflector_resource *r,
				const struct http_headers *headers,
				const struct reflector_sink *sink)
{
	struct reflector *rf = xcalloc(1, sizeof(*rf));

	rf->magic = REFLECTOR_MAGIC;
	rf->client = client;
	rf->resource = r;
	rf->headers = headers;
	rf->message = schema_message_find(r->item_message);
	CHECK(rf->message);
	rf->sink = *sink;
	rf->loop = client->loop;
	rf->last_sign_us = loop_now_us(rf->loop);
	loop_timer_init(&rf->timer, rf->loop, on_timer);
	return rf;
}

void reflector_start(struct reflector *rf)
{
	wait_for(rf, STATE_LISTING, 0);
}

bool reflector_is_synced(const struct reflector *rf)
{
	return rf->synced;
}

int64_t reflector_age_us(const struct reflector *rf)
{
	return loop_now_us(rf->loop) - rf->last_sign_us;
}

void reflector_free(struct reflector *rf)
{
	if (!rf)
		return;
	drop_request(rf);
	loop_timer_fini(&rf->timer);
	strbuf_fini(&rf->error_body);
	strbuf_fini(&rf->list_version);
	strbuf_fini(&rf->continue_token);
	strbuf_fini(&rf->version);
	rf->magic = 0;
	free(rf);
}
