// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// The server remembers by which right a user last impersonated, and tries
// that one first: what a refusal says, and whether a node's name brings its
// group, depends on it. So nobody here succeeds both by the constrained
// rights and by the legacy one.

// impersonators are lines of the servers' token file; their rights are in
// fixtures.yaml. as-con and as-star have constrained rights, as-legacy and
// as-partly the legacy one, and as-partly never succeeds.
func impersonators() []nodeUser {
	return []nodeUser{{"as-con", "imp-con", nil}, {"as-star", "imp-star", nil},
		{"as-legacy", "imp-legacy", nil}, {"as-partly", "imp-partly", nil}}
}

func impersonator(name string) credential {
	return token("node-" + name)
}

func asUser(name string, more ...string) []string {
	return append([]string{"Impersonate-User: " + name}, more...)
}

// asGroups makes a line for each name, asExtra one for each value.
func asGroups(names ...string) (lines []string) {
	for _, name := range names {
		lines = append(lines, "Impersonate-Group: "+name)
	}
	return lines
}

func asExtra(key string, values ...string) (lines []string) {
	for _, value := range values {
		lines = append(lines, "Impersonate-Extra-"+key+": "+value)
	}
	return lines
}

const (
	runner = "system:serviceaccount:diff-a:runner"
	domain = "Example.com%2FX"
)

// constrainedSets need no more than constrained rights.
var constrainedSets = [][]string{
	asUser("jane"), asUser("carol"), asUser("bob"), asUser("nobody-knows"), asUser("josé"),
	asUser(`o"brien<x>&\y`), asUser("a, b"), asUser("system:masters"), asUser("admin"),
	asUser("system:kube-scheduler"), asUser("jane", "Impersonate-Uid: u1"),
	asUser("jane", "Impersonate-Uid: u2"), asUser("jane", "Impersonate-Uid:"),
	asUser("jane", asGroups("devs")...), asUser("jane", asGroups("devs", "ops")...),
	asUser("jane", asGroups("ops", "nope")...), asUser("jane", asGroups("devs", "devs", "devs")...),
	asUser("jane", asGroups("devs", "ops", "g3", "g4")...),
	asUser("jane", asGroups("devs", "ops", "devs", "ops", "devs")...),
	asUser("jane", asGroups("devs,ops")...), asUser("jane", asGroups("entwickler-ü")...),
	asUser("jane", asGroups("system:authenticated")...),
	asUser("jane", asGroups("system:unauthenticated")...), asUser("jane", asGroups("system:nodes")...),
	asUser("jane", asExtra(domain, "v1")...), asUser("jane", asExtra(domain, "v3")...),
	asUser("jane", asExtra(domain, "v1", "v2")...),
	asUser("jane", asExtra(domain, "v1", "v2", "v1", "v2")...),
	asUser("jane", asExtra(domain, "v1", "v2", "v3", "v4", "v5")...),
	asUser("jane", slices.Concat(asExtra(domain, "v1"), asExtra("example.com%2fx", "v2"))...),
	asUser("jane", slices.Concat(asExtra(domain, "v1"), asExtra("example.com%2fy", "v1"))...),
	asUser("jane", asExtra("a.b%2Fc%2fd~e", "v1")...),
	asUser("jane", slices.Concat([]string{"Impersonate-Uid: u1"}, asGroups("devs", "ops"),
		asExtra(domain, "v1"))...),
	{"impersonate-user: jane", "IMPERSONATE-GROUP: devs", "impersonate-extra-EXAMPLE.com%2fx: v1"},
	{"Impersonate-User: jane", "Impersonate-User: admin"},
	{"Impersonate-User:   jane  ", "Impersonate-Group: \tdevs\t"},
	{"Connection: Impersonate-User, Impersonate-Group", "Impersonate-User: jane",
		"Impersonate-Group: devs"},
	asUser("jane", "Impersonate_Group: system:masters", "Impersonate-Groups: system:masters",
		"Impersonate-: x", "X-Remote-Group: system:masters"),
	asUser("system:anonymous"), asUser("system:anonymous", asGroups("devs")...),
	asUser("system:anonymous", asGroups("system:unauthenticated")...),
	asUser(runner), asUser("system:serviceaccount:diff-b:other"),
	asUser("system:serviceaccount:no-such:account"), asUser("system:serviceaccount:diff-a:"),
	asUser("system:serviceaccount:diff-a:Runner"), asUser("system:serviceaccount:a.b:runner"),
	asUser("system:serviceaccount:diff-a:runner:x"), asUser("system:serviceaccount:diff-a:a.b"),
	asUser("system:serviceaccount:" + strings.Repeat("n", 63) + ":x"),
	asUser("system:serviceaccount:" + strings.Repeat("n", 64) + ":x"),
	asUser("system:node:n001"), asUser("system:node:n002"), asUser("system:node:nobody"),
	asUser("system:node:N1"), asUser("system:node:"), asUser("system:node:a..b"),
	asUser("system:node:a.b"), asUser("system:node:" + strings.Repeat("x", 253)),
	asUser("system:node:" + strings.Repeat("x", 254)),
	asUser("system:nodes:n001"),
}

