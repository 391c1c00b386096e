package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// row is one thing that was to be proved.
type row struct {
	Says    string  `json:"says"`
	Seconds float64 `json:"seconds"`
	Problem string  `json:"problem,omitempty"`
}

// results are what is written and printed.
type results struct {
	Kubernetes string  `json:"kubernetes"`
	Seconds    float64 `json:"seconds"`
	Rows       []row   `json:"rows"`
}

// check tries one thing. It says whether it holds, for what can only be tried behind it.
func (r *results) check(says string, try func() error) bool {
	begin := time.Now()
	err := try()
	one := row{Says: says, Seconds: time.Since(begin).Seconds()}
	if err != nil {
		one.Problem = err.Error()
	}
	r.Rows = append(r.Rows, one)
	return err == nil
}

func (r *results) failed() bool {
	for _, one := range r.Rows {
		if one.Problem != "" {
			return true
		}
	}
	return len(r.Rows) == 0
}

func (r *results) print(w io.Writer) {
	held := 0
	for _, one := range r.Rows {
		if one.Problem != "" {
			fmt.Fprintf(w, "FAILED  %s: %s\n", one.Says, one.Problem)
			continue
		}
		held++
		fmt.Fprintf(w, "ok      %s (%.1f s)\n", one.Says, one.Seconds)
	}
	fmt.Fprintf(w, "control plane: %d of %d hold, Kubernetes %s, %.0f s\n", held, len(r.Rows), r.Kubernetes, r.Seconds)
}

func (r *results) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
