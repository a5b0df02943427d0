/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: from a resource version or the state as it is, until time is up or the client goes. */
#ifndef TESTS_UPSTREAM_WATCH_H
#define TESTS_UPSTREAM_WATCH_H

#include "tests/upstream/rest.h"

#define WATCH_UNSENT_MAX (64 * 1024 * 1024)	/* a client that reads slower is cut off */

void watch_start(struct rest *r);
/* Sends a bookmark to every watch that allows them; ends every watch. For control paths. */
void watch_bookmark_all(struct server *s);
void watch_end_all(struct server *s);
size_t watch_count(const struct server *s);

#endif
