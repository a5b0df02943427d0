#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS on the secure port: versions, ALPN, SNI, client certificates, resumption, reload, caps."""
import os
import re
import socket
import ssl
import sys
import time
import warnings

import harness
from harness import equal, expect, wait_for

warnings.simplefilter("ignore", DeprecationWarning)     # TLS 1.0 is offered on purpose

ECHO = "/_test/echo"
TOKEN = ["Authorization: Bearer good-token"]


def proxy(stack):
    """The proxy of most tests: reloaded files are copies, so that the tests can replace them."""
    if "proxy" in stack.proxies:
        return stack.proxies["proxy"]
    stack.start_upstream()
    stack.write("tokens.csv", "good-token,toni,7\n")
    make_rsa(stack, "rsa", "IP:127.0.0.1,DNS:rsa.test")
    for name, san in (("named", "DNS:exact.test,DNS:*.wild.test"),
                      ("explicit", "DNS:unrelated.test"), ("server-2", "DNS:localhost")):
        stack.pki.cert(name, "ca", "/CN=" + name, "serverAuth", san)
    make_intermediate(stack)
    for source, target in (("server", "hot"), ("named", "hot-named")):
        stack.pki.copy(source, target)
    p = stack.pki.path
    pair = "--tls-sni-cert-key=%s.crt,%s.key%s"
    return stack.start_proxy("--tls-cert-file=" + p("hot.crt"),
                             "--tls-private-key-file=" + p("hot.key"),
                             "--token-auth-file=" + stack.path("tokens.csv"),
                             pair % (p("hot-named"), p("hot-named"), ""),
                             pair % (p("rsa"), p("rsa"), ""),
                             pair % (p("explicit"), p("explicit"), ":given.test,*.given.test"))


def make_rsa(stack, name, san):
    p = stack.pki.path
    harness.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name,
                    "-keyout", p(name + ".key"), "-out", p(name + ".csr"))
    with open(p(name + ".ext"), "w") as f:
        f.write("extendedKeyUsage=serverAuth\nsubjectAltName=%s\n" % san)
    harness.openssl("x509", "-req", "-in", p(name + ".csr"), "-CA", p("ca.crt"), "-CAkey",
                    p("ca.key"), "-days", "30", "-extfile", p(name + ".ext"),
                    "-out", p(name + ".crt"))


def make_intermediate(stack):
    """`deep` is an administrator whose certificate comes with that of an intermediate CA."""
    p = stack.pki.path
    stack.pki.cert("middle", "ca", "/CN=middle", None,
                   extra=("basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign"))
    stack.pki.cert("deep", "middle", "/O=system:masters/O=divers/CN=deep")
    with open(p("deep.crt"), "a") as out, open(p("middle.crt")) as f:
        out.write(f.read())


def make_dated(stack, name, ca, subject, start, end):
    """A client certificate valid between two times, which only `openssl ca` can make."""
    p = stack.pki.path
    stack.pki.cert(name, ca, subject)
    for end_of_name, text in (("db", ""), ("srl", "%x\n" % time.time_ns())):
        stack.write(name + "." + end_of_name, text)
    stack.write(name + ".cnf", "[ca]\ndefault_ca = a\n[a]\ndatabase = %s\nserial = %s\n"
                "new_certs_dir = %s\ndefault_md = sha256\npolicy = p\n[p]\n"
                "commonName = supplied\norganizationName = optional\n[e]\n"
                "extendedKeyUsage = clientAuth\n" %
                (p(name + ".db"), p(name + ".srl"), stack.folder))
    stamp = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(t)) for t in (start, end)]
    harness.openssl("ca", "-batch", "-notext", "-config", p(name + ".cnf"), "-cert", p(ca + ".crt"),
                    "-keyfile", p(ca + ".key"), "-in", p(name + ".csr"), "-out", p(name + ".crt"),
                    "-startdate", stamp[0], "-enddate", stamp[1], "-extensions", "e")


def context(stack, cert=None, version=None, alpn=("http/1.1",), ciphers=None):
    c = harness.client_context(stack.pki, cert) if alpn else ssl.create_default_context(
        cafile=stack.pki.path("ca.crt"))
    c.check_hostname = False
    if alpn:
        c.set_alpn_protocols(list(alpn))
    if ciphers:
        c.set_ciphers(ciphers)
    if version:
        c.minimum_version = c.maximum_version = version
    return c


def shake(p, c, name="localhost"):
    s = socket.create_connection(("127.0.0.1", p.port), timeout=harness.PATIENCE)
    return c.wrap_socket(s, server_hostname=name)


