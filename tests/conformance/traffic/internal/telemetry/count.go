// Package telemetry counts requests in the shape of Istio's standard metrics, and lets a real Prometheus collect them.
//
// In Istio's own Envoy a filter, istio.stats, counts each request when it ends. The upstream Envoy lacks it, but writes
// the same facts to its access log at the same moment, so the counters are made from there: for each proxy that sends a
// request (reporter source) and each that receives one (reporter destination), answers of the proxies themselves
// included. Names and labels: istio.io, reference/config/metrics (1.31).
package telemetry

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"meshc/tests/conformance/traffic/internal/cluster"
)

// MeshConfig makes proxies log what is counted, beside what Istio's default format says and proofs ask for.
const MeshConfig = `
accessLogFormat: >-
  {"response_code": "%RESPONSE_CODE%", "response_code_details": "%RESPONSE_CODE_DETAILS%",
  "response_flags": "%RESPONSE_FLAGS%", "duration": "%DURATION%", "protocol": "%PROTOCOL%", "path": "%REQ(:PATH)%",
  "content_type": "%REQ(CONTENT-TYPE)%", "grpc_status": "%GRPC_STATUS_NUMBER%",
  "upstream_cluster": "%UPSTREAM_CLUSTER%", "upstream_host": "%UPSTREAM_HOST%"}
`

// buckets are the upper bounds of Istio's histogram of answer times, in milliseconds (istio 1.31,
// istio_request_duration_milliseconds).
var buckets = []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000}

// entry is what a line of an access log says.
type entry struct {
	Code         int     `json:"response_code"`
	Flags        string  `json:"response_flags"`
	Milliseconds float64 `json:"duration"`
	Protocol     string  `json:"protocol"`
	ContentType  string  `json:"content_type"`
	GRPCStatus   *int    `json:"grpc_status"`
	Cluster      string  `json:"upstream_cluster"`
	Host         string  `json:"upstream_host"`
}

// series is one set of labels, as Prometheus writes them.
type series string

// labels gives the labels of a request that a pod's proxy logged; none where it belongs to no service.
func labels(e entry, at *cluster.Pod, c *cluster.Cluster) (series, bool) {
	if e.Protocol == "" || e.Code == 0 && e.Flags == "-" {
		return "", false // bytes, not a request
	}
	reporter, name, namespace := "source", "", ""
	var to *cluster.Pod
	parts := strings.Split(strings.TrimSuffix(e.Cluster, ";"), "|")
	switch {
	case len(parts) == 4 && parts[0] == "inbound":
		reporter, to = "destination", at
		if s := serviceOf(c, at, parts[1]); s != "" {
			namespace, name, _ = strings.Cut(s, "/")
		}
	case len(parts) == 4 && parts[0] == "outbound":
		name, namespace, _ = strings.Cut(parts[3], ".")
		namespace, _, _ = strings.Cut(namespace, ".")
		host, _, _ := net.SplitHostPort(e.Host)
		for _, p := range c.Pods {
			if p.IP == host && host != "" {
				to = p
			}
		}
	}
	if name == "" {
		return "", false
	}
	grpc, protocol := "", "http"
	if strings.HasPrefix(e.ContentType, "application/grpc") {
		protocol = "grpc"
		if e.GRPCStatus != nil {
			grpc = fmt.Sprint(*e.GRPCStatus)
		}
	}
	all := map[string]string{
		"reporter": reporter, "request_protocol": protocol, "response_code": fmt.Sprint(e.Code), "response_flags": e.Flags,
		"grpc_response_status": grpc, "destination_service_name": name, "destination_service_namespace": namespace,
		"destination_workload": "unknown", "destination_version": "unknown",
	}
	if to != nil {
		all["destination_workload"] = to.Workload.Name
		if version := to.Labels["version"]; version != "" {
			all["destination_version"] = version
		}
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, fmt.Sprintf("%s=%q", k, all[k]))
	}
	return series(strings.Join(out, ",")), true
}

// serviceOf is the first Service that leads to a port of a pod's container, as NAMESPACE/NAME.
func serviceOf(c *cluster.Cluster, p *cluster.Pod, port string) string {
	for _, s := range c.Services {
		if !slices.Contains(c.Backends(s), p) {
			continue
		}
		for _, q := range s.Spec.Ports {
			if fmt.Sprint(cluster.TargetPort(q)) == port {
				return s.Namespace + "/" + s.Name
			}
		}
	}
	return ""
}

// counts are the counters of one proxy.
type counts struct {
	requests map[series]float64
	times    map[series][]float64 // of each bucket, and without a bound
}

func newCounts() counts { return counts{map[series]float64{}, map[series][]float64{}} }

// add counts what a line of an access log says, if it is a request.
func (n counts) add(line string, at *cluster.Pod, c *cluster.Cluster) {
	var e entry
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
		return
	}
	s, ok := labels(e, at, c)
	if !ok {
		return
	}
	n.requests[s]++
	if n.times[s] == nil {
		n.times[s] = make([]float64, len(buckets)+1)
	}
	for i, bound := range buckets {
		if e.Milliseconds <= bound {
			n.times[s][i]++
		}
	}
	n.times[s][len(buckets)]++
}

// text is what a proxy answers Prometheus.
func (n counts) text() string {
	var out strings.Builder
	out.WriteString("# TYPE istio_requests_total counter\n")
	for _, s := range slices.Sorted(maps.Keys(n.requests)) {
		fmt.Fprintf(&out, "istio_requests_total{%s} %g\n", s, n.requests[s])
	}
	out.WriteString("# TYPE istio_request_duration_milliseconds histogram\n")
	for _, s := range slices.Sorted(maps.Keys(n.times)) {
		for i, count := range n.times[s] {
			bound := "+Inf"
			if i < len(buckets) {
				bound = fmt.Sprint(buckets[i])
			}
			fmt.Fprintf(&out, "istio_request_duration_milliseconds_bucket{%s,le=%q} %g\n", s, bound, count)
		}
	}
	return out.String()
}
