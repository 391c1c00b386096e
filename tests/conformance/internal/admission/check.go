package admission

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"meshc/tests/conformance/internal/document"
)

// Result counts what was looked at, so that "no problem" cannot mean "nothing was there".
type Result struct {
	Objects  int
	Admitted int
	Problems []document.Problem
}

// Check admits every document below the folders. The error is for input that cannot be read.
func Check(definitions *Definitions, folders ...string) (Result, error) {
	var result Result
	for _, folder := range folders {
		files, err := document.Files(folder)
		if err != nil {
			return result, err
		}
		seen := map[string]string{}
		for _, file := range files {
			documents, problems, err := document.Read(file)
			if err != nil {
				return result, err
			}
			result.Objects += len(documents) + len(problems)
			result.Problems = append(result.Problems, problems...)
			for _, doc := range documents {
				found := definitions.Admit(doc)
				found = append(found, twice(seen, folder, doc)...)
				if len(found) == 0 {
					result.Admitted++
				}
				result.Problems = append(result.Problems, found...)
			}
		}
	}
	return result, nil
}

// Admit returns the reasons why a cluster would refuse the document; none means that it would be stored as written.
func (d *Definitions) Admit(doc document.Document) []document.Problem {
	var problems []document.Problem
	for _, found := range d.decide(doc) {
		problems = append(problems, document.Problem{
			File: doc.File, Line: doc.Line, Object: doc.ID(), Path: found.path, Message: found.message,
		})
	}
	return problems
}

func (d *Definitions) decide(doc document.Document) []finding {
	if doc.APIVersion() == "" || doc.Kind() == "" {
		return []finding{{"", "apiVersion and kind are required"}}
	}
	version, err := schema.ParseGroupVersion(doc.APIVersion())
	if err != nil {
		return []finding{{"apiVersion", err.Error()}}
	}
	kind := version.WithKind(doc.Kind())
	if definition, served := d.served[kind]; served {
		return definition.admit(doc)
	}
	if isCore(kind) {
		return admitCore(doc)
	}
	message := fmt.Sprintf("no matches for kind %q in version %q", kind.Kind, doc.APIVersion())
	if versions := d.groups[kind.GroupKind()]; len(versions) > 0 {
		message += "; served: " + strings.Join(versions, ", ")
	}
	return []finding{{"", message}}
}

// twice reports an object that one kustomization would list twice: kustomize refuses that, and without kustomize
// the last file wins. Folders below no kustomization, such as prepared rollbacks, are alternatives of one another.
func twice(seen map[string]string, folder string, doc document.Document) []document.Problem {
	root := kustomization(folder, filepath.Dir(doc.File))
	if root == "" {
		return nil
	}
	key := strings.Join([]string{root, doc.Group(), doc.ID()}, "\n")
	if first, again := seen[key]; again {
		return []document.Problem{{File: doc.File, Line: doc.Line, Object: doc.ID(), Message: "stands in " + first + " too"}}
	}
	seen[key] = fmt.Sprintf("%s:%d", doc.File, doc.Line)
	return nil
}

// kustomization is the outermost folder, from top down to dir, that has a kustomization.yaml.
func kustomization(top, dir string) string {
	root := ""
	for {
		if _, err := os.Stat(filepath.Join(dir, "kustomization.yaml")); err == nil {
			root = dir
		}
		if dir == filepath.Clean(top) || dir == filepath.Dir(dir) {
			return root
		}
		dir = filepath.Dir(dir)
	}
}
