#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Node authorizer: what kubelets may, the graph kept by watches, requests that are held."""
import json
import os
import re
import subprocess
import sys
import time

import harness
from harness import equal, expect, wait_for

API = "rbac.authorization.k8s.io/v1"
JSON = ["Content-Type: application/json"]
SECRET = "/api/v1/namespaces/ns/secrets/%s"
MISS = "no relationship found between node '%s' and this object"
LONG = "--node-authorizer-wait=10s"


def begin(stack):
    """The API server and the nodes' certificates, once."""
    if stack.upstream:
        return
    for name in ("n001", "n002", "node1"):
        stack.pki.cert(name, "ca", "/O=system:nodes/CN=system:node:" + name)
    stack.pki.cert("no-group", "ca", "/CN=system:node:n001")
    stack.start_upstream()
    for name in ("ns", "kube-system", "kube-node-lease"):
        send(stack, "POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace",
                                                   "metadata": {"name": name}}, (201, 409))
    for kind in ("secrets", "configmaps"):
        for n in range(20):
            create(stack, "/api/v1/namespaces/ns/" + kind,
                   {"apiVersion": "v1", "kind": kind[:-1].title().replace("map", "Map"),
                    "metadata": {"name": "s%d" % n, "namespace": "ns"}})
    create(stack, "/api/v1/namespaces/kube-system/configmaps",
           {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "kube-proxy", "namespace": "kube-system"}})
    for name in ("n001", "node1"):
        create(stack, "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node",
                                        "metadata": {"name": name}})
        create(stack, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
               {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": name, "namespace": "kube-node-lease"}})


def send(stack, method, target, body=None, want=(200, 201)):
    """To the API server itself, around the proxies."""
    raw = harness.Raw(stack.upstream_port, stack.pki, "admin")
    try:
        r = raw.request(target, method, JSON if body is not None else (),
                        json.dumps(body).encode() if body is not None else b"")
    finally:
        raw.close()
    expect(r.status in want, method, target, r.status, r.body)
    return r


def create(stack, target, body):
    return send(stack, "POST", target, body)


def pod(name, node=None, secrets=(), config_maps=(), namespace="ns", annotations=None):
    volumes = [{"name": "s%d" % i, "secret": {"secretName": s}} for i, s in enumerate(secrets)]
    volumes += [{"name": "c%d" % i, "configMap": {"name": s}} for i, s in enumerate(config_maps)]
    spec = {"containers": [{"name": "c", "image": "i"}], "volumes": volumes}
    if node:
        spec["nodeName"] = node
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}}}


def add_pod(stack, name, *more, **how):
    o = pod(name, *more, **how)
    create(stack, "/api/v1/namespaces/%s/pods" % o["metadata"]["namespace"], o)


def bind(stack, name, node):
    create(stack, "/api/v1/namespaces/ns/pods/%s/binding" % name,
           {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "namespace": "ns"},
            "target": {"kind": "Node", "name": node}})


def delete_pod(stack, name, namespace="ns"):
    send(stack, "DELETE", "/api/v1/namespaces/%s/pods/%s?gracePeriodSeconds=0" % (namespace, name))


def metric(stack, p, name):
    text = stack.health(p, "/metrics").body.decode()
    return int(re.search(r"^kube_authproxy_%s (\d+)$" % name, text, re.M).group(1))


def proxy(stack, *flags, name="node", modes="Node,RBAC", **more):
    begin(stack)
    return stack.proxy(*flags, name=name, modes=modes, **more)


def forbidden(r, message):
    equal((r.status, r.json()["message"]), (403, message))


def miss(name, node, what="secrets"):
    return ('%s "%s" is forbidden: User "system:node:%s" cannot get resource "%s" in API group "" '
            'in the namespace "ns": %s' % (what, name, node, what, MISS % node))


# --- The stories ---

