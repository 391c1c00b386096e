package deploy

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/yaml"

	"meshc/tests/conformance/traffic/internal/render"
)

// source is a project without what is not its own: repositories, logs, what was built.
type source struct{ fs.FS }

func (s source) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(s.FS, name)
	kept := entries[:0]
	for _, e := range entries {
		if e.Name() != ".git" && e.Name() != ".meshc" && e.Name() != "target" {
			kept = append(kept, e)
		}
	}
	return kept, err
}

// Objects gives what a sync engine would apply of a commit: what `kustomize build` makes of the folder of the environment,
// in its order. After an uninstall that is nothing.
func (r *Repository) Objects(commit string) ([]render.Object, error) {
	out, err := r.git("archive", "--format=tar", commit, r.folder)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for tape := tar.NewReader(bytes.NewReader(out)); ; {
		head, err := tape.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if files[path.Clean(head.Name)], err = io.ReadAll(tape); err != nil {
			return nil, err
		}
	}
	objects, err := build(files, r.folder)
	if err != nil {
		return nil, fmt.Errorf("commit %.10s: %w", commit, err)
	}
	for i := range objects {
		objects[i].File = strings.TrimPrefix(objects[i].File, r.folder+"/")
	}
	return objects, nil
}

// build follows the resources of a folder's kustomization.yaml.
func build(files map[string][]byte, folder string) (objects []render.Object, err error) {
	const name = "kustomization.yaml"
	text, ok := files[path.Join(folder, name)]
	if !ok {
		return nil, fmt.Errorf("%s has no %s", folder, name)
	}
	var kustomization struct {
		Resources []string `json:"resources"`
	}
	if err := yaml.Unmarshal(text, &kustomization); err != nil {
		return nil, fmt.Errorf("%s/%s: %w", folder, name, err)
	}
	for _, resource := range kustomization.Resources {
		file := path.Join(folder, resource)
		text, ok := files[file]
		if !ok || path.Ext(file) == "" {
			inner, err := build(files, file)
			if err != nil {
				return nil, err
			}
			objects = append(objects, inner...)
			continue
		}
		o := render.Object{File: file}
		if err := yaml.Unmarshal(text, &o.Body); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		objects = append(objects, o)
	}
	return objects, nil
}
