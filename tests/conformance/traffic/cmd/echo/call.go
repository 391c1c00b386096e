package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// answer is one reply as the client saw it: one line of the output.
type answer struct {
	At      int64   `json:"at"` // Unix milliseconds, at the end of the call
	Ms      float64 `json:"ms"`
	Code    string  `json:"code"`
	Pod     string  `json:"pod,omitempty"`
	Version string  `json:"version,omitempty"`
	Message string  `json:"message,omitempty"`
	Limit   string  `json:"limit,omitempty"`    // x-ratelimit-limit
	To      string  `json:"location,omitempty"` // where a redirect points
}

type caller struct {
	to, path, id string
	method       string
	headers      []string
	timeout      time.Duration
	hold         time.Duration
	fresh, tls   bool

	httpClient *http.Client
}

func call(args []string) {
	fs := flag.NewFlagSet("call", flag.ExitOnError)
	c := &caller{}
	var headers listFlag
	fs.StringVar(&c.to, "to", "", "host:port")
	proto := fs.String("proto", "grpc", "grpc, http or tcp")
	fs.StringVar(&c.path, "path", "/lab.Echo/Say", "HTTP path or gRPC method")
	fs.StringVar(&c.id, "id", "", "name of this call in the logs")
	fs.Var(&headers, "header", "name: value, repeatable")
	n := fs.Int("n", 1, "requests; 0 means until SIGTERM")
	workers := fs.Int("workers", 1, "concurrent connections")
	rate := fs.Float64("rate", 0, "requests per second in total; 0 means as fast as possible")
	fs.DurationVar(&c.timeout, "timeout", 20*time.Second, "client deadline; 0 for none")
	fs.DurationVar(&c.hold, "hold", 0, "a stream: how long answers are asked for")
	fs.StringVar(&c.method, "method", "GET", "HTTP method")
	fs.BoolVar(&c.fresh, "fresh", false, "a new connection for every request")
	fs.BoolVar(&c.tls, "tls", false, "http and grpc: speak TLS, with the name of the header host")
	fs.Parse(args)
	c.headers = headers
	c.httpClient = c.newHTTPClient(*workers)

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	var stopped atomic.Bool
	go func() { <-stop; stopped.Store(true) }()

	var next atomic.Int64
	var mu sync.Mutex
	out := bufio.NewWriter(os.Stdout)
	enc := json.NewEncoder(out)
	first := true
	go func() {
		for !stopped.Load() {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(700 * time.Millisecond)
		mu.Lock()
		out.Flush()
		os.Exit(0)
	}()
	begin := time.Now()
	var wg sync.WaitGroup
	for w := 0; w < *workers; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			do := c.http
			switch *proto {
			case "grpc":
				conn := c.dial()
				defer func() { conn.Close() }()
				do = func(i int64) answer {
					if c.fresh {
						conn.Close()
						conn = c.dial()
					}
					return c.grpc(conn, i)
				}
			case "tcp":
				do = c.tcp
			}
			for !stopped.Load() {
				i := next.Add(1)
				if *n > 0 && i > int64(*n) {
					return
				}
				if *rate > 0 {
					due := begin.Add(time.Duration(float64(i-1) / *rate * float64(time.Second)))
					time.Sleep(time.Until(due))
					if stopped.Load() {
						return
					}
				}
				t0 := time.Now()
				a := do(i)
				a.Ms = float64(time.Since(t0).Microseconds()) / 1000
				a.At = time.Now().UnixMilli()
				mu.Lock()
				enc.Encode(a)
				if first { // whoever waits for the load to run sees it
					out.Flush()
					first = false
				}
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	out.Flush()
}

// newHTTPClient makes a client that follows no redirect. It takes any certificate: the lab's root is nobody's.
func (c *caller) newHTTPClient(workers int) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: c.fresh, MaxIdleConnsPerHost: workers,
			TLSClientConfig: c.tlsConfig(),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (c *caller) tlsConfig() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: c.host()}
}

// host is the name that is asked for: the header host, or what is called.
func (c *caller) host() string {
	for _, h := range c.headers {
		if k, v, _ := strings.Cut(h, ":"); strings.EqualFold(k, "host") {
			return strings.TrimSpace(v)
		}
	}
	host, _, _ := strings.Cut(c.to, ":")
	return host
}

func (c *caller) dial() *grpc.ClientConn {
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if c.tls {
		options = []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(c.tlsConfig())), grpc.WithAuthority(c.host())}
	}
	conn, err := grpc.NewClient("passthrough:///"+c.to, append(options,
		grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})),
		grpc.WithDisableRetry())...)
	if err != nil {
		panic(err)
	}
	return conn
}