def test_a_kubelet_reads_only_what_its_pods_use(stack):
    p = proxy(stack, "--node-authorizer-wait=0")
    target = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"
    no = ('configmaps "kube-proxy" is forbidden: User "system:node:n001" cannot get resource '
          '"configmaps" in API group "" in the namespace "kube-system": ' + MISS % "n001")
    forbidden(stack.ask(target, "n001", p), no)
    add_pod(stack, "pause", "n001", config_maps=["kube-proxy"], namespace="kube-system")
    wait_for(lambda: stack.ask(target, "n001", p).status == 200, "the right to come")
    forbidden(stack.ask(target, "node1", p), no.replace("n001", "node1"))
    delete_pod(stack, "pause", "kube-system")
    wait_for(lambda: stack.ask(target, "n001", p).status == 403, "the right to go")
    forbidden(stack.ask(target, "n001", p), no)
    equal(metric(stack, p, "node_waits_total"), 0, "0 turns the wait off")
    line = wait_for(lambda: [x for x in p.log().splitlines() if "NODE DENY" in x], "the log line")[0]
    expect('node="n001" verb="get" apiGroup="" resource="configmaps" subresource="" '
           'namespace="kube-system" name="kube-proxy"' in line, line)


def statuses(stack, p, cert="node1"):
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node1"
    return [stack.ask(t, cert, p).status for t in ("/api/v1/nodes/node1", lease)]


def test_node_and_rbac_against_rbac_alone(stack):
    begin(stack)
    alone = proxy(stack, name="rbac", modes="RBAC")
    both = proxy(stack, "--node-authorizer-wait=0")
    forbidden(stack.ask("/api/v1/nodes/node1", "node1", alone),
              'nodes "node1" is forbidden: User "system:node:node1" cannot get resource "nodes" in '
              'API group "" at the cluster scope')
    forbidden(stack.ask("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node1",
                        "node1", alone),
              'leases.coordination.k8s.io "node1" is forbidden: User "system:node:node1" cannot '
              'get resource "leases" in API group "coordination.k8s.io" in the namespace '
              '"kube-node-lease"')
    equal(statuses(stack, both), [200, 200])
    binding = "/apis/%s/clusterrolebindings" % API
    create(stack, binding, {
        "apiVersion": API, "kind": "ClusterRoleBinding", "metadata": {"name": "old-way"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                    "name": "system:node"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
                      "name": "system:nodes"}]})
    wait_for(lambda: statuses(stack, alone) == [200, 200], "the binding")
    send(stack, "DELETE", binding + "/old-way")
    wait_for(lambda: statuses(stack, alone) == [403, 403], "the binding to be gone")
    equal(statuses(stack, both), [200, 200])
    equal(statuses(stack, both, "no-group"), [403, 403])
    equal(stack.ask(SECRET % "s0", "no-group", both).json()["message"],
          'secrets "s0" is forbidden: User "system:node:n001" cannot get resource "secrets" in API '
          'group "" in the namespace "ns"')
    forbidden(stack.ask("/api/v1/nodes/n001", "node1", both),
              'nodes "n001" is forbidden: User "system:node:node1" cannot get resource "nodes" in '
              "API group \"\" at the cluster scope: node 'node1' cannot read 'n001', only its own "
              "Node object")


def test_modes_in_any_order(stack):
    """Node alone, and Node behind others: reasons come in the order of the modes."""
    for modes, reason in (("Node", MISS % "n001"), ("RBAC,Node", MISS % "n001"),
                          ("Node,AlwaysDeny", MISS % "n001" + "\nEverything is forbidden."),
                          ("AlwaysDeny,Node", "Everything is forbidden.\n" + MISS % "n001")):
        p = proxy(stack, "--node-authorizer-wait=0", name="modes-" + modes, modes=modes)
        r = stack.ask(SECRET % "s0", "n001", p)
        expect(r.json()["message"].endswith('in the namespace "ns": ' + reason), r.body)
        equal(stack.ask("/api/v1/nodes/n001", "n001", p).status, 200)
        p.stop()


# --- The graph ---

def test_pods_that_are_not_bound_are_not_watched(stack):
    p = proxy(stack, "--node-authorizer-wait=0")
    events = metric(stack, p, "reflector_events_total")
    pods = metric(stack, p, "node_graph_pods")
    for n in range(5):
        add_pod(stack, "loose%d" % n, secrets=["s1"])
    add_pod(stack, "bound", "n001", secrets=["s2"])
    wait_for(lambda: stack.ask(SECRET % "s2", "n001", p).status == 200, "the bound one")
    equal(stack.ask(SECRET % "s1", "n001", p).status, 403)
    equal(metric(stack, p, "reflector_events_total") - events, 1)
    equal(metric(stack, p, "node_graph_pods") - pods, 1)
    expect(metric(stack, p, "node_graph_bytes") > 0)
    bind(stack, "loose0", "n001")
    wait_for(lambda: stack.ask(SECRET % "s1", "n001", p).status == 200, "the binding")
    for name in ["bound"] + ["loose%d" % n for n in range(5)]:
        delete_pod(stack, name)
    wait_for(lambda: stack.ask(SECRET % "s1", "n001", p).status == 403, "the right to go")
    wait_for(lambda: metric(stack, p, "node_graph_pods") == pods, "the pods to be gone")


