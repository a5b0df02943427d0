/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's own health checks and how /livez, /readyz and /healthz answer, in kube-apiserver's
 * wording (with ?verbose and ?exclude).  Check states are atomics: any thread may set or read.
 */
#ifndef PROXY_HEALTH_H
#define PROXY_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/strbuf.h"

/* HEALTH(id, name, in livez and healthz) */
#define HEALTH_CHECKS(HEALTH) \
	HEALTH(PING, "ping", true) \
	HEALTH(WORKERS, "workers", true) \
	HEALTH(CLUSTER_STATE, "cluster-state", false) \
	HEALTH(UPSTREAM_IDENTITY, "upstream-identity", false) \
	HEALTH(UPSTREAM, "upstream", false) \
	HEALTH(SHUTDOWN, "shutdown", false)

enum health_check {
#define HEALTH(id, name, live) HEALTH_##id,
	HEALTH_CHECKS(HEALTH)
#undef HEALTH
	HEALTH_COUNT
};

struct health {
	atomic_bool good[HEALTH_COUNT];
};

void health_init(struct health *h);	/* ping, workers and shutdown are good */
/* Logs a change. */
void health_set(struct health *h, enum health_check c, bool good);
bool health_is_ready(const struct health *h);

/* True if the proxy answers this decoded path itself: /livez, /healthz, /readyz, /readyz/<ours>. */
bool health_owns_path(struct str path);
/*
 * The answer: status code, body appended.  raw_query is the undecoded query.  scratch holds
 * decoded parameters.
 */
int health_answer(const struct health *h, struct str path, struct str raw_query,
		  struct arena *scratch, struct strbuf *body);

#endif
