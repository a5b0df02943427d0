// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A testCase is one request that both servers get.
type testCase struct {
	group   string
	cred    credential
	method  string
	target  string
	headers []string
	body    string
	// raw, if set, is the whole request instead of the fields above.
	raw string
	// note tells cases apart that otherwise have the same name.
	note string
	// fresh asks for a connection of its own.
	fresh bool
	// event asks for the first event of a stream, where one is sure to come.
	event bool
	// refusable marks framing that the proxy may refuse with 400 although the
	// server takes it.
	refusable bool
	// strict marks a body on which two readers may disagree: the proxy may
	// refuse it with 400 or 415.
	strict bool
	// accepted are stricter answers that a vector allows.
	accepted []int
}

func (t *testCase) id() string {
	id := fmt.Sprintf("%s %s %s %s", t.group, t.cred.name, t.method, t.target)
	if len(id) > 300 {
		id = id[:300] + "…"
	}
	if t.note != "" {
		id += " [" + t.note + "]"
	}
	return id
}

// A suite makes the cases; the same files and seed make the same cases.
type suite struct {
	certificates []credential
	tokens       []credential
	// request is a certificate signing request in PEM, nodeRequest one of n002.
	request, nodeRequest []byte
	random               *rand.Rand
	cases                []*testCase
}

const seed = 20250

func (s *suite) add(t testCase) *testCase {
	added := &t
	if mutates(t.method) && t.raw == "" {
		added.target = dryRun(t.target)
	}
	s.cases = append(s.cases, added)
	return added
}

func mutates(method string) bool {
	return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE"
}

// dryRun keeps writes from leaving a trace, so that every case finds the same
// objects whatever ran before.
func dryRun(target string) string {
	if strings.Contains(target, "dryRun=") || strings.HasSuffix(target, "*") {
		return target
	}
	if strings.Contains(target, "?") {
		return target + "&dryRun=All"
	}
	return target + "?dryRun=All"
}

func (s *suite) build() {
	s.credentialCases()
	s.requestInfoCases()
	s.rightsCases()
	s.negotiationCases()
	s.writeCases()
	s.headerCases()
	s.framingCases()
	s.webSocketTokens()
	s.randomCases()
	s.impersonationCases()
}

const (
	configMaps = "/api/v1/namespaces/diff-a/configmaps"
	pods       = "/api/v1/namespaces/diff-a/pods"
	whoAmI     = `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}`
)

// credentialCases ask with every credential for things that few, many and
// all users may do, and for those that are answered before authentication.
func (s *suite) credentialCases() {
	for _, c := range s.allCredentials() {
		for _, target := range []string{pods, "/api/v1/nodes/n1", "/version", "/custom",
			configMaps + "/cm-1",
			"/api/v1/watch", "/api/v1/pods?timeout=abc", "/healthz", pods +
				"?watch=1&timeoutSeconds=1"} {
			s.add(testCase{group: "credential", cred: c, method: "GET", target: target,
				event: true})
		}
		s.add(testCase{group: "credential", cred: c, method: "HEAD", target: configMaps})
		s.add(testCase{group: "credential", cred: c, method: "DELETE", target: configMaps +
			"/cm-2"})
		s.add(testCase{group: "credential", cred: c, method: "POST",
			target:  "/apis/authentication.k8s.io/v1/selfsubjectreviews",
			headers: []string{"Content-Type: application/json"}, body: whoAmI})
	}
}

//go:embed requests.txt
var requestTable string

// requestInfoCases send the request-info table as it stands, and once more
// with names that exist, so that routing and storage see the targets too.
func (s *suite) requestInfoCases() {
	users := []credential{anonymous, certificate("jane"), token("carol"), certificate("admin"),
		token("uwe"), token("stan"),
		anonymous.with("unknown", authorizationLines["unknown"]...)}
	existing := strings.NewReplacer("namespaces/foo", "namespaces/diff-a", "namespaces/ns",
		"namespaces/diff-b",
		"/bar", "/p1", "pods/foo", "pods/p1", "deployments/d/", "deployments/web/",
		"services/https:web:443", "services/web")
	for _, row := range strings.Split(strings.TrimSpace(requestTable), "\n") {
		method, target, ok := strings.Cut(row, " ")
		if !ok || method == "#" {
			continue
		}
		for _, u := range users {
			// Whoever may profile waits half a minute for the answer.
			if strings.Contains(target, "/debug/pprof/profile") && (u.cert == "admin" ||
				u.name == "token:uwe") {
				continue
			}
			s.requestInfoCase(u, method, target)
			if other := existing.Replace(target); other != target {
				s.requestInfoCase(u, method, other)
			}
		}
	}
}

