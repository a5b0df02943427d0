/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "obs/metrics.h"
#include "tests/proxy_fakes.h"

#define TOM "Authorization: Bearer secret\n"
#define PODS "/api/v1/namespaces/n/pods"

/* The head of a request as the upstream gets it: "Name: value\n" each, without the audit id. */
static void head_is(const struct fake_stream *up, const char *want)
{
	struct strbuf got = STRBUF_INIT;

	for (size_t i = 0; i < up->head.headers.n; i++) {
		const struct http_header *h = &up->head.headers.v[i];

		if (!str_eq_nocase(h->name, STR("Audit-Id")))
			strbuf_addf(&got, "%.*s: %.*s\n", STR_ARG(h->name), STR_ARG(h->value));
	}
	str_is(strbuf_str(&got), str_from(want));
	strbuf_fini(&got);
}

/* The upstream's answer, empty and whole. */
static void answer(struct fake_stream *up)
{
	fake_stream_head(up, 200, NULL, true);
}

/* Both sides of a request that has ended, and the world. */
static void stop(struct fake_stream *f, struct fake_stream *up)
{
	fake_request_done(f);
	if (up)
		fake_stream_free(up);
	fake_proxy_stop();
}

/* ---- the request's head ---- */

static void test_head(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS "/%70?a=%2f", TOM "Host: h\nAccept: x\nAudit-Id: mine\n");
	up = fake_client_give();
	str_is(up->head.target, STR(PODS "/%70?a=%2f"));
	str_is(fake_field(up, "Audit-Id"), STR("mine"));
	head_is(up, "Host: h\nAccept: x\nX-Forwarded-For: 192.0.2.7\nX-Remote-User: tom\n"
		"X-Remote-Uid: u1\nX-Remote-Group: dev\nX-Remote-Group: system:authenticated\n");
	ok(up->head_end);
	answer(up);
	stop(f, up);
}

/* Nothing that a client sends is taken for an identity by the upstream (peers, trap 1). */
static void test_forged_identity(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS, TOM "X-Remote-User: root\nx-remote-group: system:masters\n"
			 "X-REMOTE-EXTRA-a: b\nX-Remote-Uid: 0\nHost: h\n");
	up = fake_client_give();
	head_is(up, "Host: h\nX-Forwarded-For: 192.0.2.7\nX-Remote-User: tom\nX-Remote-Uid: u1\n"
		"X-Remote-Group: dev\nX-Remote-Group: system:authenticated\n");
	answer(up);
	stop(f, up);
}

/* What Connection nominates goes before ours is stamped: ours cannot be nominated away. */
static void test_hop_by_hop(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS, TOM "Connection: keep-alive, X-Remote-User, x-own, "
			 "X-Remote-Group, X-Forwarded-For, Audit-Id\nX-Own: 1\nKeep-Alive: 5\n"
			 "TE: trailers\nUpgrade: h2c\nProxy-Connection: x\nHost: h\n");
	up = fake_client_give();
	head_is(up, "Host: h\nX-Forwarded-For: 192.0.2.7\nX-Remote-User: tom\nX-Remote-Uid: u1\n"
		"X-Remote-Group: dev\nX-Remote-Group: system:authenticated\n");
	ok(fake_has_field(up, "Audit-Id"));
	answer(up);
	stop(f, up);
}

static void test_forwarded_for(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS, TOM "X-Forwarded-For: 10.0.0.1\nx-forwarded-for: ::1, a\n");
	up = fake_client_give();
	int_is(http_field_count(&up->head.headers, HTTP_X_FORWARDED_FOR), 1);
	str_is(fake_field(up, "X-Forwarded-For"), STR("10.0.0.1, ::1, a, 192.0.2.7"));
	str_is(fake_field(up, "Host"), STR("kube-apiserver"));
	answer(up);
	stop(f, up);
}

