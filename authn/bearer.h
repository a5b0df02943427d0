/* SPDX-License-Identifier: Apache-2.0 */
/* Bearer tokens in Authorization and in Sec-WebSocket-Protocol (spec 02 section 4). */
#ifndef AUTHN_BEARER_H
#define AUTHN_BEARER_H

#include "base/strbuf.h"
#include "http/header.h"

#define WEBSOCKET_BEARER_PREFIX "base64url.bearer.authorization.k8s.io."

/*
 * The token in the value of an Authorization header, a part of value; empty when there is none.
 * *extra_space: more than one blank stood between the scheme and something else.
 */
struct str bearer_token_from_header(struct str value, bool *extra_space);
/*
 * The token of a WebSocket request, added to *token (end it with strbuf_fini_secret), which stays
 * empty when there is none.  ERR_SYNTAX with *why, a static text.
 */
int bearer_token_from_protocols(const struct http_headers *h, struct strbuf *token,
				const char **why);
/* Takes bearer elements out of Sec-WebSocket-Protocol; without one the fields stay as they are. */
void bearer_strip_protocols(struct http_headers *h);

#endif
