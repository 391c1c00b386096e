package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"meshc/tests/conformance/internal/analysis"
	"meshc/tests/conformance/internal/document"
)

// project is an example: what little of its sources must be known to set up the analysis. The sources are not
// compiled here, so that a mistake of the compiler cannot hide itself.
type project struct {
	folder    string
	namespace string // of the mesh declaration, where manifests without a namespace belong
}

// readProject is false for a folder without a mesh declaration.
func readProject(folder string) (project, bool, error) {
	found := project{folder: folder}
	isProject := false
	err := walk(folder, func(path string) error {
		if filepath.Ext(path) != ".mesh" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if namespace, declared := meshNamespace(string(text)); declared {
			found.namespace, isProject = namespace, true
		}
		return nil
	})
	return found, isProject, err
}

// manifests are the files with Kubernetes objects that hold in an environment, the general ones first. A file is an
// environment's own when its name, or a folder it is in, is that environment's name: kubernetes/overlays/prod.yaml.
func (p project) manifests(environment string, environments []string) ([]string, error) {
	var general, own []string
	err := walk(p.folder, func(path string) error {
		if filepath.Ext(path) != ".yaml" {
			return nil
		}
		documents, _, err := document.Read(path)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(documents, func(doc document.Document) bool {
			return doc.Kind() == "List" || analysis.Understood(doc)
		}) {
			return nil
		}
		owner := ""
		for part := range strings.SplitSeq(below(p.folder, path), string(filepath.Separator)) {
			if part = strings.TrimSuffix(part, ".yaml"); slices.Contains(environments, part) {
				owner = part
			}
		}
		switch owner {
		case "":
			general = append(general, path)
		case environment:
			own = append(own, path)
		}
		return nil
	})
	return append(general, own...), err
}

// walk visits the files of a project, without what tools put beside them: hidden folders, clones of the deploy
// repository, build output.
func walk(folder string, visit func(path string) error) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			name := entry.Name()
			if path != folder && (strings.HasPrefix(name, ".") || name == "deploy" || name == "target") {
				return fs.SkipDir
			}
			return nil
		}
		return visit(path)
	})
}
