package kube

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var definition = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

// Define applies the CustomResourceDefinitions of files, and waits until the API server serves them, 30 s at most.
func (c *Client) Define(ctx context.Context, files ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var all []*unstructured.Unstructured
	for _, file := range files {
		objects, err := ReadFile(file)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if o.GetKind() == definition.Kind {
				all = append(all, o)
			}
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("no CustomResourceDefinition in %v", files)
	}
	if _, err := c.ApplyAll(ctx, all); err != nil {
		return err
	}
	for _, o := range all {
		if err := Until(ctx, func() error { return c.established(ctx, o.GetName()) }); err != nil {
			return err
		}
	}
	c.mapper.Reset()
	return nil
}

func (c *Client) established(ctx context.Context, name string) error {
	o, err := c.Get(ctx, definition, "", name)
	if err != nil {
		return err
	}
	if status, _ := Condition(o, "Established"); status != "True" {
		return fmt.Errorf("%s is not established", name)
	}
	return nil
}

// Condition gives the status of a condition and its message; both are empty where it is not there.
func Condition(o *unstructured.Unstructured, kind string) (status, message string) {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, entry := range conditions {
		condition, _ := entry.(map[string]any)
		if condition["type"] == kind {
			status, _ = condition["status"].(string)
			message, _ = condition["message"].(string)
		}
	}
	return status, message
}

// Until asks every 50 ms until there is no error. When the context ends it gives what was last in the way.
func Until(ctx context.Context, ask func() error) error {
	var last error
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // a question that the context cut off says nothing
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(50 * time.Millisecond):
		}
	}
}
