// Package cluster is the Kubernetes side of a run: what an API server would hold.
package cluster

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Cluster holds Services, Deployments and the pods that were cast from them.
type Cluster struct {
	Namespace   string // of manifests and pods that state none
	TrustDomain string
	Services    []*corev1.Service
	Pods        []*Pod
	Secrets     []*corev1.Secret

	deployments []*appsv1.Deployment
}

// Load reads Kubernetes manifests: files, or folders of which all *.yaml count. A later object replaces an earlier one
// of the same kind, namespace and name. Kinds other than Service and Deployment are skipped.
func Load(namespace, trustDomain string, paths []string) (*Cluster, error) {
	c := &Cluster{Namespace: namespace, TrustDomain: trustDomain}
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err != nil {
			return nil, err
		} else if info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(path, "*.yaml")); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			if err := c.addAll(text); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	for i, s := range c.Services {
		s.Spec.ClusterIP = fmt.Sprintf("10.98.0.%d", i+10)
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
	return c, nil
}

func (c *Cluster) addAll(text []byte) error {
	reader := kubeyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := c.add(doc); err != nil {
			return err
		}
	}
}

func (c *Cluster) add(doc []byte) error {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &meta); err != nil {
		return err
	}
	switch meta.Kind {
	case "Service":
		s := &corev1.Service{}
		if err := yaml.Unmarshal(doc, s); err != nil {
			return err
		}
		if s.Namespace == "" {
			s.Namespace = c.Namespace
		}
		c.Services = slices.DeleteFunc(c.Services, func(o *corev1.Service) bool { return o.Name == s.Name && o.Namespace == s.Namespace })
		c.Services = append(c.Services, s)
	case "Deployment":
		d := &appsv1.Deployment{}
		if err := yaml.Unmarshal(doc, d); err != nil {
			return err
		}
		if d.Namespace == "" {
			d.Namespace = c.Namespace
		}
		c.deployments = slices.DeleteFunc(c.deployments, func(o *appsv1.Deployment) bool { return o.Name == d.Name && o.Namespace == d.Namespace })
		c.deployments = append(c.deployments, d)
		sort.Slice(c.deployments, func(i, j int) bool { return c.deployments[i].Name < c.deployments[j].Name })
	}
	return nil
}

// selecting gives the Services that select a pod.
func (c *Cluster) selecting(p *Pod) (out []*corev1.Service) {
	for _, s := range c.Services {
		if s.Namespace == p.Namespace && len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(p.Labels)) {
			out = append(out, s)
		}
	}
	return out
}

// Backends gives the pods that a Service selects.
func (c *Cluster) Backends(s *corev1.Service) (out []*Pod) {
	for _, p := range c.Pods {
		if slices.Contains(c.selecting(p), s) {
			out = append(out, p)
		}
	}
	return out
}

// Pod gives the pod of a name, or the first one of a workload. It is nil if there is none.
func (c *Cluster) Pod(name string) *Pod {
	for _, p := range c.Pods {
		if p.Name == name || p.Workload.Name == name {
			return p
		}
	}
	return nil
}
