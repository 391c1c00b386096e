package main

import (
	"errors"
	"testing"
)

func TestNothingIsNoSuccess(t *testing.T) {
	r := &results{}
	if !r.failed() {
		t.Error("no row, and no failure")
	}
	r.check("one", func() error { return nil })
	if r.failed() {
		t.Error("a row that holds fails")
	}
	if r.check("two", func() error { return errors.New("no") }) || !r.failed() {
		t.Error("a row that does not hold passes")
	}
}
