/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "authn/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "authn/secret_base64.h"
#include "base/err.h"
#include "base/mem.h"
#include "codec/json_check.h"

enum key_kind { KEY_NONE, KEY_RSA, KEY_P256, KEY_P384, KEY_P521 };

struct jwt_algorithm {
	const char *name;
	enum key_kind kind;
	const char *digest;
	bool pss;
	size_t half;		/* ECDSA: bytes of r and of s */
};

static const struct jwt_algorithm algorithms[] = {
	{ "RS256", KEY_RSA, "SHA256", false, 0 },
	{ "RS384", KEY_RSA, "SHA384", false, 0 },
	{ "RS512", KEY_RSA, "SHA512", false, 0 },
	{ "PS256", KEY_RSA, "SHA256", true, 0 },
	{ "PS384", KEY_RSA, "SHA384", true, 0 },
	{ "PS512", KEY_RSA, "SHA512", true, 0 },
	{ "ES256", KEY_P256, "SHA256", false, 32 },
	{ "ES384", KEY_P384, "SHA384", false, 48 },
	{ "ES512", KEY_P521, "SHA512", false, 66 },
};

/* --- Claims --- */

bool jwt_claim_text(const json_t *o, const char *name, struct str *out)
{
	const json_t *v = json_object_get(o, name);

	*out = STR_NULL;
	if (!v || json_is_null(v))
		return true;
	if (!json_is_string(v))
		return false;
	*out = str_make(json_string_value(v), json_string_length(v));
	return true;
}

/* Far beyond any time; in microseconds it still fits. */
#define TIME_MAX ((double)(INT64_C(1) << 42))

bool jwt_claim_time(const json_t *o, const char *name, int64_t *out, bool *there)
{
	const json_t *v = json_object_get(o, name);
	double number;

	*there = v && !json_is_null(v);
	*out = 0;
	if (!*there)
		return true;
	if (!json_is_number(v))
		return false;
	number = json_number_value(v);
	*out = number > TIME_MAX ? (int64_t)TIME_MAX : number < -TIME_MAX ? (int64_t)-TIME_MAX :
	       (int64_t)number;
	return true;
}

/* --- Tokens --- */

static const struct jwt_algorithm *find_algorithm(struct str name)
{
	for (size_t i = 0; i < array_size(algorithms); i++)
		if (str_eq(name, str_from(algorithms[i].name)))
			return &algorithms[i];
	return NULL;
}

static int read_object(struct str encoded, json_t **out)
{
	struct strbuf text = STRBUF_INIT;
	int rc = secret_base64_decode(encoded, BASE64_URL_RAW, &text);

	if (!rc && json_check_limits(strbuf_str(&text)) < 0)
		rc = ERR_LIMIT;
	if (!rc)
		*out = json_loadb(text.n ? text.p : "", text.n,
				  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	strbuf_fini_secret(&text);
	if (rc)
		return rc;
	return json_is_object(*out) ? 0 : ERR_SYNTAX;
}

/* Nothing that a header calls critical is understood here, an unencoded payload (b64) included. */
static int read_header(struct jwt *t)
{
	const json_t *critical = json_object_get(t->header, "crit");
	struct str name;

	if (!jwt_claim_text(t->header, "alg", &name) ||
	    !jwt_claim_text(t->header, "kid", &t->key_id))
		return ERR_SYNTAX;
	t->algorithm = find_algorithm(name);
	if (!t->algorithm || (critical && !json_is_null(critical)) ||
	    json_object_get(t->header, "b64"))
		return ERR_UNSUPPORTED;
	return 0;
}

/* Header, claims and signature; the part that is signed ends where the signature begins. */
static int split(struct str token, struct str parts[3])
{
	struct str rest = token, more;

	for (int i = 0; i < 3; i++)
		if (!str_next(&rest, '.', &parts[i]))
			return ERR_SYNTAX;
	return str_next(&rest, '.', &more) ? ERR_SYNTAX : 0;
}

int jwt_parse(struct str token, struct jwt *out)
{
	struct str parts[3];
	int rc;

	*out = (struct jwt){ 0 };
	if (token.n > JWT_MAX)
		return ERR_LIMIT;
	rc = split(token, parts);
	if (rc)
		return rc;
	out->signed_part = str_slice(token, 0, parts[0].n + 1 + parts[1].n);
	rc = read_object(parts[0], &out->header);
	if (!rc)
		rc = read_header(out);
	if (!rc)
		rc = read_object(parts[1], &out->claims);
	if (!rc)
		rc = secret_base64_decode(parts[2], BASE64_URL_RAW, &out->signature);
	if (rc)
		jwt_fini(out);
	return rc;
}

void jwt_fini(struct jwt *t)
{
	json_decref(t->header);
	json_decref(t->claims);
	strbuf_fini_secret(&t->signature);
	*t = (struct jwt){ 0 };
}

/* --- Keys --- */

static enum key_kind curve_kind(EVP_PKEY *key)
{
	static const struct {
		const char *name;
		enum key_kind kind;
	} curves[] = {
		{ "prime256v1", KEY_P256 }, { "secp384r1", KEY_P384 }, { "secp521r1", KEY_P521 },
	};
	char name[64];

	if (!EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, name, sizeof(name),
					    NULL) || strcmp(name, OSSL_PKEY_EC_ENCODING_GROUP) ||
	    !EVP_PKEY_get_group_name(key, name, sizeof(name), NULL))
		return KEY_NONE;
	for (size_t i = 0; i < array_size(curves); i++)
		if (!strcmp(name, curves[i].name))
			return curves[i].kind;
	return KEY_NONE;
}

