#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upgrades: exec, attach, port-forward and proxied WebSockets are tunnels through the proxy."""
import os
import subprocess
import sys
import threading

import harness
from harness import equal, expect, wait_for

# What was freed must not look like what is held.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"

TUNNEL = "/_test/tunnel"
PODS = "/api/v1/namespaces/default/pods"
UPGRADE = "Host: x\r\nConnection: Upgrade\r\nUpgrade: %s\r\n"


def connect(stack):
    if not stack.upstream:
        stack.start_upstream()
    return stack.connect(stack.proxy(), "admin")


def switch(stack, protocol="SPDY/3.1", extra="", ahead=b""):
    """A connection that has switched, and the fields of the answer."""
    c = connect(stack)
    c.send(("POST %s HTTP/1.1\r\nContent-Length: 0\r\n%s%s\r\n"
            % (TUNNEL, UPGRADE % protocol, extra)).encode() + ahead)
    status, fields = c.head()
    equal(status, 101)
    return c, fields


def memory(p):
    with open("/proc/%d/status" % p.process.pid) as f:
        return int([line.split()[1] for line in f if line.startswith("VmRSS")][0])


def state(stack):
    return stack.control("/_test/state").json()


def test_both_protocols_switch(stack):
    for protocol in ("SPDY/3.1", "websocket", "WebSocket", "spdy/3.1"):
        c, fields = switch(stack, protocol)
        equal([f for f in fields if f[0] in ("connection", "upgrade", "transfer-encoding")],
              [("connection", "Upgrade"), ("upgrade", protocol)])
        expect(("x-stream-protocol-version", "v4.channel.k8s.io") in fields, fields)
        for text in (b"a", b"GET / HTTP/1.1\r\n\r\n", b"\0\xff" * 5000):
            c.send(text)
            equal(c.read_exactly(len(text)), text)
        c.close()


def test_what_is_told_upstream(stack):
    c = connect(stack)
    c.send("GET %s/p/exec HTTP/1.1\r\n%sX-Remote-User: mallory\r\nX-Gone: 1\r\n"
           "Connection: x-gone\r\nAuthorization: Bearer x\r\n"
           "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n" % (PODS, UPGRADE % "websocket"))
    c.response()
    fields = [(k.lower(), v) for k, v in stack.control("/_test/last").json()["headers"]]
    for told in (("upgrade", "websocket"), ("connection", "Upgrade"),
                 ("sec-websocket-protocol", "v5.channel.k8s.io")):
        expect(told in fields, fields)
    equal([f for f in fields if f[0] in ("x-gone", "authorization")], [])
    equal([v for k, v in fields if k == "x-remote-user"], ["kubernetes-admin"])


def test_other_protocols_do_not(stack):
    for protocol in ("h2c", "SPDY/2", "TLS/1.0", "websocket, SPDY/3.1", ""):
        c = connect(stack)
        c.send("GET %s HTTP/1.1\r\n%s\r\n" % (TUNNEL, UPGRADE % protocol))
        r = c.response()
        equal((r.status, r.json()["message"]), (400, "Upgrade request required"), protocol)


def test_an_ordinary_answer_stays_one(stack):
    c = connect(stack)
    for _ in range(2):
        c.send("GET %s HTTP/1.1\r\n%s\r\n" % (PODS, UPGRADE % "websocket"))
        r = c.response()
        equal((r.status, r.json()["kind"]), (200, "PodList"))


def test_a_refused_upgrade_closes(stack):
    """What the client sent behind it was meant for the tunnel: it is no request."""
    c = connect(stack)
    c.send("GET %s/none/exec HTTP/1.1\r\n%s\r\nGET /api/v1/secrets HTTP/1.1\r\n"
           "Host: x\r\n\r\n" % (PODS, UPGRADE % "SPDY/3.1"))
    r = c.response()
    expect(r.status >= 400, r.status)
    expect(c.is_closed(), "the connection goes on")


def test_bytes_ahead_of_the_answer(stack):
    c, _ = switch(stack, ahead=b"early bird")
    equal(c.read_exactly(10), b"early bird")
    c.close()


def test_both_ends(stack):
    before = state(stack)["openCalls"]
    c, _ = switch(stack)
    wait_for(lambda: state(stack)["openCalls"] > before, "the call is there")
    c.close()
    wait_for(lambda: state(stack)["openCalls"] <= before, "the upstream's end of a closed client")
    c, _ = switch(stack)
    c.send(b"z" * 1000)
    equal(c.read_exactly(1000), b"z" * 1000)
    stack.control("/_test/disconnect", "POST")
    expect(c.is_closed(), "the end of the upstream reaches the client")


def test_much_goes_through_at_constant_memory(stack):
    c, _ = switch(stack)
    p = stack.proxy()
    total, piece = 64 << 20, os.urandom(1 << 16)
    failures = []

    def send():
        try:
            for _ in range(total // len(piece)):
                c.socket.sendall(piece)
        except OSError as e:
            failures.append(e)

    before, got = memory(p), 0
    sender = threading.Thread(target=send)
    sender.start()
    while got < total:
        data = c.socket.recv(1 << 16)
        expect(data, "ended after", got)
        equal(data[0], piece[got % len(piece)], got)
        got += len(data)
    sender.join()
    equal(failures, [])
    grown = memory(p) - before
    expect(grown < 30000, "grew by KiB", grown)
    c.close()


def test_http2_has_no_upgrade(stack):
    pki = stack.pki.path
    out = subprocess.run(["curl", "-s", "--http2", "--cacert", pki("ca.crt"), "--cert",
                          pki("admin.crt"), "--key", pki("admin.key"), "-w", " %{http_code}",
                          "https://localhost:%d%s" % (stack.proxy().port, TUNNEL)],
                         capture_output=True, text=True, timeout=30).stdout
    expect("Upgrade request required" in out and out.endswith(" 400"), out)


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
