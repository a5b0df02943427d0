// SPDX-License-Identifier: Apache-2.0

// Package patches compares the proxy's patching with that of kube-apiserver's
// own libraries: it prints the table of merge keys that the Go types carry and
// random documents with random patches and what they make of each other.
package patches

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// messageName is the name that codec/schema.json has for a type.
func messageName(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	if len(parts) < 2 {
		return t.Name()
	}
	return strings.Join(append(parts[len(parts)-2:], t.Name()), ".")
}

type keyWalk struct {
	seen  map[reflect.Type]bool
	lines map[string]bool
}

// field notes the tags of one field and goes on to its type; those of embedded
// structures stand in the parent's JSON.
func (w *keyWalk) field(f reflect.StructField, owner string) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	strategy, key := f.Tag.Get("patchStrategy"), f.Tag.Get("patchMergeKey")
	if strategy != "" || key != "" {
		w.lines[fmt.Sprintf("%s %s key=%s strategy=%s", owner, name, key, strategy)] = true
	}
	w.walk(f.Type)
}

func (w *keyWalk) walk(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		w.walk(t.Elem())
	case reflect.Struct:
		if w.seen[t] {
			return
		}
		w.seen[t] = true
		for i := range t.NumField() {
			w.field(t.Field(i), messageName(t))
		}
	}
}

// Keys prints "message field key=... strategy=..." for every field with a patch
// tag that the kinds of the schema (a file as codec/schema.json) reach.
func Keys(schemaFile string, out io.Writer) error {
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	var file struct {
		Kinds map[string]string `json:"kinds"`
	}
	if err = json.Unmarshal(text, &file); err != nil {
		return err
	}
	w := keyWalk{map[reflect.Type]bool{}, map[string]bool{}}
	for kind := range file.Kinds {
		version, name, _ := strings.Cut(kind, " ")
		object, err := scheme.Scheme.New(schema.FromAPIVersionAndKind(version, name))
		if err != nil {
			return err
		}
		w.walk(reflect.TypeOf(object))
	}
	var lines []string
	for line := range w.lines {
		lines = append(lines, line)
	}
	sort.Strings(lines)
	buffered := bufio.NewWriter(out)
	for _, line := range lines {
		fmt.Fprintln(buffered, line)
	}
	return buffered.Flush()
}
