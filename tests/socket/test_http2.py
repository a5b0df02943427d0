#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 clients of the proxy."""
import json
import os
import shutil
import ssl
import subprocess
import time

import harness
from h2_client import (CANCEL, Client, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM)
from harness import equal, expect, wait_for

# A sanitized build keeps what was freed, which would look like memory that is held.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
ECHO = "/_test/echo"
WATCH = "/api/v1/namespaces?watch=true"
MiB = 1 << 20


def grant(stack, user):
    body = {"kind": "ClusterRoleBinding", "metadata": {"name": "all-" + user},
            "roleRef": {"kind": "ClusterRole", "name": "cluster-admin",
                        "apiGroup": "rbac.authorization.k8s.io"},
            "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}]}
    r = stack.control("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "POST",
                      json.dumps(body).encode())
    expect(r.status in (201, 409), r.status, r.body)


def proxy_of(stack):
    if "proxy" in stack.proxies:
        return stack.proxies["proxy"]
    stack.start_upstream()
    stack.write("tokens.csv", "good-token,toni,7,team-a\n")
    for user in ("jane", "toni", "system:node:n001"):
        grant(stack, user)
    stack.pki.cert("n001", "ca", "/O=system:nodes/CN=system:node:n001")
    return stack.start_proxy("--token-auth-file=" + stack.path("tokens.csv"),
                             "--enable-admission-plugins=NodeRestriction")


def connect(stack, cert="admin", proxy=None, **more):
    return Client((proxy or proxy_of(stack)).port, stack.pki, cert, **more)


def seen(stream):
    """The request's head as it came to the API server."""
    equal(stream.status, 200, stream.body)
    return [(h[0].lower(), h[1]) for h in json.loads(stream.body)["headers"]]


def users(stream):
    return [v for n, v in seen(stream) if n == "x-remote-user"]


def test_identity_of_each_stream(stack):
    """Certificate, token and neither, side by side on one connection each."""
    c = connect(stack, "jane")
    equal(users(c.request(ECHO)), ["jane"])
    a = c.ask(ECHO)
    b = c.ask(ECHO, headers=[("authorization", "Bearer wrong")])
    equal(users(c.wait_over(a)), ["jane"])
    expect(c.wait_over(b).status in (200, 401), b.status)
    c.close()
    c = connect(stack, None)
    token = c.ask(ECHO, headers=[("authorization", "Bearer good-token")])
    wrong = c.ask(ECHO, headers=[("authorization", "Bearer wrong")])
    nobody = c.ask(ECHO)
    version = c.ask("/version")
    equal(users(c.wait_over(token)), ["toni"])
    expect("authorization" not in dict(seen(token)), seen(token))
    equal(c.wait_over(wrong).status, 401)
    equal(c.wait_over(nobody).status, 403)
    expect("system:anonymous" in nobody.body.decode(), nobody.body)
    equal(c.wait_over(version).status, 200)
    c.close()


def test_impostor_headers(stack):
    c = connect(stack, "jane")
    r = c.request(ECHO, headers=[("x-remote-user", "root"), ("x-remote-group", "system:masters"),
                                 ("x-remote-extra-a", "b"), ("x-remote-uid", "0"),
                                 ("x-forwarded-for", "6.6.6.6")])
    equal(users(r), ["jane"])
    fields = seen(r)
    expect("system:masters" not in [v for _, v in fields], fields)
    expect("x-remote-extra-a" not in dict(fields), fields)
    equal(dict(fields)["x-forwarded-for"], "6.6.6.6, 127.0.0.1")
    equal([v for n, v in fields if n == "host"], ["localhost"])
    r = c.request(ECHO, headers=[("impersonate-user", "root")])
    expect(r.status in (200, 403) and users_if(r) in ([], ["root"], ["jane"]), r.status)
    c.close()


def users_if(r):
    return users(r) if r.status == 200 else []


SMUGGLING = [
    ("connection", [("connection", "x-remote-user")]), ("upgrade", [("upgrade", "h2c")]),
    ("transfer-encoding", [("transfer-encoding", "chunked")]), ("te", [("te", "chunked")]),
    ("keep-alive", [("keep-alive", "1")]), ("CR", [("a", "b\rc")]), ("LF", [("a", "b\nX: y")]),
    ("NUL", [("a", "b\0c")]), ("upper case", [("X-Remote-User", "root")]),
    ("name with CRLF", [("a\r\nx-remote-user", "root")]),
    ("length", [("content-length", "7")]), ("lengths", [("content-length", "0")] * 2),
    ("pseudo-field behind", [(":path", "/version")]), ("protocol", [(":protocol", "websocket")]),
    ("another host", [("host", "other")]),
]


def test_request_smuggling(stack):
    """Nothing of it comes to the API server; the connection serves the next request."""
    c = connect(stack, "jane")
    for label, headers in SMUGGLING:
        r = c.request(ECHO, headers=headers)
        expect(r.reset == PROTOCOL_ERROR or r.status == 400, label, r.status, r.reset)
    for path, want in (("", None), ("x", None), ("*", None), ("/a b", None), ("/%zz", 400),
                       ("/x\r\nX: y", None), ("https://localhost/version", None)):
        r = c.request(path)
        expect(r.reset == PROTOCOL_ERROR if want is None else r.status == want, path, r.status)
    equal(users(c.request(ECHO)), ["jane"])
    fields = [(":method", "CONNECT"), (":authority", "localhost:443")]
    r = c.wait_over(c.ask("", fields=fields))
    expect(r.reset == PROTOCOL_ERROR or r.status == 400, r.status, r.reset)
    c.close()


def test_methods_and_forms(stack):
    c = connect(stack)
    r = c.request("/_test/reply?code=200&body=hello", "HEAD")
    equal((r.status, r.get("content-length"), r.body), (200, "5", b""))
    equal(c.request("/_test/reply?code=204").status, 204)
    r = c.request("/_test/reply?code=418&body=x&header=X-A:b&header=Connection:x-a")
    equal((r.status, r.body, r.get("connection")), (418, b"x", None))
    r = c.request("/_test/reply?body=x&trailer=X-Sum:7", headers=[("te", "trailers")])
    equal((r.status, r.body), (200, b"x"))
    equal(c.request("*", "OPTIONS").status, 200)
    equal(c.request("/version", headers=[("cookie", "a=1"), ("cookie", "b=2")]).status, 200)
    r = c.request("/api/v1/namespaces/default/pods/p/exec?command=ls", "POST")
    expect(r.status >= 400, r.status)
    c.close()


def test_streams_do_not_wait_for_each_other(stack):
    """A stalled download and a stalled upload beside a watch and ordinary requests."""
    proxy = proxy_of(stack)
    c = connect(stack, window=20000)
    stalled = [c.ask("/_test/stream?bytes=50000000&chunk=65536") for _ in range(20)]
    sinks = [c.ask("/_test/sink?chunk=1&delay_ms=10000", "POST", end=False) for _ in range(5)]
    for s in sinks:
        n = min(s.window, c.window)
        c.frame(0, 0, s.number, b"u" * min(n, 16384))
        c.window -= min(n, 16384)
    watch = c.ask(WATCH)
    c.wait(lambda: watch.status == 200, "the watch's head")
    c.wait(lambda: all(s.received == 20000 for s in stalled), "full windows")
    before = rss(proxy)
    for i in range(5):
        at = len(watch.body)
        name = "h2-%d" % i
        r = stack.control("/api/v1/namespaces", "POST",
                          json.dumps({"kind": "Namespace", "metadata": {"name": name}}).encode())
        expect(r.status in (201, 409), r.body)
        c.wait(lambda: name.encode() in watch.body[at:], "the event")
        equal(c.request("/version").status, 200)
        c.credit(watch, 5000)
    expect(rss(proxy) - before < 8000, "grew by", rss(proxy) - before, "KiB")
    equal([s.received for s in stalled], [20000] * 20)
    c.credit(stalled[0], 30000)
    c.wait(lambda: stalled[0].received == 50000, "more")
    c.close()


def rss(process):
    with open("/proc/%d/status" % process.process.pid) as f:
        return int([line.split()[1] for line in f if line.startswith("VmRSS")][0])


def test_large_bodies_at_flat_memory(stack):
    proxy = proxy_of(stack)
    c = connect(stack)
    for size in (2 * MiB, 100 * MiB):
        before = rss(proxy)
        s = c.ask("/_test/stream?bytes=%d&chunk=65536" % size)
        s.keeps = False
        c.wait_over(s)
        equal((s.status, s.received, s.ended), (200, size, True))
        r = c.request("/_test/sink?chunk=65536", "POST", body=size)
        equal((r.status, r.reset), (200, None), r.body)
    expect(rss(proxy) - before < 16000, "grew by", rss(proxy) - before, "KiB")
    c.close()


def test_early_answer_of_admission(stack):
    """413 before the body is all sent; the other streams go on."""
    c = connect(stack, "n001")
    other = c.ask(WATCH)
    s = c.ask("/api/v1/nodes/n001", "PUT", [("content-type", "application/json")], end=False)
    c.upload(s, 64 * MiB)
    c.wait_over(s)
    equal(s.status, 413, s.body)
    c.wait(lambda: s.reset is not None, "RST_STREAM")
    equal(s.reset, NO_ERROR)
    s = c.ask("/api/v1/nodes/n001", "PUT", [("content-type", "application/json"),
                                            ("content-length", "4000000")], end=False)
    equal(c.wait_over(s).status, 413, s.body)
    c.wait(lambda: other.status == 200, "the other stream")
    c.close()


def test_client_aborts(stack):
    """The upstream's side of it ends, and nothing is left."""
    proxy = proxy_of(stack)
    c = connect(stack)
    watches = [c.ask(WATCH) for _ in range(10)]
    c.wait(lambda: all(s.status for s in watches), "heads")
    up = c.ask("/_test/sink?chunk=1&delay_ms=10000", "POST", end=False)
    for s in (*watches, up):
        c.cancel(s)
    wait_for(lambda: exchanges(stack, proxy) == 0, "the end of the exchanges")
    equal(c.request("/version").status, 200)
    watches = [c.ask(WATCH) for _ in range(10)]
    c.wait(lambda: all(s.status for s in watches), "heads")
    c.close()
    wait_for(lambda: exchanges(stack, proxy) == 0, "the end of the exchanges")


def exchanges(stack, proxy):
    body = stack.health(proxy, "/metrics").body.decode()
    return int([line.split()[1] for line in body.splitlines()
                if line.startswith("kube_authproxy_exchanges ")][0])


def test_upstream_breaks_off(stack):
    """A broken answer is RST_STREAM, never a clean end."""
    c = connect(stack)
    for mode in ("truncate&bytes=5", "reset_body&bytes=10"):
        stack.control("/_test/faults?mode=%s&path=/version&count=1" % mode, "POST")
        r = c.request("/version")
        equal((r.ended, r.reset), (False, INTERNAL_ERROR), mode)
    equal(c.request("/version").status, 200)
    stack.control("/_test/faults?mode=inform&code=103&path=/version&count=1", "POST")
    equal(c.request("/version").informational, [103])
    stack.control("/_test/faults", "DELETE")
    c.close()


def test_ping_is_answered_while_all_is_stalled(stack):
    c = connect(stack, window=0)
    for _ in range(50):
        c.ask("/_test/stream?bytes=1000000")
    for _ in range(10):
        c.ping()
    c.close()


def test_max_streams(stack):
    proxy = stack.start_proxy("--http2-max-streams-per-connection=7", name="narrow")
    c = connect(stack, proxy=proxy)
    equal(c.settings[3], 7)
    watches = [c.ask(WATCH) for _ in range(7)]
    c.wait(lambda: all(s.status for s in watches), "heads")
    c.cancel(watches[0])
    equal(c.request("/version").status, 200)
    one, two = c.ask("/version"), None
    c.wait_over(one)
    watches.append(c.ask(WATCH))
    c.wait(lambda: watches[-1].status, "head")
    two = c.ask("/version")
    while c.read() and not two.over():
        pass
    expect(two.reset == REFUSED_STREAM or c.goaway, two.status, two.reset)
    c.close()
    c = connect(stack)
    equal(c.settings[3], 100)
    c.close()
    # As kube-apiserver: what is not above zero is the default.
    c = connect(stack, proxy=stack.start_proxy("--http2-max-streams-per-connection=-1", name="minus"))
    equal(c.settings[3], 100)
    c.close()


def alpn(stack, proxy, *offered):
    context = ssl.create_default_context(cafile=stack.pki.path("ca.crt"))
    if offered:
        context.set_alpn_protocols(list(offered))
    raw = harness.Raw(proxy.port, stack.pki, context=context)
    try:
        return raw.socket.selected_alpn_protocol()
    finally:
        raw.close()


def test_alpn(stack):
    proxy = proxy_of(stack)
    equal(alpn(stack, proxy, "http/1.1", "h2"), "h2")
    equal(alpn(stack, proxy, "http/1.1"), "http/1.1")
    equal(alpn(stack, proxy), None)
    old = stack.start_proxy("--disable-http2-serving", name="old")
    equal(alpn(stack, old, "h2", "http/1.1"), "http/1.1")


def test_shutdown_says_goaway(stack):
    """Running requests finish, new ones are not taken, and the connection ends in good order."""
    proxy = stack.start_proxy("--request-timeout=30s", name="ending")
    c = connect(stack, proxy=proxy)
    idle = connect(stack, proxy=proxy)
    running = c.ask("/_test/stream?bytes=300000&chunk=10000&delay_ms=50")
    c.wait(lambda: running.received > 0, "the first bytes")
    proxy.signal(15)
    c.wait(lambda: c.goaway, "GOAWAY")
    equal(c.goaway, (running.number, NO_ERROR))
    expect(not running.over(), "it was over too early")
    c.wait_over(running)
    equal((running.ended, running.received), (True, 300000))
    c.wait_closed()
    idle.wait_closed()
    equal(idle.goaway[1], NO_ERROR)
    equal(proxy.process.wait(harness.PATIENCE), 0)


def test_an_answer_on_its_way_survives_the_end(stack):
    """The process waits until the sockets have all, of which the client has read little."""
    proxy = stack.start_proxy(name="leaving")
    c = connect(stack, proxy=proxy)
    c.gives_back = False    # a socket that is gone answers with RST
    s = c.ask("/_test/stream?bytes=400000&chunk=8192")
    c.wait(lambda: s.status, "the head")
    wait_for(lambda: exchanges(stack, proxy) == 0, "the end of the exchange")
    equal(proxy.stop(), 0)
    c.wait_over(s)
    equal((s.received, s.ended), (400000, True))
    c.close()


def test_stress(stack):
    """Bounded in time; the sanitizers judge."""
    proxy = proxy_of(stack)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        c = connect(stack, "jane")
        streams = [c.ask("/_test/stream?bytes=200000&chunk=7000") for _ in range(20)]
        streams += [c.ask(WATCH) for _ in range(20)]
        ups = [c.ask("/_test/sink?chunk=1000", "POST", end=False) for _ in range(10)]
        for s in ups:
            c.upload(s, 50000)
        for s in streams[::3]:
            c.cancel(s)
        if len(streams) % 2:
            stack.control("/_test/disconnect?abort=1", "POST")
        for s in ups[:3]:
            c.wait_over(s)
        c.close()
    wait_for(lambda: exchanges(stack, proxy) == 0, "the end of the exchanges")
    c = connect(stack)
    equal(c.request("/version").status, 200)
    c.close()


def test_load(stack):
    """h2load, where it is: every request succeeds."""
    proxy = proxy_of(stack)
    if not shutil.which("h2load"):
        return
    done = subprocess.run(["h2load", "-n3000", "-c8", "-m8", "-H", "Authorization: Bearer good-token",
                           "https://127.0.0.1:%d/version" % proxy.port], capture_output=True,
                          timeout=harness.PATIENCE * 2)
    expect(b"3000 succeeded, 0 failed" in done.stdout, done.stdout.decode())
    expect(b"status codes: 3000 2xx" in done.stdout, done.stdout.decode())


harness.main(globals())
