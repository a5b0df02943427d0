/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request, read once for all plugins (spec 22 sections 1 to 7, 9). */
#ifndef ADMISSION_BODY_H
#define ADMISSION_BODY_H

#include "admission/edit.h"
#include "admission/endpoint.h"
#include "admission/media.h"
#include "admission/request.h"

struct admission_body {
	enum body_media media;
	bool is_empty;			/* of a DELETE: there are no options in a body */
	struct endpoint endpoint;
	/* JSON, YAML, patches: what the client sent as a plain tree, NULL for protobuf; owned */
	json_t *raw;
	/* The JSON of raw: of the request itself, or converted from its YAML. */
	struct str text;
	struct strbuf converted;	/* owned */
	struct object_envelope envelope;	/* protobuf */
	struct str api_version, kind;	/* as the body says, else of the endpoint */
	json_t *tree;			/* owned; canonical; NULL before it was asked for */
	bool names_checked;
	/*
	 * Protobuf that kube-apiserver reads, and so do we, but another reader could take another
	 * way: enough to refuse, never to allow.  Static text.
	 */
	const char *loose;
};

/* ALLOW when r->read is there; an unreadable body is DENY. */
enum admission_result body_read(struct admission_request *r);
/* The body as an object of the endpoint's kind; *out NULL for a DELETE without one. */
enum admission_result body_tree(struct admission_request *r, json_t **out);
/* Does this patch come as a server-side apply? DENY 415 when its type is none. */
enum admission_result body_is_apply(struct admission_request *r, bool *out);
/* 400 unless namespace and name are the URL's (spec 22 section 7). */
enum admission_result body_check_names(struct admission_request *r, json_t *tree);
/* Fills what the URL says and what defaulting would (spec 22 section 3). */
void body_default(struct admission_request *r, json_t *tree);
void body_fini(struct admission_body *b);

/*
 * The protobuf body anew, with a uid and a version (either may be empty) appended in the place
 * where its kind has them: metadata, or the preconditions of delete options (spec 23 section 5).
 */
void body_write_claims(struct strbuf *out, const struct admission_body *b, struct str uid,
		       struct str version);

#endif
