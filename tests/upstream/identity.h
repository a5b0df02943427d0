/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a request is from, as kube-apiserver decides it: front-proxy headers under a front-proxy
 * certificate, else the client certificate, else anonymous.
 */
#ifndef TESTS_UPSTREAM_IDENTITY_H
#define TESTS_UPSTREAM_IDENTITY_H

#include "authn/user.h"
#include "http/transport.h"

#define IDENTITY_NAMES_MAX 8

struct identity_names {
	const char *v[IDENTITY_NAMES_MAX];
	size_t n;
};

struct identity_options {
	const char *client_ca_file;
	const char *requestheader_ca_file;
	struct identity_names allowed_names;
	struct identity_names username_headers, uid_headers, group_headers, extra_prefixes;
	bool anonymous;
};

struct identity;

/* options are borrowed. ERR_IO, ERR_SYNTAX with *reason (owned by the caller). */
int identity_new(const struct identity_options *o, struct identity **out, char **reason);
void identity_free(struct identity *id);
/* 0 with *user in the arena, or ERR_REFUSED: 401. Removes the headers it used. */
int identity_of(const struct identity *id, struct http_connection *connection,
		struct http_headers *headers, struct arena *a, struct user *user);

#endif
