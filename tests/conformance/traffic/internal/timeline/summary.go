package timeline

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
)

// Results are all rollbacks of a run.
type Results struct {
	Istio      string      `json:"istio"`
	Envoy      string      `json:"envoy"`
	Kubernetes string      `json:"kubernetes"`
	Flux       string      `json:"kustomizeController"`
	Told       []*Rollback `json:"told"`   // the git server told Flux of the push
	Polled     []*Rollback `json:"polled"` // nobody did
	Interval   float64     `json:"pollInterval"`
	Legs       []Leg       `json:"legs"`       // of Told
	PolledLegs []Leg       `json:"polledLegs"` // of Polled
}

// Leg is a part of the way, or the whole way, over all repeats: in seconds.
type Leg struct {
	Name   string  `json:"name"`
	Min    float64 `json:"minimum"`
	Median float64 `json:"median"`
	Max    float64 `json:"maximum"`
}

// legs are the parts, in their order, and the whole at the end.
var legs = []struct {
	name string
	took func(*Rollback) float64
}{
	{"`make rollback` begins → the git server has taken the push", func(r *Rollback) float64 { return r.Pushed }},
	{"→ Flux fetches", func(r *Rollback) float64 { return r.Noticed - r.Pushed }},
	{"→ the artifact is ready", func(r *Rollback) float64 { return r.Fetched - r.Noticed }},
	{"→ kustomize-controller has applied it: the API server has the weights", func(r *Rollback) float64 { return r.Applied - r.Fetched }},
	{"→ istiod sends routes to the caller's Envoy", func(r *Rollback) float64 { return r.Sent - r.Applied }},
	{"→ the Envoy has acknowledged them", func(r *Rollback) float64 { return r.Acked - r.Sent }},
	{"whole: → the last request that the new version gets", func(r *Rollback) float64 { return r.Last }},
}

// Summarize gives the legs of rollbacks; none of none.
func Summarize(all []*Rollback) (out []Leg) {
	if len(all) == 0 {
		return nil
	}
	for _, leg := range legs {
		var seconds []float64
		for _, r := range all {
			seconds = append(seconds, leg.took(r))
		}
		slices.Sort(seconds)
		n := len(seconds)
		out = append(out, Leg{leg.name, seconds[0], (seconds[(n-1)/2] + seconds[n/2]) / 2, seconds[n-1]})
	}
	return out
}

// Print writes the tables as Markdown.
func (r *Results) Print(w io.Writer) {
	table(w, fmt.Sprintf("told by a webhook, %d times", len(r.Told)), r.Legs)
	table(w, fmt.Sprintf("polled every %.0f s, %d times", r.Interval, len(r.Polled)), r.PolledLegs)
}

func table(w io.Writer, title string, legs []Leg) {
	if len(legs) == 0 {
		return
	}
	fmt.Fprintf(w, "| %s | minimum | median | maximum |\n|---|---|---|---|\n", title)
	for _, leg := range legs {
		fmt.Fprintf(w, "| %s | %.2f s | %.2f s | %.2f s |\n", leg.Name, leg.Min, leg.Median, leg.Max)
	}
}

// Write writes the results as JSON.
func (r *Results) Write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
