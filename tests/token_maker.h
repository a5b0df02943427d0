/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signed tokens for tests, made with OpenSSL alone. */
#ifndef TESTS_TOKEN_MAKER_H
#define TESTS_TOKEN_MAKER_H

#include <openssl/evp.h>
#include <stdbool.h>

/* "RSA", "RSA1024" (of so many bits), or a curve's name, "P-256". */
EVP_PKEY *token_key(const char *what);
/* PEM texts, owned by the caller. */
char *token_public_pem(EVP_PKEY *key);
char *token_private_pem(EVP_PKEY *key);
/* Base64url without padding; owned. */
char *token_encode(const void *p, size_t n);
/*
 * header.claims.signature; owned.  The algorithm says how it is signed ("RS256", "PS384", "ES512",
 * "HS256" with the key's public PEM as secret), the header what it claims to be.
 */
char *token_sign(EVP_PKEY *key, const char *algorithm, const char *header, const char *claims);
/* The same with the header {"alg":algorithm}. */
char *token_make(EVP_PKEY *key, const char *algorithm, const char *claims);

#endif
