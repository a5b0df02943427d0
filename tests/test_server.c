/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/listener.h"
#include "obs/metrics.h"
#include "tests/fake_server.h"

static bool has_problem(const char *text)
{
	const struct strbuf *b = &fake_server.problems.text;
	bool has = str_find_str(strbuf_str(b), str_from(text)) >= 0;

	if (!has)
		tap_note("the problems are: %s", b->n ? b->p : "");
	return has;
}

static enum authz_decision decide(struct server *s, const char *name, const char *group)
{
	struct str groups[] = { str_from(group) };
	struct user u = { .name = str_from(name), .groups = groups, .group_count = 1 };
	struct attributes a = { .user = &u, .verb = STR("get"), .path = STR("/x") };
	struct authz_request r = { .attributes = &a };
	enum authz_decision d;
	struct arena arena;

	arena_init(&arena);
	r.arena = &arena;
	r.policy = (void *)fake_server_current(&s->policy_slot);
	d = authz_chain_run(&r);
	arena_fini(&arena);
	return d;
}

static void test_new(void)
{
	struct server *s;

	fake_server_prepare();
	s = fake_server_new();
	int_is(fake_server.problems.count, 0);
	if (ok(s != NULL)) {
		ok(fake_server_current(&s->tls_slot) && fake_server_current(&s->authn_slot));
		ok(fake_server_current(&s->policy_slot));
		ok(fake_server_current(&s->upstreams->tls_slot));
		ok(!health_is_ready(&s->health));
		int_is(decide(s, "tom", "dev"), AUTHZ_ALLOW);
	}
	fake_server_stop();
}

/* Before anything of the cluster is known RBAC lets nobody through but the privileged group. */
static void test_before_the_first_sync(void)
{
	struct server *s;

	fake_server_prepare();
	fake_server.options.modes[0] = MODE_RBAC;
	s = fake_server_new();
	int_is(decide(s, "tom", "system:authenticated"), AUTHZ_NO_OPINION);
	int_is(decide(s, "system:anonymous", "system:unauthenticated"), AUTHZ_NO_OPINION);
	int_is(decide(s, "root", "system:masters"), AUTHZ_ALLOW);
	ok(!atomic_load(&s->health.good[HEALTH_CLUSTER_STATE]));
	fake_server_stop();
}

/* All that is wrong is said at once, and no server is made of the rest. */
static void test_problems(void)
{
	fake_server_prepare();
	fake_files_write("cert", "none");
	fake_files_write("tokens", "one-field\n");
	fake_files_remove("upstream-ca");
	fake_server.options.cluster_state = fake_files_write("state", "{");
	ok(!fake_server_new());
	ok(has_problem("--tls-cert-file: no certificate"));
	ok(has_problem("--token-auth-file"));
	ok(has_problem("--upstream-ca-file: No such file"));
	ok(has_problem("--cluster-state"));
	int_is(fake_server.problems.count, 4);
	fake_server_stop();
}

static void test_problems_of_before(void)
{
	fake_server_prepare();
	problems_add(&fake_server.problems, NULL, 0, "v", "is wrong");
	ok(!fake_server_new());
	int_is(fake_server.problems.count, 1);
	fake_server_stop();
}

static void test_sources(void)
{
	struct authn_sources s;

	fake_server_prepare();
	fake_server.options.anonymous_auth = false;
	s = server_authn_sources(&fake_server.options);
	ok(!s.anonymous && !s.basic_auth_file);
	cstr_is(s.client_ca_file, fake_server.options.client_ca_file);
	cstr_is(s.token_auth_file, fake_server.options.token_auth_file);
	fake_server_stop();
}

/* A started server with the health port as well; its port. */
static char health_address[32];

static uint16_t take_free_port(int *fd)
{
	struct address a, bound;

	address_from_text(STR("127.0.0.1"), 0, &a);
	int_is(listener_open(&a, fd, &bound), 0);
	return address_port(&bound);
}

static uint16_t free_port(void)
{
	int fd;
	uint16_t port = take_free_port(&fd);

	close(fd);
	return port;
}

static bool try_start(void)
{
	fake_server_prepare();
	snprintf(health_address, sizeof(health_address), "127.0.0.1:%u", (unsigned)free_port());
	fake_server.options.health_bind_address = health_address;
	fake_server.options.workers = 2;
	return fake_server_new() && !server_start(fake_server.server, &fake_server.problems);
}

/* Somebody else may take the port that was free a moment ago. */
static struct server *start(void)
{
	for (int tries = 0; tries < 5; tries++) {
		if (try_start())
			return fake_server.server;
		fake_server_stop();
	}
	ok(false);
	exit(1);
}

