/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/token_maker.h"

#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"

EVP_PKEY *token_key(const char *what)
{
	EVP_PKEY *key;

	if (strncmp(what, "RSA", 3))
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", what);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
					(size_t)(what[3] ? atoi(what + 3) : 2048));
	CHECK(key);
	return key;
}

static char *pem_of(EVP_PKEY *key, bool private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p, *text;
	long n;

	CHECK(private ? PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) :
	      PEM_write_bio_PUBKEY(bio, key));
	n = BIO_get_mem_data(bio, &p);
	text = xmemdup0(p, (size_t)n);
	BIO_free(bio);
	return text;
}

char *token_public_pem(EVP_PKEY *key)
{
	return pem_of(key, false);
}

char *token_private_pem(EVP_PKEY *key)
{
	return pem_of(key, true);
}

char *token_encode(const void *p, size_t n)
{
	unsigned char *out = xmalloc(4 * ((n + 2) / 3) + 1);
	size_t len = (size_t)EVP_EncodeBlock(out, p, (int)n);

	while (len && out[len - 1] == '=')
		out[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	return (char *)out;
}

static const EVP_MD *digest_of(const char *algorithm)
{
	return !strcmp(algorithm + 2, "512") ? EVP_sha512() :
	       !strcmp(algorithm + 2, "384") ? EVP_sha384() : EVP_sha256();
}

/* From DER to r and s side by side. */
static size_t flatten(unsigned char *sig, size_t n, const char *algorithm)
{
	int half = !strcmp(algorithm, "ES512") ? 66 : !strcmp(algorithm, "ES384") ? 48 : 32;
	const unsigned char *at = sig;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)n);

	CHECK(s && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, half) == half &&
	      BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + half, half) == half);
	ECDSA_SIG_free(s);
	return 2 * (size_t)half;
}

static size_t sign(EVP_PKEY *key, const char *algorithm, struct str text, unsigned char *sig,
		   size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *settings;

	CHECK(EVP_DigestSignInit(ctx, &settings, digest_of(algorithm), NULL, key) == 1);
	if (algorithm[0] == 'P')
		CHECK(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
		      EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1);
	CHECK(EVP_DigestSign(ctx, sig, &n, (const unsigned char *)text.p, text.n) == 1);
	EVP_MD_CTX_free(ctx);
	return algorithm[0] == 'E' ? flatten(sig, n, algorithm) : n;
}

static size_t sign_hmac(EVP_PKEY *key, const char *algorithm, struct str text, unsigned char *sig)
{
	char *secret = token_public_pem(key);
	unsigned n = EVP_MAX_MD_SIZE;

	CHECK(HMAC(digest_of(algorithm), secret, (int)strlen(secret),
		   (const unsigned char *)text.p, text.n, sig, &n));
	free(secret);
	return n;
}

char *token_sign(EVP_PKEY *key, const char *algorithm, const char *header, const char *claims)
{
	char *parts[3] = { token_encode(header, strlen(header)),
			   token_encode(claims, strlen(claims)), NULL };
	struct strbuf out = STRBUF_INIT;
	unsigned char sig[1024];
	size_t n;

	strbuf_addf(&out, "%s.%s", parts[0], parts[1]);
	n = algorithm[0] == 'H' ? sign_hmac(key, algorithm, strbuf_str(&out), sig) :
	    sign(key, algorithm, strbuf_str(&out), sig, sizeof(sig));
	parts[2] = token_encode(sig, n);
	strbuf_addf(&out, ".%s", parts[2]);
	for (int i = 0; i < 3; i++)
		free(parts[i]);
	return strbuf_detach(&out);
}

char *token_make(EVP_PKEY *key, const char *algorithm, const char *claims)
{
	char header[64];

	snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", algorithm);
	return token_sign(key, algorithm, header, claims);
}
