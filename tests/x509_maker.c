/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/x509_maker.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR 3600
#define DAY (24 * HOUR)

static void must(bool held, const char *what)
{
	if (held)
		return;
	fprintf(stderr, "x509_maker: %s failed\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

EVP_PKEY *maker_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	must(key, "key");
	return key;
}

static void add_attribute(X509_NAME *name, const struct maker_attribute *a)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(a->type, 0);
	int n = a->n < 0 ? (int)strlen(a->bytes) : a->n;

	must(obj && X509_NAME_add_entry_by_OBJ(name, obj, a->string_type,
					       (const unsigned char *)a->bytes, n, -1,
					       a->joined ? -1 : 0), a->type);
	ASN1_OBJECT_free(obj);
}

static void set_subject(X509 *x, const struct maker_spec *spec)
{
	struct maker_attribute cn = { "CN", V_ASN1_UTF8STRING, spec->cn, -1, false };
	X509_NAME *name = X509_get_subject_name(x);

	for (const struct maker_attribute *a = spec->attributes; a && a->type; a++)
		add_attribute(name, a);
	if (spec->cn)
		add_attribute(name, &cn);
}

static void add_extensions(X509 *x, X509 *issuer, const char *lines)
{
	char *copy = strdup(lines), *rest = copy, *line;
	CONF *conf = NCONF_new(NULL);
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	while ((line = strsep(&rest, "\n"))) {
		char *name = strsep(&line, "=");
		X509_EXTENSION *e = X509V3_EXT_nconf(conf, &ctx, name, line);

		must(e && X509_add_ext(x, e, -1), name);
		X509_EXTENSION_free(e);
	}
	NCONF_free(conf);
	free(copy);
}

static void sign(X509 *x, EVP_PKEY *key, const char *digest)
{
	const EVP_MD *md = EVP_get_digestbyname(digest ? digest : "SHA256");

	must(X509_sign(x, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : md), "signature");
}

/* What arrives is what was parsed, not what was built. */
static X509 *reparse(X509 *x)
{
	unsigned char *der = NULL;
	const unsigned char *at;
	int n = i2d_X509(x, &der);
	X509 *parsed;

	must(n > 0, "encoding");
	at = der;
	parsed = d2i_X509(NULL, &at, n);
	must(parsed, "parsing");
	OPENSSL_free(der);
	X509_free(x);
	return parsed;
}

X509 *maker_cert(const struct maker_spec *spec, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	time_t from = spec->not_before ? spec->not_before : MAKER_NOW - HOUR;
	time_t until = spec->not_after ? spec->not_after : MAKER_NOW + DAY;

	must(x, "certificate");
	X509_set_version(x, spec->is_v1 ? X509_VERSION_1 : X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), spec->serial ? spec->serial : 1);
	set_subject(x, spec);
	if (spec->unsigned_)
		return x;
	must(X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x)), "issuer");
	must(ASN1_TIME_set(X509_getm_notBefore(x), from) &&
	     ASN1_TIME_set(X509_getm_notAfter(x), until), "validity");
	must(X509_set_pubkey(x, spec->key), "key");
	if (spec->extensions)
		add_extensions(x, issuer ? issuer : x, spec->extensions);
	sign(x, issuer ? issuer_key : spec->key, spec->digest);
	return reparse(x);
}

char *maker_pem(X509 *first, ...)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *copy;
	va_list ap;
	long n;

	va_start(ap, first);
	for (X509 *x = first; x; x = va_arg(ap, X509 *))
		must(PEM_write_bio_X509(bio, x), "PEM");
	va_end(ap);
	n = BIO_get_mem_data(bio, &data);
	copy = strndup(data, (size_t)n);
	BIO_free(bio);
	return copy;
}
