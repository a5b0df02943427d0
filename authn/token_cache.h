/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens that were accepted a moment ago, and whose they are (spec 02 section 12): for ten
 * seconds, rejections never.  The key is a keyed hash, so that no token is kept, and the number of
 * the configuration that accepted it: what was read anew judges anew.  Belongs to one thread.
 */
#ifndef AUTHN_TOKEN_CACHE_H
#define AUTHN_TOKEN_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "authn/user.h"

#define TOKEN_CACHE_TTL_US (10 * INT64_C(1000000))
#define TOKEN_CACHE_MAX 4096	/* tokens; the oldest goes first */

struct token_cache;

struct token_cache *token_cache_new(void);
void token_cache_free(struct token_cache *c);	/* NULL is allowed */
/*
 * The user of the token, borrowed until the next call, or NULL; *warning is what was said of it.
 * now_us: monotonic.
 */
const struct user *token_cache_get(struct token_cache *c, uint64_t generation, struct str token,
				   int64_t now_us, struct str *warning);
/* Copies the user; warning is static text. */
void token_cache_put(struct token_cache *c, uint64_t generation, struct str token,
		     const struct user *u, struct str warning, int64_t now_us);
size_t token_cache_count(const struct token_cache *c);

#endif
