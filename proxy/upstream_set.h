/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstream servers as all threads see them: addresses (resolved off the workers), whether a
 * server is taken to be up, and the TLS client context.  Thread-safe.
 */
#ifndef PROXY_UPSTREAM_SET_H
#define PROXY_UPSTREAM_SET_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/snapshot.h"
#include "conf/options.h"
#include "net/address.h"

#define UPSTREAM_ADDRESSES_MAX 16
#define UPSTREAM_RESOLVE_MS 30000	/* names are looked up again this often */
#define UPSTREAM_DOWN_MIN_MS 500	/* a server that failed is left alone this long at first */
#define UPSTREAM_DOWN_MAX_MS 10000	/* and this long at most; doubled per failure */

/* Whether users' identities pass whole to a server (self_review.h). */
enum upstream_trust {
	UPSTREAM_UNTESTED,
	UPSTREAM_TRUSTED,
	UPSTREAM_REFUSED,
};

struct upstream_server {
	char *url;			/* as given, for the log */
	char *host;			/* name or literal */
	uint16_t port;
	char *tls_name;			/* what its certificate must be for */
	/* Addresses, under the set's lock. */
	struct address addresses[UPSTREAM_ADDRESSES_MAX];
	size_t address_count;
	atomic_size_t next_address;
	/* Up or down. */
	atomic_int_fast64_t down_until_us;	/* monotonic; 0: up */
	atomic_int failures;
	atomic_bool not_ready;			/* its /readyz says no: the last one to be tried */
	atomic_int trust;			/* enum upstream_trust, of the latest test */
};

struct upstream_set {
	struct upstream_server *servers;	/* owned */
	size_t count;
	struct snapshot_slot tls_slot;		/* struct tls_client_context */
	pthread_mutex_t lock;
	pthread_t resolver;
	pthread_cond_t wake;
	bool resolver_runs, stopping;
	const struct clock *clock;
};

/* From --upstream-servers, which options_validate judged: NULL for a URL that is none. */
struct upstream_set *upstream_set_new(const struct options *o, const struct clock *clock);
/* Resolves once (blocking) and, if there are names, starts the resolver thread. */
void upstream_set_start(struct upstream_set *s);
void upstream_set_free(struct upstream_set *s);

/* An address to connect to, in turn; ERR_UNAVAILABLE when the name has none. */
int upstream_server_address(struct upstream_set *s, struct upstream_server *u, struct address *out);
/* Not left alone after a failure, and ready as far as is known. */
bool upstream_server_is_up(const struct upstream_server *u, int64_t now_us);
/* Only to a server that takes over identities whole may users' requests go. */
bool upstream_server_is_trusted(const struct upstream_server *u);
void upstream_server_failed(struct upstream_server *u, int64_t now_us, const char *why);
void upstream_server_worked(struct upstream_server *u);
bool upstream_set_has_up(const struct upstream_set *s, int64_t now_us);

#endif
