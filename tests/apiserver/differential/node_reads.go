// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

const (
	nodeA  = "/api/v1/namespaces/node-a/"
	nodeB  = "/api/v1/namespaces/node-b/"
	leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
	drAPI  = "/apis/resource.k8s.io/v1/"
	csiAPI = "/apis/storage.k8s.io/v1/"
	csrAPI = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
)

// nodeObjects are one path for each object that a node may ask for, and for
// those that it may not.
func nodeObjects() []string {
	var all []string
	for _, list := range []struct{ at, names string }{
		{nodeA + "secrets/", "sec-vol sec-env sec-from sec-pull sec-proj sec-init sec-csi sec-pv " +
			"sec-none sec-other sec-both sec-static missing"},
		{nodeB + "secrets/", "sec-vol sec-pv"},
		{nodeA + "configmaps/", "cm-vol cm-env cm-from cm-proj cm-none cm-other kube-root-ca.crt"},
		{nodeA + "persistentvolumeclaims/", "data web-scratch other missing"},
		{"/api/v1/persistentvolumes/", "pv-data pv-other missing"},
		{nodeA + "pods/", "web other pending static-n002 missing"},
		{nodeA + "serviceaccounts/", "web elsewhere unused missing"},
		{"/api/v1/nodes/", "n002 n003 n1 ghost"},
		{leases + "/", "n002 n003 ghost"},
		{strings.Replace(leases, "kube-node-lease", "node-a", 1) + "/", "n002"},
		{csiAPI + "csinodes/", "n002 n003 ghost"},
		{csiAPI + "volumeattachments/", "va-n002 va-n003 missing"},
		{csiAPI + "csidrivers/", "csi.node.example.com"},
		{csiAPI + "storageclasses/", "any"},
		{drAPI + "resourceslices/", "slice-n002 slice-n003 slice-all missing"},
		{drAPI + "namespaces/node-a/resourceclaims/", "gpu gpu-other missing"},
		{"/apis/node.k8s.io/v1/runtimeclasses/", "plain"},
		{nodeA + "events/", "ev"},
		{nodeA + "services/", "svc"},
		{nodeA + "endpoints/", "svc"},
		{nodeA + "limitranges/", "x"},
		{csrAPI + "/", "missing"},
		{"/apis/certificates.k8s.io/v1beta1/namespaces/node-a/podcertificaterequests/", "x"},
		{"/apis/certificates.k8s.io/v1beta1/clustertrustbundles/", "x"},
		{"/apis/apps/v1/namespaces/node-a/deployments/", "x"},
		{"/api/v1/namespaces/", "node-a"},
	} {
		for _, name := range strings.Fields(list.names) {
			all = append(all, list.at+name)
		}
	}
	return all
}

// nodeCollections are asked for as a whole and by selectors.
var nodeCollections = []string{nodeA + "secrets", nodeA + "configmaps", nodeA + "pods",
	"/api/v1/pods", "/api/v1/secrets", "/api/v1/nodes", nodeA + "persistentvolumeclaims",
	"/api/v1/persistentvolumes", nodeA + "serviceaccounts", leases, csiAPI + "csinodes",
	csiAPI + "volumeattachments", csiAPI + "csidrivers", drAPI + "resourceslices",
	drAPI + "resourceclaims", "/apis/node.k8s.io/v1/runtimeclasses", nodeA + "events",
	"/api/v1/services", nodeA + "endpoints", csrAPI, "/api/v1/namespaces",
	"/apis/certificates.k8s.io/v1beta1/podcertificaterequests"}

var nodeSelectors = []string{"", "fieldSelector=spec.nodeName%3Dn002",
	"fieldSelector=spec.nodeName%3D%3Dn002", "fieldSelector=spec.nodeName%3Dn003",
	"fieldSelector=spec.nodeName!%3Dn002", "fieldSelector=spec.nodeName%3D",
	"fieldSelector=status.phase%3DPending,spec.nodeName%3Dn002",
	"fieldSelector=spec.nodeName%3Dn002,spec.nodeName%3Dn003",
	"fieldSelector=spec.nodeName%3Dn003&fieldSelector=spec.nodeName%3Dn002",
	"fieldSelector=spec.nodeName%3Dn002&fieldSelector=spec.nodeName%3Dn003",
	"fieldSelector=spec.nodeName%3Dn002,bad%", "fieldSelector=spec.nodeName%3Dn002,,",
	"fieldSelector=spec.nodeName%3Dn002%5C,x", "fieldSelector=spec.nodeName%3D%20n002",
	"fieldSelector=metadata.name%3Dsec-vol", "fieldSelector=metadata.name%3Dsec-other",
	"fieldSelector=metadata.name%3Dn002", "fieldSelector=metadata.name%3Dn003",
	"fieldSelector=metadata.name%3Dweb", "fieldSelector=metadata.name%3Dcm-vol",
	"fieldSelector=metadata.name%3D%3Dcm-vol", "fieldSelector=metadata.name!%3Dcm-vol",
	"fieldSelector=metadata.name%3Ddata", "fieldSelector=metadata.name%3Dslice-n002",
	"fieldSelector=metadata.name%3Dcm-vol,metadata.name%3Dcm-none",
	"labelSelector=app%3Dweb", "labelSelector=spec.nodeName%3Dn002",
	"fieldselector=spec.nodeName%3Dn002", "limit=1"}

// reads ask for every object and collection in every way.
func (n *nodeSuite) reads() {
	own := nodeCredential("n002")
	for _, target := range nodeObjects() {
		n.read(own, target)
		n.read(own, strings.Replace(target, "/api", "/%61pi", 1))
		n.add(testCase{group: "node-read", cred: own, method: "HEAD", target: target})
		for _, sub := range []string{"status", "proxy/x", "log", "binding", "scale", "other"} {
			if n.random.IntN(100) < 40 {
				n.read(own, target+"/"+sub)
			}
		}
		at := strings.LastIndex(target, "/")
		n.read(own, target[:at]+"?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3D"+
			target[at+1:])
		n.read(own, strings.Replace(target, "v1/", "v1/watch/", 1)+"?timeoutSeconds=1")
		for _, u := range nodeUsers()[1:] {
			if n.random.IntN(100) < 25 {
				n.read(nodeCredential(u.token), target)
			}
		}
	}
	for _, target := range nodeCollections {
		for _, query := range nodeSelectors {
			n.collection(own, target, query)
			for _, u := range nodeUsers()[1:] {
				if n.random.IntN(100) < 4 {
					n.collection(nodeCredential(u.token), target, query)
				}
			}
		}
	}
	for _, target := range []string{"/", "/api", "/version", "/metrics", "/healthz", "/logs/",
		"/openapi/v2", "/api/v1", "/apis/node.k8s.io", "/custom"} {
		for _, u := range nodeUsers() {
			n.read(nodeCredential(u.token), target)
		}
	}
}

func (n *nodeSuite) read(u credential, target string) {
	n.add(testCase{group: "node-read", cred: u, method: "GET", target: target})
}

// collection lists, watches and deletes what a selector finds.
func (n *nodeSuite) collection(u credential, target, query string) {
	n.read(u, strings.TrimSuffix(target+"?"+query, "?"))
	if n.random.IntN(100) < 60 {
		n.read(u, strings.TrimSuffix(target+"?watch=1&timeoutSeconds=1&"+query, "&"))
	}
	if n.random.IntN(100) < 30 {
		n.add(testCase{group: "node-read", cred: u, method: "DELETE",
			target: strings.TrimSuffix(target+"?"+query, "?")})
	}
}
