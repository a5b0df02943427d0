/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

#include "base/err.h"

#define HOST_MAX 253	/* octets of a domain name in text, RFC 1035 section 2.3.4 */

/* Copies host with a NUL behind it; ERR_SYNTAX when it does not fit or holds a NUL. */
static int copy_host(struct str host, char *out, size_t size)
{
	if (!host.n || host.n >= size || memchr(host.p, '\0', host.n))
		return ERR_SYNTAX;
	memcpy(out, host.p, host.n);
	out[host.n] = '\0';
	return 0;
}

int address_from_text(struct str host, uint16_t port, struct address *out)
{
	char text[ADDRESS_TEXT_MAX];
	struct address a;

	if (copy_host(host, text, sizeof(text)))
		return ERR_SYNTAX;
	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, text, &a.u.in.sin_addr) == 1) {
		a.len = sizeof(a.u.in);
		a.u.in.sin_family = AF_INET;
		a.u.in.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &a.u.in6.sin6_addr) == 1) {
		a.len = sizeof(a.u.in6);
		a.u.in6.sin6_family = AF_INET6;
		a.u.in6.sin6_port = htons(port);
	} else {
		return ERR_SYNTAX;
	}
	*out = a;
	return 0;
}

/* The IPv4 address in network order, also of an IPv4-mapped one; false for true IPv6. */
static bool as_ipv4(const struct address *a, struct in_addr *out)
{
	if (a->u.sa.sa_family == AF_INET) {
		*out = a->u.in.sin_addr;
		return true;
	}
	if (a->u.sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr))
		return false;
	memcpy(out, &a->u.in6.sin6_addr.s6_addr[12], sizeof(*out));
	return true;
}

/* Every request tells its client's address, so this is not left to inet_ntop. */
static void ipv4_text(const struct in_addr *v4, char *out)
{
	const unsigned char *bytes = (const unsigned char *)&v4->s_addr;

	for (int i = 0; i < 4; i++) {
		if (i)
			*out++ = '.';
		out += u64_text(bytes[i], out);
	}
	*out = '\0';
}

const char *address_ip_text(const struct address *a, char out[ADDRESS_TEXT_MAX])
{
	struct in_addr v4;

	out[0] = '\0';
	if (as_ipv4(a, &v4))
		ipv4_text(&v4, out);
	else if (a->u.sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->u.in6.sin6_addr, out, ADDRESS_TEXT_MAX);
	return out;
}

const char *address_text(const struct address *a, char out[ADDRESS_TEXT_MAX])
{
	char ip[ADDRESS_TEXT_MAX];

	address_ip_text(a, ip);
	snprintf(out, ADDRESS_TEXT_MAX, strchr(ip, ':') ? "[%.46s]:%u" : "%.46s:%u", ip,
		 (unsigned)address_port(a));
	return out;
}

uint16_t address_port(const struct address *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return ntohs(a->u.in.sin_port);
	return a->u.sa.sa_family == AF_INET6 ? ntohs(a->u.in6.sin6_port) : 0;
}

bool address_is_loopback(const struct address *a)
{
	struct in_addr v4;

	if (as_ipv4(a, &v4))
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	return a->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

int address_resolve(struct str host, uint16_t port, struct address *out, size_t max, size_t *count)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list, *ai;
	char name[HOST_MAX + 1], service[8];
	size_t n = 0;

	if (copy_host(host, name, sizeof(name)))
		return ERR_SYNTAX;
	snprintf(service, sizeof(service), "%u", (unsigned)port);
	if (getaddrinfo(name, service, &hints, &list))
		return ERR_NOT_FOUND;
	for (ai = list; ai && n < max; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(out[n].u))
			continue;
		memset(&out[n], 0, sizeof(out[n]));
		out[n].len = ai->ai_addrlen;
		memcpy(&out[n].u, ai->ai_addr, ai->ai_addrlen);
		n++;
	}
	freeaddrinfo(list);
	*count = n;
	return n ? 0 : ERR_NOT_FOUND;
}
