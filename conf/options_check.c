/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the options, without opening any file. */
#include "config.h"

#include <sched.h>
#include <openssl/tls1.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "conf/options.h"
#include "net/address.h"
#include "net/tls.h"
#include "obs/log.h"

#define WORKERS_MAX 1024

/* Go-quoted text for the messages; the caller frees. */
static char *quoted(const char *s)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add_go_quoted(&b, str_from(s));
	return strbuf_detach(&b);
}

static bool list_has(const struct option_list *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], s))
			return true;
	return false;
}

int options_host_port_parse(struct str text, char **host, uint16_t *port)
{
	struct str name = text, digits = STR_NULL;
	ptrdiff_t end;
	uint64_t number;

	if (text.n && text.p[0] == '[') {
		end = str_find(text, ']', 0);
		if (end < 0)
			return ERR_SYNTAX;
		name = str_slice(text, 1, (size_t)end);
		digits = str_skip(text, (size_t)end + 1);
		if (str_find(name, ':', 0) < 0 || (digits.n && digits.p[0] != ':'))
			return ERR_SYNTAX;
	} else {
		end = str_find(text, ':', 0);
		if (end >= 0) {
			name = str_slice(text, 0, (size_t)end);
			digits = str_skip(text, (size_t)end);
		}
	}
	if (!name.n)
		return ERR_SYNTAX;
	if (digits.n) {
		if (str_to_u64(str_skip(digits, 1), &number) || !number || number > UINT16_MAX)
			return ERR_SYNTAX;
		*port = (uint16_t)number;
	}
	*host = xmemdup0(name.p, name.n);
	return 0;
}

/* Letters, digits and what else stands in names and addresses; no user, path, query or blank. */
static bool is_authority(struct str s)
{
	static const char others[] = "-._:[]%";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') &&
		    (!c || !strchr(others, c)))
			return false;
	}
	return s.n;
}

int options_upstream_parse(struct str url, char **host, uint16_t *port)
{
	struct str scheme = STR("https://"), rest;

	if (!str_has_prefix_nocase(url, scheme))
		return ERR_SYNTAX;
	rest = str_skip(url, scheme.n);
	if (rest.n && rest.p[rest.n - 1] == '/')
		rest.n--;
	if (!is_authority(rest))
		return ERR_SYNTAX;
	*port = 443;
	return options_host_port_parse(rest, host, port);
}

static void require(struct problems *p, const char *flag, const char *value)
{
	if (!value)
		problems_add(p, NULL, 0, flag, "must be given");
}

static void check_not_negative(struct problems *p, const char *flag, int64_t value)
{
	if (value < 0)
		problems_add(p, NULL, 0, flag, "can not be negative value");
}

static void check_positive(struct problems *p, const char *flag, int64_t value)
{
	check_not_negative(p, flag, value);
	if (!value)
		problems_add(p, NULL, 0, flag, "must be greater than 0");
}

static void check_cipher_suites(const struct options *o, struct problems *p)
{
	for (size_t i = 0; i < o->tls_cipher_suites.n; i++) {
		const char *name = o->tls_cipher_suites.v[i];
		bool insecure = false, tls13 = false;

		if (!tls_suite_from_iana(str_from(name), &insecure, &tls13) && !tls13)
			problems_add(p, NULL, 0, "tls-cipher-suites",
				     "Cipher suite %s not supported or doesn't exist", name);
		else if (insecure)
			log_warning("Use of insecure cipher '%s' detected.", name);
	}
}

/* RFC 9113 section 9.2.2: below TLS 1.3 HTTP/2 needs one of them; worded as kube-apiserver does. */
static void check_http2_suites(const struct options *o, int min_version, struct problems *p)
{
	for (size_t i = 0; i < o->tls_cipher_suites.n; i++)
		if (!strcmp(o->tls_cipher_suites.v[i], "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") ||
		    !strcmp(o->tls_cipher_suites.v[i], "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"))
			return;
	if (o->tls_cipher_suites.n && !o->disable_http2 && min_version < TLS1_3_VERSION)
		problems_add(p, NULL, 0, "tls-cipher-suites",
			     "error configuring http2: http2: TLSConfig.CipherSuites is missing an "
			     "HTTP/2-required AES_128_GCM_SHA256 cipher (need at least one of "
			     "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or "
			     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)");
}

