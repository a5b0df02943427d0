/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One small request of the proxy's own on a worker: a read of an object for admission, a dry run in
 * the user's name.  Bounded in size (FETCH_BODY_MAX) and time (FETCH_TIMEOUT_MS).
 */
#ifndef PROXY_FETCH_H
#define PROXY_FETCH_H

#include "authn/user.h"
#include "proxy/worker.h"

#define FETCH_BODY_MAX (8 * 1024 * 1024)	/* bytes of an answer */
#define FETCH_TIMEOUT_MS 10000

struct fetch_request {
	struct str method, target;
	const struct user *user;	/* who it is made as */
	struct str content_type;	/* empty: none */
	struct str body;
};

struct fetch_answer {
	int code;			/* 0: no answer; error says why */
	struct str body;		/* borrowed for the call */
	struct str error;
};

struct fetch;
/* The strings are borrowed until done is called, which never happens before this returns. */
struct fetch *fetch_start(struct worker *w, const struct fetch_request *q,
			  void (*done)(void *arg, const struct fetch_answer *a), void *arg);
/* done is not called any more. */
void fetch_cancel(struct fetch *f);

#endif
