/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/fake_server.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

struct fake_server fake_server;
static atomic_int_fast64_t now_us;

static int64_t monotonic_us(const struct clock *c)
{
	(void)c;
	return atomic_load(&now_us);
}

/* Real, since certificates are. */
static int64_t wall_us(const struct clock *c)
{
	(void)c;
	return clock_wall_us(&clock_system);
}

static const struct clock clock_by_hand = { .monotonic_us = monotonic_us, .wall_us = wall_us };

void fake_server_pass(int64_t ms)
{
	atomic_fetch_add(&now_us, ms * 1000);
}

void fake_server_prepare(void)
{
	static char bind_address[] = "127.0.0.1", state[] = "upstream", user[] = "proxy";

	fake_files_start();
	atomic_store(&now_us, 1000000);
	fake_server = (struct fake_server){ .problems = PROBLEMS_INIT };
	fake_server.options = (struct options){
		.bind_address = bind_address,
		.tls_cert_file = fake_files_write("cert", fake_certs.server->cert_pem),
		.tls_private_key_file = fake_files_write("key", fake_certs.server->key_pem),
		.client_ca_file = fake_files_write("ca", fake_certs.ca->cert_pem),
		.token_auth_file = fake_files_write("tokens", "secret,tom,u1\n"),
		.proxy_client_cert_file = fake_files_write("client-cert", fake_certs.one->cert_pem),
		.proxy_client_key_file = fake_files_write("client-key", fake_certs.one->key_pem),
		.upstream_ca_file = fake_files_write("upstream-ca", fake_certs.ca->cert_pem),
		.anonymous_auth = true,
		.request_timeout_ms = 60000,
		.max_connections = 100,
		.max_handshakes = 100,
		.upstream_max_connections = 4,
		.workers = 1,
		.cluster_state = state,
		.upstream_user = user,
		.modes = { MODE_ALWAYS_ALLOW },
		.mode_count = 1,
	};
	/* The discard port of loopback: nothing of ours listens there. */
	option_list_add(&fake_server.options.upstream_servers, STR("https://127.0.0.1:9"));
}

struct server *fake_server_new(void)
{
	fake_server.server = server_new(&fake_server.options, &fake_server.problems);
	if (fake_server.server)
		fake_server.server->clock = &clock_by_hand;
	return fake_server.server;
}

void fake_server_stop(void)
{
	server_free(fake_server.server);
	fake_server.server = NULL;
	option_list_fini(&fake_server.options.upstream_servers);
	option_list_fini(&fake_server.options.tls_sni_cert_key);
	problems_fini(&fake_server.problems);
	fake_files_stop();
}

struct snapshot *fake_server_current(struct snapshot_slot *slot)
{
	struct snapshot *s;

	pthread_mutex_lock(&slot->lock);
	s = slot->current;
	pthread_mutex_unlock(&slot->lock);
	return s;
}

uint64_t fake_server_generation(struct snapshot_slot *slot)
{
	return atomic_load(&slot->generation);
}

int fake_server_connect(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct address a;

	address_from_text(STR("127.0.0.1"), port, &a);
	if (!connect(fd, &a.u.sa, a.len))
		return fd;
	close(fd);
	return -1;
}

void fake_server_ask(uint16_t port, const char *request, struct strbuf *out)
{
	int fd = fake_server_connect(port);
	char buf[4096];
	ssize_t n;

	*out = STRBUF_INIT;
	if (!ok(fd >= 0))
		return;
	ok(send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		strbuf_add(out, buf, (size_t)n);
	close(fd);
}
