package main

import (
	"context"
	"time"

	"meshc/tests/conformance/controlplane/world"
)

// prover plays one life of a project against one cluster: each check leaves the world as the next one expects it.
type prover struct {
	*world.World
	ctx context.Context
	n   int // of clones
}

func prove(ctx context.Context, w *world.World) *results {
	begin := time.Now()
	r := &results{}
	p := &prover{World: w, ctx: ctx}
	if version, err := w.Client.Version(); err == nil {
		r.Kubernetes = version
	}
	steps := []struct {
		says string
		try  func() error
	}{
		{"what bootstrap writes for Flux is accepted, and stored as it is written", p.bootstrapped},
		{"publish --until-done is applied, each commit told by the webhook", p.published},
		{"every published object is in the API server as it was published, and no other", p.stored},
		{"Namespaces say that no engine may prune them, and that pods get a proxy", p.marked},
		{"the deploy repository's objects are the API server's own form: applying them again changes nothing", p.unchanged},
		{"what somebody edits or deletes by hand is put back", p.repaired},
		{"doctor finds nothing that would fail", p.content},
		{"doctor names a Kustomization that is suspended", p.suspendedKustomization},
		{"doctor names a GitRepository that is suspended", p.suspendedRepository},
		{"doctor names a GitRepository that cannot fetch", p.unfetched},
		{"doctor says how late a commit would be noticed without a Receiver", p.untold},
		{"doctor names a namespace that nothing applies, until the bootstrap is applied again", p.forgotten},
		{"doctor names a Kustomization that the API server refuses, and the commit that mends it is applied at once", p.broken},
		{"who deletes a Kustomization deletes no policy with it", p.orphaned},
		{"promote opens the first stage, and the API server has its weights", p.promoted},
		{"rollback --wait ends when the API server has the weights, with the seconds of each leg", p.rolledBack},
		{"status says what is held, and how long the last rollback took", p.held},
		{"rollback --wait says with code 6 that a suspended engine applies nothing", p.notLive},
		{"a namespace that the API server refuses keeps no rollback of another one from being live", p.isolated},
		{"make rollback in a clone is applied", p.make},
		{"a service that is no longer declared is pruned, and nothing else", p.pruned},
		{"a namespace that is no longer declared is emptied, and stays", p.emptied},
		{"publish --uninstall takes everything away but the Namespaces", p.uninstalled},
	}
	for _, s := range steps {
		if !r.check(s.says, s.try) && ctx.Err() != nil {
			break
		}
	}
	r.check("no program ended by itself, and no webhook failed", func() error {
		if err := w.Ended(); err != nil {
			return err
		}
		return w.Git.Failure()
	})
	r.Seconds = time.Since(begin).Seconds()
	return r
}
