/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of service accounts (spec 02 section 8), in both forms: legacy ones, that stand in a
 * Secret (issuer "kubernetes/serviceaccount"), and bound ones, that TokenRequest issues (a
 * configured issuer).  What a token is bound to must still be there: the objects are asked for
 * through r->source, all at once.  Accepted tokens are remembered in r->tokens.
 *
 * Immutable once loaded; readers need no lock.
 */
#ifndef AUTHN_SERVICE_ACCOUNT_H
#define AUTHN_SERVICE_ACCOUNT_H

#include "authn/authn.h"
#include "conf/flag_value.h"
#include "conf/problems.h"

#define SERVICE_ACCOUNT_LEEWAY_S 60	/* of times in claims, and of deletion timestamps */

struct service_accounts;

/*
 * The lists are borrowed; audiences may be NULL or empty: the issuers then.  lookup: whether legacy
 * tokens are compared with their Secret; bound ones always are.
 */
struct service_accounts *service_accounts_new(const struct option_list *issuers,
					      const struct option_list *audiences, bool lookup);
/* A problem is added when no key is in the text. */
void service_accounts_add_keys(struct service_accounts *s, const char *path, struct str text,
			       struct problems *p);
void service_accounts_free(struct service_accounts *s);	/* NULL is allowed */

/* As an authenticator's; NONE for what is no token of a service account, or when not configured. */
enum authn_result service_account_authenticate(struct authn_request *r, struct str token);

#endif
