/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "net/tls_names.h"

#include <ctype.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/address.h"

#define NAME_MAX_LEN 253	/* octets of a DNS name as text */

void tls_names_fini(struct tls_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->texts[i]);
	free(n->texts);
	map_fini(&n->map);
	*n = TLS_NAMES_INIT;
}

void tls_names_add(struct tls_names *n, struct str name, struct tls_loaded *pair)
{
	char *text;

	if (map_get(&n->map, name))
		return;
	if (n->count == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 8;
		n->texts = xreallocarray(n->texts, n->cap, sizeof(*n->texts));
	}
	text = xmemdup0(name.p, name.n);
	n->texts[n->count++] = text;
	map_set(&n->map, str_make(text, name.n), pair);
}

/* RFC 1123 labels in lower case, joined by dots. */
static bool is_dns_name(struct str s)
{
	bool label_open = false;

	if (!s.n || s.n > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool edge = i == 0 || s.p[i - 1] == '.' || i + 1 == s.n || s.p[i + 1] == '.';

		if (c == '.') {
			if (!label_open)
				return false;
			label_open = false;
			continue;
		}
		if (!islower(c) && !isdigit(c) && (c != '-' || edge))
			return false;
		label_open = true;
	}
	return label_open;
}

/* What kube-apiserver takes of a common name: a DNS name, "*.name" or "*", and no IP address. */
static bool is_usable_common_name(struct str s)
{
	struct address a;

	if (str_eq(s, STR("*")))
		return true;
	if (str_has_prefix(s, STR("*.")))
		return is_dns_name(str_skip(s, 2));
	return is_dns_name(s) && address_from_text(s, 0, &a);
}

static void add_common_name(struct tls_names *n, X509 *cert, struct tls_loaded *pair)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	unsigned char *utf8;
	int last = -1, at, len;

	/* Go keeps the last one of several. */
	while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, last)) >= 0)
		last = at;
	if (last < 0)
		return;
	len = ASN1_STRING_to_UTF8(&utf8,
				  X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
	if (len < 0)
		return;
	if (is_usable_common_name(str_make((char *)utf8, (size_t)len)))
		tls_names_add(n, str_make((char *)utf8, (size_t)len), pair);
	OPENSSL_free(utf8);
}

void tls_names_add_extracted(struct tls_names *n, X509 *cert, struct tls_loaded *pair)
{
	GENERAL_NAMES *sans = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	add_common_name(n, cert, pair);
	for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
		const GENERAL_NAME *san = sk_GENERAL_NAME_value(sans, i);
		const ASN1_STRING *dns;

		if (san->type != GEN_DNS)
			continue;
		dns = san->d.dNSName;
		if (ASN1_STRING_length(dns) > 0)
			tls_names_add(n, str_make((const char *)ASN1_STRING_get0_data(dns),
						  (size_t)ASN1_STRING_length(dns)), pair);
	}
	GENERAL_NAMES_free(sans);
}

struct tls_loaded *tls_names_find(const struct tls_names *n, struct str name)
{
	char wildcard[NAME_MAX_LEN + 2];
	struct tls_loaded *pair;
	ptrdiff_t dot;
	size_t rest;

	if (!name.n || name.n > NAME_MAX_LEN)
		return NULL;
	pair = map_get(&n->map, name);
	if (pair)
		return pair;
	dot = str_find(name, '.', 0);
	rest = dot < 0 ? 0 : name.n - (size_t)dot;
	wildcard[0] = '*';
	memcpy(wildcard + 1, name.p + name.n - rest, rest);
	return map_get(&n->map, str_make(wildcard, rest + 1));
}
