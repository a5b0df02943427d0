// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// writes are all operations of kubelets and of those who misuse their
// credentials, on own and on others' objects.
func (n *nodeSuite) writes() {
	for _, u := range nodeUsers() {
		n.everyone(nodeCredential(u.token))
	}
	for _, u := range []credential{nodeCredential("n002"), nodeCredential("vectors"),
		nodeCredential("n003"), nodeCredential("ghost")} {
		n.nodeWrites(u)
		n.podWrites(u)
		n.mirrorPods(u)
		n.tokenWrites(u)
		n.leaseWrites(u)
		n.storageWrites(u)
		n.signingWrites(u)
		n.otherWrites(u)
	}
}

// everyone's few writes tell who is a node and who is not.
func (n *nodeSuite) everyone(u credential) {
	label := document{"label", "application/merge-patch+json",
		`{"metadata":{"labels":{"kubernetes.io/x":"1"}}}`}
	harmless := document{"free label", "application/merge-patch+json",
		`{"metadata":{"labels":{"free":"2"}}}`}
	for _, name := range []string{"n002", "n003", "N002", "ghost", "n002%3Ax", "..%2Fn002"} {
		n.body(u, "PATCH", "/api/v1/nodes/"+name, label)
		n.body(u, "PATCH", "/api/v1/nodes/"+name+"/status", harmless)
		n.body(u, "DELETE", "/api/v1/nodes/"+name, document{})
	}
	n.send(u, "POST", "/api/v1/nodes", "new node", text(nodeText, "n004", `{}`))
	n.send(u, "POST", nodeA+"configmaps", "configmap",
		text(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}`))
	n.send(u, "PUT", leases+"/n002", "lease", n.object(leases+"/n002"))
	n.send(u, "POST", nodeA+"pods", "mirror", n.mirrorPod("n002"))
	n.send(u, "POST", nodeA+"pods/other/eviction", "eviction", eviction("policy/v1", "other", ""))
	n.body(u, "DELETE", nodeA+"pods/web", document{})
	n.body(u, "DELETE", nodeA+"pods/other", document{})
	n.send(u, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "who",
		text(`{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`))
}

const nodeText = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"%s","labels":%s}}`

// labelSets are what a node may and may not set.
var labelSets = []string{`{}`, `{"free":"x"}`, `{"kubernetes.io/hostname":"x"}`,
	`{"kubernetes.io/os":"linux","kubernetes.io/arch":"amd64","beta.kubernetes.io/os":"linux"}`,
	`{"topology.kubernetes.io/zone":"z","failure-domain.beta.kubernetes.io/region":"r"}`,
	`{"node.kubernetes.io/instance-type":"x","beta.kubernetes.io/instance-type":"x"}`,
	`{"kubelet.kubernetes.io/a":"x","a.kubelet.kubernetes.io/b":"x","node.kubernetes.io/c":"x"}`,
	`{"node-restriction.kubernetes.io/two":"2"}`, `{"node-restriction.kubernetes.io/one":"1"}`,
	`{"a.node-restriction.kubernetes.io/one":"1","node-role.kubernetes.io/x":"","k8s.io/y":"1"}`,
	`{"kubernetes.io/zzz":"1","kubernetes.io/aaa":"1","x.k8s.io/a":"1"}`,
	`{"xkubernetes.io/a":"1","kubernetes.io.example.com/a":"1","Kubernetes.io/a":"1"}`,
	`{"test/two":"123"}`}

var nodePaths = []string{"/api/v1/nodes/%s", "/api/v1/nodes/%s/status"}

// nodeWrites register, replace and patch nodes.
func (n *nodeSuite) nodeWrites(u credential) {
	for _, name := range []string{"n002", "n003", "ghost"} {
		for _, labels := range labelSets {
			n.send(u, "POST", "/api/v1/nodes", "labels "+labels, text(nodeText, name, labels))
		}
		config := text(nodeText, name, `{}`)
		n.send(u, "POST", "/api/v1/nodes", "configSource",
			set(config, map[string]any{}, "spec", "configSource"))
		for _, path := range nodePaths {
			target := fmt.Sprintf(path, name)
			for _, d := range nodePatches() {
				n.body(u, "PATCH", target, d)
			}
			if name != "ghost" {
				n.replaceNode(u, target, "/api/v1/nodes/"+name)
			}
			n.body(u, "DELETE", target, document{})
		}
	}
	generated := text(nodeText, "x", `{}`)
	set(set(generated, nil, "metadata", "name"), "n002", "metadata", "generateName")
	n.send(u, "POST", "/api/v1/nodes", "generateName", generated)
	both := set(text(nodeText, "n002", `{}`), "n00", "metadata", "generateName")
	n.send(u, "POST", "/api/v1/nodes", "name and generateName", both)
	n.body(u, "DELETE", "/api/v1/nodes", document{})
	n.body(u, "DELETE", "/api/v1/nodes?fieldSelector=metadata.name%3Dn002", document{})
	for _, sub := range []string{"proxy", "other"} {
		n.send(u, "PUT", "/api/v1/nodes/n002/"+sub, "sub", n.object("/api/v1/nodes/n002"))
	}
}

// replaceNode puts the object back unchanged, and with one change at a time.
func (n *nodeSuite) replaceNode(u credential, target, at string) {
	changes := []struct {
		name  string
		path  string
		value any
	}{
		{"unchanged", "kind", "Node"},
		{"without version", "metadata/resourceVersion", nil},
		{"stale", "metadata/resourceVersion", "1"},
		{"without uid", "metadata/uid", nil},
		{"wrong uid", "metadata/uid", "1-2-3"},
		{"other name", "metadata/name", "n1"},
		{"no labels", "metadata/labels", nil},
		{"free label", "metadata/labels/free", "2"},
		{"role", "metadata/labels/node-role.kubernetes.io~1x", ""},
		{"protected", "metadata/labels/node-restriction.kubernetes.io~1two", "3"},
		{"no taints", "spec/taints", nil},
		{"empty taints", "spec/taints", []any{}},
		{"unschedulable", "spec/unschedulable", true},
		{"no owners", "metadata/ownerReferences", nil},
		{"annotation", "metadata/annotations/x", "y"},
		{"config", "spec/configSource", map[string]any{}},
		{"status", "status/phase", "Running"},
		{"deleted", "metadata/deletionTimestamp", "2026-01-01T00:00:00Z"},
		{"finalizer", "metadata/finalizers", []any{"example.com/x"}},
	}
	for _, c := range changes {
		path := strings.Split(c.path, "/")
		for i := range path {
			path[i] = strings.ReplaceAll(path[i], "~1", "/")
		}
		n.send(u, "PUT", target, c.name, set(n.object(at), c.value, path...))
	}
}

// nodePatches are patches of every type, harmless and not.
func nodePatches() []document {
	bodies := []string{`{}`, `{"metadata":{"labels":{"free":"2"}}}`,
		`{"metadata":{"labels":{"free":null}}}`,
		`{"metadata":{"labels":{"node-restriction.kubernetes.io/two":"123"}}}`,
		`{"metadata":{"labels":{"node-restriction.kubernetes.io/two":"2"}}}`,
		`{"metadata":{"labels":{"node-restriction.kubernetes.io/two":null}}}`,
		`{"metadata":{"labels":null}}`, `{"metadata":null}`, `{"spec":null}`, `{"status":null}`,
		`{"metadata":{"labels":{"kubernetes.io/b":"1","kubernetes.io/a":"1","free":"9"}}}`,
		`{"spec":{"taints":[]}}`, `{"spec":{"taints":null}}`,
		`{"spec":{"taints":[{"key":"dedicated","value":"x","effect":"NoSchedule"}]}}`,
		`{"spec":{"taints":[{"key":"k","effect":"NoSchedule"}]}}`,
		`{"spec":{"configSource":{}}}`, `{"spec":{"unschedulable":true}}`,
		`{"metadata":{"ownerReferences":[]}}`, `{"metadata":{"ownerReferences":null}}`,
		`{"metadata":{"annotations":{"x":"y"}}}`, `{"metadata":{"uid":"1-2-3"}}`,
		`{"metadata":{"resourceVersion":"1"}}`, `{"metadata":{"name":"n1"}}`,
		`{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`,
		`{"status":{"capacity":{"cpu":"4"},"nodeInfo":{"kubeletVersion":"v1.36.3"}}}`}
	all := []document{}
	for _, b := range bodies {
		all = append(all, document{"merge " + b, "application/merge-patch+json", b},
			document{"strategic " + b, "application/strategic-merge-patch+json", b})
	}
	for _, b := range jsonPatches {
		all = append(all, document{"json " + b, "application/json-patch+json", b})
	}
	for _, b := range directives {
		all = append(all, document{"strategic " + b, "application/strategic-merge-patch+json", b})
	}
	return all
}

var jsonPatches = []string{`[]`, `[{"op":"add","path":"/metadata/labels/free","value":"2"}]`,
	`[{"op":"add","path":"/metadata/labels/kubernetes.io~1x","value":"2"}]`,
	`[{"op":"remove","path":"/metadata/labels/node-restriction.kubernetes.io~1two"}]`,
	`[{"op":"replace","path":"/metadata/labels","value":{}}]`,
	`[{"op":"remove","path":"/spec/taints"}]`, `[{"op":"remove","path":"/spec/taints/0"}]`,
	`[{"op":"test","path":"/metadata/name","value":"n002"}]`,
	`[{"op":"test","path":"/metadata/name","value":"x"}]`,
	`[{"op":"move","from":"/metadata/labels/free","path":"/metadata/labels/k8s.io~1x"}]`,
	`[{"op":"copy","from":"/metadata/labels/free","path":"/metadata/annotations/x"}]`,
	`[{"op":"add","path":"/metadata/annotations/x","value":"y"}]`,
	`[{"op":"add","path":"/status/phase","value":"Running"}]`,
	`[{"op":"remove","path":"/metadata/ownerReferences/0"}]`}

var directives = []string{`{"metadata":{"$patch":"replace","name":"n002"}}`,
	`{"metadata":{"labels":{"$patch":"replace","free":"f"}}}`,
	`{"metadata":{"labels":{"$patch":"delete"}}}`, `{"$patch":"delete"}`,
	`{"spec":{"$retainKeys":["podCIDR"]}}`, `{"metadata":{"$retainKeys":["name","labels"]}}`,
	`{"metadata":{"$deleteFromPrimitiveList/labels":{"kubernetes.io/x":"1"}}}`,
	`{"metadata":{"ownerReferences":[{"$patch":"delete",` +
		`"uid":"abababab-0000-0000-0000-000000000001"}]}}`,
	`{"status":{"$setElementOrder/conditions":[{"type":"Ready"}],` +
		`"conditions":[{"type":"Ready","status":"True"}]}}`,
	`{"status":{"addresses":[{"type":"Hostname","address":"n002"},{"$patch":"replace"}]}}`}

// deleteOptions are bodies of deletes; a body hides the query, so the dry run
// stands in it.
func (n *nodeSuite) deleteOptions(u credential, target, uid string) {
	n.body(u, "DELETE", target, document{})
	n.body(u, "DELETE", target+"?uid=1-2-3", document{name: "uid in query"})
	n.body(u, "DELETE", target+"?gracePeriodSeconds=0&uid="+uid, document{name: "right uid"})
	for _, members := range []string{``, `"gracePeriodSeconds":0,`,
		`"gracePeriodSeconds":0,"preconditions":{"uid":"` + uid + `"},`,
		`"preconditions":{"uid":"1-2-3"},`, `"preconditions":{"resourceVersion":"1"},`,
		`"propagationPolicy":"Orphan",`} {
		n.send(u, "DELETE", target, members, text(
			`{"apiVersion":"v1","kind":"DeleteOptions",%s"dryRun":["All"]}`, members))
	}
}

// podWrites are deletes, evictions and status updates.
func (n *nodeSuite) podWrites(u credential) {
	for _, name := range []string{"web", "other", "pending", "static-n002", "missing"} {
		at, uid := nodeA+"pods/"+name, "1-2-3"
		if name != "missing" {
			uid = fmt.Sprint(member(n.object(at), "metadata", "uid"))
		}
		n.deleteOptions(u, at, uid)
		for _, version := range []string{"policy/v1", "policy/v1beta1"} {
			n.send(u, "POST", at+"/eviction", version, eviction(version, name, ""))
			n.send(u, "POST", at+"/eviction", version+" uid", eviction(version, name, uid))
		}
		n.send(u, "POST", at+"/eviction", "other name", eviction("policy/v1", "web", ""))
		n.send(u, "POST", at+"/eviction", "no name", eviction("policy/v1", "", ""))
		for _, body := range podStatusPatches(uid) {
			n.body(u, "PATCH", at+"/status", document{"strategic " + body,
				"application/strategic-merge-patch+json", body})
			n.body(u, "PATCH", at+"/status", document{"merge " + body,
				"application/merge-patch+json", body})
			if n.random.IntN(100) < 20 {
				n.body(u, "PATCH", at, document{"merge " + body, "application/merge-patch+json",
					body})
			}
		}
		for _, sub := range []string{"binding", "ephemeralcontainers", "resize", "other", "exec"} {
			n.send(u, "POST", at+"/"+sub, "binding", text(
				`{"apiVersion":"v1","kind":"Binding","metadata":{"name":"%s"},`+
					`"target":{"name":"n002"}}`, name))
			n.body(u, "PATCH", at+"/"+sub, document{"empty",
				"application/strategic-merge-patch+json", `{}`})
		}
		if name == "missing" {
			continue
		}
		n.send(u, "PUT", at, "unchanged", n.object(at))
		n.send(u, "PUT", at+"/status", "unchanged", n.object(at))
		n.send(u, "PUT", at+"/status", "labels", set(n.object(at), "y", "metadata", "labels", "x"))
		n.send(u, "PUT", at+"/status", "phase", set(n.object(at), "Running", "status", "phase"))
		n.send(u, "PUT", at+"/status", "no version",
			set(n.object(at), nil, "metadata", "resourceVersion"))
		n.send(u, "PUT", at+"/status", "annotation",
			set(n.object(at), "y", "metadata", "annotations", "x"))
	}
	n.body(u, "DELETE", nodeA+"pods", document{})
	n.body(u, "DELETE", nodeA+"pods?fieldSelector=spec.nodeName%3Dn002", document{})
}

func podStatusPatches(uid string) []string {
	return []string{`{}`, `{"status":{"phase":"Running"}}`,
		`{"metadata":{"uid":"` + uid + `"},"status":{"phase":"Running","podIP":"10.1.0.7",` +
			`"podIPs":[{"ip":"10.1.0.7"}],"conditions":[{"type":"Ready","status":"True"}]}}`,
		`{"metadata":{"uid":"1-2-3"},"status":{"phase":"Running"}}`,
		`{"metadata":{"labels":{"app":"y"}}}`, `{"metadata":{"labels":{"app":"web"}}}`,
		`{"metadata":{"labels":null}}`, `{"metadata":null}`, `{"status":null}`,
		`{"metadata":{"annotations":{"x":"y"},"finalizers":["example.com/x"]}}`,
		`{"status":{"resourceClaimStatuses":[{"name":"gpu","resourceClaimName":"x"}]}}`,
		`{"status":{"resourceClaimStatuses":[]}}`, `{"spec":{"nodeName":"n002"}}`,
		`{"status":{"extendedResourceClaimStatus":{"resourceClaimName":"x",` +
			`"requestMappings":[]}}}`, `{"metadata":{"resourceVersion":"1"}}`}
}

func eviction(version, name, uid string) map[string]any {
	e := text(`{"apiVersion":"%s","kind":"Eviction","metadata":{"name":"%s"}}`, version, name)
	if uid != "" {
		set(e, uid, "deleteOptions", "preconditions", "uid")
	}
	return e
}

// mirrorPod is one that its node may create.
func (n *nodeSuite) mirrorPod(node string) map[string]any {
	uid := "1-2-3"
	if node != "ghost" {
		uid = fmt.Sprint(member(n.object("/api/v1/nodes/"+node), "metadata", "uid"))
	}
	return text(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"new-%s","namespace":"node-a",`+
		`"annotations":{"kubernetes.io/config.mirror":"h","kubernetes.io/config.source":"file"},`+
		`"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"%[1]s","uid":"%s",`+
		`"controller":true}]},"spec":{"nodeName":"%[1]s","hostNetwork":true,`+
		`"containers":[{"name":"c","image":"registry.example/pause"}]}}`, node, uid)
}

// mirrorPods are mirror pods with one thing wrong at a time, or nothing.
func (n *nodeSuite) mirrorPods(u credential) {
	for _, node := range []string{"n002", "n003", "ghost"} {
		n.send(u, "POST", nodeA+"pods", "mirror", n.mirrorPod(node))
		n.send(u, "POST", nodeB+"pods", "other namespace", n.mirrorPod(node))
		for _, c := range []struct{ name, path, value string }{
			{"no annotations", "metadata/annotations", `null`},
			{"empty mirror annotation", "metadata/annotations", `{"kubernetes.io/config.mirror":""}`},
			{"no owner", "metadata/ownerReferences", `null`},
			{"two owners", "metadata/ownerReferences", `[{"apiVersion":"v1","kind":"Node",` +
				`"name":"n002","uid":"1"},{"apiVersion":"v1","kind":"Node","name":"n002","uid":"2"}]`},
			{"wrong owner uid", "metadata/ownerReferences", `[{"apiVersion":"v1","kind":"Node",` +
				`"name":"n002","uid":"1-2-3","controller":true}]`},
			{"not controlled", "metadata/ownerReferences", `[{"apiVersion":"v1","kind":"Node",` +
				`"name":"n002","uid":"1-2-3"}]`},
			{"blocking", "metadata/ownerReferences", `[{"apiVersion":"v1","kind":"Node",` +
				`"name":"n002","uid":"1-2-3","controller":true,"blockOwnerDeletion":true}]`},
			{"other kind", "metadata/ownerReferences", `[{"apiVersion":"v1","kind":"Pod",` +
				`"name":"n002","uid":"1-2-3","controller":true}]`},
			{"no node", "spec/nodeName", `null`},
			{"no name", "metadata/name", `null`},
			{"service account", "spec/serviceAccountName", `"web"`},
			{"service account alias", "spec/serviceAccount", `"web"`},
			{"pull secret", "spec/imagePullSecrets", `[{"name":"x"}]`},
			{"empty pull secret", "spec/imagePullSecrets", `[{"name":""}]`},
			{"claims", "spec/resourceClaims", `[{"name":"x","resourceClaimName":"y"}]`},
			{"env secret", "spec/containers", `[{"name":"c","image":"i","env":[{"name":"A",` +
				`"valueFrom":{"secretKeyRef":{"name":"x","key":"k"}}}]}]`},
			{"init envFrom", "spec/initContainers", `[{"name":"d","image":"i",` +
				`"envFrom":[{"configMapRef":{"name":"x"}}]}]`},
		} {
			value, err := tree([]byte(c.value))
			if err != nil {
				fatal("%v", err)
			}
			n.send(u, "POST", nodeA+"pods", c.name,
				set(n.mirrorPod(node), value, strings.Split(c.path, "/")...))
		}
	}
	for _, v := range volumes {
		value, err := tree([]byte(`[{"name":"v",` + v + `}]`))
		if err != nil {
			fatal("%v", err)
		}
		n.send(u, "POST", nodeA+"pods", "volume "+v, set(n.mirrorPod("n002"), value, "spec",
			"volumes"))
	}
}

var volumes = []string{`"emptyDir":{}`, `"hostPath":{"path":"/x"}`, `"secret":{"secretName":"x"}`,
	`"secret":{}`, `"configMap":{"name":"x"}`, `"configMap":{}`,
	`"persistentVolumeClaim":{"claimName":"x"}`, `"csi":{"driver":"d"}`,
	`"csi":{"driver":"d","nodePublishSecretRef":{"name":"x"}}`, `"downwardAPI":{}`,
	`"ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],` +
		`"resources":{"requests":{"storage":"1Gi"}}}}}`,
	`"azureFile":{"secretName":"x","shareName":"y"}`,
	`"glusterfs":{"endpoints":"x","path":"y"}`, `"nfs":{"server":"x","path":"/y"}`,
	`"iscsi":{"targetPortal":"1.2.3.4","iqn":"iqn.2001-04.com.example:a","lun":0,` +
		`"secretRef":{"name":"x"}}`,
	`"projected":{"sources":[{"secret":{"name":"x"}}]}`,
	`"projected":{"sources":[{"configMap":{"name":"x"}}]}`,
	`"projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}`,
	`"projected":{"sources":[{"clusterTrustBundle":{"name":"x","path":"y"}}]}`,
	`"projected":{"sources":[{"downwardAPI":{}}]}`, `"projected":{"sources":[{}]}`,
	`"projected":{"sources":[{"unknown":{}}]}`, `"projected":{"sources":[]}`, `"unknown":{}`,
	`"image":{"reference":"x"}`}

// tokenWrites request service account tokens.
func (n *nodeSuite) tokenWrites(u credential) {
	const group = "authentication.k8s.io/v1"
	uid := func(name string) any { return member(n.object(nodeA+"pods/"+name), "metadata", "uid") }
	for _, account := range []string{"web", "elsewhere", "unused", "missing"} {
		for _, spec := range []string{`{}`, `{"audiences":["x"]}`,
			fmt.Sprintf(boundSpec, "web", uid("web"), ``),
			fmt.Sprintf(boundSpec, "web", uid("web"), `"from-the-pod"`),
			fmt.Sprintf(boundSpec, "web", uid("web"), `"from-the-driver"`),
			fmt.Sprintf(boundSpec, "web", uid("web"), `""`),
			fmt.Sprintf(boundSpec, "web", uid("web"), `"vault"`),
			fmt.Sprintf(boundSpec, "web", uid("web"), `"from-the-pod","vault"`),
			fmt.Sprintf(boundSpec, "web", "1-2-3", ``), fmt.Sprintf(boundSpec, "web", "", ``),
			fmt.Sprintf(boundSpec, "other", uid("other"), ``),
			fmt.Sprintf(boundSpec, "pending", uid("pending"), ``),
			fmt.Sprintf(boundSpec, "missing", "1-2-3", ``),
			`{"boundObjectRef":{"apiVersion":"v1","kind":"Secret","name":"sec-vol","uid":"1"}}`,
			`{"boundObjectRef":{"apiVersion":"v1","kind":"Node","name":"n002","uid":"1"}}`} {
			n.send(u, "POST", nodeA+"serviceaccounts/"+account+"/token", spec, text(
				`{"apiVersion":"%s","kind":"TokenRequest","spec":%s}`, group, spec))
		}
	}
}

const boundSpec = `{"boundObjectRef":{"apiVersion":"v1","kind":"Pod","name":"%s","uid":"%s"},` +
	`"audiences":[%s]}`

// leaseWrites renew, create and delete leases.
func (n *nodeSuite) leaseWrites(u credential) {
	for _, name := range []string{"n002", "n003"} {
		at := leases + "/" + name
		n.send(u, "PUT", at, "renew", set(n.object(at), "2026-01-02T03:04:05.000000Z", "spec",
			"renewTime"))
		n.send(u, "PUT", at, "no version", set(n.object(at), nil, "metadata", "resourceVersion"))
		n.send(u, "PUT", at, "other name", set(n.object(at), "n1", "metadata", "name"))
		n.deleteOptions(u, at, fmt.Sprint(member(n.object(at), "metadata", "uid")))
		n.body(u, "PATCH", at, document{"merge", "application/merge-patch+json",
			`{"spec":{"holderIdentity":"x"}}`})
		n.body(u, "PATCH", at, document{"json", "application/json-patch+json", `[]`})
	}
	elsewhere := strings.Replace(leases, "kube-node-lease", "node-a", 1)
	for _, name := range []string{"n002", "n003", "ghost"} {
		lease := text(`{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":`+
			`{"name":"%s"},"spec":{"holderIdentity":"x","leaseDurationSeconds":40}}`, name)
		n.send(u, "POST", leases, name, lease)
		n.send(u, "POST", elsewhere, name, lease)
		n.send(u, "PUT", elsewhere+"/"+name, name, lease)
		n.send(u, "PUT", leases+"/"+name, "as new", lease)
		n.send(u, "POST", leases, "generated "+name, set(set(clone(lease), nil, "metadata", "name"),
			name, "metadata", "generateName"))
	}
	n.body(u, "DELETE", leases, document{})
}

// storageWrites are about CSINodes, slices, claims and volumes.
func (n *nodeSuite) storageWrites(u credential) {
	for _, name := range []string{"n002", "n003"} {
		at := csiAPI + "csinodes/" + name
		n.send(u, "PUT", at, "unchanged", n.object(at))
		n.deleteOptions(u, at, fmt.Sprint(member(n.object(at), "metadata", "uid")))
		n.body(u, "PATCH", at, document{"merge", "application/merge-patch+json",
			`{"metadata":{"labels":{"x":"y"}}}`})
		at = drAPI + "resourceslices/slice-" + name
		n.send(u, "PUT", at, "unchanged", n.object(at))
		n.send(u, "PUT", at, "moved", set(n.object(at), "n002", "spec", "nodeName"))
		n.deleteOptions(u, at, fmt.Sprint(member(n.object(at), "metadata", "uid")))
		n.body(u, "PATCH", at, document{"merge", "application/merge-patch+json",
			`{"metadata":{"labels":{"x":"y"}}}`})
	}
	n.deleteOptions(u, drAPI+"resourceslices/slice-all", "1-2-3")
	for _, name := range []string{"n002", "n003", "n005", "ghost"} {
		n.send(u, "POST", csiAPI+"csinodes", name, text(`{"apiVersion":"storage.k8s.io/v1",`+
			`"kind":"CSINode","metadata":{"name":"%s"},"spec":{"drivers":[]}}`, name))
		for _, version := range []string{"v1", "v1beta1"} {
			n.send(u, "POST", "/apis/resource.k8s.io/"+version+"/resourceslices", name+version,
				text(`{"apiVersion":"resource.k8s.io/%s","kind":"ResourceSlice","metadata":{"name":`+
					`"new"},"spec":{"driver":"dra.example.com","pool":{"name":"%s","generation":1,`+
					`"resourceSliceCount":1},"nodeName":"%[2]s"}}`, version, name))
		}
	}
	n.send(u, "POST", drAPI+"resourceslices", "all nodes", text(`{"apiVersion":`+
		`"resource.k8s.io/v1","kind":"ResourceSlice","metadata":{"name":"new"},"spec":{"driver":`+
		`"dra.example.com","pool":{"name":"x","generation":1,"resourceSliceCount":1},`+
		`"allNodes":true}}`))
	for _, query := range nodeSelectors[:8] {
		n.body(u, "DELETE", strings.TrimSuffix(drAPI+"resourceslices?"+query, "?"), document{})
	}
	n.claimWrites(u)
}

func (n *nodeSuite) claimWrites(u credential) {
	for _, name := range []string{"data", "other"} {
		at := nodeA + "persistentvolumeclaims/" + name
		for _, sub := range []string{"", "/status"} {
			n.send(u, "PUT", at+sub, "unchanged", n.object(at))
			n.send(u, "PUT", at+sub, "label", set(n.object(at), "y", "metadata", "labels", "x"))
			for _, body := range []string{`{}`, `{"status":{"capacity":{"storage":"2Gi"}}}`,
				`{"status":{"phase":"Lost"}}`, `{"metadata":{"labels":{"x":"y"}}}`,
				`{"metadata":{"annotations":{"x":"y"}}}`, `{"metadata":{"resourceVersion":"1"}}`,
				`{"status":{"conditions":[{"type":"Resizing","status":"True"}]}}`,
				`{"spec":{"volumeName":"x"}}`,
				`{"status":{"allocatedResources":{"storage":"3Gi"}}}`} {
				n.body(u, "PATCH", at+sub, document{"strategic " + body,
					"application/strategic-merge-patch+json", body})
				n.body(u, "PATCH", at+sub, document{"merge " + body,
					"application/merge-patch+json", body})
			}
		}
		n.body(u, "DELETE", at, document{})
	}
}

// signingWrites request certificates.
func (n *nodeSuite) signingWrites(u credential) {
	request := base64.StdEncoding.EncodeToString(n.request)
	for _, signer := range []string{"kubernetes.io/kubelet-serving", "example.com/x",
		"kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kube-apiserver-client"} {
		for _, body := range []string{request, base64.StdEncoding.EncodeToString(n.nodeRequest),
			base64.StdEncoding.EncodeToString([]byte("x")), ""} {
			n.send(u, "POST", csrAPI, fmt.Sprintf("%s %.20s", signer, body), text(
				`{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest",`+
					`"metadata":{"generateName":"csr-"},"spec":{"signerName":"%s","request":"%s",`+
					`"usages":["digital signature","client auth"]}}`, signer, body))
		}
	}
}

// otherWrites are those that admission does not look at.
func (n *nodeSuite) otherWrites(u credential) {
	event := text(`{"apiVersion":"v1","kind":"Event","metadata":{"name":"x","namespace":"node-a"},` +
		`"involvedObject":{"kind":"Pod","name":"web","namespace":"node-a"},"reason":"R",` +
		`"type":"Normal","message":"m","count":1}`)
	n.send(u, "POST", nodeA+"events", "event", event)
	n.body(u, "PATCH", nodeA+"events/ev", document{"count",
		"application/strategic-merge-patch+json", `{"count":2}`})
	for _, d := range []document{
		object("secret", "v1", "Secret", `"metadata":{"name":"x"}`),
		object("service", "v1", "Service", `"metadata":{"name":"x"},"spec":{"ports":[{"port":1}]}`),
		object("account", "v1", "ServiceAccount", `"metadata":{"name":"x"}`),
		object("namespace", "v1", "Namespace", `"metadata":{"name":"x"}`),
	} {
		resource := map[string]string{"secret": nodeA + "secrets", "service": nodeA + "services",
			"account": nodeA + "serviceaccounts", "namespace": "/api/v1/namespaces"}[d.name]
		n.body(u, "POST", resource, d)
		n.body(u, "PUT", resource+"/x", d)
		n.body(u, "DELETE", resource+"/x", document{})
	}
	n.send(u, "POST", "/apis/authentication.k8s.io/v1/tokenreviews", "review", text(
		`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"x"}}`))
	n.send(u, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "review", text(
		`{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"jane",`+
			`"resourceAttributes":{"verb":"get","resource":"pods"}}}`))
}
