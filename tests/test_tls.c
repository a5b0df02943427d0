/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/tls.h"
#include "tests/certs.h"
#include "tests/tap.h"

static struct certs_pair *ca;

/* What one handshake came to, as the client and the server saw it. */
struct outcome {
	bool done;
	int client_alert;	/* reason code of the client's error queue */
	char cn[64];		/* of the server's certificate */
	char alpn[16];
	char cipher[64];
	int version;
	int ca_names;		/* in the CertificateRequest; -1: none came */
};

struct hello {
	const char *sni;
	const char *alpn;	/* wire format */
	const char *sigalgs;
	const char *ciphers;
	int max_version;
};

static int connect_sockets(int fds[2])
{
	struct address a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address_from_text(STR("127.0.0.1"), 0, &a);
	if (bind(fd, &a.u.sa, a.len) || listen(fd, 1) || getsockname(fd, &a.u.sa, &a.len))
		return ERR_IO;
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fds[0], &a.u.sa, a.len))
		return ERR_IO;
	fds[1] = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	close(fd);
	return fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

static int ca_names_seen;

static int on_certificate_request(SSL *ssl, void *arg)
{
	const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);

	(void)arg;
	ca_names_seen = names ? sk_X509_NAME_num(names) : 0;
	return 1;
}

static SSL *new_client(SSL_CTX *ctx, const struct hello *h, int fd)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_connect_state(ssl);
	SSL_set_fd(ssl, fd);
	if (h->sni)
		SSL_set_tlsext_host_name(ssl, h->sni);
	if (h->alpn)
		SSL_set_alpn_protos(ssl, (const unsigned char *)h->alpn,
				    (unsigned)strlen(h->alpn));
	if (h->sigalgs)
		ok(SSL_set1_sigalgs_list(ssl, h->sigalgs) == 1);
	if (h->ciphers)
		ok(SSL_set_cipher_list(ssl, h->ciphers) == 1);
	if (h->max_version)
		SSL_set_max_proto_version(ssl, h->max_version);
	SSL_set_cert_cb(ssl, on_certificate_request, NULL);
	return ssl;
}

static void read_outcome(SSL *client, struct outcome *o)
{
	X509 *cert = SSL_get1_peer_certificate(client);
	const unsigned char *alpn;
	unsigned n;

	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, o->cn,
				  sizeof(o->cn));
	X509_free(cert);
	SSL_get0_alpn_selected(client, &alpn, &n);
	memcpy(o->alpn, alpn ? alpn : (const unsigned char *)"", n);
	snprintf(o->cipher, sizeof(o->cipher), "%s", SSL_get_cipher_name(client));
	o->version = SSL_version(client);
}

static bool is_waiting(SSL *ssl, int ret)
{
	int err = SSL_get_error(ssl, ret);

	return err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE;
}

static struct outcome handshake(struct tls_server_context *c, const struct hello *h)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct outcome o = { .done = false };
	SSL *client, *server;
	int fds[2] = { -1, -1 }, a = 0, b = 0;

	ca_names_seen = -1;
	int_is(connect_sockets(fds), 0);
	SSL_CTX_set_security_level(ctx, 0);
	client = new_client(ctx, h, fds[0]);
	server = SSL_new(tls_server_context_ssl(c));
	SSL_set_accept_state(server);
	SSL_set_fd(server, fds[1]);
	for (int i = 0; i < 100 && (a != 1 || b != 1); i++) {
		ERR_clear_error();
		if (b != 1 && (b = SSL_do_handshake(server)) != 1 && !is_waiting(server, b))
			b = -2;
		ERR_clear_error();
		if (a != 1 && (a = SSL_do_handshake(client)) != 1 && !is_waiting(client, a))
			break;
	}
	o.done = a == 1 && b == 1;
	o.ca_names = ca_names_seen;
	if (o.done)
		read_outcome(client, &o);
	else
		o.client_alert = ERR_GET_REASON(ERR_peek_error());
	ERR_clear_error();
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(ctx);
	close(fds[0]);
	close(fds[1]);
	return o;
}

static struct certs_pair *server_pair(const char *cn, const char *san, enum certs_key key)
{
	return certs_make(&(struct certs_spec){ .cn = cn, .san = san, .eku = "serverAuth",
						.key = key }, ca);
}

static struct tls_pair pair_of(const struct certs_pair *p)
{
	return (struct tls_pair){ .cert_pem = str_from(p->cert_pem),
				  .key_pem = str_from(p->key_pem) };
}

