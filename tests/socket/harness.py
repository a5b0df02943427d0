# SPDX-License-Identifier: Apache-2.0
"""What the socket tests share: certificates, the test API server, the proxy, raw TLS clients, TAP.

A test file has functions named test_*, each with one argument, the Stack, and ends with
harness.main(globals()).  Nothing sleeps for a fixed time: everything waits for what it needs.
"""
import atexit
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

BUILD = os.environ.get("TEST_BUILD", ".")
SRC = os.environ.get("TEST_SRC", ".")
# Sanitized builds on a busy machine are slow; this bounds every wait, nothing waits it out.
PATIENCE = float(os.environ.get("TEST_PATIENCE", "60"))


class Failure(Exception):
    pass


def expect(held, *what):
    if not held:
        raise Failure(" ".join(str(w) for w in what))


def equal(got, want, what=""):
    if got != want:
        raise Failure("%s\n   got  %r\n   want %r" % (what, got, want))


def wait_for(predicate, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = predicate()
        if value:
            return value
        time.sleep(0.01)
    raise Failure("never came: " + what)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def openssl(*args, stdin=None):
    done = subprocess.run(["openssl", *args], input=stdin, capture_output=True)
    if done.returncode:
        raise Failure("openssl %s: %s" % (" ".join(args), done.stderr.decode()))


class Pki:
    """CAs and certificates in a folder; every name is made once."""

    def __init__(self, folder):
        self.folder = folder
        for ca in ("ca", "front-proxy-ca", "other-ca"):
            self.ca(ca)
        self.cert("server", "ca", "/CN=kube-authproxy", "serverAuth", "IP:127.0.0.1,DNS:localhost")
        self.cert("upstream", "ca", "/CN=kube-apiserver", "serverAuth", "IP:127.0.0.1,DNS:localhost")
        self.cert("front-proxy", "front-proxy-ca", "/CN=kube-authproxy")
        self.cert("admin", "ca", "/O=system:masters/CN=kubernetes-admin")
        self.cert("jane", "ca", "/O=developers/CN=jane")

    def path(self, name):
        return os.path.join(self.folder, name)

    def ca(self, name, days="365"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", days, "-subj", "/CN=" + name, "-keyout", self.path(name + ".key"),
                "-out", self.path(name + ".crt"))

    def cert(self, name, ca, subject, usage="clientAuth", san=None, extra=(), days="30"):
        lines = ["extendedKeyUsage=" + usage] if usage else []
        if san:
            lines.append("subjectAltName=" + san)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8",
                "-subj", subject, "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        with open(self.path(name + ".ext"), "w") as f:
            f.write("\n".join([*lines, *extra]) + "\n")
        openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path(ca + ".crt"),
                "-CAkey", self.path(ca + ".key"), "-days", days, "-extfile",
                self.path(name + ".ext"), "-out", self.path(name + ".crt"))
        return name

    def copy(self, source, target):
        """Replaces a certificate and its key as an operator would: by rename."""
        for end in (".crt", ".key"):
            shutil.copy(self.path(source + end), self.path(target + end + ".new"))
            os.rename(self.path(target + end + ".new"), self.path(target + end))


