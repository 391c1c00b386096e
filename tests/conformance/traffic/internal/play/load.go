package play

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"meshc/tests/conformance/traffic/internal/lab"
	"meshc/tests/conformance/traffic/internal/proof"
)

// started is a call in the background.
type started struct {
	*lab.Running
	call    lab.Call
	applied int // commits that were applied before
}

// start starts a call in the background, until stop.
func (p *Player) start(name string, call lab.Call) error {
	if p.calls[name] != nil {
		return fmt.Errorf("%s is running already", name)
	}
	call.Requests = 0
	r, err := p.stage.Start(call)
	if err != nil {
		return err
	}
	p.calls[name] = &started{r, call, len(p.published.applied)}
	return nil
}

// beginLoads starts loads, and waits until each of short requests has an answer: what follows meets a load that runs.
func (p *Player) beginLoads(names []string) error {
	for _, name := range names {
		if err := p.start(name, p.scenario.Loads[name]); err != nil {
			return err
		}
	}
	for _, name := range names {
		if r := p.calls[name]; r.call.Hold == "" && !r.Answered() {
			return fmt.Errorf("the load %s had no answer for 10 s: %v", name, r.call)
		}
	}
	return nil
}

// ended is what came of a call in the background.
type ended struct {
	measured lab.Measured
	texts    []string // what its client printed beside codes
	unsaid   string   // see Player.unsaid
	err      error
}

// stop ends a call and measures it.
func (p *Player) stop(name string, row *Row, s proof.Step) (lab.Measured, error) {
	r := p.calls[name]
	if r == nil {
		return nil, fmt.Errorf("stop: nothing was started as %s", name)
	}
	delete(p.calls, name)
	e := p.finish(r)
	if e.err == nil && len(s.Expect.Judge(e.measured)) > 0 {
		for _, text := range e.texts {
			row.Problems = append(row.Problems, "the client saw "+text)
		}
	}
	if e.unsaid != "" {
		row.Problems = append(row.Problems, e.unsaid)
	}
	return e.measured, e.err
}

func (p *Player) finish(r *started) (e ended) {
	if err := r.Stop(); err != nil {
		return ended{err: fmt.Errorf("the client in %s failed: %w", r.call.From, err)}
	}
	e.measured, e.texts, e.err = p.stage.Measure(r.Running, p.applied)
	e.unsaid = p.unsaid(r, e.measured)
	return e
}

// endLoads ends all loads at once and adds them up; see sum.
func (p *Player) endLoads(row *Row, s proof.Step) (lab.Measured, error) {
	calls := p.calls
	p.calls = map[string]*started{}
	var wait sync.WaitGroup
	var mu sync.Mutex
	all := map[string]ended{}
	for name, r := range calls {
		wait.Go(func() {
			e := p.finish(r)
			mu.Lock()
			defer mu.Unlock()
			all[name] = e
		})
	}
	wait.Wait()
	m := lab.Measured{}
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e := all[name]
		if e.err != nil {
			return nil, e.err
		}
		sum(m, name, calls[name].call, e.measured)
		if e.measured["total"] == 0 { // streams that never ended prove nothing
			row.Problems = append(row.Problems, fmt.Sprintf("the load %s had no answer", name))
		}
		if e.unsaid != "" {
			row.Problems = append(row.Problems, e.unsaid)
		}
		for _, text := range e.texts {
			texts = append(texts, fmt.Sprintf("the load %s saw %s", name, text))
		}
	}
	if len(s.Expect.Judge(m)) > 0 {
		row.Problems = append(row.Problems, texts...)
	}
	return m, nil
}

// sum adds what one load measured to what all did: `total` and `failed` of short requests, `streams` and `cut` of streams,
// and everything under the load's name too, as LOAD/failed.
func sum(all lab.Measured, name string, call lab.Call, m lab.Measured) {
	if call.Hold != "" {
		all["streams"] += m["total"]
		all["cut"] += m["code/cut"]
		all["failed"] += m["failed"] - m["code/cut"]
	} else {
		all["total"] += m["total"]
		all["failed"] += m["failed"]
	}
	for k, v := range m {
		all[name+"/"+k] = v
	}
}

func (p *Player) measure(r *lab.Running, row *Row, s proof.Step) (lab.Measured, error) {
	m, texts, err := p.stage.Measure(r, p.applied)
	if err == nil && len(s.Expect.Judge(m)) > 0 { // what the client saw helps whoever has to find out why
		for _, text := range texts {
			row.Problems = append(row.Problems, "the client saw "+text)
		}
	}
	return m, err
}

// stopAll ends what a failed proof left in the background.
func (p *Player) stopAll() {
	for name, r := range p.calls {
		r.Stop()
		delete(p.calls, name)
	}
}
