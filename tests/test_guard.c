/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "obs/metrics.h"
#include "tests/proxy_fakes.h"

#define RBAC "/apis/rbac.authorization.k8s.io/v1"
#define CERTS "/apis/certificates.k8s.io/v1"
#define APPLY "Content-Type: application/apply-patch+yaml\n"
#define UNSAFE "ignoreStoreReadErrorWithClusterBreakingPotential"
#define DRIVER "resource.k8s.io/resourceclaims/driver n"

#define RULES(...) { __VA_ARGS__ }
#define NOTHING { NULL }

struct row {
	const char *method, *target, *fields;
	/* what the user may do besides the request itself; ends with NULL */
	const char *rules[3];
	bool passes;
};

static const struct user tom = { .name = STR("tom") };

/* Runs the guard alone on a request of tom's; true when it lets it go on. */
static bool passes(const struct row *row)
{
	struct fake_stream *f = fake_stream_new(&fake.connection);
	struct http_message m = {
		.method = str_from(row->method), .target = str_from(row->target),
	};
	struct exchange x = {
		.worker = fake.worker, .client = &f->stream, .request = &m, .user = tom,
		.authn.config = worker_authn(fake.worker),
	};
	enum step_result result;

	http_headers_init(&m.headers, &f->arena);
	fake_add_fields(&m.headers, &f->arena, row->fields);
	loop_timer_init(&x.deadline, fake.worker->loop, NULL);
	int_is(request_info_resolve(m.method, m.target, &f->arena, &x.info), 0);
	x.info.attributes.user = &x.user;
	x.raw_query = x.info.raw_query;
	fake_authz.rules = row->rules;
	result = exchange_guard(&x);
	if (result == STEP_NEXT) {
		int_is(f->heads, 0);
	} else {
		int_is(result, STEP_DONE);
		int_is(f->head.status, 403);
		ok(fake_body_has(f, "(--upstream-authorization=none), so the proxy refuses it"));
		cstr_is(x.decision, "forbid");
	}
	f->stream.ops->release(&f->stream);
	fake_stream_free(f);
	return result == STEP_NEXT;
}

static void start(void)
{
	fake_proxy_start();
	fake.options.upstream_authorization = UPSTREAM_AUTHORIZATION_NONE;
}

static void run(const struct row *rows, size_t n)
{
	char label[200];

	start();
	for (size_t i = 0; i < n; i++) {
		snprintf(label, sizeof(label), "%zu: %s %s", i, rows[i].method, rows[i].target);
		tap_row(label);
		int_is(passes(&rows[i]), rows[i].passes);
	}
	tap_row(NULL);
	fake_proxy_stop();
}

/* Whoever asks such an upstream for a review is told that everything is allowed. */
static void test_reviews(void)
{
	static const struct row rows[] = {
		{ "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", NULL,
		  RULES("create authorization.k8s.io/selfsubjectaccessreviews"), false },
		{ "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", NULL,
		  RULES("* */*"), false },
		{ "POST", "/apis/authorization.k8s.io/v1/namespaces/n/localsubjectaccessreviews",
		  NULL, RULES("* */*"), false },
		{ "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", NULL,
		  RULES("* */*"), false },
		/* This one does not ask an authorizer. */
		{ "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", NULL, NOTHING,
		  true },
	};

	run(rows, array_size(rows));
}

static void test_streams_need_create(void)
{
	static const struct row rows[] = {
		{ "GET", "/api/v1/namespaces/n/pods/p/exec?command=sh", NULL,
		  RULES("get /pods/exec n"), false },
		{ "GET", "/api/v1/namespaces/n/pods/p/exec?command=sh", NULL,
		  RULES("create /pods/exec n"), true },
		{ "GET", "/api/v1/namespaces/n/pods/p/attach", NULL,
		  RULES("create /pods/exec n"), false },
		{ "GET", "/api/v1/namespaces/n/pods/p/attach", NULL,
		  RULES("create /pods/attach n"), true },
		{ "GET", "/api/v1/namespaces/n/pods/p/portforward", NULL, NOTHING, false },
		{ "GET", "/api/v1/namespaces/n/pods/p/portforward", NULL,
		  RULES("create /pods/portforward n"), true },
		{ "POST", "/api/v1/namespaces/n/pods/p/exec?command=sh", NULL, NOTHING, true },
		{ "GET", "/api/v1/namespaces/n/pods/p/log", NULL, NOTHING, true },
	};

	run(rows, array_size(rows));
}

