/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripted faults: each matches a method and a path prefix, for a number of requests, and says
 * what goes wrong with the answer.  Armed by --fault and by POST /_test/faults.
 */
#ifndef TESTS_UPSTREAM_FAULTS_H
#define TESTS_UPSTREAM_FAULTS_H

#include <stdbool.h>

#include "base/list.h"
#include "base/str.h"

enum fault_mode {
	FAULT_HANG,		/* never answers */
	FAULT_CLOSE,		/* closes before any byte of answer */
	FAULT_RESET,		/* RST before any byte of answer */
	FAULT_RESET_BODY,	/* breaks the connection after `bytes` (> 0) of the body */
	FAULT_TRUNCATE,		/* the promised length, fewer bytes, then a close */
	FAULT_SLOW,		/* body in pieces of `bytes`, `delay_ms` apart */
	FAULT_DELAY,		/* answers properly after delay_ms */
	FAULT_ERROR,		/* a Status of `code`, with Retry-After if retry_after >= 0 */
	FAULT_EXPIRED,		/* 410; a watch gets an ERROR event */
	FAULT_WATCH_END,	/* a watch ends after its first `bytes` events */
	FAULT_EARLY,		/* answers with `code` before the request's body is read */
	FAULT_INFORM,		/* sends `code` (1xx) before the proper answer */
	FAULT_LAST,		/* answers properly and closes the connection afterwards */
	/* `raw`, a merge patch, changes the path's object first: somebody else was faster */
	FAULT_EDIT,
	FAULT_RAW,		/* sends the `raw` bytes instead of an answer, then closes */
};

struct fault {
	struct list node;
	enum fault_mode mode;
	struct str method, prefix;	/* owned; empty method: any */
	long count;			/* requests left; < 0: no end */
	long skip;			/* matching requests let through first */
	size_t bytes;
	unsigned delay_ms;
	int code;
	int retry_after;		/* seconds; < 0: no header */
	struct str raw;			/* owned */
	bool raw_keep_open;		/* FAULT_RAW: do not close afterwards */
	unsigned refs;			/* calls that use it; freed with the last one */
	bool removed;
};

struct faults {
	struct list list;
	unsigned long hits;
};

void faults_init(struct faults *f);
void faults_clear(struct faults *f);
/*
 * Adds one from text as in a query: "mode=hang&path=/api/v1/pods&method=GET&count=1&code=503&
 * bytes=10&delay_ms=100&retry_after=1&skip=0&keep_open=1".  ERR_SYNTAX with *why (static).
 */
int faults_add(struct faults *f, struct str text, struct str raw, const char **why);
/* The first that matches, counted down and referenced, or NULL. */
struct fault *faults_take(struct faults *f, struct str method, struct str path);
void fault_release(struct fault *f);	/* NULL is allowed */

#endif