func (s *suite) requestInfoCase(u credential, method, target string) {
	t := s.add(testCase{group: "request-info", cred: u, method: method, target: target})
	// Go's server ends the connection after these, or the answer does not say
	// where it ends.
	t.fresh = method == "CONNECT" || !strings.HasPrefix(target, "/")
}

// rightsCases sample the product of users, verbs and objects.
func (s *suite) rightsCases() {
	users := append([]credential{anonymous, certificate("jane"), certificate("node"),
		certificate("cn-comma"),
		certificate("cn-unicode"), certificate("cn-quotes"), certificate("masters-name"),
		certificate("front-proxy-cn"),
		certificate("anonymous"), certificate("unauth-group")}, s.tokens...)
	for _, u := range users {
		for _, target := range rightsTargets() {
			for _, method := range rightsMethods {
				if s.random.IntN(100) < 12 {
					s.add(testCase{group: "rights", cred: u, method: method, target: target})
				}
			}
		}
		for _, target := range urlTargets {
			for _, method := range []string{"GET", "POST", "HEAD"} {
				if s.random.IntN(100) < 50 {
					s.add(testCase{group: "rights", cred: u, method: method, target: target})
				}
			}
		}
	}
}

var rightsMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

var urlTargets = []string{"/", "/api", "/api/", "/apis", "/apis/apps", "/api/v1", "/apix",
	"/healthz", "/healthz/ping", "/healthz/",
	"/livez", "/readyz", "/readyz/ping", "/livez/etcd", "/metrics", "/metrics/slis", "/version",
	"/version/", "/custom", "/custom/", "/custom/x/y", "/any", "/a%20b",
	"/n*m", "/nxm", "/logs", "/logsx", "/openapi/v2", "/openapi/v3", "/index.html",
	"/custom-anonymous", "/never-through-a-rolebinding",
	"/marker", "/.well-known/openid-configuration", "/openid/v1/jwks", "//", "//version",
	"/version?x=1", "/VERSION"}

func rightsTargets() []string {
	core := []string{"pods", "pods/p1", "pods/p1/log", "pods/p1/status", "pods/p1/exec",
		"pods/p1/attach", "pods/p1/portforward",
		"pods/p1/eviction", "pods/p1/proxy/x", "pods/p1/binding", "pods/p1/ephemeralcontainers",
		"pods/nope", "configmaps",
		"configmaps/cm-1", "configmaps/cm-2", "configmaps/missing",
		"configmaps?fieldSelector=metadata.name%3Dcm-1",
		"configmaps?fieldSelector=metadata.name%3Dcm-2",
		"configmaps?watch=true&fieldSelector=metadata.name%3Dcm-1",
		"configmaps?watch=1", "configmaps?limit=1", "configmaps?labelSelector=n%3D1", "secrets",
		"secrets/s1", "secrets/s2",
		"services/web", "services/web/proxy/", "serviceaccounts/runner/token", "serviceaccounts",
		"widgets", "widgets/x/log"}
	var all []string
	for _, ns := range []string{"diff-a", "diff-b"} {
		for _, object := range core {
			all = append(all, "/api/v1/namespaces/"+ns+"/"+object)
		}
		all = append(all, "/api/v1/namespaces/"+ns, "/api/v1/namespaces/"+ns+"/status",
			"/api/v1/namespaces/"+ns+"/finalize")
		for _, object := range []string{"deployments", "deployments/web", "deployments/web/scale",
			"deployments/web/status"} {
			all = append(all, "/apis/apps/v1/namespaces/"+ns+"/"+object)
		}
		for _, object := range []string{"roles", "roles/devs", "rolebindings",
			"rolebindings/devs"} {
			all = append(all, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+ns+"/"+object)
		}
		all = append(all, "/apis/coordination.k8s.io/v1/namespaces/"+ns+"/leases/lease-1",
			"/apis/diff.example.com/v1/namespaces/"+ns+"/widgets",
			"/apis/diff.example.com/v1/namespaces/"+ns+"/widgets/w/status")
	}
	return append(all, "/api/v1/pods", "/api/v1/configmaps", "/api/v1/secrets",
		"/api/v1/namespaces", "/api/v1/nodes",
		"/api/v1/nodes/n1", "/api/v1/nodes/n001", "/api/v1/nodes/n1/status",
		"/api/v1/nodes/n1/proxy/x", "/apis/apps/v1/deployments",
		"/apis/rbac.authorization.k8s.io/v1/clusterroles/view",
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
		"/apis/certificates.k8s.io/v1/certificatesigningrequests/none/approval",
		"/apis/no.such.group/v1/things",
		"/apis/apps/v1beta9/deployments",
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.diff.example.com")
}
