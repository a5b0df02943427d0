// SPDX-License-Identifier: Apache-2.0

// apiserver-tools holds what the real-server test tier runs: etcd,
// kube-apiserver, kubectl and patches, one of them per process. The first
// argument says which one, or the name it is started by (a symbolic link);
// everything else is passed on unchanged.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"

	"kube-authproxy/tests/apiserver/patches"
)

func usage() {
	fmt.Fprintln(os.Stderr, "usage: apiserver-tools etcd|kube-apiserver|kubectl|patches [flags]")
	os.Exit(2)
}

// Each program reads os.Args itself, so the name that chose it takes the
// place of the binary's own.
func main() {
	if filepath.Base(os.Args[0]) == "apiserver-tools" {
		os.Args = os.Args[1:]
	}
	if len(os.Args) == 0 {
		usage()
	}
	switch filepath.Base(os.Args[0]) {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(app.NewAPIServerCommand()))
	case "kubectl":
		if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err)
		}
	case "patches":
		os.Exit(patches.Main(os.Args[1:]))
	default:
		usage()
	}
}
