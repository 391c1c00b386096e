// Package proof reads what is to be proved: scenarios, declarations, expectations.
package proof

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"meshc/tests/conformance/traffic/internal/cluster"
	"meshc/tests/conformance/traffic/internal/engine"
	"meshc/tests/conformance/traffic/internal/lab"
	"meshc/tests/conformance/traffic/internal/render"
)

// File is the name of the file that makes a folder a scenario.
const File = "proofs.yaml"

// Scenario is a project, the cluster that it is for, and what its declarations promise.
type Scenario struct {
	Title   string  `json:"title"`
	Project string  `json:"project"` // folder of the mesh declaration, relative to the scenario; default: the scenario
	Runs    []Run   `json:"runs"`
	Proofs  []Proof `json:"proofs"` // of every run, before its own
	World           // what a run does not state itself
	// Loads are endless calls that steps begin by name. One with `hold` is a load of streams, any other of short requests.
	Loads map[string]lab.Call `json:"loads"`

	Dir string `json:"-"`
}

// World is what surrounds a mesh in one environment.
type World struct {
	Namespace    string             `json:"namespace"`    // of manifests and pods that state none
	TrustDomain  string             `json:"trustDomain"`  // default cluster.local
	Manifests    []string           `json:"manifests"`    // Kubernetes objects, relative to the scenario; files or folders
	Surroundings []string           `json:"surroundings"` // Istio objects that are not the mesh's: a Gateway that it points at
	MeshConfig   string             `json:"meshConfig"`   // on top of Istio's mesh config, as YAML
	Certificates map[string]string  `json:"certificates"` // NAMESPACE/SECRET to the host that it is for
	ProxyVersion string             `json:"proxyVersion"` // what proxies say they are; default 1.31.0
	Pods         []cluster.Workload `json:"pods"`         // default: one for each Deployment
	Prometheus   bool               `json:"prometheus"`   // a server collects what the proxies count, and `meshc promote` asks it
}

// Run is one environment of the project, on a cluster of its own.
type Run struct {
	Environment string  `json:"environment"`
	Proofs      []Proof `json:"proofs"`
	// HandWritten is a folder of Istio YAML that is played in place of what is rendered: base.yaml, and weight-N.yaml for
	// a release at N %. It shows that proofs can fail.
	HandWritten string   `json:"handWritten"`
	Broken      []string `json:"broken"` // the `says` of the proofs that have to fail then
	World
}

// Proof is one promise: the declaration that makes it, requests, and what must be seen.
type Proof struct {
	Declares string                    `json:"declares"` // where it stands; see Find
	Subject  string                    `json:"subject"`  // a line of subjects.yaml
	Says     string                    `json:"says"`     // what is expected, in words
	State    map[string]render.Release `json:"state"`    // recorded state of releases, by NAMESPACE/SERVICE
	Call     *lab.Call                 `json:"call"`
	Expect   Expectations              `json:"expect"`
	Steps    []Step                    `json:"steps"`  // instead of call and expect: several things in order
	Matrix   []Target                  `json:"matrix"` // instead: every pod calls these
	Replay   bool                      `json:"replay"` // begins with the commits of the proof before, none of which is applied
}

// Publishes says whether the proof goes by commits: it then begins with a cluster that has nothing of the mesh, and,
// unless it is a replay, with an empty deploy repository.
func (p Proof) Publishes() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Meshc != "" || s.Sync != nil })
}

