/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/health.h"

#include "obs/log.h"
#include "proxy/query.h"
#include "proxy/request_info.h"

static const struct {
	const char *name;
	bool live;
} checks[HEALTH_COUNT] = {
#define HEALTH(id, name, live) { name, live },
	HEALTH_CHECKS(HEALTH)
#undef HEALTH
};

void health_init(struct health *h)
{
	for (int i = 0; i < HEALTH_COUNT; i++)
		atomic_init(&h->good[i], i == HEALTH_PING || i == HEALTH_WORKERS ||
			    i == HEALTH_SHUTDOWN);
}

void health_set(struct health *h, enum health_check c, bool good)
{
	if (atomic_exchange(&h->good[c], good) != good)
		log_info("Health check %s is now %s", checks[c].name, good ? "good" : "failing");
}

bool health_is_ready(const struct health *h)
{
	for (int i = 0; i < HEALTH_COUNT; i++)
		if (!atomic_load(&h->good[i]))
			return false;
	return true;
}

/* "/readyz/ping" to "readyz" and "ping"; false for any other first segment. */
static bool split_path(struct str path, struct str *endpoint, struct str *check)
{
	static const char *const endpoints[] = { "livez", "readyz", "healthz" };

	for (size_t i = 0; i < 3; i++) {
		struct str e = str_from(endpoints[i]);

		if (path.n < e.n + 1 || path.p[0] != '/' ||
		    !str_has_prefix(str_skip(path, 1), e))
			continue;
		*endpoint = e;
		*check = str_skip(path, e.n + 1);
		return !check->n || check->p[0] == '/';
	}
	return false;
}

static bool is_listed(int check, struct str endpoint)
{
	return checks[check].live || str_eq(endpoint, STR("readyz"));
}

/* The index of an endpoint's check, or -1. */
static int find_check(struct str endpoint, struct str name)
{
	for (int i = 0; i < HEALTH_COUNT; i++)
		if (is_listed(i, endpoint) && str_eq(name, str_from(checks[i].name)))
			return i;
	return -1;
}

bool health_owns_path(struct str path)
{
	struct str endpoint, check;

	if (!split_path(path, &endpoint, &check))
		return false;
	return !check.n || find_check(endpoint, str_skip(check, 1)) >= 0;
}

static int answer_one(const struct health *h, int check, struct strbuf *body)
{
	if (atomic_load(&h->good[check])) {
		strbuf_add_cstr(body, "ok");
		return 200;
	}
	strbuf_add_cstr(body, "internal server error: not healthy\n");
	return 500;
}

/* The ?exclude= values: which checks are left out, and those that name none, quoted. */
static void read_excluded(struct str raw_query, struct str endpoint, struct arena *scratch,
			  bool excluded[HEALTH_COUNT], struct strbuf *unknown)
{
	struct query q;
	struct str key, value;

	query_init(&q, raw_query, scratch);
	while (query_next(&q, &key, &value)) {
		int check;

		if (!str_eq(key, STR("exclude")))
			continue;
		check = find_check(endpoint, value);
		if (check >= 0) {
			excluded[check] = true;
			continue;
		}
		if (unknown->n)
			strbuf_add_cstr(unknown, ", ");
		strbuf_add_go_quoted(unknown, value);
	}
}

static bool list_checks(const struct health *h, struct str endpoint, const bool *excluded,
			struct strbuf *out)
{
	bool all = true;

	for (int i = 0; i < HEALTH_COUNT; i++) {
		bool good = atomic_load(&h->good[i]);

		if (!is_listed(i, endpoint))
			continue;
		if (excluded[i]) {
			strbuf_addf(out, "[+]%s excluded: ok\n", checks[i].name);
			continue;
		}
		strbuf_addf(out, good ? "[+]%s ok\n" : "[-]%s failed: reason withheld\n",
			    checks[i].name);
		all = all && good;
	}
	return all;
}

int health_answer(const struct health *h, struct str path, struct str raw_query,
		  struct arena *scratch, struct strbuf *body)
{
	bool excluded[HEALTH_COUNT] = { false };
	struct strbuf list = STRBUF_INIT, unknown = STRBUF_INIT;
	struct str endpoint, check, unused;
	bool good;

	if (!split_path(path, &endpoint, &check))
		return 404;
	if (check.n)
		return answer_one(h, find_check(endpoint, str_skip(check, 1)), body);
	read_excluded(raw_query, endpoint, scratch, excluded, &unknown);
	good = list_checks(h, endpoint, excluded, &list);
	if (unknown.n)
		strbuf_addf(&list, "warn: some health checks cannot be excluded: "
			    "no matches for %s\n", unknown.p);
	if (!good) {
		strbuf_add_str(body, strbuf_str(&list));
		strbuf_addf(body, "%.*s check failed\n", STR_ARG(endpoint));
	} else if (request_query_get(raw_query, STR("verbose"), scratch, &unused)) {
		strbuf_add_str(body, strbuf_str(&list));
		strbuf_addf(body, "%.*s check passed\n", STR_ARG(endpoint));
	} else {
		strbuf_add_cstr(body, "ok");
	}
	strbuf_fini(&list);
	strbuf_fini(&unknown);
	return good ? 200 : 500;
}
