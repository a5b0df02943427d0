/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write of a node as it comes: the first byte names method and path, the second the content type,
 * the rest is the body.  It goes through NodeRestriction over a few objects.  What is allowed after
 * its body was read must be readable, and what is sent instead of it is allowed too, as it is.
 */
#include "config.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/tree.h"
#include "tests/admission_cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *method, *target;
} requests[] = {
	{ "POST", "/api/v1/nodes" },
	{ "PUT", "/api/v1/nodes/node01" },
	{ "PUT", "/api/v1/nodes/node01/status" },
	{ "PATCH", "/api/v1/nodes/node01" },
	{ "PATCH", "/api/v1/nodes/node01/status" },
	{ "PATCH", "/api/v1/namespaces/default/pods/p1/status" },
	{ "PUT", "/api/v1/namespaces/default/pods/p1/status" },
	{ "POST", "/api/v1/namespaces/default/pods" },
	{ "POST", "/api/v1/namespaces/default/pods/p1/eviction" },
	{ "DELETE", "/api/v1/namespaces/default/pods/p1" },
	{ "DELETE", "/api/v1/namespaces/default/pods/p1?uid=u-pod&dryRun=All" },
	{ "PATCH", "/api/v1/namespaces/default/persistentvolumeclaims/c1/status" },
	{ "PUT", "/api/v1/namespaces/default/persistentvolumeclaims/c1/status" },
	{ "POST", "/api/v1/namespaces/default/serviceaccounts/sa/token" },
	{ "POST", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases" },
	{ "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node01" },
	{ "POST", "/apis/storage.k8s.io/v1/csinodes" },
	{ "POST", "/apis/resource.k8s.io/v1/resourceslices" },
	{ "DELETE", "/apis/resource.k8s.io/v1/resourceslices/s1" },
	{ "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests" },
	{ "POST", "/apis/certificates.k8s.io/v1beta1/namespaces/default/podcertificaterequests" },
	{ "PATCH", "/api/v1/nodes/node02" },
};

static const char *const types[] = {
	"application/json", "application/vnd.kubernetes.protobuf", "application/yaml",
	"application/json-patch+json", "application/merge-patch+json",
	"application/strategic-merge-patch+json", "application/apply-patch+yaml", NULL,
};

static const char objects[] =
	"[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node01\",\"uid\":"
	"\"u-node\",\"resourceVersion\":\"100\",\"labels\":{\"node-role.kubernetes.io/x\":\"\","
	"\"a\":\"b\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"M\",\"name\":\"m\","
	"\"uid\":\"u-m\"}]},\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]},"
	"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}},"
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p1\",\"namespace\":"
	"\"default\",\"uid\":\"u-pod\",\"resourceVersion\":\"200\",\"labels\":{\"app\":\"x\"}},"
	"\"spec\":{\"nodeName\":\"node01\",\"serviceAccountName\":\"sa\",\"volumes\":[{\"name\":"
	"\"t\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{\"audience\":\"vault\"}}]}},"
	"{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"c1\"}}]},\"status\":"
	"{\"resourceClaimStatuses\":[{\"name\":\"r\",\"resourceClaimName\":\"rc\"}]}},"
	"{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"c1\","
	"\"namespace\":\"default\",\"uid\":\"u-c\",\"resourceVersion\":\"300\"},\"spec\":"
	"{\"volumeName\":\"pv\",\"volumeMode\":\"Filesystem\",\"resources\":{\"requests\":"
	"{\"storage\":\"1Gi\"}}},\"status\":{\"phase\":\"Bound\",\"capacity\":{\"storage\":"
	"\"1Gi\"}}},{\"apiVersion\":\"resource.k8s.io/v1\",\"kind\":\"ResourceSlice\",\"metadata\":"
	"{\"name\":\"s1\",\"uid\":\"u-s\",\"resourceVersion\":\"400\"},\"spec\":{\"nodeName\":"
	"\"node01\"}},{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":"
	"\"sa\",\"namespace\":\"default\",\"uid\":\"u-sa\"}}]";

static const char applied[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node01\",\"uid\":"
	"\"u-node\",\"resourceVersion\":\"101\",\"labels\":{\"node-role.kubernetes.io/x\":\"\"},"
	"\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"M\",\"name\":\"m\",\"uid\":"
	"\"u-m\"}]},\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]}}";

static void begin(struct admission_case *c, size_t request, const char *type, struct str body)
{
	admission_case_init(c, requests[request].method, requests[request].target, type, body);
	c->chain.v[0] = &node_restriction_plugin;
	c->chain.n = 1;
	c->dry_code = 200;
	c->dry_body = str_from(applied);
	admission_case_add(c, objects);
}

static int on_document(void *arg, json_t *doc, int line)
{
	(void)line;
	*(bool *)arg = json_is_object(doc);
	return ERR_CLOSED;
}

/* Could the body be read at all as what it was said to be? */
static bool is_readable(const char *type, struct str body)
{
	struct object_envelope e;
	json_t *v = NULL;
	const char *why;
	bool is_object = false;
	int line;

	if (type && strstr(type, "protobuf"))
		return object_envelope_read(body, &e) == 0;
	if (type && strstr(type, "yaml")) {
		if (str_has_prefix(body, STR("\xef\xbb\xbf")))
			body = str_skip(body, 3);
		yaml_read(body, on_document, &is_object, &line, &why);
		return is_object;
	}
	if (json_read_strict(body, &v, &why) < 0)
		return false;
	json_decref(v);
	return true;
}

/*
 * The body that replaces the client's is readable; it may once more be changed, since stating a uid
 * can make the rules look at what a patch makes (and find that it fails, or has pointers that are
 * read in two ways), but not for ever.
 */
static void check_replaced(size_t request, const char *type, const struct admission_case *c,
			   unsigned rounds)
{
	struct str body = strbuf_str(&c->r.new_body);
	struct admission_case again;
	enum admission_result rc;

	if (c->r.new_content_type.n)
		type = "application/json";
	begin(&again, request, type, body);
	rc = admission_case_run(&again);
	CHECK(rc == ADMISSION_ALLOW || again.r.status.code == 422 ||
	      (again.r.status.code == 400 && type && strstr(type, "json-patch")));
	if (rc == ADMISSION_ALLOW && again.r.body_replaced &&
	    !str_eq(strbuf_str(&again.r.new_body), body)) {
		CHECK(rounds > 0);
		check_replaced(request, type, &again, rounds - 1);
	}
	admission_case_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct admission_case c;
	enum admission_result rc;
	const char *type;
	struct str body;
	size_t request;

	if (size < 2)
		return 0;
	request = data[0] % array_size(requests);
	type = types[data[1] % array_size(types)];
	body = str_make((const char *)data + 2, size - 2);
	begin(&c, request, type, body);
	rc = admission_case_run(&c);
	if (rc == ADMISSION_ALLOW && c.body_asked)
		CHECK(is_readable(type, body));
	if (rc == ADMISSION_ALLOW && c.r.body_replaced)
		check_replaced(request, type, &c, 1);
	if (rc == ADMISSION_DENY && !c.r.raw_answer)
		CHECK(c.r.status.code >= 400 && c.r.status.code < 600 && c.r.status.message.n);
	admission_case_fini(&c);
	return 0;
}
