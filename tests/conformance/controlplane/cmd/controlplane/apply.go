package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"meshc/tests/conformance/controlplane/deploy"
	"meshc/tests/conformance/controlplane/kube"
	"meshc/tests/conformance/controlplane/world"
)

// meshKinds are all kinds that meshc may write into the project's namespaces.
var meshKinds = []schema.GroupVersionKind{
	{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"},
	{Group: "networking.istio.io", Version: "v1", Kind: "DestinationRule"},
	{Group: "networking.istio.io", Version: "v1", Kind: "Gateway"},
	{Group: "networking.istio.io", Version: "v1", Kind: "ServiceEntry"},
	{Group: "networking.istio.io", Version: "v1", Kind: "Sidecar"},
	{Group: "networking.istio.io", Version: "v1alpha3", Kind: "EnvoyFilter"},
	{Group: "security.istio.io", Version: "v1", Kind: "AuthorizationPolicy"},
	{Group: "security.istio.io", Version: "v1", Kind: "PeerAuthentication"},
	{Group: "security.istio.io", Version: "v1", Kind: "RequestAuthentication"},
}

var (
	namespaceKind  = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
	virtualService = meshKinds[0]
)

func (p *prover) bootstrapped() error {
	if err := p.Bootstrap(p.ctx); err != nil {
		return err
	}
	objects, err := kube.ReadFile(p.ManifestsFile())
	if err != nil {
		return err
	}
	return p.same(objects)
}

// same checks that objects are stored as they are written.
func (p *prover) same(objects []*unstructured.Unstructured) error {
	if len(objects) == 0 {
		return errors.New("there are no objects")
	}
	for _, o := range objects {
		stored, err := p.Client.Get(p.ctx, o.GroupVersionKind(), o.GetNamespace(), o.GetName())
		if err != nil {
			return err
		}
		if difference := deploy.Differ(o, stored); difference != "" {
			return fmt.Errorf("%s: %s", kube.Name(o), difference)
		}
	}
	return nil
}

func (p *prover) publish(args ...string) error {
	if _, err := p.Project.MustMeshc(append([]string{"publish", "--until-done"}, args...)...); err != nil {
		return err
	}
	_, err := p.Synced(p.ctx)
	return err
}

func (p *prover) published() error { return p.publish() }

// clone makes a new clone of the deploy repository.
func (p *prover) clone() (string, error) {
	p.n++
	dir := filepath.Join(p.Out, "clones", fmt.Sprint(p.n))
	return dir, p.Project.Clone(p.Repository, dir)
}

// tree reads what is published, from a new clone.
func (p *prover) tree() ([]*unstructured.Unstructured, error) {
	dir, err := p.clone()
	if err != nil {
		return nil, err
	}
	return deploy.Published(filepath.Join(dir, world.Environment))
}

func (p *prover) stored() error {
	objects, err := p.tree()
	if err != nil {
		return err
	}
	if err := p.same(objects); err != nil {
		return err
	}
	var want []string
	for _, o := range objects {
		if o.GetKind() != "Namespace" {
			want = append(want, kube.Name(o))
		}
	}
	has, err := p.live()
	if err != nil {
		return err
	}
	slices.Sort(want)
	if !slices.Equal(has, want) {
		return fmt.Errorf("there are %v, not %v", has, want)
	}
	return nil
}

// live names all of Istio's objects that the API server has.
func (p *prover) live() (names []string, err error) {
	for _, kind := range meshKinds {
		objects, err := p.Client.List(p.ctx, kind)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			names = append(names, kube.Name(&objects[i]))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (p *prover) marked() error {
	for _, name := range []string{"shop", "money"} {
		o, err := p.Client.Get(p.ctx, namespaceKind, "", name)
		if err != nil {
			return err
		}
		if o.GetLabels()["istio-injection"] != "enabled" {
			return fmt.Errorf("%s has no injection", name)
		}
		if o.GetAnnotations()["kustomize.toolkit.fluxcd.io/prune"] != "disabled" && o.GetLabels()["kustomize.toolkit.fluxcd.io/prune"] != "disabled" {
			return fmt.Errorf("%s may be pruned by Flux", name)
		}
	}
	return nil
}

// unchanged compares resource versions around another apply.
func (p *prover) unchanged() error {
	before, err := p.versions()
	if err != nil {
		return err
	}
	for _, name := range []string{"shop-prod-shop", "shop-prod-money"} {
		if err := p.Reconcile(p.ctx, name); err != nil {
			return err
		}
	}
	after, err := p.versions()
	if err != nil {
		return err
	}
	if !slices.Equal(before, after) {
		return fmt.Errorf("%v became %v", before, after)
	}
	return nil
}

func (p *prover) versions() (versions []string, err error) {
	for _, kind := range append([]schema.GroupVersionKind{namespaceKind}, meshKinds...) {
		objects, err := p.Client.List(p.ctx, kind)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			versions = append(versions, kube.Name(&objects[i])+" "+objects[i].GetResourceVersion())
		}
	}
	return versions, nil
}

func (p *prover) repaired() error {
	for _, args := range [][]string{
		{"patch", "virtualservice", "api", "--namespace", "shop", "--type", "merge", "--patch", `{"spec":{"http":[{"route":[{"destination":{"host":"elsewhere"}}]}]}}`},
		{"label", "namespace", "shop", "istio-injection=disabled", "--overwrite"},
		{"delete", "authorizationpolicy", "--namespace", "money", "--all"},
	} {
		if err := p.kubectl(args...); err != nil {
			return err
		}
	}
	if p.stored() == nil {
		return errors.New("the edits changed nothing")
	}
	for _, name := range []string{"shop-prod-shop", "shop-prod-money"} {
		if err := p.Reconcile(p.ctx, name); err != nil {
			return err
		}
	}
	return p.stored()
}

func (p *prover) pruned() error {
	if err := p.Project.Edit("shop.mesh", "service api {\n  allow   web\n  timeout 2s\n}\n\n", ""); err != nil {
		return err
	}
	if err := p.publish(); err != nil {
		return err
	}
	return p.without(" shop/api", "VirtualService shop/web")
}

func (p *prover) emptied() error {
	if err := p.Project.Edit("shop.mesh", "namespace money {\n  service prices {\n    allow shop/web\n  }\n}\n\n", ""); err != nil {
		return err
	}
	if err := p.publish(); err != nil {
		return err
	}
	if err := p.without(" money/", "VirtualService shop/web"); err != nil {
		return err
	}
	_, err := p.Client.Get(p.ctx, namespaceKind, "", "money")
	return err
}

// without checks that nothing whose name contains a text is there any more, that one object still is, and that what is
// there is what is published.
func (p *prover) without(gone, kept string) error {
	names, err := p.live()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.Contains(name, gone) {
			return fmt.Errorf("%s is still there", name)
		}
	}
	if !slices.Contains(names, kept) {
		return fmt.Errorf("%s is gone", kept)
	}
	return p.stored()
}

func (p *prover) uninstalled() error {
	if err := p.publish("--uninstall", "--end-releases", "--env", world.Environment); err != nil {
		return err
	}
	names, err := p.live()
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("there are still %v", names)
	}
	_, err = p.Client.Get(p.ctx, namespaceKind, "", "shop")
	return err
}
