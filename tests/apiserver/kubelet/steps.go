// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	nodeutil "k8s.io/component-helpers/node/util"
	podutil "k8s.io/kubernetes/pkg/util/pod"
)

const onlyItself = `is forbidden: node "kubelet-1" is not allowed to modify node "kubelet-2"`

func quantity(text string) resource.Quantity { return resource.MustParse(text) }

func node(name string) *core.Node {
	n := &core.Node{ObjectMeta: named(name)}
	n.Labels = map[string]string{"kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
		"kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "free.example.com/a": "b"}
	n.Annotations = map[string]string{
		"volumes.kubernetes.io/controller-managed-attach-detach": "true"}
	n.Status.Capacity = core.ResourceList{core.ResourceCPU: quantity("4"),
		core.ResourceMemory: quantity("8Gi")}
	n.Status.NodeInfo.KubeletVersion = "v1.36.3"
	return n
}

// register creates the Node object, and tries others.
func (r *run) register(ctx context.Context) {
	nodes := r.node.CoreV1().Nodes()
	_, err := nodes.Create(ctx, node(own), meta.CreateOptions{})
	r.allowed("register", err)
	_, err = nodes.Create(ctx, node("kubelet-3"), meta.CreateOptions{})
	r.refused("register another", err, `nodes "kubelet-3" is forbidden: node "kubelet-1" is not `+
		`allowed to modify node "kubelet-3"`)
	_, err = nodes.Create(ctx, node(own), meta.CreateOptions{})
	r.refused("register again", err, `nodes "kubelet-1" already exists`)
	labelled := node(own)
	labelled.Labels["node-role.kubernetes.io/control-plane"] = ""
	_, err = nodes.Create(ctx, labelled, meta.CreateOptions{})
	r.refused("register with a role", err, `nodes "kubelet-1" is forbidden: node "kubelet-1" is not `+
		`allowed to set the following labels: node-role.kubernetes.io/control-plane`)
	err = nodes.Delete(ctx, other, meta.DeleteOptions{})
	r.refused("delete another node", err, `nodes "kubelet-2" is forbidden: User `+
		`"system:node:kubelet-1" cannot delete resource "nodes" in API group "" at the cluster scope`)
}

// heartbeat patches the node's status and renews its lease.
func (r *run) heartbeat(ctx context.Context) {
	for _, name := range []string{own, other} {
		before := must(r.admin.CoreV1().Nodes().Get(ctx, name, meta.GetOptions{}))
		after := before.DeepCopy()
		after.Status.Conditions = []core.NodeCondition{{Type: core.NodeReady,
			Status: core.ConditionTrue, LastHeartbeatTime: meta.Now()}}
		after.Status.Addresses = []core.NodeAddress{{Type: core.NodeHostName, Address: name}}
		_, _, err := nodeutil.PatchNodeStatus(r.node.CoreV1(), types.NodeName(name), before, after)
		labelled := before.DeepCopy()
		labelled.Labels = map[string]string{"node-restriction.kubernetes.io/two": "123"}
		_, _, guarded := nodeutil.PatchNodeStatus(r.node.CoreV1(), types.NodeName(name), before,
			labelled)
		if name == own {
			r.allowed("node status", err)
			r.refused("protected label", guarded, `nodes "kubelet-1" is forbidden: is not allowed to `+
				`modify labels: node-restriction.kubernetes.io/two`)
			continue
		}
		r.refused("another's status", err, `nodes "kubelet-2" `+onlyItself)
		r.refused("another's label", guarded, `nodes "kubelet-2" `+onlyItself)
	}
	r.leases(ctx)
}

func (r *run) leases(ctx context.Context) {
	leases := r.node.CoordinationV1().Leases("kube-node-lease")
	const refusal = `is forbidden: User "system:node:kubelet-1" cannot update resource "leases" in ` +
		`API group "coordination.k8s.io" in the namespace "kube-node-lease": can only access node ` +
		`lease with the same name as the requesting node`
	made, err := leases.Create(ctx, lease(own), meta.CreateOptions{})
	r.allowed("lease", err)
	for range 3 {
		if err != nil {
			break
		}
		renewed := meta.NowMicro()
		made.Spec.RenewTime = &renewed
		made, err = leases.Update(ctx, made, meta.UpdateOptions{})
		r.allowed("renewal", err)
	}
	_, err = leases.Create(ctx, lease("kubelet-3"), meta.CreateOptions{})
	r.refused("lease of another", err, `leases.coordination.k8s.io "kubelet-3" is forbidden: can only `+
		`access node lease with the same name as the requesting node`)
	theirs := must(r.admin.CoordinationV1().Leases("kube-node-lease").Get(ctx, other,
		meta.GetOptions{}))
	_, err = leases.Update(ctx, theirs, meta.UpdateOptions{})
	r.refused("renewal of another's", err, `leases.coordination.k8s.io "kubelet-2" `+refusal)
}

const unrelated = ` in API group "" in the namespace "kubelet": no relationship found between node ` +
	`'kubelet-1' and this object`

// reads are lists, watches and the objects that the pods use.
func (r *run) reads(ctx context.Context) {
	c := r.node.CoreV1()
	mine := meta.ListOptions{FieldSelector: "spec.nodeName=" + own}
	list, err := c.Pods("").List(ctx, mine)
	r.allowed("own pods", err)
	if err == nil && len(list.Items) != 3 {
		r.fail("own pods: %d", len(list.Items))
	}
	watch, err := c.Pods("").Watch(ctx, mine)
	r.allowed("watch of own pods", err)
	if err == nil {
		if e := <-watch.ResultChan(); e.Type != "ADDED" {
			r.fail("watch of own pods: %v", e)
		}
		watch.Stop()
	}
	_, err = c.Pods("").List(ctx, meta.ListOptions{FieldSelector: "spec.nodeName=" + other})
	r.refused("another's pods", err, `pods is forbidden: User "system:node:kubelet-1" cannot list `+
		`resource "pods" in API group "" at the cluster scope: can only list/watch pods with `+
		`spec.nodeName field selector`)
	_, err = c.Nodes().Get(ctx, own, meta.GetOptions{})
	r.allowed("own node", err)
	_, err = c.Nodes().Get(ctx, other, meta.GetOptions{})
	r.refused("another node", err, `nodes "kubelet-2" is forbidden: User "system:node:kubelet-1" `+
		`cannot get resource "nodes" in API group "" at the cluster scope: node 'kubelet-1' cannot `+
		`read 'kubelet-2', only its own Node object`)
	_, err = c.Secrets(space).Get(ctx, "secret-"+own, meta.GetOptions{})
	r.allowed("secret", err)
	_, err = c.Secrets(space).Get(ctx, "secret-"+other, meta.GetOptions{})
	r.refused("another's secret", err, `secrets "secret-kubelet-2" is forbidden: User `+
		`"system:node:kubelet-1" cannot get resource "secrets"`+unrelated)
	_, err = c.Services("").List(ctx, meta.ListOptions{FieldSelector: "spec.clusterIP!=None"})
	r.allowed("services", err)
	_, err = r.node.StorageV1().CSIDrivers().List(ctx, meta.ListOptions{})
	r.allowed("drivers", err)
	_, err = r.node.NodeV1().RuntimeClasses().List(ctx, meta.ListOptions{})
	r.allowed("runtime classes", err)
}

// podStatus sends what the kubelet's status manager sends.
func (r *run) podStatus(ctx context.Context) {
	for _, name := range []string{own, other} {
		known := must(r.admin.CoreV1().Pods(space).Get(ctx, "pod-"+name, meta.GetOptions{}))
		after := *known.Status.DeepCopy()
		after.Phase = core.PodRunning
		after.PodIP, after.PodIPs = "10.1.0.7", []core.PodIP{{IP: "10.1.0.7"}}
		after.Conditions = []core.PodCondition{{Type: core.PodReady, Status: core.ConditionTrue,
			LastTransitionTime: meta.Now()}}
		after.ContainerStatuses = []core.ContainerStatus{{Name: "c", Ready: true}}
		_, _, _, err := podutil.PatchPodStatus(ctx, r.node, space, "pod-"+name, known.UID,
			known.Status, after)
		if name == own {
			r.allowed("pod status", err)
			_, _, _, err = podutil.PatchPodStatus(ctx, r.node, space, "pod-"+name, "1-2-3",
				known.Status, after)
			r.refused("status of a pod that was replaced", err, `Pod "pod-kubelet-1" is invalid: `+
				`metadata.uid: Invalid value: "1-2-3": field is immutable`)
			continue
		}
		r.refused("another's pod status", err, `pods "pod-kubelet-2" is forbidden: node "kubelet-1" `+
			`can only update pod status for pods with spec.nodeName set to itself`)
	}
}

// mirror publishes a static pod and takes it back.
func (r *run) mirror(ctx context.Context) {
	yes := true
	for _, name := range []string{own, other} {
		owner := must(r.admin.CoreV1().Nodes().Get(ctx, name, meta.GetOptions{}))
		p := &core.Pod{ObjectMeta: named("static-" + name), Spec: core.PodSpec{NodeName: name,
			Containers: []core.Container{{Name: "c", Image: "registry.example/pause"}}}}
		p.Annotations = map[string]string{"kubernetes.io/config.mirror": "h",
			"kubernetes.io/config.hash": "h", "kubernetes.io/config.source": "file"}
		p.OwnerReferences = []meta.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: name,
			UID: owner.UID, Controller: &yes}}
		made, err := r.node.CoreV1().Pods(space).Create(ctx, p, meta.CreateOptions{})
		if name == other {
			r.refused("another's mirror pod", err, `pods "static-kubelet-2" is forbidden: node `+
				`"kubelet-1" can only create pods with spec.nodeName set to itself`)
			continue
		}
		r.allowed("mirror pod", err)
		p.Spec.ServiceAccountName = "app-" + own
		_, refused := r.node.CoreV1().Pods(space).Create(ctx, p, meta.CreateOptions{})
		r.refused("mirror pod with an account", refused, `pods "static-kubelet-1" is forbidden: node `+
			`"kubelet-1" can not create pods that reference serviceaccounts`)
		if err != nil {
			continue
		}
		options := meta.NewPreconditionDeleteOptions(string(made.UID))
		options.GracePeriodSeconds = new(int64)
		soon("the mirror pod's end", func() error {
			return r.node.CoreV1().Pods(space).Delete(ctx, p.Name, *options)
		})
		r.passed++
	}
}

