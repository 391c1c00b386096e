package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshc/tests/conformance/traffic/internal/play"
)

func TestPromises(t *testing.T) {
	row := func(says, environment string, problems ...string) play.Row {
		return play.Row{Subject: promise, Says: says, Environment: environment, Problems: problems}
	}
	table, err := Promises([]play.Row{
		row("weights", "prod"), row("edges", "prod"), row("edges", "prod"), row("limits", "prod", "measured 2, expected 1"),
		row("weights", "prod, by hand: kept"), row("edges", "prod, by hand: broken"), row("limits", "prod, by hand: broken"),
		{Subject: "retry", Says: "something else", Environment: "prod"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| weights | kept | kept |\n", "| edges | broken | kept |\n", "| limits | broken | broken |\n", "**1 of 3** | **2 of 3**"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in\n%s", want, table)
		}
	}
	if _, err := Promises(nil); err == nil {
		t.Error("a table of nothing")
	}
	file := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(file, []byte("# a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if CheckPromises(file, table, true) == nil {
		t.Error("a file without a place for the table was accepted")
	}
	if err := os.WriteFile(file, []byte("# a\n\n"+promisesBegin+promisesEnd+"\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if CheckPromises(file, table, false) == nil {
		t.Error("a table that is missing was accepted")
	}
	if err := CheckPromises(file, table, true); err != nil {
		t.Fatal(err)
	}
	if err := CheckPromises(file, table, false); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(file); !strings.HasPrefix(string(text), "# a\n\n") || !strings.HasSuffix(string(text), "\nb\n") {
		t.Errorf("what stands around was changed: %s", text)
	}
}
