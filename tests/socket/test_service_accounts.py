#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Service account tokens through the real socket: bound and legacy ones, what they are bound to."""
import base64
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import equal, expect, openssl, wait_for

ISSUER = "https://kubernetes.default.svc"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEW = b'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}'
SA = "/api/v1/namespaces/ns/serviceaccounts"
EXTRA = "authentication.kubernetes.io/"
LATER = 3600


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(stack, claims, key="sa", header=None):
    text = "%s.%s" % (encode(json.dumps(header or {"alg": "RS256"}).encode()),
                      encode(json.dumps(claims).encode()))
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", stack.path(key + ".key")],
                          input=text.encode(), capture_output=True, check=True)
    return text + "." + encode(done.stdout)


def make_key(stack, name):
    if not os.path.exists(stack.path(name + ".key")):
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
                stack.path(name + ".key"))
        openssl("pkey", "-in", stack.path(name + ".key"), "-pubout", "-out",
                stack.path(name + ".pub"))


def create(stack, target, value):
    r = stack.control(target, "POST", json.dumps(value).encode())
    equal(r.status, 201, r.body)
    return r.json()["metadata"]["uid"]


def account(stack, name):
    """A service account of that name, made anew; its uid."""
    stack.control(SA + "/" + name, "DELETE")
    return create(stack, SA, {"apiVersion": "v1", "kind": "ServiceAccount",
                              "metadata": {"name": name, "namespace": "ns"}})


def begin(stack):
    """The API server, keys, a namespace."""
    if stack.upstream:
        return
    stack.start_upstream()
    create(stack, "/api/v1/namespaces",
           {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns"}})
    for name in ("sa", "sa2", "stranger"):
        make_key(stack, name)
    stack.write("keys.pub", open(stack.path("sa.pub")).read())


FLAGS = ["--service-account-issuer=" + ISSUER, "--service-account-issuer=https://old"]


def proxy(stack, *flags, name="accounts", **more):
    begin(stack)
    return stack.proxy("--service-account-key-file=" + stack.path("keys.pub"), *FLAGS, *flags,
                       name=name, modes="RBAC", **more)


def claims(name, uid, **more):
    now = int(time.time())
    bound = {"namespace": "ns", "serviceaccount": {"name": name, "uid": uid}}
    bound.update(more.pop("bound", {}))
    return {"iss": ISSUER, "aud": [ISSUER], "exp": now + LATER, "iat": now, "nbf": now,
            "sub": "system:serviceaccount:ns:" + name, "kubernetes.io": bound, **more}


def ask(stack, p, token, target=WHO):
    """Without a client certificate, by token alone."""
    return stack.ask(target, None, p, "POST" if target == WHO else "GET",
                     ["Authorization: Bearer " + token, "Content-Type: application/json"],
                     REVIEW if target == WHO else b"")


def user(r):
    equal(r.status, 201, r.body)
    return r.json()["status"]["userInfo"]


def refused(stack, p, token):
    r = ask(stack, p, token)
    equal((r.status, r.json()["reason"], r.json()["message"]), (401, "Unauthorized", "Unauthorized"))


def test_a_bound_token_is_the_service_account(stack):
    p = proxy(stack)
    uid = account(stack, "app")
    got = user(ask(stack, p, sign(stack, claims("app", uid, jti="j-1"))))
    equal(got, {"username": "system:serviceaccount:ns:app", "uid": uid,
                "groups": ["system:serviceaccounts", "system:serviceaccounts:ns",
                           "system:authenticated"],
                "extra": {EXTRA + "credential-id": ["JTI=j-1"]}})


def test_rights_are_those_of_the_service_account(stack):
    p = proxy(stack)
    uid = account(stack, "reader")
    token = sign(stack, claims("reader", uid))
    r = ask(stack, p, token, "/api/v1/namespaces/ns/configmaps")
    equal((r.status, r.json()["reason"]), (403, "Forbidden"))
    expect('User "system:serviceaccount:ns:reader" cannot list' in r.json()["message"], r.body)
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/"
    create(stack, roles + "roles", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "reader", "namespace": "ns"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]})
    create(stack, roles + "rolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "reader", "namespace": "ns"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "ns"}]})
    wait_for(lambda: ask(stack, p, token, "/api/v1/namespaces/ns/configmaps").status == 200,
             "the binding")


def test_what_is_wrong_with_a_token(stack):
    p = proxy(stack)
    uid = account(stack, "wrong")
    now = int(time.time())
    good = claims("wrong", uid)
    equal(ask(stack, p, sign(stack, good)).status, 201)
    for change in ({"exp": now - 120}, {"nbf": now + 120}, {"iat": now + 120}, {"aud": ["other"]},
                   {"iss": "https://other"}, {"kubernetes.io": {}}, {"exp": "soon"}):
        refused(stack, p, sign(stack, {**good, **change}))
    refused(stack, p, sign(stack, good, "stranger"))
    refused(stack, p, sign(stack, good, header={"alg": "none"}))
    refused(stack, p, sign(stack, good, header={"alg": "HS256"}))
    refused(stack, p, sign(stack, good, header={"alg": "PS256"}))
    refused(stack, p, sign(stack, good, header={"alg": "RS256", "kid": "another"}))
    head, body, signature = sign(stack, good).split(".")
    refused(stack, p, head + "." + encode(json.dumps({**good, "aud": ISSUER}).encode()) + "." +
            signature)
    refused(stack, p, head + "." + body + ".")
    refused(stack, p, head + "." + body)
    refused(stack, p, "x" * 20000 + "." + body + "." + signature)
    refused(stack, p, sign(stack, claims("wrong", "another-uid")))
    refused(stack, p, sign(stack, claims("nobody", uid)))
    refused(stack, p, sign(stack, claims("../../secrets/x", uid)))


def test_what_a_token_is_bound_to(stack):
    """A pod, a node and a secret must be there with the uid of the token."""
    p = proxy(stack)
    uid = account(stack, "bound")
    pods, nodes, secrets = "/api/v1/namespaces/ns/pods", "/api/v1/nodes", "/api/v1/namespaces/ns/secrets"
    pod = create(stack, pods, {"apiVersion": "v1", "kind": "Pod",
                               "metadata": {"name": "p", "namespace": "ns"},
                               "spec": {"containers": [{"name": "c", "image": "i"}]}})
    node = create(stack, nodes, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})
    secret = create(stack, secrets, {"apiVersion": "v1", "kind": "Secret",
                                     "metadata": {"name": "s", "namespace": "ns"}})
    to_pod = {"pod": {"name": "p", "uid": pod}, "node": {"name": "n", "uid": node}}
    tokens = {}
    for label, bound in (("pod", to_pod), ("node", {"node": {"name": "n", "uid": node}}),
                         ("secret", {"secret": {"name": "s", "uid": secret}})):
        tokens[label] = sign(stack, claims("bound", uid, bound=bound))
        got = user(ask(stack, p, tokens[label]))
        if label == "pod":
            equal(got["extra"], {EXTRA + "pod-name": ["p"], EXTRA + "pod-uid": [pod],
                                 EXTRA + "node-name": ["n"], EXTRA + "node-uid": [node]})
        refused(stack, p, sign(stack, claims("bound", uid, bound={
            **bound, label: {**bound[label], "uid": "another"}})))
        refused(stack, p, sign(stack, claims("bound", uid, bound={
            **bound, label: {**bound[label], "name": "missing"}})))
    stack.control(pods + "/p", "DELETE")
    stack.control(nodes + "/n", "DELETE")
    stack.control(secrets + "/s", "DELETE")
    for label, token in tokens.items():
        wait_for(lambda: ask(stack, p, token).status == 401, "the end of the token of " + label)


