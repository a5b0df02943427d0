/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "authn/token_file.h"
#include "base/mem.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "proxy/worker.h"
#include "tests/fake_server.h"

static struct server *server;
static struct fake_slots { uint64_t tls, authn, policy, upstream; } before;
static int64_t reloads, failures;

static struct fake_slots generations(void)
{
	return (struct fake_slots){
		.tls = fake_server_generation(&server->tls_slot),
		.authn = fake_server_generation(&server->authn_slot),
		.policy = fake_server_generation(&server->policy_slot),
		.upstream = fake_server_generation(&server->upstreams->tls_slot),
	};
}

/* The control thread runs and watches its files. */
static void start(void)
{
	server = fake_server_new();
	if (!ok(server != NULL))
		exit(1);
	server->workers = xcalloc(1, sizeof(*server->workers));
	server->workers[server->worker_count++] = worker_new(server, -1, -1);
	server->control = control_new(server);
	int_is(control_start(server->control), 0);
	wait_for_thread(atomic_load(&server->health.good[HEALTH_CLUSTER_STATE]));
	before = generations();
	reloads = metric_value(METRIC_RELOADS);
	failures = metric_value(METRIC_RELOAD_FAILURES);
}

/* Passes time in small steps and has the files looked at, until the condition holds. */
#define pass_until(condition) \
	do { \
		for (int tries = 0; tries < 5000 && !(condition); tries++) { \
			fake_server_pass(RELOAD_PAUSE_MS); \
			control_reload(server->control); \
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL); \
		} \
		ok(condition); \
	} while (0)

#define reloaded(n) pass_until(metric_value(METRIC_RELOADS) - reloads == (n))
#define failed(n) pass_until(metric_value(METRIC_RELOAD_FAILURES) - failures == (n))

/* Which slots have got something new since the start: as letters. */
static void published(const char *want)
{
	struct fake_slots now = generations();
	char got[5] = "", *at = got;

	if (now.tls != before.tls)
		*at++ = 't';
	if (now.authn != before.authn)
		*at++ = 'a';
	if (now.policy != before.policy)
		*at++ = 'p';
	if (now.upstream != before.upstream)
		*at++ = 'u';
	cstr_is(got, want);
}

static bool knows_token(const char *token)
{
	const struct authn_config *c =
		(void *)fake_server_current(&server->authn_slot);

	return token_file_find(c->tokens, str_from(token)) != NULL;
}

static void test_serving_certificate(void)
{
	fake_server_prepare();
	start();
	fake_files_write("cert", fake_certs.two->cert_pem);
	/* The one is looked at before the other is written. */
	control_reload(server->control);
	fake_files_write("key", fake_certs.two->key_pem);
	control_reload(server->control);
	reloaded(1);
	published("t");
	int_is(metric_value(METRIC_RELOAD_FAILURES), failures);
	fake_server_stop();
}

static void test_broken_certificate(void)
{
	fake_server_prepare();
	start();
	fake_files_write("cert", "none");
	failed(1);
	published("");
	fake_files_write("cert", fake_certs.server->cert_pem);
	reloaded(1);
	published("t");
	fake_server_stop();
}

/* The client CA is what clients are asked for, and what they are judged by. */
static void test_client_ca(void)
{
	fake_server_prepare();
	start();
	fake_files_write("ca", fake_certs.strange_ca->cert_pem);
	reloaded(2);
	published("ta");
	fake_server_stop();
	fake_server_prepare();
	start();
	fake_files_write("ca", "");
	failed(2);
	published("");
	fake_server_stop();
}

static void test_tokens(void)
{
	fake_server_prepare();
	start();
	ok(knows_token("secret"));
	fake_files_write("tokens", "another,tom,u1\n");
	reloaded(1);
	published("a");
	ok(knows_token("another") && !knows_token("secret"));
	/* A file that cannot be read, or is gone, is not one without tokens. */
	fake_files_write("tokens", "third,tom,u1\nonly-one-field\n");
	failed(1);
	ok(knows_token("another") && !knows_token("third"));
	fake_files_remove("tokens");
	failed(2);
	ok(knows_token("another"));
	fake_server_stop();
}

static void test_front_proxy_certificate(void)
{
	fake_server_prepare();
	start();
	fake_files_write("client-cert", fake_certs.two->cert_pem);
	failed(1);
	published("");
	fake_files_write("client-key", fake_certs.two->key_pem);
	reloaded(1);
	published("u");
	fake_files_write("upstream-ca", "");
	failed(2);
	fake_server_stop();
}

static void test_sni_certificate(void)
{
	char *text;

	fake_server_prepare();
	ok(asprintf(&text, "%s,%s", fake_files_write("sni-cert", fake_certs.one->cert_pem),
		    fake_files_write("sni-key", fake_certs.one->key_pem)) > 0);
	option_list_add(&fake_server.options.tls_sni_cert_key, str_from(text));
	start();
	fake_files_write("sni-key", fake_certs.two->key_pem);
	failed(1);
	fake_files_write("sni-cert", fake_certs.two->cert_pem);
	reloaded(1);
	published("t");
	free(text);
	fake_server_stop();
}

