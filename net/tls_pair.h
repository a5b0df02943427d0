/* SPDX-License-Identifier: Apache-2.0 */
/* PEM texts to certificates and keys; private to net/. */
#ifndef NET_TLS_PAIR_H
#define NET_TLS_PAIR_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/str.h"

/* A certificate with its key and the certificates that are sent after it. */
struct tls_loaded {
	X509 *leaf;		/* owned */
	STACK_OF(X509) *chain;	/* owned; without the leaf, may be empty */
	EVP_PKEY *key;		/* owned */
};

/* ERR_TLS with a constant text in *why; the pair is empty then. */
int tls_loaded_init(struct tls_loaded *l, struct str cert_pem, struct str key_pem,
		    const char **why);
void tls_loaded_fini(struct tls_loaded *l);
/* All certificates of a PEM text, at least one; other blocks are skipped. ERR_TLS, *why. */
int tls_certificates_read(struct str pem, STACK_OF(X509) **out, const char **why);

#endif
