// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// Bodies on which two readers may disagree. The proxy may refuse them with
// 400 or 415 where the server reads them; it may never let one pass that the
// server refuses.

const mirrorHead = `"metadata":{"name":"new-n002","annotations":{"kubernetes.io/config.mirror":"h"},` +
	`"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n002","uid":"UID",` +
	`"controller":true}]}`

const mirrorSpec = `"nodeName":"n002","containers":[{"name":"c","image":"i"}]`

// hostileNodes are bodies of POST /api/v1/nodes in JSON.
var hostileNodes = []string{
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n003"},"metadata":{"name":"n002"}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"},"metadata":{"name":"n003"}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","name":"n003"}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n003","name":"n002"}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n003","name":null}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","n\u0061me":"n003"}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"n\u0061me":"n003"}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","labels":{"k8s.io/a":"1"},"labels":null}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","labels":{"k8s.io/a":"1"},"labels":{}}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","l\u0061bels":{"k8s.io/a":"1"}}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","labels":{"k8s.io\/a":"1"}}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","Labels":{"k8s.io/a":"1"}}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","labels":{"k8s.io/a":null}}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"Name":"n003","name":"n002"}}`,
	`{"kind":"Node","apiVersion":"v1","Metadata":{"name":"n003"},"metadata":{"name":"n002"}}`,
	`{"Kind":"Pod","kind":"Node","apiVersion":"v1","metadata":{"name":"n002"}}`,
	`{"kind":"Node","Kind":"Pod","apiVersion":"v1","metadata":{"name":"n002"}}`,
	`{"kind":"Node","APIVERSION":"v2","apiVersion":"v1","metadata":{"name":"n002"}}`,
	"{\"\u212aind\":\"Pod\",\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n002\"}}",
	`{"metadata":{"name":"n003"}}`, `{"metadata":{"name":"n002"}}`, `null`, `[]`, `1`, `"x"`, ` `,
	`{"kind":"Node","apiVersion":"v1","metadata":null,"metadata":{"name":"n003"}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n003"},"metadata":null}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"}} {}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"}}garbage`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"}}` + "\x00",
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002\u0000x"}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","labels":{"k8s.io/\u0000":"1"}}}`,
	"{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n002\x00\"}}",
	"\ufeff" + `{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"}}`,
	"{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n002\",\"labels\":{\"\xff\":\"1\",\"\xfe\":\"2\"}}}",
	"{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n002\",\"annotations\":{\"a\":\"\xff\"}}}",
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","labels":{"\ud800":"1"}}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","generation":1e2}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","generation":1.0}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","generation":9223372036854775808}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","generation":1e999}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002","generation":01}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"},"x":NaN}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"},}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"/*x*/}}`,
	`{'kind':'Node'}`, `{"kind":"Node","apiVersion":"v1","metadata":{"name":1}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":[]}`, `{"kind":"Node","apiVersion":"v1"`,
	"{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n002\",\"annotations\":{\"a\":\"\t\"}}}",
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"},"spec":{"configSource":null}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"},"spec":{"configSource":{}}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"},"spec":{"configSource":{}},"spec":{}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"},"spec":{"configSource":{},"configSource":null}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"},"unknown":{"a":{"b":1},"a":2}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"},"spec":{"podCIDR":"10.0.0.0/24"}}`,
	`{"kind":"NodeList","apiVersion":"v1","items":[]}`, `{"kind":"Pod","apiVersion":"v1"}`,
	`{"kind":"Node","apiVersion":"v2","metadata":{"name":"n002"}}`,
	`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n003","namespace":"n002"}}`,
}

