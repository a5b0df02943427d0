/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificate serves which server name, kube-apiserver's --tls-sni-cert-key rules; private
 * to net/.  Immutable once it is filled.
 */
#ifndef NET_TLS_NAMES_H
#define NET_TLS_NAMES_H

#include <openssl/x509.h>

#include "base/map.h"

struct tls_loaded;

struct tls_names {
	struct map map;		/* name to struct tls_loaded, borrowed */
	char **texts;		/* owned copies of the names */
	size_t count;
	size_t cap;
};

#define TLS_NAMES_INIT ((struct tls_names){ MAP_INIT, NULL, 0, 0 })

void tls_names_fini(struct tls_names *n);
/* Adds name unless it has a certificate already. */
void tls_names_add(struct tls_names *n, struct str name, struct tls_loaded *pair);
/* Adds the names of the certificate: CN when it is a DNS name, and DNS SANs, never IPs. */
void tls_names_add_extracted(struct tls_names *n, X509 *cert, struct tls_loaded *pair);
/* By exact name, then with the first label as a wildcard; NULL when nothing fits. */
struct tls_loaded *tls_names_find(const struct tls_names *n, struct str name);

#endif
