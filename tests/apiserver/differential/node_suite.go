// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"sigs.k8s.io/yaml"
)

// The node suite asks as nodes and as users that look like nodes. Its
// objects are in nodes.yaml: n002 is the node that asks, n003 the other one.

// A nodeUser is a line of the token file that the node suite's servers read.
type nodeUser struct {
	token, name string
	groups      []string
}

const nodesGroup = "system:nodes"

// nodeUsers are the nodes of the fixtures, and users that are not quite one.
func nodeUsers() []nodeUser {
	nodes := []string{nodesGroup}
	return []nodeUser{
		{"n002", "system:node:n002", nodes},
		{"n003", "system:node:n003", nodes},
		{"ghost", "system:node:ghost", nodes},
		{"no-group", "system:node:n002", nil},
		{"no-prefix", "n002", nodes},
		{"nodes-prefix", "system:nodes:n002", nodes},
		{"upper", "System:Node:n002", nodes},
		{"upper-name", "system:node:N002", nodes},
		{"group-upper", "system:node:n002", []string{"System:Nodes"}},
		{"group-longer", "system:node:n002", []string{"system:nodes:extra"}},
		{"empty", "system:node:", nodes},
		{"colon", "system:node:n002:x", nodes},
		{"blank-inside", "system:node:n002 n003", nodes},
		{"quotes", `system:node:o"brien<x>&\y`, nodes},
		{"unicode", "system:node:n002-\u00fc\u0085", nodes},
		{"slash", "system:node:../n002", nodes},
		{"other-groups", "system:node:n002", []string{"devs", nodesGroup, "ops"}},
		{"masters", "system:node:n002", []string{nodesGroup, "system:masters"}},
		{"vectors", "system:node:n002", []string{nodesGroup, vectorGroup}},
		{"not-a-node", "operator", []string{vectorGroup}},
	}
}

func nodeCredential(name string) credential {
	return token("node-" + name)
}

// writeNodeTokens appends the node suite's users and the impersonators to a copy of the token file.
func writeNodeTokens(from, vectors, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	groups, err := loadVectors(vectors)
	if err != nil {
		return err
	}
	users := append(nodeUsers(), impersonators()...)
	for _, g := range groups {
		users = append(users, g.users()...)
	}
	var b strings.Builder
	b.Write(content)
	for _, u := range users {
		name := strings.ReplaceAll(u.name, `"`, `""`)
		fmt.Fprintf(&b, "tok-node-%s,\"%s\",uid-%s", u.token, name, u.token)
		if len(u.groups) > 0 {
			fmt.Fprintf(&b, ",\"%s\"", strings.Join(u.groups, ","))
		}
		b.WriteString("\n")
	}
	return os.WriteFile(to, []byte(b.String()), 0o600)
}

// A nodeSuite makes the node cases from the objects as they are.
type nodeSuite struct {
	*suite
	client *client
	direct *endpoint
	// live are objects by their path, as the server shows them.
	live map[string]map[string]any
}

// object is a copy of the live object at a path.
func (n *nodeSuite) object(path string) map[string]any {
	if n.live[path] == nil {
		t := &testCase{cred: certificate("admin"), method: "GET", target: path}
		a := n.client.send(n.direct, t)
		value, err := tree(a.body)
		object, ok := value.(map[string]any)
		if a.status != 200 || err != nil || !ok {
			fatal("%s: %d %s %v", path, a.status, a.err, err)
		}
		n.live[path] = object
	}
	return clone(n.live[path])
}

func clone(object map[string]any) map[string]any {
	value, err := tree(encode(object))
	if err != nil {
		fatal("%v", err)
	}
	return value.(map[string]any)
}

