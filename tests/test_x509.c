/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ec.h>
#include <stdlib.h>

#include "authn/x509.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/tap.h"
#include "tests/x509_maker.h"

#define US 1000000
#define NOW_US ((int64_t)MAKER_NOW * US)
#define HOUR 3600
#define DAY (24 * HOUR)

#define CA "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign"
#define CLIENT "extendedKeyUsage=clientAuth"

enum { ROOT = 1, MIDDLE = 2, LEAF = 4, OTHER = 8 };

/* leaf, signed by middle (if that has extensions) or by root. */
struct path_case {
	const char *label;
	const char *root, *middle, *leaf;	/* extensions; middle NULL: there is none */
	unsigned trusted;			/* what stands in the CA file */
	bool not_sent;				/* the intermediate is not sent */
	const char *root_digest, *middle_digest, *leaf_digest;
	int64_t at;				/* seconds from MAKER_NOW */
	int64_t root_until, middle_until, leaf_from;	/* likewise; 0: the default */
	bool root_v1, middle_v1;
	const char *leaf_cn;			/* NULL: jane */
	const char *want;			/* NULL: accepted; else a part of the reason */
};

#define UNKNOWN "x509: certificate signed by unknown authority"
#define USAGE "x509: certificate specifies an incompatible key usage"
#define EXPIRED "x509: certificate has expired or is not yet valid"
#define CRITICAL "x509: unhandled critical extension"
#define NC(constraint) CA "\nnameConstraints=critical," constraint

