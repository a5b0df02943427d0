/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States:
 *
 *	CONNECTING -> HANDSHAKING -> OPEN -> FAILED		a stream that we dial
 *	HANDSHAKING or ACCEPTED -> OPEN -> FAILED		one that we accepted, TLS or plain
 *	any -> CLOSED, or any -> LINGERING -> CLOSED		when the owner closes it
 *
 * FAILED: the owner was told and will close; no callback comes any more.
 *
 * The socket is watched edge-triggered: an edge sets `socket_readable` and `socket_writable`,
 * and a system call that finds nothing, or less than it asked for, clears them, so that no call
 * is made only to hear EAGAIN.  `readable` says that stream_read may have something to return,
 * from the socket or from within OpenSSL.
 */
#include "config.h"

#include "net/stream.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

#define STREAM_MAGIC 0x7374726du
#define KEEPALIVE_IDLE_S 30	/* of connections that we dial, as Go's dialer */
#define KEEPALIVE_INTERVAL_S 15
#define LINGER_READS 16		/* scratch buffers thrown away per edge */
#define HELLO_LEN 5		/* bytes that tell HTTP from a TLS record */

enum stream_state {
	STREAM_CONNECTING,
	STREAM_HANDSHAKING,
	STREAM_ACCEPTED,
	STREAM_OPEN,
	STREAM_FAILED,
	STREAM_LINGERING,
	STREAM_CLOSED,
};

struct stream {
	unsigned magic;
	int fd;					/* owned; -1 when it could not be made */
	struct loop *loop;			/* borrowed */
	const struct stream_handler *handler;	/* borrowed */
	void *user;
	SSL *ssl;				/* owned; NULL: plain */
	struct snapshot *context;		/* owned reference */
	struct loop_io io;
	struct loop_task task;
	struct loop_timer timer;
	struct loop_warm warm;			/* OpenSSL has record buffers */
	struct address peer;
	struct address local;			/* len 0 until somebody asks */
	struct tls_peer tls_peer;
	unsigned long ssl_error;
	int sys_errno;
	signed char err;			/* what the owner was told last */
	unsigned char state;			/* enum stream_state */
	bool is_client : 1;
	bool keeps_unread : 1;			/* an accepted stream's end is left to be read */
	bool is_reading : 1;
	bool readable : 1;
	bool socket_readable : 1;
	bool socket_writable : 1;
	bool peer_closed : 1;			/* FIN has arrived, perhaps behind data */
	bool broken : 1;			/* RST has arrived, or the like */
	bool saw_eof : 1;			/* FIN was read */
	bool read_over : 1;			/* stream_read said ERR_CLOSED; writing may go on */
	bool saw_hello : 1;			/* the first bytes of a TLS client were looked at */
	bool is_plain_http : 1;			/* ... and they are HTTP */
	bool wants_write : 1;			/* the owner waits for on_writable */
	bool read_needs_write : 1;		/* OpenSSL must send before it can read on */
	bool write_needs_read : 1;
};

/* ---- the socket ---- */

static ptrdiff_t socket_recv(struct stream *s, void *p, size_t n)
{
	ssize_t got;

	if (!s->socket_readable) {
		errno = EAGAIN;
		return -1;
	}
	do
		got = recv(s->fd, p, n, 0);
	while (got < 0 && errno == EINTR);
	/* What comes after a short read makes a new edge, unless the end has been announced. */
	if (got > 0 && (size_t)got < n && !s->peer_closed && !s->broken)
		s->socket_readable = false;
	if (got == 0)
		s->saw_eof = true;
	if (got < 0 && errno == EAGAIN)
		s->socket_readable = false;
	else if (got < 0)
		s->sys_errno = errno;
	return got;
}

