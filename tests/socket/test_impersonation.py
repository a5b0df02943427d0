#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Impersonation through real sockets: who the API server sees, what is refused, tricks with headers."""
import json
import os
import re
import shutil
import subprocess
import sys

import harness
from harness import equal, expect, wait_for

ECHO = "/_test/echo"
PODS = "/api/v1/namespaces/default/pods"
RBAC = "/apis/rbac.authorization.k8s.io/v1/"
JSON = ["Content-Type: application/json"]
# Whoever has this group may do everything, so that what arrives can be looked at.
TESTERS = "Impersonate-Group: testers"
REFUSED = ('%s is forbidden: User "%s" cannot impersonate-on:%s:%s resource "%s" in API group "" '
           'in the namespace "default"')


def create(stack, target, body):
    raw = harness.Raw(stack.upstream_port, stack.pki, "admin")
    r = raw.request(target, "POST", JSON, json.dumps(body).encode())
    raw.close()
    expect(r.status in (201, 409), target, r.status, r.body)


def grant(stack, name, subjects, rules=None, role=None):
    """subjects: "User jane". A cluster role of these rules (verbs, groups, resources, names)."""
    if rules:
        create(stack, RBAC + "clusterroles", {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [dict(zip(("verbs", "apiGroups", "resources", "resourceNames"), r))
                      for r in rules]})
    create(stack, RBAC + "clusterrolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name}, "roleRef": {"kind": "ClusterRole", "name": role or name,
                                                "apiGroup": "rbac.authorization.k8s.io"},
        "subjects": [{"kind": s.split()[0], "name": s.split()[1],
                      "apiGroup": "rbac.authorization.k8s.io"} for s in subjects]})


def begin(stack):
    if "proxy" in stack.proxies:
        return
    for name in ("carol", "leo"):
        stack.pki.cert(name, "ca", "/O=team/CN=" + name)
    stack.pki.cert("n001", "ca", "/O=system:nodes/CN=system:node:n001")
    stack.start_upstream()
    for name in ("n001", "n002"):
        create(stack, "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node",
                                        "metadata": {"name": name}})
    grant(stack, "testers", ["Group testers"], role="cluster-admin")
    grant(stack, "bob-views", ["User bob"], role="view")
    authentication = ["authentication.k8s.io"]
    grant(stack, "carol-as-bob", ["User carol"], [
        (["impersonate-on:user-info:list"], [""], ["pods"]),
        (["impersonate:user-info"], authentication, ["users"], ["bob"]),
        (["impersonate:user-info"], authentication, ["userextras/example.com/x"], ["v"])])
    grant(stack, "leo-as-anybody", ["User leo"], [
        (["impersonate"], [""], ["users", "groups", "serviceaccounts"])])
    # The last grant is seen once the proxy is ready: its caches are filled before.
    stack.start_proxy("--enable-admission-plugins=NodeRestriction", modes="Node,RBAC")


def asks(stack, cert, *headers, target=ECHO, **more):
    begin(stack)
    return stack.ask(target, cert, headers=list(headers), **more)


def seen(response):
    equal(response.status, 200, response.body)
    return [(h[0].lower(), h[1]) for h in response.json()["headers"]]


def identity(response):
    """What the API server was told; no trace of how it came may be left."""
    head = seen(response)
    expect(not [n for n, _ in head if n.startswith("impersonate-")], head)
    return [(n[len("x-remote-"):], v) for n, v in head if n.startswith("x-remote-")]


def refused(response, status, message):
    equal((response.status, response.json()["message"]), (status, message))
    equal(response.get("x-content-type-options"), "nosniff")


def forwarded(stack, work, prefix=""):
    """How many requests came to the API server while work was done."""
    stack.control("/_test/seen", "DELETE")
    work()
    return stack.control("/_test/seen?prefix=" + prefix).json()["count"]


