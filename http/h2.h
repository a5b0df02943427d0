/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 over a net stream, by nghttp2: framing, HPACK and flow control are the library's; the rows
 * of the table of refusals that hold for HTTP/2 (h1_check.h) come behind it.
 *
 * Server role: every request is a struct http_stream like HTTP/1.1's.  Each stream has a receive
 * window of HTTP_WINDOW, given back as its user consumes; the connection's window is larger and
 * given back at once, so that a slow stream holds up nobody else, and a connection holds at most
 * max_streams windows.  What a stream sends waits in the stream until the peer's windows take it;
 * at most H2_OUT_MAX bytes of frames wait for the socket, and count as sent.  A complete response
 * is over (on_closed with ERR_OK) when the socket has taken its last frame.
 *
 * A peer that does not read is not read from either once H2_QUEUE_MAX frames wait for it.  What it
 * must not do ends the connection with GOAWAY and the code of RFC 9113; floods with
 * ENHANCE_YOUR_CALM.
 */
#ifndef HTTP_H2_H
#define HTTP_H2_H

#include "http/transport.h"
#include "net/stream.h"

#define H2_MAX_STREAMS 100		/* as kube-apiserver */
#define H2_CONNECTION_WINDOW (1024 * 1024)
#define H2_OUT_MAX (64 * 1024)		/* bytes of frames before the socket is asked */
#define H2_QUEUE_MAX 500		/* frames besides DATA that wait for a full socket */
#define H2_HEAD_TIMEOUT_MS 32000	/* handshake to the end of the first head; later heads */
#define H2_IDLE_TIMEOUT_MS 90000	/* without a stream */
#define H2_PING_IDLE_MS 15000		/* with a stream, but nothing received: ask */
#define H2_PING_TIMEOUT_MS 15000	/* for the answer */
/*
 * Without a byte taken: of an answer that is complete, by the peer's window (noticed within
 * H2_PING_IDLE_MS more), which resets the stream; or of anything, by the socket.
 */
#define H2_SEND_TIMEOUT_MS 60000
#define H2_CONTINUATIONS_MAX 128	/* frames of one head, for HTTP_HEAD_MAX in small frames */
/* Bytes of a head, as RFC 9113 counts them, that are decoded at all: a small one may hold many. */
#define H2_HEAD_DECODED_MAX (4 * HTTP_HEAD_MAX)
/* Frames that carry nothing, and resets: so many at once, and so many more each second. */
#define H2_EMPTY_BURST 1000
#define H2_EMPTY_PER_SECOND 100
/* Bytes of heads that the streams of one connection hold; what goes beyond is answered with 431. */
#define H2_HEADS_MAX (4 * 1024 * 1024)
/*
 * What the streams of all connections hold together on which no request passed authentication:
 * their heads, and H2_STREAM_COST for each.  Beyond it streams are refused, unprocessed.
 */
#define H2_STRANGERS_MAX (64 * 1024 * 1024)
#define H2_STREAM_COST 4096

struct h2_server;

struct h2_server_settings {
	http_accept_fn *accept;
	void *arg;
	/* The connection is gone and all its streams released; *c is freed when the turn ends. */
	void (*on_gone)(void *arg, struct h2_server *c);
	uint32_t max_streams;		/* at once, 0: H2_MAX_STREAMS */
};

/* Takes over an open stream. settings are borrowed while it lives. */
struct h2_server *h2_server_new(struct loop *l, struct stream *s,
				const struct h2_server_settings *settings);
/* A request on it passed authentication: H2_STRANGERS_MAX does not bound it any more. */
void h2_server_trust(struct h2_server *c);
/* GOAWAY: no new request is served; closes when the running ones are done. */
void h2_server_drain(struct h2_server *c);
/* Ends the connection and its streams at once. */
void h2_server_abort(struct h2_server *c, int err);
/* Whether it has no stream and the socket took all that was written. */
bool h2_server_is_idle(const struct h2_server *c);
struct http_connection *h2_server_connection(struct h2_server *c);
void *h2_server_user(const struct h2_server *c);
void h2_server_set_user(struct h2_server *c, void *user);

#endif
