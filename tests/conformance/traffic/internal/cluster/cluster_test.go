package cluster

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const manifests = `
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: grpc-admin, port: 81}]}
---
kind: Deployment
metadata: {name: web}
spec: {template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: website}}}
---
kind: ConfigMap
metadata: {name: ignored}
`

func load(t *testing.T, texts ...string) *Cluster {
	t.Helper()
	var files []string
	for i, text := range texts {
		file := filepath.Join(t.TempDir(), string(rune('a'+i))+".yaml")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	c, err := Load("shop", "cluster.local", files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCast(t *testing.T) {
	c := load(t, manifests)
	no := false
	if err := c.Cast([]Workload{{Name: "*"}, {Name: "canary", From: "web", Labels: map[string]string{"version": "v2"}}, {Name: "job"}, {Name: "outsider", Mesh: &no}}); err != nil {
		t.Fatal(err)
	}
	web, canary, job, outsider := c.Pod("web"), c.Pod("canary-0"), c.Pod("job"), c.Pod("outsider")
	if web.SpiffeID() != "spiffe://cluster.local/ns/shop/sa/website" || !slices.Equal(web.Listens, []string{"http:8080", "grpc:81"}) {
		t.Errorf("web: %+v", web)
	}
	if canary.ServiceAccount != "website" || canary.Labels["version"] != "v2" || len(c.Backends(c.Services[0])) != 2 {
		t.Errorf("canary: %+v", canary)
	}
	if job.ServiceAccount != "job" || len(job.Listens) != 0 || outsider.Meshed {
		t.Errorf("job %+v, outsider %+v", job, outsider)
	}
	if err := load(t, manifests).Cast([]Workload{{Name: "x", From: "nobody"}}); err == nil {
		t.Error("a copy of nothing was accepted")
	}
}

func TestLaterManifestsReplaceEarlierOnes(t *testing.T) {
	c := load(t, manifests, "kind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{name: http, port: 90}]}\n")
	if len(c.Services) != 1 || c.Services[0].Spec.Ports[0].Port != 90 {
		t.Errorf("got %+v", c.Services)
	}
	if s, _ := c.Find("web:90"); s == nil {
		t.Error("web:90 is not found")
	}
	if s, _ := c.Find("web.other:90"); s != nil {
		t.Error("found in another namespace")
	}
}
