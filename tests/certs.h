/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates made on the spot, so that tests carry no files that expire.
 *
 *	struct certs_pair *ca = certs_make(&(struct certs_spec){ .cn = "ca", .is_ca = true }, NULL);
 *	struct certs_pair *jane = certs_make(&(struct certs_spec){ .cn = "jane",
 *		.organizations = (const char *[]){ "dev", NULL }, .eku = "clientAuth" }, ca);
 */
#ifndef TESTS_CERTS_H
#define TESTS_CERTS_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

enum certs_key { CERTS_EC, CERTS_RSA, CERTS_ED25519 };

struct certs_spec {
	const char *cn;				/* NULL: no common name */
	const char *const *organizations;	/* NULL-terminated, or NULL */
	const char *uid;			/* attribute 1.3.6.1.4.1.57683.2, or NULL */
	/* as OpenSSL writes it: "clientAuth,serverAuth"; or NULL */
	const char *eku;
	const char *san;			/* "DNS:a.example,IP:127.0.0.1"; or NULL */
	const char *key_usage;			/* NULL: digitalSignature, or what a CA needs */
	bool is_ca;
	enum certs_key key;
	int64_t not_before;			/* seconds since the epoch; 0: an hour ago */
	int64_t not_after;			/* 0: in a day */
	EVP_PKEY *reuse_key;			/* borrowed; NULL: a new key */
};

struct certs_pair {
	X509 *cert;
	EVP_PKEY *key;
	char *cert_pem;				/* this certificate alone */
	char *key_pem;				/* PKCS#8 */
};

/* issuer NULL: self-signed.  Ends the program when OpenSSL refuses. */
struct certs_pair *certs_make(const struct certs_spec *spec, const struct certs_pair *issuer);
void certs_free(struct certs_pair *p);		/* NULL is allowed */
/* The certificates' PEM texts one after the other (NULL-terminated arguments); caller frees. */
char *certs_chain_pem(const struct certs_pair *first, ...);
/* The key as PKCS#1 (RSA) or SEC1 (EC), or with a passphrase as encrypted PKCS#8; caller frees. */
char *certs_key_pem_traditional(const struct certs_pair *p);
char *certs_key_pem_encrypted(const struct certs_pair *p, const char *passphrase);

#endif
