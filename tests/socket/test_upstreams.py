#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The API servers behind: down, several, wrongly set up; their RBAC, its faults; health."""
import json
import os
import signal
import sys
import threading
import time

import harness
from harness import equal, expect, wait_for

ECHO = "/_test/echo"
PODS = "/api/v1/namespaces/default/pods"
GROUP = "rbac.authorization.k8s.io"
RBAC = "/apis/%s/v1" % GROUP
JSON = ["Content-Type: application/json"]


def api_server(stack, name, port, *flags, without=()):
    """One more API server, with some flags left out."""
    p = stack.pki.path
    argv = ["--bind-address=127.0.0.1", "--secure-port=%d" % port,
            "--tls-cert-file=" + p("upstream.crt"), "--tls-private-key-file=" + p("upstream.key"),
            "--client-ca-file=" + p("ca.crt"),
            "--requestheader-client-ca-file=" + p("front-proxy-ca.crt"),
            "--requestheader-allowed-names=kube-authproxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-uid-headers=X-Remote-Uid",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-", "--test-control",
            "--manifests=" + os.path.join(harness.SRC, "tests/data/bootstrap-rbac.yaml")]
    server = harness.Process(name, [os.path.join(harness.BUILD, "tests/upstream/test-apiserver"),
                                    *[f for f in argv if not f.startswith(tuple(without) or "?")],
                                    *flags], stack.folder)
    stack.wait_port(port, server)
    return server


def alone(stack, name, *flags, **more):
    """A proxy of that name and no other, so that faults and counts are its own."""
    if not stack.upstream:
        stack.start_upstream()
        allow(stack, "echo", [{"nonResourceURLs": [ECHO], "verbs": ["*"]}], "Group",
              "system:unauthenticated")
    for other in stack.proxies.values():
        if other.name != name:
            equal(other.stop(), 0, other.log()[-3000:])
    p = stack.proxies.get(name)
    return p if p and p.process.poll() is None else stack.start_proxy(*flags, name=name, **more)


def control(stack, method, target, body=b"", port=None):
    raw = harness.Raw(port or stack.upstream_port, stack.pki, "admin")
    try:
        r = raw.request(target, method, JSON, body)
        expect(r.status < 300, method, target, r.status, r.body)
        return r.json()
    finally:
        raw.close()


def allow(stack, name, rules, kind="User", user="jane"):
    """A cluster role of these rules, for a user or group."""
    meta = {"apiVersion": GROUP + "/v1", "metadata": {"name": name}}
    control(stack, "POST", RBAC + "/clusterroles",
            json.dumps({**meta, "kind": "ClusterRole", "rules": rules}).encode())
    control(stack, "POST", RBAC + "/clusterrolebindings", json.dumps(
        {**meta, "kind": "ClusterRoleBinding",
         "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
         "subjects": [{"apiGroup": GROUP, "kind": kind, "name": user}]}).encode())


def allow_path(stack, path):
    allow(stack, "get" + path.replace("/", "-"), [{"nonResourceURLs": [path], "verbs": ["get"]}])


def seen(stack, prefix, port=None):
    return control(stack, "GET", "/_test/seen?prefix=" + prefix, port=port)["count"]


def may_get(stack, p, path):
    """Whether jane may: nothing is there upstream, so 404 is a yes."""
    status = stack.ask(path, "jane", p).status
    expect(status in (403, 404), status)
    return status == 404


def test_nobody_there(stack):
    port = harness.free_port()
    p = alone(stack, "lonely", upstream_port=port, ready=False)
    expect("has not answered yet" in stack.ask(PODS, "admin", p).json()["message"], p.log())
    expect("Connection refused" in p.log(), "the log says why")
    server = api_server(stack, "leaving", port)
    wait_for(lambda: stack.is_ready(p), "readyz")
    server.kill()
    wait_for(lambda: not stack.is_ready(p), "readyz to fail")
    for method, body in (("GET", b""), ("POST", b"{}"), ("DELETE", b"")):
        r = stack.ask(PODS, "admin", p, method, body=body)
        equal((r.status, r.get("retry-after"), r.get("content-type")),
              (503, "1", "application/json"))
        status = r.json()
        equal((status["kind"], status["reason"], status["code"]),
              ("Status", "ServiceUnavailable", 503))
        expect("Connection refused" in status["message"], status)
    r = stack.health(p, "/readyz")
    expect(r.status == 500 and b"[-]upstream failed" in r.body, r.body)
    equal(stack.health(p, "/livez").status, 200)


