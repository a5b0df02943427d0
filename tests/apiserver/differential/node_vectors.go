// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The vectors of the NodeRestriction tests are sent to the real server too.
// Those that need the same objects form a group with names of its own, so
// that all groups live side by side.

// vectorGroup has rights to everything but audiences of tokens: there
// NodeRestriction decides alone, as the vectors assume.
const vectorGroup = "node-vectors"

// A vector is one row of noderestriction.json.
type vector struct {
	Name         string           `json:"name"`
	User         string           `json:"user"`
	Groups       []string         `json:"groups"`
	Method       string           `json:"method"`
	Path         string           `json:"path"`
	ContentType  string           `json:"contentType"`
	Body         string           `json:"body"`
	BodyBase64   string           `json:"bodyBase64"`
	BodyObject   json.RawMessage  `json:"bodyObject"`
	Encode       string           `json:"encode"`
	Existing     []map[string]any `json:"existing"`
	Authorize    json.RawMessage  `json:"authorize"`
	AcceptStatus []int            `json:"acceptStatus"`
	FeatureGates json.RawMessage  `json:"featureGates"`
}

// A vectorSet is a group of vectors with the same objects.
type vectorSet struct {
	number  int
	vectors []vector
}

func loadVectors(file string) ([]*vectorSet, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var sets []*vectorSet
	seen := map[string]*vectorSet{}
	for _, v := range all.Vectors {
		key := string(encode(v.Existing)) + string(v.Authorize)
		if len(v.Existing) == 0 {
			key = ""
		}
		if seen[key] == nil {
			seen[key] = &vectorSet{number: len(sets)}
			sets = append(sets, seen[key])
		}
		seen[key].vectors = append(seen[key].vectors, v)
	}
	return sets, nil
}

// rename gives the names of the vectors those of the set. The node's and the
// namespace's keep their length, for the bodies in protobuf.
func (s *vectorSet) rename(text string) string {
	if len(s.vectors[0].Existing) == 0 {
		return text
	}
	return strings.NewReplacer("node01", fmt.Sprintf("nd%04d", s.number),
		"node02", fmt.Sprintf("nx%04d", s.number),
		"controlplane", fmt.Sprintf("ctlplane-%03d", s.number),
		"namespaces/default", fmt.Sprintf("namespaces/vec-%03d", s.number),
		`"namespace":"default"`, fmt.Sprintf(`"namespace":"vec-%03d"`, s.number),
		`"d.example.com"`, fmt.Sprintf(`"d%03d.example.com"`, s.number),
		`"pv1"`, fmt.Sprintf(`"pv-%03d"`, s.number), `"s1"`, fmt.Sprintf(`"s-%03d"`, s.number),
		"slices/s1", fmt.Sprintf("slices/s-%03d", s.number)).Replace(text)
}

// users are the vectors' users, each once with no more rights than a node
// has and once with the right to everything.
func (s *vectorSet) users() []nodeUser {
	var all []nodeUser
	for _, v := range s.vectors {
		for _, allowed := range []bool{false, true} {
			u := s.user(&v, allowed)
			if !slices.ContainsFunc(all, func(o nodeUser) bool { return o.token == u.token }) {
				all = append(all, u)
			}
		}
	}
	return all
}

func (s *vectorSet) user(v *vector, allowed bool) nodeUser {
	name := s.rename(v.User)
	u := nodeUser{token: fmt.Sprintf("v%d-%s", s.number, strings.Trim(name, ":")), name: name,
		groups: slices.Clone(v.Groups)}
	u.token = strings.ReplaceAll(u.token, ":", "-") + fmt.Sprint(len(v.Groups))
	if allowed {
		u.token += "-allowed"
		u.groups = append(u.groups, vectorGroup)
		if len(v.Authorize) > 0 {
			u.groups = append(u.groups, "node-audience")
		}
	}
	return u
}

// vectors adds all of them, as they are and as dry runs.
func (n *nodeSuite) vectors(file string) error {
	sets, err := loadVectors(file)
	if err != nil {
		return err
	}
	replacements := make([]*strings.Replacer, len(sets))
	for i, s := range sets {
		if replacements[i], err = n.establish(s); err != nil {
			return err
		}
	}
	for i, s := range sets {
		for _, v := range s.vectors {
			for _, allowed := range []bool{false, true} {
				if err := n.vector(s, &v, replacements[i], allowed); err != nil {
					return fmt.Errorf("%s: %w", v.Name, err)
				}
			}
		}
	}
	return nil
}

func (n *nodeSuite) vector(s *vectorSet, v *vector, live *strings.Replacer, allowed bool) error {
	body, err := v.body(func(text string) string { return live.Replace(s.rename(text)) })
	if err != nil {
		return err
	}
	if v.Method == "DELETE" && body != "" {
		// The dry run must stand where the server looks for it.
		if body, err = dryDelete(body, v.ContentType); err != nil {
			return nil
		}
	}
	u := s.user(v, allowed)
	cred := token("node-" + u.token)
	t := n.body(cred, v.Method, live.Replace(s.rename(v.Path)), document{v.Name, v.ContentType,
		body})
	t.group, t.accepted = "node-vector", v.AcceptStatus
	return nil
}

func (v *vector) body(replace func(string) string) (string, error) {
	switch {
	case v.BodyBase64 != "":
		raw, err := base64.StdEncoding.DecodeString(v.BodyBase64)
		return replace(string(raw)), err
	case v.BodyObject == nil:
		return replace(v.Body), nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, v.BodyObject); err != nil {
		return "", err
	}
	encoded := replace(compact.String())
	if v.Encode != "protobuf" {
		return encoded, nil
	}
	value, err := tree([]byte(encoded))
	if err != nil {
		return "", err
	}
	binary, err := inProtobuf(value.(map[string]any))
	return string(binary), err
}

