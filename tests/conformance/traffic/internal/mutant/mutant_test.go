package mutant

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"meshc/tests/conformance/traffic/internal/render"
)

const route = `
kind: VirtualService
metadata: {name: web, labels: {a: b}}
spec:
  http:
  - retries: {attempts: 0}
    timeout: 2s
  - timeout: 3s
`

func objects(t *testing.T) []render.Object {
	t.Helper()
	o := render.Object{File: "shop/web/virtual-service.yaml"}
	if err := yaml.Unmarshal([]byte(route), &o.Body); err != nil {
		t.Fatal(err)
	}
	return []render.Object{o}
}

func TestAllNamesEveryLineOnce(t *testing.T) {
	var got []string
	for _, m := range All(objects(t)) {
		got = append(got, m.Where())
	}
	want := []string{"", "spec.http", "spec.http[]", "spec.http[].retries", "spec.http[].retries.attempts", "spec.http[].timeout"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

// Each deletion removes what it names, changes nothing else, and leaves its argument alone.
func TestApply(t *testing.T) {
	before := objects(t)
	whole, err := render.Text(before)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{whole: true}
	for _, m := range All(before) {
		text, err := render.Text(m.Apply(before))
		if err != nil {
			t.Fatal(err)
		}
		if seen[text] {
			t.Errorf("%v changed nothing, or the same as another", m)
		}
		seen[text] = true
		if again, _ := render.Text(before); again != whole {
			t.Fatalf("%v changed its argument", m)
		}
	}
	if other := (Mutant{Scope: "*/virtual-service"}).Apply(before); len(other) != 1 {
		t.Error("a deletion reached objects of another scope")
	}
}

// A backend that forgets a line forgets it everywhere; of a list it forgets the last item.
func TestApplyReachesAllOfAScope(t *testing.T) {
	first, second := objects(t)[0], objects(t)[0]
	second.File = "shop/api/virtual-service.yaml"
	forgets := func(path ...string) string {
		text, err := render.Text(Mutant{Scope: "*/*/virtual-service", Path: path}.Apply([]render.Object{first, second}))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if text := forgets("spec", "http", "[]", "timeout"); strings.Contains(text, "timeout") {
		t.Errorf("a timeout is left: %s", text)
	}
	if text := forgets("spec", "http", "[]"); strings.Count(text, "timeout: 2s") != 2 || strings.Contains(text, "timeout: 3s") {
		t.Errorf("not the last of each list is gone: %s", text)
	}
}

func TestSample(t *testing.T) {
	all := All(objects(t))
	a, b := Sample(all, 3, 1), Sample(all, 3, 1)
	if len(a) != 3 || a[0].Where() != b[0].Where() || a[2].Where() != b[2].Where() {
		t.Errorf("not the same for the same seed: %v, %v", a, b)
	}
	if len(Sample(all, 100, 1)) != len(all) {
		t.Error("more than there are")
	}
}

func TestHarmless(t *testing.T) {
	file := filepath.Join(t.TempDir(), "harmless.txt")
	if err := os.WriteFile(file, []byte("# why\n*/*/virtual-service spec.http[].timeout | none\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	list, err := ReadHarmless(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range All(objects(t)) {
		if got, want := list.Reason(m) != "", len(m.Path) > 0 && m.Path[len(m.Path)-1] == "timeout"; got != want {
			t.Errorf("%v: harmless is %v", m, got)
		}
	}
	if err := os.WriteFile(file, []byte("*/*/virtual-service spec\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHarmless(file); err == nil {
		t.Error("a line without a reason was accepted")
	}
}
