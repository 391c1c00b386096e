package mutant

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// Harmless is a list of deletions that no request can show, each with its reason.
type Harmless []harmless

type harmless struct{ scope, where, reason string }

// ReadHarmless reads lines of "SCOPE where | reason". In where, "*" stands for any name of one part. Empty lines and lines
// that begin with # are comments.
func ReadHarmless(file string) (list Harmless, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		pattern, reason, ok := strings.Cut(line, "|")
		words := strings.Fields(pattern)
		if !ok || len(words) != 2 || strings.TrimSpace(reason) == "" {
			return nil, fmt.Errorf("%s:%d: expected `SCOPE where | reason`", file, i+1)
		}
		where := strings.NewReplacer("[]", "/\\[]", ".", "/").Replace(words[1])
		list = append(list, harmless{words[0], where, strings.TrimSpace(reason)})
	}
	return list, nil
}

// Reason says why a deletion is harmless; empty if it is not.
func (list Harmless) Reason(m Mutant) string {
	where := strings.Join(m.Path, "/")
	for _, h := range list {
		if h.scope != m.Scope {
			continue
		}
		if ok, err := path.Match(h.where, where); ok && err == nil {
			return h.reason
		}
	}
	return ""
}
