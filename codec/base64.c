/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/base64.h"

#include "base/err.h"

static int value_of(char c)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *hit = c ? strchr(letters, c) : NULL;

	return hit ? (int)(hit - letters) : -1;
}

/* Digits of one group of four: data digits, then padding. */
struct group {
	uint32_t bits;
	unsigned digits, padding;
};

static int group_add(struct group *g, char c)
{
	int v = value_of(c);

	if (c == '=' && g->digits >= 2) {
		g->padding++;
		return 0;
	}
	if (v < 0 || g->padding)
		return ERR_SYNTAX;
	g->bits = g->bits << 6 | (uint32_t)v;
	g->digits++;
	return 0;
}

static size_t group_bytes(const struct group *g, char *to)
{
	uint32_t bits = g->bits << 6 * (4 - g->digits);

	to[0] = (char)(bits >> 16);
	to[1] = (char)(bits >> 8);
	to[2] = (char)bits;
	return g->digits - 1;
}

int base64_decode(struct str text, struct arena *a, struct str *out)
{
	char *to = arena_alloc(a, text.n / 4 * 3 + 4);
	struct group g = { 0 };
	bool ended = false;
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\r' || text.p[i] == '\n')
			continue;
		if (ended || group_add(&g, text.p[i]) < 0)
			return ERR_SYNTAX;
		if (g.digits + g.padding < 4)
			continue;
		n += group_bytes(&g, to + n);
		ended = g.padding > 0;
		g = (struct group){ 0 };
	}
	*out = str_make(to, n);
	return g.digits ? ERR_SYNTAX : 0;
}
