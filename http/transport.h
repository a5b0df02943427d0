/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport table: one request with its response on a connection, as both of its ends see it.
 * HTTP/1.1 and HTTP/2 (server and client role) implement struct http_stream_ops; the exchange on
 * the client's side and every user of an upstream connection implement struct http_stream_handler.
 * Neither knows which version the other speaks.
 *
 * Flow is by credit.  A stream delivers at most HTTP_WINDOW body bytes that were not handed back
 * with consume(); send_body() takes all it is given, and on_sent() says when those bytes have left
 * for the socket.  A relay that calls consume(source, n) on on_sent(sink, n) therefore holds at
 * most HTTP_WINDOW bytes per direction, and a slow sink stops the source's socket being read.
 *
 * A tunnel: a request whose message names a protocol in `upgrade` may be answered by a 101 that
 * names one; from then on what both sides send are bytes without any framing, in both roles, and
 * send_end() closes the connection once all has been written.
 *
 * Threading: a stream belongs to its connection's loop thread.
 * Ownership: the transport owns the stream; the user holds it from on_request/open until it calls
 * release(), after which the pointer is dead.  reset() may come first; after reset() or on_closed
 * no callback comes any more, and release() is still due.
 * Callbacks never free the stream; ops may be called from inside callbacks.  An op never calls the
 * handler before it returns: what it finds out is told in a later callback.
 */
#ifndef HTTP_TRANSPORT_H
#define HTTP_TRANSPORT_H

#include "http/message.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/tls.h"

#define HTTP_WINDOW (64 * 1024)
#define HTTP_HEAD_MAX (1024 * 1024 + 4096)	/* request line and headers, as kube-apiserver */

struct http_stream;

struct http_stream_ops {
	const char *protocol;	/* "HTTP/1.1" or "HTTP/2.0" */
	/*
	 * Sends the head (a request's in the client role, a response's in the server role); with
	 * `end` no body follows.  Framing fields are the transport's business: it derives them from
	 * m->content_length (-1: chunked or until close).  Copies what it needs.  Server role:
	 * status 1xx may be sent any number of times before the final head.
	 */
	void (*send_head)(struct http_stream *s, const struct http_message *m, bool end);
	/* Sends body bytes; takes all of them. */
	void (*send_body)(struct http_stream *s, const void *p, size_t n);
	/* Ends the body; trailers may be NULL and are dropped where they cannot be carried. */
	void (*send_end)(struct http_stream *s, const struct http_headers *trailers);
	/* n received body bytes are no longer held by the user: credit for the peer. */
	void (*consume)(struct http_stream *s, size_t n);
	/*
	 * Ends the stream at once and visibly: an unfinished message looks broken to the peer
	 * (HTTP/1: connection closed without the last chunk; HTTP/2: RST_STREAM).  What was given
	 * to send_body before goes out as far as the socket takes it at once.
	 */
	void (*reset)(struct http_stream *s, int err);
	/* The user is done with a stream that ended or was reset. */
	void (*release)(struct http_stream *s);
	/* Server role: the connection is closed after this response (HTTP/1 Connection: close). */
	void (*close_after)(struct http_stream *s);
};

struct http_stream_handler {
	/* Client role: the response's head; may come several times with 1xx before the last. */
	void (*on_head)(void *user, struct http_message *m, bool end);
	/* Body bytes, borrowed during the call. */
	void (*on_body)(void *user, const void *p, size_t n);
	/* The message is complete; trailers may be NULL. Not called when on_head said end. */
	void (*on_end)(void *user, const struct http_headers *trailers);
	/* n bytes given to send_body have been written to the socket. */
	void (*on_sent)(void *user, size_t n);
	/*
	 * The stream is over from the other side: the peer closed, reset or broke it, the message
	 * was malformed, or the connection failed.  Server role: also when the client went away
	 * while the response was pending, and once, with ERR_OK, when a complete response has been
	 * written out.  Client role: with ERR_OK never (on_end is the end).
	 */
	void (*on_closed)(void *user, int err);
};

/* What the exchange may know of a connection; the same for all its streams. */
struct http_connection {
	struct loop *loop;		/* borrowed */
	struct address peer;
	struct address local;
	const struct tls_peer *tls;	/* NULL: no certificate; borrowed from the connection */
	bool is_tls;
	void *owner;			/* the worker's record of the connection; not ours */
	/* A cache slot of the authenticators: the verdict on the certificate. */
	void *auth_cache;
	void (*auth_cache_free)(void *auth_cache);
};

struct http_stream {
	const struct http_stream_ops *ops;
	const struct http_stream_handler *handler;	/* set by the user before the turn ends */
	void *user;
	struct http_connection *connection;		/* borrowed; lives at least as long */
	struct arena *arena;		/* lives until release(): the received head is in it */
	/*
	 * Client role: true while it is certain that the peer has not begun to process the request
	 * (nothing was written), and true after on_closed when a reused connection closed before
	 * any byte of answer came.
	 */
	bool unprocessed;
	bool reused;			/* client role: the connection has served before */
};

/* Server role: called with each request's head; s->handler and s->user must be set in it. */
typedef void http_accept_fn(void *arg, struct http_stream *s, struct http_message *request,
			    bool end);

#endif
