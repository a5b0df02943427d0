/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "obs/log.h"
#include "proxy/self_review.h"
#include "proxy/upstream_check.h"
#include "tests/fake_upstream.h"
#include "tests/tap.h"

#define SERVERS_MAX 2

static const struct user own = { .name = STR("system:kube-authproxy") };

static struct clock_fake fake_clock;
static struct loop *loop;
static struct fake_upstream servers[SERVERS_MAX];
static size_t server_count;
static struct upstream_set *set;
static struct health health;
static struct upstream_check *check;
static char *log_text;
static size_t log_size;
static FILE *log_file;

/* What the servers say. */
static struct { int review_status; const char *review; int readyz_status; } says;

/* Turns the loop until the condition holds; gives up after some seconds. */
#define wait_for(condition) \
	do { \
		for (int turns = 0; turns < 1000 && !(condition); turns++) \
			loop_turn(loop, 10); \
		ok(condition); \
	} while (0)

static void answer(const struct http_message *m, int *status, const char **body)
{
	bool is_review = str_eq(m->target, STR(SELF_REVIEW_PATH));

	ok(str_eq(m->method, is_review ? STR("POST") : STR("GET")));
	*status = is_review ? says.review_status : says.readyz_status;
	*body = is_review ? says.review : "ok";
}

static void publish_client(const struct certs_pair *pair)
{
	snapshot_slot_publish(&set->tls_slot, fake_client_context(pair, fake_certs.ca));
}

static void prepare(size_t n)
{
	clock_fake_init(&fake_clock, 1000000, 0);
	loop = loop_new(&fake_clock.clock);
	server_count = n;
	for (size_t i = 0; i < n; i++) {
		fake_upstream_init(&servers[i], loop);
		fake_upstream_listen(&servers[i]);
		servers[i].answer = answer;
	}
	says.review_status = 201;
	says.review = FAKE_REVIEW;
	says.readyz_status = 200;
	set = fake_upstream_set(servers, n, &fake_clock.clock);
	publish_client(fake_certs.one);
	health_init(&health);
	log_file = open_memstream(&log_text, &log_size);
	log_set_file(log_file);
}

static void begin(void)
{
	check = upstream_check_new(loop, set, &health, &own);
	loop_turn(loop, 0);
}

static void start(size_t n)
{
	prepare(n);
	begin();
}

static void stop(void)
{
	upstream_check_free(check);
	for (size_t i = 0; i < server_count; i++)
		fake_upstream_fini(&servers[i]);
	for (int i = 0; i < 4; i++)
		loop_turn(loop, 0);
	loop_free(loop);
	upstream_set_free(set);
	log_set_file(NULL);
	fclose(log_file);
	free(log_text);
}

static void pass_ms(int64_t ms)
{
	clock_fake_advance(&fake_clock, ms * 1000);
	loop_turn(loop, 0);
}

static bool is_good(enum health_check c)
{
	return atomic_load(&health.good[c]);
}

static int trust_of(size_t i)
{
	return atomic_load(&set->servers[i].trust);
}

