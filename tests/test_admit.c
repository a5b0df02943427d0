/* SPDX-License-Identifier: Apache-2.0 */
/* The admit step: bodies, look-ups, refusals, bounds. */
#include "config.h"

#include "base/err.h"
#include "base/mem.h"
#include "tests/admit_plugin.h"

static void test_reads_do_not_concern_it(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	plugin.result = ADMISSION_DENY;
	f = fake_request("GET", NODE, TOM);
	int_is(plugin.runs, 0);
	up = fake_client_give();
	admit_finish(f, up);
	fake.server.admission.n = 0;
	f = admit_put();
	up = fake_client_give();
	fake_stream_end(f, NULL);
	int_is(plugin.runs, 0);
	admit_finish(f, up);
	admit_end();
}

static void test_a_refusal(void)
{
	int64_t denied = metric_value(METRIC_REQUESTS_DENIED);
	struct fake_stream *f;

	admit_begin();
	plugin.result = ADMISSION_DENY;
	f = fake_request("DELETE", NODE, TOM "Accept: application/json\n");
	int_is(metric_value(METRIC_REQUESTS_DENIED), denied + 1);
	cstr_is(admit_exchange(f)->decision, "admission");
	str_is(admit_exchange(f)->reason, STR("nodes \"n1\" is forbidden: no"));
	ok(!fake_has_field(f, "X-Content-Type-Options"));
	str_is(fake_field(f, "Content-Type"), STR("application/json"));
	ok(fake_body_has(f, "\"message\":\"nodes \\\"n1\\\" is forbidden: no\""));
	ok(fake_body_has(f, "\"details\":{\"name\":\"n1\",\"kind\":\"nodes\"}"));
	admit_finish_refused(f, 403);
	f = fake_request("DELETE", NODE, TOM "Accept: application/vnd.kubernetes.protobuf\n");
	str_is(fake_field(f, "Content-Type"), STR("application/vnd.kubernetes.protobuf"));
	admit_finish_refused(f, 403);
	plugin.raw = true;
	f = fake_request("DELETE", NODE, TOM);
	str_is(fake_field(f, "Content-Type"), STR("application/json"));
	str_is(strbuf_str(&f->body), STR("{\"code\":422}"));
	int_is(metric_value(METRIC_REQUESTS_DENIED), denied + 2);
	admit_finish_refused(f, 422);
	admit_end();
}

/* Who does not ask for the body does not hold it up. */
static void test_a_body_streams_past(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	f = admit_put();
	int_is(plugin.runs, 1);
	ok(!admit_exchange(f)->admit);
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
	admit_finish(f, up);
	admit_end();
}

static void test_a_body_is_collected(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	plugin.wants_body = true;
	f = admit_put();
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
	admit_finish(f, up);
	admit_end();
}

/* What the client's Connection field nominates is not there for the upstream, nor for a plugin. */
static void test_nominated_fields(void)
{
	struct fake_stream *f;

	admit_begin();
	f = fake_request("DELETE", NODE, TOM JSON_TYPE);
	int_is(plugin.types, 1);
	admit_finish(f, fake_client_give());
	f = fake_request("DELETE", NODE, TOM JSON_TYPE "Connection: content-type\n");
	int_is(plugin.types, 0);
	admit_finish(f, fake_client_give());
	admit_end();
}

/* The answer may take its time: what was collected is given back with its head. */
static void test_a_body_goes_when_it_is_answered(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	plugin.wants_body = plugin.replaces = true;
	f = admit_put();
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
	admit_end();
}

/* It was on its way before it was asked for, whole or in part; and an empty one is one. */
static void test_an_early_body(void)
{
	struct fake_stream *f, *up, *read;

	admit_begin();
	plugin.wants_object = plugin.wants_body = true;
	plugin.wants_body = false;
	for (int whole = 0; whole < 2; whole++) {
		f = admit_put();
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
		admit_finish(f, up);
		plugin.wants_body = false;
	}
	plugin.wants_object = false;
	plugin.wants_body = true;
	f = admit_put();
	fake_stream_end(f, NULL);
	up = fake_client_give();
	ok(up->head_end);
	int_is(up->head.content_length, 0);
	admit_finish(f, up);
	f = fake_request("DELETE", NODE, TOM);
	up = fake_client_give();
	ok(up->head_end);
	admit_finish(f, up);
	admit_end();
}

