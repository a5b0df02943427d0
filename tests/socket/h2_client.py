# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 client for the socket tests that sends what it is told: frames by hand, heads without
compression; the heads of answers are read by libnghttp2, which the proxy has anyway."""
import ctypes
import ssl
import struct

import harness

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = \
    range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL = 0, 1, 2, 7, 8
BIG = 0x7fffffff


class Nv(ctypes.Structure):
    _fields_ = [("name", ctypes.POINTER(ctypes.c_char)), ("value", ctypes.POINTER(ctypes.c_char)),
                ("namelen", ctypes.c_size_t), ("valuelen", ctypes.c_size_t),
                ("flags", ctypes.c_uint8)]


class Hpack:
    """The decoder of one connection."""

    def __init__(self):
        self.lib = ctypes.CDLL("libnghttp2.so.14")
        self.lib.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self.inflater = ctypes.c_void_p()
        self.lib.nghttp2_hd_inflate_new(ctypes.byref(self.inflater))

    def decode(self, block):
        out, at = [], 0
        while True:
            nv, flags = Nv(), ctypes.c_int()
            rest = block[at:]
            n = self.lib.nghttp2_hd_inflate_hd2(self.inflater, ctypes.byref(nv), ctypes.byref(flags),
                                                rest, ctypes.c_size_t(len(rest)), 1)
            harness.expect(n >= 0, "head that cannot be decoded:", n)
            at += n
            if flags.value & 2:
                out.append((nv.name[:nv.namelen].decode("latin-1"),
                            nv.value[:nv.valuelen].decode("latin-1")))
            if flags.value & 1:
                self.lib.nghttp2_hd_inflate_end_headers(self.inflater)
                return out


def integer(n):
    if n < 127:
        return bytes([n])
    n -= 127
    out = b"\x7f"
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def block(fields):
    out = b""
    for name, value in fields:
        name, value = name.encode("latin-1"), value.encode("latin-1")
        out += b"\0" + integer(len(name)) + name + integer(len(value)) + value
    return out


class Stream:
    def __init__(self, number):
        self.number = number
        self.status = None
        self.informational = []
        self.headers = []
        self.trailers = []
        self.body = b""
        self.received = 0       # bytes of the body, kept or not
        self.keeps = True
        self.ended = False
        self.reset = None       # the code of RST_STREAM
        self.window = 65535     # for what we send

    def get(self, name):
        values = [v for n, v in self.headers if n == name]
        return values[0] if values else None

    def over(self):
        return self.ended or self.reset is not None


class Client:
    """A connection; every wait_* reads frames until what is waited for holds."""

    def __init__(self, port, pki, cert=None, window=BIG):
        context = ssl.create_default_context(cafile=pki.path("ca.crt"))
        context.set_alpn_protocols(["h2", "http/1.1"])
        if cert:
            context.load_cert_chain(pki.path(cert + ".crt"), pki.path(cert + ".key"))
        self.raw = harness.Raw(port, pki, context=context)
        harness.equal(self.raw.socket.selected_alpn_protocol(), "h2")
        self.hpack = Hpack()
        self.streams = {}
        self.next = 1
        self.settings = {}
        self.goaway = None
        self.closed = False
        self.pongs = 0
        self.gives_back = True  # the connection's window, with each piece
        self.window = 65535     # of the connection, for what we send
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, window))
        self.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", BIG - 65535))
        self.wait(lambda: self.settings, "SETTINGS")

    def send(self, data):
        try:
            self.raw.send(data)
        except OSError:
            self.closed = True

    def frame(self, kind, flags, number, payload=b""):
        self.send(struct.pack(">IBI", len(payload) << 8 | kind, flags, number) + payload)

    def ask(self, target, method="GET", headers=(), end=True, host="localhost", fields=None):
        """Sends a head; fields: all of them, as they are."""
        s = Stream(self.next)
        s.window = self.settings.get(4, 65535)
        self.streams[s.number] = s
        self.next += 2
        if fields is None:
            fields = [(":method", method), (":scheme", "https"), (":path", target),
                      (":authority", host), *headers]
        self.frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), s.number, block(fields))
        return s

    def upload(self, s, size, piece=16384):
        """A body as the windows let it; ends early when the stream does."""
        while size and not s.over() and not self.closed:
            n = min(size, piece, s.window, self.window)
            if n <= 0:
                self.read()
                continue
            s.window -= n
            self.window -= n
            size -= n
            self.frame(DATA, 0 if size else END_STREAM, s.number, b"u" * n)

    def credit(self, s, n):
        self.frame(WINDOW_UPDATE, 0, s.number, struct.pack(">I", n))

    def cancel(self, s, code=CANCEL):
        self.frame(RST_STREAM, 0, s.number, struct.pack(">I", code))

    def take_settings(self, flags, payload):
        if flags & ACK:
            return
        for at in range(0, len(payload), 6):
            name, value = struct.unpack_from(">HI", payload, at)
            self.settings[name] = value
        self.frame(SETTINGS, ACK, 0)

    def take_head(self, s, flags, payload):
        while not flags & END_HEADERS:
            _, kind, flags, number, more = self.read_frame()
            harness.equal((kind, number), (CONTINUATION, s.number))
            payload += more
        fields = self.hpack.decode(payload)
        status = dict(fields).get(":status")
        if status and int(status) < 200:
            s.informational.append(int(status))
        elif status:
            s.status, s.headers = int(status), fields
        else:
            s.trailers = fields

    def read_frame(self):
        head = self.raw.read_exactly(9)
        if len(head) < 9:
            self.closed = True
            return None, None, None, None, None
        length, flags, number = struct.unpack(">IBI", head)
        return True, length & 255, flags, number, self.raw.read_exactly(length >> 8)

    def read(self):
        """One frame; False at the end of the connection."""
        there, kind, flags, number, payload = self.read_frame()
        if not there:
            return False
        s = self.streams.get(number)
        if kind == SETTINGS:
            self.take_settings(flags, payload)
        elif kind == PING and flags & ACK:
            self.pongs += 1
        elif kind == PING:
            self.frame(PING, ACK, 0, payload)
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">II", payload[:8])
        elif kind == WINDOW_UPDATE:
            n = struct.unpack(">I", payload)[0]
            if s:
                s.window += n
            elif not number:
                self.window += n
        elif kind == RST_STREAM and s:
            s.reset = struct.unpack(">I", payload)[0]
        elif kind == HEADERS:
            self.take_head(s, flags, payload)
        elif kind == DATA:
            s.received += len(payload)
            if s.keeps:
                s.body += payload
            if payload and self.gives_back:
                self.credit_connection(len(payload))
        if s and kind in (HEADERS, DATA) and flags & END_STREAM:
            s.ended = True
        return True

    def credit_connection(self, n):
        self.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", n))

    def wait(self, held, what):
        while not held():
            harness.expect(self.read(), "the connection ended before", what)

    def wait_over(self, s):
        self.wait(s.over, "the end of stream %d" % s.number)
        return s

    def request(self, target, method="GET", headers=(), body=0, **more):
        s = self.ask(target, method, headers, end=not body, **more)
        if body:
            self.upload(s, body)
        return self.wait_over(s)

    def ping(self):
        before = self.pongs
        self.frame(PING, 0, 0, b"pingping")
        self.wait(lambda: self.pongs > before, "PING")

    def wait_closed(self):
        while self.read():
            pass

    def close(self):
        self.raw.close()
