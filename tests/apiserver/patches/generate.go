// SPDX-License-Identifier: Apache-2.0

package patches

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

type (
	object = map[string]interface{}
	list   = []interface{}
)

// generator makes documents and patches from few names and values, so that
// they meet often.
type generator struct {
	*rand.Rand
	strategic bool
}

func (g generator) chance(percent int) bool { return g.Intn(100) < percent }

func (g generator) pick(of ...string) string { return of[g.Intn(len(of))] }

func (g generator) letter() string { return g.pick("a", "b", "c", "d", "e") }

// some returns a random choice of what make(0..n-1) gives, in random order.
func (g generator) some(n int, make func(i int) interface{}) list {
	out := list{}
	for _, i := range g.Perm(n) {
		if g.chance(55) {
			out = append(out, make(i))
		}
	}
	return out
}

func (g generator) letters() list {
	return g.some(5, func(i int) interface{} { return "abcde"[i : i+1] })
}

func (g generator) stringMap() object {
	out := object{}
	for _, key := range g.letters() {
		out[key.(string)] = g.letter()
	}
	return out
}

// keyed is a list of objects with a key each and some more members.
func (g generator) keyed(key string, more func(o object)) list {
	return g.some(4, func(i int) interface{} {
		o := object{key: "abcd"[i : i+1]}
		more(o)
		return o
	})
}

func (g generator) metadata() object {
	m := object{"name": "n", "uid": "u", "resourceVersion": "7"}
	if g.chance(80) {
		m["labels"] = g.stringMap()
	}
	if g.chance(50) {
		m["annotations"] = g.stringMap()
	}
	if g.chance(60) {
		m["finalizers"] = g.letters()
	}
	if g.chance(60) {
		m["ownerReferences"] = g.keyed("uid", func(o object) {
			o["apiVersion"], o["kind"], o["name"] = "v1", "Node", g.letter()
			if g.chance(30) {
				o["controller"] = true
			}
		})
	}
	if g.chance(20) {
		m["managedFields"] = list{object{"manager": "m", "fieldsV1": object{"f:x": object{}}}}
	}
	return m
}

func (g generator) conditions() list {
	return g.keyed("type", func(o object) {
		o["status"] = g.pick("True", "False")
		if g.chance(50) {
			o["reason"] = g.letter()
		}
	})
}

func (g generator) node() object {
	return object{"metadata": g.metadata(), "spec": object{
		"podCIDRs": g.letters(), "unschedulable": g.chance(50),
		"taints": g.keyed("key", func(o object) { o["effect"] = "NoSchedule" }),
	}, "status": object{
		"conditions":      g.conditions(),
		"addresses":       g.keyed("type", func(o object) { o["address"] = g.letter() }),
		"capacity":        object{"cpu": "1", "memory": g.pick("1", "2")},
		"images":          list{object{"names": g.letters(), "sizeBytes": g.Intn(9)}},
		"daemonEndpoints": object{"kubeletEndpoint": object{"Port": g.Intn(3)}},
	}}
}

func (g generator) containers() list {
	return g.keyed("name", func(o object) {
		o["image"] = g.letter()
		o["env"] = g.keyed("name", func(o object) { o["value"] = g.letter() })
		o["args"] = g.letters()
		o["ports"] = g.some(3, func(i int) interface{} {
			return object{"containerPort": 80 + i, "protocol": g.pick("TCP", "UDP")}
		})
		o["volumeMounts"] = g.keyed("mountPath", func(o object) { o["name"] = g.letter() })
		if g.chance(40) {
			o["securityContext"] = object{"privileged": g.chance(50), "runAsUser": g.Intn(3)}
		}
	})
}

