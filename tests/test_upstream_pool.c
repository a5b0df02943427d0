/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "obs/metrics.h"
#include "proxy/upstream_pool.h"
#include "tests/fake_upstream.h"
#include "tests/tap.h"

#define SERVERS_MAX 3

static struct clock_fake fake_clock;
static struct loop *loop;
static struct fake_upstream servers[SERVERS_MAX];
static size_t server_count;
static struct upstream_set *set;
static struct upstream_pool *pool;

/* Turns the loop until the condition holds; gives up after some seconds. */
#define wait_for(condition) \
	do { \
		for (int turns = 0; turns < 1000 && !(condition); turns++) \
			loop_turn(loop, 10); \
		ok(condition); \
	} while (0)

/* Who asks for a stream, sends GET / on it and lets go of it when the answer is whole. */
struct user_of {
	struct http_client_ticket *ticket;
	struct http_stream *stream;	/* while it is held */
	bool keeps_quiet;		/* sends nothing by itself */
	bool was_reused;
	int opened, err, status, closed;
	bool is_done;			/* the answer is whole, or there is none */
	char text[256];			/* of a failure */
};

static void on_end(void *user, const struct http_headers *trailers)
{
	struct user_of *u = user;
	struct http_stream *s = u->stream;

	(void)trailers;
	u->is_done = true;
	u->stream = NULL;
	s->ops->release(s);
}

static void on_head(void *user, struct http_message *m, bool end)
{
	struct user_of *u = user;

	u->status = m->status;
	if (end)
		on_end(user, NULL);
}

static void on_body(void *user, const void *p, size_t n)
{
	struct user_of *u = user;

	(void)p;
	u->stream->ops->consume(u->stream, n);
}

static void on_sent(void *user, size_t n)
{
	(void)user;
	(void)n;
}

static void on_closed(void *user, int err)
{
	struct user_of *u = user;

	u->closed = err;
	on_end(user, NULL);
}

static const struct http_stream_handler handler = {
	.on_head = on_head, .on_body = on_body, .on_end = on_end, .on_sent = on_sent,
	.on_closed = on_closed,
};

static void send_request(struct user_of *u)
{
	struct http_message m = { .method = STR("GET"), .target = STR("/") };

	http_headers_init(&m.headers, u->stream->arena);
	http_headers_add(&m.headers, STR("Host"), STR("upstream"));
	u->stream->ops->send_head(u->stream, &m, true);
}

static void on_open(void *user, struct http_stream *s)
{
	struct user_of *u = user;

	u->opened++;
	u->ticket = NULL;
	u->was_reused = s->reused;
	u->stream = s;
	s->handler = &handler;
	s->user = u;
	if (!u->keeps_quiet)
		send_request(u);
}

static void on_failed(void *user, int err, const char *text)
{
	struct user_of *u = user;

	u->ticket = NULL;
	u->err = err;
	u->is_done = true;
	snprintf(u->text, sizeof(u->text), "%s", text);
}

static const struct http_client_waiter waiter = { .on_open = on_open, .on_failed = on_failed };

static void ask(struct user_of *u, enum http_client_class class, bool fresh)
{
	struct http_client *c = upstream_pool_client(pool);
	struct http_client_ticket *ticket;

	c->open(c, class, fresh, &waiter, u, &ticket);
	if (ticket)
		u->ticket = ticket;
}

/* One request from its start to its end, the connection's return to the pool included. */
static struct user_of request_of(enum http_client_class class, bool fresh)
{
	struct user_of u = { .ticket = NULL };

	ask(&u, class, fresh);
	wait_for(u.is_done);
	return u;
}

static struct user_of request(void)
{
	return request_of(HTTP_CLIENT_IDENTIFIED, false);
}

static void let_go(struct user_of *u)
{
	if (!u->stream)
		return;
	u->stream->ops->reset(u->stream, ERR_CANCELED);
	u->stream->ops->release(u->stream);
	u->stream = NULL;
}

/* Connections in the pool's books: what a peer closed is there until the pool has seen it. */
static int64_t pooled(void)
{
	return metric_value(METRIC_UPSTREAM_CONNECTIONS);
}

