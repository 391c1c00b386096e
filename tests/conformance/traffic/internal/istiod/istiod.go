// Package istiod runs Istio's own discovery server in this process: its Kubernetes registry on a fake Kubernetes
// client, its config store, its validation, its pushes. Follow runs istiod whole, on a real API server.
package istiod

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"

	meshapi "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/xds"
	xdstest "istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/security"
)

// Env holds Istio's flags. It reads them when its packages are initialised, so they must be in the environment before
// the process starts. Two switch off filters that only Istio's own build of Envoy has.
var Env = map[string]string{
	"PILOT_ENABLE_METADATA_EXCHANGE": "false", // istio.metadata_exchange
	"PILOT_ENABLE_ALPN_FILTER":       "false", // istio.alpn
	"POD_NAMESPACE":                  "istio-system",
	"XDS_AUTH_PLAINTEXT":             "true", // see identity.go
}

// Drain is how long a proxy serves old connections after a listener changed. Istio's default is 45 s.
const Drain = time.Second

// MeshConfig is Istio's default, what the lab needs, and what a run adds as YAML.
func MeshConfig(more, trustDomain string) (*meshapi.MeshConfig, error) {
	m := mesh.DefaultMeshConfig()
	m.TrustDomain = trustDomain
	m.AccessLogFile = "/dev/stdout"
	m.AccessLogEncoding = meshapi.MeshConfig_JSON
	m.EnableTracing = false
	// What `istioctl install` sets is metrics: [prometheus]; that adds istio.stats, which only Istio's Envoy has.
	m.DefaultProviders = nil
	m.DefaultConfig.ConfigPath = "./etc/istio/proxy"
	m.DefaultConfig.DrainDuration = durationpb.New(Drain)
	m.DefaultConfig.ProxyStatsMatcher = &meshapi.ProxyConfig_ProxyStatsMatcher{InclusionRegexps: []string{".*"}}
	return mesh.ApplyMeshConfig(more, m)
}

// Server is a running discovery server.
type Server struct {
	discovery *xds.DiscoveryServer
	fake      *xdstest.FakeDiscoveryServer // what Start has and Follow has not
	clock     time.Time                    // creation time of the next object; Istio orders by it
	ends      failer
	exchanges exchanges
}

// Start starts a server that watches these Kubernetes objects.
func Start(m *meshapi.MeshConfig, objects []k8sruntime.Object) *Server {
	s := &Server{clock: time.Now().Add(-time.Hour)}
	s.fake = xdstest.NewFakeDiscoveryServer(&s.ends, xdstest.FakeOptions{
		KubernetesObjects:          objects,
		MeshConfig:                 m,
		DebounceTime:               100 * time.Millisecond, // istiod's default
		DisableSecretAuthorization: true,
	})
	s.discovery = s.fake.Discovery
	s.discovery.Authenticators = []security.Authenticator{bySocket{}}
	return s
}

// Stop ends the server.
func (s *Server) Stop() { s.ends.done() }

// ServeXDS answers the proxy of one workload on the socket where pilot-agent would answer it.
func (s *Server) ServeXDS(socket, spiffeID string) error {
	ln, err := listen(socket)
	if err != nil {
		return err
	}
	g := grpc.NewServer(grpc.MaxRecvMsgSize(64<<20), grpc.StreamInterceptor(s.identified(spiffeID)))
	s.discovery.Register(g)
	go g.Serve(ln)
	return nil
}

// listen makes a socket that Envoy may open, which runs as another user.
func listen(socket string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	return ln, os.Chmod(socket, 0o777)
}

// failer lets Istio's test server run outside of `go test`. A failure inside it ends the process with status 2.
type failer struct{ cleanups []func() }

func (f *failer) Fail()                     { f.FailNow() }
func (f *failer) FailNow()                  { f.Fatal("failed") }
func (f *failer) Fatal(args ...any)         { fmt.Fprintln(os.Stderr, args...); f.done(); os.Exit(2) }
func (f *failer) Log(...any)                {}
func (f *failer) Logf(string, ...any)       {}
func (f *failer) Helper()                   {}
func (f *failer) Skip(...any)               { runtime.Goexit() }
func (f *failer) Cleanup(fn func())         { f.cleanups = append(f.cleanups, fn) }
func (f *failer) TempDir() string           { d, _ := os.MkdirTemp("", "traffic"); return d }
func (f *failer) Fatalf(s string, a ...any) { f.Fatal(fmt.Sprintf(s, a...)) }

func (f *failer) done() {
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
	f.cleanups = nil
}