// legacySets are never allowed by constrained rights.
var legacySets = [][]string{
	asUser("jane", asGroups("system:masters")...), asUser("jane", asGroups("")...),
	asUser("jane", asGroups("devs", "", "system:masters")...),
	asUser("jane", asGroups("a", "b", "c", "d", "system:masters")...),
	asUser("jane", asExtra("scopes", "v1")...), asUser("jane", asExtra("Scopes", "v1", "v2")...),
	asUser("jane", asExtra("x_y%2Fz", "v1")...), asUser("jane", asExtra("x%2Fa%20b", "v1")...),
	asUser("jane", asExtra("x_y%2Fa%3Fb", "v1")...), asUser("jane", asExtra("%2Fz", "v1")...),
	asUser("jane", asExtra("x%2F", "v1")...), asUser("jane", asExtra("a%zz", "v1")...),
	asUser("jane", asExtra("a%252fb", "v1")...), asUser("jane", asExtra("a%C3%A9%2Fb", "v1")...),
	asUser("jane", asExtra(strings.Repeat("x", 254)+"%2Fz", "v1")...),
	asUser("jane", asExtra(domain, "")...), asUser("jane", asExtra(domain, "v1", "")...),
	asUser(runner, asGroups("devs")...), asUser(runner, "Impersonate-Uid: u1"),
	asUser(runner, asExtra(domain, "v1")...), asUser(runner, asGroups("system:serviceaccounts")...),
	asUser("system:node:n001", asGroups("system:nodes")...),
	asUser("system:node:n001", "Impersonate-Uid: u1"),
	asUser("system:node:n001", asExtra(domain, "v1")...),
}

// namelessSets ask for something but not for a name, or for nothing.
var namelessSets = [][]string{
	asGroups("devs"), asGroups(""), asGroups("devs", "o\"ps<&>"), {"Impersonate-Uid: u1"},
	{"Impersonate-User:", "Impersonate-Uid: u1"}, asExtra("Scopes", "v"), asExtra("", "v"),
	asExtra("a%2Fb", "v", ""), slices.Concat(asExtra("z", "1"), asExtra("a%2Fb", "2"), asExtra("a", "3")),
	slices.Concat([]string{"Impersonate-Uid: ü"}, asGroups("g", "h"), asExtra("k", "v")),
	{"Impersonate-User:", "Impersonate-User: jane", "Impersonate-Group: devs"},
	{"Impersonate-User:"}, {"Impersonate-Uid:"}, {"Impersonate-User:", "Impersonate-Uid:"},
	{"Impersonate-Foo: x"}, {"Impersonate-: x"}, {"Impersonate_User: jane"},
	{"Impersonate-User:", "Impersonate-User: jane"},
}