static ptrdiff_t socket_send(struct stream *s, const void *p, size_t n)
{
	ssize_t put;

	if (!s->socket_writable) {
		errno = EAGAIN;
		return -1;
	}
	do
		put = send(s->fd, p, n, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	if ((put > 0 && (size_t)put < n) || (put < 0 && errno == EAGAIN))
		s->socket_writable = false;
	else if (put < 0)
		s->sys_errno = errno;
	return put;
}

/* Go's test of the same bytes, hence the same methods and no others. */
static bool looks_like_http(const char first[HELLO_LEN])
{
	static const char methods[][HELLO_LEN + 1] = {
		"GET /", "HEAD ", "POST ", "PUT /", "OPTIO"
	};

	for (size_t i = 0; i < array_size(methods); i++) {
		if (!memcmp(first, methods[i], HELLO_LEN))
			return true;
	}
	return false;
}

/* ---- OpenSSL's way to the socket ---- */

static struct stream *stream_of_bio(BIO *bio)
{
	struct stream *s = BIO_get_data(bio);

	CHECK_MAGIC(s, STREAM_MAGIC);
	return s;
}

static int bio_read(BIO *bio, char *p, int n)
{
	struct stream *s = stream_of_bio(bio);
	ptrdiff_t got;

	BIO_clear_retry_flags(bio);
	if (s->is_plain_http)
		return -1;
	got = socket_recv(s, p, (size_t)n);
	if (got < 0 && errno == EAGAIN)
		BIO_set_retry_read(bio);
	if (got >= HELLO_LEN && !s->saw_hello && !s->is_client && looks_like_http(p)) {
		s->is_plain_http = true;
		return -1;
	}
	s->saw_hello |= got > 0;
	return (int)got;
}

static int bio_write(BIO *bio, const char *p, int n)
{
	struct stream *s = stream_of_bio(bio);
	ptrdiff_t put;

	BIO_clear_retry_flags(bio);
	if (s->is_plain_http)
		return -1;
	put = socket_send(s, p, (size_t)n);
	if (put < 0 && errno == EAGAIN)
		BIO_set_retry_write(bio);
	return (int)put;
}

static long bio_ctrl(BIO *bio, int command, long n, void *p)
{
	(void)n;
	if (command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP)
		return 1;
	if (command != BIO_C_GET_FD)
		return 0;
	if (p)
		*(int *)p = stream_of_bio(bio)->fd;
	return stream_of_bio(bio)->fd;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void)
{
	int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR;

	bio_method = BIO_meth_new(type, "stream");
	CHECK(bio_method && BIO_meth_set_read(bio_method, bio_read) &&
	      BIO_meth_set_write(bio_method, bio_write) &&
	      BIO_meth_set_ctrl(bio_method, bio_ctrl) &&
	      BIO_meth_set_create(bio_method, bio_create));
}

/*
 * Two record buffers of 16 KiB each, made and given back around every record, would cost a sixth of
 * all instructions of a request; so they go when the stream has been idle for a while.  OpenSSL
 * keeps those that hold something.
 */
static void cool(struct loop_warm *w)
{
	SSL_free_buffers(container_of(w, struct stream, warm)->ssl);
}

static void attach_ssl(struct stream *s, SSL_CTX *ctx)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	pthread_once(&once, make_bio_method);
	s->ssl = SSL_new(ctx);
	bio = BIO_new(bio_method);
	CHECK(s->ssl && bio);
	BIO_set_data(bio, s);
	SSL_set_bio(s->ssl, bio, bio);
}

