/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RequestInfo: from method and request target to authorization attributes (spec 01, to the
 * letter).  The target's bytes are forwarded untouched; the decision is made on its decoded form.
 */
#ifndef PROXY_REQUEST_INFO_H
#define PROXY_REQUEST_INFO_H

#include "authz/attributes.h"

struct request_info {
	struct attributes attributes;	/* user is NULL here; path is decoded */
	struct str raw_query;		/* behind the first `?`, undecoded */
	struct str origin_form;		/* the target without scheme and host: what is forwarded */
	bool long_running;		/* spec 00 section 3 */
};

/*
 * 0; ERR_SYNTAX: the target is not one (400 from the HTTP server); ERR_UNSUPPORTED: it ends right
 * after watch or proxy (500, spec 01 section 8).  Everything is allocated in the arena or borrowed
 * from method and target.
 */
int request_info_resolve(struct str method, struct str target, struct arena *a,
			 struct request_info *out);
/* The first value of a query parameter, decoded into the arena; false when absent. */
bool request_query_get(struct str raw_query, struct str key, struct arena *a, struct str *value);

#endif
