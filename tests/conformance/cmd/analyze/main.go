// Command analyze runs the analyzers of `istioctl analyze` over one rendered environment and the Kubernetes manifests
// around it, and compares what they report with the messages that are allowed.
//
//	analyze --manifests examples/shop/kubernetes --namespace shop-dev rendered/dev
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"meshc/tests/conformance/internal/analysis"
	"meshc/tests/conformance/internal/repeated"
)

func main() {
	var manifestPaths, clusterPaths, renames repeated.Flag
	flag.Var(&manifestPaths, "manifests", "file or folder of Kubernetes manifests; may stand more than once, later ones win")
	flag.Var(&clusterPaths, "cluster", "file or folder of what the cluster has besides: gateways")
	flag.Var(&renames, "rename", "FROM=TO: the environment calls the manifests' namespace FROM TO")
	namespace := flag.String("namespace", "", "where manifests without a namespace go")
	allowedFile := flag.String("allowed", "tests/conformance/analyze-allowed.txt", "messages that are allowed")
	analyzer := flag.String("analyzer", analysis.Sibling(), "the program that is built from the folder analyzer")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: analyze [flags] DIR")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}

	manifests := &analysis.Manifests{Namespace: *namespace, Renamed: map[string]string{}}
	for _, rename := range renames {
		from, to, _ := strings.Cut(rename, "=")
		manifests.Renamed[from] = to
	}
	fail(manifests.Add(manifestPaths...))
	cluster := &analysis.Manifests{}
	fail(cluster.Add(clusterPaths...))
	allowed, err := analysis.ReadAllowed(*allowedFile)
	fail(err)
	result, err := analysis.Environment(*analyzer, filepath.Clean(flag.Arg(0)), manifests, cluster, allowed)
	fail(err)
	for _, finding := range result.Findings {
		fmt.Println(finding)
	}
	fmt.Printf("analyze: %d objects, %d findings, %d allowed (Istio %s)\n",
		result.Objects, len(result.Findings), result.Allowed, result.Version)
	if len(result.Findings) > 0 {
		os.Exit(1)
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "analyze:", err)
		os.Exit(2)
	}
}
