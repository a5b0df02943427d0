/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate's DER: the user it names, its identifier in messages, its verification against
 * itself as an anchor, and the headers made of the user.
 */
#include "config.h"

#include <openssl/err.h>

#include "authn/front_proxy.h"
#include "authn/x509.h"
#include "base/check.h"

#define NOW_US (1700000000 * (int64_t)1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_user(const struct user *u, struct arena *a)
{
	struct http_headers h;
	const char *why = NULL;

	CHECK(u->name.n && str_is_utf8(u->name) && str_is_utf8(u->uid));
	for (size_t i = 0; i < u->group_count; i++)
		CHECK(str_is_utf8(u->groups[i]));
	http_headers_init(&h, a);
	if (front_proxy_stamp(&h, u, &why))
		CHECK(why && !h.n);
	for (size_t i = 0; i < h.n; i++)
		CHECK(http_is_token(h.v[i].name) && http_is_field_value(h.v[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	X509 *x = d2i_X509(NULL, &data, (long)size);
	struct x509_trust trust = { .generation = 1, .anchors = &x, .n = 1 };
	struct strbuf reason = STRBUF_INIT;
	struct x509_validity v;
	struct arena a;
	struct user u;

	if (!x) {
		ERR_clear_error();
		return 0;
	}
	arena_init(&a);
	x509_add_identifier(&reason, x);
	if (x509_user_from_subject(x, &a, &u, &reason) == AUTHN_ACCEPT)
		check_user(&u, &a);
	if (!x509_verify_client(&trust, x, NULL, NOW_US, &v, &reason))
		CHECK(v.from_us <= NOW_US && NOW_US <= v.until_us);
	trust.n = 0;
	CHECK(x509_verify_client(&trust, x, NULL, NOW_US, &v, &reason));
	strbuf_fini(&reason);
	arena_fini(&a);
	X509_free(x);
	return 0;
}
