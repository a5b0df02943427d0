/* SPDX-License-Identifier: Apache-2.0 */
/* Which format an answer of ours takes: Accept, ?pretty and User-Agent (spec 03 section 2). */
#ifndef HTTP_NEGOTIATE_H
#define HTTP_NEGOTIATE_H

#include "http/header.h"

enum media_format {
	MEDIA_JSON,
	MEDIA_YAML,
	MEDIA_PROTOBUF,
};

struct media_choice {
	enum media_format format;
	bool pretty;		/* JSON only: indented, no newline at the end */
};

/* The format of an error Status for this request. raw_query is the target's part behind `?`. */
struct media_choice negotiate_error(const struct http_headers *request, struct str raw_query);
/* "application/json" and so on. */
struct str media_content_type(enum media_format f);

#endif
