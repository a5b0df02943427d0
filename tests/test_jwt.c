/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "authn/jwt.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/tap.h"
#include "tests/token_maker.h"
#include "tests/x509_maker.h"

#define CLAIMS "{\"iss\":\"i\",\"sub\":\"s\"}"

enum { KEY_RSA, KEY_OTHER, KEY_P256, KEY_P384, KEY_P521, KEYS };

static EVP_PKEY *keys[KEYS];

static void make_keys(void)
{
	static const char *const kinds[KEYS] = { "RSA", "RSA", "P-256", "P-384", "P-521" };

	for (int i = 0; i < KEYS && !keys[i]; i++)
		keys[i] = token_key(kinds[i]);
}

static void free_keys(void)
{
	for (int i = 0; i < KEYS; i++)
		EVP_PKEY_free(keys[i]);
}

static size_t add_public(struct jwt_keys *k, EVP_PKEY *key)
{
	char *pem = token_public_pem(key);
	size_t n = jwt_keys_add_pem(k, str_from(pem));

	free(pem);
	return n;
}

static struct jwt_keys keys_of(EVP_PKEY *key)
{
	struct jwt_keys k = { 0 };

	int_is(add_public(&k, key), 1);
	return k;
}

/* Takes token over: what reading and verifying say. */
static int judge(char *token, const struct jwt_keys *k)
{
	struct jwt t;
	int rc = jwt_parse(str_from(token), &t);

	if (!rc) {
		rc = jwt_verify(&t, k);
		jwt_fini(&t);
	}
	free(token);
	/* The queue belongs to whoever writes to a connection next. */
	int_is(ERR_peek_error(), 0);
	return rc;
}

/* --- Algorithms --- */

static const struct {
	const char *name;
	int key;
} algorithms[] = {
	{ "RS256", KEY_RSA }, { "RS384", KEY_RSA }, { "RS512", KEY_RSA },
	{ "PS256", KEY_RSA }, { "PS384", KEY_RSA }, { "PS512", KEY_RSA },
	{ "ES256", KEY_P256 }, { "ES384", KEY_P384 }, { "ES512", KEY_P521 },
};

static void test_each_algorithm_with_each_key(void)
{
	make_keys();
	for (int key = 0; key < KEYS; key++) {
		struct jwt_keys k = keys_of(keys[key]);

		for (size_t i = 0; i < array_size(algorithms); i++) {
			bool own = algorithms[i].key == key;

			tap_row(algorithms[i].name);
			int_is(judge(token_make(keys[algorithms[i].key], algorithms[i].name,
						CLAIMS), &k), own ? 0 : ERR_REFUSED);
		}
		jwt_keys_fini(&k);
	}
	tap_row(NULL);
}

/* Signed in one way, named in another. */
static void test_confused_algorithms(void)
{
	static const struct {
		const char *signed_as, *named;
		int key;
		int want;
	} cases[] = {
		{ "RS256", "PS256", KEY_RSA, ERR_REFUSED },
		{ "PS256", "RS256", KEY_RSA, ERR_REFUSED },
		{ "RS256", "RS512", KEY_RSA, ERR_REFUSED },
		{ "RS256", "ES256", KEY_RSA, ERR_REFUSED },
		{ "ES256", "RS256", KEY_P256, ERR_REFUSED },
		{ "ES256", "ES384", KEY_P256, ERR_REFUSED },
		{ "HS256", "RS256", KEY_RSA, ERR_REFUSED },
		{ "HS256", "HS256", KEY_RSA, ERR_UNSUPPORTED },
		{ "HS512", "HS512", KEY_P256, ERR_UNSUPPORTED },
		{ "RS256", "none", KEY_RSA, ERR_UNSUPPORTED },
		{ "RS256", "None", KEY_RSA, ERR_UNSUPPORTED },
		{ "RS256", "rs256", KEY_RSA, ERR_UNSUPPORTED },
		{ "RS256", "EdDSA", KEY_RSA, ERR_UNSUPPORTED },
		{ "RS256", "", KEY_RSA, ERR_UNSUPPORTED },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct jwt_keys k = keys_of(keys[cases[i].key]);
		char header[64];

		tap_row(cases[i].named);
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", cases[i].named);
		int_is(judge(token_sign(keys[cases[i].key], cases[i].signed_as, header, CLAIMS),
			     &k), cases[i].want);
		jwt_keys_fini(&k);
	}
	tap_row(NULL);
}

/* --- What is read --- */

static char *with_header(const char *header)
{
	return token_sign(keys[KEY_P256], "ES256", header, CLAIMS);
}

