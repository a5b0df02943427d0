#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Caps on upstream connections, and a short mix of everything that can go wrong with a relay."""
import os
import random
import signal
import socket
import struct
import threading
import time

import harness
from harness import equal, expect, wait_for

VERSION = "/version"
MIX_SECONDS = 6
FAULTS = ["close", "reset", "truncate&bytes=5", "slow&bytes=100&delay_ms=2", "early&code=413",
          "reset_body&bytes=10", "delay&delay_ms=50", "inform&code=103", "last", "hang"]


def test_idle_connections_make_way_at_the_cap(stack):
    """Anonymous and identified requests never share a connection, but they share the cap."""
    stack.start_upstream()
    proxy = stack.proxy("--workers=1", "--upstream-max-connections=1", name="narrow")
    for cert in ("admin", None, "admin", None):
        equal(stack.ask("/version", cert, proxy).status, 200, cert)


def test_more_than_the_cap_is_unavailable(stack):
    proxy = stack.proxies["narrow"]
    watch = stack.connect(proxy, "admin")
    watch.send("GET /api/v1/namespaces?watch=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
    equal(watch.head()[0], 200)
    refused = stack.ask(VERSION, "admin", proxy)
    equal((refused.status, refused.get("retry-after")), (503, "1"))
    expect("too many connections" in refused.json()["message"], refused.body)
    watch.close()
    wait_for(lambda: stack.ask(VERSION, "admin", proxy).status == 200, "the end of the watch")


def test_an_answer_on_its_way_survives_the_end(stack):
    """The process ends when all is written to the sockets, of which the client has read little."""
    proxy = stack.start_proxy(name="ending")
    client = stack.connect(proxy, "admin")
    client.send("GET /_test/stream?bytes=400000&chunk=8192 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    equal(client.head()[0], 200)
    wait_for(lambda: b"kube_authproxy_exchanges 0\n" in stack.health(proxy, "/metrics").body,
             "the end of the exchange")
    equal(proxy.stop(), 0)
    body = b""
    while True:
        piece = client.chunk()
        expect(piece is not None, "broken after", len(body), "bytes")
        if not piece:
            break
        body += piece
    equal(len(body), 400000)


def break_off(raw):
    """The proxy sees RST."""
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


def start(target, method="GET", *fields):
    return "\r\n".join(["%s %s HTTP/1.1" % (method, target), "Host: localhost", *fields, "", ""])


def watch_and_leave(raw, r):
    raw.send(start("/api/v1/namespaces?watch=true"))
    raw.head()


def download_and_leave(raw, r):
    raw.send(start("/_test/stream?bytes=1000000&chunk=%d" % r.choice([500, 60000])))
    head = raw.head()
    if head and head[0] == 200:
        raw.read_exactly(r.randrange(500000))


def upload_and_leave(raw, r):
    n = r.choice([70000, 400000])
    raw.send(start("/_test/sink?chunk=30000&delay_ms=1", "POST", "Content-Length: %d" % n))
    raw.send(b"x" * r.randrange(n))


def upload_in_tiny_chunks(raw, r):
    raw.send(start("/_test/echo", "POST", "Transfer-Encoding: chunked"))
    raw.send(b"1\r\na\r\n" * r.randrange(1, 3000) + b"0\r\n\r\n")
    raw.response()


def pipeline_and_leave(raw, r):
    raw.send(start(VERSION) * r.randrange(2, 9) + start("/_test/echo", "POST", "Content-Length: 5"))


def be_refused_while_sending(raw, r):
    raw.send(start("/api/v1/pods", "POST", "Authorization: Bearer no", "Content-Length: 300000"))
    raw.send(b"x" * 150000)
    raw.response()


def run_out_of_time(raw, r):
    raw.request("/api/v1/namespaces?timeout=%dms" % r.choice([1, 5, 30]))


def ask_for_no_body(raw, r):
    for code in (204, 304, 200, 500):
        raw.request("/_test/reply?code=%d&body=x" % code, r.choice(["HEAD", "GET"]))


CLIENTS = [watch_and_leave, download_and_leave, upload_and_leave, upload_in_tiny_chunks,
           pipeline_and_leave, be_refused_while_sending, run_out_of_time, ask_for_no_body]


def be_clients(stack, proxy, r, until):
    """Each connection does one thing and ends in one of two ways; failures are what is wanted."""
    while time.monotonic() < until:
        try:
            raw = stack.connect(proxy, r.choice(["admin", "admin", "jane", None]))
        except OSError:
            return      # the proxy has died, which the test will tell
        try:
            raw.socket.settimeout(5)
            r.choice(CLIENTS)(raw, r)
            r.choice([break_off, harness.Raw.close])(raw)
        except OSError:
            raw.close()


def be_trouble(stack, proxy, r, until):
    while time.monotonic() < until:
        stack.control("/_test/faults", "DELETE")
        for _ in range(2):
            stack.control("/_test/faults?mode=%s&path=%s&count=3" % (
                r.choice(FAULTS), r.choice([VERSION, "/api/v1/namespaces", "/_test/echo"])), "POST")
        stack.control("/_test/" + r.choice(["disconnect", "disconnect?abort=1", "end-watches"]),
                      "POST")
        stack.pki.copy(*r.choice([("server", "mixed"), ("front-proxy", "mixed-fp")]))
        proxy.signal(signal.SIGHUP)
    stack.control("/_test/faults", "DELETE")


def descriptors(proxy):
    return len(os.listdir("/proc/%d/fd" % proxy.process.pid))


def test_a_mix_of_aborts_and_faults_leaves_nothing_behind(stack):
    stack.pki.copy("server", "mixed")
    stack.pki.copy("front-proxy", "mixed-fp")
    p = stack.pki.path
    proxy = stack.proxy("--tls-cert-file=" + p("mixed.crt"),
                        "--tls-private-key-file=" + p("mixed.key"),
                        "--proxy-client-cert-file=" + p("mixed-fp.crt"),
                        "--proxy-client-key-file=" + p("mixed-fp.key"),
                        "--upstream-max-connections=8", "--request-timeout=2s", name="mixed")
    before, until = descriptors(proxy), time.monotonic() + MIX_SECONDS
    threads = [threading.Thread(target=be_clients, daemon=True,
                                args=(stack, proxy, random.Random(n), until)) for n in range(4)]
    for t in threads:
        t.start()
    be_trouble(stack, proxy, random.Random(7), until)
    for t in threads:
        t.join()
    expect(proxy.process.poll() is None, "the proxy ended:", proxy.log()[-3000:])
    wait_for(lambda: b"kube_authproxy_exchanges 0\n" in stack.health(proxy, "/metrics").body,
             "the end of all exchanges")
    # What may stay: idle upstream connections, at most the cap of each worker.
    wait_for(lambda: descriptors(proxy) <= before + 2 * 8, "descriptors")
    wait_for(lambda: stack.ask(VERSION, "admin", proxy).status == 200, "an ordinary answer")


if __name__ == "__main__":
    harness.main(globals())
