// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

// uncompared are headers whose value, or presence, says nothing about the
// decision: random ids, clocks, hop-by-hop fields, and the fairness headers
// that only the server behind a limiter sets.
var uncompared = map[string]bool{
	"Audit-Id":                          true,
	"Date":                              true,
	"Connection":                        true,
	"Transfer-Encoding":                 true,
	"X-Kubernetes-Pf-Flowschema-Uid":    true,
	"X-Kubernetes-Pf-Prioritylevel-Uid": true,
	// These tell when the process started or first built a document.
	"Process-Start-Time-Unix": true,
	"Last-Modified":           true,
}

// ownAddress is where a server says it can be reached.
var ownAddress = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)

// volatile are paths whose content differs from process to process or from
// moment to moment; their status and headers are compared all the same.
var volatile = regexp.MustCompile(`^/+(metrics|debug|configz|flagz|statusz|logs)`)

// A difference is one aspect in which two answers disagree.
type difference struct {
	aspect          string
	direct, proxied string
}

func (d difference) String() string {
	from := commonPrefix(d.direct, d.proxied)
	return fmt.Sprintf("%s: direct %s, proxy %s", d.aspect, excerpt(d.direct, from),
		excerpt(d.proxied, from))
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// excerpt is the part of a text around the place where it begins to differ.
func excerpt(s string, from int) string {
	const before, limit = 80, 300
	start := max(0, from-before)
	if len(s) <= limit {
		start = 0
	}
	cut := s[start:min(len(s), start+limit)]
	mark := ""
	if start > 0 {
		mark = "…"
	}
	if start+limit < len(s) {
		return fmt.Sprintf("%s%q…", mark, cut)
	}
	return fmt.Sprintf("%s%q", mark, cut)
}

type comparison struct{ found []difference }

func (c *comparison) text(aspect, direct, proxied string) {
	if direct != proxied {
		c.found = append(c.found, difference{aspect, direct, proxied})
	}
}

// compare lists all aspects in which the answers disagree.
func compare(t *testCase, direct, proxied *answer) []difference {
	var c comparison
	c.text("error", direct.err, proxied.err)
	c.text("status", fmt.Sprint(direct.status), fmt.Sprint(proxied.status))
	if direct.err != "" || proxied.err != "" {
		return c.found
	}
	c.headers(direct, proxied)
	if t.choosesAuditID() {
		c.text("Audit-Id", values(direct.header, "Audit-Id"), values(proxied.header, "Audit-Id"))
	}
	c.text("stream", fmt.Sprint(direct.stream), fmt.Sprint(proxied.stream))
	if direct.status >= 400 || proxied.status >= 400 {
		c.errorBody(direct, proxied)
	} else if !volatile.MatchString(t.target) {
		c.text("body", ownAddress.ReplaceAllString(content(direct), "SERVER"),
			ownAddress.ReplaceAllString(content(proxied), "SERVER"))
	}
	return c.found
}

func (c *comparison) headers(direct, proxied *answer) {
	names := map[string]bool{}
	for name := range direct.header {
		names[name] = true
	}
	for name := range proxied.header {
		names[name] = true
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	for _, name := range sorted {
		// A length beside a body of 2xx depends on ids and times in it.
		if uncompared[name] || name == "Content-Length" && direct.status < 400 {
			continue
		}
		c.text("header "+name, values(direct.header, name), values(proxied.header, name))
	}
	c.text("number of Audit-Id headers", fmt.Sprint(len(direct.header["Audit-Id"])),
		fmt.Sprint(len(proxied.header["Audit-Id"])))
	c.text("number of Date headers", fmt.Sprint(len(direct.header["Date"])),
		fmt.Sprint(len(proxied.header["Date"])))
}

func values(h http.Header, name string) string {
	return strings.Join(h[name], "\n")
}

// errorBody compares the members of Status objects one by one, so that a
// failure names the one that is wrong, and then the bytes.
func (c *comparison) errorBody(direct, proxied *answer) {
	before := len(c.found)
	d, p := statusOf(direct), statusOf(proxied)
	for _, member := range []string{"kind", "apiVersion", "status", "reason", "message", "details",
		"code"} {
		c.text(member, memberOf(d, member), memberOf(p, member))
	}
	if len(c.found) == before {
		c.text("bytes", canonicalReasons(string(direct.body)),
			canonicalReasons(string(proxied.body)))
	}
}

func statusOf(a *answer) map[string]any {
	var object map[string]any
	if yaml.Unmarshal(a.body, &object) != nil || object["status"] == nil {
		return map[string]any{"message": string(a.body)}
	}
	return object
}

func memberOf(object map[string]any, name string) string {
	value, ok := object[name]
	if !ok {
		return "(absent)"
	}
	text, ok := value.(string)
	if !ok {
		encoded, _ := json.Marshal(value)
		text = string(encoded)
	}
	return canonicalReasons(text)
}

var reasonList = regexp.MustCompile(`RBAC: \[[^]]*\]`)

// generated are the names that the server makes of csr-; the suite uses the
// prefix for nothing else.
var generated = regexp.MustCompile(`(csr-)[bcdfghjklmnpqrstvwxz2456789]{5}`)

// canonicalReasons leaves out what was generated, and sorts the list of roles
// that RBAC could not resolve: the server visits bindings in the order of a
// hash table, which changes from one call to the next.
func canonicalReasons(text string) string {
	text = generated.ReplaceAllString(text, "$1")
	return reasonList.ReplaceAllStringFunc(text, func(m string) string {
		items := strings.Split(strings.TrimSuffix(strings.TrimPrefix(m, "RBAC: ["), "]"), ", ")
		slices.Sort(items)
		return "RBAC: [" + strings.Join(items, ", ") + "]"
	})
}

// content is the body of a success without what a second, equal request
// changes.
func content(a *answer) string {
	mediaType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	switch mediaType {
	case "application/json", "application/yaml":
		return structured(a.body)
	case protobufType:
		return decoded(a.body)
	}
	return string(a.body)
}

// structured keeps the outer shape of a document (indentation, final newline)
// beside its content.
func structured(body []byte) string {
	var value any
	decode := json.NewDecoder(bytes.NewReader(body))
	decode.UseNumber()
	err := decode.Decode(&value)
	if err != nil {
		err = yaml.Unmarshal(body, &value)
	}
	if err != nil {
		return string(body)
	}
	shape := fmt.Sprintf("indented %t newline %t ", bytes.HasPrefix(body, []byte("{\n  ")),
		bytes.HasSuffix(body, []byte("\n")))
	encoded, _ := json.Marshal(normalise(value, ""))
	return shape + string(encoded)
}

// changing are members that the server sets anew for every request.
var changing = map[string]bool{
	"uid": true, "resourceVersion": true, "creationTimestamp": true, "time": true, "continue": true,
	"deletionTimestamp": true, "expirationTimestamp": true, "token": true, "renewTime": true,
	"remainingItemCount": true, "startTime": true, "lastTransitionTime": true,
}

// age is what tables show for a time.
var age = regexp.MustCompile(`^([0-9]+[smhd])+$`)

// unordered are lists that the server fills in the order of a hash table.
var unordered = map[string]bool{"resourceRules": true, "nonResourceRules": true}

func normalise(value any, name string) any {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if changing[key] && !identity(v) {
				v[key] = "(changing)"
				continue
			}
			v[key] = normalise(member, key)
		}
		if generated, ok := v["generateName"].(string); ok && generated != "" {
			v["name"] = "(generated)"
		}
	case []any:
		for i := range v {
			v[i] = normalise(v[i], name)
			if text, ok := v[i].(string); ok && name == "cells" && age.MatchString(text) {
				v[i] = "(age)"
			}
		}
		if unordered[name] {
			slices.SortFunc(v, func(a, b any) int {
				return strings.Compare(fmt.Sprint(a),
					fmt.Sprint(b))
			})
		}
	}
	return value
}

// identity tells a user in a review from an object: the uid of a user is what
// the credential says.
func identity(object map[string]any) bool {
	_, user := object["username"]
	return user
}
