// Command traffic proves with real requests that a mesh does what its .mesh files say. It renders each scenario with
// meshc, hands the YAML to Istio's own code, sends requests through Envoys, prints a table and writes it as JSON.
// run.sh fetches what it needs and starts it. With -mutants it breaks the YAML instead, and checks that a proof fails.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"istio.io/istio/pkg/log"
	iptables "istio.io/istio/tools/istio-iptables/pkg/cmd"

	"meshc/tests/conformance/traffic/internal/istiod"
	"meshc/tests/conformance/traffic/internal/lab"
)

type options struct {
	meshc, scenarios, out, results string
	programs                       lab.Programs
	envoyVersion                   string
	one                            string // play this scenario in this process
	mutants                        int
	seed                           uint64
	only, killed                   string
	environment, page, readme      string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "istio-iptables" {
		cmd := iptables.GetCommand(log.DefaultOptions())
		cmd.SetArgs(os.Args[2:])
		if err := cmd.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := istiod.Require(istiod.Env); err != nil {
		fmt.Fprintln(os.Stderr, "traffic: cannot start anew:", err)
		os.Exit(2)
	}

	var o options
	flag.StringVar(&o.meshc, "meshc", "", "the compiler")
	flag.StringVar(&o.scenarios, "scenarios", "", "folder of scenarios")
	flag.StringVar(&o.out, "out", "", "folder for logs")
	flag.StringVar(&o.results, "results", "", "JSON file for the results; default: in the folder of -out")
	flag.StringVar(&o.programs.Envoy, "envoy", "", "Envoy binary")
	flag.StringVar(&o.envoyVersion, "envoy-version", "", "its version, for the results")
	flag.StringVar(&o.programs.Echo, "echo", "", "binary of cmd/echo")
	flag.StringVar(&o.programs.Bootstrap, "bootstrap", "", "Istio's envoy_bootstrap.json template")
	flag.StringVar(&o.programs.Prometheus, "prometheus", "", "Prometheus binary; without it, scenarios that need one are not run")
	flag.StringVar(&o.one, "one", "", "play this folder alone, in this process")
	flag.StringVar(&o.environment, "environment", "", "play this environment alone")
	flag.StringVar(&o.page, "page", "", "the page that has to say what is proved; with UPDATE_PAGE=1 it is written")
	flag.StringVar(&o.readme, "readme", "", "the file that has to say which promises are kept; with UPDATE_PAGE=1 it is written")
	flag.IntVar(&o.mutants, "mutants", 0, "take this many lines out of each environment's rendering, one after the other")
	flag.Uint64Var(&o.seed, "seed", 1, "which lines are drawn")
	flag.StringVar(&o.only, "only", "", "lines whose names contain this text alone")
	flag.StringVar(&o.killed, "killed", "", "lines to leave out, one below the other")
	flag.Parse()
	for _, file := range []*string{&o.meshc, &o.scenarios, &o.out, &o.programs.Envoy, &o.programs.Echo, &o.programs.Bootstrap} {
		if *file == "" {
			flag.Usage()
			os.Exit(2)
		}
		*file = absolute(*file)
	}
	o.programs.Self = absolute("/proc/self/exe")
	if o.results == "" {
		o.results = filepath.Join(o.out, "results.json")
	}
	failed, err := o.run(flag.Args())
	switch {
	case errors.As(err, new(notRun)):
		fmt.Println(err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "traffic:", err)
		if o.one != "" {
			os.Exit(2)
		}
		// A scenario that cannot be played is a problem: "not run" is for machines, and run.sh says it.
		os.Exit(1)
	case failed:
		os.Exit(1)
	}
}

func (o options) run(names []string) (failed bool, err error) {
	if o.one != "" {
		return o.playOne()
	}
	return o.playAll(names)
}

// absolute follows links, so that a file can be used from another folder.
func absolute(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if full, err := filepath.Abs(path); err == nil {
		path = full
	}
	return path
}
