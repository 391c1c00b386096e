// Package world sets up all that stands around a project: git's server, the control plane, Flux, and what is played.
package world

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"meshc/tests/conformance/controlplane/deploy"
	"meshc/tests/conformance/controlplane/evidence"
	"meshc/tests/conformance/controlplane/gitserver"
	"meshc/tests/conformance/controlplane/kube"
	"meshc/tests/conformance/controlplane/plane"
	"meshc/tests/conformance/controlplane/source"
)

// Options say with what a world is made.
type Options struct {
	Programs    plane.Programs
	Meshc       string
	Project     string   // folder of shop.mesh
	Definitions []string // files with the kinds of Istio and Flux
	Out         string   // folder for everything that is written; what is in it is removed
}

// World is a project and the cluster that follows it.
type World struct {
	*plane.Plane
	Project    *deploy.Project
	Git        *gitserver.Server
	Source     *source.Controller
	Repository string // URL of the deploy repository
	Out        string

	cancel context.CancelFunc
}

// engine is the namespace of Flux, and environment the only one of the project.
const (
	engine      = "flux-system"
	Environment = "prod"
	webhook     = "shop-prod-webhook"
	token       = "said to nobody"
)

// Open starts everything, except that nothing tells the cluster of the project: Bootstrap does.
func Open(ctx context.Context, o Options) (*World, error) {
	if err := os.RemoveAll(o.Out); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &World{Out: o.Out, cancel: cancel}
	if err := w.open(ctx, o); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *World) open(ctx context.Context, o Options) (err error) {
	if w.Plane, err = plane.Start(ctx, o.Programs, filepath.Join(o.Out, "plane")); err != nil {
		return err
	}
	if err := w.Client.Define(ctx, o.Definitions...); err != nil {
		return err
	}
	repositories := filepath.Join(o.Out, "repositories")
	if err := os.MkdirAll(repositories, 0o755); err != nil {
		return err
	}
	if w.Git, err = gitserver.Start(repositories); err != nil {
		return err
	}
	if w.Repository, err = w.Git.Create(repositories, "deploy.git"); err != nil {
		return err
	}
	prometheus, err := evidence.Start()
	if err != nil {
		return err
	}
	w.Project, err = deploy.New(o.Project, filepath.Join(o.Out, "project"), o.Meshc, w.Kubeconfig,
		"http://127.0.0.1:9090", prometheus, "http://127.0.0.1:8080/deploy.git", w.Repository)
	if err != nil {
		return err
	}
	if w.Source, err = source.Start(ctx, w.Client, filepath.Join(o.Out, "source")); err != nil {
		return err
	}
	return w.StartKustomize(o.Programs.Kustomize)
}

// Bootstrap does what docs/bootstrap.md says of Flux: the Secrets, `meshc bootstrap sync | kubectl apply -f -`, and the
// webhook at the git server.
func (w *World) Bootstrap(ctx context.Context) error {
	for _, o := range []*unstructured.Unstructured{
		{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": engine}}},
		secret("shop-prod-deploy", "username", "reader", "password", "reader"),
		secret(webhook, "token", token),
	} {
		if _, err := w.Client.Apply(ctx, o); err != nil {
			return err
		}
	}
	if err := w.Manifests(); err != nil {
		return err
	}
	return w.Webhook(ctx)
}

// Manifests applies what `meshc bootstrap sync` writes, with kubectl.
func (w *World) Manifests() error {
	folder := filepath.Join(w.Out, "bootstrap")
	if _, err := w.Project.MustMeshc("bootstrap", "sync", "--force", "--out", folder); err != nil {
		return err
	}
	_, err := w.Project.Run(w.Out, "kubectl", "apply", "-f", w.ManifestsFile())
	return err
}

// ManifestsFile is the file that `meshc bootstrap sync` wrote.
func (w *World) ManifestsFile() string {
	return filepath.Join(w.Out, "bootstrap", Environment+".yaml")
}

// Webhook tells the git server the path of the Receiver, when it is known, after 10 s at most.
func (w *World) Webhook(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return kube.Until(ctx, func() error {
		o, err := w.Client.Get(ctx, source.Receiver, engine, "shop-prod")
		if err != nil {
			return err
		}
		path, ok, _ := unstructured.NestedString(o.Object, "status", "webhookPath")
		if !ok {
			return fmt.Errorf("%s has no path", kube.Name(o))
		}
		w.Git.Tell(&gitserver.Webhook{URL: w.Source.URL + path, Token: token})
		return nil
	})
}

// Close ends what was started. Files stay.
func (w *World) Close() {
	w.cancel()
	if w.Git != nil {
		w.Git.Stop()
	}
	if w.Plane != nil {
		w.Stop()
	}
}

func secret(name string, pairs ...string) *unstructured.Unstructured {
	data := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		data[pairs[i]] = base64.StdEncoding.EncodeToString([]byte(pairs[i+1]))
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "namespace": engine}, "data": data,
	}}
}