// hostilePods are what stands behind kind and version of a mirror pod.
var hostilePods = []string{
	mirrorHead + `,"spec":{` + mirrorSpec + `},"spec":{"serviceAccountName":"web"}`,
	mirrorHead + `,"spec":{"serviceAccountName":"web"},"spec":{` + mirrorSpec + `}`,
	mirrorHead + `,"spec":{"serviceAccountName":"web",` + mirrorSpec + `,"serviceAccountName":null}`,
	mirrorHead + `,"spec":{` + mirrorSpec + `,"serviceAccountName":"","serviceAccount":"web"}`,
	mirrorHead + `,"spec":{` + mirrorSpec + `,"volumes":[{"name":"a","secret":{"secretName":"x"}}],` +
		`"volumes":[{"name":"a","emptyDir":{}}]}`,
	mirrorHead + `,"spec":{` + mirrorSpec + `,"volumes":[{"name":"a","emptyDir":{}}],` +
		`"volumes":[{"name":"a","secret":{"secretName":"x"}}]}`,
	mirrorHead + `,"spec":{` + mirrorSpec + `,"volumes":[{"name":"a","secret":{"secretName":"x"}}],` +
		`"volumes":[]}`,
	mirrorHead + `,"spec":{` + mirrorSpec + `,"volumes":[{"name":"a","Secret":{"secretName":"x"}}]}`,
	mirrorHead + `,"spec":{` + mirrorSpec + `,"volumes":[{"name":"a","secret":null}]}`,
	mirrorHead + `,"spec":{` + mirrorSpec + `,"nodeName":"n003","nodeName":"n002"}`,
	mirrorHead + `,"spec":{` + mirrorSpec + `,"nodeName":"n003"}`,
	mirrorHead + `,` + mirrorHead + `,"spec":{` + mirrorSpec + `}`,
	`"metadata":{"name":"x"},` + mirrorHead + `,"spec":{` + mirrorSpec + `}`,
	mirrorHead + `,"metadata":{"annotations":null},"spec":{` + mirrorSpec + `}`,
	mirrorHead + `,"metadata":{"ownerReferences":null},"spec":{` + mirrorSpec + `}`,
	mirrorHead + `,"metadata":{"ownerReferences":[{"uid":"x"}]},"spec":{` + mirrorSpec + `}`,
	mirrorHead + `,"metadata":{"ownerReferences":[{}]},"spec":{` + mirrorSpec + `}`,
	mirrorHead + `,"metadata":{"namespace":"node-b"},"spec":{` + mirrorSpec + `}`,
}

var hostileYAML = []string{
	"kind: Node\napiVersion: v1\nmetadata: {name: n003}\nmetadata: {name: n002}\n",
	"kind: Node\napiVersion: v1\nmetadata: {name: n002}\n---\nkind: Node\nmetadata: {name: n003}\n",
	"---\n---\nkind: Node\napiVersion: v1\nmetadata: {name: n003}\n",
	"base: &b {name: n003}\nkind: Node\napiVersion: v1\nmetadata: *b\n",
	"base: &b {name: n003}\nkind: Node\napiVersion: v1\nmetadata: {<<: *b}\n",
	"base: &b {name: n003}\nkind: Node\napiVersion: v1\nmetadata: {name: n002, <<: *b}\n",
	"base: &b {name: n003}\nkind: Node\napiVersion: v1\nmetadata: {<<: *b, name: n002}\n",
	"kind: Node\napiVersion: v1\nmetadata: {name: !!binary bjAwMw==}\n",
	"kind: Node\napiVersion: v1\nmetadata: {name: n002, labels: {on: \"1\", 010: \"2\"}}\n",
	"kind: Node\napiVersion: v1\nmetadata: {name: n002, labels: {k8s.io/a: \"1\"}}\n",
	"kind: Node\napiVersion: v1\nmetadata: {name: n002, labels: {a: yes}}\n",
	"kind: Node\napiVersion: v1\nmetadata: {name: n002, labels: {~: \"1\"}}\n",
	"\ufeffkind: Node\napiVersion: v1\nmetadata: {name: n003}\n",
	"kind: Node\napiVersion: v1\nmetadata:\n\tname: n002\n",
	"kind: Node\napiVersion: v1\nmetadata: {\"n\\x61me\": n003}\n",
	"kind: Node\napiVersion: v1\nmetadata: {name: n002}\n...\nmetadata: {name: n003}\n",
	"# nothing\n", "- 1\n", "kind: Node\napiVersion: v1\nmetadata: {name: n002",
	"%YAML 1.2\n---\nkind: Node\napiVersion: v1\nmetadata: {name: n003}\n",
}