static void check_tls(const struct options *o, struct problems *p)
{
	int version = TLS1_2_VERSION;
	size_t before;

	require(p, "tls-cert-file", o->tls_cert_file);
	require(p, "tls-private-key-file", o->tls_private_key_file);
	if (o->tls_min_version && tls_version_from_name(str_from(o->tls_min_version), &version)) {
		char *shown = quoted(o->tls_min_version);

		problems_add(p, NULL, 0, "tls-min-version", "unknown tls version %s", shown);
		free(shown);
	}
	before = p->count;
	check_cipher_suites(o, p);
	if (p->count == before)
		check_http2_suites(o, version, p);
}

static void check_health_address(const struct options *o, struct problems *p)
{
	struct address a;
	char *host = NULL;
	uint16_t port = 0;

	if (!o->health_bind_address)
		return;
	if (options_host_port_parse(str_from(o->health_bind_address), &host, &port) || !port)
		problems_add(p, NULL, 0, "health-bind-address", "must be an address and a port, "
			     "for example 127.0.0.1:8080");
	else if (address_from_text(str_from(host), port, &a) || !address_is_loopback(&a))
		problems_add(p, NULL, 0, "health-bind-address", "must be a loopback address, "
			     "since it is plain HTTP");
	free(host);
}

static int64_t processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

static void check_serving(struct options *o, struct problems *p)
{
	require(p, "bind-address", o->bind_address);
	if (o->secure_port < 1 || o->secure_port > 65535)
		problems_add(p, NULL, 0, "secure-port", "%lld must be between 1 and 65535, "
			     "inclusive. It cannot be turned off with 0",
			     (long long)o->secure_port);
	check_tls(o, p);
	check_health_address(o, p);
	check_positive(p, "request-timeout", o->request_timeout_ms);
	check_not_negative(p, "shutdown-delay-duration", o->shutdown_delay_ms);
	check_positive(p, "max-connections", o->max_connections);
	check_positive(p, "max-handshakes", o->max_handshakes);
	check_not_negative(p, "workers", o->workers);
	if (o->workers > WORKERS_MAX)
		problems_add(p, NULL, 0, "workers", "must be at most %d", WORKERS_MAX);
	if (!o->workers)
		o->workers = processors();
}

static const struct {
	const char *name;
	enum authorization_mode mode;
	bool supported;
} mode_table[] = {
	{ "AlwaysAllow", MODE_ALWAYS_ALLOW, true },
	{ "AlwaysDeny", MODE_ALWAYS_DENY, true },
	{ "ABAC", MODE_ABAC, false },
	{ "Webhook", MODE_WEBHOOK, false },
	{ "RBAC", MODE_RBAC, true },
	{ "Node", MODE_NODE, true },
};

bool options_has_mode(const struct options *o, enum authorization_mode mode)
{
	for (size_t i = 0; i < o->mode_count; i++)
		if (o->modes[i] == mode)
			return true;
	return false;
}

static void check_mode(struct options *o, const char *name, struct problems *p)
{
	char *shown;

	for (size_t i = 0; i < array_size(mode_table); i++) {
		if (strcmp(name, mode_table[i].name))
			continue;
		if (!mode_table[i].supported)
			problems_add(p, NULL, 0, "authorization-mode",
				     "authorization-mode %s is not supported by this version",
				     name);
		else if (!options_has_mode(o, mode_table[i].mode))
			o->modes[o->mode_count++] = mode_table[i].mode;
		return;
	}
	shown = quoted(name);
	problems_add(p, NULL, 0, "authorization-mode",
		     "authorization-mode %s is not a valid mode", shown);
	free(shown);
}

static bool has_repeated(const struct option_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(l->v[i], l->v[k]))
				return true;
	return false;
}

static void report_repeated(const struct options *o, struct problems *p)
{
	struct strbuf list = STRBUF_INIT;

	for (size_t i = 0; i < o->authorization_mode.n; i++) {
		strbuf_add_cstr(&list, i ? " " : "");
		strbuf_add_go_quoted(&list, str_from(o->authorization_mode.v[i]));
	}
	problems_add(p, NULL, 0, "authorization-mode",
		     "authorization-mode [%s] has mode specified more than once", list.p);
	strbuf_fini(&list);
}