// allowedLegacySets and refusedLegacySets are about the legacy rights that
// as-legacy and as-partly have.
var (
	allowedLegacySets = [][]string{
		asUser("jane"), asUser("carol"), asUser("jane", asGroups("devs")...),
		asUser("jane", asGroups("devs", "ops", "devs", "ops")...), asUser(runner),
		asUser(runner, asGroups("devs")...), asUser("system:node:n001"),
		asUser("system:node:n001", asGroups("system:nodes")...),
		asUser("jane", "Impersonate-Uid: u1"), asUser("jane", asExtra("scopes", "v1", "v2")...),
		asUser("jane", asGroups("system:masters")...), asUser("system:anonymous"),
	}
	refusedLegacySets = [][]string{
		asUser("carol"), asUser("jane", asGroups("nope")...),
		asUser("jane", asGroups("devs", "nope")...), asUser("jane", "Impersonate-Uid: u1"),
		asUser("jane", asGroups("system:masters")...), asUser("jane", asExtra("scopes", "v1")...),
		asUser(runner), asUser(runner, asGroups("devs")...), asUser("system:node:n001"),
		asUser("system:node:n001", asGroups("system:nodes")...),
		asUser("jane", asGroups("devs", "ops", "a", "b")...),
	}
)

// impersonationCases send every set as whoever may, may not or may in part.
func (s *suite) impersonationCases() {
	for _, u := range []credential{anonymous, certificate("jane"), certificate("node"),
		token("runner"), token("quoted"), impersonator("as-con"), impersonator("as-star")} {
		s.impersonate(u, constrainedSets, legacySets, namelessSets)
	}
	s.impersonate(certificate("admin"), constrainedSets, namelessSets)
	s.impersonate(token("masters"), legacySets, namelessSets)
	s.impersonate(impersonator("as-legacy"), allowedLegacySets)
	s.impersonate(impersonator("as-partly"), refusedLegacySets)
	for _, accept := range []string{"application/yaml", "application/vnd.kubernetes.protobuf",
		"application/json;as=Table;g=meta.k8s.io;v=v1,application/json", "text/html"} {
		for _, set := range [][]string{asUser("bob"), asUser(runner, asGroups("x")...),
			asGroups("g")} {
			s.add(testCase{group: "impersonation", cred: certificate("jane"), method: "GET",
				target: pods, headers: append([]string{"Accept: " + accept}, set...),
				note: accept + ", " + strings.Join(set, ", ")})
		}
	}
}

func (s *suite) impersonate(u credential, sets ...[][]string) {
	asks := []testCase{
		{method: "GET", target: pods},
		{method: "GET", target: configMaps + "/cm-1"},
		{method: "GET", target: "/version"},
		{method: "DELETE", target: configMaps + "/cm-2"},
		{method: "GET", target: "/apis/apps/v1/namespaces/diff-a/deployments/web/scale"},
		{method: "POST", target: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
			headers: []string{"Content-Type: application/json"}, body: whoAmI},
	}
	for _, lines := range slices.Concat(sets...) {
		for _, t := range asks {
			t.group, t.cred = "impersonation", u
			t.headers = append(append([]string{}, t.headers...), lines...)
			t.note = fmt.Sprintf("%.120s", strings.Join(lines, ", "))
			s.add(t)
		}
	}
}

// impersonated sends a part of what a node was made to send once more, as
// somebody who becomes that node: half of it with the name alone, half with
// the group.
func (n *nodeSuite) impersonated() {
	const every = 23
	own := nodeCredential("n002")
	for i, made := range n.cases {
		if i%every != 0 || made.cred.name != own.name || made.raw != "" {
			continue
		}
		t := *made
		t.cred = certificate("admin")
		lines := asUser("system:node:n002")
		if i/every%2 == 1 {
			t.cred = token("masters")
			lines = append(lines, asGroups(nodesGroup)...)
		}
		t.cred = t.cred.with("as-node", lines...)
		n.add(t)
	}
}
