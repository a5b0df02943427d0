/* SPDX-License-Identifier: Apache-2.0 */
/* The Date field. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include "base/clock.h"
#include "base/str.h"

/* IMF-fixdate (RFC 9110 section 5.6.7) for now; valid until the thread's next call. */
struct str http_date(const struct clock *clock);

#endif
