/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "conf/flag_value.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"

static __thread char text[4096];

static int __attribute__((format(printf, 2, 3))) fail(const char **error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*error = text;
	return ERR_SYNTAX;
}

/* Go's strconv.NumError. */
static int fail_number(const char **error, const char *fn, struct str s, const char *why)
{
	struct strbuf quoted = STRBUF_INIT;
	int err;

	strbuf_add_go_quoted(&quoted, s);
	err = fail(error, "strconv.%s: parsing %s: %s", fn, quoted.p, why);
	strbuf_fini(&quoted);
	return err;
}

void option_list_add(struct option_list *l, struct str s)
{
	l->v = xreallocarray(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = xmemdup0(s.p, s.n);
}

void option_list_fini(struct option_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct option_list){ NULL, 0 };
}

int flag_bool_parse(struct str s, bool *out, const char **error)
{
	static const char *const words[] = {
		"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False",
	};

	for (size_t i = 0; i < array_size(words); i++) {
		if (str_eq(s, str_from(words[i]))) {
			*out = i < array_size(words) / 2;
			return 0;
		}
	}
	return fail_number(error, "ParseBool", s, "invalid syntax");
}

/* The value of a digit up to base 16, or 16. */
static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Takes the base's prefix off; *prefixed also for a plain leading zero (C's octal). */
static unsigned take_base(struct str *s, bool *prefixed)
{
	unsigned base = 8;

	*prefixed = s->n > 1 && s->p[0] == '0';
	if (!*prefixed)
		return 10;
	if (s->n > 2 && (s->p[1] | 0x20) == 'x')
		base = 16;
	else if (s->n > 2 && (s->p[1] | 0x20) == 'b')
		base = 2;
	*s = str_skip(*s, base != 8 || (s->n > 2 && (s->p[1] | 0x20) == 'o') ? 2 : 1);
	return base;
}

/* An underscore stands between digits, or between a prefix and a digit. */
static int parse_digits(struct str s, unsigned base, bool prefixed, uint64_t *out)
{
	bool may_underscore = prefixed, overflow = false;
	uint64_t v = 0;

	if (!s.n)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '_' && may_underscore && i + 1 < s.n) {
			may_underscore = false;
			continue;
		}
		if (digit(s.p[i]) >= base)
			return ERR_SYNTAX;
		overflow = overflow || __builtin_mul_overflow(v, base, &v) ||
			   __builtin_add_overflow(v, digit(s.p[i]), &v);
		may_underscore = true;
	}
	*out = v;
	return overflow ? ERR_LIMIT : 0;
}

