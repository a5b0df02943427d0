// SPDX-License-Identifier: Apache-2.0

package patches

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func sortedKeys(o object) []string { return slices.Sorted(maps.Keys(o)) }

// place is a JSON pointer into the document and what it points to.
type place struct {
	pointer string
	value   interface{}
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

func places(at string, v interface{}) []place {
	out := []place{{at, v}}
	switch v := v.(type) {
	case object:
		for _, key := range sortedKeys(v) {
			out = append(out, places(at+"/"+escaper.Replace(key), v[key])...)
		}
	case list:
		for i := range v {
			out = append(out, places(at+"/"+strconv.Itoa(i), v[i])...)
		}
	}
	return out
}

// index is one that may or may not be in a list; few have signs or zeros.
func (g generator) index() string {
	if g.chance(5) {
		return g.pick("-1", "+0", "00")
	}
	return g.pick("-", "-", "0", "0", "1", "9", "x", "")
}

// pointer is one into the document, sometimes to a new member or element and
// sometimes one that few would write.
func (g generator) pointer(all []place) place {
	p := all[g.Intn(len(all))]
	switch p.value.(type) {
	case list:
		if g.chance(60) {
			p.pointer += "/" + g.index()
			p.value = nil
		}
	case object:
		if g.chance(50) {
			p.pointer += "/" + g.pick(g.member(), "a~1b", "m~0n", "", "~01", "x~y")
			p.value = nil
		}
	}
	switch g.Intn(200) {
	case 0:
		p.pointer = "zz" + p.pointer
	case 1:
		p.pointer = strings.TrimPrefix(p.pointer, "/")
	case 2, 3, 4:
		p.pointer += "/" + g.pick("x", "0", "-")
	}
	return p
}

// scalar texts that are the same value, or are not.
func (g generator) text(v interface{}) json.RawMessage {
	if s, isString := v.(string); isString && g.chance(4) && s == "a" {
		return json.RawMessage(`"\u0061"`)
	}
	if n, isNumber := v.(float64); isNumber && g.chance(4) {
		return json.RawMessage(fmt.Sprintf("%.1f", n))
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func (g generator) operation(all []place) object {
	to, from := g.pointer(all), g.pointer(all)
	op := object{"path": to.pointer}
	op["op"] = g.pick("add", "add", "remove", "replace", "move", "copy", "test", "test")
	switch op["op"] {
	case "add", "replace":
		op["value"] = g.text(g.patchOf(to.value))
	case "test":
		op["value"] = g.text(to.value)
	case "move", "copy":
		op["from"] = from.pointer
	}
	switch g.Intn(100) {
	case 0:
		op[g.pick("op", "path", "from")] = g.odd(1)
	case 1:
		delete(op, g.pick("op", "path", "from", "value"))
	case 2:
		op["op"] = g.pick("Add", "", "nothing")
	case 3:
		op["value"] = g.odd(2)
	}
	return op
}

func (g generator) operations(document object) interface{} {
	if g.chance(1) {
		return g.odd(2)
	}
	all := places("", document)
	out := list{}
	for range 1 + g.Intn(4) {
		if g.chance(1) {
			out = append(out, g.odd(1))
		} else {
			out = append(out, g.operation(all))
		}
	}
	return out
}
