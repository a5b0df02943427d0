/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets, one per worker with SO_REUSEPORT, so that the kernel spreads connections.
 * Failing to accept for want of descriptors pauses the listener for LISTENER_RETRY_MS.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/address.h"
#include "net/loop.h"

#define LISTENER_RETRY_MS 100
#define LISTENER_BACKLOG 4096

struct listener;

/*
 * Opens a bound, listening, non-blocking socket.  An unspecified IPv4 or IPv6 address means both
 * families.  port 0 takes a free port, written to *bound.  ERR_IO with errno.
 */
int listener_open(const struct address *a, int *fd, struct address *bound);
/*
 * Whether the address is free: because of SO_REUSEPORT listener_open would share it with another
 * process of the same user without a word.  ERR_IO with errno (EADDRINUSE).
 */
int listener_probe(const struct address *a);
/*
 * Accepts on fd (taken over) and calls fn for each connection with a non-blocking descriptor,
 * which fn takes over.  Accepted sockets have TCP_NODELAY and keep-alive probes.
 */
struct listener *listener_new(struct loop *l, int fd,
			      void (*fn)(void *arg, int fd, const struct address *peer), void *arg);
/* While paused, connections wait in the kernel's queue. */
void listener_pause(struct listener *ls, bool paused);
void listener_free(struct listener *ls);	/* closes the socket; NULL is allowed */

#endif
