#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start-up: problems, --check, --help, ignored flags, the log, SIGHUP; --cluster-state=PATH."""
import json
import os
import re
import signal
import subprocess
import sys

import harness
from harness import equal, expect, wait_for


def run(stack, *flags, without=()):
    """Runs the program to its end: (exit status, stdout, stderr with the folder as DIR)."""
    argv = [f for f in stack.flags(harness.free_port()) if not f.startswith(tuple(without) or "?")]
    done = subprocess.run([os.path.join(harness.BUILD, "kube-authproxy"), *argv, *flags], text=True,
                          capture_output=True, timeout=harness.PATIENCE, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr.replace(stack.folder, "DIR")


def refused(stack, want, *flags, without=()):
    """It ends at once with these problems on standard error, with and without --check."""
    for more in ((), ("--check",)):
        equal(run(stack, *flags, *more, without=without), (1, "", want), (flags, without, more))


def files(stack):
    if stack.upstream:
        return
    stack.start_upstream()
    stack.write("nothing.pem", "no PEM here\n")
    stack.write("two.csv", "token,user,uid\n\nonly,two\n")
    stack.write("one.csv", "password\n")
    stack.write("blank.csv", 'token," user",uid\n')


def test_command_line_errors(stack):
    files(stack)
    for flags, text in (
            (["--x"], "unknown flag: --x"),
            (["--x=1", "--secure-port=abc"], "unknown flag: --x"),
            (["extra"], '"kube-authproxy" does not take any arguments, got ["extra"]'),
            (["--secure-port=abc"], 'invalid argument "abc" for "--secure-port" flag: '
             'strconv.ParseInt: parsing "abc": invalid syntax'),
            (["--bind-address=1.2.3"], 'invalid argument "1.2.3" for "--bind-address" flag: '
             'failed to parse IP: "1.2.3"'),
            (["--tls-sni-cert-key=x"], 'invalid argument "x" for "--tls-sni-cert-key" flag: '
             "expected comma separated certificate and key file paths")):
        refused(stack, "Error: %s\n" % text, *flags)


def test_wrong_values(stack):
    files(stack)
    mode, upstream = ["--authorization-mode"], ["--upstream-servers"]
    refused(stack, "--authorization-mode: at least one authorization-mode must be passed\n",
            without=mode)
    for name in ("ABAC", "Webhook"):
        refused(stack, "--authorization-mode: authorization-mode %s is not supported by this "
                "version\n" % name, "--authorization-mode=RBAC," + name, without=mode)
    refused(stack, '--authorization-mode: authorization-mode "rbac" is not a valid mode\n',
            "--authorization-mode=rbac", without=mode)
    for port in ("0", "65536", "-1"):
        refused(stack, "--secure-port: %s must be between 1 and 65535, inclusive. It cannot be "
                "turned off with 0\n" % port, "--secure-port=" + port)
    for url in ("http://127.0.0.1:1", "https://a:99999", "https://a/b", "https://u@a", "127.0.0.1"):
        refused(stack, '--upstream-servers: "%s" is not an https URL of the form '
                "https://host[:port]\n" % url, "--upstream-servers=" + url, without=upstream)
    refused(stack, "--upstream-servers: must be given\n", without=upstream)
    refused(stack, "--health-bind-address: must be a loopback address, since it is plain HTTP\n",
            "--health-bind-address=192.0.2.1:80")
    refused(stack, '--tls-min-version: unknown tls version "TLS1"\n'
            "--tls-cipher-suites: Cipher suite A not supported or doesn't exist\n"
            '--upstream-authorization: "some" is neither enforcing nor none\n'
            '--logging-format: Invalid value: "xml": Unsupported log format\n',
            "--tls-min-version=TLS1", "--tls-cipher-suites=A", "--upstream-authorization=some",
            "--logging-format=xml")
    for flag in ("--tls-cert-file", "--tls-private-key-file", "--upstream-ca-file",
                 "--proxy-client-cert-file", "--proxy-client-key-file"):
        refused(stack, flag + ": must be given\n", without=[flag])


def test_wrong_files(stack):
    files(stack)
    no_ca = "data does not contain any valid RSA or ECDSA certificates"
    mismatch = "the key does not belong to the certificate"
    p = stack.path
    for flag, name, problem in (
            ("client-ca-file", "nothing.pem", ": --client-ca-file: " + no_ca),
            ("upstream-ca-file", "nothing.pem", ": --upstream-ca-file: " + no_ca),
            ("tls-cert-file", "nothing.pem", ": --tls-cert-file: no certificate"),
            ("tls-private-key-file", "nothing.pem", ": --tls-private-key-file: no private key"),
            ("tls-private-key-file", "jane.key", ": --tls-private-key-file: " + mismatch),
            ("proxy-client-key-file", "jane.key", ": --proxy-client-key-file: " + mismatch),
            ("token-auth-file", "two.csv", ":3: --token-auth-file: token file 'DIR/two.csv' must "
             "have at least 3 columns (token, user name, user uid), found 2"),
            ("basic-auth-file", "one.csv", ":1: --basic-auth-file: password file 'DIR/one.csv' "
             "must have at least 3 columns (password, user name, user uid), found 1")):
        refused(stack, "DIR/%s%s\n" % (name, problem), "--%s=%s" % (flag, p(name)))
    for flag in ("client-ca-file", "upstream-ca-file", "tls-cert-file", "tls-private-key-file",
                 "proxy-client-cert-file", "proxy-client-key-file", "token-auth-file",
                 "basic-auth-file", "cluster-state"):
        refused(stack, "DIR/absent: --%s: No such file or directory\n" % flag,
                "--%s=%s" % (flag, p("absent")))
    refused(stack, "DIR/ca.key: --tls-sni-cert-key: %s\n" % mismatch,
            "--tls-sni-cert-key=%s,%s" % (p("server.crt"), p("ca.key")))
    status, out, err = run(stack, "--token-auth-file=" + p("blank.csv"))
    equal((status, out), (1, ""))
    expect(err.startswith("DIR/blank.csv:1: --token-auth-file: "), err)


def test_all_problems_at_once(stack):
    files(stack)
    p = stack.path
    refused(stack, "--secure-port: 0 must be between 1 and 65535, inclusive. It cannot be turned "
            "off with 0\n--authorization-mode: authorization-mode ABAC is not supported by this "
            "version\n", "--secure-port=0", "--authorization-mode=ABAC")
    status, out, err = run(stack, "--token-auth-file=" + p("two.csv"),
                           "--client-ca-file=" + p("absent"),
                           "--upstream-ca-file=" + p("nothing.pem"),
                           "--tls-private-key-file=" + p("jane.key"))
    equal((status, out), (1, ""))
    equal(sorted(re.findall(r"--[a-z-]+", err)),
          ["--client-ca-file", "--tls-private-key-file", "--token-auth-file", "--upstream-ca-file"])


def test_an_address_that_is_not_ours(stack):
    """Only a start listens: --check of the same flags finds nothing wrong."""
    files(stack)
    equal(run(stack, "--bind-address=192.0.2.1", "--check"), (0, "", ""))
    status, out, err = run(stack, "--bind-address=192.0.2.1")
    equal((status, out), (1, ""))
    expect("cannot listen on 192.0.2.1" in err, err)


def test_a_port_that_is_taken(stack):
    """A second process must not share it, though SO_REUSEPORT would let it."""
    files(stack)
    p = stack.proxy()
    for flag, port in (("secure-port", p.port), ("health-bind-address", p.health_port)):
        value = "%d" % port if flag == "secure-port" else "127.0.0.1:%d" % port
        status, out, err = run(stack, "--%s=%s" % (flag, value))
        equal((status, out), (1, ""), err)
        expect(err.startswith("--%s: cannot listen on 127.0.0.1 port %d: " % (flag, port)), err)


def test_check(stack):
    files(stack)
    equal(run(stack, "--check"), (0, "", ""))
    equal(run(stack, "--check", "--cluster-state=" + os.path.join(
        harness.SRC, "tests/data/bootstrap-rbac.yaml")), (0, "", ""))


def test_help_and_version(stack):
    files(stack)
    for flags in (["--help"], ["-h"]):
        status, out, err = run(stack, *flags)
        equal((status, err), (0, ""))
        for name in ("--upstream-servers", "--tls-sni-cert-key", "--etcd-servers"):
            expect(name in out, name)
        expect(max(len(line) for line in out.splitlines()) <= 80, "lines fit a terminal")
    status, out, err = run(stack, "--version")
    equal((status, err), (0, ""))
    expect(re.match(r"kube-authproxy \d+\.\d+", out), out)


def test_ignored_flags(stack):
    files(stack)
    given = {"--etcd-servers": "https://127.0.0.1:2379", "--allow-privileged": "true",
             "--service-account-signing-key-file": "/absent", "--service-cluster-ip-range": "10.96.0.0/12",
             "--feature-gates": "A=true", "--advertise-address": "192.0.2.1"}
    p = stack.start_proxy(*["%s=%s" % f for f in given.items()], name="manifest")
    lines = [line for line in p.log().splitlines() if "without effect" in line]
    equal(len(lines), 1, p.log())
    expect(lines[0].startswith("W"), lines)
    equal(sorted(re.findall(r"--[a-z-]+", lines[0])), sorted(given))
    expect("without effect" not in stack.proxy().log(), "nothing to warn of")


def find_line(process, mark):
    """The first line of a log that holds the mark, once it is there."""
    def look():
        return [line for line in process.log().splitlines() if mark in line]
    return wait_for(look, mark + " in the log")[0]


def test_a_line_per_request(stack):
    files(stack)
    p = stack.proxy()
    stack.ask("/line?n=1&token=x", "jane")
    line = find_line(p, "/line?n=1")
    for part in ('verb="get"', 'URI="/line?n=1&token=x"', 'user="jane"', 'decision="forbid"',
                 "status=403", 'srcIP="127.0.0.1"'):
        expect(part in line, part, line)
    expect(re.match(r"I\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \S+\.c:\d+\] ", line), line)
    stack.ask("/api/v1/namespaces/default/pods?n=2", "admin", headers=["Audit-ID: an-audit-id"])
    line = find_line(p, "pods?n=2")
    for part in ('verb="list"', 'decision="allow"', "status=200", 'auditID="an-audit-id"'):
        expect(part in line, part, line)
    stack.ask("/line?n=3", None, headers=["Authorization: Bearer nope"])
    line = find_line(p, "/line?n=3")
    expect('decision="unauthorized"' in line and "status=401" in line, line)
    quiet = stack.start_proxy("--v=0", name="quiet")
    stack.ask("/line?n=4", "jane", quiet)
    quiet.stop()
    expect("/line" not in quiet.log(), "only with --v=2")


def test_json_lines(stack):
    files(stack)
    p = stack.start_proxy("--logging-format=json", "--etcd-servers=https://x", name="json")
    stack.ask("/json?%22%5c", "jane", p)
    find_line(p, "/json?")
    expect(p.stop() == 0, "exit status")
    lines = [json.loads(line) for line in p.log().splitlines()]
    expect(all({"ts", "level", "msg", "caller"} <= set(line) for line in lines), lines)
    equal([line["level"] for line in lines if "without effect" in line["msg"]], ["warning"])
    request = [line for line in lines if line.get("URI")]
    equal([(r["user"], r["status"], r["decision"], r["URI"]) for r in request],
          [("jane", 403, "forbid", "/json?%22%5c")])


def test_hangup_looks_at_files(stack):
    files(stack)
    tokens = stack.write("tokens.csv", "one,ann,1\n")
    p = stack.start_proxy("--token-auth-file=" + tokens, name="hup")
    equal(stack.ask("/x", None, p, headers=["Authorization: Bearer one"]).status, 403)
    stack.write("tokens.csv", "two,ann,1\n")
    p.signal(signal.SIGHUP)
    wait_for(lambda: stack.ask("/x", None, p, headers=["Authorization: Bearer two"]).status == 403,
             "the new token")
    equal(stack.ask("/x", None, p, headers=["Authorization: Bearer one"]).status, 401)
    expect("SIGHUP" in p.log(), "it is logged")
    p.signal(signal.SIGHUP)
    equal(stack.ask("/x", None, p, headers=["Authorization: Bearer two"]).status, 403)


API = "rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"


def role(name, path):
    return {"apiVersion": API, "kind": "ClusterRole", "metadata": {"name": name},
            "rules": [{"nonResourceURLs": [path], "verbs": ["get"]}]}


def binding(name, user):
    return {"apiVersion": API, "kind": "ClusterRoleBinding",
            "metadata": {"name": name + "-" + user},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}]}


