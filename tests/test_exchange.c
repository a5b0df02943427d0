/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "tests/proxy_fakes.h"

#define TOM "Authorization: Bearer secret\n"
#define MASTERS "Authorization: Bearer masters\n"
#define WRONG "Authorization: Bearer wrong\n"
#define IMPERSONATE "Impersonate-User: root\n"
#define NO_RULES ((const char *const []){ NULL })

static struct exchange *exchange_of(const struct fake_stream *f)
{
	return f->stream.user;
}

/* The upstream answers with that status and body, to the end. */
static void answer(struct fake_stream *up, int status, const char *body)
{
	fake_stream_head(up, status, NULL, false);
	fake_stream_body(up, body);
	fake_stream_end(up, NULL);
	ok(up->released && !up->was_reset);
}

static void test_from_end_to_end(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods?limit=1", TOM);
	int_is(atomic_load(&fake.server.exchanges), 1);
	int_is(f->heads, 0);
	int_is(fake_client.opened, 1);
	up = fake_client_give();
	str_is(up->head.method, STR("GET"));
	str_is(up->head.target, STR("/api/v1/pods?limit=1"));
	str_is(fake_field(up, "X-Remote-User"), STR("tom"));
	ok(up->head_end);
	answer(up, 200, "pods");
	int_is(f->head.status, 200);
	str_is(strbuf_str(&f->body), STR("pods"));
	int_is(fake_authenticated, 1);
	fake_request_done(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/*
 * Each row fails at one step and would fail at a later one as well: the answer tells which came
 * first.
 */
static void test_order_of_steps(void)
{
	static const struct {
		const char *target, *fields;
		bool draining, denied;
		int status;
	} rows[] = {
		/* what the target is, before everything */
		{ "api", WRONG, true, true, 400 },
		{ "/api/v1/watch", WRONG, true, true, 500 },
		/* the end of the process, before the timeout and who it is */
		{ "/api/v1/pods?timeout=x", WRONG, true, true, 503 },
		{ "/api/v1/pods?timeout=x", WRONG, false, true, 400 },
		/* who it is, before as whom */
		{ "/api/v1/pods", WRONG IMPERSONATE, false, true, 401 },
		/* as whom, before whether that may be */
		{ "/api/v1/pods", TOM "Impersonate-Group: g\n", false, true, 400 },
		{ "/api/v1/pods", TOM IMPERSONATE, false, true, 403 },
		/* whether it may be, before what we answer */
		{ "/readyz", TOM, false, true, 403 },
		{ "/livez", WRONG, false, false, 401 },
		{ "/livez", TOM, false, false, 200 },
		/* health is answered to the end */
		{ "/livez", TOM, true, false, 200 },
		{ "/livez", WRONG, true, false, 401 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct fake_stream *f;

		fake_proxy_start();
		fake.server.draining = rows[i].draining;
		fake_authz.rules = rows[i].denied ? NO_RULES : NULL;
		tap_row(rows[i].target);
		f = fake_request("GET", rows[i].target, rows[i].fields);
		int_is(f->head.status, rows[i].status);
		int_is(fake_client.opened, 0);
		fake_request_done(f);
		fake_proxy_stop();
	}
	tap_row(NULL);
}

static void test_audit_id(void)
{
	struct fake_stream *f, *g;

	fake_proxy_start();
	f = fake_request("GET", "/livez", TOM "Audit-Id: mine, and odd\n");
	str_is(fake_field(f, "Audit-Id"), STR("mine, and odd"));
	fake_request_done(f);
	f = fake_request("GET", "/livez", TOM);
	g = fake_request("GET", "/livez", TOM "Audit-Id:\n");
	int_is(fake_field(f, "Audit-Id").n, UUID_TEXT_LEN);
	int_is(fake_field(g, "Audit-Id").n, UUID_TEXT_LEN);
	ok(!str_eq(fake_field(f, "Audit-Id"), fake_field(g, "Audit-Id")));
	fake_request_done(f);
	fake_request_done(g);
	fake_proxy_stop();
}

/* What may be out of step with the client, or is the last request, ends the connection. */
static void test_targets_that_are_none(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = fake_request("GET", "api", TOM);
	str_is(strbuf_str(&f->body), STR("400 Bad Request"));
	ok(f->closes_after);
	fake_request_done(f);
	f = fake_request("GET", "/api/v1/watch", TOM);
	ok(!f->closes_after);
	ok(fake_body_has(f, "Internal Server Error: \"/api/v1/watch\": failed to create "
			 "RequestInfo"));
	fake_request_done(f);
	fake_proxy_stop();
}

static void test_draining(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	atomic_store(&fake.server.draining, true);
	f = fake_request("GET", "/api/v1/pods", TOM);
	int_is(f->head.status, 503);
	ok(f->closes_after);
	str_is(fake_field(f, "Retry-After"), STR("1"));
	ok(fake_body_has(f, "apiserver is shutting down"));
	fake_request_done(f);
	fake_proxy_stop();
}

static void test_who_it_is(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods", WRONG);
	int_is(f->head.status, 401);
	int_is(fake_authenticated, 0);
	fake_request_done(f);
	/* Who is nobody passes, but does not make a connection one of a known client. */
	f = fake_request("GET", "/livez", NULL);
	int_is(f->head.status, 200);
	int_is(fake_authenticated, 0);
	fake_request_done(f);
	f = fake_request("GET", "/livez", TOM);
	int_is(fake_authenticated, 1);
	fake_request_done(f);
	fake_proxy_stop();
}

#define AS_JANE "Impersonate-User: jane\nimpersonate-group: g 1\nIMPERSONATE-GROUP: g2\n" \
	"Impersonate-Uid: u9\nimpersonate-extra-a.b%2Fc: v\n"

/* The upstream gets the other user, whole, and no word of how that came. */
static void test_impersonation(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods", TOM AS_JANE "Impersonate-Foo: x\n"
			 "Connection: Impersonate-User, Impersonate-Group\n");
	up = fake_client_give();
	str_is(fake_field(up, "X-Remote-User"), STR("jane"));
	str_is(fake_field(up, "X-Remote-Uid"), STR("u9"));
	str_is(fake_field(up, "X-Remote-Group"), STR("g 1"));
	int_is(http_field_count(&up->head.headers, HTTP_X_REMOTE_GROUP), 3);
	str_is(fake_field(up, "X-Remote-Extra-a.b%2Fc"), STR("v"));
	int_is(http_field_count(&up->head.headers, HTTP_X_REMOTE_EXTRA), 1);
	ok(!http_field_has(&up->head.headers, HTTP_IMPERSONATE));
	answer(up, 200, "pods");
	int_is(f->head.status, 200);
	fake_request_done(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/* Who names nobody gets 400 for what else is there, and is nobody else for what is not. */
static void test_impersonation_without_a_name(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods", MASTERS "impersonate-group: g<1>\n");
	int_is(f->head.status, 400);
	str_is(fake_field(f, "X-Content-Type-Options"), STR("nosniff"));
	ok(fake_body_has(f, "\"message\":\"requested \\u0026user.DefaultInfo{Name:\\\"\\\", "
			 "UID:\\\"\\\", Groups:[]string{\\\"g\\u003c1\\u003e\\\"}, "
			 "Extra:map[string][]string(nil)} without impersonating a user name\","
			 "\"reason\":\"BadRequest\",\"code\":400}\n"));
	fake_request_done(f);
	int_is(fake_client.opened, 0);
	f = fake_request("GET", "/api/v1/pods", TOM "Impersonate-User:\nImpersonate-Uid:\n"
			 "Impersonate-Foo: x\n");
	up = fake_client_give();
	str_is(fake_field(up, "X-Remote-User"), STR("tom"));
	ok(!http_field_has(&up->head.headers, HTTP_IMPERSONATE));
	answer(up, 200, "pods");
	fake_request_done(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/* The old right and the other user's own are both needed; the requester's own is not. */
static void test_impersonation_is_authorized(void)
{
	static const char *const as[] = { "impersonate /users", NULL };
	static const char *const both[] = { "impersonate /users", "list /pods", NULL };
	int64_t before = metric_value(METRIC_REQUESTS_DENIED);
	struct fake_stream *f, *up;

	fake_proxy_start();
	fake_authz.rules = NO_RULES;
	fake_authz.error = "broken";
	fake_authz.reason = "no";
	f = fake_request("GET", "/api/v1/pods", TOM IMPERSONATE);
	int_is(f->head.status, 403);
	str_is(fake_field(f, "X-Content-Type-Options"), STR("nosniff"));
	ok(fake_body_has(f, "pods is forbidden: User \\\"tom\\\" cannot "
			 "impersonate-on:user-info:list resource \\\"pods\\\" in API group "
			 "\\\"\\\" at the cluster scope: broken: no\",\"reason\":\"Forbidden\","
			 "\"details\":{\"kind\":\"pods\"}"));
	fake_request_done(f);
	int_is(metric_value(METRIC_REQUESTS_DENIED) - before, 1);
	fake_authz.error = NULL;
	fake_authz.rules = as;
	f = fake_request("GET", "/api/v1/pods", TOM IMPERSONATE);
	ok(fake_body_has(f, "User \\\"root\\\" cannot list resource"));
	fake_request_done(f);
	int_is(fake_client.opened, 0);
	fake_authz.rules = both;
	strbuf_clear(&fake_authz.asked);
	f = fake_request("GET", "/api/v1/pods", TOM IMPERSONATE);
	str_is(strbuf_str(&fake_authz.asked),
	       STR("impersonate-on:user-info:list /pods; impersonate /users; list /pods; "));
	up = fake_client_give();
	answer(up, 200, "pods");
	fake_request_done(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/* One policy for all questions, held while an authorizer waits. */
static void test_impersonation_that_waits(void)
{
	static const enum authorization_mode deny = MODE_ALWAYS_DENY;
	struct fake_stream *f;

	fake_proxy_start();
	fake_authz.pending = 1;
	f = fake_request("GET", "/livez", TOM IMPERSONATE);
	int_is(f->heads, 0);
	ok(exchange_of(f)->held);
	fake_proxy_modes(&deny, 1);
	loop_turn(fake.worker->loop, 0);
	fake_authz.waiting->resume(fake_authz.waiting->resume_arg);
	/* It became root under the old policy; what root may is the new one's business. */
	ok(!exchange_of(f)->held);
	int_is(f->head.status, 403);
	ok(fake_body_has(f, "User \\\"root\\\" cannot get path"));
	fake_request_done(f);
	fake_proxy_stop();
}

/* What a header cannot carry is refused as for everybody. */
static void test_impersonation_of_what_cannot_be_told(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods", TOM IMPERSONATE "Impersonate-Extra-%41: v\n");
	int_is(f->head.status, 403);
	ok(fake_body_has(f, "cannot be told to the API server: an extra key has upper-case"));
	fake_request_done(f);
	f = fake_request("GET", "/api/v1/pods", TOM IMPERSONATE "Impersonate-Group: a\tb\n");
	int_is(f->head.status, 403);
	fake_request_done(f);
	fake_proxy_stop();
}

static void test_denied(void)
{
	static const enum authorization_mode deny = MODE_ALWAYS_DENY;
	int64_t before = metric_value(METRIC_REQUESTS_DENIED);
	struct fake_stream *f;

	fake_proxy_start();
	fake_proxy_modes(&deny, 1);
	f = fake_request("GET", "/api/v1/pods", TOM);
	int_is(f->head.status, 403);
	ok(fake_body_has(f, "pods is forbidden: User \\\"tom\\\" cannot list resource"));
	fake_request_done(f);
	int_is(metric_value(METRIC_REQUESTS_DENIED) - before, 1);
	f = fake_request("GET", "/api/v1/pods", NULL);
	ok(fake_body_has(f, "User \\\"system:anonymous\\\""));
	fake_request_done(f);
	/* The privileged group comes before every authorizer. */
	f = fake_request("GET", "/livez", MASTERS);
	int_is(f->head.status, 200);
	fake_request_done(f);
	fake_proxy_stop();
}

/* An authorizer that failed has not allowed anything. */
static void test_authorizer_error(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	fake_authz.rules = NO_RULES;
	fake_authz.error = "role <x> is gone";
	f = fake_request("GET", "/api/v1/pods?a=b", TOM);
	int_is(f->head.status, 500);
	ok(fake_body_has(f, "Internal Server Error: \"/api/v1/pods?a=b\": "
			 "role &lt;x&gt; is gone"));
	int_is(fake_client.opened, 0);
	fake_request_done(f);
	fake_proxy_stop();
}

/* The attributes that are decided on are of the decoded target and the user found out. */
static void test_what_is_asked(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	fake_authz.rules = NO_RULES;
	f = fake_request("GET", "/api/v1/namespaces/n/%70ods/p/log", TOM);
	str_is(strbuf_str(&fake_authz.asked), STR("get /pods/log n; "));
	fake_request_done(f);
	fake_proxy_stop();
}

static void test_local_answers(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", "/readyz", TOM);
	int_is(f->head.status, 500);
	ok(fake_body_has(f, "upstream-identity"));
	fake_request_done(f);
	for (int i = 0; i < HEALTH_COUNT; i++)
		health_set(&fake.server.health, (enum health_check)i, true);
	f = fake_request("GET", "/readyz?verbose", TOM);
	int_is(f->head.status, 200);
	ok(fake_body_has(f, "[+]upstream-identity ok"));
	fake_request_done(f);
	int_is(fake_client.opened, 0);
	/* Not ours. */
	f = fake_request("GET", "/metrics", TOM);
	int_is(fake_client.opened, 1);
	up = fake_client_give();
	answer(up, 200, "m");
	fake_request_done(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/* ---- the deadline ---- */

static void test_deadline(void)
{
	static const struct {
		const char *target;
		int ms;		/* when it ends */
	} rows[] = {
		{ "/api/v1/pods", 60000 },
		{ "/api/v1/pods?timeout=1500ms", 1500 },
		{ "/api/v1/pods?timeout=2m", 60000 },
		{ "/api/v1/pods?timeout=", 60000 },
		{ "/api/v1/pods?timeout=0s", 60000 },
		{ "/api/v1/pods?timeout=-3s", 60000 },
		{ "/api/v1/pods?timeout=1us", 1 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct fake_stream *f;

		fake_proxy_start();
		tap_row(rows[i].target);
		f = fake_request("GET", rows[i].target, TOM);
		fake_proxy_pass(rows[i].ms - 1);
		int_is(f->heads, 0);
		fake_proxy_pass(1);
		int_is(f->head.status, 504);
		int_is(fake_client.cancelled, 1);
		fake_request_done(f);
		fake_proxy_stop();
	}
	tap_row(NULL);
}

static void test_no_deadline_of_what_is_long_running(void)
{
	static const char *const targets[] = {
		"/api/v1/pods?watch=true&timeout=1s", "/api/v1/namespaces/n/pods/p/log?follow=true",
		"/api/v1/namespaces/n/pods/p/exec",
	};

	for (size_t i = 0; i < array_size(targets); i++) {
		struct fake_stream *f, *up;

		fake_proxy_start();
		tap_row(targets[i]);
		f = fake_request("GET", targets[i], TOM);
		up = fake_client_give();
		fake_proxy_pass(24 * 3600 * 1000);
		int_is(f->heads, 0);
		answer(up, 200, "");
		fake_request_done(f);
		fake_stream_free(up);
		fake_proxy_stop();
	}
	tap_row(NULL);
}

static void test_timeout_that_is_none(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods?timeout=soon", TOM);
	int_is(f->head.status, 400);
	ok(fake_body_has(f, "invalid timeout specified in the request URL"));
	fake_request_done(f);
	fake_proxy_stop();
}

static void test_deadline_before_the_answer(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods", TOM);
	up = fake_client_give();
	fake_proxy_pass(60000);
	int_is(f->head.status, 504);
	str_is(strbuf_str(&f->body), status_timeout_body());
	ok(up->was_reset && up->released);
	int_is(up->reset_err, ERR_TIMEOUT);
	fake_request_done(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/* Too late for an answer: the client sees that it is not whole. */
static void test_deadline_in_the_answer(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods", TOM);
	up = fake_client_give();
	fake_stream_head(up, 200, NULL, false);
	fake_stream_body(up, "half");
	fake_proxy_pass(60000);
	ok(f->was_reset && f->released && !f->ended);
	ok(up->was_reset && up->released);
	fake_stream_free(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

static void test_no_deadline_after_the_answer(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods", TOM);
	up = fake_client_give();
	answer(up, 200, "whole");
	fake_proxy_pass(120000);
	ok(!f->was_reset);
	fake_request_done(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/* ---- waiting ---- */

static void test_authentication_that_waits(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	fake_authn.pending = 2;
	f = fake_request("GET", "/api/v1/pods", TOM);
	int_is(fake_authn.asked, 1);
	fake_authn.waiting->resume(fake_authn.waiting->resume_arg);
	int_is(fake_authn.asked, 2);
	int_is(fake_client.opened, 0);
	ok(!fake_authenticated);
	fake_authn.waiting->resume(fake_authn.waiting->resume_arg);
	int_is(fake_authn.asked, 3);
	int_is(fake_client.opened, 1);
	up = fake_client_give();
	str_is(fake_field(up, "X-Remote-User"), STR("tom"));
	answer(up, 200, "");
	fake_request_done(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/* What is waited with stays as it was: it is judged by the configuration it began with. */
static void test_snapshots_are_held_while_waiting(void)
{
	static const enum authorization_mode allow = MODE_ALWAYS_ALLOW;
	struct snapshot *first;
	struct fake_stream *f;

	fake_proxy_start();
	fake_authn.pending = 1;
	fake_authz.pending = 1;
	f = fake_request("GET", "/livez", TOM);
	first = (struct snapshot *)(void *)(uintptr_t)fake_authn.waiting->config;
	int_is(atomic_load(&first->refs), 3);	/* the slot's, the worker's and the exchange's */
	exchange_resume(exchange_of(f));
	/* Now it is authorization that waits. */
	int_is(atomic_load(&first->refs), 2);
	int_is(f->heads, 0);
	first = (struct snapshot *)(void *)(uintptr_t)fake_authz.waiting->policy;
	fake_proxy_modes(&allow, 1);
	worker_policy(fake.worker);
	int_is(atomic_load(&first->refs), 1);
	fake_authz.waiting->resume(fake_authz.waiting->resume_arg);
	int_is(f->head.status, 200);
	fake_request_done(f);
	fake_proxy_stop();
}

static int cancelled;

static void on_cancel(void *pending)
{
	ok(pending == &cancelled);
	cancelled++;
}

static void test_client_gone_while_authentication_waits(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	fake_authn.pending = 1;
	f = fake_request("GET", "/api/v1/pods", TOM);
	cancelled = 0;
	fake_authn.waiting->pending = &cancelled;
	fake_authn.waiting->pending_cancel = on_cancel;
	fake_stream_closed(f, ERR_CLOSED);
	int_is(cancelled, 1);
	ok(f->released && !f->heads);
	fake_stream_free(f);
	fake_proxy_pass(120000);
	int_is(fake_client.opened, 0);
	fake_proxy_stop();
}

/* The deadline answers; what is found out afterwards changes nothing. */
static void test_deadline_while_waiting(void)
{
	struct fake_stream *f;

	for (int authz = 0; authz < 2; authz++) {
		fake_proxy_start();
		*(authz ? &fake_authz.pending : &fake_authn.pending) = 1;
		f = fake_request("GET", "/api/v1/pods", TOM);
		int_is(f->heads, 0);
		fake_proxy_pass(60000);
		int_is(f->head.status, 504);
		exchange_resume(exchange_of(f));
		int_is(f->heads, 1);
		int_is(fake_client.opened, 0);
		fake_request_done(f);
		fake_proxy_stop();
	}
}

static void test_client_gone_while_connecting(void)
{
	struct fake_stream *f;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods", TOM);
	fake_stream_closed(f, ERR_CLOSED);
	int_is(fake_client.cancelled, 1);
	fake_stream_free(f);
	fake_proxy_stop();
}

static void test_client_gone_while_the_upstream_works(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods?watch=1", TOM);
	up = fake_client_give();
	fake_stream_head(up, 200, NULL, false);
	fake_stream_closed(f, ERR_RESET);
	ok(up->was_reset && up->released);
	fake_stream_free(f);
	fake_stream_free(up);
	fake_proxy_stop();
}

/* ---- the end from outside ---- */

static void test_abort(void)
{
	struct fake_stream *f, *up;

	fake_proxy_start();
	f = fake_request("GET", "/api/v1/pods", TOM);
	exchange_abort(exchange_of(f), ERR_CANCELED);
	ok(f->was_reset && f->released);
	int_is(f->reset_err, ERR_CANCELED);
	int_is(fake_client.cancelled, 1);
	fake_stream_free(f);
	f = fake_request("GET", "/api/v1/pods", TOM);
	up = fake_client_give();
	exchange_abort(exchange_of(f), ERR_TIMEOUT);
	ok(f->was_reset && up->was_reset && up->released);
	fake_stream_free(f);
	fake_stream_free(up);
	fake_authn.pending = 1;
	f = fake_request("GET", "/api/v1/pods", TOM);
	exchange_abort(exchange_of(f), ERR_CANCELED);
	ok(f->was_reset);
	fake_stream_free(f);
	fake_proxy_stop();
}

/* ---- the log ---- */

static char *logged_request(const char *target, const char *fields)
{
	struct fake_stream *f;
	char *text = NULL;
	size_t n = 0;
	FILE *file = open_memstream(&text, &n);

	log_set_file(file);
	f = fake_request("GET", target, fields);
	fake_request_done(f);
	log_set_file(NULL);
	fclose(file);
	return text;
}

static void test_log(void)
{
	static const char *const want[] = {
		"\"HTTP\"", "verb=\"get\"", "URI=\"/livez?a=b\"", "user=\"tom\"",
		"decision=\"allow\"", "status=200", "srcIP=\"192.0.2.7\"", "auditID=\"a1\"",
	};
	char *text;

	fake_proxy_start();
	log_configure(2, false);
	text = logged_request("/livez?a=b", TOM "Audit-Id: a1\n");
	for (size_t i = 0; i < array_size(want); i++)
		if (!ok(strstr(text, want[i])))
			tap_note("%s is not in %s", want[i], text);
	ok(!strstr(text, "secret"));
	free(text);
	text = logged_request("/api/v1/pods", "Authorization: Bearer geheim\n");
	ok(strstr(text, "decision=\"unauthorized\"") && strstr(text, "status=401"));
	ok(!strstr(text, "geheim"));
	free(text);
	/* Both identities, and by which right; in the old mode there is no constraint. */
	text = logged_request("/livez", TOM "Impersonate-User: a b\n");
	ok(strstr(text, "user=\"tom\"") && strstr(text, "impersonatedUser=\"a b\"") &&
	   strstr(text, "impersonationConstraint=\"impersonate:user-info\""));
	free(text);
	text = logged_request("/livez", TOM IMPERSONATE "Impersonate-Group: system:masters\n");
	ok(strstr(text, "impersonatedUser=\"root\"") && !strstr(text, "impersonationConstraint"));
	free(text);
	fake_authz.rules = NO_RULES;
	text = logged_request("/livez", TOM IMPERSONATE);
	ok(strstr(text, "user=\"tom\"") && !strstr(text, "impersonatedUser"));
	fake_authz.rules = NULL;
	free(text);
	log_configure(1, false);
	text = logged_request("/livez", TOM);
	cstr_is(text, "");
	free(text);
	log_configure(0, false);
	fake_proxy_stop();
}

static void test_counts(void)
{
	int64_t requests = metric_value(METRIC_REQUESTS), open = metric_value(METRIC_EXCHANGES);
	struct fake_stream *f, *g;

	fake_proxy_start();
	f = fake_request("GET", "/livez", TOM);
	g = fake_request("GET", "/api/v1/pods", TOM);
	int_is(metric_value(METRIC_REQUESTS) - requests, 2);
	int_is(metric_value(METRIC_EXCHANGES) - open, 2);
	int_is(atomic_load(&fake.server.exchanges), 2);
	fake_request_done(f);
	int_is(atomic_load(&fake.server.exchanges), 1);
	fake_stream_closed(g, ERR_CLOSED);
	fake_stream_free(g);
	int_is(metric_value(METRIC_EXCHANGES), open);
	fake_proxy_stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_from_end_to_end),
		TAP(test_order_of_steps),
		TAP(test_audit_id),
		TAP(test_targets_that_are_none),
		TAP(test_draining),
		TAP(test_who_it_is),
		TAP(test_impersonation),
		TAP(test_impersonation_without_a_name),
		TAP(test_impersonation_is_authorized),
		TAP(test_impersonation_that_waits),
		TAP(test_impersonation_of_what_cannot_be_told),
		TAP(test_denied),
		TAP(test_authorizer_error),
		TAP(test_what_is_asked),
		TAP(test_local_answers),
		TAP(test_deadline),
		TAP(test_no_deadline_of_what_is_long_running),
		TAP(test_timeout_that_is_none),
		TAP(test_deadline_before_the_answer),
		TAP(test_deadline_in_the_answer),
		TAP(test_no_deadline_after_the_answer),
		TAP(test_authentication_that_waits),
		TAP(test_snapshots_are_held_while_waiting),
		TAP(test_client_gone_while_authentication_waits),
		TAP(test_deadline_while_waiting),
		TAP(test_client_gone_while_connecting),
		TAP(test_client_gone_while_the_upstream_works),
		TAP(test_abort),
		TAP(test_log),
		TAP(test_counts),
		TAP_END
	};

	return tap_main(tests);
}
