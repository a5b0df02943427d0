/* SPDX-License-Identifier: Apache-2.0 */
/* The admit step, with a plugin that does what a case wants. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "obs/metrics.h"
#include "proxy/admit.h"
#include "tests/proxy_fakes.h"

#define TOM "Authorization: Bearer secret\n"
#define JSON_TYPE "Content-Type: application/json\n"
#define PATCH_TYPE "Content-Type: application/merge-patch+json\n"
#define NODE "/api/v1/nodes/n1"

/* What the plugin asks for and then says. */
static struct {
	bool wants_body, wants_object, wants_dry_run, wants_decision;
	struct admission_key key;
	enum admission_result result;
	bool raw, replaces, again;
	const char *new_query;
	int runs;
	size_t types;			/* Content-Type fields */
	/* what it saw in its latest run */
	struct strbuf body;
	enum admission_lookup_state state;
	int code;
	struct strbuf error;
	bool allowed;
	struct str asked_for;		/* the user of its question */
} plugin;

static void see_lookup(const struct admission_lookup *l)
{
	plugin.state = l->state;
	plugin.code = l->code;
	strbuf_clear(&plugin.error);
	strbuf_add_str(&plugin.error, l->error);
}

static enum admission_result need_lookup(struct admission_request *r, bool dry_run)
{
	if (r->lookup_count) {
		see_lookup(&r->lookups[0]);
		return ADMISSION_ALLOW;
	}
	r->lookups = arena_zalloc(r->arena, sizeof(*r->lookups));
	r->lookups->key = plugin.key;
	r->lookups->dry_run = dry_run;
	r->lookup_count = r->lookup_cap = 1;
	r->need = dry_run ? ADMISSION_NEEDS_DRY_RUN : ADMISSION_NEEDS_OBJECT;
	return ADMISSION_NEED;
}

static enum admission_result need_decision(struct admission_request *r)
{
	if (r->question_count) {
		plugin.allowed = r->questions[0].answered && r->questions[0].allowed;
		plugin.asked_for = r->questions[0].attributes.user->name;
		return ADMISSION_ALLOW;
	}
	r->questions = arena_zalloc(r->arena, sizeof(*r->questions));
	r->questions->attributes = (struct attributes){
		.is_resource = true, .verb = STR("change"), .api_group = STR("g"),
		.resource = STR("things"),
	};
	r->question_count = r->question_cap = 1;
	r->need = ADMISSION_NEEDS_DECISION;
	return ADMISSION_NEED;
}

static enum admission_result too_large(struct admission_request *r)
{
	r->status = (struct status){ .code = 413, .message = STR("too large") };
	return ADMISSION_DENY;
}

static enum admission_result need_body(struct admission_request *r)
{
	if (r->body_too_large)
		return too_large(r);
	if (!r->body_there) {
		r->need = ADMISSION_NEEDS_BODY;
		return ADMISSION_NEED;
	}
	strbuf_clear(&plugin.body);
	strbuf_add_str(&plugin.body, r->body);
	return ADMISSION_ALLOW;
}

static enum admission_result gather(struct admission_request *r)
{
	enum admission_result rc = ADMISSION_ALLOW;

	if (plugin.wants_body)
		rc = need_body(r);
	if (rc == ADMISSION_ALLOW && plugin.wants_object)
		rc = need_lookup(r, false);
	if (rc == ADMISSION_ALLOW && plugin.wants_dry_run)
		rc = need_lookup(r, true);
	if (rc == ADMISSION_ALLOW && plugin.wants_decision)
		rc = need_decision(r);
	return rc;
}

static enum admission_result refuse(struct admission_request *r)
{
	r->status = (struct status){
		.code = 403, .reason = STR("Forbidden"), .has_details = true,
		.message = STR("nodes \"n1\" is forbidden: no"),
		.details = { .name = STR("n1"), .kind = STR("nodes") },
	};
	r->raw_answer = plugin.raw;
	r->raw_code = 422;
	r->raw_body = STR("{\"code\":422}");
	return ADMISSION_DENY;
}

static enum admission_result scripted(struct admission_request *r, enum admission_operation op)
{
	enum admission_result rc = gather(r);

