/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "obs/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

enum metric_type { COUNTER, GAUGE, HISTOGRAM };

static const struct {
	enum metric_type type;
	const char *name, *help;
} table[] = {
#define METRIC(id, type, name, help) { type, name, help },
#include "obs/metrics_list.h"
#undef METRIC
};

static const struct {
	int64_t us;
	const char *seconds;
} buckets[] = {
	{ 100, "0.0001" }, { 250, "0.00025" }, { 500, "0.0005" },
	{ 1000, "0.001" }, { 2500, "0.0025" }, { 5000, "0.005" },
	{ 10000, "0.01" }, { 25000, "0.025" }, { 50000, "0.05" },
	{ 100000, "0.1" }, { 250000, "0.25" }, { 500000, "0.5" },
	{ 1000000, "1" }, { 2500000, "2.5" }, { 5000000, "5" }, { 10000000, "10" },
};
#define BUCKETS array_size(buckets)

/* Written by one thread at a time, read by any; so plain loads and stores, but atomic ones. */
struct slots {
	alignas(64) _Atomic int64_t value[METRIC_COUNT];	/* of a histogram: the sum */
	_Atomic int64_t bucket[METRIC_COUNT][BUCKETS + 1];	/* the last one: above all */
	struct slots *next;
	bool taken;	/* by a living thread; under the lock */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slots *all;	/* never freed: the counts of threads that ended stay */
static _Atomic int64_t assigned[METRIC_COUNT];
static pthread_key_t at_exit_key;
static pthread_once_t at_exit_once = PTHREAD_ONCE_INIT;
static __thread struct slots *mine;

static void give_back(void *arg)
{
	struct slots *s = arg;

	pthread_mutex_lock(&lock);
	s->taken = false;
	pthread_mutex_unlock(&lock);
}

static void make_key(void)
{
	CHECK(!pthread_key_create(&at_exit_key, give_back));
}

/* A new thread goes on counting where one that ended left off. */
static struct slots *take_slots(void)
{
	struct slots *s;

	pthread_once(&at_exit_once, make_key);
	pthread_mutex_lock(&lock);
	for (s = all; s && s->taken; s = s->next)
		;
	if (!s) {
		s = aligned_alloc(alignof(struct slots), sizeof(*s));
		CHECK(s);
		memset(s, 0, sizeof(*s));
		s->next = all;
		all = s;
	}
	s->taken = true;
	pthread_mutex_unlock(&lock);
	pthread_setspecific(at_exit_key, s);
	return s;
}

static inline struct slots *own_slots(void)
{
	if (!mine)
		mine = take_slots();
	return mine;
}

static inline void bump(_Atomic int64_t *slot, int64_t n)
{
	int64_t v = atomic_load_explicit(slot, memory_order_relaxed);

	atomic_store_explicit(slot, v + n, memory_order_relaxed);
}

void metric_add(enum metric m, int64_t n)
{
	bump(&own_slots()->value[m], n);
}

void metric_set(enum metric m, int64_t v)
{
	atomic_store_explicit(&assigned[m], v, memory_order_relaxed);
}

void metric_observe_us(enum metric m, int64_t us)
{
	struct slots *s = own_slots();
	size_t i = 0;

	while (i < BUCKETS && us > buckets[i].us)
		i++;
	bump(&s->bucket[m][i], 1);
	bump(&s->value[m], us);
}

static int64_t sum_value(enum metric m)
{
	int64_t sum = atomic_load_explicit(&assigned[m], memory_order_relaxed);

	for (struct slots *s = all; s; s = s->next)
		sum += atomic_load_explicit(&s->value[m], memory_order_relaxed);
	return sum;
}

static int64_t sum_bucket(enum metric m, size_t i)
{
	int64_t sum = 0;

	for (struct slots *s = all; s; s = s->next)
		sum += atomic_load_explicit(&s->bucket[m][i], memory_order_relaxed);
	return sum;
}

int64_t metric_value(enum metric m)
{
	int64_t v = 0;

	pthread_mutex_lock(&lock);
	if (table[m].type == HISTOGRAM)
		for (size_t i = 0; i <= BUCKETS; i++)
			v += sum_bucket(m, i);
	else
		v = sum_value(m);
	pthread_mutex_unlock(&lock);
	return v;
}

static void render_histogram(struct strbuf *out, enum metric m)
{
	const char *name = table[m].name;
	int64_t count = 0, sum = sum_value(m);

	for (size_t i = 0; i <= BUCKETS; i++) {
		count += sum_bucket(m, i);
		strbuf_addf(out, "%s_bucket{le=\"%s\"} %" PRId64 "\n", name,
			    i < BUCKETS ? buckets[i].seconds : "+Inf", count);
	}
	strbuf_addf(out, "%s_sum %" PRId64 ".%06d\n%s_count %" PRId64 "\n", name, sum / 1000000,
		    (int)(sum % 1000000), name, count);
}

static void render_one(struct strbuf *out, enum metric m)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", table[m].name, table[m].help,
		    table[m].name, types[table[m].type]);
	if (table[m].type == HISTOGRAM)
		render_histogram(out, m);
	else
		strbuf_addf(out, "%s %" PRId64 "\n", table[m].name, sum_value(m));
}

void metrics_render(struct strbuf *out)
{
	pthread_mutex_lock(&lock);
	for (int m = 0; m < METRIC_COUNT; m++)
		render_one(out, (enum metric)m);
	pthread_mutex_unlock(&lock);
}