static enum key_kind kind_of(EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(key) >= JWT_RSA_BITS_MIN ? KEY_RSA : KEY_NONE;
	case EVP_PKEY_EC:
		return curve_kind(key);
	}
	return KEY_NONE;
}

static EVP_PKEY *certificate_key(const unsigned char *der, long n)
{
	X509 *cert = d2i_X509(NULL, &der, n);
	EVP_PKEY *key = cert ? X509_get_pubkey(cert) : NULL;

	X509_free(cert);
	return key;
}

/* What the DER is shows by reading it; the block's label does not count. */
static EVP_PKEY *read_key(const unsigned char *der, long n)
{
	const unsigned char *at = der;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, n);

	at = der;
	if (!key)
		key = d2i_PUBKEY(NULL, &at, n);
	return key ? key : certificate_key(der, n);
}

/* Base64url without padding. */
static void write_id(const unsigned char hash[SHA256_DIGEST_LENGTH], char out[JWT_KEY_ID_LEN + 1])
{
	unsigned char text[4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1];

	EVP_EncodeBlock(text, hash, SHA256_DIGEST_LENGTH);
	for (size_t i = 0; i < JWT_KEY_ID_LEN; i++)
		out[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : (char)text[i];
	out[JWT_KEY_ID_LEN] = '\0';
}

/* The public half of key, and its id over the form that Go writes: points uncompressed. */
static bool make_key(EVP_PKEY *key, struct jwt_key *out)
{
	unsigned char *der = NULL, hash[SHA256_DIGEST_LENGTH];
	const unsigned char *at;
	int n;

	out->kind = kind_of(key);
	if (out->kind == KEY_NONE)
		return false;
	if (out->kind != KEY_RSA)
		EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
					       "uncompressed");
	n = i2d_PUBKEY(key, &der);
	at = der;
	out->key = n > 0 ? d2i_PUBKEY(NULL, &at, n) : NULL;
	if (out->key) {
		SHA256(der, (size_t)n, hash);
		write_id(hash, out->id);
	}
	OPENSSL_free(der);
	return out->key != NULL;
}

static bool add_key(struct jwt_keys *k, EVP_PKEY *key)
{
	struct jwt_key made;
	bool added = key && make_key(key, &made);

	EVP_PKEY_free(key);
	if (!added)
		return false;
	k->v = xreallocarray(k->v, k->n + 1, sizeof(*k->v));
	k->v[k->n++] = made;
	return true;
}

static void add_block(struct jwt_keys *k, char *name, char *header, unsigned char *der, long n)
{
	add_key(k, read_key(der, n));
	secret_wipe(der, (size_t)n);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
}

/* A block that is not well formed is passed over; each read takes at least a line. */
size_t jwt_keys_add_pem(struct jwt_keys *k, struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p ? pem.p : "", (int)pem.n);
	char *name, *header;
	unsigned char *der;
	size_t before = k->n;
	bool end = !bio;
	long n;

	while (!end) {
		name = header = NULL;
		der = NULL;
		ERR_clear_error();
		if (PEM_read_bio(bio, &name, &header, &der, &n))
			add_block(k, name, header, der, n);
		else
			end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
		end = end || BIO_eof(bio);
	}
	BIO_free(bio);
	ERR_clear_error();
	return k->n - before;
}

void jwt_keys_fini(struct jwt_keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		EVP_PKEY_free(k->v[i].key);
	free(k->v);
	*k = (struct jwt_keys){ 0 };
}

/* --- Verification --- */

static bool digest_verify(const struct jwt_algorithm *a, EVP_PKEY *key, const unsigned char *sig,
			  size_t n, struct str text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *settings;
	bool good;

	good = ctx && EVP_DigestVerifyInit_ex(ctx, &settings, a->digest, NULL, NULL, key,
					      NULL) == 1;
	if (good && a->pss)
		good = EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_AUTO) == 1;
	good = good && EVP_DigestVerify(ctx, sig, n, (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* JWS has r and s one after the other (RFC 7518 section 3.4), OpenSSL wants them in DER. */
static bool ecdsa_verify(const struct jwt *t, EVP_PKEY *key)
{
	const unsigned char *raw = (const unsigned char *)t->signature.p;
	int half = (int)t->algorithm->half, n = 0;
	unsigned char *der = NULL;
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	bool good;

	if (t->signature.n != 2 * t->algorithm->half)
		return false;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(raw, half, NULL);
	s = BN_bin2bn(raw + half, half, NULL);
	if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
		n = i2d_ECDSA_SIG(sig, &der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	good = n > 0 && digest_verify(t->algorithm, key, der, (size_t)n, t->signed_part);
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	return good;
}

static bool verifies(const struct jwt *t, const struct jwt_key *key)
{
	bool good;

	if (key->kind != (int)t->algorithm->kind || !t->signature.n)
		return false;
	if (key->kind == KEY_RSA)
		good = digest_verify(t->algorithm, key->key,
				     (const unsigned char *)t->signature.p, t->signature.n,
				     t->signed_part);
	else
		good = ecdsa_verify(t, key->key);
	/* What is left in the thread's queue would be taken for an error of a connection. */
	ERR_clear_error();
	return good;
}

int jwt_verify(const struct jwt *t, const struct jwt_keys *k)
{
	int rc = ERR_NOT_FOUND;

	for (size_t i = 0; i < k->n; i++) {
		if (t->key_id.n && !str_eq(t->key_id, str_from(k->v[i].id)))
			continue;
		if (verifies(t, &k->v[i]))
			return 0;
		rc = ERR_REFUSED;
	}
	return rc;
}
