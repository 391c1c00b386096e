package timeline

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"meshc/tests/conformance/controlplane/kube"
)

func TestSummarize(t *testing.T) {
	legs := Summarize([]*Rollback{
		{Pushed: 1, Noticed: 1.5, Fetched: 2, Applied: 3, Sent: 3.25, Acked: 3.5, Last: 3.25},
		{Pushed: 2, Noticed: 2.5, Fetched: 3, Applied: 4, Sent: 4.25, Acked: 4.5, Last: 5},
		{Pushed: 4, Noticed: 4.5, Fetched: 5, Applied: 9, Sent: 9.25, Acked: 9.5, Last: 9},
		{Pushed: 3, Noticed: 3.5, Fetched: 4, Applied: 5, Sent: 5.25, Acked: 5.5, Last: 5.5},
	})
	first, apply, whole := legs[0], legs[3], legs[len(legs)-1]
	if first.Min != 1 || first.Median != 2.5 || first.Max != 4 {
		t.Errorf("push: %+v", first)
	}
	if apply.Min != 1 || apply.Median != 1 || apply.Max != 4 {
		t.Errorf("apply: %+v", apply)
	}
	if whole.Min != 3.25 || whole.Median != 5.25 || whole.Max != 9 {
		t.Errorf("whole: %+v", whole)
	}
	if Summarize(nil) != nil {
		t.Error("nothing has legs")
	}
}

func TestPrintLeavesOutWhatWasNotMeasured(t *testing.T) {
	var out bytes.Buffer
	r := Results{Told: []*Rollback{{Last: 1}}}
	r.Legs = Summarize(r.Told)
	r.Print(&out)
	if text := out.String(); !strings.Contains(text, "| 1.00 s |") || strings.Contains(text, "polled") {
		t.Error(text)
	}
}

func TestCanary(t *testing.T) {
	for text, want := range map[string]int64{
		`{spec: {http: [{route: [{destination: {subset: v1}, weight: 80}, {destination: {subset: v2}, weight: 20}]}]}}`:          20,
		`{spec: {http: [{route: [{destination: {subset: v1}, weight: 100}, {destination: {subset: v2}, weight: 0}]}]}}`:          0,
		`{spec: {http: [{route: [{destination: {subset: v2}, weight: 5}]}, {route: [{destination: {subset: v2}, weight: 5}]}]}}`: 10,
		`{spec: {http: [{route: [{destination: {host: web}}]}]}}`:                                                                0,
	} {
		objects, err := kube.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := canary(objects[0]); got != want {
			t.Errorf("%s: %d, not %d", text, got, want)
		}
	}
}

func TestWeightsOfBeforeDoNotCount(t *testing.T) {
	now := time.Now()
	w := &weightWatch{at: []time.Time{now.Add(-time.Second), now.Add(time.Second), now.Add(2 * time.Second)}}
	if at, ok := w.old(now); !ok || !at.Equal(now.Add(time.Second)) {
		t.Error(at, ok)
	}
	if _, ok := w.old(now.Add(3 * time.Second)); ok {
		t.Error("weights of before count")
	}
}
