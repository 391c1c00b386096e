// Package mutant makes the errors that a backend could make: it forgets one line, or one block, of what it renders,
// wherever it would write it.
package mutant

import (
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"meshc/tests/conformance/traffic/internal/render"
)

// Mutant is one line of a backend that is missing: a field, or the last item of each list at a place, in every object
// that comes from the same lines of the backend.
type Mutant struct {
	Scope string   // what stands for a kind of object: see scope
	Path  []string // keys; "[]" for any item of a list, and at the end for the last one. Empty for the whole object
}

func (m Mutant) String() string {
	if len(m.Path) == 0 {
		return m.Scope
	}
	return m.Scope + " " + m.Where()
}

// Where is the place in words, without the object: "spec.http[].retries.attempts".
func (m Mutant) Where() string { return strings.ReplaceAll(strings.Join(m.Path, "."), ".[]", "[]") }

// All gives every deletion of an object, of its annotations, and of anything in its spec, each once.
func All(objects []render.Object) (out []Mutant) {
	seen := map[string]bool{}
	add := func(m Mutant) {
		if !seen[m.String()] {
			seen[m.String()] = true
			out = append(out, m)
		}
	}
	for _, o := range objects {
		whole := Mutant{Scope: scope(o)}
		add(whole)
		if metadata, ok := o.Body["metadata"].(map[string]any); ok {
			visit(whole, metadata["annotations"], []string{"metadata", "annotations"}, add)
		}
		visit(whole, o.Body["spec"], []string{"spec"}, add)
	}
	return out
}

// scope is where an object's file is, without names: SERVICE/virtual-service.HOST.yaml. One place in the backend writes
// all objects of a scope.
func scope(o render.Object) string {
	kind, rest, _ := strings.Cut(path.Base(o.File), ".")
	if rest != "yaml" {
		kind += ".NAME"
	}
	return strings.Repeat("*/", strings.Count(o.File, "/")) + kind
}

func visit(m Mutant, value any, path []string, add func(Mutant)) {
	child := func(step string, value any) {
		here := append(slices.Clone(path), step)
		add(Mutant{Scope: m.Scope, Path: here})
		visit(m, value, here, add)
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			child(key, value[key])
		}
	case []any:
		for _, item := range value {
			child("[]", item)
		}
	}
}

// Apply gives the objects as that backend would render them. The arguments stay as they are.
func (m Mutant) Apply(objects []render.Object) []render.Object {
	out := make([]render.Object, 0, len(objects))
	for _, o := range objects {
		switch {
		case scope(o) != m.Scope:
			out = append(out, o)
		case len(m.Path) > 0:
			body, _ := without(o.Body, m.Path).(map[string]any)
			out = append(out, render.Object{File: o.File, Body: body})
		}
	}
	return out
}

func without(value any, path []string) any {
	switch value := value.(type) {
	case map[string]any:
		child, has := value[path[0]]
		if !has {
			return value
		}
		value = maps.Clone(value)
		if len(path) == 1 {
			delete(value, path[0])
		} else {
			value[path[0]] = without(child, path[1:])
		}
		return value
	case []any:
		if path[0] != "[]" || len(value) == 0 {
			return value
		}
		value = slices.Clone(value)
		if len(path) == 1 {
			return value[:len(value)-1]
		}
		for i := range value {
			value[i] = without(value[i], path[1:])
		}
		return value
	}
	return value
}

// Sample draws some of them, the same ones for the same seed, and keeps their order.
func Sample(all []Mutant, count int, seed uint64) []Mutant {
	if count >= len(all) {
		return all
	}
	picked := rand.New(rand.NewPCG(seed, 0)).Perm(len(all))[:count]
	slices.Sort(picked)
	out := make([]Mutant, 0, count)
	for _, i := range picked {
		out = append(out, all[i])
	}
	return out
}
