/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/query.h"

bool query_decode(struct arena *a, struct str in, bool is_path, struct str *out)
{
	char *p;
	size_t n = 0;

	*out = in;
	if (str_find(in, '%', 0) < 0 && (is_path || str_find(in, '+', 0) < 0))
		return true;
	p = arena_alloc(a, in.n);
	for (size_t i = 0; i < in.n; i++) {
		int byte = (unsigned char)in.p[i];

		if (byte == '%') {
			byte = str_percent_byte(in, i);
			i += 2;
		} else if (byte == '+' && !is_path) {
			byte = ' ';
		}
		if (byte < 0)
			return false;
		p[n++] = (char)byte;
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
		if (!query_decode(q->arena, str_slice(piece, 0, eq < 0 ? piece.n : (size_t)eq),
				  false, key) ||
		    !query_decode(q->arena, eq < 0 ? STR_NULL : str_skip(piece, (size_t)eq + 1),
				  false, value))
			continue;
		return true;
	}
	return false;
}
