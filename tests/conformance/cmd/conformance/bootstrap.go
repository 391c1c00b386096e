package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"meshc/tests/conformance/internal/admission"
)

// engines are the definitions that Argo CD and Flux bring, of releases whose modules Go 1.26 downloads.
var engines = []struct{ module, version, path string }{
	{"github.com/argoproj/argo-cd/v3", "v3.5.0", "manifests/crds/application-crd.yaml"},
	{"github.com/argoproj/argo-cd/v3", "v3.5.0", "manifests/crds/appproject-crd.yaml"},
	{"github.com/fluxcd/kustomize-controller", "v1.9.4", "config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"},
	{"github.com/fluxcd/source-controller", "v1.9.4", "config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml"},
	{"github.com/fluxcd/notification-controller", "v1.9.3", "config/crd/bases/notification.toolkit.fluxcd.io_receivers.yaml"},
}

// bootstrap admits the manifests that make Argo CD and Flux apply a mesh.
func bootstrap(root, meshc string) ([]row, error) {
	checked := row{What: "bootstrap sync", Check: "admit", Version: "argo-cd, flux"}
	var files []string
	for _, engine := range engines {
		file, err := admission.ModuleFile(engine.module, engine.version, engine.path)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	definitions, err := admission.Load(files...)
	if err != nil {
		return nil, err
	}
	out, err := os.MkdirTemp("", "bootstrap")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	project := filepath.Join(root, "tests", "conformance", "bootstrap")
	arguments := []string{"-C", project, "bootstrap", "sync", "--allow-empty", "retired", "--out"}
	target, err := filepath.Abs(out)
	if err != nil {
		return nil, err
	}
	output, err := exec.Command(meshc, append(arguments, target)...).CombinedOutput()
	if err != nil {
		checked.Problems = []string{fmt.Sprintf("%v: %s", err, strings.TrimSpace(string(output)))}
		return []row{checked}, nil
	}
	result, err := admission.Check(definitions, out)
	if err != nil {
		return nil, err
	}
	checked.Objects, checked.Admitted = result.Objects, &result.Admitted
	for _, problem := range result.Problems {
		problem.File = below(out, problem.File)
		checked.Problems = append(checked.Problems, problem.String())
	}
	if result.Objects == 0 {
		checked.Problems = append(checked.Problems, "has no objects")
	}
	return []row{checked}, nil
}
