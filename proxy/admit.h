/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admit step of an exchange: runs the admission chain and brings it what it asks for.  Only a
 * request that a plugin looks at has a struct admit; all others stream through untouched.
 *
 * What it holds (the collected body, objects that were read) is counted per worker and per user,
 * so that many connections cannot exhaust memory; beyond that the answer is 429.
 */
#ifndef PROXY_ADMIT_H
#define PROXY_ADMIT_H

#include "proxy/exchange.h"

/* Once, before any thread starts and any JSON is read. */
void admit_init(void);

/* The step; DONE after a refusal. */
enum step_result exchange_admit(struct exchange *x);
/* Request body bytes, while it collects them; false: they are not for it. */
bool exchange_admit_body(struct exchange *x, const void *p, size_t n);
/* The end of the body; false: likewise. */
bool exchange_admit_body_end(struct exchange *x);
/* Would a 409 of the upstream be answered by another decision? */
bool exchange_admit_retries(const struct exchange *x);
/* That 409 came and nothing of it was relayed: what was decided is forgotten. */
void exchange_admit_again(struct exchange *x);
/* Ends what it waits for and frees everything; harmless when there is nothing. */
void exchange_admit_stop(struct exchange *x);

#endif
