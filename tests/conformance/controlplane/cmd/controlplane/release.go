package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"meshc/tests/conformance/controlplane/deploy"
	"meshc/tests/conformance/controlplane/source"
	"meshc/tests/conformance/controlplane/world"
)

func (p *prover) healthy() error {
	out, err := p.Project.Meshc("doctor")
	if err != nil {
		return err
	}
	if out.Code != 0 || !strings.Contains(out.Stdout, "fine   flux: 2 of its Kustomizations would apply a commit at once") {
		return said("doctor", out)
	}
	return nil
}

func (p *prover) suspendedKustomization() error {
	return p.whileSuspended(world.Kustomization.Kind, "shop-prod-shop", func() error {
		return p.doctorNames("the Kustomization `shop-prod-shop` is suspended")
	})
}

func (p *prover) suspendedRepository() error {
	return p.whileSuspended(source.GitRepository.Kind, "shop-prod", func() error {
		return p.doctorNames("the GitRepository `shop-prod` is suspended")
	})
}

// whileSuspended does something while Flux leaves an object alone.
func (p *prover) whileSuspended(kind, name string, do func() error) error {
	of := world.Kustomization
	if kind == source.GitRepository.Kind {
		of = source.GitRepository
	}
	if err := p.Suspend(p.ctx, of, name, true); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, p.Suspend(p.ctx, of, name, false))
}

func (p *prover) doctorNames(text string) error {
	out, err := p.Project.Meshc("doctor")
	if err != nil {
		return err
	}
	if out.Code != 1 || !strings.Contains(out.Stdout, text) {
		return said("doctor", out)
	}
	return nil
}

func said(command string, out deploy.Output) error {
	return fmt.Errorf("%s ended with code %d and said: %s%s", command, out.Code, out.Stdout, out.Stderr)
}

// weights gives the weights of the release's routes in the API server, the old version's first.
func (p *prover) weights() (string, error) {
	o, err := p.Client.Get(p.ctx, virtualService, "shop", "web")
	if err != nil {
		return "", err
	}
	routes, _, err := unstructured.NestedSlice(o.Object, "spec", "http")
	if err != nil {
		return "", err
	}
	var all []string
	for _, entry := range routes {
		route, _ := entry.(map[string]any)
		destinations, _ := route["route"].([]any)
		for _, d := range destinations {
			destination, _ := d.(map[string]any)
			to, _ := destination["destination"].(map[string]any)
			all = append(all, fmt.Sprintf("%v=%v", to["subset"], destination["weight"]))
		}
	}
	return strings.Join(all, " "), nil
}

func (p *prover) weigh(want string) error {
	if has, err := p.weights(); err != nil || has != want {
		return errors.Join(err, fmt.Errorf("the weights are %s, not %s", has, want))
	}
	return nil
}

func (p *prover) promoted() error {
	if _, err := p.Project.MustMeshc("promote"); err != nil {
		return err
	}
	if _, err := p.Synced(p.ctx); err != nil {
		return err
	}
	return p.weigh("v1=80 v2=20")
}

func (p *prover) rolledBack() error {
	out, err := p.Project.Meshc("--format", "json", "rollback", "--wait=30s", "--reason", "errors after the release")
	if err != nil {
		return err
	}
	var report struct {
		Seconds struct{ Push, Sync, Live *float64 }
	}
	if out.Code != 0 || json.Unmarshal([]byte(out.Stdout), &report) != nil {
		return said("rollback --wait", out)
	}
	if report.Seconds.Push == nil || report.Seconds.Sync == nil || report.Seconds.Live == nil {
		return fmt.Errorf("seconds are missing: %s", out.Stdout)
	}
	return p.weigh("v1=100 v2=0")
}

func (p *prover) held() error {
	out, err := p.Project.Meshc("status")
	if err != nil {
		return err
	}
	for _, text := range []string{"errors after the release", "Release Manager", "s to live weights"} {
		if out.Code != 0 || !strings.Contains(out.Stdout, text) {
			return fmt.Errorf("it does not say %q: %w", text, said("status", out))
		}
	}
	return nil
}

// again lets the release begin anew.
func (p *prover) again() error {
	if _, err := p.Project.MustMeshc("resume", "web"); err != nil {
		return err
	}
	return p.promoted()
}

func (p *prover) notLive() error {
	if err := p.again(); err != nil {
		return err
	}
	err := p.whileSuspended(world.Kustomization.Kind, "shop-prod-shop", func() error {
		out, err := p.Project.Meshc("rollback", "--wait=2s")
		if err != nil {
			return err
		}
		if out.Code != 6 || !strings.Contains(out.Stdout+out.Stderr, "shop-prod-shop") {
			return said("rollback --wait", out)
		}
		return p.weigh("v1=80 v2=20")
	})
	if err != nil {
		return err
	}
	if _, err := p.Synced(p.ctx); err != nil {
		return err
	}
	return p.weigh("v1=100 v2=0")
}

func (p *prover) make() error {
	if err := p.again(); err != nil {
		return err
	}
	clone := filepath.Join(p.Out, "clones", "make")
	if err := p.Project.Clone(p.Repository, clone); err != nil {
		return err
	}
	if _, err := p.Project.Run(clone, "make", "rollback"); err != nil {
		return err
	}
	if _, err := p.Synced(p.ctx); err != nil {
		return err
	}
	return p.weigh("v1=100 v2=0")
}
