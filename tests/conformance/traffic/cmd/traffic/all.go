package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshc/tests/conformance/traffic/internal/proof"
	"meshc/tests/conformance/traffic/internal/report"
)

// playAll plays scenarios, each in a process of its own: Istio's code keeps state that no second cluster should find.
// Without names it plays all that are there.
func (o options) playAll(names []string) (failed bool, err error) {
	begin := time.Now()
	everything := len(names) == 0 && o.environment == "" && o.mutants == 0
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
		if why, err := o.cannot(name); err != nil {
			return false, err
		} else if why != "" {
			all.NotRun = append(all.NotRun, name+": "+why)
			continue
		}
		o.killed = strings.Join(all.Killed(), "\n")
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
	if err := all.Write(o.results); err != nil || all.Failed() {
		return all.Failed(), err
	}
	if len(all.NotRun) > 0 {
		return false, notRun(all.NotRun)
	}
	if !everything || o.page == "" {
		return false, nil
	}
	return o.checkPage(all)
}

// notRun names scenarios that this machine cannot play. All others were played, and nothing failed.
type notRun []string

func (n notRun) Error() string { return "traffic: not run: " + strings.Join(n, "; ") }

// cannot says why this machine cannot play a scenario; nothing where it can.
func (o options) cannot(name string) (string, error) {
	s, err := proof.Read(filepath.Join(o.scenarios, name))
	if err != nil {
		return "", err
	}
	if o.programs.Prometheus == "" && slices.ContainsFunc(s.Runs, func(r proof.Run) bool { return r.Prometheus }) {
		return "prometheus is missing (Debian package prometheus)", nil
	}
	return "", nil
}

func (o options) checkPage(all *report.Results) (failed bool, err error) {
	subjects, err := proof.ReadSubjects(o.scenarios)
	if err != nil {
		return false, err
	}
	update := os.Getenv("UPDATE_PAGE") != ""
	page, err := all.Page(subjects)
	if err == nil {
		err = report.CheckPage(o.page, page, update)
	}
	if err == nil && o.readme != "" {
		var table string
		if table, err = report.Promises(all.Rows); err == nil {
			err = report.CheckPromises(o.readme, table, update)
		}
	}
	if err != nil {
		fmt.Println(err)
	}
	return err != nil, nil
}

func (o options) child(name string) (*report.Results, error) {
	out := filepath.Join(o.out, name)
	if err := os.RemoveAll(out); err != nil {
		return nil, err
	}
	results := filepath.Join(out, "results.json")
	cmd := exec.Command(o.programs.Self,
		"-one", filepath.Join(o.scenarios, name), "-out", out, "-results", results, "-scenarios", o.scenarios, "-meshc", o.meshc,
		"-envoy", o.programs.Envoy, "-echo", o.programs.Echo, "-bootstrap", o.programs.Bootstrap, "-prometheus", o.programs.Prometheus,
		"-mutants", fmt.Sprint(o.mutants), "-seed", fmt.Sprint(o.seed), "-only", o.only, "-killed", o.killed, "-environment", o.environment)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return nil, fmt.Errorf("%s: %w; see %s", name, err, out)
	}
	return report.Read(results)
}
