#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--feature-gates: certificate requests and trust bundles of nodes, with the gates and without."""
import json
import os
import subprocess
import sys

import harness
from harness import equal, expect, wait_for

CERTIFICATES = "/apis/certificates.k8s.io/v1beta1"
REQUESTS = CERTIFICATES + "/namespaces/ns/podcertificaterequests"
BUNDLES = CERTIFICATES + "/clustertrustbundles"
OWN = "?fieldSelector=spec.nodeName%3Dn001"
ON = "--feature-gates=PodCertificateRequest=true"
PLUGIN = "--enable-admission-plugins=NodeRestriction"
MISS = "no relationship found between node 'n002' and this object"


def create(stack, target, kind, name, **members):
    body = dict({"kind": kind, "metadata": {"name": name}}, **members)
    r = stack.control(target, "POST", json.dumps(body).encode())
    expect(r.status in (201, 409), target, r.status, r.body)
    return stack.control(target + "/" + name).json()["metadata"]["uid"]


def begin(stack):
    """Two nodes, a pod on the first one; the uids that a request has to name."""
    if not stack.upstream:
        for name in ("n001", "n002"):
            stack.pki.cert(name, "ca", "/O=system:nodes/CN=system:node:" + name)
        stack.start_upstream()
        create(stack, "/api/v1/namespaces", "Namespace", "ns")
        create(stack, "/api/v1/nodes", "Node", "n002")
        stack.uids = {
            "node": create(stack, "/api/v1/nodes", "Node", "n001"),
            "account": create(stack, "/api/v1/namespaces/ns/serviceaccounts", "ServiceAccount",
                              "sa"),
            "pod": create(stack, "/api/v1/namespaces/ns/pods", "Pod", "p", spec={
                "nodeName": "n001", "serviceAccountName": "sa",
                "containers": [{"name": "c", "image": "i"}]})}
    return stack.uids


def proxy(stack, *flags, name, **more):
    begin(stack)
    return stack.proxy(PLUGIN, "--node-authorizer-wait=0", *flags, name=name,
                       **dict({"modes": "Node,RBAC"}, **more))


def request(stack, name, **changes):
    uids = begin(stack)
    spec = {"signerName": "example.com/s", "podName": "p", "podUID": uids["pod"],
            "serviceAccountName": "sa", "serviceAccountUID": uids["account"], "nodeName": "n001",
            "nodeUID": uids["node"]}
    return {"apiVersion": "certificates.k8s.io/v1beta1", "kind": "PodCertificateRequest",
            "metadata": {"name": name, "namespace": "ns"}, "spec": dict(spec, **changes)}


def post(stack, p, body, cert="n001"):
    return stack.ask(REQUESTS, cert, p, "POST", ["Content-Type: application/json"],
                     json.dumps(body).encode())


def lists(stack):
    """How often the requests were listed or watched at the API server."""
    paths = stack.control("/_test/seen").json()["paths"]
    return paths.get("GET %s/podcertificaterequests" % CERTIFICATES, 0)


def test_off_by_default(stack):
    p = proxy(stack, name="off")
    r = post(stack, p, request(stack, "a"))
    equal((r.status, r.json()["message"]), (403, (
        'podcertificaterequests.certificates.k8s.io is forbidden: User "system:node:n001" cannot '
        'create resource "podcertificaterequests" in API group "certificates.k8s.io" in the '
        'namespace "ns"')))
    equal(stack.ask(BUNDLES, "n001", p).status, 403)
    equal(lists(stack), 0, "nobody needs them")
    expect("without effect" not in p.log(), p.log())


def test_admission_refuses_without_the_gate(stack):
    """Also when another authorizer would let the node."""
    p = proxy(stack, name="open", modes="AlwaysAllow")
    r = post(stack, p, request(stack, "a"))
    equal((r.status, r.json()["message"]), (403, 'podcertificaterequests.certificates.k8s.io "a" '
                                            'is forbidden: PodCertificateRequest feature gate is '
                                            'disabled'))