	(void)op;
	plugin.runs++;
	plugin.types = http_headers_count(r->headers, STR("Content-Type"));
	if (rc != ADMISSION_ALLOW)
		return rc;
	if (plugin.result == ADMISSION_DENY)
		return refuse(r);
	if (plugin.replaces) {
		r->body_replaced = true;
		strbuf_clear(&r->new_body);
		strbuf_addf(&r->new_body, "{\"run\":%d}", plugin.runs);
		r->new_content_type = STR("application/x-other");
	}
	if (plugin.new_query) {
		r->query_replaced = true;
		r->new_query = str_from(plugin.new_query);
	}
	r->again_on_conflict = plugin.again;
	return ADMISSION_ALLOW;
}

static bool handles(const struct admission_request *r, enum admission_operation op)
{
	(void)r;
	return op != ADMISSION_NONE;
}

static const struct admission_plugin scripted_plugin = { "Scripted", handles, scripted };

static const struct user own = { .name = STR("system:kube-authproxy") };

static void begin(void)
{
	strbuf_fini(&plugin.body);
	strbuf_fini(&plugin.error);
	memset(&plugin, 0, sizeof(plugin));
	plugin.key = (struct admission_key){ .api_version = STR("v1"), .resource = STR("nodes"),
					     .name = STR("n1") };
	fake_proxy_start();
	fake.server.own = own;
	fake.server.admission = (struct admission_chain){ .v = { &scripted_plugin }, .n = 1 };
}

static void end(void)
{
	int_is(fake.worker->admit_bytes, 0);
	int_is(metric_value(METRIC_ADMISSION_BYTES), 0);
	for (size_t i = 0; i < WORKER_ADMIT_USERS; i++)
		int_is(fake.worker->admit_user_bytes[i], 0);
	strbuf_fini(&plugin.body);
	strbuf_fini(&plugin.error);
	fake_proxy_stop();
}

static struct exchange *exchange_of(const struct fake_stream *f)
{
	return f->stream.user;
}

/* A request whose body is to come: length -1 without one, or the client waits to be asked. */
static struct fake_stream *request_of(const char *method, const char *target, int64_t length,
				      bool expects)
{
	struct fake_stream *f = fake_stream_new(&fake.connection);
	struct http_message *m = arena_zalloc(&f->arena, sizeof(*m));

	m->method = arena_str(&f->arena, str_from(method));
	m->target = arena_str(&f->arena, str_from(target));
	m->content_length = length;
	m->has_body = true;
	m->expect_continue = expects;
	http_headers_init(&m->headers, &f->arena);
	fake_add_fields(&m->headers, &f->arena, TOM);
	fake_add_fields(&m->headers, &f->arena, !strcmp(method, "PATCH") ? PATCH_TYPE : JSON_TYPE);
	if (expects)
		fake_add_fields(&m->headers, &f->arena, "Expect: 100-continue\n");
	exchange_accept(fake.worker, &f->stream, m, false);
	return f;
}

static struct fake_stream *put(void)
{
	return request_of("PUT", NODE, -1, false);
}

static void answer(struct fake_stream *up, int status)
{
	fake_stream_head(up, status, NULL, false);
	fake_stream_body(up, "answer");
	fake_stream_end(up, NULL);
}

/* The upstream answers what was forwarded, and that is what the client gets. */
static void finish(struct fake_stream *f, struct fake_stream *up)
{
	answer(up, 200);
	int_is(f->head.status, 200);
	str_is(strbuf_str(&f->body), STR("answer"));
	fake_request_done(f);
	fake_stream_free(up);
}

/* The answer is a refusal: nothing was forwarded. */
static void finish_refused(struct fake_stream *f, int status)
{
	int_is(f->head.status, status);
	ok(!fake_client.waiter);
	ok(!exchange_of(f)->admit);
	int_is(f->consumed, f->delivered);
	fake_request_done(f);
}

static void test_reads_do_not_concern_it(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.result = ADMISSION_DENY;
	f = fake_request("GET", NODE, TOM);
	int_is(plugin.runs, 0);
	up = fake_client_give();
	finish(f, up);
	fake.server.admission.n = 0;
	f = put();
	up = fake_client_give();
	fake_stream_end(f, NULL);
	int_is(plugin.runs, 0);
	finish(f, up);
	end();
}