// tokens asks for tokens bound to own pods and to others'.
func (r *run) tokens(ctx context.Context) {
	for _, name := range []string{own, other} {
		known := must(r.admin.CoreV1().Pods(space).Get(ctx, "pod-"+name, meta.GetOptions{}))
		seconds := int64(3607)
		ask := &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{
			ExpirationSeconds: &seconds, BoundObjectRef: &authentication.BoundObjectReference{
				Kind: "Pod", APIVersion: "v1", Name: known.Name, UID: known.UID}}}
		got, err := r.node.CoreV1().ServiceAccounts(space).CreateToken(ctx, "app-"+name, ask,
			meta.CreateOptions{})
		if name == own {
			r.allowed("token", err)
			if err == nil && got.Status.Token == "" {
				r.fail("token: empty")
			}
			ask.Spec.BoundObjectRef = nil
			_, err = r.node.CoreV1().ServiceAccounts(space).CreateToken(ctx, "app-"+name, ask,
				meta.CreateOptions{})
			r.refused("unbound token", err, `serviceaccounts "app-kubelet-1" is forbidden: node `+
				`requested token not bound to a pod`)
			continue
		}
		r.refused("another's token", err, `serviceaccounts "app-kubelet-2" is forbidden: User `+
			`"system:node:kubelet-1" cannot create resource "serviceaccounts/token"`+unrelated)
	}
}

