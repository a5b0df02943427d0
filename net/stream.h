/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connected socket, plain or TLS: non-blocking OpenSSL straight on the descriptor, woken by
 * the loop (loop_io), without bufferevents.  The stream holds no application data: the owner reads
 * into the loop's scratch buffer and writes from its own.  It belongs to its loop's thread.
 *
 * Life: created by stream_accept or stream_connect, in state opening; on_open when the TCP connect
 * and the TLS handshake are done, or on_close.  After on_close no other callback comes; the owner
 * calls stream_close (any time, also inside callbacks), which frees it when the turn ends.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "net/address.h"
#include "net/loop.h"
#include "net/tls.h"

struct stream;

struct stream_handler {
	/* Connected and, with TLS, the handshake is done. Reading starts paused. */
	void (*on_open)(void *user);
	/* Reading is on and there may be bytes: call stream_read until ERR_AGAIN or pause. */
	void (*on_readable)(void *user);
	/* A stream_write that said ERR_AGAIN may go on. */
	void (*on_writable)(void *user);
	/*
	 * The stream failed or the peer is gone.  Before on_open: ERR_IO (no connection),
	 * ERR_TIMEOUT, ERR_TLS, ERR_CLOSED, ERR_RESET.  Later, while reading is paused: ERR_CLOSED
	 * (FIN or close_notify, with nothing unread before it), ERR_RESET (RST; FIN without
	 * close_notify), ERR_TLS.  While reading is on, stream_read says it instead.  Comes at most
	 * once, and not after stream_read returned an error other than ERR_AGAIN.
	 */
	void (*on_close)(void *user, int err);
};

/*
 * Takes over the accepted, non-blocking descriptor fd.  tls == NULL: plain.  The context is
 * referenced while the stream lives.
 */
struct stream *stream_accept(struct loop *l, int fd, const struct address *peer,
			     struct tls_server_context *tls, const struct stream_handler *h,
			     void *user);
/*
 * Connects to `to`.  tls == NULL: plain.  server_name is sent as SNI (unless it is an IP literal)
 * and must match the server's certificate (name or IP); borrowed during the call.
 * `session` (may be NULL, borrowed) is offered for resumption; it must come from stream_session of
 * a stream with the same context and server_name, since a resumed connection is not verified again.
 * Never NULL: a failure comes by on_close in a later turn.
 */
struct stream *stream_connect(struct loop *l, const struct address *to,
			      struct tls_client_context *tls, const char *server_name,
			      SSL_SESSION *session, const struct stream_handler *h, void *user);
/* Shuts down (close_notify when possible, without waiting) and frees at the end of the turn. */
void stream_close(struct stream *s);
/*
 * Like stream_close, but lets the peer read what was written although it is still sending: ends our
 * direction and throws away what comes, for at most STREAM_LINGER_MS.
 */
void stream_close_lingering(struct stream *s);
/* Like stream_close, but the peer sees a broken connection: no close_notify, RST where possible. */
void stream_abort(struct stream *s);

/*
 * Bytes read (> 0), ERR_AGAIN, ERR_CLOSED (FIN, with TLS close_notify), ERR_RESET (also a TLS
 * stream's FIN without close_notify: it may have been cut), ERR_TLS.  After ERR_CLOSED writing may
 * go on; after the others the stream is dead.  An owner that does not read
 * up to ERR_AGAIN is called again in the next turn.
 */
ptrdiff_t stream_read(struct stream *s, void *p, size_t n);
/*
 * Bytes written (> 0); fewer than n means that the socket is full, and the next call says
 * ERR_AGAIN (then on_writable will come).  What was not taken must be offered next, unchanged,
 * more may follow it.  ERR_RESET, ERR_TLS: writing is over, but what the peer sent before may
 * still be read, and on_close may still come.
 */
ptrdiff_t stream_write(struct stream *s, const void *p, size_t n);
/* Turns on_readable on or off. While off, a FIN or reset is still reported by on_close. */
void stream_set_reading(struct stream *s, bool on);

/*
 * An accepted stream whose peer closed its half counts as gone at once, whatever it sent before;
 * from now on, as in tunnels, what it sent is read first, and its end is told by stream_read alone,
 * as ERR_CLOSED with or without close_notify.  A reset is still told at once.
 */
void stream_keep_unread(struct stream *s);

void stream_set_handler(struct stream *s, const struct stream_handler *h, void *user);
const struct address *stream_peer(const struct stream *s);
const struct address *stream_local(const struct stream *s);
bool stream_is_tls(const struct stream *s);
/* The client's certificates; NULL on plain or client streams or when none was sent. */
const struct tls_peer *stream_tls_peer(const struct stream *s);
/* "h2", "http/1.1" or "" as negotiated by ALPN. */
struct str stream_alpn(const struct stream *s);
/*
 * The newest session of a client stream for resumption, or NULL when there is none; the caller
 * frees it with SSL_SESSION_free.  With TLS 1.3 it comes after the first bytes were read.
 */
SSL_SESSION *stream_session(struct stream *s);
/* A text for the last ERR_TLS, ERR_IO or ERR_RESET; never NULL; static thread-local buffer. */
const char *stream_error_text(const struct stream *s);
SSL *stream_ssl(const struct stream *s);	/* NULL when plain */

/* Milliseconds before an unfinished connect or handshake ends with ERR_TIMEOUT. */
#define STREAM_CONNECT_TIMEOUT_MS 10000
#define STREAM_LINGER_MS 500
#define STREAM_ACCEPT_TIMEOUT_MS 32000	/* as kube-apiserver's header read timeout, spec 00 */

#endif
