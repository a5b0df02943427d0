/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authentication chain (spec 02 section 1).  An authenticator answers ACCEPT with a user,
 * NONE, ERROR, or PENDING when it has to wait for somebody else; the chain runner in authn/chain.c
 * is the only place that knows the order.  Configuration is an immutable snapshot.
 */
#ifndef AUTHN_AUTHN_H
#define AUTHN_AUTHN_H

#include "authn/object.h"
#include "authn/user.h"
#include "base/clock.h"
#include "base/snapshot.h"
#include "base/strbuf.h"
#include "http/transport.h"

enum authn_result {
	AUTHN_ACCEPT,
	AUTHN_NONE,
	AUTHN_ERROR,
	AUTHN_PENDING,
};

struct authn_config;	/* snapshot: every authenticator's data */
struct token_cache;	/* authn/token_cache.h */

struct authn_request {
	const struct authn_config *config;	/* borrowed, held by the caller */
	const struct clock *clock;
	struct http_connection *connection;	/* peer certificate, verdict cache */
	const struct http_headers *headers;
	struct str path;			/* decoded path: anonymous conditions */
	struct arena *arena;			/* results live here */
	struct authn_source *source;		/* objects of the cluster; NULL: none can be seen */
	struct token_cache *tokens;		/* NULL: nothing is remembered */
	/* PENDING: how to be woken; called on the loop's thread. */
	void (*resume)(void *arg);
	void *resume_arg;
	/* results */
	struct user user;
	struct strbuf errors;	/* the joined error text, for the log only; authn_request_fini */
	const char *method;	/* name of the authenticator that accepted ("x509", ...) */
	struct str warning;	/* a Warning header text to send, or empty */
	size_t step;		/* the chain's own state across PENDING */
	/*
	 * The waiting authenticator's own state, for when it is asked again; pending_cancel, if
	 * set, is called by authn_request_fini when the request ends before that.
	 */
	void *pending;
	void (*pending_cancel)(void *pending);
};

struct authn_ops {
	const char *name;
	bool (*is_configured)(const struct authn_config *c);
	/*
	 * On ACCEPT r->user is set.  On ERROR the authenticator adds its text with
	 * authn_add_error.  On PENDING it has arranged for r->resume, after which the chain asks
	 * it again with r->pending as it left it.
	 */
	enum authn_result (*authenticate)(struct authn_request *r);
};

/*
 * Runs (or, after PENDING, goes on with) the chain; NONE means 401 as well as ERROR does.
 * The headers must be as received: hop-by-hop fields still in place.
 */
enum authn_result authn_chain_run(struct authn_request *r);
/* The same over another list, which ends with NULL; anonymous comes after it. */
enum authn_result authn_chain_run_list(struct authn_request *r,
				       const struct authn_ops *const *list);
/* Zeroes r; the caller then sets clock, connection, headers, path and resume. */
void authn_request_init(struct authn_request *r, const struct authn_config *c, struct arena *a);
void authn_request_fini(struct authn_request *r);
/* A text that was already added does not count twice. */
void authn_add_error(struct authn_request *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* True when 401 answers carry WWW-Authenticate: Basic realm="kubernetes-master". */
bool authn_config_challenges_basic(const struct authn_config *c);

/*
 * Takes from the request's headers what no later component may see: Authorization, X-Remote-User,
 * -Uid, -Group, every X-Remote-Extra-*, and the WebSocket bearer element (spec 02, 06).
 */
void authn_strip_credentials(struct http_headers *h);

#endif
