package main

import "meshc/tests/conformance/internal/admission"

// released maps a target of meshc to the newest istio.io/api patch of it that Go can download. Only the oldest and
// the newest target are checked: a field that is new between them is refused by the oldest.
var released = map[string]string{
	"istio-1.24": "v1.24.2",
	"istio-1.31": "v1.31.4",
}

const newest = "istio-1.31"

// clusters loads the definitions of each version once, for that takes longer than all the rest.
type clusters map[string]*admission.Definitions

func (c clusters) of(version string) (*admission.Definitions, error) {
	if loaded, has := c[version]; has {
		return loaded, nil
	}
	loaded, err := admission.Load(version)
	if err == nil {
		c[version] = loaded
	}
	return loaded, err
}

// admit checks one folder, whose problems are told relative to it.
func (c clusters) admit(what, target, folder string) (row, error) {
	version := released[target]
	checked := row{What: what, Check: "admit", Version: version}
	definitions, err := c.of(version)
	if err != nil {
		return checked, err
	}
	result, err := admission.Check(definitions, folder)
	if err != nil {
		return checked, err
	}
	checked.Objects, checked.Admitted = result.Objects, &result.Admitted
	for _, problem := range result.Problems {
		problem.File = below(folder, problem.File)
		checked.Problems = append(checked.Problems, problem.String())
	}
	if result.Objects == 0 {
		checked.Problems = append(checked.Problems, "has no objects")
	}
	return checked, nil
}
