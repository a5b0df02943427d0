/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "obs/metrics.h"
#include "tests/proxy_fakes.h"

#define DATE "Tue, 14 Nov 2023 22:13:20 GMT"

/* An exchange that has come as far as authentication, without its steps. */
static struct exchange x;
static struct http_message request;
static struct fake_stream *client;

static void start(const char *method, const char *fields)
{
	fake_proxy_start();
	client = fake_stream_new(&fake.connection);
	memset(&x, 0, sizeof(x));
	request = (struct http_message){ .method = str_from(method), .target = STR("/api") };
	http_headers_init(&request.headers, &client->arena);
	fake_add_fields(&request.headers, &client->arena, fields);
	x.worker = fake.worker;
	x.client = &client->stream;
	x.request = &request;
	x.audit_id = STR("audit-1");
	x.authn.config = worker_authn(fake.worker);
	loop_timer_init(&x.deadline, fake.worker->loop, NULL);
	loop_timer_arm(&x.deadline, 1000);
}

static void stop(void)
{
	loop_timer_fini(&x.deadline);
	client->stream.ops->release(&client->stream);
	fake_stream_free(client);
	fake_proxy_stop();
}

/* What every answer has: one head with the length of the body, the end, and no deadline. */
static void is_whole(int code)
{
	int_is(client->heads, 1);
	int_is(client->head.status, code);
	ok(client->ended && !client->was_reset);
	int_is(client->head.content_length, client->body.n);
	str_is(fake_field(client, "Audit-Id"), STR("audit-1"));
	str_is(fake_field(client, "Date"), STR(DATE));
	int_is(http_field_count(&client->head.headers, HTTP_CONTENT_TYPE), 1);
	ok(x.head_sent && x.response_ended && x.discard_body);
	ok(!x.deadline.armed);
	int_is(x.status, code);
}

static void test_status(void)
{
	static const struct status s = {
		.code = 403, .message = STR("no"), .reason = STR("Forbidden"),
	};

	start("GET", NULL);
	int_is(exchange_answer_status(&x, &s, true, 7), STEP_DONE);
	is_whole(403);
	str_is(strbuf_str(&client->body),
	       STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
		   "\"status\":\"Failure\",\"message\":\"no\",\"reason\":\"Forbidden\","
		   "\"code\":403}\n"));
	str_is(fake_field(client, "Content-Type"), STR("application/json"));
	str_is(fake_field(client, "Cache-Control"), STR("no-cache, private"));
	str_is(fake_field(client, "X-Content-Type-Options"), STR("nosniff"));
	str_is(fake_field(client, "Retry-After"), STR("7"));
	ok(!fake_has_field(client, "WWW-Authenticate") && !fake_has_field(client, "Warning"));
	stop();
}

static void test_status_without_options(void)
{
	static const struct status s = { .code = 400, .message = STR("no") };

	start("GET", NULL);
	exchange_answer_status(&x, &s, false, 0);
	is_whole(400);
	ok(!fake_has_field(client, "X-Content-Type-Options"));
	ok(!fake_has_field(client, "Retry-After"));
	stop();
}

static void test_format_is_negotiated(void)
{
	static const struct status s = { .code = 403, .message = STR("no") };

	start("GET", "Accept: application/yaml\n");
	exchange_answer_status(&x, &s, true, 0);
	is_whole(403);
	str_is(fake_field(client, "Content-Type"), STR("application/yaml"));
	ok(fake_body_has(client, "kind: Status\n"));
	stop();
	start("GET", NULL);
	x.raw_query = STR("pretty=true");
	exchange_answer_status(&x, &s, true, 0);
	is_whole(403);
	ok(fake_body_has(client, "{\n  \"kind\": \"Status\""));
	stop();
}

/* A HEAD's answer says how long the body would be, and has none. */
static void test_head(void)
{
	start("HEAD", NULL);
	exchange_answer_text(&x, 200, STR("ok"), true);
	int_is(client->head.content_length, 2);
	ok(client->head_end && !client->head.has_body);
	int_is(client->body.n, 0);
	stop();
}

static void test_text(void)
{
	start("GET", NULL);
	int_is(exchange_answer_text(&x, 200, STR("ok"), true), STEP_DONE);
	is_whole(200);
	str_is(strbuf_str(&client->body), STR("ok"));
	str_is(fake_field(client, "Content-Type"), STR("text/plain; charset=utf-8"));
	str_is(fake_field(client, "Cache-Control"), STR("no-cache, private"));
	str_is(fake_field(client, "X-Content-Type-Options"), STR("nosniff"));
	stop();
	start("GET", NULL);
	exchange_answer_text(&x, 400, STR(""), false);
	is_whole(400);
	ok(client->head_end && !fake_has_field(client, "Cache-Control"));
	stop();
}