// hostilePatches are of node n002, by media type.
var hostilePatches = map[string][]string{
	"application/json-patch+json": {
		`[{"op":"add","path":"metadata/labels/k8s.io~1a","value":"1"}]`,
		`[{"op":"add","path":"zz/metadata/labels/k8s.io~1a","value":"1"}]`,
		`[{"op":"replace","path":"","value":{}}]`, `[{"op":"add","path":"","value":{}}]`,
		`[{"op":"test","path":"","value":{}}]`, `[{"op":"remove","path":"/"}]`,
		`[{"op":"replace","path":"/metadata/labels/k8s.io~1new","value":"1"}]`,
		`[{"op":"remove","path":"/spec/taints/-1"}]`, `[{"op":"remove","path":"/spec/taints/+0"}]`,
		`[{"op":"remove","path":"/spec/taints/00"}]`, `[{"op":"remove","path":"/spec/taints/9"}]`,
		`[{"op":"add","path":"/spec/taints/-","value":{"key":"k","effect":"NoSchedule"}}]`,
		`[{"op":"add","path":"/spec/taints/-1","value":{"key":"k","effect":"NoSchedule"}}]`,
		`[{"op":"move","from":"/metadata","path":"/metadata/labels"}]`,
		`[{"op":"move","from":"/metadata/labels","path":"/metadata/annotations"}]`,
		`[{"op":"copy","from":"/metadata/annotations","path":"/metadata/labels"}]`,
		`[{"op":"test","path":"/metadata/labels/free","value":"\u0066"}]`,
		`[{"op":"add","path":"/metadata/labels/free","value":"a","value":"b"}]`,
		`[{"op":"test","op":"remove","path":"/metadata/labels/free"}]`,
		`[{"OP":"remove","op":"test","path":"/metadata/labels/free","value":"f"}]`,
		`[{"op":"add","path":"/metadata/labels/x~01","value":"1"}]`,
		`[{"op":"add","path":"/metadata/l\u0061bels/k8s.io~1a","value":"1"}]`,
		`[{"op":"add","path":"/metadata/labels/a"}]`, `[{"op":"Remove","path":"/spec/taints"}]`,
		`[{"op":"remove"}]`, `[{"path":"/spec"}]`, `[1]`, `{}`, `null`, `[null]`, `"x"`, `[] []`,
		`[{"op":1,"path":"/spec"}]`, `[{"op":"add","path":"/Metadata/labels","value":{}}]`,
	},
	"application/merge-patch+json": {
		`{"metadata":{"labels":{"k8s.io/a":"1"}},"metadata":{}}`,
		`{"metadata":{},"metadata":{"labels":{"k8s.io/a":"1"}}}`,
		`{"metadata":{"labels":{"k8s.io/a":"1","k8s.io/a":null}}}`,
		`{"metadata":{"l\u0061bels":{"k8s.io/a":"1"}}}`, `{"Metadata":{"labels":{"k8s.io/a":"1"}}}`,
		`{"metadata":{"Labels":{"k8s.io/a":"1"}}}`, `{"metadata":"x"}`, `{"metadata":[]}`,
		`{"metadata":{"labels":"x"}}`, `{"metadata":{"labels":{"a":1}}}`,
		`{"metadata":{"$patch":"replace"}}`, `{"kind":"Pod"}`, `{"apiVersion":"v2"}`,
		`{"Kind":"Pod"}`, `null`, `[]`, `1`, `{} {}`, "\ufeff{}", `{"x":1e999}`,
		`{"spec":{"taints":{"0":{"key":"k"}}}}`, `{"metadata":{"labels":{"\ud800":"1"}}}`,
		"{\"metadata\":{\"labels\":{\"\xff\":\"1\"}}}", `{"metadata":{"labels":{"a\u0000":"1"}}}`,
		`{"metadata":{"namespace":"x"}}`, `{"metadata":{"managedFields":null}}`,
		`{"metadata":{"managedFields":[{}]}}`, `{"metadata":{"deletionTimestamp":null}}`,
	},
	"application/strategic-merge-patch+json": {
		`{"metadata":{"labels":{"k8s.io/a":"1"}},"metadata":{}}`,
		`{"metadata":{"$patch":"merge"}}`, `{"metadata":{"$patch":"Replace"}}`, `{"$patch":1}`,
		`{"$patch":"replace","metadata":{"name":"n002"}}`, `{"$retainKeys":["metadata"]}`,
		`{"$retainKeys":["metadata","spec","status"]}`, `{"spec":{"$retainKeys":[]}}`,
		`{"spec":{"$retainKeys":"x"}}`, `{"metadata":{"$retainKeys":["name"],"name":"n002"}}`,
		`{"$deleteFromPrimitiveList/metadata":{"labels":{"k8s.io/a":"1"}}}`,
		`{"metadata":{"$deleteFromPrimitiveList/labels":{"free":"9"}}}`,
		`{"metadata":{"labels":{"$deleteFromPrimitiveList/k8s.io/a":"1"}}}`,
		`{"metadata":{"labels":{"$deleteFromPrimitiveList/free":"9"}}}`,
		`{"metadata":{"$deleteFromPrimitiveList":["x"]}}`,
		`{"spec":{"$deleteFromPrimitiveList/taints":[{"key":"dedicated"}]}}`,
		`{"spec":{"$setElementOrder/taints":[{"key":"a"}]}}`, `{"metadata":{"$setElementOrder":[]}}`,
		`{"metadata":{"$setElementOrder/ownerReferences":[]}}`,
		`{"metadata":{"$setElementOrder/finalizers":["a"]}}`,
		`{"metadata":{"ownerReferences":[{"name":"x"}]}}`,
		`{"metadata":{"ownerReferences":[{"uid":"abababab-0000-0000-0000-000000000001","name":"z"}]}}`,
		`{"metadata":{"ownerReferences":[{"$patch":"replace"}]}}`,
		`{"status":{"conditions":[{"$patch":"merge","type":"Ready"}]}}`,
		`{"status":{"conditions":[{"status":"True"}]}}`, `{"status":{"conditions":[1]}}`,
		`{"status":{"$patch":"delete"}}`, `{"metadata":{"generation":1e3}}`,
		`{"metadata":{"labels":{"$patch":"replace"},"$patch":"replace"}}`,
		`{"spec":"x"}`, `null`, `[]`, `{} x`,
	},
	"application/apply-patch+yaml": {
		"kind: Node\napiVersion: v1\n", "kind: Node\napiVersion: v1\nmetadata: {name: n002}\n",
		"kind: Node\napiVersion: v1\nmetadata: {name: n002, labels: {free: x}}\n",
		"kind: Node\napiVersion: v1\nmetadata: {name: n002, labels: {free: f}}\n",
		"kind: Node\napiVersion: v1\nmetadata: {name: n002, labels: {k8s.io/a: x}}\n",
		"kind: Node\napiVersion: v1\nmetadata: {name: n003}\n",
		"kind: Node\napiVersion: v1\nmetadata: {name: n002}\nspec: {taints: []}\n",
		`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n002"}}`, "kind: Node\n", "",
		"kind: Node\napiVersion: v2\nmetadata: {name: n002}\n", "kind: Pod\napiVersion: v1\n",
		"kind: Node\napiVersion: v1\nmetadata: {name: n002, managedFields: []}\n",
		"kind: Node\napiVersion: v1\nmetadata: {name: n002}\nunknown: 1\n",
	},
	"application/apply-patch+cbor": {"\xa0"}, "application/json": {"{}"}, "": {"{}"},
	"Application/Merge-Patch+JSON":                                {"{}"},
	"application/merge-patch+json; charset=utf-8":                 {"{}"},
	"application/merge-patch+json ; q=1":                          {"{}"},
	"application/merge-patch+json, application/json-patch+json":   {"{}"},
	"application/json-patch+json, application/merge-patch+json":   {"{}", "[]"},
	"application/strategic-merge-patch+json;x":                    {"{}"},
	" application/merge-patch+json":                               {"{}"},
	"application/merge-patch+json\r\nContent-Encoding: gzip":      {"{}"},
	"application/merge-patch+json\r\nContent-Type: text/plain":    {"{}"},
	"text/plain\r\nContent-Type: application/merge-patch+json":    {"{}"},
	"application/merge-patch+json\r\nContent-Type: application/x": {"{}"},
}

