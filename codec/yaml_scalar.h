/* SPDX-License-Identifier: Apache-2.0 */
/* What a YAML scalar means in JSON, typed as Kubernetes' YAML library does (YAML 1.1). */
#ifndef CODEC_YAML_SCALAR_H
#define CODEC_YAML_SCALAR_H

#include <jansson.h>
#include <stdbool.h>
#include <yaml.h>

/* A new value, or NULL and *reason (static text). */
json_t *yaml_scalar_value(const yaml_event_t *e, const char **reason);
/* The text of a key (owned, free), or NULL and *reason; *is_merge: it is the merge key <<. */
char *yaml_scalar_key(const yaml_event_t *e, bool *is_merge, const char **reason);

#endif