static struct tls_server_context *must_make(const struct tls_server_settings *s)
{
	struct tls_server_context *c = NULL;
	char *why = NULL;

	if (!ok(tls_server_context_new(s, &c, &why) == 0))
		tap_note("%s", why);
	free(why);
	return c;
}

static void drop(struct tls_server_context *c)
{
	snapshot_release(tls_server_context_snapshot(c));
}

static void test_certificate_by_server_name(void)
{
	static const struct {
		const char *sni, *cn;
	} rows[] = {
		{ "foo.com", "one" },		/* explicit in one, extracted from two */
		{ "FOO.com", "one" },
		{ "a.foo.com", "one" },		/* by the wildcard of the first label */
		{ "a.b.foo.com", "default" },	/* further labels are not tried */
		{ "both.example", "one" },	/* explicit in two entries: the earlier flag */
		{ "two.example", "two.example" },	/* a common name that is a DNS name */
		{ "san.two.example", "two.example" },
		{ "x.wild.two.example", "two.example" },
		{ "only-san.example", "one" },	/* no name of an entry, but valid by SAN */
		{ "Upper", "default" },		/* the CN of three is no lower-case DNS name */
		{ "nowhere.example", "default" },
		/* explicit names are instead of the CN, not besides */
		{ "one", "default" },
		/* an IP address as CN is no name, an IP SAN neither */
		{ NULL, "default" },
	};
	struct certs_pair *def = server_pair("default", "DNS:default.example", CERTS_EC);
	struct certs_pair *one = server_pair("one", "DNS:only-san.example", CERTS_EC);
	struct certs_pair *two = server_pair("two.example", "DNS:san.two.example,"
					     "DNS:*.wild.two.example,DNS:foo.com,IP:127.0.0.1",
					     CERTS_EC);
	struct certs_pair *three = server_pair("Upper", NULL, CERTS_EC);
	struct certs_pair *four = server_pair("127.0.0.1", NULL, CERTS_EC);
	struct str names[] = { STR("*.foo.com"), STR("foo.com"), STR("both.example") };
	struct tls_pair sni[] = { pair_of(two), pair_of(one), pair_of(three), pair_of(three),
				  pair_of(four) };
	struct tls_server_settings s = { .default_pair = pair_of(def), .sni_pairs = sni,
					 .sni_count = 5 };
	struct tls_server_context *c;

	sni[1].names = names;
	sni[1].name_count = 3;
	sni[2].names = &names[2];
	sni[2].name_count = 1;
	c = must_make(&s);
	for (size_t i = 0; i < array_size(rows); i++) {
		struct outcome o = handshake(c, &(struct hello){ .sni = rows[i].sni });

		tap_row(rows[i].sni ? rows[i].sni : "no name");
		ok(o.done);
		cstr_is(o.cn, rows[i].cn);
	}
	tap_row(NULL);
	ok(!handshake(c, &(struct hello){ .sni = "foo.com." }).done);
	drop(c);
	certs_free(def);
	certs_free(one);
	certs_free(two);
	certs_free(three);
	certs_free(four);
}

static void test_certificate_by_local_address(void)
{
	struct certs_pair *def = server_pair("default", NULL, CERTS_EC);
	struct certs_pair *ip = server_pair("by-ip", NULL, CERTS_EC);
	struct str name = STR("127.0.0.1");
	struct tls_pair sni = pair_of(ip);
	struct tls_server_settings s = { .default_pair = pair_of(def), .sni_pairs = &sni,
					 .sni_count = 1 };
	struct tls_server_context *c;

	sni.names = &name;
	sni.name_count = 1;
	c = must_make(&s);
	cstr_is(handshake(c, &(struct hello){ .sni = NULL }).cn, "by-ip");
	cstr_is(handshake(c, &(struct hello){ .sni = "localhost" }).cn, "default");
	drop(c);
	certs_free(def);
	certs_free(ip);
}

