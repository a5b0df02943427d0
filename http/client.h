/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a module below proxy/ asks for an upstream stream without knowing the pool: the pool
 * implements struct http_client, one per loop thread.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "http/transport.h"

/* Requests that the upstream may answer by closing the connection are kept apart (peers §2.3). */
enum http_client_class {
	HTTP_CLIENT_IDENTIFIED,
	HTTP_CLIENT_ANONYMOUS,
};

struct http_client_waiter {
	/* A stream is ready for send_head; set its handler and user before returning. */
	void (*on_open)(void *user, struct http_stream *s);
	/* ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_LIMIT; nothing was sent. text explains, borrowed. */
	void (*on_failed)(void *user, int err, const char *text);
};

struct http_client_ticket;	/* one pending open */

struct http_client {
	/*
	 * Asks for a stream.  The answer may come before this returns; then *ticket is NULL,
	 * otherwise it is valid until on_open, on_failed or cancel.
	 * fresh: never a reused connection (for a second try).
	 */
	void (*open)(struct http_client *c, enum http_client_class class, bool fresh,
		     const struct http_client_waiter *w, void *user,
		     struct http_client_ticket **ticket);
	void (*cancel)(struct http_client *c, struct http_client_ticket *ticket);
	struct loop *loop;
};

#endif
