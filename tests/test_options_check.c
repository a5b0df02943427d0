/* SPDX-License-Identifier: Apache-2.0 */
/* What options_validate says about options that parse. */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "conf/options.h"
#include "obs/log.h"
#include "tests/tap.h"

/* Enough to start with; a row's arguments come behind it. */
#define ENOUGH \
	"--tls-cert-file=c|--tls-private-key-file=k|--authorization-mode=RBAC" \
	"|--upstream-servers=https://u:6443|--upstream-ca-file=a|--proxy-client-cert-file=c" \
	"|--proxy-client-key-file=k"
#define ARGS_MAX 32

static struct options o;
static struct problems p;
static char *logged;

static void check(const char *line)
{
	char *argv[ARGS_MAX] = { (char[]){ "kube-authproxy" } }, *error;
	struct str rest = str_from(line), piece;
	FILE *out;
	size_t size;
	int argc = 1;

	while (*line && str_next(&rest, '|', &piece))
		argv[argc++] = xmemdup0(piece.p, piece.n);
	if (!ok(!options_parse(argc, argv, &o, &error)))
		tap_note("%s", error);
	free(error);
	p = PROBLEMS_INIT;
	out = open_memstream(&logged, &size);
	log_set_file(out);
	options_validate(&o, &p);
	log_set_file(NULL);
	fclose(out);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
}

static void done(void)
{
	options_fini(&o);
	problems_fini(&p);
	free(logged);
}

static const char *problems(void)
{
	return p.text.p ? p.text.p : "";
}

static void test_enough_is_enough(void)
{
	check(ENOUGH);
	cstr_is(problems(), "");
	cstr_is(logged, "");
	int_is(o.mode_count, 1);
	int_is(o.modes[0], MODE_RBAC);
	int_is(o.upstream_authorization, UPSTREAM_AUTHORIZATION_ENFORCING);
	ok(o.workers >= 1);
	ok(o.anonymous_auth);
	done();
}

static void test_nothing_given_tells_all(void)
{
	check("");
	cstr_is(problems(),
		"--tls-cert-file: must be given\n"
		"--tls-private-key-file: must be given\n"
		"--authorization-mode: at least one authorization-mode must be passed\n"
		"--upstream-servers: must be given\n"
		"--upstream-ca-file: must be given\n"
		"--proxy-client-cert-file: must be given\n"
		"--proxy-client-key-file: must be given\n");
	int_is(p.count, 7);
	done();
}

#define PORT_RANGE " must be between 1 and 65535, inclusive. It cannot be turned off with 0\n"

#define NO_HTTP2_SUITE "error configuring http2: http2: TLSConfig.CipherSuites is missing an " \
	"HTTP/2-required AES_128_GCM_SHA256 cipher (need at least one of " \
	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)\n"

