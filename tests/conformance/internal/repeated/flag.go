// Package repeated is a command line flag that may stand more than once.
package repeated

import "strings"

// Flag holds the values in the order in which they were given.
type Flag []string

func (f *Flag) String() string         { return strings.Join(*f, ", ") }
func (f *Flag) Set(value string) error { *f = append(*f, value); return nil }