/* A stale entry in this thread's error queue would make SSL_get_error lie. */
static void clear_errors(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

/* What the failed call on s->ssl means. */
static int ssl_result(struct stream *s, int ret)
{
	switch (SSL_get_error(s->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return ERR_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return ERR_CLOSED;
	default:
		break;
	}
	if (!s->sys_errno && !s->saw_eof)
		s->ssl_error = ERR_peek_error();
	clear_errors();
	return s->sys_errno || s->saw_eof ? ERR_RESET : ERR_TLS;
}

/* ---- ends ---- */

static void free_stream(void *what)
{
	struct stream *s = what;

	CHECK_MAGIC(s, STREAM_MAGIC);
	SSL_free(s->ssl);
	X509_free(s->tls_peer.leaf);
	sk_X509_pop_free(s->tls_peer.chain, X509_free);
	snapshot_release(s->context);
	if (s->fd >= 0)
		close(s->fd);
	s->magic = 0;
	free(s);
}

static void finish(struct stream *s)
{
	s->state = STREAM_CLOSED;
	loop_task_cancel(&s->task);
	loop_timer_fini(&s->timer);
	loop_warm_forget(s->loop, &s->warm);
	loop_bury(s->loop, s, free_stream);
}

static void fail(struct stream *s, int err)
{
	s->state = STREAM_FAILED;
	s->err = (signed char)err;
	loop_timer_cancel(&s->timer);
	loop_task_cancel(&s->task);
	s->handler->on_close(s->user, err);
}

static void linger_drain(struct stream *s)
{
	for (int i = 0; i < LINGER_READS; i++) {
		ptrdiff_t got = socket_recv(s, loop_scratch(s->loop), LOOP_SCRATCH_SIZE);

		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			finish(s);
			return;
		}
	}
}

static void on_loop_end(struct loop_task *t)
{
	struct stream *s = container_of(t, struct stream, task);

	CHECK_MAGIC(s, STREAM_MAGIC);
	finish(s);
}

static void linger(struct stream *s)
{
	s->state = STREAM_LINGERING;
	loop_task_cancel(&s->task);
	loop_task_init(&s->task, on_loop_end);
	loop_at_end(s->loop, &s->task);
	shutdown(s->fd, SHUT_WR);
	loop_timer_arm(&s->timer, STREAM_LINGER_MS);
	linger_drain(s);
}

/* close_notify, as far as the socket takes it at once. */
static void say_goodbye(struct stream *s)
{
	if (!s->ssl || !SSL_is_init_finished(s->ssl))
		return;
	clear_errors();
	SSL_shutdown(s->ssl);
	clear_errors();
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	CHECK(s->state < STREAM_LINGERING);
	say_goodbye(s);
	if (s->is_plain_http)
		linger(s);
	else
		finish(s);
}

void stream_close_lingering(struct stream *s)
{
	CHECK(s->state < STREAM_LINGERING);
	say_goodbye(s);
	if (s->state == STREAM_OPEN && !s->saw_eof && !s->broken)
		linger(s);
	else
		finish(s);
}

void stream_abort(struct stream *s)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (!s)
		return;
	CHECK(s->state < STREAM_LINGERING);
	if (s->fd >= 0)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	/* Else SSL_free would take the session out of the cache. */
	if (s->ssl && SSL_is_init_finished(s->ssl))
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	finish(s);
}

/* ---- opening ---- */

static void keep_peer(struct stream *s)
{
	STACK_OF(X509) *rest = SSL_get_peer_cert_chain(s->ssl);

	s->tls_peer.resumed = SSL_session_reused(s->ssl);
	s->tls_peer.leaf = SSL_get1_peer_certificate(s->ssl);
	if (!s->tls_peer.leaf)
		return;
	tls_server_bound_session(s->ssl, s->tls_peer.leaf, rest);
	if (sk_X509_num(rest) <= 0)
		return;
	/* On the server's side OpenSSL keeps the chain without the leaf. */
	s->tls_peer.chain = X509_chain_up_ref(rest);
	CHECK(s->tls_peer.chain && X509_up_ref(s->tls_peer.leaf) &&
	      sk_X509_unshift(s->tls_peer.chain, s->tls_peer.leaf));
}

static void become_open(struct stream *s)
{
	s->state = STREAM_OPEN;
	loop_timer_cancel(&s->timer);
	s->readable = s->socket_readable || (s->ssl && SSL_has_pending(s->ssl));
	if (s->ssl && !s->is_client)
		keep_peer(s);
	s->handler->on_open(s->user);
}

static void refuse_plain_http(struct stream *s)
{
	static const char answer[] = "HTTP/1.0 400 Bad Request\r\n\r\n"
				     "Client sent an HTTP request to an HTTPS server.\n";

	socket_send(s, answer, sizeof(answer) - 1);
}

static void handshake_step(struct stream *s)
{
	int ret, err;

	clear_errors();
	loop_warm_use(s->loop, &s->warm);
	ret = SSL_do_handshake(s->ssl);
	if (ret == 1) {
		become_open(s);
		return;
	}
	err = ssl_result(s, ret);
	if (err == ERR_AGAIN)
		return;
	if (s->is_plain_http)
		refuse_plain_http(s);
	fail(s, err == ERR_RESET && s->saw_eof ? ERR_CLOSED : err);
}

static int socket_error(struct stream *s)
{
	int code = 0;
	socklen_t n = sizeof(code);

	return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &code, &n) ? errno : code;
}

