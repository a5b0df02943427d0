/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admission chain (spec 20): which writes of an authorized request are refused, and what has to
 * be added to one so that what was decided still holds when the upstream acts on it.
 *
 * A plugin is a function over what is known of the request.  What it lacks (the body, an object of
 * the cluster, a decision of the authorizers) it asks for by returning ADMISSION_NEED with r->need;
 * the caller brings it and runs the chain again from its beginning.  So there is no state between
 * the runs but the inputs, the same code serves requests and test vectors, and no thread waits.
 */
#ifndef ADMISSION_ADMISSION_H
#define ADMISSION_ADMISSION_H

#include <jansson.h>

#include "authz/authz.h"
#include "conf/options.h"
#include "http/message.h"
#include "http/status.h"

#define ADMISSION_BODY_MAX (3 * 1024 * 1024)	/* spec 22 section 1; 413 after it */
#define ADMISSION_LOOKUPS_MAX 256		/* objects that one request may ask for */
#define ADMISSION_TRIES_MAX 5		/* decisions of one request (spec 22 section 10) */
#define ADMISSION_QUESTIONS_MAX 8		/* that one request may ask the authorizers */

enum admission_operation {
	ADMISSION_NONE,			/* a read: no plugin is asked */
	ADMISSION_CREATE, ADMISSION_UPDATE, ADMISSION_DELETE, ADMISSION_CONNECT,
};

enum admission_result {
	ADMISSION_ALLOW,
	ADMISSION_DENY,		/* r->status is the answer */
	ADMISSION_NEED,		/* r->need */
};

enum admission_need {
	ADMISSION_NEEDS_BODY,		/* all of it, or r->body_too_large */
	ADMISSION_NEEDS_OBJECT,		/* r->lookups[r->lookup_count - 1], by a live read */
	/*
	 * The upstream's answer to the same request with dryRun=All, into the last lookup; what is
	 * sent is new_body (with new_content_type), which is also what goes upstream after ALLOW.
	 */
	ADMISSION_NEEDS_DRY_RUN,
	ADMISSION_NEEDS_DECISION,	/* r->questions[r->question_count - 1] */
};

/* Without a name: the collection that the request addresses, by the request's field selector. */
struct admission_key {
	struct str api_group, api_version, resource, namespace, name;
};

enum admission_lookup_state {
	ADMISSION_WANTED, ADMISSION_FOUND, ADMISSION_MISSING,
	ADMISSION_FAILED,	/* error: could not be read; refused or relayed, never guessed */
};

struct admission_lookup {
	struct admission_key key;
	bool dry_run;
	enum admission_lookup_state state;
	json_t *object;		/* FOUND: owned, as the upstream's JSON in that version */
	int code;		/* of the upstream's answer; 0: none came */
	/* FAILED: text; of a dry run that was refused: the body, relayed with code */
	struct str error;
	json_t *tree;		/* private: owned; the object in its canonical form */
};

struct admission_question {
	struct attributes attributes;
	bool answered, allowed;
	struct str error;
};

struct admission_plugin;
struct admission_body;		/* admission/body.h */

/* Plugins in kube-apiserver's order (spec 20 section 4); immutable. */
struct admission_chain {
	const struct admission_plugin *v[4];
	size_t n;
	struct feature_gates gates;
};

struct admission_request {
	const struct admission_chain *chain;
	const struct attributes *attributes;	/* of the authorized request; user included */
	struct str method, query;		/* raw query, without '?' */
	const struct http_headers *headers;	/* as they will be forwarded */
	struct arena *arena;			/* texts of answers live here */
	/*
	 * A pod's node and uid from a cache; NULL, or false for an unknown pod: looked up.
	 * struct node_graph behind it in the server.
	 */
	bool (*pod_node)(void *arg, struct str namespace, struct str name, struct str *node,
			 struct str *uid);
	void *pod_node_arg;

	/* what was brought */
	bool has_body, body_there, body_too_large;
	struct str body;			/* borrowed from the caller until fini */
	struct admission_lookup *lookups;	/* in the arena; at most ADMISSION_LOOKUPS_MAX */
	size_t lookup_count, lookup_cap;
	struct admission_question *questions;	/* in the arena */
	size_t question_count, question_cap;

	/* results */
	enum admission_need need;
	struct status status;			/* DENY */
	bool raw_answer;			/* DENY: relay raw_code and raw_body instead */
	int raw_code;
	struct str raw_body;
	/* ALLOW: what goes upstream differs from what came */
	bool body_replaced;
	struct strbuf new_body;			/* owned; of the newest run */
	struct str new_content_type;		/* empty: as it is */
	bool query_replaced;
	struct str new_query;
	/* ALLOW: a 409 means that the object moved: forget lookups, decide and send again */
	bool again_on_conflict;

	/* private to the chain */
	enum admission_operation operation;
	struct admission_body *read;	/* in the arena; NULL before it was read */
	json_t *new_tree;		/* owned; what a patch makes of the object */
	struct str require_uid, require_version;
	unsigned dry_runs;		/* that failed since the object moved */
};

struct admission_plugin {
	const char *name;	/* "NodeRestriction" */
	/* False when the request is none of its business: decided without a body. */
	bool (*handles)(const struct admission_request *r, enum admission_operation op);
	enum admission_result (*admit)(struct admission_request *r, enum admission_operation op);
};

extern const struct admission_plugin node_restriction_plugin;

/*
 * The plugins that the flags leave: enabled minus disabled, in kube-apiserver's order.  Names that
 * kube-apiserver does not know, and ones in both lists, are the caller's to refuse before.
 */
void admission_chain_init(struct admission_chain *chain, const struct options *o);
/* kube-apiserver's plugin names, and those that this build runs itself. */
bool admission_plugin_is_known(struct str name);
bool admission_plugin_is_ours(struct str name);

/*
 * What the method and the path ask of admission (spec 20 section 1).  A PUT is an UPDATE, a PATCH
 * too: which of them create is known only with the stored object.
 */
enum admission_operation admission_operation(const struct attributes *a, struct str method);
/* "UPDATE", as texts name it. */
const char *admission_operation_name(enum admission_operation op);

/* Cheap: would any plugin look at this request? Else it need not be run at all. */
bool admission_is_concerned(const struct admission_chain *chain, const struct attributes *a,
			    struct str method);
/*
 * A request begins zeroed but for its inputs and is ended with admission_request_fini before its
 * arena.  Each run starts from nothing but what was brought: the results of the one before are
 * gone.
 */
enum admission_result admission_run(struct admission_request *r);
/* For another try after a conflict: what was looked up is forgotten, the body stays. */
void admission_again(struct admission_request *r);
void admission_request_fini(struct admission_request *r);

#endif