static void test_expect_continue(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	plugin.wants_body = true;
	f = admit_request("PUT", NODE, 4, true);
	int_is(f->informational, 1);
	int_is(f->last_informational.status, 100);
	fake_stream_body(f, "body");
	fake_stream_end(f, NULL);
	int_is(f->informational, 1);
	up = fake_client_give();
	ok(!fake_has_field(up, "Expect"));
	ok(!up->head.expect_continue);
	admit_finish(f, up);
	/* Who is not asked for it is not told to send it. */
	plugin.wants_body = false;
	f = admit_request("PUT", NODE, 4, true);
	int_is(f->informational, 0);
	up = fake_client_give();
	str_is(fake_field(up, "Expect"), STR("100-continue"));
	fake_stream_body(f, "body");
	fake_stream_end(f, NULL);
	admit_finish(f, up);
	plugin.result = ADMISSION_DENY;
	f = admit_request("PUT", NODE, 4, true);
	int_is(f->informational, 0);
	admit_finish_refused(f, 403);
	admit_end();
}

/* No more than a window waits in the transport, whatever was collected. */
static void test_a_large_body_goes_by_credit(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	plugin.wants_body = true;
	f = admit_put();
	for (size_t n = 0; n < ADMISSION_BODY_MAX; n += HTTP_WINDOW)
		fake_stream_bytes(f, HTTP_WINDOW);
	fake_stream_end(f, NULL);
	up = fake_client_give();
	int_is(up->body.n, HTTP_WINDOW);
	int_is(up->head.content_length, ADMISSION_BODY_MAX);
	while (!up->ended && ok(up->body.n - up->sent <= HTTP_WINDOW && up->body.n > up->sent))
		fake_stream_sent(up, (up->body.n - up->sent + 1) / 2);
	str_is(strbuf_str(&up->body), strbuf_str(&plugin.body));
	admit_finish(f, up);
	admit_end();
}

/* An upstream that answers before it has all of it. */
static void test_an_early_answer(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	plugin.wants_body = true;
	f = admit_put();
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
	admit_end();
}

static void test_too_large_a_body(void)
{
	struct fake_stream *f;

	admit_begin();
	plugin.wants_body = true;
	f = admit_request("PUT", NODE, ADMISSION_BODY_MAX + 1, true);
	int_is(f->informational, 0);
	admit_finish_refused(f, 413);
	f = admit_put();
	for (size_t n = 0; n < ADMISSION_BODY_MAX; n += HTTP_WINDOW)
		fake_stream_bytes(f, HTTP_WINDOW);
	int_is(f->heads, 0);
	fake_stream_bytes(f, 1);
	int_is(f->head.status, 413);
	fake_stream_bytes(f, HTTP_WINDOW);
	fake_stream_end(f, NULL);
	admit_finish_refused(f, 413);
	admit_end();
}

static void test_the_client_goes(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	plugin.wants_body = true;
	f = admit_put();
	fake_stream_body(f, "half");
	fake_stream_closed(f, ERR_CLOSED);
	fake_stream_free(f);
	plugin.wants_object = true;
	f = admit_put();
	fake_stream_end(f, NULL);
	up = fake_client_give();
	fake_stream_closed(f, ERR_CLOSED);
	ok(up->was_reset && up->released);
	fake_stream_free(f);
	fake_stream_free(up);
	f = admit_put();
	fake_stream_end(f, NULL);
	fake_stream_closed(f, ERR_CLOSED);
	int_is(fake_client.cancelled, 1);
	fake_stream_free(f);
	admit_end();
}

static void test_the_time_runs_out(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	fake.options.request_timeout_ms = 5000;
	plugin.wants_body = true;
	f = admit_put();
	fake_stream_body(f, "slow");
	fake_proxy_pass(5000);
	int_is(f->head.status, 504);
	fake_stream_body(f, "ly");
	fake_stream_end(f, NULL);
	admit_finish_refused(f, 504);
	plugin.wants_body = false;
	plugin.wants_object = true;
	f = fake_request("DELETE", NODE, TOM);
	up = fake_client_give();
	fake_proxy_pass(5000);
	ok(up->was_reset);
	admit_finish_refused(f, 504);
	fake_stream_free(up);
	admit_end();
}

static void check_lookup(int status, const char *body, enum admission_lookup_state state,
			 const char *error)
{
	struct fake_stream *f = fake_request("DELETE", NODE, TOM), *up = fake_client_give();

	tap_row(body);
	str_is(up->head.method, STR("GET"));
	str_is(up->head.target, STR(NODE));
	str_is(fake_field(up, "X-Remote-User"), admit_own.name);
	fake_stream_head(up, status, NULL, false);
	fake_stream_body(up, body);
	fake_stream_end(up, NULL);
	fake_stream_free(up);
	int_is(plugin.state, state);
	int_is(plugin.code, status);
	str_is(strbuf_str(&plugin.error), str_from(error));
	admit_finish(f, fake_client_give());
	tap_row(NULL);
}

static void test_objects(void)
{
	struct fake_stream *f;

	admit_begin();
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
	admit_finish(f, fake_client_give());
	admit_end();
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

	admit_begin();
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
		admit_finish(f, up);
	}
	tap_row(NULL);
	admit_end();
}

