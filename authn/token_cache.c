/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/token_cache.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"

#define HASH_LEN 32	/* of HMAC-SHA256 */

struct entry {
	struct list node;	/* in the order of their ends */
	unsigned char hash[HASH_LEN];
	struct user *user;	/* owned */
	struct str warning;
	int64_t until_us;
};

struct token_cache {
	struct {
		unsigned char random[HASH_LEN];
		uint64_t generation;
	} key;
	struct map entries;	/* by hash */
	struct list order;
	size_t n;
};

struct token_cache *token_cache_new(void)
{
	struct token_cache *c = xcalloc(1, sizeof(*c));

	random_bytes(c->key.random, sizeof(c->key.random));
	list_init(&c->order);
	return c;
}

static struct str key_of(const struct entry *e)
{
	return str_make((const char *)e->hash, HASH_LEN);
}

static void drop(struct token_cache *c, struct entry *e)
{
	map_del(&c->entries, key_of(e));
	list_del(&e->node);
	user_free(e->user);
	free(e);
	c->n--;
}

static struct entry *oldest(struct token_cache *c)
{
	return list_is_empty(&c->order) ? NULL : container_of(c->order.next, struct entry, node);
}

void token_cache_free(struct token_cache *c)
{
	struct entry *e;

	if (!c)
		return;
	while ((e = oldest(c)))
		drop(c, e);
	map_fini(&c->entries);
	secret_wipe(&c->key, sizeof(c->key));
	free(c);
}

static void hash_token(struct token_cache *c, uint64_t generation, struct str token,
		       unsigned char out[HASH_LEN])
{
	unsigned n = HASH_LEN;

	c->key.generation = generation;
	CHECK(HMAC(EVP_sha256(), &c->key, sizeof(c->key), (const unsigned char *)token.p, token.n,
		   out, &n) && n == HASH_LEN);
}

static void expire(struct token_cache *c, int64_t now_us)
{
	struct entry *e;

	while ((e = oldest(c)) && e->until_us <= now_us)
		drop(c, e);
}

const struct user *token_cache_get(struct token_cache *c, uint64_t generation, struct str token,
				   int64_t now_us, struct str *warning)
{
	unsigned char hash[HASH_LEN];
	struct entry *e;

	expire(c, now_us);
	if (!c->n)
		return NULL;
	hash_token(c, generation, token, hash);
	e = map_get(&c->entries, str_make((const char *)hash, HASH_LEN));
	if (!e)
		return NULL;
	*warning = e->warning;
	return e->user;
}

void token_cache_put(struct token_cache *c, uint64_t generation, struct str token,
		     const struct user *u, struct str warning, int64_t now_us)
{
	struct entry *e = xcalloc(1, sizeof(*e)), *old;

	expire(c, now_us);
	hash_token(c, generation, token, e->hash);
	e->user = user_dup(u);
	e->warning = warning;
	e->until_us = now_us + TOKEN_CACHE_TTL_US;
	old = map_get(&c->entries, key_of(e));
	if (!old && c->n == TOKEN_CACHE_MAX)
		old = oldest(c);
	if (old)
		drop(c, old);
	map_set(&c->entries, key_of(e), e);
	list_add_tail(&c->order, &e->node);
	c->n++;
}

size_t token_cache_count(const struct token_cache *c)
{
	return c->n;
}
