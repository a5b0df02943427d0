/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cache/reflector.h"

#include "base/err.h"
#include "base/mem.h"
#include "codec/fields.h"
#include "obs/metrics.h"
#include "tests/reflector_script.h"
#include "tests/tap.h"

/* ---- lists ---- */

static void test_list_then_watch(void)
{
	int64_t lists = metric_value(METRIC_REFLECTOR_RELISTS);

	script_start();
	script_target_is("/roles?limit=500");
	cstr_is(script.stream->headers.p, "X-Remote-User=proxy\n"
		"Accept=application/vnd.kubernetes.protobuf,application/json\n");
	script_told_is("begin ");
	ok(!reflector_is_synced(script.rf));
	script_answer(100, NULL);
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("ab", "10", ""));
	script_told_is("a b ");
	int_is(script.stream->consumed, script.stream->sent);
	script_send_end();
	script_told_is("commit ");
	ok(reflector_is_synced(script.rf));
	int_is(reflector_age_us(script.rf), 0);
	script_watches_from("10");
	int_is(metric_value(METRIC_REFLECTOR_RELISTS), lists + 1);
	script_stop();
}

/* A list and two events whose bytes come in pieces of that size. */
static void check_pieces(size_t piece, bool json)
{
	script_start();
	script_answer(200, json ? "application/json" : SCRIPT_PROTOBUF);
	script_send_pieces(json ? script_list_json("abc", "10", "") :
			   script_list("abc", "10", ""), piece);
	script_send_end();
	script_told_is("begin a b c commit ");
	script_watches_from("10");
	script_answer(200, json ? "application/json;stream=watch" : SCRIPT_WATCH);
	if (json) {
		script_send_pieces(script_text("{\"type\":\"ADDED\",\"object\":{\"metadata\":{"
					       "\"name\":\"d\",\"resourceVersion\":\"11\"}}}\n"
					       "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{"
					       "\"resourceVersion\":\"15\"}}}\n"), piece);
	} else {
		script_send_pieces(script_event("ADDED", "d", "11"), piece);
		script_send_pieces(script_event("BOOKMARK", "", "15"), piece);
	}
	int_is(script.stream->consumed, script.stream->sent);
	script_pass(5000);
	script_send_end();
	script_pass(0);
	script_told_is("+d ");
	script_watches_from("15");
	script_stop();
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
	script_start();
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("ab", "10", "tok/en="));
	script_send_end();
	script_target_is("/roles?limit=500&continue=tok%2Fen%3D");
	script_told_is("begin a b ");
	script_answer(200, SCRIPT_PROTOBUF);
	/* Items may have changed meanwhile: the first page's version is the one to watch from. */
	script_send_body(script_list("c", "12", ""));
	script_send_end();
	script_told_is("c commit ");
	script_watches_from("10");
	script_stop();
}

/* A selector goes with every page and every watch: a token or a version is of that selection. */
static void test_query_of_the_resource(void)
{
	script_start_query("fieldSelector=a%21%3D");
	script_target_is("/roles?fieldSelector=a%21%3D&limit=500");
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("a", "10", "t"));
	script_send_end();
	script_target_is("/roles?fieldSelector=a%21%3D&limit=500&continue=t");
	script_answer(410, "application/json");
	script_send_end();
	script_pass(0);
	script_target_is("/roles?fieldSelector=a%21%3D");
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("a", "10", ""));
	script_send_end();
	script_target_starts("/roles?fieldSelector=a%21%3D&allowWatchBookmarks=true&");
	script_stop();
}

/* A page that says nothing of a next one is the last, not the same one again. */
static void test_page_without_metadata(void)
{
	script_start();
	script_answer(200, "application/json");
	script_send_body(script_list_json("a", "10", "t"));
	script_send_end();
	script_answer(200, "application/json");
	script_send_body(script_text("{\"items\":[{\"metadata\":{\"name\":\"b\"}}]}"));
	script_send_end();
	script_told_is("begin a b commit ");
	script_watches_from("10");
	script_stop();
}

