/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/query.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes `+` and %XX; false for an escape that is not one. */
static bool decode(struct arena *a, struct str in, struct str *out)
{
	char *p;
	size_t n = 0;

	if (str_find(in, '%', 0) < 0 && str_find(in, '+', 0) < 0) {
		*out = in;
		return true;
	}
	p = arena_alloc(a, in.n);
	for (size_t i = 0; i < in.n; i++) {
		int high, low;

		if (in.p[i] != '%') {
			p[n++] = in.p[i] == '+' ? ' ' : in.p[i];
			continue;
		}
		if (in.n - i < 3)
			return false;
		high = hex_value(in.p[i + 1]);
		low = hex_value(in.p[i + 2]);
		if (high < 0 || low < 0)
			return false;
		p[n++] = (char)(high << 4 | low);
		i += 2;
	}
	*out = str_make(p, n);
	return true;
}

void query_init(struct query *q, struct str raw, struct arena *a)
{
	size_t pieces = 1;

	for (size_t i = 0; i < raw.n; i++)
		pieces += raw.p[i] == '&';
	q->arena = a;
	q->rest = pieces > QUERY_PIECES_MAX ? STR_NULL : raw;
}

bool query_next(struct query *q, struct str *key, struct str *value)
{
	struct str piece;

	while (str_next(&q->rest, '&', &piece)) {
		ptrdiff_t eq = str_find(piece, '=', 0);

		if (!piece.n || str_find(piece, ';', 0) >= 0)
			continue;
		if (!decode(q->arena, eq < 0 ? piece : str_slice(piece, 0, (size_t)eq), key) ||
		    !decode(q->arena, eq < 0 ? STR_NULL : str_skip(piece, (size_t)eq + 1), value))
			continue;
		return true;
	}
	return false;
}
