package analysis

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func allowed(t *testing.T, text string) (*Allowed, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "allowed.txt")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return ReadAllowed(file)
}

func TestAllows(t *testing.T) {
	list, err := allowed(t, `
# a comment
IST0133 | EnvoyFilter/*/* | Schema validation warning: EnvoyFilter exposes * | it says so of each
IST0103 | Pod/shop/legacy-* | * | is moved | next month
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		message Message
		want    bool
	}{
		{Message{Code: "IST0133", Origin: "EnvoyFilter istio-system/a.b", Text: "Schema validation warning: EnvoyFilter exposes internals"}, true},
		{Message{Code: "IST0133", Origin: "EnvoyFilter istio-system/a.b", Text: "Schema validation warning: unknown field"}, false},
		{Message{Code: "IST0133", Origin: "VirtualService shop/a", Text: "Schema validation warning: EnvoyFilter exposes internals"}, false},
		{Message{Code: "IST0134", Origin: "EnvoyFilter istio-system/a.b", Text: "Schema validation warning: EnvoyFilter exposes internals"}, false},
		{Message{Code: "IST0103", Origin: "Pod shop/legacy-api", Text: "anything,\nin two lines"}, true},
		{Message{Code: "IST0103", Origin: "Pod shop/api", Text: "anything"}, false},
		{Message{Code: "IST0103", Origin: "Pod shop/legacy-a/b", Text: "anything"}, false},
		{Message{Code: "IST0103", Origin: "Pod other/legacy-api", Text: "anything"}, false},
	} {
		if got := list.Allows(test.message); got != test.want {
			t.Errorf("%s: got %v", test.message, got)
		}
	}
}

func TestUnused(t *testing.T) {
	list, err := allowed(t, "IST0101 | A/*/* | * | why\nIST0102 | B/* | * | why\n")
	if err != nil {
		t.Fatal(err)
	}
	list.Allows(Message{Code: "IST0102", Origin: "B shop", Text: "x"})
	if unused := list.Unused(); len(unused) != 1 || !strings.HasSuffix(unused[0], "allowed.txt:1") {
		t.Errorf("got %v", unused)
	}
}

func TestAnEntryNeedsACodeAndAReason(t *testing.T) {
	for _, line := range []string{"IST0101 | A/*/* | *", "IST0101 | A/*/* | * |  ", "IST1 | A/*/* | * | why", "* | A/*/* | * | why"} {
		if _, err := allowed(t, line); err == nil || !strings.Contains(err.Error(), "allowed.txt:1: ") {
			t.Errorf("%q: got %v", line, err)
		}
	}
}

func TestTheListOfThisRepository(t *testing.T) {
	if _, err := ReadAllowed("../../analyze-allowed.txt"); err != nil {
		t.Error(err)
	}
}
