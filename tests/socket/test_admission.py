#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NodeRestriction through the real sockets: what a kubelet sends, what it may not, and how bodies,
look-ups and conflicts are handled on the way.  Every node may do everything as far as the authorizer
is concerned, so each refusal here is admission's."""
import json
import os
import random
import socket
import struct
import sys
import threading
import time

import harness
from harness import equal, expect, wait_for

# A sanitized build keeps what was freed, which would look like memory that is held.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
NODE = "/api/v1/nodes/n001"
OTHER = "/api/v1/nodes/n002"
PODS = "/api/v1/namespaces/default/pods"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
JSON = "Content-Type: application/json"
MERGE = "Content-Type: application/merge-patch+json"
STRATEGIC = "Content-Type: application/strategic-merge-patch+json"
JSON_PATCH = "Content-Type: application/json-patch+json"
PROTOBUF = "Content-Type: application/vnd.kubernetes.protobuf"
LIMIT = 3145728


# --- What the cluster holds ---

def create(stack, collection, kind, name, **members):
    body = dict({"kind": kind, "metadata": {"name": name}}, **members)
    r = stack.control(collection, "POST", json.dumps(body).encode())
    expect(r.status in (201, 409), r.status, r.body)


def pod_on(stack, name, node, **spec):
    stack.control(PODS + "/" + name, "DELETE")
    create(stack, PODS, "Pod", name, spec=dict({"nodeName": node, "containers": [
        {"name": "c", "image": "pause"}]}, **spec))


def reset_nodes(stack):
    stack.control("/_test/faults", "DELETE")
    for name in ("n001", "n002"):
        stack.control("/api/v1/nodes/" + name, "DELETE")
        create(stack, "/api/v1/nodes", "Node", name, spec={})


def admission(stack):
    """The proxy with the plugin; n001 and n002 are nodes."""
    if "proxy" in stack.proxies:
        return stack.proxies["proxy"]
    stack.start_upstream()
    for node in ("n001", "n002"):
        stack.pki.cert(node, "ca", "/O=system:nodes/CN=system:node:" + node)
    create(stack, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "ClusterRoleBinding",
           "nodes-may-everything", roleRef={"kind": "ClusterRole", "name": "cluster-admin",
                                            "apiGroup": "rbac.authorization.k8s.io"},
           subjects=[{"kind": "Group", "name": "system:nodes",
                      "apiGroup": "rbac.authorization.k8s.io"}])
    for ns in ("default", "kube-node-lease"):
        create(stack, "/api/v1/namespaces", "Namespace", ns)
    reset_nodes(stack)
    return stack.proxy("--enable-admission-plugins=NodeRestriction,PodSecurity")


def ask(stack, method, target, body=b"", headers=(MERGE,), cert="n001", proxy=None):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return stack.ask(target, cert, proxy or admission(stack), method, list(headers), body)


def stored(stack, target):
    r = stack.control(target)
    equal(r.status, 200, r.body)
    return r.json()


def seen(stack, what):
    """How often that request came to the API server."""
    return stack.control("/_test/seen").json()["paths"].get(what, 0)


def fault(stack, query, body=b""):
    equal(stack.control("/_test/faults?" + query, "POST", body).status, 200)


def edits(stack, method, target, patch, count=1):
    """Somebody else changes the object after the proxy has looked at it."""
    fault(stack, "mode=edit&method=%s&path=%s&count=%d" % (method, target, count),
          json.dumps(patch).encode())


def refused(r, message, code=403, reason="Forbidden"):
    equal((r.status, r.json()["message"]), (code, message), r.body)
    equal(r.json().get("reason"), reason)


def label(key, value="1"):
    return {"metadata": {"labels": {key: value}}}


# --- Protobuf, as kubelets send it ---

def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def metadata(name, namespace="", labels=(), uid="", version=""):
    out = field(1, name) + field(2, "") + field(3, namespace) + field(4, "") + field(5, uid)
    out += field(6, version) + field(7, 0)
    for key, value in dict(labels).items():
        out += field(11, field(1, key) + field(2, value))
    return field(1, out)


def envelope(api_version, kind, raw):
    return b"k8s\0" + field(1, field(1, api_version) + field(2, kind)) + field(2, raw) + \
        field(3, "") + field(4, "")


# --- Story 3 ---

