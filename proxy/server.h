/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: what all threads share.  Made once by main; the parts that change are behind
 * snapshot slots or atomics, everything else is constant after the start.
 */
#ifndef PROXY_SERVER_H
#define PROXY_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "admission/admission.h"
#include "authn/authn_config.h"
#include "authz/authz.h"
#include "base/snapshot.h"
#include "conf/options.h"
#include "proxy/health.h"
#include "proxy/upstream_set.h"

struct worker;
struct control;

/* Connections that have not yet had a request pass authentication, over all workers. */
#define SERVER_UNAUTHENTICATED_MAX 4096
struct server {
	const struct options *options;		/* borrowed, constant */
	const struct clock *clock;
	struct snapshot_slot tls_slot;		/* struct tls_server_context */
	struct snapshot_slot authn_slot;	/* struct authn_config */
	struct snapshot_slot policy_slot;	/* struct authz_policy */
	/* struct object_manifests; nothing without manifests or service accounts */
	struct snapshot_slot objects_slot;
	struct admission_chain admission;
	struct node_graph *graph;		/* owned; NULL without the mode Node */
	struct upstream_set *upstreams;		/* owned */
	/* Whom our own requests run as upstream; ordinary RBAC applies to it there. */
	struct user own;
	struct str *own_groups;			/* owned */
	struct health health;
	atomic_bool draining;
	atomic_size_t connections;		/* open client connections */
	atomic_size_t unauthenticated;
	atomic_size_t handshakes;		/* TLS handshakes in flight */
	atomic_size_t exchanges;		/* requests being served */
	struct address bound;			/* of the secure port */
	struct worker **workers;		/* owned */
	size_t worker_count;
	struct control *control;		/* owned */
};

/*
 * Reads every file the options name and builds all snapshots; adds all problems to p and returns
 * NULL if there is any, earlier ones included, so that all are reported at once.  Blocking.
 */
struct server *server_new(const struct options *o, struct problems *p);
/*
 * Opens the sockets and starts the threads.  ERR_IO with a problem in p.
 */
int server_start(struct server *s, struct problems *p);
/* The port that was bound. */
uint16_t server_port(const struct server *s);
/* SIGHUP: look at every file now. */
void server_reload(struct server *s);
/*
 * SIGTERM: stops taking requests and waits for the running ones, watches included, but not longer
 * than --request-timeout (spec 09 section 2).  Blocking.
 */
void server_drain(struct server *s);
/*
 * Reads what the manifests have for authenticators, if there are any and they are asked for, and
 * publishes it.  Problems are added to p, and nothing is published then.  Blocking.
 */
void server_load_objects(struct server *s, struct problems *p);
/* Which files authentication reads. */
struct authn_sources server_authn_sources(const struct options *o);
/* Stops and joins all threads and frees everything. */
void server_free(struct server *s);

#endif
