/* SPDX-License-Identifier: Apache-2.0 */
/* What the token of a service account claims, in both forms; private to authn/. */
#ifndef AUTHN_SERVICE_ACCOUNT_CLAIMS_H
#define AUTHN_SERVICE_ACCOUNT_CLAIMS_H

#include "authn/jwt.h"
#include "authn/user.h"
#include "base/arena.h"

#define SERVICE_ACCOUNT_LEGACY_ISSUER "kubernetes/serviceaccount"

enum token_form { TOKEN_LEGACY, TOKEN_BOUND };
#define TOKEN_FORMS 2

/* A reference to an object; present with empty members when the claim says so. */
struct claimed_object {
	bool there;
	struct str name, uid;
};

/* All strings are in the arena. */
struct token_claims {
	enum token_form form;
	struct str id, subject, namespace;
	struct claimed_object account, pod, node, secret;
	const struct str *audiences;
	size_t audience_count;
	bool has_expiry, has_not_before, has_issued_at;
	int64_t expiry, not_before, issued_at;	/* seconds since the epoch */
};

/*
 * Reads the claims of a verified token; a text says what is wrong with them, NULL: nothing.  No
 * name in Kubernetes has U+0000, so that a claim with it is wrong.
 */
const char *token_claims_read(const struct jwt *t, enum token_form form, struct arena *a,
			      struct token_claims *out);
/* The time (bound tokens), what must be there and fit (legacy ones); likewise. */
const char *token_claims_check(const struct token_claims *c, int64_t now_us);
/* The service account as a user (spec 02 section 8). */
void token_claims_user(const struct token_claims *c, struct arena *a, struct user *out);

#endif