// hostile sends all of these as the node and as an operator, for whom the
// proxy has no rule and so nothing to read.
func (n *nodeSuite) hostile() {
	uid := fmt.Sprint(member(n.object("/api/v1/nodes/n002"), "metadata", "uid"))
	for _, u := range []credential{nodeCredential("n002"), nodeCredential("vectors"),
		nodeCredential("not-a-node")} {
		for _, body := range hostileNodes {
			n.trap(u, "POST", "/api/v1/nodes", "application/json", body)
			if n.random.IntN(100) < 30 {
				n.trap(u, "POST", "/api/v1/nodes?fieldValidation=Strict", "application/json", body)
				n.trap(u, "PUT", "/api/v1/nodes/n002", "application/json", body)
			}
		}
		for _, body := range hostileYAML {
			n.trap(u, "POST", "/api/v1/nodes", "application/yaml", body)
		}
		for _, body := range hostilePods {
			n.trap(u, "POST", nodeA+"pods", "application/json", `{"kind":"Pod","apiVersion":"v1",`+
				strings.ReplaceAll(body, "UID", uid)+`}`)
		}
		for _, kind := range sortedKeys(hostilePatches) {
			for _, body := range hostilePatches[kind] {
				n.hostilePatch(u, kind, body)
			}
		}
		n.hostileApplies(u)
		n.hostileProtobuf(u)
		n.hostileSizes(u)
		n.hostileDeletes(u)
	}
}

