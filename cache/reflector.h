/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reflector keeps a sink equal to one resource of the upstream: list in pages, watch with
 * bookmarks from the list's resource version, resume, and relist (with backoff and jitter) on 410
 * or when resuming fails.  Objects come as protobuf, item by item as the bytes arrive; JSON is the
 * fallback.  It runs on the control thread's loop and never blocks.
 *
 * How it goes on:
 *	list complete			watch from its resource version
 *	list failed			abandon, list again after a pause
 *	410 for a continue token	abandon, list again at once, in one page
 *	watch ended in order		resume from the last event or bookmark
 *	watch broken, 401, 403, 429, 5xx	resume after a pause; list after three such answers
 *	410, 504, other errors, bad frames	list again after a pause (none for the first 410)
 * The pause grows from REFLECTOR_BACKOFF_MIN_MS to REFLECTOR_BACKOFF_MAX_MS, is stretched at
 * random by up to a half within that, never ends before Retry-After (read up to
 * REFLECTOR_BACKOFF_MAX_MS), and starts small again after a watch that lived REFLECTOR_STABLE_MS.
 */
#ifndef CACHE_REFLECTOR_H
#define CACHE_REFLECTOR_H

#include "codec/object.h"
#include "http/client.h"

#define REFLECTOR_PAGE_LIMIT 500		/* items per page */
#define REFLECTOR_ITEM_MAX (8 * 1024 * 1024)	/* bytes of one object */
#define REFLECTOR_BACKOFF_MIN_MS 800
#define REFLECTOR_BACKOFF_MAX_MS 30000
#define REFLECTOR_LIST_TIMEOUT_MS 60000		/* without a byte of progress */
#define REFLECTOR_WATCH_SECONDS 480		/* timeoutSeconds asked for; plus jitter */
#define REFLECTOR_WATCH_JITTER 120		/* at most so many seconds more */
#define REFLECTOR_WATCH_GRACE_MS 30000		/* a watch this much overdue is broken */
#define REFLECTOR_STABLE_MS 30000		/* a watch that lived so long was a good one */
#define REFLECTOR_OPTIONAL_MS 180000		/* until a 404 is asked for again */
#define REFLECTOR_ERROR_BODY_MAX 8192		/* bytes kept of a refusal, for the log */

enum reflector_event { REFLECTOR_ADDED, REFLECTOR_MODIFIED, REFLECTOR_DELETED };

struct reflector_sink {
	/* A list begins; everything that it does not bring is gone at commit. */
	void (*begin)(void *arg);
	/* One object of the list; the cursor is at its message. An error skips it (logged). */
	int (*item)(void *arg, struct object_cursor *object);
	/* The list is complete; reflector_is_synced() is true. */
	void (*commit)(void *arg);
	/* The list failed half-way; nothing is to be removed. */
	void (*abandon)(void *arg);
	/*
	 * One change, in the order of the upstream.  An error skips it (logged), but ERR_EXPIRED:
	 * what is known can no longer be trusted, and all is listed again.
	 */
	int (*event)(void *arg, enum reflector_event e, struct object_cursor *object);
	void *arg;
};

struct reflector_resource {
	const char *path;		/* "/apis/rbac.authorization.k8s.io/v1/roles" */
	const char *item_message;	/* schema name of one item: "rbac.v1.Role" */
	const char *name;		/* for logs and metrics: "roles" */
	bool optional;			/* 404: synced and empty, asked for again */
	const char *query;		/* of each request, encoded, or NULL: "fieldSelector=..." */
};

struct reflector;
/*
 * headers: the identity to stamp on every request (borrowed, as client and r; the sink is copied).
 * Accept is added; Host is the client's business.
 */
struct reflector *reflector_new(struct http_client *client, const struct reflector_resource *r,
				const struct http_headers *headers,
				const struct reflector_sink *sink);
void reflector_start(struct reflector *rf);
bool reflector_is_synced(const struct reflector *rf);	/* a list was completed */
/* Monotonic microseconds since the last sign of life of the watch (event, bookmark, list). */
int64_t reflector_age_us(const struct reflector *rf);
/*
 * Ends requests and timers and calls nothing any more, abandon included.  At any time but from
 * inside the sink's functions. NULL is allowed.
 */
void reflector_free(struct reflector *rf);

#endif
