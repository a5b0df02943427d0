/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes Status objects, byte for byte as kube-apiserver writes them (spec 03), and the plain
 * text answers of its filters.
 */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

#include "base/strbuf.h"
#include "http/negotiate.h"

struct status_cause {
	struct str reason, message, field;
};

/* Empty members are left out; has_details prints details even when all of it is empty. */
struct status {
	int code;
	bool success;			/* status "Success" instead of "Failure" */
	struct str message;
	struct str reason;		/* "Forbidden" ... */
	bool has_details;
	struct {
		struct str name, group, kind, uid;
		const struct status_cause *causes;
		size_t cause_count;
		int retry_after_seconds;
	} details;
};

/* Appends the body in that format. */
void status_encode(struct strbuf *out, const struct status *s, struct media_choice how);

/* The reason that belongs to a code ("Forbidden" to 403), "" when there is none; spec 03 §14. */
const char *status_reason(int code);

/* What a 403 of the authorization filter says; spec 03 section 4. */
struct forbidden {
	struct str user, verb, path;
	bool is_resource;
	struct str namespace, group, resource, subresource, name;
	struct str reason;		/* of the authorizers; may be empty */
};
/* Message into *message (owned by the caller), details and the rest into *out, which borrows. */
void status_forbidden(struct status *out, struct strbuf *message, const struct forbidden *f);
/* `Internal Server Error: "<target>": <error>\n` (spec 03 section 10), plain text. */
void status_internal_error_text(struct strbuf *out, struct str target, struct str error);
/* The fixed body of the 504 of the timeout filter (spec 03 section 12). */
struct str status_timeout_body(void);

#endif
