// Package analysis runs Istio's analyzers without a cluster, in a way that leaves only findings that are true.
package analysis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"meshc/tests/conformance/internal/document"
)

// Result of one environment.
type Result struct {
	Objects  int // of the rendering
	Allowed  int
	Findings []Message
	Version  string // of the analyzers
}

// Environment analyzes a rendered folder together with the manifests and the cluster's own objects.
func Environment(analyzer, folder string, manifests, cluster *Manifests, allowed *Allowed) (Result, error) {
	var result Result
	files, rendered, err := readAll(folder)
	if err != nil {
		return result, err
	}
	result.Objects = len(rendered)
	if len(rendered) == 0 {
		return result, fmt.Errorf("no objects below %s", folder)
	}
	around, err := write(Surroundings(rendered, manifests.Objects(), cluster.Objects()))
	if err != nil {
		return result, err
	}
	defer os.RemoveAll(filepath.Dir(around))
	report, err := Run(analyzer, append(files, around))
	if err != nil {
		return result, err
	}
	result.Version = report.Version
	sources := sources(manifests.Objects(), cluster.Objects())
	for _, message := range report.Messages {
		if source, known := sources[message.Object()]; known {
			message.Reference = source // not the temporary file
		}
		if allowed.Allows(message) {
			result.Allowed++
		} else {
			result.Findings = append(result.Findings, message)
		}
	}
	return result, nil
}

func readAll(folder string) ([]string, []document.Document, error) {
	files, err := document.Files(folder)
	if err != nil {
		return nil, nil, err
	}
	var all []document.Document
	for _, file := range files {
		documents, problems, err := document.Read(file)
		if err != nil {
			return nil, nil, err
		}
		if len(problems) > 0 {
			return nil, nil, fmt.Errorf("%s", problems[0])
		}
		all = append(all, documents...)
	}
	return files, all, nil
}

func write(objects []map[string]any) (string, error) {
	folder, err := os.MkdirTemp("", "surroundings")
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	for _, object := range objects {
		encoded, err := json.Marshal(object) // JSON is YAML
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "---\n%s\n", encoded)
	}
	file := filepath.Join(folder, "surroundings.yaml")
	return file, os.WriteFile(file, text.Bytes(), 0o644)
}

// sources says where an object that was given to the analyzer in another form came from.
func sources(sets ...[]document.Document) map[string]string {
	places := map[string]string{}
	for _, set := range sets {
		for _, doc := range set {
			places[doc.ID()] = fmt.Sprintf("%s:%d", doc.File, doc.Line)
			if Pod(doc.Object) != nil {
				places[document.ID("Pod", doc.Namespace(), doc.Name())] = places[doc.ID()]
			}
		}
	}
	return places
}
