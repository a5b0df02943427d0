/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision table of spec 12 section 3, a function per kind of row, and the static rules of
 * section 4.  Rows that name neither the graph nor an object work before any object is known.
 */
#include "config.h"

#include "authz/node.h"

#include "base/mem.h"
#include "obs/log.h"

enum verb {
	GET = 1, LIST = 2, WATCH = 4, CREATE = 8, UPDATE = 16, PATCH = 32, DELETE = 64,
	DELETECOLLECTION = 128,
};
#define READ (GET | LIST | WATCH)
#define OWN_OBJECT (GET | CREATE | UPDATE | PATCH | DELETE)

struct row;

/* A node's request while it is judged. */
struct question {
	struct authz_request *request;
	const struct attributes *at;
	const struct row *row;
	struct str node;
	unsigned verb;		/* one of enum verb; 0: another one */
	struct str *reason;
};

struct row {
	struct str group, resource;
	enum node_object kind;		/* of the rows that ask the graph */
	enum authz_decision (*judge)(struct question *q);
};

static unsigned verb_of(struct str verb)
{
	static const struct {
		struct str text;
		enum verb verb;
	} verbs[] = {
		{ STR("get"), GET }, { STR("list"), LIST }, { STR("watch"), WATCH },
		{ STR("create"), CREATE }, { STR("update"), UPDATE }, { STR("patch"), PATCH },
		{ STR("delete"), DELETE }, { STR("deletecollection"), DELETECOLLECTION },
	};

	for (size_t i = 0; i < array_size(verbs); i++)
		if (str_eq(verb, verbs[i].text))
			return verbs[i].verb;
	return 0;
}

bool node_of_user(const struct user *u, struct str *name)
{
	struct str prefix = STR("system:node:");

	if (!str_has_prefix(u->name, prefix) || !user_has_group(u, STR("system:nodes")))
		return false;
	*name = str_skip(u->name, prefix.n);
	return true;
}

/* --- Answers --- */

static enum authz_decision refuse(struct question *q, struct str reason)
{
	q->request->node_refused = true;
	*q->reason = reason;
	return AUTHZ_NO_OPINION;
}

/* A reason made of pieces; names stand in it unescaped. */
static enum authz_decision refuse_pieces(struct question *q, const struct str *pieces, size_t n)
{
	size_t length = 0, at = 0;
	char *text;

	for (size_t i = 0; i < n; i++)
		length += pieces[i].n;
	text = arena_alloc(q->request->arena, length);
	for (size_t i = 0; i < n; i++) {
		if (pieces[i].n)
			memcpy(text + at, pieces[i].p, pieces[i].n);
		at += pieces[i].n;
	}
	return refuse(q, str_make(text, length));
}

static enum authz_decision allow_if(struct question *q, bool allowed, struct str reason)
{
	return allowed ? AUTHZ_ALLOW : refuse(q, reason);
}

/* What kubelets ask for as soon as a pod is bound to them. */
static bool is_of_bound_pods(enum node_object kind)
{
	switch (kind) {
	case NODE_POD:
	case NODE_SECRET:
	case NODE_CONFIG_MAP:
	case NODE_CLAIM:
	case NODE_VOLUME:
	case NODE_RESOURCE_CLAIM:
	case NODE_SERVICE_ACCOUNT:
	case NODE_VOLUME_ATTACHMENT:
		return true;
	case NODE_RESOURCE_SLICE:
	case NODE_POD_CERTIFICATE_REQUEST:
	case NODE_OBJECTS:
		break;
	}
	return false;
}

/* The end of every row that asks the graph. */
static enum authz_decision related(struct question *q)
{
	struct authz_request *r = q->request;
	struct node_question asked = {
		.kind = q->row->kind, .namespace = q->at->namespace, .name = q->at->name,
		.node = q->node,
	};