static const struct path_case cases[] = {
	{ "leaf and root", CA, NULL, CLIENT, ROOT, .want = NULL },
	{ "leaf, intermediate sent, root", CA, CA, CLIENT, ROOT, .want = NULL },
	{ "intermediate not sent", CA, CA, CLIENT, ROOT, .not_sent = true, .want = UNKNOWN },
	{ "the intermediate is in the file, nothing else", CA, CA, CLIENT, MIDDLE,
	  .not_sent = true },
	{ "unknown CA", CA, NULL, CLIENT, OTHER, .want = UNKNOWN },
	{ "a rotated CA of the same name beside it", CA, NULL, CLIENT, OTHER | ROOT, .want = NULL },
	{ "the same with an intermediate", CA, CA, CLIENT, OTHER | ROOT, .want = NULL },
	{ "the leaf itself is in the file", CA, NULL, CLIENT, LEAF, .want = NULL },
	{ "the leaf itself, without usages", CA, NULL, NULL, LEAF, .want = NULL },
	{ "the leaf itself, wrong usage", CA, NULL, "extendedKeyUsage=serverAuth", LEAF,
	  .want = USAGE },
	{ "the leaf itself, expired", CA, NULL, CLIENT, LEAF, .at = 2 * DAY, .want = EXPIRED },
	{ "the leaf itself, signed with SHA-1", CA, NULL, CLIENT, LEAF, .leaf_digest = "SHA1" },

	{ "no usages", CA, NULL, NULL, ROOT, .want = NULL },
	{ "any usage", CA, NULL, "extendedKeyUsage=anyExtendedKeyUsage", ROOT, .want = NULL },
	{ "client among others", CA, NULL, "extendedKeyUsage=serverAuth,clientAuth", ROOT,
	  .want = NULL },
	{ "server only", CA, NULL, "extendedKeyUsage=serverAuth", ROOT, .want = USAGE },
	{ "unknown usage only", CA, NULL, "extendedKeyUsage=1.2.3.4", ROOT, .want = USAGE },
	{ "critical usage", CA, NULL, "extendedKeyUsage=critical,clientAuth", ROOT, .want = NULL },
	{ "intermediate for servers only", CA, CA "\nextendedKeyUsage=serverAuth", CLIENT, ROOT,
	  .want = USAGE },
	{ "intermediate for anything", CA, CA "\nextendedKeyUsage=anyExtendedKeyUsage", CLIENT,
	  ROOT, .want = NULL },
	{ "root for servers only", CA "\nextendedKeyUsage=serverAuth", NULL, CLIENT, ROOT,
	  .want = USAGE },
	{ "root for servers only, leaf without usages", CA "\nextendedKeyUsage=serverAuth", NULL,
	  NULL, ROOT, .want = USAGE },
	{ "what OpenSSL's sslclient refuses: key encipherment alone", CA, NULL,
	  CLIENT "\nkeyUsage=critical,keyEncipherment", ROOT, .want = NULL },
	{ "what OpenSSL's sslclient refuses: nsCertType", CA, NULL, CLIENT "\nnsCertType=server",
	  ROOT, .want = NULL },
	{ "the leaf is a CA", CA, NULL, CA "\nextendedKeyUsage=clientAuth", ROOT, .want = NULL },

	{ "not yet valid", CA, NULL, CLIENT, ROOT, .at = -2 * HOUR,
	  .want = EXPIRED ": current time 2023-11-14T20:13:20Z is before 2023-11-14T21:13:20Z" },
	{ "first second", CA, NULL, CLIENT, ROOT, .at = -HOUR },
	{ "last second", CA, NULL, CLIENT, ROOT, .at = DAY - 1 },
	{ "expired", CA, NULL, CLIENT, ROOT, .at = DAY + 1,
	  .want = EXPIRED ": current time 2023-11-15T22:13:21Z is after 2023-11-15T22:13:20Z" },
	{ "root expired", CA, NULL, CLIENT, ROOT, .root_until = -1, .want = UNKNOWN
	  " (possibly because of \"" EXPIRED "\")" },
	{ "intermediate expired", CA, CA, CLIENT, ROOT, .middle_until = -1, .want = UNKNOWN
	  " (possibly because of \"" EXPIRED "\")" },

	{ "SHA-1 leaf", CA, NULL, CLIENT, ROOT, .leaf_digest = "SHA1", .want = UNKNOWN
	  " (possibly because of \"x509: cannot verify signature: insecure" },
	{ "SHA-224 leaf", CA, NULL, CLIENT, ROOT, .leaf_digest = "SHA224", .want = UNKNOWN },
	{ "SHA-384 leaf", CA, NULL, CLIENT, ROOT, .leaf_digest = "SHA384" },
	{ "SHA-512 leaf", CA, NULL, CLIENT, ROOT, .leaf_digest = "SHA512" },
	{ "SHA-1 intermediate", CA, CA, CLIENT, ROOT, .middle_digest = "SHA1", .want = UNKNOWN },
	{ "SHA-1 root: its own signature does not matter", CA, NULL, CLIENT, ROOT,
	  .root_digest = "SHA1" },

	{ "issuer is no CA", "basicConstraints=critical,CA:FALSE", NULL, CLIENT, ROOT,
	  .want = UNKNOWN },
	{ "issuer without basic constraints", "keyUsage=keyCertSign", NULL, CLIENT, ROOT,
	  .want = UNKNOWN },
	{ "issuer without any extension", NULL, NULL, CLIENT, ROOT, .want = UNKNOWN },
	{ "issuer without key usage", "basicConstraints=critical,CA:TRUE", NULL, CLIENT,
	  ROOT, .want = NULL },
	{ "issuer may not sign certificates",
	  "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature", NULL, CLIENT,
	  ROOT, .want = UNKNOWN },
	{ "version 1 root", NULL, NULL, CLIENT, ROOT, .root_v1 = true },
	{ "version 1 intermediate", CA, "", CLIENT, ROOT, .middle_v1 = true, .want = UNKNOWN },
	{ "intermediate is no CA", CA, "basicConstraints=critical,CA:FALSE", CLIENT, ROOT,
	  .want = UNKNOWN },
	{ "path length 0, none between",
	  "basicConstraints=critical,CA:TRUE,pathlen:0", NULL, CLIENT, ROOT, .want = NULL },
	{ "path length 0, one between",
	  "basicConstraints=critical,CA:TRUE,pathlen:0", CA, CLIENT, ROOT, .want = UNKNOWN
	  " (possibly because of \"x509: too many intermediates" },
	{ "path length 1, one between",
	  "basicConstraints=critical,CA:TRUE,pathlen:1", CA, CLIENT, ROOT, .want = NULL },

	{ "unknown critical extension", CA, NULL, CLIENT "\n1.2.3.4=critical,ASN1:UTF8String:x",
	  ROOT, .want = CRITICAL },
	{ "unknown extension", CA, NULL, CLIENT "\n1.2.3.4=ASN1:UTF8String:x", ROOT, .want = NULL },
	{ "unknown critical extension in the root", CA "\n1.2.3.4=critical,ASN1:UTF8String:x",
	  NULL, CLIENT, ROOT, .want = UNKNOWN },
	{ "critical nsCertType: OpenSSL knows it, Go does not", CA, NULL,
	  CLIENT "\nnsCertType=critical,client", ROOT, .want = CRITICAL },
	{ "critical alternative names", CA, NULL, CLIENT "\nsubjectAltName=critical,DNS:a.example",
	  ROOT, .want = NULL },
	{ "critical alternative names of no common type", CA, NULL,
	  CLIENT "\nsubjectAltName=critical,RID:1.2.3.4", ROOT, .want = CRITICAL },

	{ "name permitted", NC("permitted;DNS:example.com"), NULL,
	  CLIENT "\nsubjectAltName=DNS:a.example.com", ROOT, .want = NULL },
	{ "name not permitted", NC("permitted;DNS:example.com"), NULL,
	  CLIENT "\nsubjectAltName=DNS:a.example.org", ROOT, .want = "subtree violation" },
	{ "name excluded", NC("excluded;DNS:example.org"), NULL,
	  CLIENT "\nsubjectAltName=DNS:a.example.org", ROOT, .want = "subtree violation" },
	{ "constraints of an intermediate", CA, NC("permitted;DNS:example.com"),
	  CLIENT "\nsubjectAltName=DNS:a.example.org", ROOT, .want = "subtree violation" },
	{ "the common name is no host name", NC("permitted;DNS:example.com"), NULL, CLIENT,
	  ROOT, .leaf_cn = "a.example.org" },
	{ "critical constraints of another type", NC("permitted;RID:1.2.3.4"), NULL, CLIENT, ROOT,
	  .want = UNKNOWN },

	{ "explicit policy required, none there",
	  CA "\npolicyConstraints=requireExplicitPolicy:0\ncertificatePolicies=2.5.29.32.0", CA,
	  CLIENT, ROOT, .want = NULL },
	{ "explicit policy required by an intermediate, none there",
	  CA, CA "\npolicyConstraints=critical,requireExplicitPolicy:0", CLIENT, ROOT,
	  .want = "policy" },
	{ "explicit policy required and there", CA,
	  CA "\npolicyConstraints=critical,requireExplicitPolicy:0\ncertificatePolicies=1.2.3.4",
	  CLIENT "\ncertificatePolicies=1.2.3.4", ROOT, .want = NULL },
};

