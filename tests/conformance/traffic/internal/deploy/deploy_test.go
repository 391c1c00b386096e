package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPlanSaysWhatIsCut(t *testing.T) {
	folder, cuts, stages, err := read([]byte(`{"environments": [{"folder": "prod", "changes": [
		{"kind": "cost", "subject": "shop/web", "text": "cuts streams older than 45 s on its pod"},
		{"kind": "cost", "subject": "shop/cart", "text": "forgets which pods are ejected: a broken one has to fail anew"},
		{"kind": "cost", "subject": "shop/store", "text": "cuts streams older than 45 s that its callers hold open, as each stage of the release will"},
		{"kind": "other", "subject": "shop/api", "text": "cuts streams"},
		{"kind": "cost", "subject": "ingress", "text": "cuts streams older than 45 s of the whole gateway"}]}]}`))
	if err != nil || folder != "prod" || !slices.Equal(cuts, []string{"shop/web", "shop/store", "ingress"}) || !slices.Equal(stages, []string{"shop/store"}) {
		t.Errorf("got %q, %q, %q, %v", folder, cuts, stages, err)
	}
	if _, _, _, err := read([]byte("no JSON")); err == nil {
		t.Error("what is no plan was read")
	}
}

func TestBuildFollowsKustomizations(t *testing.T) {
	files := map[string][]byte{
		"prod/kustomization.yaml":            []byte("resources: [shop]"),
		"prod/shop/kustomization.yaml":       []byte("resources: [peer-authentication.yaml, web/virtual-service.yaml]"),
		"prod/shop/peer-authentication.yaml": []byte("kind: PeerAuthentication"),
		"prod/shop/web/virtual-service.yaml": []byte("kind: VirtualService"),
		"prod/shop/not-listed.yaml":          []byte("kind: Gateway"),
	}
	objects, err := build(files, "prod")
	if err != nil || len(objects) != 2 || objects[1].Body["kind"] != "VirtualService" || objects[1].File != "prod/shop/web/virtual-service.yaml" {
		t.Errorf("got %v, %v", objects, err)
	}
	delete(files, "prod/shop/web/virtual-service.yaml")
	if _, err := build(files, "prod"); err == nil || !strings.Contains(err.Error(), "prod/shop/web/virtual-service.yaml") {
		t.Errorf("a missing file gave %v", err)
	}
}

func TestProjectIsCopiedWithoutItsRepository(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "project")
	for _, file := range []string{"shop.mesh", "environments/prod.mesh", ".meshc/deploy.git/HEAD"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(from, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, file), []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open("meshc", from, "prod", to)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(map[string]string{"shop.mesh": "", "before.mesh": "x"}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]bool{"environments/prod.mesh": true, "before.mesh": true, "shop.mesh": false, ".meshc": false} {
		if _, err := os.Stat(filepath.Join(to, file)); (err == nil) != want {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := r.Write(map[string]string{"../outside": "x"}); err == nil {
		t.Error("a file outside of the project was written")
	}
	if list, err := r.Commits(""); err != nil || len(list) != 0 {
		t.Errorf("before the first publish: %v, %v", list, err)
	}
}

func TestCommitHasTheLinesOfItsList(t *testing.T) {
	c := commit("1", "promote(local): 2 releases\n\n- shop/web v2 0 % -> 20 %\n  requests 412: passes\n- shop/cart v2 finished\n\nMesh-Env: local\n")
	if c.Subject != "promote(local): 2 releases" || !slices.Equal(c.Says, []string{"shop/web v2 0 % -> 20 %", "shop/cart v2 finished"}) {
		t.Errorf("got %+v", c)
	}
}
