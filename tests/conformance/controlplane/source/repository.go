package source

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"meshc/tests/conformance/controlplane/kube"
)

// worker looks after one GitRepository.
type worker struct {
	look       chan struct{} // holds at most one request
	requested  string        // annotation that was seen last
	generation int64
}

// repository starts the worker of a GitRepository, or tells it that something is asked of it. What a worker itself wrote
// into the status asks nothing.
func (c *Controller) repository(ctx context.Context, o *unstructured.Unstructured) {
	key := o.GetNamespace() + "/" + o.GetName()
	c.mu.Lock()
	w, known := c.workers[key]
	if !known {
		w = &worker{look: make(chan struct{}, 1)}
		c.workers[key] = w
	}
	news := w.generation != o.GetGeneration() || w.requested != o.GetAnnotations()[requested]
	w.generation, w.requested = o.GetGeneration(), o.GetAnnotations()[requested]
	c.mu.Unlock()
	if !known {
		go c.work(ctx, w, o.GetNamespace(), o.GetName())
	}
	if news {
		select {
		case w.look <- struct{}{}:
		default:
		}
	}
}

// work fetches whenever it is asked to, and each time that the interval is over.
func (c *Controller) work(ctx context.Context, w *worker, namespace, name string) {
	interval := time.Minute
	timer := time.NewTimer(interval)
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.look:
		case <-timer.C:
		}
		asked := time.Now()
		o, err := c.client.Get(ctx, GitRepository, namespace, name)
		if err == nil {
			text, _, _ := unstructured.NestedString(o.Object, "spec", "interval")
			if parsed, err := time.ParseDuration(text); err == nil {
				interval = parsed
			}
			err = c.reconcile(ctx, o, asked)
		}
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "source: GitRepository %s/%s: %v\n", namespace, name, err)
		}
		timer.Reset(interval)
	}
}

// reconcile fetches the branch, and says in the status which artifact there is now. A suspended one is left alone.
func (c *Controller) reconcile(ctx context.Context, o *unstructured.Unstructured, asked time.Time) error {
	if suspended, _, _ := unstructured.NestedBool(o.Object, "spec", "suspend"); suspended {
		return nil
	}
	artifact, commit, err := c.fetch(ctx, o)
	if err != nil {
		return c.client.ApplyStatus(ctx, status(o, nil, "False", "GitOperationFailed", err.Error()))
	}
	if err := c.client.ApplyStatus(ctx, status(o, artifact, "True", "Succeeded", "stored artifact for revision '"+artifact["revision"].(string)+"'")); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.times[commit]; !known {
		c.times[commit] = Times{Asked: asked, Ready: time.Now()}
	}
	return nil
}

// status is what source-controller writes of a GitRepository, as far as kustomize-controller and people read it.
func status(o *unstructured.Unstructured, artifact map[string]any, ready, reason, message string) *unstructured.Unstructured {
	condition := map[string]any{
		"type": "Ready", "status": ready, "reason": reason, "message": message,
		"observedGeneration": o.GetGeneration(), "lastTransitionTime": now(),
	}
	body := map[string]any{"observedGeneration": o.GetGeneration(), "conditions": []any{condition}}
	if artifact == nil { // the last one stays
		if old, ok, _ := unstructured.NestedMap(o.Object, "status", "artifact"); ok {
			artifact = old
		}
	}
	if artifact != nil {
		body["artifact"] = artifact
	}
	if at := o.GetAnnotations()[requested]; at != "" {
		body["lastHandledReconcileAt"] = at
	}
	return object(GitRepository, o.GetNamespace(), o.GetName(), body)
}

func object(kind schema.GroupVersionKind, namespace, name string, status map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"status": status}}
	o.SetGroupVersionKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

// secret reads a key of a Secret, as text.
func (c *Controller) secret(ctx context.Context, namespace, name, key string) (string, error) {
	o, err := c.client.Get(ctx, schema.GroupVersionKind{Version: "v1", Kind: "Secret"}, namespace, name)
	if err != nil {
		return "", err
	}
	return kube.SecretText(o, key)
}
