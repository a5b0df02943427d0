/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of NodeRestriction (spec 21), for admission/node_restriction*.c alone.  Each judges a
 * write of `node` to one resource; rows are tested in the order of the specification's tables.
 */
#ifndef ADMISSION_NODE_RESTRICTION_H
#define ADMISSION_NODE_RESTRICTION_H

#include "admission/request.h"

/* A copy of a static pod has it, whatever its value. */
#define MIRROR_ANNOTATION "kubernetes.io/config.mirror"

/* admission_forbid() with a text that is composed in the request's arena. */
#define node_forbid(r, ...) admission_forbid((r), arena_printf((r)->arena, __VA_ARGS__))

/* Section 4. */
enum admission_result node_restriction_node(struct admission_request *r,
					    enum admission_operation op, struct str node);
/* Sections 5 to 8. */
enum admission_result node_restriction_pod(struct admission_request *r,
					   enum admission_operation op, struct str node);
/* Section 5: a pod that a node creates. */
enum admission_result node_restriction_mirror_pod(struct admission_request *r, json_t *pod,
						  struct str node);
/* Section 9. */
enum admission_result node_restriction_claim(struct admission_request *r,
					     enum admission_operation op, struct str node);
/* Section 10. */
enum admission_result node_restriction_token(struct admission_request *r,
					     enum admission_operation op, struct str node);
/* Section 10: does a volume of the pod ask for that audience?  Look-ups that failed: *errors. */
enum admission_result node_restriction_audience(struct admission_request *r, json_t *pod,
						struct str audience, bool *found,
						struct str *errors);
/* Section 11. */
enum admission_result node_restriction_lease(struct admission_request *r,
					     enum admission_operation op, struct str node);
enum admission_result node_restriction_csi_node(struct admission_request *r,
						enum admission_operation op, struct str node);
enum admission_result node_restriction_slice(struct admission_request *r,
					     enum admission_operation op, struct str node);
enum admission_result node_restriction_csr(struct admission_request *r,
					   enum admission_operation op, struct str node);
enum admission_result node_restriction_pod_certificate(struct admission_request *r,
						       enum admission_operation op,
						       struct str node);

/*
 * The last common name of the certificate request in PEM text.  Refused is also what this reader
 * and kube-apiserver's could read differently: a second PEM block, PEM headers, names that are no
 * plain text.  ERR_SYNTAX with *why.
 */
int node_restriction_common_name(struct str pem, struct arena *a, struct str *out,
				 struct str *why);
/*
 * The decision was about `old`: the request is bound to its version.  A client that names another
 * one is told of the conflict here: the upstream would have to come to that very version, one of
 * the future, only to write over what was never judged.
 */
enum admission_result node_restriction_bind(struct admission_request *r, json_t *old,
					    json_t *new);
/* Semantic equality of two canonical subtrees; NULL is one that is not there. */
bool node_restriction_same(json_t *a, json_t *b);
/* A name that an object can have, and nothing else when it is put into a path. */
bool node_restriction_is_name(struct str name);

#endif