static void test_a_refusal(void)
{
	int64_t denied = metric_value(METRIC_REQUESTS_DENIED);
	struct fake_stream *f;

	begin();
	plugin.result = ADMISSION_DENY;
	f = fake_request("DELETE", NODE, TOM "Accept: application/json\n");
	int_is(metric_value(METRIC_REQUESTS_DENIED), denied + 1);
	cstr_is(exchange_of(f)->decision, "admission");
	str_is(exchange_of(f)->reason, STR("nodes \"n1\" is forbidden: no"));
	ok(!fake_has_field(f, "X-Content-Type-Options"));
	str_is(fake_field(f, "Content-Type"), STR("application/json"));
	ok(fake_body_has(f, "\"message\":\"nodes \\\"n1\\\" is forbidden: no\""));
	ok(fake_body_has(f, "\"details\":{\"name\":\"n1\",\"kind\":\"nodes\"}"));
	finish_refused(f, 403);
	f = fake_request("DELETE", NODE, TOM "Accept: application/vnd.kubernetes.protobuf\n");
	str_is(fake_field(f, "Content-Type"), STR("application/vnd.kubernetes.protobuf"));
	finish_refused(f, 403);
	plugin.raw = true;
	f = fake_request("DELETE", NODE, TOM);
	str_is(fake_field(f, "Content-Type"), STR("application/json"));
	str_is(strbuf_str(&f->body), STR("{\"code\":422}"));
	int_is(metric_value(METRIC_REQUESTS_DENIED), denied + 2);
	finish_refused(f, 422);
	end();
}

/* Who does not ask for the body does not hold it up. */
static void test_a_body_streams_past(void)
{
	struct fake_stream *f, *up;

	begin();
	f = put();
	int_is(plugin.runs, 1);
	ok(!exchange_of(f)->admit);
	fake_stream_body(f, "one");
	int_is(f->consumed, 0);
	up = fake_client_give();
	str_is(strbuf_str(&up->body), STR("one"));
	int_is(up->head.content_length, -1);
	fake_stream_sent(up, 3);
	int_is(f->consumed, 3);
	fake_stream_body(f, "two");
	fake_stream_end(f, NULL);
	ok(up->ended);
	finish(f, up);
	end();
}

static void test_a_body_is_collected(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.wants_body = true;
	f = put();
	fake_stream_body(f, "{\"a\":");
	fake_stream_body(f, "1}");
	int_is(f->consumed, 7);
	int_is(fake_client.opened, 0);
	ok(fake.worker->admit_bytes > 0);
	fake_stream_end(f, NULL);
	str_is(strbuf_str(&plugin.body), STR("{\"a\":1}"));
	up = fake_client_give();
	str_is(strbuf_str(&up->body), STR("{\"a\":1}"));
	ok(up->ended && !up->head_end);
	int_is(up->head.content_length, 7);
	str_is(fake_field(up, "Content-Length"), STR("7"));
	str_is(fake_field(up, "Content-Type"), STR("application/json"));
	fake_stream_sent(up, 7);
	int_is(f->consumed, 7);
	finish(f, up);
	end();
}

/* What the client's Connection field nominates is not there for the upstream, nor for a plugin. */
static void test_nominated_fields(void)
{
	struct fake_stream *f;

	begin();
	f = fake_request("DELETE", NODE, TOM JSON_TYPE);
	int_is(plugin.types, 1);
	finish(f, fake_client_give());
	f = fake_request("DELETE", NODE, TOM JSON_TYPE "Connection: content-type\n");
	int_is(plugin.types, 0);
	finish(f, fake_client_give());
	end();
}

/* The answer may take its time: what was collected is given back with its head. */
static void test_a_body_goes_when_it_is_answered(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.wants_body = plugin.replaces = true;
	f = put();
	fake_stream_body(f, "body");
	fake_stream_end(f, NULL);
	up = fake_client_give();
	fake_stream_sent(up, 4);
	ok(fake.worker->admit_bytes > 0);
	fake_stream_head(up, 200, NULL, false);
	int_is(fake.worker->admit_bytes, 0);
	fake_stream_sent(up, up->body.n - up->sent);
	fake_stream_body(up, "answer");
	fake_stream_end(up, NULL);
	fake_request_done(f);
	fake_stream_free(up);
	end();
}