static void test_expired_continue_token(void)
{
	script_start();
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("a", "10", "t"));
	script_send_end();
	script_answer(410, "application/json");
	script_send_end();
	script_told_is("begin a abandon ");
	script_pass(0);
	script_target_is("/roles");
	script_told_is("begin ");
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("b", "20", ""));
	script_send_end();
	script_told_is("b commit ");
	script_watches_from("20");
	/* The next list is in pages again. */
	script_answer(200, SCRIPT_WATCH);
	script_send_body(script_error(410, "Expired"));
	script_pass(0);
	script_target_is("/roles?limit=500");
	script_stop();
}

/* Whatever ends a list before its end: nothing is committed, and it begins anew after a pause. */
static void test_list_that_fails(void)
{
	for (int how = 0; how < 7; how++) {
		struct strbuf list = script_list("ab", "10", "");

		tap_row((const char *[]){ "reset", "cut", "clean end", "bad bytes", "silence",
					  "other type", "no version" }[how]);
		script_start();
		script_answer(200, how == 5 ? "text/html" : SCRIPT_PROTOBUF);
		if (how == 6) {
			strbuf_fini(&list);
			list = script_list("ab", "", "");
		}
		if (how < 5)
			list.n -= how == 3 ? 4 : 10;
		if (how == 3)
			strbuf_add_cstr(&list, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
		if (how == 5)
			strbuf_fini(&list);
		else
			script_send_body(list);
		if (how == 0)
			script_break_off(ERR_RESET);
		if (how == 1)
			script_break_off(0);
		if (how == 2 || how == 6)
			script_send_end();
		if (how == 4) {
			script_pass(REFLECTOR_LIST_TIMEOUT_MS - 1);
			ok(!script.stream->released);
			script_pass(1);
			ok(script.stream->was_reset);
		}
		ok(script.stream->released);
		script_told_is(how == 5 ? "begin abandon " :
			       how == 6 || how == 3 ? "begin a b abandon " : "begin a abandon ");
		ok(!reflector_is_synced(script.rf));
		script_pass(REFLECTOR_BACKOFF_MIN_MS - 1);
		int_is(script.opened, 1);
		script_pass(REFLECTOR_BACKOFF_MIN_MS / 2 + 1);
		int_is(script.opened, 2);
		script_target_is("/roles?limit=500");
		script_told_is("begin ");
		int_is(script_logged("Cannot list roles"), 1);
		script_stop();
		tap_row(NULL);
	}
}

/* Progress, however slow, is not silence. */
static void test_slow_list(void)
{
	script_start();
	script_answer(200, SCRIPT_PROTOBUF);
	for (int i = 0; i < 3; i++) {
		struct strbuf list = script_list("abc", "10", "");
		struct strbuf part = STRBUF_INIT;

		strbuf_add_str(&part, str_slice(strbuf_str(&list), (size_t)i * list.n / 3,
						(size_t)(i + 1) * list.n / 3));
		strbuf_fini(&list);
		script_send_body(part);
		script_pass(REFLECTOR_LIST_TIMEOUT_MS - 1);
	}
	script_send_end();
	script_told_is("begin a b c commit ");
	script_stop();
}

static void test_backoff_grows_and_is_bounded(void)
{
	int64_t waited = 0;

	script_start();
	for (int i = 0; i < 12; i++) {
		int opened = script.opened;
		int64_t ms = 0;

		script_break_off(ERR_RESET);
		for (; script.opened == opened && ms <= REFLECTOR_BACKOFF_MAX_MS; ms += 10)
			script_pass(10);
		ok(ms <= REFLECTOR_BACKOFF_MAX_MS);
		ok(i < 2 || i > 5 || ms >= waited);
		waited = ms;
	}
	ok(waited >= REFLECTOR_BACKOFF_MAX_MS / 2);
	int_is(script_logged("Cannot list roles"), 1);
	script_stop();
}

static void test_refusals_are_logged_once_per_change(void)
{
	script_start();
	for (int i = 0; i < 3; i++) {
		script_answer(403, "application/json");
		script_send_body(script_text("{\"kind\":\"Status\","
					     "\"message\":\"roles is forbidden\"}"));
		script_send_end();
		script_told_is("begin abandon ");
		script_pass(REFLECTOR_BACKOFF_MAX_MS);
	}
	int_is(script_logged("Cannot list roles of the upstream, trying again: status 403: "
		      "roles is forbidden"), 1);
	script_answer(401, NULL);
	script_break_off(ERR_RESET);
	int_is(script_logged("status 401"), 1);
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("", "10", ""));
	script_send_end();
	script_answer(200, SCRIPT_WATCH);
	int_is(script_logged("can be read again"), 1);
	script_stop();
}

