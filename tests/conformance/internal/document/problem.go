package document

import (
	"fmt"
	"strings"
)

// Problem is one reason why an object would not be accepted.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Object  string `json:"object"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

func (p Problem) String() string {
	place := p.File
	if p.Line > 0 {
		place = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	var words []string
	for _, word := range []string{place, p.Object, p.Path, p.Message} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, ": ")
}
