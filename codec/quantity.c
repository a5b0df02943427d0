/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/quantity.h"

#include "base/err.h"
#include "base/mem.h"

#define FINEST (-9)		/* exponent of the smallest step */
#define EXPONENT_MAX 1000	/* texts beyond it stay as they are */

typedef unsigned __int128 wide;

/* mantissa times ten to the exponent. */
struct number {
	bool negative, odd;	/* odd: too long to be computed with */
	bool is_binary;
	wide mantissa;
	int exponent;
};

static bool is_digit(struct str s)
{
	return s.n && s.p[0] >= '0' && s.p[0] <= '9';
}

static void multiply(struct number *n, unsigned by, unsigned add)
{
	wide v;

	if (__builtin_mul_overflow(n->mantissa, (wide)by, &v) ||
	    __builtin_add_overflow(v, (wide)add, &n->mantissa))
		n->odd = true;
}

/* Digits off *s; how many there were. */
static size_t read_digits(struct str *s, struct number *n)
{
	size_t count = 0;

	for (; is_digit(*s); *s = str_skip(*s, 1), count++)
		multiply(n, 10, (unsigned)(s->p[0] - '0'));
	return count;
}

static int read_mantissa(struct str *s, struct number *n)
{
	size_t whole, fraction = 0;

	if (s->n && (s->p[0] == '+' || s->p[0] == '-')) {
		n->negative = s->p[0] == '-';
		*s = str_skip(*s, 1);
	}
	whole = read_digits(s, n);
	if (s->n && s->p[0] == '.') {
		*s = str_skip(*s, 1);
		fraction = read_digits(s, n);
	}
	n->exponent = -(int)(fraction < EXPONENT_MAX ? fraction : EXPONENT_MAX);
	n->odd = n->odd || fraction >= EXPONENT_MAX;
	return whole + fraction ? 0 : ERR_SYNTAX;
}

/* "e3", "E-6" behind the mantissa. */
static int read_exponent(struct str s, struct number *n)
{
	bool negative = s.n > 1 && s.p[1] == '-';
	uint64_t v;

	s = str_skip(s, 1);
	if (s.n && (s.p[0] == '+' || s.p[0] == '-'))
		s = str_skip(s, 1);
	if (str_to_u64(s, &v) < 0)
		return ERR_SYNTAX;
	if (v > EXPONENT_MAX)
		n->odd = true;
	else
		n->exponent += negative ? -(int)v : (int)v;
	return 0;
}

static int read_suffix(struct str s, struct number *n)
{
	static const struct { struct str text; int power; } decimal[] = {
		{ { "n", 1 }, -9 }, { { "u", 1 }, -6 }, { { "m", 1 }, -3 }, { { "", 0 }, 0 },
		{ { "k", 1 }, 3 }, { { "M", 1 }, 6 }, { { "G", 1 }, 9 }, { { "T", 1 }, 12 },
		{ { "P", 1 }, 15 }, { { "E", 1 }, 18 },
	};
	static const char binary[] = "KMGTPE";
	const char *at;

	for (size_t i = 0; i < array_size(decimal); i++)
		if (str_eq(s, decimal[i].text)) {
			n->exponent += decimal[i].power;
			return 0;
		}
	at = s.n == 2 && s.p[1] == 'i' && s.p[0] ? strchr(binary, s.p[0]) : NULL;
	if (at) {
		n->is_binary = true;
		for (const char *k = binary; k <= at; k++)
			multiply(n, 1024, 0);
		return 0;
	}
	return s.p[0] == 'e' || s.p[0] == 'E' ? read_exponent(s, n) : ERR_SYNTAX;
}

static void normalize(struct number *n)
{
	while (n->mantissa && n->mantissa % 10 == 0) {
		n->mantissa /= 10;
		n->exponent++;
	}
	if (!n->mantissa)
		n->exponent = 0;
}

static void round_up(struct number *n)
{
	bool rest = false;

	for (; n->exponent < FINEST; n->exponent++) {
		rest = rest || n->mantissa % 10;
		n->mantissa /= 10;
	}
	n->mantissa += rest;
}

/* Binary ones have no positive exponent before they are normalized. */
static void cap(struct number *n)
{
	wide whole = n->mantissa;

	for (int e = n->exponent; e < 0; e++)
		whole /= 10;
	if (whole < (wide)INT64_MAX)
		return;
	n->mantissa = (wide)INT64_MAX;
	n->exponent = 0;
}

static void write(const struct number *n, struct strbuf *out)
{
	char digits[40];
	size_t at = sizeof(digits);
	wide v = n->mantissa;

	do
		digits[--at] = (char)('0' + (int)(v % 10));
	while (v /= 10);
	if (n->negative && n->mantissa)
		strbuf_add_char(out, '-');
	strbuf_add(out, digits + at, sizeof(digits) - at);
	if (n->exponent)
		strbuf_addf(out, "e%d", n->exponent);
}

int quantity_canonical(struct str text, struct strbuf *out)
{
	struct number n = { 0 };
	struct str rest = str_trim(text);

	if (read_mantissa(&rest, &n) < 0 || read_suffix(rest, &n) < 0)
		return ERR_SYNTAX;
	if (n.odd) {
		strbuf_add_str(out, str_trim(text));
		return 0;
	}
	if (n.is_binary)
		cap(&n);
	round_up(&n);
	normalize(&n);
	write(&n, out);
	return 0;
}
