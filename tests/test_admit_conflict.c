/* SPDX-License-Identifier: Apache-2.0 */
/* Conflicts upstream: what was decided is decided again. */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "tests/admit_plugin.h"

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
	int_is(http_field_count(&up->head.headers, HTTP_X_REMOTE_USER), 1);
	return up;
}

static struct fake_stream *one_round(const char *want_body)
{
	return one_round_to(NODE "?uid=1", want_body);
}

static struct fake_stream *begin_conflicts(void)
{
	struct fake_stream *f;

	admit_begin();
	plugin.wants_body = plugin.wants_object = plugin.replaces = plugin.again = true;
	plugin.new_query = "uid=1";
	f = admit_request("PUT", NODE "?x=y", -1, false);
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
	admit_finish(f, up);
	admit_end();
}

/* What only the first decision changed is as it came. */
static void test_a_conflict_is_decided_otherwise(void)
{
	struct fake_stream *f = begin_conflicts(), *up = one_round("{\"run\":3}");

	plugin.new_query = NULL;
	plugin.replaces = false;
	admit_answer(up, 409);
	fake_stream_free(up);
	up = one_round_to(NODE "?x=y", "old");
	str_is(fake_field(up, "Content-Type"), STR("application/json"));
	admit_finish(f, up);
	admit_end();
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
	admit_answer(up, 404);
	fake_stream_free(up);
	admit_finish_refused(f, 403);
	admit_end();
}

static void test_conflicts_without_end(void)
{
	struct fake_stream *f = begin_conflicts(), *up;

	for (int i = 1; i < ADMISSION_TRIES_MAX; i++) {
		char want[32];

		snprintf(want, sizeof(want), "{\"run\":%d}", 2 * i + 1);
		up = one_round(want);
		admit_answer(up, 409);
		int_is(f->heads, 0);
		fake_stream_free(up);
	}
	up = one_round("{\"run\":11}");
	admit_answer(up, 409);
	int_is(f->head.status, 409);
	str_is(strbuf_str(&f->body), STR("answer"));
	fake_request_done(f);
	fake_stream_free(up);
	admit_end();
}

/* A conflict that the decision does not hang on is the client's. */
static void test_a_conflict_of_the_clients(void)
{
	struct fake_stream *f, *up;

	admit_begin();
	plugin.wants_body = true;
	f = admit_put();
	fake_stream_end(f, NULL);
	up = fake_client_give();
	admit_answer(up, 409);
	int_is(f->head.status, 409);
	fake_request_done(f);
	fake_stream_free(up);
	admit_end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_a_conflict_is_decided_again), TAP(test_a_conflict_is_decided_otherwise),
		TAP(test_conflicts_cut_short), TAP(test_conflicts_without_end),
		TAP(test_a_conflict_of_the_clients), TAP_END,
	};

	return tap_main(tests);
}
