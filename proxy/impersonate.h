/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a request may be made as somebody else (spec 04 sections 3 and 4): the modes in their
 * order, each a row of questions to the authorization chain, all about one policy.  Nothing is
 * remembered between requests, so that a right which is taken away ends with the next request.
 * A value in its request's arena, on its worker's thread.
 */
#ifndef PROXY_IMPERSONATE_H
#define PROXY_IMPERSONATE_H

#include "authn/impersonation.h"
#include "authz/authz.h"
#include "http/status.h"

/* Above so many questions of one kind the constrained modes first ask for all at once. */
#define IMPERSONATION_MANY 4

enum impersonation_mode {
	IMPERSONATION_ASSOCIATED_NODE,
	IMPERSONATION_ARBITRARY_NODE,
	IMPERSONATION_SERVICE_ACCOUNT,
	IMPERSONATION_USER_INFO,
	IMPERSONATION_LEGACY,
	IMPERSONATION_MODES
};

struct impersonation {
	struct arena *arena;		/* borrowed */
	struct user requester, wanted;
	struct impersonated_name name;	/* of wanted */
	/* results */
	struct user user;		/* ALLOW: who the request is from now on */
	const char *constraint;		/* "impersonate:user-info", NULL in the legacy mode */
	struct forbidden refusal;	/* else: what the first mode that applied says */
	/* private: where it is */
	struct attributes request;	/* the real one */
	struct user associate;		/* the requester as the associated-node mode shows it */
	struct authz_request authz;	/* the question that is being asked */
	struct attributes question;
	bool is_gated, asking, is_refused;
	enum impersonation_mode mode;
	size_t part;
	size_t asked;			/* questions of this part */
	size_t key, value;		/* of the extra that is asked for next */
};

/*
 * wanted has a name; request->user is the requester.  Strings are borrowed, the structs copied;
 * policy stays as long as there is PENDING.  is_gated: the gate ConstrainedImpersonation is on;
 * without it there is only the legacy mode, as it was before (spec 04 section 7).
 */
void impersonation_init(struct impersonation *im, const struct authz_policy *policy,
			const struct attributes *request, const struct user *wanted,
			bool is_gated, struct arena *a, void (*resume)(void *arg),
			void *resume_arg);
/* ALLOW, PENDING (call it again once resumed), anything else: refused. */
enum authz_decision impersonation_run(struct impersonation *im);

#endif
