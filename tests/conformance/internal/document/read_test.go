package document

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, text string) ([]Document, []Problem) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	documents, problems, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return documents, problems
}

func TestWholeNumbersAreInt64(t *testing.T) {
	documents, problems := read(t, "whole: 9007199254740993\nfraction: 2.5\n")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	// A float64 would have lost the last digit.
	if got := documents[0].Object["whole"]; got != int64(9007199254740993) {
		t.Errorf("whole is %T %v", got, got)
	}
	if got := documents[0].Object["fraction"]; got != 2.5 {
		t.Errorf("fraction is %T %v", got, got)
	}
}

func TestDuplicateKeyIsRefusedAtItsLineAndTheRestIsRead(t *testing.T) {
	documents, problems := read(t, "kind: A\n---\nkind: B\nspec:\n  mode: x\n  mode: y\n---\nkind: C\n")
	if len(documents) != 2 || documents[0].Kind() != "A" || documents[1].Kind() != "C" {
		t.Errorf("got %+v", documents)
	}
	if len(problems) != 1 || problems[0].Line != 6 || !strings.Contains(problems[0].Message, `key "mode" already set`) {
		t.Errorf("got %+v", problems)
	}
}

func TestDocumentsKnowTheirLines(t *testing.T) {
	documents, _ := read(t, "# a licence\n\n---\n# only a comment\n---\n# first\nkind: A\n--- # second\nkind: B\nspec:\n  text: |\n    ---\n    indented\n")
	var lines []int
	for _, document := range documents {
		lines = append(lines, document.Line)
	}
	if !slices.Equal(lines, []int{7, 8}) {
		t.Errorf("got %v", lines)
	}
}

func TestDocumentThatIsNoObject(t *testing.T) {
	_, problems := read(t, "- a\n- b\n")
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "is not an object") {
		t.Errorf("got %+v", problems)
	}
}

func TestFilesSkipsKustomizations(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"b.yaml", "a.yaml", "kustomization.yaml", "mesh.lock.json"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Files(folder)
	if err != nil || len(files) != 2 || filepath.Base(files[0]) != "a.yaml" || filepath.Base(files[1]) != "b.yaml" {
		t.Errorf("got %v, %v", files, err)
	}
}