static EVP_PKEY *root_key, *other_key, *middle_key, *leaf_key;

struct path {
	X509 *root, *middle, *leaf, *other;
	STACK_OF(X509) *sent;
	struct x509_trust *trust;
};

static int64_t from_now(int64_t seconds)
{
	return seconds ? MAKER_NOW + seconds : 0;
}

static void trust(struct path *p, unsigned trusted)
{
	X509 *all[] = { p->other, p->root, p->middle, p->leaf };
	static const unsigned bits[] = { OTHER, ROOT, MIDDLE, LEAF };
	struct problems problems = PROBLEMS_INIT;
	struct strbuf pem = STRBUF_INIT;

	for (size_t i = 0; i < array_size(all); i++) {
		char *one = trusted & bits[i] ? maker_pem(all[i], NULL) : NULL;

		if (one)
			strbuf_add_cstr(&pem, one);
		free(one);
	}
	p->trust = x509_trust_parse("client-ca-file", "ca.crt", strbuf_str(&pem), &problems);
	int_is(problems.count, 0);
	strbuf_fini(&pem);
	problems_fini(&problems);
}

static void path_make(struct path *p, const struct path_case *c)
{
	struct maker_spec root = { .cn = "ca", .extensions = c->root, .key = root_key,
		.digest = c->root_digest, .not_after = from_now(c->root_until),
		.not_before = MAKER_NOW - DAY, .is_v1 = c->root_v1 };
	struct maker_spec other = { .cn = "ca", .extensions = CA, .key = other_key };
	struct maker_spec middle = { .cn = "sub", .key = middle_key, .digest = c->middle_digest,
		.extensions = c->middle && *c->middle ? c->middle : NULL,
		.not_after = from_now(c->middle_until), .not_before = MAKER_NOW - DAY,
		.is_v1 = c->middle_v1 };
	struct maker_spec leaf = { .cn = c->leaf_cn ? c->leaf_cn : "jane",
		.extensions = c->leaf, .key = leaf_key,
		.digest = c->leaf_digest, .not_before = from_now(c->leaf_from) };

	p->root = maker_cert(&root, NULL, NULL);
	p->other = maker_cert(&other, NULL, NULL);
	p->middle = c->middle ? maker_cert(&middle, p->root, root_key) : NULL;
	p->leaf = maker_cert(&leaf, p->middle ? p->middle : p->root,
			     p->middle ? middle_key : root_key);
	p->sent = sk_X509_new_null();
	sk_X509_push(p->sent, p->leaf);
	if (p->middle && !c->not_sent)
		sk_X509_push(p->sent, p->middle);
	trust(p, c->trusted);
}

