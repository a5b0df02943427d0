/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/upstream/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"
#include "tests/upstream/convert.h"
#include "tests/upstream/table.h"

#define WATCH_MAGIC 0x57415443u
#define WATCH_SECONDS_MIN 1800		/* when the client names no time: this to twice this */

struct watch {
	uint32_t magic;
	struct list node;		/* of the server */
	struct store_watcher watcher;
	struct call *call;		/* borrowed; NULL once it is over */
	struct rest rest;		/* its strings are in the call's arena */
	struct rest_selectors selectors;
	struct reply_format format;
	struct loop_timer end, bookmark;
	bool bookmarks, any_sent;
	uint64_t version;		/* of the latest event sent */
	size_t events;
};

static void send_frame(struct watch *w, const char *type, json_t *object, enum reply_as as)
{
	struct strbuf out = STRBUF_INIT;
	json_t *shown = table_event_shape(w->rest.kind, object, as, !w->any_sent, w->call);
	char *text;

	if (w->format.media == MEDIA_PROTOBUF) {
		convert_watch_frame(&out, type, shown);
	} else {
		text = json_dumps(shown, JSON_COMPACT);
		strbuf_addf(&out, "{\"type\":\"%s\",\"object\":", type);
		strbuf_add_cstr(&out, text);
		strbuf_add_cstr(&out, "}\n");
		free(text);
	}
	json_decref(shown);
	w->any_sent = w->any_sent || as == REPLY_TABLE;
	reply_stream_add(w->call, out.p, out.n);
	strbuf_fini(&out);
}

static void watch_end(struct watch *w)
{
	struct call *c = w->call;

	list_del(&w->node);
	store_unwatch(&w->watcher);
	loop_timer_cancel(&w->end);
	loop_timer_cancel(&w->bookmark);
	reply_stream_end(c);
}

static void send_event(struct watch *w, const char *type, json_t *object, uint64_t version)
{
	const struct fault *f = w->call->fault;

	if (w->call->closed)
		return;
	send_frame(w, type, object, w->format.as);
	w->version = version;
	w->events++;
	if (f && f->mode == FAULT_WATCH_END && w->events >= f->bytes)
		watch_end(w);
	else if (w->call->unsent > WATCH_UNSENT_MAX)
		call_reset(w->call);
}

static void send_error(struct watch *w, int code, const char *reason, const char *message)
{
	json_t *status = json_pack("{s:s, s:s, s:{}, s:s, s:s, s:s, s:i}", "kind", "Status",
		"apiVersion", "v1", "metadata", "status", "Failure", "message", message, "reason",
		reason, "code", code);

	send_frame(w, "ERROR", status, REPLY_PLAIN);
	json_decref(status);
	watch_end(w);
}

static void send_bookmark(struct watch *w, bool initial_end)
{
	uint64_t version = w->call->server->store.version;
	char text[24];
	json_t *object;

	snprintf(text, sizeof(text), "%" PRIu64, version);
	object = json_pack("{s:s, s:s, s:{s:s, s:n}}", "kind", w->rest.kind->kind, "apiVersion",
			   kind_api_version(w->rest.kind), "metadata", "resourceVersion", text,
			   "creationTimestamp");
	if (initial_end)
		json_object_set_new(object_metadata(object), "annotations",
				    json_pack("{s:s}", "k8s.io/initial-events-end", "true"));
	send_frame(w, "BOOKMARK", object, w->format.as);
	w->version = version;
	json_decref(object);
}

/* A deletion by change of labels shows the state before, with the new version. */
static void send_gone(struct watch *w, const struct store_event *e)
{
	json_t *last = json_deep_copy(e->before);

	json_object_set(object_metadata(last), "resourceVersion",
			object_at(e->object, "metadata.resourceVersion"));
	send_event(w, "DELETED", last, e->version);
	json_decref(last);
}

/* A change as this watch's selectors see it: leaving the selection is a deletion. */
static void on_change(struct watch *w, const struct store_event *e)
{
	bool is, was;

	if (e->kind != w->rest.kind || !rest_covers(&w->rest, e->object))
		return;
	is = e->change != STORE_DELETED && rest_selectors_match(&w->selectors, e->object);
	was = e->before && rest_selectors_match(&w->selectors, e->before);
	if (is)
		send_event(w, was ? "MODIFIED" : "ADDED", e->object, e->version);
	else if (was)
		send_gone(w, e);
}

static void on_notify(struct store_watcher *sw, const struct store_event *e)
{
	struct watch *w = container_of(sw, struct watch, watcher);

	CHECK_MAGIC(w, WATCH_MAGIC);
	on_change(w, e);
}

static void on_replay(void *arg, const struct store_event *e)
{
	struct watch *w = arg;

	CHECK_MAGIC(w, WATCH_MAGIC);
	on_change(w, e);
}

static void send_state(struct watch *w)
{
	const struct store *s = &w->call->server->store;
	const struct store_entry *e;

	for (size_t i = 0; (e = store_at(s, w->rest.kind, i)); i++)
		if (rest_covers(&w->rest, e->object) &&
		    rest_selectors_match(&w->selectors, e->object))
			send_event(w, "ADDED", e->object, s->version);
}

static void on_end_timer(struct loop_timer *t)
{
	struct watch *w = container_of(t, struct watch, end);

	CHECK_MAGIC(w, WATCH_MAGIC);
	if (w->bookmarks)
		send_bookmark(w, false);
	watch_end(w);
}

static void on_bookmark_timer(struct loop_timer *t)
{
	struct watch *w = container_of(t, struct watch, bookmark);

	CHECK_MAGIC(w, WATCH_MAGIC);
	send_bookmark(w, false);
	loop_timer_arm(&w->bookmark, w->call->server->options.bookmark_ms);
}