static int logged(const char *what)
{
	int n = 0;

	fflush(log_file);
	for (const char *at = log_text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

/* First who we are taken for, then whether it is ready: over one connection. */
static void test_good_server(void)
{
	start(1);
	ok(!is_good(HEALTH_UPSTREAM) && !is_good(HEALTH_UPSTREAM_IDENTITY));
	int_is(trust_of(0), UPSTREAM_UNTESTED);
	wait_for(is_good(HEALTH_UPSTREAM));
	ok(is_good(HEALTH_UPSTREAM_IDENTITY));
	int_is(trust_of(0), UPSTREAM_TRUSTED);
	str_is(strbuf_str(&servers[0].asked),
	       STR("POST " SELF_REVIEW_PATH " kube-authproxy:self-test\n"));
	strbuf_clear(&servers[0].asked);
	/* Before its time there is no other question. */
	for (int ms = 0; ms < CHECK_MS - 1; ms++) {
		pass_ms(1);
		if (ms % CHECK_FIRST_MS == 0)
			loop_turn(loop, 10);
	}
	int_is(servers[0].requests, 1);
	for (int i = 0; i < 2; i++) {
		/* What the answer changes shows that it has come. */
		atomic_store(&set->servers[0].not_ready, true);
		pass_ms(i ? CHECK_MS : 1);
		wait_for(!atomic_load(&set->servers[0].not_ready));
	}
	str_is(strbuf_str(&servers[0].asked),
	       STR("GET /readyz system:kube-authproxy\nGET /readyz system:kube-authproxy\n"));
	int_is(servers[0].accepted, 1);
	stop();
}

/* A lost group upstream would give users rights of others: never trusted, and it says why. */
static void test_identity_does_not_pass(void)
{
	prepare(1);
	says.review = "{\"status\":{\"userInfo\":{\"username\":\"kube-authproxy:self-test\"}}}";
	begin();
	wait_for(trust_of(0) == UPSTREAM_REFUSED);
	ok(!is_good(HEALTH_UPSTREAM_IDENTITY) && !is_good(HEALTH_UPSTREAM));
	int_is(logged("--requestheader-group-headers"), 1);
	/* It is not logged at each round, and asked again until it is mended. */
	for (int i = 2; i < 5; i++) {
		pass_ms(CHECK_MS);
		wait_for(servers[0].requests == i);
		wait_for(servers[0].open == 0);
	}
	int_is(logged("--requestheader-group-headers"), 1);
	says.review = FAKE_REVIEW;
	pass_ms(CHECK_MS);
	wait_for(is_good(HEALTH_UPSTREAM_IDENTITY));
	int_is(trust_of(0), UPSTREAM_TRUSTED);
	stop();
}

/* The certificate's own name coming back means that user headers are not read. */
static void test_own_name_comes_back(void)
{
	prepare(1);
	says.review = "{\"status\":{\"userInfo\":{\"username\":\"one\"}}}";
	begin();
	wait_for(trust_of(0) == UPSTREAM_REFUSED);
	int_is(logged("proxy's own certificate"), 1);
	stop();
}

/* A server in trouble has said nothing about identity. */
static void test_trouble_is_no_refusal(void)
{
	prepare(1);
	says.review_status = 503;
	begin();
	wait_for(atomic_load(&set->servers[0].failures) == 1);
	int_is(trust_of(0), UPSTREAM_UNTESTED);
	ok(!is_good(HEALTH_UPSTREAM_IDENTITY));
	says.review_status = 429;
	pass_ms(CHECK_MS);
	wait_for(atomic_load(&set->servers[0].failures) == 2);
	int_is(trust_of(0), UPSTREAM_UNTESTED);
	/* But what was refused with 401 is. */
	says.review_status = 401;
	pass_ms(CHECK_MS);
	wait_for(trust_of(0) == UPSTREAM_REFUSED);
	stop();
}

static void test_an_answer_without_end(void)
{
	static char long_body[CHECK_BODY_MAX + 1000];

	prepare(1);
	memset(long_body, ' ', sizeof(long_body) - 1);
	says.review = long_body;
	begin();
	wait_for(trust_of(0) == UPSTREAM_REFUSED);
	ok(!is_good(HEALTH_UPSTREAM_IDENTITY));
	stop();
}

static void test_not_ready(void)
{
	start(1);
	wait_for(is_good(HEALTH_UPSTREAM));
	says.readyz_status = 500;
	pass_ms(CHECK_MS);
	wait_for(!is_good(HEALTH_UPSTREAM));
	/* Identity has passed, and is asked again over the next connection. */
	ok(is_good(HEALTH_UPSTREAM_IDENTITY));
	ok(atomic_load(&set->servers[0].not_ready));
	ok(!upstream_server_is_up(&set->servers[0], loop_now_us(loop)));
	int_is(logged("/readyz answered 500"), 2);	/* by the set, and by the check */
	says.readyz_status = 200;
	strbuf_clear(&servers[0].asked);
	pass_ms(CHECK_MS);
	wait_for(servers[0].requests == 3);
	str_is(strbuf_str(&servers[0].asked),
	       STR("POST " SELF_REVIEW_PATH " kube-authproxy:self-test\n"));
	stop();
}

static void test_cannot_connect(void)
{
	prepare(1);
	fake_upstream_deafen(&servers[0]);
	begin();
	wait_for(atomic_load(&set->servers[0].failures) == 1);
	ok(!is_good(HEALTH_UPSTREAM));
	int_is(logged("cannot connect: "), 2);
	fake_upstream_listen(&servers[0]);
	pass_ms(CHECK_MS);
	wait_for(is_good(HEALTH_UPSTREAM));
	int_is(trust_of(0), UPSTREAM_TRUSTED);
	int_is(logged("is up again"), 1);
	stop();
}

static void test_no_address(void)
{
	prepare(1);
	set->servers[0].address_count = 0;
	begin();
	wait_for(logged("the name does not resolve") > 0);
	ok(!is_good(HEALTH_UPSTREAM));
	stop();
}

static void test_no_answer(void)
{
	prepare(1);
	servers[0].silent = true;
	begin();
	wait_for(servers[0].requests == 1);
	pass_ms(CHECK_TIMEOUT_MS);
	int_is(atomic_load(&set->servers[0].failures), 1);
	int_is(logged("no answer in time"), 2);
	wait_for(servers[0].open == 0);
	servers[0].silent = false;
	pass_ms(CHECK_MS);
	wait_for(is_good(HEALTH_UPSTREAM));
	stop();
}

static void test_hangs_up_on_a_question(void)
{
	prepare(1);
	servers[0].silent = true;
	begin();
	wait_for(servers[0].requests == 1);
	fake_upstream_hang_up(&servers[0]);
	wait_for(atomic_load(&set->servers[0].failures) == 1);
	int_is(trust_of(0), UPSTREAM_UNTESTED);
	stop();
}

/* Behind a new connection may be a server with other flags: identity is asked for again. */
static void test_new_connection_is_tested_again(void)
{
	start(1);
	wait_for(is_good(HEALTH_UPSTREAM));
	fake_upstream_hang_up(&servers[0]);
	wait_for(servers[0].open == 0);
	says.review = "{\"status\":{\"userInfo\":{\"username\":\"system:anonymous\"}}}";
	/* The end of the connection may be seen only by a question over it. */
	for (int turns = 0; turns < 1000 && trust_of(0) != UPSTREAM_REFUSED; turns++) {
		pass_ms(100);
		loop_turn(loop, 10);
	}
	int_is(trust_of(0), UPSTREAM_REFUSED);
	ok(!is_good(HEALTH_UPSTREAM_IDENTITY) && !is_good(HEALTH_UPSTREAM));
	stop();
}

static void test_new_certificate(void)
{
	start(1);
	wait_for(is_good(HEALTH_UPSTREAM));
	cstr_is(servers[0].cn, "one");
	publish_client(fake_certs.two);
	upstream_check_again(check);
	strbuf_clear(&servers[0].asked);
	loop_turn(loop, 0);
	wait_for(servers[0].requests == 2);
	cstr_is(servers[0].cn, "two");
	str_is(strbuf_str(&servers[0].asked),
	       STR("POST " SELF_REVIEW_PATH " kube-authproxy:self-test\n"));
	stop();
}

/* Nobody said so: the next question sees it by itself. */
static void test_new_certificate_unannounced(void)
{
	start(1);
	wait_for(is_good(HEALTH_UPSTREAM));
	publish_client(fake_certs.two);
	pass_ms(CHECK_MS);
	wait_for(servers[0].requests == 2);
	cstr_is(servers[0].cn, "two");
	stop();
}

/* One that refuses is enough to be not ready: its clients would be others. */
static void test_one_of_two_refuses(void)
{
	prepare(2);
	fake_upstream_deafen(&servers[1]);
	begin();
	wait_for(is_good(HEALTH_UPSTREAM));
	/* One that is dead is no obstacle. */
	wait_for(atomic_load(&set->servers[1].failures) == 1);
	ok(is_good(HEALTH_UPSTREAM_IDENTITY));
	says.review_status = 401;
	fake_upstream_listen(&servers[1]);
	pass_ms(CHECK_MS);
	wait_for(trust_of(1) == UPSTREAM_REFUSED);
	ok(!is_good(HEALTH_UPSTREAM_IDENTITY));
	int_is(trust_of(0), UPSTREAM_TRUSTED);
	stop();
}

static void test_end_while_connecting(void)
{
	prepare(1);
	check = upstream_check_new(loop, set, &health, &own);
	stop();
	start(1);
	ok(!is_good(HEALTH_UPSTREAM));
	stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_good_server),
		TAP(test_identity_does_not_pass),
		TAP(test_own_name_comes_back),
		TAP(test_trouble_is_no_refusal),
		TAP(test_an_answer_without_end),
		TAP(test_not_ready),
		TAP(test_cannot_connect),
		TAP(test_no_address),
		TAP(test_no_answer),
		TAP(test_hangs_up_on_a_question),
		TAP(test_new_connection_is_tested_again),
		TAP(test_new_certificate),
		TAP(test_new_certificate_unannounced),
		TAP(test_one_of_two_refuses),
		TAP(test_end_while_connecting),
		TAP_END
	};
	int rc;

	fake_certs_make();
	rc = tap_main(tests);
	fake_certs_free();
	return rc;
}
