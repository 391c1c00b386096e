// Package kube is a client of an API server that takes objects as they are written, of any kind.
package kube

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// Manager is the name under which fields are owned that this client applies.
const Manager = "conformance"

// Client reads and writes objects of any kind.
type Client struct {
	Dynamic   dynamic.Interface
	discovery discovery.DiscoveryInterface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
}

// Connect makes a client for the current context of a kubeconfig. Nothing is sent yet.
func Connect(kubeconfig string) (*Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 500, 1000 // the default, 5 a second, would be what is measured
	c := &Client{}
	if c.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.discovery, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return nil, err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.discovery))
	return c, nil
}

// Ready asks the API server whether it is.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.discovery.RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err
}

// Version is the API server's, as v1.36.1.
func (c *Client) Version() (string, error) {
	v, err := c.discovery.ServerVersion()
	if err != nil {
		return "", err
	}
	return v.GitVersion, nil
}

// Resource finds where objects of a kind are, in a namespace or of the cluster.
func (c *Client) Resource(kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) { // of a definition that is younger than what was asked
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return c.Dynamic.Resource(mapping.Resource).Namespace(namespace), nil
	}
	return c.Dynamic.Resource(mapping.Resource), nil
}

// Apply applies an object at the server's side.
func (c *Client) Apply(ctx context.Context, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	resource, err := c.Resource(o.GroupVersionKind(), o.GetNamespace())
	if err != nil {
		return nil, err
	}
	return resource.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: Manager, Force: true})
}

// ApplyStatus applies the status of an object that exists.
func (c *Client) ApplyStatus(ctx context.Context, o *unstructured.Unstructured) error {
	resource, err := c.Resource(o.GroupVersionKind(), o.GetNamespace())
	if err != nil {
		return err
	}
	_, err = resource.ApplyStatus(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: Manager, Force: true})
	return err
}

// ApplyAll applies objects one after the other, and gives them as they are stored.
func (c *Client) ApplyAll(ctx context.Context, objects []*unstructured.Unstructured) (stored []*unstructured.Unstructured, err error) {
	for _, o := range objects {
		s, err := c.Apply(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Name(o), err)
		}
		stored = append(stored, s)
	}
	return stored, nil
}

// Merge changes an object by a JSON merge patch.
func (c *Client) Merge(ctx context.Context, kind schema.GroupVersionKind, namespace, name, patch string) error {
	resource, err := c.Resource(kind, namespace)
	if err != nil {
		return err
	}
	_, err = resource.Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: Manager})
	return err
}

// Get reads an object.
func (c *Client) Get(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) (*unstructured.Unstructured, error) {
	resource, err := c.Resource(kind, namespace)
	if err != nil {
		return nil, err
	}
	return resource.Get(ctx, name, metav1.GetOptions{})
}

// List reads all objects of a kind, in all namespaces.
func (c *Client) List(ctx context.Context, kind schema.GroupVersionKind) ([]unstructured.Unstructured, error) {
	resource, err := c.Resource(kind, "")
	if err != nil {
		return nil, err
	}
	list, err := resource.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// Name names an object for people, as VirtualService shop/web.
func Name(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}

// Parse reads the objects of a YAML text. Documents without any content are passed over.
func Parse(text []byte) (objects []*unstructured.Unstructured, err error) {
	reader := kubeyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		text, err := yaml.YAMLToJSON(document)
		if err != nil {
			return nil, err
		}
		o := &unstructured.Unstructured{}
		if err := json.Unmarshal(text, &o.Object); err != nil { // numbers become int64, as the API server has them
			return nil, err
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

// ReadFile reads the objects of a YAML file.
func ReadFile(file string) ([]*unstructured.Unstructured, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	objects, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return objects, nil
}
