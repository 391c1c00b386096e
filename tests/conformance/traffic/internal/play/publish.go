package play

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshc/tests/conformance/traffic/internal/deploy"
	"meshc/tests/conformance/traffic/internal/engine"
	"meshc/tests/conformance/traffic/internal/lab"
	"meshc/tests/conformance/traffic/internal/proof"
	"meshc/tests/conformance/traffic/internal/render"
)

// commandEnds is how long a command of meshc may take, a watch over a whole release included.
const commandEnds = 3 * time.Minute

// errAbandoned ends a proof: what follows builds on what did not happen.
var errAbandoned = errors.New("the rest was not played")

// published is what a proof publishes, and what of it the cluster has.
type published struct {
	repository *deploy.Repository
	seen       string // the last commit that was applied or skipped
	objects    []render.Object
	applied    []string // ids, in order
}

// begin empties the cluster for a proof that goes by commits.
func (p *Player) begin(of proof.Proof) error {
	if err := p.uninstall(); err != nil {
		return err
	}
	p.stage.Drained()
	repository := p.published.repository
	switch {
	case !of.Replay:
		p.repositories++
		dir := filepath.Join(p.temporary, fmt.Sprintf("project-%d", p.repositories))
		var err error
		if repository, err = deploy.Open(p.compiler.Meshc, p.project(), p.run.Environment, dir); err != nil {
			return err
		}
	case repository == nil:
		return fmt.Errorf("%s: a replay without a proof before it that publishes", of.Says)
	}
	p.published = published{repository: repository}
	return nil
}

