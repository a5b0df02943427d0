/* SPDX-License-Identifier: Apache-2.0 */
/* Documents about the server itself: versions, groups, resources, schemas, health. */
#ifndef TESTS_UPSTREAM_DISCOVERY_H
#define TESTS_UPSTREAM_DISCOVERY_H

#include "tests/upstream/server.h"

/* Answers a path that is no resource; false when it is none of ours. */
bool discovery_call(struct call *c);

#endif
