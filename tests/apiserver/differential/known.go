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
	{name: "empty groups", why: "a header cannot carry an empty group, and no rule can name one",
		matches: func(t *testCase, direct, proxied *answer) bool {
			without := strings.NewReplacer(`"",`, "")
			return t.group == "impersonation" && direct.status == proxied.status &&
				slices.Contains(t.headers, "Impersonate-Group: ") &&
				without.Replace(content(direct)) == content(proxied)
		}},
	{name: "strict reading",
		why: "bodies on which two readers may disagree are 400 or 415 before anything is sent",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return t.strict && (proxied.status == 400 || proxied.status == 415) ||
				t.group == "node-vector" && direct.status == 400 && proxied.status == 400
		}},
	{name: "patches that do not fit",
		why: "a patch whose result is no object of its kind is 422, without the result in the text",
		matches: func(t *testCase, direct, proxied *answer) bool {
			const text = "is invalid: patch: Invalid value: "
			return t.strict && proxied.status == 422 && (sameUpTo(text, direct, proxied) ||
				direct.status == 400 && strings.Contains(string(proxied.body), text))
		}},
	{name: "panics", why: "the server ends the connection where its patch code panics",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return t.strict && direct.err == "closed" && proxied.status >= 500 &&
				strings.Contains(t.body, "$setElementOrder/")
		}},
	{name: "apply to a status", mode: "none",
		why: "a node may patch a status, but not create one: 403",
		matches: func(t *testCase, _, proxied *answer) bool {
			return t.applies() && strings.HasPrefix(t.group, "node-") &&
				strings.HasSuffix(t.path(), "/status") && proxied.status == 403 &&
				strings.Contains(string(proxied.body), "an apply may create the object")
		}},
	{name: "version of a dry run",
		why: "an apply is bound to what it was tried on: the answer of a dry run shows a version",
		matches: func(t *testCase, direct, proxied *answer) bool {
			without := strings.NewReplacer(`"resourceVersion":"(changing)",`, "")
			return t.applies() && direct.status == proxied.status && direct.status < 300 &&
				without.Replace(content(direct)) == without.Replace(content(proxied))
		}},
	{name: "refused before the upstream is asked",
		why: "what a node may not touch is 403 from the URL or the body alone, before the server " +
			"would find that the object is missing, stale or cannot be read",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return strings.HasPrefix(t.group, "node-") && direct.status >= 400 &&
				proxied.status == 403 && nodeRestriction.Match(proxied.body)
		}},
	{name: "missing pods", why: "a pod that is not there is 404 before the body is read",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return strings.HasPrefix(t.group, "node-") && proxied.status == 404 &&
				(direct.status == 400 || direct.status == 415) &&
				strings.Contains(t.path(), "/pods/missing")
		}},
	{name: "what the upstream does not serve",
		why: "a node's write is judged as if the version or subresource were served",
		matches: func(t *testCase, direct, proxied *answer) bool {
			message := memberOf(statusOf(direct), "message")
			return strings.HasPrefix(t.group, "node-") && mutates(t.method) &&
				(message == "the server could not find the requested resource" ||
					message == "the server does not allow this method on the requested resource") &&
				(proxied.status == 400 || proxied.status == 403 || proxied.status == 415)
		}},
	{name: "what differs in a claim", why: "the two objects are not dumped: the field is named",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return direct.status == 403 && proxied.status == 403 && sameUpTo("is not allowed "+
				"to update fields other than status.quantity and status.conditions: ", direct, proxied)
		}},
	{name: "warnings beside a refusal",
		why: "the proxy's own refusals carry no warnings of unknown fields",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return direct.status >= 400 && direct.status == proxied.status &&
				string(direct.body) == string(proxied.body) && direct.header["Warning"] != nil &&
				proxied.header["Warning"] == nil
		}},
	{name: "Go's parser's words", why: "what is wrong with JSON is said in other words",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return direct.status == 400 && proxied.status == 400 &&
				sameUpTo("json parse error: ", direct, proxied)
		}},
	{name: "storage's words", why: "the store's key and code are not known to the proxy",
		matches: func(t *testCase, direct, proxied *answer) bool {
			const code = "StorageError: invalid object, Code: 4, Key: "
			before, after, ok := strings.Cut(string(direct.body), code)
			_, after, found := strings.Cut(after, "AdditionalErrorMsg: ")
			return ok && found && direct.status == 409 && proxied.status == 409 &&
				before+after == string(proxied.body)
		}},
	{name: "collections",
		why: "a node deletes no collections but of its own slices; the server does not look at " +
			"the objects of dry runs",
		matches: func(t *testCase, direct, proxied *answer) bool {
			return proxied.status == 403 && t.method == "DELETE" &&
				strings.HasPrefix(t.group, "node-") && nodeCollection.MatchString(t.path())
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

// nodeRestriction is what NodeRestriction says of whose object it is.
var nodeRestriction = regexp.MustCompile(`is not allowed to modify (node|labels|taints|ownerReferences)|` +
	`can only (delete|evict) pods with spec.nodeName|` +
	`can only update pod status for pods with spec.nodeName|` +
	`can only access (node lease|CSINode) with the same name|` +
	`can only access leases in the \\"kube-node-lease\\"|` +
	`can only delete ResourceSlice with the same NodeName|may only update PVC status|` +
	`unexpected pod subresource|unexpected operation \\"UPDATE\\", node`)

var nodeCollection = regexp.MustCompile(`/(pods|leases|resourceslices|persistentvolumeclaims)/?$`)

// sameUpTo says whether both messages have the text, and the same before it.
func sameUpTo(text string, direct, proxied *answer) bool {
	d, _, found := strings.Cut(memberOf(statusOf(direct), "message"), text)
	p, _, also := strings.Cut(memberOf(statusOf(proxied), "message"), text)
	return found && also && d == p
}

// applies says whether the request is a server-side apply.
func (t *testCase) applies() bool {
	return t.method == "PATCH" && slices.ContainsFunc(t.headers, func(line string) bool {
		return strings.HasPrefix(line, "Content-Type: application/apply-patch+")
	})
}

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
