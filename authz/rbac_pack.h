/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings and counts in a row, as the RBAC store keeps them: a 32-bit number in host order, or
 * a number and that many bytes.  Written and read by the store and the index only, hence trusted.
 */
#ifndef AUTHZ_RBAC_PACK_H
#define AUTHZ_RBAC_PACK_H

#include "base/check.h"
#include "base/strbuf.h"

struct rbac_unpack {
	const char *p;
};

static inline void rbac_pack_number(struct strbuf *b, uint32_t n)
{
	strbuf_add(b, &n, sizeof(n));
}

static inline void rbac_pack_str(struct strbuf *b, struct str s)
{
	CHECK(s.n < UINT32_MAX);
	rbac_pack_number(b, (uint32_t)s.n);
	strbuf_add_str(b, s);
}

static inline uint32_t rbac_unpack_number(struct rbac_unpack *u)
{
	uint32_t n;

	memcpy(&n, u->p, sizeof(n));
	u->p += sizeof(n);
	return n;
}

static inline struct str rbac_unpack_str(struct rbac_unpack *u)
{
	uint32_t n = rbac_unpack_number(u);
	struct str s = str_make(u->p, n);

	u->p += n;
	return s;
}

#endif
