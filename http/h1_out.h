/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection has to write: one buffer that exists only while bytes are in flight, filled
 * during a turn and written when it ends, so that a head and a small body leave in one record.
 * The caller bounds what goes in (HTTP_WINDOW of body, its heads).
 */
#ifndef HTTP_H1_OUT_H
#define HTTP_H1_OUT_H

#include "base/strbuf.h"
#include "http/message.h"
#include "net/stream.h"

struct h1_out_run;	/* bytes of one kind: framing or body */

struct h1_out {
	struct strbuf buf;		/* owned */
	size_t written;			/* of buf */
	struct h1_out_run *runs;	/* owned */
	size_t run_count, run_cap, run_at;
	size_t skipped;			/* body bytes taken that are not sent (HEAD, 204) */
};

void h1_out_fini(struct h1_out *o);
bool h1_out_is_empty(const struct h1_out *o);
/* Heads, chunk lines, last chunks. */
void h1_out_add_framing(struct h1_out *o, const void *p, size_t n);
void h1_out_add_body(struct h1_out *o, const void *p, size_t n);
/* `HTTP/1.<minor> <status> <text>` and the end of the line; a status of three digits. */
void h1_out_add_status_line(struct h1_out *o, int minor, int status);
void h1_out_add_content_length(struct h1_out *o, uint64_t length);
/* `Connection: Upgrade` and the protocol. */
void h1_out_add_upgrade(struct h1_out *o, struct str protocol);
/* One chunk. */
void h1_out_add_chunk(struct h1_out *o, const void *p, size_t n);
/* Body bytes that count as sent with the next flush. */
void h1_out_skip_body(struct h1_out *o, size_t n);
/*
 * Adds `name: value` lines but those of the message's framing (Content-Length, Transfer-Encoding,
 * Connection, Keep-Alive).  False, and nothing usable was added, when a field cannot be written as
 * it is: control bytes would become other fields.
 */
bool h1_out_add_fields(struct h1_out *o, const struct http_headers *h);
/* The last chunk, with trailers if not NULL. False as h1_out_add_fields. */
bool h1_out_add_last_chunk(struct h1_out *o, const struct http_headers *trailers);
/* Writes what it can; *sent gets the body bytes among it. 0, ERR_AGAIN or a stream error. */
int h1_out_flush(struct h1_out *o, struct stream *s, size_t *sent, bool *wrote);

#endif
