package admission

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshc/tests/conformance/internal/document"
)

const oldest, newest = "v1.24.2", "v1.31.4"

func load(t *testing.T, version string) *Definitions {
	t.Helper()
	loaded, err := Load(version)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// problems of one file, and whether it has an object at all.
func problems(t *testing.T, definitions *Definitions, file string) []string {
	t.Helper()
	documents, found, err := document.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(documents)+len(found) == 0 {
		t.Fatalf("%s has no object", file)
	}
	for _, doc := range documents {
		found = append(found, definitions.Admit(doc)...)
	}
	var texts []string
	for _, problem := range found {
		texts = append(texts, problem.String())
	}
	return texts
}

func files(t *testing.T, folder string) []string {
	t.Helper()
	files, err := document.Files(filepath.Join("testdata", folder))
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata in %s: %v", folder, err)
	}
	return files
}

func TestAccepted(t *testing.T) {
	for _, version := range []string{oldest, newest} {
		definitions := load(t, version)
		for _, file := range files(t, "accepted") {
			if found := problems(t, definitions, file); len(found) > 0 {
				t.Errorf("%s: %s", version, strings.Join(found, "\n"))
			}
		}
	}
}

// expectRefused wants exactly one problem, the one that the first line of the file states: a second problem would
// mean that the file is refused for another reason than the one it is about.
func expectRefused(t *testing.T, definitions *Definitions, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	want := strings.TrimPrefix(first, "# ")
	found := problems(t, definitions, file)
	if len(found) != 1 || !strings.Contains(found[0], want) {
		t.Errorf("want %q, got:\n%s", want, strings.Join(found, "\n"))
	}
}

func TestRefused(t *testing.T) {
	definitions := load(t, newest)
	for _, file := range files(t, "refused") {
		t.Run(filepath.Base(file), func(t *testing.T) { expectRefused(t, definitions, file) })
	}
}

func TestFieldThatIsNewer(t *testing.T) {
	before, after := load(t, oldest), load(t, newest)
	for _, file := range files(t, "refused-by-oldest") {
		expectRefused(t, before, file)
		if found := problems(t, after, file); len(found) > 0 {
			t.Errorf("%s: %s", newest, strings.Join(found, "\n"))
		}
	}
}

func TestCheckCountsAndFindsTwins(t *testing.T) {
	folder := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const object = "apiVersion: v1\nkind: Namespace\nmetadata: {name: boutique}\n"
	write("prod/kustomization.yaml", "resources: [a.yaml]\n")
	write("prod/a.yaml", object)
	write("prod/shop/kustomization.yaml", "resources: [b.yaml]\n")
	write("prod/shop/b.yaml", "# the same again\n"+object)
	write("rollback/x/a.yaml", object) // below no kustomization: an alternative
	write("prod/notes.txt", "not: [yaml")

	result, err := Check(load(t, newest), folder)
	if err != nil {
		t.Fatal(err)
	}
	if result.Objects != 3 || result.Admitted != 2 || len(result.Problems) != 1 {
		t.Fatalf("got %+v", result)
	}
	got := result.Problems[0].String()
	if want := filepath.Join(folder, "prod/shop/b.yaml") + ":2: Namespace/boutique: stands in "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q…", got, want)
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	if _, err := Load("testdata/accepted/namespace.yaml"); err == nil || !strings.Contains(err.Error(), "is no CustomResourceDefinition") {
		t.Errorf("got %v", err)
	}
}
