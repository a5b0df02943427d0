/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/x509.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "authn/authn_config.h"
#include "authn/members.h"
#include "base/check.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

#define VERDICT_MAGIC 0x78353039u

/* What was found out about one certificate with what came along; shared within a thread. */
struct verdict {
	unsigned magic;
	unsigned refs;
	struct list node;		/* the thread's cache, the last used one first */
	uint64_t generation;		/* of the trust anchors */
	struct x509_validity validity;
	enum authn_result result;
	struct user *user;		/* owned; on ACCEPT */
	char *error;			/* owned; on ERROR */
	unsigned char key[SHA256_DIGEST_LENGTH];
};

struct verdict_cache {
	bool used;
	struct list order;
	struct map by_key;
	uint64_t verifications;
};

static __thread struct verdict_cache cache;

static void verdict_release(void *arg)
{
	struct verdict *v = arg;

	CHECK_MAGIC(v, VERDICT_MAGIC);
	if (--v->refs)
		return;
	v->magic = 0;
	user_free(v->user);
	free(v->error);
	free(v);
}

static bool verdict_holds(const struct verdict *v, uint64_t generation, int64_t now_us)
{
	return v->generation == generation && now_us >= v->validity.from_us &&
	       now_us <= v->validity.until_us;
}

static struct str verdict_key(const struct verdict *v)
{
	return str_make((const char *)v->key, sizeof(v->key));
}

static void cache_drop(struct verdict *v)
{
	map_del(&cache.by_key, verdict_key(v));
	list_del(&v->node);
	verdict_release(v);
}

static struct verdict *cache_last_used(void)
{
	return container_of(cache.order.prev, struct verdict, node);
}

static void cache_add(struct verdict *v)
{
	struct verdict *old = map_get(&cache.by_key, verdict_key(v));

	if (!cache.used) {
		list_init(&cache.order);
		cache.used = true;
	}
	if (old)
		cache_drop(old);
	else if (cache.by_key.used >= X509_VERDICTS_MAX)
		cache_drop(cache_last_used());
	v->refs++;
	list_add_head(&cache.order, &v->node);
	map_set(&cache.by_key, verdict_key(v), v);
}

static struct verdict *cache_find(const unsigned char *key, uint64_t generation, int64_t now_us)
{
	struct str k = str_make((const char *)key, SHA256_DIGEST_LENGTH);
	struct verdict *v = map_get(&cache.by_key, k);

	if (!v)
		return NULL;
	if (!verdict_holds(v, generation, now_us)) {
		cache_drop(v);
		return NULL;
	}
	list_del(&v->node);
	list_add_head(&cache.order, &v->node);
	v->refs++;
	return v;
}

void x509_thread_fini(void)
{
	while (cache.used && !list_is_empty(&cache.order))
		cache_drop(cache_last_used());
	map_fini(&cache.by_key);
	cache.used = false;
}

uint64_t x509_thread_verifications(void)
{
	return cache.verifications;
}

/* SHA-256 over the SHA-256 of each certificate sent, the leaf first. */
static void peer_key(const struct tls_peer *peer, unsigned char key[SHA256_DIGEST_LENGTH])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char one[SHA256_DIGEST_LENGTH];

	CHECK(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL));
	CHECK(X509_digest(peer->leaf, EVP_sha256(), one, NULL));
	CHECK(EVP_DigestUpdate(ctx, one, sizeof(one)));
	for (int i = 0; i < sk_X509_num(peer->chain); i++) {
		CHECK(X509_digest(sk_X509_value(peer->chain, i), EVP_sha256(), one, NULL));
		CHECK(EVP_DigestUpdate(ctx, one, sizeof(one)));
	}
	CHECK(EVP_DigestFinal_ex(ctx, key, NULL));
	EVP_MD_CTX_free(ctx);
}

/* The certificate is good: who is it? */
static void judge_subject(struct verdict *v, X509 *leaf, struct strbuf *reason)
{
	struct arena scratch;
	struct user u;

	arena_init(&scratch);
	v->result = x509_user_from_subject(leaf, &scratch, &u, reason);
	if (v->result == AUTHN_ACCEPT)
		v->user = user_dup(&u);
	arena_fini(&scratch);
}

static void refuse(struct verdict *v, X509 *leaf, int64_t now_us, struct strbuf *reason)
{
	struct strbuf text = STRBUF_INIT;

	v->result = AUTHN_ERROR;
	v->validity = (struct x509_validity){ now_us, now_us + X509_REFUSAL_TTL_US };
	strbuf_add_cstr(&text, "verifying certificate ");
	x509_add_identifier(&text, leaf);
	strbuf_addf(&text, " failed: %.*s", STR_ARG(strbuf_str(reason)));
	strbuf_fini(reason);
	*reason = text;
}

static struct verdict *judge(const struct x509_trust *t, const struct tls_peer *peer,
			     int64_t now_us)
{
	struct verdict *v = xcalloc(1, sizeof(*v));
	struct strbuf reason = STRBUF_INIT;

	*v = (struct verdict){ .magic = VERDICT_MAGIC, .refs = 1, .generation = t->generation };
	list_init(&v->node);
	peer_key(peer, v->key);
	cache.verifications++;
	if (x509_verify_client(t, peer->leaf, peer->chain, now_us, &v->validity, &reason))
		refuse(v, peer->leaf, now_us, &reason);
	else
		judge_subject(v, peer->leaf, &reason);
	if (v->result == AUTHN_ERROR)
		v->error = strbuf_detach(&reason);
	else
		cache_add(v);
	strbuf_fini(&reason);
	return v;
}

/* The verdict on the connection's certificate, kept in its slot. */
static const struct verdict *current_verdict(const struct authn_request *r)
{
	const struct x509_trust *t = r->config->x509;
	struct http_connection *c = r->connection;
	int64_t now_us = clock_wall_us(r->clock);
	unsigned char key[SHA256_DIGEST_LENGTH];
	struct verdict *v = c->auth_cache;

	if (v) {
		CHECK_MAGIC(v, VERDICT_MAGIC);
		if (verdict_holds(v, t->generation, now_us))
			return v;
		verdict_release(v);
	}
	peer_key(c->tls, key);
	v = cache_find(key, t->generation, now_us);
	if (!v)
		v = judge(t, c->tls, now_us);
	c->auth_cache = v;
	c->auth_cache_free = verdict_release;
	return v;
}

static bool is_configured(const struct authn_config *c)
{
	return c->x509 != NULL;
}

static enum authn_result authenticate(struct authn_request *r)
{
	const struct verdict *v;

	if (!r->connection || !r->connection->tls || !r->connection->tls->leaf)
		return AUTHN_NONE;
	v = current_verdict(r);
	if (v->result == AUTHN_ACCEPT)
		user_copy(&r->user, v->user, r->arena);
	if (v->result == AUTHN_ERROR)
		authn_add_error(r, "%s", v->error);
	return v->result;
}

const struct authn_ops authn_x509 = { "x509", is_configured, authenticate };
