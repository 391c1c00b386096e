package document

import "strings"

func (d Document) text(path ...string) string {
	var value any = d.Object
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	found, _ := value.(string)
	return found
}

func (d Document) APIVersion() string { return d.text("apiVersion") }
func (d Document) Kind() string       { return d.text("kind") }
func (d Document) Namespace() string  { return d.text("metadata", "namespace") }
func (d Document) Name() string       { return d.text("metadata", "name") }

// Group is the API group, without its version: two versions of one object are the same object.
func (d Document) Group() string {
	group, _, named := strings.Cut(d.APIVersion(), "/")
	if !named {
		return ""
	}
	return group
}

// ID names the object as messages and the allow-list do: Kind/namespace/name, or Kind/name without a namespace.
func (d Document) ID() string {
	return ID(d.Kind(), d.Namespace(), d.Name())
}

// ID is the identity of an object that is known by its parts.
func ID(kind, namespace, name string) string {
	if kind == "" {
		kind = "(no kind)"
	}
	if name == "" {
		name = "(no name)"
	}
	if namespace == "" {
		return kind + "/" + name
	}
	return kind + "/" + namespace + "/" + name
}
