/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authenticators' configuration snapshot: built by the control thread from file contents,
 * read by the workers.
 */
#ifndef AUTHN_AUTHN_CONFIG_H
#define AUTHN_AUTHN_CONFIG_H

#include "authn/authn.h"
#include "conf/flag_value.h"
#include "conf/problems.h"

struct x509_trust;	/* authn/x509.h */
struct token_file;	/* authn/token_file.h */
struct basic_file;	/* authn/basic_file.h */
struct service_accounts;	/* authn/service_account.h */

struct authn_config {
	struct snapshot snapshot;	/* first member */
	struct x509_trust *x509;	/* owned; NULL: no --client-ca-file */
	struct token_file *tokens;	/* owned; NULL: no --token-auth-file */
	struct basic_file *passwords;	/* owned; NULL: no --basic-auth-file */
	/* owned; NULL: no --service-account-key-file */
	struct service_accounts *service_accounts;
	uint64_t generation;		/* no other configuration of this process has it */
	bool anonymous;
	/* Paths for which anonymous is allowed; NULL: all (AuthenticationConfiguration, later). */
	struct str *anonymous_paths;
	size_t anonymous_path_count;
};

/* Where each part comes from: paths as given, NULL when absent. */
struct authn_sources {
	const char *client_ca_file;
	const char *token_auth_file;
	const char *basic_auth_file;
	bool anonymous;
	/* NULL: none; borrowed as long as any snapshot made of them. */
	const struct option_list *service_account_key_files, *service_account_issuers;
	const struct option_list *api_audiences;	/* without any: the issuers */
	bool service_account_lookup;
};

/*
 * Reads all files (blocking: control thread or start).  Problems of any file are added to p and
 * then NULL is returned; otherwise a snapshot with one reference.
 */
struct authn_config *authn_config_load(const struct authn_sources *s, struct problems *p);

#endif
