/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted upstream for tests of the reflector: no sockets, a clock that is moved by hand.
 * Requests are answered piece by piece, the sink writes down what it is told.  The resource is
 * /roles, of messages rbac.v1.Role.
 */
#ifndef TESTS_REFLECTOR_SCRIPT_H
#define TESTS_REFLECTOR_SCRIPT_H

#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "cache/reflector.h"
#include "net/loop.h"

#define SCRIPT_PROTOBUF "application/vnd.kubernetes.protobuf"
#define SCRIPT_WATCH "application/vnd.kubernetes.protobuf;stream=watch"

/* One request of the reflector. */
struct script_stream {
	struct http_stream stream;
	struct arena arena;
	struct strbuf target;
	struct strbuf headers;		/* "name=value\n" each */
	size_t consumed, sent;		/* bytes of the answer's body */
	bool was_reset, released;
};

/* What goes on between script_start and script_stop; cases read it, and set what says so. */
extern struct script {
	struct clock_fake clock;
	struct loop *loop;
	struct http_client client;
	/* of the pending open; a case may take it */
	const struct http_client_waiter *waiter;
	void *user;
	bool answer_at_once;		/* open() answers before it returns; set by cases */
	int opened, cancelled;
	struct script_stream *stream;	/* the newest */
	struct strbuf told;		/* what the sink was told */
	struct reflector *rf;		/* a case that frees it sets NULL */
	struct http_headers headers;
	struct arena arena;
	int item_rc;			/* what the sink says of each object; set by cases */
	FILE *log;
} script;

/*
 * Messages; the caller owns them until they are sent.  A list has an object for each letter of
 * names, a ! is an object that cannot be read; more is the token of the next page, or "".
 */
struct strbuf script_list(const char *names, const char *version, const char *more);
struct strbuf script_list_json(const char *names, const char *version, const char *more);
/* A frame of a watch: an event of that type ("ADDED"), or of type ERROR with a status. */
struct strbuf script_event(const char *type, const char *name, const char *version);
struct strbuf script_error(int code, const char *reason);
struct strbuf script_text(const char *s);
void script_add_varint(struct strbuf *b, uint64_t v);

/* A reflector is started with an empty log and sink; optional as in struct reflector_resource. */
void script_start_with(bool optional);
void script_start_query(const char *query);
void script_start(void);
/* Started, synced with object a at version 10, the watch begun. */
void script_start_watching(void);
void script_stop(void);
/* Time passes, and what is due happens. */
void script_pass(int64_t ms);

/* Answers the pending open with a new stream. */
void script_give_stream(void);
/* The response's head on the newest stream; type NULL: no Content-Type. */
void script_answer(int status, const char *type);
/* Sends the bytes in pieces of that size (0: in one) and frees them. */
void script_send_pieces(struct strbuf b, size_t piece);
void script_send_body(struct strbuf b);
/* The response ends in order, or the stream breaks. */
void script_send_end(void);
void script_break_off(int err);

/*
 * What the sink was told since the last call: "begin ", "commit ", "abandon ", the name of each
 * object, with + * - before it in events; a blank behind each.
 */
void script_told_is(const char *want);
void script_target_is(const char *want);
void script_target_starts(const char *want);
/* The target is a watch's from that version: timeoutSeconds is random within its bounds. */
void script_watches_from(const char *version);
/* Lines in the log that contain the text. */
int script_logged(const char *what);

#endif