static void test_retry_after(void)
{
	struct http_message m = { .status = 429 };

	script_start();
	http_headers_init(&m.headers, &script.arena);
	http_headers_add(&m.headers, STR("Retry-After"), STR("17"));
	script.stream->stream.handler->on_head(script.stream->stream.user, &m, true);
	script_told_is("begin abandon ");
	script_pass(16999);
	int_is(script.opened, 1);
	script_pass(1);
	int_is(script.opened, 2);
	script_stop();
}

static void test_optional_resource(void)
{
	script_start_with(true);
	script_answer(404, "text/plain");
	script_send_body(script_text("404 page not found\n"));
	script_send_end();
	script_told_is("begin commit ");
	ok(reflector_is_synced(script.rf));
	script_pass(REFLECTOR_OPTIONAL_MS - 1);
	int_is(script.opened, 1);
	script_pass(1);
	int_is(script.opened, 2);
	int_is(script_logged("Cannot"), 0);
	script_stop();
	script_start();
	script_answer(404, NULL);
	script_send_end();
	script_told_is("begin abandon ");
	ok(!reflector_is_synced(script.rf));
	script_stop();
}

static void test_objects_that_cannot_be_read(void)
{
	for (int json = 0; json < 2; json++) {
		script_start();
		script_answer(200, json ? "application/json" : SCRIPT_PROTOBUF);
		script_send_body(json ? script_list_json("a!b", "10", "") :
				 script_list("a!b", "10", ""));
		script_send_end();
		script_told_is("begin a b commit ");
		int_is(script_logged("Skipped an object"), 1);
		script_stop();
	}
}

static void test_item_too_large(void)
{
	struct strbuf b = STRBUF_INIT;

	script_start();
	script_answer(200, SCRIPT_PROTOBUF);
	strbuf_add(&b, "k8s\0\x12", 5);
	script_add_varint(&b, 0x7fffffff);
	script_add_varint(&b, LIST_ITEMS << 3 | 2);
	script_add_varint(&b, REFLECTOR_ITEM_MAX + 1);
	script_send_body(b);
	ok(script.stream->was_reset);
	script_told_is("begin abandon ");
	script_stop();
}

/* ---- the client ---- */

static void test_no_stream(void)
{
	const struct http_client_waiter *w;

	script_start();
	script_break_off(ERR_RESET);
	script.answer_at_once = false;
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	script_told_is("begin abandon begin ");
	w = script.waiter;
	script.waiter = NULL;
	w->on_failed(script.user, ERR_UNAVAILABLE, "no server is reachable");
	script_told_is("abandon ");
	int_is(script_logged("no server is reachable"), 1);
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	ok(script.waiter != NULL);
	/* A stream that never comes is given up. */
	script_pass(REFLECTOR_LIST_TIMEOUT_MS);
	int_is(script.cancelled, 1);
	script_told_is("begin abandon ");
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	ok(script.waiter != NULL);
	script_give_stream();
	script_target_is("/roles?limit=500");
	script_told_is("begin ");
	script_stop();
}

static void test_free_at_any_time(void)
{
	for (int when = 0; when < 5; when++) {
		script_start();
		if (when == 1)
			script_answer(200, SCRIPT_PROTOBUF);
		if (when == 2) {
			struct strbuf list = script_list("ab", "10", "");

			script_answer(200, SCRIPT_PROTOBUF);
			list.n -= 10;
			script_send_body(list);
		}
		if (when >= 3) {
			script_break_off(ERR_RESET);
			script.answer_at_once = false;
		}
		if (when == 4)
			script_pass(REFLECTOR_BACKOFF_MAX_MS);
		strbuf_clear(&script.told);
		reflector_free(script.rf);
		script.rf = NULL;
		ok(when == 3 || when == 4 || script.stream->was_reset);
		int_is(script.cancelled, when == 4);
		script_pass(10 * REFLECTOR_BACKOFF_MAX_MS);
		script_told_is("");
		script_stop();
	}
}

