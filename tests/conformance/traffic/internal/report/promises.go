package report

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"meshc/tests/conformance/traffic/internal/play"
)

// promise is the subject of the proofs that are played twice: against what meshc renders, and against YAML that somebody
// wrote by hand.
const promise = "promise"

// Promises is the table of README.md: which promises the one and the other keep.
func Promises(rows []play.Row) (string, error) {
	type kept struct{ byHand, rendered bool }
	var order []string
	promises := map[string]*kept{}
	for _, row := range rows {
		if row.Subject != promise {
			continue
		}
		p := promises[row.Says]
		if p == nil {
			p = &kept{byHand: true, rendered: true}
			promises[row.Says] = p
			order = append(order, row.Says)
		}
		if _, hand, found := strings.Cut(row.Environment, ", by hand: "); found {
			p.byHand = hand == "kept"
		} else if len(row.Problems) > 0 { // one of several rows of a matrix is enough
			p.rendered = false
		}
	}
	if len(order) == 0 {
		return "", errors.New("no proof has the subject `promise`")
	}
	groups := map[kept][]string{}
	byHand, rendered := 0, 0
	for _, says := range order {
		p := *promises[says]
		groups[p] = append(groups[p], says)
		if p.byHand {
			byHand++
		}
		if p.rendered {
			rendered++
		}
	}
	var out strings.Builder
	out.WriteString("| promise | YAML written by hand | `meshc` |\n|---|---|---|\n")
	for _, k := range []kept{{true, true}, {false, true}, {true, false}, {false, false}} {
		if len(groups[k]) > 0 {
			fmt.Fprintf(&out, "| %s | %s | %s |\n", strings.Join(groups[k], "; "), word(k.byHand), word(k.rendered))
		}
	}
	fmt.Fprintf(&out, "| | **%d of %d** | **%d of %[2]d** |\n", byHand, len(order), rendered)
	return out.String(), nil
}

func word(kept bool) string {
	if kept {
		return "kept"
	}
	return "broken"
}

const (
	promisesBegin = "<!-- written by make conformance -->\n\n"
	promisesEnd   = "\n<!-- end -->\n"
)

// CheckPromises compares the table between two comments of a file with this one, or writes it there.
func CheckPromises(file, table string, write bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), promisesBegin)
	old, tail, closed := strings.Cut(rest, promisesEnd)
	switch {
	case !ok || !closed:
		return fmt.Errorf("%s has no place for the table of promises: the lines %q and %q", file, promisesBegin, promisesEnd)
	case write:
		return os.WriteFile(file, []byte(head+promisesBegin+table+promisesEnd+tail), 0o644)
	case old != table:
		return fmt.Errorf("%s does not say which promises are kept: UPDATE_PAGE=1 make conformance writes it", file)
	}
	return nil
}
