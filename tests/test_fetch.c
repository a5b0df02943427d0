/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/fetch.h"
#include "tests/proxy_fakes.h"

#define TARGET "/api/v1/nodes/n1"

static const struct str own_groups[] = { STR("system:masters") };
static const struct user own = {
	.name = STR("system:kube-authproxy"), .groups = own_groups, .group_count = 1,
};

static struct {
	int calls, code;
	struct strbuf body, error;
	bool starts_another;
	struct fetch *fetch;
} t;

static struct fetch_request read_request(void)
{
	return (struct fetch_request){ .method = STR("GET"), .target = STR(TARGET), .user = &own };
}

static void on_done(void *arg, const struct fetch_answer *a)
{
	ok(arg == &t);
	t.calls++;
	t.code = a->code;
	t.fetch = NULL;
	strbuf_clear(&t.body);
	strbuf_clear(&t.error);
	strbuf_add_str(&t.body, a->body);
	strbuf_add_str(&t.error, a->error);
	if (t.starts_another) {
		struct fetch_request q = read_request();

		t.starts_another = false;
		t.fetch = fetch_start(fake.worker, &q, on_done, &t);
	}
}

static void begin(void)
{
	fake_proxy_start();
	memset(&t, 0, sizeof(t));
}

static void end(void)
{
	strbuf_fini(&t.body);
	strbuf_fini(&t.error);
	fake_proxy_stop();
}

static void start(const struct fetch_request *q)
{
	int calls = t.calls;

	t.fetch = fetch_start(fake.worker, q, on_done, &t);
	int_is(t.calls, calls);
}

static void start_read(void)
{
	struct fetch_request q = read_request();

	start(&q);
}

static bool error_has(const char *text)
{
	bool has = str_find_str(strbuf_str(&t.error), str_from(text)) >= 0;

	if (!has)
		tap_note("the error is: %s", t.error.n ? t.error.p : "");
	return has;
}

static void test_a_read(void)
{
	struct fake_stream *up;

	begin();
	start_read();
	int_is(fake_client.class, HTTP_CLIENT_IDENTIFIED);
	up = fake_client_give();
	str_is(up->head.method, STR("GET"));
	str_is(up->head.target, STR(TARGET));
	ok(up->head_end && up->ended);
	str_is(fake_field(up, "X-Remote-User"), STR("system:kube-authproxy"));
	str_is(fake_field(up, "X-Remote-Group"), STR("system:masters"));
	str_is(fake_field(up, "Accept"), STR("application/json"));
	ok(fake_has_field(up, "Host") && fake_has_field(up, "User-Agent"));
	ok(!fake_has_field(up, "Content-Type") && !fake_has_field(up, "Accept-Encoding"));
	fake_stream_head(up, 103, NULL, false);
	fake_stream_head(up, 200, NULL, false);
	fake_stream_body(up, "{\"kind\":");
	fake_stream_body(up, "\"Node\"}");
	int_is(t.calls, 0);
	fake_stream_end(up, NULL);
	int_is(t.calls, 1);
	int_is(t.code, 200);
	str_is(strbuf_str(&t.body), STR("{\"kind\":\"Node\"}"));
	int_is(t.error.n, 0);
	ok(up->released && !up->was_reset);
	int_is(up->consumed, up->delivered);
	fake_stream_free(up);
	end();
}

static void test_an_answer_without_body(void)
{
	struct fake_stream *up;

	begin();
	start_read();
	up = fake_client_give();
	fake_stream_head(up, 404, NULL, true);
	int_is(t.calls, 1);
	int_is(t.code, 404);
	int_is(t.body.n, 0);
	ok(up->released && !up->was_reset);
	fake_stream_free(up);
	end();
}

/* As the user, and a body that the upstream takes bit by bit: never more than a window waits. */
static void test_a_body_goes_by_credit(void)
{
	struct user anonymous = { .name = STR(USER_ANONYMOUS) };
	size_t n = 3 * HTTP_WINDOW + 5;
	char *body = xmalloc(n);
	struct fetch_request q = {
		.method = STR("PATCH"), .target = STR(TARGET "?dryRun=All"), .user = &anonymous,
		.content_type = STR("application/apply-patch+yaml"), .body = str_make(body, n),
	};
	struct fake_stream *up;

	for (size_t i = 0; i < n; i++)
		body[i] = (char)('a' + i % 26);
	begin();
	start(&q);
	int_is(fake_client.class, HTTP_CLIENT_ANONYMOUS);
	up = fake_client_give();
	int_is(up->head.content_length, n);
	ok(!up->head_end);
	str_is(fake_field(up, "Content-Type"), q.content_type);
	while (!up->ended && ok(up->body.n - up->sent <= HTTP_WINDOW && up->body.n > up->sent))
		fake_stream_sent(up, up->body.n - up->sent > 30000 ? 30000 : up->body.n - up->sent);
	str_is(strbuf_str(&up->body), q.body);
	fake_stream_sent(up, up->body.n - up->sent);
	fake_stream_head(up, 200, NULL, true);
	int_is(t.calls, 1);
	ok(!up->was_reset);
	fake_stream_free(up);
	end();
	free(body);
}

/* An answer before the body is out: the rest of it goes nowhere. */
static void test_an_early_answer(void)
{
	static char body[2 * HTTP_WINDOW];
	struct fetch_request q = read_request();
	struct fake_stream *up;

	q.method = STR("PUT");
	q.body = str_make(body, sizeof(body));
	begin();
	start(&q);
	up = fake_client_give();
	fake_stream_head(up, 403, NULL, true);
	int_is(t.code, 403);
	ok(up->was_reset && up->released);
	fake_stream_free(up);
	end();
}

