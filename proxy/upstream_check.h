/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks each upstream server from the control thread, over a connection of its own: first that
 * identity passes whole (self_review.h), then its /readyz every CHECK_MS.  A connection that ended
 * may mean that the server was started anew, so identity is tested on each new one.  Keeps the
 * health checks upstream-identity and upstream, and the servers' up or down.
 */
#ifndef PROXY_UPSTREAM_CHECK_H
#define PROXY_UPSTREAM_CHECK_H

#include "authn/user.h"
#include "http/client.h"
#include "proxy/health.h"
#include "proxy/upstream_set.h"

#define CHECK_MS 5000
#define CHECK_FIRST_MS 500		/* between tries until a server first passes */
#define CHECK_TIMEOUT_MS 10000		/* one question, connecting included */
#define CHECK_BODY_MAX (64 * 1024)

struct upstream_check;

/* All are borrowed and outlive it. `own` identifies /readyz questions. */
struct upstream_check *upstream_check_new(struct loop *l, struct upstream_set *set,
					  struct health *health, const struct user *own);
/* The front-proxy certificate changed: test identity again. */
void upstream_check_again(struct upstream_check *c);
void upstream_check_free(struct upstream_check *c);

#endif
