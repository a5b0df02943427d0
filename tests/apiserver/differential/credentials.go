// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/csv"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// A credential is what a request presents: a client certificate of the
// connection, header lines, or nothing.
type credential struct {
	name    string
	cert    string
	headers []string
}

var anonymous = credential{name: "anonymous"}

func certificate(name string) credential {
	return credential{name: "cert:" + name, cert: name}
}

func token(name string) credential {
	return credential{name: "token:" + name, headers: []string{"Authorization: Bearer tok-" + name}}
}

func (c credential) with(name string, headers ...string) credential {
	c.name += "+" + name
	c.headers = append(append([]string{}, c.headers...), headers...)
	return c
}

// certificates are all client certificates of the folder, in order.
func certificates(folder string) ([]credential, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.crt"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	var all []credential
	for _, f := range files {
		all = append(all, certificate(strings.TrimSuffix(filepath.Base(f), ".crt")))
	}
	return all, nil
}

// tokens are all distinct tokens of the file, in order.
func tokens(file string) ([]credential, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reader := csv.NewReader(f)
	reader.FieldsPerRecord = -1
	records, err := reader.ReadAll()
	if err != nil {
		return nil, err
	}
	var all []credential
	seen := map[string]bool{}
	for _, r := range records {
		if !seen[r[0]] {
			seen[r[0]] = true
			all = append(all, token(strings.TrimPrefix(r[0], "tok-")))
		}
	}
	return all, nil
}

// authorizationLines are forms of the Authorization header, good and bad; an
// entry with several lines repeats it.
var authorizationLines = map[string][]string{
	"unknown":         {"Authorization: Bearer nobody-knows-me"},
	"prefix-of-token": {"Authorization: Bearer tok-jan"},
	"token-and-more":  {"Authorization: Bearer tok-janes"},
	"case-of-token":   {"Authorization: Bearer TOK-JANE"},
	"empty-header":    {"Authorization:"},
	"scheme-only":     {"Authorization: Bearer"},
	"scheme-blank":    {"Authorization: Bearer "},
	"two-blanks":      {"Authorization: Bearer  tok-jane"},
	"two-blanks-only": {"Authorization: Bearer  "},
	"three-blanks":    {"Authorization: Bearer   tok-jane"},
	"tab":             {"Authorization: Bearer\ttok-jane"},
	"lower-scheme":    {"Authorization: bearer tok-jane"},
	"upper-scheme":    {"Authorization: BEARER tok-jane"},
	"mixed-name":      {"aUTHORIZATION: Bearer tok-jane"},
	"text-behind":     {"Authorization: Bearer tok-jane and more"},
	"blanks-around":   {"Authorization:   Bearer tok-jane   "},
	"tab-around":      {"Authorization: \tBearer tok-jane\t"},
	"no-blank":        {"Authorization:Bearer tok-jane"},
	"token-alone":     {"Authorization: tok-jane"},
	"other-scheme":    {"Authorization: Token tok-jane"},
	"negotiate":       {"Authorization: Negotiate tok-jane"},
	"scheme-suffix":   {"Authorization: Bearers tok-jane"},
	"comma":           {"Authorization: Bearer tok-jane, Bearer tok-masters"},
	"quoted":          {"Authorization: Bearer \"tok-jane\""},
	"basic": {"Authorization: Basic " +
		base64.StdEncoding.EncodeToString([]byte("jane:tok-jane"))},
	"basic-garbage":      {"Authorization: Basic !!!"},
	"first-good":         {"Authorization: Bearer tok-jane", "Authorization: Bearer nobody"},
	"first-bad":          {"Authorization: Bearer nobody", "Authorization: Bearer tok-jane"},
	"first-empty":        {"Authorization:", "Authorization: Bearer tok-masters"},
	"first-basic":        {"Authorization: Basic eDp5", "Authorization: Bearer tok-masters"},
	"underscore-name":    {"Authorization_: Bearer tok-masters", "X_Remote_User: admin"},
	"long-token":         {"Authorization: Bearer " + strings.Repeat("x", 60000)},
	"high-bytes":         {"Authorization: Bearer tok-jan\xc3\xa9"},
	"jwt-shaped":         {"Authorization: Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2t1YmVybmV0ZXMuZGVmYXVsdC5zdmMifQ."},
	"jwt-unknown-issuer": {"Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL290aGVyIn0.AAAA"},
	"proxy-header":       {"Proxy-Authorization: Bearer tok-masters"},
}

// spoofs try to be somebody by means that only a front proxy has.
var spoofs = map[string][]string{
	"remote-user":       {"X-Remote-User: admin", "X-Remote-Group: system:masters"},
	"remote-lower":      {"x-remote-user: admin", "x-remote-group: system:masters"},
	"remote-underscore": {"X_Remote_User: admin", "X_Remote_Group: system:masters"},
	"remote-group":      {"X-Remote-Group: system:masters"},
	"remote-uid":        {"X-Remote-Uid: 0"},
	"remote-extra": {"X-Remote-Extra-Scopes: all",
		"X-Remote-Extra-authentication.kubernetes.io%2Fcredential-id: x"},
	"nominated":      {"Connection: X-Remote-User, X-Remote-Group", "X-Remote-User: admin"},
	"nominated-auth": {"Connection: Authorization"},
	"nominated-host": {"Connection: close-not, Host, X-Remote-Uid, X-Remote-Extra-Authentication.kubernetes.io%2fcredential-Id"},
	"forwarded": {"X-Forwarded-For: 10.1.2.3", "X-Real-Ip: 10.1.2.3",
		"Forwarded: for=10.1.2.3"},
	"audit-id":         {"Audit-ID: chosen-by-the-client"},
	"proxy-connection": {"Proxy-Connection: keep-alive", "Keep-Alive: timeout=5", "TE: trailers"},
	"user-header":      {"User: admin", "Remote-User: admin", "X-Forwarded-User: admin"},
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// allCredentials is every credential of the suite, alone and in the
// combinations whose outcome the order of the authenticators decides.
func (s *suite) allCredentials() []credential {
	all := append([]credential{anonymous}, s.certificates...)
	all = append(all, s.tokens...)
	for _, name := range sortedKeys(authorizationLines) {
		all = append(all, anonymous.with(name, authorizationLines[name]...))
	}
	for _, cert := range []string{"jane", "expired", "unknown-ca", "eku-server", "cn-absent",
		"uid-twice", "blank-group"} {
		for _, name := range []string{"unknown", "two-blanks", "basic", "first-bad",
			"text-behind"} {
			all = append(all, certificate(cert).with(name, authorizationLines[name]...))
		}
		all = append(all, certificate(cert).with("token:carol", token("carol").headers...))
		all = append(all, certificate(cert).with("token:masters", token("masters").headers...))
	}
	for _, name := range sortedKeys(spoofs) {
		for _, base := range []credential{anonymous, certificate("jane"), token("carol"),
			certificate("unknown-ca")} {
			all = append(all, base.with(name, spoofs[name]...))
		}
	}
	return all
}