def test_what_was_loaded_is_in_the_log(stack):
    log = admission(stack).log()
    expect("] Loaded 1 mutating admission controller(s) successfully in the following order: "
           "NodeRestriction.\n" in log, log)
    expect("] Admission plugins that are the upstream's, where they have to be enabled: "
           "PodSecurity\n" in log, log)


def test_another_node_is_not_relabelled(stack):
    r = ask(stack, "PATCH", OTHER, label("test/two", "123"))
    equal(r.body, b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":'
                  b'"nodes \\"n002\\" is forbidden: node \\"n001\\" is not allowed to modify node '
                  b'\\"n002\\"","reason":"Forbidden","details":{"name":"n002","kind":"nodes"},'
                  b'"code":403}\n')
    equal(r.status, 403)
    equal((r.get("content-type"), r.get("x-content-type-options")), ("application/json", None))
    equal(r.get("cache-control"), "no-cache, private")
    equal(seen(stack, "PATCH " + OTHER), 0)
    wait_for(lambda: 'decision="admission" reason="nodes \\"n002\\" is forbidden' in
             admission(stack).log(), "the line in the log")


def test_protected_labels(stack):
    r = ask(stack, "PATCH", NODE, label("node-restriction.kubernetes.io/two", "123"))
    refused(r, 'nodes "n001" is forbidden: is not allowed to modify labels: '
               'node-restriction.kubernetes.io/two')
    equal(stack.control(NODE, "PATCH", b"").status, 415)
    admin = ask(stack, "PATCH", NODE, label("node-restriction.kubernetes.io/old"), cert="admin")
    equal(admin.status, 200, admin.body)
    r = ask(stack, "PATCH", NODE, label("test/two", "123"))
    equal(r.status, 200, r.body)
    labels = stored(stack, NODE)["metadata"]["labels"]
    equal((labels["test/two"], labels["node-restriction.kubernetes.io/old"]), ("123", "1"))
    r = ask(stack, "PATCH", NODE, label("node-restriction.kubernetes.io/old", None))
    refused(r, 'nodes "n001" is forbidden: is not allowed to modify labels: '
               'node-restriction.kubernetes.io/old')
    reset_nodes(stack)


def test_a_refusal_in_the_kubelets_format(stack):
    r = ask(stack, "PATCH", OTHER, label("a"), headers=[
        MERGE, "Accept: application/vnd.kubernetes.protobuf,application/json"])
    equal((r.status, r.get("content-type")), (403, "application/vnd.kubernetes.protobuf"))
    expect(r.body.startswith(b"k8s\0") and b'node "n001" is not allowed to modify' in r.body,
           r.body)


def test_without_the_plugin_it_passes(stack):
    admission(stack)
    p = stack.proxy(name="open")
    r = ask(stack, "PATCH", OTHER, label("test/two"), proxy=p)
    equal(r.status, 200, r.body)
    expect("mutating admission controller" not in p.log(), p.log())
    p = stack.proxy("--disable-admission-plugins=NodeRestriction", name="off")
    equal(ask(stack, "PATCH", OTHER, label("test/two"), proxy=p).status, 200)
    reset_nodes(stack)


# --- What kubelets send ---

def test_registering(stack):
    admission(stack)
    stack.control(NODE, "DELETE")
    body = {"kind": "Node", "apiVersion": "v1", "metadata": {
        "name": "n001", "labels": {"kubernetes.io/hostname": "n001", "kubernetes.io/os": "linux"}},
        "spec": {}, "status": {"capacity": {"cpu": "2"}}}
    r = ask(stack, "POST", "/api/v1/nodes", body, [JSON])
    equal(r.status, 201, r.body)
    r = ask(stack, "POST", "/api/v1/nodes", dict(body, metadata={"name": "n003"}), [JSON])
    refused(r, 'nodes "n003" is forbidden: node "n001" is not allowed to modify node "n003"')
    stack.control(NODE, "DELETE")
    raw = metadata("n001", labels={"kubernetes.io/os": "linux"}) + field(2, b"") + field(3, b"")
    r = ask(stack, "POST", "/api/v1/nodes", envelope("v1", "Node", raw), [PROTOBUF])
    equal(r.status, 201, r.body)
    equal(stored(stack, NODE)["metadata"]["labels"], {"kubernetes.io/os": "linux"})
    raw = metadata("n003") + field(2, b"") + field(3, b"")
    r = ask(stack, "POST", "/api/v1/nodes", envelope("v1", "Node", raw), [PROTOBUF])
    refused(r, 'nodes "n003" is forbidden: node "n001" is not allowed to modify node "n003"')
    raw = metadata("n001", labels={"node-restriction.kubernetes.io/a": ""}) + field(2, b"")
    r = ask(stack, "POST", "/api/v1/nodes", envelope("v1", "Node", raw), [PROTOBUF])
    refused(r, 'nodes "n001" is forbidden: node "n001" is not allowed to set the following '
               'labels: node-restriction.kubernetes.io/a')
    reset_nodes(stack)


