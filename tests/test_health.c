/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/health.h"
#include "tests/tap.h"

static void make_all_good(struct health *h)
{
	health_init(h);
	for (int i = 0; i < HEALTH_COUNT; i++)
		atomic_store(&h->good[i], true);
}

static int ask(const struct health *h, const char *path, const char *query, struct strbuf *body)
{
	struct arena a;
	int code;

	arena_init(&a);
	strbuf_clear(body);
	code = health_answer(h, str_from(path), str_from(query), &a, body);
	arena_fini(&a);
	return code;
}

static void test_which_paths_are_ours(void)
{
	static const struct { const char *path; bool ours; } rows[] = {
		{ "/livez", true }, { "/healthz", true }, { "/readyz", true },
		{ "/readyz/ping", true }, { "/readyz/cluster-state", true },
		{ "/livez/ping", true }, { "/livez/cluster-state", false },
		{ "/livez/", false }, { "/readyz/etcd", false }, { "/livezz", false },
		{ "/Livez", false }, { "/", false }, { "", false }, { "/metrics", false },
		{ "//livez", false }, { "/readyz/ping/x", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tap_row(rows[i].path);
		ok(health_owns_path(str_from(rows[i].path)) == rows[i].ours);
	}
}

static void test_good(void)
{
	struct strbuf body = STRBUF_INIT;
	struct health h;

	make_all_good(&h);
	ok(health_is_ready(&h));
	int_is(ask(&h, "/readyz", "", &body), 200);
	str_is(strbuf_str(&body), STR("ok"));
	int_is(ask(&h, "/livez", "verbose", &body), 200);
	str_is(strbuf_str(&body), STR("[+]ping ok\n[+]workers ok\nlivez check passed\n"));
	int_is(ask(&h, "/readyz/ping", "", &body), 200);
	str_is(strbuf_str(&body), STR("ok"));
	strbuf_fini(&body);
}

static void test_failing_is_always_verbose(void)
{
	struct strbuf body = STRBUF_INIT;
	struct health h;

	make_all_good(&h);
	health_set(&h, HEALTH_UPSTREAM, false);
	ok(!health_is_ready(&h));
	int_is(ask(&h, "/readyz", "", &body), 500);
	str_is(strbuf_str(&body), STR("[+]ping ok\n[+]workers ok\n[+]cluster-state ok\n"
		"[+]upstream-identity ok\n[-]upstream failed: reason withheld\n[+]shutdown ok\n"
		"readyz check failed\n"));
	int_is(ask(&h, "/readyz/upstream", "", &body), 500);
	int_is(ask(&h, "/livez", "", &body), 200);
	int_is(ask(&h, "/healthz", "", &body), 200);
	strbuf_fini(&body);
}

static void test_exclude(void)
{
	struct strbuf body = STRBUF_INIT;
	struct health h;

	make_all_good(&h);
	health_set(&h, HEALTH_UPSTREAM, false);
	int_is(ask(&h, "/readyz", "exclude=upstream", &body), 200);
	str_is(strbuf_str(&body), STR("ok"));
	int_is(ask(&h, "/livez", "verbose&exclude=ping&exclude=etcd&exclude=%22", &body), 200);
	str_is(strbuf_str(&body), STR("[+]ping excluded: ok\n[+]workers ok\nwarn: some health "
		"checks cannot be excluded: no matches for \"etcd\", \"\\\"\"\n"
		"livez check passed\n"));
	strbuf_fini(&body);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_which_paths_are_ours), TAP(test_good),
		TAP(test_failing_is_always_verbose), TAP(test_exclude), TAP_END
	};

	return tap_main(tests);
}
