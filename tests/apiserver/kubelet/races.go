// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Between the look at an object and the write that was allowed for it another
// writer may come. Here one always does.

const rounds = 100

// races are lost by the node, each time.
func (r *run) races(ctx context.Context) {
	r.labelRace(ctx)
	r.podRace(ctx)
}

// hammer calls try without pause until the result is called, which says how
// often that was.
func hammer(workers int, try func()) (stop func() int64) {
	var over atomic.Bool
	var count atomic.Int64
	var done sync.WaitGroup
	for range workers {
		done.Add(1)
		go func() {
			defer done.Done()
			for !over.Load() {
				try()
				count.Add(1)
			}
		}()
	}
	return func() int64 {
		over.Store(true)
		done.Wait()
		return count.Load()
	}
}

// labelRace writes back the node as it was read, without its version, while
// the administrator changes a protected label: that must never go back.
func (r *run) labelRace(ctx context.Context) {
	const label = "node-restriction.kubernetes.io/race"
	var written atomic.Int64
	stop := hammer(3, func() {
		stale, err := r.node.CoreV1().Nodes().Get(ctx, own, meta.GetOptions{})
		if err != nil {
			return
		}
		stale.ResourceVersion = ""
		stale.Annotations["race"] = time.Now().String()
		if _, err = r.node.CoreV1().Nodes().Update(ctx, stale, meta.UpdateOptions{}); err == nil {
			written.Add(1)
		}
	})
	lost := 0
	for i := range rounds {
		value := fmt.Sprint(i)
		must(r.admin.CoreV1().Nodes().Patch(ctx, own, types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"`+label+`":"`+value+`"}}}`), meta.PatchOptions{}))
		for range 3 {
			now := must(r.admin.CoreV1().Nodes().Get(ctx, own, meta.GetOptions{}))
			if now.Labels[label] != value {
				lost++
			}
		}
	}
	tried := stop()
	fmt.Printf("# %d updates of the own node, %d of them written, beside %d of a protected label\n",
		tried, written.Load(), rounds)
	if lost > 0 || written.Load() == 0 {
		r.fail("protected label: went back %d times, %d updates", lost, written.Load())
		return
	}
	r.passed++
}

// podRace deletes a pod by its name alone, while pods of that name come and go
// on both nodes: those of the other node must stay.
func (r *run) podRace(ctx context.Context) {
	pods := r.admin.CoreV1().Pods(space)
	now := meta.DeleteOptions{GracePeriodSeconds: new(int64)}
	var deleted atomic.Int64
	stop := hammer(3, func() {
		if r.node.CoreV1().Pods(space).Delete(ctx, "race", now) == nil {
			deleted.Add(1)
		}
	})
	lost := 0
	for i := range rounds {
		pods.Delete(ctx, "race", now)
		node := own
		if i%2 == 1 {
			node = other
		}
		made, err := pods.Create(ctx, pod("race", node), meta.CreateOptions{})
		if err != nil {
			continue
		}
		time.Sleep(5 * time.Millisecond)
		left, err := pods.Get(ctx, "race", meta.GetOptions{})
		if node == other && (err != nil || left.UID != made.UID || !alive(left)) {
			lost++
		}
	}
	tried := stop()
	pods.Delete(ctx, "race", now)
	fmt.Printf("# %d deletes by name, %d of them done, beside %d pods of both nodes\n", tried,
		deleted.Load(), rounds)
	if lost > 0 || deleted.Load() == 0 {
		r.fail("another's pods: %d were deleted, own ones %d times", lost, deleted.Load())
		return
	}
	r.passed++
}

func alive(p *core.Pod) bool { return p.DeletionTimestamp == nil }
