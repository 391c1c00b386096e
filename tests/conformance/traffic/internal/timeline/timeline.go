// Package timeline measures how long a rollback takes, from `make rollback` in a clone of the deploy repository to the last
// request that the new version gets, leg by leg.
package timeline

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"meshc/tests/conformance/controlplane/world"
	"meshc/tests/conformance/traffic/internal/cluster"
	"meshc/tests/conformance/traffic/internal/istiod"
	"meshc/tests/conformance/traffic/internal/lab"
)

// Load is what is requested while it is measured.
const (
	Rate    = 200.0 // requests per second
	Workers = 8
	Share   = 20 // percent of them that go to the new version
)

// Setting is a world whose cluster has pods, with requests between them.
type Setting struct {
	world  *world.World
	stage  *lab.Stage
	istiod *istiod.Server
	client *cluster.Pod
	meshed int
	n      int // of repeats
}

// Open publishes the project, starts istiod and the pods, and waits until they are ready. Close ends it.
func Open(ctx context.Context, w *world.World, project string, programs lab.Programs) (*Setting, error) {
	s := &Setting{world: w}
	if err := s.open(ctx, project, programs); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Setting) open(ctx context.Context, project string, programs lab.Programs) error {
	if err := s.world.Bootstrap(ctx); err != nil {
		return err
	}
	if _, err := s.world.Project.MustMeshc("publish", "--until-done"); err != nil {
		return err
	}
	if _, err := s.world.Synced(ctx); err != nil {
		return err
	}
	c, err := cluster.Load("shop", "cluster.local", []string{filepath.Join(project, "kubernetes.yaml")})
	if err != nil {
		return err
	}
	if err := c.Cast([]cluster.Workload{{Name: "web-v1"}, {Name: "web-v2"}, {Name: "client"}}); err != nil {
		return err
	}
	s.client = c.Pod("client")
	ca, err := istiod.NewAuthority()
	if err != nil {
		return err
	}
	mesh, err := istiod.MeshConfig("", "cluster.local")
	if err != nil {
		return err
	}
	if s.stage, err = lab.Build(c, programs, filepath.Join(s.world.Out, "pods")); err != nil {
		return err
	}
	if err := c.Create(ctx, s.world.Client); err != nil {
		return err
	}
	if s.istiod, err = istiod.Follow(s.world.Kubeconfig, mesh, s.world.Out); err != nil {
		return err
	}
	for _, pod := range c.Pods {
		if err := s.stage.StartProxy(pod, s.istiod, ca, mesh.DefaultConfig, "1.31.0"); err != nil {
			return err
		}
		s.meshed++
	}
	for _, pod := range c.Pods {
		if err := s.stage.WaitReady(pod); err != nil {
			return err
		}
	}
	return nil
}

// Close ends what Open started. The world is left alone.
func (s *Setting) Close() {
	if s.stage != nil {
		s.stage.Strike()
	}
	if s.istiod != nil {
		s.istiod.Stop()
	}
}

// release opens the first stage of the release, and waits until every proxy has it.
func (s *Setting) release(ctx context.Context) error {
	if _, err := s.world.Project.MustMeshc("promote"); err != nil {
		return err
	}
	if _, err := s.world.Synced(ctx); err != nil {
		return err
	}
	refused, err := s.istiod.Settle(s.meshed)
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("Envoy refuses %v", refused)
	}
	return err
}

// after waits until something is known, 90 s at most: longer than an interval of the bootstrap's GitRepository.
func after[T any](ctx context.Context, what string, ask func() (T, bool)) (T, error) {
	deadline := time.Now().Add(90 * time.Second)
	for {
		if got, ok := ask(); ok {
			return got, nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			var none T
			return none, fmt.Errorf("%s: not seen after 90 s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
