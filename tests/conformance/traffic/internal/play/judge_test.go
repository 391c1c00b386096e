package play

import (
	"strings"
	"testing"

	"meshc/tests/conformance/traffic/internal/cluster"
	"meshc/tests/conformance/traffic/internal/proof"
)

func TestJudgeTarget(t *testing.T) {
	inside := &cluster.Pod{Workload: cluster.Workload{Name: "inside"}, Meshed: true}
	outside := &cluster.Pod{Workload: cluster.Workload{Name: "outside"}}
	for _, c := range []struct {
		name    string
		callers []string
		inside  string
		outside string
		problem string
	}{
		{"as declared", []string{"inside"}, "OK", "Unavailable", ""},
		{"bytes", []string{"inside"}, "echo", "closed", ""},
		{"refused in words", nil, "PermissionDenied", "error", ""},
		{"everybody", []string{"*"}, "200", "200", ""},
		{"an allowed caller is refused", []string{"inside"}, "403", "error", "inside -> web:80 /: 403, and is allowed"},
		{"a stranger gets through", []string{"inside"}, "200", "200", "outside -> web:80 /: 200, and is not allowed"},
		{"an error is no refusal", nil, "503", "error", "inside -> web:80 /: 503, which is no refusal"},
	} {
		row := Row{}
		target := proof.Target{To: "web:80", Path: "/", Callers: c.callers}
		judgeTarget(target, []*cluster.Pod{inside, outside}, []string{c.inside, c.outside}, &row)
		if got := strings.Join(row.Problems, "; "); got != c.problem {
			t.Errorf("%s: got %q, want %q", c.name, got, c.problem)
		}
	}
}

// The hand-written configuration must break what it is listed to break, and keep the rest.
func TestAgainstHand(t *testing.T) {
	p := &Player{run: proof.Run{Broken: []string{"broken"}}}
	for _, c := range []struct {
		says    string
		failed  bool
		problem bool
	}{
		{"broken", true, false},
		{"broken", false, true},
		{"kept", true, true},
		{"kept", false, false},
	} {
		row := Row{Expected: "served=1"}
		if c.failed {
			row.Problems = []string{"served: measured 3, expected 1"}
		}
		rows := p.againstHand(proof.Proof{Says: c.says}, []Row{row})
		if got := len(rows[0].Problems) > 0; got != c.problem {
			t.Errorf("%+v: a problem is %v", c, got)
		}
	}
}

func TestAgainstHandCountsAMatrixAsOne(t *testing.T) {
	p := &Player{run: proof.Run{Broken: []string{"edges"}}}
	rows := p.againstHand(proof.Proof{Says: "edges"}, []Row{{Problems: []string{}}, {Problems: []string{"x"}}, {Problems: []string{"x"}}})
	if len(rows) != 1 || rows[0].Measured != "1 as declared" || len(rows[0].Problems) != 0 {
		t.Errorf("got %+v", rows)
	}
}
