/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields: an ordered list of (name, value) slices, names compared without case.  Lists are
 * built in an arena; slices may be borrowed from it.
 */
#ifndef HTTP_HEADER_H
#define HTTP_HEADER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct http_header {
	struct str name;
	struct str value;	/* without surrounding blanks */
};

struct http_headers {
	struct http_header *v;	/* in the arena */
	size_t n;
	size_t cap;
	struct arena *arena;	/* borrowed; NULL for a constant list */
};

void http_headers_init(struct http_headers *h, struct arena *a);
/* Appends; name and value are borrowed. */
void http_headers_add(struct http_headers *h, struct str name, struct str value);
/* The first value of name, or NULL. */
const struct str *http_headers_get(const struct http_headers *h, struct str name);
bool http_headers_has(const struct http_headers *h, struct str name);
size_t http_headers_count(const struct http_headers *h, struct str name);
/* Removes every field of that name; returns how many. */
size_t http_headers_remove(struct http_headers *h, struct str name);
/* Removes every field whose name starts so (any case). */
size_t http_headers_remove_prefix(struct http_headers *h, struct str prefix);
/* Removes all, then adds one. */
void http_headers_set(struct http_headers *h, struct str name, struct str value);
/* True if a comma list in any field of that name has the token (any case). */
bool http_headers_has_token(const struct http_headers *h, struct str name, struct str token);
/*
 * Removes what is hop by hop (RFC 9110 section 7.6.1): first every name the Connection fields
 * nominate, then Connection, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade.
 */
void http_headers_remove_hop_by_hop(struct http_headers *h);
/* RFC 9110 token and field-value grammars. */
bool http_is_token(struct str s);
bool http_is_field_value(struct str s);	/* no control bytes but tab; bytes >= 0x80 allowed */

#endif
