/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "conf/feature_gates.h"

#include <stddef.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define FLAG "feature-gates"

enum gate {
	GATE_POD_CERTIFICATE_REQUEST, GATE_CLUSTER_TRUST_BUNDLE, GATE_CREDENTIAL_PROVIDER_TOKENS,
	GATE_CONSTRAINED_IMPERSONATION, GATE_NODE_SELECTORS, GATE_RESOURCE_ALLOCATION,
	GATE_VOLUME_RECOVERY, GATE_ALL_BETA,
	GATES,
};

/* In 1.36; what is locked cannot be switched off any more (spec 04, 12 and 21, section 2). */
static const struct {
	struct str name;
	bool preset, locked;
} gates[GATES] = {
	[GATE_POD_CERTIFICATE_REQUEST] = { STR("PodCertificateRequest"), false, false },
	[GATE_CLUSTER_TRUST_BUNDLE] = { STR("ClusterTrustBundle"), false, false },
	[GATE_CREDENTIAL_PROVIDER_TOKENS] = {
		STR("KubeletServiceAccountTokenForCredentialProviders"), true, false },
	[GATE_CONSTRAINED_IMPERSONATION] = { STR("ConstrainedImpersonation"), true, false },
	[GATE_NODE_SELECTORS] = { STR("AuthorizeNodeWithSelectors"), true, true },
	[GATE_RESOURCE_ALLOCATION] = { STR("DynamicResourceAllocation"), true, true },
	[GATE_VOLUME_RECOVERY] = { STR("RecoverVolumeExpansionFailure"), true, true },
	[GATE_ALL_BETA] = { STR("AllBeta"), false, false },
};

struct reading {
	struct {
		bool given, on;
	} v[GATES];
	bool has_component, has_plain;
	struct option_list *without_effect;
	struct problems *problems;
};

static void set_gate(struct reading *r, struct str name, bool on)
{
	struct strbuf b = STRBUF_INIT;
	size_t i = 0;

	while (i < GATES && !str_eq(name, gates[i].name))
		i++;
	if (i == GATES) {
		strbuf_addf(&b, FLAG "=%.*s", STR_ARG(name));
		option_list_add(r->without_effect, strbuf_str(&b));
		strbuf_fini(&b);
		return;
	}
	r->v[i].given = true;
	r->v[i].on = on;
	if (gates[i].locked && on != gates[i].preset)
		problems_add(r->problems, NULL, 0, FLAG, "cannot set feature gate %.*s to %s, "
			     "feature is locked to %s", STR_ARG(name), on ? "true" : "false",
			     gates[i].preset ? "true" : "false");
}

/* Name=true */
static void read_setting(struct reading *r, struct str setting)
{
	ptrdiff_t equals = str_find(setting, '=', 0);
	struct str name, value;
	const char *why;
	bool on;

	if (!setting.n)
		return;
	if (equals < 0) {
		problems_add(r->problems, NULL, 0, FLAG, "missing bool value for %.*s",
			     STR_ARG(setting));
		return;
	}
	name = str_trim(str_slice(setting, 0, (size_t)equals));
	value = str_trim(str_skip(setting, (size_t)equals + 1));
	if (flag_bool_parse(value, &on, &why))
		problems_add(r->problems, NULL, 0, FLAG, "invalid value of %.*s=%.*s, err: %s",
			     STR_ARG(name), STR_ARG(value), why);
	else
		set_gate(r, name, on);
}

/* What stands before a colon names the component, of which there is one. */
static void read_pair(struct reading *r, struct str pair)
{
	ptrdiff_t colon = str_find(pair, ':', 0);
	struct str component;

	if (colon < 0) {
		r->has_plain = true;
		read_setting(r, str_trim(pair));
		return;
	}
	component = str_trim(str_slice(pair, 0, (size_t)colon));
	if (component.n && !str_eq(component, STR("kube"))) {
		problems_add(r->problems, NULL, 0, FLAG, "component not registered: %.*s",
			     STR_ARG(component));
		return;
	}
	r->has_component = r->has_component || component.n;
	r->has_plain = r->has_plain || !component.n;
	read_setting(r, str_trim(str_skip(pair, (size_t)colon + 1)));
}

static bool is_on(const struct reading *r, enum gate g)
{
	if (r->v[g].given)
		return r->v[g].on;
	return r->v[GATE_ALL_BETA].given ? r->v[GATE_ALL_BETA].on : gates[g].preset;
}

void feature_gates_read(const struct option_list *given, struct feature_gates *out,
			struct option_list *without_effect, struct problems *p)
{
	struct reading r = { .without_effect = without_effect, .problems = p };

	for (size_t i = 0; i < given->n; i++) {
		struct str rest = str_from(given->v[i]), pair;

		while (str_next(&rest, ',', &pair))
			if (pair.n)
				read_pair(&r, pair);
	}
	if (r.has_component && r.has_plain)
		problems_add(p, NULL, 0, FLAG, "set kube feature gates with default empty prefix "
			     "or kube: prefix consistently, do not mix use");
	*out = (struct feature_gates){
		.pod_certificate_request = is_on(&r, GATE_POD_CERTIFICATE_REQUEST),
		.cluster_trust_bundle = is_on(&r, GATE_CLUSTER_TRUST_BUNDLE),
		.no_credential_provider_tokens = !is_on(&r, GATE_CREDENTIAL_PROVIDER_TOKENS),
		.no_constrained_impersonation = !is_on(&r, GATE_CONSTRAINED_IMPERSONATION),
	};
}
