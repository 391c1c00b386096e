package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	meshapi "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pkg/bootstrap"

	"meshc/tests/conformance/traffic/internal/cluster"
	"meshc/tests/conformance/traffic/internal/istiod"
)

// StartProxy does the work of pilot-agent for one pod: bootstrap file, sockets, process. The proxy says that it is of
// this Istio version, as 1.31.0.
func (st *Stage) StartProxy(p *cluster.Pod, d *istiod.Server, ca *istiod.Authority, pc *meshapi.ProxyConfig, version string) error {
	labels, err := json.Marshal(p.Labels)
	if err != nil {
		return err
	}
	role := "sidecar"
	if p.Workload.Gateway {
		role = "router"
	}
	node, err := bootstrap.GetNodeMetaData(bootstrap.MetadataOptions{
		ID: fmt.Sprintf("%s~%s~%s.%s~%s.svc.cluster.local", role, p.IP, p.Name, p.Namespace, p.Namespace),
		Envs: []string{
			"POD_NAME=" + p.Name, "POD_NAMESPACE=" + p.Namespace, "SERVICE_ACCOUNT=" + p.ServiceAccount,
			"ISTIO_META_CLUSTER_ID=Kubernetes", "ISTIO_META_MESH_ID=cluster.local",
			"ISTIO_META_INTERCEPTION_MODE=REDIRECT", "ISTIO_META_ISTIO_VERSION=" + version,
			"ISTIO_META_WORKLOAD_NAME=" + p.Workload.Name, "ISTIO_META_NODE_NAME=node",
			`ISTIO_METAJSON_LABELS={"LABELS":` + string(labels) + `}`,
		},
		InstanceIPs: []string{p.IP}, ProxyConfig: pc, WorkloadIdentitySocketFile: "socket",
	})
	if err != nil {
		return err
	}
	conf, err := os.Create(filepath.Join(p.Dir, "envoy.json"))
	if err != nil {
		return err
	}
	defer conf.Close()
	if err := bootstrap.New(bootstrap.Config{Node: node}).WriteTo(st.programs.Bootstrap, conf); err != nil {
		return err
	}
	if err := d.ServeXDS(filepath.Join(st.link(p), "etc/istio/proxy/XDS"), p.SpiffeID()); err != nil {
		return err
	}
	if err := ca.ServeSDS(filepath.Join(st.link(p), "var/run/secrets/workload-spiffe-uds/socket"), p.SpiffeID()); err != nil {
		return err
	}
	_, err = st.start(p, "envoy.log", "setpriv", "--reuid=1337", "--regid=1337", "--clear-groups",
		st.programs.Envoy, "-c", "envoy.json", "--drain-time-s", fmt.Sprintf("%.0f", istiod.Drain.Seconds()), "--drain-strategy", "immediate",
		"--local-address-ip-version", "v4", "--file-flush-interval-msec", "40", "--disable-hot-restart",
		"--allow-unknown-static-fields", "-l", "warning", "--component-log-level", "misc:error", "--concurrency", "2")
	return err
}

// WaitReady waits until a pod's Envoy is ready, 40 s at most.
func (st *Stage) WaitReady(p *cluster.Pod) error {
	deadline := time.Now().Add(40 * time.Second)
	for time.Now().Before(deadline) {
		if body, code := admin(p, "GET", "/ready"); code == 200 {
			return nil
		} else if code != 0 && !strings.Contains(body, "INITIALIZING") && !strings.Contains(body, "PRE_INIT") {
			return fmt.Errorf("%s: envoy not ready: %s", p.Name, body)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("%s: envoy not ready after 40 s; see %s/envoy.log", p.Name, p.Dir)
}

// Drained waits until no Envoy serves a connection with the rules of before, 5 s at most. A listener change closes old
// connections only after their next request.
func (st *Stage) Drained() {
	deadline := time.Now().Add(5 * time.Second)
	for _, p := range st.Cluster.Pods {
		for p.Meshed && time.Now().Before(deadline) {
			body, code := admin(p, "GET", "/stats?filter=listener_manager.total_(filter_chains|listeners)_draining")
			if code == 200 && strings.Count(body, ": 0") == 2 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// Dump writes each Envoy's configuration beside its logs, in the form that `istioctl proxy-config --file` reads.
func (st *Stage) Dump() error {
	for _, p := range st.Cluster.Pods {
		if !p.Meshed {
			continue
		}
		dump, _ := admin(p, "GET", "/config_dump?include_eds")
		if err := os.WriteFile(filepath.Join(p.Dir, "config_dump.json"), []byte(dump), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Counters adds up those of a pod's Envoy whose names match a regular expression.
func (st *Stage) Counters(name, filter string) (sum float64, err error) {
	p := st.Cluster.Pod(name)
	if p == nil {
		return 0, fmt.Errorf("no pod %s", name)
	}
	body, code := admin(p, "GET", "/stats?filter="+url.QueryEscape(filter))
	if code != 200 {
		return 0, fmt.Errorf("%s: statistics: %d %s", name, code, body)
	}
	for _, line := range strings.Split(body, "\n") {
		if _, value, ok := strings.Cut(line, ": "); ok {
			if n, err := strconv.ParseFloat(value, 64); err == nil { // histograms are no numbers
				sum += n
			}
		}
	}
	return sum, nil
}

// ResetCounters sets the counters of all Envoys to 0, so that `Counters` tells what happened since.
func (st *Stage) ResetCounters() {
	for _, p := range st.Cluster.Pods {
		if p.Meshed {
			admin(p, "POST", "/reset_counters")
		}
	}
}

// admin asks the pod's Envoy on its admin port. The status is 0 when nobody answers.
func admin(p *cluster.Pod, method, path string) (string, int) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialFrom(p)}}
	req, err := http.NewRequest(method, "http://127.0.0.1:15000"+path, nil)
	if err != nil {
		return err.Error(), 0
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error(), 0
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error(), 0
	}
	return string(body), resp.StatusCode
}

// dialFrom connects from inside the pod's network namespace.
func dialFrom(p *cluster.Pod) func(context.Context, string, string) (net.Conn, error) {
	type result struct {
		c   net.Conn
		err error
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		done := make(chan result, 1)
		go func() {
			runtime.LockOSThread() // and never unlock: the thread, now in another namespace, ends with the goroutine
			f, err := os.Open("/run/netns/" + p.NetNS)
			if err == nil {
				defer f.Close()
				err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
			}
			if err != nil {
				done <- result{nil, err}
				return
			}
			c, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, network, addr)
			done <- result{c, err}
		}()
		r := <-done
		return r.c, r.err
	}
}