/* It was on its way before it was asked for, whole or in part; and an empty one is one. */
static void test_an_early_body(void)
{
	struct fake_stream *f, *up, *read;

	begin();
	plugin.wants_object = plugin.wants_body = true;
	plugin.wants_body = false;
	for (int whole = 0; whole < 2; whole++) {
		f = put();
		fake_stream_body(f, "early");
		int_is(f->consumed, 0);
		if (whole)
			fake_stream_end(f, NULL);
		plugin.wants_body = true;
		read = fake_client_give();
		fake_stream_head(read, 404, NULL, true);
		fake_stream_free(read);
		int_is(f->consumed, 5);
		if (!whole)
			fake_stream_end(f, NULL);
		str_is(strbuf_str(&plugin.body), STR("early"));
		up = fake_client_give();
		str_is(strbuf_str(&up->body), STR("early"));
		finish(f, up);
		plugin.wants_body = false;
	}
	plugin.wants_object = false;
	plugin.wants_body = true;
	f = put();
	fake_stream_end(f, NULL);
	up = fake_client_give();
	ok(up->head_end);
	int_is(up->head.content_length, 0);
	finish(f, up);
	f = fake_request("DELETE", NODE, TOM);
	up = fake_client_give();
	ok(up->head_end);
	finish(f, up);
	end();
}

static void test_expect_continue(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.wants_body = true;
	f = request_of("PUT", NODE, 4, true);
	int_is(f->informational, 1);
	int_is(f->last_informational.status, 100);
	fake_stream_body(f, "body");
	fake_stream_end(f, NULL);
	int_is(f->informational, 1);
	up = fake_client_give();
	ok(!fake_has_field(up, "Expect"));
	ok(!up->head.expect_continue);
	finish(f, up);
	/* Who is not asked for it is not told to send it. */
	plugin.wants_body = false;
	f = request_of("PUT", NODE, 4, true);
	int_is(f->informational, 0);
	up = fake_client_give();
	str_is(fake_field(up, "Expect"), STR("100-continue"));
	fake_stream_body(f, "body");
	fake_stream_end(f, NULL);
	finish(f, up);
	plugin.result = ADMISSION_DENY;
	f = request_of("PUT", NODE, 4, true);
	int_is(f->informational, 0);
	finish_refused(f, 403);
	end();
}

/* No more than a window waits in the transport, whatever was collected. */
static void test_a_large_body_goes_by_credit(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.wants_body = true;
	f = put();
	for (size_t n = 0; n < ADMISSION_BODY_MAX; n += HTTP_WINDOW)
		fake_stream_bytes(f, HTTP_WINDOW);
	fake_stream_end(f, NULL);
	up = fake_client_give();
	int_is(up->body.n, HTTP_WINDOW);
	int_is(up->head.content_length, ADMISSION_BODY_MAX);
	while (!up->ended && ok(up->body.n - up->sent <= HTTP_WINDOW && up->body.n > up->sent))
		fake_stream_sent(up, (up->body.n - up->sent + 1) / 2);
	str_is(strbuf_str(&up->body), strbuf_str(&plugin.body));
	finish(f, up);
	end();
}

/* An upstream that answers before it has all of it. */
static void test_an_early_answer(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.wants_body = true;
	f = put();
	fake_stream_bytes(f, HTTP_WINDOW);
	fake_stream_bytes(f, HTTP_WINDOW);
	fake_stream_end(f, NULL);
	up = fake_client_give();
	fake_stream_head(up, 401, NULL, false);
	fake_stream_sent(up, 10);
	int_is(up->body.n, HTTP_WINDOW + 10);
	fake_stream_body(up, "answer");
	fake_stream_end(up, NULL);
	ok(up->was_reset);
	int_is(f->head.status, 401);
	fake_request_done(f);
	fake_stream_free(up);
	end();
}

static void test_too_large_a_body(void)
{
	struct fake_stream *f;

	begin();
	plugin.wants_body = true;
	f = request_of("PUT", NODE, ADMISSION_BODY_MAX + 1, true);
	int_is(f->informational, 0);
	finish_refused(f, 413);
	f = put();
	for (size_t n = 0; n < ADMISSION_BODY_MAX; n += HTTP_WINDOW)
		fake_stream_bytes(f, HTTP_WINDOW);
	int_is(f->heads, 0);
	fake_stream_bytes(f, 1);
	int_is(f->head.status, 413);
	fake_stream_bytes(f, HTTP_WINDOW);
	fake_stream_end(f, NULL);
	finish_refused(f, 413);
	end();
}

static void test_the_client_goes(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.wants_body = true;
	f = put();
	fake_stream_body(f, "half");
	fake_stream_closed(f, ERR_CLOSED);
	fake_stream_free(f);
	plugin.wants_object = true;
	f = put();
	fake_stream_end(f, NULL);
	up = fake_client_give();
	fake_stream_closed(f, ERR_CLOSED);
	ok(up->was_reset && up->released);
	fake_stream_free(f);
	fake_stream_free(up);
	f = put();
	fake_stream_end(f, NULL);
	fake_stream_closed(f, ERR_CLOSED);
	int_is(fake_client.cancelled, 1);
	fake_stream_free(f);
	end();
}

