/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client connection as its worker sees it: from the accepted descriptor through the handshake to
 * the end, counted against the caps.
 */
#ifndef PROXY_CONNECTION_H
#define PROXY_CONNECTION_H

#include "http/transport.h"
#include "proxy/worker.h"

/*
 * Takes over an accepted descriptor.  Beyond a cap (connections, handshakes in flight, connections
 * without authentication) it is closed at once.  tls: the secure port; else plain (health).
 */
void connection_accept(struct worker *w, int fd, const struct address *peer, bool tls,
		       http_accept_fn *accept);
/* A request on it passed authentication. */
void connection_authenticated(struct http_connection *c);
/* GOAWAY to every HTTP/2 connection of the worker: no new request comes, running ones go on. */
void connections_drain(struct worker *w);
/* Ends every connection of the worker at once. */
void connections_abort(struct worker *w);

#endif