def test_connections_are_reused_and_kept_apart(stack):
    """What is sent for strangers never goes over a connection of known users, or back."""
    p = alone(stack, "pool", "--workers=1")
    wait_for(lambda: stack.ask(ECHO, None, p).status == 200, "the grant")
    used = {None: [], "admin": []}
    for _ in range(6):
        for cert, numbers in used.items():
            echo = stack.ask(ECHO, cert, p).json()
            numbers.append((echo["connection"], echo["requestOnConnection"]))
    for cert, numbers in used.items():
        equal(len({connection for connection, _ in numbers}), 1, (cert, numbers))
        first = numbers[0][1]
        equal([n for _, n in numbers], list(range(first, first + 6)), cert)
    expect(used[None][0][0] != used["admin"][0][0], used)


def test_two_servers(stack):
    port = harness.free_port()
    second = api_server(stack, "second", port)
    p = alone(stack, "two", "--upstream-servers=https://127.0.0.1:%d" % port, "--workers=1")
    counts = lambda: [seen(stack, PODS), seen(stack, PODS, port)]
    get = lambda: stack.ask(PODS, "admin", p).status
    control(stack, "DELETE", "/_test/seen")
    equal([get() for _ in range(20)], [200] * 20)
    expect(min(counts()) >= 8, "in turn:", counts())
    second.kill()
    equal([get() for _ in range(40)], [200] * 40, "without it")
    expect(stack.is_ready(p), p.log())
    wait_for(lambda: "is down" in p.log(), "the log to say so")
    equal([get() for _ in range(10)], [200] * 10, "still without it")
    second = api_server(stack, "second", port)
    wait_for(lambda: get() == 200 and seen(stack, PODS, port), "its turn again")
    wait_for(lambda: "is up again" in p.log(), "the log to say so")
    second.stop(signal.SIGKILL)


def test_identity_that_does_not_pass(stack):
    """No user's request is forwarded, readyz stays false and the log names the flag."""
    alone(stack, "pool", "--workers=1")
    names = "--requestheader-"
    for n, (without, flags, want) in enumerate((
            (names + "group-headers", [], names + "group-headers=X-Remote-Group"),
            (names + "uid-headers", [], names + "uid-headers=X-Remote-Uid"),
            (names + "extra-headers-prefix", [], names + "extra-headers-prefix=X-Remote-Extra-"),
            (names + "username-headers", [], names + "username-headers"),
            (names + "allowed-names", [names + "allowed-names=other"], names + "allowed-names"),
            (names + "client-ca-file", [names + "client-ca-file=" + stack.pki.path("other-ca.crt")],
             names + "client-ca-file"),
            # The front-proxy certificate is jane's, whom the API server knows as a client.
            ("?", [], "own certificate: set " + names + "username-headers=X-Remote-User"))):
        port = harness.free_port()
        server = api_server(stack, "wrong-%d" % n, port, *flags, without=[without])
        jane = ["--proxy-client-%s-file=%s" % (kind, stack.pki.path("jane." + end))
                for kind, end in (("cert", "crt"), ("key", "key")) if without == "?"]
        p = alone(stack, "before-%d" % n, *jane, upstream_port=port, ready=False)
        url = "upstream https://127.0.0.1:%d: " % port
        wait_for(lambda: url in p.log(), "the complaint")
        line = [text for text in p.log().splitlines() if url in text][0]
        expect(want in line, want, line)
        r = stack.health(p, "/readyz?verbose")
        expect(r.status == 500, r.status)
        expect(b"[-]upstream-identity failed: reason withheld\n" in r.body, r.body)
        equal(stack.health(p, "/livez?verbose").status, 200)
        equal(stack.ask("/readyz", "admin", p).status, 500)
        r = stack.ask(PODS, "admin", p)
        equal((r.status, r.get("retry-after")), (503, "1"))
        expect("does not take over the identity" in r.json()["message"], r.body)
        equal(seen(stack, PODS, port), 0)
        server.kill()
        if n:
            continue
        api_server(stack, "right", port)
        wait_for(lambda: stack.is_ready(p), "readyz with the flag set")
        expect("identity passes whole" in p.log(), p.log())


