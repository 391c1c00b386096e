package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// goldens admits what the golden cases expect: tests/golden/CASE/expected/TARGET.
func goldens(root string, clusters clusters) ([]row, error) {
	var rows []row
	expected, err := filepath.Glob(filepath.Join(root, "tests", "golden", "*", "expected"))
	if err != nil {
		return nil, err
	}
	for _, folder := range expected {
		what := "golden " + filepath.Base(filepath.Dir(folder))
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			target := entry.Name()
			if !entry.IsDir() {
				continue // expected messages
			}
			if _, known := released[target]; !known {
				known := strings.Join(slices.Sorted(maps.Keys(released)), ", ")
				rows = append(rows, row{What: what, Check: "admit", Version: target,
					Problems: []string{fmt.Sprintf("expected/%s is no target with known CRDs (%s)", target, known)}})
				continue
			}
			admitted, err := clusters.admit(what, target, filepath.Join(folder, target))
			if err != nil {
				return nil, err
			}
			rows = append(rows, admitted)
		}
	}
	return rows, nil
}
