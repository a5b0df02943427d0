#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upstream connections: what happens when the API server goes away at a bad moment."""
import signal

import harness
from harness import equal, expect, wait_for
from test_upstreams import api_server

PODS = "/api/v1/namespaces/default/pods"


def is_stopped(process):
    with open("/proc/%d/stat" % process.process.pid) as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "T"


def test_a_request_comes_with_the_end_of_an_idle_connection(stack):
    """Both are found in one turn of the loop: the connection that ended is not used."""
    stack.start_upstream()
    p = stack.proxy("--workers=1")
    c = stack.connect(p, "admin")
    equal(c.request(PODS).status, 200)      # there is an idle upstream connection now
    p.signal(signal.SIGSTOP)
    wait_for(lambda: is_stopped(p), "the stop")
    stack.upstream.kill()
    c.send("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % PODS)
    p.signal(signal.SIGCONT)
    r = c.response()
    expect(p.process.poll() is None, "the proxy ended:", p.log()[-500:])
    equal((r.status, r.get("retry-after")), (503, "1"), r.body)
    stack.start_upstream()
    wait_for(lambda: c.request(PODS).status == 200, "the API server's return")


def test_identity_is_tested_again_after_a_restart(stack):
    port = harness.free_port()
    server = api_server(stack, "first", port)
    p = stack.start_proxy(name="restart", upstream_port=port)
    server.kill()
    server = api_server(stack, "again", port, without=["--requestheader-group-headers"])
    wait_for(lambda: "set --requestheader-group-headers=X-Remote-Group" in p.log(), "the complaint")
    r = stack.health(p, "/readyz?verbose")
    expect(b"[-]upstream-identity failed: reason withheld\n" in r.body, r.body)
    server.kill()
    api_server(stack, "right", port)
    wait_for(lambda: stack.is_ready(p), "readyz with the flag set")


def test_the_connection_of_a_head_of_a_watch_is_not_used_again(stack):
    """Go's server goes on with the watch behind the head, and others would wait for its end."""
    port = harness.free_port()
    api_server(stack, "watched", port)
    p = stack.start_proxy("--workers=1", name="head", upstream_port=port)
    c = stack.connect(p, "admin")
    first = c.request("/_test/echo").json()
    equal(c.request(PODS, "HEAD").status, 200)
    second = c.request("/_test/echo").json()
    equal((second["connection"], second["requestOnConnection"]),
          (first["connection"], first["requestOnConnection"] + 2), "a list is over with its head")
    equal(c.request(PODS + "?watch=1", "HEAD").status, 200)
    third = c.request("/_test/echo").json()
    expect(third["connection"] != first["connection"], third)


def test_a_front_proxy_certificate_that_ends_soon_is_announced(stack):
    if not stack.upstream:
        stack.start_upstream()
    pki = stack.pki
    pki.cert("ending", "front-proxy-ca", "/CN=kube-authproxy", days="2")
    p = stack.start_proxy("--proxy-client-cert-file=" + pki.path("ending.crt"),
                          "--proxy-client-key-file=" + pki.path("ending.key"), name="ending")
    wait_for(lambda: "--proxy-client-cert-file ends in 47 hours" in p.log(), "the warning")
    expect("ends in" not in stack.proxy().log(), "one of 30 days is not announced")


if __name__ == "__main__":
    harness.main(globals())