class Process:
    """A program whose log goes to a file, ended at exit."""

    def __init__(self, name, argv, folder):
        self.name = name
        self.log_path = os.path.join(folder, name + ".log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        atexit.register(self.kill)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, how=signal.SIGTERM):
        """Ends it in good order and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def signal(self, how):
        self.process.send_signal(how)


class Response:
    """A parsed HTTP/1 response read from a raw connection."""

    def __init__(self, status, headers, body, complete):
        self.status = status
        self.headers = headers      # list of (lower-case name, value)
        self.body = body
        self.complete = complete    # the framing said where the end is, and it came

    def get(self, name):
        values = [v for n, v in self.headers if n == name.lower()]
        return values[0] if values else None

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    def json(self):
        return json.loads(self.body)


class Raw:
    """A TLS (or plain) connection that sends exactly the bytes it is given."""

    def __init__(self, port, pki=None, cert=None, context=None, session=None, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if pki:
            self.context = context or client_context(pki, cert)
            self.socket = self.context.wrap_socket(self.socket, server_hostname="localhost",
                                                   session=session)

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def fill(self):
        """Reads more; False at the end of the stream."""
        try:
            data = self.socket.recv(65536)
        except (ssl.SSLEOFError, ConnectionResetError, ssl.SSLError) as e:
            if isinstance(e, ssl.SSLError) and not isinstance(e, ssl.SSLEOFError):
                if "TIMED" in str(e).upper():
                    raise
            return False
        self.buffer += data
        return bool(data)

    def read_until(self, mark):
        while mark not in self.buffer:
            if not self.fill():
                return None
        at = self.buffer.index(mark) + len(mark)
        out, self.buffer = self.buffer[:at], self.buffer[at:]
        return out

    def read_exactly(self, n):
        while len(self.buffer) < n and self.fill():
            pass
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def head(self):
        """The next response head: (status, headers), or None at the end of the stream."""
        raw = self.read_until(b"\r\n\r\n")
        if raw is None:
            return None
        lines = raw.decode("latin-1").split("\r\n")
        headers = [(n.lower(), v.strip()) for n, v in
                   (line.split(":", 1) for line in lines[1:] if line)]
        return int(lines[0].split()[1]), headers

    def chunk(self):
        """One chunk; b"" is the last one, None a broken stream."""
        line = self.read_until(b"\r\n")
        if line is None:
            return None
        size = int(line.split(b";")[0], 16)
        data = self.read_exactly(size)
        if len(data) < size or self.read_until(b"\r\n") is None:
            return None
        return data

    def response(self, method="GET"):
        """The next final response, with its body; None at the end of the stream."""
        while True:
            head = self.head()
            if head is None:
                return None
            status, headers = head
            if status >= 200:
                break
        get = dict(headers).get
        if method == "HEAD" or status in (204, 304):
            return Response(status, headers, b"", True)
        if "chunked" in (get("transfer-encoding") or ""):
            body = b""
            while True:
                data = self.chunk()
                if not data:
                    return Response(status, headers, body, data is not None)
                body += data
        if get("content-length") is not None:
            size = int(get("content-length"))
            body = self.read_exactly(size)
            return Response(status, headers, body, len(body) == size)
        while self.fill():
            pass
        body, self.buffer = self.buffer, b""
        return Response(status, headers, body, False)

    def request(self, target, method="GET", headers=(), body=b"", host="localhost"):
        lines = ["%s %s HTTP/1.1" % (method, target)]
        if host is not None:
            lines.append("Host: " + host)
        lines += list(headers)
        if body:
            lines.append("Content-Length: %d" % len(body))
        self.send("\r\n".join(lines) + "\r\n\r\n")
        if body:
            self.send(body)
        return self.response(method)

    def is_closed(self):
        """Waits for the end of the stream."""
        while self.fill():
            pass
        return True

    def close(self):
        self.socket.close()


def client_context(pki, cert=None):
    context = ssl.create_default_context(cafile=pki.path("ca.crt"))
    context.set_alpn_protocols(["http/1.1"])
    if cert:
        context.load_cert_chain(pki.path(cert + ".crt"), pki.path(cert + ".key"))
    return context


class Stack:
    """The API server of tests/upstream and proxies before it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kube-authproxy-test-")
        atexit.register(shutil.rmtree, self.folder, True)
        self.pki = Pki(self.folder)
        self.upstream_port = free_port()
        self.upstream = None
        self.proxies = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name + ".new"), "w") as f:
            f.write(text)
        os.rename(self.path(name + ".new"), self.path(name))
        return self.path(name)

    def start_upstream(self, *flags):
        p = self.pki.path
        self.upstream = Process("upstream", [
            os.path.join(BUILD, "tests/upstream/test-apiserver"), "--bind-address=127.0.0.1",
            "--secure-port=%d" % self.upstream_port, "--tls-cert-file=" + p("upstream.crt"),
            "--tls-private-key-file=" + p("upstream.key"), "--client-ca-file=" + p("ca.crt"),
            "--requestheader-client-ca-file=" + p("front-proxy-ca.crt"),
            "--requestheader-allowed-names=kube-authproxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-uid-headers=X-Remote-Uid",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-", "--test-control",
            "--manifests=" + os.path.join(SRC, "tests/data/bootstrap-rbac.yaml"), *flags,
        ], self.folder)
        self.wait_port(self.upstream_port, self.upstream)

    def wait_port(self, port, process):
        def ready():
            expect(process.process.poll() is None, process.name, "ended:", process.log())
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        wait_for(ready, "port of " + process.name)

    def flags(self, port, upstream_port=None, modes="RBAC"):
        p = self.pki.path
        return ["--bind-address=127.0.0.1", "--secure-port=%d" % port,
                "--tls-cert-file=" + p("server.crt"), "--tls-private-key-file=" + p("server.key"),
                "--client-ca-file=" + p("ca.crt"), "--authorization-mode=" + modes,
                "--upstream-servers=https://127.0.0.1:%d" % (upstream_port or self.upstream_port),
                "--upstream-ca-file=" + p("ca.crt"),
                "--proxy-client-cert-file=" + p("front-proxy.crt"),
                "--proxy-client-key-file=" + p("front-proxy.key"), "--workers=2", "--v=2"]

    def start_proxy(self, *flags, name="proxy", upstream_port=None, ready=True, modes="RBAC"):
        """Starts one more proxy; returns it with .port and .health_port set."""
        port, health = free_port(), free_port()
        proxy = Process(name, [os.path.join(BUILD, "kube-authproxy"),
                               *self.flags(port, upstream_port, modes),
                               "--health-bind-address=127.0.0.1:%d" % health, *flags], self.folder)
        proxy.port, proxy.health_port = port, health
        self.proxies[name] = proxy
        self.wait_port(port, proxy)
        if ready:
            wait_for(lambda: self.is_ready(proxy), "readyz of %s: %s" % (name, proxy.log()))
        return proxy

    def proxy(self, *flags, name="proxy", **more):
        """The proxy of that name, started at the first call."""
        return self.proxies.get(name) or self.start_proxy(*flags, name=name, **more)

    def health(self, proxy, path):
        raw = Raw(proxy.health_port)
        try:
            return raw.request(path, headers=["Connection: close"])
        finally:
            raw.close()

    def is_ready(self, proxy):
        expect(proxy.process.poll() is None, proxy.name, "ended:", proxy.log())
        try:
            return self.health(proxy, "/readyz").status == 200
        except OSError:
            return False

    def connect(self, proxy=None, cert=None, **more):
        return Raw((proxy or self.proxy()).port, self.pki, cert, **more)

    def ask(self, target, cert="admin", proxy=None, method="GET", headers=(), body=b""):
        """One request on a connection of its own."""
        raw = self.connect(proxy, cert)
        try:
            return raw.request(target, method, headers, body)
        finally:
            raw.close()

    def control(self, target, method="GET", body=b""):
        """A request to the API server itself, around the proxy."""
        raw = Raw(self.upstream_port, self.pki, "admin")
        try:
            return raw.request(target, method, body=body)
        finally:
            raw.close()


