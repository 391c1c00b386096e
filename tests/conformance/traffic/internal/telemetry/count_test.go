package telemetry

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshc/tests/conformance/traffic/internal/cluster"
)

const manifests = `
kind: Service
metadata: {name: prices, namespace: shop}
spec: {selector: {app: prices}, ports: [{name: grpc, port: 3550, targetPort: 4550}]}
---
kind: Deployment
metadata: {name: prices-v2, namespace: shop}
spec: {template: {metadata: {labels: {app: prices, version: v2}}}}
`

func load(t *testing.T) *cluster.Cluster {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubernetes.yaml")
	if err := os.WriteFile(file, []byte(manifests), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Load("shop", "cluster.local", []string{file})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Cast([]cluster.Workload{{Name: "*"}, {Name: "client"}}); err != nil {
		t.Fatal(err)
	}
	return c
}

func counted(t *testing.T, pod string, lines ...string) string {
	t.Helper()
	c := load(t)
	n := newCounts()
	for _, line := range lines {
		n.add(line, c.Pod(pod), c)
	}
	return n.text()
}

// The labels that the queries of a release ask for, on both sides.
func TestRequestsAreCountedOnBothSides(t *testing.T) {
	server := `{"protocol":"HTTP/2","response_code":200,"grpc_status":14,"content_type":"application/grpc","response_flags":"-","duration":7,"upstream_cluster":"inbound|4550||","upstream_host":"10.99.1.1:4550"}`
	text := counted(t, "prices-v2", server, server)
	for _, label := range []string{
		`reporter="destination"`, `destination_service_name="prices"`, `destination_service_namespace="shop"`,
		`destination_version="v2"`, `response_code="200"`, `grpc_response_status="14"`, `request_protocol="grpc"`, "} 2\n",
	} {
		if !strings.Contains(text, label) {
			t.Errorf("%s is not in\n%s", label, text)
		}
	}
	for bucket, count := range map[string]string{`le="5"`: "0", `le="10"`: "2", `le="+Inf"`: "2"} {
		if !strings.Contains(text, bucket+"} "+count+"\n") {
			t.Errorf("%s is not %s in\n%s", bucket, count, text)
		}
	}
	text = counted(t, "client",
		`{"protocol":"HTTP/2","response_code":200,"grpc_status":0,"content_type":"application/grpc","response_flags":"-","duration":7,"upstream_cluster":"outbound|3550|v2|prices.shop.svc.cluster.local","upstream_host":"10.99.1.1:4550"}`)
	if !strings.Contains(text, `reporter="source"`) || !strings.Contains(text, `destination_version="v2"`) {
		t.Errorf("got\n%s", text)
	}
}

// A caller's proxy that finds no healthy pod answers itself, and then knows no version.
func TestWhatNobodyServedHasNoVersion(t *testing.T) {
	text := counted(t, "client",
		`{"protocol":"HTTP/1.1","response_code":503,"grpc_status":null,"content_type":null,"response_flags":"UH","duration":0,"upstream_cluster":"outbound|3550|v2|prices.shop.svc.cluster.local","upstream_host":null}`)
	for _, label := range []string{`destination_version="unknown"`, `response_code="503"`, `response_flags="UH"`, `request_protocol="http"`, `grpc_response_status=""`} {
		if !strings.Contains(text, label) {
			t.Errorf("%s is not in\n%s", label, text)
		}
	}
}

func TestWhatIsNoRequestIsNotCounted(t *testing.T) {
	for _, line := range []string{
		`{"protocol":null,"response_code":0,"response_flags":"-","upstream_cluster":"outbound|3550||prices.shop.svc.cluster.local","upstream_host":"10.99.1.1:4550"}`,
		`{"protocol":"HTTP/1.1","response_code":502,"response_flags":"-","upstream_cluster":"BlackHoleCluster","upstream_host":null}`,
		`[warning] not JSON`,
	} {
		if text := counted(t, "client", line); strings.Contains(text, "istio_requests_total{") {
			t.Errorf("%s was counted:\n%s", line, text)
		}
	}
}

// Each line counts once, however often the log is read, and only when it is whole.
func TestLogIsReadOn(t *testing.T) {
	c := load(t)
	pod := c.Pod("prices-v2")
	pod.Dir = t.TempDir()
	line := `{"protocol":"HTTP/1.1","response_code":200,"response_flags":"-","duration":1,"upstream_cluster":"inbound|4550||"}`
	x := &proxy{pod: pod, cluster: c, counts: newCounts()}
	for i, step := range []struct{ more, want string }{
		{"", ""}, {line + "\n" + line[:20], "} 1\n"}, {"", "} 1\n"}, {line[20:] + "\n", "} 2\n"},
	} {
		f, err := os.OpenFile(filepath.Join(pod.Dir, "envoy.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(step.more)
		f.Close()
		w := httptest.NewRecorder()
		x.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if _, after, _ := strings.Cut(w.Body.String(), "istio_requests_total{"); !strings.Contains(after, step.want) || (step.want == "") != (after == "") {
			t.Errorf("reading %d: got %s", i, w.Body.String())
		}
	}
}
