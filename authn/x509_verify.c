/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding and judging certification paths.  OpenSSL's own search takes the first issuer that
 * matches by name, which fails where two CAs of one name are trusted (a rotated CA without key
 * identifiers); so paths are looked for here, by signature and with backtracking, as Go does, and
 * each complete one is judged by Go's rules and then by X509_verify_cert over exactly this path.
 */
#include "config.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "authn/x509.h"
#include "base/err.h"
#include "base/mem.h"

#define RSA_BITS_MIN 1024	/* Go's crypto/rsa uses no smaller key */
#define TIME_TEXT_MAX 32
#define SECOND_US 1000000

#define UNHANDLED_EXTENSION "x509: unhandled critical extension"
#define EXPIRED "x509: certificate has expired or is not yet valid"
#define UNKNOWN_AUTHORITY "x509: certificate signed by unknown authority"
#define INCOMPATIBLE_USAGE "x509: certificate specifies an incompatible key usage"
#define CANNOT_SIGN \
	"x509: invalid signature: parent certificate cannot sign this kind of certificate"

struct search {
	const struct x509_trust *trust;
	STACK_OF(X509) *sent;
	int64_t now_us;
	X509 *path[X509_PATH_MAX];	/* borrowed, leaf first */
	size_t n;
	unsigned checks;		/* signatures tried */
	const char *hint;		/* why the first unfit issuer was left out */
	const char *refusal;		/* why the first complete path was refused */
};

static int64_t time_us(const ASN1_TIME *t)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm))
		return INT64_MIN;
	return (int64_t)timegm(&tm) * SECOND_US;
}

static struct x509_validity validity_of(const X509 *x)
{
	return (struct x509_validity){
		time_us(X509_get0_notBefore(x)), time_us(X509_get0_notAfter(x)),
	};
}

static bool is_valid_at(const X509 *x, int64_t now_us)
{
	struct x509_validity v = validity_of(x);

	return now_us >= v.from_us && now_us <= v.until_us;
}

static bool same_name(const X509_NAME *a, const X509_NAME *b)
{
	const unsigned char *da, *db;
	size_t na, nb;

	return X509_NAME_get0_der(a, &da, &na) && X509_NAME_get0_der(b, &db, &nb) &&
	       str_eq(str_make((const char *)da, na), str_make((const char *)db, nb));
}

/* Key types and curves that Go verifies with. */
static bool key_is_supported(const X509 *x)
{
	static const char *const curves[] = {
		"secp224r1", "prime256v1", "secp384r1", "secp521r1",
	};
	EVP_PKEY *key = X509_get0_pubkey(x);
	char curve[64];

	switch (key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE) {
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	case EVP_PKEY_ED25519:
		return true;
	case EVP_PKEY_EC:
		if (!EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL))
			return false;
		for (size_t i = 0; i < array_size(curves); i++)
			if (!strcmp(curve, curves[i]))
				return true;
	}
	return false;
}

/* SHA-1, MD5 and what Go has no name for are refused. */
static bool signature_is_supported(X509 *x)
{
	int digest, key;

	if (!X509_get_signature_info(x, &digest, &key, NULL, NULL))
		return false;
	return digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512 ||
	       key == NID_ED25519;
}

static bool names_have_type(const GENERAL_NAMES *names, bool (*fits)(int type))
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		if (fits(sk_GENERAL_NAME_value(names, i)->type))
			return true;
	return false;
}

static bool is_common_type(int type)
{
	return type == GEN_EMAIL || type == GEN_DNS || type == GEN_URI || type == GEN_IPADD;
}

/* Go handles alternative names only if one of the four common types is there. */
static bool handles_alternative_names(X509 *x)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	bool handled = names && names_have_type(names, is_common_type);

	GENERAL_NAMES_free(names);
	return handled;
}

static bool subtrees_are_common(const STACK_OF(GENERAL_SUBTREE) *trees)
{
	for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++)
		if (!is_common_type(sk_GENERAL_SUBTREE_value(trees, i)->base->type))
			return false;
	return true;
}

/* Go handles name constraints only if all of them are of the four common types. */
static bool handles_name_constraints(X509 *x)
{
	NAME_CONSTRAINTS *nc = X509_get_ext_d2i(x, NID_name_constraints, NULL, NULL);
	bool handled = nc && subtrees_are_common(nc->permittedSubtrees) &&
		       subtrees_are_common(nc->excludedSubtrees);

	NAME_CONSTRAINTS_free(nc);
	return handled;
}

static bool handles_extension(X509 *x, int nid)
{
	switch (nid) {
	case NID_key_usage:
	case NID_basic_constraints:
	case NID_crl_distribution_points:
	case NID_policy_constraints:
	case NID_ext_key_usage:
	case NID_certificate_policies:
	case NID_policy_mappings:
	case NID_inhibit_any_policy:
		return true;
	case NID_subject_alt_name:
		return handles_alternative_names(x);
	case NID_name_constraints:
		return handles_name_constraints(x);
	}
	return false;
}