static void test_certificate_that_suits_the_client(void)
{
	struct certs_pair *rsa = server_pair("rsa", NULL, CERTS_RSA);
	struct certs_pair *ec = server_pair("ec", NULL, CERTS_EC);
	struct certs_pair *ed = server_pair("ed", NULL, CERTS_ED25519);
	struct tls_pair sni[] = { pair_of(ec), pair_of(ed) };
	struct str name = STR("ec.example");
	struct tls_server_settings s = { .default_pair = pair_of(rsa), .sni_pairs = sni,
					 .sni_count = 2 };
	struct tls_server_context *c;

	sni[0].names = &name;
	sni[0].name_count = 1;
	c = must_make(&s);
	cstr_is(handshake(c, &(struct hello){ .sni = NULL }).cn, "rsa");
	cstr_is(handshake(c, &(struct hello){ .sni = "ec.example" }).cn, "ec");
	cstr_is(handshake(c, &(struct hello){ .sigalgs = "ECDSA+SHA256" }).cn, "ec");
	cstr_is(handshake(c, &(struct hello){ .sigalgs = "ed25519:ECDSA+SHA256" }).cn, "ec");
	drop(c);

	/* The name decides, although OpenSSL would rather sign with the default's ECDSA key. */
	s.default_pair = pair_of(ec);
	sni[0] = pair_of(rsa);
	sni[0].names = &name;
	sni[0].name_count = 1;
	c = must_make(&s);
	cstr_is(handshake(c, &(struct hello){ .sni = "ec.example" }).cn, "rsa");
	drop(c);

	/* Without a default certificate the first entry is the default. */
	sni[0] = pair_of(ec);
	s.default_pair = (struct tls_pair){ .cert_pem = STR_NULL };
	c = must_make(&s);
	cstr_is(handshake(c, &(struct hello){ .sni = "nowhere.example" }).cn, "ec");
	drop(c);
	certs_free(rsa);
	certs_free(ec);
	certs_free(ed);
}

