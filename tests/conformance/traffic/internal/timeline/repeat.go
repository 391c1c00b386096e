package timeline

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"meshc/tests/conformance/traffic/internal/istiod"
	"meshc/tests/conformance/traffic/internal/lab"
)

// Rollback is one rollback: seconds from the start of `make rollback` to each point, and what the client saw.
type Rollback struct {
	Pushed   float64 `json:"pushed"`     // the git server had answered the push
	Noticed  float64 `json:"noticed"`    // source-controller's part began to fetch
	Fetched  float64 `json:"fetched"`    // the artifact is in the GitRepository's status
	Applied  float64 `json:"applied"`    // the VirtualService in the API server has the old weights
	Sent     float64 `json:"sent"`       // istiod sent routes to the client's Envoy
	Acked    float64 `json:"acked"`      // the Envoy has acknowledged them
	Last     float64 `json:"lastCanary"` // when the last request began that the new version answered
	Ended    float64 `json:"makeEnded"`  // `make rollback` had ended
	Requests int     `json:"requests"`   // of the client, in all
	Canary   int     `json:"canary"`     // those that the new version answered
	Failed   int     `json:"failed"`
}

// Rollback releases, rolls back under load, and gives the release free again. The pause is before the rollback, for who
// polls must not find it always at the same time behind a look.
func (s *Setting) Rollback(ctx context.Context, pause time.Duration) (*Rollback, error) {
	s.n++
	if err := s.release(ctx); err != nil {
		return nil, fmt.Errorf("before: %w", err)
	}
	clone := filepath.Join(s.world.Out, "clones", fmt.Sprint(s.n))
	if err := s.world.Project.Clone(s.world.Repository, clone); err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	weights := watchWeights(watching, s.world)
	running, err := s.stage.Start(lab.Call{From: "client", To: "web:80", Path: "/", Workers: Workers, Rate: Rate})
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Second + pause)
	r, start, err := s.measure(ctx, clone, weights)
	if stopped := running.Stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return nil, err
	}
	if err := s.seen(r, running, start); err != nil {
		return nil, err
	}
	_, err = s.world.Project.Run(clone, "make", "resume", "SERVICE=shop/web")
	return r, err
}

// measure rolls back, and waits for each point; the requests go on for 2 s behind the last.
func (s *Setting) measure(ctx context.Context, clone string, weights *weightWatch) (*Rollback, time.Time, error) {
	r := &Rollback{}
	pushes := len(s.world.Git.Pushes())
	start := time.Now()
	since := func(at time.Time) float64 { return at.Sub(start).Seconds() }
	if _, err := s.world.Project.Run(clone, "make", "rollback"); err != nil {
		return nil, start, err
	}
	r.Ended = since(time.Now())
	all := s.world.Git.Pushes()
	if len(all) != pushes+1 {
		return nil, start, fmt.Errorf("make rollback pushed %d times", len(all)-pushes)
	}
	r.Pushed = since(all[pushes])
	commit, err := s.world.Project.Tip(s.world.Repository, "main")
	if err != nil {
		return nil, start, err
	}
	fetched, err := after(ctx, "the artifact", func() (times, bool) {
		t, ok := s.world.Source.Fetched(commit)
		return times{t.Asked, t.Ready}, ok
	})
	if err != nil {
		return nil, start, err
	}
	r.Noticed, r.Fetched = since(fetched.first), since(fetched.second)
	applied, err := after(ctx, "the weights in the API server", func() (time.Time, bool) { return weights.old(start) })
	if err != nil {
		return nil, start, err
	}
	r.Applied = since(applied)
	routes, err := after(ctx, "routes of the client's Envoy", func() (istiod.Exchange, bool) {
		e, ok := s.istiod.Routes(s.client.SpiffeID(), start)
		return e, ok && !e.Acked.IsZero()
	})
	if err != nil {
		return nil, start, err
	}
	r.Sent, r.Acked = since(routes.Sent), since(routes.Acked)
	time.Sleep(2 * time.Second)
	return r, start, nil
}

type times struct{ first, second time.Time }

// seen adds what the client saw. Without requests to the new version before, or with some long behind the
// acknowledgement, there is nothing that was measured.
func (s *Setting) seen(r *Rollback, running *lab.Running, start time.Time) error {
	m, texts, err := s.stage.Measure(running, start)
	if err != nil {
		return err
	}
	r.Requests, r.Canary, r.Failed = int(m["total"]), int(m["version/v2"]), int(m["failed"])
	r.Last = m["last-v2-ms"] / 1000
	expected := 1 + r.Acked // seconds with both versions
	if minimum := int(expected * Rate * Share / 100 / 2); r.Canary < minimum {
		return fmt.Errorf("the new version answered %d requests, not even %d: %v", r.Canary, minimum, texts)
	}
	if r.Last > r.Acked+1 {
		return fmt.Errorf("the new version got a request %.1f s after the acknowledgement", r.Last-r.Acked)
	}
	if r.Failed > 0 {
		return fmt.Errorf("%d of %d requests failed: %v", r.Failed, r.Requests, texts)
	}
	return nil
}