static void test_roles_and_bindings(void)
{
	static const struct row rows[] = {
		{ "POST", RBAC "/clusterroles", NULL, NOTHING, false },
		{ "POST", RBAC "/clusterroles", NULL,
		  RULES("escalate rbac.authorization.k8s.io/clusterroles"), true },
		/* The right for one namespace is not the right for another. */
		{ "POST", RBAC "/namespaces/n/roles", NULL,
		  RULES("escalate rbac.authorization.k8s.io/roles m"), false },
		{ "PATCH", RBAC "/namespaces/n/roles/r", NULL,
		  RULES("escalate rbac.authorization.k8s.io/roles n"), true },
		/* An update may create. */
		{ "PUT", RBAC "/namespaces/n/roles/r", NULL,
		  RULES("escalate rbac.authorization.k8s.io/roles n"), false },
		{ "PUT", RBAC "/namespaces/n/roles/r", NULL,
		  RULES("escalate rbac.authorization.k8s.io/roles n",
			"create rbac.authorization.k8s.io/roles n"), true },
		{ "POST", RBAC "/clusterrolebindings", NULL, NOTHING, false },
		{ "POST", RBAC "/clusterrolebindings", NULL,
		  RULES("bind rbac.authorization.k8s.io/clusterroles"), false },
		{ "POST", RBAC "/clusterrolebindings", NULL,
		  RULES("bind rbac.authorization.k8s.io/clusterroles",
			"bind rbac.authorization.k8s.io/roles"), true },
		{ "POST", RBAC "/namespaces/n/rolebindings", NULL,
		  RULES("bind rbac.authorization.k8s.io/clusterroles n",
			"bind rbac.authorization.k8s.io/roles n"), true },
		{ "GET", RBAC "/clusterroles", NULL, NOTHING, true },
		{ "DELETE", RBAC "/clusterroles/r", NULL, NOTHING, true },
	};

	run(rows, array_size(rows));
}

/* The signer is in an object that the proxy does not read: the right must hold for all. */
static void test_signers(void)
{
	static const struct row rows[] = {
		{ "PUT", CERTS "/certificatesigningrequests/c/approval", NULL, NOTHING, false },
		{ "PUT", CERTS "/certificatesigningrequests/c/approval", NULL,
		  RULES("sign certificates.k8s.io/signers"), false },
		{ "PUT", CERTS "/certificatesigningrequests/c/approval", NULL,
		  RULES("approve certificates.k8s.io/signers"), true },
		{ "PATCH", CERTS "/certificatesigningrequests/c/status", NULL,
		  RULES("approve certificates.k8s.io/signers"), false },
		{ "PATCH", CERTS "/certificatesigningrequests/c/status", NULL,
		  RULES("sign certificates.k8s.io/signers"), true },
		{ "PUT", CERTS "beta1/namespaces/n/podcertificaterequests/c/status", NULL, NOTHING,
		  false },
		{ "POST", CERTS "beta1/clustertrustbundles", NULL, NOTHING, false },
		{ "POST", CERTS "beta1/clustertrustbundles", NULL,
		  RULES("attest certificates.k8s.io/signers"), true },
		{ "POST", CERTS "/certificatesigningrequests", NULL, NOTHING, true },
	};

	run(rows, array_size(rows));
}

static void test_claims_and_policies(void)
{
	static const struct row rows[] = {
		{ "PUT", "/apis/resource.k8s.io/v1/namespaces/n/resourceclaims/c/status", NULL,
		  RULES("update resource.k8s.io/resourceclaims/binding"), false },
		{ "PUT", "/apis/resource.k8s.io/v1/namespaces/n/resourceclaims/c/status", NULL,
		  RULES("arbitrary-node:update " DRIVER), false },
		{ "PUT", "/apis/resource.k8s.io/v1/namespaces/n/resourceclaims/c/status", NULL,
		  RULES("update resource.k8s.io/resourceclaims/binding",
			"arbitrary-node:update " DRIVER), true },
		{ "POST", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", NULL,
		  RULES("get */*"), false },
		{ "POST", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", NULL,
		  RULES("get */*", "list */*"), true },
		{ "POST", "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings",
		  NULL, NOTHING, false },
	};

	run(rows, array_size(rows));
}

static void test_updates_that_create(void)
{
	static const struct row rows[] = {
		{ "PUT", "/apis/coordination.k8s.io/v1/namespaces/n/leases/l", NULL, NOTHING,
		  false },
		{ "PUT", "/apis/coordination.k8s.io/v1/namespaces/n/leases/l", NULL,
		  RULES("create coordination.k8s.io/leases n"), true },
		{ "PUT", "/api/v1/namespaces/n/services/s", NULL, NOTHING, false },
		{ "PUT", "/api/v1/namespaces/n/services/s/status", NULL, NOTHING, true },
		{ "PUT", "/api/v1/namespaces/n/configmaps/c", NULL, NOTHING, true },
		{ "PUT", "/apis/events.k8s.io/v1/namespaces/n/events/e", NULL, NOTHING, false },
		{ "PUT", "/apis/node.k8s.io/v1/runtimeclasses/r", NULL, NOTHING, false },
	};

	run(rows, array_size(rows));
}