/* Each row's arguments, behind what is enough, and the problems they make. */
static const struct {
	const char *args, *want;
} wrong[] = {
	{ "--tls-cert-file=", "--tls-cert-file: must be given\n" },
	{ "--tls-private-key-file=", "--tls-private-key-file: must be given\n" },
	{ "--secure-port=0", "--secure-port: 0" PORT_RANGE },
	{ "--secure-port=-1", "--secure-port: -1" PORT_RANGE },
	{ "--secure-port=65536", "--secure-port: 65536" PORT_RANGE },
	{ "--secure-port=65535", "" },
	{ "--secure-port=1", "" },
	{ "--tls-min-version=VersionTLS13", "" },
	{ "--tls-min-version=VersionTLS12", "" },
	{ "--tls-min-version=TLS\"1",
	  "--tls-min-version: unknown tls version \"TLS\\\"1\"\n" },
	{ "--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,"
	  "TLS_AES_128_GCM_SHA256", "" },
	{ "--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "--tls-cipher-suites: "
	  NO_HTTP2_SUITE },
	{ "--tls-cipher-suites=TLS_AES_128_GCM_SHA256", "--tls-cipher-suites: " NO_HTTP2_SUITE },
	{ "--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384|--tls-min-version="
	  "VersionTLS12", "--tls-cipher-suites: " NO_HTTP2_SUITE },
	{ "--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384|--tls-min-version="
	  "VersionTLS13", "" },
	{ "--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384|--disable-http2-serving", "" },
	{ "--tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "" },
	{ "--http2-max-streams-per-connection=-1", "" },
	{ "--http2-max-streams-per-connection=0", "" },
	{ "--tls-cipher-suites=A,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,B",
	  "--tls-cipher-suites: Cipher suite A not supported or doesn't exist\n"
	  "--tls-cipher-suites: Cipher suite B not supported or doesn't exist\n" },
	{ "--health-bind-address=127.0.0.1:8080", "" },
	{ "--health-bind-address=[::1]:8080", "" },
	{ "--health-bind-address=127.0.0.1", "--health-bind-address: must be an address "
	  "and a port, for example 127.0.0.1:8080\n" },
	{ "--health-bind-address=127.0.0.1:0", "--health-bind-address: must be an address "
	  "and a port, for example 127.0.0.1:8080\n" },
	{ "--health-bind-address=:80", "--health-bind-address: must be an address and a "
	  "port, for example 127.0.0.1:8080\n" },
	{ "--health-bind-address=10.0.0.1:80", "--health-bind-address: must be a loopback "
	  "address, since it is plain HTTP\n" },
	{ "--health-bind-address=0.0.0.0:80", "--health-bind-address: must be a loopback "
	  "address, since it is plain HTTP\n" },
	{ "--health-bind-address=localhost:80", "--health-bind-address: must be a loopback "
	  "address, since it is plain HTTP\n" },
	{ "--request-timeout=0", "--request-timeout: must be greater than 0\n" },
	{ "--request-timeout=-1ns", "--request-timeout: can not be negative value\n" },
	{ "--request-timeout=1ns", "" },
	{ "--shutdown-delay-duration=-1s",
	  "--shutdown-delay-duration: can not be negative value\n" },
	{ "--max-connections=0", "--max-connections: must be greater than 0\n" },
	{ "--max-connections=-1", "--max-connections: can not be negative value\n" },
	{ "--max-handshakes=0", "--max-handshakes: must be greater than 0\n" },
	{ "--max-handshakes=-1", "--max-handshakes: can not be negative value\n" },
	{ "--upstream-max-connections=0",
	  "--upstream-max-connections: must be greater than 0\n" },
	{ "--upstream-max-connections=-1",
	  "--upstream-max-connections: can not be negative value\n" },
	{ "--workers=-1", "--workers: can not be negative value\n" },
	{ "--workers=1024", "" },
	{ "--workers=1025", "--workers: must be at most 1024\n" },
	{ "--authorization-mode=", "" },
	{ "--authorization-mode=rbac",
	  "--authorization-mode: authorization-mode \"rbac\" is not a valid mode\n" },
	{ "--authorization-mode=Node", "" },
	{ "--node-authorizer-wait=0", "" },
	{ "--node-authorizer-wait=10s", "" },
	{ "--node-authorizer-wait=-1ms", "--node-authorizer-wait: can not be negative value\n" },
	{ "--node-authorizer-wait=10001ms", "--node-authorizer-wait: must be at most 10s\n" },
	{ "--authorization-mode=ABAC", "--authorization-mode: authorization-mode ABAC is "
	  "not supported by this version\n" },
	{ "--authorization-mode=Webhook", "--authorization-mode: authorization-mode "
	  "Webhook is not supported by this version\n" },
	{ "--authorization-mode=AlwaysDeny,RBAC", "--authorization-mode: "
	  "authorization-mode [\"RBAC\" \"AlwaysDeny\" \"RBAC\"] has mode specified more than "
	  "once\n" },
	{ "--authorization-mode=x,x,RBAC", "--authorization-mode: authorization-mode \"x\" "
	  "is not a valid mode\n--authorization-mode: authorization-mode \"x\" is not a "
	  "valid mode\n--authorization-mode: authorization-mode [\"RBAC\" \"x\" \"x\" "
	  "\"RBAC\"] has mode specified more than once\n" },
	{ "--authorization-mode=x,x", "--authorization-mode: authorization-mode \"x\" is not a "
	  "valid mode\n--authorization-mode: authorization-mode \"x\" is not a valid mode\n"
	  "--authorization-mode: authorization-mode [\"RBAC\" \"x\" \"x\"] has mode specified more "
	  "than once\n" },
	{ "--enable-admission-plugins=PodSecurity,AlwaysPullImages", "" },
	{ "--enable-admission-plugins=Nope", "--enable-admission-plugins: "
	  "enable-admission-plugins plugin \"Nope\" is unknown\n" },
	{ "--disable-admission-plugins=no\\pe", "--disable-admission-plugins: "
	  "disable-admission-plugins plugin \"no\\\\pe\" is unknown\n" },
	{ "--admission-control=Nope",
	  "--admission-control: admission-control plugin \"Nope\" is unknown\n" },
	{ "--admission-control=AlwaysAdmit|--enable-admission-plugins=Priority",
	  "--admission-control: admission-control and enable-admission-plugins/"
	  "disable-admission-plugins flags are mutually exclusive\n" },
	{ "--admission-control=AlwaysAdmit|--disable-admission-plugins=Priority",
	  "--admission-control: admission-control and enable-admission-plugins/"
	  "disable-admission-plugins flags are mutually exclusive\n" },
	{ "--enable-admission-plugins=Priority,EventRateLimit,LimitRanger,EventRateLimit"
	  "|--disable-admission-plugins=LimitRanger,PodSecurity,EventRateLimit",
	  "--enable-admission-plugins: [EventRateLimit LimitRanger] in "
	  "enable-admission-plugins and disable-admission-plugins overlapped\n" },
	{ "--feature-gates=", "" },
	{ "--feature-gates=,PodCertificateRequest=true,,", "" },
	{ "--feature-gates=Nope=true,AuthorizeNodeWithSelectors=true", "" },
	{ "--feature-gates= A ", "--feature-gates: missing bool value for A\n" },
	{ "--feature-gates=A = yes", "--feature-gates: invalid value of A=yes, err: "
	  "strconv.ParseBool: parsing \"yes\": invalid syntax\n" },
	{ "--feature-gates=A=", "--feature-gates: invalid value of A=, err: "
	  "strconv.ParseBool: parsing \"\": invalid syntax\n" },
	{ "--feature-gates=A=true=true", "--feature-gates: invalid value of A=true=true, err: "
	  "strconv.ParseBool: parsing \"true=true\": invalid syntax\n" },
	{ "--feature-gates=AuthorizeNodeWithSelectors=false", "--feature-gates: cannot set feature "
	  "gate AuthorizeNodeWithSelectors to false, feature is locked to true\n" },
	{ "--feature-gates=DynamicResourceAllocation=0", "--feature-gates: cannot set feature "
	  "gate DynamicResourceAllocation to false, feature is locked to true\n" },
	{ "--feature-gates=kube:A=true,kube: B=t", "" },
	{ "--feature-gates=kube:A=true,B=true", "--feature-gates: set kube feature gates with "
	  "default empty prefix or kube: prefix consistently, do not mix use\n" },
	{ "--feature-gates=kubelet:A=true",
	  "--feature-gates: component not registered: kubelet\n" },
	{ "--upstream-ca-file=", "--upstream-ca-file: must be given\n" },
	{ "--proxy-client-cert-file=", "--proxy-client-cert-file: must be given\n" },
	{ "--proxy-client-key-file=", "--proxy-client-key-file: must be given\n" },
	{ "--upstream-user=", "--upstream-user: must be given\n" },
	{ "--upstream-groups=", "" },
	{ "--upstream-groups=a,", "--upstream-groups: empty value in the list\n" },
	{ "--upstream-authorization=none", "" },
	{ "--upstream-authorization=None",
	  "--upstream-authorization: \"None\" is neither enforcing nor none\n" },
	{ "--upstream-authorization=",
	  "--upstream-authorization: \"\" is neither enforcing nor none\n" },
	{ "--cluster-state=", "--cluster-state: must be given\n" },
	{ "--cluster-state=/some/where", "" },
	{ "--logging-format=json", "" },
	{ "--logging-format=xml",
	  "--logging-format: Invalid value: \"xml\": Unsupported log format\n" },
	{ "--logging-format=",
	  "--logging-format: Invalid value: \"\": Unsupported log format\n" },
	{ "--service-account-issuer=https://x|--service-account-key-file=f", "" },
	{ "--service-account-key-file=f",
	  "--service-account-issuer: service-account-issuer is a required flag\n" },
	{ "--service-account-issuer=https://x",
	  "--service-account-key-file: must be given with --service-account-issuer\n" },
	{ "--service-account-issuer=https://x|--service-account-signing-endpoint=/s", "" },
	{ "--service-account-issuer=x|--service-account-issuer=y|--service-account-issuer=x"
	  "|--service-account-key-file=f",
	  "--service-account-issuer: service-account-issuer \"x\" is already specified\n" },
	{ "--service-account-issuer=|--service-account-key-file=f",
	  "--service-account-issuer: service-account-issuer should not be an empty string\n" },
	{ "--upstream-servers=http://a", "--upstream-servers: \"http://a\" is not an https "
	  "URL of the form https://host[:port]\n" },
};

static void test_one_thing_wrong(void)
{
	for (size_t i = 0; i < array_size(wrong); i++) {
		struct strbuf line = STRBUF_INIT;

		tap_row(wrong[i].args);
		strbuf_addf(&line, "%s|%s", ENOUGH, wrong[i].args);
		check(line.p);
		cstr_is(problems(), wrong[i].want);
		strbuf_fini(&line);
		done();
	}
}

static void test_modes_in_order(void)
{
	check("--authorization-mode=AlwaysDeny,RBAC|--authorization-mode=AlwaysAllow");
	int_is(o.mode_count, 3);
	int_is(o.modes[0], MODE_ALWAYS_DENY);
	int_is(o.modes[1], MODE_RBAC);
	int_is(o.modes[2], MODE_ALWAYS_ALLOW);
	ok(!o.anonymous_auth);
	ok(strstr(logged, "] AnonymousAuth is not allowed with the AlwaysAllow authorizer. "
		  "Resetting AnonymousAuth to false. You should use a different "
		  "authorizer\n") != NULL);
	done();
	check("--authorization-mode=AlwaysAllow|--anonymous-auth=false");
	ok(!strstr(logged, "AnonymousAuth"));
	done();
}

static void test_warnings(void)
{
	check(ENOUGH "|--enable-admission-plugins=NodeRestriction");
	cstr_is(problems(), "");
	ok(!strstr(logged, "NodeRestriction"));
	done();
	check(ENOUGH "|--tls-cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA,"
	      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
	cstr_is(problems(), "");
	ok(strstr(logged, "] Use of insecure cipher 'TLS_RSA_WITH_AES_128_CBC_SHA' detected.\n"));
	done();
}

static void test_parsed_forms(void)
{
	check(ENOUGH "|--upstream-authorization=none|--workers=3");
	int_is(o.upstream_authorization, UPSTREAM_AUTHORIZATION_NONE);
	int_is(o.workers, 3);
	done();
}

static void test_upstream_urls(void)
{
	static const struct {
		const char *url, *host;	/* NULL: refused */
		int port;
	} rows[] = {
		{ "https://a", "a", 443 },
		{ "https://a/", "a", 443 },
		{ "HTTPS://api.example.com:6443", "api.example.com", 6443 },
		{ "https://10.0.0.1:6443/", "10.0.0.1", 6443 },
		{ "https://[::1]", "::1", 443 },
		{ "https://[fe80::1%eth0]:7", "fe80::1%eth0", 7 },
		{ "https://a:65535", "a", 65535 },
		{ "http://a", NULL, 0 },
		{ "a:6443", NULL, 0 },
		{ "", NULL, 0 },
		{ "https://", NULL, 0 },
		{ "https:///", NULL, 0 },
		{ "https://:443", NULL, 0 },
		{ "https://a:", NULL, 0 },
		{ "https://a:0", NULL, 0 },
		{ "https://a:65536", NULL, 0 },
		{ "https://a:99999999999999999999", NULL, 0 },
		{ "https://a:+1", NULL, 0 },
		{ "https://a:1:2", NULL, 0 },
		{ "https://::1", NULL, 0 },
		{ "https://[::1", NULL, 0 },
		{ "https://[]", NULL, 0 },
		{ "https://[a]", NULL, 0 },
		{ "https://[::1]443", NULL, 0 },
		{ "https://a/path", NULL, 0 },
		{ "https://a?q", NULL, 0 },
		{ "https://a#f", NULL, 0 },
		{ "https://u@a", NULL, 0 },
		{ "https://a b", NULL, 0 },
		{ " https://a", NULL, 0 },
		{ "https://a\n", NULL, 0 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		char *host = NULL;
		uint16_t port = 0;
		int err = options_upstream_parse(str_from(rows[i].url), &host, &port);

		tap_row(rows[i].url);
		int_is(err, rows[i].host ? 0 : ERR_SYNTAX);
		if (rows[i].host && !err) {
			cstr_is(host, rows[i].host);
			int_is(port, rows[i].port);
		}
		free(host);
	}
	int_is(options_upstream_parse(STR("https://a\0b"), &(char *){ NULL }, &(uint16_t){ 0 }),
	       ERR_SYNTAX);
}

static void test_host_and_port(void)
{
	char *host = NULL;
	uint16_t port = 7;

	int_is(options_host_port_parse(STR(""), &host, &port), ERR_SYNTAX);
	int_is(options_host_port_parse(STR("a:b"), &host, &port), ERR_SYNTAX);
	ok(!host && port == 7);
	int_is(options_host_port_parse(STR("a"), &host, &port), 0);
	cstr_is(host, "a");
	int_is(port, 7);
	free(host);
	int_is(options_host_port_parse(STR("[::]:8"), &host, &port), 0);
	cstr_is(host, "::");
	int_is(port, 8);
	free(host);
}

/* Rows: the flags, and which of the four gates differ from the default. */
static void test_feature_gates(void)
{
	static const struct {
		const char *args;
		bool certificates, bundles, no_tokens, old_impersonation;
	} rows[] = {
		{ "", false, false, false, false },
		{ "|--feature-gates=PodCertificateRequest=true", true, false, false, false },
		{ "|--feature-gates=kube:PodCertificateRequest=1,kube:ClusterTrustBundle=1",
		  true, true, false, false },
		{ "|--feature-gates= PodCertificateRequest = T ", true, false, false, false },
		{ "|--feature-gates=PodCertificateRequest=true,PodCertificateRequest=false",
		  false, false, false, false },
		{ "|--feature-gates=PodCertificateRequest=false"
		  "|--feature-gates=PodCertificateRequest=true", true, false, false, false },
		{ "|--feature_gates|ClusterTrustBundle=true", false, true, false, false },
		{ "|--feature-gates=KubeletServiceAccountTokenForCredentialProviders=false",
		  false, false, true, false },
		{ "|--feature-gates=ConstrainedImpersonation=false", false, false, false, true },
		{ "|--feature-gates=AllBeta=false,ConstrainedImpersonation=true",
		  false, false, true, false },
		{ "|--feature-gates=AllBeta=true", true, true, false, false },
		{ "|--feature-gates=ClusterTrustBundle=false,AllBeta=true",
		  true, false, false, false },
		{ "|--feature-gates=AllBeta=false,PodCertificateRequest=true",
		  true, false, true, true },
		{ "|--feature-gates=AllAlpha=true,podcertificaterequest=true",
		  false, false, false, false },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct strbuf line = STRBUF_INIT;

		tap_row(rows[i].args);
		strbuf_addf(&line, "%s%s", ENOUGH, rows[i].args);
		check(line.p);
		cstr_is(problems(), "");
		int_is(o.gates.pod_certificate_request, rows[i].certificates);
		int_is(o.gates.cluster_trust_bundle, rows[i].bundles);
		int_is(o.gates.no_credential_provider_tokens, rows[i].no_tokens);
		int_is(o.gates.no_constrained_impersonation, rows[i].old_impersonation);
		done();
		strbuf_fini(&line);
	}
}

static void test_gates_without_effect_are_named(void)
{
	check(ENOUGH "|--feature-gates=PodCertificateRequest=true,A=false,"
	      "AuthorizeNodeWithSelectors=true|--profiling=false|--feature-gates=B=true");
	cstr_is(problems(), "");
	if (int_is(o.ignored.n, 3)) {
		cstr_is(o.ignored.v[0], "profiling");
		cstr_is(o.ignored.v[1], "feature-gates=A");
		cstr_is(o.ignored.v[2], "feature-gates=B");
	}
	done();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_enough_is_enough),
		TAP(test_nothing_given_tells_all),
		TAP(test_one_thing_wrong),
		TAP(test_modes_in_order),
		TAP(test_warnings),
		TAP(test_parsed_forms),
		TAP(test_upstream_urls),
		TAP(test_host_and_port),
		TAP(test_feature_gates),
		TAP(test_gates_without_effect_are_named),
		TAP_END
	};

	return tap_main(tests);
}
