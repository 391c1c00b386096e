package play

import (
	"testing"

	"meshc/tests/conformance/traffic/internal/lab"
)

func TestLoadsAreAddedUp(t *testing.T) {
	all := lab.Measured{}
	sum(all, "http", lab.Call{}, lab.Measured{"total": 100, "failed": 2, "code/503": 2})
	sum(all, "tcp", lab.Call{}, lab.Measured{"total": 50})
	sum(all, "stream", lab.Call{Hold: "3s"}, lab.Measured{"total": 9, "failed": 4, "code/cut": 3, "code/error": 1})
	for name, want := range map[string]float64{
		"total": 150, "failed": 3, "streams": 9, "cut": 3, "http/code/503": 2, "stream/code/cut": 3,
	} {
		if all[name] != want {
			t.Errorf("%s: got %g, want %g", name, all[name], want)
		}
	}
}

// A stream may be cut where a plan names its service, its namespace, or a gateway that it goes through.
func TestCovers(t *testing.T) {
	for _, c := range []struct {
		said   string
		target string
		want   bool
	}{
		{"shop/web", "shop/web", true},
		{"shop", "shop/web", true},
		{"shop/web", "shop/cart", false},
		{"ingress", "shop/cart", false},
		{"ingress", "istio-system/istio-ingressgateway", true},
	} {
		if got := covers(map[string]bool{c.said: true}, c.target); got != c.want {
			t.Errorf("%s said, %s cut: %v", c.said, c.target, got)
		}
	}
	if covers(nil, "istio-system/istio-ingressgateway") {
		t.Error("nothing was said, and covers a gateway")
	}
}
