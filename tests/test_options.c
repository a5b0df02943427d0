/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's syntax, as kube-apiserver reads it. */
#include "config.h"

#include "conf/options.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "conf/options_table.h"
#include "obs/log.h"
#include "tests/tap.h"

#define ARGS_MAX 16

/* Parses arguments separated by bars ("" means none). */
static int parse(const char *line, struct options *o, char **error)
{
	char *argv[ARGS_MAX + 2] = { (char[]){ "kube-authproxy" } };
	struct str rest = str_from(line), piece;
	int argc = 1, err;

	while (*line && str_next(&rest, '|', &piece))
		argv[argc++] = xmemdup0(piece.p, piece.n);
	err = options_parse(argc, argv, o, error);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	return err;
}

/* The row's line must be right. */
static bool parses(const char *line, struct options *o)
{
	char *error;

	tap_row(line);
	if (ok(!parse(line, o, &error)))
		return true;
	free(error);
	return false;
}

static void test_defaults(void)
{
	struct options o;
	char *error;

	int_is(parse("", &o, &error), 0);
	ok(!error);
	cstr_is(o.bind_address, "0.0.0.0");
	int_is(o.secure_port, 6443);
	int_is(o.request_timeout_ms, 60000);
	int_is(o.node_authorizer_wait_ms, 250);
	int_is(o.shutdown_delay_ms, 0);
	ok(o.anonymous_auth && !o.check && !o.help && !o.version && !o.version_raw);
	cstr_is(o.cluster_state, "upstream");
	cstr_is(o.upstream_authorization_text, "enforcing");
	cstr_is(o.upstream_user, "system:kube-authproxy");
	int_is(o.upstream_groups.n, 1);
	cstr_is(o.upstream_groups.v[0], "system:masters");
	cstr_is(o.logging_format, "text");
	int_is(o.verbosity, 0);
	int_is(o.workers, 0);
	ok(o.max_connections > 0 && o.max_handshakes > 0 && o.upstream_max_connections > 0);
	ok(!o.tls_cert_file && !o.tls_private_key_file && !o.tls_min_version);
	ok(!o.client_ca_file && !o.token_auth_file && !o.basic_auth_file);
	ok(!o.upstream_servers.n && !o.upstream_ca_file && !o.health_bind_address);
	ok(!o.authorization_mode.n && !o.ignored.n && !o.tls_cipher_suites.n);
	options_fini(&o);
	ok(!o.bind_address);
}

/* Forms that give the same as --secure-port=7. */
static void test_forms(void)
{
	static const char *const forms[] = {
		"--secure-port=7", "--secure-port|7", "--secure_port=7", "--secure_port|0x7",
		"--secure-port=1|--secure-port=7", "--secure-port=0b111|--", "|--secure-port=7|",
		"--secure-port=7|--|",
	};

	for (size_t i = 0; i < array_size(forms); i++) {
		struct options o;
		char *error;

		tap_row(forms[i]);
		if (!ok(!parse(forms[i], &o, &error))) {
			free(error);
			continue;
		}
		int_is(o.secure_port, 7);
		options_fini(&o);
	}
}

static void test_short_flags(void)
{
	static const struct {
		const char *line;
		int v;
		bool help;
	} rows[] = {
		{ "-v=4", 4, false }, { "-v42", 42, false }, { "-v|4", 4, false },
		{ "--v=4", 4, false }, { "-h", 0, true }, { "-hv4", 4, true },
		{ "-hv|4", 4, true }, { "-h=true", 0, true },
		{ "-h=false", 0, false }, { "--help", 0, true }, { "--help=false", 0, false },
		{ "-v|-1", -1, false }, { "-h|foo", 0, true },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct options o;

		if (!parses(rows[i].line, &o))
			continue;
		int_is(o.verbosity, rows[i].v);
		ok(o.help == rows[i].help);
		options_fini(&o);
	}
}

