package istiod

import (
	"sync"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	v3 "istio.io/istio/pilot/pkg/xds/v3"
)

// Exchange is one sending of routes to a proxy.
type Exchange struct {
	SpiffeID string
	Sent     time.Time
	Acked    time.Time // zero as long as the proxy has not said that it took them
}

// exchanges are all sendings of routes, in order.
type exchanges struct {
	mu  sync.Mutex
	all []exchange
}

type exchange struct {
	Exchange
	nonce string
}

// Routes gives the first sending of routes to a proxy since a point in time; false when there was none yet.
func (s *Server) Routes(spiffeID string, since time.Time) (Exchange, bool) {
	s.exchanges.mu.Lock()
	defer s.exchanges.mu.Unlock()
	for _, e := range s.exchanges.all {
		if e.SpiffeID == spiffeID && !e.Sent.Before(since) {
			return e.Exchange, true
		}
	}
	return Exchange{}, false
}

// SendMsg notes when routes are sent.
func (s *identifiedStream) SendMsg(message any) error {
	if response, ok := message.(*discovery.DeltaDiscoveryResponse); ok && response.TypeUrl == v3.RouteType {
		s.exchanges.mu.Lock()
		s.exchanges.all = append(s.exchanges.all, exchange{Exchange{SpiffeID: s.spiffeID, Sent: time.Now()}, response.Nonce})
		s.exchanges.mu.Unlock()
	}
	return s.ServerStream.SendMsg(message)
}

// RecvMsg notes when they are acknowledged.
func (s *identifiedStream) RecvMsg(message any) error {
	err := s.ServerStream.RecvMsg(message)
	request, ok := message.(*discovery.DeltaDiscoveryRequest)
	if err != nil || !ok || request.TypeUrl != v3.RouteType || request.ResponseNonce == "" || request.ErrorDetail != nil {
		return err
	}
	s.exchanges.mu.Lock()
	defer s.exchanges.mu.Unlock()
	for i := range s.exchanges.all {
		if e := &s.exchanges.all[i]; e.nonce == request.ResponseNonce && e.Acked.IsZero() {
			e.Acked = time.Now()
		}
	}
	return nil
}
