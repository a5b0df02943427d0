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
 * name, control bytes, leading or trailing blanks, upper-case extra keys, keys that merge.
 */
int front_proxy_stamp(struct http_headers *h, const struct user *u, const char **why);
/* The same test alone, for token and password files at start. */
bool front_proxy_can_carry(const struct user *u, const char **why);

#endif
