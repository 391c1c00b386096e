package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func repository(url string) *unstructured.Unstructured {
	o := object(GitRepository, "flux-system", "shop", map[string]any{})
	o.SetGeneration(3)
	unstructured.SetNestedField(o.Object, url, "spec", "url")
	unstructured.SetNestedField(o.Object, "main", "spec", "ref", "branch")
	return o
}

func TestFetch(t *testing.T) {
	from := t.TempDir()
	run := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", from, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...).Output()
		if err != nil {
			t.Fatal(args, err)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "--quiet", "--initial-branch", "main")
	if err := os.WriteFile(filepath.Join(from, "web.yaml"), []byte("kind: Web\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run("add", "web.yaml")
	run("commit", "--quiet", "-m", "web")
	c := &Controller{URL: "http://127.0.0.1:1", dir: t.TempDir(), times: map[string]Times{}}
	o := repository("file://" + from)
	artifact, commit, err := c.fetch(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := "main@sha1:" + run("rev-parse", "main"); artifact["revision"] != want || !strings.HasSuffix(want, commit) {
		t.Errorf("revision %v of %s, not %s", artifact["revision"], commit, want)
	}
	archive, err := os.ReadFile(filepath.Join(c.dir, artifact["path"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(archive); artifact["digest"] != "sha256:"+hex.EncodeToString(sum[:]) || artifact["size"] != int64(len(archive)) {
		t.Errorf("%v is not of the archive", artifact)
	}
	if names := entries(t, archive); !reflect.DeepEqual(names, []string{"web.yaml"}) {
		t.Errorf("the archive has %v", names)
	}
	artifact["lastUpdateTime"] = "2026-01-01T00:00:00Z"
	unstructured.SetNestedMap(o.Object, artifact, "status", "artifact")
	again, _, err := c.fetch(context.Background(), o)
	if err != nil || !reflect.DeepEqual(again, artifact) {
		t.Errorf("the same commit is another artifact: %v, %v", again, err)
	}
}

func TestFetchOfNothing(t *testing.T) {
	c := &Controller{dir: t.TempDir()}
	if _, _, err := c.fetch(context.Background(), repository("file:///nowhere")); err == nil {
		t.Error("no error")
	}
}

func TestStatus(t *testing.T) {
	o := repository("file:///nowhere")
	o.SetAnnotations(map[string]string{requested: "now"})
	old := map[string]any{"revision": "main@sha1:abc"}
	unstructured.SetNestedMap(o.Object, old, "status", "artifact")
	failed := status(o, nil, "False", "GitOperationFailed", "no network")
	if kept, _, _ := unstructured.NestedMap(failed.Object, "status", "artifact"); !reflect.DeepEqual(kept, old) {
		t.Errorf("a failure leaves %v, not the last artifact", kept)
	}
	if at, _, _ := unstructured.NestedString(failed.Object, "status", "lastHandledReconcileAt"); at != "now" {
		t.Errorf("the request of %q was handled", at)
	}
	if generation, _, _ := unstructured.NestedInt64(failed.Object, "status", "observedGeneration"); generation != 3 {
		t.Errorf("generation %d", generation)
	}
}

func entries(t *testing.T, archive []byte) (names []string) {
	t.Helper()
	plain, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(plain); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return names
		} else if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			names = append(names, header.Name)
		}
	}
}