/* What makes a certificate unfit by itself, at any place of a path; NULL when nothing does. */
static const char *check_form(X509 *x)
{
	if (ASN1_STRING_type(X509_get0_serialNumber(x)) == V_ASN1_NEG_INTEGER)
		return "x509: negative serial number";
	if (X509_get_extension_flags(x) & EXFLAG_INVALID)
		return "x509: invalid extension";
	if (!key_is_supported(x))
		return "x509: unsupported public key";
	for (int i = 0; i < X509_get_ext_count(x); i++) {
		X509_EXTENSION *e = X509_get_ext(x, i);

		if (X509_EXTENSION_get_critical(e) &&
		    !handles_extension(x, OBJ_obj2nid(X509_EXTENSION_get_object(e))))
			return UNHANDLED_EXTENSION;
	}
	return NULL;
}

/* May issuer stand above the path so far?  `is_anchor`: version 1 anchors may sign too. */
static const char *check_issuer(const struct search *s, X509 *issuer, bool is_anchor)
{
	bool has_constraints = X509_get_extension_flags(issuer) & EXFLAG_BCONS;
	long path_length = X509_get_pathlen(issuer);
	const char *why = check_form(issuer);

	if (why)
		return why;
	if (has_constraints ? !(X509_get_extension_flags(issuer) & EXFLAG_CA) :
	    !is_anchor || X509_get_version(issuer) == X509_VERSION_3)
		return CANNOT_SIGN;
	if (!(X509_get_key_usage(issuer) & KU_KEY_CERT_SIGN))
		return CANNOT_SIGN;
	if (!is_valid_at(issuer, s->now_us))
		return EXPIRED;
	if (path_length >= 0 && s->n - 1 > (size_t)path_length)
		return "x509: too many intermediates for path length constraint";
	return NULL;
}

static const char *check_signature(X509 *x, X509 *issuer)
{
	if (!signature_is_supported(x))
		return "x509: cannot verify signature: insecure or unsupported algorithm";
	if (X509_verify(x, X509_get0_pubkey(issuer)) != 1) {
		ERR_clear_error();
		return "x509: signature does not verify";
	}
	return NULL;
}

/* A subject and key that the path already has would only make a loop. */
static bool is_in_path(const struct search *s, X509 *x)
{
	for (size_t i = 0; i < s->n; i++)
		if (same_name(X509_get_subject_name(x), X509_get_subject_name(s->path[i])) &&
		    EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(s->path[i])) == 1)
			return true;
	return false;
}

/* Extended key usages narrow down the path: every certificate that has any must allow ours. */
static bool allows_client_auth(X509 *x)
{
	EXTENDED_KEY_USAGE *usages;
	bool allowed = false;
	int critical, n;

	usages = X509_get_ext_d2i(x, NID_ext_key_usage, &critical, NULL);
	if (!usages)
		return critical == -1;
	n = sk_ASN1_OBJECT_num(usages);
	for (int i = 0; i < n; i++) {
		int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, i));

		if (nid == NID_client_auth || nid == NID_anyExtendedKeyUsage)
			allowed = true;
	}
	EXTENDED_KEY_USAGE_free(usages);
	return allowed || !n;
}

/* X509_verify_cert asks who issued whom; the answer is the path that was found. */
static int is_issued_by(X509_STORE_CTX *ctx, X509 *x, X509 *issuer)
{
	const struct search *s = X509_STORE_CTX_get_app_data(ctx);

	for (size_t i = 0; i + 1 < s->n; i++)
		if (s->path[i] == x)
			return s->path[i + 1] == issuer;
	return x == issuer && X509_check_issued(x, x) == X509_V_OK;
}

static STACK_OF(X509) *path_stack(const struct search *s, size_t from, size_t to)
{
	STACK_OF(X509) *stack = sk_X509_new_null();

	for (size_t i = from; stack && i < to; i++)
		sk_X509_push(stack, s->path[i]);
	return stack;
}

/* Policies matter only where a CA constrains them (RFC 5280 section 6.1). */
static bool has_policy_constraints(const struct search *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (X509_get_ext_by_NID(s->path[i], NID_policy_constraints, -1) >= 0)
			return true;
	return false;
}

static const char *openssl_verdict(struct search *s, X509_STORE_CTX *ctx)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	int err;

	X509_STORE_CTX_set_app_data(ctx, s);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	if (has_policy_constraints(s)) {
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_POLICY_CHECK);
		X509_VERIFY_PARAM_add0_policy(param, OBJ_nid2obj(NID_any_policy));
	}
	X509_VERIFY_PARAM_set_time(param, (time_t)(s->now_us / SECOND_US));
	/* A common name is a user here, not a host: no name constraint applies to it. */
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (X509_verify_cert(ctx) == 1)
		return NULL;
	err = X509_STORE_CTX_get_error(ctx);
	ERR_clear_error();
	return X509_verify_cert_error_string(err);
}

