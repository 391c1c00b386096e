package istiod

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	xdsserver "istio.io/istio/pilot/pkg/xds"
)

// Settle waits until this many proxies have acknowledged all that they were sent. It returns what they refused (NACKs).
// The error says that they did not get there within 30 s.
func (s *Server) Settle(proxies int) (refused []string, err error) {
	deadline, quiet := time.Now().Add(30*time.Second), 0
	for time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		var pending bool
		if refused, pending = s.pending(proxies); pending {
			quiet = 0
		} else if quiet++; quiet == 4 { // longer than the debounce
			return refused, nil
		}
	}
	return refused, errors.New("proxies not in sync after 30 s")
}

func (s *Server) pending(proxies int) (refused []string, pending bool) {
	d := s.discovery
	status := s.status()
	pending = len(status) < proxies || d.CommittedUpdates.Load() < d.InboundUpdates.Load()
	for _, p := range status {
		for typ, r := range p.Resources {
			if r.Sent == r.Acked {
				continue
			}
			if r.LastError != "" {
				refused = append(refused, fmt.Sprintf("%s: %s: %s", p.ProxyID, typ[strings.LastIndex(typ, ".")+1:], r.LastError))
			} else {
				pending = true
			}
		}
	}
	return refused, pending
}

func (s *Server) status() []xdsserver.SyncStatus {
	w := httptest.NewRecorder()
	s.discovery.Syncz(w, httptest.NewRequest("GET", "/debug/syncz", nil))
	var out []xdsserver.SyncStatus
	if json.Unmarshal(w.Body.Bytes(), &out) != nil {
		return nil // as if no proxy had connected: waiting goes on
	}
	return out
}
