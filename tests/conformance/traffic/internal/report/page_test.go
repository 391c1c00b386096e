package report

import (
	"path/filepath"
	"strings"
	"testing"

	"meshc/tests/conformance/traffic/internal/play"
	"meshc/tests/conformance/traffic/internal/proof"
)

func TestPage(t *testing.T) {
	r := &Results{Istio: "v1", Envoy: "2", Rows: []play.Row{
		{Subject: "retry", Declaration: "shop.mesh:7 `on a|b`", Says: "three tries", Scenario: "Retries", Environment: "dev"},
		{Subject: "retry", Declaration: "shop.mesh:7 `on a|b`", Says: "three tries", Scenario: "Retries", Environment: "prod"},
	}}
	subjects := []proof.Subject{{Name: "retry", Form: "retry 2"}, {Name: "raw", Form: "raw FILE", Unproved: "not ours"}}
	page, err := r.Page(subjects)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"### `retry 2`", "| shop.mesh `on a\\|b` | three tries | Retries | dev; prod |", "| `raw FILE` | not ours |"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	for what, bad := range map[string][]proof.Subject{
		"a subject without proof or reason": {{Name: "retry"}, {Name: "raw"}},
		"a subject with proof and reason":   {{Name: "retry", Unproved: "lazy"}},
		"a proof of what is no subject":     {{Name: "raw", Unproved: "not ours"}},
	} {
		if _, err := r.Page(bad); err == nil {
			t.Errorf("accepted: %s", what)
		}
	}
	file := filepath.Join(t.TempDir(), "page.md")
	if CheckPage(file, page, false) == nil {
		t.Error("a page that is missing was accepted")
	}
	if err := CheckPage(file, page, true); err != nil {
		t.Fatal(err)
	}
	if err := CheckPage(file, page, false); err != nil {
		t.Error(err)
	}
}
