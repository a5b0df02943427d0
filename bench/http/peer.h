/* SPDX-License-Identifier: Apache-2.0 */
/* What the client (hold.c) and the server (floor.c) of the measurements share: TLS and sockets. */
#ifndef BENCH_HTTP_PEER_H
#define BENCH_HTTP_PEER_H

#include <netinet/in.h>
#include <openssl/ssl.h>

/* Prints the text, the reason of OpenSSL or of errno, and exits 1. */
_Noreturn void peer_die(const char *what);
/*
 * TLS 1.2 and 1.3, released buffers, peers verified against ca; cert and key may be NULL for a
 * client. A server asks for a certificate and does not insist.
 */
SSL_CTX *peer_context(const SSL_METHOD *method, const char *ca, const char *cert, const char *key);
struct sockaddr_in peer_loopback(int port);

#endif
