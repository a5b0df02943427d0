// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// burst binds pods one after another as a scheduler does, and reads the
// secret of each at once as its kubelet does. Nobody may be refused for being
// faster than a watch; the last line says how many were.
func (r *run) burst(ctx context.Context, count int) string {
	c := r.admin.CoreV1()
	c.Namespaces().Create(ctx, &core.Namespace{ObjectMeta: named("burst")}, meta.CreateOptions{})
	suffix := fmt.Sprintf("-%x", time.Now().UnixNano())
	for i := range count {
		name := fmt.Sprintf("b%d%s", i, suffix)
		must(c.Secrets("burst").Create(ctx, &core.Secret{ObjectMeta: named(name)},
			meta.CreateOptions{}))
		p := &core.Pod{ObjectMeta: named(name), Spec: core.PodSpec{Containers: []core.Container{{
			Name: "c", Image: "registry.example/pause", EnvFrom: []core.EnvFromSource{{SecretRef: &core.
				SecretEnvSource{LocalObjectReference: core.LocalObjectReference{Name: name}}}}}}}}
		must(c.Pods("burst").Create(ctx, p, meta.CreateOptions{}))
	}
	refused := 0
	var took []time.Duration
	for i := range count {
		name := fmt.Sprintf("b%d%s", i, suffix)
		if err := c.Pods("burst").Bind(ctx, &core.Binding{ObjectMeta: named(name),
			Target: core.ObjectReference{Kind: "Node", Name: own}}, meta.CreateOptions{}); err != nil {
			fatal("bind %s: %v", name, err)
		}
		start := time.Now()
		_, err := r.node.CoreV1().Secrets("burst").Get(ctx, name, meta.GetOptions{})
		took = append(took, time.Since(start))
		switch {
		case errors.IsForbidden(err):
			refused++
		case err != nil:
			fatal("%s: %v", name, err)
		}
	}
	c.Pods("burst").DeleteCollection(ctx, meta.DeleteOptions{GracePeriodSeconds: new(int64)},
		meta.ListOptions{})
	slices.Sort(took)
	return fmt.Sprintf("%d of %d refused, median %s, longest %s", refused, count,
		took[count/2].Round(time.Microsecond), took[count-1].Round(time.Microsecond))
}