func (n *nodeSuite) trap(u credential, method, target, contentType, body string) {
	t := n.body(u, method, target, document{excerpt(body, 0), contentType, body})
	t.group, t.strict = "node-trap", true
}

func (n *nodeSuite) hostilePatch(u credential, kind, body string) {
	for _, path := range nodePaths {
		target := fmt.Sprintf(path, "n002")
		if strings.HasPrefix(kind, "application/apply") {
			n.trap(u, "PATCH", target, kind, body)
			n.trap(u, "PATCH", fmt.Sprintf(path, "n003")+"?fieldManager=m", kind, body)
			n.trap(u, "PATCH", target+"?fieldManager=m&force=true", kind, body)
			target += "?fieldManager=m"
		}
		n.trap(u, "PATCH", target, kind, body)
		if n.random.IntN(100) < 10 {
			n.trap(u, "PATCH", target+"?fieldValidation=Ignore", kind, body)
			n.trap(u, "PATCH", "/api/v1/nodes/n003/status", kind, body)
		}
	}
}

// hostileApplies say in a status what only the object itself may say.
func (n *nodeSuite) hostileApplies(u credential) {
	const claim = "kind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {name: data}\n"
	const pod = "kind: Pod\napiVersion: v1\nmetadata: {name: web"
	applies := map[string][]string{
		nodeA + "persistentvolumeclaims/data": {claim, claim + "spec: {volumeName: x}\n",
			claim + "spec: {volumeName: pv-data}\n", claim + "spec: null\n",
			claim + "spec: {resources: {requests: {storage: 9Gi}}}\n",
			claim + "status: {capacity: {storage: 2Gi}}\n", claim + "status: {phase: Lost}\n"},
		nodeA + "pods/web": {pod + "}\n", pod + ", labels: {x: y}}\n", pod + "}\nstatus: " +
			"{phase: Running}\n", pod + "}\nspec: {nodeName: n003}\n",
			pod + "}\nstatus: {resourceClaimStatuses: [{name: gpu, resourceClaimName: x}]}\n"},
		"/api/v1/nodes/n002": {"kind: Node\napiVersion: v1\nspec: null\n",
			"kind: Node\napiVersion: v1\nspec: {configSource: {}}\n",
			"kind: Node\napiVersion: v1\nspec: {taints: null}\n",
			"kind: Node\napiVersion: v1\nspec: {taints: [{key: k, effect: NoSchedule}]}\n",
			"kind: Node\napiVersion: v1\nspec: {unschedulable: true}\n",
			"kind: Node\napiVersion: v1\nmetadata: {ownerReferences: []}\n"},
	}
	for _, target := range sortedKeys(applies) {
		for _, body := range applies[target] {
			for _, sub := range []string{"", "/status"} {
				for _, query := range []string{"?fieldManager=m", "?fieldManager=m&force=true"} {
					n.trap(u, "PATCH", target+sub+query, "application/apply-patch+yaml", body)
				}
			}
		}
	}
}

