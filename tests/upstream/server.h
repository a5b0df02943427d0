/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test API server's state and one request on it.  Single thread.
 *
 * A call lives from the request's head until its stream is over; whoever answers uses the reply_*
 * functions, and an answer that goes on (a watch, a slow body) keeps the call and hears of its end
 * by call->on_closed.
 */
#ifndef TESTS_UPSTREAM_SERVER_H
#define TESTS_UPSTREAM_SERVER_H

#include "authn/user.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "http/h1.h"
#include "http/status.h"
#include "http/transport.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/tls.h"
#include "tests/upstream/faults.h"
#include "tests/upstream/identity.h"
#include "tests/upstream/store.h"

#define UPSTREAM_BODY_MAX 3145728	/* as kube-apiserver */
#define UPSTREAM_SEEN_MAX 100000	/* distinct paths counted */

struct policy;

struct server_options {
	const char *bind_address;
	unsigned port;
	const char *port_file;
	const char *cert_file, *key_file;
	struct identity_options identity;
	bool rbac;			/* --authorization=rbac or node,rbac */
	bool node;			/* --authorization=node,rbac */
	bool test_control;
	unsigned ring_size;
	unsigned bookmark_ms;
	const char *manifests[16];
	size_t manifest_count;
};

struct server {
	struct server_options options;
	struct loop *loop;
	struct listener *listener;
	struct tls_server_context *tls;
	struct identity *identity;
	struct store store;
	struct faults faults;
	struct policy *policy;		/* owned; NULL: everything is allowed */
	struct map seen;		/* "METHOD path" -> struct seen */
	char *last_head;		/* owned: JSON of the latest request, controls left out */
	struct list connections;
	struct list calls;
	struct list watches;
	uint64_t requests, open_calls, broken_calls;
	uint64_t connections_accepted, connections_open;
	unsigned services;		/* cluster addresses given out */
	bool draining;
};

struct connection {
	struct list node;
	struct server *server;
	struct stream *stream;		/* borrowed from h1 */
	struct h1_server *h1;
	struct h1_server_settings settings;
	uint64_t number;
	uint64_t requests;
};

#define CALL_MAGIC 0x43414c4cu

struct call {
	uint32_t magic;
	struct list node;
	struct server *server;
	struct http_stream *stream;
	struct connection *connection;	/* NULL once it is gone */
	struct arena *arena;		/* of the stream */
	struct http_message request;
	struct str path;		/* decoded */
	struct str query;		/* undecoded */
	struct strbuf body;
	size_t body_bytes;		/* received, also when they are not kept */
	struct user user;
	struct fault *fault;		/* NULL: answer properly */
	bool keep_body, answered, ended, closed;
	bool is_tunnel;			/* switched to another protocol: what comes is echoed */
	/* The stream is over before the answer's end; the call is freed afterwards. */
	void (*on_closed)(struct call *c);
	/* n bytes have left for the socket. */
	void (*on_sent)(struct call *c, size_t n);
	void *state;			/* of whoever answers: a watch, a stream */
	size_t trailers;		/* trailer fields of the request */
	size_t unsent;			/* body bytes given to the transport and not written yet */
	size_t emitted;			/* body bytes given to the transport */
	struct strbuf slow;		/* owned: what a slow answer still has to send */
	bool slow_ended, cut;
	struct str head;		/* the head as it came, JSON; in the arena */
	struct loop_timer timer;	/* of reply.c: delays and slow answers */
	struct loop_task gc;
};

struct seen {
	struct str key;			/* owned */
	uint64_t count;
};

/* The first value of a query parameter, decoded; empty and false when absent. */
bool call_query(const struct call *c, const char *key, struct str *value);
bool call_query_is_true(const struct call *c, const char *key);
struct str call_header(const struct call *c, const char *name);
/* True when dryRun=All was asked for, in the query. */
bool call_is_dry_run(const struct call *c);
/* Percent-decodes into the arena; `+` becomes a blank in queries. False on a bad escape. */
bool percent_decode(struct arena *a, struct str in, bool query, struct str *out);

/* Routes a complete request. */
void route_call(struct call *c);
/* Changes the object that the call's path names by a merge patch; harmless where there is none. */
void route_edit(struct call *c, struct str patch);
/* Takes a new request; an http_accept_fn. */
void call_accept(void *arg, struct http_stream *s, struct http_message *request, bool end);
/* Ends the stream of a call at once. */
void call_reset(struct call *c);

#endif
