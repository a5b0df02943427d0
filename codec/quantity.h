/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities ("2Gi", "500m", "1e3"): two texts of one value get one form. */
#ifndef CODEC_QUANTITY_H
#define CODEC_QUANTITY_H

#include "base/strbuf.h"

/*
 * Appends the value as a decimal integer without trailing zeros and, unless it is 0, an exponent:
 * "2147483648", "5e-1".  As in Kubernetes what is finer than 1e-9 is rounded away from zero and
 * binary suffixes end at 2^63-1.  A value of more than about 36 digits stays as it was written.
 * ERR_SYNTAX.
 */
int quantity_canonical(struct str text, struct strbuf *out);

#endif