static void path_free(struct path *p)
{
	X509_free(p->root);
	X509_free(p->other);
	X509_free(p->middle);
	X509_free(p->leaf);
	sk_X509_free(p->sent);
	x509_trust_free(p->trust);
}

static void test_paths(void)
{
	for (size_t i = 0; i < array_size(cases); i++) {
		const struct path_case *c = &cases[i];
		struct strbuf reason = STRBUF_INIT;
		struct x509_validity v;
		struct path p;
		int err;

		tap_row(c->label);
		path_make(&p, c);
		err = x509_verify_client(p.trust, p.leaf, p.sent, (MAKER_NOW + c->at) * US, &v,
					 &reason);
		if (!int_is(err, c->want ? ERR_REFUSED : 0) ||
		    (c->want && !ok(strstr(reason.p, c->want))))
			tap_note("reason: %s", reason.p ? reason.p : "");
		strbuf_fini(&reason);
		path_free(&p);
	}
}

/* A verdict may be kept while the path that was found holds: the narrowest of all certificates. */
static void test_validity_is_of_the_whole_path(void)
{
	static const struct path_case c = { "", CA, CA, CLIENT, ROOT, .root_until = 7 * HOUR,
		.middle_until = 5 * HOUR, .leaf_from = -60 };
	struct strbuf reason = STRBUF_INIT;
	struct x509_validity v;
	struct path p;

	path_make(&p, &c);
	int_is(x509_verify_client(p.trust, p.leaf, p.sent, NOW_US, &v, &reason), 0);
	int_is(v.from_us, (int64_t)(MAKER_NOW - 60) * US);
	int_is(v.until_us, (int64_t)(MAKER_NOW + 5 * HOUR) * US);
	strbuf_fini(&reason);
	path_free(&p);
}

/* A renewed CA: same name and key, another key identifier than the leaf's. */
static void test_other_key_identifier(void)
{
	struct maker_spec old = { .cn = "ca", .key = root_key, .extensions =
		CA "\nsubjectKeyIdentifier=01020304" };
	struct maker_spec renewed = { .cn = "ca", .key = root_key, .serial = 2, .extensions =
		CA "\nsubjectKeyIdentifier=05060708" };
	struct maker_spec leaf = { .cn = "jane", .key = leaf_key, .extensions =
		CLIENT "\nauthorityKeyIdentifier=keyid:always,issuer:always" };
	struct problems problems = PROBLEMS_INIT;
	struct strbuf reason = STRBUF_INIT;
	struct x509_validity v;
	X509 *was = maker_cert(&old, NULL, NULL), *is = maker_cert(&renewed, NULL, NULL);
	X509 *jane = maker_cert(&leaf, was, root_key);
	char *pem = maker_pem(is, NULL);
	struct x509_trust *t = x509_trust_parse("f", "p", str_from(pem), &problems);

	int_is(x509_verify_client(t, jane, NULL, NOW_US, &v, &reason), 0);
	strbuf_fini(&reason);
	x509_trust_free(t);
	free(pem);
	X509_free(was);
	X509_free(is);
	X509_free(jane);
}

