package plane

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// credentials writes the key that signs tokens of service accounts, and the file of tokens that the API server believes.
func (p *Plane) credentials() (key, tokens string, err error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", "", err
	}
	key, tokens = filepath.Join(p.dir, "service-accounts.key"), filepath.Join(p.dir, "tokens.csv")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	if err := os.WriteFile(key, text, 0o600); err != nil {
		return "", "", err
	}
	return key, tokens, os.WriteFile(tokens, []byte(token+",administrator,administrator,system:masters\n"), 0o600)
}

func (p *Plane) writeKubeconfig(server string) error {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: conformance
contexts:
- {name: conformance, context: {cluster: conformance, user: administrator}}
clusters:
- {name: conformance, cluster: {server: %q, insecure-skip-tls-verify: true}}
users:
- {name: administrator, user: {token: %s}}
`, server, token)
	return os.WriteFile(p.Kubeconfig, []byte(text), 0o600)
}
