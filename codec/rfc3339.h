/* SPDX-License-Identifier: Apache-2.0 */
/* Times as Kubernetes writes them in JSON: RFC 3339, with any number of fraction digits. */
#ifndef CODEC_RFC3339_H
#define CODEC_RFC3339_H

#include "base/str.h"

/* Seconds since the epoch and nanoseconds (digits beyond nine are cut off). ERR_SYNTAX. */
int rfc3339_parse(struct str text, int64_t *seconds, int32_t *nanos);

#endif
