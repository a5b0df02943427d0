/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/wire.h"

#include <stddef.h>

int wire_varint_long(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	const uint8_t *at = *p;
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (at >= end)
			return ERR_SYNTAX;
		v |= (uint64_t)(*at & 0x7f) << shift;
		if (*at++ < 0x80) {
			*p = at;
			*out = v;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

/* The value of a field of that type; *depth counts the groups that are open. */
static int skip_value(const uint8_t **p, const uint8_t *end, unsigned type, size_t *depth)
{
	struct str ignored;
	uint64_t v;

	switch (type) {
	case WIRE_VARINT:
		return wire_varint(p, end, &v);
	case WIRE_FIXED64:
	case WIRE_FIXED32:
		v = type == WIRE_FIXED64 ? 8 : 4;
		if ((uint64_t)(end - *p) < v)
			return ERR_SYNTAX;
		*p += v;
		return 0;
	case WIRE_BYTES:
		return wire_bytes(p, end, &ignored);
	case WIRE_GROUP:
		++*depth;
		return 0;
	case WIRE_END_GROUP:
		return (*depth)-- ? 0 : ERR_SYNTAX;
	}
	return ERR_SYNTAX;
}

int wire_skip(const uint8_t **p, const uint8_t *end)
{
	size_t depth = 0;
	uint64_t tag;
	int rc;

	do {
		rc = wire_varint(p, end, &tag);
		if (!rc)
			rc = skip_value(p, end, tag & 7, &depth);
	} while (!rc && depth);
	return rc;
}