static void use_client(const struct certs_pair *pair, const struct certs_pair *ca)
{
	snapshot_slot_publish(&set->tls_slot, fake_client_context(pair, ca));
}

static void start_with(size_t n, size_t max, bool carries_users)
{
	clock_fake_init(&fake_clock, 1000000, 0);
	loop = loop_new(&fake_clock.clock);
	server_count = n;
	for (size_t i = 0; i < n; i++) {
		fake_upstream_init(&servers[i], loop);
		fake_upstream_listen(&servers[i]);
	}
	set = fake_upstream_set(servers, n, &fake_clock.clock);
	use_client(fake_certs.one, fake_certs.ca);
	for (size_t i = 0; i < n; i++)
		atomic_store(&set->servers[i].trust, UPSTREAM_TRUSTED);
	pool = upstream_pool_new(loop, set, max, carries_users);
}

static void start(size_t n)
{
	start_with(n, 8, true);
}

static void stop(void)
{
	upstream_pool_free(pool);
	for (size_t i = 0; i < server_count; i++)
		fake_upstream_fini(&servers[i]);
	for (int i = 0; i < 4; i++)
		loop_turn(loop, 0);
	loop_free(loop);
	upstream_set_free(set);
}

static void pass_ms(int64_t ms)
{
	clock_fake_advance(&fake_clock, ms * 1000);
	loop_turn(loop, 0);
}

static void test_reuse(void)
{
	struct user_of u;

	start(1);
	u = request();
	int_is(u.status, 200);
	ok(!u.was_reused);
	u = request();
	int_is(u.status, 200);
	ok(u.was_reused);
	int_is(servers[0].requests, 2);
	int_is(servers[0].accepted, 1);
	stop();
}

/* While one is in use another request gets another. */
static void test_one_request_at_a_time(void)
{
	struct user_of a = { .keeps_quiet = true }, b;

	start(1);
	ask(&a, HTTP_CLIENT_IDENTIFIED, false);
	wait_for(a.stream);
	b = request();
	int_is(b.status, 200);
	int_is(servers[0].accepted, 2);
	send_request(&a);
	wait_for(a.is_done);
	int_is(a.status, 200);
	stop();
}

static void test_fresh(void)
{
	struct user_of u;

	start(1);
	request();
	u = request_of(HTTP_CLIENT_IDENTIFIED, true);
	ok(!u.was_reused);
	int_is(servers[0].accepted, 2);
	stop();
}

static void test_anonymous_is_apart(void)
{
	struct user_of u;

	start(1);
	request();
	u = request_of(HTTP_CLIENT_ANONYMOUS, false);
	ok(!u.was_reused);
	int_is(servers[0].accepted, 2);
	u = request_of(HTTP_CLIENT_ANONYMOUS, false);
	ok(u.was_reused);
	u = request();
	ok(u.was_reused);
	int_is(servers[0].accepted, 2);
	stop();
}

static void test_bounded(void)
{
	struct user_of held[2] = { { .keeps_quiet = true }, { .keeps_quiet = true } }, u;

	start_with(1, 2, true);
	for (int i = 0; i < 2; i++) {
		ask(&held[i], HTTP_CLIENT_IDENTIFIED, false);
		wait_for(held[i].stream);
	}
	u = request();
	int_is(u.err, ERR_UNAVAILABLE);
	ok(strstr(u.text, "too many connections"));
	int_is(servers[0].accepted, 2);
	let_go(&held[0]);
	wait_for(pooled() == 1);
	u = request();
	int_is(u.status, 200);
	let_go(&held[1]);
	stop();
}

static void test_idle_makes_way(void)
{
	struct user_of u;

	start_with(1, 1, true);
	request();
	u = request_of(HTTP_CLIENT_ANONYMOUS, false);
	int_is(u.status, 200);
	int_is(servers[0].accepted, 2);
	wait_for(servers[0].open == 1);
	stop();
}

