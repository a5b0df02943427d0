#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/data/noderestriction.json, answers of a real kube-apiserver, through the sockets: a refusal has
its status and text, and what a server admits reaches the upstream, which here is one that holds a
vector's objects and notes what comes."""
import base64
import http.server
import json
import os
import ssl
import sys
import threading

import harness
from harness import equal, expect

CLUSTER_STATE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: everything}
rules:
- {apiGroups: ["*"], resources: ["*"],
   verbs: [get, list, watch, create, update, patch, delete, deletecollection]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everything}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: everything}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]
"""
# What the server judges behind admission: that the proxy leaves it to that is right as well.
LEFT_TO_THE_SERVER = (409, 422)
LEFT_BY_NAME = {
    "smp-name-change": "the patched object's name",
    "json-unknown-field-strict": "fieldValidation=Strict",
    "slice-delete-collection-other": "a server that ignores the selector, which is the node's own",
}


def plural(kind):
    return {"CSINode": "csinodes"}.get(kind, kind.lower() + "s")


class World(http.server.ThreadingHTTPServer):
    """The upstream: objects by their path, and the writes that came."""
    daemon_threads = True
    objects = {}
    writes = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def reply(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def review(self):
        h = self.headers
        prefix = "x-remote-extra-"
        extra = {}
        for name, value in h.items():
            if name.lower().startswith(prefix):
                key = name.lower()[len(prefix):].replace("%2f", "/")
                extra.setdefault(key, []).append(value)
        self.reply(201, {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1",
                         "status": {"userInfo": {
                             "username": h["X-Remote-User"], "uid": h.get("X-Remote-Uid", ""),
                             "groups": h.get_all("X-Remote-Group") or [], "extra": extra}}})

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if path.endswith("/selfsubjectreviews"):
            self.review()
        elif self.command == "GET" and path in self.server.objects:
            self.reply(200, self.server.objects[path])
        elif self.command == "GET":
            self.reply(200 if path == "/readyz" else 404, {"kind": "Status", "code": 404})
        elif "dryRun=All" in query and path in self.server.objects:
            self.reply(200, self.server.objects[path])
        else:
            self.server.writes.append((self.command, self.path, body))
            self.reply(200, {"kind": "Status", "status": "Success"})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve


def start_world(stack):
    world = World(("127.0.0.1", stack.upstream_port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stack.pki.path("upstream.crt"), stack.pki.path("upstream.key"))
    context.load_verify_locations(stack.pki.path("front-proxy-ca.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    world.socket = context.wrap_socket(world.socket, server_side=True)
    threading.Thread(target=world.serve_forever, daemon=True).start()
    return world


def vectors():
    with open(os.path.join(harness.SRC, "tests/data/noderestriction.json")) as f:
        return json.load(f)["vectors"]


def token_file(all_vectors):
    users = sorted({(v["user"], tuple(v["groups"])) for v in all_vectors})
    lines = ['token-%d,"%s",,"%s"' % (i, user, ",".join(g for g in groups
                                                      if g != "system:authenticated"))
             for i, (user, groups) in enumerate(users)]
    return "\n".join(lines) + "\n", {u: "token-%d" % i for i, u in enumerate(users)}


def path_of(o):
    version = o["apiVersion"]
    namespace = o["metadata"].get("namespace")
    return "%s/%s%s/%s/%s" % ("/apis" if "/" in version else "/api", version,
                              "/namespaces/" + namespace if namespace else "",
                              plural(o["kind"]), o["metadata"]["name"])


def body_of(v):
    if "bodyBase64" in v:
        return base64.b64decode(v["bodyBase64"])
    if "bodyObject" in v:
        return json.dumps(v["bodyObject"]).encode()
    return v.get("body", "").encode()


def judge(v, r, writes):
    """What is wrong with the answer, or None."""
    text = r.json().get("message") if r.body.startswith(b"{") else r.body
    accepted = [v["status"], *v.get("acceptStatus", [])]
    if writes:
        if len(writes) > 1:
            return "%d writes" % len(writes)
        if v["status"] < 300 or v["status"] in LEFT_TO_THE_SERVER or v["name"] in LEFT_BY_NAME:
            return None
        return "forwarded, the server answers %d" % v["status"]
    if r.status not in accepted:
        return "%d, the server answers %d: %s" % (r.status, v["status"], text)
    if r.status == v["status"] == 403 and v["message"] not in (None, text):
        return "\n   got  %s\n   want %s" % (text, v["message"])
    return None


def is_for_others(v):
    """The unit tests have an encoder for protobuf, a gate that is off here, and a server's apply."""
    return v.get("encode") or v.get("authorize") or v.get("featureGates") or \
        "apply-patch" in (v["contentType"] or "")


def run(raw, world, v, token):
    world.objects = {path_of(o): o for o in v["existing"]}
    world.writes = []
    body = body_of(v)
    headers = ["Authorization: Bearer " + token]
    if v["contentType"]:
        headers.append("Content-Type: " + v["contentType"])
    if not body and v["method"] != "DELETE":
        headers.append("Content-Length: 0")
    return judge(v, raw.request(v["path"], v["method"], headers, body), world.writes)


def test_answers_of_a_real_server(stack):
    every = vectors()
    text, tokens = token_file(every)
    world = start_world(stack)
    proxy = stack.start_proxy("--token-auth-file=" + stack.write("tokens.csv", text),
                              "--cluster-state=" + stack.write("state.yaml", CLUSTER_STATE),
                              "--enable-admission-plugins=NodeRestriction", name="vectors")
    wrong, ran, raw = [], 0, stack.connect(proxy)
    for v in every:
        if is_for_others(v):
            continue
        ran += 1
        why = run(raw, world, v, tokens[v["user"], tuple(v["groups"])])
        if why:
            wrong.append("%s: %s" % (v["name"], why))
    raw.close()
    expect(not wrong, "\n".join(wrong))
    expect(ran > 340, ran)


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
