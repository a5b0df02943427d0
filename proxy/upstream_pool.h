/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upstream connections of one thread: opened on demand over mTLS, reused, bounded, closed when idle
 * for POOL_IDLE_MS (below the upstream's 90 s), kept apart by class so that anonymous traffic
 * never shares a connection, and not reused once the front-proxy certificate was replaced.
 * Implements struct http_client.
 */
#ifndef PROXY_UPSTREAM_POOL_H
#define PROXY_UPSTREAM_POOL_H

#include "authn/user.h"
#include "http/client.h"
#include "proxy/upstream_set.h"

#define POOL_IDLE_MS 75000
#define POOL_IDLE_MAX 128	/* idle connections kept per server and class */
#define POOL_SWEEP_MS 5000

struct upstream_pool;

/*
 * max: open connections per server.  carries_users: requests of users go over it, so servers that
 * do not (or not yet) take over identities whole are left out.  The set is borrowed.
 */
struct upstream_pool *upstream_pool_new(struct loop *l, struct upstream_set *set, size_t max,
					bool carries_users);
struct http_client *upstream_pool_client(struct upstream_pool *p);
void upstream_pool_free(struct upstream_pool *p);	/* aborts what is open */
/* Anonymous traffic has its own connections, since the upstream closes them (peers, trap 3). */
enum http_client_class upstream_class_of(const struct user *u);

#endif