def test_the_upstream_gets_the_other_user(stack):
    r = asks(stack, "admin", "Impersonate-User: jane", TESTERS, "Impersonate-Group: a,b",
             "Impersonate-Uid: u 1", "Impersonate-Extra-Example.com%2FScopes: one",
             "impersonate-extra-example.com%2fscopes: two")
    equal(identity(r), [("user", "jane"), ("uid", "u 1"), ("group", "testers"), ("group", "a,b"),
                        ("group", "system:authenticated"),
                        ("extra-example.com%2fscopes", "one"),
                        ("extra-example.com%2fscopes", "two")])


def test_nothing_of_the_requester_is_left(stack):
    r = asks(stack, "admin", "Impersonate-User: jane", TESTERS)
    equal(identity(r), [("user", "jane"), ("group", "testers"), ("group", "system:authenticated")])


def test_constrained(stack):
    begin(stack)
    bob = "Impersonate-User: bob"
    equal(asks(stack, "carol", bob, target=PODS).status, 200)
    refused(asks(stack, "carol", bob, target="/api/v1/namespaces/default/services"), 403,
            REFUSED % ("services", "carol", "user-info", "list", "services"))
    refused(asks(stack, "carol", "Impersonate-User: eve", target=PODS), 403,
            'users.authentication.k8s.io "eve" is forbidden: User "carol" cannot '
            'impersonate:user-info resource "users" in API group "authentication.k8s.io" at the '
            'cluster scope')
    equal(asks(stack, "carol", bob, "Impersonate-Extra-example.com%2Fx: v", target=PODS).status,
          200)
    refused(asks(stack, "carol", bob, "Impersonate-Extra-example.com%2Fx: w", target=PODS), 403,
            'userextras.authentication.k8s.io "w" is forbidden: User "carol" cannot '
            'impersonate:user-info resource "userextras/example.com/x" in API group '
            '"authentication.k8s.io" at the cluster scope')
    refused(asks(stack, "carol", bob, "Impersonate-Group: system:masters", target=PODS), 403,
            'groups.authentication.k8s.io "system:masters" is forbidden: User "carol" cannot '
            'impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the '
            'cluster scope: impersonating the system:masters group is not allowed')


def test_what_the_other_user_may_counts(stack):
    """Carol may not list pods herself, bob may; leo may be eve, who may not."""
    equal(asks(stack, "carol", target=PODS).status, 403)
    r = asks(stack, "leo", "Impersonate-User: eve", target=PODS)
    equal((r.status, r.json()["message"]),
          (403, 'pods is forbidden: User "eve" cannot list resource "pods" in API group "" in the '
                'namespace "default"'))
    equal(asks(stack, "leo", "Impersonate-User: bob", target=PODS).status, 200)


def test_refused_requests_go_nowhere(stack):
    begin(stack)

    def work():
        for cert in ("jane", None):
            r = asks(stack, cert, "Impersonate-User: kubernetes-admin",
                     "Impersonate-Group: system:masters", target=PODS)
            refused(r, 403, REFUSED % ("pods", cert or "system:anonymous", "user-info", "list",
                                       "pods"))
            refused(asks(stack, cert, "Impersonate-Group: system:masters", target=PODS), 400,
                    'requested &user.DefaultInfo{Name:"", UID:"", '
                    'Groups:[]string{"system:masters"}, Extra:map[string][]string(nil)} without '
                    'impersonating a user name')
    equal(forwarded(stack, work, PODS), 0)


def test_service_accounts(stack):
    account = "Impersonate-User: system:serviceaccount:default:robot"
    refused(asks(stack, "jane", account, target=PODS), 403,
            REFUSED % ("pods", "jane", "serviceaccount", "list", "pods"))
    refused(asks(stack, "jane", account, TESTERS, target=PODS), 403,
            'serviceaccounts "robot" is forbidden: User "jane" cannot impersonate resource '
            '"serviceaccounts" in API group "" in the namespace "default"')
    grant(stack, "accounts", ["Group system:serviceaccounts:default"], role="cluster-admin")
    wait_for(lambda: asks(stack, "leo", account).status == 200, "the binding")
    equal(identity(asks(stack, "leo", account)),
          [("user", "system:serviceaccount:default:robot"), ("group", "system:serviceaccounts"),
           ("group", "system:serviceaccounts:default"), ("group", "system:authenticated")])


