/* SPDX-License-Identifier: Apache-2.0 */
/* Patches: merge (RFC 7386), JSON (RFC 6902), strategic merge (Kubernetes). */
#ifndef TESTS_UPSTREAM_PATCH_H
#define TESTS_UPSTREAM_PATCH_H

#include <jansson.h>

/* Changes target in place. Strings that do not fit are ignored, as there is no type to check. */
void patch_merge(json_t *target, const json_t *patch);
void patch_strategic(json_t *target, json_t *patch);
/*
 * Operations in order on *target, which may be replaced.
 * ERR_SYNTAX, ERR_NOT_FOUND, ERR_REFUSED (a test operation failed).
 */
int patch_json(json_t **target, const json_t *operations);

#endif
