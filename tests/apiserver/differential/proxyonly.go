// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// fixtureTimeout bounds the wait until a server's authorizer has seen the
// last of the fixtures.
const fixtureTimeout = 60 * time.Second

// awaitFixtures asks for what only the last objects of each kind grant.
func awaitFixtures(o *options, e *endpoint) error {
	c := newClient(filepath.Join(o.pki, "clients"), false)
	defer c.close()
	deadline := time.Now().Add(fixtureTimeout)
	asks := []*testCase{
		{cred: token("marker"), method: "GET", target: "/marker"},
		{cred: token("marker"), method: "GET", target: configMaps + "/cm-1"},
		{cred: certificate("admin"), method: "GET",
			target: "/apis/diff.example.com/v1/namespaces/diff-a/widgets"},
	}
	for _, ask := range asks {
		want := 200
		if ask.target == "/marker" {
			want = 404
		}
		for {
			a := c.send(e, ask)
			if a.status == want {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s at %s does not see the fixtures: %s gives %d %s", e.name,
					e.address, ask.target, a.status, a.err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return nil
}

// An expectation is about the proxy alone, where kube-apiserver has no
// counterpart.
type expectation struct {
	testCase
	status int
	// challenge says whether WWW-Authenticate must be there.
	challenge bool
}

func basic(user, password string) credential {
	return credential{name: "basic:" + user, headers: []string{"Authorization: Basic " +
		base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
}

// passwords are about the password file that run writes: admin:secret,
// jane:pass:word and bound:bound, with anonymous access switched off.
func passwords(pattern *regexp.Regexp) []expectation {
	const url = "/custom"
	rows := []struct {
		cred   credential
		target string
		status int
	}{
		{basic("jane", "pass:word"), pods, 200},
		{basic("jane", "pass"), pods, 401},
		{basic("jane", ""), pods, 401},
		{basic("", ""), pods, 401},
		{basic("nobody", "x"), pods, 401},
		{basic("JANE", "pass:word"), pods, 401},
		{basic("admin", "secret"), url, 403},
		{basic("admin", "secret"), "/api", 200},
		{anonymous, pods, 401},
		{anonymous, "/healthz", 401},
		{anonymous.with("garbage", "Authorization: Basic !!!"), pods, 401},
		{anonymous.with("lower",
			"Authorization: basic "+base64.StdEncoding.EncodeToString([]byte("jane:pass:word"))),
			pods, 200},
		{anonymous.with("unpadded",
			"Authorization: Basic "+base64.RawStdEncoding.EncodeToString([]byte("jane:pass:word"))),
			pods, 401},
		{token("jane"), pods, 200},
		{anonymous.with("unknown", authorizationLines["unknown"]...), pods, 401},
		{certificate("unknown-ca"), pods, 401},
		{certificate("jane"), pods, 200},
		{certificate("carol").with("basic", basic("jane", "wrong").headers...), "/api/v1/nodes/n1",
			200},
		{certificate("unknown-ca").with("basic", basic("jane", "pass:word").headers...), pods, 200},
		{certificate("admin").with("basic", basic("jane", "pass:word").headers...),
			"/api/v1/secrets", 403},
	}
	var all []expectation
	for _, r := range rows {
		e := expectation{testCase: testCase{group: "password", cred: r.cred, method: "GET",
			target: r.target}, status: r.status}
		e.challenge = r.status == 401
		if pattern.MatchString(e.id()) {
			all = append(all, e)
		}
	}
	return all
}

func proxyOnly(o *options, _, _ *endpoint, roots *x509.CertPool) (names []string,
	results []result) {
	if o.mode == "self" {
		return nil, nil
	}
	pattern := regexp.MustCompile(o.only)
	c := newClient(filepath.Join(o.pki, "clients"), false)
	defer c.close()
	if o.basic != "" {
		withPasswords := &endpoint{"basic", o.basic, roots}
		for _, e := range passwords(pattern) {
			names, results = append(names, e.id()), append(results, e.check(c, withPasswords))
		}
	}
	return names, results
}

func (e *expectation) check(c *client, server *endpoint) (r result) {
	a := c.send(server, &e.testCase)
	if a.err != "" || a.status != e.status {
		r.lines = append(r.lines, fmt.Sprintf("status %d %s, expected %d: %s", a.status, a.err,
			e.status, excerpt(string(a.body), 0)))
		return r
	}
	challenge := a.header.Get("WWW-Authenticate")
	if e.challenge != (challenge == `Basic realm="kubernetes-master"`) {
		r.lines = append(r.lines, fmt.Sprintf("WWW-Authenticate is %q", challenge))
	}
	if e.status >= 400 && !strings.Contains(string(a.body), `"kind":"Status"`) {
		r.lines = append(r.lines, "no Status object: "+excerpt(string(a.body), 0))
	}
	return r
}
