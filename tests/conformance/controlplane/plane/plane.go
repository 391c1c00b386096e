// Package plane starts a control plane without nodes on loopback: etcd, kube-apiserver and Flux's kustomize-controller.
package plane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"meshc/tests/conformance/controlplane/kube"
)

// Programs are the binaries that Start starts.
type Programs struct {
	Etcd      string
	APIServer string
	Kustomize string // Flux's kustomize-controller
}

// Plane is a running control plane. Its files are below one folder, and its Kubeconfig is for an administrator.
type Plane struct {
	Kubeconfig string
	Client     *kube.Client

	dir   string
	procs []*process
}

// token is what the administrator of this API server shows. It listens on loopback, and lives for one run.
const token = "administrator"

// Start starts etcd and kube-apiserver, with their files below dir, and waits until the API server is ready, 60 s at
// most. The controller is started apart, when the kinds that it watches exist.
func Start(ctx context.Context, programs Programs, dir string) (*Plane, error) {
	p := &Plane{dir: dir, Kubeconfig: filepath.Join(dir, "kubeconfig")}
	if err := p.start(ctx, programs); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Plane) start(ctx context.Context, programs Programs) error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	client, peer, api := ports[0], ports[1], ports[2]
	etcd := fmt.Sprintf("http://127.0.0.1:%d", client)
	peers := fmt.Sprintf("http://127.0.0.1:%d", peer)
	if err := p.run("etcd", nil, programs.Etcd,
		"--data-dir", filepath.Join(p.dir, "etcd"), "--unsafe-no-fsync", "--log-level", "warn",
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers); err != nil {
		return err
	}
	key, tokens, err := p.credentials()
	if err != nil {
		return err
	}
	server := fmt.Sprintf("https://127.0.0.1:%d", api)
	if err := p.run("kube-apiserver", nil, programs.APIServer,
		"--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(api),
		"--cert-dir", filepath.Join(p.dir, "certificates"), "--token-auth-file", tokens, "--authorization-mode", "RBAC",
		"--service-account-issuer", server, "--service-account-key-file", key, "--service-account-signing-key-file", key,
		// Nobody makes the accounts' tokens here, without which this plugin refuses every Pod.
		"--disable-admission-plugins", "ServiceAccount",
		"--service-cluster-ip-range", ServiceAddresses); err != nil {
		return err
	}
	if err := p.writeKubeconfig(server); err != nil {
		return err
	}
	if p.Client, err = kube.Connect(p.Kubeconfig); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	return p.ready(ctx)
}

// ServiceAddresses is the range of the Services' addresses.
const ServiceAddresses = "10.98.0.0/16"

func (p *Plane) ready(ctx context.Context) error {
	for {
		err := p.Client.Ready(ctx)
		if err == nil {
			return nil
		}
		if ended := p.Ended(); ended != nil {
			return ended
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver is not ready: %w; see %s", err, filepath.Join(p.dir, "kube-apiserver.log"))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// StartKustomize starts Flux's kustomize-controller for all namespaces.
func (p *Plane) StartKustomize(program string) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	return p.run("kustomize-controller", []string{"KUBECONFIG=" + p.Kubeconfig, "RUNTIME_NAMESPACE=flux-system", "TMPDIR=" + p.dir},
		program, "--watch-all-namespaces=true",
		fmt.Sprintf("--metrics-addr=127.0.0.1:%d", ports[0]), fmt.Sprintf("--health-addr=127.0.0.1:%d", ports[1]))
}

// Stop ends what was started, the last first.
func (p *Plane) Stop() {
	for i := len(p.procs) - 1; i >= 0; i-- {
		p.procs[i].stop()
	}
	p.procs = nil
}

// Ended says which program ended by itself, or nil.
func (p *Plane) Ended() error {
	for _, proc := range p.procs {
		if err := proc.ended(); err != nil {
			return err
		}
	}
	return nil
}
