// Command conformance checks every example and every golden case of the repository, prints a table, and writes the
// same as JSON. run.sh builds what it needs and starts it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"meshc/tests/conformance/internal/analysis"
)

func main() {
	root := flag.String("root", ".", "the repository")
	meshc := flag.String("meshc", "target/release/meshc", "the compiler")
	analyzer := flag.String("analyzer", analysis.Sibling(), "the program that is built from the folder analyzer")
	out := flag.String("out", "target/conformance/results.json", "where the results go")
	flag.Parse()

	results, err := run(*root, *meshc, *analyzer)
	if err == nil {
		results.print(os.Stdout)
		err = results.write(*out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	if results.Problems > 0 {
		os.Exit(1)
	}
}

func run(root, meshc, analyzer string) (*results, error) {
	here := filepath.Join(root, "tests", "conformance")
	allowed, err := analysis.ReadAllowed(filepath.Join(here, "analyze-allowed.txt"))
	if err != nil {
		return nil, err
	}
	cluster := &analysis.Manifests{}
	if err := cluster.Add(filepath.Join(here, "cluster")); err != nil {
		return nil, err
	}
	clusters := clusters{}
	bench := bench{meshc: meshc, analyzer: analyzer, clusters: clusters, cluster: cluster, allowed: allowed}

	results := &results{Notes: []string{}}
	examples, err := bench.examples(root)
	if err != nil {
		return nil, err
	}
	goldens, err := goldens(root, clusters)
	if err != nil {
		return nil, err
	}
	bootstrap, err := bootstrap(root, meshc)
	if err != nil {
		return nil, err
	}
	results.add(append(append(examples, goldens...), bootstrap...)...)
	if len(results.Rows) == 0 {
		return nil, errors.New("nothing to check: no example with a mesh declaration, no golden case with an expected folder")
	}
	if len(examples) > 0 {
		for _, place := range allowed.Unused() {
			results.Notes = append(results.Notes, below(root, place)+" allows a message that nobody reports any more")
		}
	}
	return results, nil
}
