package istiod

import (
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"

	"istio.io/istio/pilot/pkg/util/protoconv"
	"istio.io/istio/security/pkg/pki/util"
)

// Authority is a small CA. It signs as istiod's does, with Istio's own code.
type Authority struct{ cert, key []byte }

// NewAuthority makes a CA with a key of its own.
func NewAuthority() (*Authority, error) {
	cert, key, err := util.GenCertKeyFromOptions(util.CertOptions{
		Org: "conformance", NotBefore: time.Now().Add(-time.Hour), TTL: 24 * time.Hour,
		IsCA: true, IsSelfSigned: true, ECSigAlg: util.EcdsaSigAlg,
	})
	return &Authority{cert, key}, err
}

// Issue signs a certificate for a SPIFFE id or a DNS name. Both results are PEM.
func (a *Authority) Issue(host string) (cert, key []byte, err error) {
	signer, err := util.ParsePemEncodedCertificate(a.cert)
	if err != nil {
		return nil, nil, err
	}
	signerKey, err := util.ParsePemEncodedKey(a.key)
	if err != nil {
		return nil, nil, err
	}
	return util.GenCertKeyFromOptions(util.CertOptions{
		Host: host, NotBefore: time.Now().Add(-time.Hour), TTL: 12 * time.Hour,
		SignerCert: signer, SignerPriv: signerKey, IsClient: true, IsServer: true, ECSigAlg: util.EcdsaSigAlg,
	})
}

// ServeSDS hands one workload its key and the root on a socket, as pilot-agent does.
func (a *Authority) ServeSDS(socket, spiffeID string) error {
	cert, key, err := a.Issue(spiffeID)
	if err != nil {
		return err
	}
	ln, err := listen(socket)
	if err != nil {
		return err
	}
	g := grpc.NewServer()
	secret.RegisterSecretDiscoveryServiceServer(g, &sds{root: a.cert, cert: cert, key: key})
	go g.Serve(ln)
	return nil
}

type sds struct {
	secret.UnimplementedSecretDiscoveryServiceServer
	root, cert, key []byte
}

func (s *sds) StreamSecrets(stream secret.SecretDiscoveryService_StreamSecretsServer) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return nil
		}
		if req.ResponseNonce != "" { // an acknowledgement; nothing is ever rotated here
			continue
		}
		resp := &discovery.DiscoveryResponse{TypeUrl: req.TypeUrl, VersionInfo: "1", Nonce: "1"}
		for _, name := range req.ResourceNames {
			out := &tls.Secret{Name: name}
			if name == "ROOTCA" {
				out.Type = &tls.Secret_ValidationContext{ValidationContext: &tls.CertificateValidationContext{TrustedCa: inline(s.root)}}
			} else {
				out.Type = &tls.Secret_TlsCertificate{TlsCertificate: &tls.TlsCertificate{
					CertificateChain: inline(append(append([]byte(nil), s.cert...), s.root...)), PrivateKey: inline(s.key),
				}}
			}
			resp.Resources = append(resp.Resources, protoconv.MessageToAny(out))
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

func inline(b []byte) *core.DataSource {
	return &core.DataSource{Specifier: &core.DataSource_InlineBytes{InlineBytes: b}}
}
