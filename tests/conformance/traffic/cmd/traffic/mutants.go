package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"meshc/tests/conformance/traffic/internal/mutant"
	"meshc/tests/conformance/traffic/internal/play"
	"meshc/tests/conformance/traffic/internal/proof"
	"meshc/tests/conformance/traffic/internal/report"
)

// breakLines deletes lines of what a run renders, one after the other, and plays the proofs until one fails.
func (o options) breakLines(p *play.Player, run proof.Run, results *report.Results) error {
	harmless, err := mutant.ReadHarmless(filepath.Join(o.scenarios, "harmless.txt"))
	if err != nil {
		return err
	}
	objects, err := p.Rendered()
	if err != nil {
		return err
	}
	var all []mutant.Mutant
	for _, m := range mutant.All(objects) {
		if harmless.Reason(m) == "" {
			all = append(all, m)
		}
	}
	for _, m := range mutant.Sample(all, o.mutants, o.seed) {
		fate := report.Mutant{Scenario: filepath.Base(o.one), Environment: run.Environment, Deleted: m.String()}
		var refusal play.Refusal
		if err := p.Mutate(&m); errors.As(err, &refusal) {
			fate.Refused = refusal.Error() // it never reaches the proxies
		} else if err != nil {
			return fmt.Errorf("%v: %w", m, err)
		} else if fate.Killer, err = firstFailure(p, sorted(run.Proofs, m)); err != nil {
			return fmt.Errorf("%v: %w", m, err)
		}
		fmt.Fprintln(os.Stderr, fate)
		results.Mutants = append(results.Mutants, fate)
	}
	return nil
}

// sorted puts the proofs of the service that was broken first: they are the likely ones to fail.
func sorted(proofs []proof.Proof, m mutant.Mutant) []proof.Proof {
	service := "service " + filepath.Base(filepath.Dir(m.File)) + " "
	near := func(p proof.Proof) int {
		if strings.Contains(p.Declares+" ", service) {
			return 0
		}
		return 1
	}
	out := slices.Clone(proofs)
	slices.SortStableFunc(out, func(a, b proof.Proof) int { return near(a) - near(b) })
	return out
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
				return row.Declaration + ": " + row.Problems[0], nil
			}
		}
	}
	return "", nil
}
