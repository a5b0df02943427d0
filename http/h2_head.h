/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of HTTP/2: from header fields to a struct http_message and back. */
#ifndef HTTP_H2_HEAD_H
#define HTTP_H2_HEAD_H

#include <nghttp2/nghttp2.h>

#include "http/h1_check.h"
#include "http/message.h"

#define H2_FIELD_OVERHEAD 32	/* RFC 9113 section 6.5.2 */

struct h2_head {
	struct arena *arena;		/* borrowed */
	struct http_message message;
	struct str authority;
	bool has_authority;
	size_t bytes;			/* names, values and 32 for each, as RFC 9113 counts */
	enum h1_fault fault;
};

void h2_head_init(struct h2_head *h, struct arena *a);
/* One field, pseudo-fields included; copied. Beyond HTTP_HEAD_MAX nothing is kept any more. */
void h2_head_add(struct h2_head *h, struct str name, struct str value);
/*
 * All fields have come; `end`: and no body follows.  The message is then as HTTP/1.1's reader makes
 * it, with Host for :authority.  The row that refuses it, or NULL.
 */
const struct h1_refusal *h2_head_finish(struct h2_head *h, bool end);

/*
 * The fields of a response, :status first, without those that HTTP/2 does not have; in the arena,
 * as what they point to must be.  NULL: one cannot be written as it is.
 */
nghttp2_nv *h2_response_fields(struct arena *a, const struct http_message *m, size_t *n);
/* The same for trailers, copied; NULL and 0 when one cannot be written. */
nghttp2_nv *h2_trailer_fields(struct arena *a, const struct http_headers *h, size_t *n);

#endif