static void watch_free(void *p)
{
	struct watch *w = p;

	loop_timer_fini(&w->end);
	loop_timer_fini(&w->bookmark);
	w->magic = 0;
	free(w);
}

static void on_call_closed(struct call *c)
{
	struct watch *w = c->state;

	CHECK_MAGIC(w, WATCH_MAGIC);
	list_del(&w->node);
	store_unwatch(&w->watcher);
	loop_timer_cancel(&w->end);
	loop_timer_cancel(&w->bookmark);
	loop_bury(c->server->loop, w, watch_free);
}

static struct watch *watch_new(struct rest *r, const struct rest_selectors *selectors,
			       const struct reply_format *format)
{
	struct call *c = r->call;
	struct watch *w = xcalloc(1, sizeof(*w));

	*w = (struct watch){ .magic = WATCH_MAGIC, .call = c, .rest = *r,
			     .selectors = *selectors, .format = *format };
	list_init(&w->watcher.node);
	w->watcher.notify = on_notify;
	w->bookmarks = call_query_is_true(c, "allowWatchBookmarks");
	loop_timer_init(&w->end, c->server->loop, on_end_timer);
	loop_timer_init(&w->bookmark, c->server->loop, on_bookmark_timer);
	list_add_tail(&c->server->watches, &w->node);
	c->state = w;
	c->on_closed = on_call_closed;
	return w;
}

static uint64_t seconds_of(const struct call *c)
{
	uint64_t seconds;
	struct str v;

	if (call_query(c, "timeoutSeconds", &v) && !str_to_u64(v, &seconds) && seconds)
		return seconds;
	return WATCH_SECONDS_MIN + random_u64() % WATCH_SECONDS_MIN;
}

/* Sends what the watch begins with; afterwards it is live, unless it ended. */
static void begin(struct watch *w, struct str asked, bool initial)
{
	struct call *c = w->call;
	struct store *s = &c->server->store;
	uint64_t version = 0;
	char text[96];

	if (c->fault && c->fault->mode == FAULT_EXPIRED) {
		send_error(w, 410, "Expired", "too old resource version: scripted fault");
		return;
	}
	if (!initial && asked.n && str_to_u64(asked, &version) == 0 && version) {
		if (store_replay(s, version, on_replay, w)) {
			snprintf(text, sizeof(text), "too old resource version: %" PRIu64 " (%"
				 PRIu64 ")", version, s->oldest);
			send_error(w, 410, "Expired", text);
			return;
		}
	} else {
		send_state(w);
	}
	if (initial && w->bookmarks && !list_is_empty(&w->node))
		send_bookmark(w, true);
}

/* Answers and returns false when the options do not go together. */
static bool check_options(struct rest *r, bool initial, struct str asked)
{
	struct store *s = &r->call->server->store;
	uint64_t version = 0;
	struct str match;

	call_query(r->call, "resourceVersionMatch", &match);
	if (initial != (match.n != 0) ||
	    (initial && !str_eq(match, STR("NotOlderThan")))) {
		reply_error(r->call, 422, "Invalid", "ListOptions.meta.k8s.io \"\" is invalid: "
			    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden "
			    "for watch unless sendInitialEvents is provided");
		return false;
	}
	if (asked.n && str_to_u64(asked, &version)) {
		reply_error(r->call, 400, NULL, "invalid resource version \"%.*s\"",
			    STR_ARG(asked));
		return false;
	}
	if (version <= s->version)
		return true;
	reply_error(r->call, 504, "Timeout", "Timeout: Too large resource version: %" PRIu64
		    ", current: %" PRIu64, version, s->version);
	return false;
}

void watch_start(struct rest *r)
{
	struct call *c = r->call;
	bool initial = call_query_is_true(c, "sendInitialEvents");
	struct rest_selectors selectors;
	struct reply_format format;
	struct watch *w;
	struct str asked;

	call_query(c, "resourceVersion", &asked);
	if (!rest_selectors_read(r, &selectors) || !check_options(r, initial, asked))
		return;
	if (reply_negotiate(c, r->kind->message, true, &format)) {
		reply_error(c, 406, "NotAcceptable", "only the following media types are accepted: "
			    "application/json;stream=watch, "
			    "application/vnd.kubernetes.protobuf;stream=watch");
		return;
	}
	reply_stream_begin(c, 200, format.media == MEDIA_PROTOBUF ?
			   STR("application/vnd.kubernetes.protobuf;stream=watch") :
			   STR("application/json"));
	if (c->closed || str_eq(c->request.method, STR("HEAD")))
		return;
	w = watch_new(r, &selectors, &format);
	begin(w, asked, initial);
	if (c->closed || list_is_empty(&w->node))
		return;
	store_watch(&c->server->store, &w->watcher);
	loop_timer_arm(&w->end, (int64_t)seconds_of(c) * 1000);
	if (w->bookmarks)
		loop_timer_arm(&w->bookmark, c->server->options.bookmark_ms);
}

void watch_bookmark_all(struct server *s)
{
	struct list *node, *safe;

	list_for_each(node, safe, &s->watches) {
		struct watch *w = container_of(node, struct watch, node);

		if (w->bookmarks)
			send_bookmark(w, false);
	}
}

void watch_end_all(struct server *s)
{
	struct list *node, *safe;

	list_for_each(node, safe, &s->watches)
		watch_end(container_of(node, struct watch, node));
}

size_t watch_count(const struct server *s)
{
	size_t n = 0;

	for (const struct list *node = s->watches.next; node != &s->watches; node = node->next)
		n++;
	return n;
}
