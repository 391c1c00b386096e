package analysis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Sibling is where run.sh puts the analyzer: beside the program that asks.
func Sibling() string {
	self, err := os.Executable()
	if err != nil {
		return "analyzer"
	}
	return filepath.Join(filepath.Dir(self), "analyzer")
}

// Report is what the analyzer prints.
type Report struct {
	Version  string    `json:"version"`
	Skipped  []string  `json:"skipped"`
	Messages []Message `json:"messages"`
}

// Message is one message of an analyzer.
type Message struct {
	Code      string `json:"code"`
	Level     string `json:"level"`
	Origin    string `json:"origin"` // "VirtualService boutique/frontend"
	Reference string `json:"reference"`
	Text      string `json:"message"`
}

// Object is the origin in the form of document.ID.
func (m Message) Object() string {
	return strings.Replace(m.Origin, " ", "/", 1)
}

func (m Message) String() string {
	return fmt.Sprintf("%s: %s: %s %s: %s", m.Reference, m.Object(), m.Level, m.Code, m.Text)
}

// Run analyzes files. An analyzer that did not run is an error: its silence must not pass for a clean result.
func Run(analyzer string, files []string) (Report, error) {
	var report Report
	var output, complaints bytes.Buffer
	command := exec.Command(analyzer, files...)
	command.Stdout, command.Stderr = &output, &complaints
	if err := command.Run(); err != nil {
		return report, fmt.Errorf("%w\n%s", err, strings.TrimSpace(complaints.String()))
	}
	if err := json.Unmarshal(output.Bytes(), &report); err != nil {
		return report, fmt.Errorf("the analyzer's report: %w", err)
	}
	if len(report.Skipped) > 0 {
		return report, fmt.Errorf("analyzers that did not run: %s", strings.Join(report.Skipped, ", "))
	}
	return report, nil
}
