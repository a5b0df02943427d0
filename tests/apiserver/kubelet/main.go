// SPDX-License-Identifier: Apache-2.0

// kubelet does what a kubelet does, with the libraries that kubelets are made
// of and bodies in protobuf: for its own node everything must succeed, for
// another one everything must fail with the server's own words.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	certificates "k8s.io/api/certificates/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	storage "k8s.io/api/storage/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	own   = "kubelet-1"
	other = "kubelet-2"
	space = "kubelet"
)

func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "kubelet: "+format+"\n", args...)
	os.Exit(2)
}

func must[T any](value T, err error) T {
	if err != nil {
		fatal("%v", err)
	}
	return value
}

// connect makes a client as kubelets make theirs.
func connect(address, pki, name string) *kubernetes.Clientset {
	return must(kubernetes.NewForConfig(&rest.Config{
		Host:    "https://" + address,
		Timeout: 20 * time.Second,
		QPS:     1000,
		Burst:   1000,
		ContentConfig: rest.ContentConfig{
			AcceptContentTypes: "application/vnd.kubernetes.protobuf,application/json",
			ContentType:        "application/vnd.kubernetes.protobuf",
		},
		TLSClientConfig: rest.TLSClientConfig{
			ServerName: "localhost",
			CAFile:     pki + "/serving-ca.crt",
			CertFile:   pki + "/clients/" + name + ".crt",
			KeyFile:    pki + "/clients/" + name + ".key",
		},
	}))
}

// A run is one kubelet against one server; admin writes at the direct one.
type run struct {
	admin, node    *kubernetes.Clientset
	pki            string
	passed, failed int
}

func (r *run) fail(format string, args ...any) {
	r.failed++
	fmt.Printf("FAIL "+format+"\n", args...)
}

// allowed says that a call must succeed.
func (r *run) allowed(name string, err error) {
	if err != nil {
		r.fail("%s: %v", name, err)
		return
	}
	r.passed++
}

// refused says that a call must fail with exactly this message of the server;
// the kubelet's own libraries put the patch before it.
func (r *run) refused(name string, err error, message string) {
	if err != nil && strings.HasPrefix(err.Error(), "failed to patch status") &&
		strings.HasSuffix(err.Error(), `": `+message) {
		r.passed++
		return
	}
	if err == nil || err.Error() != message {
		r.fail("%s: %v\n    expected: %s", name, err, message)
		return
	}
	r.passed++
}

// soon repeats what must become possible when the server has seen an object.
func soon(what string, try func() error) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			fatal("%s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func named(name string) meta.ObjectMeta {
	return meta.ObjectMeta{Name: name}
}

func pod(name, node string) *core.Pod {
	return &core.Pod{ObjectMeta: named(name), Spec: core.PodSpec{NodeName: node,
		ServiceAccountName: "app-" + node,
		Containers:         []core.Container{{Name: "c", Image: "registry.example/pause"}},
		Volumes: []core.Volume{
			{Name: "s", VolumeSource: core.VolumeSource{
				Secret: &core.SecretVolumeSource{SecretName: "secret-" + node}}},
			{Name: "d", VolumeSource: core.VolumeSource{
				PersistentVolumeClaim: &core.PersistentVolumeClaimVolumeSource{
					ClaimName: "claim-" + node}}},
			{Name: "t", VolumeSource: core.VolumeSource{Projected: &core.ProjectedVolumeSource{
				Sources: []core.VolumeProjection{{ServiceAccountToken: &core.
					ServiceAccountTokenProjection{Path: "t"}}}}}},
		}}}
}

// prepare removes what an earlier run left and makes the other node and the
// pods of both.
func (r *run) prepare(ctx context.Context) {
	c := r.admin.CoreV1()
	now := meta.DeleteOptions{GracePeriodSeconds: new(int64)}
	everything := meta.ListOptions{}
	c.Pods(space).DeleteCollection(ctx, now, everything)
	for _, node := range []string{own, other} {
		c.Nodes().Delete(ctx, node, now)
		r.admin.CoordinationV1().Leases("kube-node-lease").Delete(ctx, node, now)
		r.admin.StorageV1().CSINodes().Delete(ctx, node, now)
	}
	c.Namespaces().Create(ctx, &core.Namespace{ObjectMeta: named(space)}, meta.CreateOptions{})
	for _, node := range []string{own, other} {
		c.ServiceAccounts(space).Create(ctx, &core.ServiceAccount{ObjectMeta: named("app-" + node)},
			meta.CreateOptions{})
		c.Secrets(space).Create(ctx, &core.Secret{ObjectMeta: named("secret-" + node)},
			meta.CreateOptions{})
		c.PersistentVolumeClaims(space).Create(ctx, claim("claim-"+node), meta.CreateOptions{})
		for _, name := range []string{"pod-", "gone-", "evicted-"} {
			must(c.Pods(space).Create(ctx, pod(name+node, node), meta.CreateOptions{}))
		}
	}
	must(c.Nodes().Create(ctx, &core.Node{ObjectMeta: named(other)}, meta.CreateOptions{}))
	must(r.admin.CoordinationV1().Leases("kube-node-lease").Create(ctx, lease(other),
		meta.CreateOptions{}))
	must(r.admin.StorageV1().CSINodes().Create(ctx, &storage.CSINode{ObjectMeta: named(other)},
		meta.CreateOptions{}))
	// The last of the pods is seen last.
	soon("the node's pods", func() error {
		_, err := r.node.CoreV1().Pods(space).Get(ctx, "evicted-"+own, meta.GetOptions{})
		return err
	})
}