def test_node_status(stack):
    admission(stack)
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    r = ask(stack, "PATCH", NODE + "/status", ready, [STRATEGIC])
    equal(r.status, 200, r.body)
    equal(stored(stack, NODE)["status"], ready["status"])
    node = stored(stack, NODE)
    node["status"]["phase"] = "Running"
    equal(ask(stack, "PUT", NODE + "/status", node, [JSON]).status, 200)
    equal(stored(stack, NODE)["status"]["phase"], "Running")
    r = ask(stack, "PATCH", OTHER + "/status", ready, [STRATEGIC])
    refused(r, 'nodes "n002" is forbidden: node "n001" is not allowed to modify node "n002"')
    reset_nodes(stack)


def test_leases(stack):
    admission(stack)
    lease = {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": {
        "name": "n001", "namespace": "kube-node-lease"}, "spec": {"holderIdentity": "n001"}}
    r = ask(stack, "POST", LEASES, lease, [JSON])
    equal(r.status, 201, r.body)
    version = r.json()["metadata"]["resourceVersion"]
    raw = metadata("n001", "kube-node-lease", version=version) + \
        field(2, field(1, "n001") + field(2, 40))
    r = ask(stack, "PUT", LEASES + "/n001", envelope("coordination.k8s.io/v1", "Lease", raw),
            [PROTOBUF])
    equal(r.status, 200, r.body)
    equal(stored(stack, LEASES + "/n001")["spec"]["leaseDurationSeconds"], 40)
    lease["metadata"]["name"] = "n002"
    r = ask(stack, "POST", LEASES, lease, [JSON])
    equal(r.status, 403, r.body)
    r = ask(stack, "PUT", LEASES + "/n002", lease, [JSON])
    equal(r.status, 403, r.body)
    equal(stack.control(LEASES + "/n002").status, 404)


def test_pods(stack):
    admission(stack)
    pod_on(stack, "mine", "n001")
    pod_on(stack, "theirs", "n002")
    running = {"status": {"phase": "Running"}}
    r = ask(stack, "PATCH", PODS + "/mine/status", running, [STRATEGIC])
    equal(r.status, 200, r.body)
    equal(stored(stack, PODS + "/mine")["status"]["phase"], "Running")
    r = ask(stack, "PATCH", PODS + "/theirs/status", running, [STRATEGIC])
    refused(r, 'pods "theirs" is forbidden: node "n001" can only update pod status for pods with '
               'spec.nodeName set to itself')
    r = ask(stack, "DELETE", PODS + "/theirs", b"", [])
    refused(r, 'pods "theirs" is forbidden: node "n001" can only delete pods with spec.nodeName '
               'set to itself')
    eviction = {"kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": "theirs"}}
    r = ask(stack, "POST", PODS + "/theirs/eviction", eviction, [JSON])
    refused(r, 'pods "theirs" is forbidden: node n001 can only evict pods with spec.nodeName set '
               'to itself')
    eviction["metadata"]["name"] = "mine"
    r = ask(stack, "POST", PODS + "/mine/eviction", eviction, [JSON])
    equal(r.status, 201, r.body)
    equal(stack.control(PODS + "/mine").status, 404)
    pod_on(stack, "mine", "n001")
    r = ask(stack, "DELETE", PODS + "/mine", {"gracePeriodSeconds": 0}, [JSON])
    equal(r.status, 200, r.body)
    equal(stack.control(PODS + "/mine").status, 404)
    expect(stack.control(PODS + "/theirs").status == 200)


