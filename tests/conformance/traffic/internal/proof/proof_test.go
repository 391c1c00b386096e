package proof

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	measured := map[string]float64{"total": 1000, "code/200": 7, "version/v2": 70}
	for _, c := range []struct {
		name, expect string
		problem      string
	}{
		{"code/200", "7", ""},
		{"code/200", "8", "code/200: measured 7, expected 8"},
		{"code/200", "3..7", ""},
		{"code/200", "8..9", "code/200: measured 7, expected 8..9"},
		{"code/200", ">=7", ""},
		{"code/200", ">=7.5", "code/200: measured 7, expected >=7.5"},
		{"code/200", "<=6", "code/200: measured 7, expected <=6"},
		{"code/503", "0", ""},
		{"code/503", "1", "code/503: measured 0, expected 1"},
		{"version/v2", "~5%", ""},
		{"version/v2", "~20%", "version/v2: measured 70, expected ~20% (143..257)"},
	} {
		got := strings.Join(Expectations{c.name: c.expect}.Judge(measured), "; ")
		if got != c.problem {
			t.Errorf("%s %s: got %q, want %q", c.name, c.expect, got, c.problem)
		}
	}
}

func TestExpectationsThatAllowNothingAreRefused(t *testing.T) {
	for _, text := range []string{"", "many", "7..3", "=> 3", "5%", "~"} {
		if (Expectations{"total": text}).Check() == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// A weight of a stage must be told from the next stage's by the number of requests that proofs send.
func TestShareTellsStagesApart(t *testing.T) {
	stages := []float64{0, 0.05, 0.2, 0.5, 0.8, 1}
	for i := 1; i < len(stages); i++ {
		_, high := Share(stages[i-1], 1000)
		low, _ := Share(stages[i], 1000)
		if high >= low {
			t.Errorf("%g and %g overlap: %g and %g", stages[i-1], stages[i], high, low)
		}
	}
	if low, high := Share(0, 1000); low != 0 || high != 0 {
		t.Errorf("a share of nothing allows %g..%g", low, high)
	}
	if low, high := Share(1, 1000); low != 1000 || high != 1000 {
		t.Errorf("a share of all allows %g..%g", low, high)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "shop.mesh", `# service web in a comment
mesh shop { mtls strict }

service web {
  retry   2 {   # twice
    on connect-failure
  }
  allow api to GET /x
  allow api
}
service webhooks {
  timeout 1s
}
`)
	write(t, dir, "environments/prod.mesh", "environment prod {\n  service web {\n    timeout 9s\n  }\n}\n")
	for path, want := range map[string]string{
		"service web > retry 2":                       "shop.mesh:5 `retry 2 {`",
		"service web > retry 2 > on connect-failure":  "shop.mesh:6 `on connect-failure`",
		"shop.mesh > service webhooks > timeout 1s":   "shop.mesh:12 `timeout 1s`",
		"environment prod > service web > timeout 9s": "environments/prod.mesh:3 `timeout 9s`",
		"environments/prod.mesh > environment prod":   "environments/prod.mesh:1 `environment prod {`",
		"mesh shop":                         "shop.mesh:2 `mesh shop { mtls strict }`",
		"service web > allow api to GET /x": "shop.mesh:8 `allow api to GET /x`",
	} {
		got, err := Find(dir, path)
		if err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v; want %s", path, got, err, want)
		}
	}
	for _, path := range []string{"service web > timeout 9s", "service we", "service web > allow api", "service web > retry 20", "none.mesh > mesh"} {
		if got, err := Find(dir, path); err == nil {
			t.Errorf("%s: found %v", path, got)
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestParse(t *testing.T) {
	const good = `
title: t
namespace: shop
runs:
- environment: local
- {environment: prod, namespace: other, trustDomain: prod.example.com}
proofs:
- {declares: "service web > timeout 1s", subject: timeout, call: {from: a, to: "b:1"}, expect: {total: "1"}}
`
	s, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	local, prod := s.Runs[0], s.Runs[1]
	if local.Namespace != "shop" || local.TrustDomain != "cluster.local" || prod.Namespace != "other" || prod.TrustDomain != "prod.example.com" {
		t.Errorf("inherited wrongly: %+v", s.Runs)
	}
	if len(local.Proofs) != 1 || len(prod.Proofs) != 1 {
		t.Errorf("each run has the common proof: %+v", s.Runs)
	}
	for what, change := range map[string][2]string{
		"unknown field":    {"title: t", "titel: t"},
		"no environment":   {"environment: local", "namespace: x"},
		"no declaration":   {`declares: "service web > timeout 1s", `, ""},
		"no subject":       {"subject: timeout, ", ""},
		"nothing sent":     {`call: {from: a, to: "b:1"}, `, ""},
		"nothing expected": {`, expect: {total: "1"}`, ""},
		"bad expectation":  {`total: "1"`, `total: "one"`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("%s: the text did not change", what)
		}
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

func TestStepsThatMeanNothingAreRefused(t *testing.T) {
	const good = `
title: t
loads: {http: {from: a, to: "b:1"}}
runs: [{environment: local}]
proofs:
- declares: service web > version v1 -> v2
  subject: transition
  steps:
  - sources: {before.mesh: x}
  - begin: [http]
  - {meshc: publish, repeat: true, sync: {order: worst, pause: 10ms, skip: [1]}}
  - {meshc: promote web, within: 5s}
  - {end: true, expect: {failed: "0"}}
`
	s, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if steps := s.Runs[0].Proofs[0].Steps; steps[2].Text() != "meshc publish and sync, worst, pauses of 10ms, without commits [1]" {
		t.Errorf("got %q", steps[2].Text())
	}
	for what, change := range map[string][2]string{
		"a load that is not there":   {"begin: [http]", "begin: [grpc]"},
		"an order that is not there": {"order: worst", "order: wrost"},
		"a pause without a unit":     {"pause: 10ms", "pause: 10"},
		"repeat without sync":        {", sync: {order: worst, pause: 10ms, skip: [1]}", ""},
		"within and repeat":          {"repeat: true", "repeat: true, within: 5s"},
		"within without a unit":      {"within: 5s", "within: 5"},
		"two things at once":         {"begin: [http]", "{begin: [http], wait: 1s}"},
		"nothing":                    {"begin: [http]", "{}"},
		"a state beside commits":     {"subject: transition", "state: {shop/web: {stable: v1}}\n  subject: transition"},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("%s: the text did not change", what)
		}
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	replay := strings.Replace(good, "subject: transition", "replay: true\n  subject: transition", 1)
	if _, err := Parse([]byte(replay)); err != nil {
		t.Errorf("a replay was refused: %v", err)
	}
}