static void test_the_time_runs_out(void)
{
	struct fake_stream *f, *up;

	begin();
	fake.options.request_timeout_ms = 5000;
	plugin.wants_body = true;
	f = put();
	fake_stream_body(f, "slow");
	fake_proxy_pass(5000);
	int_is(f->head.status, 504);
	fake_stream_body(f, "ly");
	fake_stream_end(f, NULL);
	finish_refused(f, 504);
	plugin.wants_body = false;
	plugin.wants_object = true;
	f = fake_request("DELETE", NODE, TOM);
	up = fake_client_give();
	fake_proxy_pass(5000);
	ok(up->was_reset);
	finish_refused(f, 504);
	fake_stream_free(up);
	end();
}

static void check_lookup(int status, const char *body, enum admission_lookup_state state,
			 const char *error)
{
	struct fake_stream *f = fake_request("DELETE", NODE, TOM), *up = fake_client_give();

	tap_row(body);
	str_is(up->head.method, STR("GET"));
	str_is(up->head.target, STR(NODE));
	str_is(fake_field(up, "X-Remote-User"), own.name);
	fake_stream_head(up, status, NULL, false);
	fake_stream_body(up, body);
	fake_stream_end(up, NULL);
	fake_stream_free(up);
	int_is(plugin.state, state);
	int_is(plugin.code, status);
	str_is(strbuf_str(&plugin.error), str_from(error));
	finish(f, fake_client_give());
	tap_row(NULL);
}

static void test_objects(void)
{
	struct fake_stream *f;

	begin();
	plugin.wants_object = true;
	check_lookup(200, "{\"kind\":\"Node\"}", ADMISSION_FOUND, "");
	check_lookup(404, "{}", ADMISSION_MISSING, "");
	check_lookup(403, "{}", ADMISSION_FAILED,
		     "the API server answered 403 to the read of nodes \"n1\"");
	check_lookup(301, "moved", ADMISSION_FAILED,
		     "the API server answered 301 to the read of nodes \"n1\"");
	check_lookup(200, "[]", ADMISSION_FAILED, "the API server's answer is not an object");
	check_lookup(200, "{", ADMISSION_FAILED, "the API server's answer is not an object");
	f = fake_request("DELETE", NODE, TOM);
	fake_client_fail(ERR_UNAVAILABLE, "no server");
	fake_proxy_pass(0);
	int_is(plugin.state, ADMISSION_FAILED);
	int_is(plugin.code, 0);
	str_is(strbuf_str(&plugin.error), STR("the API server cannot be reached: no server"));
	finish(f, fake_client_give());
	end();
}

static void test_paths(void)
{
	static const struct {
		struct admission_key key;
		const char *path;	/* NULL: there is none, and nothing is asked */
	} rows[] = {
		{ { STR(""), STR("v1"), STR("nodes"), STR(""), STR("a") }, "/api/v1/nodes/a" },
		{ { STR("storage.k8s.io"), STR("v1"), STR("csinodes"), STR(""), STR("a.b") },
		  "/apis/storage.k8s.io/v1/csinodes/a.b" },
		{ { STR(""), STR("v1"), STR("pods"), STR("kube-system"), STR("x?y#z&") },
		  "/api/v1/namespaces/kube-system/pods/x%3Fy%23z%26" },
		{ { STR(""), STR("v1"), STR("pods"), STR("n s"), STR("\303\244\001") },
		  "/api/v1/namespaces/n%20s/pods/%C3%A4%01" },
		{ { STR(""), STR("v1"), STR("pods"), STR("ns"), STR("a/log") }, NULL },
		{ { STR(""), STR("v1"), STR("pods"), STR("../x"), STR("a") }, NULL },
		{ { STR(""), STR("v1"), STR("pods"), STR("ns"), STR("..") }, NULL },
		{ { STR(""), STR("v1"), STR("pods"), STR("."), STR("a") }, NULL },
		{ { STR(""), STR("v1"), STR("pods"), STR("ns"), STR("") }, NULL },
		{ { STR(""), STR("v1"), STR("pods"), STR("ns"), STR("a%2flog") }, NULL },
	};
	struct fake_stream *f, *up;

	begin();
	plugin.wants_object = true;
	for (size_t i = 0; i < array_size(rows); i++) {
		tap_row(rows[i].path);
		plugin.key = rows[i].key;
		f = fake_request("DELETE", NODE, TOM);
		up = fake_client_give();
		if (rows[i].path) {
			str_is(up->head.target, str_from(rows[i].path));
			fake_stream_head(up, 404, NULL, true);
			fake_stream_free(up);
			up = fake_client_give();
		}
		int_is(plugin.state, ADMISSION_MISSING);
		str_is(up->head.method, STR("DELETE"));
		finish(f, up);
	}
	tap_row(NULL);
	end();
}

