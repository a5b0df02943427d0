#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upgrades: exec, attach, port-forward and proxied WebSockets are tunnels through the proxy."""
import os
import select
import signal
import ssl
import subprocess
import sys

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


def echo(c, total):
    """Sends that much and reads it back at the same time, in one thread: SSL objects have one."""
    piece, sent, got = os.urandom(1 << 16), 0, 0
    wants = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
    c.socket.setblocking(False)
    while got < total:
        before = sent + got
        try:
            if sent < total:
                sent += c.socket.send(piece[sent % len(piece):])
        except wants:
            pass
        try:
            data = c.socket.recv(1 << 16)
            expect(data, "ended after", got)
            equal(data[0], piece[got % len(piece)], got)
            equal(data[-1], piece[(got + len(data) - 1) % len(piece)], got)
            got += len(data)
        except wants:
            pass
        if sent + got == before:
            ready = select.select([c.socket], [c.socket] if sent < total else [], [],
                                  harness.PATIENCE)
            expect(ready[0] or ready[1], "nothing moves after", sent, got)
    c.socket.settimeout(harness.PATIENCE)


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
    stack.control("/_test/disconnect?abort=true", "POST")
    expect(c.is_closed(), "the end of the upstream reaches the client")


def test_much_goes_through_at_constant_memory(stack):
    c, _ = switch(stack)
    p = stack.proxy()
    before = memory(p)
    echo(c, int(os.environ.get("TEST_TUNNEL_MIB", "64")) << 20)
    grown = memory(p) - before
    expect(grown < 30000, "grew by KiB", grown)
    c.close()


def test_no_deadline_cuts(stack):
    """Also where the request is none of those that run long, and whatever time it asks for."""
    connect(stack)
    p = stack.proxy("--request-timeout=1s", name="hasty")
    for query in ("", "?timeout=300ms"):
        c = stack.connect(p, "admin")
        c.send("POST %s%s HTTP/1.1\r\nContent-Length: 0\r\n%s\r\n"
               % (TUNNEL, query, UPGRADE % "SPDY/3.1"))
        equal(c.head()[0], 101)
        c.socket.settimeout(2)
        try:
            got = c.socket.recv(1)
            raise harness.Failure("the tunnel ended: %r" % got)
        except TimeoutError:
            pass
        c.socket.settimeout(harness.PATIENCE)
        c.send(b"still here")
        equal(c.read_exactly(10), b"still here")
        c.close()


def test_half_closed(stack):
    """The client's end, said with close_notify, ends both; what it sent before is passed on."""
    before = state(stack)["openCalls"] if stack.upstream else 0
    c, _ = switch(stack)
    c.send(b"last")
    equal(c.read_exactly(4), b"last")
    c.socket.unwrap()
    wait_for(lambda: state(stack)["openCalls"] <= before, "the upstream's end")


def test_drain_waits_for_tunnels(stack):
    connect(stack)
    p = stack.proxy(name="drained")
    c = stack.connect(p, "admin")
    c.send("GET %s HTTP/1.1\r\n%s\r\n" % (TUNNEL, UPGRADE % "websocket"))
    equal(c.head()[0], 101)
    p.process.send_signal(signal.SIGTERM)
    for text in (b"one", b"two"):
        c.send(text)
        equal(c.read_exactly(3), text)
    equal(p.process.poll(), None)
    c.close()
    equal(p.process.wait(harness.PATIENCE), 0)


def test_a_limit_of_connections(stack):
    """Tunnels count: the one too many is refused whole, and a closed one makes room."""
    connect(stack)
    p = stack.proxy("--upstream-max-connections=2", "--workers=1", name="small")
    ask = "GET %s HTTP/1.1\r\n%s\r\n" % (TUNNEL, UPGRADE % "websocket")
    held = []
    for _ in range(2):
        held.append(stack.connect(p, "admin"))
        held[-1].send(ask)
        equal(held[-1].head()[0], 101)
    c = stack.connect(p, "admin")
    c.send(ask)
    r = c.response()
    equal(r.status, 503)
    expect("too many connections" in r.json()["message"], r.json())
    held.pop().close()

    def again():
        c = stack.connect(p, "admin")
        c.send(ask)
        return c.head()[0] == 101

    wait_for(again, "a closed tunnel makes room")


def test_http2_has_no_upgrade(stack):
    pki = stack.pki.path
    out = subprocess.run(["curl", "-s", "--http2", "--cacert", pki("ca.crt"), "--cert",
                          pki("admin.crt"), "--key", pki("admin.key"), "-w", " %{http_code}",
                          "https://localhost:%d%s" % (stack.proxy().port, TUNNEL)],
                         capture_output=True, text=True, timeout=30).stdout
    expect("Upgrade request required" in out and out.endswith(" 400"), out)


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
