package source

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"meshc/tests/conformance/controlplane/gitserver"
)

// receiver says in the status at which path a Receiver listens, as notification-controller does.
func (c *Controller) receiver(ctx context.Context, o *unstructured.Unstructured) {
	if _, ok, _ := unstructured.NestedString(o.Object, "status", "webhookPath"); ok {
		return
	}
	if err := c.setPath(ctx, o); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "source: Receiver %s/%s: %v\n", o.GetNamespace(), o.GetName(), err)
	}
}

func (c *Controller) setPath(ctx context.Context, o *unstructured.Unstructured) error {
	token, err := c.token(ctx, o)
	if err != nil {
		return err
	}
	condition := map[string]any{
		"type": "Ready", "status": "True", "reason": "Succeeded", "message": "Receiver initialized",
		"observedGeneration": o.GetGeneration(), "lastTransitionTime": now(),
	}
	return c.client.ApplyStatus(ctx, object(Receiver, o.GetNamespace(), o.GetName(), map[string]any{
		"observedGeneration": o.GetGeneration(), "webhookPath": "/hook/" + digest(token, o), "conditions": []any{condition},
	}))
}

func (c *Controller) token(ctx context.Context, o *unstructured.Unstructured) (string, error) {
	name, _, _ := unstructured.NestedString(o.Object, "spec", "secretRef", "name")
	return c.secret(ctx, o.GetNamespace(), name, "token")
}

// digest is the last part of a Receiver's path.
func digest(token string, o *unstructured.Unstructured) string {
	sum := sha256.Sum256([]byte(token + o.GetName() + o.GetNamespace()))
	return hex.EncodeToString(sum[:])
}

// hear takes what a git server says, and asks for the repositories of the Receiver to be fetched. Only what is signed
// counts: the bootstrap's Receiver is of type generic-hmac for a host that Flux does not know.
func (c *Controller) hear(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	receivers, err := c.client.List(r.Context(), Receiver)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for i := range receivers {
		o := &receivers[i]
		token, err := c.token(r.Context(), o)
		if err != nil || digest(token, o) != r.PathValue("digest") {
			continue
		}
		if !hmac.Equal([]byte(gitserver.Sign(body, token)), []byte(r.Header.Get("X-Signature"))) {
			http.Error(w, "the signature is not made of this body and the token", http.StatusBadRequest)
			return
		}
		if err := c.ask(r.Context(), o); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		return
	}
	http.NotFound(w, r)
}

// ask annotates what a Receiver names.
func (c *Controller) ask(ctx context.Context, receiver *unstructured.Unstructured) error {
	resources, _, _ := unstructured.NestedSlice(receiver.Object, "spec", "resources")
	for _, entry := range resources {
		named, _ := entry.(map[string]any)
		version, _ := named["apiVersion"].(string)
		kind, _ := named["kind"].(string)
		name, _ := named["name"].(string)
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, requested, time.Now().Format(time.RFC3339Nano))
		if err := c.client.Merge(ctx, schema.FromAPIVersionAndKind(version, kind), receiver.GetNamespace(), name, patch); err != nil {
			return err
		}
	}
	return nil
}
