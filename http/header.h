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

/* The fields that the proxy looks at, by number: FIELD(id, name as it is written). */
#define HTTP_FIELDS(FIELD) \
	FIELD(ACCEPT, "Accept") \
	FIELD(AUDIT_ID, "Audit-Id") \
	FIELD(AUTHORIZATION, "Authorization") \
	FIELD(CONNECTION, "Connection") \
	FIELD(CONTENT_ENCODING, "Content-Encoding") \
	FIELD(CONTENT_LENGTH, "Content-Length") \
	FIELD(CONTENT_TYPE, "Content-Type") \
	FIELD(COOKIE, "Cookie") \
	FIELD(DATE, "Date") \
	FIELD(EXPECT, "Expect") \
	FIELD(HOST, "Host") \
	FIELD(KEEP_ALIVE, "Keep-Alive") \
	FIELD(PROXY_CONNECTION, "Proxy-Connection") \
	FIELD(RETRY_AFTER, "Retry-After") \
	FIELD(SEC_WEBSOCKET_PROTOCOL, "Sec-WebSocket-Protocol") \
	FIELD(TE, "TE") \
	FIELD(TRAILER, "Trailer") \
	FIELD(TRANSFER_ENCODING, "Transfer-Encoding") \
	FIELD(UPGRADE, "Upgrade") \
	FIELD(USER_AGENT, "User-Agent") \
	FIELD(WARNING, "Warning") \
	FIELD(X_FORWARDED_FOR, "X-Forwarded-For") \
	FIELD(X_REMOTE_USER, "X-Remote-User") \
	FIELD(X_REMOTE_UID, "X-Remote-Uid") \
	FIELD(X_REMOTE_GROUP, "X-Remote-Group")

enum http_field {
	HTTP_OTHER,
#define HTTP_FIELD_ID(id, name) HTTP_##id,
	HTTP_FIELDS(HTTP_FIELD_ID)
#undef HTTP_FIELD_ID
	HTTP_X_REMOTE_EXTRA,	/* every name that begins with X-Remote-Extra- */
	HTTP_IMPERSONATE,	/* every name that begins with Impersonate- */
	HTTP_FIELD_NUMBERS
};
#define HTTP_BIT(field) (UINT64_C(1) << (field))

struct http_header {
	struct str name;
	struct str value;	/* without surrounding blanks */
	enum http_field field;
	/* Judged as it came: name and value are what their grammars allow. */
	bool checked;
};

struct http_headers {
	struct http_header *v;	/* in the arena */
	size_t n;
	size_t cap;
	uint64_t present;	/* HTTP_BITs of the fields that may be in v: never one too few */
	struct arena *arena;	/* borrowed; NULL for a constant list */
};

/* HTTP_OTHER: not one of them. */
enum http_field http_field_of(struct str name);

void http_headers_init(struct http_headers *h, struct arena *a);
/* Appends; name and value are borrowed. */
void http_headers_add(struct http_headers *h, struct str name, struct str value);
/*
 * The same under a field's own name; the functions by number cost nothing when the field is not
 * there, which is the usual case.
 */
void http_field_add(struct http_headers *h, enum http_field f, struct str value);
/* The first value, or NULL. */
const struct str *http_field_get(const struct http_headers *h, enum http_field f);
static inline bool http_field_has(const struct http_headers *h, enum http_field f)
{
	return h->present & HTTP_BIT(f) && http_field_get(h, f);
}
size_t http_field_count(const struct http_headers *h, enum http_field f);
/* Removes every field whose HTTP_BIT is in the set. */
void http_field_remove(struct http_headers *h, uint64_t set);
/* Removes all, then adds one. */
void http_field_set(struct http_headers *h, enum http_field f, struct str value);
/* True if a comma list in any field of that number has the token (any case). */
bool http_field_has_token(const struct http_headers *h, enum http_field f, struct str token);
/* The first value of name, or NULL. */
const struct str *http_headers_get(const struct http_headers *h, struct str name);
/*
 * Removes what is hop by hop (RFC 9110 section 7.6.1): first every name the Connection fields
 * nominate, then Connection, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade.
 */
void http_headers_remove_hop_by_hop(struct http_headers *h);
/* RFC 9110 token and field-value grammars. */
bool http_is_token(struct str s);
bool http_is_field_value(struct str s);	/* no control bytes but tab; bytes >= 0x80 allowed */

#endif
