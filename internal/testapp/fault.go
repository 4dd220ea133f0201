package testapp

import (
	"context"
	"errors"
	"slices"
)

// ErrDown is the error of a store that is down. Its text must not reach clients.
var ErrDown = errors.New("backend 10.9.8.7 refused the connection")

// Fault is what happens to one call. The zero Fault is nothing.
type Fault struct {
	Before  func() // runs before the call: what other requests do meanwhile
	Err     error  // is returned
	Applied bool   // though the call took effect
	Delayed bool   // the call takes effect just before the next one of its kind
	Hang    bool   // until the context ends
	After   func() // runs after the call took effect
}

var (
	OK         = Fault{}
	Refused    = Fault{Err: ErrDown}                // the call has no effect
	LostAnswer = Fault{Err: ErrDown, Applied: true} // the call has its effect
	Hung       = Fault{Hang: true}
)

// Next sets what happens to the next calls of the kind, in order.
func (f *Store) Next(kind string, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next[kind] = append(f.next[kind], faults...)
}

// FailNext makes the next n calls of the kind fail with ErrDown.
func (f *Store) FailNext(n int, kind string) { f.Next(kind, slices.Repeat([]Fault{Refused}, n)...) }

// Pending returns the number of faults that Next has set for the kind and that
// have not happened yet.
func (f *Store) Pending(kind string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.next[kind])
}

// Before runs hook just before the next call of the kind.
func (f *Store) Before(kind string, hook func()) { f.Next(kind, Fault{Before: hook}) }

// Always sets what happens to every call from now on for which Next says nothing.
// A nil rule is nothing.
func (f *Store) Always(rule func(kind string) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule = rule
}

// Down makes every call fail with ErrDown. Up ends that, and forgets the faults
// of Next.
func (f *Store) Down() { f.Always(func(string) Fault { return Refused }) }

func (f *Store) Up() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule = nil
	clear(f.next)
}

// On runs hook before every call of the kind. If it returns an error, the call
// has no effect and returns that error. A nil hook is none.
func (f *Store) On(kind string, hook func(context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks[kind] = hook
}

// call counts a call, and applies it as its fault allows.
func (f *Store) call(ctx context.Context, kind string, apply func(context.Context) error) error {
	f.mu.Lock()
	f.recent = append(f.recent, kind)
	f.total[kind]++
	var fault Fault
	if q := f.next[kind]; len(q) > 0 {
		fault, f.next[kind] = q[0], slices.Clone(q[1:])
	} else if f.rule != nil {
		fault = f.rule(kind)
	}
	hook := f.hooks[kind]
	delayed := f.delayed[kind]
	delete(f.delayed, kind)
	if fault.Delayed {
		f.delayed[kind] = func() error { return apply(context.WithoutCancel(ctx)) }
	}
	f.mu.Unlock()
	if delayed != nil {
		delayed() // its caller has given up
	}
	if hook != nil {
		if err := hook(ctx); err != nil {
			return err
		}
	}
	if fault.Before != nil {
		fault.Before()
	}
	if fault.Hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if fault.Err != nil && !fault.Applied {
		return fault.Err
	}
	err := apply(ctx)
	if fault.After != nil {
		fault.After()
	}
	if fault.Err != nil {
		return fault.Err
	}
	return err
}