static void connect_step(struct stream *s)
{
	if (!s->socket_writable && !s->broken)
		return;
	s->sys_errno = socket_error(s);
	if (s->sys_errno) {
		fail(s, ERR_IO);
		return;
	}
	if (!s->ssl) {
		become_open(s);
		return;
	}
	s->state = STREAM_HANDSHAKING;
	handshake_step(s);
}

/* ---- open ---- */

/* Whether the peer is gone; what it sent before its FIN stays for the owner. */
static int peek_end(struct stream *s)
{
	char byte;
	ptrdiff_t got;
	int err;

	if (!s->ssl) {
		got = recv(s->fd, &byte, 1, MSG_PEEK);
		if (got == 0)
			return ERR_CLOSED;
		return got < 0 && errno != EAGAIN && errno != EINTR ? ERR_RESET : 0;
	}
	clear_errors();
	got = SSL_peek(s->ssl, &byte, 1);
	if (got > 0)
		return 0;
	err = ssl_result(s, (int)got);
	return err == ERR_AGAIN ? 0 : err;
}

/*
 * The owner does not read: is there an end that it must hear of?  A client that closed its half is
 * gone, whatever it sent before, unless it is at the other end of a tunnel; a server's answer
 * before its FIN still counts.
 */
static void check_end(struct stream *s)
{
	int err = 0;

	if (s->broken) {
		s->sys_errno = socket_error(s);
		err = ERR_RESET;
	} else if (s->peer_closed && !s->keeps_unread) {
		err = s->is_client ? peek_end(s) : ERR_CLOSED;
	}
	if (err)
		fail(s, err);
}

static void deliver(struct stream *s)
{
	if (s->read_over)
		return;
	if (!s->is_reading) {
		check_end(s);
		return;
	}
	if (!s->readable)
		return;
	s->handler->on_readable(s->user);
	if (s->state == STREAM_OPEN && s->is_reading && s->readable)
		loop_task_schedule(s->loop, &s->task);
}

static void open_step(struct stream *s)
{
	if (s->wants_write &&
	    (s->socket_writable || (s->write_needs_read && s->socket_readable))) {
		s->wants_write = false;
		s->handler->on_writable(s->user);
	}
	if (s->state == STREAM_OPEN)
		deliver(s);
}

static void on_ready(struct loop_io *io, uint32_t events)
{
	struct stream *s = container_of(io, struct stream, io);

	CHECK_MAGIC(s, STREAM_MAGIC);
	if (events & EPOLLERR)
		s->broken = true;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		s->peer_closed = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->readable = s->socket_readable = true;
	if (events & (EPOLLOUT | EPOLLERR)) {
		s->socket_writable = true;
		s->readable |= s->read_needs_write;
	}
	switch ((enum stream_state)s->state) {
	case STREAM_CONNECTING:
		connect_step(s);
		break;
	case STREAM_HANDSHAKING:
		handshake_step(s);
		break;
	case STREAM_OPEN:
		open_step(s);
		break;
	case STREAM_LINGERING:
		linger_drain(s);
		break;
	case STREAM_ACCEPTED:
	case STREAM_FAILED:
	case STREAM_CLOSED:
		break;
	}
}

static void on_task(struct loop_task *t)
{
	struct stream *s = container_of(t, struct stream, task);

	CHECK_MAGIC(s, STREAM_MAGIC);
	if (s->state == STREAM_OPEN)
		deliver(s);
	else if (s->fd < 0 || s->sys_errno)
		fail(s, ERR_IO);
	else if (s->state == STREAM_ACCEPTED)
		become_open(s);
}

static void on_timer(struct loop_timer *t)
{
	struct stream *s = container_of(t, struct stream, timer);

	CHECK_MAGIC(s, STREAM_MAGIC);
	if (s->state == STREAM_LINGERING)
		finish(s);
	else
		fail(s, ERR_TIMEOUT);
}

static struct stream *new_stream(struct loop *l, const struct address *peer,
				 const struct stream_handler *h, void *user)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->magic = STREAM_MAGIC;
	s->fd = -1;
	s->loop = l;
	s->handler = h;
	s->user = user;
	s->peer = *peer;
	s->io.ready = on_ready;
	loop_task_init(&s->task, on_task);
	loop_timer_init(&s->timer, l, on_timer);
	loop_warm_init(&s->warm, cool);
	return s;
}

