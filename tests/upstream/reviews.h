/* SPDX-License-Identifier: Apache-2.0 */
/* Reviews: objects that are created to be answered and never stored. */
#ifndef TESTS_UPSTREAM_REVIEWS_H
#define TESTS_UPSTREAM_REVIEWS_H

#include "tests/upstream/rest.h"

void review_create(struct rest *r);
/* {username, uid, groups, extra} of a user. */
json_t *review_user_info(const struct user *u);

#endif
