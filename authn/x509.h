/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client certificates (spec 02 section 2), judged as Go's crypto/x509 judges them for
 * kube-apiserver: per request, against the current CA file.
 *
 * A verdict is kept in the connection's auth_cache, and good ones also in a bounded cache per
 * thread, keyed by the SHA-256 of everything the client sent.  It holds for one CA snapshot and
 * while every certificate of its path is valid, so expiry and a new CA file bite on the next
 * request of an open connection.
 *
 * Trust anchors are immutable and shared by threads; everything else belongs to one thread.
 */
#ifndef AUTHN_X509_H
#define AUTHN_X509_H

#include <openssl/x509v3.h>

#include "authn/authn.h"
#include "conf/problems.h"

#define X509_PATH_MAX 32		/* certificates from leaf to anchor */
#define X509_SIGNATURE_CHECKS_MAX 100	/* while looking for paths, as Go */
#define X509_VERDICTS_MAX 1024		/* good verdicts kept per thread */
#define X509_REFUSAL_TTL_US 1000000	/* a refusal is kept that long, on its connection */

struct x509_trust {
	uint64_t generation;	/* unique in the process, never 0 */
	X509 **anchors;		/* owned */
	size_t n;
};

/*
 * Reads every CERTIFICATE block of a PEM text; other blocks, and blocks with PEM headers, are
 * skipped.  NULL, with problems added, when there is none or one that does not parse.
 */
struct x509_trust *x509_trust_parse(const char *flag, const char *path, struct str pem,
				    struct problems *p);
void x509_trust_free(struct x509_trust *t);	/* NULL is allowed */

/* Wall clock, microseconds, both ends included. */
struct x509_validity {
	int64_t from_us;
	int64_t until_us;
};

/*
 * Is there a path from leaf over the certificates sent (may be NULL, may include the leaf) to an
 * anchor that allows client authentication at now_us?  0 with the time during which that path
 * holds, or ERR_REFUSED with the reason, as Go words it, added to *reason.
 */
int x509_verify_client(const struct x509_trust *t, X509 *leaf, STACK_OF(X509) *sent,
		       int64_t now_us, struct x509_validity *validity, struct strbuf *reason);

/*
 * The user that a verified certificate names, in the arena; NONE without a common name, ERROR
 * with the reason added to *reason.
 */
enum authn_result x509_user_from_subject(X509 *leaf, struct arena *a, struct user *out,
					 struct strbuf *reason);

/* Adds "SN=<decimal>, SKID=<HEX:HEX>, AKID=<HEX:HEX>". */
void x509_add_identifier(struct strbuf *b, X509 *cert);

/* Frees the calling thread's verdicts; at thread end. */
void x509_thread_fini(void);
/* For tests: how many paths this thread has looked for. */
uint64_t x509_thread_verifications(void);

#endif
