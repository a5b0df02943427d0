/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bench/http/peer.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

void peer_die(const char *what)
{
	if (ERR_peek_error()) {
		fprintf(stderr, "%s:\n", what);
		ERR_print_errors_fp(stderr);
	} else {
		perror(what);
	}
	exit(1);
}

SSL_CTX *peer_context(const SSL_METHOD *method, const char *ca, const char *cert, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
		peer_die(ca);
	if (cert && (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
		     SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1))
		peer_die(cert);
	return ctx;
}

struct sockaddr_in peer_loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}
