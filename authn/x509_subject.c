/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include "authn/x509.h"
#include "base/utf8.h"

#define CREDENTIAL_ID_KEY "authentication.kubernetes.io/credential-id"
#define CREDENTIAL_ID_PREFIX "X509SHA256="
#define UID_OID "1.3.6.1.4.1.57683.2"
#define OID_TEXT_MAX 80
/* RFC 5280 section 4.1.2.2 allows 20; a longer one is not worth its quadratic conversion. */
#define SERIAL_BYTES_MAX 64

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

/* PrintableString, with the `*` and `&` that Go lets pass. */
static bool is_printable(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(" '()+,-./:=?*&", c));
}

static bool is_numeric(unsigned char c)
{
	return (c >= '0' && c <= '9') || c == ' ';
}

static bool is_ascii(unsigned char c)
{
	return c < 0x80;
}

static bool all_bytes(struct str s, bool (*fits)(unsigned char c))
{
	for (size_t i = 0; i < s.n; i++)
		if (!fits((unsigned char)s.p[i]))
			return false;
	return true;
}

static struct str latin1_to_utf8(struct str s, struct arena *a)
{
	char *out = arena_alloc(a, 2 * s.n + 4);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += utf8_encode((unsigned char)s.p[i], out + n);
	return str_make(out, n);
}

/* UCS-2: surrogates and reserved noncharacters are refused, one NUL character at the end drops. */
static bool bmp_to_utf8(struct str s, struct arena *a, struct str *text)
{
	char *out = arena_alloc(a, 3 * (s.n / 2) + 4);
	size_t n = 0;

	if (s.n % 2)
		return false;
	if (s.n && !s.p[s.n - 1] && !s.p[s.n - 2])
		s.n -= 2;
	for (size_t i = 0; i < s.n; i += 2) {
		uint32_t c = (uint32_t)(unsigned char)s.p[i] << 8 | (unsigned char)s.p[i + 1];

		if (c >= 0xfffe || (c >= 0xfdd0 && c <= 0xfdef) || (c >= 0xd800 && c <= 0xdfff))
			return false;
		n += utf8_encode(c, out + n);
	}
	*text = str_make(out, n);
	return true;
}

/* The value of a name's attribute as UTF-8, or what is wrong with it. */
static const char *attribute_text(const ASN1_STRING *value, struct arena *a, struct str *text)
{
	struct str raw = str_make((const char *)ASN1_STRING_get0_data(value),
				  (size_t)ASN1_STRING_length(value));

	*text = raw;
	switch (ASN1_STRING_type(value)) {
	case V_ASN1_UTF8STRING:
		return str_is_utf8(raw) ? NULL : "invalid UTF-8 string";
	case V_ASN1_PRINTABLESTRING:
		return all_bytes(raw, is_printable) ? NULL : "invalid PrintableString";
	case V_ASN1_IA5STRING:
		return all_bytes(raw, is_ascii) ? NULL : "invalid IA5String";
	case V_ASN1_NUMERICSTRING:
		return all_bytes(raw, is_numeric) ? NULL : "invalid NumericString";
	case V_ASN1_T61STRING:
		*text = latin1_to_utf8(raw, a);
		return NULL;
	case V_ASN1_BMPSTRING:
		return bmp_to_utf8(raw, a, text) ? NULL : "invalid BMPString";
	}
	return "unsupported string type";
}

/* What is read from the subject. */
struct subject {
	struct str name;	/* the last common name */
	struct str *groups;
	size_t group_count;
	struct str *uids;
	size_t uid_count;
};

static bool is_uid(const ASN1_OBJECT *type)
{
	char text[OID_TEXT_MAX];

	return OBJ_obj2txt(text, sizeof(text), type, 1) > 0 && !strcmp(text, UID_OID);
}

static void take_attribute(struct subject *s, const ASN1_OBJECT *type, struct str text)
{
	switch (OBJ_obj2nid(type)) {
	case NID_commonName:
		s->name = text;
		break;
	case NID_organizationName:
		s->groups[s->group_count++] = text;
		break;
	default:
		if (is_uid(type))
			s->uids[s->uid_count++] = text;
	}
}