static void test_unauthorized(void)
{
	int64_t denied = metric_value(METRIC_REQUESTS_DENIED);

	start("GET", NULL);
	int_is(exchange_answer_unauthorized(&x), STEP_DONE);
	is_whole(401);
	str_is(strbuf_str(&client->body),
	       STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
		   "\"status\":\"Failure\",\"message\":\"Unauthorized\","
		   "\"reason\":\"Unauthorized\",\"code\":401}\n"));
	/* Only a password file makes it ask for a password. */
	ok(!fake_has_field(client, "WWW-Authenticate"));
	int_is(metric_value(METRIC_REQUESTS_DENIED) - denied, 1);
	cstr_is(x.decision, "unauthorized");
	stop();
}

static void test_challenge(void)
{
	static const struct status forbidden = { .code = 403 };
	struct authn_config with_passwords = { .passwords = (void *)&x };

	start("GET", NULL);
	x.authn.config = &with_passwords;
	exchange_answer_unauthorized(&x);
	str_is(fake_field(client, "WWW-Authenticate"), STR("Basic realm=\"kubernetes-master\""));
	stop();
	start("GET", NULL);
	x.authn.config = &with_passwords;
	exchange_answer_status(&x, &forbidden, true, 0);
	ok(!fake_has_field(client, "WWW-Authenticate"));
	stop();
}

static void test_warning(void)
{
	start("GET", NULL);
	x.authn.warning = STR("299 - \"late\"");
	exchange_answer_unauthorized(&x);
	str_is(fake_field(client, "Warning"), STR("299 - \"late\""));
	stop();
}

static void test_forbidden(void)
{
	start("GET", NULL);
	x.user.name = STR("tom");
	x.info.attributes = (struct attributes){
		.verb = STR("list"), .is_resource = true, .namespace = STR("ns"),
		.api_group = STR("apps"), .resource = STR("deployments"), .name = STR("web"),
	};
	int_is(exchange_answer_forbidden(&x, STR("because")), STEP_DONE);
	is_whole(403);
	ok(fake_body_has(client, "deployments.apps \\\"web\\\" is forbidden: User \\\"tom\\\" "
			 "cannot list resource \\\"deployments\\\" in API group \\\"apps\\\" "
			 "in the namespace \\\"ns\\\": because"));
	ok(fake_body_has(client, "\"details\":{\"name\":\"web\",\"group\":\"apps\","
			 "\"kind\":\"deployments\"}"));
	str_is(fake_field(client, "X-Content-Type-Options"), STR("nosniff"));
	cstr_is(x.decision, "forbid");
	str_is(x.reason, STR("because"));
	stop();
}

static void test_json(void)
{
	start("GET", "Accept: application/yaml\n");
	int_is(exchange_answer_json(&x, 201, STR("{}")), STEP_DONE);
	is_whole(201);
	str_is(strbuf_str(&client->body), STR("{}"));
	str_is(fake_field(client, "Content-Type"), STR("application/json"));
	str_is(fake_field(client, "Cache-Control"), STR("no-cache, private"));
	stop();
}

static void test_busy(void)
{
	start("GET", NULL);
	int_is(exchange_answer_busy(&x), STEP_DONE);
	is_whole(429);
	str_is(strbuf_str(&client->body), STR("Too many requests, please try again later.\n"));
	str_is(fake_field(client, "Retry-After"), STR("1"));
	stop();
}

/* Retry-After promises that the request was not processed. */
static void test_unavailable(void)
{
	int64_t before = metric_value(METRIC_REQUESTS_UNAVAILABLE);

	start("GET", NULL);
	exchange_answer_unavailable(&x, STR("gone"), true);
	is_whole(503);
	str_is(fake_field(client, "Retry-After"), STR("1"));
	ok(fake_body_has(client, "\"message\":\"gone\",\"reason\":\"ServiceUnavailable\""));
	stop();
	start("GET", NULL);
	exchange_answer_unavailable(&x, STR("gone"), false);
	is_whole(502);
	ok(!fake_has_field(client, "Retry-After"));
	ok(fake_body_has(client, "\"reason\":\"BadGateway\""));
	stop();
	int_is(metric_value(METRIC_REQUESTS_UNAVAILABLE) - before, 2);
}

static void test_timeout(void)
{
	start("GET", NULL);
	int_is(exchange_answer_timeout(&x), STEP_DONE);
	is_whole(504);
	str_is(strbuf_str(&client->body), status_timeout_body());
	str_is(fake_field(client, "Content-Type"), STR("text/plain; charset=utf-8"));
	ok(!fake_has_field(client, "X-Content-Type-Options"));
	stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_status),
		TAP(test_status_without_options),
		TAP(test_format_is_negotiated),
		TAP(test_head),
		TAP(test_text),
		TAP(test_unauthorized),
		TAP(test_challenge),
		TAP(test_warning),
		TAP(test_forbidden),
		TAP(test_json),
		TAP(test_busy),
		TAP(test_unavailable),
		TAP(test_timeout),
		TAP_END
	};

	return tap_main(tests);
}
