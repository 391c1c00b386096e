package engine

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"meshc/tests/conformance/traffic/internal/render"
)

func object(t *testing.T, file, text string) render.Object {
	t.Helper()
	o := render.Object{File: file}
	if err := yaml.Unmarshal([]byte(text), &o.Body); err != nil {
		t.Fatal(err)
	}
	return o
}

func said(changes []Change) string {
	var parts []string
	for _, c := range changes {
		parts = append(parts, c.String())
	}
	return strings.Join(parts, ", ")
}

func TestChanges(t *testing.T) {
	same := object(t, "shop/a.yaml", "{kind: Gateway, metadata: {name: a, namespace: shop}}")
	old := object(t, "shop/b.yaml", "{kind: Gateway, metadata: {name: b, namespace: shop}, spec: {x: 1}}")
	changed := object(t, "shop/b.yaml", "{kind: Gateway, metadata: {name: b, namespace: shop}, spec: {x: 2}}")
	gone := object(t, "shop/c.yaml", "{kind: Gateway, metadata: {name: c, namespace: shop}}")
	elsewhere := object(t, "shop/d.yaml", "{kind: Gateway, metadata: {name: a, namespace: web}}")
	moved := object(t, "shop/e.yaml", "{kind: Gateway, metadata: {name: a, namespace: shop}}")
	for _, c := range []struct {
		before, after []render.Object
		want          string
	}{
		{nil, []render.Object{same, old}, "put shop/a.yaml, put shop/b.yaml"},
		{[]render.Object{same, old, gone}, []render.Object{same, changed}, "put shop/b.yaml, prune shop/c.yaml"},
		{[]render.Object{same}, []render.Object{same, elsewhere}, "put shop/d.yaml"},
		{[]render.Object{same}, []render.Object{moved}, ""}, // an object is not its file
	} {
		if got := said(Changes(c.before, c.after)); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestOrder(t *testing.T) {
	list := "{kind: AuthorizationPolicy, spec: {selector: {matchLabels: {app: web}}}}"
	var changes []Change
	for file, text := range map[string]string{
		"shop/authorization-policy.yaml":     "{kind: AuthorizationPolicy, spec: {}}",
		"shop/web/authorization-policy.yaml": list,
		"shop/web/virtual-service.yaml":      "{kind: VirtualService}",
		"shop/web/destination-rule.yaml":     "{kind: DestinationRule}",
	} {
		changes = append(changes, Change{Object: object(t, file, text)})
	}
	changes = append(changes,
		Change{Object: object(t, "shop/cart/virtual-service.yaml", "{kind: VirtualService}"), Prune: true},
		Change{Object: object(t, "shop/cart/destination-rule.yaml", "{kind: DestinationRule}"), Prune: true})
	worst, err := Order(changes, "worst", 0)
	if err != nil {
		t.Fatal(err)
	}
	const want = "prune shop/cart/destination-rule.yaml, prune shop/cart/virtual-service.yaml, put shop/authorization-policy.yaml, " +
		"put shop/web/virtual-service.yaml, put shop/web/authorization-policy.yaml, put shop/web/destination-rule.yaml"
	if got := said(worst); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, order := range Orders {
		once, err := Order(changes, order, 7)
		again, _ := Order(changes, order, 7)
		if err != nil || said(once) != said(again) {
			t.Errorf("%s: not the same twice: %v, %v, %v", order, once, again, err)
		}
		if len(once) != len(changes) {
			t.Errorf("%s: %d changes of %d", order, len(once), len(changes))
		}
	}
	if one, other := randomly(t, changes, 1), randomly(t, changes, 2); one == other {
		t.Error("two seeds gave one order")
	}
	if _, err := Order(changes, "wrost", 0); err == nil || !strings.Contains(err.Error(), "worst") {
		t.Errorf("an unknown order gave %v", err)
	}
}

func randomly(t *testing.T, changes []Change, seed uint64) string {
	t.Helper()
	order, err := Order(changes, "random", seed)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(order)
}
