/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/2 server under test over a loopback connection (h1_peer.h), with a user whose deeds the
 * path of each request names, and one of two clients: nghttp2's, or frames made by hand.
 */
#ifndef TESTS_H2_PEER_H
#define TESTS_H2_PEER_H

#include <nghttp2/nghttp2.h>

#include "http/h2.h"
#include "tests/h1_peer.h"

#define H2_SERVED_MAX 20000

/*
 * What the server's user saw of one request, in order of arrival.  By the path:
 *	/echo	answers 200 with the body when that is complete
 *	/early	answers 200 "early" at once
 *	/reset	resets at once
 *	others	are answered by the test; /keep... does not consume, /late... does not release
 */
struct h2_served {
	struct http_stream *s;		/* NULL: released */
	struct strbuf request;		/* method, target, then fields but Host, one a line */
	struct strbuf body;
	bool ended;
	int closed;			/* 1: not yet, else the error */
	size_t sent;
};

/* What nghttp2's client got, by stream. */
struct h2_answer {
	int status, informational;
	struct strbuf fields;		/* of the final head, one a line, and of the trailers */
	struct strbuf body;
	bool ended, closed;
	uint32_t code;			/* of RST_STREAM, or NO_ERROR */
};

struct h2_rig {
	struct peer peer;
	struct h2_server *server;	/* NULL: gone */
	struct h2_server_settings settings;
	struct h2_served served[H2_SERVED_MAX];
	size_t accepted;
	int gone;
	bool abort_in_callback;		/* the user's next callback ends the connection */
	nghttp2_session *client;	/* NULL: frames by hand */
	struct h2_answer answers[256];	/* by (stream - 1) / 2 */
	uint32_t goaway;		/* code; UINT32_MAX: none came */
	int32_t goaway_last;
	struct str upload;		/* the body of the next request */
	struct str uploads[256];	/* what is left of them, in order of asking */
	size_t asked;
	size_t window;			/* of the client, given back by the test; 0: as it likes */
	int pings;			/* that the server asked with */
};
extern struct h2_rig rig;

/* With nghttp2's client; window > 0: its streams' window, which it does not open further. */
void h2_begin(size_t window);
/* For frames by hand; the preface and SETTINGS have been sent. */
void h2_begin_raw(void);
void h2_begin_streams(uint32_t max_streams);	/* the same, with so many streams at once */
void h2_begin_silent(void);			/* nothing was sent */
void h2_end(void);
/* Until nothing happens any more. */
void h2_settle(void);
void h2_advance_ms(int64_t ms);

/* A request with fields "name: value\n..."; with_body: what rig.upload holds then. */
int32_t h2_ask(const char *method, const char *path, const char *fields, bool with_body);
struct h2_answer *h2_answer(int32_t id);
/* By the server's user. */
void h2_head(size_t i, int status, int64_t length, bool end);
void h2_body(size_t i, struct str body);
void h2_finish(size_t i);
void h2_release(size_t i);

/* Frames by hand, sent by raw_send. */
extern struct strbuf raw;
void raw_frame(uint8_t type, uint8_t flags, int32_t id, struct str payload);
/* Adds a field to a header block, literal and without an index. */
void raw_field(struct strbuf *block, struct str name, struct str value);
/* The pseudo-fields of a GET of path. */
void raw_request(struct strbuf *block, const char *method, const char *path);
/* HEADERS with a whole head. */
void raw_get(int32_t id, const char *path, bool end);
void raw_send(void);
/* Whether such a frame came (id < 0: any stream); *code: of GOAWAY or RST_STREAM. */
bool raw_got(uint8_t type, int32_t id, uint32_t *code);
/* All DATA of the stream. */
size_t raw_data(int32_t id);

#endif