	if (!asked.name.n)
		return refuse(q, STR("No Object name found"));
	if (r->policy->graph) {
		asked.generation = node_graph_generation(r->policy->graph);
		if (node_question_ask(r->policy->graph, &asked))
			return AUTHZ_ALLOW;
		r->node_missed = is_of_bound_pods(asked.kind);
	}
	r->node_question = asked;
	return refuse_pieces(q, (struct str[]){
		STR("no relationship found between node '"), q->node, STR("' and this object"),
	}, 3);
}

/* --- What the rows test --- */

static bool has_subresource(const struct question *q, struct str name)
{
	return str_eq(q->at->subresource, name);
}

/* One of the requirements is spec.nodeName=N; others narrow it further and do not hurt. */
static bool selects_own_node(const struct question *q)
{
	const struct selector *s = &q->at->field_selector;

	for (size_t i = 0; i < s->n; i++) {
		const struct selector_requirement *r = &s->v[i];

		if (r->op == SELECTOR_EQUALS && r->value_count == 1 &&
		    str_eq(r->key, STR("spec.nodeName")) && str_eq(r->values[0], q->node))
			return true;
	}
	return false;
}

/* --- Rows --- */

/* secrets, configmaps */
static enum authz_decision judge_read(struct question *q)
{
	if (!(q->verb & READ))
		return refuse(q, STR("can only read resources of this type"));
	if (q->at->subresource.n)
		return refuse(q, STR("cannot read subresource"));
	if (!q->at->namespace.n)
		return refuse(q, STR("can only read namespaced object of this type"));
	return related(q);
}

/* persistentvolumes, resourceclaims, volumeattachments */
static enum authz_decision judge_get(struct question *q)
{
	if (q->verb != GET)
		return refuse(q, STR("can only get individual resources of this type"));
	if (q->at->subresource.n)
		return refuse(q, STR("cannot get subresource"));
	return related(q);
}

static enum authz_decision judge_claim(struct question *q)
{
	if (!has_subresource(q, STR("status")))
		return judge_get(q);
	if (!(q->verb & (UPDATE | PATCH)))
		return refuse(q, STR("can only get/update/patch this type"));
	return related(q);
}

static enum authz_decision judge_service_account(struct question *q)
{
	const struct authz_policy *p = q->request->policy;

	if (q->verb == GET && !q->at->subresource.n) {
		if (!p->node_gates.service_account_tokens && !p->node_gates.pod_certificates)
			return refuse(q, STR("not allowed to get service accounts"));
		return judge_read(q);
	}
	if (q->verb != CREATE || !q->at->name.n)
		return refuse(q, STR("can only create tokens for individual service accounts"));
	if (!has_subresource(q, STR("token")))
		return refuse(q, STR("can only create token subresource of serviceaccount"));
	return related(q);
}

static enum authz_decision judge_lease(struct question *q)
{
	if (!(q->verb & OWN_OBJECT))
		return refuse(q, STR("can only get, create, update, patch, or delete a node "
				     "lease"));
	if (!str_eq(q->at->namespace, STR("kube-node-lease")))
		return refuse(q, STR("can only access leases in the \"kube-node-lease\" system "
				     "namespace"));
	return allow_if(q, q->verb == CREATE || str_eq(q->at->name, q->node),
			STR("can only access node lease with the same name as the requesting "
			    "node"));
}

static enum authz_decision judge_csi_node(struct question *q)
{
	if (!(q->verb & OWN_OBJECT))
		return refuse(q, STR("can only get, create, update, patch, or delete a CSINode"));
	if (q->at->subresource.n)
		return refuse(q, STR("cannot authorize CSINode subresources"));
	return allow_if(q, q->verb == CREATE || str_eq(q->at->name, q->node),
			STR("can only access CSINode with the same name as the requesting node"));
}

static enum authz_decision judge_resource_slice(struct question *q)
{
	if (q->at->subresource.n)
		return refuse(q, STR("cannot authorize ResourceSlice subresources"));
	if (q->verb == CREATE)
		return AUTHZ_ALLOW;
	if (q->verb & (GET | UPDATE | PATCH | DELETE))
		return related(q);
	if (q->verb & (LIST | WATCH | DELETECOLLECTION))
		return allow_if(q, selects_own_node(q),
				STR("can only list/watch/deletecollection resourceslices with "
				    "nodeName field selector"));
	return refuse(q, STR("only the following verbs are allowed for a ResourceSlice: get, "
			     "watch, list, create, update, patch, delete, deletecollection"));
}

