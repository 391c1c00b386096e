// Package engine decides as a sync engine would what a commit means for a cluster: which objects are put and which are
// pruned, and in what order. Argo CD and Flux promise no order among the objects of one kind, and none that suits Istio.
package engine

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"meshc/tests/conformance/traffic/internal/render"
)

// Change is one object that is put, or pruned.
type Change struct {
	Object render.Object
	Prune  bool
}

func (c Change) String() string {
	if c.Prune {
		return "prune " + c.Object.File
	}
	return "put " + c.Object.File
}

// Changes gives what makes a cluster that has these objects have those: what is new or different in the order of the
// files, then what is gone.
func Changes(before, after []render.Object) (out []Change) {
	had, has := map[string]map[string]any{}, map[string]bool{}
	for _, o := range before {
		had[name(o)] = o.Body
	}
	for _, o := range after {
		has[name(o)] = true
		if old, ok := had[name(o)]; !ok || !reflect.DeepEqual(old, o.Body) {
			out = append(out, Change{Object: o})
		}
	}
	for _, o := range before {
		if !has[name(o)] {
			out = append(out, Change{Object: o, Prune: true})
		}
	}
	return out
}

// name is what an API server knows an object by.
func name(o render.Object) string {
	metadata, _ := o.Body["metadata"].(map[string]any)
	return fmt.Sprint(o.Body["kind"], " ", metadata["namespace"], "/", metadata["name"])
}

// Orders are the orders that Order knows.
var Orders = []string{"written", "reversed", "worst", "best", "random"}

// Order puts the changes of one commit into an order: as they are written, which is prunes last; the reverse of that;
// `worst`, in which each kind comes before what it depends on; `best`, the reverse of the worst; or at random, the same
// for the same seed.
func Order(changes []Change, order string, seed uint64) ([]Change, error) {
	out := slices.Clone(changes)
	switch order {
	case "", "written":
	case "reversed":
		slices.Reverse(out)
	case "worst", "best":
		slices.SortStableFunc(out, func(a, b Change) int { return harm(a) - harm(b) })
		if order == "best" {
			slices.Reverse(out)
		}
	case "random":
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	default:
		return nil, fmt.Errorf("order %q is none of %s", order, strings.Join(Orders, ", "))
	}
	return out, nil
}

// harm is smaller for what does more harm when it comes too early: what others need goes, requests are refused, routes
// name what is not there yet; then what is needed comes.
func harm(c Change) int {
	kind, _ := c.Object.Body["kind"].(string)
	if c.Prune {
		return slices.Index([]string{"DestinationRule", "VirtualService", "AuthorizationPolicy", "Gateway"}, kind) - 10
	}
	switch kind {
	case "AuthorizationPolicy":
		if spec, _ := c.Object.Body["spec"].(map[string]any); spec["selector"] == nil {
			return 0 // for a whole namespace: deny by default
		}
		return 6
	case "PeerAuthentication":
		return 1
	case "VirtualService":
		if strings.Count(c.Object.File, "/") < 2 {
			return 2 // of a host, which delegates
		}
		return 3
	case "DestinationRule":
		return 7
	case "Gateway":
		return 5
	}
	return 4
}
