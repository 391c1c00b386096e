package timeline

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"meshc/tests/conformance/controlplane/world"
)

var virtualService = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}

// weightWatch notes when the API server says that the release's VirtualService sends nothing to the new version.
type weightWatch struct {
	mu sync.Mutex
	at []time.Time
}

// watchWeights watches until the context ends.
func watchWeights(ctx context.Context, w *world.World) *weightWatch {
	seen := &weightWatch{}
	go w.Client.Watch(ctx, virtualService, func(o *unstructured.Unstructured) {
		if o.GetName() != "web" || canary(o) > 0 {
			return
		}
		seen.mu.Lock()
		defer seen.mu.Unlock()
		seen.at = append(seen.at, time.Now())
	})
	return seen
}

// old says when that was first so since a point in time.
func (w *weightWatch) old(since time.Time) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.at {
		if !at.Before(since) {
			return at, true
		}
	}
	return time.Time{}, false
}

// canary adds up the weights of the new version in all routes.
func canary(o *unstructured.Unstructured) (sum int64) {
	routes, _, _ := unstructured.NestedSlice(o.Object, "spec", "http")
	for _, entry := range routes {
		route, _ := entry.(map[string]any)
		destinations, _ := route["route"].([]any)
		for _, one := range destinations {
			destination, _ := one.(map[string]any)
			if subset, _, _ := unstructured.NestedString(destination, "destination", "subset"); subset == "v2" {
				weight, _ := destination["weight"].(int64)
				sum += weight
			}
		}
	}
	return sum
}
