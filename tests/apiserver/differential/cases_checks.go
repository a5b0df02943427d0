// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"fmt"
)

// Here are the requests on which the server asks its authorizer a second
// question, or is asked to put one. An upstream that allows everything
// answers all of them with yes, so a proxy that forwards them gives rights
// away without any 403 being missed.

const (
	protobufType = "application/vnd.kubernetes.protobuf"
	rbacGroup    = "/apis/rbac.authorization.k8s.io/v1/namespaces/diff-a/"
	reviewGroup  = "/apis/authorization.k8s.io/v1/"
)

// field encodes one length-delimited protobuf field shorter than 128 bytes.
func field(number int, content string) string {
	return string([]byte{byte(number<<3 | 2), byte(len(content))}) + content
}

// protobuf wraps an encoded object as the API's media type wants it.
func protobuf(apiVersion, kind, object string) string {
	return "k8s\x00" + field(1, field(1, apiVersion)+field(2, kind)) + field(2, object)
}

func checkUsers() []credential {
	return []credential{anonymous, certificate("admin"), certificate("jane"), token("rob"),
		token("stan"), token("ed"),
		token("sue"), token("wim"), token("vera")}
}

// object is a document in JSON; members are those beside kind and version.
func object(name, apiVersion, kind, members string) document {
	return document{name, "application/json",
		fmt.Sprintf(`{"kind":"%s","apiVersion":"%s",%s}`, kind, apiVersion, members)}
}