static void test_errors(void)
{
	static const struct {
		const char *line, *error;
	} rows[] = {
		{ "--x", "unknown flag: --x" },
		{ "--x=5", "unknown flag: --x" },
		{ "--Secure-Port=5", "unknown flag: --Secure-Port" },
		{ "--secure=5", "unknown flag: --secure" },
		{ "---x", "bad flag syntax: ---x" },
		{ "--=x", "bad flag syntax: --=x" },
		{ "-xyz", "unknown shorthand flag: 'x' in -xyz" },
		{ "-hx", "unknown shorthand flag: 'x' in -x" },
		{ "-secure-port=7", "unknown shorthand flag: 's' in -secure-port=7" },
		{ "-v", "flag needs an argument: 'v' in -v" },
		{ "-v=", "invalid argument \"=\" for \"-v, --v\" flag: strconv.ParseInt: parsing "
		  "\"=\": invalid syntax" },
		{ "-h=x", "invalid argument \"x\" for \"--help\" flag: strconv.ParseBool: parsing "
		  "\"x\": invalid syntax" },
		{ "--secure-port", "flag needs an argument: --secure-port" },
		{ "--etcd_servers", "flag needs an argument: --etcd_servers" },
		{ "--secure-port=abc", "invalid argument \"abc\" for \"--secure-port\" flag: "
		  "strconv.ParseInt: parsing \"abc\": invalid syntax" },
		{ "--secure_port=", "invalid argument \"\" for \"--secure-port\" flag: "
		  "strconv.ParseInt: parsing \"\": invalid syntax" },
		{ "--anonymous-auth=no", "invalid argument \"no\" for \"--anonymous-auth\" flag: "
		  "strconv.ParseBool: parsing \"no\": invalid syntax" },
		{ "--anonymous-auth|false", "\"kube-authproxy\" does not take any arguments, got "
		  "[\"false\"]" },
		{ "foo||b\"r", "\"kube-authproxy\" does not take any arguments, got "
		  "[\"foo\" \"\" \"b\\\"r\"]" },
		{ "--|--secure-port=7", "\"kube-authproxy\" does not take any arguments, got "
		  "[\"--secure-port=7\"]" },
		{ "-", "\"kube-authproxy\" does not take any arguments, got [\"-\"]" },
		{ "--request-timeout=30", "invalid argument \"30\" for \"--request-timeout\" flag: "
		  "time: missing unit in duration \"30\"" },
		{ "--bind-address=x", "invalid argument \"x\" for \"--bind-address\" flag: failed "
		  "to parse IP: \"x\"" },
		{ "--authorization-mode=a\"b", "invalid argument \"a\\\"b\" for "
		  "\"--authorization-mode\" flag: parse error on line 1, column 2: bare \" in "
		  "non-quoted-field" },
		{ "--tls-sni-cert-key=c", "invalid argument \"c\" for \"--tls-sni-cert-key\" flag: "
		  "expected comma separated certificate and key file paths" },
		{ "--tls-sni-cert-key=c,k:", "invalid argument \"c,k:\" for \"--tls-sni-cert-key\" "
		  "flag: empty names list is not allowed" },
		{ "--goaway-chance=x", "invalid argument \"x\" for \"--goaway-chance\" flag: "
		  "strconv.ParseFloat: parsing \"x\": invalid syntax" },
		{ "--runtime-config=x", "invalid argument \"x\" for \"--runtime-config\" flag: "
		  "malformed pair, expect string=string" },
		{ "--max-requests-inflight=x", "invalid argument \"x\" for "
		  "\"--max-requests-inflight\" flag: strconv.ParseInt: parsing \"x\": invalid "
		  "syntax" },
		{ "--profiling=x", "invalid argument \"x\" for \"--profiling\" flag: "
		  "strconv.ParseBool: parsing \"x\": invalid syntax" },
		{ "--version=x", "invalid argument \"x\" for \"--version\" flag: "
		  "strconv.ParseBool: parsing \"x\": invalid syntax" },
		{ "--insecure-port=0", "unknown flag: --insecure-port" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct options o;
		char *error = NULL;

		tap_row(rows[i].line);
		int_is(parse(rows[i].line, &o, &error), ERR_SYNTAX);
		cstr_is(error, rows[i].error);
		free(error);
		ok(!o.bind_address && !o.ignored.v);
	}
}

/* Flags that kube-apiserver dropped; --basic-auth-file is ours again. */
static void test_removed_flags_are_unknown(void)
{
	static const char *const names[] = {
		"insecure-port", "insecure-bind-address", "port", "address", "kubelet-https",
		"cloud-provider", "cloud-config", "target-ram-mb", "logtostderr", "alsologtostderr",
		"log-dir", "log-file", "stderrthreshold", "master-service-namespace",
		"enable-swagger-ui", "experimental-encryption-provider-config",
		"service-account-api-audiences", "audit-dynamic-configuration",
	};

	for (size_t i = 0; i < array_size(names); i++) {
		struct strbuf line = STRBUF_INIT;
		struct options o;
		char *error = NULL;

		tap_row(names[i]);
		strbuf_addf(&line, "--%s=1", names[i]);
		int_is(parse(line.p, &o, &error), ERR_SYNTAX);
		ok(error && strstr(error, "unknown flag: --"));
		free(error);
		strbuf_fini(&line);
	}
}

static void test_lists(void)
{
	struct options o;
	char *error;

	ok(!parse("--upstream-groups=a,\"b,c\"|--upstream_groups|d|--authorization-mode=RBAC"
		  "|--authorization-mode=Node", &o, &error));
	int_is(o.upstream_groups.n, 3);
	cstr_is(o.upstream_groups.v[0], "a");
	cstr_is(o.upstream_groups.v[1], "b,c");
	cstr_is(o.upstream_groups.v[2], "d");
	int_is(o.authorization_mode.n, 2);
	options_fini(&o);

	ok(!parse("--upstream-groups=", &o, &error));
	int_is(o.upstream_groups.n, 0);
	options_fini(&o);

	ok(!parse("--tls-sni-cert-key=a,b:x,y|--tls-sni-cert-key=c,d"
		  "|--service-account-issuer=https://a,b|--service-account-issuer=c", &o, &error));
	int_is(o.tls_sni_cert_key.n, 2);
	cstr_is(o.tls_sni_cert_key.v[0], "a,b:x,y");
	int_is(o.service_account_issuer.n, 2);
	cstr_is(o.service_account_issuer.v[0], "https://a,b");
	options_fini(&o);
}

static void test_scalars(void)
{
	struct options o;
	char *error;

	ok(!parse("--client-ca-file=a|--client-ca-file=b|--tls-cert-file=|--request-timeout=1500us"
		  "|--anonymous-auth=F|--bind-address= ::1 |--cluster-state=|--check", &o, &error));
	cstr_is(o.client_ca_file, "b");
	ok(!o.tls_cert_file && !o.cluster_state);
	int_is(o.request_timeout_ms, 2);
	ok(!o.anonymous_auth && o.check);
	cstr_is(o.bind_address, "::1");
	options_fini(&o);
	ok(!parse("--shutdown-delay-duration=-1ms|--request-timeout=-1us", &o, &error));
	int_is(o.shutdown_delay_ms, -1);
	int_is(o.request_timeout_ms, -1);
	options_fini(&o);
}

static void test_version(void)
{
	static const struct {
		const char *line;
		bool version, raw;
	} rows[] = {
		{ "--version", true, false }, { "--version=true", true, false },
		{ "--version=false", false, false }, { "--version=raw", true, true },
		{ "--version=v1.36.2-x", false, false }, { "--version=raw|--version", true, false },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct options o;

		if (!parses(rows[i].line, &o))
			continue;
		ok(o.version == rows[i].version && o.version_raw == rows[i].raw);
		options_fini(&o);
	}
}

static const char *value_for(enum option_type type)
{
	switch (type) {
	case OPTION_BOOL: return NULL;
	case OPTION_VERSION: return NULL;
	case OPTION_INT: return "3";
	case OPTION_FLOAT: return "0.5";
	case OPTION_DURATION: return "5s";
	case OPTION_IP: return "10.0.0.1";
	case OPTION_STRING: return "text";
	case OPTION_STRINGS: return "a,b";
	case OPTION_ARRAY: return "a";
	case OPTION_SNI: return "a,b";
	case OPTION_MAP: return "a=b";
	}
	return NULL;
}

/* Each option takes a value of its type in both forms, and only the ignored ones are noted. */
static void test_every_option_of_the_table(void)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_def *d = &option_table[i];
		const char *value = value_for(d->type);
		struct strbuf line = STRBUF_INIT;
		struct options o;
		char *error = NULL;

		tap_row(d->name);
		strbuf_addf(&line, "--%s", d->name);
		if (value)
			strbuf_addf(&line, "=%s|--%s|%s", value, d->name, value);
		if (!ok(!parse(line.p, &o, &error)))
			tap_note("%s", error);
		int_is(o.ignored.n, d->group == GROUP_IGNORED);
		free(error);
		options_fini(&o);
		strbuf_fini(&line);
	}
}