static void test_alpn(void)
{
	static const struct {
		bool h2;
		const char *offer, *want;	/* want NULL: fatal alert */
	} rows[] = {
		{ false, "\x08http/1.1", "http/1.1" },
		{ false, "\x02h2\x08http/1.1", "http/1.1" },
		{ false, "\x02h2", NULL },
		{ true, "\x08http/1.1\x02h2", "h2" },
		{ true, "\x08http/1.1", "http/1.1" },
		{ true, "\x03h3x", NULL },
		{ true, NULL, "" },
		{ false, NULL, "" },
	};
	struct certs_pair *p = server_pair("server", NULL, CERTS_EC);

	for (size_t i = 0; i < array_size(rows); i++) {
		struct tls_server_settings s = { .default_pair = pair_of(p),
						 .offer_h2 = rows[i].h2 };
		struct tls_server_context *c = must_make(&s);
		struct outcome o = handshake(c, &(struct hello){ .alpn = rows[i].offer });

		tap_row(rows[i].offer ? rows[i].offer : "nothing offered");
		ok(o.done == (rows[i].want != NULL));
		if (rows[i].want)
			cstr_is(o.alpn, rows[i].want);
		else
			int_is(o.client_alert, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
		drop(c);
	}
	tap_row(NULL);
	certs_free(p);
}

static void test_versions_and_ciphers(void)
{
	struct certs_pair *p = server_pair("server", NULL, CERTS_RSA);
	struct tls_server_settings s = { .default_pair = pair_of(p) };
	struct tls_server_context *c = must_make(&s);
	struct outcome o = handshake(c, &(struct hello){ .sni = NULL });

	int_is(o.version, TLS1_3_VERSION);
	o = handshake(c, &(struct hello){ .max_version = TLS1_2_VERSION });
	int_is(o.version, TLS1_2_VERSION);
	cstr_is(o.cipher, "ECDHE-RSA-AES128-GCM-SHA256");
	/* Insecure suites are off unless they are named. */
	ok(!handshake(c, &(struct hello){ .max_version = TLS1_2_VERSION,
					  .ciphers = "AES128-GCM-SHA256" }).done);
	ok(!handshake(c, &(struct hello){ .max_version = TLS1_1_VERSION }).done);
	drop(c);

	s.cipher_list = "AES128-GCM-SHA256";
	c = must_make(&s);
	o = handshake(c, &(struct hello){ .max_version = TLS1_2_VERSION });
	cstr_is(o.cipher, "AES128-GCM-SHA256");
	int_is(handshake(c, &(struct hello){ .sni = NULL }).version, TLS1_3_VERSION);
	drop(c);

	s.cipher_list = "";	/* names of TLS 1.3 alone: nothing for TLS 1.2 */
	c = must_make(&s);
	ok(!handshake(c, &(struct hello){ .max_version = TLS1_2_VERSION }).done);
	ok(handshake(c, &(struct hello){ .sni = NULL }).done);
	drop(c);

	s.cipher_list = NULL;
	s.min_version = TLS1_3_VERSION;
	c = must_make(&s);
	ok(!handshake(c, &(struct hello){ .max_version = TLS1_2_VERSION }).done);
	drop(c);

	s.min_version = TLS1_VERSION;
	c = must_make(&s);
	ok(handshake(c, &(struct hello){ .max_version = TLS1_1_VERSION }).done);
	drop(c);
	certs_free(p);
}

static void test_client_certificate_is_asked_for_with_a_ca_only(void)
{
	struct certs_pair *p = server_pair("server", NULL, CERTS_EC);
	struct certs_pair *other = certs_make(&(struct certs_spec){ .cn = "other", .is_ca = true },
					      NULL);
	char *cas = certs_chain_pem(ca, other, NULL);
	struct tls_server_settings s = { .default_pair = pair_of(p) };
	struct tls_server_context *c = must_make(&s);

	int_is(handshake(c, &(struct hello){ .sni = NULL }).ca_names, -1);
	drop(c);
	s.client_ca_pem = str_from(cas);
	c = must_make(&s);
	int_is(handshake(c, &(struct hello){ .sni = NULL }).ca_names, 2);
	drop(c);
	certs_free(p);
	certs_free(other);
	free(cas);
}

static void refused(const struct tls_server_settings *s, const char *want)
{
	struct tls_server_context *c = NULL;
	char *why = NULL;

	int_is(tls_server_context_new(s, &c, &why), ERR_TLS);
	cstr_is(why ? why : "", want);
	free(why);
	int_is(tls_server_context_new(s, &c, NULL), ERR_TLS);
}

static void test_bad_pem_is_explained(void)
{
	struct certs_pair *a = server_pair("a", NULL, CERTS_EC);
	struct certs_pair *b = server_pair("b", NULL, CERTS_EC);
	char *locked = certs_key_pem_encrypted(a, "secret");
	struct tls_server_settings s = { .default_pair = pair_of(a) };

	s.default_pair.cert_pem = STR("");
	refused(&s, "no certificate");
	s.default_pair.cert_pem = STR("some text\n");
	refused(&s, "no certificate");
	s.default_pair.cert_pem = STR("-----BEGIN CERTIFICATE-----\nAAAA\n"
				      "-----END CERTIFICATE-----\n");
	refused(&s, "malformed certificate");
	s.default_pair = pair_of(a);
	s.default_pair.key_pem = str_from(b->key_pem);
	refused(&s, "the key does not belong to the certificate");
	s.default_pair.key_pem = str_from(locked);
	refused(&s, "encrypted keys are not supported");
	s.default_pair.key_pem = str_from(a->cert_pem);
	refused(&s, "no private key");
	s.default_pair.key_pem = STR("");
	refused(&s, "no private key");
	s.default_pair.key_pem = STR("-----BEGIN PRIVATE KEY-----\nAAAA\n"
				     "-----END PRIVATE KEY-----\n");
	refused(&s, "malformed private key");
	s.default_pair = pair_of(a);
	s.client_ca_pem = STR("nothing\n");
	refused(&s, "client CA: no certificate");
	s = (struct tls_server_settings){ .default_pair = pair_of(a), .sni_count = 1,
					  .sni_pairs = &(struct tls_pair){
						.cert_pem = str_from(a->cert_pem),
						.key_pem = str_from(b->key_pem) } };
	refused(&s, "server name certificate 1: the key does not belong to the certificate");
	s = (struct tls_server_settings){ .sni_count = 0 };
	refused(&s, "no certificate");
	free(locked);
	certs_free(a);
	certs_free(b);
}

static const char ec_parameters[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
				    "-----END EC PARAMETERS-----\n";

static void test_kinds_of_keys(void)
{
	static const enum certs_key kinds[] = { CERTS_EC, CERTS_RSA, CERTS_ED25519 };

	for (size_t i = 0; i < array_size(kinds); i++) {
		struct certs_pair *p = server_pair("server", NULL, kinds[i]);
		struct tls_server_settings s = { .default_pair = pair_of(p) };
		struct tls_server_context *c = must_make(&s);
		char *old;

		tap_row(i == 0 ? "EC" : i == 1 ? "RSA" : "Ed25519");
		ok(handshake(c, &(struct hello){ .sni = NULL }).done);
		drop(c);
		if (kinds[i] == CERTS_ED25519) {
			certs_free(p);
			continue;
		}
		old = certs_key_pem_traditional(p);
		ok(strstr(old, i ? "BEGIN RSA PRIVATE KEY" : "BEGIN EC PRIVATE KEY") != NULL);
		s.default_pair.key_pem = str_from(old);
		drop(must_make(&s));
		free(old);
		certs_free(p);
	}
	tap_row(NULL);
}

/* "openssl ecparam -genkey" writes the curve before the key. */
static void test_ec_parameters_before_the_key(void)
{
	struct certs_pair *p = server_pair("server", NULL, CERTS_EC);
	char *old = certs_key_pem_traditional(p), *both;
	struct tls_server_settings s = { .default_pair = pair_of(p) };

	if (asprintf(&both, "%s%s", ec_parameters, old) < 0)
		abort();
	s.default_pair.key_pem = str_from(both);
	drop(must_make(&s));
	free(both);
	if (asprintf(&both, "%s%s", p->cert_pem, old) < 0)	/* a bundle of both */
		abort();
	s.default_pair.key_pem = s.default_pair.cert_pem = str_from(both);
	drop(must_make(&s));
	free(both);
	free(old);
	certs_free(p);
}

static void test_client_context(void)
{
	struct certs_pair *p = certs_make(&(struct certs_spec){ .cn = "front", .eku = "clientAuth",
					  .not_after = 4000000000 }, ca);
	struct tls_client_settings s = { .cert_pem = str_from(p->cert_pem),
					 .key_pem = str_from(p->key_pem),
					 .ca_pem = str_from(ca->cert_pem) };
	struct tls_client_context *c = NULL;
	char *why = NULL;

	int_is(tls_client_context_new(&s, &c, NULL), 0);
	int_is(tls_client_context_not_after(c), 4000000000);
	ok(tls_client_context_ssl(c) != NULL);
	snapshot_release(tls_client_context_snapshot(c));

	s.cert_pem = s.key_pem = STR_NULL;
	int_is(tls_client_context_new(&s, &c, NULL), 0);
	int_is(tls_client_context_not_after(c), INT64_MAX);
	snapshot_release(tls_client_context_snapshot(c));

	s.ca_pem = STR("");
	int_is(tls_client_context_new(&s, &c, &why), ERR_TLS);
	cstr_is(why, "server CA: no certificate");
	free(why);
	s.cert_pem = str_from(p->cert_pem);
	int_is(tls_client_context_new(&s, &c, &why), ERR_TLS);
	cstr_is(why, "client certificate: no private key");
	free(why);
	certs_free(p);
}

static void test_names_of_suites_and_versions(void)
{
	bool insecure, tls13;
	int version = 0;

	cstr_is(tls_suite_from_iana(STR("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), &insecure,
				    &tls13), "ECDHE-RSA-AES256-GCM-SHA384");
	ok(!insecure && !tls13);
	cstr_is(tls_suite_from_iana(STR("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"), &insecure,
				    &tls13), "ECDHE-ECDSA-CHACHA20-POLY1305");
	ok(tls_suite_from_iana(STR("TLS_RSA_WITH_RC4_128_SHA"), &insecure, &tls13) && insecure);
	ok(tls_suite_from_iana(STR("TLS_AES_128_GCM_SHA256"), &insecure, &tls13) && tls13 &&
	   !insecure);
	ok(!tls_suite_from_iana(STR("tls_aes_128_gcm_sha256"), &insecure, &tls13));
	int_is(tls_version_from_name(STR("VersionTLS12"), &version), 0);
	int_is(version, TLS1_2_VERSION);
	int_is(tls_version_from_name(STR("VersionTLS10"), &version), 0);
	int_is(version, TLS1_VERSION);
	int_is(tls_version_from_name(STR("TLS12"), &version), ERR_SYNTAX);
}

static void test_error_text_is_never_null(void)
{
	ERR_clear_error();
	cstr_is(tls_error_text(), "no TLS error");
	ERR_raise(ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED);
	cstr_is(tls_error_text(), "certificate verify failed");
	int_is((int64_t)ERR_peek_error(), 0);
}

int main(void)
{
	static const struct tap_test t[] = {
		TAP(test_certificate_by_server_name),
		TAP(test_certificate_by_local_address),
		TAP(test_certificate_that_suits_the_client),
		TAP(test_alpn),
		TAP(test_versions_and_ciphers),
		TAP(test_client_certificate_is_asked_for_with_a_ca_only),
		TAP(test_bad_pem_is_explained),
		TAP(test_kinds_of_keys),
		TAP(test_ec_parameters_before_the_key),
		TAP(test_client_context),
		TAP(test_names_of_suites_and_versions),
		TAP(test_error_text_is_never_null),
		TAP_END
	};
	int status;

	ca = certs_make(&(struct certs_spec){ .cn = "ca", .is_ca = true }, NULL);
	status = tap_main(t);
	certs_free(ca);
	return status;
}