static struct fake_stream *dry_run(const char *target, const char *want, struct fake_stream **f)
{
	struct fake_stream *up;

	*f = request_of("PATCH", target, -1, false);
	fake_stream_body(*f, "patch");
	fake_stream_end(*f, NULL);
	up = fake_client_give();
	str_is(up->head.method, STR("PATCH"));
	str_is(up->head.target, str_from(want));
	str_is(fake_field(up, "X-Remote-User"), STR("tom"));
	str_is(fake_field(up, "Content-Type"), STR("application/merge-patch+json"));
	str_is(strbuf_str(&up->body), STR("patch"));
	return up;
}

static void test_dry_runs(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.wants_body = plugin.wants_dry_run = true;
	up = dry_run(NODE, NODE "?dryRun=All", &f);
	fake_stream_head(up, 200, NULL, false);
	fake_stream_body(up, "{}");
	fake_stream_end(up, NULL);
	fake_stream_free(up);
	int_is(plugin.state, ADMISSION_FOUND);
	finish(f, fake_client_give());
	up = dry_run(NODE "?fieldManager=x&force=true",
		     NODE "?fieldManager=x&force=true&dryRun=All", &f);
	answer(up, 404);
	fake_stream_free(up);
	int_is(plugin.state, ADMISSION_FAILED);
	int_is(plugin.code, 404);
	str_is(strbuf_str(&plugin.error), STR("answer"));
	finish(f, fake_client_give());
	/* Its options are in a body: the query would not keep it from being done. */
	f = request_of("DELETE", NODE, -1, false);
	fake_stream_body(f, "{}");
	fake_stream_end(f, NULL);
	int_is(plugin.state, ADMISSION_FAILED);
	int_is(plugin.code, 0);
	up = fake_client_give();
	str_is(up->head.target, STR(NODE));
	finish(f, up);
	end();
}

static void test_decisions(void)
{
	static const char *const rules[] = { "delete /nodes", "change g/things", NULL };
	static const char *const fewer[] = { "delete /nodes", NULL };
	struct fake_stream *f;

	begin();
	plugin.wants_decision = true;
	fake_authz.rules = rules;
	f = fake_request("DELETE", NODE, TOM);
	ok(plugin.allowed);
	str_is(plugin.asked_for, STR("tom"));
	finish(f, fake_client_give());
	fake_authz.rules = fewer;
	f = fake_request("DELETE", NODE, TOM);
	ok(!plugin.allowed);
	finish(f, fake_client_give());
	end();
}

/* The policy it is judged by stays while the answer is waited for. */
static void test_a_decision_that_takes_time(void)
{
	struct fake_stream *f, *read;

	begin();
	plugin.wants_object = true;
	f = fake_request("DELETE", NODE, TOM);
	plugin.wants_object = false;
	plugin.wants_decision = true;
	fake_authz.pending = 2;
	read = fake_client_give();
	fake_stream_head(read, 404, NULL, true);
	fake_stream_free(read);
	int_is(fake_client.opened, 1);
	fake_proxy_modes((enum authorization_mode[]){ MODE_ALWAYS_DENY }, 1);
	worker_policy(fake.worker);
	fake_authz.waiting->resume(fake_authz.waiting->resume_arg);
	int_is(fake_client.opened, 1);
	fake_authz.waiting->resume(fake_authz.waiting->resume_arg);
	ok(plugin.allowed);
	finish(f, fake_client_give());
	end();
}

static void test_another_request_than_came(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.wants_body = plugin.replaces = true;
	plugin.new_query = "uid=1";
	f = request_of("PUT", NODE "?x=y", -1, false);
	fake_stream_body(f, "old");
	fake_stream_end(f, NULL);
	up = fake_client_give();
	str_is(up->head.target, STR(NODE "?uid=1"));
	str_is(fake_field(up, "Content-Type"), STR("application/x-other"));
	str_is(fake_field(up, "Content-Length"), STR("9"));
	int_is(up->head.content_length, 9);
	str_is(strbuf_str(&up->body), STR("{\"run\":2}"));
	finish(f, up);
	plugin.wants_body = plugin.replaces = false;
	plugin.new_query = "";
	f = fake_request("DELETE", NODE "?x=y", TOM);
	up = fake_client_give();
	str_is(up->head.target, STR(NODE));
	ok(up->head_end);
	finish(f, up);
	end();
}

