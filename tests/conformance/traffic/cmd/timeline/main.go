// Command timeline measures a rollback from `make rollback` to the last request that the new version gets, through a git
// server, Flux's kustomize-controller, a real API server, istiod and Envoys. ../../../controlplane/run.sh starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"istio.io/istio/pkg/log"

	"meshc/tests/conformance/controlplane/world"
	"meshc/tests/conformance/traffic/internal/istiod"
	"meshc/tests/conformance/traffic/internal/lab"
	"meshc/tests/conformance/traffic/internal/timeline"
)

type options struct {
	world         world.Options
	programs      lab.Programs
	repeat, polls int
	interval      time.Duration
	limit         time.Duration
	results       string
	versions      timeline.Results
}

func main() {
	if err := istiod.Require(istiod.Env, istiod.FollowEnv); err != nil {
		fail(fmt.Errorf("cannot start anew: %w", err))
	}
	o, err := parse()
	if err != nil {
		fail(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	results, err := o.run(ctx)
	if results != nil {
		results.Print(os.Stdout)
		err = errors.Join(err, results.Write(o.results))
	}
	if err != nil {
		fail(err)
	}
}

func parse() (*options, error) {
	o := &options{}
	var definitions string
	flag.StringVar(&o.world.Meshc, "meshc", "", "the compiler")
	flag.StringVar(&o.world.Project, "project", "", "folder of shop.mesh")
	flag.StringVar(&o.world.Programs.Etcd, "etcd", "", "etcd binary")
	flag.StringVar(&o.world.Programs.APIServer, "apiserver", "", "kube-apiserver binary")
	flag.StringVar(&o.world.Programs.Kustomize, "kustomize", "", "binary of Flux's kustomize-controller")
	flag.StringVar(&o.world.Out, "out", "", "folder for logs; what is in it is removed")
	flag.StringVar(&o.programs.Envoy, "envoy", "", "Envoy binary")
	flag.StringVar(&o.programs.Echo, "echo", "", "binary of cmd/echo")
	flag.StringVar(&o.programs.Self, "traffic", "", "binary of cmd/traffic, which is Istio's iptables command")
	flag.StringVar(&o.programs.Bootstrap, "bootstrap", "", "Istio's envoy_bootstrap.json template")
	flag.StringVar(&o.results, "results", "", "JSON file for the results")
	files := []*string{&o.world.Meshc, &o.world.Project, &o.world.Programs.Etcd, &o.world.Programs.APIServer, &o.world.Programs.Kustomize,
		&o.world.Out, &o.programs.Envoy, &o.programs.Echo, &o.programs.Self, &o.programs.Bootstrap, &o.results}
	flag.StringVar(&definitions, "definitions", "", "files of CustomResourceDefinitions, with commas between them")
	flag.StringVar(&o.versions.Envoy, "envoy-version", "", "for the results, as the next two")
	flag.StringVar(&o.versions.Istio, "istio-version", "", "")
	flag.StringVar(&o.versions.Flux, "kustomize-version", "", "")
	flag.IntVar(&o.repeat, "repeat", 3, "rollbacks that Flux is told of")
	flag.IntVar(&o.polls, "polls", 0, "rollbacks that Flux has to notice")
	flag.DurationVar(&o.interval, "interval", 5*time.Second, "how often Flux looks then")
	flag.DurationVar(&o.limit, "limit", 30*time.Second, "a told rollback that takes longer is a problem")
	flag.Parse()
	for _, file := range files {
		if *file == "" || definitions == "" {
			flag.Usage()
			os.Exit(2)
		}
		full, err := filepath.Abs(*file)
		if err != nil {
			return nil, err
		}
		*file = full
	}
	o.world.Definitions = strings.Split(definitions, ",")
	return o, nil
}

func (o *options) run(ctx context.Context) (*timeline.Results, error) {
	w, err := world.Open(ctx, o.world)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	logs := log.DefaultOptions()
	logs.OutputPaths = []string{filepath.Join(o.world.Out, "istiod.log")}
	logs.ErrorOutputPaths = logs.OutputPaths
	if err := log.Configure(logs); err != nil {
		return nil, err
	}
	s, err := timeline.Open(ctx, w, o.world.Project, o.programs)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r := &o.versions
	if r.Kubernetes, err = w.Client.Version(); err != nil {
		return nil, err
	}
	for range o.repeat {
		one, err := s.Rollback(ctx, 0)
		if err != nil {
			return nil, err
		}
		r.Told = append(r.Told, one)
		if one.Last > o.limit.Seconds() {
			return nil, fmt.Errorf("a rollback took %.1f s, more than %v", one.Last, o.limit)
		}
	}
	if o.polls > 0 {
		if err := w.Poll(ctx, o.interval); err != nil {
			return nil, err
		}
		r.Interval = o.interval.Seconds()
	}
	for range o.polls {
		one, err := s.Rollback(ctx, rand.N(o.interval))
		if err != nil {
			return nil, err
		}
		r.Polled = append(r.Polled, one)
	}
	r.Legs, r.PolledLegs = timeline.Summarize(r.Told), timeline.Summarize(r.Polled)
	return r, errors.Join(w.Ended(), w.Git.Failure())
}

// fail ends the program. What cannot be set up is a problem: "not run" is for machines, and run.sh says it.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "timeline:", err)
	os.Exit(1)
}
