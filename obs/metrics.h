/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in Prometheus text format, from one table (obs/metrics_list.h): counters and gauges,
 * kept per thread without sharing and summed when read, and histograms with fixed buckets from
 * 100 microseconds to 10 seconds.  Thread-safe.
 */
#ifndef OBS_METRICS_H
#define OBS_METRICS_H

#include <stdint.h>

#include "base/strbuf.h"

/* METRIC(id, type, name, help) */
enum metric {
#define METRIC(id, type, name, help) METRIC_##id,
#include "obs/metrics_list.h"
#undef METRIC
	METRIC_COUNT
};

void metric_add(enum metric m, int64_t n);	/* counters and gauges */
void metric_set(enum metric m, int64_t v);	/* gauges: replaces what was set before */
void metric_observe_us(enum metric m, int64_t us);	/* histograms, microseconds */
int64_t metric_value(enum metric m);		/* for tests and /readyz */
void metrics_render(struct strbuf *out);

#endif
