package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
)

// row is one check of one thing.
type row struct {
	What     string   `json:"what"`
	Check    string   `json:"check"` // render, admit, analyze
	Version  string   `json:"version,omitempty"`
	Objects  int      `json:"objects"`
	Admitted *int     `json:"admitted,omitempty"` // admit only
	Allowed  *int     `json:"allowed,omitempty"`  // analyze only: messages that the allow-list covers
	Problems []string `json:"problems"`
}

type results struct {
	Rows     []row    `json:"rows"`
	Notes    []string `json:"notes"`
	Objects  int      `json:"objects"` // admitted or not; those that are analyzed too are counted once
	Admitted int      `json:"admitted"`
	Problems int      `json:"problems"`
}

func (r *results) add(rows ...row) {
	for _, row := range rows {
		if row.Problems == nil {
			row.Problems = []string{} // an empty list, for readers of the JSON
		}
		r.Rows = append(r.Rows, row)
		r.Problems += len(row.Problems)
		if row.Admitted != nil {
			r.Objects += row.Objects
			r.Admitted += *row.Admitted
		}
	}
}

func (r *results) print(to io.Writer) {
	for _, row := range r.Rows {
		for _, problem := range row.Problems {
			fmt.Fprintf(to, "%s: %s: %s\n", row.What, row.Check, problem)
		}
	}
	if r.Problems > 0 {
		fmt.Fprintln(to)
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT\tCHECK\tVERSION\tOBJECTS\tADMITTED\tALLOWED\tPROBLEMS")
	for _, row := range r.Rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%d\n",
			row.What, row.Check, row.Version, row.Objects, optional(row.Admitted), optional(row.Allowed), len(row.Problems))
	}
	table.Flush()
	fmt.Fprintln(to)
	for _, note := range r.Notes {
		fmt.Fprintln(to, "note:", note)
	}
	fmt.Fprintf(to, "conformance: %d checks, %d objects, %d admitted, %d problems\n", len(r.Rows), r.Objects, r.Admitted, r.Problems)
}

func optional(number *int) string {
	if number == nil {
		return "-"
	}
	return fmt.Sprint(*number)
}

func (r *results) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
