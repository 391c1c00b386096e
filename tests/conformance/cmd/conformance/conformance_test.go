package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		path = filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMeshNamespace(t *testing.T) {
	for text, want := range map[string]string{
		"use std/grpc\nmesh shop {\n  mtls strict\n  namespace boutique # here\n}\n": "boutique",
		"mesh shop { mtls strict; namespace boutique }":                              "boutique",
		"mesh shop {\n  deploy { branch main; namespace wrong }\n  namespace x\n}":   "x",
		"mesh shop {\n}\nnamespace payments {\n}\n":                                  "",
		"mesh shop\n": "",
		"# mesh shop { namespace x }\nservice mesh { namespace y }\n": "undeclared",
	} {
		got, declared := meshNamespace(text)
		if !declared {
			got = "undeclared"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

const service = "apiVersion: v1\nkind: Service\nmetadata: {name: api}\n"

func TestProjectFindsTheManifestsOfAnEnvironment(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, map[string]string{
		"shop.mesh":                     "mesh shop { namespace shop }",
		"kubernetes/api.yaml":           service,
		"kubernetes/overlays/prod.yaml": service,
		"kubernetes/dev/api.yaml":       service,
		"patches/x.yaml":                "target: {kind: Service}\n",
		"deploy/prod/x.yaml":            service,
		".meshc/x.yaml":                 service,
	})
	project, found, err := readProject(folder)
	if err != nil || !found || project.namespace != "shop" {
		t.Fatalf("got %+v, %v, %v", project, found, err)
	}
	files, err := project.manifests("prod", []string{"dev", "prod"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = below(folder, files[i])
	}
	if want := []string{"kubernetes/api.yaml", "kubernetes/overlays/prod.yaml"}; !slices.Equal(files, want) {
		t.Errorf("got %v", files)
	}
}

func TestRenames(t *testing.T) {
	policy := func(namespace string) string {
		return "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: " + namespace + "}\n"
	}
	folder := t.TempDir()
	write(t, folder, map[string]string{
		"boutique/a.yaml":            policy("boutique-dev"),
		"boutique/frontend/a.yaml":   policy("boutique-dev"),
		"boutique/frontend/b.yaml":   policy("istio-system"),
		"payments/a.yaml":            policy("payments"),
		"payments/b.yaml":            policy("istio-system"),
		"boutique/mesh.lock.json":    "{}",
		"kustomization.yaml":         "",
		"payments/ledger/notes.yaml": "# nothing",
	})
	got, err := renames(folder)
	if err != nil || !maps.Equal(got, map[string]string{"boutique": "boutique-dev"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestGoldens(t *testing.T) {
	root := t.TempDir()
	accounts := "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b}\nspec: {rules: [{from: [{source: {serviceAccounts: [b/c]}}]}]}\n"
	write(t, root, map[string]string{
		"tests/golden/a/expected/istio-1.24/prod/x.yaml": accounts,
		"tests/golden/a/expected/istio-1.31/prod/x.yaml": accounts,
		"tests/golden/b/expected/istio-9.99/x.yaml":      accounts,
		"tests/golden/c/expected/messages.txt":           "",
		"tests/golden/d/case.mesh":                       "",
		"tests/golden/e/expected/istio-1.31/x.json":      "{}",
	})
	rows, err := goldens(root, clusters{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows {
		got = append(got, row.What+" "+row.Version+": "+strings.Join(row.Problems, ", "))
	}
	want := []string{
		"golden a v1.24.2: prod/x.yaml:1: AuthorizationPolicy/b/a: spec.rules[0].from[0].source.serviceAccounts: unknown field",
		"golden a v1.31.4: ",
		"golden b istio-9.99: expected/istio-9.99 is no target with known CRDs (istio-1.24, istio-1.31)",
		"golden e v1.31.4: has no objects",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
}

func TestResultsCountEachObjectOnce(t *testing.T) {
	admitted, allowed := 2, 1
	var r results
	r.add(row{What: "x", Check: "admit", Objects: 3, Admitted: &admitted, Problems: []string{"no"}},
		row{What: "x", Check: "analyze", Objects: 3, Allowed: &allowed})
	if r.Objects != 3 || r.Admitted != 2 || r.Problems != 1 || r.Rows[1].Problems == nil {
		t.Errorf("got %+v", r)
	}
}