static void test_idle_limit(void)
{
	static struct user_of users[POOL_IDLE_MAX + 3];
	size_t n = array_size(users), done = 0;

	memset(users, 0, sizeof(users));
	start_with(1, 2 * n, true);
	for (size_t i = 0; i < n; i++) {
		users[i].keeps_quiet = true;
		ask(&users[i], HTTP_CLIENT_IDENTIFIED, false);
		wait_for(users[i].stream);
	}
	for (size_t i = 0; i < n; i++)
		send_request(&users[i]);
	for (size_t i = 0; i < n; i++) {
		wait_for(users[i].is_done);
		done += users[i].status == 200;
	}
	int_is(done, n);
	wait_for(servers[0].open == POOL_IDLE_MAX);
	stop();
}

static void test_idle_end(void)
{
	start(1);
	request();
	pass_ms(POOL_IDLE_MS - POOL_SWEEP_MS);
	ok(request().was_reused);
	/* Using it made it young again. */
	pass_ms(POOL_IDLE_MS - POOL_SWEEP_MS);
	ok(request().was_reused);
	for (int ms = 0; ms <= POOL_IDLE_MS; ms += POOL_SWEEP_MS)
		pass_ms(POOL_SWEEP_MS);
	wait_for(servers[0].open == 0);
	ok(!request().was_reused);
	int_is(servers[0].accepted, 2);
	stop();
}

static void test_server_hangs_up(void)
{
	start(1);
	request();
	fake_upstream_hang_up(&servers[0]);
	wait_for(pooled() == 0);
	int_is(request().status, 200);
	int_is(servers[0].accepted, 2);
	stop();
}

static void test_round_robin(void)
{
	start(3);
	for (int i = 0; i < 9; i++)
		int_is(request().status, 200);
	for (int i = 0; i < 3; i++) {
		int_is(servers[i].requests, 3);
		int_is(servers[i].accepted, 1);
	}
	stop();
}

/* A server that cannot be reached is left alone for a while, and nobody notices. */
static void test_dead_server(void)
{
	start(2);
	fake_upstream_deafen(&servers[1]);
	for (int i = 0; i < 4; i++)
		int_is(request().status, 200);
	int_is(servers[0].requests, 4);
	int_is(atomic_load(&set->servers[1].failures), 1);
	ok(!upstream_server_is_up(&set->servers[1], loop_now_us(loop)));
	/* It comes back. */
	fake_upstream_listen(&servers[1]);
	request();
	int_is(servers[1].accepted, 0);
	pass_ms(UPSTREAM_DOWN_MIN_MS);
	for (int i = 0; i < 2; i++)
		int_is(request().status, 200);
	int_is(servers[1].requests, 1);
	int_is(atomic_load(&set->servers[1].failures), 0);
	stop();
}

/* When none is up each is tried all the same: they may have come back. */
static void test_all_down(void)
{
	start(2);
	for (int i = 0; i < 2; i++)
		upstream_server_failed(&set->servers[i], loop_now_us(loop), "test");
	int_is(request().status, 200);
	stop();
}

static void test_all_dead(void)
{
	struct user_of u;

	start(2);
	fake_upstream_deafen(&servers[0]);
	fake_upstream_deafen(&servers[1]);
	u = request();
	int_is(u.err, ERR_UNAVAILABLE);
	ok(strstr(u.text, "https://127.0.0.1:"));
	int_is(u.opened, 0);
	int_is(atomic_load(&set->servers[0].failures), 1);
	int_is(atomic_load(&set->servers[1].failures), 1);
	stop();
}

/* One whose /readyz says no is the last to be tried. */
static void test_not_ready(void)
{
	start(2);
	atomic_store(&set->servers[0].not_ready, true);
	for (int i = 0; i < 4; i++)
		int_is(request().status, 200);
	int_is(servers[0].requests, 0);
	fake_upstream_deafen(&servers[1]);
	fake_upstream_hang_up(&servers[1]);
	wait_for(pooled() == 0);
	int_is(request().status, 200);
	int_is(servers[0].requests, 1);
	stop();
}

static void test_no_address(void)
{
	struct user_of u;

	start(1);
	set->servers[0].address_count = 0;
	u = request();
	int_is(u.err, ERR_UNAVAILABLE);
	ok(strstr(u.text, "does not resolve"));
	stop();
}

