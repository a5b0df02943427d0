// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

const watchedPods = "/api/v1/namespaces/node-b/pods"

// nodeWatches are those of a kubelet, and some that it may not open.
func nodeWatches() *watchSet {
	const initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&" +
		"allowWatchBookmarks=true&"
	own := nodeCredential("n002")
	set := &watchSet{prepare: prepareNodeWatches, change: changeWatchedPods, list: watchedPods,
		initial: `"mark":"initial"`, count: 2}
	for _, target := range []string{watchedPods, "/api/v1/watch/namespaces/node-b/pods"} {
		for _, query := range []string{initial + "fieldSelector=spec.nodeName%3Dn002",
			"resourceVersion=0&fieldSelector=spec.nodeName%3Dn002",
			"resourceVersion=0&fieldSelector=spec.nodeName%3Dn002&labelSelector=tier%3Dx",
			initial + "fieldSelector=metadata.name%3Dwatched-own",
			initial + "fieldSelector=spec.nodeName%3Dn003", "resourceVersion=0"} {
			for _, format := range []string{"application/json", protobufType,
				protobufType + ",application/json",
				protobufType + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"} {
				set.watches = append(set.watches, &watch{cred: own, target: target, accept: format,
					query: "watch=true&timeoutSeconds=60&" + query})
			}
		}
	}
	return set
}

// watchedPod is a pod of a node, made in one piece.
func watchedPod(name, node, tier string) string {
	return fmt.Sprintf(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"%s","labels":`+
		`{"tier":"%s","mark":"initial"}},"spec":{"nodeName":"%s","containers":[{"name":"c",`+
		`"image":"registry.example/pause"}]}}`, name, tier, node)
}

func prepareNodeWatches(c *client, direct *endpoint) error {
	for _, name := range []string{"own", "other", "new", "far"} {
		target := watchedPods + "/watched-" + name + "?gracePeriodSeconds=0"
		if err := write(c, direct, "DELETE", target, "", 200, 404); err != nil {
			return err
		}
	}
	if err := write(c, direct, "POST", watchedPods, watchedPod("watched-own", "n002", "x"),
		201); err != nil {
		return err
	}
	return write(c, direct, "POST", watchedPods, watchedPod("watched-other", "n003", "x"), 201)
}

// changeWatchedPods writes pods of both nodes; the last write is the marker.
func changeWatchedPods(c *client, direct *endpoint) error {
	steps := []struct{ method, name, body string }{
		{"POST", "", watchedPod("watched-new", "n002", "x")},
		{"POST", "", watchedPod("watched-far", "n003", "x")},
		{"PATCH", "/watched-new", `{"metadata":{"labels":{"tier":"y"}}}`},
		{"PATCH", "/watched-new/status", `{"status":{"phase":"Running"}}`},
		{"PATCH", "/watched-other", `{"metadata":{"labels":{"tier":"y"}}}`},
		{"DELETE", "/watched-new?gracePeriodSeconds=0", ""},
		{"DELETE", "/watched-far?gracePeriodSeconds=0", ""},
		{"PATCH", "/watched-own", `{"metadata":{"annotations":{"mark":"` + lastMark + `"}}}`},
	}
	for _, s := range steps {
		if err := write(c, direct, s.method, watchedPods+s.name, s.body, 200, 201); err != nil {
			return err
		}
	}
	return nil
}