# What jane may do: all but what the guarded requests need besides.
WRITER = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "update", "patch", "delete"]},
          {"apiGroups": ["authorization.k8s.io", GROUP, "admissionregistration.k8s.io"],
           "resources": ["*"], "verbs": ["create"]}]
APPLY = ["Content-Type: application/apply-patch+yaml"]
GUARDED = [
    ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", JSON, "access reviews"),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", JSON, "access reviews"),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", JSON, "access reviews"),
    ("POST", "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews", JSON,
     "access reviews"),
    ("POST", RBAC + "/clusterroles", JSON, "escalate"),
    ("PUT", RBAC + "/clusterroles/x", JSON, "escalate"),
    ("PATCH", RBAC + "/namespaces/default/roles/x", JSON, "escalate"),
    ("POST", RBAC + "/clusterrolebindings", JSON, "bind"),
    ("PUT", RBAC + "/namespaces/default/rolebindings/x", JSON, "bind"),
    ("PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval", JSON, "approve"),
    ("PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/x/status", JSON, "sign"),
    ("PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/x", JSON, "verb create"),
    ("POST", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", JSON,
     "parameters"),
    ("PATCH", PODS + "/x?fieldManager=m", APPLY, "an apply may create"),
    ("GET", PODS + "/x/exec?command=a", [], "streams into pods"),
    ("DELETE", PODS + "/x?ignoreStoreReadErrorWithClusterBreakingPotential=true", [], "unsafe"),
]


def test_a_server_without_authorizer_is_guarded(stack):
    p = alone(stack, "guard", "--upstream-authorization=none")
    allow(stack, "writer", WRITER)
    wait_for(lambda: stack.ask(PODS + "/x", "jane", p).status == 404, "the grant")
    for method, target, headers, word in GUARDED:
        control(stack, "DELETE", "/_test/seen")
        r = stack.ask(target, "jane", p, method, headers, b"{}" if headers else b"")
        equal(r.status, 403, (method, target, r.body))
        message = r.json()["message"]
        expect("--upstream-authorization=none" in message and word in message, target, message)
        equal(seen(stack, target.split("?")[0]), 0, (method, target))
    equal(stack.ask(GUARDED[0][1], "admin", p, "POST", JSON, b"{}").status, 403, "nobody may ask")
    for method, target in (("GET", PODS + "/x"), ("PUT", PODS + "/x"), ("DELETE", PODS + "/x")):
        control(stack, "DELETE", "/_test/seen")
        stack.ask(target, "jane", p, method, JSON, b"{}" if method == "PUT" else b"")
        equal(seen(stack, target), 1, (method, "is decided by the URL alone"))


def test_an_enforcing_server_is_asked(stack):
    p = alone(stack, "enforcing")
    for method, target, headers, _ in GUARDED:
        control(stack, "DELETE", "/_test/seen")
        r = stack.ask(target, "jane", p, method, headers, b"{}" if headers else b"")
        expect("--upstream-authorization" not in r.body.decode(), method, target, r.body)
        equal(seen(stack, target.split("?")[0]), 1, (method, target))


