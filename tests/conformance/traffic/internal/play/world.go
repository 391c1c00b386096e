// Package play sets up a cluster for one environment, applies what the compiler renders, and plays the proofs.
package play

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshc/tests/conformance/traffic/internal/cluster"
	"meshc/tests/conformance/traffic/internal/istiod"
	"meshc/tests/conformance/traffic/internal/lab"
	"meshc/tests/conformance/traffic/internal/proof"
	"meshc/tests/conformance/traffic/internal/render"
	"meshc/tests/conformance/traffic/internal/telemetry"
)

// Player is one environment of a scenario with its cluster, ready for requests.
type Player struct {
	scenario *proof.Scenario
	run      proof.Run
	compiler render.Compiler
	stage    *lab.Stage
	istiod   *istiod.Server
	proxies  int

	surroundings string
	environment  string                    // what is applied now
	state        map[string]render.Release //
	change       func([]render.Object) []render.Object
	applied      time.Time
	refused      map[string]bool
	calls        map[string]*started // in the background

	published    published
	repositories int    // opened so far
	temporary    string // outside of any git repository, for meshc asks git where the sources are from
	prometheus   *telemetry.Prometheus
}

// Open builds the cluster of a run. Its files go below out. Close removes it.
func Open(s *proof.Scenario, run proof.Run, compiler render.Compiler, programs lab.Programs, out string) (*Player, error) {
	p := &Player{
		scenario: s, run: run, compiler: compiler, refused: map[string]bool{}, calls: map[string]*started{},
		change: func(o []render.Object) []render.Object { return o },
	}
	ca, err := istiod.NewAuthority()
	if err != nil {
		return nil, err
	}
	c, err := p.cluster(ca)
	if err != nil {
		return nil, err
	}
	if err := p.readSurroundings(); err != nil {
		return nil, err
	}
	if run.Prometheus {
		run.MeshConfig += telemetry.MeshConfig
	}
	mesh, err := istiod.MeshConfig(run.MeshConfig, run.TrustDomain)
	if err != nil {
		return nil, fmt.Errorf("meshConfig: %w", err)
	}
	if p.temporary, err = os.MkdirTemp("", "published"); err != nil {
		return nil, err
	}
	if p.stage, err = lab.Build(c, programs, out); err != nil {
		os.RemoveAll(p.temporary)
		return nil, err
	}
	p.istiod = istiod.Start(mesh, c.Objects())
	for _, pod := range c.Pods {
		if pod.Meshed {
			p.proxies++
			if err := p.stage.StartProxy(pod, p.istiod, ca, mesh.DefaultConfig, run.ProxyVersion); err != nil {
				p.Close()
				return nil, err
			}
		}
	}
	for _, pod := range c.Pods {
		if pod.Meshed {
			if err := p.stage.WaitReady(pod); err != nil {
				p.Close()
				return nil, err
			}
		}
	}
	if run.Prometheus {
		if p.prometheus, err = telemetry.Start(programs.Prometheus, c, filepath.Join(out, "prometheus.log")); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

// Close removes the cluster.
func (p *Player) Close() {
	p.stage.Strike()
	p.istiod.Stop()
	if p.prometheus != nil {
		p.prometheus.Stop()
	}
	os.RemoveAll(p.temporary)
}

// Dump writes the proxies' configuration beside their logs.
func (p *Player) Dump() error { return p.stage.Dump() }

func (p *Player) cluster(ca *istiod.Authority) (*cluster.Cluster, error) {
	var paths []string
	for _, m := range p.run.Manifests {
		paths = append(paths, filepath.Join(p.scenario.Dir, m))
	}
	c, err := cluster.Load(p.run.Namespace, p.run.TrustDomain, paths)
	if err != nil {
		return nil, err
	}
	if err := c.Cast(p.run.Pods); err != nil {
		return nil, err
	}
	for name, host := range p.run.Certificates {
		ns, secret, ok := strings.Cut(name, "/")
		if !ok {
			return nil, fmt.Errorf("certificates: %q is not NAMESPACE/SECRET", name)
		}
		cert, key, err := ca.Issue(host)
		if err != nil {
			return nil, err
		}
		c.Secrets = append(c.Secrets, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: secret, Namespace: ns},
			Type:       corev1.SecretTypeTLS,
			Data:       map[string][]byte{"tls.crt": cert, "tls.key": key},
		})
	}
	return c, nil
}

func (p *Player) readSurroundings() error {
	for _, name := range p.run.Surroundings {
		text, err := os.ReadFile(filepath.Join(p.scenario.Dir, name))
		if err != nil {
			return err
		}
		p.surroundings += "\n---\n" + string(text)
	}
	return nil
}

// project is the folder of the mesh declaration.
func (p *Player) project() string { return filepath.Join(p.scenario.Dir, p.scenario.Project) }