static void test_names_are_unique(void)
{
	for (size_t i = 0; i < option_count; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(option_table[i].name, option_table[k].name))
				cstr_is(option_table[i].name, "unique");
	ok(option_count > 150);
}

static void test_one_warning_names_the_ignored(void)
{
	char *text = NULL, *error;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct options o;

	log_set_file(out);
	ok(!parse("--secure-port=7", &o, &error));
	options_log_ignored(&o);
	options_fini(&o);
	fflush(out);
	int_is(size, 0);
	ok(!parse("--etcd-servers=a|--profiling=false|--etcd_servers=b"
		  "|--service-account-jwks-uri=https://x", &o, &error));
	options_log_ignored(&o);
	options_fini(&o);
	log_set_file(NULL);
	fclose(out);
	ok(text[0] == 'W');
	ok(strstr(text, "] flags without effect in this version: --etcd-servers, --profiling, "
		  "--service-account-jwks-uri\n") != NULL);
	free(text);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_defaults),
		TAP(test_forms),
		TAP(test_short_flags),
		TAP(test_errors),
		TAP(test_removed_flags_are_unknown),
		TAP(test_lists),
		TAP(test_scalars),
		TAP(test_version),
		TAP(test_every_option_of_the_table),
		TAP(test_names_are_unique),
		TAP(test_one_warning_names_the_ignored),
		TAP_END
	};

	return tap_main(tests);
}