func encode(value any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		fatal("%v", err)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// set changes one member of an object, deep inside it; a nil value removes it.
func set(object map[string]any, value any, path ...string) map[string]any {
	at := object
	for _, name := range path[:len(path)-1] {
		next, ok := at[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[name] = next
		}
		at = next
	}
	if value == nil {
		delete(at, path[len(path)-1])
	} else {
		at[path[len(path)-1]] = value
	}
	return object
}

func member(object map[string]any, path ...string) any {
	var at any = object
	for _, name := range path {
		inner, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = inner[name]
	}
	return at
}

// text parses an object that is written down in JSON.
func text(format string, args ...any) map[string]any {
	value, err := tree([]byte(fmt.Sprintf(format, args...)))
	if err != nil {
		fatal("%v in %s", err, format)
	}
	return value.(map[string]any)
}

// forms are all ways to send one object; the first two are those of kubectl
// and of kubelets.
func forms(name string, object map[string]any) []document {
	encoded := string(encode(object))
	binary, err := inProtobuf(object)
	if err != nil {
		binary = []byte("k8s\x00")
	}
	inYAML, err := yaml.JSONToYAML([]byte(encoded))
	if err != nil {
		fatal("%v", err)
	}
	cbor, err := direct.Marshal(plain(object))
	if err != nil {
		fatal("%v", err)
	}
	all := []document{
		{"json", "application/json", encoded},
		{"protobuf", protobufType, string(binary)},
		{"yaml", "application/yaml", string(inYAML)},
		{"cbor", "application/cbor", string(cbor)},
		{"no type", "", encoded},
		{"protobuf without type", "", string(binary)},
		{"json as yaml", "application/yaml", encoded},
		{"json as protobuf", protobufType, encoded},
		{"protobuf as json", "application/json", string(binary)},
		{"yaml as json", "application/json", string(inYAML)},
		{"charset", "application/json; charset=utf-16", encoded},
		{"upper-case type", "APPLICATION/JSON", encoded},
		{"bad parameter", "application/json; charset", encoded},
		{"two types", "application/json\r\nContent-Type: " + protobufType, encoded},
		{"two types, other order", protobufType + "\r\nContent-Type: application/json", encoded},
		{"list of types", "application/json, " + protobufType, encoded},
		{"text", "text/plain", encoded},
		{"encoded", "application/json\r\nContent-Encoding: gzip", encoded},
		{"identity coding", "application/json\r\nContent-Encoding: identity", encoded},
		{"empty", "application/json", ""},
		{"indented", "application/json", "\n\t" + encoded + " \r\n"},
	}
	for i := range all {
		all[i].name = name + ", " + all[i].name
	}
	return all
}

// plain turns numbers kept as text into numbers.
func plain(object map[string]any) any {
	var value any
	if err := json.Unmarshal(encode(object), &value); err != nil {
		fatal("%v", err)
	}
	return value
}

// send adds a write in JSON and in protobuf, and a part of the other forms.
func (n *nodeSuite) send(u credential, method, target, name string, object map[string]any) {
	for i, d := range forms(name, object) {
		if i < 2 || n.random.IntN(100) < 12 {
			n.body(u, method, target, d)
		}
	}
}

// body adds a write; what follows the media type are more header lines.
func (n *nodeSuite) body(u credential, method, target string, d document) *testCase {
	t := testCase{group: "node-write", cred: u, method: method, target: target, body: d.body,
		note: d.name}
	if d.contentType != "" {
		t.headers = strings.Split("Content-Type: "+d.contentType, "\r\n")
	}
	t.strict = ambiguous.MatchString(d.name)
	return n.add(t)
}

// ambiguous are the forms that the server reads and the proxy need not read.
var ambiguous = regexp.MustCompile(`, (yaml|json as yaml|two types.*|encoded)$`)

// newNodeSuite makes the cases; objects of the vectors are created first.
func newNodeSuite(o *options, s *suite, direct *endpoint) *suite {
	n := &nodeSuite{suite: s, direct: direct, live: map[string]map[string]any{},
		client: newClient(filepath.Join(o.pki, "clients"), false)}
	defer n.client.close()
	s.cases = nil
	n.reads()
	n.writes()
	n.hostile()
	n.crossed()
	if err := n.vectors(o.vectors); err != nil {
		fatal("%v", err)
	}
	n.impersonated()
	return s
}

// crossed sends the bodies of some requests to the targets of others. A body
// would hide the dry run of a delete, so deletes have none.
func (n *nodeSuite) crossed() {
	made := n.cases
	pick := func() *testCase { return made[n.random.IntN(len(made))] }
	for range 6000 {
		body, target := pick(), pick()
		for !mutates(body.method) || len(body.body) > 1<<16 {
			body = pick()
		}
		t := testCase{group: "node-crossed", cred: nodeCredential("n002"), method: pick().method,
			target: target.target, headers: body.headers, body: body.body, strict: true,
			note: body.method + " " + body.note}
		if n.random.IntN(100) < 40 {
			t.cred = nodeCredential("vectors")
		}
		if t.method == "DELETE" || !mutates(t.method) {
			t.body, t.headers = "", nil
		}
		n.add(t)
	}
}

// awaitNodes waits until a server relates the last objects to their node.
func awaitNodes(c *client, e *endpoint, paths ...string) error {
	deadline := time.Now().Add(fixtureTimeout)
	for _, path := range paths {
		t := &testCase{cred: nodeCredential("n002"), method: "GET", target: path}
		for {
			a := c.send(e, t)
			if a.status == 200 {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s does not relate %s to its node: %d %s %s", e.name, path,
					a.status, a.err, excerpt(string(a.body), 0))
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// settleNodes waits until both servers have seen the last objects, those of
// the vectors included.
func settleNodes(o *options, servers ...*endpoint) error {
	c := newClient(filepath.Join(o.pki, "clients"), false)
	defer c.close()
	marker := `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"sec-settled"}}`
	pod := `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"settled"},"spec":{"nodeName":` +
		`"n002","containers":[{"name":"c","image":"i","envFrom":[{"secretRef":` +
		`{"name":"sec-settled"}}]}]}}`
	if err := write(c, servers[0], "POST", nodeA+"secrets", marker, 201, 409); err != nil {
		return err
	}
	if err := write(c, servers[0], "POST", nodeA+"pods", pod, 201, 409); err != nil {
		return err
	}
	for _, e := range servers {
		if err := awaitNodes(c, e, append(markers, nodeA+"secrets/sec-settled")...); err != nil {
			return err
		}
	}
	return nil
}

// markers are what the last of each kind of object relates to n002.
var markers = []string{"/api/v1/namespaces/node-a/secrets/sec-marker",
	"/api/v1/namespaces/node-a/secrets/sec-pv", "/api/v1/persistentvolumes/pv-data",
	"/apis/storage.k8s.io/v1/volumeattachments/va-n002",
	"/apis/resource.k8s.io/v1/resourceslices/slice-n002"}
