package report

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"meshc/tests/conformance/traffic/internal/play"
	"meshc/tests/conformance/traffic/internal/proof"
)

// Page writes for people what these results prove, and what they do not. It holds nothing that differs from one run to
// the next. The error says which proofs and subjects do not fit together.
func (r *Results) Page(subjects []proof.Subject) (string, error) {
	proved := map[string][]play.Row{}
	for _, row := range r.Rows {
		proved[row.Subject] = append(proved[row.Subject], row)
	}
	var open []proof.Subject
	var out strings.Builder
	fmt.Fprintf(&out, pageHead, r.Istio, r.Envoy, len(r.Rows))
	for _, s := range subjects {
		rows := proved[s.Name]
		delete(proved, s.Name)
		switch {
		case len(rows) == 0 && s.Unproved == "":
			return "", fmt.Errorf("subjects.yaml: %s has neither a proof nor a reason for having none", s.Name)
		case len(rows) > 0 && s.Unproved != "":
			return "", fmt.Errorf("subjects.yaml: %s has proofs, and a reason for having none", s.Name)
		case len(rows) == 0:
			open = append(open, s)
		default:
			section(&out, s, rows)
		}
	}
	for name, rows := range proved {
		return "", fmt.Errorf("subjects.yaml: no %s, which a proof of %q names", name, rows[0].Scenario)
	}
	out.WriteString(pageOpen)
	for _, s := range open {
		fmt.Fprintf(&out, "| %s | %s |\n", form(s), s.Unproved)
	}
	out.WriteString(pageLimits)
	return out.String(), nil
}

func form(s proof.Subject) string {
	if s.Plain {
		return s.Form
	}
	return "`" + s.Form + "`"
}

// lineNumber is left out: a comment somewhere above must not make the page untrue.
var lineNumber = regexp.MustCompile(`:\d+ `)

// section writes each different proof of a subject once, with the environments in which it was played.
func section(out *strings.Builder, s proof.Subject, rows []play.Row) {
	fmt.Fprintf(out, "\n### %s\n\n| declaration | what was seen | scenario | environments |\n|---|---|---|---|\n", form(s))
	type line struct{ declaration, says, scenario string }
	var order []line
	environments := map[line][]string{}
	for _, row := range rows {
		l := line{lineNumber.ReplaceAllString(row.Declaration, " "), row.Says, row.Scenario}
		if environments[l] == nil {
			order = append(order, l)
		}
		if !slices.Contains(environments[l], row.Environment) {
			environments[l] = append(environments[l], row.Environment)
		}
	}
	cell := strings.NewReplacer("|", `\|`)
	for _, l := range order {
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", cell.Replace(l.declaration), cell.Replace(l.says), l.scenario, strings.Join(environments[l], "; "))
	}
	releases(out, rows)
}

// move is what a commit of a promote or an abort says of one release: "shop/web v2 5 % -> 20 %".
var move = regexp.MustCompile(`^(\S+) \S+ (\d+ % -> \d+ %(?:, held)?|finished)$`)

// releases writes the way of each release, from the commits that moved it. Releases that are due at the same time share
// commits, which is chance, so each has a line of its own.
func releases(out *strings.Builder, rows []play.Row) {
	head := "\nThe commits that `meshc` made:\n\n| what was seen | release | its commits |\n|---|---|---|\n"
	for _, row := range rows {
		way := map[string][]string{}
		for _, commit := range row.Commits {
			for _, says := range commit.Says {
				if m := move.FindStringSubmatch(says); m != nil {
					way[m[1]] = append(way[m[1]], m[2])
				}
			}
		}
		for _, release := range slices.Sorted(maps.Keys(way)) {
			fmt.Fprintf(out, "%s| %s | %s | %s |\n", head, row.Says, release, strings.Join(way[release], "; "))
			head = ""
		}
	}
}

// CheckPage compares a page with a file, or writes it there.
func CheckPage(file, page string, write bool) error {
	if write {
		return os.WriteFile(file, []byte(page), 0o644)
	}
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if string(old) != page {
		return fmt.Errorf("%s does not say what was proved: UPDATE_PAGE=1 make conformance writes it", file)
	}
	return nil
}

const pageHead = `# Conformance

<!-- Written by make conformance with UPDATE_PAGE=1, from the proofs that were played. Do not edit. -->

What a ` + "`.mesh`" + ` file says is proved with requests. ` + "`make conformance`" + ` renders each project below with
` + "`meshc`" + `, hands the YAML to Istio's own discovery server, lets it configure unmodified Envoys in network namespaces
with Istio's own interception rules and certificates, sends requests from pod to pod, and counts what comes back and what
reaches the applications. A share of the traffic is judged by the bounds of chance (4.5 standard deviations).

| | |
|---|---|
| Istio | ` + "`istio.io/istio %s`" + `: discovery server, validation, bootstrap, interception, PKI |
| Envoy | %s, upstream build |
| proofs | %d |

How to run it, and how to write a proof: [tests/conformance](../tests/conformance/README.md).

## What is proved
`

const pageOpen = `
## What is not proved

| declaration | why |
|---|---|
`

const pageLimits = `
Besides:

- Istio of one version runs here. The dialect for Istio 1.24 is rendered and played on it; older discovery servers are not
  available as a library of a fitting version. Their admission is checked with their own definitions.
- Kubernetes is a fake client here: no scheduling, no probes, no DNS but a list of hosts. Admission is a check apart.
- The network has no delay and loses nothing, except where a proof says so.
- Three filters that only Istio's build of Envoy has are off: ` + "`istio.metadata_exchange`, `istio.alpn`, `istio.stats`" + `. What
  the last one counts for Prometheus is counted from the proxies' access logs, under the same names and labels. Nothing
  else that is proved here depends on them.
- Connections drain for one second, not for Istio's 45: where a plan says that streams older than 45 s are cut, it is one here.
`
