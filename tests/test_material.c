/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/material.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/certs.h"
#include "tests/fake_files.h"
#include "tests/tap.h"

static struct certs_pair *ca, *server, *other;
static struct options o;
static struct problems p;

static void make_certificates(void)
{
	ca = certs_make(&(struct certs_spec){ .cn = "ca", .is_ca = true }, NULL);
	server = certs_make(&(struct certs_spec){ .cn = "server", .san = "DNS:a.example" }, ca);
	other = certs_make(&(struct certs_spec){ .cn = "other" }, ca);
}

static void start(void)
{
	fake_files_start();
	p = PROBLEMS_INIT;
	o = (struct options){
		.tls_cert_file = fake_files_write("cert", server->cert_pem),
		.tls_private_key_file = fake_files_write("key", server->key_pem),
		.client_ca_file = fake_files_write("ca", ca->cert_pem),
		.proxy_client_cert_file = fake_files_write("client-cert", other->cert_pem),
		.proxy_client_key_file = fake_files_write("client-key", other->key_pem),
		.upstream_ca_file = fake_files_write("upstream-ca", ca->cert_pem),
	};
}

static void stop(void)
{
	option_list_fini(&o.tls_sni_cert_key);
	option_list_fini(&o.tls_cipher_suites);
	problems_fini(&p);
	fake_files_stop();
}

static bool cn_is(SSL_CTX *ctx, const char *want)
{
	char cn[64] = "";

	X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_CTX_get0_certificate(ctx)),
				  NID_commonName, cn, sizeof(cn));
	return cstr_is(cn, want);
}

/* The context that must come of the options, with nothing to say about them; owned. */
static SSL_CTX *good_server(struct tls_server_context **c)
{
	*c = material_server_context(&o, &p);
	int_is(p.count, 0);
	return ok(*c != NULL) ? tls_server_context_ssl(*c) : NULL;
}

static void free_server(struct tls_server_context *c)
{
	if (c)
		snapshot_release(tls_server_context_snapshot(c));
}

/* Both contexts are made of the files; the problems of those that are not must say this. */
static void server_is_refused(const char *file, const char *flag, const char *why)
{
	struct tls_server_context *c = material_server_context(&o, &p);

	ok(!c);
	free_server(c);
	int_is(p.count, 1);
	ok(p.count && strstr(p.text.p, file) && strstr(p.text.p, flag) && strstr(p.text.p, why));
	if (p.count)
		tap_note("%.*s", (int)p.text.n - 1, p.text.p);
	problems_fini(&p);
	p = PROBLEMS_INIT;
}

static void client_is_refused(const char *file, const char *flag, const char *why)
{
	struct tls_client_context *c = material_client_context(&o, &p);

	ok(!c);
	int_is(p.count, 1);
	ok(p.count && strstr(p.text.p, file) && strstr(p.text.p, flag) && strstr(p.text.p, why));
	problems_fini(&p);
	p = PROBLEMS_INIT;
}

static void test_good(void)
{
	struct tls_server_context *s;
	struct tls_client_context *c;
	SSL_CTX *ctx;

	start();
	ctx = good_server(&s);
	cn_is(ctx, "server");
	int_is(SSL_CTX_get_min_proto_version(ctx), TLS1_2_VERSION);
	ok(SSL_CTX_get_verify_mode(ctx) & SSL_VERIFY_PEER);
	ok(!(SSL_CTX_get_verify_mode(ctx) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT));
	free_server(s);
	c = material_client_context(&o, &p);
	int_is(p.count, 0);
	cn_is(tls_client_context_ssl(c), "other");
	/* The upstream's certificate is judged. */
	ok(SSL_CTX_get_verify_mode(tls_client_context_ssl(c)) & SSL_VERIFY_PEER);
	snapshot_release(tls_client_context_snapshot(c));
	stop();
}

static void test_without_client_ca(void)
{
	struct tls_server_context *s;

	start();
	o.client_ca_file = NULL;
	int_is(SSL_CTX_get_verify_mode(good_server(&s)), SSL_VERIFY_NONE);
	free_server(s);
	stop();
}

