package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Measured is what a call led to, as numbers under names; README.md lists the names. What was not measured is 0.
type Measured map[string]float64

// reply is a line of the client's output.
type reply struct {
	At      int64   `json:"at"` // Unix milliseconds, at the end of the call
	Ms      float64 `json:"ms"`
	Code    string  `json:"code"`
	Pod     string  `json:"pod"`
	Version string  `json:"version"`
	Message string  `json:"message"`
	Limit   string  `json:"limit"`
	To      string  `json:"location"`
}

// Measure counts what the client saw (code/, version/, pod/), what the applications saw (served, served/, caller/), and
// the access logs of the client's proxy (flag/, detail/). Times are since a point in time, if that is not zero. The texts
// are what the client printed beside codes, a few of them.
func (st *Stage) Measure(r *Running, since time.Time) (Measured, []string, error) {
	time.Sleep(120 * time.Millisecond) // access logs are flushed every 40 ms
	m := Measured{}
	texts, err := m.addReplies(r.out, since)
	if err != nil {
		return nil, nil, err
	}
	for _, q := range st.Cluster.Pods {
		path := filepath.Join(q.Dir, "served.jsonl")
		m.addServed(linesFrom(path, r.offsets[path]), r.id)
		path = filepath.Join(q.Dir, "envoy.log")
		if q == r.pod {
			m.addAccessLog(linesFrom(path, r.offsets[path]))
		}
	}
	if m["total"] > 0 {
		m["served-per-request"] = math.Round(m["served"]/m["total"]*100) / 100
	}
	return m, texts, nil
}

func (m Measured) addReplies(file string, since time.Time) (texts []string, err error) {
	var ms []float64
	for _, line := range linesFrom(file, 0) {
		var a reply
		if json.Unmarshal([]byte(line), &a) != nil {
			return nil, fmt.Errorf("the client said: %s", line)
		}
		m["total"]++
		m["code/"+a.Code]++
		if a.Code != "200" && a.Code != "OK" && a.Code != "echo" {
			m["failed"]++
		}
		if a.Limit != "" {
			m["limit-header"]++
		}
		if a.To != "" {
			m["location/"+a.To]++
		}
		if a.Pod != "" {
			m["pod/"+a.Pod]++
		}
		if a.Version != "" {
			m["version/"+a.Version]++
			if !since.IsZero() { // when the last request began
				name, began := "last-"+a.Version+"-ms", float64(a.At)-a.Ms
				m[name] = math.Max(m[name], math.Round(began-float64(since.UnixMilli())))
			}
		}
		if text := a.Code + ": " + a.Message; a.Message != "" && len(texts) < 3 && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
		ms = append(ms, a.Ms)
	}
	if slices.Sort(ms); len(ms) > 0 {
		m["min-ms"], m["p50-ms"], m["max-ms"] = math.Round(ms[0]), math.Round(ms[len(ms)/2]), math.Round(ms[len(ms)-1])
	}
	return texts, nil
}

// addServed counts the requests of one call that reached an application.
func (m Measured) addServed(lines []string, call string) {
	for _, line := range lines {
		var s struct {
			Call string `json:"call"`
			Pod  string `json:"pod"`
			XFCC string `json:"xfcc"`
		}
		if json.Unmarshal([]byte(line), &s) != nil || s.Call != call {
			continue
		}
		m["served"]++
		m["served/"+s.Pod]++
		if _, uri, ok := strings.Cut(s.XFCC, "URI="); ok { // the client certificate, as the server's proxy saw it
			m["caller/"+strings.TrimPrefix(uri, "spiffe://")]++
		} else {
			m["anonymous"]++
		}
	}
}

func (m Measured) addAccessLog(lines []string) {
	for _, line := range lines {
		var l struct {
			Flags   string `json:"response_flags"`
			Details string `json:"response_code_details"`
			Cluster string `json:"upstream_cluster"`
		}
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &l) != nil || strings.HasPrefix(l.Cluster, "inbound|") {
			continue
		}
		m["flag/"+l.Flags]++
		m["detail/"+l.Details]++
	}
}

// Codes gives the answers of a call that has ended, in order.
func (r *Running) Codes() (codes []string) {
	for _, line := range linesFrom(r.out, 0) {
		var a reply
		if json.Unmarshal([]byte(line), &a) == nil {
			codes = append(codes, a.Code)
		}
	}
	return codes
}

// linesFrom gives the lines that a file has from an offset on; none if it cannot be read.
func linesFrom(path string, offset int64) (lines []string) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil
	}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		lines = append(lines, sc.Text())
	}
	return lines
}