static char *with_claims(const char *claims)
{
	return token_sign(keys[KEY_P256], "ES256", "{\"alg\":\"ES256\"}", claims);
}

static void test_headers(void)
{
	static const struct {
		const char *header;
		int want;
	} cases[] = {
		{ "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", 0 },
		{ "{\"alg\":\"ES256\",\"kid\":\"\"}", 0 },
		{ "{\"alg\":\"ES256\",\"kid\":null}", 0 },
		{ "{\"alg\":\"ES256\",\"crit\":null}", 0 },
		{ "{\"alg\":\"ES256\",\"kid\":\"other\"}", ERR_NOT_FOUND },
		{ "{\"alg\":\"ES256\",\"kid\":7}", ERR_SYNTAX },
		{ "{\"alg\":7}", ERR_SYNTAX },
		{ "{}", ERR_UNSUPPORTED },
		{ "{\"Alg\":\"ES256\"}", ERR_UNSUPPORTED },
		{ "{\"alg\":\"none\",\"alg\":\"ES256\"}", ERR_SYNTAX },
		{ "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", ERR_SYNTAX },
		{ "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", ERR_UNSUPPORTED },
		{ "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", ERR_UNSUPPORTED },
		{ "{\"alg\":\"ES256\",\"b64\":false}", ERR_UNSUPPORTED },
		{ "{\"alg\":\"ES256\"} x", ERR_SYNTAX },
		{ "[\"ES256\"]", ERR_SYNTAX },
		{ "", ERR_SYNTAX },
	};
	struct jwt_keys k = keys_of(keys[KEY_P256]);

	for (size_t i = 0; i < array_size(cases); i++) {
		tap_row(cases[i].header);
		int_is(judge(with_header(cases[i].header), &k), cases[i].want);
	}
	tap_row(NULL);
	jwt_keys_fini(&k);
}

static void test_claims_must_be_an_object(void)
{
	static const struct {
		const char *claims;
		int want;
	} cases[] = {
		{ "{}", 0 }, { " {} ", 0 }, { "[]", ERR_SYNTAX }, { "1", ERR_SYNTAX },
		{ "", ERR_SYNTAX }, { "{\"a\":1,\"a\":2}", ERR_SYNTAX },
		{ "{\"a\":{\"b\":1,\"b\":1}}", ERR_SYNTAX }, { "{\"a\":1,\"A\":2}", 0 },
		{ "{} {}", ERR_SYNTAX }, { "{\"a\":\"\xff\"}", ERR_SYNTAX },
	};
	struct jwt_keys k = keys_of(keys[KEY_P256]);

	for (size_t i = 0; i < array_size(cases); i++) {
		tap_row(cases[i].claims);
		int_is(judge(with_claims(cases[i].claims), &k), cases[i].want);
	}
	tap_row(NULL);
	jwt_keys_fini(&k);
}

static void test_shapes(void)
{
	static const struct {
		const char *token;
		int want;
	} cases[] = {
		{ "", ERR_SYNTAX }, { ".", ERR_SYNTAX }, { "..", ERR_SYNTAX },
		{ "a.b.c.d", ERR_SYNTAX }, { "...", ERR_SYNTAX }, { "opaque", ERR_SYNTAX },
		{ "eyJhbGciOiJSUzI1NiJ9.e30", ERR_SYNTAX },
		{ "eyJhbGciOiJSUzI1NiJ9.e30.", ERR_REFUSED },
		{ "eyJhbGciOiJSUzI1NiJ9.e30.YQ", ERR_REFUSED },
		{ "eyJhbGciOiJSUzI1NiJ9.e30.YQ==", ERR_SYNTAX },
		{ "eyJhbGciOiJSUzI1NiJ9.e30=.YQ", ERR_SYNTAX },
		{ "eyJhbGciOiJSUzI1NiJ9.e30.Y+8", ERR_SYNTAX },
		{ "eyJhbGciOiJSUzI1NiJ9.e30.Y/8", ERR_SYNTAX },
		{ "eyJhbGciOiJSUzI1NiJ9.e30. YQ", ERR_SYNTAX },
		{ "eyJhbGciOiJSUzI1NiJ9.e30.YQ\n", ERR_SYNTAX },
		{ "{\"payload\":\"e30\"}", ERR_SYNTAX },
		/* {"alg":"none"} */
		{ "eyJhbGciOiJub25lIn0.e30.", ERR_UNSUPPORTED },
	};
	struct jwt_keys k = keys_of(keys[KEY_RSA]);

	for (size_t i = 0; i < array_size(cases); i++) {
		tap_row(cases[i].token);
		int_is(judge(xstrdup(cases[i].token), &k), cases[i].want);
	}
	tap_row(NULL);
	jwt_keys_fini(&k);
}

