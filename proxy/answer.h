/* SPDX-License-Identifier: Apache-2.0 */
/* Small things that answers of ours and relayed answers share. */
#ifndef PROXY_ANSWER_H
#define PROXY_ANSWER_H

#include "base/clock.h"
#include "base/str.h"

/* The Date header's text for now; valid until the thread's next call. */
struct str answer_date(const struct clock *clock);

#endif
