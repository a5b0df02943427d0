/* SPDX-License-Identifier: Apache-2.0 */
/* What the Content-Type of a request says of its body, as kube-apiserver reads it (spec 22 §2). */
#ifndef ADMISSION_MEDIA_H
#define ADMISSION_MEDIA_H

#include "http/header.h"

enum body_media {
	BODY_JSON, BODY_YAML, BODY_PROTOBUF,			/* POST, PUT, DELETE */
	BODY_JSON_PATCH, BODY_MERGE_PATCH, BODY_STRATEGIC_PATCH, BODY_APPLY,	/* PATCH */
	BODY_UNKNOWN,		/* 415 */
	BODY_UNROUTED,		/* 415 of the route: another text, empty details */
};

/*
 * Two Content-Type fields, and a Content-Encoding other than identity, are BODY_UNKNOWN: which one
 * counts, and whether anybody decompresses, is not left to chance.
 */
enum body_media body_media(const struct http_headers *headers, bool is_patch);
/* The message of the 415. */
struct str body_media_refusal(enum body_media m, bool is_patch);

#endif