static void check_modes(struct options *o, struct problems *p)
{
	o->mode_count = 0;
	if (!o->authorization_mode.n)
		problems_add(p, NULL, 0, "authorization-mode",
			     "at least one authorization-mode must be passed");
	for (size_t i = 0; i < o->authorization_mode.n; i++)
		check_mode(o, o->authorization_mode.v[i], p);
	if (has_repeated(&o->authorization_mode))
		report_repeated(o, p);
	if (list_has(&o->authorization_mode, "AlwaysAllow") && o->anonymous_auth) {
		log_warning("AnonymousAuth is not allowed with the AlwaysAllow authorizer. "
			    "Resetting AnonymousAuth to false. You should use a different "
			    "authorizer");
		o->anonymous_auth = false;
	}
}

/* kube-apiserver's admission plugins, those that are on by default first (spec 09 section 8). */
static const char *const plugins[] = {
	"NamespaceLifecycle", "LimitRanger", "ServiceAccount", "TaintNodesByCondition",
	"PodSecurity", "Priority", "DefaultTolerationSeconds", "DefaultStorageClass",
	"StorageObjectInUseProtection", "PodGroupProtection", "PersistentVolumeClaimResize",
	"RuntimeClass", "CertificateApproval", "CertificateSigning", "ClusterTrustBundleAttest",
	"CertificateSubjectRestriction", "DefaultIngressClass", "PodTopologyLabels",
	"PodGroupWorkloadExists", "NodeDeclaredFeatureValidator", "JobValidation",
	"PodResizeValidator", "MutatingAdmissionPolicy", "MutatingAdmissionWebhook",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionWebhook", "ResourceQuota",
	"AlwaysAdmit", "AlwaysDeny", "AlwaysPullImages", "DenyServiceExternalIPs", "EventRateLimit",
	"ExtendedResourceToleration", "ImagePolicyWebhook", "LimitPodHardAntiAffinityTopology",
	"NamespaceAutoProvision", "NamespaceExists", "NodeRestriction",
	"OwnerReferencesPermissionEnforcement", "PodNodeSelector", "PodTolerationRestriction",
};

