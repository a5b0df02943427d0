/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reflector keeps a sink equal to one resource of the upstream: list in pages, watch with
 * bookmarks from the list's resource version, resume, and relist (with backoff and jitter) on 410
 * or when resuming fails.  Objects come as protobuf, item by item as the bytes arrive; JSON is the
 * fallback.  It runs on the control thread's loop and never blocks.
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

enum reflector_event { REFLECTOR_ADDED, REFLECTOR_MODIFIED, REFLECTOR_DELETED };

struct reflector_sink {
	/* A list begins; everything that it does not bring is gone at commit. */
	void (*begin)(void *arg);
	/* One object of the list. The cursor is at its message. An error skips the object (logged). */
	int (*item)(void *arg, struct object_cursor *object);
	/* The list is complete. */
	void (*commit)(void *arg);
	/* The list failed half-way; nothing is to be removed. */
	void (*abandon)(void *arg);
	int (*event)(void *arg, enum reflector_event e, struct object_cursor *object);
	void *arg;
};

struct reflector_resource {
	const char *path;		/* "/apis/rbac.authorization.k8s.io/v1/roles" */
	const char *item_message;	/* schema name of one item: "rbac.v1.Role" */
	const char *name;		/* for logs and metrics: "roles" */
	bool optional;			/* 404 counts as synced and empty, asked again now and then */
};

struct reflector;
/* headers: the identity to stamp on every request (borrowed). */
struct reflector *reflector_new(struct http_client *client, const struct reflector_resource *r,
				const struct http_headers *headers,
				const struct reflector_sink *sink);
void reflector_start(struct reflector *rf);
bool reflector_is_synced(const struct reflector *rf);	/* a list was completed */
/* Monotonic microseconds since the last sign of life of the watch (event, bookmark, list). */
int64_t reflector_age_us(const struct reflector *rf);
void reflector_free(struct reflector *rf);

#endif
