/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "authn/x509.h"
#include "base/mem.h"
#include "tests/tap.h"
#include "tests/x509_maker.h"

#define UTF8 V_ASN1_UTF8STRING
#define UID "1.3.6.1.4.1.57683.2"
#define ATTRIBUTES_MAX 6
#define BAD "error: x509: invalid RDNSequence: invalid attribute value: "

/* want: name;uid;group|group|  or none, or error: and the reason. */
struct subject_case {
	const char *label;
	struct maker_attribute subject[ATTRIBUTES_MAX];
	struct str want;
};

#define END { NULL, 0, NULL, 0, false }
#define CN(text) { "CN", UTF8, text, -1, false }
#define O(text) { "O", UTF8, text, -1, false }
#define TYPED(name, type, literal) { name, type, literal, sizeof(literal) - 1, false }
#define WANT(literal) { literal, sizeof(literal) - 1 }

/* A BMPString of odd length and an INTEGER are not among them: OpenSSL does not parse these. */
static const struct subject_case cases[] = {
	{ "name alone", { CN("jane"), END }, WANT("jane;;") },
	{ "name and groups in order", { O("b"), CN("jane"), O("a"), END }, WANT("jane;;b|a|") },
	{ "duplicate groups stay", { CN("jane"), O("a"), O("a"), END }, WANT("jane;;a|a|") },
	{ "empty groups stay", { CN("jane"), O(""), O("a"), END }, WANT("jane;;|a|") },
	{ "the last common name counts", { CN("a"), CN("b"), END }, WANT("b;;") },
	{ "an empty last common name", { CN("a"), CN(""), O("g"), END }, WANT("none") },
	{ "no common name", { O("g"), END }, WANT("none") },
	{ "empty subject", { END }, WANT("none") },
	{ "other attributes are nothing", { CN("a"), TYPED("OU", UTF8, "x"),
	  TYPED("emailAddress", V_ASN1_IA5STRING, "a@b"), TYPED("UID", UTF8, "y"), END },
	  WANT("a;;") },
	{ "joined RDNs count like separate ones", { CN("a"), { "O", UTF8, "g", -1, true },
	  { "CN", UTF8, "b", -1, true }, END }, WANT("b;;g|") },
	{ "uid", { CN("a"), TYPED(UID, UTF8, "u-1"), END }, WANT("a;u-1;") },
	{ "two uids", { CN("a"), TYPED(UID, UTF8, "x"), TYPED(UID, UTF8, "y"), END },
	  WANT("error: expected 1 UID, but found multiple: [x y]") },
	{ "empty uid", { CN("a"), TYPED(UID, UTF8, ""), END },
	  WANT("error: UID cannot be an empty string") },
	{ "two uids without a name", { TYPED(UID, UTF8, "x"), TYPED(UID, UTF8, "y"), END },
	  WANT("none") },

	{ "PrintableString", { TYPED("CN", V_ASN1_PRINTABLESTRING, "a'()+,-./:=? *&9"), END },
	  WANT("a'()+,-./:=? *&9;;") },
	{ "PrintableString with @", { TYPED("CN", V_ASN1_PRINTABLESTRING, "a@b"), END },
	  WANT(BAD "invalid PrintableString") },
	{ "PrintableString with NUL", { TYPED("CN", V_ASN1_PRINTABLESTRING, "a\0b"), END },
	  WANT(BAD "invalid PrintableString") },
	{ "IA5String", { TYPED("CN", V_ASN1_IA5STRING, "a@b"), END }, WANT("a@b;;") },
	{ "IA5String above 0x7f", { TYPED("CN", V_ASN1_IA5STRING, "a\x80"), END },
	  WANT(BAD "invalid IA5String") },
	{ "NumericString", { TYPED("CN", V_ASN1_NUMERICSTRING, "1 2"), END }, WANT("1 2;;") },
	{ "NumericString with a letter", { TYPED("CN", V_ASN1_NUMERICSTRING, "1a"), END },
	  WANT(BAD "invalid NumericString") },
	{ "UTF8String", { CN("j\xc3\xb6rg"), END }, WANT("j\xc3\xb6rg;;") },
	{ "UTF8String that is none", { CN("j\xf6rg"), END }, WANT(BAD "invalid UTF-8 string") },
	{ "UTF8String with a surrogate", { CN("\xed\xa0\x80"), END },
	  WANT(BAD "invalid UTF-8 string") },
	{ "T61String is Latin-1", { TYPED("CN", V_ASN1_T61STRING, "j\xf6rg"), END },
	  WANT("j\xc3\xb6rg;;") },
	{ "BMPString", { TYPED("CN", V_ASN1_BMPSTRING, "\0j\0\xf6\x20\xac"), END },
	  WANT("j\xc3\xb6\xe2\x82\xac;;") },
	{ "BMPString, terminated", { TYPED("CN", V_ASN1_BMPSTRING, "\0j\0\0"), END },
	  WANT("j;;") },
	{ "BMPString, terminated twice", { TYPED("CN", V_ASN1_BMPSTRING, "\0j\0\0\0\0"), END },
	  WANT("j\0;;") },
	{ "BMPString with a surrogate", { TYPED("CN", V_ASN1_BMPSTRING, "\xd8\x00"), END },
	  WANT(BAD "invalid BMPString") },
	{ "BMPString with U+FFFF", { TYPED("CN", V_ASN1_BMPSTRING, "\xff\xff"), END },
	  WANT(BAD "invalid BMPString") },
	{ "BMPString with U+FDD0", { TYPED("CN", V_ASN1_BMPSTRING, "\xfd\xd0"), END },
	  WANT(BAD "invalid BMPString") },
	{ "UniversalString", { TYPED("CN", V_ASN1_UNIVERSALSTRING, "\0\0\0a"), END },
	  WANT(BAD "unsupported string type") },
	{ "a bad string anywhere", { CN("a"), TYPED("OU", V_ASN1_NUMERICSTRING, "x"), END },
	  WANT(BAD "invalid NumericString") },
	{ "uid that is no string", { CN("a"), TYPED(UID, V_ASN1_BIT_STRING, "\x05"), END },
	  WANT(BAD "unsupported string type") },

	{ "NUL inside stays", { TYPED("CN", UTF8, "system:admin\0.evil"), END },
	  WANT("system:admin\0.evil;;") },
	{ "blanks stay", { CN(" a "), O(" system:masters"), END },
	  WANT(" a ;; system:masters|") },
};

