/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/certs.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR 3600
#define DAY (24 * HOUR)
#define UID_OID "1.3.6.1.4.1.57683.2"

static void must(bool held, const char *what)
{
	if (held)
		return;
	fprintf(stderr, "certs: %s failed\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

static EVP_PKEY *make_key(enum certs_key kind)
{
	EVP_PKEY *key = NULL;

	switch (kind) {
	case CERTS_EC:
		key = EVP_EC_gen("P-256");
		break;
	case CERTS_RSA:
		key = EVP_RSA_gen(2048);
		break;
	case CERTS_ED25519:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	}
	must(key, "key");
	return key;
}

static void add_name(X509_NAME *name, const char *attribute, const char *value)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(attribute, 0);

	must(obj && X509_NAME_add_entry_by_OBJ(name, obj, MBSTRING_UTF8,
					       (const unsigned char *)value, -1, -1, 0), attribute);
	ASN1_OBJECT_free(obj);
}

static void set_subject(X509 *cert, const struct certs_spec *spec)
{
	X509_NAME *name = X509_NAME_new();

	for (const char *const *o = spec->organizations; o && *o; o++)
		add_name(name, "O", *o);
	if (spec->cn)
		add_name(name, "CN", spec->cn);
	if (spec->uid)
		add_name(name, UID_OID, spec->uid);
	must(X509_set_subject_name(cert, name), "subject");
	X509_NAME_free(name);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	if (!value)
		return;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext && X509_add_ext(cert, ext, -1), value);
	X509_EXTENSION_free(ext);
}

static void set_validity(X509 *cert, const struct certs_spec *spec)
{
	time_t from = spec->not_before ? (time_t)spec->not_before : time(NULL) - HOUR;
	time_t until = spec->not_after ? (time_t)spec->not_after : time(NULL) + DAY;

	must(ASN1_TIME_set(X509_getm_notBefore(cert), from) &&
	     ASN1_TIME_set(X509_getm_notAfter(cert), until), "validity");
}

static void set_serial(X509 *cert)
{
	uint64_t serial;

	RAND_bytes((unsigned char *)&serial, sizeof(serial));
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1);
}

static char *take_bio(BIO *bio)
{
	char *data, *copy;
	long n = BIO_get_mem_data(bio, &data);

	copy = malloc((size_t)n + 1);
	must(copy, "memory");
	memcpy(copy, data, (size_t)n);
	copy[n] = '\0';
	BIO_free(bio);
	return copy;
}

static void write_pem(struct certs_pair *p)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(PEM_write_bio_X509(bio, p->cert), "certificate as PEM");
	p->cert_pem = take_bio(bio);
	bio = BIO_new(BIO_s_mem());
	must(PEM_write_bio_PKCS8PrivateKey(bio, p->key, NULL, NULL, 0, NULL, NULL), "key as PEM");
	p->key_pem = take_bio(bio);
}

struct certs_pair *certs_make(const struct certs_spec *spec, const struct certs_pair *issuer)
{
	struct certs_pair *p = calloc(1, sizeof(*p));
	const char *usage = spec->is_ca ? "critical,keyCertSign,cRLSign,digitalSignature" :
					  "critical,digitalSignature";
	X509 *issuer_cert;
	EVP_PKEY *sign_key;

	must(p, "memory");
	p->cert = X509_new();
	p->key = spec->reuse_key ? spec->reuse_key : make_key(spec->key);
	if (spec->reuse_key)
		EVP_PKEY_up_ref(p->key);
	issuer_cert = issuer ? issuer->cert : p->cert;
	sign_key = issuer ? issuer->key : p->key;
	X509_set_version(p->cert, X509_VERSION_3);
	set_serial(p->cert);
	set_validity(p->cert, spec);
	set_subject(p->cert, spec);
	X509_set_issuer_name(p->cert, X509_get_subject_name(issuer_cert));
	X509_set_pubkey(p->cert, p->key);
	add_extension(p->cert, issuer_cert, NID_basic_constraints,
		      spec->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(p->cert, issuer_cert, NID_key_usage,
		      spec->key_usage ? spec->key_usage : usage);
	add_extension(p->cert, issuer_cert, NID_ext_key_usage, spec->eku);
	add_extension(p->cert, issuer_cert, NID_subject_alt_name, spec->san);
	add_extension(p->cert, issuer_cert, NID_subject_key_identifier, "hash");
	if (issuer)
		add_extension(p->cert, issuer_cert, NID_authority_key_identifier, "keyid");
	must(X509_sign(p->cert, sign_key, EVP_PKEY_is_a(sign_key, "ED25519") ? NULL :
		       EVP_sha256()), "signature");
	write_pem(p);
	return p;
}

void certs_free(struct certs_pair *p)
{
	if (!p)
		return;
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
	free(p->cert_pem);
	free(p->key_pem);
	free(p);
}

char *certs_chain_pem(const struct certs_pair *first, ...)
{
	const struct certs_pair *p;
	size_t n = 0;
	char *out = NULL;
	va_list ap;

	va_start(ap, first);
	for (p = first; p; p = va_arg(ap, const struct certs_pair *)) {
		size_t more = strlen(p->cert_pem);

		out = realloc(out, n + more + 1);
		must(out, "memory");
		memcpy(out + n, p->cert_pem, more + 1);
		n += more;
	}
	va_end(ap);
	return out;
}

char *certs_key_pem_traditional(const struct certs_pair *p)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(PEM_write_bio_PrivateKey_traditional(bio, p->key, NULL, NULL, 0, NULL, NULL),
	     "traditional key");
	return take_bio(bio);
}

char *certs_key_pem_encrypted(const struct certs_pair *p, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(PEM_write_bio_PKCS8PrivateKey(bio, p->key, EVP_aes_256_cbc(), passphrase,
					   (int)strlen(passphrase), NULL, NULL), "encrypted key");
	return take_bio(bio);
}
