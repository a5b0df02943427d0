/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of a connection in tests: a raw, non-blocking TCP socket on loopback, and a loop
 * with a clock that is moved by hand.
 */
#ifndef TESTS_H1_PEER_H
#define TESTS_H1_PEER_H

#include "base/clock.h"
#include "base/strbuf.h"
#include "net/stream.h"

struct peer {
	int fd;			/* ours; -1 after peer_close */
	struct strbuf got;	/* all that came */
	bool saw_eof, saw_reset;
};

extern struct loop *peer_loop;
extern struct clock_fake peer_clock;

void peer_loop_new(void);
/* Frees the loop after some turns, so that what was buried is gone. */
void peer_loop_free(void);
/* A pair of connected sockets: the peer's, and one for stream_accept. */
int peer_connect(struct peer *p);
void peer_send(struct peer *p, struct str bytes);
/* Turns the loop until nothing more happens, collecting what comes. */
void peer_settle(struct peer *p);
/* Reads what is there, at most max bytes. */
void peer_collect(struct peer *p, size_t max);
void peer_shutdown(struct peer *p);	/* FIN */
void peer_close(struct peer *p);
void peer_reset(struct peer *p);	/* RST */
void peer_fini(struct peer *p);
/* Moves the clock and turns the loop. */
void peer_advance_ms(struct peer *p, int64_t ms);

#endif
