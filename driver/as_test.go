package driver_test

import (
	"context"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// plain has no optional interface.
type plain struct{ driver.Store }

// sweeping counts calls of Sweep.
type sweeping struct {
	driver.Store
	sweeps int
}

func (s *sweeping) Sweep(context.Context) (int, error) { s.sweeps++; return 0, nil }

// wrapper has an Unwrap method and no optional interface.
type wrapper struct{ driver.Store }

func (w wrapper) Unwrap() driver.Store { return w.Store }

// sweepingWrapper has both Sweep and Unwrap.
type sweepingWrapper struct {
	sweeping
	inner driver.Store
}

func (w *sweepingWrapper) Unwrap() driver.Store { return w.inner }

func TestAs(t *testing.T) {
	inner := &sweeping{}
	outer := &sweepingWrapper{inner: wrapper{inner}}
	for name, test := range map[string]struct {
		store driver.Store
		want  driver.Sweeper
	}{
		"the store itself":             {inner, inner},
		"through two wrappers":         {wrapper{wrapper{inner}}, inner},
		"the wrapper's own":            {outer, outer},
		"the wrapper's, through one":   {wrapper{outer}, outer},
		"a store without it":           {plain{}, nil},
		"a wrapper that hides":         {plain{inner}, nil},
		"a wrapper around one without": {wrapper{plain{}}, nil},
		"a wrapper around nil":         {wrapper{}, nil},
		"no store":                     {nil, nil},
	} {
		got, ok := driver.As[driver.Sweeper](test.store)
		if got != test.want || ok != (test.want != nil) {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}
