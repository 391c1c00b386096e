package world

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"meshc/tests/conformance/controlplane/kube"
	"meshc/tests/conformance/controlplane/source"
)

// Kustomization is the kind that kustomize-controller reads.
var Kustomization = schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"}

// Synced waits until every Kustomization has applied the tip of the deploy branch, 30 s at most, and gives that commit.
func (w *World) Synced(ctx context.Context) (string, error) {
	commit, err := w.Project.Tip(w.Repository, "main")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return commit, kube.Until(ctx, func() error { return w.applied(ctx, commit) })
}

func (w *World) applied(ctx context.Context, commit string) error {
	all, err := w.Client.List(ctx, Kustomization)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("there is no Kustomization")
	}
	for i := range all {
		o := &all[i]
		revision, _, _ := unstructured.NestedString(o.Object, "status", "lastAppliedRevision")
		status, message := kube.Condition(o, "Ready")
		if status != "True" || !strings.HasSuffix(revision, commit) {
			return fmt.Errorf("%s is at %q, ready %q, not at %s: %s", kube.Name(o), revision, status, commit, message)
		}
	}
	return nil
}

// Reconcile asks kustomize-controller to apply now, as `flux reconcile kustomization` does, and waits for it, 30 s at most.
func (w *World) Reconcile(ctx context.Context, name string) error {
	return w.reconcile(ctx, Kustomization, name)
}

func (w *World) reconcile(ctx context.Context, kind schema.GroupVersionKind, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	at := time.Now().Format(time.RFC3339Nano)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":%q}}}`, at)
	if err := w.Client.Merge(ctx, kind, engine, name, patch); err != nil {
		return err
	}
	return kube.Until(ctx, func() error {
		o, err := w.Client.Get(ctx, kind, engine, name)
		if err != nil {
			return err
		}
		if handled, _, _ := unstructured.NestedString(o.Object, "status", "lastHandledReconcileAt"); handled != at {
			return fmt.Errorf("%s was not reconciled", kube.Name(o))
		}
		return nil
	})
}

// ReconcileSource asks for the deploy repository to be fetched now, as `flux reconcile source git` does, and waits for it.
func (w *World) ReconcileSource(ctx context.Context) error {
	return w.reconcile(ctx, source.GitRepository, "shop-prod")
}

// Suspend makes Flux leave a Kustomization or GitRepository alone, or go on with it.
func (w *World) Suspend(ctx context.Context, kind schema.GroupVersionKind, name string, suspended bool) error {
	return w.Client.Merge(ctx, kind, engine, name, fmt.Sprintf(`{"spec":{"suspend":%v}}`, suspended))
}

// Poll ends the webhook, and makes Flux look at the deploy repository this often instead of what the bootstrap says.
func (w *World) Poll(ctx context.Context, interval time.Duration) error {
	w.Git.Tell(nil)
	return w.Client.Merge(ctx, source.GitRepository, engine, "shop-prod", fmt.Sprintf(`{"spec":{"interval":%q}}`, interval))
}
