/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "net/tls.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/tls_names.h"
#include "net/tls_pair.h"

#define SERVER_MAGIC 0x746c7373u
#define CLIENT_MAGIC 0x746c7363u
#define REASON_MAX 512

/* TLS 1.2 suites that kube-apiserver (Go) enables by default, in Go's order of preference. */
#define DEFAULT_CIPHERS \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:" \
	"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:" \
	"ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"

struct tls_server_context {
	struct snapshot snapshot;
	unsigned magic;
	SSL_CTX *ctx;			/* owned */
	struct tls_loaded *pairs;	/* owned; the default certificate first */
	size_t pair_count;
	struct tls_names names;
	bool offer_h2;
};

struct tls_client_context {
	struct snapshot snapshot;
	unsigned magic;
	SSL_CTX *ctx;			/* owned */
	int64_t not_after;
};

static const unsigned char alpn_both[] = "\x02h2\x08http/1.1";
static const unsigned char alpn_http1[] = "\x08http/1.1";

static int fail(char **reason, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int fail(char **reason, const char *fmt, ...)
{
	char text[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (reason)
		*reason = xstrdup(text);
	return ERR_TLS;
}

const char *tls_error_text(void)
{
	static _Thread_local char text[256];
	unsigned long code = ERR_peek_last_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	if (why)
		snprintf(text, sizeof(text), "%s", why);
	else if (code)
		ERR_error_string_n(code, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "no TLS error");
	ERR_clear_error();
	return text;
}

/* What server and client contexts have in common. */
static SSL_CTX *new_ctx(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	CHECK(ctx);
	/* Idle connections keep no record buffers; writes may move and be short. */
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_security_level(ctx, 1);
	return ctx;
}

static int use_pair(SSL_CTX *ctx, const struct tls_loaded *pair)
{
	return SSL_CTX_use_cert_and_key(ctx, pair->leaf, pair->key, pair->chain, 1) == 1 ? 0 :
	       ERR_TLS;
}

/* ---- server ---- */

static void free_server(struct snapshot *s)
{
	struct tls_server_context *c = container_of(s, struct tls_server_context, snapshot);

	CHECK_MAGIC(c, SERVER_MAGIC);
	SSL_CTX_free(c->ctx);
	for (size_t i = 0; i < c->pair_count; i++)
		tls_loaded_fini(&c->pairs[i]);
	free(c->pairs);
	tls_names_fini(&c->names);
	c->magic = 0;
	free(c);
}

/* Judging a client's certificate is the authenticators' work, per request; here all pass. */
static int accept_any_certificate(X509_STORE_CTX *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return 1;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
		       const unsigned char *in, unsigned in_n, void *arg)
{
	const struct tls_server_context *c = arg;
	const unsigned char *ours = c->offer_h2 ? alpn_both : alpn_http1;
	unsigned ours_n = c->offer_h2 ? sizeof(alpn_both) - 1 : sizeof(alpn_http1) - 1;
	unsigned char *chosen;

	(void)ssl;
	CHECK_MAGIC(c, SERVER_MAGIC);
	if (SSL_select_next_proto(&chosen, out_n, ours, ours_n, in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Go's TLS refuses a server name with a trailing dot while it reads the hello. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)arg;
	if (!name || !*name || name[strlen(name) - 1] != '.')
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_DECODE_ERROR;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The address that the client connected to, as text. */
static struct str local_ip(SSL *ssl, char text[ADDRESS_TEXT_MAX])
{
	struct address a = { .len = sizeof(a.u) };

	if (getsockname(SSL_get_fd(ssl), &a.u.sa, &a.len))
		return STR_NULL;
	return str_from(address_ip_text(&a, text));
}

static bool suits_client(SSL *ssl, const struct tls_loaded *pair, struct str name)
{
	const unsigned flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
			       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

	if (name.n && X509_check_host(pair->leaf, name.p, name.n, flags, NULL) != 1)
		return false;
	return SSL_check_chain(ssl, pair->leaf, pair->key, pair->chain) & CERT_PKEY_VALID;
}

static const struct tls_loaded *choose_pair(const struct tls_server_context *c, SSL *ssl)
{
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	char name[TLSEXT_MAXLEN_host_name + 1], ip[ADDRESS_TEXT_MAX];
	const struct tls_loaded *pair;
	struct str sought = STR_NULL;

	if (sni && *sni) {
		for (sought.n = 0; sni[sought.n] && sought.n < sizeof(name); sought.n++)
			name[sought.n] = (char)tolower((unsigned char)sni[sought.n]);
		sought.p = name;
	}
	pair = tls_names_find(&c->names, sought.n ? sought : local_ip(ssl, ip));
	for (size_t i = 0; !pair && i < c->pair_count; i++) {
		if (suits_client(ssl, &c->pairs[i], sought))
			pair = &c->pairs[i];
	}
	return pair ? pair : &c->pairs[0];
}

static int on_choose_certificate(SSL *ssl, void *arg)
{
	const struct tls_server_context *c = arg;
	const struct tls_loaded *pair;

	CHECK_MAGIC(c, SERVER_MAGIC);
	pair = choose_pair(c, ssl);
	ERR_clear_error();
	if (pair == &c->pairs[0])
		return 1;
	/* Else the default certificate could be used still, where its key has another type. */
	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1);
}

static int load_pairs(struct tls_server_context *c, const struct tls_server_settings *s,
		      char **reason)
{
	bool has_default = s->default_pair.cert_pem.n || s->default_pair.key_pem.n;
	const char *why;

	if (!has_default && !s->sni_count)
		return fail(reason, "no certificate");
	c->pairs = xcalloc(s->sni_count + 1, sizeof(*c->pairs));
	if (has_default) {
		if (tls_loaded_init(&c->pairs[0], s->default_pair.cert_pem,
				    s->default_pair.key_pem, &why))
			return fail(reason, "%s", why);
		c->pair_count++;
	}
	for (size_t i = 0; i < s->sni_count; i++) {
		if (tls_loaded_init(&c->pairs[c->pair_count], s->sni_pairs[i].cert_pem,
				    s->sni_pairs[i].key_pem, &why))
			return fail(reason, "server name certificate %zu: %s", i + 1, why);
		c->pair_count++;
	}
	return 0;
}

/* Explicit names before extracted ones; within each, the earlier entry wins. */
static void collect_names(struct tls_server_context *c, const struct tls_server_settings *s)
{
	struct tls_loaded *first = &c->pairs[c->pair_count - s->sni_count];

	for (size_t i = 0; i < s->sni_count; i++) {
		for (size_t k = 0; k < s->sni_pairs[i].name_count; k++)
			tls_names_add(&c->names, s->sni_pairs[i].names[k], &first[i]);
	}
	for (size_t i = 0; i < s->sni_count; i++) {
		if (!s->sni_pairs[i].name_count)
			tls_names_add_extracted(&c->names, first[i].leaf, &first[i]);
	}
}

static int set_protocol(SSL_CTX *ctx, const struct tls_server_settings *s, char **reason)
{
	int min = s->min_version ? s->min_version : TLS1_2_VERSION;
	const char *ciphers = s->cipher_list ? s->cipher_list : DEFAULT_CIPHERS;

	if (SSL_CTX_set_min_proto_version(ctx, min) != 1)
		return fail(reason, "unsupported minimum TLS version");
	/* OpenSSL 3 allows the signatures of TLS 1.0 and 1.1 on level 0 only. */
	if (min < TLS1_2_VERSION)
		SSL_CTX_set_security_level(ctx, 0);
	/* A list of nothing but suites of TLS 1.3 or RC4 leaves none for the older versions. */
	if (SSL_CTX_set_cipher_list(ctx, ciphers) != 1)
		SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	ERR_clear_error();
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	return 0;
}

/* Stateful sessions only, so that a resumed connection finds the peer's chain again. */
static void set_sessions(SSL_CTX *ctx)
{
	static const unsigned char id[] = "kube-authproxy";

	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
	SSL_CTX_sess_set_cache_size(ctx, TLS_SESSION_CACHE_MAX);
	SSL_CTX_set_timeout(ctx, TLS_SESSION_SECONDS);
	SSL_CTX_set_max_cert_list(ctx, TLS_HANDSHAKE_CERTIFICATES_MAX);
	SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
	SSL_CTX_set_num_tickets(ctx, 1);
}

/* Asks for a client certificate and names the CAs, without insisting on either. */
static int set_client_cas(SSL_CTX *ctx, struct str pem, char **reason)
{
	STACK_OF(X509) *cas;
	const char *why;

	if (!pem.n)
		return 0;
	if (tls_certificates_read(pem, &cas, &why))
		return fail(reason, "client CA: %s", why);
	for (int i = 0; i < sk_X509_num(cas); i++)
		CHECK(SSL_CTX_add_client_CA(ctx, sk_X509_value(cas, i)) == 1);
	sk_X509_pop_free(cas, X509_free);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, accept_any_certificate, NULL);
	return 0;
}

int tls_server_context_new(const struct tls_server_settings *s, struct tls_server_context **out,
			   char **reason)
{
	struct tls_server_context *c = xcalloc(1, sizeof(*c));

	snapshot_init(&c->snapshot, free_server);
	c->magic = SERVER_MAGIC;
	c->names = TLS_NAMES_INIT;
	c->offer_h2 = s->offer_h2;
	c->ctx = new_ctx(TLS_server_method());
	if (load_pairs(c, s, reason) || set_protocol(c->ctx, s, reason) ||
	    set_client_cas(c->ctx, s->client_ca_pem, reason))
		goto out;
	if (use_pair(c->ctx, &c->pairs[0])) {
		fail(reason, "certificate refused: %s", tls_error_text());
		goto out;
	}
	set_sessions(c->ctx);
	SSL_CTX_set_alpn_select_cb(c->ctx, select_alpn, c);
	SSL_CTX_set_tlsext_servername_callback(c->ctx, on_server_name);
	collect_names(c, s);
	if (c->pair_count > 1)
		SSL_CTX_set_cert_cb(c->ctx, on_choose_certificate, c);
	*out = c;
	return 0;
out:
	snapshot_release(&c->snapshot);
	return ERR_TLS;
}

struct snapshot *tls_server_context_snapshot(struct tls_server_context *c)
{
	return &c->snapshot;
}

SSL_CTX *tls_server_context_ssl(struct tls_server_context *c)
{
	return c->ctx;
}

void tls_server_bound_session(SSL *ssl, const X509 *leaf, const STACK_OF(X509) *rest)
{
	int size = i2d_X509(leaf, NULL);

	for (int i = 0; i < sk_X509_num(rest); i++)
		size += i2d_X509(sk_X509_value(rest, i), NULL);
	if (size > TLS_SESSION_CHAIN_MAX)
		SSL_CTX_remove_session(SSL_get_SSL_CTX(ssl), SSL_get_session(ssl));
}

/* ---- client ---- */

static void free_client(struct snapshot *s)
{
	struct tls_client_context *c = container_of(s, struct tls_client_context, snapshot);

	CHECK_MAGIC(c, CLIENT_MAGIC);
	SSL_CTX_free(c->ctx);
	c->magic = 0;
	free(c);
}

static int64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static int set_own_certificate(struct tls_client_context *c, const struct tls_client_settings *s,
			       char **reason)
{
	struct tls_loaded pair;
	const char *why;
	int err;

	c->not_after = INT64_MAX;
	if (!s->cert_pem.n && !s->key_pem.n)
		return 0;
	if (tls_loaded_init(&pair, s->cert_pem, s->key_pem, &why))
		return fail(reason, "client certificate: %s", why);
	c->not_after = seconds_of(X509_get0_notAfter(pair.leaf));
	err = use_pair(c->ctx, &pair);
	tls_loaded_fini(&pair);
	return err ? fail(reason, "client certificate refused: %s", tls_error_text()) : 0;
}

static int set_server_cas(SSL_CTX *ctx, struct str pem, char **reason)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	STACK_OF(X509) *cas;
	const char *why;

	if (tls_certificates_read(pem, &cas, &why))
		return fail(reason, "server CA: %s", why);
	for (int i = 0; i < sk_X509_num(cas); i++)
		CHECK(X509_STORE_add_cert(store, sk_X509_value(cas, i)) == 1);
	sk_X509_pop_free(cas, X509_free);
	return 0;
}

static void set_verification(SSL_CTX *ctx)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

	/* As Go: names by SAN alone, and whatever is in the bundle is an anchor. */
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
					X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
}

int tls_client_context_new(const struct tls_client_settings *s, struct tls_client_context **out,
			   char **reason)
{
	struct tls_client_context *c = xcalloc(1, sizeof(*c));
	int failed;

	snapshot_init(&c->snapshot, free_client);
	c->magic = CLIENT_MAGIC;
	c->ctx = new_ctx(TLS_client_method());
	SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	set_verification(c->ctx);
	failed = s->offer_h2 ? SSL_CTX_set_alpn_protos(c->ctx, alpn_both, sizeof(alpn_both) - 1) :
			       SSL_CTX_set_alpn_protos(c->ctx, alpn_http1, sizeof(alpn_http1) - 1);
	CHECK(!failed);
	if (set_own_certificate(c, s, reason) || set_server_cas(c->ctx, s->ca_pem, reason)) {
		snapshot_release(&c->snapshot);
		return ERR_TLS;
	}
	*out = c;
	return 0;
}

struct snapshot *tls_client_context_snapshot(struct tls_client_context *c)
{
	return &c->snapshot;
}

SSL_CTX *tls_client_context_ssl(struct tls_client_context *c)
{
	return c->ctx;
}

int64_t tls_client_context_not_after(const struct tls_client_context *c)
{
	return c->not_after;
}
