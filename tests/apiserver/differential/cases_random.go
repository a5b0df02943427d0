// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// unresolved are targets that name nothing, in forms whose repetition in the
// error text shows how they were read.
var unresolved = []string{"/api/v1/w%61tch", "/api/%761/watch", "//api/v1/watch", "/api/v1/watch//",
	"/apis/apps/v1/proxy?a=<b>&c=%22", "/api/v%20/watch", "/api/v%22/watch?x=\"y\"",
	"/api/a:b/watch",
	"https://other.example/api/v1/watch?x=y", "/api/v1/watch?", "/api//watch", "/api/v%zz/watch",
	"/api/%c3%a9/watch", "/api/v%2F/watch", "/api/v1/proxy?%zz", "/api/v1/watch?a=b#c",
	"/api/(v1)/watch"}

// words are what random targets are made of: those that the resolution of a
// request looks at, and forms that may or may not be the same.
var words = []string{"api", "apis", "v1", "apps", "namespaces", "namespaces", "diff-a", "diff-a",
	"diff-b",
	"pods", "pods", "p1", "configmaps", "cm-1", "deployments", "web", "scale", "status", "finalize",
	"watch",
	"proxy", "log", "", ".", "..", "*", "%61pi", "namespace%73", "pods%2Fp1", "diff-a%2Fpods",
	"%2F", "%20",
	"PODS", "nodes", "secrets", "services", "healthz", "version", "a%3Fb", "%25", "~", "p1;x=y"}

var parameters = []string{"watch=1", "watch=0", "watch", "watch=false", "WATCH=1",
	"timeoutSeconds=1", "limit=1",
	"limit=x", "fieldSelector=metadata.name%3Dcm-1", "fieldSelector=metadata.name=p1,x",
	"fieldSelector=a%5C",
	"fieldSelector=metadata.name%3D%3Dcm-1%2Cmetadata.namespace%3Ddiff-a", "labelSelector=a%3Db",
	"labelSelector=!!", "labelSelector=a%20in%20(b,c)", "labelSelector=a%20notin%20(",
	"labelSelector=%3E",
	"resourceVersion=0", "x;y", "%zz=1", "", "dryRun=All", "pretty=1", "name=cm-1",
	"fieldSelector=metadata.name!%3Dp1",
	"allowWatchBookmarks=x", "continue=x", "labelSelector=a%3E1", "labelSelector=a.b/c=d"}

// starts lead half of the random targets to where the resources are.
var starts = []string{"/", "/api/v1/", "/api/v1/namespaces/", "/api/v1/namespaces/diff-a/",
	"/apis/apps/v1/",
	"/api/v1/namespaces/diff-a/configmaps", "/api/v1/namespaces/diff-a/pods/", "/api/v1/watch/",
	"/apis/apps/v1/namespaces/diff-a/deployments/", "//"}

const randomTargets = 3000

// randomCases put targets together at random; the seed makes them the same in
// every run.
func (s *suite) randomCases() {
	users := []credential{anonymous, certificate("jane"), token("carol"), token("stan"),
		token("nina"),
		token("sue"), token("vera"), token("nell"), token("ulf")}
	methods := []string{"GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE",
		"OPTIONS"}
	for range randomTargets {
		s.add(testCase{group: "random", cred: pick(s, users), method: pick(s, methods),
			target: s.randomTarget()})
	}
	for _, target := range unresolved {
		s.add(testCase{group: "unresolved", cred: anonymous, method: "GET", target: target,
			fresh: true})
		s.add(testCase{group: "unresolved", cred: token("uwe"), method: "GET", target: target,
			fresh: true})
	}
}

func pick[T any](s *suite, from []T) T {
	return from[s.random.IntN(len(from))]
}

func (s *suite) randomTarget() string {
	var segments []string
	for range s.random.IntN(5) {
		segments = append(segments, pick(s, words))
	}
	target := pick(s, starts) + strings.Join(segments, "/")
	if s.random.IntN(6) == 0 {
		target += "/"
	}
	var query []string
	for range s.random.IntN(3) {
		query = append(query, pick(s, parameters))
	}
	if len(query) > 0 {
		target += "?" + strings.Join(query, "&")
	}
	return target
}