static void test_size_is_bounded(void)
{
	struct jwt_keys k = keys_of(keys[KEY_P256]);
	char *big = xcalloc(1, JWT_MAX), *claims = xcalloc(1, JWT_MAX);

	memset(big, 'x', JWT_MAX / 2);
	snprintf(claims, JWT_MAX, "{\"a\":\"%s\"}", big);
	int_is(judge(with_claims(claims), &k), 0);
	memset(big, 'x', JWT_MAX * 3 / 4);
	snprintf(claims, JWT_MAX, "{\"a\":\"%s\"}", big);
	int_is(judge(with_claims(claims), &k), ERR_LIMIT);
	memset(claims, 0, JWT_MAX);
	memset(claims, '[', 2000);
	int_is(judge(with_claims(claims), &k), ERR_LIMIT);
	free(big);
	free(claims);
	jwt_keys_fini(&k);
}

/* --- Signatures --- */

/* Every byte of it counts: one letter changed in each place of the token. */
static void test_tampering(void)
{
	struct jwt_keys k = keys_of(keys[KEY_P256]);
	char *token = with_claims(CLAIMS);
	size_t n = strlen(token);

	for (size_t i = 0; i + 1 < n; i++) {
		char *changed = xstrdup(token);

		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		ok(judge(changed, &k));
	}
	int_is(judge(token, &k), 0);
	jwt_keys_fini(&k);
}

static void test_signature_of_another_token(void)
{
	struct jwt_keys k = keys_of(keys[KEY_RSA]);
	char *one = token_make(keys[KEY_RSA], "RS256", CLAIMS);
	char *two = token_make(keys[KEY_RSA], "RS256", "{\"iss\":\"i\",\"sub\":\"other\"}");
	struct strbuf mixed = STRBUF_INIT;

	strbuf_add(&mixed, two, (size_t)(strrchr(two, '.') - two));
	strbuf_add_cstr(&mixed, strrchr(one, '.'));
	int_is(judge(strbuf_detach(&mixed), &k), ERR_REFUSED);
	int_is(judge(one, &k), 0);
	int_is(judge(two, &k), 0);
	jwt_keys_fini(&k);
}

/* r and s of zero, and signatures of another length. */
static void test_odd_ecdsa_signatures(void)
{
	static const size_t sizes[] = { 1, 63, 64, 65, 70, 128 };
	struct jwt_keys k = keys_of(keys[KEY_P256]);
	unsigned char zero[128] = { 0 };

	for (size_t i = 0; i < array_size(sizes); i++) {
		char *signature = token_encode(zero, sizes[i]);
		struct strbuf token = STRBUF_INIT;

		/* {"alg":"ES256"} */
		strbuf_addf(&token, "eyJhbGciOiJFUzI1NiJ9.e30.%s", signature);
		int_is(judge(strbuf_detach(&token), &k), ERR_REFUSED);
		free(signature);
	}
	jwt_keys_fini(&k);
}

/* --- Keys --- */

static void test_several_keys_and_key_ids(void)
{
	struct jwt_keys k = { 0 };
	char header[128];

	int_is(judge(token_make(keys[KEY_RSA], "RS256", CLAIMS), &k), ERR_NOT_FOUND);
	for (int i = 0; i < KEYS; i++)
		int_is(add_public(&k, keys[i]), 1);
	int_is(k.n, KEYS);
	for (int i = 0; i < KEYS; i++)
		int_is(strlen(k.v[i].id), JWT_KEY_ID_LEN);
	int_is(judge(token_make(keys[KEY_OTHER], "RS256", CLAIMS), &k), 0);
	snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"%s\"}", k.v[KEY_OTHER].id);
	int_is(judge(token_sign(keys[KEY_OTHER], "RS256", header, CLAIMS), &k), 0);
	/* The id of another key that is there does not help. */
	int_is(judge(token_sign(keys[KEY_RSA], "RS256", header, CLAIMS), &k), ERR_REFUSED);
	snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"%s\"}", k.v[KEY_P256].id);
	int_is(judge(token_sign(keys[KEY_RSA], "RS256", header, CLAIMS), &k), ERR_REFUSED);
	jwt_keys_fini(&k);
}

/* openssl pkey -pubin -outform DER | openssl sha256 -binary | basenc --base64url */
static void test_key_id(void)
{
	static const char pem[] =
		"-----BEGIN PUBLIC KEY-----\n"
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7pDFxQgOpFEh2FASfEHFIQaw3cgR\n"
		"LSqF6lT5MS2GTJtZwwjuZvOL5a9kJq+CU4oUlt0Hgm8z0R9gQscW/pLdUw==\n"
		"-----END PUBLIC KEY-----\n";
	struct jwt_keys k = { 0 };

	int_is(jwt_keys_add_pem(&k, str_from(pem)), 1);
	cstr_is(k.v[0].id, "H4gXFu1uMNvCFvfwJsBteEpAe72eQjXJcVtxLUJPBxw");
	jwt_keys_fini(&k);
}

