package deploy

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"meshc/tests/conformance/controlplane/kube"
)

func TestDiffer(t *testing.T) {
	published := one(t, `{kind: VirtualService, metadata: {name: web, labels: {a: "1"}}, spec: {http: [{weight: 80}]}}`)
	for text, want := range map[string]string{
		`{kind: VirtualService, metadata: {name: web, uid: x, labels: {a: "1", b: "2"}}, spec: {http: [{weight: 80}]}, status: {}}`: "",
		`{kind: VirtualService, metadata: {name: web, labels: {a: "1"}}, spec: {http: [{weight: 81}]}}`:                             "spec is map[http:[map[weight:81]]], not map[http:[map[weight:80]]]",
		`{kind: VirtualService, metadata: {name: web, labels: {a: "1"}}, spec: {http: [{weight: 80}], more: 1}}`:                    "spec is map[http:[map[weight:80]] more:1], not map[http:[map[weight:80]]]",
		`{kind: VirtualService, metadata: {name: web, labels: {a: "2"}}, spec: {http: [{weight: 80}]}}`:                             `label a is "2", not "1"`,
		`{kind: VirtualService, metadata: {name: web}, spec: {http: [{weight: 80}]}}`:                                               `label a is "", not "1"`,
	} {
		if got := Differ(published, one(t, text)); got != want {
			t.Errorf("%s: %q, not %q", text, got, want)
		}
	}
}

func one(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	objects, err := kube.Parse([]byte(text))
	if err != nil || len(objects) != 1 {
		t.Fatal(objects, err)
	}
	return objects[0]
}
