package play

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meshc/tests/conformance/traffic/internal/mutant"
	"meshc/tests/conformance/traffic/internal/render"
)

// Refusal is what Istio's validation or an Envoy says against a rendering. Any other error is about the lab.
type Refusal struct{ text string }

func (r Refusal) Error() string { return r.text }

// Mutate breaks everything that is rendered from now on; nil mends it. What was applied is applied anew.
func (p *Player) Mutate(m *mutant.Mutant) error {
	// Removed first: an untouched limiter or cluster would keep its buckets and ejections.
	if err := p.uninstall(); err != nil {
		return err
	}
	p.change = func(o []render.Object) []render.Object { return o }
	if m != nil {
		p.change = m.Apply
	}
	p.refused = map[string]bool{}
	p.stage.ResetCounters()
	return p.apply(p.run.Environment, nil)
}

// Rendered gives what the compiler renders for the run: without recorded state, and with each state that a proof states.
func (p *Player) Rendered() ([]render.Object, error) {
	all, err := p.compiler.Render(p.project(), p.run.Environment, nil)
	if err != nil {
		return nil, err
	}
	for _, of := range p.run.Proofs {
		if len(of.State) == 0 {
			continue
		}
		objects, err := p.compiler.Render(p.project(), p.run.Environment, of.State)
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	return all, nil
}

// be makes sure that the rendering of an environment with this state is in force.
func (p *Player) be(environment string, state map[string]render.Release) error {
	if p.environment == environment && maps.Equal(p.state, state) {
		return nil
	}
	return p.apply(environment, state)
}

// apply renders, hands the result to istiod, and waits until every proxy has it and old connections are gone.
func (p *Player) apply(environment string, state map[string]render.Release) error {
	if err := p.hand(environment, state); err != nil {
		return err
	}
	if err := p.settle(); err != nil {
		return err
	}
	p.stage.Drained()
	return nil
}

// hand gives a rendering to istiod and does not wait.
func (p *Player) hand(environment string, state map[string]render.Release) error {
	p.environment, p.state = "", nil // unknown, should this fail
	text, err := p.text(environment, state)
	if err != nil {
		return err
	}
	p.applied = time.Now()
	if err := p.istiod.Replace(p.surroundings + text); err != nil {
		return Refusal{fmt.Sprintf("Istio's validation refuses %v", err)}
	}
	p.environment, p.state = environment, state
	return nil
}

// text is what is to be applied.
func (p *Player) text(environment string, state map[string]render.Release) (string, error) {
	if p.run.HandWritten != "" {
		return p.handWritten(state)
	}
	objects, err := p.compiler.Render(p.project(), environment, state)
	if err != nil {
		return "", err
	}
	return render.Text(p.change(objects))
}

func (p *Player) handWritten(state map[string]render.Release) (string, error) {
	weight := 0
	for _, release := range state {
		weight = release.Weight
	}
	text := ""
	for _, name := range []string{"base.yaml", fmt.Sprintf("weight-%d.yaml", weight)} {
		part, err := os.ReadFile(filepath.Join(p.scenario.Dir, p.run.HandWritten, name))
		if err != nil {
			return "", err
		}
		text += "\n---\n" + string(part)
	}
	return text, nil
}

// uninstall deletes everything that the mesh wrote.
func (p *Player) uninstall() error {
	p.environment, p.state = "", nil
	p.published.objects = nil
	p.applied = time.Now()
	if err := p.istiod.Replace(p.surroundings); err != nil {
		return err
	}
	return p.settle()
}

func (p *Player) settle() error {
	refused, err := p.istiod.Settle(p.proxies)
	var news []string
	for _, text := range refused {
		if !p.refused[text] {
			p.refused[text] = true
			news = append(news, text)
		}
	}
	if len(news) > 0 {
		return Refusal{"Envoy refuses " + strings.Join(news, "; ")}
	}
	return err
}
