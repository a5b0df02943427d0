/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "authn/x509.h"
#include "base/mem.h"

#define BEGIN_MARK STR("-----BEGIN ")

static uint64_t next_generation(void)
{
	static atomic_uint_fast64_t last;

	return atomic_fetch_add(&last, 1) + 1;
}

/* The line of the first BEGIN mark at or behind `from`. */
static int line_of_block(struct str pem, size_t from)
{
	ptrdiff_t mark = str_find_str(str_skip(pem, from), BEGIN_MARK);
	size_t end = from + (mark < 0 ? 0 : (size_t)mark);
	int line = 1;

	for (size_t i = 0; i < end && i < pem.n; i++)
		line += pem.p[i] == '\n';
	return line;
}

static void add_anchor(struct x509_trust *t, X509 *x)
{
	/* Reads the extensions now, while no other thread looks. */
	X509_check_purpose(x, -1, 0);
	t->anchors = xreallocarray(t->anchors, t->n + 1, sizeof(*t->anchors));
	t->anchors[t->n++] = x;
}

/* One PEM block; false when it is a certificate that does not parse. */
static bool take_block(struct x509_trust *t, const char *name, const char *header,
		       const unsigned char *der, long n)
{
	const unsigned char *end = der + n;
	X509 *x;

	if (strcmp(name, PEM_STRING_X509) || *header)
		return true;
	x = d2i_X509(NULL, &der, n);
	if (!x || der != end) {
		X509_free(x);
		return false;
	}
	add_anchor(t, x);
	return true;
}

/* Reads all blocks; the line of a bad one, or 0. */
static int read_blocks(struct x509_trust *t, struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	char *name, *header;
	unsigned char *der;
	bool good = bio != NULL;
	size_t at = 0;
	long n;

	while (good) {
		at = pem.n - BIO_pending(bio);
		if (!PEM_read_bio(bio, &name, &header, &der, &n))
			break;
		good = take_block(t, name, header, der, n);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	if (good)
		good = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(bio);
	return good ? 0 : line_of_block(pem, at);
}

struct x509_trust *x509_trust_parse(const char *flag, const char *path, struct str pem,
				    struct problems *p)
{
	struct x509_trust *t = xcalloc(1, sizeof(*t));
	int bad_line = pem.n && pem.n <= INT_MAX ? read_blocks(t, pem) : 0;

	t->generation = next_generation();
	if (!bad_line && t->n)
		return t;
	if (bad_line)
		problems_add(p, path, bad_line, flag, "this certificate does not parse");
	else
		problems_add(p, path, 0, flag,
			     "data does not contain any valid RSA or ECDSA certificates");
	x509_trust_free(t);
	return NULL;
}

void x509_trust_free(struct x509_trust *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		X509_free(t->anchors[i]);
	free(t->anchors);
	free(t);
}