/* No user's request reaches a server that is not known to take it for that user's. */
static void test_trust(void)
{
	struct user_of u;

	start(1);
	atomic_store(&set->servers[0].trust, UPSTREAM_UNTESTED);
	u = request();
	int_is(u.err, ERR_UNAVAILABLE);
	ok(strstr(u.text, "it has not answered yet"));
	atomic_store(&set->servers[0].trust, UPSTREAM_REFUSED);
	u = request_of(HTTP_CLIENT_ANONYMOUS, false);
	int_is(u.err, ERR_UNAVAILABLE);
	ok(strstr(u.text, "does not take over the identity"));
	int_is(servers[0].accepted, 0);
	atomic_store(&set->servers[0].trust, UPSTREAM_TRUSTED);
	int_is(request().status, 200);
	/* Nor over a connection that is open already. */
	atomic_store(&set->servers[0].trust, UPSTREAM_REFUSED);
	u = request();
	int_is(u.err, ERR_UNAVAILABLE);
	int_is(servers[0].requests, 1);
	stop();
}

static void test_trusted_one_of_two(void)
{
	start(2);
	atomic_store(&set->servers[0].trust, UPSTREAM_REFUSED);
	for (int i = 0; i < 4; i++)
		int_is(request().status, 200);
	int_is(servers[0].accepted, 0);
	/* Not even when the other is dead. */
	fake_upstream_deafen(&servers[1]);
	fake_upstream_hang_up(&servers[1]);
	wait_for(pooled() == 0);
	int_is(request().err, ERR_UNAVAILABLE);
	int_is(servers[0].accepted, 0);
	stop();
}

/* The proxy's own questions carry nobody's identity but ours. */
static void test_own_questions(void)
{
	start_with(1, 8, false);
	atomic_store(&set->servers[0].trust, UPSTREAM_UNTESTED);
	int_is(request().status, 200);
	stop();
}

/* The server is who it says: a certificate of another CA, or for another name. */
static void test_wrong_server(void)
{
	struct user_of u;

	start(1);
	use_client(fake_certs.one, fake_certs.strange_ca);
	u = request();
	int_is(u.err, ERR_UNAVAILABLE);
	ok(strstr(u.text, "certificate verify failed"));
	int_is(servers[0].requests, 0);
	ok(!upstream_server_is_up(&set->servers[0], loop_now_us(loop)));
	stop();
	start(1);
	free(set->servers[0].tls_name);
	set->servers[0].tls_name = xstrdup("another.example");
	u = request();
	int_is(u.err, ERR_UNAVAILABLE);
	int_is(servers[0].requests, 0);
	stop();
}

static void test_connecting_takes_too_long(void)
{
	struct user_of u = { .ticket = NULL };
	struct address a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Listens, and never says a word of TLS. */
	start(1);
	address_from_text(STR("127.0.0.1"), 0, &a);
	ok(!bind(fd, &a.u.sa, a.len) && !listen(fd, 4) && !getsockname(fd, &a.u.sa, &a.len));
	set->servers[0].addresses[0] = a;
	ask(&u, HTTP_CLIENT_IDENTIFIED, false);
	pass_ms(STREAM_CONNECT_TIMEOUT_MS - 1);
	ok(u.ticket && !u.is_done);
	pass_ms(1);
	wait_for(u.is_done);
	ok(strstr(u.text, "connecting timed out"));
	close(fd);
	stop();
}

/* Nobody waits any more: the connection is there for the next one. */
static void test_cancel(void)
{
	struct http_client *c;
	struct user_of a = { .ticket = NULL }, b;

	start(1);
	c = upstream_pool_client(pool);
	ask(&a, HTTP_CLIENT_IDENTIFIED, false);
	ok(a.ticket);
	c->cancel(c, a.ticket);
	wait_for(servers[0].cn[0]);
	b = request();
	int_is(b.status, 200);
	int_is(a.opened, 0);
	int_is(servers[0].accepted, 1);
	/* Cancelled, and then it fails. */
	fake_upstream_hang_up(&servers[0]);
	wait_for(pooled() == 0);
	fake_upstream_deafen(&servers[0]);
	ask(&a, HTTP_CLIENT_IDENTIFIED, true);
	ok(a.ticket);
	c->cancel(c, a.ticket);
	wait_for(atomic_load(&set->servers[0].failures) == 1);
	int_is(a.opened + a.is_done, 0);
	stop();
}