// storage registers CSI drivers and reports a claim's new size.
func (r *run) storage(ctx context.Context) {
	csi := r.node.StorageV1().CSINodes()
	made, err := csi.Create(ctx, &storage.CSINode{ObjectMeta: named(own)}, meta.CreateOptions{})
	r.allowed("CSINode", err)
	if err == nil {
		made.Spec.Drivers = []storage.CSINodeDriver{{Name: "csi.example.com", NodeID: own}}
		_, err = csi.Update(ctx, made, meta.UpdateOptions{})
		r.allowed("driver", err)
	}
	_, err = csi.Create(ctx, &storage.CSINode{ObjectMeta: named("kubelet-3")}, meta.CreateOptions{})
	r.refused("another's CSINode", err, `csinodes.storage.k8s.io "kubelet-3" is forbidden: can only `+
		`access CSINode with the same name as the requesting node`)
	err = csi.Delete(ctx, other, meta.DeleteOptions{})
	r.refused("delete another's CSINode", err, `csinodes.storage.k8s.io "kubelet-2" is forbidden: `+
		`User "system:node:kubelet-1" cannot delete resource "csinodes" in API group `+
		`"storage.k8s.io" at the cluster scope: can only access CSINode with the same name as the `+
		`requesting node`)
	const grown = `{"status":{"conditions":[{"type":"FileSystemResizePending","status":"True"}]}}`
	claims := r.node.CoreV1().PersistentVolumeClaims(space)
	_, err = claims.Patch(ctx, "claim-"+own, types.StrategicMergePatchType, []byte(grown),
		meta.PatchOptions{}, "status")
	r.allowed("claim status", err)
	_, err = claims.Patch(ctx, "claim-"+other, types.StrategicMergePatchType, []byte(grown),
		meta.PatchOptions{}, "status")
	r.refused("another's claim", err, `persistentvolumeclaims "claim-kubelet-2" is forbidden: User `+
		`"system:node:kubelet-1" cannot patch resource "persistentvolumeclaims/status"`+unrelated)
	err = r.node.ResourceV1().ResourceSlices().DeleteCollection(ctx, meta.DeleteOptions{},
		meta.ListOptions{FieldSelector: "spec.nodeName=" + own})
	r.allowed("slices", err)
	err = r.node.ResourceV1().ResourceSlices().DeleteCollection(ctx, meta.DeleteOptions{},
		meta.ListOptions{FieldSelector: "spec.nodeName=" + other})
	r.refused("another's slices", err, `resourceslices.resource.k8s.io is forbidden: User `+
		`"system:node:kubelet-1" cannot deletecollection resource "resourceslices" in API group `+
		`"resource.k8s.io" at the cluster scope: can only list/watch/deletecollection `+
		`resourceslices with nodeName field selector`)
}
