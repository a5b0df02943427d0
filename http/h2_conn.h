/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the HTTP/2 server role, shared by its two halves: the connection (h2_server.c) and
 * its streams as their users see them (h2_stream.c).
 *
 * nghttp2 may not be called back into while it reads or writes (but submitting is allowed), and it
 * may not be freed there: operations only note and submit, one task per turn writes, and what ends
 * is freed by the loop's graveyard.
 */
#ifndef HTTP_H2_CONN_H
#define HTTP_H2_CONN_H

#include <nghttp2/nghttp2.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "http/h2.h"
#include "http/h2_head.h"
#include "http/h2_input.h"

#define H2_SERVER_MAGIC 0x68327376u
#define H2_STREAM_MAGIC 0x68327374u

struct h2_server {
	unsigned magic;
	struct loop *loop;		/* borrowed */
	struct stream *stream;		/* owned; NULL once the connection is gone */
	const struct h2_server_settings *settings;	/* borrowed */
	void *user;
	struct http_connection connection;
	nghttp2_session *session;	/* owned */
	struct list streams;		/* all that are not freed */
	struct list sent;		/* those whose users are to hear of sent bytes */
	struct list breaking;		/* those to be reset when what they sent was framed */
	struct list done;		/* complete, but perhaps not all taken by the socket */
	uint64_t framed, written;	/* bytes: ever added to `out`, and taken by the socket */
	size_t open;			/* streams that nghttp2 knows */
	size_t head_bytes;		/* of the heads of all streams */
	size_t decoded;			/* bytes of the head that is being read */
	struct strbuf out;		/* owned: frames on their way to the socket */
	size_t out_at;
	struct loop_task flush_task;
	struct loop_timer timer;
	struct h2_input input;
	int64_t heard_us;		/* when bytes came last */
	int64_t idle_us;		/* since when there is no stream; of the start at first */
	int64_t head_us;		/* when the head that is incomplete began */
	int64_t blocked_us;		/* since when the socket takes nothing */
	int64_t pinged_us;
	bool in_session;		/* nghttp2 is on the stack */
	bool is_in_head;		/* a head is incomplete */
	bool is_blocked;		/* the socket is full */
	bool is_paused;			/* reading */
	bool is_pinged;			/* and nothing came since */
	bool had_request;
	bool is_known;			/* h2_server_trust */
	bool is_draining;
	bool is_refused;		/* the peer broke the rules: nothing is read any more */
	bool is_buried;
};

struct h2_stream {
	unsigned magic;
	struct h2_server *c;		/* lives until the stream is freed */
	struct list node;
	struct list sent_node;		/* of c->sent or c->done */
	struct list break_node;
	int32_t id;
	uint32_t break_code;
	struct http_stream s;
	struct arena arena;
	struct h2_head head;
	size_t charge;			/* its share of the strangers' bytes */
	size_t head_share;		/* of c->head_bytes */
	bool is_held;			/* by the user, from accept() to release() */
	bool is_over;			/* no callback comes any more */
	bool is_closed;			/* nghttp2 has forgotten it */
	bool is_buried;
	bool request_ended;
	bool head_sent, send_ended, is_head, has_no_body, is_deferred, wants_trailers;
	bool end_framed;		/* the last frame of the response is in c->out */
	uint64_t done_at;		/* c->written at which the response is out; 0: not known */
	int64_t left;			/* body bytes owed by Content-Length, -1: not counted */
	size_t unconsumed;		/* request body bytes in the user's hands */
	size_t sent_now;		/* body bytes framed since the user was told */
	int64_t moved_us;		/* the peer's windows took a byte, or the end was given */
	struct strbuf out;		/* owned: body that the peer's windows did not take yet */
	size_t out_at;
	nghttp2_nv *trailers;		/* in the arena */
	size_t trailer_count;
};

/* h2_server.c */
void h2_schedule_flush(struct h2_server *c);
void h2_bury_if_done(struct h2_stream *st);

/* h2_stream.c */
/* A stream without a user yet; NULL when strangers hold too much. */
struct h2_stream *h2_stream_new(struct h2_server *c, int32_t id);
void h2_stream_free(void *what);
void h2_stream_add_field(struct h2_stream *st, struct str name, struct str value);
/* The head is complete: answers it or gives it to the user. */
void h2_stream_begin(struct h2_stream *st, bool end);
/* The request's body is complete. */
void h2_stream_end_request(struct h2_stream *st);
void h2_stream_take_body(struct h2_stream *st, const uint8_t *p, size_t n);
/* Tells the user of bytes that were framed; the user may end anything inside. */
void h2_stream_tell_sent(struct h2_stream *st);
/* Tells the user that it is over; the user may release it inside. */
void h2_stream_tell_closed(struct h2_stream *st, int err);
/* RST_STREAM behind what was framed so far. */
void h2_stream_break(struct h2_stream *st, uint32_t code);

#endif
