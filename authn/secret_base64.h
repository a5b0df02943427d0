/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648) of credentials, decoded into memory that the caller wipes.  As in Go's
 * encoding/base64 the unused bits of the last digit are ignored.
 */
#ifndef AUTHN_SECRET_BASE64_H
#define AUTHN_SECRET_BASE64_H

#include "base/strbuf.h"

enum base64_form {
	BASE64_STANDARD,	/* + and /, padded */
	BASE64_URL_RAW,		/* - and _, no padding */
};

/* Adds the decoded bytes to *out, which may hold secrets; ERR_SYNTAX (part may have been added). */
int secret_base64_decode(struct str text, enum base64_form form, struct strbuf *out);

#endif
