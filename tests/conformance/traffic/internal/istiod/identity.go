package istiod

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"istio.io/istio/pkg/security"
)

// In a cluster istiod knows a proxy by its service account token. Here it knows it by the socket: each pod has its own.

type identityKey struct{}

// identified serves the streams of one socket under an identity.
func (s *Server) identified(spiffeID string) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx := context.WithValue(stream.Context(), identityKey{}, spiffeID)
		return handler(srv, &identifiedStream{stream, ctx, spiffeID, &s.exchanges})
	}
}

type identifiedStream struct {
	grpc.ServerStream
	ctx       context.Context
	spiffeID  string
	exchanges *exchanges
}

func (s *identifiedStream) Context() context.Context { return s.ctx }

// bySocket is the authenticator that believes `identified`.
type bySocket struct{}

func (bySocket) AuthenticatorType() string { return "socket" }

func (bySocket) Authenticate(ctx security.AuthContext) (*security.Caller, error) {
	id, ok := ctx.GrpcContext.Value(identityKey{}).(string)
	if !ok {
		return nil, errors.New("a stream that came through no pod's socket")
	}
	return &security.Caller{AuthSource: security.AuthSourceClientCertificate, Identities: []string{id}}, nil
}
