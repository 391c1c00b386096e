package lab

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReplies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "call.jsonl")
	text := `{"at":1500,"ms":100,"code":"200","pod":"web-0","version":"v1"}
{"at":2500,"ms":300,"code":"200","pod":"web-1","version":"v2","limit":"10"}
{"at":2600,"ms":200,"code":"503","message":"no healthy upstream"}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m := Measured{}
	texts, err := m.addReplies(file, time.UnixMilli(1000))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"total": 3, "code/200": 2, "code/503": 1, "failed": 1, "version/v2": 1, "pod/web-0": 1, "limit-header": 1,
		"min-ms": 100, "p50-ms": 200, "max-ms": 300, "last-v1-ms": 400, "last-v2-ms": 1200,
	} {
		if m[name] != want {
			t.Errorf("%s: got %g, want %g", name, m[name], want)
		}
	}
	if len(texts) != 1 || texts[0] != "503: no healthy upstream" {
		t.Errorf("got %q", texts)
	}
	if err := os.WriteFile(file, []byte("panic: oops\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := (Measured{}).addReplies(file, time.Time{}); err == nil {
		t.Error("a client that broke down was taken for one that said nothing")
	}
}

func TestServedCountsTriesOfOneCallAlone(t *testing.T) {
	m := Measured{}
	m.addServed([]string{
		`{"call":"call-1","pod":"web-0","xfcc":"By=spiffe://cluster.local/ns/a/sa/b;Hash=1;Subject=\"\";URI=spiffe://cluster.local/ns/shop/sa/api"}`,
		`{"call":"call-1","pod":"web-1"}`,
		`{"call":"call-2","pod":"web-1"}`,
	}, "call-1")
	if m["served"] != 2 || m["served/web-1"] != 1 || m["caller/cluster.local/ns/shop/sa/api"] != 1 || m["anonymous"] != 1 {
		t.Errorf("got %v", m)
	}
}

func TestAccessLogLeavesOutInboundRequests(t *testing.T) {
	m := Measured{}
	m.addAccessLog([]string{
		`{"response_flags":"UO","response_code_details":"overflow","upstream_cluster":"outbound|80||web"}`,
		`{"response_flags":"-","response_code_details":"via_upstream","upstream_cluster":"inbound|8080||"}`,
		`[warning] not JSON`,
	})
	if len(m) != 2 || m["flag/UO"] != 1 || m["detail/overflow"] != 1 {
		t.Errorf("got %v", m)
	}
}
