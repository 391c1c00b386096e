// Command analyzer runs every analyzer of `istioctl analyze` over files, and prints its messages as JSON.
//
// istioctl itself, without a cluster, drops Services, Pods, Namespaces, Secrets and Deployments from its files
// without a word, and so skips 21 of its analyzers: a subset that selects no pod, a selector that selects nothing and a
// port that no Service has go unreported. Istio's own tests of the analyzers read all kinds from files; this program
// uses the same entrance. It is a module of its own because it needs Istio's versions of the Kubernetes modules, and
// admit needs the API server's.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/log"
)

// report is what the caller reads. Skipped is not empty when an analyzer was missing its input; then silence proves
// less than it seems to.
type report struct {
	Version  string        `json:"version"`
	Skipped  []string      `json:"skipped"`
	Messages diag.Messages `json:"messages"`
}

func main() {
	logging := log.DefaultOptions()
	logging.OutputPaths = []string{"stderr"} // standard output is the report
	logging.SetDefaultOutputLevel(log.OverrideScopeName, log.ErrorLevel)
	if err := log.Configure(logging); err != nil {
		fmt.Fprintln(os.Stderr, "analyzer:", err)
		os.Exit(2)
	}
	result, err := analyze(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "analyzer:", err)
		os.Exit(2)
	}
}

func analyze(files []string) (report, error) {
	var readers []local.ReaderSource
	for _, file := range files {
		reader, err := os.Open(file)
		if err != nil {
			return report{}, err
		}
		defer reader.Close()
		readers = append(readers, local.ReaderSource{Name: file, Reader: reader})
	}
	everywhere := resource.Namespace("")
	analysis := local.NewIstiodAnalyzer(analyzers.AllCombined(), everywhere, constants.IstioSystemNamespace, nil)
	// First, because the first source decides which kinds are read.
	if err := analysis.AddTestReaderKubeSource(readers); err != nil {
		return report{}, err
	}
	// What `istioctl analyze --use-kube=false` adds: the ingress gateway that Istio installs.
	if err := analysis.AddDefaultResources(); err != nil {
		return report{}, err
	}
	result, err := analysis.Analyze(make(chan struct{}))
	if err != nil {
		return report{}, err
	}
	return report{Version: version(), Skipped: result.SkippedAnalyzers, Messages: result.Messages}, nil
}

// version is that of the Istio module in this binary.
func version() string {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == "istio.io/istio" {
			return module.Version
		}
	}
	return "unknown"
}