def test_nothing_is_ready_before_the_caches(stack):
    alone(stack, "pool", "--workers=1")
    allow_path(stack, "/early")
    for resource in ("clusterroles", "rolebindings"):
        control(stack, "POST", "/_test/faults?mode=error&count=-1&path=%s/%s" % (RBAC, resource))
        p = alone(stack, "early-" + resource, ready=False)
        wait_for(lambda: "identity passes whole" in p.log(), "the identity test")
        r = stack.health(p, "/readyz?verbose")
        expect(r.status == 500 and b"[-]cluster-state failed: reason withheld\n" in r.body, r.body)
        expect(not may_get(stack, p, "/early"), "no policy, no right")
        equal(stack.ask(PODS, "admin", p).status, 200, "administrators need no policy")
        control(stack, "DELETE", "/_test/faults")
        wait_for(lambda: stack.is_ready(p), "readyz")
        expect(may_get(stack, p, "/early"), "ready means synced")


def test_changes_take_effect_within_a_second(stack):
    p = alone(stack, "pool", "--workers=1")
    took = []
    for n in range(3):
        path = "/soon/%d" % n
        expect(not may_get(stack, p, path), path)
        allow_path(stack, path)
        begin = time.monotonic()
        wait_for(lambda: may_get(stack, p, path), "the grant")
        control(stack, "DELETE", RBAC + "/clusterrolebindings/get-soon-%d" % n)
        wait_for(lambda: not may_get(stack, p, path), "its end")
        took.append(time.monotonic() - begin)
    expect(min(took) < 1, "it took", took)      # a busy machine may be slow, but not three times


class Poll(threading.Thread):
    """Asks all the time for what is granted and for what is not; notes every wrong answer."""

    def __init__(self, stack, p):
        super().__init__(daemon=True)
        self.stack, self.p, self.wrong, self.rounds = stack, p, [], 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(0.01):
            # 502 and 503 may come from a broken connection, a wrong verdict never.
            for path, right in (("/granted", (404, 502, 503)), ("/denied", (403,))):
                r = self.stack.ask(path, "jane", self.p)
                if not r or r.status not in right:
                    self.wrong.append((path, r and r.status))
            self.rounds += 1

    def end(self, what):
        rounds = self.rounds
        wait_for(lambda: self.rounds > rounds + 2, "answers")
        self.stopping.set()
        self.join()
        equal(self.wrong, [], what)


RELIST = ["new", "/_test/compact", "/_test/end-watches"]     # their version is too old then
LIST = "&path=%s&count=4" % RBAC
FAULTS = [
    ("watches end", None, ["/_test/end-watches"]),
    ("connections close", None, ["/_test/disconnect"]),
    ("connections break", None, ["/_test/disconnect?abort=1"]),
    ("compaction", None, RELIST),
    ("expired watches", "mode=expired" + LIST, ["/_test/end-watches"]),
    ("watches that end at once", "mode=watch_end&bytes=0" + LIST, ["/_test/end-watches"]),
    ("lists cut short", "mode=truncate&bytes=700&skip=4" + LIST, RELIST),
    ("lists that break", "mode=reset_body&bytes=700&skip=4" + LIST, RELIST),
    ("lists refused", "mode=error&code=500&skip=4" + LIST, RELIST),
    ("lists throttled", "mode=error&code=429&retry_after=1&skip=4" + LIST, RELIST),
    ("lists of rubbish", "mode=raw&skip=4&raw=HTTP/1.1%20200%20OK%0d%0aContent-Length:%203"
     "%0d%0aContent-Type:%20application/json%0d%0a%0d%0a%7b%7d%0a" + LIST, RELIST),
]


def hits(stack):
    return control(stack, "GET", "/_test/state")["faultHits"]


def make_newer(stack, n):
    """Something that RBAC has nothing to do with raises the version."""
    control(stack, "POST", "/api/v1/namespaces/default/configmaps", json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "newer-%d" % n}}).encode())


def lists(stack, p):
    text = stack.health(p, "/metrics").body.decode()
    return int(text.split("\nkube_authproxy_reflector_lists_total ")[1].split("\n")[0])