// Step is one thing: the one field that is set (state and environment go together, so do meshc, repeat and sync), with what
// is expected of it.
type Step struct {
	Declares    string                    `json:"declares"` // the line that what is expected here proves, where it is another than the proof's
	Call        *lab.Call                 `json:"call"`
	Start       *lab.Call                 `json:"start"`       // in the background, until `stop`
	Stop        string                    `json:"stop"`        // the `from` of a started call
	Begin       []string                  `json:"begin"`       // loads, until `end`
	End         bool                      `json:"end"`         // of all loads, measured together
	Wait        string                    `json:"wait"`        // a duration
	State       map[string]render.Release `json:"state"`       // rendered with this state, and applied under traffic
	Environment string                    `json:"environment"` // rendered for this environment, the run's by default
	Stats       *Stats                    `json:"stats"`
	Uninstall   bool                      `json:"uninstall"` // everything that the mesh wrote is deleted
	Sources     map[string]string         `json:"sources"`   // files of the project that is published, from now on; "" for none
	Meshc       string                    `json:"meshc"`     // a command of meshc, as "publish" or "promote --approve web"
	Repeat      bool                      `json:"repeat"`    // meshc: again and again, until it makes no further commit
	Within      string                    `json:"within"`    // meshc: a duration in which it is tried again as long as it makes no commit
	Sync        *Sync                     `json:"sync"`      // commits are applied: those that `meshc` makes, else all that wait
	Expect      Expectations              `json:"expect"`
}

// Sync is how a sync engine applies commits: one object after the other, then waiting until all proxies have the commit.
type Sync struct {
	Order string `json:"order"` // of the objects of a commit, see engine.Order; default: as they are written
	Seed  uint64 `json:"seed"`  // of the order `random`
	Pause string `json:"pause"` // a duration between two objects; default none
	Skip  []int  `json:"skip"`  // commits that the engine never sees, by number in this step, from 1
}

