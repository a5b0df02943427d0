/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTP/1.1 head must not be.  Two layers stand around llhttp: the line scanner, which
 * judges the raw bytes before llhttp sees them (llhttp alone is loose about line ends and blanks),
 * and one table of refusals, which judges the head that llhttp read.  A head that passes llhttp but
 * not both layers is refused.  Rows marked http2 hold for HTTP/2 requests too.
 */
#ifndef HTTP_H1_CHECK_H
#define HTTP_H1_CHECK_H

#include "http/message.h"

#define H1_CONNECTION_MAX 4096	/* bytes in all Connection fields: each is a name to compare */
#define H1_FRAMING_MAX 4096	/* bytes around a chunk: its size line, extensions included */
#define H1_TRAILERS_MAX (16 * 1024)

/* What the scanner, the parser or a limit found. */
enum h1_fault {
	H1_FAULT_NONE,
	H1_FAULT_BARE_LF,
	H1_FAULT_BARE_CR,
	H1_FAULT_OBS_FOLD,
	H1_FAULT_NO_COLON,
	H1_FAULT_EMPTY_NAME,
	H1_FAULT_BLANK_BEFORE_COLON,
	H1_FAULT_NAME,
	H1_FAULT_VALUE,			/* NUL and other control bytes */
	H1_FAULT_HEAD_TOO_LARGE,
	H1_FAULT_TOO_MANY_FIELDS,
	H1_FAULT_TRANSFER_CODING,	/* llhttp: cannot tell where the body ends */
	H1_FAULT_VERSION,		/* llhttp */
	H1_FAULT_PARSER,		/* llhttp: anything else */
	H1_FAULT_CHUNK,			/* the framing of the body */
	H1_FAULT_TRAILERS_TOO_LARGE,
};

/*
 * The line scanner: give it the head from its first byte, again and again as it grows.  It returns
 * the first fault; *end is the head's length once the empty line was seen, else 0.  Trailers are
 * heads without a start line.
 */
struct h1_lines {
	size_t at;		/* begin of the line not yet judged */
	size_t seen;		/* no line feed between `at` and here: a long line is read once */
	bool has_start_line;	/* set by the owner: the first line is no field */
};
enum h1_fault h1_lines_scan(struct h1_lines *s, const char *p, size_t n, size_t *end);

/* A request's head as the table judges it. */
struct h1_head {
	enum h1_fault fault;
	struct str line;		/* the request line; unused with HTTP/2 */
	struct str method, target, version;
	const struct http_headers *headers;	/* as received, framing fields included */
};

/* Cuts head->line into its words; false when it has not exactly three, one blank apart. */
bool h1_head_split(struct h1_head *head);

struct h1_refusal {
	const char *name;	/* for logs and tests */
	enum h1_fault fault;	/* H1_FAULT_NONE: ask applies */
	bool (*applies)(const struct h1_head *head);
	int status;
	const char *detail;	/* joins the status text ("400 Bad Request: <detail>"), or NULL */
	const char *body;	/* replaces the body, or NULL */
	bool http2;
};

/* The first row that refuses, or NULL. http2: only the rows that hold there. */
const struct h1_refusal *h1_refuse(const struct h1_head *head, bool http2);

/* Content-Length as the head states it: -1 none, -2 malformed or repeated. */
int64_t h1_content_length(const struct http_headers *h);

#endif
