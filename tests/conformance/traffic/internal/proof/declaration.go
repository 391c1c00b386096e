package proof

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Declaration is a line of a .mesh file.
type Declaration struct {
	File string // relative to the project
	Line int    // from 1
	Text string // without comment, one space between words
}

func (d Declaration) String() string { return fmt.Sprintf("%s:%d `%s`", d.File, d.Line, d.Text) }

// Find finds the line that a path like "service web > retry 2" means: each part is the beginning of a line, in words,
// inside the block of the part before. The first part may be a file, which then is alone searched. Exactly one line of
// the project must fit, so that a proof goes wrong when its declaration is reworded, moved or removed.
func Find(project, path string) (Declaration, error) {
	parts := strings.Split(path, " > ")
	var files []string
	if strings.HasSuffix(parts[0], ".mesh") {
		files, parts = []string{parts[0]}, parts[1:]
	} else if err := filepath.WalkDir(project, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(file, ".mesh") {
			if file, err = filepath.Rel(project, file); err == nil {
				files = append(files, file)
			}
		}
		return err
	}); err != nil {
		return Declaration{}, err
	}
	var found []Declaration
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(project, file))
		if err != nil {
			return Declaration{}, err
		}
		for _, line := range find(strings.Split(string(text), "\n"), parts) {
			found = append(found, Declaration{file, line + 1, statement(strings.Split(string(text), "\n")[line])})
		}
	}
	if len(found) != 1 {
		return Declaration{}, fmt.Errorf("`%s` is %d lines of the project, not 1: %v", path, len(found), found)
	}
	return found[0], nil
}

// find gives the indexes of lines that a path means.
func find(lines []string, parts []string) (found []int) {
	if len(parts) == 0 {
		return nil
	}
	depth := 0
	for i, line := range lines {
		text := statement(line)
		if depth == 0 && begins(text, strings.Join(strings.Fields(parts[0]), " ")) {
			if len(parts) == 1 {
				found = append(found, i)
			} else {
				for _, inner := range find(block(lines[i:]), parts[1:]) {
					found = append(found, i+1+inner)
				}
			}
		}
		depth += strings.Count(text, "{") - strings.Count(text, "}")
	}
	return found
}

// begins says whether a statement begins with these words.
func begins(text, words string) bool {
	rest, ok := strings.CutPrefix(text, words)
	return ok && (rest == "" || strings.ContainsAny(rest[:1], " ,;{"))
}

// block gives the lines inside the block that the first line opens.
func block(lines []string) []string {
	depth := 0
	for i, line := range lines {
		text := statement(line)
		depth += strings.Count(text, "{") - strings.Count(text, "}")
		if depth <= 0 {
			return lines[min(1, i):i]
		}
	}
	return slices.Clip(lines[1:])
}

// statement is a line without its comment, one space between words.
func statement(line string) string {
	quoted := false
	for i, c := range line {
		if c == '"' {
			quoted = !quoted
		} else if c == '#' && !quoted {
			line = line[:i]
			break
		}
	}
	return strings.Join(strings.Fields(line), " ")
}
