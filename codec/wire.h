/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf's wire format as kube-apiserver's decoder reads it (spec 23 section 2).  All functions
 * advance *p, never beyond end, and return 0 or ERR_SYNTAX; after an error *p is meaningless.
 */
#ifndef CODEC_WIRE_H
#define CODEC_WIRE_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_GROUP = 3,
	WIRE_END_GROUP = 4,
	WIRE_FIXED32 = 5,
};

/* Padding is fine and bits beyond 64 are lost; the 11th byte is an error. */
int wire_varint_long(const uint8_t **p, const uint8_t *end, uint64_t *out);

static inline int wire_varint(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	if (*p < end && **p < 0x80) {
		*out = *(*p)++;
		return 0;
	}
	return wire_varint_long(p, end, out);
}

/* A length and that many bytes. */
static inline int wire_bytes(const uint8_t **p, const uint8_t *end, struct str *out)
{
	uint64_t n;
	int rc = wire_varint(p, end, &n);

	if (rc < 0)
		return rc;
	if (n > (uint64_t)(end - *p))
		return ERR_SYNTAX;
	*out = str_make((const char *)*p, (size_t)n);
	*p += n;
	return 0;
}

/* One whole field, tag included; groups to the end tag that balances them, numbers not compared. */
int wire_skip(const uint8_t **p, const uint8_t *end);

#endif
