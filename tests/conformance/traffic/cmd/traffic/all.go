package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"meshc/tests/conformance/traffic/internal/proof"
	"meshc/tests/conformance/traffic/internal/report"
)

// playAll plays scenarios, each in a process of its own: Istio's code keeps state that no second cluster should find.
// Without names it plays all that are there.
func (o options) playAll(names []string) (failed bool, err error) {
	begin := time.Now()
	if len(names) == 0 {
		files, err := filepath.Glob(filepath.Join(o.scenarios, "*", proof.File))
		if err != nil {
			return false, err
		}
		for _, file := range files {
			names = append(names, filepath.Base(filepath.Dir(file)))
		}
	}
	if len(names) == 0 {
		return false, fmt.Errorf("no scenario in %s", o.scenarios)
	}
	all := &report.Results{Istio: istioVersion(), Envoy: o.envoyVersion}
	for _, name := range names {
		o.noticed = strings.Join(all.Noticed(), "\n")
		results, err := o.child(name)
		if err != nil {
			return false, err
		}
		all.Rows = append(all.Rows, results.Rows...)
		all.Mutants = append(all.Mutants, results.Mutants...)
	}
	all.Merge()
	all.Seconds = time.Since(begin).Seconds()
	all.Print(os.Stdout)
	return all.Failed(), all.Write(o.results)
}

func (o options) child(name string) (*report.Results, error) {
	out := filepath.Join(o.out, name)
	if err := os.RemoveAll(out); err != nil {
		return nil, err
	}
	results := filepath.Join(out, "results.json")
	cmd := exec.Command(o.programs.Self,
		"-one", filepath.Join(o.scenarios, name), "-out", out, "-results", results, "-scenarios", o.scenarios, "-meshc", o.meshc,
		"-envoy", o.programs.Envoy, "-echo", o.programs.Echo, "-bootstrap", o.programs.Bootstrap,
		"-mutants", fmt.Sprint(o.mutants), "-seed", fmt.Sprint(o.seed), "-only", o.only, "-noticed", o.noticed, "-environment", o.environment)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return nil, fmt.Errorf("%s: %w; see %s", name, err, out)
	}
	return report.Read(results)
}
