#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who a request is from, as the API server sees it and as refusals say it."""
import base64
import sys

import harness
from harness import equal, expect, wait_for

ECHO = "/_test/echo"


def stack_with_users(stack):
    """A proxy with every kind of credential; cluster-admin for those the tests forward as."""
    if "proxy" in stack.proxies:
        return stack.proxies["proxy"]
    stack.start_upstream()
    stack.write("tokens.csv", 'good-token,toni,7,"team-a,team-b"\nplain,pat,8\n')
    stack.write("passwords.csv", "s:e cret,bob,9,ops\n")
    stack.pki.cert("other", "other-ca", "/O=system:masters/CN=mallory")
    stack.pki.cert("blank", "ca", "/O= system:masters/CN=blank")
    stack.pki.cert("serving", "ca", "/O=developers/CN=server", usage="serverAuth")
    for user in ("jane", "toni", "bob", "blank"):
        grant(stack, user)
    return stack.start_proxy("--token-auth-file=" + stack.path("tokens.csv"),
                             "--basic-auth-file=" + stack.path("passwords.csv"))


def grant(stack, user):
    body = ('{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding",'
            '"metadata":{"name":"all-%s"},"roleRef":{"kind":"ClusterRole","name":"cluster-admin",'
            '"apiGroup":"rbac.authorization.k8s.io"},"subjects":[{"kind":"User","name":"%s",'
            '"apiGroup":"rbac.authorization.k8s.io"}]}' % (user, user)).encode()
    raw = harness.Raw(stack.upstream_port, stack.pki, "admin")
    r = raw.request("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "POST",
                    ["Content-Type: application/json"], body)
    expect(r.status in (201, 409), r.status, r.body)


def seen(response):
    """The request's head as it came to the API server: list of (lower-case name, value)."""
    equal(response.status, 200, response.body)
    return [(h[0].lower(), h[1]) for h in response.json()["headers"]]


def identity(response):
    return [(n, v) for n, v in seen(response) if n.startswith("x-remote-")]


def test_certificate(stack):
    stack_with_users(stack)
    got = identity(stack.ask(ECHO, "jane"))
    equal(got[:3], [("x-remote-user", "jane"), ("x-remote-group", "developers"),
                    ("x-remote-group", "system:authenticated")])
    name, value = got[3]
    equal(name, "x-remote-extra-authentication.kubernetes.io%2fcredential-id")
    expect(value.startswith("X509SHA256=") and len(value) == 11 + 64, value)


def test_token(stack):
    r = stack.ask(ECHO, None, headers=["Authorization: Bearer good-token"])
    equal(identity(r), [("x-remote-user", "toni"), ("x-remote-uid", "7"),
                        ("x-remote-group", "team-a"), ("x-remote-group", "team-b"),
                        ("x-remote-group", "system:authenticated")])


def test_password(stack):
    basic = base64.b64encode(b"bob:s:e cret").decode()
    r = stack.ask(ECHO, None, headers=["Authorization: Basic " + basic])
    equal(identity(r)[0], ("x-remote-user", "bob"))


def test_anonymous_is_refused_by_name(stack):
    r = stack.ask("/", None)
    equal(r.status, 403)
    equal(r.json()["message"], 'forbidden: User "system:anonymous" cannot get path "/"')


def test_wrong_credentials_are_401(stack):
    wrong = base64.b64encode(b"bob:wrong").decode()
    for cert, headers in ((None, ["Authorization: Bearer nope"]), ("other", []), ("serving", []),
                          (None, ["Authorization: Basic " + wrong])):
        r = stack.ask(ECHO, cert, headers=headers)
        equal(r.status, 401, (cert, headers))
        equal(r.get("www-authenticate"), 'Basic realm="kubernetes-master"')
        equal(r.body, b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
                      b'"message":"Unauthorized","reason":"Unauthorized","code":401}\n')


