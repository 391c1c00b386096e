package istiod

import (
	"maps"
	"os"
	"syscall"
)

// Require starts this program anew if the environment lacks what Istio must find in it. The error says that it cannot.
func Require(flags ...map[string]string) error {
	want := map[string]string{}
	for _, of := range flags {
		maps.Copy(want, of)
	}
	missing := false
	for name, value := range want {
		has, ok := os.LookupEnv(name)
		missing = missing || !ok || has != value
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	if !missing {
		return nil
	}
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}