def node_says(r, message):
    expect(r.status == 403 and message in r.json()["message"], r.status, r.body)


def test_nodes(stack):
    """Who becomes a node has its rights and its limits: Node authorizer and NodeRestriction."""
    for headers in (("Impersonate-User: system:node:n001",),
                    ("impersonate-user: system:node:n001", "Impersonate-Group: system:nodes")):
        equal(asks(stack, "admin", *headers, target="/api/v1/nodes/n001").status, 200)
        node_says(asks(stack, "admin", *headers, target="/api/v1/nodes/n002"),
                  "node 'n001' cannot read 'n002', only its own Node object")
        node_says(asks(stack, "admin", *headers, target="/api/v1/namespaces/default/secrets/s"),
                  "no relationship found between node 'n001' and this object")
        patch = json.dumps({"metadata": {"labels": {"node-restriction.kubernetes.io/a": "b"}}})
        node_says(asks(stack, "admin", *headers, "Content-Type: application/merge-patch+json",
                       target="/api/v1/nodes/n001", method="PATCH", body=patch.encode()),
                  "is not allowed to modify labels: node-restriction.kubernetes.io/a")
    # In the old mode a node's name without its group is no node.
    r = asks(stack, "leo", "Impersonate-User: system:node:n001", target="/api/v1/nodes/n001")
    equal((r.status, r.json()["message"]),
          (403, 'nodes "n001" is forbidden: User "system:node:n001" cannot get resource "nodes" in '
                'API group "" at the cluster scope'))


def test_nodes_may_not_impersonate(stack):
    refused(asks(stack, "n001", "Impersonate-User: system:node:n002", target=PODS), 403,
            REFUSED % ("pods", "system:node:n001", "arbitrary-node", "list", "pods"))


def test_header_tricks(stack):
    begin(stack)
    me = ("user", "jane")
    # Of several names the first counts, also across cases.
    r = asks(stack, "admin", "iMPERSONATE-uSER: jane", "Impersonate-User: kubernetes-admin", TESTERS)
    equal(identity(r)[0], me)
    # What Connection nominates is still read, and still not passed on.
    for nominated in ("Impersonate-User, Impersonate-Group", "impersonate-user"):
        r = asks(stack, "admin", "Connection: keep-alive, " + nominated, "Impersonate-User: jane",
                 TESTERS)
        equal(identity(r)[:2], [me, ("group", "testers")])
        refused(asks(stack, "jane", "Connection: " + nominated, "Impersonate-User: bob",
                     target=PODS), 403, REFUSED % ("pods", "jane", "user-info", "list", "pods"))
    # Other names are other headers: they mean nothing and change nothing.
    r = asks(stack, "admin", "Impersonate_User: jane", "X-Impersonate-User: jane",
             "Impersonate-Users: jane", "Impersonate-: jane", "ImpersonateUser: jane")
    equal(identity(r)[0], ("user", "kubernetes-admin"))
    # Empty: nobody else. With an empty first line the second does not count.
    equal(identity(asks(stack, "admin", "Impersonate-User:"))[0], ("user", "kubernetes-admin"))
    r = asks(stack, "admin", "Impersonate-User: ", "Impersonate-User: jane")
    equal(identity(r)[0], ("user", "kubernetes-admin"))
    equal(asks(stack, "admin", "Impersonate-User:", "Impersonate-Group:").status, 400)
    # Front-proxy headers of the client are not a way around.
    r = asks(stack, "admin", "Impersonate-User: jane", TESTERS, "X-Remote-User: mallory",
             "X-Remote-Group: system:masters", "Connection: X-Remote-User")
    equal(identity(r), [me, ("group", "testers"), ("group", "system:authenticated")])


