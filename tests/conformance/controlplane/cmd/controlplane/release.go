package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"meshc/tests/conformance/controlplane/source"
	"meshc/tests/conformance/controlplane/world"
)

func (p *prover) content() error { return p.healthy("2 of its Kustomizations") }

func (p *prover) healthy(kustomizations string) error {
	out, err := p.Project.Meshc("doctor")
	if err != nil {
		return err
	}
	return says("doctor", out, 0, "fine   flux: "+kustomizations+" would apply a commit at once")
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

// doctorNames checks that doctor finds that something would fail, and says this.
func (p *prover) doctorNames(text string) error {
	out, err := p.Project.Meshc("doctor")
	if err != nil {
		return err
	}
	return says("doctor", out, 1, text)
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
	if err := says("rollback --wait", out, 0, ""); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out.Stdout), &report); err != nil {
		return err
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
		if err := says("status", out, 0, text); err != nil {
			return err
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
		out, err := p.Project.Meshc("rollback", "--wait=1s")
		if err != nil {
			return err
		}
		if err := says("rollback --wait", out, 6, "the Kustomization `shop-prod-shop` is at "); err != nil {
			return err
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

// isolated rolls back while Flux cannot apply another namespace.
func (p *prover) isolated() error {
	if err := p.again(); err != nil {
		return err
	}
	return p.whileBroken("money", func() error {
		out, err := p.Project.Meshc("rollback", "--wait=30s")
		if err != nil {
			return err
		}
		if err := says("rollback --wait", out, 0, "to live weights"); err != nil {
			return err
		}
		return p.weigh("v1=100 v2=0")
	})
}

func (p *prover) make() error {
	if err := p.again(); err != nil {
		return err
	}
	clone, err := p.clone()
	if err != nil {
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
