package analysis

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Allowed is the list of messages that a team has looked at and decided to live with.
type Allowed struct {
	entries []*entry
}

type entry struct {
	place   string
	code    string
	object  *regexp.Regexp
	message *regexp.Regexp
	used    bool
}

// ReadAllowed reads lines of the form `CODE | OBJECT | MESSAGE | reason`. In OBJECT a * stands for anything within
// one part of Kind/namespace/name, in MESSAGE for any text. A reason is required.
func ReadAllowed(file string) (*Allowed, error) {
	text, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	allowed := &Allowed{}
	lines := bufio.NewScanner(text)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.SplitN(line, "|", 4)
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		place := fmt.Sprintf("%s:%d", file, number)
		if len(fields) != 4 || fields[3] == "" {
			return nil, fmt.Errorf("%s: expected CODE | OBJECT | MESSAGE | reason", place)
		}
		if !regexp.MustCompile(`^IST\d{4}$`).MatchString(fields[0]) {
			return nil, fmt.Errorf("%s: %q is no code of the analyzer", place, fields[0])
		}
		allowed.entries = append(allowed.entries, &entry{
			place: place, code: fields[0], object: glob(fields[1], `[^/]*`), message: glob(fields[2], `.*`),
		})
	}
	return allowed, lines.Err()
}

func glob(pattern, star string) *regexp.Regexp {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, star) + `$`)
}

// Allows is true when an entry covers the message, and remembers that it was needed.
func (a *Allowed) Allows(message Message) bool {
	covered := false
	for _, entry := range a.entries {
		if entry.code == message.Code && entry.object.MatchString(message.Object()) && entry.message.MatchString(message.Text) {
			entry.used, covered = true, true
		}
	}
	return covered
}

// Unused are the places of entries that covered nothing: candidates for removal.
func (a *Allowed) Unused() []string {
	var places []string
	for _, entry := range a.entries {
		if !entry.used {
			places = append(places, entry.place)
		}
	}
	return places
}
