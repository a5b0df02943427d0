/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection between a fuzz target and the code under test: a pair of sockets in one loop.  The
 * target gives the input once in one piece and once cut into pieces; what the user of the transport
 * is told must be the same.
 */
#ifndef FUZZ_H1_PAIR_H
#define FUZZ_H1_PAIR_H

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/strbuf.h"
#include "net/stream.h"

#define PAIR_TURNS 24		/* without any byte: nothing more comes */

static struct loop *pair_loop;
static int pair_fd = -1;	/* the target's end */

static inline int pair_open(void)
{
	int fds[2];

	if (!pair_loop)
		pair_loop = loop_new(NULL);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
	pair_fd = fds[0];
	return fds[1];
}

/* Turns the loop until nothing comes out any more; what comes is thrown away. */
static inline void pair_settle(void)
{
	char buf[4096];

	for (int quiet = 0; quiet < PAIR_TURNS; quiet++) {
		loop_turn(pair_loop, 0);
		if (recv(pair_fd, buf, sizeof(buf), 0) > 0)
			quiet = -1;
	}
}

static inline void pair_send(struct str in)
{
	while (in.n) {
		ssize_t n = send(pair_fd, in.p, in.n, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0)
			in = str_skip(in, (size_t)n);
		else
			pair_settle();
	}
}

/* In pieces whose sizes come from seed; 0: in one. */
static inline void pair_send_cut(struct str in, unsigned seed)
{
	while (in.n) {
		size_t n = seed ? 1 + (seed >> 8) % 61 : in.n;

		pair_send(str_slice(in, 0, n));
		loop_turn(pair_loop, 0);
		in = str_skip(in, n);
		seed = seed ? (seed * 1103515245u + 12345u) | 1 : 0;
	}
	pair_settle();
}

static inline void pair_close(void)
{
	close(pair_fd);
	for (int i = 0; i < 6; i++)
		loop_turn(pair_loop, 0);
}

#endif