def test_bytes_and_escapes(stack):
    begin(stack)
    r = asks(stack, "admin", "Impersonate-User: \xff\xc3\xa9", TESTERS)
    equal(identity(r)[0][0], "user")
    refused(asks(stack, "jane", "Impersonate-User: \xff", "Impersonate-Uid: 1",
                 "Impersonate-Group: g", target="/apis"), 403,
            'forbidden: User "jane" cannot impersonate-on:user-info:get path "/apis"')
    equal(asks(stack, "admin", "Impersonate-Group: \xff").json()["message"],
          r'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"\xff"}, '
          r'Extra:map[string][]string(nil)} without impersonating a user name')
    for escaped, want in (("a%2Fb", "a%2fb"), ("%61%2fb", "a%2fb"), ("a%252Fb", "a%252fb"),
                          ("a%zz", "a%25zz"), ("a%", "a%25"), ("a%20b", "a%20b"),
                          ("a%C3%A9", "a%c3%a9")):
        r = asks(stack, "admin", "Impersonate-User: jane", TESTERS,
                 "Impersonate-Extra-%s: v" % escaped)
        equal(identity(r)[-1], ("extra-" + want, "v"))
    # What our own headers cannot carry is refused, as for every user.
    for header in ("Impersonate-Extra-%41: v", "Impersonate-Extra-: v"):
        r = asks(stack, "admin", "Impersonate-User: jane", TESTERS, header)
        expect(r.status == 403 and "cannot be told to the API server" in r.body.decode(), r.body)


def test_anonymous(stack):
    begin(stack)
    r = asks(stack, "admin", "Impersonate-User: system:anonymous", TESTERS)
    equal(identity(r), [("user", "system:anonymous"), ("group", "testers"),
                        ("group", "system:unauthenticated")])
    r = asks(stack, "admin", "Impersonate-User: system:anonymous", target="/version")
    equal(r.status, 200)
    r = asks(stack, "admin", "Impersonate-User: system:anonymous", target="/")
    equal(r.json()["message"], 'forbidden: User "system:anonymous" cannot get path "/"')


def test_each_request_of_a_connection_is_its_own(stack):
    begin(stack)
    raw = stack.connect(cert="admin")
    for name in ("jane", None, "bob", None):
        headers = ["Impersonate-User: " + name, TESTERS] if name else []
        equal(identity(raw.request(ECHO, headers=headers))[0], ("user", name or "kubernetes-admin"))
    raw.close()


def test_a_right_taken_away_ends(stack):
    begin(stack)
    bob = "Impersonate-User: bob"
    grant(stack, "jane-as-bob", ["User jane"], [(["impersonate"], [""], ["users"], ["bob"])])
    wait_for(lambda: asks(stack, "jane", bob, target=PODS).status == 200, "the right")
    raw = harness.Raw(stack.upstream_port, stack.pki, "admin")
    equal(raw.request(RBAC + "clusterrolebindings/jane-as-bob", "DELETE").status, 200)
    raw.close()
    wait_for(lambda: asks(stack, "jane", bob, target=PODS).status == 403, "its end")


def curl(stack, cert, *args):
    p = stack.pki.path
    done = subprocess.run(["curl", "-sS", "--http2", "--noproxy", "*", "--max-time",
                           str(harness.PATIENCE), "--cacert", p("ca.crt"), "--cert",
                           p(cert + ".crt"), "--key", p(cert + ".key"), "-w",
                           "\n%{http_version} %{http_code}", *args], capture_output=True)
    expect(not done.returncode, done.stderr)
    body, _, end = done.stdout.rpartition(b"\n")
    version, code = end.decode().split()
    equal(version, "2")
    return int(code), body


