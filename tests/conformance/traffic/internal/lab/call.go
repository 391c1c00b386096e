package lab

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"meshc/tests/conformance/traffic/internal/cluster"
)

// Call is a number of like requests from one pod.
type Call struct {
	From     string            `json:"from"`     // workload or pod
	To       string            `json:"to"`       // service:port, service.namespace:port, or pod/NAME:port
	Proto    string            `json:"proto"`    // grpc, http or tcp; default: by the Service's port
	Requests int               `json:"requests"` // default 1
	Workers  int               `json:"workers"`  // concurrent connections; default 1
	Rate     float64           `json:"rate"`     // requests per second in total; 0 means as fast as possible
	Path     string            `json:"path"`     // HTTP path or gRPC method
	Method   string            `json:"method"`   // HTTP method; default GET
	Headers  map[string]string `json:"headers"`  // "%d" in a value becomes the number of the request
	Timeout  string            `json:"timeout"`  // of the client; default 20 s
	Fresh    bool              `json:"fresh"`    // a new connection for every request
	TLS      bool              `json:"tls"`      // the client speaks TLS itself; the name is the header host
	Hold     string            `json:"hold"`     // tcp: how long a connection stays open after its answer
}

// Running is a call that has been started.
type Running struct {
	call    Call
	id      string
	pod     *cluster.Pod
	cmd     *exec.Cmd
	out     string
	offsets map[string]int64 // of every log, at the start
}

// String says what is called, for people.
func (c Call) String() string {
	parts := []string{c.From, "->", c.To}
	if c.Method != "" {
		parts = append(parts, c.Method)
	}
	if c.Path != "" {
		parts = append(parts, c.Path)
	}
	for _, k := range slices.Sorted(maps.Keys(c.Headers)) {
		parts = append(parts, fmt.Sprintf("[%s: %s]", k, c.Headers[k]))
	}
	if c.Requests > 1 {
		parts = append(parts, fmt.Sprintf("x%d", c.Requests))
	}
	return strings.Join(parts, " ")
}

// Start starts a call. With requests 0 it goes on until Stop.
func (st *Stage) Start(c Call) (*Running, error) {
	pod := st.Cluster.Pod(c.From)
	if pod == nil {
		return nil, fmt.Errorf("no pod %s", c.From)
	}
	address := c.To
	if rest, direct := strings.CutPrefix(c.To, "pod/"); direct {
		name, port, _ := strings.Cut(rest, ":")
		target := st.Cluster.Pod(name)
		if target == nil {
			return nil, fmt.Errorf("no pod %s", name)
		}
		address = target.IP + ":" + port
	}
	service, port := st.Cluster.Find(c.To)
	if c.Proto == "" {
		if port == nil {
			return nil, fmt.Errorf("no service port %s: state a proto", c.To)
		}
		c.Proto = cluster.Protocol(*port)
	}
	if service != nil && service.Namespace != pod.Namespace { // there, the short name is nobody's
		address = fmt.Sprintf("%s.%s:%d", service.Name, service.Namespace, port.Port)
	}
	if c.Path == "" {
		c.Path = "/lab.Echo/Say"
	}
	st.mu.Lock()
	st.calls++
	id := fmt.Sprintf("call-%d", st.calls)
	st.mu.Unlock()
	args := []string{
		st.programs.Echo, "call", "-to", address, "-proto", c.Proto, "-path", c.Path, "-id", id,
		"-n", fmt.Sprint(c.Requests), "-workers", fmt.Sprint(max(c.Workers, 1)), "-rate", fmt.Sprint(c.Rate),
	}
	if c.Method != "" {
		args = append(args, "-method", c.Method)
	}
	if c.Timeout != "" {
		args = append(args, "-timeout", c.Timeout)
	}
	if c.Hold != "" {
		args = append(args, "-hold", c.Hold)
	}
	if c.Fresh {
		args = append(args, "-fresh")
	}
	if c.TLS {
		args = append(args, "-tls")
	}
	for k, v := range c.Headers {
		args = append(args, "-header", k+": "+v)
	}
	r := &Running{call: c, id: id, pod: pod, offsets: map[string]int64{}, out: filepath.Join(pod.Dir, id+".jsonl")}
	for _, q := range st.Cluster.Pods {
		for _, f := range []string{"envoy.log", "served.jsonl"} {
			path := filepath.Join(q.Dir, f)
			if info, err := os.Stat(path); err == nil {
				r.offsets[path] = info.Size()
			}
		}
	}
	var err error
	r.cmd, err = st.start(pod, id+".jsonl", args...)
	return r, err
}

// Wait waits until all requests have been answered. The error is the client's own, not an answer.
func (r *Running) Wait() error { return r.cmd.Wait() }

// Answered waits until a call has its first answer, 10 s at most, and says whether it has.
func (r *Running) Answered() bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if info, err := os.Stat(r.out); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

// Stop ends an endless call after the requests that are under way.
func (r *Running) Stop() error {
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return r.cmd.Wait()
}
