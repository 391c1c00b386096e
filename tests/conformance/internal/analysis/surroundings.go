package analysis

import (
	"maps"
	"slices"
	"strings"

	"meshc/tests/conformance/internal/document"
)

// Surroundings is what the analyzer needs beside a rendering so that what it then reports is true: the manifests and
// the cluster's own objects, their pods, and the namespaces. The rendering wins over all of them.
func Surroundings(rendered []document.Document, manifests, cluster []document.Document) []map[string]any {
	known := map[string]bool{}
	namespaces := map[string]bool{}
	for _, doc := range rendered {
		known[doc.Group()+"/"+doc.ID()] = true
		namespaces[doc.Namespace()] = true
	}
	var around []map[string]any
	add := func(doc document.Document) {
		key := doc.Group() + "/" + doc.ID()
		if known[key] {
			return
		}
		known[key] = true
		namespaces[doc.Namespace()] = true
		around = append(around, doc.Object)
		if pod := Pod(doc.Object); pod != nil {
			around = append(around, pod)
		}
	}
	for _, doc := range manifests {
		add(doc)
	}
	named := gatewaysNamed(rendered)
	for _, doc := range cluster {
		// A gateway that this rendering does not use could conflict with one that it brings, and what lies in other
		// namespaces belongs to another example.
		if isGateway(doc) && named[doc.Namespace()+"/"+doc.Name()] || !isGateway(doc) && namespaces[doc.Namespace()] {
			add(doc)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(namespaces)) {
		if name != "" && !known["/"+document.ID("Namespace", "", name)] {
			around = append(around, namespace(name))
		}
	}
	return around
}

// namespace is one with injection: whether a namespace that nobody rendered has it is not the rendering's to answer.
func namespace(name string) map[string]any {
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "Namespace",
		"metadata": map[string]any{
			"name":   name,
			"labels": map[string]any{"istio-injection": "enabled", "kubernetes.io/metadata.name": name},
		},
	}
}

// gatewaysNamed are the gateways that VirtualServices refer to, as namespace/name.
func gatewaysNamed(documents []document.Document) map[string]bool {
	named := map[string]bool{}
	for _, doc := range documents {
		if doc.Kind() != "VirtualService" {
			continue
		}
		spec, _ := doc.Object["spec"].(map[string]any)
		gateways, _ := spec["gateways"].([]any)
		for _, gateway := range gateways {
			name, _ := gateway.(string)
			if !strings.Contains(name, "/") {
				name = doc.Namespace() + "/" + name
			}
			named[name] = true
		}
	}
	return named
}
