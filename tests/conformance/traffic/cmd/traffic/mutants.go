package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"meshc/tests/conformance/traffic/internal/mutant"
	"meshc/tests/conformance/traffic/internal/play"
	"meshc/tests/conformance/traffic/internal/proof"
	"meshc/tests/conformance/traffic/internal/report"
)

// breakLines takes lines out of what a run renders, one after the other, and plays the proofs until one fails. It
// leaves out those that -killed lists: they made a proof of an earlier scenario fail.
func (o options) breakLines(p *play.Player, run proof.Run, results *report.Results) error {
	harmless, err := mutant.ReadHarmless(filepath.Join(o.scenarios, "harmless.txt"))
	if err != nil {
		return err
	}
	killed := map[string]bool{}
	for _, name := range strings.Split(o.killed, "\n") {
		killed[name] = true
	}
	for _, m := range results.Mutants { // by an earlier run of this scenario
		killed[m.Deleted] = killed[m.Deleted] || m.Killer != ""
	}
	objects, err := p.Rendered()
	if err != nil {
		return err
	}
	var all []mutant.Mutant
	for _, m := range mutant.All(objects) {
		if harmless.Reason(m) == "" && !killed[m.String()] && strings.Contains(m.String(), o.only) {
			all = append(all, m)
		}
	}
	for _, m := range mutant.Sample(all, o.mutants, o.seed) {
		fate := report.Mutant{Scenario: filepath.Base(o.one), Environment: run.Environment, Deleted: m.String()}
		var refusal play.Refusal
		if err := p.Mutate(&m); errors.As(err, &refusal) {
			fate.Refused = refusal.Error()
		} else if err != nil {
			return fmt.Errorf("%v: %w", m, err)
		} else if fate.Killer, err = firstFailure(p, run.Proofs); err != nil {
			return fmt.Errorf("%v: %w", m, err)
		}
		fmt.Fprintln(os.Stderr, fate)
		results.Mutants = append(results.Mutants, fate)
	}
	return nil
}

// firstFailure gives the declaration and the problem of the first proof that fails, or nothing.
func firstFailure(p *play.Player, proofs []proof.Proof) (string, error) {
	for _, of := range proofs {
		rows, err := p.Prove(of)
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			if len(row.Problems) > 0 {
				return row.Declaration + ": " + row.Problems[len(row.Problems)-1], nil
			}
		}
	}
	return "", nil
}