// hostileProtobuf has everything that a careless encoder may write.
func (n *nodeSuite) hostileProtobuf(u credential) {
	own, other := field(1, "n002"), field(1, "n003")
	meta := func(parts ...string) string { return field(1, strings.Join(parts, "")) }
	label := field(11, field(1, "k8s.io/a")+field(2, "1"))
	object := func(raw string) string { return protobuf("v1", "Node", raw) }
	bodies := map[string]string{
		"plain": object(meta(own)), "other": object(meta(other)), "label": object(meta(own, label)),
		"name twice": object(meta(own, other)), "name twice, own last": object(meta(other, own)),
		"metadata twice":        object(meta(own) + meta(other)),
		"metadata again, label": object(meta(own) + meta(label)),
		"padded tag":            object("\x8a\x00" + meta(own)[1:]),
		"padded length":         object("\x0a\x86\x00" + own),
		"field number beyond":   object("\x8a\x80\x80\x80\x10" + meta(own)[1:]),
		"wrong wire type":       object("\x08\x01" + meta(own)),
		"group":                 object("\x0b\x0c" + meta(own)),
		"unknown field":         object(meta(own) + field(15, "x")),
		"unknown in metadata":   object(meta(own, "\xf2\x3f\x01x")),
		"map entry twice":       object(meta(own, field(11, field(1, "a")+field(1, "k8s.io/a")+field(2, "1")))),
		"map entry no key":      object(meta(own, field(11, field(2, "1")))),
		"map entry beyond":      object(meta(own, field(11, field(1, "a")+"\x12\x7f1"))),
		"map entry unknown":     object(meta(own, field(11, field(1, "a")+field(3, "x")+field(2, "1")))),
		"truncated":             object(meta(own))[:14], "no magic": object(meta(own))[4:],
		"magic alone": "k8s\x00", "two raws": object(meta(own)) + field(2, meta(other)),
		"two raws, own last": object(meta(other)) + field(2, meta(own)),
		"no type":            "k8s\x00" + field(2, meta(own)),
		"other type":         protobuf("v1", "Pod", meta(own)), "no kind": protobuf("v1", "", meta(own)),
		"content type":     object(meta(own)) + field(4, "application/json"),
		"content encoding": object(meta(own)) + field(3, "gzip"),
		"trailing":         object(meta(own)) + "\x00", "empty config": object(meta(own) + field(2, field(6, ""))),
		"high bytes": object(meta(field(1, "n002\xff"))), "zero": object(meta(field(1, "n002\x00"))),
		"type twice": "k8s\x00" + field(1, field(1, "v1")+field(2, "Pod")) +
			field(1, field(2, "Node")) + field(2, meta(own)),
	}
	for _, name := range sortedKeys(bodies) {
		t := n.body(u, "POST", "/api/v1/nodes", document{name, protobufType, bodies[name]})
		t.group, t.strict = "node-trap", true
	}
}

// hostileSizes stand around the limits of depth, length and number.
func (n *nodeSuite) hostileSizes(u credential) {
	for _, depth := range []int{90, 2000, 9000, 10001} {
		n.trap(u, "POST", "/api/v1/nodes", "application/json", `{"kind":"Node","apiVersion":"v1",`+
			`"metadata":{"name":"n003"},"x":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+`}`)
	}
	for _, size := range []int{100000, 3145728 - 60, 3145729} {
		body := `{"metadata":{"annotations":{"x":"` + strings.Repeat("x", size) + `"}}}`
		n.trap(u, "PATCH", "/api/v1/nodes/n002", "application/merge-patch+json", body)
		n.cases[len(n.cases)-1].fresh = true
	}
	for _, count := range []int{10000, 10001} {
		body := "[" + strings.TrimSuffix(strings.Repeat(`{"op":"test","path":"/kind","value":"Node"},`,
			count), ",") + "]"
		n.trap(u, "PATCH", "/api/v1/nodes/n002", "application/json-patch+json", body)
	}
}

// hostileDeletes have options in a body that hides those of the query.
func (n *nodeSuite) hostileDeletes(u credential) {
	uid := fmt.Sprint(member(n.object(nodeA+"pods/web"), "metadata", "uid"))
	for _, body := range []string{
		`{"dryRun":["All"],"preconditions":{"uid":"` + uid + `"},"preconditions":{"uid":"1-2-3"}}`,
		`{"dryRun":["All"],"preconditions":{"uid":"1-2-3"},"preconditions":null}`,
		`{"dryRun":["All"],"Preconditions":{"uid":"1-2-3"}}`,
		`{"dryRun":["All"],"unknown":1}`, `{"dryRun":["Some"]}`, `{`, `{"dryRun":["All"]}x`,
		`{"kind":"Pod","dryRun":["All"]}`, `{"kind":"DeleteOptions","apiVersion":"v9","dryRun":["All"]}`,
	} {
		for _, name := range []string{"web", "other"} {
			n.trap(u, "DELETE", nodeA+"pods/"+name, "application/json", body)
			n.trap(u, "DELETE", nodeA+"pods/"+name+"?uid=1-2-3", "text/plain", body)
		}
	}
	yaml := "dryRun: [All]\npreconditions: {uid: 1-2-3}\n"
	n.trap(u, "DELETE", nodeA+"pods/web", "application/yaml", yaml)
}
