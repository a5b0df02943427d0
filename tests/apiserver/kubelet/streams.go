// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

const (
	streamNode = "streams"
	streamIdle = 4 * time.Hour // the default of kubelets
	logPause   = 20 * time.Millisecond
)

// A container is what exec and the like reach: commands run on this machine,
// attach and every forwarded port give back what they get.
type container struct {
	open atomic.Int64 // streams that nobody has ended
}

func (c *container) ExecInContainer(ctx context.Context, _, _, _ string, command []string,
	in io.Reader, out, errs io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize,
	_ time.Duration) error {
	run := exec.CommandContext(ctx, command[0], command[1:]...)
	if out != nil {
		run.Stdout = out
	}
	if errs != nil {
		run.Stderr = errs
	}
	if in != nil {
		// Not run.Stdin: a command that ends does not wait for its input.
		stdin, err := run.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(stdin, in)
			stdin.Close()
		}()
	}
	err := run.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return utilexec.CodeExitError{Err: err, Code: exit.ExitCode()}
	}
	return err
}

func (c *container) AttachContainer(_ context.Context, _, _, _ string, in io.Reader,
	out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	if out == nil {
		return errors.New("nothing to attach to")
	}
	if _, err := io.WriteString(out, "attached\n"); err != nil || in == nil {
		return err
	}
	_, err := io.Copy(out, in)
	return err
}

func (c *container) PortForward(_ context.Context, _, _ string, port int32,
	stream io.ReadWriteCloser) error {
	defer stream.Close()
	if port == 1 {
		return errors.New("connection refused")
	}
	_, err := io.Copy(stream, stream)
	return err
}

// log writes a line now and then until the client has gone.
func (c *container) log(w http.ResponseWriter, r *http.Request) {
	count := 3
	if r.FormValue("follow") == "true" {
		count = 1 << 30
	}
	w.Header().Set("Content-Type", "text/plain")
	for i := range count {
		if _, err := fmt.Fprintf(w, "line %d\n", i); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(logPause):
		}
	}
}

// ServeHTTP takes the paths of kubelets: /<what>/<namespace>/<pod>/<container>.
func (c *container) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(r.URL.Path, "/")
	if path[1] == "open" {
		fmt.Fprintln(w, c.open.Load())
		return
	}
	if len(path) < 4 {
		http.NotFound(w, r)
		return
	}
	c.open.Add(1)
	defer c.open.Add(-1)
	switch path[1] {
	case "exec", "attach":
		options, err := remotecommand.NewOptions(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		} else if path[1] == "exec" {
			remotecommand.ServeExec(w, r, c, path[3], "", path[4], r.Form["command"], options,
				streamIdle, remotecommand.DefaultStreamCreationTimeout,
				remotecommand.SupportedStreamingProtocols)
		} else {
			remotecommand.ServeAttach(w, r, c, path[3], "", path[4], options, streamIdle,
				remotecommand.DefaultStreamCreationTimeout,
				remotecommand.SupportedStreamingProtocols)
		}
	case "portForward":
		options, err := portforward.NewV4Options(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		portforward.ServePortForward(w, r, c, path[3], "", options, streamIdle,
			remotecommand.DefaultStreamCreationTimeout, portforward.SupportedProtocols)
	case "containerLogs":
		c.log(w, r)
	default:
		http.NotFound(w, r)
	}
}

// serve makes a node and a pod of its own, and serves the pod's streams.
func serve(ctx context.Context, admin *run, address string) {
	host, number, err := net.SplitHostPort(address)
	port := must(strconv.Atoi(number))
	pair := must(tls.LoadX509KeyPair(admin.pki+"/server.crt", admin.pki+"/server.key"))
	if err != nil {
		fatal("%v", err)
	}
	server := &http.Server{Addr: address, Handler: &container{},
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}
	c := admin.admin.CoreV1()
	node := &core.Node{ObjectMeta: named(streamNode)}
	node = must(c.Nodes().Create(ctx, node, meta.CreateOptions{}))
	node.Status.Addresses = []core.NodeAddress{{Type: core.NodeInternalIP, Address: host}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	must(c.Nodes().UpdateStatus(ctx, node, meta.UpdateOptions{}))
	must(c.Namespaces().Create(ctx, &core.Namespace{ObjectMeta: named(streamNode)},
		meta.CreateOptions{}))
	shell := &core.Pod{ObjectMeta: named("shell"), Spec: core.PodSpec{NodeName: streamNode,
		Containers: []core.Container{{Name: "c", Image: "registry.example/shell", Stdin: true}}}}
	must(c.Pods(streamNode).Create(ctx, shell, meta.CreateOptions{}))
	must(c.Pods(streamNode).Patch(ctx, "shell", types.MergePatchType,
		[]byte(`{"status":{"phase":"Running"}}`), meta.PatchOptions{}, "status"))
	fatal("%v", server.ListenAndServeTLS("", ""))
}
