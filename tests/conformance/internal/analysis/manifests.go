package analysis

import (
	"fmt"
	"maps"
	"slices"

	"meshc/tests/conformance/internal/document"
)

// Manifests are the Kubernetes objects that surround a rendering, merged by object as an inventory is.
type Manifests struct {
	// Namespace is where objects without a namespace of their own go.
	Namespace string
	// Renamed maps the namespaces that manifests name to those of the environment.
	Renamed map[string]string

	objects map[string]document.Document
	order   []string
}

// Add reads files and folders; of two objects with one identity, the fields of the later one win.
func (m *Manifests) Add(paths ...string) error {
	for _, path := range paths {
		files, err := document.Files(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			documents, problems, err := document.Read(file)
			if err != nil {
				return err
			}
			if len(problems) > 0 {
				return fmt.Errorf("%s", problems[0])
			}
			for _, doc := range documents {
				if err := m.add(doc); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (m *Manifests) add(doc document.Document) error {
	if doc.Kind() == "List" {
		items, _ := doc.Object["items"].([]any)
		for _, item := range items {
			object, _ := item.(map[string]any)
			if err := m.add(document.Document{File: doc.File, Line: doc.Line, Object: object}); err != nil {
				return err
			}
		}
		return nil
	}
	if !Understood(doc) {
		return nil // patches, values and resources of other tools stand in the same folders
	}
	if err := m.place(doc); err != nil {
		return err
	}
	key := doc.Group() + "/" + doc.ID()
	if m.objects == nil {
		m.objects = map[string]document.Document{}
	}
	if earlier, again := m.objects[key]; again {
		merge(earlier.Object, doc.Object)
		return nil
	}
	m.objects[key] = doc
	m.order = append(m.order, key)
	return nil
}

// Understood is true for the objects that an analysis can need around a rendering.
func Understood(doc document.Document) bool {
	switch doc.APIVersion() + " " + doc.Kind() {
	case "v1 Namespace", "v1 Service", "v1 ServiceAccount", "v1 Pod", "v1 Secret", "v1 ConfigMap",
		"apps/v1 Deployment", "apps/v1 StatefulSet", "apps/v1 DaemonSet",
		"batch/v1 Job", "batch/v1 CronJob":
		return true
	}
	return isGateway(doc)
}

func isGateway(doc document.Document) bool {
	return doc.Group() == "networking.istio.io" && doc.Kind() == "Gateway"
}

// place puts the object where it stands in the environment.
func (m *Manifests) place(doc document.Document) error {
	meta := child(doc.Object, "metadata")
	if doc.Kind() == "Namespace" {
		if renamed, has := m.Renamed[doc.Name()]; has {
			meta["name"] = renamed
		}
		return nil
	}
	switch stated := doc.Namespace(); {
	case stated == "" && m.Namespace == "":
		return fmt.Errorf("%s:%d: %s has no namespace, and --namespace does not give one", doc.File, doc.Line, doc.ID())
	case stated == "":
		meta["namespace"] = m.Namespace
	default:
		if renamed, has := m.Renamed[stated]; has {
			meta["namespace"] = renamed
		}
	}
	return nil
}

// merge sets the later object's fields, level by level. A list is replaced.
func merge(earlier, later map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(later)) {
		into, isObject := earlier[key].(map[string]any)
		from, fromObject := later[key].(map[string]any)
		if isObject && fromObject {
			merge(into, from)
		} else {
			earlier[key] = later[key]
		}
	}
}

// Objects returns what was read, in the order of the first appearance.
func (m *Manifests) Objects() []document.Document {
	var objects []document.Document
	for _, key := range m.order {
		objects = append(objects, m.objects[key])
	}
	return objects
}