def test_http2(stack):
    """The same over HTTP/2, where names come in lower case."""
    begin(stack)
    url = "https://localhost:%d" % stack.proxies["proxy"].port
    code, body = curl(stack, "admin", "-H", "Impersonate-User: jane", "-H",
                      "Impersonate-Group: testers", "-H", "impersonate-group: b", "-H",
                      "Impersonate-Extra-Example.com%2FX: v", "-H", "Impersonate-User: bob",
                      url + ECHO)
    equal(code, 200, body)
    r = harness.Response(200, [], body, True)
    equal(identity(r), [("user", "jane"), ("group", "testers"), ("group", "b"),
                        ("group", "system:authenticated"), ("extra-example.com%2fx", "v")])
    code, body = curl(stack, "jane", "-H", "Impersonate-User: bob", url + PODS)
    equal((code, json.loads(body)["message"]),
          (403, REFUSED % ("pods", "jane", "user-info", "list", "pods")))
    code, body = curl(stack, "jane", "-H", "Impersonate-Uid: 1", url + PODS)
    equal(code, 400, body)


def kubectl(stack, cert, *args):
    p = stack.pki.path
    done = subprocess.run(["kubectl", "--kubeconfig=/dev/null", "--server=https://localhost:%d" %
                           stack.proxies["proxy"].port, "--certificate-authority=" + p("ca.crt"),
                           "--client-certificate=" + p(cert + ".crt"),
                           "--client-key=" + p(cert + ".key"), *args], capture_output=True,
                          env={**os.environ, "HOME": stack.folder})
    return done.returncode, (done.stdout + done.stderr).decode()


def test_kubectl_as(stack):
    """The stories' commands, where there is a kubectl."""
    begin(stack)
    if not shutil.which("kubectl"):
        print("# no kubectl here")
        return
    code, text = kubectl(stack, "admin", "--as=jane", "--as-group=testers", "get", "--raw", ECHO)
    equal(code, 0, text)
    equal(identity(harness.Response(200, [], text.encode(), True)),
          [("user", "jane"), ("group", "testers"), ("group", "system:authenticated")])
    code, text = kubectl(stack, "leo", "--as=bob", "get", "pods")
    equal(code, 0, text)
    code, text = kubectl(stack, "leo", "--as=eve", "get", "pods")
    expect(code == 1 and 'User "eve" cannot list resource "pods"' in text, text)
    code, text = kubectl(stack, "leo", "--as=system:serviceaccount:no:body", "get", "pods")
    expect(code == 1 and 'User "system:serviceaccount:no:body" cannot list' in text, text)
    # Discovery is a request as well: who may be bob only to list pods asks for nothing else.
    code, text = kubectl(stack, "carol", "--as=bob", "get", "--raw", PODS)
    equal(code, 0, text)
    code, text = kubectl(stack, "jane", "--as=bob", "get", "--raw", PODS)
    expect(code == 1 and "Error from server (Forbidden): " +
           REFUSED % ("pods", "jane", "user-info", "list", "pods") in text, text)


def test_both_identities_are_logged(stack):
    begin(stack)
    asks(stack, "leo", "Impersonate-User: eve", "Audit-Id: both-1", target=PODS)
    asks(stack, "admin", "Impersonate-User: eve", "Audit-Id: both-2", target=PODS)
    asks(stack, "jane", "Impersonate-User: eve", "Audit-Id: both-3", target=PODS)

    def lines():
        return {n: re.search(r'.*auditID="both-%d".*' % n, stack.proxies["proxy"].log())
                for n in (1, 2, 3)}
    wait_for(lambda: all(lines().values()), "the lines")
    one, two, three = (lines()[n].group(0) for n in (1, 2, 3))
    expect('user="leo"' in one and 'impersonatedUser="eve"' in one, one)
    expect("impersonationConstraint" not in one, one)
    expect('user="kubernetes-admin"' in two and 'impersonatedUser="eve"' in two, two)
    expect('impersonationConstraint="impersonate:user-info"' in two, two)
    expect('user="jane"' in three and "impersonatedUser" not in three, three)


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