/* Failures wait for the task: no callback comes before the owner has the stream. */
static void watch(struct stream *s)
{
	if (s->fd < 0 || s->sys_errno || loop_io_add(s->loop, &s->io, s->fd)) {
		if (!s->sys_errno)
			s->sys_errno = errno;
		loop_task_schedule(s->loop, &s->task);
	}
}

struct stream *stream_accept(struct loop *l, int fd, const struct address *peer,
			     struct tls_server_context *tls, const struct stream_handler *h,
			     void *user)
{
	struct stream *s = new_stream(l, peer, h, user);

	s->fd = fd;
	s->socket_writable = true;
	if (tls) {
		s->context = snapshot_acquire(tls_server_context_snapshot(tls));
		attach_ssl(s, tls_server_context_ssl(tls));
		SSL_set_accept_state(s->ssl);
		s->state = STREAM_HANDSHAKING;
		loop_timer_arm(&s->timer, STREAM_ACCEPT_TIMEOUT_MS);
	} else {
		s->state = STREAM_ACCEPTED;
		loop_task_schedule(l, &s->task);
	}
	watch(s);
	return s;
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* Starts to connect; errno in s->sys_errno when that fails at once. */
static void dial(struct stream *s)
{
	const struct address *to = &s->peer;

	s->fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		s->sys_errno = errno;
		return;
	}
	set_int(s->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(s->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_int(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	if (connect(s->fd, &to->u.sa, to->len) && errno != EINPROGRESS)
		s->sys_errno = errno;
}

/* The name or address that the server's certificate must have; a name is sent as SNI, too. */
static void expect_server(struct stream *s, const char *server_name)
{
	char text[ADDRESS_TEXT_MAX];
	struct address a;

	if (!server_name)
		server_name = address_ip_text(&s->peer, text);
	if (!address_from_text(str_from(server_name), 0, &a)) {
		CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), server_name) == 1);
		return;
	}
	CHECK(SSL_set1_host(s->ssl, server_name) == 1);
	CHECK(SSL_set_tlsext_host_name(s->ssl, server_name) == 1);
}

struct stream *stream_connect(struct loop *l, const struct address *to,
			      struct tls_client_context *tls, const char *server_name,
			      SSL_SESSION *session, const struct stream_handler *h, void *user)
{
	struct stream *s = new_stream(l, to, h, user);

	s->is_client = true;
	s->state = STREAM_CONNECTING;
	dial(s);
	if (tls) {
		s->context = snapshot_acquire(tls_client_context_snapshot(tls));
		attach_ssl(s, tls_client_context_ssl(tls));
		SSL_set_connect_state(s->ssl);
		expect_server(s, server_name);
		if (session)
			SSL_set_session(s->ssl, session);
	}
	loop_timer_arm(&s->timer, STREAM_CONNECT_TIMEOUT_MS);
	watch(s);
	return s;
}

static ptrdiff_t plain_read(struct stream *s, void *p, size_t n)
{
	ptrdiff_t got = socket_recv(s, p, n);

	s->readable = s->socket_readable;
	if (got > 0)
		return got;
	if (got == 0)
		return ERR_CLOSED;
	return errno == EAGAIN ? ERR_AGAIN : ERR_RESET;
}

static ptrdiff_t tls_read(struct stream *s, void *p, size_t n)
{
	int got;

	clear_errors();
	loop_warm_use(s->loop, &s->warm);
	got = SSL_read(s->ssl, p, n < INT_MAX ? (int)n : INT_MAX);
	if (got > 0) {
		s->readable = s->socket_readable || SSL_has_pending(s->ssl);
		return got;
	}
	s->read_needs_write = SSL_want_write(s->ssl);
	s->readable = false;
	got = ssl_result(s, got);
	if (got == ERR_RESET && s->keeps_unread && s->saw_eof && !s->sys_errno)
		return ERR_CLOSED;
	return got;
}

ptrdiff_t stream_read(struct stream *s, void *p, size_t n)
{
	ptrdiff_t got;

	if (s->state == STREAM_FAILED || s->read_over)
		return s->err;
	CHECK(s->state == STREAM_OPEN && n > 0);
	if (!s->readable)	/* OpenSSL would find out the long way */
		return ERR_AGAIN;
	got = s->ssl ? tls_read(s, p, n) : plain_read(s, p, n);
	if (got >= 0 || got == ERR_AGAIN)
		return got;
	s->err = (signed char)got;
	s->read_over = true;
	s->readable = false;
	if (got != ERR_CLOSED)
		s->state = STREAM_FAILED;
	loop_task_cancel(&s->task);
	return got;
}

