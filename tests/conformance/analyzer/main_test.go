package main

import (
	"os"
	"path/filepath"
	"testing"
)

const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: shop}
spec:
  host: api.shop.svc.cluster.local
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec:
  selector: {app: api}
  ports: [{name: http, port: 80}]
`

const pod = `
---
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"api","namespace":"shop","labels":{"app":"api","version":"v1"}},"spec":{"containers":[{"name":"a"}]}}
`

func codes(t *testing.T, text string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	report, err := analyze([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Skipped) > 0 {
		t.Errorf("skipped %v", report.Skipped)
	}
	var codes []string
	for _, message := range report.Messages {
		codes = append(codes, message.Type.Code())
	}
	return codes
}

// The reason for this program: istioctl is silent in both cases.
func TestPodsAreSeen(t *testing.T) {
	if got := codes(t, rule); len(got) != 1 || got[0] != "IST0173" {
		t.Errorf("without a pod: %v", got)
	}
	if got := codes(t, rule+pod); len(got) != 0 {
		t.Errorf("with a pod: %v", got)
	}
}

func TestUnreadableInputIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte("kind: {\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := analyze([]string{file}); err == nil {
		t.Error("no error")
	}
	if _, err := analyze([]string{file + ".missing"}); err == nil {
		t.Error("no error")
	}
}
