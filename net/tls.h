/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts and peers.  A context is an immutable snapshot: new connections take the current
 * one, open connections keep theirs.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/snapshot.h"
#include "base/str.h"

/* One certificate with its key, as PEM text in memory (files are read by the caller). */
struct tls_pair {
	struct str cert_pem;	/* leaf, then chain */
	struct str key_pem;
	struct str *names;	/* explicit server names of --tls-sni-cert-key, or NULL */
	size_t name_count;
};

/*
 * Whether both parts can be read and belong together.  ERR_TLS with a constant text in *why, and
 * in *about_key whether it is about the key.
 */
int tls_pair_check(const struct tls_pair *pair, bool *about_key, const char **why);

struct tls_server_settings {
	struct tls_pair default_pair;
	const struct tls_pair *sni_pairs;	/* in the order of the flags */
	size_t sni_count;
	struct str client_ca_pem;	/* empty: no client certificate is asked for */
	int min_version;		/* TLS1_2_VERSION or TLS1_3_VERSION (older if asked for) */
	/*
	 * OpenSSL names for TLS 1.2 and older; NULL: kube-apiserver's default set.  TLS 1.3 has its
	 * three suites always, and is alone when nothing in the list is known.
	 */
	const char *cipher_list;
	bool offer_h2;			/* ALPN offers h2 before http/1.1 */
};

struct tls_server_context;	/* starts with a struct snapshot */

/*
 * Makes a server context.  Sessions resume from a bounded stateful cache (TLS_SESSION_CACHE_MAX
 * entries, no stateless tickets), so that a resumed connection has the same peer chain.  Anybody
 * can fill that cache, hence a session with more certificates than TLS_SESSION_CHAIN_MAX is not
 * kept.  On failure *reason (if not NULL) gets a text the caller frees.  ERR_TLS.
 */
#define TLS_SESSION_CACHE_MAX 8192
#define TLS_SESSION_SECONDS 900
#define TLS_SESSION_CHAIN_MAX 6144	/* bytes of the client's certificates as DER */
#define TLS_HANDSHAKE_CERTIFICATES_MAX (64 * 1024)	/* the same bound as Go's */
int tls_server_context_new(const struct tls_server_settings *s, struct tls_server_context **out,
			   char **reason);
struct snapshot *tls_server_context_snapshot(struct tls_server_context *c);
SSL_CTX *tls_server_context_ssl(struct tls_server_context *c);
/* To be called once after the handshake: applies TLS_SESSION_CHAIN_MAX. */
void tls_server_bound_session(SSL *ssl, const X509 *leaf, const STACK_OF(X509) *rest);

struct tls_client_settings {
	struct str cert_pem;		/* the front-proxy certificate, leaf then chain; or empty */
	struct str key_pem;
	struct str ca_pem;		/* trust anchors for the server */
	bool offer_h2;
};

struct tls_client_context;	/* starts with a struct snapshot */

int tls_client_context_new(const struct tls_client_settings *s, struct tls_client_context **out,
			   char **reason);
struct snapshot *tls_client_context_snapshot(struct tls_client_context *c);
SSL_CTX *tls_client_context_ssl(struct tls_client_context *c);
/* Seconds since the epoch at which the client certificate expires; INT64_MAX without one. */
int64_t tls_client_context_not_after(const struct tls_client_context *c);

/*
 * The peer's certificates on a server connection, owned by the stream: the leaf first, then what
 * else was sent.  NULL members when the client sent none.
 */
struct tls_peer {
	X509 *leaf;			/* owned */
	/* owned, includes the leaf; may be NULL on one certificate */
	STACK_OF(X509) *chain;
	bool resumed;
};

/* kube-apiserver's IANA suite name to OpenSSL's; NULL when unknown. *insecure, *tls13 are set. */
const char *tls_suite_from_iana(struct str name, bool *insecure, bool *tls13);
/* "VersionTLS12" and so on to TLS1_2_VERSION; ERR_SYNTAX. */
int tls_version_from_name(struct str name, int *version);
/* The OpenSSL error queue as text, emptied; never NULL; static thread-local buffer. */
const char *tls_error_text(void);

#endif