static void check_plugins(const struct option_list *l, const char *flag, struct problems *p)
{
	for (size_t i = 0; i < l->n; i++) {
		bool known = false;
		char *shown;

		for (size_t k = 0; k < array_size(plugins); k++)
			known = known || !strcmp(l->v[i], plugins[k]);
		if (known)
			continue;
		shown = quoted(l->v[i]);
		problems_add(p, NULL, 0, flag, "%s plugin %s is unknown", flag, shown);
		free(shown);
	}
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "[A B]": the names in both lists, sorted, each once. */
static void check_overlap(const struct options *o, struct problems *p)
{
	const struct option_list *on = &o->enable_admission_plugins;
	struct strbuf shown = STRBUF_INIT;
	const char **both = xcalloc(on->n, sizeof(*both));
	size_t n = 0;

	for (size_t i = 0; i < on->n; i++)
		if (list_has(&o->disable_admission_plugins, on->v[i]))
			both[n++] = on->v[i];
	qsort(both, n, sizeof(*both), by_bytes);
	for (size_t i = 0; i < n; i++)
		if (!i || strcmp(both[i], both[i - 1]))
			strbuf_addf(&shown, "%s%s", i ? " " : "", both[i]);
	if (n)
		problems_add(p, NULL, 0, "enable-admission-plugins", "[%s] in "
			     "enable-admission-plugins and disable-admission-plugins overlapped",
			     shown.p);
	strbuf_fini(&shown);
	free(both);
}

static void check_admission(const struct options *o, struct problems *p)
{
	check_plugins(&o->enable_admission_plugins, "enable-admission-plugins", p);
	check_plugins(&o->disable_admission_plugins, "disable-admission-plugins", p);
	check_plugins(&o->admission_control, "admission-control", p);
	check_overlap(o, p);
	if (o->admission_control.n &&
	    (o->enable_admission_plugins.n || o->disable_admission_plugins.n))
		problems_add(p, NULL, 0, "admission-control", "admission-control and "
			     "enable-admission-plugins/disable-admission-plugins flags are "
			     "mutually exclusive");
}

static void check_node_wait(const struct options *o, struct problems *p)
{
	check_not_negative(p, "node-authorizer-wait", o->node_authorizer_wait_ms);
	if (o->node_authorizer_wait_ms > NODE_AUTHORIZER_WAIT_MAX_MS)
		problems_add(p, NULL, 0, "node-authorizer-wait", "must be at most %ds",
			     NODE_AUTHORIZER_WAIT_MAX_MS / 1000);
}

static void check_issuers(const struct option_list *issuers, struct problems *p)
{
	for (size_t i = 0; i < issuers->n; i++) {
		struct option_list before = { .v = issuers->v, .n = i };
		char *shown;

		if (!issuers->v[i][0])
			problems_add(p, NULL, 0, "service-account-issuer",
				     "service-account-issuer should not be an empty string");
		if (!list_has(&before, issuers->v[i]))
			continue;
		shown = quoted(issuers->v[i]);
		problems_add(p, NULL, 0, "service-account-issuer",
			     "service-account-issuer %s is already specified", shown);
		free(shown);
	}
}

/*
 * kube-apiserver needs issuer and keys, or an external signer that has the keys; a proxy can do
 * without, and then accepts no token of a service account.
 */
static void check_service_accounts(const struct options *o, struct problems *p)
{
	bool signer = list_has(&o->ignored, "service-account-signing-endpoint");

	if (o->service_account_key_file.n && !o->service_account_issuer.n)
		problems_add(p, NULL, 0, "service-account-issuer",
			     "service-account-issuer is a required flag");
	if (o->service_account_issuer.n && !o->service_account_key_file.n && !signer)
		problems_add(p, NULL, 0, "service-account-key-file", "must be given with "
			     "--service-account-issuer");
	check_issuers(&o->service_account_issuer, p);
}

static void check_upstream_servers(const struct options *o, struct problems *p)
{
	if (!o->upstream_servers.n)
		problems_add(p, NULL, 0, "upstream-servers", "must be given");
	for (size_t i = 0; i < o->upstream_servers.n; i++) {
		char *host = NULL, *shown;
		uint16_t port;

		if (options_upstream_parse(str_from(o->upstream_servers.v[i]), &host, &port)) {
			shown = quoted(o->upstream_servers.v[i]);
			problems_add(p, NULL, 0, "upstream-servers", "%s is not an https URL of "
				     "the form https://host[:port]", shown);
			free(shown);
		}
		free(host);
	}
}

static void check_upstream_authorization(struct options *o, struct problems *p)
{
	const char *given = o->upstream_authorization_text ? o->upstream_authorization_text : "";
	char *shown;

	if (!strcmp(given, "enforcing")) {
		o->upstream_authorization = UPSTREAM_AUTHORIZATION_ENFORCING;
		return;
	}
	if (!strcmp(given, "none")) {
		o->upstream_authorization = UPSTREAM_AUTHORIZATION_NONE;
		return;
	}
	shown = quoted(given);
	problems_add(p, NULL, 0, "upstream-authorization", "%s is neither enforcing nor none",
		     shown);
	free(shown);
}

static void check_upstream(struct options *o, struct problems *p)
{
	check_upstream_servers(o, p);
	require(p, "upstream-ca-file", o->upstream_ca_file);
	require(p, "proxy-client-cert-file", o->proxy_client_cert_file);
	require(p, "proxy-client-key-file", o->proxy_client_key_file);
	require(p, "upstream-user", o->upstream_user);
	if (list_has(&o->upstream_groups, ""))
		problems_add(p, NULL, 0, "upstream-groups", "empty value in the list");
	check_upstream_authorization(o, p);
	check_positive(p, "upstream-max-connections", o->upstream_max_connections);
	require(p, "cluster-state", o->cluster_state);
}

static void check_logging(const struct options *o, struct problems *p)
{
	const char *given = o->logging_format ? o->logging_format : "";
	char *shown;

	if (!strcmp(given, "text") || !strcmp(given, "json"))
		return;
	shown = quoted(given);
	problems_add(p, NULL, 0, "logging-format", "Invalid value: %s: Unsupported log format",
		     shown);
	free(shown);
}

void options_validate(struct options *o, struct problems *p)
{
	check_serving(o, p);
	check_modes(o, p);
	check_node_wait(o, p);
	check_service_accounts(o, p);
	check_admission(o, p);
	check_upstream(o, p);
	check_logging(o, p);
	feature_gates_read(&o->feature_gates, &o->gates, &o->ignored, p);
}
