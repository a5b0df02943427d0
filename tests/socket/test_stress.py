#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Caps on upstream connections, and a short mix of everything that can go wrong with a relay."""
import harness
from harness import equal, expect, wait_for

VERSION = "/version"


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


if __name__ == "__main__":
    harness.main(globals())
