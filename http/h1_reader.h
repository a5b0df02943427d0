/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one HTTP/1.1 message after the other from bytes as they come: the part that both roles
 * share.  It is pulled: h1_reader_next takes from *in and says what it found.  It holds bytes only
 * of a head or trailer section that is not complete; bodies are slices of *in.
 */
#ifndef HTTP_H1_READER_H
#define HTTP_H1_READER_H

#include <llhttp.h>

#include "base/strbuf.h"
#include "http/h1_check.h"

enum h1_event {
	H1_MORE,	/* *in was used up, or nothing more belongs to this message */
	H1_GOT_HEAD,	/* r->message; r->phase is H1_COMPLETE when no body follows */
	H1_GOT_BODY,	/* *body */
	H1_GOT_END,	/* r->trailers */
	H1_GOT_FAULT,	/* r->head.fault, or see h1_refuse; the reader is dead */
};

enum h1_phase { H1_HEAD, H1_BODY, H1_TRAILERS, H1_COMPLETE, H1_DEAD };

struct h1_reader {
	llhttp_t parser;
	enum h1_phase phase;
	bool is_response;
	bool is_head_request;		/* a response that has no body, whatever it says */
	bool paused;			/* llhttp stopped at a callback */
	bool message_complete;		/* llhttp's word, from here on */
	bool last_chunk;
	bool field_is_open;		/* the last span was a name */
	struct h1_lines lines;
	struct strbuf pending;		/* owned: an incomplete head or trailer section */
	struct arena *arena;		/* borrowed: heads are copied into it */
	struct str body;		/* the span of the last body callback */
	size_t framing;			/* bytes of chunk framing since the last body byte */
	struct http_headers *fields;	/* where llhttp's fields go: message.headers or trailers */
	struct http_message message;
	struct http_headers trailers;
	struct h1_head head;
};

/* The arena is borrowed; it is cleared by its owner before h1_reader_reset. */
void h1_reader_init(struct h1_reader *r, struct arena *a, bool is_response);
void h1_reader_fini(struct h1_reader *r);
/* Ready for the next message. */
void h1_reader_reset(struct h1_reader *r);
enum h1_event h1_reader_next(struct h1_reader *r, struct str *in, struct str *body);
/* The connection ended in an orderly way: true if that completes the message (body until close). */
bool h1_reader_eof(struct h1_reader *r);
/* No byte of the next message has come. */
static inline bool h1_reader_is_fresh(const struct h1_reader *r)
{
	return r->phase == H1_HEAD && !r->pending.n;
}

#endif
