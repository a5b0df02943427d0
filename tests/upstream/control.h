/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control paths of the test API server, under /_test/ and only with --test-control: what
 * arrived, what is open, faults, big bodies.  They need no credential and are not counted.
 *
 * ANY    /_test/echo		the head as it came {method, target, protocol, headers: [[name,
 *				value], ...], connection, requestOnConnection}, and bodyBytes,
 *				trailers, user
 * ANY    /_test/sink		the same, after reading the body slowly: chunk=, delay_ms=
 * GET    /_test/stream		a chunked body of bytes=, in pieces of chunk=, delay_ms= apart
 * ANY    /_test/reply		the answer that code=, header=N:v, trailer=N:v (both several
 *				times), body=, chunked=1 say
 * GET    /_test/last		the head of the latest request that was no control
 * GET    /_test/seen		{count, paths: {"GET /path": n}} under prefix=; DELETE forgets
 * GET    /_test/state		requests, openCalls, brokenCalls, watches, connectionsAccepted,
 *				connectionsOpen, resourceVersion, faultHits
 * POST   /_test/faults		arms a fault (faults.h; the body is `raw`); DELETE disarms all
 * POST   /_test/bookmarks	every watch gets a bookmark
 * POST   /_test/end-watches	every watch ends
 * POST   /_test/compact	older resource versions are expired from now on
 * POST   /_test/disconnect	closes every other connection; abort=1 breaks them
 */
#ifndef TESTS_UPSTREAM_CONTROL_H
#define TESTS_UPSTREAM_CONTROL_H

#include "tests/upstream/server.h"

/* True for paths under /_test/ when they are switched on. */
bool control_owns(const struct call *c);
/* Keeps the request's head as it came, for /_test/last. */
void control_note_head(struct call *c);
/* At the head of a control request, before its body. */
void control_head(struct call *c);
/* True when the body bytes are held back (a slow sink); they are consumed later. */
bool control_take_body(struct call *c, size_t n);
/* Answers a control request. */
void control_call(struct call *c);

#endif
