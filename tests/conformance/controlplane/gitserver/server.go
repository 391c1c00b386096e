// Package gitserver serves bare repositories over HTTP with git's own server program, and tells webhooks of pushes, as
// hosts of git repositories do.
package gitserver

import (
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Server serves the repositories of one folder on loopback. Anybody may push.
type Server struct {
	URL string // of the folder, without a slash at its end

	mu      sync.Mutex
	hook    *Webhook
	pushes  []time.Time
	failure error // of the webhook, the first one
	ln      net.Listener
}

// Start serves a folder with git http-backend.
func Start(folder string) (*Server, error) {
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("git --exec-path: %w", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + ln.Addr().String(), ln: ln}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + folder, "GIT_HTTP_EXPORT_ALL=1"},
	}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend.ServeHTTP(w, r)
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			go s.pushed(time.Now())
		}
	}))
	return s, nil
}

// Create makes an empty bare repository that takes pushes, with a branch main, and gives its URL.
func (s *Server) Create(folder, name string) (string, error) {
	dir := filepath.Join(folder, name)
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--initial-branch", "main", dir},
		{"-C", dir, "config", "http.receivepack", "true"},
	} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return s.URL + "/" + name, nil
}

// Tell makes the server tell a webhook of each push from now on; nil ends that.
func (s *Server) Tell(hook *Webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// Pushes are the times at which a push had been answered.
func (s *Server) Pushes() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.pushes...)
}

// Failure is what the first webhook said that did not take what it was told, or nil.
func (s *Server) Failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Stop ends the server.
func (s *Server) Stop() { s.ln.Close() }

func (s *Server) pushed(at time.Time) {
	s.mu.Lock()
	s.pushes = append(s.pushes, at)
	hook := s.hook
	s.mu.Unlock()
	if hook == nil {
		return
	}
	if err := hook.send(); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.failure == nil {
			s.failure = err
		}
	}
}
