/* SPDX-License-Identifier: Apache-2.0 */
/* --feature-gates: those of kube-apiserver 1.36's gates that change what is decided here. */
#ifndef CONF_FEATURE_GATES_H
#define CONF_FEATURE_GATES_H

#include <stdbool.h>

#include "conf/flag_value.h"
#include "conf/problems.h"

/* Named so that zero is 1.36's default. */
struct feature_gates {
	bool pod_certificate_request;		/* PodCertificateRequest on */
	bool cluster_trust_bundle;		/* ClusterTrustBundle on */
	bool no_credential_provider_tokens;	/* KubeletServiceAccountTokenFor... off */
	bool no_constrained_impersonation;	/* ConstrainedImpersonation off */
};

/*
 * Reads the flag's values ("Gate=true,Gate2=false", each pair optionally with "kube:" before it;
 * the last of equal names counts, AllBeta sets what is not named).  What is wrong is said as
 * kube-apiserver says it.  The names of gates without effect here, known to kube-apiserver or not
 * (other releases have others), are appended to *without_effect as "feature-gates=NAME".
 */
void feature_gates_read(const struct option_list *given, struct feature_gates *out,
			struct option_list *without_effect, struct problems *p);

#endif