static enum authz_decision judge_status_write(struct question *q)
{
	return allow_if(q, has_subresource(q, STR("status")) && (q->verb & (UPDATE | PATCH)),
			STR_NULL);
}

static enum authz_decision read_node(struct question *q)
{
	if (str_eq(q->at->name, q->node))
		return AUTHZ_ALLOW;
	if (!q->at->name.n)
		return refuse_pieces(q, (struct str[]){
			STR("node '"), q->node,
			STR("' cannot read all nodes, only its own Node object"),
		}, 3);
	return refuse_pieces(q, (struct str[]){
		STR("node '"), q->node, STR("' cannot read '"), q->at->name,
		STR("', only its own Node object"),
	}, 5);
}

/* Which node is written is NodeRestriction's business. */
static enum authz_decision judge_node(struct question *q)
{
	if (q->at->subresource.n)
		return judge_status_write(q);
	if (q->verb & READ)
		return read_node(q);
	return allow_if(q, q->verb & (CREATE | UPDATE | PATCH), STR_NULL);
}

static enum authz_decision list_pods(struct question *q)
{
	if (selects_own_node(q))
		return AUTHZ_ALLOW;
	if (q->at->name.n)
		return related(q);
	return refuse(q, STR("can only list/watch pods with spec.nodeName field selector"));
}

/* Which pods are written is NodeRestriction's business. */
static enum authz_decision judge_pod(struct question *q)
{
	if (has_subresource(q, STR("eviction")))
		return allow_if(q, q->verb == CREATE, STR_NULL);
	if (q->at->subresource.n)
		return judge_status_write(q);
	if (q->verb == GET)
		return related(q);
	if (q->verb & (LIST | WATCH))
		return list_pods(q);
	return allow_if(q, q->verb & (CREATE | DELETE), STR_NULL);
}

static enum authz_decision judge_pod_certificate_request(struct question *q)
{
	if (!q->request->policy->node_gates.pod_certificates)
		return refuse(q, STR_NULL);
	if (q->at->subresource.n)
		return refuse(q, STR("nodes may not access the status subresource of "
				     "PodCertificateRequests"));
	if (q->verb == CREATE)
		return AUTHZ_ALLOW;
	if (q->verb == GET)
		return related(q);
	if (q->verb & (LIST | WATCH))
		return allow_if(q, selects_own_node(q),
				STR("can only list/watch podcertificaterequests with nodeName "
				    "field selector"));
	return refuse_pieces(q, (struct str[]){
		STR("nodes may not "), q->at->verb, STR(" podcertificaterequests"),
	}, 3);
}

#define RESOURCE STR("resource.k8s.io")
#define STORAGE STR("storage.k8s.io")

/* Those that kubelets ask for most stand first. */
static const struct row rows[] = {
	{ STR(""), STR("secrets"), NODE_SECRET, judge_read },
	{ STR(""), STR("configmaps"), NODE_CONFIG_MAP, judge_read },
	{ STR(""), STR("pods"), NODE_POD, judge_pod },
	{ STR(""), STR("nodes"), NODE_OBJECTS, judge_node },
	{ STR("coordination.k8s.io"), STR("leases"), NODE_OBJECTS, judge_lease },
	{ STR(""), STR("serviceaccounts"), NODE_SERVICE_ACCOUNT, judge_service_account },
	{ STR(""), STR("persistentvolumeclaims"), NODE_CLAIM, judge_claim },
	{ STR(""), STR("persistentvolumes"), NODE_VOLUME, judge_get },
	{ STORAGE, STR("volumeattachments"), NODE_VOLUME_ATTACHMENT, judge_get },
	{ STORAGE, STR("csinodes"), NODE_OBJECTS, judge_csi_node },
	{ RESOURCE, STR("resourceclaims"), NODE_RESOURCE_CLAIM, judge_get },
	{ RESOURCE, STR("resourceslices"), NODE_RESOURCE_SLICE, judge_resource_slice },
	{ STR("certificates.k8s.io"), STR("podcertificaterequests"), NODE_POD_CERTIFICATE_REQUEST,
	  judge_pod_certificate_request },
};

