/* SPDX-License-Identifier: Apache-2.0 */
/* What the Node graph needs of an object: its name, its node and what it refers to. */
#ifndef AUTHZ_NODE_GRAPH_READ_H
#define AUTHZ_NODE_GRAPH_READ_H

#include "authz/node_graph.h"
#include "base/strbuf.h"

/*
 * Bytes of a name: more than the upstream permits (253, and 317 for the claim of an ephemeral
 * volume).  No object has a longer one, so that a reference to it refers to nothing.
 */
#define NODE_NAME_MAX 1024

struct node_ref {
	enum node_object kind;
	struct str namespace;
	struct str name;
};

/* All texts are borrowed from the cursor's input, or from the draft (joined). */
struct node_draft {
	struct str namespace, name, uid;
	struct str node;			/* empty: none */
	struct str claim_namespace, claim;	/* of a volume; empty: none */
	bool is_mirror;
	struct node_ref *refs;			/* owned; names may be there twice */
	size_t ref_count, ref_cap;
	/* private: what is known in full only at the end of a pod */
	struct str *ephemeral;			/* owned: names of ephemeral volumes */
	size_t ephemeral_count, ephemeral_cap;
	struct node_claim_pair *templates;	/* owned: claims made from a template, by name */
	size_t template_count, template_cap;
	struct node_claim_pair *statuses;	/* owned */
	size_t status_count, status_cap;
	struct strbuf joined;
};

/* A draft of zeros can be read into, again and again. */
void node_draft_fini(struct node_draft *d);
/* ERR_SYNTAX, also for an object without a name; ERR_LIMIT. */
int node_draft_read(struct node_draft *d, enum node_source s, struct object_cursor *c);
/* Namespace and name alone. */
int node_draft_read_name(struct node_draft *d, enum node_source s, struct object_cursor *c);

#endif
