package plane

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// process is a program that runs until it is stopped.
type process struct {
	name, log string
	cmd       *exec.Cmd
	done      chan struct{} // closed when it has ended
	err       error         // how it ended
}

// run starts a program; what it prints goes to NAME.log.
func (p *Plane) run(name string, env []string, program string, args ...string) error {
	proc := &process{name: name, log: filepath.Join(p.dir, name+".log"), done: make(chan struct{})}
	log, err := os.Create(proc.log)
	if err != nil {
		return err
	}
	defer log.Close()
	proc.cmd = exec.Command(program, args...)
	proc.cmd.Env = append(os.Environ(), env...)
	proc.cmd.Stdout, proc.cmd.Stderr = log, log
	// A run that is killed leaves nothing behind.
	proc.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the signal comes when the thread ends that started the program, not the process
		err := proc.cmd.Start()
		started <- err
		if err == nil {
			proc.err = proc.cmd.Wait()
			close(proc.done)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p.procs = append(p.procs, proc)
	return nil
}

func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %v; see %s", p.name, p.err, p.log)
	default:
		return nil
	}
}

// stop asks the program to end, and kills it after 3 s.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(3 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// freePorts gives ports of loopback that nobody listens on now.
func freePorts(n int) (ports []int, err error) {
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close() // all at the end, so that no port comes twice
		ports = append(ports, ln.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