static void test_certificate_change(void)
{
	struct user_of held = { .keeps_quiet = true };

	start(1);
	request();
	cstr_is(servers[0].cn, "one");
	ask(&held, HTTP_CLIENT_IDENTIFIED, false);
	ok(held.stream && held.was_reused);
	ok(!request().was_reused);
	request_of(HTTP_CLIENT_ANONYMOUS, false);
	use_client(fake_certs.two, fake_certs.ca);
	ok(!request().was_reused);
	cstr_is(servers[0].cn, "two");
	/* What is under way ends in order, and is not used again. */
	send_request(&held);
	wait_for(held.is_done);
	int_is(held.status, 200);
	wait_for(servers[0].open == 2);
	/* The idle one of the other class goes with the next look. */
	pass_ms(POOL_SWEEP_MS);
	wait_for(servers[0].open == 1);
	ok(request().was_reused);
	cstr_is(servers[0].cn, "two");
	stop();
}

/* A resumed connection is not verified again: only with the certificate and CA of before. */
static void test_resumption(void)
{
	start(1);
	request();
	request_of(HTTP_CLIENT_IDENTIFIED, true);
	int_is(servers[0].resumed, 1);
	use_client(fake_certs.two, fake_certs.ca);
	request_of(HTTP_CLIENT_IDENTIFIED, true);
	int_is(servers[0].resumed, 1);
	cstr_is(servers[0].cn, "two");
	use_client(fake_certs.two, fake_certs.strange_ca);
	int_is(request_of(HTTP_CLIENT_IDENTIFIED, true).err, ERR_UNAVAILABLE);
	stop();
}

/* The end takes what is idle, connecting and in use; who holds a stream is told. */
static void test_end(void)
{
	struct user_of held = { .keeps_quiet = true };

	start(1);
	request_of(HTTP_CLIENT_ANONYMOUS, false);
	ask(&held, HTTP_CLIENT_IDENTIFIED, false);
	wait_for(held.stream);
	upstream_pool_free(pool);
	pool = NULL;
	wait_for(held.is_done);
	int_is(held.closed, ERR_CANCELED);
	wait_for(servers[0].open == 0);
	stop();
}

static void test_most_recently_used_first(void)
{
	struct user_of u[2] = { { .keeps_quiet = true }, { .keeps_quiet = true } };

	start(1);
	for (int i = 0; i < 2; i++) {
		ask(&u[i], HTTP_CLIENT_IDENTIFIED, false);
		wait_for(u[i].stream);
	}
	for (int i = 0; i < 2; i++) {
		send_request(&u[i]);
		wait_for(u[i].is_done);
	}
	/* The older one is left to grow old. */
	for (int ms = 0; ms <= POOL_IDLE_MS; ms += POOL_SWEEP_MS) {
		ok(request().was_reused);
		pass_ms(POOL_SWEEP_MS);
	}
	wait_for(servers[0].open == 1);
	int_is(servers[0].accepted, 2);
	stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_reuse),
		TAP(test_one_request_at_a_time),
		TAP(test_fresh),
		TAP(test_anonymous_is_apart),
		TAP(test_bounded),
		TAP(test_idle_makes_way),
		TAP(test_idle_limit),
		TAP(test_idle_end),
		TAP(test_server_hangs_up),
		TAP(test_round_robin),
		TAP(test_dead_server),
		TAP(test_all_down),
		TAP(test_all_dead),
		TAP(test_not_ready),
		TAP(test_no_address),
		TAP(test_trust),
		TAP(test_trusted_one_of_two),
		TAP(test_own_questions),
		TAP(test_wrong_server),
		TAP(test_connecting_takes_too_long),
		TAP(test_cancel),
		TAP(test_certificate_change),
		TAP(test_resumption),
		TAP(test_end),
		TAP(test_most_recently_used_first),
		TAP_END
	};
	int rc;

	fake_certs_make();
	rc = tap_main(tests);
	fake_certs_free();
	return rc;
}
