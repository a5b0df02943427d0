/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/err.h"
#include "base/mem.h"
#include "net/address.h"
#include "tests/tap.h"

static void test_literals(void)
{
	static const struct {
		const char *in, *ip, *text;	/* ip NULL: refused */
		bool loopback;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", "127.0.0.1:6443", true },
		{ "127.8.9.1", "127.8.9.1", "127.8.9.1:6443", true },
		{ "10.0.0.1", "10.0.0.1", "10.0.0.1:6443", false },
		{ "0.0.0.0", "0.0.0.0", "0.0.0.0:6443", false },
		{ "::1", "::1", "[::1]:6443", true },
		{ "::", "::", "[::]:6443", false },
		{ "2001:DB8::0001", "2001:db8::1", "[2001:db8::1]:6443", false },
		{ "::ffff:10.1.2.3", "10.1.2.3", "10.1.2.3:6443", false },
		{ "::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1:6443", true },
		{ "1234:5678:9abc:def0:1234:5678:9abc:def0",
		  "1234:5678:9abc:def0:1234:5678:9abc:def0",
		  "[1234:5678:9abc:def0:1234:5678:9abc:def0]:6443", false },
		{ "", NULL, NULL, false },
		{ "localhost", NULL, NULL, false },
		{ "[::1]", NULL, NULL, false },
		{ "1.2.3", NULL, NULL, false },
		{ "1.2.3.256", NULL, NULL, false },
		{ "010.1.2.3", NULL, NULL, false },
		{ "fe80::1%lo", NULL, NULL, false },
		{ "127.0.0.1 ", NULL, NULL, false },
		{ "111111111111111111111111111111111111111111111111111111111111111111", NULL, NULL,
		  false },
	};
	char text[ADDRESS_TEXT_MAX];
	struct address a;

	for (size_t i = 0; i < array_size(rows); i++) {
		int err = address_from_text(str_from(rows[i].in), 6443, &a);

		tap_row(rows[i].in);
		int_is(err, rows[i].ip ? 0 : ERR_SYNTAX);
		if (err || !rows[i].ip)
			continue;
		cstr_is(address_ip_text(&a, text), rows[i].ip);
		cstr_is(address_text(&a, text), rows[i].text);
		int_is(address_port(&a), 6443);
		ok(address_is_loopback(&a) == rows[i].loopback);
	}
	tap_row(NULL);
	int_is(address_from_text(str_make("127.0.0.1\0x", 11), 1, &a), ERR_SYNTAX);
}

static void test_resolve(void)
{
	struct address a[4];
	size_t n = 0;
	char text[ADDRESS_TEXT_MAX];

	int_is(address_resolve(STR("127.0.0.1"), 80, a, 4, &n), 0);
	int_is(n, 1);
	cstr_is(address_text(&a[0], text), "127.0.0.1:80");
	int_is(address_resolve(STR("::1"), 65535, a, 4, &n), 0);
	cstr_is(address_text(&a[0], text), "[::1]:65535");
	int_is(address_resolve(STR("localhost"), 1, a, 1, &n), 0);
	int_is(n, 1);
	ok(address_is_loopback(&a[0]));
	int_is(address_resolve(STR(""), 1, a, 1, &n), ERR_SYNTAX);
	int_is(address_resolve(STR("no-such-name.invalid"), 1, a, 1, &n), ERR_NOT_FOUND);
}

int main(void)
{
	static const struct tap_test t[] = { TAP(test_literals), TAP(test_resolve), TAP_END };

	return tap_main(t);
}