/* What is left of ClusterRole system:node beside the rows, without gates (spec 12 section 4). */
static const struct {
	unsigned verbs;
	struct str group, resource;
} rules[] = {
	{ READ, STR(""), STR("services") },
	{ CREATE | PATCH | UPDATE, STR(""), STR("events") },
	{ CREATE | PATCH | UPDATE, STR("events.k8s.io"), STR("events") },
	{ CREATE, STR("authentication.k8s.io"), STR("tokenreviews") },
	{ CREATE, STR("authorization.k8s.io"), STR("subjectaccessreviews") },
	{ CREATE, STR("authorization.k8s.io"), STR("localsubjectaccessreviews") },
	{ READ, STR("storage.k8s.io"), STR("csidrivers") },
	{ READ, STR("node.k8s.io"), STR("runtimeclasses") },
	{ CREATE | READ, STR("certificates.k8s.io"), STR("certificatesigningrequests") },
	{ GET, STR(""), STR("endpoints") },
};

/* The rule of the gate ClusterTrustBundle. */
static bool may_read_bundles(const struct question *q)
{
	return q->request->policy->node_gates.trust_bundles && (q->verb & READ) &&
	       str_eq(q->at->resource, STR("clustertrustbundles")) &&
	       str_eq(q->at->api_group, STR("certificates.k8s.io"));
}

static enum authz_decision judge_by_rules(const struct question *q)
{
	/* A rule's resource names no subresource. */
	if (q->at->subresource.n)
		return AUTHZ_NO_OPINION;
	for (size_t i = 0; i < array_size(rules); i++)
		if ((q->verb & rules[i].verbs) && str_eq(q->at->resource, rules[i].resource) &&
		    str_eq(q->at->api_group, rules[i].group))
			return AUTHZ_ALLOW;
	return may_read_bundles(q) ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
}

static const struct row *row_of(const struct attributes *at)
{
	for (size_t i = 0; i < array_size(rows); i++)
		if (str_eq(at->resource, rows[i].resource) && str_eq(at->api_group, rows[i].group))
			return &rows[i];
	return NULL;
}

static enum authz_decision refuse_nobody(struct question *q)
{
	struct strbuf b = STRBUF_INIT;
	struct str text;

	strbuf_add_cstr(&b, "unknown node for user ");
	strbuf_add_go_quoted(&b, q->at->user->name);
	text = arena_str(q->request->arena, strbuf_str(&b));
	strbuf_fini(&b);
	return refuse(q, text);
}

enum authz_decision node_authorize(struct authz_request *r, struct str *reason, struct str *error)
{
	struct question q = { .request = r, .at = r->attributes, .reason = reason };

	(void)error;
	if (!node_of_user(q.at->user, &q.node))
		return AUTHZ_NO_OPINION;
	if (!q.node.n)
		return refuse_nobody(&q);
	if (!q.at->is_resource)
		return AUTHZ_NO_OPINION;
	q.verb = verb_of(q.at->verb);
	q.row = row_of(q.at);
	return q.row ? q.row->judge(&q) : judge_by_rules(&q);
}

void node_log_denial(const struct attributes *at)
{
	struct str node = STR_NULL;

	node_of_user(at->user, &node);
	log_write(LOG_INFO, __FILE__, __LINE__, "NODE DENY", (struct log_field[]){
		LOG_STR("node", node),
		LOG_STR("verb", at->verb),
		LOG_STR("apiGroup", at->api_group),
		LOG_STR("resource", at->resource),
		LOG_STR("subresource", at->subresource),
		LOG_STR("namespace", at->namespace),
		LOG_STR("name", at->name),
	}, 7);
}
