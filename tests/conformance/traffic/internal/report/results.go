// Package report writes what was seen: a table for people, JSON for machines.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"meshc/tests/conformance/traffic/internal/play"
)

// Results are all rows of a run, or all mutants.
type Results struct {
	Istio   string     `json:"istio"`
	Envoy   string     `json:"envoy"`
	Seconds float64    `json:"seconds"`
	Rows    []play.Row `json:"rows"`
	Mutants []Mutant   `json:"mutants,omitempty"`
	NotRun  []string   `json:"notRun,omitempty"` // scenarios, each with why
}

// Mutant is what became of a line that was left out: a proof failed, Istio or Envoy refused the rest, or neither, which
// means that a proof is missing.
type Mutant struct {
	Scenario    string `json:"scenario"`
	Environment string `json:"environment"`
	Deleted     string `json:"deleted"`
	Killer      string `json:"killer,omitempty"`
	Refused     string `json:"refused,omitempty"`
}

// Survived says that nobody noticed.
func (m Mutant) Survived() bool { return m.Killer == "" && m.Refused == "" }

func (m Mutant) String() string {
	fate := "SURVIVED"
	switch {
	case m.Killer != "":
		fate = "fails: " + m.Killer
	case m.Refused != "":
		fate = "refused: " + m.Refused
	}
	return fmt.Sprintf("%s, %s: %s\n    %s", m.Scenario, m.Environment, m.Deleted, fate)
}

// Killed names the lines whose absence made a proof fail.
func (r *Results) Killed() (names []string) {
	for _, m := range r.Mutants {
		if m.Killer != "" {
			names = append(names, m.Deleted)
		}
	}
	return names
}

// Merge keeps one of the mutants of each line: one that made a proof fail, else one that survived. A refusal in one
// scenario excuses no survival in another, where the rest may be valid.
func (r *Results) Merge() {
	rank := func(m Mutant) int {
		switch {
		case m.Killer != "":
			return 2
		case m.Survived():
			return 1
		}
		return 0
	}
	best := map[string]int{}
	var out []Mutant
	for _, m := range r.Mutants {
		i, seen := best[m.Deleted]
		switch {
		case !seen:
			best[m.Deleted] = len(out)
			out = append(out, m)
		case rank(m) > rank(out[i]):
			out[i] = m
		}
	}
	r.Mutants = out
}

// Read reads what Write wrote.
func Read(file string) (*Results, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &Results{}
	return r, json.Unmarshal(text, r)
}

// Write writes the results as JSON.
func (r *Results) Write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// Failed says whether a proof failed or a mutant survived.
func (r *Results) Failed() bool { return r.failures() > 0 }

func (r *Results) failures() (n int) {
	for _, row := range r.Rows {
		if len(row.Problems) > 0 {
			n++
		}
	}
	for _, m := range r.Mutants {
		if m.Survived() {
			n++
		}
	}
	return n
}

// Print writes the table, and what failed again below it.
func (r *Results) Print(to io.Writer) {
	if len(r.Mutants) > 0 {
		r.printMutants(to)
		return
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tDECLARATION\tENVIRONMENT\tEXPECTED\tMEASURED")
	for _, row := range r.Rows {
		mark := "ok"
		if len(row.Problems) > 0 {
			mark = "FAIL"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", mark, row.Declaration, row.Environment, row.Expected, row.Measured)
	}
	table.Flush()
	for _, row := range r.Rows {
		if len(row.Problems) > 0 {
			fmt.Fprintf(to, "\nFAIL %s, environment %s: %s\n     %s\n", row.Declaration, row.Environment, row.Says, strings.Join(row.Problems, "\n     "))
		}
	}
	fmt.Fprintf(to, "\ntraffic: %d proofs, %d failed, %.0f s\n", len(r.Rows), r.failures(), r.Seconds)
}

func (r *Results) printMutants(to io.Writer) {
	refused := 0
	for _, m := range r.Mutants {
		fmt.Fprintln(to, m)
		if m.Refused != "" {
			refused++
		}
	}
	fmt.Fprintf(to, "\ntraffic: %d lines deleted: %d made a proof fail, %d were refused, %d SURVIVED, %.0f s\n",
		len(r.Mutants), len(r.Mutants)-refused-r.failures(), refused, r.failures(), r.Seconds)
}
