/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker without sockets and threads, for the unit tests of proxy/: a stream that writes down
 * what is sent and delivers what a case wants, a client that gives such streams, a clock that is
 * moved by hand, and chains that can wait or be scripted.  A stream checks the contract of
 * http/transport.h as the module under test uses it.
 *
 * Programs are linked with $(WRAP_FAKES): authn_chain_run, authz_chain_run and
 * connection_authenticated go through the fakes.
 */
#ifndef TESTS_PROXY_FAKES_H
#define TESTS_PROXY_FAKES_H

#include "http/client.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"
#include "tests/tap.h"

/* ---- a stream, of either role ---- */

struct fake_stream {
	struct http_stream stream;
	struct arena arena;		/* the stream's: ends with release */
	struct arena kept;		/* what is kept of what was sent */
	/* what was done to it */
	int heads;			/* final heads, or requests' heads; never above 1 */
	struct http_message head;	/* a copy */
	bool head_end;			/* no body follows the head */
	int informational;		/* heads of status 1xx */
	struct http_message last_informational;
	struct strbuf body;
	bool ended;			/* by send_end, or with the head */
	struct http_headers trailers;
	size_t consumed;
	bool was_reset, released, closes_after;
	int reset_err;
	/* what was delivered */
	size_t delivered, sent;
};

/* c: the connection of a server's stream; NULL for a client's. */
struct fake_stream *fake_stream_new(struct http_connection *c);
/* It must have been released. */
void fake_stream_free(struct fake_stream *f);

/* Events.  fields and trailers: lines "Name: value\n", or NULL. */
void fake_stream_head(struct fake_stream *f, int status, const char *fields, bool end);
void fake_stream_body(struct fake_stream *f, const char *text);
void fake_stream_bytes(struct fake_stream *f, size_t n);
void fake_stream_end(struct fake_stream *f, const char *trailers);
void fake_stream_sent(struct fake_stream *f, size_t n);
void fake_stream_closed(struct fake_stream *f, int err);

/* A field of the head that was sent; empty when it is not there. */
struct str fake_field(const struct fake_stream *f, const char *name);
bool fake_has_field(const struct fake_stream *f, const char *name);
bool fake_body_has(const struct fake_stream *f, const char *text);
/* Adds lines "Name: value\n" to h, copied into a. */
void fake_add_fields(struct http_headers *h, struct arena *a, const char *fields);

/* ---- the client ---- */

enum fake_answer { FAKE_LATER, FAKE_AT_ONCE, FAKE_FAIL_AT_ONCE };

extern struct fake_client {
	enum fake_answer answer;	/* set by cases */
	int opened, cancelled;
	enum http_client_class class;	/* of the latest open */
	bool fresh;
	const struct http_client_waiter *waiter;	/* of the pending open, or NULL */
	void *user;
	struct fake_stream *stream;	/* the newest */
} fake_client;

/* Makes c answer from fake_client, which is empty afterwards. */
void fake_client_take_over(struct http_client *c);
/* Answers the pending open; the case frees the stream. */
struct fake_stream *fake_client_give(void);
void fake_client_fail(int err, const char *text);

/* ---- the chains ---- */

/* Once pending is used up, accepts that user; without one the real chain is asked. */
extern struct fake_authn {
	int pending;			/* so often it waits */
	const struct user *user;
	const char *warning;		/* a Warning field's text, or NULL */
	int asked;
	struct authn_request *waiting;
} fake_authn;

/*
 * With rules: allows what is in the list, which ends with NULL, each as fake_authz_describe says
 * it; without: the real chain.
 */
extern struct fake_authz {
	int pending;
	const char *const *rules;
	const char *reason, *error;	/* what a scripted refusal says */
	struct strbuf asked;		/* "; " behind each */
	struct authz_request *waiting;
} fake_authz;

/* "update rbac.authorization.k8s.io/roles ns", "get /pods/exec ns", "get /healthz". */
void fake_authz_describe(struct strbuf *out, const struct attributes *a);

extern int fake_authenticated;		/* calls of connection_authenticated */

/* ---- the worker ---- */

extern struct fake_proxy {
	struct clock_fake clock;
	struct options options;
	struct server server;
	struct worker *worker;
	struct http_connection connection;	/* of clients, from 192.0.2.7 */
} fake;

/*
 * AlwaysAllow, anonymous on, the token "secret" for tom (uid u1, group dev), "masters" for root in
 * system:masters.
 */
void fake_proxy_start(void);
/* Every exchange must have ended. */
void fake_proxy_stop(void);
/* Replaces the authorization modes. */
void fake_proxy_modes(const enum authorization_mode *modes, size_t n);
/* Lets time pass, and what is due happen. */
void fake_proxy_pass(int64_t ms);
/* A request arrives; the client's side of it, which the case frees. */
struct fake_stream *fake_request(const char *method, const char *target, const char *fields);
/* Its body is still to come. */
struct fake_stream *fake_request_body(const char *method, const char *target, const char *fields);
/* The answer is out: the exchange ends and f is freed. */
void fake_request_done(struct fake_stream *f);

#endif
