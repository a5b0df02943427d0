/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_CHECK_H
#define CODEC_JSON_CHECK_H

#include "base/str.h"

/* Size, nesting and number of values of a JSON text, before anything is built. 0 or ERR_LIMIT. */
int json_check_limits(struct str text);
/* The same with another number of values. */
int json_check_values(struct str text, size_t values_max);

#endif
