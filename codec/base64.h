/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_BASE64_H
#define CODEC_BASE64_H

#include "base/arena.h"
#include "base/str.h"

/* Standard base64 (RFC 4648 section 4), padded; line breaks are skipped, as Go does. ERR_SYNTAX. */
int base64_decode(struct str text, struct arena *a, struct str *out);

#endif
