/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization chain (spec 10): the privileged group first, then the configured authorizers
 * in order.  One const struct authz_ops per authorizer; the runner is the only place that knows
 * the order.  Policy is an immutable snapshot picked up by each worker.
 */
#ifndef AUTHZ_AUTHZ_H
#define AUTHZ_AUTHZ_H

#include "authz/attributes.h"
#include "authz/node_graph.h"
#include "base/snapshot.h"
#include "base/strbuf.h"
#include "conf/options.h"

enum authz_decision {
	AUTHZ_ALLOW,
	AUTHZ_DENY,
	AUTHZ_NO_OPINION,
	AUTHZ_PENDING,
};

struct rbac_index;	/* authz/rbac_index.h */

/* kube-apiserver's feature gates that the Node authorizer looks at (spec 12 section 2). */
struct node_gates {
	bool service_account_tokens;	/* KubeletServiceAccountTokenForCredentialProviders: on */
	bool pod_certificates;		/* PodCertificateRequest: off */
	bool trust_bundles;		/* ClusterTrustBundle: off */
};

/* What a Node miss was about; the strings are the attributes' and the user's. */
struct node_question {
	enum node_object kind;
	struct str namespace, name, node;
	uint64_t generation;	/* of the graph, read before it was asked */
};

static inline bool node_question_ask(const struct node_graph *g, const struct node_question *q)
{
	return node_graph_related(g, q->kind, q->namespace, q->name, q->node);
}

/* Everything the authorizers read. */
struct authz_policy {
	struct snapshot snapshot;	/* first member */
	enum authorization_mode modes[AUTHORIZATION_MODES_MAX];
	size_t mode_count;
	struct rbac_index *rbac;	/* owned; NULL when RBAC is not configured */
	const struct node_graph *graph;	/* borrowed, outlives every policy; NULL without Node */
	struct node_gates node_gates;
	uint64_t version;		/* counts up with each publication */
};

/*
 * A policy with these modes, all of them supported; takes rbac over (NULL: an index that is not
 * there yet has no opinion).  The gates are kube-apiserver 1.36's, to be changed before it is
 * published; the graph is for the caller to set (none: no object is related to a node).  Given
 * back with snapshot_release(&policy->snapshot).
 */
struct authz_policy *authz_policy_new(const enum authorization_mode *modes, size_t n,
				      struct rbac_index *rbac);

struct authz_request {
	const struct authz_policy *policy;	/* borrowed */
	const struct attributes *attributes;
	struct arena *arena;			/* reasons live here */
	bool want_reason;			/* also compose the reason of an ALLOW (log) */
	void (*resume)(void *arg);		/* PENDING, on the loop's thread */
	void *resume_arg;
	/* results; zeroed by the caller, as is step */
	struct str reason;	/* joined as spec 10 section 3 */
	struct str error;	/* aggregate; not empty with NO_OPINION or DENY: answer 500 */
	const char *authorizer;	/* who decided, for the log */
	/*
	 * The Node authorizer found no relation to an object that a pod bound a moment ago may
	 * use: the graph may know better as soon as its watch has caught up.
	 */
	bool node_missed;
	struct node_question node_question;	/* of the miss */
	bool node_refused;		/* the Node authorizer's table refused a node */
	/* private to the chain: where it is and what it collected so far */
	size_t step;
	struct str reasons[AUTHORIZATION_MODES_MAX + 1], errors[AUTHORIZATION_MODES_MAX + 1];
	size_t reason_count, error_count;
};

struct authz_ops {
	const char *name;
	enum authz_decision (*authorize)(struct authz_request *r, struct str *reason,
					 struct str *error);
};

/* After PENDING and resume() call it again with the same request; it goes on where it was. */
enum authz_decision authz_chain_run(struct authz_request *r);
/* Modes this build cannot run (named in the message at start). */
bool authz_mode_is_supported(enum authorization_mode m);
/* As in --authorization-mode ("RBAC"). */
const char *authz_mode_name(enum authorization_mode m);

#endif
