package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"meshc/tests/conformance/controlplane/kube"
)

// Create makes the objects of the cluster in a real API server, pods with the status that a kubelet would write, so that
// an istiod that reads there sees what Objects gives to one that does not. Namespaces that exist are left alone.
func (c *Cluster) Create(ctx context.Context, client *kube.Client) error {
	objects := c.Objects()
	for _, p := range c.Pods {
		objects = append(objects, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: p.ServiceAccount, Namespace: p.Namespace}})
	}
	for _, typed := range objects {
		o, err := untyped(typed)
		if err != nil {
			return err
		}
		if o.GetKind() == "Namespace" {
			if _, err := client.Get(ctx, o.GroupVersionKind(), "", o.GetName()); err == nil {
				continue
			}
		}
		if _, err := client.Apply(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", kube.Name(o), err)
		}
		if o.GetKind() == "Pod" {
			if err := client.ApplyStatus(ctx, o); err != nil {
				return fmt.Errorf("%s: %w", kube.Name(o), err)
			}
		}
	}
	return nil
}

// untyped is the object as it is sent.
func untyped(typed runtime.Object) (*unstructured.Unstructured, error) {
	kinds, _, err := scheme.Scheme.ObjectKinds(typed)
	if err != nil {
		return nil, err
	}
	body, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, err
	}
	o := &unstructured.Unstructured{Object: body}
	o.SetGroupVersionKind(kinds[0])
	unstructured.RemoveNestedField(o.Object, "metadata", "creationTimestamp")
	return o, nil
}