/* One round: the object is read, the request goes up and meets a conflict. */
static struct fake_stream *one_round_to(const char *target, const char *want_body)
{
	struct fake_stream *up = fake_client_give();

	str_is(up->head.method, STR("GET"));
	fake_stream_head(up, 200, NULL, false);
	fake_stream_body(up, "{}");
	fake_stream_end(up, NULL);
	fake_stream_free(up);
	up = fake_client_give();
	str_is(up->head.method, STR("PUT"));
	str_is(up->head.target, str_from(target));
	str_is(strbuf_str(&up->body), str_from(want_body));
	str_is(fake_field(up, "X-Forwarded-For"), STR("192.0.2.7"));
	int_is(http_headers_count(&up->head.headers, STR("X-Remote-User")), 1);
	return up;
}

static struct fake_stream *one_round(const char *want_body)
{
	return one_round_to(NODE "?uid=1", want_body);
}

static struct fake_stream *begin_conflicts(void)
{
	struct fake_stream *f;

	begin();
	plugin.wants_body = plugin.wants_object = plugin.replaces = plugin.again = true;
	plugin.new_query = "uid=1";
	f = request_of("PUT", NODE "?x=y", -1, false);
	fake_stream_body(f, "old");
	fake_stream_end(f, NULL);
	return f;
}

static void test_a_conflict_is_decided_again(void)
{
	struct fake_stream *f = begin_conflicts(), *up = one_round("{\"run\":3}");

	fake_stream_head(up, 409, NULL, false);
	int_is(f->heads, 0);
	fake_stream_body(up, "conflict");
	int_is(up->consumed, 8);
	fake_stream_end(up, NULL);
	ok(up->released && !up->was_reset);
	fake_stream_free(up);
	up = one_round("{\"run\":5}");
	str_is(strbuf_str(&plugin.body), STR("old"));
	finish(f, up);
	end();
}

/* What only the first decision changed is as it came. */
static void test_a_conflict_is_decided_otherwise(void)
{
	struct fake_stream *f = begin_conflicts(), *up = one_round("{\"run\":3}");

	plugin.new_query = NULL;
	plugin.replaces = false;
	answer(up, 409);
	fake_stream_free(up);
	up = one_round_to(NODE "?x=y", "old");
	str_is(fake_field(up, "Content-Type"), STR("application/json"));
	finish(f, up);
	end();
}

/* Also when its end never comes, or when it has no body. */
static void test_conflicts_cut_short(void)
{
	struct fake_stream *f = begin_conflicts(), *up = one_round("{\"run\":3}");

	fake_stream_head(up, 409, NULL, false);
	fake_stream_closed(up, ERR_RESET);
	fake_stream_free(up);
	up = one_round("{\"run\":5}");
	fake_stream_head(up, 409, NULL, true);
	fake_stream_free(up);
	plugin.result = ADMISSION_DENY;
	up = fake_client_give();
	answer(up, 404);
	fake_stream_free(up);
	finish_refused(f, 403);
	end();
}

static void test_conflicts_without_end(void)
{
	struct fake_stream *f = begin_conflicts(), *up;

	for (int i = 1; i < ADMISSION_TRIES_MAX; i++) {
		char want[32];

		snprintf(want, sizeof(want), "{\"run\":%d}", 2 * i + 1);
		up = one_round(want);
		answer(up, 409);
		int_is(f->heads, 0);
		fake_stream_free(up);
	}
	up = one_round("{\"run\":11}");
	answer(up, 409);
	int_is(f->head.status, 409);
	str_is(strbuf_str(&f->body), STR("answer"));
	fake_request_done(f);
	fake_stream_free(up);
	end();
}

/* A conflict that the decision does not hang on is the client's. */
static void test_a_conflict_of_the_clients(void)
{
	struct fake_stream *f, *up;

	begin();
	plugin.wants_body = true;
	f = put();
	fake_stream_end(f, NULL);
	up = fake_client_give();
	answer(up, 409);
	int_is(f->head.status, 409);
	fake_request_done(f);
	fake_stream_free(up);
	end();
}

