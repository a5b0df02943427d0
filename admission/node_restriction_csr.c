/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests for the kubelet's own signers: only in the name of the node. */
#include "config.h"

#include "admission/node_restriction.h"

#include <openssl/x509.h>

#include "base/err.h"
#include "codec/base64.h"

#define PEM_BEGIN STR("-----BEGIN ")
#define REQUEST_BEGIN STR("-----BEGIN CERTIFICATE REQUEST-----")
#define REQUEST_END STR("-----END CERTIFICATE REQUEST-----")

/* The base64 of the only PEM block, which has no headers. */
static int read_block(struct str pem, struct str *text)
{
	ptrdiff_t at = str_find_str(pem, PEM_BEGIN), end;
	struct str rest;

	if (at < 0 || (at > 0 && pem.p[at - 1] != '\n'))
		return ERR_SYNTAX;
	rest = str_skip(pem, (size_t)at);
	if (!str_has_prefix(rest, REQUEST_BEGIN))
		return ERR_SYNTAX;
	rest = str_skip(rest, REQUEST_BEGIN.n);
	end = str_find_str(rest, REQUEST_END);
	if (end < 1 || rest.p[end - 1] != '\n' || str_find_str(rest, PEM_BEGIN) >= 0 ||
	    (rest.p[0] != '\n' && rest.p[0] != '\r'))
		return ERR_SYNTAX;
	*text = str_slice(rest, 0, (size_t)end);
	return 0;
}

/* Other types of text kube-apiserver passes over: then an earlier name would count for it. */
static int read_name(const X509_NAME_ENTRY *entry, struct arena *a, struct str *out)
{
	const ASN1_STRING *s = X509_NAME_ENTRY_get_data(entry);
	struct str name = str_make((const char *)ASN1_STRING_get0_data(s),
				   (size_t)ASN1_STRING_length(s));
	int type = ASN1_STRING_type(s);

	if ((type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING &&
	     type != V_ASN1_IA5STRING) || !str_is_utf8(name))
		return ERR_SYNTAX;
	*out = arena_str(a, name);
	return 0;
}

static int last_common_name(const X509_NAME *subject, struct arena *a, struct str *out)
{
	int rc = 0;

	*out = STR_NULL;
	for (int i = -1; !rc;) {
		i = X509_NAME_get_index_by_NID(subject, NID_commonName, i);
		if (i < 0)
			break;
		rc = read_name(X509_NAME_get_entry(subject, i), a, out);
	}
	return rc;
}

int node_restriction_common_name(struct str pem, struct arena *a, struct str *out,
				 struct str *why)
{
	const unsigned char *p;
	struct str text, der;
	X509_REQ *request;
	int rc;

	*out = STR_NULL;
	*why = STR("PEM block type must be CERTIFICATE REQUEST");
	if (read_block(pem, &text) < 0 || base64_decode(text, a, &der) < 0)
		return ERR_SYNTAX;
	*why = STR("malformed certificate request");
	p = (const unsigned char *)der.p;
	request = d2i_X509_REQ(NULL, &p, (long)der.n);
	if (!request)
		return ERR_SYNTAX;
	rc = ERR_SYNTAX;
	if (p != (const unsigned char *)der.p + der.n) {
		*why = STR("trailing data after the certificate request");
	} else {
		*why = STR("the type of a common name is not supported");
		rc = last_common_name(X509_REQ_get_subject_name(request), a, out);
	}
	X509_REQ_free(request);
	return rc;
}

static enum admission_result check_request(struct admission_request *r, json_t *csr,
					   struct str node)
{
	struct str pem, name, why, wanted;

	wanted = arena_printf(r->arena, "system:node:%.*s", STR_ARG(node));
	if (base64_decode(tree_text(csr, "spec.request"), r->arena, &pem) < 0)
		pem = STR_NULL;
	if (node_restriction_common_name(pem, r->arena, &name, &why) < 0)
		return node_forbid(r, "unable to parse csr: %.*s", STR_ARG(why));
	if (!str_eq(name, wanted))
		return node_forbid(r, "can only create a node CSR with CN=%.*s", STR_ARG(wanted));
	return ADMISSION_ALLOW;
}

enum admission_result node_restriction_csr(struct admission_request *r,
					   enum admission_operation op, struct str node)
{
	enum admission_result result;
	struct str signer;
	json_t *csr;

	if (op != ADMISSION_CREATE || r->attributes->subresource.n)
		return ADMISSION_ALLOW;
	result = admission_new_object(r, &csr);
	if (result != ADMISSION_ALLOW)
		return result;
	signer = tree_text(csr, "spec.signerName");
	if (!str_eq(signer, STR("kubernetes.io/kubelet-serving")) &&
	    !str_eq(signer, STR("kubernetes.io/kube-apiserver-client-kubelet")))
		return ADMISSION_ALLOW;
	return check_request(r, csr, node);
}
