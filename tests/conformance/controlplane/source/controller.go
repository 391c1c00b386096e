// Package source plays two of Flux's controllers that cannot be built from the modules that can be had: source-controller,
// which fetches repositories and serves them as artifacts, and notification-controller, which is told of pushes. It reads
// and writes the same objects, fields and annotations as Flux 2.5 to 2.9 do.
package source

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"meshc/tests/conformance/controlplane/kube"
)

// GitRepository is the kind that source-controller reads.
var GitRepository = schema.GroupVersionKind{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "GitRepository"}

// Receiver is the kind that notification-controller reads.
var Receiver = schema.GroupVersionKind{Group: "notification.toolkit.fluxcd.io", Version: "v1", Kind: "Receiver"}

// requested is the annotation with which Flux's controllers ask each other to look at once.
const requested = "reconcile.fluxcd.io/requestedAt"

// Controller looks after all GitRepositories and Receivers of a cluster.
type Controller struct {
	URL string // where artifacts are served, and webhooks heard

	client  *kube.Client
	dir     string
	ln      net.Listener
	mu      sync.Mutex
	workers map[string]*worker
	times   map[string]Times
}

// Times says when a revision was fetched.
type Times struct {
	Asked time.Time // the webhook was heard, or the interval was over
	Ready time.Time // the artifact is in the GitRepository's status
}

// Start serves artifacts on loopback, with files below dir, and looks after the objects until the context ends.
func Start(ctx context.Context, client *kube.Client, dir string) (*Controller, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Controller{
		URL: "http://" + ln.Addr().String(), client: client, dir: dir, ln: ln,
		workers: map[string]*worker{}, times: map[string]Times{},
	}
	mux := http.NewServeMux()
	mux.Handle("/artifacts/", http.StripPrefix("/artifacts/", http.FileServer(http.Dir(dir))))
	mux.HandleFunc("POST /hook/{digest}", c.hear)
	go http.Serve(ln, mux)
	go c.watch(ctx, GitRepository, c.repository)
	go c.watch(ctx, Receiver, c.receiver)
	go func() {
		<-ctx.Done()
		ln.Close()
	}()
	return c, nil
}

// Fetched says when a commit became an artifact; false when it has not yet.
func (c *Controller) Fetched(commit string) (Times, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.times[commit]
	return t, ok
}

// watch hands every object of a kind to a function, as it is and whenever it changes.
func (c *Controller) watch(ctx context.Context, kind schema.GroupVersionKind, see func(context.Context, *unstructured.Unstructured)) {
	for ctx.Err() == nil {
		if err := c.client.Watch(ctx, kind, func(o *unstructured.Unstructured) { see(ctx, o) }); err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "source: watching %s: %v\n", kind.Kind, err)
			time.Sleep(time.Second)
		}
	}
}
