/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials in headers: the input is an Authorization value and, behind the first newline,
 * lines of Sec-WebSocket-Protocol.  After stripping no bearer element may be left.
 */
#include "config.h"

#include "authn/authn.h"
#include "authn/basic_file.h"
#include "authn/bearer.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_authorization(struct str value)
{
	struct strbuf decoded = STRBUF_INIT;
	struct str token, name, password;
	bool extra_space;

	token = bearer_token_from_header(value, &extra_space);
	CHECK(str_find(token, ' ', 0) < 0);
	CHECK(!token.n || (token.p >= value.p && token.p + token.n <= value.p + value.n));
	CHECK(!extra_space || !token.n);
	if (basic_parse_header(value, &decoded, &name, &password))
		CHECK(!token.n && name.n + 1 + password.n == decoded.n);
	strbuf_fini_secret(&decoded);
}

static void check_protocols(struct http_headers *h)
{
	struct strbuf token = STRBUF_INIT;
	const char *why = NULL;

	if (bearer_token_from_protocols(h, &token, &why))
		CHECK(why);
	else
		CHECK(str_is_utf8(strbuf_str(&token)));
	strbuf_fini_secret(&token);
	authn_strip_credentials(h);
	CHECK(!http_field_has(h, HTTP_AUTHORIZATION));
	token = STRBUF_INIT;
	CHECK(!bearer_token_from_protocols(h, &token, &why) && !token.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make((const char *)data, size), line;
	struct http_headers h;
	struct arena a;

	arena_init(&a);
	http_headers_init(&h, &a);
	http_headers_add(&h, STR("Upgrade"), STR("websocket"));
	http_headers_add(&h, STR("Connection"), STR("Upgrade"));
	str_next(&rest, '\n', &line);
	check_authorization(line);
	http_headers_add(&h, STR("Authorization"), line);
	while (str_next(&rest, '\n', &line))
		http_headers_add(&h, STR("Sec-WebSocket-Protocol"), line);
	check_protocols(&h);
	arena_fini(&a);
	return 0;
}
