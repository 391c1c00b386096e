package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"meshc/tests/conformance/controlplane/deploy"
	"meshc/tests/conformance/controlplane/kube"
)

// orphaned deletes a Kustomization, which must take no policy with it, and makes it again.
func (p *prover) orphaned() error {
	if err := p.kubectl("delete", "kustomization", "shop-prod-shop", "--namespace", "flux-system"); err != nil {
		return err
	}
	if err := p.stored(); err != nil {
		return err
	}
	return p.bootstrapAgain()
}

// bootstrapAgain applies the manifests as they now are, until Flux has caught up.
func (p *prover) bootstrapAgain() error {
	if err := p.Manifests(); err != nil {
		return err
	}
	if _, err := p.Synced(p.ctx); err != nil {
		return err
	}
	return p.stored()
}

// forgotten publishes a namespace of which the cluster was not told.
func (p *prover) forgotten() error {
	const declared = "namespace stock {\n  service shelf {\n    port 8080 http\n    allow none\n  }\n}\n\n"
	if err := p.Project.Edit("shop.mesh", "namespace money {", declared+"namespace money {"); err != nil {
		return err
	}
	if err := p.publish(); err != nil {
		return err
	}
	if err := p.doctorNames("nothing applies what is published for stock"); err != nil {
		return err
	}
	if err := p.bootstrapAgain(); err != nil {
		return err
	}
	return p.healthy("3 of its Kustomizations")
}

// untold takes the Receiver away.
func (p *prover) untold() error {
	if err := p.kubectl("delete", "receiver", "shop-prod", "--namespace", "flux-system"); err != nil {
		return err
	}
	out, err := p.Project.Meshc("doctor")
	if err != nil {
		return err
	}
	if err := says("doctor", out, 0, "no Receiver names the GitRepository `shop-prod`: a commit is noticed after up to 1m"); err != nil {
		return err
	}
	if err := p.Manifests(); err != nil {
		return err
	}
	return p.Webhook(p.ctx)
}

// unfetched takes the credential for the repository away.
func (p *prover) unfetched() error {
	const name = "shop-prod-deploy"
	secret := schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
	o, err := p.Client.Get(p.ctx, secret, "flux-system", name)
	if err != nil {
		return err
	}
	kept := o.DeepCopy()
	kept.SetResourceVersion("")
	kept.SetManagedFields(nil)
	kept.SetUID("")
	if err := p.kubectl("delete", "secret", name, "--namespace", "flux-system"); err != nil {
		return err
	}
	if err := p.ReconcileSource(p.ctx); err != nil {
		return err
	}
	named := p.doctorNames("the GitRepository `shop-prod` is not ready: ")
	_, restored := p.Client.Apply(p.ctx, kept)
	return errors.Join(named, restored, p.ReconcileSource(p.ctx))
}

func (p *prover) broken() error { return p.whileBroken("shop", func() error { return nil }) }

// whileBroken does something while a file of a namespace, which somebody edited by hand, is one that the API server
// refuses, and doctor says so. When it is mended Flux has to apply it at once.
func (p *prover) whileBroken(namespace string, do func() error) error {
	clone, err := p.clone()
	if err != nil {
		return err
	}
	file := "prod/" + namespace + "/peer-authentication.yaml"
	if err := p.Project.Push(clone, file, "mode: STRICT", "mode: STRICTLY"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.ctx, 20*time.Second)
	defer cancel()
	err = kube.Until(ctx, func() error {
		return p.doctorNames("the Kustomization `shop-prod-" + namespace + "` is not ready: ")
	})
	if err == nil {
		err = do()
	}
	if clone, again := p.clone(); again != nil {
		return errors.Join(err, again)
	} else if mended := p.Project.Push(clone, file, "mode: STRICTLY", "mode: STRICT"); mended != nil {
		return errors.Join(err, mended)
	}
	if _, late := p.Synced(p.ctx); late != nil {
		return errors.Join(err, late)
	}
	return errors.Join(err, p.stored())
}

func (p *prover) kubectl(args ...string) error {
	_, err := p.Project.Run(p.Out, "kubectl", args...)
	return err
}

// says checks how a command ended, and that it said a text.
func says(command string, out deploy.Output, code int, text string) error {
	if out.Code == code && strings.Contains(out.Stdout+out.Stderr, text) {
		return nil
	}
	return fmt.Errorf("%s ended with code %d, not %d, or did not say %q: %s%s", command, out.Code, code, text, out.Stdout, out.Stderr)
}
