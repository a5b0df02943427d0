/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 over a net stream: llhttp in strict mode, a scanner of raw lines before it and one table
 * of refusals behind it (h1_check.c, shared with HTTP/2 where it applies).
 *
 * Server role: parses requests one after the other (pipelined requests wait until the response
 * before is complete and released), answers a malformed one with 400 (431, 501, 505, 417 as
 * kube-apiserver's server does) and closes, answers OPTIONS * by itself, bounds the head by
 * HTTP_HEAD_MAX, the time to the end of a head by H1_HEAD_TIMEOUT_MS and idle time by
 * H1_IDLE_TIMEOUT_MS.  A client that closes (half included) gets on_closed(ERR_CLOSED).
 * Buffers exist only while bytes are in flight.
 */
#ifndef HTTP_H1_H
#define HTTP_H1_H

#include "http/transport.h"
#include "net/stream.h"

#define H1_HEAD_TIMEOUT_MS 32000	/* handshake or previous response to the end of the head */
#define H1_IDLE_TIMEOUT_MS 90000
#define H1_SEND_TIMEOUT_MS 60000	/* without a byte taken of an answer that is complete */
#define H1_PIPELINE_MAX (64 * 1024)	/* bytes read ahead while a response is pending */
#define H1_HEADS_MAX (64 * 1024 * 1024)	/* incomplete heads above H1_HEAD_SMALL, whole process */
#define H1_HEAD_SMALL (16 * 1024)
#define H1_HEADERS_MAX 2000		/* header fields in one head */
#define H1_DISCARD_MAX (256 * 1024)	/* request body read off after an early answer, as Go */

struct h1_server;
struct h1_client;

struct h1_server_settings {
	http_accept_fn *accept;
	void *arg;
	/* The connection is gone and its stream released; *c is freed when the turn ends. */
	void (*on_gone)(void *arg, struct h1_server *c);
};

/* Takes over the stream (opened or still opening). settings are borrowed while it lives. */
struct h1_server *h1_server_new(struct loop *l, struct stream *s,
				const struct h1_server_settings *settings);
/* No new request is read; closes once the current response is out (at once when idle). */
void h1_server_drain(struct h1_server *c);
/* Ends the connection and its stream at once. */
void h1_server_abort(struct h1_server *c, int err);
struct http_connection *h1_server_connection(struct h1_server *c);
/* For lists of connections kept by the owner. */
void *h1_server_user(const struct h1_server *c);
void h1_server_set_user(struct h1_server *c, void *user);

/*
 * Client role: a connection that serves one request at a time.  The stream must be open.
 * on_idle: the response is complete and released, and the connection may be used again.
 * on_gone: it closed, or may not be reused, and its stream is released; free is implied, no
 * callback follows.
 * Both come from the loop's tasks or the net stream, never from inside an operation of the stream.
 */
struct h1_client_settings {
	void (*on_idle)(void *user, struct h1_client *c);
	void (*on_gone)(void *user, struct h1_client *c, int err);
};
struct h1_client *h1_client_new(struct loop *l, struct stream *s,
				const struct h1_client_settings *settings, void *user);
/*
 * A stream for the next request: at once after h1_client_new, later after on_idle; else NULL.  Its
 * handler must be set before the caller returns to the loop.  Bytes that come before the request
 * was written break the connection: they are nobody's answer.
 */
struct http_stream *h1_client_open(struct h1_client *c);
/*
 * Whether h1_client_open would give a stream now.  An idle connection that closed says so with
 * on_gone when the turn ends; until then its owner still has it on its lists.
 */
bool h1_client_is_usable(const struct h1_client *c);
/*
 * Ends and frees it, without on_gone; a stream still held gets on_closed(ERR_CANCELED) and is due
 * to be released as always.
 */
void h1_client_close(struct h1_client *c);
/* The newest TLS session for resumption, which the caller frees; NULL when there is none. */
SSL_SESSION *h1_client_session(const struct h1_client *c);
/* Monotonic microseconds at which it became idle. */
int64_t h1_client_idle_since(const struct h1_client *c);

#endif