#define ROLE "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: a\n"

static void test_manifests(void)
{
	fake_server_prepare();
	fake_server.options.cluster_state = fake_files_write("state", ROLE);
	fake_server.options.modes[0] = MODE_RBAC;
	start();
	fake_files_write("state", "{");
	failed(1);
	published("");
	fake_files_write("state", ROLE "rules: []\n");
	reloaded(1);
	published("p");
	fake_server_stop();
}

/* ---- workers ---- */

static bool workers_are_good(void)
{
	return atomic_load(&server->health.good[HEALTH_WORKERS]);
}

/* A worker that answers no ping is found out, and forgiven when it does. */
static void test_stuck_worker(void)
{
	fake_server_prepare();
	start();
	ok(workers_are_good());
	pass_until(!workers_are_good());
	ok(clock_monotonic_us(server->clock) > WORKER_STUCK_MS * INT64_C(1000));
	atomic_store(&server->workers[0]->heartbeat_us, INT64_MAX);
	pass_until(workers_are_good());
	fake_server_stop();
}

#ifdef HAVE_SYSTEMD
static int open_notify_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", fake_files_path("notify"));
	ok(!bind(fd, (struct sockaddr *)&a, sizeof(a)));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setenv("NOTIFY_SOCKET", fake_files_path("notify"), 1);
	return fd;
}

static bool watchdog_was_fed(int fd)
{
	char text[64] = "";

	return recv(fd, text, sizeof(text) - 1, 0) > 0 && !strcmp(text, "WATCHDOG=1");
}

/*
 * A process that was stopped for an hour, or a machine that slept, is not one whose workers are
 * stuck: they are judged by the last ping they were sent.
 */
static void test_watchdog(void)
{
	char path[4096], *dir = getcwd(NULL, 0);
	int fd;

	fake_server_prepare();
	fd = open_notify_socket();
	/* systemd wants an absolute path. */
	snprintf(path, sizeof(path), "%s/%s", dir, fake_files_path("notify"));
	setenv("NOTIFY_SOCKET", path, 1);
	free(dir);
	start();
	fake_server_pass(3600 * 1000);
	control_reload(server->control);
	ok(watchdog_was_fed(fd));
	ok(workers_are_good());
	/* This ping is not answered. */
	pass_until(!workers_are_good());
	int_is(recv(fd, path, sizeof(path), MSG_DONTWAIT), -1);
	atomic_store(&server->workers[0]->heartbeat_us, INT64_MAX);
	pass_until(workers_are_good());
	ok(watchdog_was_fed(fd));
	unsetenv("NOTIFY_SOCKET");
	close(fd);
	fake_server_stop();
}
#endif

/* ---- the end of the front-proxy certificate ---- */

/* What is logged from the start until the workers are found stuck: some ticks. */
static bool warns_of_end(int64_t days)
{
	struct certs_pair *pair = certs_make(&(struct certs_spec){
		.cn = "one", .eku = "clientAuth",
		.not_after = clock_wall_us(&clock_system) / 1000000 + days * 24 * 3600 },
		fake_certs.ca);
	char *text;
	size_t n;
	FILE *file = open_memstream(&text, &n);
	bool warned;

	fake_server_prepare();
	fake_files_write("client-cert", pair->cert_pem);
	fake_files_write("client-key", pair->key_pem);
	log_set_file(file);
	start();
	pass_until(!workers_are_good());
	fake_server_stop();
	log_set_file(NULL);
	fclose(file);
	warned = strstr(text, "The certificate of --proxy-client-cert-file ends in") != NULL;
	/* Once an hour, not at each tick. */
	if (warned)
		ok(!strstr(strstr(text, "ends in") + 1, "ends in"));
	free(text);
	certs_free(pair);
	return warned;
}

static void test_end_of_certificate(void)
{
	ok(warns_of_end(3));
	ok(!warns_of_end(30));
}

static void test_never_started(void)
{
	fake_server_prepare();
	server = fake_server_new();
	server->control = control_new(server);
	fake_server_stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_serving_certificate),
		TAP(test_broken_certificate),
		TAP(test_client_ca),
		TAP(test_tokens),
		TAP(test_front_proxy_certificate),
		TAP(test_sni_certificate),
		TAP(test_manifests),
		TAP(test_stuck_worker),
#ifdef HAVE_SYSTEMD
		TAP(test_watchdog),
#endif
		TAP(test_end_of_certificate),
		TAP(test_never_started),
		TAP_END
	};
	int rc;

	fake_certs_make();
	rc = tap_main(tests);
	fake_certs_free();
	return rc;
}
