/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses as values. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/str.h"

/* IPv4 or IPv6; small, since every connection keeps two. */
struct address {
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
};

#define ADDRESS_TEXT_MAX 64

/* Parses an IPv4 or IPv6 literal (no brackets, no name); ERR_SYNTAX. */
int address_from_text(struct str host, uint16_t port, struct address *out);
/* The IP alone, IPv4-mapped IPv6 shown as IPv4; returns out. */
const char *address_ip_text(const struct address *a, char out[ADDRESS_TEXT_MAX]);
/* "1.2.3.4:80" or "[::1]:80". */
const char *address_text(const struct address *a, char out[ADDRESS_TEXT_MAX]);
uint16_t address_port(const struct address *a);
bool address_is_loopback(const struct address *a);
/*
 * Resolves a name or literal with getaddrinfo: blocks, never called on a worker.  At most max,
 * at least one.  ERR_SYNTAX, ERR_NOT_FOUND.
 */
int address_resolve(struct str host, uint16_t port, struct address *out, size_t max, size_t *count);

#endif
