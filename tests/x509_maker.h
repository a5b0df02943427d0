/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that tests/certs.h does not make: odd names, extensions, digests and versions. */
#ifndef TESTS_X509_MAKER_H
#define TESTS_X509_MAKER_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#define MAKER_NOW 1700000000	/* seconds: the tests' time */

struct maker_attribute {
	const char *type;	/* "CN", "O" or an OID; NULL ends a list */
	int string_type;	/* V_ASN1_UTF8STRING ... */
	const char *bytes;
	int n;			/* -1: strlen */
	bool joined;		/* in the RDN of the one before */
};

struct maker_spec {
	const char *cn;				/* NULL: see attributes */
	const struct maker_attribute *attributes;	/* of the subject, or NULL */
	const char *extensions;			/* lines `name=value` as OpenSSL has them */
	EVP_PKEY *key;				/* borrowed */
	const char *digest;			/* NULL: SHA256 */
	int64_t not_before, not_after;		/* seconds; 0: MAKER_NOW - 1 h, + 1 day */
	bool is_v1;
	long serial;				/* 0: 1 */
	bool unsigned_;				/* names that cannot be encoded may be given */
};

EVP_PKEY *maker_key(void);	/* a new P-256 key */
/* issuer NULL: self-signed.  Ends the program when OpenSSL refuses; caller frees. */
X509 *maker_cert(const struct maker_spec *spec, X509 *issuer, EVP_PKEY *issuer_key);
/* PEM text of the certificates (NULL-terminated arguments); caller frees. */
char *maker_pem(X509 *first, ...);

#endif
