package report

import (
	"path/filepath"
	"strings"
	"testing"

	"meshc/tests/conformance/traffic/internal/play"
)

func TestMergeKeepsTheBestWitness(t *testing.T) {
	r := &Results{Mutants: []Mutant{
		{Scenario: "a", Deleted: "x", Refused: "no"}, {Scenario: "b", Deleted: "x"}, {Scenario: "c", Deleted: "x", Killer: "timeout 1s"},
		{Scenario: "a", Deleted: "y", Refused: "no"}, {Scenario: "b", Deleted: "y"},
		{Scenario: "a", Deleted: "z", Refused: "no"}, {Scenario: "b", Deleted: "z", Refused: "no"},
	}}
	r.Merge()
	if len(r.Mutants) != 3 || r.Mutants[0].Killer == "" || !r.Mutants[1].Survived() || r.Mutants[2].Refused == "" {
		t.Errorf("got %v", r.Mutants)
	}
	if !r.Failed() {
		t.Error("a survivor is a failure")
	}
}

func TestFailuresAreNamedAndCounted(t *testing.T) {
	r := &Results{Rows: []play.Row{
		{Declaration: "shop.mesh:1 `timeout 1s`", Environment: "prod", Problems: []string{}},
		{Declaration: "shop.mesh:2 `retry 2`", Environment: "prod", Problems: []string{"served: measured 1, expected 3"}},
	}}
	var out strings.Builder
	r.Print(&out)
	for _, want := range []string{"ok", "FAIL shop.mesh:2 `retry 2`, environment prod", "measured 1, expected 3", "2 proofs, 1 failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	file := filepath.Join(t.TempDir(), "out", "results.json")
	if err := r.Write(file); err != nil {
		t.Fatal(err)
	}
	again, err := Read(file)
	if err != nil || len(again.Rows) != 2 || !again.Failed() {
		t.Errorf("read back %+v, %v", again, err)
	}
}