static ptrdiff_t plain_write(struct stream *s, const void *p, size_t n)
{
	ptrdiff_t put = socket_send(s, p, n);

	if (put >= 0)
		return put;
	return errno == EAGAIN ? ERR_AGAIN : ERR_RESET;
}

static ptrdiff_t tls_write(struct stream *s, const char *p, size_t n)
{
	size_t done = 0;

	loop_warm_use(s->loop, &s->warm);
	while (done < n) {
		size_t more = n - done;
		int put, err;

		clear_errors();
		put = SSL_write(s->ssl, p + done, more < INT_MAX ? (int)more : INT_MAX);
		if (put > 0) {
			done += (size_t)put;
			continue;
		}
		s->write_needs_read = SSL_want_read(s->ssl);
		err = ssl_result(s, put);
		return done ? (ptrdiff_t)done : err;
	}
	return (ptrdiff_t)done;
}

ptrdiff_t stream_write(struct stream *s, const void *p, size_t n)
{
	ptrdiff_t put;

	if (s->state == STREAM_FAILED)
		return ERR_RESET;
	CHECK(s->state == STREAM_OPEN && n > 0);
	put = s->ssl ? tls_write(s, p, n) : plain_write(s, p, n);
	s->wants_write = put == ERR_AGAIN || (put > 0 && (size_t)put < n);
	return put;
}

void stream_set_reading(struct stream *s, bool on)
{
	if (s->is_reading == on)
		return;
	s->is_reading = on;
	if (s->state != STREAM_OPEN)
		return;
	/* No new edge comes for what is here already: bytes, or an end that was not read yet. */
	if (on ? s->readable : s->peer_closed || s->broken)
		loop_task_schedule(s->loop, &s->task);
}

/* ---- what is known of the stream ---- */

void stream_keep_unread(struct stream *s)
{
	s->keeps_unread = true;
}

void stream_set_handler(struct stream *s, const struct stream_handler *h, void *user)
{
	s->handler = h;
	s->user = user;
}

const struct address *stream_peer(const struct stream *s)
{
	return &s->peer;
}

const struct address *stream_local(const struct stream *s)
{
	/* A cache, hence the cast. */
	struct stream *cache = (struct stream *)(uintptr_t)s;

	if (!s->local.len && s->fd >= 0) {
		cache->local.len = sizeof(s->local.u);
		if (getsockname(s->fd, &cache->local.u.sa, &cache->local.len))
			cache->local = (struct address){ .len = 0 };
	}
	return &s->local;
}

bool stream_is_tls(const struct stream *s)
{
	return s->ssl != NULL;
}

const struct tls_peer *stream_tls_peer(const struct stream *s)
{
	return s->tls_peer.leaf ? &s->tls_peer : NULL;
}

struct str stream_alpn(const struct stream *s)
{
	const unsigned char *p = NULL;
	unsigned n = 0;

	if (s->ssl)
		SSL_get0_alpn_selected(s->ssl, &p, &n);
	return str_make((const char *)p, n);
}

SSL_SESSION *stream_session(struct stream *s)
{
	SSL_SESSION *session = s->ssl && s->is_client ? SSL_get1_session(s->ssl) : NULL;

	if (!session || SSL_SESSION_is_resumable(session))
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

const char *stream_error_text(const struct stream *s)
{
	static _Thread_local char text[256];
	const char *why = s->ssl_error ? ERR_reason_error_string(s->ssl_error) : NULL;

	if (s->is_plain_http)
		return "the client sent an HTTP request";
	if (s->ssl_error && ERR_GET_REASON(s->ssl_error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		snprintf(text, sizeof(text), "certificate verify failed: %s",
			 X509_verify_cert_error_string(SSL_get_verify_result(s->ssl)));
	else if (s->ssl_error)
		snprintf(text, sizeof(text), "%s", why ? why : "TLS failure");
	else if (s->sys_errno)
		return strerror_r(s->sys_errno, text, sizeof(text));
	else
		return err_text(s->err);
	return text;
}

SSL *stream_ssl(const struct stream *s)
{
	return s->ssl;
}
