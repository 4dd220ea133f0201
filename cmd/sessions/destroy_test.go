package main

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// An interrupted destroy reports how many sessions it destroyed.
func TestInterruptedDestroy(t *testing.T) {
	at := envs["dbm"](t)
	a := at.program(t)
	for range 5 {
		a.visitor("user:1", "v")
	}
	keys, err := keysOf(at.ids(t))
	if err != nil {
		t.Fatal(err)
	}
	said := &bytes.Buffer{}
	c := quiet(at)
	c.err = said
	var from, to target
	flagless(&from, &to)
	s, err := from.open(t.Context(), c, age(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inner := s.Store
	for _, by := range []struct {
		name  string
		after int
		do    func(context.Context, *destruction) error
		says  string
	}{
		{"owner", 0, func(ctx context.Context, d *destruction) error { return d.owned(ctx, c, s) }, "0 sessions of user:1 destroyed\n"},
		{"id", 2, func(ctx context.Context, d *destruction) error { return d.each(ctx, c, s, keys) }, "2 of 5 sessions destroyed\n"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		s.Store = &halting{Store: inner, after: by.after, stop: cancel}
		err := by.do(ctx, &destruction{owner: "user:1", yes: true})
		if exitCode(ctx, err) != exitInterrupted || said.String() != by.says {
			t.Errorf("by %s: %v, output %q", by.name, err, said)
		}
		said.Reset()
		cancel()
	}
}
