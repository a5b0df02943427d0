/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Who am I?" asked of the upstream as a made-up user with name, uid, groups and extra (a
 * SelfSubjectReview): what comes back shows whether identity passes whole (spec 06 section 1).
 */
#ifndef PROXY_SELF_REVIEW_H
#define PROXY_SELF_REVIEW_H

#include "authn/user.h"
#include "base/strbuf.h"

#define SELF_REVIEW_PATH "/apis/authentication.k8s.io/v1/selfsubjectreviews"

/* The made-up user; static. */
const struct user *self_review_user(void);
/* The request body, JSON; static. */
struct str self_review_body(void);
/*
 * Judges the answer.  0, or ERR_REFUSED with a sentence in *why that names the upstream flag to
 * look at.  own_name is the CN of the front-proxy certificate.
 */
int self_review_judge(int status, struct str body, struct str own_name, struct strbuf *why);

#endif
