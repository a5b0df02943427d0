/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "admission/admission.h"

#include "admission/precondition.h"
#include "base/check.h"
#include "base/mem.h"

/* All plugins in the order in which kube-apiserver runs them (spec 20 section 4). */
static const struct {
	const char *name;
	const struct admission_plugin *plugin;	/* NULL: the upstream's alone */
} plugins[] = {
	{ "AlwaysAdmit", NULL },
	{ "NamespaceAutoProvision", NULL },
	{ "NamespaceLifecycle", NULL },
	{ "NamespaceExists", NULL },
	{ "LimitPodHardAntiAffinityTopology", NULL },
	{ "LimitRanger", NULL },
	{ "ServiceAccount", NULL },
	{ "NodeRestriction", &node_restriction_plugin },
	{ "TaintNodesByCondition", NULL },
	{ "AlwaysPullImages", NULL },
	{ "ImagePolicyWebhook", NULL },
	{ "PodSecurity", NULL },
	{ "PodNodeSelector", NULL },
	{ "Priority", NULL },
	{ "DefaultTolerationSeconds", NULL },
	{ "PodTolerationRestriction", NULL },
	{ "EventRateLimit", NULL },
	{ "ExtendedResourceToleration", NULL },
	{ "DefaultStorageClass", NULL },
	{ "StorageObjectInUseProtection", NULL },
	{ "PodGroupProtection", NULL },
	{ "OwnerReferencesPermissionEnforcement", NULL },
	{ "PersistentVolumeClaimResize", NULL },
	{ "RuntimeClass", NULL },
	{ "CertificateApproval", NULL },
	{ "CertificateSigning", NULL },
	{ "ClusterTrustBundleAttest", NULL },
	{ "CertificateSubjectRestriction", NULL },
	{ "DefaultIngressClass", NULL },
	{ "DenyServiceExternalIPs", NULL },
	{ "PodTopologyLabels", NULL },
	{ "PodGroupWorkloadExists", NULL },
	{ "NodeDeclaredFeatureValidator", NULL },
	{ "JobValidation", NULL },
	{ "PodResizeValidator", NULL },
	{ "MutatingAdmissionPolicy", NULL },
	{ "MutatingAdmissionWebhook", NULL },
	{ "ValidatingAdmissionPolicy", NULL },
	{ "ValidatingAdmissionWebhook", NULL },
	{ "ResourceQuota", NULL },
	{ "AlwaysDeny", NULL },
};

static bool list_has(const struct option_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], name))
			return true;
	return false;
}

/* Ours are all off by default. */
static bool is_enabled(const struct options *o, const char *name)
{
	if (list_has(&o->disable_admission_plugins, name))
		return false;
	return list_has(&o->enable_admission_plugins, name) ||
	       list_has(&o->admission_control, name);
}

void admission_chain_init(struct admission_chain *chain, const struct options *o)
{
	chain->n = 0;
	chain->gates = o->gates;
	for (size_t i = 0; i < array_size(plugins); i++) {
		if (!plugins[i].plugin || !is_enabled(o, plugins[i].name))
			continue;
		CHECK(chain->n < array_size(chain->v));
		chain->v[chain->n++] = plugins[i].plugin;
	}
}

static size_t find_plugin(struct str name)
{
	size_t i = 0;

	while (i < array_size(plugins) && !str_eq(name, str_from(plugins[i].name)))
		i++;
	return i;
}

bool admission_plugin_is_known(struct str name)
{
	return find_plugin(name) < array_size(plugins);
}

bool admission_plugin_is_ours(struct str name)
{
	size_t i = find_plugin(name);

	return i < array_size(plugins) && plugins[i].plugin;
}

/* A PATCH may turn out to create. */
static bool is_handled(const struct admission_request *r)
{
	bool is_patch = str_eq(r->method, STR("PATCH"));

	for (size_t i = 0; i < r->chain->n; i++)
		if (r->chain->v[i]->handles(r, r->operation) ||
		    (is_patch && r->chain->v[i]->handles(r, ADMISSION_CREATE)))
			return true;
	return false;
}

bool admission_is_concerned(const struct admission_chain *chain, const struct attributes *a,
			    struct str method)
{
	enum admission_operation op = chain->n ? admission_operation(a, method) : ADMISSION_NONE;

	if (op == ADMISSION_NONE)
		return false;
	return is_handled(&(struct admission_request){ .chain = chain, .attributes = a,
						       .method = method, .operation = op });
}

/* Results of the run before. */
static void forget_results(struct admission_request *r)
{
	r->status = (struct status){ .code = 0 };
	r->raw_answer = r->body_replaced = r->query_replaced = r->again_on_conflict = false;
	r->new_content_type = r->new_query = STR_NULL;
	r->require_uid = r->require_version = STR_NULL;
	strbuf_clear(&r->new_body);
}

enum admission_result admission_run(struct admission_request *r)
{
	enum admission_result rc;

	forget_results(r);
	r->operation = admission_operation(r->attributes, r->method);
	if (r->operation == ADMISSION_NONE || !is_handled(r))
		return ADMISSION_ALLOW;
	rc = request_resolve(r);
	for (size_t i = 0; i < r->chain->n && rc == ADMISSION_ALLOW; i++)
		if (r->chain->v[i]->handles(r, r->operation))
			rc = r->chain->v[i]->admit(r, r->operation);
	return rc == ADMISSION_ALLOW ? precondition_finish(r) : rc;
}
