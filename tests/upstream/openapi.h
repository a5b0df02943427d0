/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI documents without schemas: kubectl finds in them that the server knows dryRun and
 * fieldValidation, and leaves validation to it.
 */
#ifndef TESTS_UPSTREAM_OPENAPI_H
#define TESTS_UPSTREAM_OPENAPI_H

#include "tests/upstream/server.h"

/* Answers a path under /openapi/. */
void openapi_call(struct call *c, struct str path);

#endif
