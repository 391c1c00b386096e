package telemetry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"meshc/tests/conformance/traffic/internal/cluster"
)

// scrape is the time between two collections. In a cluster it is 15 s to 60 s; stages are as much longer there.
const scrape = 500 * time.Millisecond

// Prometheus is a running server that collects the counters of all proxies of a cluster.
type Prometheus struct {
	URL string

	cmd      *exec.Cmd
	ended    chan struct{}
	exporter *http.Server
	dir      string
}

// Start starts a server with this program, which collects from the access logs of the cluster's pods. Its own log goes
// to a file. Stop ends it.
func Start(program string, c *cluster.Cluster, log string) (*Prometheus, error) {
	dir, err := os.MkdirTemp("", "prometheus")
	if err != nil {
		return nil, err
	}
	p := &Prometheus{dir: dir, ended: make(chan struct{})}
	if err := p.start(program, c, log); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Prometheus) start(program string, c *cluster.Cluster, log string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	var targets []string
	for _, pod := range c.Pods {
		if pod.Meshed {
			mux.Handle("/"+pod.Name, &proxy{pod: pod, cluster: c, counts: newCounts()})
			targets = append(targets, fmt.Sprintf("  - {targets: [%q], labels: {__metrics_path__: /%s, pod: %s}}", listener.Addr(), pod.Name, pod.Name))
		}
	}
	p.exporter = &http.Server{Handler: mux}
	go p.exporter.Serve(listener)

	config := filepath.Join(p.dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: %v, scrape_timeout: %[1]v}\nscrape_configs:\n- job_name: proxies\n  static_configs:\n%s\n",
		scrape, strings.Join(targets, "\n"))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close()
	p.cmd = exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(p.dir, "data"), "--web.listen-address="+address)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	// A run that is killed leaves no server behind. The signal comes when the thread ends that started it, not the process.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		p.cmd = nil
		return err
	}
	p.URL = "http://" + address
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if resp, err := http.Get(p.URL + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("prometheus is not ready after 20 s; see %s", log)
}

// freeAddress is a port of this machine that nobody listens on now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// Stop ends the server and removes its data.
func (p *Prometheus) Stop() {
	if p.cmd != nil {
		p.cmd.Process.Kill()
		<-p.ended
	}
	if p.exporter != nil {
		p.exporter.Close()
	}
	os.RemoveAll(p.dir)
}

// proxy answers for one pod's proxy with what its access log says until now.
type proxy struct {
	pod     *cluster.Pod
	cluster *cluster.Cluster

	mu     sync.Mutex
	offset int64
	counts counts
}

func (x *proxy) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.read(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	io.WriteString(w, x.counts.text())
}

// read counts the lines that are new and whole.
func (x *proxy) read() error {
	f, err := os.Open(filepath.Join(x.pod.Dir, "envoy.log"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(x.offset, io.SeekStart); err != nil {
		return err
	}
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil // what is not whole yet is read again
		} else if err != nil {
			return err
		}
		x.offset += int64(len(line))
		x.counts.add(strings.TrimSuffix(line, "\n"), x.pod, x.cluster)
	}
}
