/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster of a few objects behind the admission chain: what a run asks for is brought, at once
 * and from memory.  Also used by the fuzzer.
 */
#ifndef TESTS_ADMISSION_CLUSTER_H
#define TESTS_ADMISSION_CLUSTER_H

#include "admission/request.h"
#include "proxy/request_info.h"

struct admission_case {
	struct arena arena;
	struct admission_chain chain;
	struct admission_request r;
	struct http_headers headers;
	struct request_info info;
	struct user user;		/* system:node:node01 unless the test says otherwise */
	struct str group;
	json_t *objects;		/* a list, owned */
	bool unreadable;		/* every look-up fails */
	bool allow;			/* what the authorizers say */
	/* the upstream's answer to dry runs: 2xx with an object, or refused */
	int dry_code;
	struct str dry_body;
	/* what was seen */
	size_t objects_asked, decisions_asked, dry_runs;
	bool body_asked;
	struct strbuf dry_sent;		/* owned; the newest dry run's body */
};

/* content_type NULL: no such field; a body of no bytes: the request has none. */
void admission_case_init(struct admission_case *c, const char *method, const char *target,
			 const char *content_type, struct str body);
/* A JSON object, or a list of them. */
void admission_case_add(struct admission_case *c, const char *json);
/* Runs until it is decided. */
enum admission_result admission_case_run(struct admission_case *c);
void admission_case_fini(struct admission_case *c);

#endif