int flag_int_parse(struct str s, int64_t *out, const char **error)
{
	bool negative = s.n && s.p[0] == '-', prefixed;
	struct str rest = s.n && (negative || s.p[0] == '+') ? str_skip(s, 1) : s;
	unsigned base = take_base(&rest, &prefixed);
	uint64_t v = 0;
	int err = parse_digits(rest, base, prefixed, &v);

	if (err == ERR_SYNTAX)
		return fail_number(error, "ParseInt", s, "invalid syntax");
	if (err || v > (uint64_t)INT64_MAX + negative)
		return fail_number(error, "ParseInt", s, "value out of range");
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int flag_float_check(struct str s, const char **error)
{
	char *copy = xmemdup0(s.p, s.n), *end;
	bool good;

	strtod(copy, &end);
	good = s.n && copy[0] > ' ' && end == copy + s.n;
	free(copy);
	return good ? 0 : fail_number(error, "ParseFloat", s, "invalid syntax");
}

int flag_ip_check(struct str s, const char **error)
{
	struct strbuf quoted = STRBUF_INIT;
	unsigned char address[sizeof(struct in6_addr)];
	char host[INET6_ADDRSTRLEN + 1] = "";
	int err;

	if (s.n < sizeof(host) && s.n)
		memcpy(host, s.p, s.n);
	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return 0;
	strbuf_add_go_quoted(&quoted, s);
	err = fail(error, "failed to parse IP: %s", quoted.p);
	strbuf_fini(&quoted);
	return err;
}

int flag_map_check(struct str s, const char **error)
{
	struct str piece;

	if (!s.n)
		return 0;
	while (str_next(&s, ',', &piece))
		if (piece.n && str_find(piece, '=', 0) < 0)
			return fail(error, "malformed pair, expect string=string");
	return 0;
}

static int fail_csv(const char **error, size_t at, const char *why)
{
	return fail(error, "parse error on line 1, column %zu: %s", at + 1, why);
}

/* Reads the quoted field whose opening quote is at *at; *at ends behind the closing one. */
static int csv_quoted(struct str s, size_t *at, struct strbuf *field, const char **error)
{
	size_t i = *at + 1;

	for (; i < s.n; i++) {
		if (s.p[i] != '"') {
			strbuf_add_char(field, s.p[i]);
		} else if (i + 1 < s.n && s.p[i + 1] == '"') {
			strbuf_add_char(field, '"');
			i++;
		} else if (i + 1 == s.n || s.p[i + 1] == ',' || s.p[i + 1] == '\n') {
			*at = i + 1;
			return 0;
		} else {
			return fail_csv(error, i, "extraneous or missing \" in quoted-field");
		}
	}
	return fail_csv(error, i, "extraneous or missing \" in quoted-field");
}

static int csv_plain(struct str s, size_t *at, struct strbuf *field, const char **error)
{
	size_t i = *at;

	for (; i < s.n && s.p[i] != ',' && s.p[i] != '\n'; i++) {
		if (s.p[i] == '"')
			return fail_csv(error, i, "bare \" in non-quoted-field");
		strbuf_add_char(field, s.p[i]);
	}
	*at = i;
	return 0;
}

int flag_csv_parse(struct str s, struct option_list *out, const char **error)
{
	struct strbuf field = STRBUF_INIT;
	size_t at = 0;
	int err = 0;

	if (!s.n)
		return 0;
	for (;;) {
		strbuf_clear(&field);
		if (at < s.n && s.p[at] == '"')
			err = csv_quoted(s, &at, &field, error);
		else
			err = csv_plain(s, &at, &field, error);
		if (err)
			break;
		option_list_add(out, strbuf_str(&field));
		if (at == s.n || s.p[at] != ',')
			break;
		at++;
	}
	strbuf_fini(&field);
	return err;
}

/* Blanks around file names and server names are not part of them. */
static char *trimmed(struct str s)
{
	s = str_trim(s);
	return xmemdup0(s.p, s.n);
}

int flag_sni_parse(struct str s, struct flag_sni *out, const char **error)
{
	ptrdiff_t colon = str_find(s, ':', 0), comma;
	struct str files = colon < 0 ? s : str_slice(s, 0, (size_t)colon);
	struct str names = colon < 0 ? STR_NULL : str_trim(str_skip(s, (size_t)colon + 1)), name;

	*out = (struct flag_sni){ .cert_file = NULL };
	if (colon >= 0 && !names.n)
		return fail(error, "empty names list is not allowed");
	comma = str_find(files, ',', 0);
	if (comma < 0 || str_find(files, ',', (size_t)comma + 1) >= 0)
		return fail(error, "expected comma separated certificate and key file paths");
	out->cert_file = trimmed(str_slice(files, 0, (size_t)comma));
	out->key_file = trimmed(str_skip(files, (size_t)comma + 1));
	while (colon >= 0 && str_next(&names, ',', &name))
		option_list_add(&out->names, str_trim(name));
	return 0;
}

void flag_sni_fini(struct flag_sni *sni)
{
	free(sni->cert_file);
	free(sni->key_file);
	option_list_fini(&sni->names);
}

/* Package time has a quoting of its own: every byte that is not ASCII as \xNN. */
static void add_time_quoted(struct strbuf *b, struct str s)
{
	strbuf_add_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x80 || c < ' ')
			strbuf_addf(b, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			strbuf_addf(b, "\\%c", c);
		else
			strbuf_add_char(b, (char)c);
	}
	strbuf_add_char(b, '"');
}

static int fail_duration(const char **error, struct str s)
{
	struct strbuf quoted = STRBUF_INIT;
	int err;

	add_time_quoted(&quoted, s);
	err = fail(error, "time: invalid duration %s", quoted.p);
	strbuf_fini(&quoted);
	return err;
}

