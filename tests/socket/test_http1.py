#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 through the proxy: framing, refusals, bodies both ways, ends of either side."""
import json
import socket
import struct
import sys
import time

import harness
from harness import equal, expect, wait_for

PODS = "/api/v1/namespaces/default/pods"
ECHO = "/_test/echo"


def proxy(stack):
    if not stack.upstream:
        stack.start_upstream()
    return stack.proxy()


def raw(stack, cert="admin"):
    return harness.Raw(proxy(stack).port, stack.pki, cert)


def state(stack):
    return stack.control("/_test/state").json()


def fault(stack, query, body=b""):
    r = stack.control("/_test/faults?" + query, "POST", body)
    expect(r.status < 300, r.status, r.body)


def no_faults(stack):
    stack.control("/_test/faults", "DELETE")


def test_malformed_requests_are_refused(stack):
    """Each is answered with an error and a close, and the API server sees nothing of it."""
    proxy(stack)
    get = "GET %s HTTP/1.1\r\nHost: x\r\n" % PODS
    post = "POST %s HTTP/1.1\r\nHost: x\r\n" % PODS
    chunked = post + "Transfer-Encoding: chunked\r\n\r\n"
    rows = [
        ("two lengths", post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
        ("length list", post + "Content-Length: 1, 1\r\n\r\nx", 400),
        ("signed length", post + "Content-Length: +1\r\n\r\nx", 400),
        ("hex length", post + "Content-Length: 0x1\r\n\r\nx", 400),
        ("length and chunks", post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("chunks and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", 400),
        ("unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", 501),
        ("two codings", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("identity", post + "Transfer-Encoding: identity\r\n\r\n", 501),
        ("folded line", get + "X-A: b\r\n c\r\n\r\n", 400),
        ("bare LF after a field", get + "X-A: b\nX-C: d\r\n\r\n", 400),
        ("bare LF after the request line", "GET %s HTTP/1.1\nHost: x\r\n\r\n" % PODS, 400),
        ("bare LF at the end", get[:-2] + "\n\n", 400),
        ("bare CR in a field", get + "X-A: b\rX-B: c\r\n\r\n", 400),
        ("NUL in a field", get + "X-A: b\0c\r\n\r\n", 400),
        ("blank before the colon", get + "X-A : b\r\n\r\n", 400),
        ("blank before the name", get + " X-A: b\r\n\r\n", 400),
        ("double blank", "GET  %s HTTP/1.1\r\nHost: x\r\n\r\n" % PODS, 400),
        ("double blank at the end", "GET %s  HTTP/1.1\r\nHost: x\r\n\r\n" % PODS, 400),
        ("empty name", get + ": b\r\n\r\n", 400),
        ("two hosts", get + "Host: y\r\n\r\n", 400),
        ("no host", "GET %s HTTP/1.1\r\n\r\n" % PODS, 400),
        ("HTTP/1.2", "GET %s HTTP/1.2\r\nHost: x\r\n\r\n" % PODS, 505),
        ("HTTP/3.0", "GET %s HTTP/3.0\r\nHost: x\r\n\r\n" % PODS, 505),
        ("another protocol", "GET %s ICE/1.0\r\nHost: x\r\n\r\n" % PODS, 400),
        ("HTTP/0.9", "GET %s\r\n\r\n" % PODS, 400),
        ("bad chunk size", chunked + "x\r\n\r\n", 400),
        ("signed chunk size", chunked + "+1\r\nx\r\n0\r\n\r\n", 400),
        ("chunk size too large", chunked + "fffffffffffffffff\r\n", 400),
        ("chunk data too long", chunked + "1\r\nxy\r\n0\r\n\r\n", 400),
        ("bare LF in chunks", chunked + "1\nx\r\n0\r\n\r\n", 400),
        ("CONNECT", "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 400),
        ("unknown method", "FOO %s HTTP/1.1\r\nHost: x\r\n\r\n" % PODS, 400),
        ("target above 0x7f", b"GET /api/v1/\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("tab in the target", "GET /api\t/v1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("bad escape", "GET /api/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("no slash", "GET api HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("Expect of something else", get + "Expect: the-unexpected\r\n\r\n", 417),
        ("head too large", get + "X-A: " + "a" * (1 << 20) + "\r\nX-B: " + "b" * 8192 + "\r\n\r\n", 431),
    ]
    stack.control("/_test/seen", "DELETE")
    for name, data, status in rows:
        c = raw(stack)
        try:
            c.send(data)
        except OSError:
            pass        # refused while it was still sending
        r = c.response()
        expect(r is not None and r.status == status, name, "want", status, "got",
               r and (r.status, r.body))
        expect(c.is_closed(), name)
        c.close()
    seen = stack.control("/_test/seen?prefix=" + PODS).json()
    # Framing that breaks behind a good head may have opened a request, never completed one.
    opened = [k for k in seen["paths"] if not k.startswith("POST ")]
    equal(opened, [], "nothing malformed may reach the API server")


def test_plain_http_on_the_secure_port(stack):
    c = harness.Raw(proxy(stack).port)
    c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    while c.fill():
        pass
    equal(c.buffer, b"HTTP/1.0 400 Bad Request\r\n\r\n"
                    b"Client sent an HTTP request to an HTTPS server.\n")


def test_options_asterisk(stack):
    c = raw(stack, None)
    r = c.request("*", "OPTIONS")
    equal((r.status, r.body, r.get("content-length")), (200, b"", "0"))


def test_keep_alive_and_pipelining_in_order(stack):
    c = raw(stack)
    for n in range(3):
        equal(c.request(ECHO + "?n=%d" % n).json()["target"], ECHO + "?n=%d" % n)
    c.send("".join("GET %s?n=%d HTTP/1.1\r\nHost: x\r\n\r\n" % (ECHO, n) for n in range(20)))
    for n in range(20):
        equal(c.response().json()["target"], ECHO + "?n=%d" % n)


def test_the_target_arrives_untouched(stack):
    for target in ("//api//v1/../x?a=b&c", "/a%2Fb/%41?x=%20+;", "/api/v1/pods#frag",
                   "/api/v1/./..//x?%zz"):
        c = raw(stack)
        c.request(target)
        equal(stack.control("/_test/last").json()["target"], target)


def test_absolute_form(stack):
    c = raw(stack)
    r = c.request("https://elsewhere.example" + PODS)
    equal(r.status, 200, r.body)


def test_bodies_both_ways(stack):
    for size in (1, 1000, 65536, 3000000):
        r = raw(stack).request(ECHO, "POST", body=b"x" * size)
        equal(r.json()["bodyBytes"], size)
        r = raw(stack).request("/_test/stream?bytes=%d" % size)
        equal((len(r.body), r.complete), (size, True))


def test_chunked_requests(stack):
    c = raw(stack)
    c.send("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n" % ECHO)
    for piece in ("a" * 10, "b" * 5000, "c"):
        c.send("%x;ext=1\r\n%s\r\n" % (len(piece), piece))
    c.send("0\r\nX-Remote-User: mallory\r\n\r\n")
    got = c.response().json()
    equal(got["bodyBytes"], 5011)
    equal(got["trailers"], 0, "request trailers are dropped")
    equal(c.request(ECHO).status, 200, "the connection goes on")


def test_head(stack):
    c = raw(stack)
    r = c.request(PODS, "HEAD")
    equal((r.status, r.body), (200, b""))
    expect(int(r.get("content-length")) > 0, r.headers)
    r = c.request("/none", "HEAD")
    equal(r.status, 404)
    equal(raw(stack, None).request("/", "HEAD").status, 403)


def test_expect_continue(stack):
    fault(stack, "mode=inform&code=100&method=POST&path=%s&count=1" % PODS)
    c = raw(stack)
    c.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
           "Content-Type: application/json\r\n\r\n" % PODS)
    status, _ = c.head()
    equal(status, 100, "the API server's word is relayed")
    c.send("{}")
    expect(c.response().status >= 400)
    c = raw(stack, None)
    c.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    status, _ = c.head()
    equal(status, 403, "a refusal comes instead of 100")


def test_informational_answers_pass(stack):
    fault(stack, "mode=inform&code=103&path=" + PODS + "&count=1")
    c = raw(stack)
    c.send("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % PODS)
    equal(c.head()[0], 103)
    equal(c.response().status, 200)


def test_http10(stack):
    c = raw(stack)
    c.send("GET /_test/stream?bytes=1000 HTTP/1.0\r\n\r\n")
    status, headers = c.head()
    expect("transfer-encoding" not in dict(headers), headers)
    while c.fill():
        pass
    equal((status, len(c.buffer)), (200, 1000))


def test_an_early_answer_ends_the_upload(stack):
    fault(stack, "mode=early&code=413&path=" + PODS + "&count=1")
    c = raw(stack)
    c.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" % PODS)
    try:
        for _ in range(400):
            c.send(b"x" * 16384)
    except OSError:
        pass
    r = c.response()
    equal(r and r.status, 413)


def test_response_headers(stack):
    r = raw(stack).request(PODS, headers=["Audit-ID: my-own-id"])
    equal(r.all("audit-id"), ["my-own-id"])
    equal(len(r.all("date")), 1)
    equal(len(r.all("cache-control")), 1)
    r = raw(stack).request("/_test/reply?code=299&header=Warning:299%20-%20%22a%22&"
                           "header=Warning:299%20-%20%22b%22")
    equal(r.all("warning"), ['299 - "a"', '299 - "b"'])
    r = raw(stack).request("/_test/reply?code=302&header=Location:https%3A%2F%2Felsewhere%2F")
    equal((r.status, r.get("location")), (302, "https://elsewhere/"), "redirects are relayed")


def test_forwarded_for(stack):
    r = raw(stack).request(ECHO, headers=["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"])
    values = [v for n, v in r.json()["headers"] if n.lower() == "x-forwarded-for"]
    equal(values, ["192.0.2.1, 192.0.2.2, 127.0.0.1"])


def test_other_upgrades_are_not_forwarded(stack):
    for protocol in ("h2c", "SPDY/3", "TLS/1.0", "websocket, SPDY/3.1"):
        r = raw(stack).request(ECHO, headers=["Connection: Upgrade", "Upgrade: " + protocol])
        names = [n.lower() for n, _ in r.json()["headers"]]
        expect("upgrade" not in names and "connection" not in names, names)


def test_a_watch_streams_and_ends(stack):
    c = raw(stack)
    c.send("GET %s?watch=1&timeoutSeconds=30 HTTP/1.1\r\nHost: x\r\n\r\n" % PODS)
    status, headers = c.head()
    equal(status, 200)
    wait_for(lambda: state(stack)["watches"] >= 1, "the watch upstream")
    body = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "w"},
                       "spec": {"containers": [{"name": "c", "image": "i"}]}}).encode()
    raw(stack).request(PODS, "POST", ["Content-Type: application/json"], body)
    event = json.loads(c.chunk())
    equal((event["type"], event["object"]["metadata"]["name"]), ("ADDED", "w"))
    watches = state(stack)["watches"]
    c.close()
    wait_for(lambda: state(stack)["watches"] == watches - 1, "the end of the watch upstream")


def test_a_half_closed_client_is_gone(stack):
    watches = state(stack)["watches"]
    c = raw(stack)
    c.send("GET %s?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n" % PODS)
    equal(c.head()[0], 200)
    wait_for(lambda: state(stack)["watches"] == watches + 1, "the watch upstream")
    socket.socket.shutdown(c.socket, socket.SHUT_WR)
    wait_for(lambda: state(stack)["watches"] == watches, "the end of the watch upstream")


def test_a_reset_client_is_gone(stack):
    watches = state(stack)["watches"]
    c = raw(stack)
    c.send("GET %s?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n" % PODS)
    equal(c.head()[0], 200)
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
    wait_for(lambda: state(stack)["watches"] == watches, "the end of the watch upstream")


def test_a_broken_stream_looks_broken(stack):
    for mode in ("reset_body&bytes=100", "truncate&bytes=100"):
        fault(stack, "mode=%s&path=%s&count=1" % (mode, PODS))
        r = raw(stack).request(PODS)
        equal((r.status, r.complete), (200, False), mode)
    no_faults(stack)


def test_no_answer_is_502_and_a_get_is_tried_once_more(stack):
    c = raw(stack)
    equal(c.request(PODS).status, 200)      # there is an idle upstream connection now
    fault(stack, "mode=close&path=%s&count=1" % PODS)
    r = c.request(PODS)
    expect(r.status in (200, 502), r.status)
    no_faults(stack)
    fault(stack, "mode=close&method=POST&path=%s&count=1" % PODS)
    r = raw(stack).request(PODS, "POST", ["Content-Type: application/json"], b"{}")
    equal((r.status, r.get("retry-after")), (502, None), "a POST is never sent twice")
    no_faults(stack)


def test_request_timeout_is_504(stack):
    fault(stack, "mode=hang&path=%s&count=1" % PODS)
    begin = time.monotonic()
    r = raw(stack).request(PODS + "?timeout=300ms")
    equal(r.status, 504)
    expect(0.25 < time.monotonic() - begin < 30, "it took", time.monotonic() - begin)
    equal(r.body, b'{"metadata":{},"status":"Failure","message":"Timeout: request did not complete '
                  b'within the allotted timeout","reason":"Timeout","details":{},"code":504}\n')
    equal(r.get("content-type"), "text/plain; charset=utf-8")
    no_faults(stack)
    r = raw(stack, None).request(PODS + "?timeout=30")
    equal(r.status, 400, "before authentication")
    equal(r.json()["message"], "invalid timeout specified in the request URL - "
                               'time: missing unit in duration "30"')


def test_a_path_that_cannot_be_resolved_is_500(stack):
    r = raw(stack, None).request("/api/v1/watch?a=<b>")
    equal(r.status, 500)
    equal(r.body, b'Internal Server Error: "/api/v1/watch?a=&lt;b&gt;": failed to create RequestInfo: '
                  b'unable to determine kind and namespace from url, /api/v1/watch?a=&lt;b&gt;\n')
    expect(r.get("audit-id") and not r.get("cache-control"), r.headers)


def test_slow_reader_stops_the_upstream(stack):
    """Back-pressure: the proxy does not buffer what the client does not read."""
    p = proxy(stack)
    before = rss(p)
    c = raw(stack)
    c.send("GET /_test/stream?bytes=200000000&chunk=65536 HTTP/1.1\r\nHost: x\r\n\r\n")
    equal(c.head()[0], 200)
    settled = settle(lambda: state(stack)["openCalls"])
    grown = rss(p) - before
    expect(grown < 30000, "memory grew by", grown, "KiB", settled)
    c.close()


def rss(process):
    with open("/proc/%d/status" % process.process.pid) as f:
        return int([line.split()[1] for line in f if line.startswith("VmRSS")][0])


def settle(read):
    """Gives a stream that nobody reads the time to fill every buffer on its way."""
    value = None
    for _ in range(50):
        value = read()
        time.sleep(0.01)
    return value


def test_slow_server_stops_the_upload(stack):
    p = proxy(stack)
    before = rss(p)
    c = raw(stack)
    c.socket.settimeout(2)
    c.send("POST /_test/sink?chunk=1000&delay_ms=1000 HTTP/1.1\r\nHost: x\r\n"
           "Content-Length: 200000000\r\n\r\n")
    sent = 0
    try:
        while sent < 100000000:
            c.send(b"x" * 65536)
            sent += 65536
    except (TimeoutError, socket.timeout, OSError):
        pass
    expect(sent < 60000000, "the upload went on:", sent)
    grown = rss(p) - before
    expect(grown < 30000, "memory grew by", grown, "KiB")
    c.close()


def test_large_incomplete_heads_have_a_budget(stack):
    """A megabyte is allowed, eighty times that at once is not: 64 MiB in all."""
    p = proxy(stack)
    before = rss(p)
    held = [raw(stack, None) for _ in range(80)]
    cut = 0
    for c in held:
        try:
            c.send("GET / HTTP/1.1\r\nHost: x\r\nX-A: " + "a" * 1000000)
        except OSError:
            cut += 1

    def ended():
        n = cut
        for c in held:
            c.socket.settimeout(0.01)
            try:
                n += not c.fill()
            except (TimeoutError, socket.timeout):
                pass
        return n >= 10
    wait_for(ended, "the end of those beyond it")
    expect(rss(p) - before < 400000, "memory grew by", rss(p) - before)
    equal(raw(stack).request(PODS, headers=["X-A: " + "a" * 15000]).status, 200, "small ones pass")
    for c in held:
        c.close()


def test_drain(stack):
    """SIGTERM: readyz fails, a running request completes, exit status 0."""
    p = stack.start_proxy("--shutdown-delay-duration=1s", name="draining")
    c = harness.Raw(p.port, stack.pki, "admin")
    fault(stack, "mode=delay&delay_ms=2500&path=%s&count=1" % PODS)
    c.send("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % PODS)
    wait_for(lambda: state(stack)["openCalls"] >= 1, "the request upstream")
    p.signal(15)
    wait_for(lambda: stack.health(p, "/readyz").status == 500, "readyz to fail")
    equal(stack.health(p, "/livez").status, 200)
    equal(c.response().status, 200)
    equal(p.process.wait(harness.PATIENCE), 0)
    no_faults(stack)


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
