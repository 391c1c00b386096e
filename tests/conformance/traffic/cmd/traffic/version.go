package main

import "runtime/debug"

// istioVersion is the version of Istio's module in this program.
func istioVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == "istio.io/istio" {
			return m.Version
		}
	}
	return "unknown"
}