static int verify_with_key(EVP_PKEY *ca_key, EVP_PKEY *key, const char *digest)
{
	struct maker_spec ca = { .cn = "ca", .key = ca_key, .extensions = CA };
	struct maker_spec leaf = { .cn = "jane", .key = key, .extensions = CLIENT,
		.digest = digest };
	struct problems problems = PROBLEMS_INIT;
	struct strbuf reason = STRBUF_INIT;
	struct x509_validity v;
	X509 *issuer = maker_cert(&ca, NULL, NULL), *jane = maker_cert(&leaf, issuer, ca_key);
	char *pem = maker_pem(issuer, NULL);
	struct x509_trust *t = x509_trust_parse("f", "p", str_from(pem), &problems);
	int err = x509_verify_client(t, jane, NULL, NOW_US, &v, &reason);

	strbuf_fini(&reason);
	x509_trust_free(t);
	free(pem);
	X509_free(issuer);
	X509_free(jane);
	return err;
}

static void test_keys(void)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *small = EVP_RSA_gen(768), *strange;
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *p384 = EVP_EC_gen("P-384");

	strange = EVP_EC_gen("secp256k1");
	int_is(verify_with_key(rsa, leaf_key, NULL), 0);
	int_is(verify_with_key(root_key, rsa, NULL), 0);
	int_is(verify_with_key(ed, ed, NULL), 0);
	int_is(verify_with_key(p384, p384, "SHA384"), 0);
	int_is(verify_with_key(rsa, leaf_key, "SHA1"), ERR_REFUSED);
	int_is(verify_with_key(rsa, leaf_key, "MD5"), ERR_REFUSED);
	int_is(verify_with_key(small, leaf_key, NULL), ERR_REFUSED);
	int_is(verify_with_key(strange, leaf_key, NULL), ERR_REFUSED);
	int_is(verify_with_key(root_key, strange, NULL), ERR_REFUSED);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(small);
	EVP_PKEY_free(strange);
	EVP_PKEY_free(ed);
	EVP_PKEY_free(p384);
}

static void test_negative_serial(void)
{
	struct maker_spec spec = { .cn = "jane", .key = leaf_key, .serial = -5,
		.extensions = CLIENT };
	struct problems problems = PROBLEMS_INIT;
	struct strbuf reason = STRBUF_INIT;
	struct x509_validity v;
	X509 *x = maker_cert(&spec, NULL, NULL);
	char *pem = maker_pem(x, NULL);
	struct x509_trust *t = x509_trust_parse("f", "p", str_from(pem), &problems);

	int_is(x509_verify_client(t, x, NULL, NOW_US, &v, &reason), ERR_REFUSED);
	cstr_is(reason.p, "x509: negative serial number");
	strbuf_fini(&reason);
	x509_trust_free(t);
	free(pem);
	X509_free(x);
}

/* A signature of another key over the right names. */
static void test_forged_signature(void)
{
	struct maker_spec ca = { .cn = "ca", .key = root_key, .extensions = CA };
	struct maker_spec leaf = { .cn = "jane", .key = leaf_key, .extensions = CLIENT };
	struct problems problems = PROBLEMS_INIT;
	struct strbuf reason = STRBUF_INIT;
	struct x509_validity v;
	X509 *issuer = maker_cert(&ca, NULL, NULL), *jane = maker_cert(&leaf, issuer, other_key);
	char *pem = maker_pem(issuer, NULL);
	struct x509_trust *t = x509_trust_parse("f", "p", str_from(pem), &problems);

	int_is(x509_verify_client(t, jane, NULL, NOW_US, &v, &reason), ERR_REFUSED);
	cstr_is(reason.p, UNKNOWN " (possibly because of \"x509: signature does not verify\")");
	strbuf_fini(&reason);
	x509_trust_free(t);
	free(pem);
	X509_free(issuer);
	X509_free(jane);
}

/*
 * Many intermediates of one name that all fit by name: the search ends at its limit, in time.
 * The true one would come after them.
 */