static void test_serving_files(void)
{
	start();
	fake_files_remove("cert");
	server_is_refused("/cert", "--tls-cert-file", "No such file");
	fake_files_write("cert", "");
	server_is_refused("/cert", "--tls-cert-file", "no certificate");
	fake_files_write("cert", server->key_pem);
	server_is_refused("/cert", "--tls-cert-file", "no certificate");
	fake_files_write("cert", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	server_is_refused("/cert", "--tls-cert-file", "malformed certificate");
	/* In the middle of a change: the new key, the old certificate. */
	fake_files_write("cert", other->cert_pem);
	server_is_refused("/key", "--tls-private-key-file", "does not belong");
	fake_files_write("cert", server->cert_pem);
	fake_files_write("key", "");
	server_is_refused("/key", "--tls-private-key-file", "no private key");
	stop();
}

static void test_encrypted_key(void)
{
	char *pem = certs_key_pem_encrypted(server, "pass");

	start();
	fake_files_write("key", pem);
	server_is_refused("/key", "--tls-private-key-file", "encrypted keys are not supported");
	free(pem);
	stop();
}

/* A CA file that is no CA file is no permission to go on without. */
static void test_ca_files(void)
{
	start();
	fake_files_write("ca", "");
	server_is_refused("/ca", "--client-ca-file", "");
	fake_files_write("ca", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	server_is_refused("/ca", "--client-ca-file", "");
	fake_files_remove("ca");
	server_is_refused("/ca", "--client-ca-file", "No such file");
	fake_files_write("upstream-ca", "");
	client_is_refused("/upstream-ca", "--upstream-ca-file", "");
	fake_files_remove("upstream-ca");
	client_is_refused("/upstream-ca", "--upstream-ca-file", "No such file");
	stop();
}

static void test_client_files(void)
{
	start();
	fake_files_write("client-key", server->key_pem);
	client_is_refused("/client-key", "--proxy-client-key-file", "does not belong");
	fake_files_remove("client-key");
	client_is_refused("/client-key", "--proxy-client-key-file", "No such file");
	fake_files_write("client-key", other->key_pem);
	fake_files_write("client-cert", "");
	client_is_refused("/client-cert", "--proxy-client-cert-file", "no certificate");
	stop();
}

static void test_all_problems_at_once(void)
{
	start();
	fake_files_remove("cert");
	fake_files_remove("key");
	fake_files_remove("ca");
	ok(!material_server_context(&o, &p));
	int_is(p.count, 3);
	/* Problems of before are not ours: the context is made all the same. */
	fake_files_write("cert", server->cert_pem);
	fake_files_write("key", server->key_pem);
	fake_files_write("ca", ca->cert_pem);
	free_server(material_server_context(&o, &p));
	int_is(p.count, 3);
	stop();
}

/* That a flag is missing was said before; no context comes of it, and no second complaint. */
static void test_missing_flags(void)
{
	start();
	o.tls_cert_file = NULL;
	ok(!material_server_context(&o, &p));
	o.proxy_client_key_file = NULL;
	ok(!material_client_context(&o, &p));
	int_is(p.count, 0);
	o.proxy_client_key_file = fake_files_path("client-key");
	o.upstream_ca_file = NULL;
	ok(!material_client_context(&o, &p));
	int_is(p.count, 0);
	stop();
}

static void add_sni(const char *cert, const char *key, const char *names)
{
	char *text;

	ok(asprintf(&text, "%s,%s%s", cert, key, names) > 0);
	option_list_add(&o.tls_sni_cert_key, str_from(text));
	free(text);
}

static void test_sni(void)
{
	struct tls_server_context *s;

	start();
	add_sni(fake_files_write("sni-cert", other->cert_pem),
		fake_files_write("sni-key", other->key_pem), ":b.example,c.example");
	good_server(&s);
	free_server(s);
	fake_files_write("sni-key", server->key_pem);
	server_is_refused("/sni-key", "--tls-sni-cert-key", "does not belong");
	fake_files_remove("sni-cert");
	server_is_refused("/sni-cert", "--tls-sni-cert-key", "No such file");
	stop();
}

/* Suites of versions before 1.3, as OpenSSL has them. */
static int old_suites(SSL_CTX *ctx)
{
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
	int n = 0;

	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++)
		n += strncmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i)), "TLS_", 4) != 0;
	return n;
}

static void test_cipher_suites(void)
{
	struct tls_server_context *s;
	SSL_CTX *ctx;

	start();
	ok(old_suites(good_server(&s)) > 2);
	free_server(s);
	option_list_add(&o.tls_cipher_suites, STR("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
	option_list_add(&o.tls_cipher_suites, STR("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"));
	option_list_add(&o.tls_cipher_suites, STR("TLS_AES_128_GCM_SHA256"));
	ctx = good_server(&s);
	int_is(old_suites(ctx), 2);
	int_is(SSL_CTX_get_min_proto_version(ctx), TLS1_2_VERSION);
	free_server(s);
	stop();
}

/* They leave nothing for older versions, which must not fall back to the default set. */
static void test_new_suites_alone(void)
{
	struct tls_server_context *s;

	start();
	option_list_add(&o.tls_cipher_suites, STR("TLS_AES_128_GCM_SHA256"));
	int_is(SSL_CTX_get_min_proto_version(good_server(&s)), TLS1_3_VERSION);
	free_server(s);
	stop();
}

static void test_min_version(void)
{
	char version[] = "VersionTLS13";
	struct tls_server_context *s;

	start();
	o.tls_min_version = version;
	int_is(SSL_CTX_get_min_proto_version(good_server(&s)), TLS1_3_VERSION);
	free_server(s);
	stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_good),
		TAP(test_without_client_ca),
		TAP(test_serving_files),
		TAP(test_encrypted_key),
		TAP(test_ca_files),
		TAP(test_client_files),
		TAP(test_all_problems_at_once),
		TAP(test_missing_flags),
		TAP(test_sni),
		TAP(test_cipher_suites),
		TAP(test_new_suites_alone),
		TAP(test_min_version),
		TAP_END
	};
	int rc;

	make_certificates();
	rc = tap_main(tests);
	certs_free(ca);
	certs_free(server);
	certs_free(other);
	return rc;
}