def test_a_deleted_service_account_ends_its_tokens(stack):
    p = proxy(stack)
    token = sign(stack, claims("short", account(stack, "short")))
    equal(ask(stack, p, token).status, 201)
    fresh = account(stack, "short")
    wait_for(lambda: ask(stack, p, token).status == 401, "the end of the old token")
    equal(ask(stack, p, sign(stack, claims("short", fresh))).status, 201)


def test_legacy_tokens(stack):
    p = proxy(stack)
    uid = account(stack, "old")
    prefix = "kubernetes.io/serviceaccount/"
    token = sign(stack, {"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:ns:old",
                         prefix + "namespace": "ns", prefix + "secret.name": "old-token",
                         prefix + "service-account.name": "old",
                         prefix + "service-account.uid": uid})
    refused(stack, p, token)
    secret = {"apiVersion": "v1", "kind": "Secret",
              "metadata": {"name": "old-token", "namespace": "ns"},
              "type": "kubernetes.io/service-account-token",
              "data": {"token": base64.b64encode(token.encode()).decode()}}
    create(stack, "/api/v1/namespaces/ns/secrets", secret)
    r = ask(stack, p, token)
    got = user(r)
    equal((got["username"], got["uid"]), ("system:serviceaccount:ns:old", uid))
    expect("extra" not in got, got)
    expect(r.get("Warning") is None, r.headers)
    stack.control("/api/v1/namespaces/ns/secrets/old-token", "DELETE")
    wait_for(lambda: ask(stack, p, token).status == 401, "the end of the legacy token")


