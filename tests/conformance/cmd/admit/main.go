// Command admit says whether the API server of a cluster with a given Istio version would store what a folder holds.
//
//	admit --crds v1.31.4 rendered/prod
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"meshc/tests/conformance/internal/admission"
	"meshc/tests/conformance/internal/repeated"
)

func main() {
	var crds repeated.Flag
	flag.Var(&crds, "crds", "version of istio.io/api whose CRDs the cluster has, or a YAML file of CRDs; may stand more than once")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: admit --crds VERSION|FILE.yaml ... DIR...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if len(crds) == 0 || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	definitions, err := admission.Load(crds...)
	fail(err)
	result, err := admission.Check(definitions, flag.Args()...)
	fail(err)
	for _, problem := range result.Problems {
		fmt.Println(problem)
	}
	fmt.Printf("admit: %d objects, %d admitted, %d problems (CRDs %s)\n", result.Objects, result.Admitted, len(result.Problems), &crds)
	if result.Objects == 0 {
		fail(fmt.Errorf("no objects below %s", strings.Join(flag.Args(), ", ")))
	}
	if len(result.Problems) > 0 {
		os.Exit(1)
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "admit:", err)
		os.Exit(2)
	}
}
