/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "net/tls_pair.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/check.h"
#include "base/err.h"
#include "net/tls.h"

static BIO *open_pem(struct str pem)
{
	BIO *bio = pem.n && pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;

	CHECK(bio || !pem.n || pem.n > INT_MAX);
	return bio;
}

/* Nothing of our kind was left in the text, as opposed to something malformed. */
static bool is_end_of_pem(void)
{
	return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

int tls_certificates_read(struct str pem, STACK_OF(X509) **out, const char **why)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	BIO *bio = open_pem(pem);
	int err = ERR_TLS;
	X509 *cert;

	CHECK(list);
	*why = "no certificate";
	if (!bio)
		goto out;
	ERR_clear_error();
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		CHECK(sk_X509_push(list, cert));
	if (!is_end_of_pem())
		*why = "malformed certificate";
	else if (sk_X509_num(list) > 0)
		err = 0;
out:
	ERR_clear_error();
	BIO_free(bio);
	if (err)
		sk_X509_pop_free(list, X509_free);
	else
		*out = list;
	return err;
}

static int on_passphrase(char *buf, int size, int writing, void *arg)
{
	bool *encrypted = arg;

	(void)buf;
	(void)size;
	(void)writing;
	*encrypted = true;
	return -1;
}

static bool is_supported(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC") ||
	       EVP_PKEY_is_a(key, "ED25519");
}

/* The first private key of the text: PKCS#8, PKCS#1 or SEC1. */
static EVP_PKEY *read_key(struct str pem, const char **why)
{
	BIO *bio = open_pem(pem);
	bool encrypted = false;
	EVP_PKEY *key = NULL;

	*why = "no private key";
	if (!bio)
		return NULL;
	ERR_clear_error();
	key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &encrypted);
	if (encrypted)
		*why = "encrypted keys are not supported";
	else if (!key && str_find_str(pem, STR("PRIVATE KEY-----")) >= 0)
		*why = "malformed private key";
	ERR_clear_error();
	BIO_free(bio);
	if (key && !is_supported(key)) {
		*why = "this type of key is not supported";
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

int tls_loaded_init(struct tls_loaded *l, struct str cert_pem, struct str key_pem,
		    const char **why)
{
	*l = (struct tls_loaded){ NULL, NULL, NULL };
	if (tls_certificates_read(cert_pem, &l->chain, why))
		return ERR_TLS;
	l->leaf = sk_X509_shift(l->chain);
	l->key = read_key(key_pem, why);
	if (l->key && X509_check_private_key(l->leaf, l->key) == 1)
		return 0;
	if (l->key)
		*why = "the key does not belong to the certificate";
	ERR_clear_error();
	tls_loaded_fini(l);
	return ERR_TLS;
}

void tls_loaded_fini(struct tls_loaded *l)
{
	X509_free(l->leaf);
	sk_X509_pop_free(l->chain, X509_free);
	EVP_PKEY_free(l->key);
	*l = (struct tls_loaded){ NULL, NULL, NULL };
}

int tls_pair_check(const struct tls_pair *pair, bool *about_key, const char **why)
{
	STACK_OF(X509) *list;
	struct tls_loaded loaded;

	*about_key = false;
	if (tls_certificates_read(pair->cert_pem, &list, why))
		return ERR_TLS;
	sk_X509_pop_free(list, X509_free);
	*about_key = true;
	if (tls_loaded_init(&loaded, pair->cert_pem, pair->key_pem, why))
		return ERR_TLS;
	tls_loaded_fini(&loaded);
	return 0;
}
