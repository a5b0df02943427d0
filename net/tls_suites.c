/* SPDX-License-Identifier: Apache-2.0 */
/* Names of cipher suites and versions as kube-apiserver's flags spell them. */
#include "config.h"

#include "base/err.h"
#include "base/mem.h"
#include "net/tls.h"

struct suite {
	const char *iana;
	const char *openssl;
	bool insecure;
	bool tls13;
};

/* RC4 has been taken out of OpenSSL: the name is accepted and chooses nothing. */
static const struct suite suites[] = {
	{ "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", false, true },
	{ "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", false, true },
	{ "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", false, true },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", false,
	  false },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", false, false },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", false,
	  false },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", false, false },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", false,
	  false },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305", false, false },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305", false,
	  false },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", false, false },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA", false, false },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA", false, false },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA", false, false },
	{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA", false, false },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256", true, false },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256", true, false },
	{ "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256", true, false },
	{ "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384", true, false },
	{ "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA", true, false },
	{ "TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256", true, false },
	{ "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", true, false },
	{ "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA", true, false },
	{ "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-RSA-DES-CBC3-SHA", true, false },
	{ "TLS_RSA_WITH_RC4_128_SHA", "RC4-SHA", true, false },
	{ "TLS_ECDHE_RSA_WITH_RC4_128_SHA", "ECDHE-RSA-RC4-SHA", true, false },
	{ "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "ECDHE-ECDSA-RC4-SHA", true, false },
};

const char *tls_suite_from_iana(struct str name, bool *insecure, bool *tls13)
{
	for (size_t i = 0; i < array_size(suites); i++) {
		if (!str_eq(name, str_from(suites[i].iana)))
			continue;
		*insecure = suites[i].insecure;
		*tls13 = suites[i].tls13;
		return suites[i].openssl;
	}
	return NULL;
}

int tls_version_from_name(struct str name, int *version)
{
	static const struct {
		const char *name;
		int version;
	} versions[] = {
		{ "VersionTLS10", TLS1_VERSION },
		{ "VersionTLS11", TLS1_1_VERSION },
		{ "VersionTLS12", TLS1_2_VERSION },
		{ "VersionTLS13", TLS1_3_VERSION },
	};

	for (size_t i = 0; i < array_size(versions); i++) {
		if (str_eq(name, str_from(versions[i].name))) {
			*version = versions[i].version;
			return 0;
		}
	}
	return ERR_SYNTAX;
}
