/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity on the wire: the one function that encodes a user into front-proxy headers, byte for
 * byte or not at all (spec 06 section 2).
 */
#ifndef AUTHN_FRONT_PROXY_H
#define AUTHN_FRONT_PROXY_H

#include "authn/user.h"
#include "http/header.h"

/*
 * Appends X-Remote-User, -Uid, -Group and -Extra-<escaped key> for u, allocated in h's arena.
 * ERR_REFUSED, with *why (static text) and h unchanged, for what a header cannot carry: an empty
 * name, control bytes (tab included), leading or trailing blanks, empty or upper-case extra keys,
 * keys that merge.  Empty groups get no line: the receiver drops them (spec 06, Traps), they can
 * come from a token file or an empty O, and no binding can name them.  An extra key without values
 * gets no line either; empty extra values are kept.
 */
int front_proxy_stamp(struct http_headers *h, const struct user *u, const char **why);
/* The same test alone, for token and password files at start. */
bool front_proxy_can_carry(const struct user *u, const char **why);

#endif