/* Server-side apply creates objects of any kind; its media type may be written in any case. */
static void test_apply(void)
{
	static const struct row rows[] = {
		{ "PATCH", "/api/v1/namespaces/n/configmaps/c", APPLY, NOTHING, false },
		{ "PATCH", "/api/v1/namespaces/n/configmaps/c", APPLY,
		  RULES("create /configmaps n"), true },
		{ "PATCH", "/api/v1/namespaces/n/configmaps/c",
		  "Content-Type:  Application/Apply-Patch+CBOR; x=y\n", NOTHING, false },
		{ "PATCH", "/api/v1/namespaces/n/configmaps/c",
		  "Content-Type: application/merge-patch+json\n", NOTHING, true },
		{ "PATCH", "/api/v1/namespaces/n/configmaps/c", NULL, NOTHING, true },
	};

	run(rows, array_size(rows));
}

static void test_unsafe_delete(void)
{
	static const struct row rows[] = {
		{ "DELETE", "/api/v1/namespaces/n/secrets/s?" UNSAFE "=true", NULL, NOTHING,
		  false },
		{ "DELETE", "/api/v1/namespaces/n/secrets/s?" UNSAFE, NULL, NOTHING, false },
		{ "DELETE", "/api/v1/namespaces/n/secrets/s?" UNSAFE "=true", NULL,
		  RULES("unsafe-delete-ignore-read-errors /secrets n"), true },
		{ "DELETE", "/api/v1/namespaces/n/secrets?" UNSAFE "=true", NULL, NOTHING, false },
		{ "DELETE", "/api/v1/namespaces/n/secrets/s?" UNSAFE "=false", NULL, NOTHING,
		  true },
		{ "DELETE", "/api/v1/namespaces/n/secrets/s", NULL, NOTHING, true },
	};

	run(rows, array_size(rows));
}

/* A resource of the same name in another group is another resource. */
static void test_other_groups(void)
{
	static const struct row rows[] = {
		{ "POST", "/apis/example.com/v1/clusterroles", NULL, NOTHING, true },
		{ "POST", "/apis/example.com/v1/selfsubjectaccessreviews", NULL, NOTHING, true },
		{ "GET", "/healthz", NULL, NOTHING, true },
		{ "POST", "/clusterroles", NULL, NOTHING, true },
	};

	run(rows, array_size(rows));
}

/* An upstream that enforces is asked nothing twice. */
static void test_enforcing(void)
{
	static const struct row row = { "POST", RBAC "/clusterroles", NULL, NOTHING, true };

	start();
	fake.options.upstream_authorization = UPSTREAM_AUTHORIZATION_ENFORCING;
	ok(passes(&row));
	int_is(fake_authz.asked.n, 0);
	fake_proxy_stop();
}

static void test_answer_names_the_object(void)
{
	static const char *const rules[] = {
		"patch rbac.authorization.k8s.io/clusterroles", NULL
	};
	struct fake_stream *f;
	int64_t denied = metric_value(METRIC_REQUESTS_DENIED);

	start();
	fake_authz.rules = rules;
	f = fake_request("PATCH", RBAC "/clusterroles/r", "Authorization: Bearer secret\n");
	int_is(f->head.status, 403);
	ok(fake_body_has(f, "\"details\":{\"name\":\"r\",\"group\":\"rbac.authorization.k8s.io\","
			 "\"kind\":\"clusterroles\"}"));
	ok(fake_body_has(f, "clusterroles is forbidden: writing roles needs verb escalate"));
	int_is(metric_value(METRIC_REQUESTS_DENIED) - denied, 1);
	int_is(fake_client.opened, 0);
	fake_request_done(f);
	fake_proxy_stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP(test_reviews),
		TAP(test_streams_need_create),
		TAP(test_roles_and_bindings),
		TAP(test_signers),
		TAP(test_claims_and_policies),
		TAP(test_updates_that_create),
		TAP(test_apply),
		TAP(test_unsafe_delete),
		TAP(test_other_groups),
		TAP(test_enforcing),
		TAP(test_answer_names_the_object),
		TAP_END
	};

	return tap_main(tests);
}
