package istiod

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	meshapi "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/bootstrap"
	"istio.io/istio/pilot/pkg/serviceregistry/provider"
	"istio.io/istio/pkg/security"
	"istio.io/istio/pkg/util/protomarshal"
)

// FollowEnv holds the flags that Follow needs beside Env: what istiod does for pods of a cluster with nodes is off.
var FollowEnv = map[string]string{
	"ENABLE_CA_SERVER":    "false", // authority.go signs
	"PILOT_CERT_PROVIDER": "none",
	"INJECT_ENABLED":      "false",
	// Admission is the part `admission`; no webhook is registered at this API server.
	"VALIDATION_WEBHOOK_CONFIG_NAME":                 "",
	"PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "false",
}

// Follow starts istiod as pilot-discovery does, reading Services, Pods, EndpointSlices and its configuration from the API
// server of a kubeconfig. Only who answers proxies is ours: sockets, as with Start. Its mesh configuration goes to a file
// in dir.
func Follow(kubeconfig string, m *meshapi.MeshConfig, dir string) (*Server, error) {
	text, err := protomarshal.ToYAML(m)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "mesh.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, err
	}
	args := bootstrap.NewPilotArgs(func(p *bootstrap.PilotArgs) {
		p.MeshConfigFile = file
		p.NetworksConfigFile = filepath.Join(dir, "networks.yaml") // there is none
		p.ShutdownDuration = time.Second
		p.ServerOptions.HTTPAddr = "127.0.0.1:0"
		p.ServerOptions.TLSOptions.TLSMinVersion = bootstrap.TLSMinVersion1_2
		p.RegistryOptions.KubeConfig = kubeconfig
		p.RegistryOptions.Registries = []string{string(provider.Kubernetes)}
		p.RegistryOptions.KubeOptions.DomainSuffix = "cluster.local"
		p.RegistryOptions.KubeOptions.ClusterID = "Kubernetes"
		p.RegistryOptions.KubeOptions.KubernetesAPIQPS = 80 // pilot-discovery's default, as is the next
		p.RegistryOptions.KubeOptions.KubernetesAPIBurst = 160
	})
	if err := args.Complete(); err != nil {
		return nil, err
	}
	istiod, err := bootstrap.NewServer(args)
	if err != nil {
		return nil, err
	}
	s := &Server{discovery: istiod.XDSServer}
	s.discovery.Authenticators = []security.Authenticator{bySocket{}}
	stop := make(chan struct{})
	s.ends.Cleanup(func() { close(stop) })
	if err := istiod.Start(stop); err != nil {
		close(stop)
		return nil, fmt.Errorf("istiod: %w", err)
	}
	return s, nil
}