/* done never comes before fetch_start is back. */
static void test_failures_at_once(void)
{
	static const struct user nobody = { .name = STR_NULL };
	struct fetch_request q = read_request();

	begin();
	fake_client.answer = FAKE_FAIL_AT_ONCE;
	start(&q);
	loop_turn(fake.worker->loop, 0);
	int_is(t.calls, 1);
	int_is(t.code, 0);
	ok(error_has("cannot be reached: no server"));
	q.user = &nobody;
	fake_client.opened = 0;
	t.calls = 0;
	start(&q);
	loop_turn(fake.worker->loop, 0);
	int_is(t.calls, 1);
	ok(t.error.n > 0);
	int_is(fake_client.opened, 0);
	end();
}

static void test_cancelled_at_any_time(void)
{
	struct fetch_request q = read_request();
	struct fake_stream *up;

	begin();
	start_read();
	fetch_cancel(t.fetch);
	int_is(fake_client.cancelled, 1);
	fake_client.answer = FAKE_FAIL_AT_ONCE;
	start_read();
	fetch_cancel(t.fetch);
	loop_turn(fake.worker->loop, 0);
	fake_client.answer = FAKE_AT_ONCE;
	for (int stage = 0; stage < 3; stage++) {
		t.fetch = fetch_start(fake.worker, &q, on_done, &t);
		up = fake_client.stream;
		if (stage)
			fake_stream_head(up, 200, NULL, false);
		if (stage == 2)
			fake_stream_body(up, "{");
		fetch_cancel(t.fetch);
		ok(up->was_reset && up->released);
		fake_stream_free(up);
	}
	fake_proxy_pass(2 * FETCH_TIMEOUT_MS);
	int_is(t.calls, 0);
	end();
}

static void test_deadline(void)
{
	struct fake_stream *up;

	begin();
	start_read();
	up = fake_client_give();
	fake_stream_head(up, 200, NULL, false);
	fake_proxy_pass(FETCH_TIMEOUT_MS - 1);
	int_is(t.calls, 0);
	fake_proxy_pass(1);
	int_is(t.calls, 1);
	int_is(t.code, 0);
	ok(error_has("in time"));
	ok(up->was_reset && up->released);
	fake_stream_free(up);
	start_read();
	fake_proxy_pass(FETCH_TIMEOUT_MS);
	int_is(t.calls, 2);
	int_is(fake_client.cancelled, 1);
	end();
}

/* Length known or not, nothing beyond the limit is kept. */
static void test_too_large_an_answer(void)
{
	struct fake_stream *up;
	struct http_message m = { .status = 200, .content_length = FETCH_BODY_MAX + 1 };

	begin();
	start_read();
	up = fake_client_give();
	up->stream.handler->on_head(up->stream.user, &m, false);
	int_is(t.calls, 1);
	ok(error_has("too large"));
	ok(up->was_reset);
	fake_stream_free(up);
	start_read();
	up = fake_client_give();
	fake_stream_head(up, 200, NULL, false);
	for (size_t n = 0; n < FETCH_BODY_MAX; n += HTTP_WINDOW)
		fake_stream_bytes(up, HTTP_WINDOW);
	int_is(t.calls, 1);
	fake_stream_bytes(up, 1);
	int_is(t.calls, 2);
	int_is(t.code, 0);
	int_is(t.body.n, 0);
	ok(error_has("too large"));
	fake_stream_free(up);
	end();
}

/* Only a kept connection that was closed before it answered gives a second try, and one. */
static void test_second_try(void)
{
	struct fake_stream *up;

	begin();
	start_read();
	up = fake_client_give();
	up->stream.reused = up->stream.unprocessed = true;
	fake_stream_closed(up, ERR_CLOSED);
	ok(up->released);
	fake_stream_free(up);
	int_is(t.calls, 0);
	int_is(fake_client.opened, 2);
	ok(fake_client.fresh);
	up = fake_client_give();
	up->stream.reused = up->stream.unprocessed = true;
	fake_stream_closed(up, ERR_CLOSED);
	int_is(t.calls, 1);
	ok(error_has("without an answer"));
	fake_stream_free(up);
	start_read();
	up = fake_client_give();
	fake_stream_head(up, 200, NULL, false);
	fake_stream_body(up, "{\"a\":");
	fake_stream_closed(up, ERR_RESET);
	int_is(t.calls, 2);
	int_is(t.code, 0);
	int_is(t.body.n, 0);
	fake_stream_free(up);
	end();
}

/* What is done with an answer may need the next one. */
static void test_one_after_the_other(void)
{
	struct fake_stream *up;

	begin();
	t.starts_another = true;
	fake_client.answer = FAKE_AT_ONCE;
	start_read();
	up = fake_client.stream;
	fake_stream_head(up, 404, NULL, true);
	int_is(t.calls, 1);
	fake_stream_free(up);
	up = fake_client.stream;
	if (ok(t.fetch && up))
		fake_stream_head(up, 200, NULL, true);
	int_is(t.calls, 2);
	fake_stream_free(up);
	end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_a_read), TAP(test_an_answer_without_body),
		TAP(test_a_body_goes_by_credit), TAP(test_an_early_answer),
		TAP(test_failures_at_once), TAP(test_cancelled_at_any_time), TAP(test_deadline),
		TAP(test_too_large_an_answer), TAP(test_second_try), TAP(test_one_after_the_other),
		TAP_END,
	};

	return tap_main(tests);
}
