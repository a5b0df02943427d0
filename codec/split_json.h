/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON formats of codec/split.h, for codec/split.c alone. */
#ifndef CODEC_SPLIT_JSON_H
#define CODEC_SPLIT_JSON_H

#include "codec/split.h"

int split_json_feed(struct split *s, const char *p, size_t n);
bool split_json_is_complete(const struct split *s);

#endif
