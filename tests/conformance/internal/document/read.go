// Package document reads YAML the way the API server's clients do, and remembers where each object stood.
package document

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// Document is one object and the place it came from.
type Document struct {
	File   string
	Line   int // of the first line of the document
	JSON   []byte
	Object map[string]any // numbers are int64 or float64, as in the API server
}

// Files lists every *.yaml below root, sorted, so that output does not depend on the file system. A
// kustomization.yaml is an instruction to a tool and never an object of the cluster.
func Files(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() && filepath.Ext(path) == ".yaml" && entry.Name() != "kustomization.yaml" {
			files = append(files, path)
		}
		return nil
	})
	sort.Strings(files)
	return files, err
}

// Read returns the documents of one file. What cannot be decoded is a problem, and the other documents of the file
// are still returned; the error is for a file that cannot be read at all.
func Read(file string) ([]Document, []Problem, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	var documents []Document
	var problems []Problem
	for _, part := range split(text) {
		document, err := decode(file, part)
		if err != nil {
			line, message := located(err, part.line)
			problems = append(problems, Problem{File: file, Line: line, Object: "document", Message: message})
		} else if document != nil {
			documents = append(documents, *document)
		}
	}
	return documents, problems, nil
}

type part struct {
	line int
	text []byte
}

// split cuts at lines that start a document. No block scalar can hold such a line, because YAML requires its
// content to be indented.
func split(text []byte) []part {
	parts := []part{{line: 1}}
	for i, line := range bytes.SplitAfter(text, []byte("\n")) {
		marker := bytes.TrimRight(line, " \t\r\n")
		if i > 0 && (bytes.Equal(marker, []byte("---")) || bytes.HasPrefix(line, []byte("--- "))) {
			parts = append(parts, part{line: i + 1})
		}
		last := &parts[len(parts)-1]
		last.text = append(last.text, line...)
	}
	return parts
}

func decode(file string, part part) (*Document, error) {
	// The parser counts lines from the start of what it is given; padding makes them the file's.
	padded := append(bytes.Repeat([]byte("\n"), part.line-1), part.text...)
	converted, err := yaml.YAMLToJSONStrict(padded) // strict: a key that stands twice is an error
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(converted, &value); err != nil { // int64, not float64, for whole numbers
		return nil, err
	}
	if value == nil {
		return nil, nil // only comments
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is not an object but %T", value)
	}
	return &Document{File: file, Line: part.line + contentOffset(part.text), JSON: converted, Object: object}, nil
}

// contentOffset is the number of lines before the first that says something, so that a reader lands on the object.
func contentOffset(text []byte) int {
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line != "" && line != "---" && !strings.HasPrefix(line, "#") {
			return i
		}
	}
	return 0
}

var parserLine = regexp.MustCompile(`line (\d+): `)

// located moves the parser's own line number, if it has one, to the place where a reader looks for it.
func located(err error, line int) (int, string) {
	message := strings.Join(strings.Fields(err.Error()), " ")
	for _, noise := range []string{"error converting YAML to JSON: ", "yaml: ", "unmarshal errors: "} {
		message = strings.TrimPrefix(message, noise)
	}
	if found := parserLine.FindStringSubmatchIndex(message); found != nil && found[0] == 0 {
		fmt.Sscan(message[found[2]:found[3]], &line)
		message = message[found[1]:]
	}
	return line, message
}
