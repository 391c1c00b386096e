package main

import (
	"regexp"
	"strings"
)

var (
	comment = regexp.MustCompile(`(?m)(^|\s)#.*$`)
	opening = regexp.MustCompile(`(?m)^mesh\s+[^\s{]+\s*(\{)?`)
)

// meshNamespace finds the mesh declaration of a source text, and the namespace that it states, if it does.
func meshNamespace(text string) (namespace string, declared bool) {
	text = comment.ReplaceAllString(text, "")
	place := opening.FindStringSubmatchIndex(text)
	if place == nil {
		return "", false
	}
	if place[2] < 0 {
		return "", true // without a block
	}
	depth := 1
	statement := ""
	for _, char := range text[place[3]:] {
		switch {
		case char == '{':
			depth++
		case char == '}':
			depth--
		}
		if char != '\n' && char != ';' && depth > 0 {
			statement += string(char)
			continue
		}
		words := strings.Fields(statement)
		if depth <= 1 && len(words) == 2 && words[0] == "namespace" {
			return strings.Trim(words[1], `"`), true
		}
		if depth == 0 {
			break
		}
		statement = ""
	}
	return "", true
}