// Text says for people what is published and applied.
func (s Step) Text() string {
	var parts []string
	if s.Meshc != "" {
		parts = append(parts, "meshc "+s.Meshc)
	}
	if s.Sync != nil {
		text := "sync"
		if s.Sync.Order != "" {
			text += ", " + s.Sync.Order
		}
		if s.Sync.Order == "random" {
			text += fmt.Sprintf(" %d", s.Sync.Seed)
		}
		if s.Sync.Pause != "" {
			text += ", pauses of " + s.Sync.Pause
		}
		if len(s.Sync.Skip) > 0 {
			text += fmt.Sprintf(", without commits %v", s.Sync.Skip)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " and ")
}

// Stats reads counters of a pod's Envoy. They are measured together, as `sum`.
type Stats struct {
	Pod    string `json:"pod"`
	Filter string `json:"filter"` // a regular expression over names, as in Envoy's /stats?filter=
}

// Target is a row of a matrix: who of all pods may call this, and nobody else may.
type Target struct {
	Declares string   `json:"declares"`
	To       string   `json:"to"`
	Proto    string   `json:"proto"`
	Path     string   `json:"path"`
	Method   string   `json:"method"`
	Callers  []string `json:"callers"` // workloads; "*" for all
}

// Read reads a scenario's folder.
func Read(dir string) (*Scenario, error) {
	file := filepath.Join(dir, File)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s.Dir = dir
	return s, nil
}

// Parse reads the text of a proofs.yaml. Each of its runs gets the scenario's own world and proofs.
func Parse(text []byte) (*Scenario, error) {
	s := &Scenario{}
	if err := yaml.UnmarshalStrict(text, s); err != nil {
		return nil, err
	}
	if len(s.Runs) == 0 {
		return nil, errors.New("no runs: state at least one environment")
	}
	for i := range s.Runs {
		r := &s.Runs[i]
		r.inherit(s.World)
		r.Proofs = append(append([]Proof(nil), s.Proofs...), r.Proofs...)
		if r.Environment == "" {
			return nil, fmt.Errorf("run %d: no environment", i+1)
		}
		if len(r.Proofs) == 0 {
			return nil, fmt.Errorf("environment %s: nothing to prove", r.Environment)
		}
		for _, p := range r.Proofs {
			if err := errors.Join(p.check(), s.checkLoads(p)); err != nil {
				return nil, fmt.Errorf("environment %s: %s: %w", r.Environment, p.Declares, err)
			}
		}
	}
	return s, nil
}

func (s *Scenario) checkLoads(p Proof) error {
	for _, step := range p.Steps {
		for _, name := range step.Begin {
			if _, ok := s.Loads[name]; !ok {
				return fmt.Errorf("begin: no load %s; there are %v", name, slices.Sorted(maps.Keys(s.Loads)))
			}
		}
	}
	return nil
}

func (w *World) inherit(from World) {
	if w.Namespace == "" {
		w.Namespace = from.Namespace
	}
	if w.TrustDomain == "" {
		w.TrustDomain = from.TrustDomain
	}
	if w.TrustDomain == "" {
		w.TrustDomain = "cluster.local"
	}
	if w.Manifests == nil {
		w.Manifests = from.Manifests
	}
	if w.Surroundings == nil {
		w.Surroundings = from.Surroundings
	}
	if w.MeshConfig == "" {
		w.MeshConfig = from.MeshConfig
	}
	if w.Certificates == nil {
		w.Certificates = from.Certificates
	}
	if w.ProxyVersion == "" {
		w.ProxyVersion = from.ProxyVersion
	}
	if w.ProxyVersion == "" {
		w.ProxyVersion = "1.31.0"
	}
	if w.Pods == nil {
		w.Pods = from.Pods
	}
	w.Prometheus = w.Prometheus || from.Prometheus
}

func (s Step) check() error {
	kinds := 0
	for _, set := range []bool{
		s.Call != nil, s.Start != nil, s.Stop != "", len(s.Begin) > 0, s.End, s.Wait != "", s.State != nil || s.Environment != "", s.Stats != nil, s.Uninstall,
		s.Sources != nil, s.Meshc != "" || s.Sync != nil,
	} {
		if set {
			kinds++
		}
	}
	switch {
	case s.Declares != "" && len(s.Expect) == 0:
		return errors.New("nothing is expected of a step that `declares`, so nothing is proved")
	case kinds != 1:
		return fmt.Errorf("a step does one thing, and this one does %d: %+v", kinds, s)
	case s.Repeat && (s.Meshc == "" || s.Sync == nil):
		return errors.New("`repeat` needs `meshc` and `sync`: the next commit comes when the last one is live")
	case s.Within != "" && (s.Meshc == "" || s.Repeat):
		return errors.New("`within` waits for one commit of `meshc`")
	}
	if s.Within != "" {
		if _, err := time.ParseDuration(s.Within); err != nil {
			return fmt.Errorf("within: %w", err)
		}
	}
	if s.Sync == nil {
		return nil
	}
	if s.Sync.Pause != "" {
		if _, err := time.ParseDuration(s.Sync.Pause); err != nil {
			return fmt.Errorf("sync: pause: %w", err)
		}
	}
	_, err := engine.Order(nil, s.Sync.Order, 0)
	return err
}

func (p Proof) check() error {
	kinds := 0
	for _, set := range []bool{p.Call != nil, len(p.Steps) > 0, len(p.Matrix) > 0} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return errors.New("a proof has either a call, or steps, or a matrix")
	case p.Declares == "" && len(p.Matrix) == 0:
		return errors.New("no `declares`: name the declaration that this proves")
	case p.Subject == "":
		return errors.New("no `subject`: name a line of subjects.yaml")
	case p.Call != nil && len(p.Expect) == 0:
		return errors.New("nothing is expected of the call, so nothing is proved")
	case p.Publishes() && len(p.State) > 0:
		return errors.New("a proof that goes by commits has its state in the deploy repository: leave out `state`")
	case !p.Publishes() && slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Sources != nil }):
		return errors.New("`sources` are for proofs with `meshc`")
	case p.Replay && !p.Publishes():
		return errors.New("`replay` is for proofs with `sync`")
	}
	expects := len(p.Expect)
	for _, s := range p.Steps {
		if err := errors.Join(s.check(), s.Expect.Check()); err != nil {
			return err
		}
		expects += len(s.Expect)
	}
	if expects == 0 && len(p.Matrix) == 0 {
		return errors.New("no step expects anything, so nothing is proved")
	}
	for _, t := range p.Matrix {
		if t.Declares == "" || t.To == "" {
			return fmt.Errorf("a row of a matrix needs `declares` and `to`: %+v", t)
		}
	}
	return p.Expect.Check()
}
