// Package admission decides, with the API server's own code, whether a cluster that has the given custom resource
// definitions would store an object.
package admission

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"meshc/tests/conformance/internal/document"
)

// Definitions are the custom resources that a cluster serves.
type Definitions struct {
	served map[schema.GroupVersionKind]*definition
	groups map[schema.GroupKind][]string // the served versions, for messages
}

type definition struct {
	namespaced bool
	structural *structural.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

// Load reads the definitions of each source: a version of istio.io/api (v1.31.4), or a YAML file.
func Load(sources ...string) (*Definitions, error) {
	loaded := &Definitions{served: map[schema.GroupVersionKind]*definition{}, groups: map[schema.GroupKind][]string{}}
	for _, source := range sources {
		file := source
		if filepath.Ext(source) != ".yaml" {
			found, err := ofIstio(source)
			if err != nil {
				return nil, err
			}
			file = found
		}
		if err := loaded.add(file); err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
	}
	return loaded, nil
}

// ofIstio finds the definitions of an istio.io/api version.
func ofIstio(version string) (string, error) {
	return ModuleFile("istio.io/api", version, "kubernetes/customresourcedefinitions.gen.yaml")
}

// ModuleFile finds a file of a module version in Go's module cache, where its checksum was verified.
func ModuleFile(name, version, path string) (string, error) {
	command := exec.Command("go", "mod", "download", "-json", name+"@"+version)
	command.Dir = os.TempDir() // outside any module, so that the version stands for itself
	output, failure := command.Output()
	var module struct{ Dir, Error string }
	if err := json.Unmarshal(output, &module); err != nil {
		return "", fmt.Errorf("go mod download %s@%s: %w", name, version, failure)
	}
	if module.Error != "" {
		return "", fmt.Errorf("%s@%s: %s", name, version, strings.Join(strings.Fields(module.Error), " "))
	}
	return filepath.Join(module.Dir, filepath.FromSlash(path)), nil
}

func (d *Definitions) add(file string) error {
	documents, problems, err := document.Read(file)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s", problems[0])
	}
	if len(documents) == 0 {
		return fmt.Errorf("has no definitions")
	}
	for _, document := range documents {
		var crd v1.CustomResourceDefinition
		if err := yaml.Unmarshal(document.JSON, &crd); err != nil {
			return err
		}
		if crd.Kind != "CustomResourceDefinition" {
			return fmt.Errorf("%s is no CustomResourceDefinition", document.ID())
		}
		for _, version := range crd.Spec.Versions {
			if !version.Served {
				continue
			}
			if err := d.serve(crd, version); err != nil {
				return fmt.Errorf("%s %s: %w", crd.Name, version.Name, err)
			}
		}
	}
	return nil
}

// serve prepares one version as the API server's handler for custom resources does when a definition appears.
func (d *Definitions) serve(crd v1.CustomResourceDefinition, version v1.CustomResourceDefinitionVersion) error {
	internal := &apiextensions.CustomResourceValidation{}
	if err := v1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(version.Schema, internal, nil); err != nil {
		return err
	}
	tree, err := structural.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		return err
	}
	tree = tree.DeepCopy() // defaults are shared with the conversion's input otherwise
	if err := defaulting.PruneDefaults(tree); err != nil {
		return err
	}
	validator, _, err := validation.NewSchemaValidator(internal.OpenAPIV3Schema)
	if err != nil {
		return err
	}
	group := schema.GroupKind{Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind}
	d.served[group.WithVersion(version.Name)] = &definition{
		namespaced: crd.Spec.Scope == v1.NamespaceScoped,
		structural: tree,
		validator:  validator,
		rules:      cel.NewValidator(tree, true, celconfig.PerCallLimit),
	}
	d.groups[group] = append(d.groups[group], version.Name)
	return nil
}
