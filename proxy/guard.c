/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an upstream without its own authorizer would lose (spec 24): kube-apiserver asks its
 * authorizer again for rights that depend on the object or the protocol.  With
 * --upstream-authorization=none nobody would ask, so the proxy asks what it can tell from the
 * request's head, and refuses where the answer depends on a body it has not read.  With an
 * enforcing upstream nothing is asked twice.
 */
#include "config.h"

#include "base/mem.h"
#include "obs/metrics.h"
#include "proxy/exchange.h"

#define WHY_TAIL \
	"; the API server behind this proxy does not check that " \
	"(--upstream-authorization=none), so the proxy refuses it"

/* Asks the chain for the same request with other attributes. */
static bool may(struct exchange *x, const struct attributes *a)
{
	struct authz_request r = {
		.policy = worker_policy(x->worker), .attributes = a, .arena = x->client->arena,
	};

	return authz_chain_run(&r) == AUTHZ_ALLOW;
}

static bool may_verb(struct exchange *x, struct str verb)
{
	struct attributes a = x->info.attributes;

	a.verb = verb;
	return may(x, &a);
}

static bool may_on(struct exchange *x, struct str verb, struct str group, struct str resource,
		   struct str subresource, struct str namespace)
{
	struct attributes a = {
		.user = &x->user, .verb = verb, .is_resource = true, .api_group = group,
		.api_version = STR("*"), .resource = resource, .subresource = subresource,
		.namespace = namespace,
	};

	return may(x, &a);
}

/* Reviews would be answered by an authorizer that allows everything. */
static bool review_is_covered(struct exchange *x)
{
	(void)x;
	return false;
}

/* Row 13: GET exec, attach, port-forward need `create` as well. */
static bool stream_is_covered(struct exchange *x)
{
	return may_verb(x, STR("create"));
}

/* Rows 4 and 5: who holds escalate or bind without restriction may write what they like. */
static bool role_is_covered(struct exchange *x)
{
	return may_verb(x, STR("escalate"));
}

static bool binding_is_covered(struct exchange *x)
{
	struct str group = STR("rbac.authorization.k8s.io");
	struct str namespace = x->info.attributes.namespace;

	return may_on(x, STR("bind"), group, STR("clusterroles"), STR_NULL, namespace) &&
	       may_on(x, STR("bind"), group, STR("roles"), STR_NULL, namespace);
}

/* Row 6: the signer is in the stored object, so the right must hold for every signer. */
static bool may_for_signers(struct exchange *x, struct str verb)
{
	return may_on(x, verb, STR("certificates.k8s.io"), STR("signers"), STR_NULL, STR_NULL);
}

static bool approval_is_covered(struct exchange *x)
{
	return may_for_signers(x, STR("approve"));
}

static bool signing_is_covered(struct exchange *x)
{
	return may_for_signers(x, STR("sign"));
}

static bool attesting_is_covered(struct exchange *x)
{
	return may_for_signers(x, STR("attest"));
}

/* Row 8: binding and driver rights, for any driver and node. */
static bool claim_status_is_covered(struct exchange *x)
{
	const struct attributes *a = &x->info.attributes;
	struct str claims = STR("resourceclaims");
	struct str node_verb = arena_printf(x->client->arena, "arbitrary-node:%.*s",
					    STR_ARG(a->verb));

	return may_on(x, a->verb, a->api_group, claims, STR("binding"), STR_NULL) &&
	       may_on(x, node_verb, a->api_group, claims, STR("driver"), a->namespace);
}

/* Rows 9 and 10: parameters of any kind must be readable. */
static bool policy_is_covered(struct exchange *x)
{
	struct str any = STR("*");

	return may_on(x, STR("get"), any, any, STR_NULL, STR_NULL) &&
	       may_on(x, STR("list"), any, any, STR_NULL, STR_NULL);
}

/* Row 1: what PUT creates when it is missing, apply creates always. */
static bool upsert_is_covered(struct exchange *x)
{
	return may_verb(x, STR("create"));
}

#define WRITES "create update patch"
#define CHANGES "update patch"

