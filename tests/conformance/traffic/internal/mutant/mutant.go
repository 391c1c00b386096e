// Package mutant makes the errors that a backend could make: it deletes one line, or one block, of what was rendered.
package mutant

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"meshc/tests/conformance/traffic/internal/render"
)

// Mutant is one deletion. Path leads to it, by keys and indexes; an empty path is the whole object.
type Mutant struct {
	File  string `json:"file"`
	Kind  string `json:"kind"`
	Path  []any  `json:"path"` // string or int
	Value string `json:"value"`
}

// Where is the place in words, without the file: "spec.http[0].retries.attempts".
func (m Mutant) Where() string {
	var out strings.Builder
	for _, step := range m.Path {
		switch step := step.(type) {
		case string:
			if out.Len() > 0 {
				out.WriteByte('.')
			}
			out.WriteString(step)
		case int:
			fmt.Fprintf(&out, "[%d]", step)
		}
	}
	return out.String()
}

func (m Mutant) String() string { return fmt.Sprintf("%s %s: %s", m.File, m.Where(), m.Value) }

// All gives every deletion of an object, of its annotations, and of anything in its spec, in the order of the text.
func All(objects []render.Object) (out []Mutant) {
	for _, o := range objects {
		out = append(out, Mutant{File: o.File, Kind: o.Kind(), Value: "the whole object"})
		if metadata, ok := o.Body["metadata"].(map[string]any); ok {
			if annotations, ok := metadata["annotations"]; ok {
				out = append(out, below(o, annotations, []any{"metadata", "annotations"})...)
			}
		}
		if spec, ok := o.Body["spec"]; ok {
			out = append(out, below(o, spec, []any{"spec"})...)
		}
	}
	return out
}

func below(o render.Object, value any, path []any) (out []Mutant) {
	visit := func(step any, child any) {
		here := append(slices.Clone(path), step)
		text, _ := json.Marshal(child) // what was read from YAML can be written as JSON
		out = append(out, Mutant{File: o.File, Kind: o.Kind(), Path: here, Value: short(string(text))})
		out = append(out, below(o, child, here)...)
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			visit(key, value[key])
		}
	case []any:
		for i, child := range value {
			visit(i, child)
		}
	}
	return out
}

func short(text string) string {
	const limit = 60
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}

// Apply gives the objects with this deletion. What it is not in stays as it is, and so do the arguments.
func (m Mutant) Apply(objects []render.Object) []render.Object {
	out := make([]render.Object, 0, len(objects))
	for _, o := range objects {
		switch {
		case o.File != m.File:
			out = append(out, o)
		case len(m.Path) > 0:
			body, _ := without(o.Body, m.Path).(map[string]any)
			out = append(out, render.Object{File: o.File, Body: body})
		}
	}
	return out
}

func without(value any, path []any) any {
	switch value := value.(type) {
	case map[string]any:
		key, ok := path[0].(string)
		child, has := value[key]
		if !ok || !has {
			return value
		}
		value = maps.Clone(value)
		if len(path) == 1 {
			delete(value, key)
		} else {
			value[key] = without(child, path[1:])
		}
		return value
	case []any:
		i, ok := path[0].(int)
		if !ok || i >= len(value) {
			return value
		}
		value = slices.Clone(value)
		if len(path) == 1 {
			return slices.Delete(value, i, i+1)
		}
		value[i] = without(value[i], path[1:])
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
