package proof

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Subject is a kind of declaration that has to be proved.
type Subject struct {
	Name     string `json:"name"`
	Form     string `json:"form"`     // as in docs/language.md
	Plain    bool   `json:"plain"`    // the form is a sentence, not code
	Unproved string `json:"unproved"` // why there is no proof
}

// ReadSubjects reads the subjects.yaml of a folder of scenarios.
func ReadSubjects(scenarios string) (list []Subject, err error) {
	file := filepath.Join(scenarios, "subjects.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := yaml.UnmarshalStrict(text, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}