static const struct guard_row {
	const char *group, *resource, *subresource;	/* resource: blank-separated; NULL: none */
	const char *verbs;				/* blank-separated */
	bool (*is_covered)(struct exchange *x);
	const char *what;
} rows[] = {
	{ "authorization.k8s.io", "subjectaccessreviews localsubjectaccessreviews "
	  "selfsubjectaccessreviews selfsubjectrulesreviews", NULL, "create", review_is_covered,
	  "access reviews would be answered without an authorizer" },
	{ "", "pods", "exec", "get", stream_is_covered, "streams into pods need verb create" },
	{ "", "pods", "attach", "get", stream_is_covered, "streams into pods need verb create" },
	{ "", "pods", "portforward", "get", stream_is_covered,
	  "streams into pods need verb create" },
	{ "rbac.authorization.k8s.io", "roles clusterroles", NULL, WRITES, role_is_covered,
	  "writing roles needs verb escalate, or every right they grant" },
	{ "rbac.authorization.k8s.io", "rolebindings clusterrolebindings", NULL, WRITES,
	  binding_is_covered, "writing bindings needs verb bind, or every right they grant" },
	{ "certificates.k8s.io", "certificatesigningrequests", "approval", CHANGES,
	  approval_is_covered, "approving certificates needs verb approve on signers" },
	{ "certificates.k8s.io", "certificatesigningrequests", "status", CHANGES,
	  signing_is_covered, "signing certificates needs verb sign on signers" },
	{ "certificates.k8s.io", "podcertificaterequests", "status", CHANGES,
	  signing_is_covered, "signing certificates needs verb sign on signers" },
	{ "certificates.k8s.io", "clustertrustbundles", NULL, WRITES, attesting_is_covered,
	  "trust bundles need verb attest on signers" },
	{ "resource.k8s.io", "resourceclaims", "status", CHANGES, claim_status_is_covered,
	  "the status of resource claims needs rights on resourceclaims/binding and driver" },
	{ "admissionregistration.k8s.io", "validatingadmissionpolicies "
	  "mutatingadmissionpolicies validatingadmissionpolicybindings "
	  "mutatingadmissionpolicybindings", NULL, WRITES, policy_is_covered,
	  "admission policies need the right to read their parameters" },
	{ "coordination.k8s.io", "leases leasecandidates", NULL, "update", upsert_is_covered,
	  "an update may create the object and then needs verb create" },
	{ "", "events services endpoints limitranges", NULL, "update", upsert_is_covered,
	  "an update may create the object and then needs verb create" },
	{ "events.k8s.io", "events", NULL, "update", upsert_is_covered,
	  "an update may create the object and then needs verb create" },
	{ "node.k8s.io", "runtimeclasses", NULL, "update", upsert_is_covered,
	  "an update may create the object and then needs verb create" },
	{ "rbac.authorization.k8s.io", "roles clusterroles rolebindings clusterrolebindings", NULL,
	  "update", upsert_is_covered,
	  "an update may create the object and then needs verb create" },
};

static bool has_word(const char *words, struct str word)
{
	struct str rest = str_from(words), piece;

	while (word.n && str_next(&rest, ' ', &piece))
		if (str_eq(piece, word))
			return true;
	return false;
}

static bool row_applies(const struct guard_row *row, const struct attributes *a)
{
	return str_eq(a->api_group, str_from(row->group)) && has_word(row->resource, a->resource) &&
	       str_eq(a->subresource, str_from(row->subresource)) && has_word(row->verbs, a->verb);
}

/* Any server-side apply creates what is missing. */
static bool is_apply(const struct exchange *x)
{
	const struct str *type = http_field_get(&x->request->headers, HTTP_CONTENT_TYPE);

	return str_eq(x->info.attributes.verb, STR("patch")) && type &&
	       str_has_prefix_nocase(str_trim(*type), STR("application/apply-patch"));
}

/* Row 3: deleting what cannot be read. */
static bool is_unsafe_delete(const struct exchange *x)
{
	struct str value;

	return str_has_prefix(x->info.attributes.verb, STR("delete")) &&
	       request_query_get(x->raw_query,
				 STR("ignoreStoreReadErrorWithClusterBreakingPotential"),
				 x->client->arena, &value) &&
	       !str_eq(value, STR("false"));
}

static enum step_result refuse(struct exchange *x, const char *what)
{
	const struct attributes *a = &x->info.attributes;
	struct status s = {
		.code = 403,
		.reason = STR("Forbidden"),
		.message = arena_printf(x->client->arena, "%.*s is forbidden: %s" WHY_TAIL,
					STR_ARG(a->resource), what),
		.has_details = true,
		.details = { .name = a->name, .group = a->api_group, .kind = a->resource },
	};

	metric_add(METRIC_REQUESTS_DENIED, 1);
	x->decision = "forbid";
	x->reason = s.message;
	return exchange_answer_status(x, &s, true, 0);
}

enum step_result exchange_guard(struct exchange *x)
{
	const struct attributes *a = &x->info.attributes;

	if (x->worker->server->options->upstream_authorization != UPSTREAM_AUTHORIZATION_NONE ||
	    !a->is_resource)
		return STEP_NEXT;
	for (size_t i = 0; i < array_size(rows); i++)
		if (row_applies(&rows[i], a) && !rows[i].is_covered(x))
			return refuse(x, rows[i].what);
	if (is_apply(x) && !may_verb(x, STR("create")))
		return refuse(x, "an apply may create the object and then needs verb create");
	if (is_unsafe_delete(x) && !may_verb(x, STR("unsafe-delete-ignore-read-errors")))
		return refuse(x, "unsafe deletes need verb unsafe-delete-ignore-read-errors");
	return STEP_NEXT;
}
