/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "proxy/self_review.h"

#include "base/err.h"
#include "codec/json.h"

#define PROBE_EXTRA_KEY "kube-authproxy/self-test"

static const struct str probe_groups[] = {
	STR("kube-authproxy:self-test-1"), STR("kube-authproxy:self-test-2"),
	STR(GROUP_AUTHENTICATED),
};
static const struct str probe_values[] = { STR("one"), STR("two words") };
static const struct user_extra probe_extra[] = {
	{ .key = STR(PROBE_EXTRA_KEY), .values = probe_values, .value_count = 2 },
};
static const struct user probe = {
	.name = STR("kube-authproxy:self-test"),
	.uid = STR("kube-authproxy-self-test-uid"),
	.groups = probe_groups, .group_count = 3,
	.extra = probe_extra, .extra_count = 1,
};

const struct user *self_review_user(void)
{
	return &probe;
}

struct str self_review_body(void)
{
	return STR("{\"kind\":\"SelfSubjectReview\",\"apiVersion\":\"authentication.k8s.io/v1\","
		   "\"metadata\":{}}");
}

static struct str text_of(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NULL;
}

static bool list_is(const json_t *list, const struct str *want, size_t n)
{
	if (json_array_size(list) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(list, i);

		if (!json_is_string(v) ||
		    !str_eq(str_make(json_string_value(v), json_string_length(v)), want[i]))
			return false;
	}
	return true;
}

static int refuse(struct strbuf *why, const char *text)
{
	strbuf_add_cstr(why, text);
	return ERR_REFUSED;
}

static int judge_name(struct str name, struct str own_name, struct strbuf *why)
{
	if (str_eq(name, probe.name))
		return 0;
	if (own_name.n && str_eq(name, own_name))
		return refuse(why, "it runs requests as the proxy's own certificate: set "
			      "--requestheader-username-headers=X-Remote-User there, and sign "
			      "the front-proxy certificate with a CA that --client-ca-file does "
			      "not have");
	strbuf_addf(why, "it takes us for user \"%.*s\": check --requestheader-client-ca-file, "
		    "--requestheader-allowed-names and --requestheader-username-headers there",
		    STR_ARG(name));
	return ERR_REFUSED;
}

static int judge_user(const json_t *user, struct str own_name, struct strbuf *why)
{
	int rc = judge_name(text_of(user, "username"), own_name, why);

	if (rc)
		return rc;
	if (!list_is(json_object_get(user, "groups"), probe_groups, 3))
		return refuse(why, "it lost or changed the user's groups: set "
			      "--requestheader-group-headers=X-Remote-Group there");
	if (!str_eq(text_of(user, "uid"), probe.uid))
		return refuse(why, "it lost the user's uid: set "
			      "--requestheader-uid-headers=X-Remote-Uid there (1.33 or later)");
	if (!list_is(json_object_get(json_object_get(user, "extra"), PROBE_EXTRA_KEY),
		     probe_values, 2))
		return refuse(why, "it lost or changed the user's extra fields: set "
			      "--requestheader-extra-headers-prefix=X-Remote-Extra- there");
	return 0;
}

int self_review_judge(int status, struct str body, struct str own_name, struct strbuf *why)
{
	json_t *review;
	int rc;

	if (status == 401)
		return refuse(why, "it does not accept our certificate (401): check "
			      "--requestheader-client-ca-file, --requestheader-allowed-names and "
			      "--requestheader-username-headers there");
	if (status == 404)
		return refuse(why, "it does not serve SelfSubjectReview of "
			      "authentication.k8s.io/v1, so identity cannot be tested (1.28 or "
			      "later)");
	if (status != 200 && status != 201) {
		strbuf_addf(why, "it answered a SelfSubjectReview with status %d", status);
		if (status == 403)
			strbuf_add_cstr(why, ": check --requestheader-username-headers and "
					"--requestheader-group-headers there, and the "
					"ClusterRoleBinding system:basic-user");
		return ERR_REFUSED;
	}
	if (json_read(body, &review, NULL))
		return refuse(why, "its SelfSubjectReview is not JSON");
	rc = judge_user(json_object_get(json_object_get(review, "status"), "userInfo"),
			own_name, why);
	json_decref(review);
	return rc;
}
