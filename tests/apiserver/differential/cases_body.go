// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

var acceptLines = []string{"", "Accept:", "Accept: */*", "Accept: application/*",
	"Accept: application/json", "Accept: application/yaml",
	"Accept: application/vnd.kubernetes.protobuf",
	"Accept: application/vnd.kubernetes.protobuf,application/json",
	"Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
	"Accept: application/json;as=Table;v=v1;g=meta.k8s.io",
	"Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
	"Accept: text/html",
	"Accept: text/html, application/yaml;q=0.5",
	"Accept: application/yaml;q=0.1, application/json;q=0.9",
	"Accept: application/json;q=0.1, application/yaml;q=0.9", "Accept: application/json; pretty=1",
	"Accept: application/json;pretty=0",
	"Accept: application/json;charset=utf-8", "Accept: application/json;stream=watch",
	"Accept: application/json;stream=other",
	"Accept: application/json;sv=x", "Accept: garbage", "Accept: ,", "Accept: *",
	"Accept: APPLICATION/JSON", "Accept: text/*,*/*;q=0.1",
	"Accept: application/cbor",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	"Accept: application/vnd.kubernetes.protobuf;type=watch", "Accept: application/json;q=abc",
	"Accept: application/json;q=0",
	"Accept: text/html\r\nAccept: application/yaml",
	"Accept: application/yaml,\r\nAccept: application/json"}

var prettyQueries = []string{"", "pretty=true", "pretty=1", "pretty=false", "pretty=0", "pretty=",
	"pretty", "pretty=T", "pretty=yes",
	"pretty=false&pretty=true", "pretty=&pretty=true", "Pretty=true", "pretty=%31", "pretty=true;x"}

var agentLines = []string{"", "User-Agent:", "User-Agent: curl/7.88.1", "User-Agent: Wget/1.21",
	"User-Agent: Mozilla/5.0 (X11)",
	"User-Agent: Mozilla/4.0", "User-Agent: kubectl/v1.36.3", "User-Agent: Curl/7",
	"User-Agent: other\r\nUser-Agent: curl/8"}

// negotiationCases ask for the same few answers in every format; each answer
// is made by another part of the chain.
func (s *suite) negotiationCases() {
	type ask struct {
		cred   credential
		target string
	}
	asks := []ask{
		{certificate("jane"), configMaps + "/cm-1"}, {certificate("jane"), pods},
		{certificate("unknown-ca"), pods}, {certificate("jane"), "/api/v1/secrets"},
		{certificate("jane"), configMaps + "/missing"}, {anonymous, "/custom"},
		{anonymous, "/api/v1/pods?timeout=abc"}, {anonymous, "/api/v1/watch"},
		{certificate("jane"), "/apis"}, {certificate("admin"), "/nowhere"},
		{certificate("admin"), "/api/v1/nowhere"}, {token("lost"), pods},
		{certificate("cn-quotes"), "/apis/apps/v1/namespaces/a%3Cb/deployments/x%22%26y/scale"},
		{anonymous, "/version"}, {certificate("jane"), "/healthz"},
	}
	for _, a := range asks {
		for _, accept := range acceptLines {
			for _, query := range prettyQueries {
				for _, agent := range agentLines {
					if query != "" && agent != "" && accept != "" && s.random.IntN(100) >= 2 {
						continue
					}
					if s.random.IntN(100) < 40 {
						s.negotiationCase(a.cred, a.target, accept, query, agent)
					}
				}
			}
		}
	}
}

func (s *suite) negotiationCase(c credential, target, accept, query, agent string) {
	var headers []string
	for _, line := range []string{accept, agent} {
		if line != "" {
			headers = append(headers, line)
		}
	}
	if query != "" {
		separator := "?"
		if strings.Contains(target, "?") {
			separator = "&"
		}
		target += separator + query
	}
	s.add(testCase{group: "negotiation", cred: c, method: "GET", target: target, headers: headers,
		note: strings.ReplaceAll(strings.Join(headers, ", "), "\r\n", ", ")})
}

type document struct {
	name        string
	contentType string
	body        string
}

