/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What authenticators have to know of objects of the cluster (spec 02 sections 8 and 9).  An
 * authenticator names the objects that it wants to see; whoever runs the chain brings them, from
 * the upstream or from manifests, so that authn/ knows neither.
 */
#ifndef AUTHN_OBJECT_H
#define AUTHN_OBJECT_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/list.h"
#include "base/str.h"

enum authn_object_kind { AUTHN_SERVICE_ACCOUNT, AUTHN_SECRET, AUTHN_POD, AUTHN_NODE };
#define AUTHN_OBJECT_KINDS 4

/* Immutable, shared by reference, by any thread. */
struct authn_object {
	atomic_uint refs;
	struct str uid;			/* owned, as all that follows */
	bool is_deleted;		/* it has a deletion timestamp: */
	int64_t deleted_s;		/* when, since the epoch */
	struct str token;		/* a Secret's data.token, decoded; wiped at the end */
	bool invalidated;		/* a Secret: kubernetes.io/legacy-token-invalid-since */
	struct str secrets;		/* a ServiceAccount's: each name with a newline behind it */
};

/*
 * From the object's JSON, with one reference; NULL when it is not an object of that shape: metadata
 * missing, a deletion timestamp that is no time, data that is no base64.
 */
struct authn_object *authn_object_read(enum authn_object_kind kind, const json_t *json);
struct authn_object *authn_object_acquire(struct authn_object *o);
void authn_object_release(struct authn_object *o);	/* NULL is allowed */
bool authn_object_lists_secret(const struct authn_object *o, struct str name);
/* "serviceaccounts", as paths and messages have it. */
const char *authn_object_resource(enum authn_object_kind kind);

enum authn_lookup_state {
	AUTHN_LOOKUP_WANTED,
	AUTHN_LOOKUP_FOUND,	/* object is set */
	AUTHN_LOOKUP_MISSING,
	AUTHN_LOOKUP_FAILED,	/* it could not be found out; error says why */
};

/* Begins zeroed but for what is wanted; ended with authn_lookup_fini. */
struct authn_lookup {
	enum authn_object_kind kind;
	struct str namespace, name;	/* borrowed; namespace is empty for nodes */
	/*
	 * Borrowed; only an object with this uid may be answered from memory: one of another uid
	 * may have been replaced since, and one that has to be of any uid may have changed.
	 */
	struct str uid;
	enum authn_lookup_state state;
	struct authn_object *object;	/* a reference */
	char *error;			/* owned */
	/* It is answered; never called before source->start has returned. */
	void (*done)(struct authn_lookup *l);
	void *arg;
	/* of the source: */
	struct list node;
};

/* Where objects come from; belongs to one thread. */
struct authn_source {
	/* Answers at once by setting the state, or calls l->done later. */
	void (*start)(struct authn_source *s, struct authn_lookup *l);
	/* l->done is not called any more. */
	void (*cancel)(struct authn_source *s, struct authn_lookup *l);
};

/* Lets go of the answer; what is still waited for is cancelled by its owner before. */
void authn_lookup_fini(struct authn_lookup *l);

#endif
