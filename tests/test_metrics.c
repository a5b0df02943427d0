/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "obs/metrics.h"

#include <pthread.h>

#include "base/mem.h"
#include "tests/tap.h"

#define THREADS 4
#define ROUNDS 10000

static bool rendered_has(const char *line)
{
	struct strbuf out = STRBUF_INIT;
	struct strbuf want = STRBUF_INIT;
	bool has;

	metrics_render(&out);
	strbuf_addf(&want, "\n%s\n", line);
	has = strstr(out.p, want.p) != NULL;
	strbuf_fini(&out);
	strbuf_fini(&want);
	return has;
}

static void test_counters_and_gauges(void)
{
	int_is(metric_value(METRIC_REQUESTS), 0);
	metric_add(METRIC_REQUESTS, 1);
	metric_add(METRIC_REQUESTS, 2);
	int_is(metric_value(METRIC_REQUESTS), 3);
	metric_add(METRIC_CONNECTIONS, 5);
	metric_add(METRIC_CONNECTIONS, -2);
	int_is(metric_value(METRIC_CONNECTIONS), 3);
	metric_set(METRIC_EXCHANGES, 9);
	metric_set(METRIC_EXCHANGES, 4);
	int_is(metric_value(METRIC_EXCHANGES), 4);
	ok(rendered_has("# TYPE kube_authproxy_requests_total counter"));
	ok(rendered_has("# TYPE kube_authproxy_exchanges gauge"));
	ok(rendered_has("kube_authproxy_requests_total 3"));
	ok(rendered_has("kube_authproxy_exchanges 4"));
	ok(rendered_has("kube_authproxy_reloads_total 0"));
}

static void test_histogram(void)
{
	static const int64_t times[] = { 0, 100, 101, 4999, 5000, 2000000, 10000000, 10000001 };
	static const char *const lines[] = {
		"# TYPE kube_authproxy_policy_publication_seconds histogram",
		"kube_authproxy_policy_publication_seconds_bucket{le=\"0.0001\"} 2",
		"kube_authproxy_policy_publication_seconds_bucket{le=\"0.00025\"} 3",
		"kube_authproxy_policy_publication_seconds_bucket{le=\"0.0025\"} 3",
		"kube_authproxy_policy_publication_seconds_bucket{le=\"0.005\"} 5",
		"kube_authproxy_policy_publication_seconds_bucket{le=\"1\"} 5",
		"kube_authproxy_policy_publication_seconds_bucket{le=\"2.5\"} 6",
		"kube_authproxy_policy_publication_seconds_bucket{le=\"10\"} 7",
		"kube_authproxy_policy_publication_seconds_bucket{le=\"+Inf\"} 8",
		"kube_authproxy_policy_publication_seconds_sum 22.010201",
		"kube_authproxy_policy_publication_seconds_count 8",
	};

	for (size_t i = 0; i < array_size(times); i++)
		metric_observe_us(METRIC_POLICY_LATENCY, times[i]);
	int_is(metric_value(METRIC_POLICY_LATENCY), 8);
	for (size_t i = 0; i < array_size(lines); i++) {
		tap_row(lines[i]);
		ok(rendered_has(lines[i]));
	}
}

/* Every line is a comment or "name[{le=...}] number"; each metric has its two comments. */
static void test_format(void)
{
	struct strbuf out = STRBUF_INIT;
	struct str rest, line;
	size_t helps = 0, types = 0;

	metrics_render(&out);
	ok(out.n && out.p[out.n - 1] == '\n');
	rest = str_make(out.p, out.n - 1);
	while (str_next(&rest, '\n', &line)) {
		helps += str_has_prefix(line, STR("# HELP "));
		types += str_has_prefix(line, STR("# TYPE "));
		if (line.p[0] != '#')
			ok(str_has_prefix(line, STR("kube_authproxy_")) &&
			   str_find(line, ' ', 0) > 0);
	}
	int_is(helps, METRIC_COUNT);
	int_is(types, METRIC_COUNT);
	strbuf_fini(&out);
}

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		metric_add(METRIC_RELOADS, 1);
		metric_observe_us(METRIC_POLICY_LATENCY, 1);
	}
	return NULL;
}

static void test_counts_of_ended_threads_stay(void)
{
	int64_t before = metric_value(METRIC_POLICY_LATENCY);
	pthread_t threads[THREADS];

	for (int round = 1; round <= 2; round++) {
		for (size_t i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, count, NULL);
		for (int i = 0; i < 20; i++) {
			struct strbuf out = STRBUF_INIT;

			metrics_render(&out);
			strbuf_fini(&out);
		}
		for (size_t i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		int_is(metric_value(METRIC_RELOADS), round * THREADS * ROUNDS);
	}
	int_is(metric_value(METRIC_POLICY_LATENCY) - before, 2 * THREADS * ROUNDS);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_counters_and_gauges),
		TAP(test_histogram),
		TAP(test_format),
		TAP(test_counts_of_ended_threads_stay),
		TAP_END
	};

	return tap_main(tests);
}