func (c *caller) grpc(conn *grpc.ClientConn, i int64) answer {
	ctx, cancel := c.context()
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-lab-call", c.id, "x-lab-req", fmt.Sprint(i))
	if c.hold > 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-lab-hold", c.hold.String())
	}
	for _, h := range c.headers {
		k, v, _ := strings.Cut(strings.ReplaceAll(h, "%d", fmt.Sprint(i)), ":")
		if c.tls && strings.EqualFold(k, "host") {
			continue // it is the :authority
		}
		ctx = metadata.AppendToOutgoingContext(ctx, strings.TrimSpace(k), strings.TrimSpace(v))
	}
	in, reply := []byte("hello"), []byte(nil)
	var head, tail metadata.MD
	if c.hold > 0 {
		return c.grpcStream(ctx, conn, in)
	}
	err := conn.Invoke(ctx, c.path, &in, &reply, grpc.Header(&head), grpc.Trailer(&tail))
	md := metadata.Join(head, tail)
	get := func(k string) string { return strings.Join(md.Get(k), ",") }
	st := status.Convert(err)
	return answer{
		Code: st.Code().String(), Message: st.Message(),
		Pod: get("x-lab-pod"), Version: get("x-lab-version"), Limit: get("x-ratelimit-limit"),
	}
}

// grpcStream reads messages until the server ends the stream.
func (c *caller) grpcStream(ctx context.Context, conn *grpc.ClientConn, in []byte) answer {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, c.path)
	if err == nil {
		err = stream.SendMsg(&in)
	}
	if err == nil {
		err = stream.CloseSend()
	}
	messages := 0
	for err == nil {
		var reply []byte
		if err = stream.RecvMsg(&reply); err == nil {
			messages++
		}
	}
	switch {
	case err == io.EOF:
		get := func(k string) string { return strings.Join(stream.Trailer().Get(k), ",") }
		return answer{Code: "OK", Pod: get("x-lab-pod"), Version: get("x-lab-version")}
	case messages > 0:
		return answer{Code: "cut", Message: err.Error()}
	}
	return answer{Code: status.Code(err).String(), Message: err.Error()}
}

func (c *caller) http(i int64) answer {
	ctx, cancel := c.context()
	defer cancel()
	scheme := "http://"
	if c.tls {
		scheme = "https://"
	}
	req, err := http.NewRequestWithContext(ctx, c.method, scheme+c.to+c.path, nil)
	if err != nil {
		return answer{Code: "error", Message: err.Error()}
	}
	req.Header.Set("x-lab-call", c.id)
	req.Header.Set("x-lab-req", fmt.Sprint(i))
	if c.hold > 0 {
		req.Header.Set("x-lab-hold", c.hold.String())
	}
	for _, h := range c.headers {
		k, v, _ := strings.Cut(strings.ReplaceAll(h, "%d", fmt.Sprint(i)), ":")
		if strings.EqualFold(k, "host") {
			req.Host = strings.TrimSpace(v)
			continue
		}
		req.Header.Set(strings.TrimSpace(k), strings.TrimSpace(v))
	}
	resp, err := c.httpClient.Do(req)
	if err != nil {
		return answer{Code: "error", Message: err.Error()}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{Code: "cut", Message: err.Error()}
	}
	a := answer{
		Code: fmt.Sprint(resp.StatusCode), Pod: resp.Header.Get("x-lab-pod"),
		Version: resp.Header.Get("x-lab-version"), Limit: resp.Header.Get("x-ratelimit-limit"),
		To: resp.Header.Get("location"),
	}
	if a.Pod == "" {
		a.Message = strings.TrimSpace(string(body))
	}
	return a
}

// tcp sends a line and wants to hear who got it, and goes on like that for as long as the stream is to be held.
func (c *caller) tcp(int64) answer {
	conn, err := net.DialTimeout("tcp", c.to, c.timeout)
	if err != nil {
		return answer{Code: "error", Message: err.Error()}
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(c.timeout))
	answers := bufio.NewReader(conn)
	ask := func() (string, error) {
		fmt.Fprintln(conn, "hello")
		return answers.ReadString('\n')
	}
	line, err := ask()
	if err != nil {
		return answer{Code: "closed", Message: err.Error()}
	}
	for end := time.Now().Add(c.hold); time.Now().Before(end); time.Sleep(beat) {
		if _, err := ask(); err != nil {
			return answer{Code: "cut", Message: err.Error()}
		}
	}
	pod, version, _ := strings.Cut(strings.TrimSpace(line), " ")
	return answer{Code: "echo", Pod: pod, Version: version}
}

func (c *caller) context() (context.Context, context.CancelFunc) {
	if c.timeout == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), c.timeout)
}