/* Anonymous traffic has connections of its own. */
static void test_class(void)
{
	static const struct str outside[] = { STR("system:unauthenticated") };
	static const struct user odd = { .name = STR("odd"), .groups = outside, .group_count = 1 };
	struct fake_stream *f;

	for (int i = 0; i < 3; i++) {
		fake_proxy_start();
		fake_authn.user = i == 2 ? &odd : NULL;
		f = fake_request("GET", PODS, i ? NULL : TOM);
		int_is(fake_client.class, i ? HTTP_CLIENT_ANONYMOUS : HTTP_CLIENT_IDENTIFIED);
		ok(!fake_client.fresh);
		fake_stream_closed(f, ERR_CLOSED);
		fake_stream_free(f);
		fake_proxy_stop();
	}
}

/* What a header cannot carry would arrive as somebody else: nothing is forwarded. */
static void test_identity_that_cannot_be_told(void)
{
	static const struct str bad_group[] = { STR("a\nb") };
	static const struct user_extra bad_key[] = { { .key = STR("Upper") } };
	static const struct user users[] = {
		{ .name = STR(" tom") },
		{ .name = STR("") },
		{ .name = STR("tom\r\nX-Remote-Group: system:masters") },
		{ .name = STR("tom"), .groups = bad_group, .group_count = 1 },
		{ .name = STR("tom"), .extra = bad_key, .extra_count = 1 },
		{ .name = STR("tom"), .uid = STR("1\t2") },
	};

	for (size_t i = 0; i < array_size(users); i++) {
		struct fake_stream *f;

		fake_proxy_start();
		fake_authn.user = &users[i];
		f = fake_request("GET", PODS, NULL);
		int_is(f->head.status, 403);
		ok(fake_body_has(f, "the user cannot be told to the API server"));
		int_is(fake_client.opened, 0);
		stop(f, NULL);
	}
}

/* ---- the request's body ---- */

static void test_body_before_the_upstream(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request_body("POST", PODS, TOM);
	fake_stream_body(f, "one ");
	fake_stream_body(f, "two");
	/* No credit for what nobody has taken yet. */
	int_is(f->consumed, 0);
	up = fake_client_give();
	ok(!up->head_end && !up->ended);
	str_is(strbuf_str(&up->body), STR("one two"));
	fake_stream_sent(up, 4);
	int_is(f->consumed, 4);
	fake_stream_body(f, " three");
	str_is(strbuf_str(&up->body), STR("one two three"));
	fake_stream_end(f, NULL);
	ok(up->ended);
	fake_stream_sent(up, 9);
	int_is(f->consumed, 13);
	answer(up);
	ok(!up->was_reset);
	stop(f, up);
}

static void test_whole_body_before_the_upstream(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request_body("POST", PODS, TOM);
	fake_stream_bytes(f, HTTP_WINDOW);
	fake_stream_end(f, "X-Trailer: dropped\n");
	up = fake_client_give();
	ok(!up->head_end && up->ended);
	int_is(up->body.n, HTTP_WINDOW);
	int_is(up->trailers.n, 0);
	answer(up);
	ok(!up->was_reset);
	stop(f, up);
}

/* A body that is empty after all. */
static void test_empty_body(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request_body("POST", PODS, TOM);
	up = fake_client_give();
	ok(!up->head_end && !up->ended);
	fake_stream_end(f, NULL);
	ok(up->ended && !up->body.n);
	answer(up);
	stop(f, up);
}

/* The upstream answers without waiting for the end: its connection is spent, the rest is read. */
static void test_early_answer(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request_body("POST", PODS, TOM);
	up = fake_client_give();
	fake_stream_body(f, "part");
	fake_stream_head(up, 413, NULL, false);
	fake_stream_body(up, "too big");
	fake_stream_end(up, NULL);
	ok(up->was_reset && up->released);
	int_is(f->head.status, 413);
	ok(f->ended);
	fake_stream_body(f, "more");
	int_is(f->consumed, 4);
	fake_stream_end(f, NULL);
	stop(f, up);
}