def main(names):
    """Runs the test_* functions of a file in order and prints TAP."""
    tests = [(n, f) for n, f in names.items() if n.startswith("test_") and callable(f)]
    only = sys.argv[1:]
    if only:
        tests = [t for t in tests if t[0] in only]
    print("1..%d" % len(tests), flush=True)
    stack, failed = Stack(), 0
    for number, (name, test) in enumerate(tests, 1):
        try:
            test(stack)
            print("ok %d - %s" % (number, name), flush=True)
        except Exception as e:
            failed += 1
            text = str(e) if isinstance(e, Failure) else traceback.format_exc()
            print("\n".join("# " + line for line in text.splitlines()[:60]))
            print("not ok %d - %s" % (number, name), flush=True)
    failed += end_in_good_order(stack)
    sys.exit(1 if failed else 0)


def end_in_good_order(stack):
    """Every proxy ends with 0 on SIGTERM and no sanitizer said a word."""
    bad = 0
    for proxy in stack.proxies.values():
        if proxy.process.poll() is None:
            status = proxy.stop()
            if status:
                bad += 1
                print("# %s ended with %d\n# %s" % (proxy.name, status,
                                                    proxy.log()[-6000:].replace("\n", "\n# ")))
        if "runtime error" in proxy.log() or "Sanitizer" in proxy.log():
            bad += 1
            print("# " + proxy.log()[-6000:].replace("\n", "\n# "))
    return bad