/* Reads all attributes; every one of them must be a string that is valid for its type. */
static const char *read_name(const X509_NAME *name, struct arena *a, struct subject *s)
{
	int n = X509_NAME_entry_count(name);

	*s = (struct subject){ .name = STR_NULL };
	s->groups = arena_alloc(a, ((size_t)n + 1) * sizeof(*s->groups));
	s->uids = arena_alloc(a, ((size_t)n + 1) * sizeof(*s->uids));
	for (int i = 0; i < n; i++) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
		struct str text;
		const char *why = attribute_text(X509_NAME_ENTRY_get_data(e), a, &text);

		if (why)
			return why;
		take_attribute(s, X509_NAME_ENTRY_get_object(e), text);
	}
	return NULL;
}

/* False, with the reason, unless there is no uid or one that is not empty. */
static bool check_uids(const struct subject *s, struct strbuf *reason)
{
	if (s->uid_count > 1) {
		strbuf_add_cstr(reason, "expected 1 UID, but found multiple: [");
		for (size_t i = 0; i < s->uid_count; i++) {
			if (i)
				strbuf_add_char(reason, ' ');
			strbuf_add_str(reason, s->uids[i]);
		}
		strbuf_add_char(reason, ']');
		return false;
	}
	if (s->uid_count && !s->uids[0].n) {
		strbuf_add_cstr(reason, "UID cannot be an empty string");
		return false;
	}
	return true;
}

static struct str credential_id(X509 *leaf, struct arena *a)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t at = sizeof(CREDENTIAL_ID_PREFIX) - 1;
	unsigned int n = 0;
	char *text;

	X509_digest(leaf, EVP_sha256(), digest, &n);
	text = arena_alloc(a, at + 2 * n);
	memcpy(text, CREDENTIAL_ID_PREFIX, at);
	for (unsigned int i = 0; i < n; i++) {
		text[at++] = hex_lower[digest[i] >> 4];
		text[at++] = hex_lower[digest[i] & 15];
	}
	return str_make(text, at);
}

static void make_user(X509 *leaf, const struct subject *s, struct arena *a, struct user *out)
{
	struct str *value = arena_alloc(a, sizeof(*value));
	struct user_extra *extra = arena_alloc(a, sizeof(*extra));

	*value = credential_id(leaf, a);
	*extra = (struct user_extra){ STR(CREDENTIAL_ID_KEY), value, 1 };
	*out = (struct user){
		.name = s->name,
		.uid = s->uid_count ? s->uids[0] : STR_NULL,
		.groups = s->groups,
		.group_count = s->group_count,
		.extra = extra,
		.extra_count = 1,
	};
}

enum authn_result x509_user_from_subject(X509 *leaf, struct arena *a, struct user *out,
					 struct strbuf *reason)
{
	struct subject issuer, subject;
	const char *why = read_name(X509_get_issuer_name(leaf), a, &issuer);

	/* Go reads both names, and refuses the certificate for either. */
	if (!why)
		why = read_name(X509_get_subject_name(leaf), a, &subject);
	if (why) {
		strbuf_addf(reason, "x509: invalid RDNSequence: invalid attribute value: %s", why);
		return AUTHN_ERROR;
	}
	if (!subject.name.n)
		return AUTHN_NONE;
	if (!check_uids(&subject, reason))
		return AUTHN_ERROR;
	make_user(leaf, &subject, a, out);
	return AUTHN_ACCEPT;
}

static void add_colon_hex(struct strbuf *b, const ASN1_OCTET_STRING *id)
{
	const unsigned char *p = id ? ASN1_STRING_get0_data(id) : NULL;
	int n = id ? ASN1_STRING_length(id) : 0;

	for (int i = 0; i < n; i++) {
		if (i)
			strbuf_add_char(b, ':');
		strbuf_add_char(b, hex_upper[p[i] >> 4]);
		strbuf_add_char(b, hex_upper[p[i] & 15]);
	}
}

void x509_add_identifier(struct strbuf *b, X509 *cert)
{
	const ASN1_INTEGER *number = X509_get0_serialNumber(cert);
	bool is_short = ASN1_STRING_length(number) <= SERIAL_BYTES_MAX;
	BIGNUM *serial = is_short ? ASN1_INTEGER_to_BN(number, NULL) : NULL;
	char *decimal = serial ? BN_bn2dec(serial) : NULL;

	strbuf_addf(b, "SN=%s, SKID=", decimal ? decimal : "(too long)");
	add_colon_hex(b, X509_get0_subject_key_id(cert));
	strbuf_add_cstr(b, ", AKID=");
	add_colon_hex(b, X509_get0_authority_key_id(cert));
	OPENSSL_free(decimal);
	BN_free(serial);
}
