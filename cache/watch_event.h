/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what an API server sends a reflector: list metadata, watch events, Status bodies. */
#ifndef CACHE_WATCH_EVENT_H
#define CACHE_WATCH_EVENT_H

#include "codec/object.h"

struct list_metadata {
	struct str resource_version, continue_token;	/* borrowed */
	json_t *json;					/* owned, or NULL */
};
/* ERR_SYNTAX, ERR_LIMIT. End with list_metadata_fini, also after an error. */
int list_metadata_read(struct str text, bool is_json, struct list_metadata *out);
void list_metadata_fini(struct list_metadata *m);

struct api_status {
	struct str message, reason;	/* borrowed */
	int64_t code;
	json_t *json;			/* owned, or NULL */
};
/* A Status body: an envelope, or JSON. ERR_SYNTAX, ERR_LIMIT. End with api_status_fini. */
int api_status_read(struct str body, bool is_json, struct api_status *out);
void api_status_fini(struct api_status *s);

enum watch_event_type {
	WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK, WATCH_ERROR,
};

struct watch_event {
	enum watch_event_type type;
	struct object_cursor object;	/* at its message; not for errors */
	struct str resource_version;	/* of the object; borrowed */
	struct api_status status;	/* of an error */
	json_t *json;			/* owned, or NULL */
};
/*
 * One frame or JSON value of a watch; m is the message of the resource's objects.  ERR_SYNTAX,
 * ERR_LIMIT, ERR_UNSUPPORTED (a type of event that is not known). End with watch_event_fini.
 */
int watch_event_read(struct str text, bool is_json, const struct schema_message *m,
		     struct watch_event *out);
void watch_event_fini(struct watch_event *e);

#endif