// dryDelete adds dryRun to options in JSON; others are left out of the suite,
// since they would really delete.
func dryDelete(body, contentType string) (string, error) {
	value, err := tree([]byte(body))
	options, ok := value.(map[string]any)
	if err != nil || !ok || contentType != "" && contentType != "application/json" {
		return "", fmt.Errorf("no options in JSON: %w", err)
	}
	options["dryRun"] = []string{"All"}
	return string(encode(options)), nil
}

// establish creates the objects of a set and returns what turns the vectors'
// ids, versions and times into theirs.
func (n *nodeSuite) establish(s *vectorSet) (*strings.Replacer, error) {
	var pairs []string
	if len(s.vectors[0].Existing) > 0 {
		namespace := fmt.Sprintf(`{"kind":"Namespace","apiVersion":"v1","metadata":{"name":`+
			`"vec-%03d"}}`, s.number)
		if err := write(n.client, n.direct, "POST", "/api/v1/namespaces", namespace, 201,
			409); err != nil {
			return nil, err
		}
	}
	for _, object := range s.vectors[0].Existing {
		value, err := tree([]byte(s.rename(string(encode(object)))))
		if err != nil {
			return nil, err
		}
		wanted := value.(map[string]any)
		at, err := n.create(wanted)
		if err != nil {
			return nil, err
		}
		live := n.object(at)
		for _, name := range []string{"uid", "resourceVersion", "creationTimestamp"} {
			from, to := member(wanted, "metadata", name), member(live, "metadata", name)
			switch {
			case from == nil:
			case name == "uid":
				pairs = append(pairs, fmt.Sprint(from), fmt.Sprint(to))
			case name == "resourceVersion":
				pairs = append(pairs, fmt.Sprintf("%q", from), fmt.Sprintf("%q", to))
			default:
				pairs = append(pairs, fmt.Sprintf(`"%s":"%s"`, name, from),
					fmt.Sprintf(`"%s":"%s"`, name, to))
			}
		}
	}
	return strings.NewReplacer(pairs...), nil
}

// create makes an object with its status, unless it is there from an earlier
// run, and returns its path.
func (n *nodeSuite) create(object map[string]any) (string, error) {
	metadata, _ := object["metadata"].(map[string]any)
	kind, version := fmt.Sprint(object["kind"]), fmt.Sprint(object["apiVersion"])
	at := "/apis/" + version
	if version == "v1" {
		at = "/api/v1"
	}
	if metadata["namespace"] != nil {
		at += "/namespaces/" + fmt.Sprint(metadata["namespace"])
	}
	at += "/" + strings.ToLower(kind) + "s"
	created, applied := withoutApplied(object)
	if err := write(n.client, n.direct, "POST", at, string(encode(created)), 201, 409); err != nil {
		return "", err
	}
	at += "/" + fmt.Sprint(metadata["name"])
	if err := n.complete(at, kind, object, applied); err != nil {
		return "", err
	}
	status, ok := object["status"].(map[string]any)
	if ok && len(status) > 0 {
		patch := encode(map[string]any{"status": status})
		if err := write(n.client, n.direct, "PATCH", at+"/status", string(patch), 200); err != nil {
			return "", err
		}
	}
	return at, nil
}

// withoutApplied is the object as it is created: what its managedFields give
// to a manager that applied stands in the second result instead.
func withoutApplied(object map[string]any) (created, applied map[string]any) {
	created = clone(object)
	set(created, nil, "metadata", "resourceVersion")
	managers, _ := member(object, "metadata", "managedFields").([]any)
	set(created, nil, "metadata", "managedFields")
	for _, m := range managers {
		manager, _ := m.(map[string]any)
		owned, _ := member(manager, "fieldsV1", "f:metadata", "f:labels").(map[string]any)
		if manager["operation"] != "Apply" {
			continue
		}
		applied = text(`{"apiVersion":"%s","kind":"%s","metadata":{"name":"%s"}}`,
			object["apiVersion"], object["kind"], member(object, "metadata", "name"))
		for key := range owned {
			label := strings.TrimPrefix(key, "f:")
			set(applied, member(object, "metadata", "labels", label), "metadata", "labels", label)
			set(created, nil, "metadata", "labels", label)
		}
	}
	return created, applied
}

// complete undoes what the server's other admission plugins added to an
// object, and applies what a manager owns.
func (n *nodeSuite) complete(at, kind string, object, applied map[string]any) error {
	patch := map[string]any{}
	switch kind {
	case "Node":
		patch["spec"] = map[string]any{"taints": member(object, "spec", "taints")}
	case "PersistentVolumeClaim", "PersistentVolume":
		patch["metadata"] = map[string]any{"finalizers": nil}
	}
	if len(patch) > 0 {
		if err := write(n.client, n.direct, "PATCH", at, string(encode(patch)), 200); err != nil {
			return err
		}
	}
	if applied == nil {
		return nil
	}
	t := &testCase{cred: certificate("admin"), method: "PATCH", target: at + "?fieldManager=admin",
		headers: []string{"Content-Type: application/apply-patch+yaml"}, body: string(encode(applied))}
	if a := n.client.send(n.direct, t); a.status != 200 {
		return fmt.Errorf("apply %s: %d %s", at, a.status, excerpt(string(a.body), 0))
	}
	return nil
}
