/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server made of files, for tests of what runs in threads of its own: worker, control, server.
 * Its clock is moved by hand, by any thread.
 */
#ifndef TESTS_FAKE_SERVER_H
#define TESTS_FAKE_SERVER_H

#include <time.h>

#include "conf/options.h"
#include "proxy/server.h"
#include "tests/fake_files.h"
#include "tests/fake_upstream.h"
#include "tests/tap.h"

/*
 * Waits until what other threads do has happened; gives up after some ten seconds.  How long it
 * takes does not matter.
 */
#define wait_for_thread(condition) \
	do { \
		for (int tries = 0; tries < 5000 && !(condition); tries++) \
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL); \
		ok(condition); \
	} while (0)

extern struct fake_server {
	struct options options;		/* changed by cases before fake_server_new */
	struct problems problems;
	struct server *server;
} fake_server;

/*
 * Options and their files: "cert", "key", "ca", "tokens" (secret is tom's), "client-cert",
 * "client-key", "upstream-ca"; one worker on a free port of 127.0.0.1, AlwaysAllow, an upstream
 * that nobody listens at.  fake_certs_make comes first.
 */
void fake_server_prepare(void);
/* The server of these options, which has the clock that is moved by hand; NULL with problems. */
struct server *fake_server_new(void);
void fake_server_stop(void);
void fake_server_pass(int64_t ms);

/* The current snapshot of a slot, borrowed: no case publishes while it looks at it. */
struct snapshot *fake_server_current(struct snapshot_slot *slot);
uint64_t fake_server_generation(struct snapshot_slot *slot);

/* A blocking client's socket to the port; -1 when nobody listens. */
int fake_server_connect(uint16_t port);
/* Sends a request and reads until the end of the connection; the caller ends out. */
void fake_server_ask(uint16_t port, const char *request, struct strbuf *out);

#endif