def test_policy_survives_faults(stack):
    """No grant is lost or invented meanwhile, and what changes afterwards still arrives."""
    alone(stack, "pool", "--workers=1")
    allow_path(stack, "/granted")
    for n, (what, fault, steps) in enumerate(FAULTS):
        p = alone(stack, "fault-%d" % n)
        expect(may_get(stack, p, "/granted") and not may_get(stack, p, "/denied"), what)
        before = hits(stack)
        if fault:
            control(stack, "POST", "/_test/faults?" + fault)
        poll = Poll(stack, p)
        poll.start()
        wait_for(lambda: poll.rounds, "answers")
        try:
            for step in steps:
                make_newer(stack, n) if step == "new" else control(stack, "POST", step)
            wait_for(lambda: not fault or hits(stack) >= before + 4, what)
            wait_for(lambda: steps != RELIST or lists(stack, p) >= 8, "lists after " + what)
            allow_path(stack, "/after/%d" % n)
            wait_for(lambda: stack.ask("/after/%d" % n, "jane", p).status == 404, "then " + what)
        finally:
            poll.end(what)
            control(stack, "DELETE", "/_test/faults")


def test_health_on_the_secure_port(stack):
    """Authorized like any path: the bootstrap policy lets everybody see the three summaries."""
    p = alone(stack, "pool", "--workers=1")
    for path in ("/livez", "/healthz", "/readyz"):
        for cert in (None, "jane", "admin"):
            r = stack.ask(path, cert, p)
            equal((r.status, r.body, r.get("content-type"), r.get("x-content-type-options")),
                  (200, b"ok", "text/plain; charset=utf-8", "nosniff"), (path, cert))
        equal(stack.ask(path + "/ping", None, p).status, 403)
        r = stack.ask(path + "/ping", "admin", p)
        equal((r.status, r.body), (200, b"ok"))
    all_live = b"[+]ping ok\n[+]workers ok\n"
    all_ready = all_live + (b"[+]cluster-state ok\n[+]upstream-identity ok\n[+]upstream ok\n"
                            b"[+]shutdown ok\n")
    for target, body in (
            ("/livez?verbose", all_live + b"livez check passed\n"),
            ("/readyz?verbose", all_ready + b"readyz check passed\n"),
            ("/readyz?verbose&exclude=upstream&exclude=shutdown",
             all_ready.replace(b"upstream ok", b"upstream excluded: ok").replace(
                 b"shutdown ok", b"shutdown excluded: ok") + b"readyz check passed\n"),
            ("/livez?verbose=1&exclude=etcd", all_live + b"warn: some health checks cannot be "
             b'excluded: no matches for "etcd"\nlivez check passed\n')):
        equal(stack.ask(target, None, p).body, body, target)
        equal(stack.health(p, target).body, body, target)
    control(stack, "DELETE", "/_test/seen")
    stack.ask("/livez/cluster-state", "admin", p)
    equal(seen(stack, "/livez/cluster-state"), 1, "no such check: forwarded")


def test_metrics(stack):
    """The API server's on the secure port, the proxy's on the health port."""
    p = alone(stack, "pool", "--workers=1")
    control(stack, "DELETE", "/_test/seen")
    equal(stack.ask("/metrics", None, p).status, 403)
    equal(seen(stack, "/metrics"), 0)
    stack.ask("/metrics", "admin", p)
    equal(seen(stack, "/metrics"), 1)
    r = stack.health(p, "/metrics")
    equal(r.status, 200)
    values = dict(line.rsplit(" ", 1) for line in r.body.decode().splitlines() if line[0] != "#")
    before = int(values["kube_authproxy_requests_denied_total"])
    expect(before > 0, values)
    stack.ask("/metrics", None, p)
    expect("kube_authproxy_requests_denied_total %d\n" % (before + 1) in
           stack.health(p, "/metrics").body.decode(), "it counts")
    equal(stack.health(p, PODS).status, 404, "nothing else is there")


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
