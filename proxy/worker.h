/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: one thread, one loop, its listener, connections, exchanges and upstream pool. */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "authn/authn_config.h"
#include "authz/authz.h"
#include "proxy/server.h"
#include "proxy/upstream_pool.h"

/* Bytes that admission holds for the requests of one worker, and for those of one user. */
#define ADMIT_BUFFERED_MAX (256 * 1024 * 1024)
#define ADMIT_USER_MAX (ADMIT_BUFFERED_MAX / 8)
#define WORKER_ADMIT_USERS 1024		/* places to count in; users may share one */

struct node_waits;	/* proxy/node_wait.h */
struct object_manifests;	/* proxy/object_manifests.h */
struct object_source;	/* proxy/object_source.h */
struct token_cache;	/* authn/token_cache.h */

struct worker {
	struct server *server;			/* borrowed */
	struct loop *loop;			/* owned */
	pthread_t thread;
	bool started;
	int listen_fd, health_fd;		/* -1: none; taken over by the listeners */
	struct listener *listener;		/* owned */
	struct listener *health_listener;	/* owned, worker 0 only */
	struct upstream_pool *pool;		/* owned */
	struct node_waits *node_waits;		/* owned; NULL: no request waits for the graph */
	struct object_source *object_source;	/* owned; for authenticators */
	struct token_cache *tokens;		/* owned */
	struct snapshot_reader tls, authn, policy, objects;
	struct list connections;		/* struct connection */
	struct list exchanges;			/* struct exchange */
	atomic_int_fast64_t heartbeat_us;	/* monotonic, of the last answered ping */
	size_t admit_bytes;
	size_t admit_user_bytes[WORKER_ADMIT_USERS];
};

/* The descriptors are taken over; health_fd may be -1. */
struct worker *worker_new(struct server *s, int listen_fd, int health_fd);
int worker_start(struct worker *w);
/* Asks for a heartbeat (control thread). */
void worker_ping(struct worker *w);
/* Closes the listeners; open connections go on. Any thread. */
void worker_close_listeners(struct worker *w);
/* Tells clients that no new request is served on their connections. Any thread. */
void worker_drain(struct worker *w);
/* Ends the loop, joins the thread, frees everything. */
void worker_free(struct worker *w);

/* Snapshots of this turn; borrowed until the worker returns to its loop. */
const struct authn_config *worker_authn(struct worker *w);
const struct authz_policy *worker_policy(struct worker *w);
struct object_manifests *worker_objects(struct worker *w);	/* NULL: there are none */

#endif