func claim(name string) *core.PersistentVolumeClaim {
	c := &core.PersistentVolumeClaim{ObjectMeta: named(name)}
	c.Spec.AccessModes = []core.PersistentVolumeAccessMode{core.ReadWriteOnce}
	c.Spec.Resources.Requests = core.ResourceList{core.ResourceStorage: quantity("1Gi")}
	return c
}

func lease(name string) *coordination.Lease {
	holder, seconds := name, int32(40)
	renewed := meta.NowMicro()
	return &coordination.Lease{ObjectMeta: named(name), Spec: coordination.LeaseSpec{
		HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &renewed}}
}

func main() {
	server := flag.String("server", "", "host:port of the server that the kubelet talks to")
	direct := flag.String("direct", "", "host:port of the server where the administrator writes")
	pki := flag.String("pki", "", "folder of certificates")
	streams := flag.String("serve", "", "host:port where to serve the streams of a pod instead")
	burst := flag.Int("burst", 0, "bind this many pods instead, and count what is refused")
	flag.Parse()
	if *streams != "" {
		serve(context.Background(), &run{admin: connect(*direct, *pki, "admin"), pki: *pki}, *streams)
	}
	r := &run{admin: connect(*direct, *pki, "admin"), node: connect(*server, *pki, own), pki: *pki}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if *burst > 0 {
		fmt.Println(r.burst(ctx, *burst))
		return
	}
	r.prepare(ctx)
	for _, step := range []func(context.Context){r.register, r.heartbeat, r.reads, r.podStatus,
		r.mirror, r.tokens, r.storage, r.signing, r.events, r.ends,
		r.races} {
		step(ctx)
	}
	fmt.Printf("%d passed, %d failed\n", r.passed, r.failed)
	if r.failed > 0 {
		os.Exit(1)
	}
}

// events are created and counted up, whoever they are about.
func (r *run) events(ctx context.Context) {
	events := r.node.CoreV1().Events(space)
	made, err := events.Create(ctx, &core.Event{
		ObjectMeta: meta.ObjectMeta{GenerateName: "pod."}, Reason: "Started", Count: 1,
		InvolvedObject: core.ObjectReference{Kind: "Pod", Namespace: space, Name: "pod-" + own},
	}, meta.CreateOptions{})
	r.allowed("event", err)
	if err == nil {
		_, err = events.PatchWithEventNamespace(made, []byte(`{"count":2}`))
		r.allowed("event again", err)
	}
	_, err = r.node.CoreV1().Events("missing").Create(ctx, &core.Event{ObjectMeta: named("x"),
		InvolvedObject: core.ObjectReference{Namespace: "missing"}}, meta.CreateOptions{})
	r.refused("event nowhere", err, `namespaces "missing" not found`)
}

// signing asks for a serving certificate, for itself and in another's name.
func (r *run) signing(ctx context.Context) {
	for _, c := range []struct{ file, message string }{
		{"kubelet-request.pem", ""},
		{"node-request.pem", `certificatesigningrequests.certificates.k8s.io "csr-" is forbidden: ` +
			`can only create a node CSR with CN=system:node:` + own},
	} {
		request := must(os.ReadFile(r.pki + "/" + c.file))
		_, err := r.node.CertificatesV1().CertificateSigningRequests().Create(ctx,
			&certificates.CertificateSigningRequest{
				ObjectMeta: meta.ObjectMeta{GenerateName: "csr-"},
				Spec: certificates.CertificateSigningRequestSpec{Request: request,
					SignerName: certificates.KubeAPIServerClientKubeletSignerName,
					Usages: []certificates.KeyUsage{certificates.UsageDigitalSignature,
						certificates.UsageClientAuth}},
			}, meta.CreateOptions{})
		if c.message == "" {
			r.allowed("signing request", err)
		} else {
			r.refused("signing request for another", err, c.message)
		}
	}
}

// ends are how pods end: deleted when they are done, or evicted.
func (r *run) ends(ctx context.Context) {
	pods := r.node.CoreV1().Pods(space)
	for _, node := range []string{own, other} {
		known := must(r.admin.CoreV1().Pods(space).Get(ctx, "gone-"+node, meta.GetOptions{}))
		evict := r.node.PolicyV1().Evictions(space).Evict(ctx, &policy.Eviction{
			ObjectMeta: meta.ObjectMeta{Namespace: space, Name: "evicted-" + node}})
		options := meta.NewPreconditionDeleteOptions(string(known.UID))
		options.GracePeriodSeconds = new(int64)
		remove := pods.Delete(ctx, "gone-"+node, *options)
		if node == own {
			r.allowed("evict", evict)
			r.allowed("delete", remove)
			continue
		}
		r.refused("evict another's", evict, `pods "evicted-kubelet-2" is forbidden: node kubelet-1 `+
			`can only evict pods with spec.nodeName set to itself`)
		r.refused("delete another's", remove, `pods "gone-kubelet-2" is forbidden: node `+
			`"kubelet-1" can only delete pods with spec.nodeName set to itself`)
	}
	if _, err := pods.Get(ctx, "gone-"+own, meta.GetOptions{}); err == nil {
		r.fail("a deleted pod is still there")
	}
}