/* An answer of the proxy's own: what was not read goes nowhere, and the client gets its credit. */
static void test_body_of_what_is_refused(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = fake_request_body("POST", PODS, "Authorization: Bearer wrong\n");
	int_is(f->head.status, 401);
	fake_stream_body(f, "body");
	int_is(f->consumed, 4);
	fake_stream_end(f, NULL);
	stop(f, NULL);
}

/* ---- the response ---- */

static void test_response(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	fake_authn.warning = "299 - \"x\"";
	f = fake_request("GET", PODS, TOM "Audit-Id: mine\n");
	up = fake_client_give();
	fake_stream_head(up, 404, "Content-Type: a/b\nAudit-Id: theirs\nAudit-Id: again\n"
			 "Connection: close, X-Hop\nX-Hop: 1\nKeep-Alive: 3\nX-Kept: 2\n"
			 "Warning: 199 - \"up\"\n", false);
	int_is(f->head.status, 404);
	ok(!f->head_end);
	int_is(http_field_count(&f->head.headers, HTTP_AUDIT_ID), 1);
	str_is(fake_field(f, "Audit-Id"), STR("mine"));
	str_is(fake_field(f, "Date"), STR("Tue, 14 Nov 2023 22:13:20 GMT"));
	str_is(fake_field(f, "X-Kept"), STR("2"));
	int_is(http_field_count(&f->head.headers, HTTP_WARNING), 2);
	ok(!fake_has_field(f, "X-Hop") && !fake_has_field(f, "Connection") &&
	   !fake_has_field(f, "Keep-Alive"));
	fake_stream_body(up, "none");
	fake_stream_end(up, "X-Sum: 7\n");
	str_is(strbuf_str(&f->body), STR("none"));
	int_is(f->trailers.n, 1);
	ok(up->released && !up->was_reset);
	stop(f, up);
}

static void test_date_is_kept(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS, TOM);
	up = fake_client_give();
	fake_stream_head(up, 200, "Date: theirs\n", true);
	int_is(http_field_count(&f->head.headers, HTTP_DATE), 1);
	str_is(fake_field(f, "Date"), STR("theirs"));
	ok(f->head_end && up->released && !up->was_reset);
	stop(f, up);
}

/* The upstream gets credit for what has left for the client, and for no more. */
static void test_credit_of_the_response(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS "?watch=1", TOM);
	up = fake_client_give();
	fake_stream_head(up, 200, NULL, false);
	fake_stream_bytes(up, 1000);
	int_is(up->consumed, 0);
	fake_stream_sent(f, 300);
	int_is(up->consumed, 300);
	fake_stream_sent(f, 700);
	int_is(up->consumed, 1000);
	fake_stream_bytes(up, 10);
	fake_stream_end(up, NULL);
	/* After the end there is nobody to give it to. */
	fake_stream_sent(f, 10);
	stop(f, up);
}

static void test_informational(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS, TOM);
	up = fake_client_give();
	fake_stream_head(up, 103, "Link: a\nConnection: x\nKeep-Alive: 2\n", false);
	fake_stream_head(up, 100, NULL, false);
	int_is(f->informational, 2);
	int_is(f->heads, 0);
	/* A switch that nobody asked for is none. */
	fake_stream_head(up, 101, "Upgrade: x\n", false);
	int_is(f->informational, 2);
	answer(up);
	int_is(f->head.status, 200);
	stop(f, up);
}

/* ---- tunnels ---- */

#define EXEC PODS "/p/exec"
#define UPGRADE "Connection: Upgrade\nUpgrade: websocket\n"

/* Asks for a tunnel with a POST, whose end has come. */
static struct fake_stream *ask_for_tunnel(const char *target)
{
	fake_proxy_start();
	return fake_request("POST", target, TOM UPGRADE);
}