/* ---- watches ---- */

static void test_events(void)
{
	int64_t events = metric_value(METRIC_REFLECTOR_EVENTS);

	script_start_watching();
	script_send_body(script_event("ADDED", "b", "11"));
	script_send_body(script_event("MODIFIED", "a", "12"));
	script_pass(1000);
	script_send_body(script_event("DELETED", "b", "13"));
	int_is(reflector_age_us(script.rf), 0);
	script_told_is("+b *a -b ");
	script_send_body(script_event("BOOKMARK", "", "99"));
	script_told_is("");
	int_is(metric_value(METRIC_REFLECTOR_EVENTS), events + 3);
	int_is(script.stream->consumed, script.stream->sent);
	script_pass(7000);
	int_is(reflector_age_us(script.rf), 7000000);
	script_send_end();
	script_pass(0);
	script_watches_from("99");
	script_told_is("");
	script_stop();
}

/* An event that the sink refuses is passed over; the watch goes on behind it. */
static void test_event_the_sink_refuses(void)
{
	script_start_watching();
	script.item_rc = ERR_SYNTAX;
	script_send_body(script_event("ADDED", "b", "11"));
	script.item_rc = 0;
	script_send_body(script_event("ADDED", "c", "12"));
	script_told_is("+b +c ");
	int_is(script_logged("Skipped"), 1);
	script_break_off(ERR_RESET);
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	script_watches_from("12");
	script_stop();
}

static void test_broken_watch_resumes(void)
{
	static const int errors[] = { ERR_RESET, ERR_CLOSED, 0, ERR_TLS };

	for (size_t i = 0; i < array_size(errors); i++) {
		struct strbuf cut = script_event("ADDED", "c", "12");

		script_start_watching();
		script_send_body(script_event("ADDED", "b", "11"));
		cut.n -= 3;
		script_send_body(cut);
		script_told_is("+b ");
		if (errors[i])
			script_break_off(errors[i]);
		else
			script_send_end();	/* in the middle of a frame */
		script_pass(0);
		int_is(script.opened, 2);
		script_pass(REFLECTOR_BACKOFF_MIN_MS * 3 / 2);
		script_watches_from("11");
		script_told_is("");
		script_stop();
	}
}

static void test_expired_watch(void)
{
	for (int how = 0; how < 4; how++) {
		script_start_watching();
		script_pass(REFLECTOR_STABLE_MS);
		if (how == 0)
			script_send_body(script_error(410, "Expired"));
		if (how == 1)
			script_send_body(script_error(500, "Gone"));
		if (how == 2) {
			script_send_end();
			script_pass(0);
			script_answer(410, "application/json");
			script_send_end();
		}
		if (how == 3) {
			script_send_end();
			script_pass(0);
			script_answer(200, "application/json");
			script_send_body(script_text("{\"type\":\"ERROR\","
						     "\"object\":{\"code\":410}}\n"));
		}
		ok(script.stream->released);
		script_told_is("");
		script_pass(0);
		script_target_is("/roles?limit=500");
		script_told_is("begin ");
		script_answer(200, SCRIPT_PROTOBUF);
		script_send_body(script_list("b", "50", ""));
		script_send_end();
		script_told_is("b commit ");
		script_watches_from("50");
		/* A second one at once is slowed down. */
		script_answer(200, SCRIPT_WATCH);
		script_send_body(script_error(410, "Expired"));
		script_pass(REFLECTOR_BACKOFF_MIN_MS - 1);
		script_told_is("");
		script_pass(REFLECTOR_BACKOFF_MIN_MS * 2);
		script_told_is("begin ");
		script_stop();
	}
}