# The same as role("yaml", "/yaml") and binding("yaml", "jane"), as people write it.
YAML = """# who may what
apiVersion: %s
kind: ClusterRole
metadata: {name: yaml}
rules:
- nonResourceURLs: [/yaml]
  verbs: [get]
---
apiVersion: %s
kind: ClusterRoleBinding
metadata:
  name: yaml-jane
roleRef: {apiGroup: %s, kind: ClusterRole, name: yaml}
subjects:
- {apiGroup: %s, kind: User, name: jane}
---
kind: ConfigMap
apiVersion: v1
metadata: {name: neither-here-nor-there}
""" % (API, API, GROUP, GROUP)


def permitted(stack, p, *paths):
    """Which of the paths jane may get; nothing is there upstream."""
    status = {path: stack.ask(path, "jane", p).status for path in paths}
    expect(set(status.values()) <= {403, 404}, status)
    return [path for path in paths if status[path] == 404]


def test_a_manifest_file(stack):
    files(stack)
    for name, text in (("policy.yaml", YAML), ("policy.json", json.dumps(
            {"apiVersion": "v1", "kind": "List",
             "items": [role("yaml", "/yaml"), binding("yaml", "jane")]}))):
        stack.control("/_test/seen", "DELETE")
        p = stack.start_proxy("--cluster-state=" + stack.write(name, text), name=name)
        equal(permitted(stack, p, "/yaml", "/other"), ["/yaml"])
        equal(stack.ask("/other", "admin", p).status, 404)
        equal(stack.control("/_test/seen?prefix=/apis/rbac").json()["count"], 0,
              "nothing is listed upstream")
        p.stop()