def refusal(p, c):
    """The text of the error that ends a handshake."""
    try:
        shake(p, c).close()
    except ssl.SSLError as e:
        return str(e).upper().replace(" ", "_")
    raise harness.Failure("the handshake succeeded")


def served(stack, p, name="localhost", **more):
    """The common name of the certificate that the proxy shows."""
    s = shake(p, context(stack, **more), name)
    try:
        return dict(rdn[0] for rdn in s.getpeercert()["subject"])["commonName"]
    finally:
        s.close()


def who(raw, headers=()):
    """The user a connection's requests run as, None after 401; no rights are needed for it."""
    r = raw.request("/nobody-may", headers=headers)
    if r.status == 401:
        return None
    equal(r.status, 403, r.body)
    return re.search(r'User "([^"]*)"', r.json()["message"]).group(1)


def test_versions(stack):
    p = proxy(stack)
    v = ssl.TLSVersion
    for version, name in ((v.TLSv1_2, "TLSv1.2"), (v.TLSv1_3, "TLSv1.3")):
        c = context(stack, "admin", version)
        equal(shake(p, c).version(), name)
        equal(stack.connect(p, context=c).request(ECHO).status, 200)
    for version in (v.TLSv1, v.TLSv1_1):
        text = refusal(p, context(stack, None, version, ciphers="ALL@SECLEVEL=0"))
        expect("PROTOCOL_VERSION" in text, text)


def test_alpn(stack):
    p = proxy(stack)
    for offered, chosen in ((("http/1.1",), "http/1.1"), (("x", "http/1.1", "h3"), "http/1.1"),
                            (None, None)):
        equal(shake(p, context(stack, alpn=offered)).selected_alpn_protocol(), chosen, offered)
    for offered in (("x",), ("http/1.0", "HTTP/1.1")):
        text = refusal(p, context(stack, alpn=offered))
        expect("NO_APPLICATION_PROTOCOL" in text, offered, text)
    for offered in (("h2",), ("h2", "http/1.1"), ("http/1.1", "h2")):
        equal(shake(p, context(stack, alpn=offered)).selected_alpn_protocol(), "h2", offered)


def test_server_names(stack):
    p = proxy(stack)
    for name, cert in (("localhost", "kube-authproxy"), (None, "kube-authproxy"),
                       ("127.0.0.1", "kube-authproxy"), ("nowhere.test", "kube-authproxy"),
                       ("exact.test", "named"), ("EXACT.test", "named"), ("a.wild.test", "named"),
                       ("a.b.wild.test", "kube-authproxy"), ("wild.test", "kube-authproxy"),
                       ("rsa.test", "rsa"), ("given.test", "explicit"),
                       ("x.given.test", "explicit"),
                       # Nobody else fits, so the names of the certificate count after all.
                       ("unrelated.test", "explicit")):
        equal(served(stack, p, name), cert, name)


def test_key_types(stack):
    """ECDSA is the default certificate of most tests; here an RSA one is, in both versions."""
    proxy(stack)
    q = stack.pki.path
    p = stack.start_proxy("--tls-cert-file=" + q("rsa.crt"),
                          "--tls-private-key-file=" + q("rsa.key"), name="rsa")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        c = context(stack, "admin", version)
        equal(served(stack, p, version=version), "rsa")
        equal(stack.connect(p, context=c).request(ECHO).status, 200)


def test_minimum_version(stack):
    proxy(stack)
    p = stack.start_proxy("--tls-min-version=VersionTLS13", name="only-13")
    text = refusal(p, context(stack, version=ssl.TLSVersion.TLSv1_2))
    expect("PROTOCOL_VERSION" in text, text)
    equal(shake(p, context(stack)).version(), "TLSv1.3")


