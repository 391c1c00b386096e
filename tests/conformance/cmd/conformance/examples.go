package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"meshc/tests/conformance/internal/analysis"
	"meshc/tests/conformance/internal/document"
)

// bench is what every example is checked with.
type bench struct {
	meshc    string
	analyzer string
	clusters clusters
	cluster  *analysis.Manifests
	allowed  *analysis.Allowed
}

// examples renders each project below examples/, admits what comes out, and analyzes each of its environments.
func (b bench) examples(root string) ([]row, error) {
	folders, err := filepath.Glob(filepath.Join(root, "examples", "*"))
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, folder := range folders {
		project, found, err := readProject(folder)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		checked, err := b.example("example "+filepath.Base(folder), project)
		if err != nil {
			return nil, err
		}
		rows = append(rows, checked...)
	}
	return rows, nil
}

func (b bench) example(what string, project project) ([]row, error) {
	out, err := os.MkdirTemp("", "rendered")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	output, err := exec.Command(b.meshc, "-C", project.folder, "render", "--out", out).CombinedOutput()
	if err != nil {
		return []row{{What: what, Check: "render", Problems: []string{fmt.Sprintf("%v: %s", err, strings.TrimSpace(string(output)))}}}, nil
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		return nil, err
	}
	var rows []row
	var environments []string
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		// Whatever is rendered may be applied one day, prepared rollbacks included, so all of it must be admitted.
		files, err := document.Files(filepath.Join(out, entry.Name()))
		if err != nil {
			return nil, err
		}
		if isEnvironment(filepath.Join(out, entry.Name())) {
			environments = append(environments, entry.Name())
		} else if len(files) == 0 {
			continue // state and other records
		}
		admitted, err := b.clusters.admit(what+" "+entry.Name(), newest, filepath.Join(out, entry.Name()))
		if err != nil {
			return nil, err
		}
		rows = append(rows, admitted)
	}
	if len(environments) == 0 {
		return append(rows, row{What: what, Check: "render", Problems: []string{"rendered no environment"}}), nil
	}
	for _, environment := range environments {
		rows = append(rows, b.analyze(what, out, environment, environments, project))
	}
	return rows, nil
}

// isEnvironment tells a folder that is synced to a cluster from records and prepared rollbacks.
func isEnvironment(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "kustomization.yaml"))
	return err == nil
}

func (b bench) analyze(what, out, environment string, environments []string, project project) row {
	checked := row{What: what + " " + environment, Check: "analyze"}
	folder := filepath.Join(out, environment)
	result, err := b.environment(folder, environment, environments, project)
	checked.Objects, checked.Allowed, checked.Version = result.Objects, &result.Allowed, result.Version
	if err != nil {
		checked.Problems = append(checked.Problems, strings.ReplaceAll(err.Error(), folder+"/", ""))
	}
	for _, finding := range result.Findings {
		finding.Reference = below(folder, below(project.folder, finding.Reference))
		checked.Problems = append(checked.Problems, finding.String())
	}
	return checked
}

func (b bench) environment(folder, environment string, environments []string, project project) (analysis.Result, error) {
	renamed, err := renames(folder)
	if err != nil {
		return analysis.Result{}, err
	}
	manifests := &analysis.Manifests{Namespace: project.namespace, Renamed: renamed}
	if to, has := renamed[project.namespace]; has {
		manifests.Namespace = to
	}
	files, err := project.manifests(environment, environments)
	if err != nil {
		return analysis.Result{}, err
	}
	if err := manifests.Add(files...); err != nil {
		return analysis.Result{}, err
	}
	return analysis.Environment(b.analyzer, folder, manifests, b.cluster, b.allowed)
}

// renames finds what an environment calls its namespaces: folders have logical names, the objects in them real ones.
// A folder may hold objects of a gateway's namespace too, so the namespace of most of them counts.
func renames(environment string) (map[string]string, error) {
	folders, err := os.ReadDir(environment)
	if err != nil {
		return nil, err
	}
	renamed := map[string]string{}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		files, err := document.Files(filepath.Join(environment, folder.Name()))
		if err != nil {
			return nil, err
		}
		count := map[string]int{}
		for _, file := range files {
			documents, _, err := document.Read(file)
			if err != nil {
				return nil, err
			}
			for _, doc := range documents {
				count[doc.Namespace()]++
			}
		}
		delete(count, "")
		if count[folder.Name()] > 0 {
			continue
		}
		for namespace, seen := range count {
			best := renamed[folder.Name()]
			if best == "" || seen > count[best] || seen == count[best] && namespace < best {
				renamed[folder.Name()] = namespace
			}
		}
	}
	return renamed, nil
}

// below is the path as a reader of the folder would write it.
func below(folder, path string) string {
	return strings.TrimPrefix(path, folder+string(filepath.Separator))
}