static int fail_unit(const char **error, struct str s, struct str unit)
{
	struct strbuf quoted = STRBUF_INIT, quoted_unit = STRBUF_INIT;
	int err;

	add_time_quoted(&quoted, s);
	add_time_quoted(&quoted_unit, unit);
	if (unit.n)
		err = fail(error, "time: unknown unit %s in duration %s", quoted_unit.p, quoted.p);
	else
		err = fail(error, "time: missing unit in duration %s", quoted.p);
	strbuf_fini(&quoted);
	strbuf_fini(&quoted_unit);
	return err;
}

static uint64_t unit_ns(struct str unit)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "\xc2\xb5s", 1000 }, { "\xce\xbcs", 1000 },
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 },
		{ "h", 3600000000000 },
	};

	for (size_t i = 0; i < array_size(units); i++)
		if (str_eq(unit, str_from(units[i].name)))
			return units[i].ns;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct number {
	uint64_t whole, fraction;
	double scale;		/* what the fraction is divided by */
	bool has_digits;
};

#define NS_MAX ((uint64_t)1 << 63)

/* Digits beyond what fits are dropped, as Go does. */
static void add_fraction_digit(struct number *n, char c, bool *full)
{
	*full = *full || n->fraction > (NS_MAX - 1) / 10;
	if (*full)
		return;
	n->fraction = n->fraction * 10 + (uint64_t)(c - '0');
	n->scale *= 10;
}

/* Takes "12.5" off *s; ERR_LIMIT when the whole part is too big. */
static int take_number(struct str *s, struct number *n)
{
	bool full = false;
	size_t i = 0;

	*n = (struct number){ .scale = 1 };
	for (; i < s->n && is_digit(s->p[i]); i++) {
		n->has_digits = true;
		if (n->whole > NS_MAX / 10)
			return ERR_LIMIT;
		n->whole = n->whole * 10 + (uint64_t)(s->p[i] - '0');
	}
	if (i < s->n && s->p[i] == '.') {
		for (i++; i < s->n && is_digit(s->p[i]); i++) {
			n->has_digits = true;
			add_fraction_digit(n, s->p[i], &full);
		}
	}
	*s = str_skip(*s, i);
	return n->whole > NS_MAX ? ERR_LIMIT : 0;
}

static struct str take_unit(struct str *s)
{
	struct str unit;
	size_t i = 0;

	while (i < s->n && s->p[i] != '.' && !is_digit(s->p[i]))
		i++;
	unit = str_slice(*s, 0, i);
	*s = str_skip(*s, i);
	return unit;
}

/* Adds number * unit to *total, in nanoseconds; ERR_LIMIT beyond Go's range. */
static int add_part(uint64_t *total, const struct number *n, uint64_t unit)
{
	uint64_t ns;

	if (n->whole > NS_MAX / unit)
		return ERR_LIMIT;
	ns = n->whole * unit + (uint64_t)((double)n->fraction * ((double)unit / n->scale));
	if (ns > NS_MAX || *total + ns > NS_MAX)
		return ERR_LIMIT;
	*total += ns;
	return 0;
}

int duration_parse(struct str s, int64_t *us, const char **error)
{
	bool negative = s.n && s.p[0] == '-';
	struct str rest = s.n && (negative || s.p[0] == '+') ? str_skip(s, 1) : s;
	uint64_t total = 0;

	*us = 0;
	if (str_eq(rest, STR("0")))
		return 0;
	if (!rest.n)
		return fail_duration(error, s);
	while (rest.n) {
		struct number n;
		struct str unit;

		if (take_number(&rest, &n) || !n.has_digits)
			return fail_duration(error, s);
		unit = take_unit(&rest);
		if (!unit_ns(unit))
			return fail_unit(error, s, unit);
		if (add_part(&total, &n, unit_ns(unit)))
			return fail_duration(error, s);
	}
	if (total > (uint64_t)INT64_MAX && !negative)
		return fail_duration(error, s);
	*us = (int64_t)(total / 1000 + (total % 1000 != 0));
	if (negative)
		*us = -*us;
	return 0;
}
