// Package lab puts pods on this machine: a network namespace each, with Istio's own interception, an unmodified Envoy
// and an application that fails, delays and counts on request. It sends requests from pod to pod and measures.
package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"meshc/tests/conformance/traffic/internal/cluster"
)

const (
	bridge = "meshc-br"
	lock   = "/run/meshc-traffic.lock"
)

// Programs are the files that a stage starts.
type Programs struct {
	Envoy     string
	Echo      string // this module's cmd/echo
	Self      string // this program, which is Istio's iptables command too
	Bootstrap string // Istio's template envoy_bootstrap.json
	// Prometheus is the server's binary; empty where this machine has none, which keeps scenarios that need it from being
	// played.
	Prometheus string
}

// Stage is the set of namespaces and processes that a run made. Strike removes it all.
type Stage struct {
	Cluster  *cluster.Cluster
	programs Programs
	dir      string
	sockets  string   // short links to the pods' folders, for a socket's name has at most 108 bytes
	lock     *os.File // held as long as this process lives
	mu       sync.Mutex
	procs    []*exec.Cmd
	calls    int
}

// Build makes the namespaces and starts the applications; Envoys come with StartProxy. One stage stands at a time on
// one machine: a lock keeps a second one out, so what is left over can only be from a run that was killed.
// The files of the pods are below dir.
func Build(c *cluster.Cluster, programs Programs, dir string) (*Stage, error) {
	held, err := os.OpenFile(lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		return nil, fmt.Errorf("another run has %s: %w", lock, err)
	}
	st := &Stage{Cluster: c, programs: programs, dir: dir, lock: held}
	if err := st.build(); err != nil {
		st.Strike()
		return nil, err
	}
	return st, nil
}

func (st *Stage) build() (err error) {
	// Leftovers of a killed run: only namespaces, processes in them, and links of our own names.
	if err := sh(`for ns in $(ip netns list | grep -o '^meshc-pod[0-9]*'); do
			pids=$(ip netns pids $ns); [ -z "$pids" ] || kill -9 $pids
			ip netns del $ns; rm -rf /etc/netns/$ns
		done; ip link del %s 2>/dev/null || true`, bridge); err != nil {
		return err
	}
	if err := sh("ip link add %[1]s type bridge && ip addr add 10.99.0.1/16 dev %[1]s && ip link set %[1]s up", bridge); err != nil {
		return err
	}
	if st.sockets, err = os.MkdirTemp("", "traffic"); err != nil {
		return err
	}
	for i, p := range st.Cluster.Pods {
		if err := st.addPod(i+1, p); err != nil {
			return err
		}
	}
	return nil
}

func (st *Stage) addPod(n int, p *cluster.Pod) error {
	p.Dir = filepath.Join(st.dir, p.Name)
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(p.Dir, st.link(p)); err != nil {
		return err
	}
	if err := os.MkdirAll("/etc/netns/"+p.NetNS, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile("/etc/netns/"+p.NetNS+"/hosts", []byte(st.Cluster.Hosts(p.Namespace)), 0o644); err != nil {
		return err
	}
	if err := sh(`ip netns add %[1]s
		ip link add meshc-v%[2]d type veth peer name eth0 netns %[1]s
		ip link set meshc-v%[2]d master %[4]s up
		ip -n %[1]s link set lo up
		ip -n %[1]s addr add %[3]s/16 dev eth0
		ip -n %[1]s link set eth0 up
		ip -n %[1]s route add default via 10.99.0.1
		ip netns exec %[1]s sh -c "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start"`, p.NetNS, n, p.IP, bridge); err != nil {
		return err
	}
	if p.Meshed && !p.Workload.Gateway {
		if err := st.intercept(p); err != nil {
			return err
		}
	}
	if !p.Meshed {
		if err := st.kubeProxy(p); err != nil {
			return err
		}
	}
	if p.Workload.Silent {
		return sh("ip netns exec %s iptables -A INPUT -i eth0 -j DROP", p.NetNS)
	}
	if len(p.Listens) == 0 {
		return nil
	}
	args := []string{st.programs.Echo, "serve", "-pod", p.Name, "-version", p.Labels["version"], "-log", filepath.Join(p.Dir, "served.jsonl")}
	for _, l := range p.Listens {
		args = append(args, "-listen", l)
	}
	_, err := st.start(p, "app.log", args...)
	return err
}

func (st *Stage) link(p *cluster.Pod) string { return filepath.Join(st.sockets, p.NetNS) }

// intercept gives a pod the rules of istio-init. Istio's own program makes them, in the first pod; they name nothing
// that is the pod's own, so the other pods get a copy, which is faster.
func (st *Stage) intercept(p *cluster.Pod) error {
	rules := filepath.Join(st.sockets, "iptables")
	if _, err := os.Stat(rules); err == nil {
		return sh("ip netns exec %s iptables-restore <%s", p.NetNS, rules)
	}
	// The arguments that Istio's injection template gives to istio-init.
	return sh(`ip netns exec %[1]s %[2]s istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i '*' -x '' -b '*' -d 15090,15021,15020 >%[3]s/iptables.log 2>&1
		ip netns exec %[1]s iptables-save >%[4]s`, p.NetNS, st.programs.Self, p.Dir, rules)
}

// kubeProxy gives a pod without a sidecar the Services' addresses.
func (st *Stage) kubeProxy(p *cluster.Pod) error {
	var rules bytes.Buffer
	for _, s := range st.Cluster.Services {
		backends := st.Cluster.Backends(s)
		for _, port := range s.Spec.Ports {
			for i, b := range backends {
				fmt.Fprintf(&rules, "iptables -t nat -A OUTPUT -p tcp -d %s --dport %d -m statistic --mode random --probability %.4f -j DNAT --to-destination %s:%d\n",
					s.Spec.ClusterIP, port.Port, 1/float64(len(backends)-i), b.IP, cluster.TargetPort(port))
			}
		}
	}
	return sh("ip netns exec %s sh -ec '%s'", p.NetNS, rules.String())
}

// Strike ends what this stage started, by process id, and removes its namespaces. Files stay.
func (st *Stage) Strike() {
	st.mu.Lock()
	procs := st.procs
	st.procs = nil
	st.mu.Unlock()
	for _, c := range procs {
		c.Process.Kill()
	}
	for _, c := range procs {
		c.Wait()
	}
	for i, p := range st.Cluster.Pods {
		sh("ip link del meshc-v%d", i+1)
		sh("ip netns del %s", p.NetNS)
		os.RemoveAll("/etc/netns/" + p.NetNS)
	}
	sh("ip link del %s", bridge)
	os.RemoveAll(st.sockets)
	st.lock.Close()
}

func sh(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	if out, err := exec.Command("/bin/sh", "-ec", line).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, bytes.TrimSpace(out))
	}
	return nil
}

// start runs a command inside a pod; what it prints goes to a file of the pod.
func (st *Stage) start(p *cluster.Pod, logName string, argv ...string) (*exec.Cmd, error) {
	cmd := exec.Command("ip", append([]string{"netns", "exec", p.NetNS}, argv...)...)
	cmd.Dir = p.Dir
	f, err := os.OpenFile(filepath.Join(p.Dir, logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Chmod(0o666); err != nil { // Envoy, as another user, opens /dev/stdout again for its access log
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	st.mu.Lock()
	st.procs = append(st.procs, cmd)
	st.mu.Unlock()
	return cmd, nil
}