static void test_pem_files(void)
{
	char *private = token_private_pem(keys[KEY_P384]);
	char *public = token_public_pem(keys[KEY_RSA]);
	EVP_PKEY *weak = token_key("RSA512"), *curve = token_key("secp256k1");
	char *weak_pem = token_public_pem(weak), *curve_pem = token_public_pem(curve);
	struct maker_spec spec = { .cn = "k", .key = keys[KEY_P256] };
	X509 *cert = maker_cert(&spec, NULL, NULL);
	char *cert_pem = maker_pem(cert, NULL);
	struct strbuf text = STRBUF_INIT;
	struct jwt_keys k = { 0 };

	strbuf_addf(&text, "words\n%s%s-----BEGIN PUBLIC KEY-----\n!!!\n-----END PUBLIC KEY-----\n"
		    "%s-----BEGIN THING-----\nYWJj\n-----END THING-----\n%s%s", private, weak_pem,
		    cert_pem, curve_pem, public);
	int_is(jwt_keys_add_pem(&k, strbuf_str(&text)), 3);
	int_is(judge(token_make(keys[KEY_P384], "ES384", CLAIMS), &k), 0);
	int_is(judge(token_make(keys[KEY_P256], "ES256", CLAIMS), &k), 0);
	int_is(judge(token_make(keys[KEY_RSA], "PS512", CLAIMS), &k), 0);
	int_is(judge(token_make(keys[KEY_OTHER], "RS256", CLAIMS), &k), ERR_REFUSED);
	/* Of a private key the public half is kept alone. */
	ok(!i2d_PrivateKey(k.v[0].key, NULL) || i2d_PrivateKey(k.v[0].key, NULL) < 0);
	ERR_clear_error();
	int_is(jwt_keys_add_pem(&k, STR("")), 0);
	int_is(jwt_keys_add_pem(&k, STR("no key")), 0);
	int_is(jwt_keys_add_pem(&k, STR_NULL), 0);
	jwt_keys_fini(&k);
	strbuf_fini(&text);
	free(private);
	free(public);
	free(weak_pem);
	free(curve_pem);
	free(cert_pem);
	X509_free(cert);
	EVP_PKEY_free(weak);
	EVP_PKEY_free(curve);
}

/* --- Claims --- */

static void test_claim_values(void)
{
	json_t *o = json_loads("{\"t\":\"x\",\"n\":null,\"i\":7,\"f\":7.9,\"m\":-7.9,\"big\":1e300,"
			       "\"low\":-1e300,\"l\":[1]}", 0, NULL);
	struct str text;
	int64_t time;
	bool there;

	ok(jwt_claim_text(o, "t", &text));
	str_is(text, STR("x"));
	ok(jwt_claim_text(o, "n", &text) && !text.n);
	ok(jwt_claim_text(o, "missing", &text) && !text.n);
	ok(!jwt_claim_text(o, "i", &text));
	ok(!jwt_claim_text(o, "l", &text));
	ok(jwt_claim_time(o, "i", &time, &there) && there && time == 7);
	ok(jwt_claim_time(o, "f", &time, &there) && there && time == 7);
	ok(jwt_claim_time(o, "m", &time, &there) && there && time == -7);
	ok(jwt_claim_time(o, "big", &time, &there) && there && time == INT64_C(1) << 42);
	ok(jwt_claim_time(o, "low", &time, &there) && there && time == -(INT64_C(1) << 42));
	ok(jwt_claim_time(o, "n", &time, &there) && !there);
	ok(jwt_claim_time(o, "missing", &time, &there) && !there);
	ok(!jwt_claim_time(o, "t", &time, &there));
	json_decref(o);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_each_algorithm_with_each_key),
		TAP(test_confused_algorithms),
		TAP(test_headers),
		TAP(test_claims_must_be_an_object),
		TAP(test_shapes),
		TAP(test_size_is_bounded),
		TAP(test_tampering),
		TAP(test_signature_of_another_token),
		TAP(test_odd_ecdsa_signatures),
		TAP(test_several_keys_and_key_ids),
		TAP(test_key_id),
		TAP(test_pem_files),
		TAP(test_claim_values),
		TAP_END
	};
	int rc = tap_main(tests);

	free_keys();
	return rc;
}
