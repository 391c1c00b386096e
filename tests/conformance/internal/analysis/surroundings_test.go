package analysis

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshc/tests/conformance/internal/document"
)

func documents(t *testing.T, text string) []document.Document {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	read, problems, err := document.Read(file)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return read
}

func manifests(t *testing.T, m *Manifests, texts ...string) []document.Document {
	t.Helper()
	for _, text := range texts {
		for _, doc := range documents(t, text) {
			if err := m.add(doc); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m.Objects()
}

func ids(objects []map[string]any) []string {
	var ids []string
	for _, object := range objects {
		ids = append(ids, document.Document{Object: object}.ID())
	}
	return ids
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestManifestsArePlacedInTheEnvironment(t *testing.T) {
	objects := manifests(t, &Manifests{Namespace: "boutique-dev", Renamed: map[string]string{"boutique": "boutique-dev"}}, `
{apiVersion: v1, kind: Service, metadata: {name: stateless}}
---
{apiVersion: v1, kind: Service, metadata: {name: stated, namespace: boutique}}
---
{apiVersion: v1, kind: Service, metadata: {name: elsewhere, namespace: monitoring}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: boutique}}
---
{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Service, metadata: {name: listed}}]}
---
{target: {kind: Service}, patch: ""}
---
{apiVersion: example.com/v1, kind: Service, metadata: {name: foreign}}
`)
	var got []string
	for _, doc := range objects {
		got = append(got, doc.ID())
	}
	expect(t, got, "Service/boutique-dev/stateless", "Service/boutique-dev/stated", "Service/monitoring/elsewhere",
		"Namespace/boutique-dev", "Service/boutique-dev/listed")
}

func TestLaterManifestsWinByField(t *testing.T) {
	objects := manifests(t, &Manifests{Namespace: "shop"},
		`{apiVersion: apps/v1, kind: Deployment, metadata: {name: api, labels: {app: api}}, spec: {replicas: 1, template: {spec: {containers: [{name: a}]}}}}`,
		`{apiVersion: apps/v1, kind: Deployment, metadata: {name: api}, spec: {replicas: 3}}`)
	if len(objects) != 1 {
		t.Fatalf("got %d objects", len(objects))
	}
	spec := objects[0].Object["spec"].(map[string]any)
	if spec["replicas"] != int64(3) || spec["template"] == nil {
		t.Errorf("got %v", spec)
	}
}

func TestManifestWithoutANamespace(t *testing.T) {
	m := &Manifests{}
	err := m.add(documents(t, `{apiVersion: v1, kind: Service, metadata: {name: api}}`)[0])
	if err == nil || !strings.Contains(err.Error(), "x.yaml:1: Service/api has no namespace") {
		t.Errorf("got %v", err)
	}
}

func TestSurroundings(t *testing.T) {
	rendered := documents(t, `
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: shop, namespace: istio-system}, spec: {gateways: [public]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: rendered}}
---
{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: x, namespace: rendered}}
`)
	around := manifests(t, &Manifests{}, `
{apiVersion: apps/v1, kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: rendered, labels: {from: manifests}}}
`)
	cluster := manifests(t, &Manifests{}, `
{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: public, namespace: istio-system}}
---
{apiVersion: networking.istio.io/v1beta1, kind: Gateway, metadata: {name: unused, namespace: edge}}
`)
	expect(t, ids(Surroundings(rendered, around, cluster)),
		"Deployment/shop/api", "Pod/shop/api", "Gateway/istio-system/public", "Namespace/istio-system", "Namespace/shop")
}

// fake is a program that prints a report.
func fake(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "analyzer")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAnalyzerThatWasSkippedIsAnError(t *testing.T) {
	_, err := Run(fake(t, `echo '{"version":"v1","skipped":["injection.Analyzer"],"messages":[]}'`), nil)
	if err == nil || !strings.Contains(err.Error(), "did not run: injection.Analyzer") {
		t.Errorf("got %v", err)
	}
}

func TestAnalyzerThatFails(t *testing.T) {
	_, err := Run(fake(t, "echo cannot read >&2; exit 2"), nil)
	if err == nil || !strings.Contains(err.Error(), "cannot read") {
		t.Errorf("got %v", err)
	}
}

func TestEnvironmentTellsWhereAnObjectCameFrom(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "rule.yaml")
	if err := os.WriteFile(file, []byte("{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: x, namespace: shop}}"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := &Manifests{}
	manifests(t, m, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {}}}`)
	program := fake(t, `echo '{"messages":[{"code":"IST0103","origin":"Pod shop/api","reference":"'$2':1"},{"code":"IST0133","origin":"EnvoyFilter shop/x"}]}'`)
	list, err := allowed(t, "IST0133 | EnvoyFilter/*/* | * | why")
	if err != nil {
		t.Fatal(err)
	}
	result, err := Environment(program, folder, m, &Manifests{}, list)
	if err != nil {
		t.Fatal(err)
	}
	if result.Objects != 1 || result.Allowed != 1 || len(result.Findings) != 1 || !strings.HasSuffix(result.Findings[0].Reference, "x.yaml:1") {
		t.Errorf("got %+v", result)
	}
}
