/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of the measurements that wrk cannot make, over HTTP/1.1 and TLS on loopback:
 *   hold     opens -w connections with one GET each whose answer does not end, prints a line,
 *            waits for one on standard input, opens -n further ones, prints a line and waits again
 *   load     -n kept-alive connections with a request in flight each, for -t seconds or until -q
 *            answers; prints the number of answers
 *   connect  new connections for -t seconds, one after the other with one request each; with -r
 *            they resume the session of the first. Prints their number
 * Usage: hold MODE -p PORT -u TARGET -a CA [-c CERT -k KEY] [-H HEADER] [-n N] [-w N] [-t S]
 *        [-q N] [-r]
 */
#include "config.h"

#include "bench/http/peer.h"

#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 64

static struct {
	int port, n, warm;
	const char *target, *ca, *cert, *key, *header;
	double seconds;
	long answers;
	bool resume;
} options = { .n = 64, .target = "/", .seconds = 4, .header = "Accept: application/json" };

static SSL_CTX *ctx;
static char request[4096];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static SSL *open_connection(SSL_SESSION *session)
{
	struct sockaddr_in to = peer_loopback(options.port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	SSL *ssl = SSL_new(ctx);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		peer_die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	SSL_set1_host(ssl, "localhost");
	SSL_set_fd(ssl, fd);
	if (session)
		SSL_set_session(ssl, session);
	if (SSL_connect(ssl) != 1)
		peer_die("TLS handshake");
	return ssl;
}

static void close_connection(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
}

static void send_request(SSL *ssl)
{
	if (SSL_write(ssl, request, (int)strlen(request)) <= 0)
		peer_die("writing a request");
}

/* Reads one answer's head and, when `whole`, its body, which must have a Content-Length. */
static void read_answer(SSL *ssl, bool whole)
{
	char buffer[16384];
	size_t have = 0;

	for (;;) {
		int n = SSL_read(ssl, buffer + have, (int)(sizeof(buffer) - 1 - have));
		const char *end, *length;

		if (n <= 0)
			peer_die("reading an answer");
		have += (size_t)n;
		buffer[have] = '\0';
		end = strstr(buffer, "\r\n\r\n");
		if (!end)
			continue;
		if (strncmp(buffer, "HTTP/1.1 200", 12)) {
			fprintf(stderr, "not the answer of the origin:\n%s\n", buffer);
			exit(1);
		}
		if (!whole)
			return;
		length = strcasestr(buffer, "\r\nContent-Length:");
		if (!length)
			peer_die("an answer without Content-Length");
		if (have >= (size_t)(end + 4 - buffer) + strtoul(length + 17, NULL, 10))
			return;
	}
}

static void wait_for_line(const char *say)
{
	puts(say);
	fflush(stdout);
	while (getchar() != '\n')
		if (feof(stdin))
			exit(0);
}

static void hold_more(int n)
{
	for (int i = 0; i < n; i++) {
		SSL *ssl = open_connection(NULL);

		send_request(ssl);
		read_answer(ssl, false);
	}
}

static void hold(void)
{
	hold_more(options.warm);
	wait_for_line("warm");
	hold_more(options.n);
	wait_for_line("open");
}

static void load(void)
{
	int poll = epoll_create1(0);
	double end;
	long answered = 0;

	for (int i = 0; i < options.n; i++) {
		SSL *ssl = open_connection(NULL);
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = ssl };

		epoll_ctl(poll, EPOLL_CTL_ADD, SSL_get_fd(ssl), &e);
		send_request(ssl);
	}
	end = now() + options.seconds;
	while (options.answers ? answered < options.answers : now() < end) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(poll, events, EVENTS_MAX, 1000);

		for (int i = 0; i < n; i++) {
			read_answer(events[i].data.ptr, true);
			send_request(events[i].data.ptr);
			answered++;
		}
	}
	printf("%ld\n", answered);
}

static void connect_repeatedly(void)
{
	double end = now() + options.seconds;
	SSL_SESSION *session = NULL;
	long opened = 0, resumed = 0;

	for (; now() < end; opened++) {
		SSL *ssl = open_connection(session);

		resumed += SSL_session_reused(ssl);
		send_request(ssl);
		read_answer(ssl, true);
		if (options.resume) {
			SSL_SESSION_free(session);
			session = SSL_get1_session(ssl);
		}
		close_connection(ssl);
	}
	if (resumed < (options.resume ? opened - 1 : 0)) {
		fprintf(stderr, "only %ld of %ld connections were resumed\n", resumed, opened);
		exit(1);
	}
	printf("%ld\n", opened);
}

static bool read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "p:u:a:c:k:H:n:w:t:q:r")) != -1) {
		switch (option) {
		case 'p': options.port = atoi(optarg); break;
		case 'u': options.target = optarg; break;
		case 'a': options.ca = optarg; break;
		case 'c': options.cert = optarg; break;
		case 'k': options.key = optarg; break;
		case 'H': options.header = optarg; break;
		case 'n': options.n = atoi(optarg); break;
		case 'w': options.warm = atoi(optarg); break;
		case 't': options.seconds = atof(optarg); break;
		case 'q': options.answers = atol(optarg); break;
		case 'r': options.resume = true; break;
		default: return false;
		}
	}
	return optind == argc && options.port && options.ca && !options.cert == !options.key;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = { { "hold", hold }, { "load", load }, { "connect", connect_repeatedly } };

	if (argc < 2 || !read_options(argc - 1, argv + 1)) {
		fputs("usage: hold MODE -p PORT -u TARGET -a CA [-c CERT -k KEY] ...\n", stderr);
		return 2;
	}
	ctx = peer_context(TLS_client_method(), options.ca, options.cert, options.key);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n",
		 options.target, options.header);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i].name, argv[1]))
			continue;
		modes[i].run();
		return 0;
	}
	fprintf(stderr, "hold: unknown mode %s\n", argv[1]);
	return 2;
}