def test_tokens(stack):
    admission(stack)
    pod_on(stack, "mine", "n001", serviceAccountName="default")
    pod_on(stack, "theirs", "n002", serviceAccountName="default")
    target = "/api/v1/namespaces/default/serviceaccounts/default/token"

    def request(pod):
        uid = stored(stack, PODS + "/" + pod)["metadata"]["uid"]
        return {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {
            "audiences": [], "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": pod,
                                                "uid": uid}}}
    r = ask(stack, "POST", target, request("mine"), [JSON])
    equal(r.status, 201, r.body)
    expect(r.json()["status"]["token"], r.body)
    r = ask(stack, "POST", target, request("theirs"), [JSON])
    equal(r.status, 403, r.body)


# --- Bodies ---

def test_too_large_a_body(stack):
    admission(stack)
    before = seen(stack, "PATCH " + NODE)
    c = stack.connect(None, "n001")
    c.send("PATCH %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\n"
           "Expect: 100-continue\r\n\r\n" % (NODE, MERGE, LIMIT + 1))
    head = c.head()
    equal(head[0], 413, "without a 100 before it")
    c.close()
    c = stack.connect(None, "n001")
    c.send("PATCH %s HTTP/1.1\r\nHost: x\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\n"
           % (NODE, MERGE))
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    for _ in range(LIMIT // 65536):
        c.send(piece)
    c.send(b"1\r\n \r\n0\r\n\r\n")
    r = c.response()
    refused(r, "Request entity too large: limit is 3145728", 413, "RequestEntityTooLarge")
    equal(c.request(NODE).status, 200, "the connection goes on")
    equal(seen(stack, "PATCH " + NODE), before)


def test_a_large_body(stack):
    """A precondition is added, for which there has to be room below the upstream's own limit."""
    body = json.dumps(label("test/big")).encode()
    r = ask(stack, "PATCH", NODE, body + b" " * (LIMIT - 100 - len(body)))
    equal(r.status, 200, r.body)
    expect("test/big" in stored(stack, NODE)["metadata"]["labels"])
    reset_nodes(stack)


def test_types_that_are_not_read(stack):
    admission(stack)
    before = [seen(stack, w) for w in ("PATCH " + NODE, "PUT " + NODE, "POST /api/v1/nodes")]
    body = stored(stack, NODE)
    for method, target, headers in (
            ("POST", "/api/v1/nodes", ["Content-Type: text/plain"]),
            ("PUT", NODE, ["Content-Type: application/cbor"]),
            ("PATCH", NODE, ["Content-Type: application/json"]),
            ("PATCH", NODE, []),
            ("PATCH", NODE, ["Content-Type: application/Merge-Patch+json"]),
            ("PATCH", NODE, [MERGE, "Content-Encoding: gzip"])):
        r = ask(stack, method, target, body, headers)
        equal(r.status, 415, (method, headers, r.body))
        equal(r.json()["reason"], "UnsupportedMediaType")
    r = ask(stack, "PUT", NODE, body, [JSON, PROTOBUF])
    expect(r.status in (400, 415), r.status, r.body)
    after = [seen(stack, w) for w in ("PATCH " + NODE, "PUT " + NODE, "POST /api/v1/nodes")]
    equal(after, before)


def test_a_type_that_will_not_arrive(stack):
    """What Connection nominates is not forwarded, so the body is read as what the upstream sees."""
    admission(stack)
    raw = metadata("n001") + field(2, b"")
    r = ask(stack, "PUT", NODE, envelope("v1", "Node", raw),
            [PROTOBUF, "Connection: Content-Type, keep-alive"])
    equal(r.status, 400, r.body)


def test_bodies_that_two_could_read_differently(stack):
    admission(stack)
    before = seen(stack, "PUT " + NODE)
    for body in (b'{"metadata":{"name":"n001"},"metadata":{"name":"n001"}}',
                 b'{"kind":"Node","Kind":"Pod","metadata":{"name":"n001"}}',
                 b'\xef\xbb\xbf{"metadata":{"name":"n001"}}',
                 b'{"metadata":{"name":"n001"}} {}', b'{"metadata":{"name":"n001\xff"}}', b"[]",
                 b"{", b""):
        r = ask(stack, "PUT", NODE, body, [JSON])
        equal(r.status, 400, (body, r.body))
    equal(seen(stack, "PUT " + NODE), before)


def test_a_slow_body(stack):
    admission(stack)
    body = json.dumps(label("test/slow")).encode()
    c = stack.connect(None, "n001")
    c.send("PATCH %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\n\r\n"
           % (NODE, MERGE, len(body)))
    for i in range(len(body)):
        equal(seen(stack, "nothing"), 0)    # a round trip elsewhere between two bytes
        c.send(body[i:i + 1])
    equal(c.response().status, 200)
    c.send("PATCH %s?timeout=300ms HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\n\r\n{"
           % (NODE, MERGE, len(body)))
    equal(c.response().status, 504)
    c.close()
    reset_nodes(stack)


def idle(stack):
    def done():
        metrics = stack.health(admission(stack), "/metrics").body
        return b"kube_authproxy_exchanges 0\n" in metrics and \
            b"kube_authproxy_admission_bytes 0\n" in metrics
    wait_for(done, "the end of the exchanges")


def test_a_client_that_goes(stack):
    admission(stack)
    before = seen(stack, "PATCH " + NODE)
    for linger in (False, True):
        c = stack.connect(None, "n001")
        c.send("PATCH %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: 100\r\n\r\n{\"meta"
               % (NODE, MERGE))
        if linger:
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
    idle(stack)
    fault(stack, "mode=hang&method=GET&path=" + NODE)
    c = stack.connect(None, "n001")
    body = json.dumps(label("test/gone")).encode()
    c.send(("PATCH %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\n\r\n"
            % (NODE, MERGE, len(body))).encode() + body)
    wait_for(lambda: stack.control("/_test/state").json()["faultHits"] > 0, "the look-up")
    c.close()
    idle(stack)
    equal(seen(stack, "PATCH " + NODE), before)


def test_expect_continue(stack):
    admission(stack)
    body = json.dumps(label("test/expect")).encode()
    c = stack.connect(None, "n001")
    c.send("PATCH %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n"
           "\r\n" % (NODE, MERGE, len(body)))
    equal(c.head()[0], 100)
    c.send(body)
    r = c.response()
    equal(r.status, 200, r.body)
    sent = stack.control("/_test/last").json()
    expect(not [h for h in sent["headers"] if h[0].lower() == "expect"], sent)
    reset_nodes(stack)


def test_the_next_request_after_a_refused_body(stack):
    admission(stack)
    body = json.dumps(label("test/two")).encode()
    patch = ("PATCH %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\n\r\n"
             % (OTHER, MERGE, len(body))).encode() + body
    c = stack.connect(None, "n001")
    c.send(patch + ("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % NODE).encode() + patch)
    equal(c.response().status, 403)
    r = c.response()
    equal((r.status, r.json()["metadata"]["name"]), (200, "n001"))
    equal(c.response().status, 403)


def rss(process):
    with open("/proc/%d/status" % process.process.pid) as f:
        return int([line.split()[1] for line in f if line.startswith("VmRSS")][0])


def upload(stack, c, target, size):
    c.send("PUT %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
           "Transfer-Encoding: chunked\r\n\r\n" % target)
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    for _ in range(size // 65536):
        c.send(piece)
    c.send(b"0\r\n\r\n")
    return c.response()


def test_bodies_of_others_are_not_kept(stack):
    """What no plugin looks at streams, whatever its size, and is the upstream's to refuse."""
    p = admission(stack)
    c = stack.connect(p, "admin")
    equal(upload(stack, c, "/_test/sink", 1 << 20).status, 200)
    before = rss(p)
    equal(upload(stack, c, "/_test/sink", 100 << 20).status, 200)
    grown = rss(p) - before
    expect(grown < 20000, "memory grew by", grown, "KiB")
    known = seen(stack, "PUT " + NODE)
    c = stack.connect(p, "admin")
    equal(upload(stack, c, NODE, LIMIT + 65536).status, 413)
    equal(seen(stack, "PUT " + NODE), known + 1)


def test_with_the_node_authorizer(stack):
    """Its rule for nodes allows a write of any name; what narrows it is admission."""
    admission(stack)
    p = stack.proxy("--authorization-mode=Node",
                    "--enable-admission-plugins=NodeRestriction", name="both")
    expect("lets every kubelet" not in p.log(), p.log())
    r = ask(stack, "PATCH", OTHER, label("test/two"), proxy=p)
    refused(r, 'nodes "n002" is forbidden: node "n001" is not allowed to modify node "n002"')
    pod_on(stack, "mine", "n001")
    pod_on(stack, "theirs", "n002")
    for name, status in ("theirs", 403), ("mine", 200):
        r = ask(stack, "DELETE", PODS + "/" + name, b"", [], proxy=p)
        equal(r.status, status, r.body)
    # Once the graph knows the pod nobody is asked for it, and it is deleted by its uid.
    pod_on(stack, "mine", "n001")

    def is_known():
        gets = seen(stack, "GET " + PODS + "/mine")
        r = ask(stack, "DELETE", PODS + "/mine?dryRun=All", b"", [], proxy=p)
        equal(r.status, 200, r.body)
        return seen(stack, "GET " + PODS + "/mine") == gets
    wait_for(is_known, "the pod in the graph")
    edits(stack, "DELETE", PODS + "/mine", {"metadata": {"uid": "another"},
                                            "spec": {"nodeName": "n002"}})
    r = ask(stack, "DELETE", PODS + "/mine", b"", [], proxy=p)
    equal((r.status, r.json()["reason"]), (409, "Conflict"))
    equal(stored(stack, PODS + "/mine")["metadata"]["uid"], "another")
    p = stack.proxy("--authorization-mode=Node", name="unsafe")
    expect("] The Node authorizer without the admission plugin NodeRestriction lets every kubelet "
           "delete every pod and change every node: set --enable-admission-plugins=NodeRestriction, "
           "here or at the upstream\n" in p.log(), p.log())
    reset_nodes(stack)


# --- Races ---

def test_somebody_was_faster(stack):
    """The decision is taken on what is stored when the write happens."""
    admission(stack)
    edits(stack, "PATCH", NODE, label("node-restriction.kubernetes.io/new"))
    gets, patches = seen(stack, "GET " + NODE), seen(stack, "PATCH " + NODE)
    r = ask(stack, "PATCH", NODE, label("test/two"))
    equal(r.status, 200, r.body)
    labels = stored(stack, NODE)["metadata"]["labels"]
    equal(labels, {"node-restriction.kubernetes.io/new": "1", "test/two": "1"})
    equal(seen(stack, "PATCH " + NODE) - patches, 2)
    expect(seen(stack, "GET " + NODE) - gets >= 2)
    reset_nodes(stack)


def test_somebody_was_faster_and_it_is_forbidden_now(stack):
    """A PUT that was harmless would take away the label that came in between."""
    admission(stack)
    node = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n001", "labels": {"a": "b"}},
            "spec": {}}
    edits(stack, "PUT", NODE, label("node-restriction.kubernetes.io/new"))
    r = ask(stack, "PUT", NODE, node, [JSON])
    refused(r, 'nodes "n001" is forbidden: is not allowed to modify labels: '
               'node-restriction.kubernetes.io/new')
    equal(stored(stack, NODE)["metadata"]["labels"], {"node-restriction.kubernetes.io/new": "1"})
    reset_nodes(stack)


def test_somebody_is_always_faster(stack):
    admission(stack)
    before = seen(stack, "PATCH " + NODE)
    edits(stack, "PATCH", NODE, label("test/other"), -1)
    r = ask(stack, "PATCH", NODE, label("test/two"))
    equal((r.status, r.json()["reason"]), (409, "Conflict"))
    equal(seen(stack, "PATCH " + NODE) - before, 5)
    stack.control("/_test/faults", "DELETE")
    expect("test/two" not in stored(stack, NODE)["metadata"]["labels"])
    reset_nodes(stack)


def test_the_clients_own_version_is_kept(stack):
    admission(stack)
    node = stored(stack, NODE)
    node["metadata"]["labels"] = {"test/two": "1"}
    edits(stack, "PUT", NODE, label("node-restriction.kubernetes.io/new"))
    before = seen(stack, "PUT " + NODE)
    r = ask(stack, "PUT", NODE, node, [JSON])
    equal((r.status, r.json()["reason"]), (409, "Conflict"))
    equal(seen(stack, "PUT " + NODE) - before, 1)
    reset_nodes(stack)


def test_a_pod_that_is_another_one_by_now(stack):
    """Deleted and made again for another node after the proxy looked: it survives."""
    admission(stack)
    pod_on(stack, "mine", "n001")
    edits(stack, "DELETE", PODS + "/mine", {"metadata": {"uid": "another"},
                                            "spec": {"nodeName": "n002"}})
    r = ask(stack, "DELETE", PODS + "/mine", b"", [])
    equal((r.status, r.json()["reason"]), (409, "Conflict"))
    equal(stored(stack, PODS + "/mine")["metadata"]["uid"], "another")
    pod_on(stack, "mine", "n001")
    edits(stack, "DELETE", PODS + "/mine", {"metadata": {"uid": "another"},
                                            "spec": {"nodeName": "n002"}})
    r = ask(stack, "DELETE", PODS + "/mine", {"kind": "DeleteOptions", "apiVersion": "v1"}, [JSON])
    equal((r.status, r.json()["reason"]), (409, "Conflict"))
    pod_on(stack, "mine", "n001")
    edits(stack, "POST", PODS + "/mine/eviction", {"metadata": {"uid": "another"},
                                                   "spec": {"nodeName": "n002"}})
    r = ask(stack, "POST", PODS + "/mine/eviction", {
        "kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": "mine"}}, [JSON])
    equal((r.status, r.json()["reason"]), (409, "Conflict"))
    equal(stored(stack, PODS + "/mine")["metadata"]["uid"], "another")


def test_an_object_that_cannot_be_read(stack):
    """Nothing is guessed: the request is not forwarded."""
    admission(stack)
    before = seen(stack, "PATCH " + NODE)
    for mode in ("error&code=500", "error&code=403", "close", "truncate&bytes=5"):
        fault(stack, "mode=%s&method=GET&path=%s&count=2" % (mode, NODE))
        r = ask(stack, "PATCH", NODE, label("test/two"))
        expect(r.status >= 500, mode, r.status, r.body)
        stack.control("/_test/faults", "DELETE")
    equal(seen(stack, "PATCH " + NODE), before)


def test_what_is_missing(stack):
    admission(stack)
    r = ask(stack, "PATCH", "/api/v1/namespaces/default/pods/none/status", {"status": {}},
            [STRATEGIC])
    refused(r, 'pods "none" not found', 404, "NotFound")
    stack.control(NODE, "DELETE")
    r = ask(stack, "PATCH", NODE, label("a"))
    refused(r, 'nodes "n001" not found', 404, "NotFound")
    reset_nodes(stack)


# --- Everything at once ---

FAULTS = ["close", "reset", "truncate&bytes=5", "slow&bytes=100&delay_ms=2", "error&code=409",
          "early&code=413", "reset_body&bytes=10", "delay&delay_ms=30", "inform&code=103", "last",
          "hang", "edit"]


def abandon(raw, r):
    if r.random() < 0.5:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


def one_write(stack, r):
    """Some write, sent whole or in part, its answer awaited or not."""
    method, target, kind = r.choice([
        ("PATCH", NODE, MERGE), ("PATCH", OTHER, MERGE), ("PATCH", NODE + "/status", STRATEGIC),
        ("PUT", NODE, JSON), ("PUT", NODE, PROTOBUF), ("DELETE", PODS + "/mine", JSON)])
    body = json.dumps({"metadata": {"name": target.split("/")[4], "labels": {"test/x": "1"}}})
    if method == "DELETE":
        body = "{}"
    body += " " * r.choice([0, 10, 70000, 300000])
    raw = stack.connect(None, "n001")
    raw.send("%s %s?timeout=2s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\n\r\n"
             % (method, target, kind, len(body)))
    raw.send(body[:r.choice([len(body), len(body), r.randrange(len(body))])])
    if r.random() < 0.7:
        try:
            raw.response()
        except OSError:
            pass
    abandon(raw, r)


def test_a_mix_leaves_nothing(stack):
    admission(stack)
    until = time.monotonic() + 4
    failures = []

    def client(seed):
        r = random.Random(seed)
        while time.monotonic() < until:
            try:
                one_write(stack, r)
            except OSError:
                pass
            except Exception as e:
                failures.append(e)
                return

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(6)]
    for t in threads:
        t.start()
    r = random.Random(7)
    while time.monotonic() < until:
        fault(stack, "mode=%s&method=%s&path=/api/v1/n&count=%d" % (
            r.choice(FAULTS), r.choice(["GET", "PATCH", "PUT", "DELETE"]), r.choice([1, 3])),
            b'{"metadata":{"annotations":{"a":"%d"}}}' % r.randrange(1000))
    for t in threads:
        t.join()
    equal(failures, [])
    reset_nodes(stack)
    idle(stack)
    equal(ask(stack, "PATCH", NODE, label("test/two")).status, 200)
    reset_nodes(stack)


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