static void test_start(void)
{
	uint16_t health_port;
	struct server *s;
	struct strbuf got;
	int fd;

	s = start();
	health_port = (uint16_t)strtoul(strchr(health_address, ':') + 1, NULL, 10);
	ok(server_port(s) != 0);
	int_is(s->worker_count, 2);
	fd = fake_server_connect(server_port(s));
	ok(fd >= 0);
	close(fd);
	fake_server_ask(health_port, "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
			&got);
	ok(str_has_prefix(strbuf_str(&got), STR("HTTP/1.1 200 OK\r\n")));
	strbuf_fini(&got);
	fake_server_stop();
}

/* SO_REUSEPORT would let two processes share a port without a word. */
static void test_port_in_use(void)
{
	int fd;

	fake_server_prepare();
	fake_server.options.secure_port = take_free_port(&fd);
	fake_server_new();
	int_is(server_start(fake_server.server, &fake_server.problems), ERR_IO);
	ok(has_problem("--secure-port: cannot listen on 127.0.0.1 port"));
	snprintf(health_address, sizeof(health_address), "127.0.0.1:%u",
		 (unsigned)fake_server.options.secure_port);
	fake_server_stop();
	fake_server_prepare();
	fake_server.options.health_bind_address = health_address;
	fake_server_new();
	int_is(server_start(fake_server.server, &fake_server.problems), ERR_IO);
	ok(has_problem("--health-bind-address: cannot listen on 127.0.0.1 port"));
	fake_server_stop();
	close(fd);
}

static void test_address_that_is_none(void)
{
	char address[] = "localhost";

	fake_server_prepare();
	fake_server.options.bind_address = address;
	fake_server_new();
	ok(server_start(fake_server.server, &fake_server.problems) < 0);
	ok(has_problem("\"localhost\" is not an IP address"));
	fake_server_stop();
}

static void test_reload(void)
{
	uint64_t generation;
	struct server *s;

	s = start();
	/* The control thread watches its files from then on. */
	wait_for_thread(atomic_load(&s->health.good[HEALTH_CLUSTER_STATE]));
	generation = fake_server_generation(&s->authn_slot);
	fake_files_write("tokens", "another,tom,u1\n");
	for (int tries = 0; tries < 5000; tries++) {
		if (fake_server_generation(&s->authn_slot) != generation)
			break;
		server_reload(s);
		fake_server_pass(200);
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	ok(fake_server_generation(&s->authn_slot) != generation);
	fake_server_stop();
}

/* ---- the end ---- */

static bool nobody_listens(uint16_t port)
{
	int fd = fake_server_connect(port);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static void test_drain(void)
{
	struct server *s = start();
	uint16_t port = server_port(s);

	server_drain(s);
	ok(atomic_load(&s->draining));
	ok(!atomic_load(&s->health.good[HEALTH_SHUTDOWN]));
	wait_for_thread(nobody_listens(port));
	fake_server_stop();
}

/* Ends the last request once the drain has begun: it must be waited for until then. */
static void *end_a_request(void *arg)
{
	struct server *s = arg;

	wait_for_thread(atomic_load(&s->draining));
	atomic_store(&s->exchanges, 0);
	return NULL;
}

static void test_drain_waits_for_requests(void)
{
	struct server *s = start();
	pthread_t thread;

	atomic_store(&s->exchanges, 1);
	int_is(pthread_create(&thread, NULL, end_a_request, s), 0);
	server_drain(s);
	/* The clock stands still: no other end than that of the request. */
	int_is(atomic_load(&s->exchanges), 0);
	pthread_join(thread, NULL);
	fake_server_stop();
}

static void *pass_the_timeout(void *arg)
{
	struct server *s = arg;

	wait_for_thread(atomic_load(&s->draining));
	/* Once the drain has read the clock, any step of this size is beyond its end. */
	for (int i = 0; i < 5000 && atomic_load(&s->exchanges) == 1; i++) {
		fake_server_pass(s->options->request_timeout_ms);
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	return NULL;
}

static void test_drain_ends(void)
{
	struct server *s = start();
	pthread_t thread;

	atomic_store(&s->exchanges, 1);
	int_is(pthread_create(&thread, NULL, pass_the_timeout, s), 0);
	server_drain(s);
	int_is(atomic_load(&s->exchanges), 1);
	atomic_store(&s->exchanges, 0);
	pthread_join(thread, NULL);
	fake_server_stop();
}

static void test_free(void)
{
	server_free(NULL);
	fake_server_prepare();
	fake_server_new();
	fake_server_stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_new),
		TAP(test_before_the_first_sync),
		TAP(test_problems),
		TAP(test_problems_of_before),
		TAP(test_sources),
		TAP(test_start),
		TAP(test_port_in_use),
		TAP(test_address_that_is_none),
		TAP(test_reload),
		TAP(test_drain),
		TAP(test_drain_waits_for_requests),
		TAP(test_drain_ends),
		TAP(test_free),
		TAP_END
	};
	int rc;

	fake_certs_make();
	rc = tap_main(tests);
	fake_certs_free();
	return rc;
}
