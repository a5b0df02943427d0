/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/material.h"

#include <errno.h>
#include <stdlib.h>

#include "authn/x509.h"
#include "base/err.h"
#include "base/mem.h"
#include "conf/file.h"

/* Reads one file of a flag; the text is empty and a problem is added when that fails. */
static struct str read_text(const char *path, const char *flag, struct problems *p)
{
	struct str text = STR_NULL;
	int rc = path ? file_read(path, &text) : 0;

	if (rc)
		problems_add(p, path, 0, flag, "%s", rc == ERR_IO ? strerror(errno) : err_text(rc));
	return rc ? STR_NULL : text;
}

/*
 * Both files, and a problem that names the one of them that is wrong.  That a flag is missing was
 * said when the options were validated.
 */
static struct tls_pair read_pair(const char *cert, const char *key, const char *cert_flag,
				 const char *key_flag, struct problems *p)
{
	size_t before = p->count;
	struct tls_pair pair = {
		.cert_pem = read_text(cert, cert_flag, p),
		.key_pem = read_text(key, key_flag, p),
	};
	bool about_key;
	const char *why;

	if (cert && key && p->count == before && tls_pair_check(&pair, &about_key, &why))
		problems_add(p, about_key ? key : cert, 0, about_key ? key_flag : cert_flag, "%s",
			     why);
	return pair;
}

/* The PEM text of a bundle, judged as authentication judges its own. */
static struct str read_cas(const char *path, const char *flag, struct problems *p)
{
	size_t before = p->count;
	struct str text = read_text(path, flag, p);

	if (path && p->count == before)
		x509_trust_free(x509_trust_parse(flag, path, text, p));
	return text;
}

static void free_pair(struct tls_pair *pair)
{
	file_text_free(pair->cert_pem);
	file_text_free(pair->key_pem);
	free(pair->names);
}

/* The SNI pairs in the order of the flags; values keep the names that pairs borrow. */
static struct tls_pair *read_sni(const struct options *o, struct flag_sni *values,
				 struct problems *p)
{
	size_t n = o->tls_sni_cert_key.n;
	struct tls_pair *pairs = xcalloc(n, sizeof(*pairs));
	const char *why;

	for (size_t i = 0; i < n; i++) {
		struct flag_sni *v = &values[i];

		if (flag_sni_parse(str_from(o->tls_sni_cert_key.v[i]), v, &why))
			continue;	/* options_parse has refused it */
		pairs[i] = read_pair(v->cert_file, v->key_file, "tls-sni-cert-key",
				     "tls-sni-cert-key", p);
		pairs[i].names = xcalloc(v->names.n, sizeof(struct str));
		pairs[i].name_count = v->names.n;
		for (size_t k = 0; k < v->names.n; k++)
			pairs[i].names[k] = str_from(v->names.v[k]);
	}
	return pairs;
}

/*
 * OpenSSL's list for --tls-cipher-suites, colon-separated; NULL: the default set. Owned.  The names
 * were judged with the other options; those of TLS 1.3 have no effect, and alone leave nothing for
 * older versions.
 */
static char *cipher_list(const struct options *o)
{
	struct strbuf list = STRBUF_INIT;

	for (size_t i = 0; i < o->tls_cipher_suites.n; i++) {
		bool insecure, tls13;
		const char *name = tls_suite_from_iana(str_from(o->tls_cipher_suites.v[i]),
						       &insecure, &tls13);

		if (!name || tls13)
			continue;
		if (list.n)
			strbuf_add_char(&list, ':');
		strbuf_add_cstr(&list, name);
	}
	return o->tls_cipher_suites.n ? strbuf_detach(&list) : NULL;
}

struct tls_server_context *material_server_context(const struct options *o, struct problems *p)
{
	size_t before = p->count, n = o->tls_sni_cert_key.n;
	struct flag_sni *values = xcalloc(n, sizeof(*values));
	struct tls_server_context *c = NULL;
	struct tls_server_settings s = {
		.default_pair = read_pair(o->tls_cert_file, o->tls_private_key_file,
					  "tls-cert-file", "tls-private-key-file", p),
		.sni_count = n,
		.client_ca_pem = read_cas(o->client_ca_file, "client-ca-file", p),
		.min_version = TLS1_2_VERSION,
		.offer_h2 = !o->disable_http2,
	};
	struct tls_pair *pairs = read_sni(o, values, p);
	char *ciphers = cipher_list(o), *reason = NULL;

	s.sni_pairs = pairs;
	s.cipher_list = ciphers;
	if (o->tls_min_version)
		tls_version_from_name(str_from(o->tls_min_version), &s.min_version);
	if (p->count == before && s.default_pair.cert_pem.n && s.default_pair.key_pem.n &&
	    tls_server_context_new(&s, &c, &reason))
		problems_add(p, o->tls_cert_file, 0, "tls-cert-file", "%s", reason);
	for (size_t i = 0; i < n; i++) {
		free_pair(&pairs[i]);
		flag_sni_fini(&values[i]);
	}
	free_pair(&s.default_pair);
	file_text_free(s.client_ca_pem);
	free(reason);
	free(ciphers);
	free(pairs);
	free(values);
	return c;
}

struct tls_client_context *material_client_context(const struct options *o, struct problems *p)
{
	size_t before = p->count;
	struct tls_client_context *c = NULL;
	struct tls_pair pair = read_pair(o->proxy_client_cert_file, o->proxy_client_key_file,
					 "proxy-client-cert-file", "proxy-client-key-file", p);
	struct tls_client_settings s = {
		.cert_pem = pair.cert_pem,
		.key_pem = pair.key_pem,
		.ca_pem = read_cas(o->upstream_ca_file, "upstream-ca-file", p),
	};
	char *reason = NULL;

	if (p->count == before && pair.cert_pem.n && pair.key_pem.n && s.ca_pem.n &&
	    tls_client_context_new(&s, &c, &reason))
		problems_add(p, o->proxy_client_cert_file, 0, "proxy-client-cert-file", "%s",
			     reason);
	free_pair(&pair);
	file_text_free(s.ca_pem);
	free(reason);
	return c;
}