// secondQuestions write roles, bindings and certificates' approvals, and
// delete without reading.
func (s *suite) secondQuestions() {
	const rbac, metadata = "rbac.authorization.k8s.io/v1", `"metadata":{"name":"new"},`
	const rules = `"rules":[{"verbs":["get"],"apiGroups":[""],"resources":["secrets"]}]`
	role := object("role", rbac, "Role", metadata+rules)
	held := object("held role", rbac, "Role", metadata+
		`"rules":[{"verbs":["get"],"apiGroups":[""],"resources":["configmaps"]}]`)
	binding := object("binding", rbac, "RoleBinding", metadata+
		`"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"rob"}],`+
		`"roleRef":{"kind":"ClusterRole","apiGroup":"rbac.authorization.k8s.io",`+
		`"name":"cluster-admin"}`)
	approval := object("approval", "certificates.k8s.io/v1", "CertificateSigningRequest",
		`"metadata":{"name":"none"}`)
	applied := document{"apply", "application/apply-patch+yaml",
		"kind: Role\napiVersion: " + rbac + "\nmetadata: {name: applied}\n" +
			"rules:\n- {verbs: [get], apiGroups: [\"\"], resources: [secrets]}\n"}
	for _, u := range checkUsers() {
		s.write(u, "POST", rbacGroup+"roles", role)
		s.write(u, "POST", rbacGroup+"roles/", role)
		s.write(u, "POST", rbacGroup+"%72oles", role)
		s.write(u, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/diff-a%2Froles", role)
		s.write(u, "POST", "/apis/rbac.authorization%2Ek8s.io/v1/namespaces/diff-a/roles", role)
		s.write(u, "POST", rbacGroup+"roles", held)
		s.write(u, "PUT", rbacGroup+"roles/new", role)
		s.write(u, "POST", rbacGroup+"rolebindings", binding)
		s.write(u, "POST", rbacGroup+"role%62indings", binding)
		s.write(u, "PUT", rbacGroup+"rolebindings/new", binding)
		s.write(u, "PATCH", rbacGroup+"roles/devs", document{"widen",
			"application/merge-patch+json", `{` + rules + `}`})
		s.write(u, "PATCH", rbacGroup+"roles/devs", document{"label",
			"application/merge-patch+json", `{"metadata":{"labels":{"x":"y"}}}`})
		s.write(u, "PATCH", rbacGroup+"roles/devs", document{"json", "application/json-patch+json",
			`[{"op":"add","path":"/rules/0/verbs/-","value":"delete"}]`})
		s.write(u, "PATCH", rbacGroup+"roles/applied?fieldManager=m", applied)
		s.write(u, "PATCH", rbacGroup+"rolebindings/devs", document{"subjects",
			"application/merge-patch+json", `{"subjects":null}`})
		s.write(u, "DELETE", rbacGroup+"roles/devs", document{})
		s.write(u, "PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/none/approval",
			approval)
		s.write(u, "PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/none/status",
			approval)
		s.write(u, "DELETE",
			configMaps+"/cm-1?ignoreStoreReadErrorWithClusterBreakingPotential=true", document{})
		s.write(u, "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests",
			s.signingRequest())
	}
}

// signingRequest is an object in which the server records who sent it.
func (s *suite) signingRequest() document {
	return object("requester", "certificates.k8s.io/v1", "CertificateSigningRequest",
		`"metadata":{"name":"who"},"spec":{"signerName":"kubernetes.io/kube-apiserver-client",`+
			`"usages":["client auth"],"request":"`+
			base64.StdEncoding.EncodeToString(s.request)+`"}`)
}

// reviews put questions to the authorizer, for the user and for others.
func (s *suite) reviews() {
	const what = `"resourceAttributes":{"verb":"get","resource":"secrets","namespace":"diff-a"}`
	const group = "authorization.k8s.io/v1"
	self := object("self", group, "SelfSubjectAccessReview", `"spec":{`+what+`}`)
	other := object("other", group, "SubjectAccessReview", `"spec":{"user":"jane",`+what+`}`)
	local := object("local", group, "LocalSubjectAccessReview",
		`"metadata":{"namespace":"diff-a"},"spec":{"user":"jane",`+what+`}`)
	rules := object("rules", group, "SelfSubjectRulesReview", `"spec":{"namespace":"diff-a"}`)
	tokenReview := object("token", "authentication.k8s.io/v1", "TokenReview",
		`"spec":{"token":"tok-jane"}`)
	binary := document{"protobuf", protobufType, protobuf("authorization.k8s.io/v1",
		"SelfSubjectAccessReview",
		field(2, field(1, field(1, "diff-a")+field(2, "get")+field(5, "secrets"))))}
	who := document{"protobuf", protobufType, protobuf("authentication.k8s.io/v1",
		"SelfSubjectReview", "")}
	for _, u := range checkUsers() {
		s.write(u, "POST", reviewGroup+"selfsubjectaccessreviews", self)
		s.write(u, "POST", reviewGroup+"selfsubjectaccessreviews", binary)
		s.write(u, "POST", reviewGroup+"selfsubjectaccessreviews/", self)
		s.write(u, "POST", reviewGroup+"%73elfsubjectaccessreviews", self)
		s.write(u, "POST", "/apis/authorization.k8s.io%2Fv1/selfsubjectaccessreviews", self)
		s.write(u, "POST", "/apis/authorization.k8s.io/v1beta1/selfsubjectaccessreviews", self)
		s.write(u, "POST", reviewGroup+"subjectaccessreviews", other)
		s.write(u, "POST", reviewGroup+"namespaces/diff-a/localsubjectaccessreviews", local)
		s.write(u, "POST", reviewGroup+"selfsubjectrulesreviews", rules)
		s.write(u, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", who)
		s.write(u, "POST", "/apis/authentication.k8s.io/v1/tokenreviews", tokenReview)
	}
}

var webSocket = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}

// tunnels ask for streams into a pod that runs nowhere, so that none opens;
// the server asks for a second right first.
func (s *suite) tunnels() {
	for _, u := range checkUsers() {
		for _, sub := range []string{"exec?command=ls", "attach", "portforward",
			"%65xec?command=ls"} {
			s.add(testCase{group: "tunnel", cred: u, method: "GET", target: pods + "/p1/" + sub})
			s.add(testCase{group: "tunnel", cred: u, method: "GET", target: pods + "/p1/" + sub,
				note: "websocket", fresh: true,
				headers: append([]string{"Sec-WebSocket-Protocol: v5.channel.k8s.io"},
					webSocket...)})
			s.add(testCase{group: "tunnel", cred: u, method: "POST", target: pods + "/p1/" + sub,
				note: "SPDY", fresh: true,
				headers: []string{"Connection: Upgrade", "Upgrade: SPDY/3.1",
					"X-Stream-Protocol-Version: v4.channel.k8s.io"}})
		}
	}
}

// webSocketTokens carry the bearer token as a subprotocol, as browsers must.
func (s *suite) webSocketTokens() {
	const prefix = "base64url.bearer.authorization.k8s.io."
	good := prefix + base64.RawURLEncoding.EncodeToString([]byte("tok-jane"))
	forms := map[string][]string{
		"good":      {good + ", v5.channel.k8s.io"},
		"two lines": {"v5.channel.k8s.io", good},
		"alone":     {good},
		"twice":     {good + "," + good + ", v5.channel.k8s.io"},
		"unknown": {prefix + base64.RawURLEncoding.EncodeToString([]byte("nobody")) +
			", v5.channel.k8s.io"},
		"garbage": {prefix + "!!!, v5.channel.k8s.io"},
		"empty":   {prefix + ", v5.channel.k8s.io"},
		"none":    {"v5.channel.k8s.io"},
	}
	for _, name := range sortedKeys(forms) {
		var lines []string
		for _, p := range forms[name] {
			lines = append(lines, "Sec-WebSocket-Protocol: "+p)
		}
		for _, upgrade := range [][]string{nil, webSocket} {
			for _, u := range []credential{anonymous, token("carol"), certificate("unknown-ca")} {
				note := fmt.Sprintf("%s, upgrade %t", name, upgrade != nil)
				s.add(testCase{group: "websocket-token", cred: u, method: "GET", target: pods,
					note:    note,
					headers: append(append([]string{}, lines...), upgrade...), fresh: true})
			}
		}
	}
}
