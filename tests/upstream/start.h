/* SPDX-License-Identifier: Apache-2.0 */
/* Start and end of the test API server. */
#ifndef TESTS_UPSTREAM_START_H
#define TESTS_UPSTREAM_START_H

#include "tests/upstream/server.h"

/* options and faults are filled in. Reasons go to stderr; server_stop is due in any case. */
int server_start(struct server *s);
void server_stop(struct server *s);
void server_forget_seen(struct server *s);

#endif
