package play

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"meshc/tests/conformance/traffic/internal/lab"
	"meshc/tests/conformance/traffic/internal/proof"
	"meshc/tests/conformance/traffic/internal/render"
)

// Row is what came of one proof: a line of the table.
type Row struct {
	Scenario    string   `json:"scenario"`
	Environment string   `json:"environment"`
	Subject     string   `json:"subject"`
	Declaration string   `json:"declaration"`
	Says        string   `json:"says,omitempty"`
	Sent        string   `json:"sent"`
	Expected    string   `json:"expected"`
	Measured    string   `json:"measured"`
	Seconds     float64  `json:"seconds"`
	Commits     []Commit `json:"commits,omitempty"` // that meshc made
	Problems    []string `json:"problems"`
}

// Commit is what a commit says: its subject and the lines of its list.
type Commit struct {
	Subject string   `json:"subject"`
	Says    []string `json:"says,omitempty"`
}

// Prove plays one proof. The error is about the lab; what the mesh does wrong is in the rows.
func (p *Player) Prove(of proof.Proof) ([]Row, error) {
	begin := time.Now()
	rows, err := p.rowsOf(of)
	if err != nil {
		return nil, err
	}
	var refusal Refusal
	if of.Publishes() {
		err = p.begin(of)
	} else {
		err = p.be(p.run.Environment, of.State)
	}
	if errors.As(err, &refusal) {
		for i := range rows {
			rows[i].Problems = append(rows[i].Problems, refusal.Error())
		}
		return rows, nil
	} else if err != nil {
		return nil, err
	}
	switch {
	case len(of.Matrix) > 0:
		err = p.matrix(of.Matrix, rows)
	case of.Call != nil:
		err = p.steps([]proof.Step{{Call: of.Call, Expect: of.Expect}}, &rows[0])
	default:
		err = p.steps(of.Steps, &rows[0])
	}
	if p.run.HandWritten != "" {
		rows = p.againstHand(of, rows)
	}
	for i := range rows {
		rows[i].Seconds = time.Since(begin).Seconds() / float64(len(rows))
	}
	return rows, err
}

// againstHand makes one row of a proof that was played against the hand-written configuration: a problem where it kept
// what it has to break, or broke what it has to keep.
func (p *Player) againstHand(of proof.Proof, rows []Row) []Row {
	row := rows[0]
	failed, measured := 0, row.Measured
	for _, r := range rows {
		if len(r.Problems) > 0 {
			failed++
			measured = r.Measured
		}
	}
	broken := slices.Contains(p.run.Broken, of.Says)
	if len(rows) > 1 {
		row.Expected = fmt.Sprintf("all %d as declared", len(rows))
		measured = fmt.Sprintf("%d as declared", len(rows)-failed)
	}
	row.Measured = measured
	row.Environment += ", by hand: kept"
	if broken {
		row.Environment = p.run.Environment + ", by hand: broken"
		row.Expected = "not " + row.Expected
	}
	switch {
	case broken && failed == 0:
		row.Problems = []string{"the hand-written configuration keeps this, so the proof cannot fail"}
	case broken:
		row.Problems = []string{}
	}
	return []Row{row}
}

// rowsOf makes the rows of a proof, without results: one, or one for each target of a matrix.
func (p *Player) rowsOf(of proof.Proof) (rows []Row, err error) {
	declares := []string{of.Declares}
	if len(of.Matrix) > 0 {
		declares = nil
		for _, t := range of.Matrix {
			declares = append(declares, t.Declares)
		}
	}
	for _, path := range declares {
		d, err := proof.Find(p.project(), path)
		if err != nil {
			return nil, err
		}
		rows = append(rows, Row{
			Scenario: p.scenario.Title, Environment: p.run.Environment, Subject: of.Subject,
			Declaration: d.String(), Says: of.Says, Problems: []string{},
		})
	}
	return rows, nil
}

func (p *Player) steps(steps []proof.Step, row *Row) error {
	defer p.stopAll()
	var sent, expected, measured []string
	for _, s := range steps {
		got, what, err := p.step(s, row)
		if errors.Is(err, errAbandoned) {
			row.Problems = append(row.Problems, err.Error())
			break
		} else if err != nil {
			return err
		}
		sent = append(sent, what)
		if s.Declares != "" {
			d, err := proof.Find(p.project(), s.Declares)
			if err != nil {
				return err
			}
			what = d.String() + ": " + what
		}
		if len(s.Expect) > 0 {
			want, saw := s.Expect.Describe(got)
			expected, measured = append(expected, want), append(measured, saw)
			for _, problem := range s.Expect.Judge(got) {
				row.Problems = append(row.Problems, what+": "+problem)
			}
		}
	}
	row.Sent, row.Expected, row.Measured = strings.Join(sent, "; "), strings.Join(expected, "; "), strings.Join(measured, "; ")
	return nil
}

// step does one thing, and says what. A refusal by Istio or Envoy goes to the row.
func (p *Player) step(s proof.Step, row *Row) (lab.Measured, string, error) {
	unlessRefused := func(err error) error {
		var refusal Refusal
		if errors.As(err, &refusal) {
			row.Problems = append(row.Problems, refusal.Error())
			return nil
		}
		return err
	}
	switch {
	case s.Call != nil:
		call := *s.Call
		call.Requests = max(call.Requests, 1)
		r, err := p.stage.Start(call)
		if err != nil {
			return nil, "", err
		}
		if err := r.Wait(); err != nil {
			return nil, "", fmt.Errorf("%v: the client failed: %w", call, err)
		}
		m, err := p.measure(r, row, s)
		return m, call.String(), err
	case s.Start != nil:
		return nil, "begin " + s.Start.String(), p.start(s.Start.From, *s.Start)
	case s.Stop != "":
		m, err := p.stop(s.Stop, row, s)
		return m, "end " + s.Stop, err
	case len(s.Begin) > 0:
		if err := p.beginLoads(s.Begin); err != nil {
			return nil, "", err
		}
		return nil, "begin " + strings.Join(s.Begin, ", "), nil
	case s.End:
		m, err := p.endLoads(row, s)
		return m, "end of the load", err
	case s.Wait != "":
		d, err := time.ParseDuration(s.Wait)
		time.Sleep(d)
		return nil, "wait " + s.Wait, err
	case s.Stats != nil:
		sum, err := p.stage.Counters(s.Stats.Pod, s.Stats.Filter)
		return lab.Measured{"sum": sum}, s.Stats.Filter + " of " + s.Stats.Pod, err
	case s.State != nil || s.Environment != "":
		environment := s.Environment
		if environment == "" {
			environment = p.run.Environment
		}
		err := p.hand(environment, s.State)
		if err == nil {
			err = p.settle()
		}
		return nil, strings.TrimSpace("apply " + environment + " " + describe(s.State)), unlessRefused(err)
	case s.Sources != nil:
		return nil, "write " + strings.Join(slices.Sorted(maps.Keys(s.Sources)), ", "), p.published.repository.Write(s.Sources)
	case s.Meshc != "" || s.Sync != nil:
		m, err := p.publish(s, row)
		return m, s.Text(), unlessRefused(err)
	case s.Uninstall:
		return nil, "uninstall", unlessRefused(p.uninstall())
	}
	return nil, "", fmt.Errorf("a step that does nothing: %+v", s)
}

func describe(state map[string]render.Release) string {
	var parts []string
	for _, service := range slices.Sorted(maps.Keys(state)) {
		parts = append(parts, fmt.Sprintf("%s at %d%%", service, state[service].Weight))
	}
	return strings.Join(parts, ", ")
}