static void test_tunnel(void)
{
	struct fake_stream *f = ask_for_tunnel(EXEC), *up;

	ok(fake_client.fresh);
	up = fake_client_give();
	str_is(up->head.upgrade, STR("websocket"));
	ok(!fake_has_field(up, "Upgrade") && !fake_has_field(up, "Connection"));
	fake_stream_head(up, 101, "Upgrade: websocket\nConnection: Upgrade\nX-A: b\n", false);
	int_is(f->head.status, 101);
	str_is(f->head.upgrade, STR("websocket"));
	str_is(fake_field(f, "X-A"), STR("b"));
	ok(!fake_has_field(f, "Upgrade") && !fake_has_field(f, "Audit-Id"));
	/* Each side is paced by what the other one has taken. */
	fake_stream_body(f, "to the pod");
	str_is(strbuf_str(&up->body), STR("to the pod"));
	int_is(f->consumed, 0);
	fake_stream_sent(up, 10);
	int_is(f->consumed, 10);
	fake_stream_body(up, "from it");
	str_is(strbuf_str(&f->body), STR("from it"));
	int_is(up->consumed, 0);
	fake_stream_sent(f, 7);
	int_is(up->consumed, 7);
	fake_stream_end(up, NULL);
	ok(f->ended && up->released);
	/* What comes still goes nowhere. */
	fake_stream_body(f, "late");
	int_is(f->consumed, 14);
	stop(f, up);
}

static void test_tunnel_ends_with_the_client(void)
{
	struct fake_stream *f = ask_for_tunnel(EXEC), *up = fake_client_give();

	fake_stream_head(up, 101, "Upgrade: websocket\n", false);
	fake_stream_body(f, "last");
	fake_stream_end(f, NULL);
	ok(up->ended && !f->ended && !up->was_reset);
	fake_stream_end(up, NULL);
	ok(f->ended);
	stop(f, up);
}