static void test_search_is_bounded(void)
{
	struct maker_spec ca = { .cn = "ca", .key = root_key, .extensions = CA };
	struct maker_spec leaf = { .cn = "jane", .key = leaf_key, .extensions = CLIENT };
	struct problems problems = PROBLEMS_INIT;
	struct strbuf reason = STRBUF_INIT;
	STACK_OF(X509) *sent = sk_X509_new_null();
	X509 *root = maker_cert(&ca, NULL, NULL), *jane, *middle;
	struct maker_spec sub = { .cn = "sub", .key = other_key, .extensions = CA };
	struct x509_validity v;
	struct x509_trust *t;
	char *pem = maker_pem(root, NULL);

	for (int i = 0; i < X509_SIGNATURE_CHECKS_MAX; i++)
		sk_X509_push(sent, maker_cert(&sub, root, root_key));
	sub.key = middle_key;
	middle = maker_cert(&sub, root, root_key);
	jane = maker_cert(&leaf, middle, middle_key);
	t = x509_trust_parse("f", "p", str_from(pem), &problems);
	sk_X509_push(sent, middle);
	int_is(x509_verify_client(t, jane, sent, NOW_US, &v, &reason), ERR_REFUSED);
	X509_free(sk_X509_shift(sent));
	X509_free(sk_X509_shift(sent));
	int_is(x509_verify_client(t, jane, sent, NOW_US, &v, &reason), 0);
	sk_X509_pop_free(sent, X509_free);
	strbuf_fini(&reason);
	x509_trust_free(t);
	free(pem);
	X509_free(root);
	X509_free(jane);
}

struct trust_case {
	const char *label;
	const char *before, *between, *after;	/* around two certificates */
	size_t certificates;
	const char *want;			/* problems */
};

#define BLOCK(type) "-----BEGIN " type "-----\nAAAA\n-----END " type "-----\n"

static const struct trust_case trust_cases[] = {
	{ "two", "", "", "", 2, "" },
	{ "text around them", "# the CA\n", "\nand\n", "end", 2, "" },
	{ "other blocks are skipped", BLOCK("PRIVATE KEY"), BLOCK("X509 CRL"), "", 2, "" },
	{ "empty file", "", "", "", 0, "ca.crt: --client-ca-file: data does not contain any valid "
	  "RSA or ECDSA certificates\n" },
	{ "only other blocks", BLOCK("X509 CRL"), "", "", 0, "ca.crt: --client-ca-file: data does "
	  "not contain any valid RSA or ECDSA certificates\n" },
	{ "one that does not parse", "\n\n" BLOCK("CERTIFICATE"), "", "", 2,
	  "ca.crt:3: --client-ca-file: this certificate does not parse\n" },
	{ "bad base64", "\n-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "", "",
	  0, "ca.crt:2: --client-ca-file: this certificate does not parse\n" },
};

static void test_trust_file(void)
{
	struct maker_spec ca = { .cn = "ca", .key = root_key, .extensions = CA };
	X509 *x = maker_cert(&ca, NULL, NULL);
	char *pem = maker_pem(x, NULL);

	for (size_t i = 0; i < array_size(trust_cases); i++) {
		const struct trust_case *c = &trust_cases[i];
		struct problems p = PROBLEMS_INIT;
		struct strbuf text = STRBUF_INIT;
		struct x509_trust *t;

		tap_row(c->label);
		strbuf_addf(&text, "%s%s%s%s%s", c->before, c->certificates ? pem : "", c->between,
			    c->certificates ? pem : "", c->after);
		t = x509_trust_parse("client-ca-file", "ca.crt", strbuf_str(&text), &p);
		str_is(strbuf_str(&p.text), str_from(c->want));
		ok(!t == !!*c->want);
		if (t)
			int_is(t->n, c->certificates);
		x509_trust_free(t);
		strbuf_fini(&text);
		problems_fini(&p);
	}
	free(pem);
	X509_free(x);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_paths),
		TAP(test_validity_is_of_the_whole_path),
		TAP(test_other_key_identifier),
		TAP(test_keys),
		TAP(test_negative_serial),
		TAP(test_forged_signature),
		TAP(test_search_is_bounded),
		TAP(test_trust_file),
		TAP_END,
	};
	int status;

	root_key = maker_key();
	other_key = maker_key();
	middle_key = maker_key();
	leaf_key = maker_key();
	status = tap_main(tests);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(leaf_key);
	return status;
}
