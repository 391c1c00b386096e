// Command controlplane proves what happens between a commit and the API server: it publishes a project to a git server,
// lets Flux's own controller apply it to a real API server, and checks what arrives there, and what meshc says of it.
// run.sh builds what it needs and starts it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"meshc/tests/conformance/controlplane/world"
)

func main() {
	var o world.Options
	var definitions, results string
	flag.StringVar(&o.Meshc, "meshc", "", "the compiler")
	flag.StringVar(&o.Project, "project", "", "folder of shop.mesh")
	flag.StringVar(&o.Programs.Etcd, "etcd", "", "etcd binary")
	flag.StringVar(&o.Programs.APIServer, "apiserver", "", "kube-apiserver binary")
	flag.StringVar(&o.Programs.Kustomize, "kustomize", "", "binary of Flux's kustomize-controller")
	flag.StringVar(&definitions, "definitions", "", "files of CustomResourceDefinitions, with commas between them")
	flag.StringVar(&o.Out, "out", "", "folder for logs; what is in it is removed")
	flag.StringVar(&results, "results", "", "JSON file for the results")
	flag.Parse()
	for _, file := range []*string{&o.Meshc, &o.Project, &o.Programs.Etcd, &o.Programs.APIServer, &o.Programs.Kustomize, &o.Out, &results} {
		if *file == "" || definitions == "" {
			flag.Usage()
			os.Exit(2)
		}
		full, err := filepath.Abs(*file)
		if err != nil {
			fail(err)
		}
		*file = full
	}
	o.Definitions = strings.Split(definitions, ",")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	w, err := world.Open(ctx, o)
	if err != nil {
		fail(err)
	}
	r := prove(ctx, w)
	w.Close()
	r.print(os.Stdout)
	if err := r.write(results); err != nil {
		fail(err)
	}
	if r.failed() {
		os.Exit(1)
	}
}

// fail ends the program. A control plane that does not come up is a problem: "not run" is for machines, and run.sh says it.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "controlplane:", err)
	os.Exit(1)
}