/* One user cannot have it all: he is told to come again, and has room once the others ended. */
static void test_bounded_memory(void)
{
	enum { MANY = ADMIT_USER_MAX / ADMISSION_BODY_MAX + 2 };
	struct fake_stream *f[MANY];
	int busy = 0;

	begin();
	plugin.wants_body = true;
	for (int i = 0; i < MANY; i++) {
		f[i] = put();
		for (size_t n = 0; n < ADMISSION_BODY_MAX && !f[i]->heads; n += HTTP_WINDOW)
			fake_stream_bytes(f[i], HTTP_WINDOW);
		if (!f[i]->heads)
			continue;
		busy++;
		int_is(f[i]->head.status, 429);
		str_is(fake_field(f[i], "Retry-After"), STR("1"));
		ok(fake_body_has(f[i], "Too many requests, please try again later.\n"));
	}
	ok(busy > 0 && busy < MANY);
	ok(fake.worker->admit_bytes <= ADMIT_USER_MAX);
	for (int i = 0; i < MANY; i++) {
		if (f[i]->heads) {
			fake_request_done(f[i]);
			continue;
		}
		fake_stream_closed(f[i], ERR_CLOSED);
		fake_stream_free(f[i]);
	}
	end();
}

/* The tree of an object that was read counts as long as it is held. */
static void test_trees_count(void)
{
	struct fake_stream *f, *up;
	size_t before, held;

	begin();
	admit_init();
	plugin.wants_object = plugin.again = true;
	f = fake_request("DELETE", NODE, TOM);
	before = fake.worker->admit_bytes;
	up = fake_client_give();
	fake_stream_head(up, 200, NULL, false);
	fake_stream_body(up, "{\"a\":[{},{},{},{},{},{},{},{},{},{}]}");
	fake_stream_end(up, NULL);
	fake_stream_free(up);
	held = fake.worker->admit_bytes;
	ok(before > 0 && held > before + 10 * sizeof(json_t));
	plugin.wants_object = plugin.again = false;
	up = fake_client_give();
	fake_stream_head(up, 409, NULL, true);
	fake_stream_free(up);
	int_is(fake.worker->admit_bytes, 0);
	finish(f, fake_client_give());
	end();
}

/* The request reads an object of which a tree is larger than a user's share. */
static struct fake_stream *read_a_large_object(void)
{
	struct fake_stream *f = fake_request("DELETE", NODE, TOM), *up = fake_client_give();

	fake_stream_head(up, 200, NULL, false);
	fake_stream_body(up, "{\"a\":[{}");
	for (size_t i = 0; i < ADMIT_USER_MAX / 1000; i++)
		fake_stream_body(up, ",{},{},{},{},{},{},{},{},{},{}");
	fake_stream_body(up, "]}");
	fake_stream_end(up, NULL);
	fake_stream_free(up);
	return f;
}

/* Alone it passes, as it would not later either; beside another of the same user it waits. */
static void test_one_large_request(void)
{
	struct fake_stream *f, *second, *up;

	begin();
	admit_init();
	plugin.wants_object = plugin.again = true;
	f = read_a_large_object();
	int_is(f->heads, 0);
	ok(fake.worker->admit_bytes > ADMIT_USER_MAX);
	up = fake_client_give();
	second = fake_request("DELETE", NODE, TOM);
	int_is(second->head.status, 429);
	fake_request_done(second);
	finish(f, up);
	end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_reads_do_not_concern_it), TAP(test_a_refusal),
		TAP(test_a_body_streams_past), TAP(test_a_body_is_collected),
		TAP(test_nominated_fields), TAP(test_a_body_goes_when_it_is_answered),
		TAP(test_an_early_body), TAP(test_expect_continue),
		TAP(test_a_large_body_goes_by_credit), TAP(test_an_early_answer),
		TAP(test_too_large_a_body), TAP(test_the_client_goes),
		TAP(test_the_time_runs_out), TAP(test_objects), TAP(test_paths),
		TAP(test_dry_runs), TAP(test_decisions), TAP(test_a_decision_that_takes_time),
		TAP(test_another_request_than_came), TAP(test_a_conflict_is_decided_again),
		TAP(test_a_conflict_is_decided_otherwise),
		TAP(test_conflicts_cut_short), TAP(test_conflicts_without_end),
		TAP(test_a_conflict_of_the_clients), TAP(test_bounded_memory),
		TAP(test_trees_count), TAP(test_one_large_request), TAP_END,
	};

	return tap_main(tests);
}