/* Errors that resuming cannot mend: a new list after a pause. */
static void test_watch_that_needs_a_list(void)
{
	for (int how = 0; how < 4; how++) {
		script_start_watching();
		if (how == 0)
			script_send_body(script_error(500, "InternalError"));
		if (how == 1)
			script_send_body(script_event("STRANGE", "a", "11"));
		if (how == 2)
			script_send_body(script_text("\x01\x01\x01\x01"));
		if (how == 3) {
			struct strbuf frame = STRBUF_INIT;

			strbuf_add(&frame, "\0\0\0\2\x0a\x7f", 6);
			script_send_body(frame);
		}
		ok(script.stream->was_reset);
		script_told_is("");
		script_pass(REFLECTOR_BACKOFF_MIN_MS - 1);
		int_is(script.opened, 2);
		script_pass(REFLECTOR_BACKOFF_MIN_MS);
		script_target_is("/roles?limit=500");
		script_told_is("begin ");
		script_stop();
	}
}

static void test_refused_watch(void)
{
	script_start_watching();
	script_break_off(ERR_RESET);
	for (int i = 0; i < 3; i++) {
		script_pass(REFLECTOR_BACKOFF_MAX_MS);
		script_watches_from("10");
		script_answer(i ? 403 : 500, NULL);
		script_send_end();
	}
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	script_target_is("/roles?limit=500");
	script_told_is("begin ");
	int_is(script_logged("Cannot watch roles of the upstream, trying again: status 403"), 1);
	/* The count starts anew behind the list. */
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("", "20", ""));
	script_send_end();
	script_answer(500, NULL);
	script_send_end();
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	script_watches_from("20");
	script_stop();
}

/*
 * Only a list can tell: the resource is gone, as far as this server knows (404), or the version is
 * ahead of the server's, which was restored or restarted (504, "Too large resource version").
 */
static void test_answers_that_need_a_list(void)
{
	static const int statuses[] = { 404, 504, 400 };

	for (size_t i = 0; i < array_size(statuses); i++) {
		script_start_watching();
		script_pass(REFLECTOR_STABLE_MS);
		script_send_end();
		script_pass(0);
		script_answer(statuses[i], NULL);
		script_send_end();
		script_pass(REFLECTOR_BACKOFF_MIN_MS * 3 / 2);
		script_target_is("/roles?limit=500");
		script_stop();
	}
}

/* An interim answer is no answer. */
static void test_interim_answer(void)
{
	script_start();
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("", "10", ""));
	script_send_end();
	script_answer(103, NULL);
	script_break_off(ERR_RESET);
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	script_watches_from("10");
	script_stop();
}

/* A watch that ends at once and empty is no progress. */
static void test_short_watch(void)
{
	script_start_watching();
	script_send_end();
	script_pass(REFLECTOR_BACKOFF_MIN_MS - 1);
	int_is(script.opened, 2);
	script_pass(REFLECTOR_BACKOFF_MIN_MS);
	script_watches_from("10");
	script_answer(200, SCRIPT_WATCH);
	script_send_body(script_event("ADDED", "b", "11"));
	script_send_end();
	script_pass(0);
	script_watches_from("11");
	script_stop();
}

static void test_watch_that_outlives_its_time(void)
{
	script_start_watching();
	script_pass((REFLECTOR_WATCH_SECONDS + REFLECTOR_WATCH_JITTER) * 1000);
	ok(!script.stream->released);
	script_pass(REFLECTOR_WATCH_GRACE_MS);
	ok(script.stream->was_reset && script.stream->released);
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	script_watches_from("10");
	script_told_is("");
	script_stop();
}

static void test_watch_without_an_answer(void)
{
	script_start();
	script_answer(200, SCRIPT_PROTOBUF);
	script_send_body(script_list("", "10", ""));
	script_send_end();
	script_pass(REFLECTOR_LIST_TIMEOUT_MS);
	ok(script.stream->was_reset);
	script_pass(REFLECTOR_BACKOFF_MAX_MS);
	script_watches_from("10");
	script_stop();
}

/* Broken ten times, but each time after a good while: the pause stays small. */
static void test_stable_watches_keep_the_pause_small(void)
{
	script_start_watching();
	for (int i = 0; i < 10; i++) {
		script_pass(REFLECTOR_STABLE_MS);
		script_break_off(ERR_RESET);
		script_pass(REFLECTOR_BACKOFF_MIN_MS * 3 / 2);
		script_watches_from("10");
		script_answer(200, SCRIPT_WATCH);
	}
	script_stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_list_then_watch), TAP(test_pieces), TAP(test_pages),
		TAP(test_query_of_the_resource),
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
