/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/upstream_set.h"
#include "tests/tap.h"

static struct upstream_set *new_set(const struct clock *clock)
{
	static char first[] = "https://127.0.0.1:1", second[] = "https://127.0.0.1:2";
	char *urls[] = { first, second };
	struct options o = { .upstream_servers = { urls, 2 } };

	return upstream_set_new(&o, clock);
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

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_up_and_down), TAP_END
	};

	return tap_main(tests);
}