var documents = []document{
	{"new", "application/json",
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"new"},"data":{"a":"b"}}`},
	{"generated", "application/json",
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"generateName":"g-"}}`},
	{"existing", "application/json",
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"cm-1"},"data":{"a":"c"}}`},
	{"stale", "application/json",
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"cm-1","resourceVersion":"1"}}`},
	{"wrong-uid", "application/json",
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"cm-1","uid":"1-2-3"}}`},
	{"other-namespace", "application/json",
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"new","namespace":"diff-b"}}`},
	{"yaml", "application/yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: new}\n"},
	{"no-type", "", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"new"}}`},
	{"charset", "application/json; charset=utf-8",
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"new"}}`},
	{"not-json", "application/json", "this is no document & <never> was"},
	{"empty", "application/json", ""},
	{"wrong-kind", "application/json",
		`{"kind":"Secret","apiVersion":"v1","metadata":{"name":"new"}}`},
	{"wrong-version", "application/json",
		`{"kind":"ConfigMap","apiVersion":"v9","metadata":{"name":"new"}}`},
	{"bad-name", "application/json",
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"New!"}}`},
	{"unknown-type", "text/csv", "a,b"},
	{"bad-protobuf", "application/vnd.kubernetes.protobuf", "k8s\x00garbage"},
	{"form", "application/x-www-form-urlencoded", "watch=1&dryRun=All"},
	{"protobuf", protobufType, protobuf("v1", "ConfigMap", field(1, field(1, "new")))},
	{"protobuf-wrong-kind", protobufType, protobuf("v1", "Secret", field(1, field(1, "new")))},
	{"protobuf-as-json", "application/json", protobuf("v1", "ConfigMap", field(1, field(1,
		"new")))},
	{"unknown-field", "application/json",
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"new"},"nonsense":1}`},
}

var patches = []document{
	{"merge", "application/merge-patch+json", `{"metadata":{"labels":{"x":"y"}}}`},
	{"json", "application/json-patch+json",
		`[{"op":"add","path":"/metadata/labels/x","value":"y"}]`},
	{"json-test-fails", "application/json-patch+json",
		`[{"op":"test","path":"/metadata/name","value":"z"}]`},
	{"strategic", "application/strategic-merge-patch+json", `{"data":{"k":null}}`},
	{"apply", "application/apply-patch+yaml",
		"kind: ConfigMap\napiVersion: v1\ndata: {k: applied}\n"},
	{"plain-json", "application/json", `{}`},
	{"no-type", "", `{}`},
	{"garbage", "application/merge-patch+json", `{{{`},
}

// writeCases send bodies, good and bad, as users with different rights.
func (s *suite) writeCases() {
	users := []credential{anonymous, certificate("admin"), certificate("jane"), token("wim"),
		token("cora"), token("paul"),
		token("nina"), token("stan"), token("dora")}
	for _, u := range users {
		for _, d := range documents {
			s.write(u, "POST", configMaps, d)
			s.write(u, "PUT", configMaps+"/cm-1", d)
			s.write(u, "POST", "/api/v1/namespaces/missing/configmaps", d)
		}
		s.write(u, "PUT", configMaps+"/new", documents[0])
		for _, d := range patches {
			s.write(u, "PATCH", configMaps+"/cm-1", d)
			s.write(u, "PATCH", configMaps+"/missing?fieldManager=m", d)
		}
		s.write(u, "PATCH", configMaps+"/applied?fieldManager=m", document{"apply",
			"application/apply-patch+yaml",
			"kind: ConfigMap\napiVersion: v1\nmetadata: {name: applied}\ndata: {k: applied}\n"})
		s.write(u, "PUT", "/apis/coordination.k8s.io/v1/namespaces/diff-a/leases/new",
			object("lease", "coordination.k8s.io/v1", "Lease",
				`"metadata":{"name":"new"}`))
		s.write(u, "PATCH", "/apis/coordination.k8s.io/v1/namespaces/diff-a/leases/lease-1",
			patches[0])
		s.write(u, "DELETE", configMaps+"/cm-1", document{"options", "application/json",
			`{"preconditions":{"uid":"1-2-3"}}`})
		s.write(u, "DELETE", configMaps+"?labelSelector=a%3Db", document{})
		s.write(u, "DELETE", configMaps+"?labelSelector=none%3Dnone", document{})
		s.write(u, "POST", configMaps+"?dryRun=Some", documents[0])
		s.write(u, "POST", configMaps+"?fieldValidation=Strict", documents[len(documents)-1])
		s.write(u, "POST", configMaps+"?fieldValidation=Warn", documents[len(documents)-1])
	}
	s.largeBodies()
	s.secondQuestions()
	s.reviews()
	s.tunnels()
}

func (s *suite) write(u credential, method, target string, d document) {
	var headers []string
	if d.contentType != "" {
		headers = []string{"Content-Type: " + d.contentType}
	}
	s.add(testCase{group: "write", cred: u, method: method, target: target, headers: headers,
		body: d.body, note: d.name})
}

// largeBodies stand around the server's limit for bodies, with and without
// the right to send one.
func (s *suite) largeBodies() {
	for _, size := range []int{1 << 20, 3145728 - 100, 3145728 + 1} {
		body := fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"big"},"data":{"x":"%s"}}`,
			strings.Repeat("x", size))
		for _, u := range []credential{token("wim"), token("tom"), certificate("unknown-ca")} {
			t := s.add(testCase{group: "write", cred: u, method: "POST", target: configMaps,
				headers: []string{"Content-Type: application/json"}, body: body,
				note: fmt.Sprint(size)})
			t.fresh = true
		}
	}
}