def test_a_good_credential_beside_a_wrong_one(stack):
    equal(stack.ask(ECHO, "jane", headers=["Authorization: Bearer nope"]).status, 200)
    equal(stack.ask(ECHO, "other", headers=["Authorization: Bearer good-token"]).status, 200)


def test_front_proxy_headers_of_clients_go(stack):
    """Trap 1: stripped first, stamped last, whatever Connection nominates."""
    forged = ["X-Remote-User: admin", "x-remote-GROUP: system:masters", "X-Remote-Uid: 0",
              "X-Remote-Extra-Scopes: all", "X_Remote_User: kept",
              "Connection: X-Remote-User, x-remote-group, X-Nominated, keep-alive",
              "X-Nominated: gone"]
    r = stack.ask(ECHO, None, headers=["Authorization: Bearer good-token", *forged])
    equal([v for n, v in identity(r)], ["toni", "7", "team-a", "team-b", "system:authenticated"])
    names = [n for n, v in seen(r)]
    expect("authorization" not in names and "x-nominated" not in names, names)
    expect("x_remote_user" in names, "an underscore is not a dash", names)


def test_what_a_header_cannot_carry_is_refused(stack):
    """Trap 20: O = " system:masters" must not become an administrator upstream."""
    pods = "/api/v1/namespaces/default/pods"
    for cert, forwarded in (("blank", 0), ("admin", 1)):
        stack.control("/_test/seen", "DELETE")
        equal(stack.ask(pods, cert).status, 200 if forwarded else 403)
        equal(stack.control("/_test/seen?prefix=" + pods).json()["count"], forwarded)


def test_resumed_sessions_carry_the_same_identity(stack):
    context = harness.client_context(stack.pki, "jane")
    first = stack.connect(context=context)
    want = identity(first.request(ECHO))
    session = first.socket.session
    first.close()
    second = stack.connect(context=context, session=session)
    expect(second.socket.session_reused, "the session should resume")
    equal(identity(second.request(ECHO)), want)
    second.close()


def test_token_file_reloads(stack):
    token = ["Authorization: Bearer fresh"]
    equal(stack.ask(ECHO, None, headers=token).status, 401)
    stack.write("tokens.csv", "fresh,toni,7\n")
    wait_for(lambda: stack.ask(ECHO, None, headers=token).status == 200, "the new token")
    equal(stack.ask(ECHO, None, headers=["Authorization: Bearer good-token"]).status, 401)


def test_a_broken_file_keeps_the_old(stack):
    proxy = stack.proxies["proxy"]
    stack.write("tokens.csv", "only,two\n")
    wait_for(lambda: "must have at least 3 columns" in proxy.log(), "the complaint")
    expect("tokens.csv:1: --token-auth-file:" in proxy.log(), proxy.log()[-2000:])
    equal(stack.ask(ECHO, None, headers=["Authorization: Bearer fresh"]).status, 200)


def test_client_ca_reload_judges_open_connections_again(stack):
    raw = stack.connect(cert="other")
    equal(raw.request(ECHO).status, 401)
    with open(stack.pki.path("ca.crt")) as a, open(stack.pki.path("other-ca.crt")) as b:
        both = a.read() + b.read()
    old = both.split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
    stack.write("client-ca.crt", old)
    proxy = stack.start_proxy("--client-ca-file=" + stack.path("client-ca.crt"), name="with-ca")
    raw = stack.connect(proxy, "other")
    equal(raw.request(ECHO).status, 401)
    stack.write("client-ca.crt", both)
    wait_for(lambda: raw.request(ECHO).status == 200, "the new CA")
    stack.write("client-ca.crt", old)
    wait_for(lambda: raw.request(ECHO).status == 401, "the old CA")


def test_no_credential_is_logged(stack):
    for proxy in stack.proxies.values():
        for secret in ("good-token", "fresh", "e cret", "Bearer"):
            expect(secret not in proxy.log(), secret, "is in the log of", proxy.name)


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
