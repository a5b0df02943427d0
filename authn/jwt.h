/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed tokens in the compact form (RFC 7515, RFC 7519) and the keys that verify them.  Only what
 * a public key verifies: RS256/384/512 and PS256/384/512 with RSA, ES256/384/512 with the curve of
 * that name; `none` and HMAC do not exist here.  The key decides what it can verify, the header
 * only which of that is meant, so that no algorithm meets a key of another kind; keys that a
 * header brings along (jwk, jku, x5c) are not looked at.
 *
 * JSON as go-jose reads it: member names by case, one that is there twice is an error.  Base64url
 * without padding.  Keys are immutable once loaded; readers need no lock.
 */
#ifndef AUTHN_JWT_H
#define AUTHN_JWT_H

#include <jansson.h>
#include <openssl/evp.h>

#include "base/strbuf.h"

#define JWT_MAX 32768			/* bytes of a token; a longer one is none */
#define JWT_RSA_BITS_MIN 1024		/* a weaker key verifies nothing, as in Go */
#define JWT_KEY_ID_LEN 43		/* base64url of a SHA-256, without padding */

struct jwt_algorithm;

struct jwt {
	const struct jwt_algorithm *algorithm;
	struct str key_id;	/* of the header, empty: none; borrowed from header */
	json_t *header, *claims;	/* owned; objects */
	struct str signed_part;		/* borrowed from the token */
	struct strbuf signature;	/* as bytes */
};

/*
 * Reads a token without verifying anything: the claims are anybody's until jwt_verify.  Without an
 * error *out is ended with jwt_fini.  ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED (another algorithm,
 * a critical header).
 */
int jwt_parse(struct str token, struct jwt *out);
void jwt_fini(struct jwt *t);

struct jwt_key {
	EVP_PKEY *key;			/* owned; the public half alone */
	int kind;			/* private */
	char id[JWT_KEY_ID_LEN + 1];	/* of SHA-256 of the DER SubjectPublicKeyInfo */
};

/* In the order of the files. */
struct jwt_keys {
	struct jwt_key *v;	/* owned */
	size_t n;
};

/*
 * Adds the keys of a PEM text: RSA and ECDSA (P-256, P-384, P-521) public keys, private keys
 * without a password, and certificates; all else is passed over, as kube-apiserver does.  Returns
 * how many.
 */
size_t jwt_keys_add_pem(struct jwt_keys *k, struct str pem);
void jwt_keys_fini(struct jwt_keys *k);

/*
 * With a key id only the keys of that id are tried, without one all.  ERR_NOT_FOUND: there is no
 * key to try; ERR_REFUSED: none verifies it.
 */
int jwt_verify(const struct jwt *t, const struct jwt_keys *k);

/* Claims, read as Go would into a typed struct: null is as good as absent; false: another type. */
bool jwt_claim_text(const json_t *o, const char *name, struct str *out);	/* borrowed */
/* Seconds since the epoch, a fraction cut off, at most 2^42 away; *there: whether it is present. */
bool jwt_claim_time(const json_t *o, const char *name, int64_t *out, bool *there);

#endif