/* OpenSSL's judgement over the one path: name constraints and all the rest once more. */
static const char *check_with_openssl(struct search *s)
{
	STACK_OF(X509) *between = path_stack(s, 1, s->n ? s->n - 1 : 0);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store = X509_STORE_new();
	const char *why = "x509: out of memory";

	if (!between || !ctx || !store || !X509_STORE_add_cert(store, s->path[s->n - 1]))
		goto out;
	X509_STORE_set_check_issued(store, is_issued_by);
	if (X509_STORE_CTX_init(ctx, store, s->path[0], between))
		why = openssl_verdict(s, ctx);
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(between);
	return why;
}

/* Judges the complete path. */
static bool accept_path(struct search *s)
{
	const char *why = NULL;

	for (size_t i = 0; i < s->n && !why; i++)
		if (!allows_client_auth(s->path[i]))
			why = INCOMPATIBLE_USAGE;
	if (!why)
		why = check_with_openssl(s);
	if (why && !s->refusal)
		s->refusal = why;
	return !why;
}

static bool extend_path(struct search *s);

/* Tries x as the issuer of the path's last certificate. */
static bool try_issuer(struct search *s, X509 *x, bool is_anchor)
{
	X509 *last = s->path[s->n - 1];
	const char *why;

	if (!same_name(X509_get_issuer_name(last), X509_get_subject_name(x)) ||
	    s->n == X509_PATH_MAX || s->checks >= X509_SIGNATURE_CHECKS_MAX || is_in_path(s, x))
		return false;
	s->checks++;
	why = check_issuer(s, x, is_anchor);
	if (!why)
		why = check_signature(last, x);
	if (why) {
		if (!s->hint)
			s->hint = why;
		return false;
	}
	s->path[s->n++] = x;
	if (is_anchor ? accept_path(s) : extend_path(s))
		return true;
	s->n--;
	return false;
}

static bool extend_path(struct search *s)
{
	for (size_t i = 0; i < s->trust->n; i++)
		if (try_issuer(s, s->trust->anchors[i], true))
			return true;
	for (int i = 0; i < sk_X509_num(s->sent); i++)
		if (try_issuer(s, sk_X509_value(s->sent, i), false))
			return true;
	return false;
}

static bool is_anchor(const struct x509_trust *t, const X509 *x)
{
	for (size_t i = 0; i < t->n; i++)
		if (!X509_cmp(t->anchors[i], x))
			return true;
	return false;
}

static void add_time(struct strbuf *b, int64_t us)
{
	time_t seconds = (time_t)(us / SECOND_US);
	char text[TIME_TEXT_MAX];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%FT%TZ", &tm))
		strbuf_add_cstr(b, text);
}

static void add_leaf_expired(struct strbuf *b, const X509 *leaf, int64_t now_us)
{
	struct x509_validity v = validity_of(leaf);
	bool early = now_us < v.from_us;

	strbuf_add_cstr(b, EXPIRED ": current time ");
	add_time(b, now_us);
	strbuf_add_cstr(b, early ? " is before " : " is after ");
	add_time(b, early ? v.from_us : v.until_us);
}

static void add_failure(struct strbuf *b, const struct search *s)
{
	strbuf_add_cstr(b, s->refusal ? s->refusal : UNKNOWN_AUTHORITY);
	if (!s->refusal && s->hint)
		strbuf_addf(b, " (possibly because of \"%s\")", s->hint);
}

static struct x509_validity path_validity(const struct search *s)
{
	struct x509_validity all = { INT64_MIN, INT64_MAX };

	for (size_t i = 0; i < s->n; i++) {
		struct x509_validity one = validity_of(s->path[i]);

		if (one.from_us > all.from_us)
			all.from_us = one.from_us;
		if (one.until_us < all.until_us)
			all.until_us = one.until_us;
	}
	return all;
}

int x509_verify_client(const struct x509_trust *t, X509 *leaf, STACK_OF(X509) *sent,
		       int64_t now_us, struct x509_validity *validity, struct strbuf *reason)
{
	struct search s = { .trust = t, .sent = sent, .now_us = now_us, .path = { leaf }, .n = 1 };
	const char *why;
	bool found;

	/* Reads the extensions, as every function below expects. */
	X509_check_purpose(leaf, -1, 0);
	why = check_form(leaf);
	if (why) {
		strbuf_add_cstr(reason, why);
		return ERR_REFUSED;
	}
	if (!is_valid_at(leaf, now_us)) {
		add_leaf_expired(reason, leaf, now_us);
		return ERR_REFUSED;
	}
	found = is_anchor(t, leaf) ? accept_path(&s) : extend_path(&s);
	if (!found) {
		add_failure(reason, &s);
		return ERR_REFUSED;
	}
	*validity = path_validity(&s);
	return 0;
}