def test_cipher_suites(stack):
    proxy(stack)
    p = stack.start_proxy("--tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,"
                          "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "--disable-http2-serving",
                          name="suites")
    version = ssl.TLSVersion.TLSv1_2
    equal(shake(p, context(stack, version=version)).cipher()[0], "ECDHE-ECDSA-AES256-GCM-SHA384")
    text = refusal(p, context(stack, version=version, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"))
    expect("HANDSHAKE_FAILURE" in text, text)
    equal(shake(p, context(stack)).version(), "TLSv1.3")
    text = refusal(proxy(stack), context(stack, version=version, ciphers="AES128-SHA:@SECLEVEL=0"))
    expect("HANDSHAKE_FAILURE" in text, "no key exchange without forward secrecy by default", text)


def test_unusable_client_certificates(stack):
    """They do not break the handshake: they are just no credential, and one beside them counts."""
    p = proxy(stack)
    now = time.time()
    stack.pki.cert("unknown", "other-ca", "/O=system:masters/CN=unknown")
    stack.pki.cert("wrong-purpose", "ca", "/O=system:masters/CN=purpose", usage="serverAuth")
    stack.pki.ca("self-signed")
    make_dated(stack, "expired", "ca", "/O=system:masters/CN=expired", now - 7200, now - 3600)
    make_dated(stack, "early", "ca", "/O=system:masters/CN=early", now + 3600, now + 7200)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for cert in ("unknown", "wrong-purpose", "self-signed", "expired", "early"):
            raw = stack.connect(p, context=context(stack, cert, version=version))
            equal(who(raw), None, cert)
            equal(who(raw, TOKEN), "toni", cert)
            equal(who(raw), None, "the token was for one request: " + cert)
            raw.close()
        raw = stack.connect(p, context=context(stack, "jane", version=version))
        equal(who(raw), "jane")
        equal(who(raw, TOKEN), "jane", "the certificate comes first")
        equal(who(stack.connect(p, context=context(stack, version=version))), "system:anonymous")


def test_a_certificate_that_expires_on_an_open_connection(stack):
    p = proxy(stack)
    make_dated(stack, "short", "ca", "/CN=short", time.time() - 60, time.time() + 4)
    raw = stack.connect(p, "short")
    equal(who(raw), "short")
    wait_for(lambda: who(raw) is None, "the end of its validity")
    equal(who(stack.connect(p, "short")), None)


def resume(stack, p, c):
    """A first connection and one that resumes its session."""
    first = stack.connect(p, context=c)
    first.request("/")          # with TLS 1.3 the session comes behind the handshake
    second = stack.connect(p, context=c, session=first.socket.session)
    return first, second


def test_resumed_sessions_keep_a_chain(stack):
    """The leaf alone would not verify: the intermediate must have been kept with the session."""
    p = proxy(stack)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for cert in ("deep", "admin"):
            first, second = resume(stack, p, context(stack, cert, version=version))
            expect(second.socket.session_reused, cert, version)
            users = [raw.request(ECHO).json()["user"] for raw in (first, second)]
            equal(users[0], users[1], (cert, version))
            equal(users[0]["username"], "deep" if cert == "deep" else "kubernetes-admin")
            expect("system:masters" in users[0]["groups"], users)
        _, second = resume(stack, p, context(stack, "unknown", version))
        equal(who(second), None, "a session does not make a stranger known")
        equal(who(resume(stack, p, context(stack, None, version))[1]), "system:anonymous")


def read(path):
    with open(path) as f:
        return f.read()


def test_resumed_sessions_are_judged_again(stack):
    """Neither an open connection nor a resumed one outlives its CA."""
    proxy(stack)
    stack.pki.cert("stranger", "other-ca", "/CN=stranger")
    q = stack.pki.path
    stack.write("clients.crt", read(q("ca.crt")) + read(q("other-ca.crt")))
    p = stack.start_proxy("--client-ca-file=" + stack.path("clients.crt"), name="with-ca")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        c = context(stack, "stranger", version=version)
        first, second = resume(stack, p, c)
        equal((who(first), who(second)), ("stranger", "stranger"))
        stack.write("clients.crt", read(q("ca.crt")))
        wait_for(lambda: who(second) is None, "the CA to go")
        equal(who(first), None)
        equal(who(stack.connect(p, context=c, session=first.socket.session)), None)
        equal(who(stack.connect(p, "jane")), "jane")
        stack.write("clients.crt", read(q("ca.crt")) + read(q("other-ca.crt")))
        wait_for(lambda: who(second) == "stranger", "the CA to come back")


def test_serving_certificate_reload(stack):
    p = proxy(stack)
    raw = stack.connect(p, "jane")
    equal(served(stack, p), "kube-authproxy")
    stack.pki.copy("server-2", "hot")
    wait_for(lambda: served(stack, p) == "server-2", "the new certificate")
    equal(who(raw), "jane", "the open connection goes on")
    stack.pki.copy("server-2", "hot-named")
    wait_for(lambda: served(stack, p, "exact.test") == "server-2", "the name to be gone")
    stack.pki.copy("named", "hot-named")
    wait_for(lambda: served(stack, p, "exact.test") == "named", "the name to be back")


def refused_reload(stack, p, broken, *words):
    """Files that cannot serve are refused by name and the certificate stays."""
    before = len(p.log())
    broken()
    wait_for(lambda: "refused" in p.log()[before:], "the complaint")
    for word in words:
        wait_for(lambda: word in p.log()[before:], word)
    equal(served(stack, p), "server-2")


def test_a_broken_pair_keeps_the_old(stack):
    p = proxy(stack)
    refused_reload(stack, p, lambda: stack.write("hot.key", read(stack.pki.path("rsa.key"))),
                   "hot.key: --tls-private-key-file: the key does not belong")
    refused_reload(stack, p, lambda: stack.write("hot.crt", "nothing\n"),
                   "hot.crt: --tls-cert-file")
    stack.pki.copy("server", "hot")
    wait_for(lambda: served(stack, p) == "kube-authproxy", "the mended pair")
    stack.pki.copy("server-2", "hot")
    wait_for(lambda: served(stack, p) == "server-2", "the next pair")
    refused_reload(stack, p, lambda: os.unlink(stack.pki.path("hot.key")),
                   "hot.key: --tls-private-key-file")
    stack.pki.copy("server", "hot")
    wait_for(lambda: served(stack, p) == "kube-authproxy", "the file that came back")


def test_front_proxy_certificate_reload(stack):
    """Connections made with the old one are not used again; the API server sees the new one."""
    proxy(stack)
    q = stack.pki.path
    stack.pki.copy("front-proxy", "front-hot")
    stack.pki.cert("front-proxy-2", "front-proxy-ca", "/CN=kube-authproxy")
    stack.pki.cert("front-bad", "other-ca", "/CN=kube-authproxy")
    p = stack.start_proxy("--proxy-client-cert-file=" + q("front-hot.crt"), "--workers=1",
                          "--proxy-client-key-file=" + q("front-hot.key"), name="front")
    raw = stack.connect(p, "admin")
    old = raw.request(ECHO).json()["connection"]
    equal(raw.request(ECHO).json()["connection"], old, "connections are reused")
    stack.pki.copy("front-bad", "front-hot")
    wait_for(lambda: b"[-]upstream-identity" in stack.health(p, "/readyz").body, "the self-test")
    stack.pki.copy("front-proxy-2", "front-hot")
    wait_for(lambda: stack.is_ready(p), "readyz")
    wait_for(lambda: raw.request(ECHO).json()["user"]["username"] == "kubernetes-admin", "us")
    expect(raw.request(ECHO).json()["connection"] != old, "a new connection")
    before = len(p.log())
    stack.write("front-hot.key", "nothing\n")
    wait_for(lambda: "front-hot.key: --proxy-client-key-file" in p.log()[before:], "the complaint")
    equal(raw.request(ECHO).status, 200)


def is_served(stack, p):
    """False when the connection is closed at once."""
    try:
        raw = stack.connect(p, "jane")
    except (OSError, ssl.SSLError):
        return False
    try:
        return who(raw) == "jane"
    finally:
        raw.close()


def test_connections_are_capped(stack):
    proxy(stack)
    p = stack.start_proxy("--max-connections=3", name="few")
    wait_for(lambda: is_served(stack, p), "room")
    held = []

    def hold():
        try:
            held.append(stack.connect(p, "jane"))
        except (OSError, ssl.SSLError):
            pass
        return len(held) == 3
    wait_for(hold, "three connections")
    expect(not any(is_served(stack, p) for _ in range(3)), "the excess is closed")
    expect(stack.is_ready(p), "probes still come in")
    equal([who(raw) for raw in held], ["jane"] * 3, "the others go on")
    held.pop().close()
    wait_for(lambda: is_served(stack, p), "room after one is gone")


def test_handshakes_are_capped(stack):
    proxy(stack)
    p = stack.start_proxy("--max-handshakes=2", name="slow")
    open_one = stack.connect(p, "jane")
    silent = []

    def is_full():
        silent.append(socket.create_connection(("127.0.0.1", p.port)))
        return not is_served(stack, p)
    wait_for(is_full, "the cap")
    equal(who(open_one), "jane", "an open connection does not count")
    while silent:
        silent.pop().close()
    wait_for(lambda: is_served(stack, p), "room again")


def test_garbage_is_no_handshake(stack):
    p = proxy(stack)
    for data in (b"\0" * 600, b"\x16\x03\x01\xff\xff" + b"x" * 600,
                 b"\x80\x2e\x01\0\x02" + b"y" * 600):
        raw = harness.Raw(p.port)
        raw.send(data)
        expect(raw.is_closed(), data[:5])
    equal(served(stack, p), "kube-authproxy")


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
