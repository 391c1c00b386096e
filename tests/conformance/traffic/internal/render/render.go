// Package render gets Istio YAML from .mesh files through the compiler.
package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Object is one rendered resource.
type Object struct {
	File string // relative to the environment's folder
	Body map[string]any
}

// Release is the recorded state of a release, as in state/ENVIRONMENT/NAMESPACE/SERVICE.json.
type Release struct {
	Schema int    `json:"schema"`
	Stable string `json:"stable"`
	Canary string `json:"canary,omitempty"`
	Weight int    `json:"weight"` // percent of the canary
}

// Compiler renders projects with a meshc binary.
type Compiler struct{ Meshc string }

// Render renders one environment with `meshc render`, with this recorded state of releases (NAMESPACE/SERVICE).
func (c Compiler) Render(project, environment string, state map[string]Release) ([]Object, error) {
	dir, err := os.MkdirTemp("", "rendered")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	args := []string{"-C", project, "--color", "never", "render", "--env", environment, "--out", filepath.Join(dir, "out")}
	if len(state) > 0 {
		if err := writeState(dir, environment, state); err != nil {
			return nil, err
		}
		args = append(args, "--state", dir)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(c.Meshc, args...)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", c.Meshc, strings.Join(args, " "), err, stderr.String())
	}
	return read(filepath.Join(dir, "out", environment))
}

func writeState(dir, environment string, state map[string]Release) error {
	for service, release := range state {
		release.Schema = 1
		text, err := json.Marshal(release)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, "state", environment, filepath.FromSlash(service)+".json")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func read(dir string) (objects []Object, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" || d.Name() == "kustomization.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		o := Object{}
		if o.File, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		if err := yaml.Unmarshal(text, &o.Body); err != nil {
			return fmt.Errorf("%s: %w", o.File, err)
		}
		objects = append(objects, o)
		return nil
	})
	if err == nil && len(objects) == 0 {
		err = fmt.Errorf("%s: nothing was rendered", dir)
	}
	return objects, err
}

// Text writes objects as YAML documents.
func Text(objects []Object) (string, error) {
	var out strings.Builder
	for _, o := range objects {
		text, err := yaml.Marshal(o.Body)
		if err != nil {
			return "", err
		}
		out.WriteString("\n---\n")
		out.Write(text)
	}
	return out.String(), nil
}