def test_a_manifest_folder(stack):
    files(stack)
    folder = stack.path("policy")
    os.mkdir(folder)
    stack.write("policy/a.yaml", YAML)
    stack.write("policy/b.json", json.dumps(role("json", "/json")))
    stack.write("policy/.hidden.json", json.dumps(binding("json", "jane")))
    stack.write("policy/notes.txt", "not: [a manifest\n")
    p = stack.start_proxy("--cluster-state=" + folder, name="folder")
    paths = ("/yaml", "/json", "/more")
    equal(permitted(stack, p, *paths), ["/yaml"])
    stack.write("policy/c.yml", json.dumps(binding("json", "jane")))
    wait_for(lambda: permitted(stack, p, *paths) == ["/yaml", "/json"], "the new file")
    os.unlink(stack.path("policy/a.yaml"))
    wait_for(lambda: permitted(stack, p, *paths) == ["/json"], "the file to be gone")
    stack.write("policy/b.json", json.dumps(role("json", "/more")))
    wait_for(lambda: permitted(stack, p, *paths) == ["/more"], "the changed file")
    stack.write("policy/d.yaml", YAML + "---\nkind: ClusterRole\nrules: [\n")
    line = find_line(p, "d.yaml:")
    expect(re.search(r"] %s/d\.yaml:\d+: --cluster-state: " % re.escape(folder), line), line)
    equal(permitted(stack, p, *paths), ["/more"], "the old policy stays")
    stack.write("policy/d.yaml", YAML)
    wait_for(lambda: permitted(stack, p, *paths) == ["/yaml", "/more"], "the mended file")


def test_a_broken_manifest_stops_the_start(stack):
    files(stack)
    stack.write("broken.yaml", "kind: ClusterRole\napiVersion: %s\n---\na: [\n" % API)
    status, out, err = run(stack, "--cluster-state=" + stack.path("broken.yaml"))
    equal((status, out), (1, ""))
    expect(re.match(r"DIR/broken\.yaml:\d+: --cluster-state: ", err), err)


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
