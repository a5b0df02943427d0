/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the admit step share: a plugin that does what a case wants, over the worker of
 * tests/proxy_fakes.h.
 */
#ifndef TESTS_ADMIT_PLUGIN_H
#define TESTS_ADMIT_PLUGIN_H

#include "obs/metrics.h"
#include "proxy/admit.h"
#include "tests/proxy_fakes.h"

#define TOM "Authorization: Bearer secret\n"
#define JSON_TYPE "Content-Type: application/json\n"
#define PATCH_TYPE "Content-Type: application/merge-patch+json\n"
#define NODE "/api/v1/nodes/n1"

/* What the plugin asks for and then says. */
struct admit_plugin {
	bool wants_body, wants_object, wants_dry_run, wants_decision;
	struct admission_key key;
	enum admission_result result;
	bool raw, replaces, again;
	const char *new_query;
	int runs;
	size_t types;			/* Content-Type fields */
	/* what it saw in its latest run */
	struct strbuf body;
	enum admission_lookup_state state;
	int code;
	struct strbuf error;
	bool allowed;
	struct str asked_for;		/* the user of its question */
};

extern struct admit_plugin plugin;

/* The identity that reads objects. */
extern const struct user admit_own;

/* A worker with the plugin, which lets everything pass. */
void admit_begin(void);
/* Nothing is held any more. */
void admit_end(void);
struct exchange *admit_exchange(const struct fake_stream *f);
/* Of tom, its body is to come: length -1 when it does not say; expects: it waits to be asked. */
struct fake_stream *admit_request(const char *method, const char *target, int64_t length,
				  bool expects);
struct fake_stream *admit_put(void);
/* The upstream answers that, with a body. */
void admit_answer(struct fake_stream *up, int status);
/* The upstream answers what was forwarded, and that is what the client gets. */
void admit_finish(struct fake_stream *f, struct fake_stream *up);
/* The answer is a refusal: nothing was forwarded. */
void admit_finish_refused(struct fake_stream *f, int status);

#endif
