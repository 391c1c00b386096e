package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"istio.io/istio/pkg/log"

	"meshc/tests/conformance/traffic/internal/play"
	"meshc/tests/conformance/traffic/internal/proof"
	"meshc/tests/conformance/traffic/internal/render"
	"meshc/tests/conformance/traffic/internal/report"
)

// playOne plays the scenario of -one, and writes its results for playAll.
func (o options) playOne() (failed bool, err error) {
	s, err := proof.Read(o.one)
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return false, err
	}
	logs := log.DefaultOptions()
	logs.OutputPaths = []string{filepath.Join(o.out, "istiod.log")}
	logs.ErrorOutputPaths = logs.OutputPaths
	if err := log.Configure(logs); err != nil {
		return false, err
	}
	results := &report.Results{}
	for i, run := range s.Runs {
		if o.environment != "" && run.Environment != o.environment {
			continue
		}
		if err := o.playRun(s, i+1, run, results); err != nil {
			return false, fmt.Errorf("%s, environment %s: %w", s.Title, run.Environment, err)
		}
	}
	return results.Failed(), results.Write(o.results)
}

func (o options) playRun(s *proof.Scenario, n int, run proof.Run, results *report.Results) error {
	begin := time.Now()
	p, err := play.Open(s, run, render.Compiler{Meshc: o.meshc}, o.programs, filepath.Join(o.out, fmt.Sprintf("%d-%s", n, run.Environment)))
	if err != nil {
		return err
	}
	defer p.Close()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(interrupted)
	go func() {
		if _, ok := <-interrupted; ok {
			p.Close()
			os.Exit(130)
		}
	}()
	ready := time.Since(begin)
	if o.mutants > 0 {
		err = o.breakLines(p, run, results)
	} else {
		err = proveAll(p, run, results)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s, environment %s: %.1f s, ready after %.1f s\n", s.Title, run.Environment, time.Since(begin).Seconds(), ready.Seconds())
	return p.Dump()
}

func proveAll(p *play.Player, run proof.Run, results *report.Results) error {
	for _, of := range run.Proofs {
		rows, err := p.Prove(of)
		if err != nil {
			return err
		}
		results.Rows = append(results.Rows, rows...)
	}
	return nil
}
