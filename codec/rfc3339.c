/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/rfc3339.h"

#include <time.h>

#include "base/err.h"

/* Reads exactly n digits off *s and then the byte `then` (0: none). */
static int digits(struct str *s, size_t n, char then, int min, int max, int *out)
{
	uint64_t v;

	if (s->n < n + (then != 0) || str_to_u64(str_slice(*s, 0, n), &v) < 0)
		return ERR_SYNTAX;
	if (then && s->p[n] != then)
		return ERR_SYNTAX;
	*s = str_skip(*s, n + (then != 0));
	*out = (int)v;
	return *out < min || *out > max ? ERR_SYNTAX : 0;
}

static bool is_digit(struct str s)
{
	return s.n && s.p[0] >= '0' && s.p[0] <= '9';
}

static int fraction(struct str *s, int32_t *nanos)
{
	int32_t unit = 100000000;

	*nanos = 0;
	if (!s->n || s->p[0] != '.')
		return 0;
	*s = str_skip(*s, 1);
	if (!is_digit(*s))
		return ERR_SYNTAX;
	for (; is_digit(*s); *s = str_skip(*s, 1), unit /= 10)
		*nanos += unit * (s->p[0] - '0');
	return 0;
}

/* Z or an offset, in seconds east of Greenwich. */
static int zone(struct str s, int *offset)
{
	int hours, minutes, sign = s.n && s.p[0] == '-' ? -1 : 1;

	*offset = 0;
	if (str_eq(s, STR("Z")))
		return 0;
	if (!s.n || (s.p[0] != '+' && s.p[0] != '-'))
		return ERR_SYNTAX;
	s = str_skip(s, 1);
	if (digits(&s, 2, ':', 0, 23, &hours) < 0 || digits(&s, 2, 0, 0, 59, &minutes) < 0 || s.n)
		return ERR_SYNTAX;
	*offset = sign * (hours * 3600 + minutes * 60);
	return 0;
}

int rfc3339_parse(struct str text, int64_t *seconds, int32_t *nanos)
{
	struct tm tm = { 0 }, back;
	time_t t;
	int year, month, offset;

	if (digits(&text, 4, '-', 0, 9999, &year) < 0 ||
	    digits(&text, 2, '-', 1, 12, &month) < 0 ||
	    digits(&text, 2, 'T', 1, 31, &tm.tm_mday) < 0 ||
	    digits(&text, 2, ':', 0, 23, &tm.tm_hour) < 0 ||
	    digits(&text, 2, ':', 0, 59, &tm.tm_min) < 0 ||
	    digits(&text, 2, 0, 0, 59, &tm.tm_sec) < 0 ||
	    fraction(&text, nanos) < 0 || zone(text, &offset) < 0)
		return ERR_SYNTAX;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	back = tm;
	t = timegm(&back);
	if (back.tm_mday != tm.tm_mday)
		return ERR_SYNTAX;	/* the 30th of February */
	*seconds = (int64_t)t - offset;
	return 0;
}
