// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A known difference is one that is documented. The table is the only place
// that excuses anything, and never an answer below 400 where the server
// refuses: see excuse.
type known struct {
	name string
	why  string
	// mode limits the entry to one arrangement; empty means both.
	mode    string
	matches func(t *testCase, direct, proxied *answer) bool
	used    int
}

var differences = []*known{
	{name: "unknown method",
		why: "methods that the parser does not know are 400 before anything is decided",
		matches: func(t *testCase, _, proxied *answer) bool {
			return proxied.status == 400 && !slices.Contains(parserMethods, t.method)
		}},
	{name: "high bytes in target", why: "target bytes of 0x80 and above are 400",
		matches: func(t *testCase, _, proxied *answer) bool {
			return proxied.status == 400 && strings.ContainsFunc(t.target,
				func(r rune) bool { return r >= 0x80 })
		}},
	{name: "targets no client sends",
		why: "CONNECT, NUL in the path and more than 10000 query pieces are 400",
		matches: func(t *testCase, _, proxied *answer) bool {
			return proxied.status == 400 &&
				(t.method == "CONNECT" || strings.Contains(t.target, "%00") ||
					strings.Count(t.target, "&") > 10000)
		}},
	{name: "framing",
		why: "one strict table of refusals stands behind the parser: 400 or 505, and close",
		matches: func(t *testCase, _, proxied *answer) bool {
			return (proxied.status == 400 || proxied.status == 505) && t.refusable
		}},
	{name: "identity no header can carry",
		why: "a name, uid or group with control bytes, or blanks at an end, is 403",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return proxied.status == 403 && slices.Contains(uncarriable, t.cred.cert)
		}},
	{name: "empty groups",
		why: "a header cannot carry one and no binding can name one: the upstream drops it",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return proxied.status == direct.status && t.cred.cert == "empty-group" &&
				strings.HasSuffix(t.path(), "/selfsubjectreviews")
		}},
	{name: "list of paths", why: "an upstream without RBAC has other start-up hooks", mode: "none",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return proxied.status == direct.status && (t.path() == "/" || t.path() == "/index.html")
		}},
	{name: "own health checks", why: "the proxy answers them itself, so their list is its own",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return proxied.status == direct.status && healthDetail.MatchString(t.target)
		}},
	{name: "reviews",
		why:  "an upstream that allows everything would answer every review with yes: 403",
		mode: "none",
		matches: func(t *testCase, _, proxied *answer) bool {
			return proxied.status == 403 && t.method == "POST" && reviews.MatchString(t.path())
		}},
	{name: "second questions",
		why: "what the upstream would ask its authorizer again is lost there: 403", mode: "none",
		matches: func(t *testCase, _, proxied *answer) bool {
			return proxied.status == 403 && (mutates(t.method) &&
				guardedWrites.MatchString(t.path()) ||
				t.method == "GET" && tunnels.MatchString(t.path()))
		}},
	{name: "upgrades", why: "connection upgrades are not forwarded yet, so the server asks for one",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return proxied.status == 400 && slices.ContainsFunc(t.headers, func(line string) bool {
				return strings.HasPrefix(line, "Upgrade: ")
			})
		}},
	{name: "unsafe delete",
		why: "the option needs a right that the upstream would not ask for: 403", mode: "none",
		matches: func(t *testCase, _, proxied *answer) bool {
			return proxied.status == 403 && t.method == "DELETE" &&
				strings.Contains(t.target+t.body, "ClusterBreakingPotential")
		}},
	{name: "token reviews", why: "the upstream does not know the proxy's token file, and says so",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return tokenReviews.MatchString(t.path()) && (proxied.status == 403 ||
				proxied.status == direct.status && !strings.Contains(string(proxied.body),
					`"authenticated":true`))
		}},
	{name: "strict reading",
		why: "bodies on which two readers may disagree are 400 or 415 before anything is sent",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return t.strict && (proxied.status == 400 || proxied.status == 415)
		}},
	{name: "stricter vectors", why: "the vector allows the answer beside the server's own",
		matches: func(t *testCase, _, proxied *answer) bool {
			return slices.Contains(t.accepted, proxied.status)
		}},
	{name: "creation by update", why: "update or patch without create might create the object: 403",
		mode: "none",
		matches: func(t *testCase, _, proxied *answer) bool {
			return proxied.status == 403 && (t.method == "PUT" || t.method == "PATCH") &&
				slices.Contains(withoutCreate, t.cred.name)
		}},
}

var parserMethods = []string{"DELETE", "GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "PATCH"}

// uncarriable are the client certificates whose identity would change on its
// way through a header.
var uncarriable = []string{"blank-group", "tail-group", "blank-name", "tail-name", "tab-name",
	"control-name", "newline-group",
	"nul-name", "uid-blank", "empty-group"}

// withoutCreate are the users who may update or patch without the right to
// create; see fixtures.yaml.
var withoutCreate = []string{"token:paul", "token:nina", "token:sue", "token:ed"}

var (
	healthDetail = regexp.MustCompile(`^/(livez|readyz|healthz)(/.|\?)`)
	reviews      = regexp.MustCompile(`^/apis/authorization\.k8s\.io/[^/]+/` +
		`(namespaces/[^/]+/)?(local|self)?subject(access|rules)reviews`)
	tokenReviews  = regexp.MustCompile(`^/apis/authentication\.k8s\.io/v1/tokenreviews`)
	guardedWrites = regexp.MustCompile(`/(cluster)?role(binding)?s(/|\?|$)|` +
		`/certificatesigningrequests/[^/]+/(approval|status)|/clustertrustbundles|` +
		`/podcertificaterequests/[^/]+/status|/resourceclaims/[^/]+/status|` +
		`/(validating|mutating)admissionpolic`)
	tunnels = regexp.MustCompile(`/pods/[^/]+/(exec|attach|portforward)`)
)

// path is the decoded path of the request.
func (t *testCase) path() string {
	raw, _, _ := strings.Cut(t.target, "?")
	path, err := url.PathUnescape(raw)
	if err != nil {
		return raw
	}
	return path
}

// excuse finds the table entry that covers a difference. It never does when
// the server refuses and the proxy does not.
func excuse(mode string, t *testCase, direct, proxied *answer) *known {
	if proxied.err != "" || proxied.status < 400 && (direct.err != "" || direct.status >= 400) {
		return nil
	}
	for _, k := range differences {
		if (k.mode == "" || k.mode == mode) && mode != "self" && k.matches(t, direct, proxied) {
			return k
		}
	}
	return nil
}
