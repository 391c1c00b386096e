package kube

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// Watch hands every object of a kind to a function, first all that are there, then each that is added or changed. It
// returns when the API server ends the watch, which it does now and then, or the context ends.
func (c *Client) Watch(ctx context.Context, kind schema.GroupVersionKind, see func(*unstructured.Unstructured)) error {
	resource, err := c.Resource(kind, "")
	if err != nil {
		return err
	}
	list, err := resource.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		see(&list.Items[i])
	}
	w, err := resource.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		return err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		o, ok := event.Object.(*unstructured.Unstructured)
		switch event.Type {
		case watch.Added, watch.Modified:
			if ok {
				see(o)
			}
		case watch.Error:
			return errors.New("the API server ended the watch with an error")
		}
	}
	return nil
}