static void describe(enum authn_result result, const struct user *u, struct strbuf *reason,
		     struct strbuf *out)
{
	if (result == AUTHN_NONE)
		strbuf_add_cstr(out, "none");
	if (result == AUTHN_ERROR)
		strbuf_addf(out, "error: %s", reason->p);
	if (result != AUTHN_ACCEPT)
		return;
	strbuf_add_str(out, u->name);
	strbuf_add_char(out, ';');
	strbuf_add_str(out, u->uid);
	strbuf_add_char(out, ';');
	for (size_t i = 0; i < u->group_count; i++) {
		strbuf_add_str(out, u->groups[i]);
		strbuf_add_char(out, '|');
	}
}

static void test_subjects(void)
{
	for (size_t i = 0; i < array_size(cases); i++) {
		struct maker_spec spec = { .attributes = cases[i].subject, .unsigned_ = true };
		struct strbuf reason = STRBUF_INIT, got = STRBUF_INIT;
		X509 *x = maker_cert(&spec, NULL, NULL);
		struct arena a;
		struct user u;

		tap_row(cases[i].label);
		arena_init(&a);
		describe(x509_user_from_subject(x, &a, &u, &reason), &u, &reason, &got);
		str_is(strbuf_str(&got), cases[i].want);
		arena_fini(&a);
		strbuf_fini(&reason);
		strbuf_fini(&got);
		X509_free(x);
	}
}

static void test_credential_id(void)
{
	EVP_PKEY *key = maker_key();
	struct maker_spec spec = { .cn = "jane", .key = key };
	X509 *x = maker_cert(&spec, NULL, NULL);
	unsigned char digest[32], *der = NULL;
	struct strbuf reason = STRBUF_INIT, want = STRBUF_INIT;
	struct arena a;
	struct user u;
	int n = i2d_X509(x, &der);

	arena_init(&a);
	EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL);
	strbuf_add_cstr(&want, "X509SHA256=");
	for (size_t i = 0; i < sizeof(digest); i++)
		strbuf_addf(&want, "%02x", digest[i]);
	int_is(x509_user_from_subject(x, &a, &u, &reason), AUTHN_ACCEPT);
	int_is(u.extra_count, 1);
	str_is(u.extra[0].key, STR("authentication.kubernetes.io/credential-id"));
	int_is(u.extra[0].value_count, 1);
	str_is(u.extra[0].values[0], strbuf_str(&want));
	arena_fini(&a);
	strbuf_fini(&want);
	OPENSSL_free(der);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* Go reads the issuer's name with the same rules, and does not parse the certificate otherwise. */
static void test_issuer_is_read_too(void)
{
	static const struct maker_attribute bad[] = {
		{ "CN", V_ASN1_PRINTABLESTRING, "a@b", -1, false }, END,
	};
	EVP_PKEY *key = maker_key();
	struct maker_spec ca = { .attributes = bad, .key = key };
	struct maker_spec leaf = { .cn = "jane", .key = key };
	X509 *issuer = maker_cert(&ca, NULL, NULL), *x = maker_cert(&leaf, issuer, key);
	struct strbuf reason = STRBUF_INIT;
	struct arena a;
	struct user u;

	arena_init(&a);
	int_is(x509_user_from_subject(x, &a, &u, &reason), AUTHN_ERROR);
	strbuf_fini(&reason);
	arena_fini(&a);
	X509_free(issuer);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void test_identifier(void)
{
	EVP_PKEY *key = maker_key();
	struct maker_spec ca = { .cn = "ca", .key = key,
		.extensions = "subjectKeyIdentifier=0A0BFF" };
	struct maker_spec leaf = { .cn = "jane", .key = key, .serial = 123456789,
		.extensions = "subjectKeyIdentifier=01AB\nauthorityKeyIdentifier=keyid" };
	struct maker_spec plain = { .cn = "jane", .key = key };
	X509 *issuer = maker_cert(&ca, NULL, NULL), *x = maker_cert(&leaf, issuer, key);
	X509 *bare = maker_cert(&plain, issuer, key);
	struct strbuf b = STRBUF_INIT;

	x509_add_identifier(&b, x);
	cstr_is(b.p, "SN=123456789, SKID=01:AB, AKID=0A:0B:FF");
	strbuf_clear(&b);
	x509_add_identifier(&b, bare);
	cstr_is(b.p, "SN=1, SKID=, AKID=");
	strbuf_fini(&b);
	X509_free(issuer);
	X509_free(x);
	X509_free(bare);
	EVP_PKEY_free(key);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_subjects),
		TAP(test_credential_id),
		TAP(test_issuer_is_read_too),
		TAP(test_identifier),
		TAP_END,
	};

	return tap_main(tests);
}
