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

func TestPageTellsTheWayOfEachRelease(t *testing.T) {
	commits := []play.Commit{
		{Subject: "publish(local): shop", Says: []string{"shop/web: v1 100 %, v2 new at 0 %"}},
		{Subject: "promote(local): 2 releases", Says: []string{"shop/web v2 0 % -> 20 %", "shop/cart 7.4 0 % -> 50 %"}},
		{Subject: "abort(local): shop/web v2 20 % -> 0 %, held", Says: []string{"shop/web v2 20 % -> 0 %, held"}},
		{Subject: "promote(local): shop/cart 7.4 finished", Says: []string{"shop/cart 7.4 finished"}},
	}
	var out strings.Builder
	section(&out, proof.Subject{Form: "abort"}, []play.Row{{Says: "by itself", Commits: commits}, {Says: "without commits"}})
	for _, want := range []string{"| by itself | shop/cart | 0 % -> 50 %; finished |\n", "| by itself | shop/web | 0 % -> 20 %; 20 % -> 0 %, held |\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "| release |"); n != 1 {
		t.Errorf("%d tables of releases, not 1", n)
	}
}