def test_volumes_attachments_and_slices(stack):
    p = proxy(stack, "--node-authorizer-wait=0")
    claimed = pod("claims", "n001")
    claimed["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    slices = "/apis/resource.k8s.io/v1/resourceslices"
    attachments = "/apis/storage.k8s.io/v1/volumeattachments"
    targets = ["/api/v1/persistentvolumes/pv1", SECRET % "s3", attachments + "/va1", slices + "/sl1"]
    equal([stack.ask(t, "n001", p).status for t in targets], [403] * 4)
    create(stack, "/api/v1/persistentvolumes", {
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv1"},
        "spec": {"claimRef": {"namespace": "ns", "name": "data"},
                 "csi": {"driver": "d", "volumeHandle": "h",
                         "nodeStageSecretRef": {"namespace": "ns", "name": "s3"}}}})
    create(stack, attachments, {
        "apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": "va1"},
        "spec": {"attacher": "d", "nodeName": "n001", "source": {"persistentVolumeName": "pv1"}}})
    create(stack, slices, {
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "sl1"},
        "spec": {"driver": "d", "nodeName": "n001",
                 "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}})
    create(stack, "/api/v1/namespaces/ns/pods", claimed)
    for t in targets:
        wait_for(lambda: stack.ask(t, "n001", p).status == 200, t)
        equal(stack.ask(t, "n002", p).status, 403, t)
    delete_pod(stack, "claims")
    for t in targets[:2]:
        wait_for(lambda: stack.ask(t, "n001", p).status == 403, t)
    equal([stack.ask(t, "n001", p).status for t in targets], [403, 403, 200, 200])


def test_an_upstream_without_resource_slices(stack):
    """Servers before 1.34 answer 404: ready all the same, and nothing is said of it."""
    begin(stack)
    stack.control("/_test/faults?mode=error&code=404&count=-1&path=/apis/resource.k8s.io", "POST")
    p = proxy(stack, name="older")
    expect("Caches are synced: " in p.log(), p.log())
    expect("resourceslices of the upstream, trying again" not in p.log(), p.log())
    stack.control("/_test/faults", "DELETE")
    equal(stack.ask("/api/v1/nodes/n001", "n001", p).status, 200)


def test_ready_only_with_pods_and_volumes(stack):
    begin(stack)
    for path, ready in (("/api/v1/pods", False), ("/api/v1/persistentvolumes", False),
                        ("/apis/storage.k8s.io/v1/volumeattachments", True)):
        stack.control("/_test/faults?mode=error&code=503&count=-1&path=" + path, "POST")
        p = proxy(stack, name="ready" + path.replace("/", "-"), ready=ready)
        # What needs no object is answered from the start.
        wait_for(lambda: stack.ask("/api/v1/nodes/n001", "n001", p).status == 200, "the upstream")
        wait_for(lambda: "Cannot list %s of the upstream" % path.rsplit("/", 1)[1] in p.log(),
                 "the failed list")
        r = stack.health(p, "/readyz?verbose")
        equal(b"[-]cluster-state" in r.body, not ready, path)
        stack.control("/_test/faults", "DELETE")
        wait_for(lambda: stack.is_ready(p), "readyz after " + path)
        line = re.search(r"Caches are synced: (.*)", p.log()).group(1)
        expect(re.search(r"\d+ clusterroles, .*\d+ rolebindings, \d+ pods, \d+ persistentvolumes, "
                         r"\d+ volumeattachments, \d+ resourceslices", line), line)
        p.stop()


def test_the_old_graph_stays_during_a_relist(stack):
    p = proxy(stack, "--node-authorizer-wait=0")
    add_pod(stack, "stays", "n001", secrets=["s4"])
    add_pod(stack, "goes", "n001", secrets=["s5"])
    for s in ("s4", "s5"):
        wait_for(lambda: stack.ask(SECRET % s, "n001", p).status == 200, s)
    lists = metric(stack, p, "reflector_lists_total")
    # The watch ends, cannot go on, and lists fail for a while.
    stack.control("/_test/faults?mode=error&code=503&count=-1&path=/api/v1/pods", "POST")
    stack.control("/_test/end-watches", "POST")
    wait_for(lambda: "Cannot watch pods of the upstream" in p.log(), "the watch to fail")
    delete_pod(stack, "goes")
    stack.control("/_test/compact", "POST")
    wait_for(lambda: metric(stack, p, "reflector_lists_total") > lists, "a new list")
    equal([stack.ask(SECRET % s, "n001", p).status for s in ("s4", "s5")], [200, 200])
    stack.control("/_test/faults", "DELETE")
    wait_for(lambda: stack.ask(SECRET % "s5", "n001", p).status == 403, "the deletion")
    equal(stack.ask(SECRET % "s4", "n001", p).status, 200)
    delete_pod(stack, "stays")


# --- The wait ---

def clean(stack):
    for item in send(stack, "GET", "/api/v1/namespaces/ns/pods").json()["items"]:
        delete_pod(stack, item["metadata"]["name"])
    for p in stack.proxies.values():
        if p.process.poll() is None:
            wait_for(lambda: metric(stack, p, "node_graph_pods") == 0, "the pods to be gone")


def in_time(test):
    """Requests are held for 10 seconds at most: a machine that is slower than that tries again."""
    def run(stack):
        for attempt in range(4):
            start = time.monotonic()
            try:
                return test(stack)
            except harness.Failure:
                if time.monotonic() - start < 9 or attempt == 3:
                    raise
                clean(stack)
    return run


def hold(stack, p, target, cert="n001"):
    """A request that is on its way and held by the proxy."""
    before = metric(stack, p, "node_waiting")
    raw = stack.connect(p, cert)
    raw.send("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target)
    wait_for(lambda: metric(stack, p, "node_waiting") == before + 1, "the request to be held")
    return raw


@in_time
def test_a_request_ahead_of_the_bind_is_answered_by_it(stack):
    p = proxy(stack, LONG, name="patient")
    allowed = metric(stack, p, "node_waits_allowed_total")
    add_pod(stack, "late", secrets=["s6"], config_maps=["s6"])
    start = time.monotonic()
    held = [hold(stack, p, SECRET % "s6"), hold(stack, p, SECRET.replace("secrets", "configmaps")
                                                % "s6"),
            hold(stack, p, "/api/v1/namespaces/ns/pods/late")]
    other = hold(stack, p, SECRET % "s6", "n002")
    bind(stack, "late", "n001")
    for raw in held:
        equal(raw.response().status, 200)
    expect(time.monotonic() - start < 10, "not by the end of the time")
    equal(metric(stack, p, "node_waits_allowed_total") - allowed, 3)
    equal(metric(stack, p, "node_waiting"), 1, "the other node's goes on waiting")
    other.close()
    wait_for(lambda: metric(stack, p, "node_waiting") == 0, "a client that goes to be let go")
    # The same connection goes on.
    equal(held[0].request(SECRET % "s6").status, 200)
    delete_pod(stack, "late")


def test_the_wait_ends(stack):
    p = proxy(stack, "--node-authorizer-wait=300ms", name="short")
    raw = stack.connect(p, "n001")
    equal(raw.request("/api/v1/nodes/n001").status, 200)
    start = time.monotonic()
    forbidden(raw.request(SECRET % "s7"), miss("s7", "n001"))
    expect(time.monotonic() - start >= 0.29, "it was held")
    equal(metric(stack, p, "node_waits_total"), 1, "once")
    equal(metric(stack, p, "node_waits_allowed_total"), 0)
    # Nothing is waited for that a pod will not bring, nor for anybody else.
    for target, cert in ((SECRET % "", "n001"), ("/api/v1/nodes/n002", "n001"),
                         ("/apis/resource.k8s.io/v1/resourceslices/x", "n001"),
                         (SECRET % "s7", "jane"), (SECRET % "s7", "no-group")):
        equal(stack.ask(target, cert, p).status, 403)
    equal(metric(stack, p, "node_waits_total"), 1)


def test_a_refusal_comes_before_the_deadline(stack):
    p = proxy(stack, LONG, name="patient")
    r = stack.ask(SECRET % "s8" + "?timeout=1s", "n001", p)
    forbidden(r, miss("s8", "n001"))


@in_time
def test_other_changes_do_not_end_the_wait(stack):
    p = proxy(stack, LONG, name="patient")
    raw = hold(stack, p, SECRET % "s9")
    for n in range(5):
        add_pod(stack, "noise%d" % n, "n002", secrets=["s9"])
    wait_for(lambda: stack.ask(SECRET % "s9", "n002", p).status == 200, "the noise")
    equal(metric(stack, p, "node_waiting"), 1)
    add_pod(stack, "signal", "n001", secrets=["s9"])
    equal(raw.response().status, 200)
    for name in ["signal"] + ["noise%d" % n for n in range(5)]:
        delete_pod(stack, name)


@in_time
def test_one_node_cannot_fill_the_list(stack):
    p = proxy(stack, LONG, "--workers=1", name="bounded")
    held = [stack.connect(p, "n001") for _ in range(256)]
    for raw in held:        # handshakes may take longer than the wait
        equal(raw.request("/api/v1/nodes/n001").status, 200)
    before = metric(stack, p, "node_waits_total")
    for raw in held:
        raw.send("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % (SECRET % "s10"))
    wait_for(lambda: metric(stack, p, "node_waits_total") == before + 256, "all to be held")
    equal(metric(stack, p, "node_waiting"), 256)
    start = time.monotonic()
    forbidden(stack.ask(SECRET % "s10", "n001", p), miss("s10", "n001"))
    equal(metric(stack, p, "node_waits_total"), before + 256, "no more of that node")
    expect(time.monotonic() - start < 9, "at once")
    hold(stack, p, SECRET % "s10", "n002").close()
    add_pod(stack, "all", "n001", secrets=["s10"])
    for raw in held:
        equal(raw.response().status, 200)
        raw.close()
    wait_for(lambda: metric(stack, p, "node_waiting") == 0, "all to be let go")
    delete_pod(stack, "all")


def test_the_end_of_the_process_does_not_wait(stack):
    p = proxy(stack, LONG, name="ending")
    raw = hold(stack, p, SECRET % "s11")
    start = time.monotonic()
    p.signal(harness.signal.SIGTERM)
    forbidden(raw.response(), miss("s11", "n001"))
    expect(time.monotonic() - start < 9, "not by the end of the time")
    equal(p.process.wait(harness.PATIENCE), 0)


# --- Manifests ---

def test_manifests(stack):
    begin(stack)
    text = "---\n" + "\n---\n".join([json.dumps(pod("m", "n001", secrets=["s12"])), open(os.path.join(
        harness.SRC, "tests/data/bootstrap-rbac.yaml")).read()])
    path = stack.write("cluster.yaml", text)
    p = proxy(stack, LONG, "--cluster-state=" + path, name="manifests")
    equal(stack.ask(SECRET % "s12", "n001", p).status, 200)
    forbidden(stack.ask(SECRET % "s13", "n001", p), miss("s13", "n001"))
    equal(metric(stack, p, "node_waits_total"), 0, "no watch will bring anything")
    stack.write("cluster.yaml", text.replace("s12", "s13"))
    wait_for(lambda: stack.ask(SECRET % "s13", "n001", p).status == 200, "the new pod")
    equal(stack.ask(SECRET % "s12", "n001", p).status, 403)
    broken = text.replace('"nodeName": "n001"', '"nodeName": 1')
    stack.write("cluster.yaml", broken)
    wait_for(lambda: "The changed manifests are refused" in p.log(), "the complaint")
    expect("cluster.yaml:2: --cluster-state: this Pod cannot be read" in p.log(), p.log())
    equal(stack.ask(SECRET % "s13", "n001", p).status, 200)
    argv = [os.path.join(harness.BUILD, "kube-authproxy"),
            *stack.flags(harness.free_port(), modes="Node"), "--cluster-state=" + path, "--check"]
    done = subprocess.run(argv, text=True, capture_output=True, timeout=harness.PATIENCE)
    equal((done.returncode, done.stderr),
          (1, "%s:2: --cluster-state: this Pod cannot be read\n" % path))
    stack.write("cluster.yaml", text)
    done = subprocess.run(argv, text=True, capture_output=True, timeout=harness.PATIENCE)
    equal((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