static struct fake_stream *dry_run(const char *target, const char *want, struct fake_stream **f)
{
	struct fake_stream *up;

	*f = admit_request("PATCH", target, -1, false);
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

	admit_begin();
	plugin.wants_body = plugin.wants_dry_run = true;
	up = dry_run(NODE, NODE "?dryRun=All", &f);
	fake_stream_head(up, 200, NULL, false);
	fake_stream_body(up, "{}");
	fake_stream_end(up, NULL);
	fake_stream_free(up);
	int_is(plugin.state, ADMISSION_FOUND);
	admit_finish(f, fake_client_give());
	up = dry_run(NODE "?fieldManager=x&force=true",
		     NODE "?fieldManager=x&force=true&dryRun=All", &f);
	admit_answer(up, 404);
	fake_stream_free(up);
	int_is(plugin.state, ADMISSION_FAILED);
	int_is(plugin.code, 404);
	str_is(strbuf_str(&plugin.error), STR("answer"));
	admit_finish(f, fake_client_give());
	/* Its options are in a body: the query would not keep it from being done. */
	f = admit_request("DELETE", NODE, -1, false);
	fake_stream_body(f, "{}");
	fake_stream_end(f, NULL);
	int_is(plugin.state, ADMISSION_FAILED);
	int_is(plugin.code, 0);
	up = fake_client_give();
	str_is(up->head.target, STR(NODE));
	admit_finish(f, up);
	admit_end();
}

static void test_decisions(void)
{
	static const char *const rules[] = { "delete /nodes", "change g/things", NULL };
	static const char *const fewer[] = { "delete /nodes", NULL };
	struct fake_stream *f;

	admit_begin();
	plugin.wants_decision = true;
	fake_authz.rules = rules;
	f = fake_request("DELETE", NODE, TOM);
	ok(plugin.allowed);
	str_is(plugin.asked_for, STR("tom"));
	admit_finish(f, fake_client_give());
	fake_authz.rules = fewer;
	f = fake_request("DELETE", NODE, TOM);
	ok(!plugin.allowed);
	admit_finish(f, fake_client_give());
	admit_end();
}

/* The policy it is judged by stays while the answer is waited for. */
static void test_a_decision_that_takes_time(void)
{
	struct fake_stream *f, *read;

	admit_begin();
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
	admit_finish(f, fake_client_give());
	admit_end();
}

static void test_another_request_than_came(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	plugin.wants_body = plugin.replaces = true;
	plugin.new_query = "uid=1";
	f = admit_request("PUT", NODE "?x=y", -1, false);
	fake_stream_body(f, "old");
	fake_stream_end(f, NULL);
	up = fake_client_give();
	str_is(up->head.target, STR(NODE "?uid=1"));
	str_is(fake_field(up, "Content-Type"), STR("application/x-other"));
	str_is(fake_field(up, "Content-Length"), STR("9"));
	int_is(up->head.content_length, 9);
	str_is(strbuf_str(&up->body), STR("{\"run\":2}"));
	admit_finish(f, up);
	plugin.wants_body = plugin.replaces = false;
	plugin.new_query = "";
	f = fake_request("DELETE", NODE "?x=y", TOM);
	up = fake_client_give();
	str_is(up->head.target, STR(NODE));
	ok(up->head_end);
	admit_finish(f, up);
	admit_end();
}

/* One user cannot have it all: he is told to come again, and has room once the others ended. */
static void test_bounded_memory(void)
{
	enum { MANY = ADMIT_USER_MAX / ADMISSION_BODY_MAX + 2 };
	struct fake_stream *f[MANY];
	int busy = 0;

	admit_begin();
	plugin.wants_body = true;
	for (int i = 0; i < MANY; i++) {
		f[i] = admit_put();
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
	admit_end();
}

/* The tree of an object that was read counts as long as it is held. */
static void test_trees_count(void)
{
	struct fake_stream *f, *up;
	size_t before, held;

	admit_begin();
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
	admit_finish(f, fake_client_give());
	admit_end();
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

	admit_begin();
	admit_init();
	plugin.wants_object = plugin.again = true;
	f = read_a_large_object();
	int_is(f->heads, 0);
	ok(fake.worker->admit_bytes > ADMIT_USER_MAX);
	up = fake_client_give();
	second = fake_request("DELETE", NODE, TOM);
	int_is(second->head.status, 429);
	fake_request_done(second);
	admit_finish(f, up);
	admit_end();
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
		TAP(test_another_request_than_came), TAP(test_bounded_memory),
		TAP(test_trees_count), TAP(test_one_large_request), TAP_END,
	};

	return tap_main(tests);
}
