/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's own floor: a server that does nothing but TLS, one connection after the other, with
 * blocking calls, SSL_MODE_RELEASE_BUFFERS and a session cache.  It verifies a client's
 * certificate, reads a request and answers 1 KiB of JSON; with `keep` it then keeps the connection
 * open, else it waits for the client to close it.
 * Usage: floor PORT CA CERT KEY [keep]
 */
#include "config.h"

#include "bench/http/peer.h"

#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY 1024

static char answer[BODY + 128];
static int answer_length;

static void make_answer(void)
{
	static char body[BODY + 1];

	memset(body, 'x', BODY);
	memcpy(body, "{\"a\":\"", 6);
	memcpy(body + BODY - 2, "\"}", 2);
	answer_length = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Type: "
				 "application/json\r\nContent-Length: %d\r\n\r\n%s", BODY, body);
}

static int listen_on(int port)
{
	struct sockaddr_in at = peer_loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1024))
		peer_die("listen");
	return fd;
}

/* Answers the first request. Returns whether the connection is worth keeping. */
static bool serve(SSL *ssl)
{
	char buffer[4096];

	return SSL_accept(ssl) == 1 && SSL_read(ssl, buffer, sizeof(buffer)) > 0 &&
	       SSL_write(ssl, answer, answer_length) > 0;
}

static void finish(SSL *ssl)
{
	char byte;

	while (SSL_read(ssl, &byte, 1) > 0)
		;
	SSL_shutdown(ssl);
}

int main(int argc, char **argv)
{
	static const unsigned char id[] = "floor";
	bool keep = argc == 6 && !strcmp(argv[5], "keep");
	SSL_CTX *ctx;
	int fd;

	if (argc != 5 && !keep) {
		fputs("usage: floor PORT CA CERT KEY [keep]\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	make_answer();
	ctx = peer_context(TLS_server_method(), argv[2], argv[3], argv[4]);
	SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 1);
	fd = listen_on(atoi(argv[1]));
	for (;;) {
		int client = accept(fd, NULL, NULL), on = 1;
		SSL *ssl = SSL_new(ctx);

		if (client < 0)
			peer_die("accept");
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		SSL_set_fd(ssl, client);
		if (serve(ssl) && keep)
			continue;
		finish(ssl);
		SSL_free(ssl);
		close(client);
	}
}