func (g generator) pod() object {
	return object{"metadata": g.metadata(), "spec": object{
		"containers": g.containers(), "initContainers": g.containers(),
		"ephemeralContainers": g.containers(), "nodeName": "n",
		"nodeSelector": g.stringMap(),
		"volumes": g.keyed("name", func(o object) {
			if g.chance(50) {
				o["emptyDir"] = object{"medium": g.letter()}
			} else {
				o["secret"] = object{"secretName": g.letter(), "optional": true}
			}
		}),
		"tolerations":      g.keyed("key", func(o object) { o["value"] = g.letter() }),
		"imagePullSecrets": g.keyed("name", func(object) {}),
		"securityContext":  object{"fsGroup": g.Intn(3), "supplementalGroups": list{1, 2}},
	}, "status": object{
		"conditions": g.conditions(), "phase": "Running",
		"podIPs": g.keyed("ip", func(object) {}),
		"resourceClaimStatuses": g.keyed("name", func(o object) {
			o["resourceClaimName"] = g.letter()
		}),
		"containerStatuses": g.keyed("name", func(o object) { o["restartCount"] = g.Intn(3) }),
	}}
}

func (g generator) claim() object {
	return object{"metadata": g.metadata(), "spec": object{
		"accessModes": g.letters(), "volumeName": g.letter(),
	}, "status": object{
		"phase": "Bound", "conditions": g.conditions(), "accessModes": g.letters(),
		"capacity": object{"storage": "1Gi"},
	}}
}

// document is a typed object, and the tree of its JSON.
func (g generator) document() (runtime.Object, object, error) {
	var typed runtime.Object
	var made object
	switch g.Intn(3) {
	case 0:
		typed, made = &corev1.Node{}, g.node()
	case 1:
		typed, made = &corev1.Pod{}, g.pod()
	default:
		typed, made = &corev1.PersistentVolumeClaim{}, g.claim()
	}
	text, err := json.Marshal(made)
	if err != nil {
		return nil, nil, err
	}
	if err = json.Unmarshal(text, typed); err != nil {
		return nil, nil, err
	}
	if text, err = json.Marshal(typed); err != nil {
		return nil, nil, err
	}
	tree := object{}
	return typed, tree, json.Unmarshal(text, &tree)
}

// odd is a value that hardly fits where it is put.
func (g generator) odd(depth int) interface{} {
	switch g.Intn(9) {
	case 0:
		return nil
	case 1:
		return g.Intn(3)
	case 2:
		return 1.5
	case 3:
		return g.chance(50)
	case 4:
		return list{}
	case 5:
		return list{g.letter(), nil, list{}, object{"$patch": "delete", "name": "a"}}[g.Intn(4):]
	case 6:
		return object{g.letter(): nil, "x": object{"$patch": g.pick("replace", "x")}}
	case 7:
		if depth > 0 {
			return object{g.letter(): g.odd(depth - 1), g.letter(): list{g.odd(depth - 1)}}
		}
	}
	return g.letter()
}

func (g generator) member() string {
	return g.pick("labels", "annotations", "finalizers", "ownerReferences", "conditions",
		"addresses", "taints", "podCIDRs", "containers", "env", "volumes", "name", "type",
		"status", "spec", "metadata", "secret", "unknown", "a", "b", "images", "podIPs",
		"securityContext", "capacity")
}

var mergeKeys = []string{"name", "type", "uid", "ip", "containerPort", "mountPath", "key"}

func mergeKey(o object) string {
	for _, key := range []string{"mountPath", "uid"} {
		if _, ok := o[key]; ok {
			return key
		}
	}
	for _, key := range mergeKeys {
		if _, ok := o[key]; ok {
			return key
		}
	}
	return "name"
}

// patchOf is a patch for a value of the document, or for none (nil).
func (g generator) patchOf(v interface{}) interface{} {
	if g.chance(4) {
		return g.odd(2)
	}
	switch v := v.(type) {
	case object:
		return g.objectPatch(v)
	case list:
		return g.listPatch(v)
	case string:
		return g.letter()
	case float64:
		return v + float64(g.Intn(2))
	case bool:
		return g.chance(50)
	}
	return g.odd(2)
}

func (g generator) objectPatch(o object) object {
	patch := object{}
	for _, key := range sortedKeys(o) {
		switch {
		case g.chance(60):
		case g.chance(12):
			patch[key] = nil
		default:
			patch[key] = g.patchOf(o[key])
		}
	}
	for g.chance(15) {
		patch[g.member()] = g.odd(2)
	}
	if g.strategic {
		g.directives(o, patch)
	}
	return patch
}

