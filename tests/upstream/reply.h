/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: heads, negotiated objects, Status errors, streams.  Faults are applied in here. */
#ifndef TESTS_UPSTREAM_REPLY_H
#define TESTS_UPSTREAM_REPLY_H

#include <jansson.h>

#include "tests/upstream/server.h"

enum reply_as { REPLY_PLAIN, REPLY_TABLE, REPLY_METADATA };

struct reply_format {
	enum media_format media;
	enum reply_as as;
	bool pretty;
};

/*
 * What the Accept header gets.  has_protobuf: the object has a protobuf form.
 * ERR_UNSUPPORTED: 406.
 */
int reply_negotiate(const struct call *c, bool has_protobuf, bool may_table,
		    struct reply_format *out);

/* JSON is indented for ?pretty and for browsers and the like (spec 03 section 2). */
bool reply_is_pretty(const struct call *c);

void reply_bytes(struct call *c, int code, struct str content_type, struct str body);
void reply_text(struct call *c, int code, const char *text);
/* Discovery and test documents: JSON, whatever was asked for. Takes the value over. */
void reply_json(struct call *c, int code, json_t *value);
/* An object or list of kind k (may be NULL), negotiated; the value is borrowed. */
void reply_object(struct call *c, int code, const struct kind *k, json_t *value);

void reply_status(struct call *c, const struct status *s);
/* A Failure without details. The reason is the code's own unless one is given. */
void reply_error(struct call *c, int code, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A Failure whose details name the resource (and the object). */
void reply_object_error(struct call *c, int code, const char *reason, const struct kind *k,
			struct str name, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* 422 with one cause. */
void reply_invalid(struct call *c, const struct kind *k, struct str name, const char *field,
		   const char *text);
void reply_not_found(struct call *c, const struct kind *k, struct str name);
void reply_no_resource(struct call *c);		/* 404 inside a served group version */
void reply_no_method(struct call *c);		/* 405 */

/* Applies the call's fault in place of (or before) the answer; true when nothing more is to do. */
bool reply_fault(struct call *c);
/* The transport wrote bytes of c; a loop_timer of c fired. */
void reply_sent(struct call *c);
void reply_timer(struct loop_timer *t);

/* A body without length: head now, bytes as they come, then reply_stream_end. */
void reply_stream_begin(struct call *c, int code, struct str content_type);
void reply_stream_add(struct call *c, const void *p, size_t n);
void reply_stream_end(struct call *c);

#endif
