/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of service accounts: the input is a token or, with a dot in front, header, claims and
 * signature as plain text, a newline between them, which are encoded here, so that what is behind
 * the encoding is reached.  No key signed any of it, so that nothing may be accepted.
 */
#include "config.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "authn/authn_config.h"
#include "authn/jwt.h"
#include "authn/service_account.h"
#include "authn/service_account_claims.h"
#include "base/check.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key_pem[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7pDFxQgOpFEh2FASfEHFIQaw3cgR\n"
	"LSqF6lT5MS2GTJtZwwjuZvOL5a9kJq+CU4oUlt0Hgm8z0R9gQscW/pLdUw==\n"
	"-----END PUBLIC KEY-----\n";

static struct authn_config config;

static void configure(void)
{
	static char issuer[] = "i";
	static char *list[] = { issuer };
	static struct option_list issuers = { list, 1 };
	struct problems p = PROBLEMS_INIT;

	if (config.service_accounts)
		return;
	config.service_accounts = service_accounts_new(&issuers, NULL, false);
	service_accounts_add_keys(config.service_accounts, "key", str_from(key_pem), &p);
	CHECK(!p.count);
}

static void add_encoded(struct strbuf *out, struct str s)
{
	char *text = xmalloc(4 * ((s.n + 2) / 3) + 1);
	int n = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)(s.p ? s.p : ""),
				(int)s.n);

	for (int i = 0; i < n; i++) {
		if (text[i] != '=')
			strbuf_add_char(out, text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
	}
	free(text);
}

static void make_token(struct str in, struct strbuf *out)
{
	struct str part;

	if (!in.n || in.p[0] != '.') {
		strbuf_add_str(out, in);
		return;
	}
	in = str_skip(in, 1);
	for (int i = 0; i < 3 && str_next(&in, '\n', &part); i++) {
		if (i)
			strbuf_add_char(out, '.');
		add_encoded(out, part);
	}
}

/* As if it had been verified. */
static void read_claims(struct str token, struct arena *a)
{
	struct token_claims claims;
	struct user user;
	struct jwt t;

	if (jwt_parse(token, &t))
		return;
	for (int form = 0; form < TOKEN_FORMS; form++) {
		if (token_claims_read(&t, (enum token_form)form, a, &claims))
			continue;
		token_claims_check(&claims, INT64_C(1700000000000000));
		token_claims_user(&claims, a, &user);
		CHECK(str_has_prefix(user.name, STR("system:serviceaccount:")));
		CHECK(str_find(user.name, '\0', 0) < 0);
		CHECK(user.group_count == 2 && user.extra_count <= 5);
	}
	jwt_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf token = STRBUF_INIT;
	struct authn_request r;
	struct arena a;

	configure();
	make_token(str_make((const char *)data, size), &token);
	arena_init(&a);
	authn_request_init(&r, &config, &a);
	r.clock = &clock_system;
	CHECK(service_account_authenticate(&r, strbuf_str(&token)) != AUTHN_ACCEPT);
	authn_request_fini(&r);
	read_claims(strbuf_str(&token), &a);
	arena_fini(&a);
	strbuf_fini(&token);
	return 0;
}