static void test_tunnel_breaks(void)
{
	struct fake_stream *f = ask_for_tunnel(EXEC), *up = fake_client_give();

	fake_stream_head(up, 101, "Upgrade: websocket\n", false);
	fake_stream_closed(up, ERR_TLS);
	ok(f->was_reset && f->released && up->released);
	fake_stream_free(f);
	fake_stream_free(up);
	fake_proxy_stop();
	f = ask_for_tunnel(EXEC);
	up = fake_client_give();
	fake_stream_head(up, 101, "Upgrade: websocket\n", false);
	fake_stream_closed(f, ERR_RESET);
	ok(up->was_reset && up->released && f->released);
	fake_stream_free(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/* Also one that is none of what runs long (an aggregated API's console, for one). */
static void test_tunnel_has_no_deadline(void)
{
	struct fake_stream *f = ask_for_tunnel("/apis/x.example/v1/namespaces/n/vms/v/console"),
			   *up = fake_client_give();

	ok(((struct exchange *)f->stream.user)->deadline.armed);
	fake_stream_head(up, 101, "Upgrade: websocket\n", false);
	fake_proxy_pass(24 * 3600 * 1000);
	ok(!f->was_reset && !f->ended);
	fake_stream_end(up, NULL);
	stop(f, up);
}

/* No tunnel: an ordinary answer; what came with an error is nobody's request. */
static void test_tunnel_refused(void)
{
	static const int statuses[] = { 200, 302, 400, 403, 500 };

	for (size_t i = 0; i < array_size(statuses); i++) {
		struct fake_stream *f = ask_for_tunnel(EXEC), *up = fake_client_give();

		fake_stream_head(up, statuses[i], "X-A: b\n", false);
		fake_stream_body(up, "why");
		fake_stream_end(up, NULL);
		int_is(f->head.status, statuses[i]);
		str_is(strbuf_str(&f->body), STR("why"));
		ok(f->closes_after == (statuses[i] >= 400));
		stop(f, up);
	}
}

/* Nothing but the two protocols, and only with Connection: upgrade. */
static void test_no_tunnel_is_asked_for(void)
{
	static const char *const fields[] = {
		"Connection: Upgrade\nUpgrade: h2c\n", "Connection: Upgrade\nUpgrade: SPDY/3\n",
		"Connection: Upgrade\nUpgrade: h2c\nUpgrade: websocket\n",
		"Connection: Upgrade\nUpgrade: websocket, h2c\n", "Connection: Upgrade\n",
		"Connection: keep-alive\nUpgrade: websocket\n", "Upgrade: SPDY/3.1\n",
	};

	for (size_t i = 0; i < array_size(fields); i++) {
		struct str asked = str_from(fields[i]);
		char all[256];
		struct fake_stream *f, *up;

		snprintf(all, sizeof(all), TOM "%.*s", STR_ARG(asked));
		fake_proxy_start();
		f = fake_request("GET", EXEC, all);
		ok(!fake_client.fresh);
		up = fake_client_give();
		ok(!up->head.upgrade.n && !fake_has_field(up, "Upgrade"));
		answer(up);
		stop(f, up);
	}
}

/* A connection of its own that ends without an answer: whether it was heard is not known. */
static void test_tunnel_is_asked_for_once(void)
{
	struct fake_stream *f = ask_for_tunnel(EXEC), *up = fake_client_give();

	up->stream.unprocessed = up->stream.reused = false;
	fake_stream_closed(up, ERR_CLOSED);
	int_is(fake_client.opened, 1);
	int_is(f->head.status, 502);
	ok(!fake_has_field(f, "Retry-After"));
	stop(f, up);
}

static void test_informational_to_http10(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS, TOM);
	((struct exchange *)f->stream.user)->request->is_http10 = true;
	up = fake_client_give();
	fake_stream_head(up, 103, "Link: a\n", false);
	int_is(f->informational, 0);
	answer(up);
	stop(f, up);
}

/* The upstream may serve on what a HEAD asks for, when that streams: it is not waited for. */
static void test_head_of_what_streams(void)
{
	struct fake_stream *f, *up;

	for (int streams = 0; streams < 2; streams++) {
		fake_proxy_start();
		f = fake_request("HEAD", streams ? PODS "?watch=1" : PODS, TOM);
		up = fake_client_give();
		answer(up);
		int_is(up->closes_after, streams);
		ok(f->head_end && up->released);
		stop(f, up);
	}
}

/* ---- failures ---- */

static void test_no_upstream(void)
{
	struct fake_stream *f;

	for (int at_once = 0; at_once < 2; at_once++) {
		fake_proxy_start();
		fake_client.answer = at_once ? FAKE_FAIL_AT_ONCE : FAKE_LATER;
		f = fake_request("GET", PODS, TOM);
		if (!at_once)
			fake_client_fail(ERR_UNAVAILABLE, "no server");
		int_is(f->head.status, 503);
		str_is(fake_field(f, "Retry-After"), STR("1"));
		ok(fake_body_has(f, "the API server cannot be reached: no server"));
		stop(f, NULL);
	}
}

static void test_upstream_at_once(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	fake_client.answer = FAKE_AT_ONCE;
	f = fake_request("GET", PODS, TOM);
	up = fake_client.stream;
	ok(up && up->head_end);
	answer(up);
	stop(f, up);
}

/*
 * Closed without an answer.  Only a body-less GET or HEAD goes once more, and only if the server
 * had served on that connection before and has not begun with this; Retry-After is for what was
 * surely not processed.
 */
static void test_retry(void)
{
	static const struct {
		const char *method;
		bool has_body, reused, unprocessed;
		int status;		/* 0: tried again */
	} rows[] = {
		{ "GET", false, true, true, 0 },
		{ "HEAD", false, true, true, 0 },
		{ "GET", false, true, false, 502 },
		{ "GET", false, false, true, 503 },
		{ "GET", false, false, false, 502 },
		{ "GET", true, true, true, 502 },
		{ "POST", true, true, true, 502 },
		{ "DELETE", false, true, true, 502 },
		{ "POST", false, true, true, 502 },
		{ "OPTIONS", false, true, true, 502 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct fake_stream *f, *up, *again = NULL;

		fake_proxy_start();
		tap_row(rows[i].method);
		f = rows[i].has_body ? fake_request_body(rows[i].method, PODS, TOM) :
			fake_request(rows[i].method, PODS, TOM);
		if (rows[i].has_body)
			fake_stream_end(f, NULL);
		up = fake_client_give();
		up->stream.reused = rows[i].reused;
		up->stream.unprocessed = rows[i].unprocessed;
		fake_stream_closed(up, ERR_RESET);
		ok(up->released);
		int_is(f->head.status, rows[i].status);
		int_is(fake_client.opened, rows[i].status ? 1 : 2);
		int_is(fake_has_field(f, "Retry-After"), rows[i].status == 503);
		if (!rows[i].status) {
			ok(fake_client.fresh);
			again = fake_client_give();
			str_is(again->head.method, str_from(rows[i].method));
			str_is(fake_field(again, "X-Remote-User"), STR("tom"));
			int_is(http_field_count(&again->head.headers, HTTP_X_REMOTE_USER), 1);
			int_is(http_field_count(&again->head.headers, HTTP_X_FORWARDED_FOR), 1);
			answer(again);
		}
		fake_stream_free(up);
		stop(f, again);
	}
	tap_row(NULL);
}

static void test_one_retry(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS, TOM);
	for (int i = 0; i < 2; i++) {
		up = fake_client_give();
		up->stream.reused = up->stream.unprocessed = true;
		fake_stream_closed(up, ERR_RESET);
		fake_stream_free(up);
	}
	int_is(fake_client.opened, 2);
	int_is(f->head.status, 502);
	stop(f, NULL);
}

/* An answer that breaks off looks broken: the client must not take it for whole. */
static void test_broken_answer(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS, TOM);
	up = fake_client_give();
	up->stream.reused = true;
	fake_stream_head(up, 200, NULL, false);
	fake_stream_body(up, "half");
	fake_stream_closed(up, ERR_RESET);
	ok(f->was_reset && f->released && !f->ended);
	ok(up->released);
	int_is(fake_client.opened, 1);
	fake_stream_free(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

static void test_client_gone_in_its_body(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request_body("POST", PODS, TOM);
	up = fake_client_give();
	fake_stream_body(f, "half");
	fake_stream_closed(f, ERR_RESET);
	/* The upstream must not take half a body for a whole one. */
	ok(up->was_reset && up->released && !up->ended);
	fake_stream_free(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

static void test_metric(void)
{
	int64_t before = metric_value(METRIC_REQUESTS_FORWARDED);
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", PODS, TOM);
	int_is(metric_value(METRIC_REQUESTS_FORWARDED), before);
	up = fake_client_give();
	int_is(metric_value(METRIC_REQUESTS_FORWARDED), before + 1);
	answer(up);
	stop(f, up);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_head),
		TAP(test_forged_identity),
		TAP(test_hop_by_hop),
		TAP(test_forwarded_for),
		TAP(test_class),
		TAP(test_identity_that_cannot_be_told),
		TAP(test_body_before_the_upstream),
		TAP(test_whole_body_before_the_upstream),
		TAP(test_empty_body),
		TAP(test_early_answer),
		TAP(test_body_of_what_is_refused),
		TAP(test_response),
		TAP(test_date_is_kept),
		TAP(test_credit_of_the_response),
		TAP(test_informational),
		TAP(test_informational_to_http10),
		TAP(test_tunnel),
		TAP(test_tunnel_ends_with_the_client),
		TAP(test_tunnel_breaks),
		TAP(test_tunnel_has_no_deadline),
		TAP(test_tunnel_refused),
		TAP(test_no_tunnel_is_asked_for),
		TAP(test_tunnel_is_asked_for_once),
		TAP(test_head_of_what_streams),
		TAP(test_no_upstream),
		TAP(test_upstream_at_once),
		TAP(test_retry),
		TAP(test_one_retry),
		TAP(test_broken_answer),
		TAP(test_client_gone_in_its_body),
		TAP(test_metric),
		TAP_END
	};

	return tap_main(tests);
}