// publish runs a command of meshc, and applies commits while it runs and afterwards.
func (p *Player) publish(s proof.Step, row *Row) (lab.Measured, error) {
	m := lab.Measured{}
	if p.published.repository == nil {
		return nil, fmt.Errorf("a step with `meshc` or `sync` in a proof that did not begin with one")
	}
	if s.Meshc == "" {
		_, err := p.sync(*s.Sync, m)
		return m, err
	}
	var said []string
	within, _ := time.ParseDuration(s.Within) // checked when it was read
	for deadline := time.Now().Add(within); ; {
		made, output, err := p.command(s, m, row)
		if err != nil {
			return nil, err
		}
		said = append(said, strings.TrimSpace(output))
		if m["code"] == 0 && (s.Repeat && made > 0 || made == 0 && time.Now().Before(deadline)) {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if s.Expect["code"] == "" && m["code"] != 0 {
			return nil, fmt.Errorf("%w: meshc %s: exit code %g: %s", errAbandoned, s.Meshc, m["code"], strings.Join(said, "\n"))
		}
		if len(s.Expect.Judge(m)) > 0 {
			row.Problems = append(row.Problems, fmt.Sprintf("meshc %s said: %s", s.Meshc, strings.Join(said, "\n")))
		}
		return m, nil
	}
}

// command runs a command once, and says how many commits it made and what it printed.
func (p *Player) command(s proof.Step, m lab.Measured, row *Row) (made int, output string, err error) {
	repository := p.published.repository
	before, err := repository.Commits("")
	if err != nil {
		return 0, "", err
	}
	c, err := repository.Start(s.Meshc, p.asking(s.Meshc)...)
	if err != nil {
		return 0, "", err
	}
	defer c.Kill()
	for deadline, running := time.After(commandEnds), true; running; {
		select {
		case <-c.Done():
			running = false
		case <-deadline:
			return 0, "", fmt.Errorf("meshc %s: not done after %v", s.Meshc, commandEnds)
		case <-time.After(50 * time.Millisecond):
			if s.Sync != nil {
				if _, err := p.sync(*s.Sync, m); err != nil {
					return 0, "", err
				}
			}
		}
	}
	code, output, err := c.Result()
	if err != nil {
		return 0, "", err
	}
	m["code"] = float64(code)
	after, err := repository.Commits("")
	if err != nil {
		return 0, "", err
	}
	for _, commit := range after[len(before):] {
		row.Commits = append(row.Commits, Commit{commit.Subject, commit.Says})
		m["commits"]++
		for _, says := range commit.Says {
			m["says/"+says]++
		}
		for _, subject := range repository.Said[commit.ID] {
			if m["cuts/"+subject] == 0 { // a plan tells all steps together, each time anew
				m["cuts"]++
				m["cuts/"+subject] = 1
			}
		}
	}
	if s.Sync != nil {
		_, err = p.sync(*s.Sync, m)
	}
	return len(after) - len(before), output, err
}

// sync applies the commits that wait, oldest first.
func (p *Player) sync(s proof.Sync, m lab.Measured) (applied int, err error) {
	commits, err := p.published.repository.Commits(p.published.seen)
	if err != nil {
		return 0, err
	}
	for _, commit := range commits {
		p.published.seen = commit.ID
		if m["seen"]++; slices.Contains(s.Skip, int(m["seen"])) {
			continue
		}
		changes, err := p.applyCommit(commit, s)
		if err != nil {
			return applied, err
		}
		applied++
		m["applied"]++
		m["objects"] += float64(changes)
	}
	return applied, nil
}

// applyCommit applies one commit object by object, and waits until all proxies have it.
func (p *Player) applyCommit(commit deploy.Commit, s proof.Sync) (objects int, err error) {
	after, err := p.published.repository.Objects(commit.ID)
	if err != nil {
		return 0, err
	}
	after = p.change(after)
	changes, err := engine.Order(engine.Changes(p.published.objects, after), s.Order, s.Seed)
	if err != nil {
		return 0, err
	}
	pause, _ := time.ParseDuration(s.Pause) // checked when it was read
	p.applied = time.Now()
	for i, change := range changes {
		if i > 0 {
			time.Sleep(pause)
		}
		text, err := render.Text([]render.Object{change.Object})
		if err == nil && change.Prune {
			err = p.istiod.Remove(text)
		} else if err == nil {
			err = p.istiod.Put(text)
		}
		if err != nil {
			return 0, Refusal{fmt.Sprintf("Istio refuses `%s`: %v, in %s", commit.Subject, err, change)}
		}
	}
	p.published.objects = after
	p.published.applied = append(p.published.applied, commit.ID)
	if len(changes) == 0 {
		return 0, nil // a record of meshc's own
	}
	return len(changes), p.settle()
}

// asking gives the arguments of a command that asks Prometheus.
func (p *Player) asking(command string) []string {
	switch verb, _, _ := strings.Cut(strings.TrimSpace(command), " "); verb {
	case "promote", "watch":
		if p.prometheus != nil {
			return []string{"--prometheus", p.prometheus.URL}
		}
	}
	return nil
}

// unsaid finds streams that were cut though no plan of a commit that was applied meanwhile says so.
func (p *Player) unsaid(r *started, m lab.Measured) string {
	if m["code/cut"] == 0 || p.published.repository == nil {
		return ""
	}
	said := map[string]bool{}
	for _, id := range p.published.applied[min(r.applied, len(p.published.applied)):] {
		for _, subject := range p.published.repository.Said[id] {
			said[subject] = true
		}
	}
	target := p.target(r.call.To)
	if covers(said, target) {
		return ""
	}
	return fmt.Sprintf("%g streams to %s were cut; what the plans say is cut: %s", m["code/cut"], target,
		strings.Join(slices.Sorted(maps.Keys(said)), ", "))
}

// covers says whether a stream to a service, NAMESPACE/NAME, is among the subjects that are said to be cut: the service,
// its namespace, or a gateway, of which only the platform's namespace is known here.
func covers(said map[string]bool, target string) bool {
	namespace, _, _ := strings.Cut(target, "/")
	return said[target] || said[namespace] || (namespace == "istio-system" && len(said) > 0)
}

// target is the Service that a call is for, as NAMESPACE/NAME.
func (p *Player) target(to string) string {
	if service, _ := p.stage.Cluster.Find(to); service != nil {
		return service.Namespace + "/" + service.Name
	}
	return to
}