def test_a_node_asks_for_its_pod(stack):
    p = proxy(stack, ON, name="on")
    target = REQUESTS + "/own"
    expect(lists(stack) > 0, "they are watched")
    equal(post(stack, p, request(stack, "own")).status, 201)
    equal(stack.control(target).json()["spec"]["podName"], "p")
    wait_for(lambda: stack.ask(target, "n001", p).status == 200, "the edge")
    r = stack.ask(target, "n002", p)
    equal((r.status, r.json()["message"].split(": ", 2)[2]), (403, MISS), r.body)
    equal(stack.ask(CERTIFICATES + "/podcertificaterequests" + OWN, "n001", p).status, 200)
    r = stack.ask(CERTIFICATES + "/podcertificaterequests", "n001", p)
    equal(r.status, 403)
    expect("can only list/watch podcertificaterequests with nodeName field selector" in
           r.json()["message"], r.body)
    equal(stack.control(target, "DELETE").status, 200)
    wait_for(lambda: stack.ask(target, "n001", p).status == 403, "the edge to go")
    equal(stack.ask(BUNDLES, "n001", p).status, 403, "another gate")


def test_what_does_not_fit_is_refused(stack):
    p = proxy(stack, ON, name="on")
    r = post(stack, p, request(stack, "b", nodeName="n002"))
    equal((r.status, r.json()["reason"], r.json()["message"]), (403, "Forbidden", (
        'podcertificaterequests.certificates.k8s.io "b" is forbidden: PodCertificateRequest.Spec.'
        'NodeName="n002", which is not the requesting node "n001"')))
    uid = begin(stack)["pod"]
    r = post(stack, p, request(stack, "b", podUID="zzz"))
    equal(r.body, json.dumps({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message":
        'PodCertificateRequest for pod "ns/p" contains pod UID ("zzz") which differs from running '
        'pod "%s"' % uid, "code": 500}, separators=(",", ":")).encode() + b"\n")
    equal(r.status, 500)
    r = post(stack, p, request(stack, "b", podName="ghost"))
    equal((r.status, r.json()["message"]), (500, 'while retrieving pod "ns/ghost" named in the '
                                            'PodCertificateRequest: pod "ghost" not found'))
    r = post(stack, p, request(stack, "b", nodeName="n002"), "n002")
    equal(r.status, 500, r.body)
    equal(stack.control(REQUESTS + "/b").status, 404)


def test_an_api_server_without_them(stack):
    begin(stack)
    path = "/apis/certificates.k8s.io/v1beta1/podcertificaterequests"
    equal(stack.control("/_test/faults?mode=error&code=404&count=99&path=" + path,
                        "POST").status, 200)
    p = proxy(stack, ON, name="old")
    equal(stack.ask("/api/v1/nodes/n001", "n001", p).status, 200)
    stack.control("/_test/faults", "DELETE")


def test_trust_bundles(stack):
    p = proxy(stack, "--feature-gates=ClusterTrustBundle=true", name="bundles")
    equal(stack.ask(BUNDLES, "n001", p).status, 404, "not served here, but allowed")
    equal(stack.ask(BUNDLES, "n001", p, "POST").status, 403)
    equal(post(stack, p, request(stack, "a")).status, 403)


def test_manifests(stack):
    begin(stack)
    path = stack.write("cluster.yaml", json.dumps(request(stack, "m")))
    for name, flags, what in (("manifests", [ON], (404,)), ("manifests-off", [], (403,))):
        p = proxy(stack, "--cluster-state=" + path, *flags, name=name, modes="Node")
        status = stack.ask(REQUESTS + "/m", "n001", p).status
        expect(status in what, name, status)
        equal(stack.ask(REQUESTS + "/other", "n001", p).status, 403)


def test_other_gates(stack):
    p = proxy(stack, "--feature-gates=CBORServingAndStorage=true,PodCertificateRequest=true",
              "--feature-gates=NewerThanThis=false", name="others")
    lines = [line for line in p.log().splitlines() if "without effect" in line]
    equal(len(lines), 1, p.log())
    expect(lines[0].endswith("without effect in this version: --feature-gates=CBORServingAndStorage"
                             ", --feature-gates=NewerThanThis"), lines)


def test_what_cannot_be_read(stack):
    begin(stack)
    argv = [os.path.join(harness.BUILD, "kube-authproxy"),
            *stack.flags(harness.free_port()), "--check"]
    for value, text in (
            ("PodCertificateRequest", "missing bool value for PodCertificateRequest"),
            ("A=yes", 'invalid value of A=yes, err: strconv.ParseBool: parsing "yes": invalid '
                      'syntax'),
            ("AuthorizeNodeWithSelectors=false", "cannot set feature gate "
             "AuthorizeNodeWithSelectors to false, feature is locked to true")):
        done = subprocess.run(argv + ["--feature-gates=" + value], text=True, capture_output=True,
                              timeout=harness.PATIENCE)
        equal((done.returncode, done.stderr), (1, "--feature-gates: %s\n" % text))


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
