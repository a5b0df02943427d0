/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/material.h"
#include "proxy/upstream_set.h"
#include "tests/tap.h"

static void test_urls(void)
{
	static const struct { const char *url, *host; int port; } rows[] = {
		{ "https://10.0.0.1:6443", "10.0.0.1", 6443 },
		{ "https://api.example/", "api.example", 443 },
		{ "https://[fd00::1]:6444", "fd00::1", 6444 },
		{ "https://[fd00::1]", "fd00::1", 443 },
		{ "http://10.0.0.1", NULL, 0 }, { "10.0.0.1:6443", NULL, 0 },
		{ "https://", NULL, 0 }, { "https://:6443", NULL, 0 },
		{ "https://a:0", NULL, 0 }, { "https://a:65536", NULL, 0 },
		{ "https://a:", NULL, 0 }, { "https://a:x", NULL, 0 },
		{ "https://a/path", NULL, 0 }, { "https://user@a", NULL, 0 },
		{ "https://a?x", NULL, 0 }, { "https://[::1", NULL, 0 },
		{ "https://[::1]6443", NULL, 0 }, { "https://[::1]:", NULL, 0 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		char *host = NULL;
		uint16_t port = 0;
		int rc = upstream_url_parse(rows[i].url, &host, &port);

		tap_row(rows[i].url);
		int_is(rc, rows[i].host ? 0 : ERR_SYNTAX);
		if (rows[i].host && host) {
			cstr_is(host, rows[i].host);
			int_is(port, rows[i].port);
		}
		free(host);
	}
}

static struct upstream_set *new_set(const struct clock *clock)
{
	static char first[] = "https://127.0.0.1:1", second[] = "https://127.0.0.1:2";
	char *urls[] = { first, second };
	struct options o = { .upstream_servers = { urls, 2 } };
	struct problems p = PROBLEMS_INIT;

	return upstream_set_new(&o, clock, &p);
}

static void test_up_and_down(void)
{
	struct clock_fake fake;
	struct upstream_set *s;
	struct upstream_server *u;

	clock_fake_init(&fake, 1000000, 0);
	s = new_set(&fake.clock);
	u = &s->servers[0];
	ok(upstream_server_is_up(u, 1000000));
	upstream_server_failed(u, 1000000, "test");
	ok(!upstream_server_is_up(u, 1000000));
	ok(!upstream_server_is_up(u, 1000000 + UPSTREAM_DOWN_MIN_MS * 1000 - 1));
	ok(upstream_server_is_up(u, 1000000 + UPSTREAM_DOWN_MIN_MS * 1000));
	ok(upstream_set_has_up(s, 1000000));
	upstream_server_failed(&s->servers[1], 1000000, "test");
	ok(!upstream_set_has_up(s, 1000000));
	for (int i = 0; i < 40; i++)
		upstream_server_failed(u, 1000000, "test");
	ok(upstream_server_is_up(u, 1000000 + UPSTREAM_DOWN_MAX_MS * 1000));
	upstream_server_worked(u);
	ok(upstream_server_is_up(u, 1000000));
	ok(upstream_set_has_up(s, 1000000));
	upstream_set_free(s);
}

static void test_bad_url_is_a_problem(void)
{
	static char url[] = "ftp://x";
	char *urls[] = { url };
	struct options o = { .upstream_servers = { urls, 1 } };
	struct problems p = PROBLEMS_INIT;

	ok(!upstream_set_new(&o, &clock_system, &p));
	int_is(p.count, 1);
	ok(str_find_str(strbuf_str(&p.text), STR("--upstream-servers: \"ftp://x\"")) >= 0);
	problems_fini(&p);
}

static void test_sni_values(void)
{
	struct sni_value v;
	const char *why;

	int_is(sni_value_parse("a.crt, a.key", &v, &why), 0);
	cstr_is(v.cert_file, "a.crt");
	cstr_is(v.key_file, "a.key");
	int_is(v.name_count, 0);
	sni_value_fini(&v);
	int_is(sni_value_parse("a.crt,a.key:*.foo.com, foo.com", &v, &why), 0);
	int_is(v.name_count, 2);
	cstr_is(v.names[1], "foo.com");
	sni_value_fini(&v);
	int_is(sni_value_parse("a.crt,a.key:", &v, &why), ERR_SYNTAX);
	cstr_is(why, "empty names list is not allowed");
	sni_value_fini(&v);
	int_is(sni_value_parse("a.crt", &v, &why), ERR_SYNTAX);
	cstr_is(why, "expected comma separated certificate and key file paths");
	sni_value_fini(&v);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_urls), TAP(test_up_and_down), TAP(test_bad_url_is_a_problem),
		TAP(test_sni_values), TAP_END
	};

	return tap_main(tests);
}
