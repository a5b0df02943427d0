/* SPDX-License-Identifier: Apache-2.0 */
/* --service-account-key-file: what is taken has an id and is a public key. */
#include "config.h"

#include <openssl/err.h>

#include "authn/jwt.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jwt_keys k = { 0 };
	size_t n = jwt_keys_add_pem(&k, str_make((const char *)data, size));

	CHECK(n == k.n);
	for (size_t i = 0; i < k.n; i++)
		CHECK(k.v[i].key && strlen(k.v[i].id) == JWT_KEY_ID_LEN);
	CHECK(!ERR_peek_error());
	jwt_keys_fini(&k);
	return 0;
}
