/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/mem.h"

/* Up to 256 bytes getrandom(2) is never interrupted and never short. */
#define POOL_SIZE 256

static __thread unsigned char pool[POOL_SIZE];
static __thread size_t pool_left;

static void from_kernel(void *p, size_t n)
{
	unsigned char *at = p;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0) {
			CHECK(errno == EINTR);
			continue;
		}
		at += got;
		n -= (size_t)got;
	}
}

void random_bytes(void *p, size_t n)
{
	if (n > POOL_SIZE) {
		from_kernel(p, n);
		return;
	}
	if (n > pool_left) {
		from_kernel(pool, POOL_SIZE);
		pool_left = POOL_SIZE;
	}
	pool_left -= n;
	memcpy(p, pool + pool_left, n);
	secret_wipe(pool + pool_left, n);
}

uint64_t random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

void random_uuid(char out[UUID_TEXT_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[16];

	random_bytes(raw, sizeof(raw));
	raw[6] = (raw[6] & 0x0f) | 0x40;	/* version 4, RFC 9562 section 5.4 */
	raw[8] = (raw[8] & 0x3f) | 0x80;	/* its variant */
	for (size_t i = 0; i < sizeof(raw); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[raw[i] >> 4];
		*out++ = digits[raw[i] & 15];
	}
	*out = '\0';
}
