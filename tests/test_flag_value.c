/* SPDX-License-Identifier: Apache-2.0 */
/* The tables are what Go's strconv, time and encoding/csv answer. */
#include "config.h"

#include "conf/flag_value.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/tap.h"

/* err and error are of one call: both say the same. */
static void error_is(int err, const char *error, const char *want)
{
	int_is(err, want ? ERR_SYNTAX : 0);
	if (want)
		cstr_is(error, want);
}

static void test_durations(void)
{
	static const struct {
		const char *in;
		int64_t us;
		const char *error;
	} rows[] = {
		{ "", 0, "time: invalid duration \"\"" },
		{ "0", 0, NULL },
		{ "+0", 0, NULL },
		{ "-0", 0, NULL },
		{ "1", 0, "time: missing unit in duration \"1\"" },
		{ "30", 0, "time: missing unit in duration \"30\"" },
		{ "-5s", -5000000, NULL },
		{ "+5s", 5000000, NULL },
		{ "1m30s", 90000000, NULL },
		{ "1.5h", 5400000000, NULL },
		{ "100ms", 100000, NULL },
		{ "1us", 1, NULL },
		{ "1\302\265s", 1, NULL },
		{ "1\316\274s", 1, NULL },
		{ "1ns", 1, NULL },
		{ "1500ns", 2, NULL },
		{ "2h45m10.5s", 9910500000, NULL },
		{ "abc", 0, "time: invalid duration \"abc\"" },
		{ "1x", 0, "time: unknown unit \"x\" in duration \"1x\"" },
		{ "1s2", 0, "time: missing unit in duration \"1s2\"" },
		{ "1.", 0, "time: missing unit in duration \"1.\"" },
		{ "1.s", 1000000, NULL },
		{ ".5s", 500000, NULL },
		{ ".s", 0, "time: invalid duration \".s\"" },
		{ "-", 0, "time: invalid duration \"-\"" },
		{ ".", 0, "time: invalid duration \".\"" },
		{ "1 s", 0, "time: unknown unit \" s\" in duration \"1 s\"" },
		{ "1h-2m", 0, "time: unknown unit \"h-\" in duration \"1h-2m\"" },
		{ "0.000000001s", 1, NULL },
		{ "0.1234567891234567891234s", 123457, NULL },
		{ "9223372036.854775807s", 9223372036854776, NULL },
		{ "9223372036.854775808s", 0, "time: invalid duration \"9223372036.854775808s\"" },
		{ "-9223372036.854775808s", -9223372036854776, NULL },
		{ "9223372036854775808ns", 0, "time: invalid duration \"9223372036854775808ns\"" },
		{ "9999999999999999999999s", 0,
		  "time: invalid duration \"9999999999999999999999s\"" },
		{ "2562047h47m16.854775807s", 9223372036854776, NULL },
		{ "9223372036854775807ns", 9223372036854776, NULL },
		{ "9223372036854775809ns", 0,
		  "time: invalid duration \"9223372036854775809ns\"" },
		{ "9223372036.9s", 0, "time: invalid duration \"9223372036.9s\"" },
		{ "2562047h48m", 0, "time: invalid duration \"2562047h48m\"" },
		{ "3000000h", 0, "time: invalid duration \"3000000h\"" },
		{ "\"x\\", 0, "time: invalid duration \"\\\"x\\\\\"" },
		{ "1\303\251", 0, "time: unknown unit \"\\xc3\\xa9\" in duration \"1\\xc3\\xa9\"" },
		{ "\001s", 0, "time: invalid duration \"\\x01s\"" },
		{ "1s\377", 0, "time: unknown unit \"s\\xff\" in duration \"1s\\xff\"" },
		{ "1d", 0, "time: unknown unit \"d\" in duration \"1d\"" },
		{ "1S", 0, "time: unknown unit \"S\" in duration \"1S\"" },
		{ "0x1s", 0, "time: unknown unit \"x\" in duration \"0x1s\"" },
		{ "1e3s", 0, "time: unknown unit \"e\" in duration \"1e3s\"" },
		{ "60", 0, "time: missing unit in duration \"60\"" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		const char *error = NULL;
		int64_t us = -1;
		int err = duration_parse(str_from(rows[i].in), &us, &error);

		tap_row(rows[i].in);
		error_is(err, error, rows[i].error);
		if (!err)
			int_is(us, rows[i].us);
	}
}

static void test_integers(void)
{
	static const struct {
		const char *in;
		int64_t value;
		const char *error;
	} rows[] = {
		{ "", 0, "strconv.ParseInt: parsing \"\": invalid syntax" },
		{ "0", 0, NULL },
		{ "00", 0, NULL },
		{ "017", 15, NULL },
		{ "08", 0, "strconv.ParseInt: parsing \"08\": invalid syntax" },
		{ "0o17", 15, NULL },
		{ "0O17", 15, NULL },
		{ "0x10", 16, NULL },
		{ "0X1f", 31, NULL },
		{ "0xg", 0, "strconv.ParseInt: parsing \"0xg\": invalid syntax" },
		{ "0x", 0, "strconv.ParseInt: parsing \"0x\": invalid syntax" },
		{ "0b1", 1, NULL },
		{ "0b102", 0, "strconv.ParseInt: parsing \"0b102\": invalid syntax" },
		{ "0b", 0, "strconv.ParseInt: parsing \"0b\": invalid syntax" },
		{ "1_000", 1000, NULL },
		{ "1__000", 0, "strconv.ParseInt: parsing \"1__000\": invalid syntax" },
		{ "_1", 0, "strconv.ParseInt: parsing \"_1\": invalid syntax" },
		{ "1_", 0, "strconv.ParseInt: parsing \"1_\": invalid syntax" },
		{ "0_1", 1, NULL },
		{ "0x_1f", 31, NULL },
		{ "0x1f_", 0, "strconv.ParseInt: parsing \"0x1f_\": invalid syntax" },
		{ "0o_7", 7, NULL },
		{ "-5", -5, NULL },
		{ "+5", 5, NULL },
		{ "-", 0, "strconv.ParseInt: parsing \"-\": invalid syntax" },
		{ "+", 0, "strconv.ParseInt: parsing \"+\": invalid syntax" },
		{ "--5", 0, "strconv.ParseInt: parsing \"--5\": invalid syntax" },
		{ "-0x10", -16, NULL },
		{ "9223372036854775807", INT64_MAX, NULL },
		{ "9223372036854775808", 0,
		  "strconv.ParseInt: parsing \"9223372036854775808\": value out of range" },
		{ "-9223372036854775808", INT64_MIN, NULL },
		{ "-9223372036854775809", 0,
		  "strconv.ParseInt: parsing \"-9223372036854775809\": value out of range" },
		{ "99999999999999999999", 0,
		  "strconv.ParseInt: parsing \"99999999999999999999\": value out of range" },
		{ "18446744073709551616", 0,
		  "strconv.ParseInt: parsing \"18446744073709551616\": value out of range" },
		{ "0x1ffffffffffffffff1", 0,
		  "strconv.ParseInt: parsing \"0x1ffffffffffffffff1\": value out of range" },
		{ "0x7fffffffffffffff", INT64_MAX, NULL },
		{ "0x8000000000000000", 0,
		  "strconv.ParseInt: parsing \"0x8000000000000000\": value out of range" },
		{ "abc", 0, "strconv.ParseInt: parsing \"abc\": invalid syntax" },
		{ "1.5", 0, "strconv.ParseInt: parsing \"1.5\": invalid syntax" },
		{ "1e3", 0, "strconv.ParseInt: parsing \"1e3\": invalid syntax" },
		{ " 1", 0, "strconv.ParseInt: parsing \" 1\": invalid syntax" },
		{ "1 ", 0, "strconv.ParseInt: parsing \"1 \": invalid syntax" },
		{ "12a", 0, "strconv.ParseInt: parsing \"12a\": invalid syntax" },
		{ "\377", 0, "strconv.ParseInt: parsing \"\\xff\": invalid syntax" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		const char *error = NULL;
		int64_t value = 0;
		int err = flag_int_parse(str_from(rows[i].in), &value, &error);

		tap_row(rows[i].in);
		error_is(err, error, rows[i].error);
		if (!err)
			int_is(value, rows[i].value);
	}
}

static void test_booleans(void)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
	static const char *const neither[] = { "", "yes", "tRue", "2", "on" };
	const char *error;
	bool value;

	for (size_t i = 0; i < array_size(yes); i++) {
		value = false;
		ok(!flag_bool_parse(str_from(yes[i]), &value, &error) && value);
		value = true;
		ok(!flag_bool_parse(str_from(no[i]), &value, &error) && !value);
	}
	for (size_t i = 0; i < array_size(neither); i++)
		int_is(flag_bool_parse(str_from(neither[i]), &value, &error), ERR_SYNTAX);
	cstr_is(error, "strconv.ParseBool: parsing \"on\": invalid syntax");
}

/* What the checks let pass and what they say otherwise. */
static void test_checks(void)
{
	static const struct {
		int (*check)(struct str s, const char **error);
		const char *in, *error;
	} rows[] = {
		{ flag_float_check, "0.02", NULL },
		{ flag_float_check, "-1e3", NULL },
		{ flag_float_check, "", "strconv.ParseFloat: parsing \"\": invalid syntax" },
		{ flag_float_check, " 1", "strconv.ParseFloat: parsing \" 1\": invalid syntax" },
		{ flag_float_check, "1x", "strconv.ParseFloat: parsing \"1x\": invalid syntax" },
		{ flag_ip_check, "127.0.0.1", NULL },
		{ flag_ip_check, "::", NULL },
		{ flag_ip_check, "2001:db8::1", NULL },
		{ flag_ip_check, "::ffff:10.0.0.1", NULL },
		{ flag_ip_check, "", "failed to parse IP: \"\"" },
		{ flag_ip_check, "[::1]", "failed to parse IP: \"[::1]\"" },
		{ flag_ip_check, "localhost", "failed to parse IP: \"localhost\"" },
		{ flag_ip_check, "10.0.0.256", "failed to parse IP: \"10.0.0.256\"" },
		{ flag_ip_check, "010.0.0.1", "failed to parse IP: \"010.0.0.1\"" },
		{ flag_ip_check, "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa",
		  "failed to parse IP: \"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa\"" },
		{ flag_map_check, "", NULL },
		{ flag_map_check, "a=b,,c=,d=e=f,=g", NULL },
		{ flag_map_check, "a=b,c", "malformed pair, expect string=string" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		const char *error = NULL;
		int err = rows[i].check(str_from(rows[i].in), &error);

		tap_row(rows[i].in);
		error_is(err, error, rows[i].error);
	}
}

/* The fields joined by bars. */
static char *joined(const struct option_list *l)
{
	struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < l->n; i++)
		strbuf_addf(&b, "%s%s", i ? "|" : "", l->v[i]);
	return strbuf_detach(&b);
}

static void test_csv(void)
{
	static const struct {
		const char *in, *fields, *error;
	} rows[] = {
		{ "a", "a", NULL },
		{ "a,b", "a|b", NULL },
		{ "a,,b", "a||b", NULL },
		{ ",", "|", NULL },
		{ "a,", "a|", NULL },
		{ "\"a,b\",c", "a,b|c", NULL },
		{ "\"a\"\"b\"", "a\"b", NULL },
		{ "\"\"", "", NULL },
		{ "a b, c", "a b| c", NULL },
		{ "\"a\012b\",c", "a\nb|c", NULL },
		{ "a\012b", "a", NULL },
		{ "\"a\"\012b", "a", NULL },
		{ "a\"b", NULL,
		  "parse error on line 1, column 2: bare \" in non-quoted-field" },
		{ "\"a\"b", NULL,
		  "parse error on line 1, column 3: extraneous or missing \" in quoted-field" },
		{ "\"a", NULL,
		  "parse error on line 1, column 3: extraneous or missing \" in quoted-field" },
		{ "x,\"a\"b", NULL,
		  "parse error on line 1, column 5: extraneous or missing \" in quoted-field" },
		{ "\"a,b", NULL,
		  "parse error on line 1, column 5: extraneous or missing \" in quoted-field" },
		{ "xy,a\"b", NULL,
		  "parse error on line 1, column 5: bare \" in non-quoted-field" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct option_list l = { NULL, 0 };
		const char *error = NULL;
		int err = flag_csv_parse(str_from(rows[i].in), &l, &error);
		char *got = joined(&l);

		tap_row(rows[i].in);
		error_is(err, error, rows[i].error);
		if (!err)
			cstr_is(got, rows[i].fields);
		secret_free(got);
		option_list_fini(&l);
	}
}

static void test_csv_appends(void)
{
	struct option_list l = { NULL, 0 };
	const char *error;

	ok(!flag_csv_parse(STR(""), &l, &error) && !l.n);
	ok(!flag_csv_parse(STR("a,b"), &l, &error) && !flag_csv_parse(STR("c"), &l, &error));
	int_is(l.n, 3);
	cstr_is(l.v[2], "c");
	option_list_fini(&l);
	ok(!l.v && !l.n);
}

static void test_sni(void)
{
	static const struct {
		const char *in, *cert, *key, *names, *error;
	} rows[] = {
		{ "c,k", "c", "k", "", NULL },
		{ " c.pem , k.pem : a.example , *.b ", "c.pem", "k.pem", "a.example|*.b", NULL },
		{ "c,k:a:b", "c", "k", "a:b", NULL },
		{ ",k", "", "k", "", NULL },
		{ "c,k:a,", "c", "k", "a|", NULL },
		{ "c,k:", NULL, NULL, NULL, "empty names list is not allowed" },
		{ "c:  ", NULL, NULL, NULL, "empty names list is not allowed" },
		{ "c", NULL, NULL, NULL,
		  "expected comma separated certificate and key file paths" },
		{ "c,,k", NULL, NULL, NULL,
		  "expected comma separated certificate and key file paths" },
		{ "c,k,x:a", NULL, NULL, NULL,
		  "expected comma separated certificate and key file paths" },
		{ "", NULL, NULL, NULL, "expected comma separated certificate and key file paths" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct flag_sni sni;
		const char *error = NULL;
		int err = flag_sni_parse(str_from(rows[i].in), &sni, &error);
		char *names = joined(&sni.names);

		tap_row(rows[i].in);
		error_is(err, error, rows[i].error);
		if (!err && ok(sni.cert_file && sni.key_file)) {
			cstr_is(sni.cert_file, rows[i].cert);
			cstr_is(sni.key_file, rows[i].key);
			cstr_is(names, rows[i].names);
		}
		secret_free(names);
		flag_sni_fini(&sni);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_durations),
		TAP(test_integers),
		TAP(test_booleans),
		TAP(test_checks),
		TAP(test_csv),
		TAP(test_csv_appends),
		TAP(test_sni),
		TAP_END
	};

	return tap_main(tests);
}
