package deploy

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"meshc/tests/conformance/controlplane/kube"
)

// Published reads every object below a folder of a clone.
func Published(folder string) (objects []*unstructured.Unstructured, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" || d.Name() == "kustomization.yaml" {
			return err
		}
		of, err := kube.ReadFile(path)
		objects = append(objects, of...)
		return err
	})
	return objects, err
}

// Differ says how a stored object differs from what was published: in anything but metadata, or in a label or an
// annotation that was published. It is empty where it does not. Others may add labels and annotations.
func Differ(published, stored *unstructured.Unstructured) string {
	for _, pair := range []struct {
		what      string
		want, has map[string]string
	}{
		{"label", published.GetLabels(), stored.GetLabels()},
		{"annotation", published.GetAnnotations(), stored.GetAnnotations()},
	} {
		for key, value := range pair.want {
			if got, ok := pair.has[key]; !ok || got != value {
				return fmt.Sprintf("%s %s is %q, not %q", pair.what, key, got, value)
			}
		}
	}
	for key, value := range published.Object {
		if key == "metadata" || reflect.DeepEqual(value, stored.Object[key]) {
			continue
		}
		return fmt.Sprintf("%s is %v, not %v", key, stored.Object[key], value)
	}
	return ""
}
