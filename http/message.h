/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request or response, the same for every HTTP version. */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include "http/header.h"

struct http_message {
	/* Requests. */
	struct str method;		/* as received, case kept */
	struct str target;		/* the request target's bytes as received */
	/* Responses. */
	int status;			/* 100..599; 0 in requests */
	struct http_headers headers;	/* pseudo-headers and framing fields are not in here:
					 * Content-Length stays, Transfer-Encoding is removed */
	int64_t content_length;		/* body length if known, else -1 */
	bool has_body;			/* a body follows (length > 0, chunked, or until close) */
	bool is_http10;			/* the peer speaks HTTP/1.0: no chunks, no 1xx */
	bool expect_continue;		/* Expect: 100-continue */
	bool is_upgrade;		/* Connection: upgrade was asked for (HTTP/1.1 only) */
	/*
	 * The protocol of a tunnel: in a request that is sent, what is asked for (the transport
	 * writes Connection and Upgrade); in a 101, what is switched to.  Empty: no tunnel.
	 */
	struct str upgrade;
};

/* The standard reason phrase ("Not Found"), "" for an unknown status. */
const char *http_status_text(int status);

#endif
