package gitserver

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestPushesAreSignedAndTold(t *testing.T) {
	folder := t.TempDir()
	server, err := Start(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	url, err := server.Create(folder, "deploy.git")
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan bool, 9)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- r.Header.Get("X-Signature") == Sign(body, "secret")
	}))
	defer hook.Close()
	work := filepath.Join(t.TempDir(), "work")
	git(t, ".", "clone", "--quiet", url, work)
	commit(t, work, "one")
	git(t, work, "push", "--quiet", "origin", "HEAD:main")
	server.Tell(&Webhook{URL: hook.URL, Token: "secret"})
	commit(t, work, "two")
	git(t, work, "push", "--quiet", "origin", "HEAD:main")
	select {
	case signed := <-told:
		if !signed {
			t.Error("the signature is not made of body and token")
		}
	case <-time.After(5 * time.Second):
		t.Error("the webhook was not told")
	}
	if n := len(server.Pushes()); n != 2 {
		t.Errorf("%d pushes, not 2", n)
	}
	if err := server.Failure(); err != nil {
		t.Error(err)
	}
}

func TestWebhookThatRefuses(t *testing.T) {
	hook := httptest.NewServer(http.NotFoundHandler())
	defer hook.Close()
	server := &Server{hook: &Webhook{URL: hook.URL}}
	server.pushed(time.Now())
	if server.Failure() == nil {
		t.Error("nobody says that the webhook was refused")
	}
}

func TestSign(t *testing.T) {
	// openssl dgst -sha256 -hmac secret <<<"hello" without the newline
	const want = "sha256=88aab3ede8d3adf94d26ab90d3bafd4a2083070c3bcce9c014ee04a443847c0b"
	if got := Sign([]byte("hello"), "secret"); got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

func commit(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "file")
	git(t, dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", text)
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
}