// directives adds those of a strategic patch, mostly ones that are well formed.
func (g generator) directives(o, patch object) {
	if g.chance(2) {
		patch["$patch"] = []interface{}{"replace", "delete", "merge", "x", nil, 5}[g.Intn(6)]
	}
	for _, key := range sortedKeys(o) {
		elements, isList := o[key].(list)
		if isList && g.chance(20) {
			patch["$setElementOrder/"+key] = g.order(elements, patch[key])
		}
		switch {
		case isList && g.chance(8):
			g.deletion(patch, key, g.listPatch(elements))
		case g.chance(2):
			g.deletion(patch, key, g.patchOf(o[key]))
		}
	}
	switch g.Intn(150) {
	case 0:
		patch["$setElementOrder"] = list{}
	case 1:
		patch["$deleteFromPrimitiveList"] = list{}
	case 2:
		patch["$setElementOrder/"+g.member()] = g.odd(1)
	case 3:
		patch["$deleteFromPrimitiveList/"+g.member()] = g.odd(1)
	case 4:
		patch["$retainKeys"] = g.odd(1)
	}
	if g.chance(5) {
		names := list{}
		for _, key := range append(sortedKeys(patch), sortedKeys(o)...) {
			if _, mine := patch[key]; mine && g.chance(97) || g.chance(40) {
				names = append(names, key)
			}
		}
		patch["$retainKeys"] = names
	}
}

// deletion adds one from a list; rarely is the list there plainly, too, for then
// the result is not defined, unless the list has an order.
func (g generator) deletion(patch object, key string, v interface{}) {
	if order, isThere := patch["$setElementOrder/"+key]; !isThere && g.chance(90) {
		delete(patch, key)
	} else if _, isList := order.(list); isList && g.chance(50) {
		patch[key] = order
	}
	patch["$deleteFromPrimitiveList/"+key] = v
}

func (g generator) listPatch(elements list) list {
	patch := list{}
	for _, i := range g.Perm(len(elements)) {
		element, isObject := elements[i].(object)
		switch {
		case g.chance(45):
		case !isObject:
			patch = append(patch, elements[i])
		default:
			patch = append(patch, g.elementPatch(element))
		}
	}
	if len(elements) > 0 && g.chance(35) {
		patch = append(patch, g.newElement(elements[0]))
	}
	if g.strategic && g.chance(3) {
		patch = append(patch, object{"$patch": g.pick("replace", "replace", "merge", "delete")})
	}
	if g.chance(2) {
		patch = append(patch, g.odd(1))
	}
	return patch
}

func (g generator) elementPatch(element object) interface{} {
	key := mergeKey(element)
	if g.strategic && g.chance(15) {
		return object{"$patch": "delete", key: element[key]}
	}
	patch := g.objectPatch(element)
	if _, stays := patch["$patch"]; !stays && g.chance(97) {
		patch[key] = element[key]
	}
	return patch
}

func (g generator) newElement(like interface{}) interface{} {
	o, isObject := like.(object)
	if !isObject {
		return g.patchOf(like)
	}
	made := object{}
	for name, v := range o {
		made[name] = v
	}
	if _, isNumber := o[mergeKey(o)].(float64); isNumber {
		made[mergeKey(o)] = 80 + g.Intn(5)
	} else {
		made[mergeKey(o)] = g.letter()
	}
	return made
}

// order is a $setElementOrder list: the elements of the patch in their order,
// and others of the document between them.
func (g generator) order(elements list, patched interface{}) interface{} {
	if g.chance(2) {
		return g.odd(1)
	}
	var order list
	seen := map[string]bool{}
	add := func(v interface{}) {
		if o, isObject := v.(object); isObject {
			if o["$patch"] != nil {
				return
			}
			v = object{mergeKey(o): o[mergeKey(o)]}
		}
		text := fmt.Sprint(v)
		if !seen[text] {
			order = append(order, v)
		}
		seen[text] = true
	}
	rest, _ := patched.(list)
	for _, v := range elements {
		for len(rest) > 0 && g.chance(50) {
			add(rest[0])
			rest = rest[1:]
		}
		if !strings.Contains(fmt.Sprint(rest), fmt.Sprint(v)) && g.chance(60) {
			add(v)
		}
	}
	for _, v := range rest {
		add(v)
	}
	if g.chance(10) {
		g.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	if order == nil {
		return list{}
	}
	return order
}
