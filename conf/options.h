/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: kube-apiserver's flag names and value forms (spec 09 section 1) and our own,
 * from one table (conf/options_list.h) that also makes --help, the man page and the test that no
 * option is undocumented.  Parsed once; the result is constant.
 */
#ifndef CONF_OPTIONS_H
#define CONF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/feature_gates.h"
#include "conf/flag_value.h"
#include "conf/problems.h"

enum upstream_authorization {
	UPSTREAM_AUTHORIZATION_ENFORCING,
	UPSTREAM_AUTHORIZATION_NONE,
};

enum authorization_mode {
	MODE_ALWAYS_ALLOW, MODE_ALWAYS_DENY, MODE_ABAC, MODE_WEBHOOK, MODE_RBAC, MODE_NODE,
};
#define AUTHORIZATION_MODES_MAX 6
#define NODE_AUTHORIZER_WAIT_MAX_MS 10000

/* All strings are owned and NULL when the flag is absent and has no default. */
struct options {
	/* serving */
	char *bind_address;
	int64_t secure_port;
	char *tls_cert_file, *tls_private_key_file;
	struct option_list tls_sni_cert_key;	/* flag_sni_parse reads each; syntax is checked */
	char *tls_min_version;
	struct option_list tls_cipher_suites;
	char *health_bind_address;
	int64_t http2_max_streams;	/* of one connection; 0: H2_MAX_STREAMS */
	bool disable_http2;
	int64_t workers;		/* options_validate turns 0 into the processors */
	int64_t request_timeout_ms;
	/* authentication */
	char *client_ca_file, *token_auth_file, *basic_auth_file;
	bool anonymous_auth;
	struct option_list service_account_key_file, service_account_issuer, api_audiences;
	bool service_account_lookup;
	/* authorization and admission */
	struct option_list authorization_mode;	/* as given; modes[] is the parsed form */
	enum authorization_mode modes[AUTHORIZATION_MODES_MAX];
	size_t mode_count;
	struct option_list enable_admission_plugins, disable_admission_plugins;
	struct option_list admission_control;	/* the old form of the two */
	struct option_list feature_gates;	/* as given; gates is the parsed form */
	struct feature_gates gates;
	int64_t node_authorizer_wait_ms;	/* 0: none; <= NODE_AUTHORIZER_WAIT_MAX_MS */
	char *cluster_state;		/* "upstream" or a path */
	/* upstream */
	struct option_list upstream_servers;
	char *upstream_ca_file, *upstream_tls_server_name, *upstream_authorization_text;
	enum upstream_authorization upstream_authorization;
	char *proxy_client_cert_file, *proxy_client_key_file;
	char *upstream_user;		/* the identity of our own calls: system:kube-authproxy */
	struct option_list upstream_groups;	/* system:masters */
	/* shutdown, limits */
	int64_t shutdown_delay_ms;
	int64_t max_connections;	/* open client connections, all workers */
	int64_t max_handshakes;		/* TLS handshakes in flight, all workers */
	int64_t upstream_max_connections;	/* per upstream server and worker */
	/* process */
	int64_t verbosity;
	char *logging_format;
	bool check;			/* --check: validate and exit */
	bool help;
	bool version;
	bool version_raw;		/* --version=raw; version is set too */
	struct option_list ignored;	/* names of given flags that have no effect */
};

/*
 * Parses argv into *out (zeroed by it).  Errors of the syntax are as kube-apiserver words them
 * (spec 09 section 1) and end parsing at the first; 0 or ERR_SYNTAX with *error (owned text,
 * without "Error: " before it; *out is then empty).  Flags without effect are kept in out->ignored.
 */
int options_parse(int argc, char **argv, struct options *out, char **error);
/*
 * Everything that can be judged without opening files, all problems at once.  Fills the parsed
 * forms (modes, gates, upstream_authorization, workers), and names gates without effect in ignored;
 * warnings go to the log.
 */
void options_validate(struct options *o, struct problems *p);
void options_fini(struct options *o);
/* After options_validate. */
bool options_has_mode(const struct options *o, enum authorization_mode mode);
/* One warning that names the kube-apiserver flags that were given and have no effect here. */
void options_log_ignored(const struct options *o);
void options_print_help(FILE *out);
/* The OPTIONS section of the man page, in mdoc. */
void options_print_man(FILE *out);
/* The names of all options, one per line, without dashes. */
void options_print_names(FILE *out);

/*
 * Splits "host:port" or "[v6]:port"; without a port *port stays as it is.  *host is owned and has
 * no brackets.  ERR_SYNTAX.
 */
int options_host_port_parse(struct str text, char **host, uint16_t *port);
/* Splits "https://host[:port][/]", the port is 443 by default; ERR_SYNTAX. */
int options_upstream_parse(struct str url, char **host, uint16_t *port);

#endif