def test_keys_reload(stack):
    p = proxy(stack)
    uid = account(stack, "keys")
    first, second = sign(stack, claims("keys", uid)), sign(stack, claims("keys", uid), "sa2")
    equal((ask(stack, p, first).status, ask(stack, p, second).status), (201, 401))
    one, two = open(stack.path("sa.pub")).read(), open(stack.path("sa2.pub")).read()
    stack.write("keys.pub", one + two)
    wait_for(lambda: ask(stack, p, second).status == 201, "the second key")
    equal(ask(stack, p, first).status, 201)
    stack.write("keys.pub", "no keys\n")
    wait_for(lambda: "data does not contain any valid RSA or ECDSA public keys" in p.log(),
             "the complaint")
    equal((ask(stack, p, first).status, ask(stack, p, second).status), (201, 201))
    # A key that is gone is gone at once, whatever was remembered.
    stack.write("keys.pub", two)
    wait_for(lambda: ask(stack, p, first).status == 401, "the first key to be gone")
    equal(ask(stack, p, second).status, 201)
    stack.write("keys.pub", one)
    wait_for(lambda: ask(stack, p, first).status == 201, "the first key")


def test_audiences(stack):
    p = proxy(stack, "--api-audiences=api,other", name="audiences")
    uid = account(stack, "aud")
    equal(ask(stack, p, sign(stack, claims("aud", uid, aud="other"))).status, 201)
    refused(stack, p, sign(stack, claims("aud", uid)))
    none = claims("aud", uid)
    del none["aud"]
    equal(ask(stack, p, sign(stack, none)).status, 201)


def test_certificate_and_other_tokens_do_not_wait(stack):
    """An API server that does not answer a look-up delays only who needs it."""
    p = proxy(stack, "--token-auth-file=" + stack.write("tokens", 'quick,tom,u1\n'), name="slow")
    uid = account(stack, "slow")
    token = sign(stack, claims("slow", uid))
    stack.control("/_test/faults?mode=error&code=503&count=-1&path=" + SA, "POST")
    refused(stack, p, token)
    equal(user(stack.ask(WHO, "admin", p, "POST", ["Content-Type: application/json"],
                         REVIEW))["username"], "kubernetes-admin")
    equal(user(ask(stack, p, "quick"))["username"], "tom")
    expect("cannot be looked up" in p.log(), p.log())
    stack.control("/_test/faults", "DELETE")
    equal(ask(stack, p, token).status, 201)


def test_many_requests_share_a_look_up(stack):
    """One read per worker at most, while they wait together and afterwards."""
    p = proxy(stack)
    token = sign(stack, claims("shared", account(stack, "shared")))
    path = SA + "/shared"
    stack.control("/_test/seen", "DELETE")
    stack.control("/_test/faults?mode=delay&delay_ms=300&count=-1&path=" + path, "POST")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(stack, p, token).status))
               for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    stack.control("/_test/faults", "DELETE")
    equal(answers, [201] * 16)
    seen = stack.control("/_test/seen?prefix=" + path).json()
    expect(1 <= seen["paths"]["GET " + path] <= 2, seen)


def test_client_that_leaves_while_it_waits(stack):
    p = proxy(stack)
    token = sign(stack, claims("leaver", account(stack, "leaver")))
    stack.control("/_test/seen", "DELETE")
    stack.control("/_test/faults?mode=hang&count=1&path=" + SA + "/leaver", "POST")
    raw = stack.connect(p)
    raw.send("GET /version HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n" % token)
    wait_for(lambda: stack.control("/_test/seen?prefix=" + SA).json()["paths"], "the look-up")
    raw.close()
    stack.control("/_test/faults", "DELETE")
    # The look-up that hangs ends by its own limit, after which another is made.
    wait_for(lambda: ask(stack, p, token).status == 201, "an answer")


def test_manifests_decide(stack):
    begin(stack)
    text = open(os.path.join(harness.SRC, "tests/data/bootstrap-rbac.yaml")).read()
    one = ("---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app, namespace: ns, "
           "uid: m-1}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, "
           "uid: p-1}\n")
    path = stack.write("state.yaml", text + one)
    p = proxy(stack, "--cluster-state=" + path, name="manifests")
    pod = {"pod": {"name": "p", "uid": "p-1"}}
    got = user(ask(stack, p, sign(stack, claims("app", "m-1", bound=pod))))
    equal((got["username"], got["uid"]), ("system:serviceaccount:ns:app", "m-1"))
    refused(stack, p, sign(stack, claims("app", account(stack, "app"))))
    stack.write("state.yaml", text + one.replace("m-1", "m-2"))
    wait_for(lambda: ask(stack, p, sign(stack, claims("app", "m-2"))).status == 201,
             "the new manifest")
    refused(stack, p, sign(stack, claims("app", "m-1", jti="new")))


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
